"""One entry of the ledger: the leaf (a header without personal data) and the payload it commits to.

The tree is over leaves. A leaf holds only a salted digest of its payload, so all leaves of a ledger
can be shown to an auditor, and a payload can be withheld or erased without breaking the tree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from . import canonical

MAX_LEAF = 65_535
"""Bytes; c2sp.org/tlog-tiles gives entries a 16-bit length."""
SALT_SIZE = 32
_COMMITMENT_DOMAIN = b"holdfast/payload/v1\x00"


class LeafError(ValueError):
    """A leaf or payload is not as the ledger writes it; the message says how."""


class Header(NamedTuple):
    """What a leaf says."""

    log: str
    """Origin of the ledger it belongs to."""
    payload_commitment: str
    """Hex; see `payload_commitment`."""
    prev_stream_hash: str | None
    """Hex leaf hash of the previous fact of the stream; None for the first."""
    recorded_at: str
    """RFC 3339 in UTC with microseconds. A claim of the ledger's owner until a witness bounds it."""
    seq: int
    """Position in the ledger, from 0."""
    stream: str
    stream_seq: int
    """Position in the stream, from 0."""
    type: str
    """What happened, for example `incident.opened`."""


class Payload(NamedTuple):
    """What the fact says in full."""

    by: Mapping[str, str]
    """Who recorded it: `id`, `kind` and `name`."""
    data: Mapping[str, Any]
    version: int


# The canonical form (RFC 8785) of a header, spelled out: keys in order, no white space. Whatever
# matches is canonical, save for escapes inside the three names, which `parse_header` looks at.
_NAME = r'"((?!")[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+)"'
_HASH = r"[0-9a-f]{64}"
_COUNT = r"(0|[1-9][0-9]{0,15})"
_HEADER = re.compile(
    rf'\{{"log":{_NAME},"payload_commitment":"({_HASH})","prev_stream_hash":(?:null|"({_HASH})"),'
    r'"recorded_at":"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}\.[0-9]{6}Z)",'
    rf'"seq":{_COUNT},"stream":{_NAME},"stream_seq":{_COUNT},"type":{_NAME},"v":1\}}'
)


def parse_header(raw: bytes) -> Header:
    """Read a leaf's exact bytes. Raises LeafError for any byte out of place."""
    if len(raw) > MAX_LEAF:
        raise LeafError(f"a leaf is at most {MAX_LEAF} bytes long, not {len(raw)}")
    try:
        match = _HEADER.fullmatch(raw.decode())
        if match is None:
            raise LeafError("a leaf has exactly nine keys, in canonical form (RFC 8785)")
        log, commitment, previous, recorded_at, seq, stream, stream_seq, type_ = match.groups()
        datetime.fromisoformat(recorded_at)
        if b"\\" in raw:
            document = canonical.loads(raw)
            log, stream, type_ = document["log"], document["stream"], document["type"]
    except ValueError as error:
        raise error if isinstance(error, LeafError) else LeafError(f"a leaf is malformed: {error}") from error
    if (previous is None) != (stream_seq == "0"):
        raise LeafError("the first fact of a stream has no previous one, and every other has")
    return Header(log, commitment, previous, recorded_at, int(seq), stream, int(stream_seq), type_)


def parse_payload(raw: bytes) -> Payload:
    """Read a payload's exact bytes. Raises LeafError for any byte out of place."""
    try:
        document = canonical.loads(raw)
    except canonical.CanonicalError as error:
        raise LeafError(f"a payload is malformed: {error}") from error
    match document:
        case {
            "by": {"id": str(), "kind": str(), "name": str()} as by,
            "data": dict() as data,
            "v": int() as v,
        }:
            if len(document) == 3 and len(by) == 3 and not isinstance(v, bool):
                return Payload(by, data, v)
    raise LeafError("a payload has exactly the keys by (id, kind, name), data and v")


def payload_commitment(salt: bytes, payload: bytes) -> str:
    """Hex SHA-256("holdfast/payload/v1" || 0x00 || salt || payload); the salt is 32 random bytes.

    The salt keeps a payload of few possible values from being guessed out of its digest.
    """
    if len(salt) != SALT_SIZE:
        raise LeafError(f"a salt is {SALT_SIZE} bytes long, not {len(salt)}")
    return sha256(_COMMITMENT_DOMAIN + salt + payload).hexdigest()
