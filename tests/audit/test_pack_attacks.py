"""Attacks on a real pack, each named: the verifier fails and names the member at fault (R-EVD-11)."""

from __future__ import annotations

import io
import json
import random
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.audit.packing import build_pack, policy_of
from holdfast_verify import canonical, layout, note
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.layout import Member
from holdfast_verify.note import Signer
from holdfast_verify.pack import Step, verify
from holdfast_verify.policy import Policy
from support import zips
from support.company import HELEN
from support.lending import ORIGIN, Lending


@pytest.fixture(scope="session")
def policy(told: Lending, packed: Path) -> Policy:
    return Policy.parse(policy_of(told))


@pytest.fixture
def members(packed: Path) -> dict[str, bytes]:
    return contents_of(packed.read_bytes())


def contents_of(pack: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def caught(pack: bytes, policy: Policy) -> Step:
    """The step that failed; fails the test when none did."""
    report = verify(io.BytesIO(pack), policy)
    assert not report.verified
    assert report.failure is not None
    return report.failure


def described_anew(members: dict[str, bytes]) -> dict[str, bytes]:
    """The members with a manifest that fits them: whoever tampers tidies up behind them."""
    old = json.loads(members["manifest.json"])
    roles = {one["path"]: one["role"] for one in old["members"]}
    checkpoint = Checkpoint.parse(note.parse(members["checkpoint.txt"])[0])
    contents = [
        Member(path, roles.get(path, "evidence"), sha256(content).hexdigest(), len(content))
        for path, content in members.items()
        if path != "manifest.json"
    ]
    manifest = layout.manifest(checkpoint, old["incident"], old["assembled"], contents)
    return {**members, "manifest.json": manifest}


def test_the_pack_verifies_before_it_is_attacked(members: dict[str, bytes], policy: Policy) -> None:
    assert verify(io.BytesIO(zips.canonical(members)), policy).verified
    assert verify(io.BytesIO(zips.canonical(described_anew(members))), policy).verified


def test_one_flipped_bit_anywhere_in_any_member(members: dict[str, bytes], policy: Policy) -> None:
    chosen = random.Random(20261123)
    for name, content in members.items():
        positions = {0, len(content) - 1, *(chosen.randrange(len(content)) for _ in range(3))}
        for position in positions:
            flipped = bytearray(content)
            flipped[position] ^= 1 << chosen.randrange(8)
            step = caught(zips.canonical({**members, name: bytes(flipped)}), policy)
            # What a step reads it may find wrong in another member first: a changed checkpoint is.
            assert step.member == name, f"byte {position} of {name}: {step}"


def test_one_changed_byte_anywhere_in_the_file_itself(packed: Path, policy: Policy) -> None:
    """In the content of a member its name is told. In the zip file's own records nothing may change."""
    whole, chosen = packed.read_bytes(), random.Random(7)
    with zipfile.ZipFile(packed) as archive:
        # Stored without extra fields, so that the content begins behind a header of 30 bytes and the name.
        content = {
            info.filename: range(start, start + info.file_size)
            for info in archive.infolist()
            if (start := info.header_offset + 30 + len(info.filename))
        }
    for name, place in content.items():
        position = chosen.choice(place)
        assert caught(_changed(whole, position, chosen), policy).member == name
    records = [at for at in range(len(whole)) if not any(at in place for place in content.values())]
    for position in chosen.sample(records, 120):
        caught(_changed(whole, position, chosen), policy)


def _changed(whole: bytes, position: int, chosen: random.Random) -> bytes:
    changed = bytearray(whole)
    changed[position] = (changed[position] + 1 + chosen.randrange(255)) % 256
    return bytes(changed)


def test_a_member_that_is_left_out(members: dict[str, bytes], policy: Policy) -> None:
    for name in members:
        rest = {path: content for path, content in members.items() if path != name}
        assert caught(zips.canonical(rest), policy).member == name


def test_a_file_that_was_added(members: dict[str, bytes], policy: Policy) -> None:
    more = {**members, "evidence/EV-9-alibi.txt": b"we were elsewhere"}
    assert caught(zips.canonical(described_anew(more)), policy).member == "evidence/EV-9-alibi.txt"


def test_an_event_left_out_of_the_facts(members: dict[str, bytes], policy: Policy) -> None:
    """A clock that was not kept, a refused access: the one fact somebody would rather not show."""
    lines = members["facts.jsonl"].splitlines(keepends=True)
    for number, line in enumerate(lines):
        leaf = json.loads(line)["leaf"]
        rest = b"".join(lines[:number] + lines[number + 1 :])
        step = caught(zips.canonical(described_anew({**members, "facts.jsonl": rest})), policy)
        assert step.member == "facts.jsonl", leaf
        if leaf["type"] != "pack.assembled":
            assert f"entry {leaf['seq']}" in step.text


def test_the_tail_left_out(members: dict[str, bytes], policy: Policy) -> None:
    """From the closing on: facts and headers are both cut, so that they fit each other."""
    facts = members["facts.jsonl"].splitlines(keepends=True)
    closing = next(n for n, line in enumerate(facts) if b'"type":"incident.closed"' in line)
    pack = [line for line in facts if b'"type":"pack.assembled"' in line]
    cut = {**members, "facts.jsonl": b"".join([*facts[:closing], *pack])}
    assert caught(zips.canonical(described_anew(cut)), policy).member == "facts.jsonl"
    headers = members["headers.jsonl"].splitlines(keepends=True)
    cut["headers.jsonl"] = b"".join(headers[: json.loads(facts[closing])["leaf"]["seq"]])
    assert caught(zips.canonical(described_anew(cut)), policy).member == "headers.jsonl"


def test_evidence_swapped_for_another(members: dict[str, bytes], policy: Policy) -> None:
    first, second = "evidence/EV-1-predictions.parquet", "evidence/EV-2-labels.parquet"
    swapped = {**members, first: members[second], second: members[first]}
    assert caught(zips.canonical(described_anew(swapped)), policy).member == first


def test_a_word_of_a_fact_changed_with_its_line_in_order(members: dict[str, bytes], policy: Policy) -> None:
    lines = members["facts.jsonl"].splitlines()
    at = next(n for n, line in enumerate(lines) if b"Approvals may be wrong" in line)
    line = json.loads(lines[at])
    changed = json.loads(json.dumps(line).replace("may be wrong", "are always right"))
    lines[at] = canonical.dumps(changed)
    forged = {**members, "facts.jsonl": b"".join(one + b"\n" for one in lines)}
    step = caught(zips.canonical(described_anew(forged)), policy)
    assert step.member == "facts.jsonl"
    assert "not what entry" in step.text


def test_a_report_rewritten(members: dict[str, bytes], policy: Policy) -> None:
    other = {**members, "report.pdf": members["report.pdf"] + b"\n%% and all was well"}
    assert caught(zips.canonical(described_anew(other)), policy).member == "report.pdf"


def test_an_old_checkpoint_in_a_new_pack(members: dict[str, bytes], policy: Policy) -> None:
    for line in members["checkpoints.jsonl"].splitlines():
        old = {**members, "checkpoint.txt": json.loads(line)["note"].encode()}
        step = caught(zips.canonical(old), policy)
        assert step.number in (3, 4)


def test_an_old_pack_shown_to_somebody_who_knows_more(told: Lending, packed: Path, tmp_path: Path) -> None:
    newer = build_pack(told, "INC-1", tmp_path / "newer.zip", by=HELEN, at=told.now)
    wiser = Policy.parse(policy_of(told, newer.checkpoint))
    assert caught(packed.read_bytes(), wiser).member == "checkpoint.txt"
    least = Policy.parse(policy_of(told, minimum=newer.checkpoint.size))
    assert "an old pack?" in caught(packed.read_bytes(), least).text


def test_a_checkpoint_signed_by_another_key(members: dict[str, bytes], policy: Policy) -> None:
    thief = Signer(ORIGIN, Ed25519PrivateKey.generate())
    text, _ = note.parse(members["checkpoint.txt"])
    forged = {**members, "checkpoint.txt": note.sign(text, thief)}
    assert caught(zips.canonical(forged), policy).member == "checkpoint.txt"
    both = members["checkpoint.txt"] + thief.line(text).encode()
    assert caught(zips.canonical({**members, "checkpoint.txt": both}), policy).member == "checkpoint.txt"


def test_the_pack_of_another_ledger_under_the_same_name(packed: Path) -> None:
    stranger = Signer(ORIGIN, Ed25519PrivateKey.generate())
    pinned = Policy(ORIGIN, (stranger.verifier_key,))
    assert "not signed by any known key" in caught(packed.read_bytes(), pinned).text


def test_a_ledger_rewritten_with_the_stolen_key_is_shown_by_one_checkpoint_kept_elsewhere(
    told: Lending, packed: Path, members: dict[str, bytes]
) -> None:
    """Two views: somebody holds a checkpoint of the same size with another root."""
    checkpoint = Checkpoint.parse(note.parse(members["checkpoint.txt"])[0])
    other = Checkpoint(ORIGIN, checkpoint.size - 1, sha256(b"what was there before").digest())
    step = caught(packed.read_bytes(), Policy.parse(policy_of(told, other)))
    assert (step.member, "rewritten" in step.text) == ("headers.jsonl", True)
