"""A small ledger and packs made of it, so that every attack can begin from a pack that verifies."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast_verify import canonical, layout, note, record, tree
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.layout import Member
from holdfast_verify.leaf import parse_header, parse_payload, payload_commitment
from holdfast_verify.note import Signer
from holdfast_verify.pack import Report, verify
from holdfast_verify.policy import Policy
from holdfast_verify.record import Told
from support import second_verifier, zips

ORIGIN = "acme.example/holdfast"


def signer(seed: int = 1, name: str = ORIGIN) -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


@dataclass
class Entry:
    leaf: bytes
    payload: bytes
    salt: bytes

    @property
    def header(self) -> dict:
        return json.loads(self.leaf)


@dataclass
class SmallLedger:
    """Appends, seals and proves as the product does, in memory."""

    origin: str = ORIGIN
    entries: list[Entry] = field(default_factory=list)
    sealed: list[tuple[int, bytes]] = field(default_factory=list)

    def append(self, stream: str, type_: str, data: dict, **header: object) -> int:
        seq = len(self.entries)
        before = [entry for entry in self.entries if entry.header["stream"] == stream]
        salt = sha256(f"salt {seq}".encode()).digest()
        by = {"id": "eva@acme.example", "kind": "person", "name": "Eva Grün"}
        payload = canonical.dumps({"by": by, "data": data, "v": 1})
        leaf = {
            "v": 1,
            "log": self.origin,
            "seq": seq,
            "type": type_,
            "stream": stream,
            "stream_seq": len(before),
            "prev_stream_hash": tree.leaf_hash(before[-1].leaf).hex() if before else None,
            "recorded_at": f"2026-11-23T10:{seq // 60:02}:{seq % 60:02}.000000Z",
            "payload_commitment": payload_commitment(salt, payload),
        }
        self.entries.append(Entry(canonical.dumps({**leaf, **header}), payload, salt))
        return seq

    @property
    def size(self) -> int:
        return len(self.entries)

    def node(self) -> tree.Node:
        @cache
        def node(level: int, index: int) -> bytes:
            if level == 0:
                return tree.leaf_hash(self.entries[index].leaf)
            return tree.node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

        return node

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        size = self.size if size is None else size
        return Checkpoint(self.origin, size, tree.root(size, self.node()))

    def seal(self, *signers: Signer) -> bytes:
        signed = note.sign(str(self.checkpoint()), *(signers or (signer(),)))
        self.sealed.append((self.size, signed))
        return signed


@dataclass(repr=False)
class Story:
    """An incident on a ledger that also holds other things, and its pack."""

    ledger: SmallLedger
    files: dict[str, bytes]
    streams: list[str]
    context: list[int]
    signers: tuple[Signer, ...] = (signer(),)
    incident: str = "INC-1"
    derives: bool = True
    """False where an attack has put another record in its place."""

    def record(self) -> bytes:
        """What the facts so far add up to, as the builder writes it."""
        shown = [
            Told(parse_header(entry.leaf), parse_payload(entry.payload))
            for seq, entry in enumerate(self.ledger.entries)
            if entry.header["stream"] in self.streams or seq in self.context
        ]
        return b"".join(record.pieces(self.incident, self.ledger.origin, shown))

    def assemble(self, *, take_out: bool = True, **changes: object) -> int:
        """Derive the record, take the evidence out, record the digests of the pack's files, and seal."""
        if self.derives:
            self.files["record.json"] = self.record()
        custody, evidence = f"custody/{self.incident}", [p for p in self.files if p.startswith("evidence/")]
        if take_out:
            told = {"incident": self.incident, "items": len(evidence), "problems": []}
            self.ledger.append(custody, "evidence.verified", told)
            for path in sorted(evidence):
                number = "-".join(path.removeprefix("evidence/").split("-")[:2])
                told = {"incident": self.incident, "item": number, "how": "pack", "reason": ""}
                self.ledger.append(custody, "evidence.accessed", told)
        roles = {"report.pdf": "report", "record.json": "record"}
        data = {
            "incident": self.incident,
            "streams": sorted(self.streams),
            "context": self.context,
            "checkpoints": [size for size, _ in self.ledger.sealed],
            "members": [
                Member(path, roles.get(path, "evidence"), sha256(content).hexdigest(), len(content))._asdict()
                for path, content in sorted(self.files.items())
            ],
        }
        seq = self.ledger.append(f"pack/{self.incident}", layout.ASSEMBLED, {**data, **changes})
        self.ledger.seal(*self.signers)
        return seq

    def members(self) -> dict[str, bytes]:
        """Every member of the pack, as the builder writes it."""
        ledger = self.ledger
        size, signed = ledger.sealed[-1]
        node = ledger.node()
        shown = [
            seq
            for seq, entry in enumerate(ledger.entries[:size])
            if entry.header["stream"] in self.streams or seq in self.context
        ]
        facts = b"".join(
            layout.fact_line(
                ledger.entries[seq].leaf,
                ledger.entries[seq].payload,
                ledger.entries[seq].salt,
                tree.inclusion_proof(seq, size, node),
            )
            for seq in shown
        )
        members = {
            layout.CHECKPOINT: signed,
            layout.CHECKPOINTS: b"".join(
                layout.checkpoint_line(earlier, tree.consistency_proof(old, size, node))
                for old, earlier in ledger.sealed[:-1]
            ),
            layout.FACTS: facts,
            layout.HEADERS: b"".join(entry.leaf + b"\n" for entry in ledger.entries[:size]),
            **self.files,
        }
        types = {seq: ledger.entries[seq].header["type"] for seq in shown}
        assembled = max((seq for seq, type_ in types.items() if type_ == layout.ASSEMBLED), default=0)
        roles = {**layout.PROOFS, "report.pdf": "report", "record.json": "record"}
        contents = [
            Member(path, roles.get(path, "evidence"), sha256(content).hexdigest(), len(content))
            for path, content in members.items()
        ]
        members[layout.MANIFEST] = layout.manifest(
            ledger.checkpoint(size), self.incident, assembled, contents
        )
        return members

    def policy(self, **changes: object) -> Policy:
        keys = tuple(each.verifier_key for each in self.signers)
        return Policy(**{"origin": ORIGIN, "keys": keys, **changes})  # type: ignore[arg-type]

    def verified(self, members: dict[str, bytes] | None = None, **policy: object) -> Report:
        return agreed(zips.canonical(members or self.members()), self.policy(**policy))


