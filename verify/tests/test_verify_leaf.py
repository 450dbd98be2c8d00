"""Canonical JSON and the entries of the ledger: one spelling each (RFC 8785)."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from holdfast_verify import canonical, leaf
from holdfast_verify.canonical import CanonicalError
from holdfast_verify.leaf import LeafError

INTEGERS = st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)
HEADER = {
    "log": "acme.example/holdfast",
    "payload_commitment": "ab" * 32,
    "prev_stream_hash": None,
    "recorded_at": "2026-11-23T10:42:00.123456Z",
    "seq": 0,
    "stream": "incident/INC-1",
    "stream_seq": 0,
    "type": "incident.opened",
    "v": 1,
}


@given(DOCUMENTS)
def test_documents_are_written_as_the_rfc8785_library_writes_them(document: object) -> None:
    raw = canonical.dumps(document)
    assert raw == rfc8785.dumps(document)
    assert canonical.loads(raw) == document


def test_keys_are_in_the_order_of_utf16_code_units() -> None:
    """RFC 8785 section 3.2.3: U+1F600 begins with 0xD83D and comes before U+FB33."""
    assert canonical.dumps({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b"1.0",
        b"1e3",
        b"-0",
        b"NaN",
        b"Infinity",
        b"9007199254740992",
        b"1" * 5000,
        b'"\\u0041"',
        b'"\\/"',
        b'"\\ud800"',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"",
        b"[" * 100_000,
    ],
)
def test_any_other_spelling_is_refused(raw: bytes) -> None:
    with pytest.raises(CanonicalError):
        canonical.loads(raw)


@pytest.mark.parametrize("value", [1.5, float("nan"), b"x", {1: 2}, object(), 2**53, "\ud800", [{"a": {3}}]])
def test_values_without_one_spelling_are_not_written(value: object) -> None:
    with pytest.raises(CanonicalError):
        canonical.dumps(value)


@given(stream=TEXT.filter(bool), log=TEXT.filter(bool), seq=st.integers(0, 10**15))
def test_a_header_of_any_names_is_read(stream: str, log: str, seq: int) -> None:
    header = {**HEADER, "stream": stream, "log": log, "seq": seq}
    read = leaf.parse_header(rfc8785.dumps(header))
    assert {**read._asdict(), "v": 1} == header


@given(st.binary(max_size=3), st.data())
def test_a_changed_header_is_another_header_or_none(junk: bytes, data: st.DataObject) -> None:
    raw = rfc8785.dumps({**HEADER, "stream": 'monitor/"loans"'})
    at = data.draw(st.integers(0, len(raw)))
    changed = raw[:at] + junk + raw[at + len(junk) :]
    try:
        read = leaf.parse_header(changed)
    except LeafError:
        return
    assert rfc8785.dumps({**read._asdict(), "v": 1}) == changed


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": None},
        {"more": 1},
        {"seq": -1},
        {"seq": "0"},
        {"seq": True},
        {"stream": ""},
        {"stream": None},
        {"type": 7},
        {"payload_commitment": "AB" * 32},
        {"payload_commitment": "ab" * 31},
        {"recorded_at": "2026-11-23T10:42:00Z"},
        {"recorded_at": "2026-13-23T10:42:00.123456Z"},
        {"recorded_at": "2026-11-23T10:42:00.123456+00:00"},
        {"prev_stream_hash": "ab" * 32},
        {"stream_seq": 1},
    ],
)
def test_a_header_of_any_other_shape_is_refused(change: dict) -> None:
    with pytest.raises(LeafError):
        leaf.parse_header(canonical.dumps({**HEADER, **change}))


@pytest.mark.parametrize("key", HEADER)
def test_a_header_without_one_of_its_keys_is_refused(key: str) -> None:
    with pytest.raises(LeafError, match="nine keys"):
        leaf.parse_header(canonical.dumps({name: value for name, value in HEADER.items() if name != key}))


def test_a_header_in_another_spelling_is_refused() -> None:
    raw = canonical.dumps(HEADER)
    for other in [
        json.dumps(HEADER).encode(),
        raw.replace(b"incident.", b"\\u0069ncident."),
        raw.replace(b"/INC", b"\\/INC"),
        raw.replace(b'"seq":0', b'"seq":00'),
        raw + b" ",
        raw.replace(b"incident.opened", b"incident.\xff"),
    ]:
        with pytest.raises(LeafError):
            leaf.parse_header(other)


def test_a_leaf_too_long_for_a_tile_is_refused() -> None:
    with pytest.raises(LeafError, match="at most 65535 bytes"):
        leaf.parse_header(canonical.dumps({**HEADER, "stream": "x" * leaf.MAX_LEAF}))


BY = {"id": "eva@acme.example", "kind": "person", "name": "Eva Grün"}


def test_a_payload_is_read() -> None:
    read = leaf.parse_payload(canonical.dumps({"by": BY, "data": {"title": "AUC fell"}, "v": 2}))
    assert read == (BY, {"title": "AUC fell"}, 2)


@pytest.mark.parametrize(
    "change",
    [{"by": None}, {"by": {**BY, "id": 7}}, {"by": {**BY, "x": ""}}, {"data": []}, {"v": True}, {"x": 1}],
)
def test_a_payload_of_any_other_shape_is_refused(change: dict) -> None:
    with pytest.raises(LeafError, match="exactly the keys"):
        leaf.parse_payload(canonical.dumps({"by": BY, "data": {}, "v": 1, **change}))


@pytest.mark.parametrize("raw", [b"", b"{", b'{"by": {}}', b"\xff"])
def test_a_payload_that_is_not_canonical_json_is_refused(raw: bytes) -> None:
    with pytest.raises(LeafError, match="a payload is malformed"):
        leaf.parse_payload(raw)


def test_a_fraction_is_refused_by_name() -> None:
    with pytest.raises(CanonicalError, match=r"the number 0\.5 is not an integer"):
        canonical.loads(b'{"value":0.5}')


def test_the_commitment_is_the_documented_digest() -> None:
    salt, payload = bytes(range(32)), b'{"by":{}}'
    expected = sha256(b"holdfast/payload/v1\x00" + salt + payload).hexdigest()
    assert leaf.payload_commitment(salt, payload) == expected
    with pytest.raises(LeafError, match="32 bytes"):
        leaf.payload_commitment(salt[1:], payload)
