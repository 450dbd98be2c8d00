"""What an audit pack is made of and how its lines are written (docs/reference/pack-format.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from . import canonical
from .checkpoint import Checkpoint

FORMAT = "holdfast-pack/2"
FORMAT_1 = "holdfast-pack/1"
"""Of packs that Holdfast 0.1.0 wrote: other order of members, and a record that is not derived anew."""
MANIFEST = "manifest.json"
CHECKPOINT = "checkpoint.txt"
FACTS = "facts.jsonl"
HEADERS = "headers.jsonl"
CHECKPOINTS = "checkpoints.jsonl"
RECORD = "record.json"
REPORT = "report.pdf"
PROOFS: Mapping[str, str] = {
    CHECKPOINT: "checkpoint",
    CHECKPOINTS: "checkpoints",
    FACTS: "facts",
    HEADERS: "headers",
}
"""The members that prove the others, and their roles in the manifest."""
EVIDENCE = "evidence/"
ASSEMBLED = "pack.assembled"
UPGRADED = "ledger.upgraded"
"""From this fact on a ledger is one that writes packs of format 2."""

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?"
_NAME = re.compile(rf"{_PART}(?:/{_PART})?")


class Member(NamedTuple):
    """One file of a pack, as `pack.assembled` and the manifest describe it."""

    path: str
    role: str
    sha256: str
    """Hex."""
    size: int
    """Bytes."""


def is_safe(name: str) -> bool:
    """Whether a member may be called this: harmless to extract on every system, alike in every encoding."""
    return _NAME.fullmatch(name) is not None


def in_order(names: Iterable[str]) -> list[str]:
    """The members as they stand in a pack: by the bytes of their names, the manifest last."""
    return sorted(names, key=lambda name: (name == MANIFEST, name))


def in_order_1(names: Iterable[str]) -> list[str]:
    """The members as they stand in a pack of format 1: record and report, evidence, proofs, the manifest."""
    return sorted(names, key=lambda name: (name == MANIFEST, name in PROOFS, name.startswith(EVIDENCE), name))


def fact_line(leaf: bytes, payload: bytes, salt: bytes, proof: Sequence[bytes]) -> bytes:
    """One line of facts.jsonl."""
    document = {
        "leaf": canonical.loads(leaf),
        "payload": canonical.loads(payload),
        "proof": [each.hex() for each in proof],
        "salt": salt.hex(),
    }
    return canonical.dumps(document) + b"\n"


def checkpoint_line(note: bytes, proof: Sequence[bytes]) -> bytes:
    """One line of checkpoints.jsonl."""
    return canonical.dumps({"note": note.decode(), "proof": [each.hex() for each in proof]}) + b"\n"


def manifest(
    checkpoint: Checkpoint, incident: str, assembled: int, members: Iterable[Member], format_: str = FORMAT
) -> bytes:
    """The whole of manifest.json; `assembled` is the entry of the fact that recorded the files' digests."""
    document: dict[str, Any] = {
        "assembled": assembled,
        "checkpoint": {"root": checkpoint.root.hex(), "size": checkpoint.size},
        "format": format_,
        "incident": incident,
        "log": checkpoint.origin,
        "members": [member._asdict() for member in sorted(members)],
    }
    return canonical.dumps(document)