def agreed(packed: bytes, policy: Policy) -> Report:
    """What the verifier says, about which a second one that was written from the format alone must agree."""
    report = verify(io.BytesIO(packed), policy)
    try:
        second_verifier.verify(packed, str(policy))
        step = None
    except second_verifier.Refused as refused:
        step = refused.step
    failed = report.failure.number if report.failure else None
    assert step == failed, f"the second verifier fails at step {step}, this one at {report.failure}"
    return report


def item(number: int, content: bytes) -> dict:
    return {
        "item": f"EV-{number}",
        "kind": "data_snapshots",
        "title": "Window of the prediction log",
        "name": "scores.parquet",
        "sha256": sha256(content).hexdigest(),
        "size": len(content),
    }


def told() -> Story:
    """An incident with evidence, a note and a message, between facts of other incidents."""
    ledger = SmallLedger()
    scores, labels = b"PAR1" + bytes(range(256)) * 3, b"id,label\n1,0\n2,1\n"
    gap = {"kind": "model_artefacts", "title": "Model", "reason": "no artefact is named"}
    frozen = {"incident": "INC-1", "items": [item(1, scores)], "missing": [gap]}
    playbook = ledger.append("playbook", "playbook.activated", {"version": 3, "hash": "ab" * 32})
    ledger.append("incident/INC-2", "incident.opened", {"incident": "INC-2", "title": "Another"})
    ledger.seal()
    ledger.append("incident/INC-1", "incident.opened", {"incident": "INC-1", "title": "AUC fell — “loans”"})
    ledger.append("evidence/INC-1", "evidence.frozen", frozen)
    ledger.append("monitor/loans", "measurement.recorded", {"value": "0.71"})
    ledger.seal()
    eva = {"incident": "INC-1", "message": "m1", "to": "eva@acme.example"}
    ledger.append(
        "message/m1", "message.queued", {**eva, "name": "Eva", "role": "on_call", "about": "opened"}
    )
    ledger.append("message/m1", "message.failed", {**eva, "reason": "550 gone", "refused": True})
    ledger.append("incident/INC-1", "incident.acknowledged", {"incident": "INC-1", "note": 'quoted "text"\n'})
    added = {**item(2, labels), "name": "labels.csv"}
    ledger.append("evidence/INC-1", "evidence.added", {"incident": "INC-1", "item": added})
    ledger.append("incident/INC-2", "incident.closed", {"incident": "INC-2"})
    ledger.seal()
    files = {
        "report.pdf": b"%PDF-1.7\n" + bytes(range(200)) + b"\n%%EOF\n",
        "evidence/EV-1-scores.parquet": scores,
        "evidence/EV-2-labels.csv": labels,
    }
    streams = ["custody/INC-1", "evidence/INC-1", "incident/INC-1", "message/m1", "pack/INC-1"]
    return Story(ledger, files, streams, [playbook])


@pytest.fixture
def untold() -> Callable[[], Story]:
    """Makes stories whose pack is not assembled yet."""
    return told


@pytest.fixture
def story() -> Story:
    """A story whose pack is assembled and verifies."""
    made = told()
    made.assemble()
    return made


@pytest.fixture
def archive() -> Callable[..., bytes]:
    return zips.canonical


@pytest.fixture
def agree() -> Callable[[bytes, Policy], Report]:
    """Both verifiers' verdict."""
    return agreed


@pytest.fixture
def sign_with() -> Callable[..., Signer]:
    return signer
