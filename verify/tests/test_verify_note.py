"""Signed notes and checkpoints, against public vectors.

Vectors: golang.org/x/mod, sumdb/note/note_test.go (BSD-3-Clause, Copyright 2019 The Go Authors), and the
examples of c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from holdfast_verify import note
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.note import NoteError, Signer, VerifierKey
from holdfast_verify.tree import EMPTY_ROOT

PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
ENOCH_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_SIG = (
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_SIG = (
    "— EnochRoot "
    "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
PETER, ENOCH = VerifierKey.parse(PETER_KEY), VerifierKey.parse(ENOCH_KEY)


def test_a_verifier_key_is_read_and_written_in_its_one_spelling() -> None:
    assert (PETER.name, PETER.id.hex(), str(PETER)) == ("PeterNeumann", "c74f20a3", PETER_KEY)


def test_no_mangled_verifier_key_is_accepted() -> None:
    size = len(PETER_KEY)
    parts = {PETER_KEY[i:j] for i in range(size + 1) for j in range(i + 1, size + 1)} - {PETER_KEY}
    bumped = {PETER_KEY[:i] + chr(ord(PETER_KEY[i]) + 1) + PETER_KEY[i + 1 :] for i in range(size)}
    wrong_length = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="
    unknown_type = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    mangled = [*parts, *bumped, wrong_length, unknown_type, "", "+", "++"]
    assert [text for text in mangled if is_key(text)] == []


def is_key(text: str) -> bool:
    try:
        VerifierKey.parse(text)
    except NoteError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("PeterNeumann", "reads name\\+keyid\\+base64key"),
        ("PeterNeumann+c74f20a3", "reads name\\+keyid\\+base64key"),
        (PETER_KEY.replace("ARpc", "BBpc"), "not of the type Ed25519"),
        (PETER_KEY.replace("c74f20a3", "c74f20a4"), "does not belong to its key"),
        (PETER_KEY.replace("+ARpc2QcU", "+ARpc"), "is 29 bytes long, not 32"),
        (PETER_KEY.replace("Neumann", " Neumann"), "holds a space or a plus sign"),
        (PETER_KEY.replace("PeterNeumann", ""), "is empty"),
    ],
)
def test_a_key_that_is_refused_says_why(text: str, reason: str) -> None:
    with pytest.raises(NoteError, match=reason):
        VerifierKey.parse(text)


def test_signing_gives_the_known_note() -> None:
    peter = Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(PETER_SEED))
    assert peter.verifier_key == PETER
    assert note.sign(TEXT, peter).decode() == TEXT + "\n" + PETER_SIG


def test_text_that_no_note_can_hold_is_not_signed() -> None:
    peter = Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(PETER_SEED))
    for text in ["abc", "", "a\tb\n", "a\x00\n"]:
        with pytest.raises(NoteError):
            note.sign(text, peter)
    with pytest.raises(NoteError, match="at least one"):
        note.sign(TEXT)


def opened(signatures: str, *keys: VerifierKey) -> note.Note:
    return note.verify((TEXT + "\n" + signatures).encode(), keys)


def test_a_signature_of_an_unknown_key_is_ignored() -> None:
    found = opened(PETER_SIG + ENOCH_SIG, PETER)
    assert (found.text, found.verified) == (TEXT, (PETER,))
    assert [(other.name, other.key_id.hex()) for other in found.unknown] == [("EnochRoot", "af0cfe78")]


def test_every_known_signature_is_verified() -> None:
    assert opened(PETER_SIG + ENOCH_SIG, PETER, ENOCH).verified == (PETER, ENOCH)


def test_a_note_without_a_known_signature_is_refused() -> None:
    with pytest.raises(NoteError, match="not signed by any known key"):
        opened(PETER_SIG + ENOCH_SIG)


def test_doubled_signatures_count_once() -> None:
    spoilt = ENOCH_SIG[:60] + "ABCD" + ENOCH_SIG[60:]
    found = opened(PETER_SIG * 2 + ENOCH_SIG * 2 + spoilt, PETER)
    assert (found.verified, len(found.unknown)) == ((PETER,), 2)


def test_one_bad_signature_of_a_known_key_fails_the_note() -> None:
    with pytest.raises(NoteError, match=r"PeterNeumann\+c74f20a3 does not hold"):
        opened(PETER_SIG[:60] + "ABCD" + PETER_SIG[60:], PETER)
    with pytest.raises(NoteError, match="does not hold"):
        opened(PETER_SIG + ENOCH_SIG.replace("BzmZ", "BzmY"), PETER, ENOCH)


def test_a_known_name_under_another_key_id_is_unknown() -> None:
    for signature in [PETER_SIG.replace("x08g", "xxxx"), PETER_SIG.replace("PeterNeumann", "CarmenSandiego")]:
        with pytest.raises(NoteError, match="not signed by any known key"):
            opened(signature, PETER)


@pytest.mark.parametrize(
    "message",
    [
        TEXT,
        TEXT + "\n",
        TEXT + "\n" + PETER_SIG[:-1],
        "\x01" + TEXT + "\n" + PETER_SIG,
        TEXT + "\n" + PETER_SIG.replace("PeterNeumann", "Bad Name"),
        TEXT + "\n" + PETER_SIG.replace("PeterNeumann", "Bad+Name"),
        TEXT + "\n" + PETER_SIG + "Unexpected line.\n",
        TEXT + "\n" + PETER_SIG.replace("\n", "\r\n"),
        TEXT + "\n" + PETER_SIG.replace("— ", "- "),
        TEXT + "\n" + PETER_SIG * 101,
        TEXT + "\n" + PETER_SIG.replace("nAM=", "nAN="),  # the same bytes in another spelling
        TEXT + "\n— PeterNeumann x08gow==\n",
        PETER_SIG,
        "",
    ],
)
def test_a_malformed_note_is_refused(message: str) -> None:
    with pytest.raises(NoteError):
        note.verify(message.encode(), [PETER])


def test_a_note_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(NoteError, match="UTF-8"):
        note.verify(b"\xff" + (TEXT + "\n" + PETER_SIG).encode(), [PETER])


@given(st.data())
def test_no_changed_byte_of_a_signed_note_goes_unnoticed(data: st.DataObject) -> None:
    raw = (TEXT + "\n" + PETER_SIG).encode()
    at = data.draw(st.integers(0, len(raw) - 1))
    other = data.draw(st.integers(1, 255))
    with pytest.raises(NoteError):
        note.verify(raw[:at] + bytes([raw[at] ^ other]) + raw[at + 1 :], [PETER])


BEHIND_THE_SOFA = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_the_checkpoint_of_the_specification_is_read_and_written() -> None:
    found = Checkpoint.parse(BEHIND_THE_SOFA)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert found.root.hex().startswith("0ac5186a91863e8e")
    assert str(found) == BEHIND_THE_SOFA


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BEHIND_THE_SOFA + "extension\n", "exactly three lines"),
        (BEHIND_THE_SOFA[:-1], "exactly three lines"),
        (BEHIND_THE_SOFA.partition("\n")[2], "exactly three lines"),
        ("\n" + BEHIND_THE_SOFA.partition("\n")[2], "exactly three lines"),
        (BEHIND_THE_SOFA.replace("20852163", "020852163"), "plain decimal"),
        (BEHIND_THE_SOFA.replace("20852163", "-1"), "plain decimal"),
        (BEHIND_THE_SOFA.replace("20852163", "२०"), "plain decimal"),
        (BEHIND_THE_SOFA.replace("20852163", "1" * 5000), "plain decimal"),
        (BEHIND_THE_SOFA.replace("20852163", "0"), "empty tree"),
        (BEHIND_THE_SOFA.replace("q2I=", "q2J="), "exact spelling"),
        (BEHIND_THE_SOFA.replace("CsUYapGGPo4d", ""), "bytes long"),
        (BEHIND_THE_SOFA.replace("q2I=", "!!!!"), "not base64"),
    ],
)
def test_a_checkpoint_in_any_other_spelling_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NoteError, match=reason):
        Checkpoint.parse(text)


def test_the_checkpoint_of_an_empty_ledger_is_read() -> None:
    empty = Checkpoint("example.com/new", 0, EMPTY_ROOT)
    assert Checkpoint.parse(str(empty)) == empty
