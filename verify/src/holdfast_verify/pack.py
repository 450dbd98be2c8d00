"""Verifies an audit pack, step by step (docs/reference/pack-format.md).

`verify` reads like the list of steps in the format's description. A step either returns a sentence
that says what it established, or raises PackError. The first failure ends the verification: what comes
later builds on what came before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, NamedTuple

from . import canonical, layout, note, tree
from .canonical import CanonicalError
from .checkpoint import Checkpoint
from .container import Container, PackError
from .layout import CHECKPOINT, CHECKPOINTS, FACTS, HEADERS, MANIFEST, Member
from .leaf import MAX_LEAF, Header, LeafError, Payload, parse_header, parse_payload, payload_commitment
from .note import NoteError
from .policy import Policy

MAX_NOTE = 1 << 16
MAX_LINE = 1 << 24
MAX_MANIFEST = 1 << 24

_EVIDENCE = "evidence/"
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of the verification found."""

    number: int
    title: str
    outcome: Literal["ok", "failed", "not reached"]
    text: str = ""
    """What was established, or why it failed."""
    member: str | None = None
    """The member at fault, where there is one."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification."""

    steps: tuple[Step, ...]
    incident: str | None
    checkpoint: Checkpoint | None
    """Set as soon as its signatures were checked."""

    @property
    def verified(self) -> bool:
        """True only when every step holds."""
        return bool(self.steps) and all(step.outcome == "ok" for step in self.steps)

    @property
    def failure(self) -> Step | None:
        return next((step for step in self.steps if step.outcome == "failed"), None)


def verify(file: BinaryIO, policy: Policy) -> Report:
    """Run every step on a pack, up to the first that fails."""
    run = _Verification(file, policy)
    steps: list[Step] = []
    failed = False
    for number, (title, step) in enumerate(run.steps(), 1):
        if failed:
            steps.append(Step(number, title, "not reached"))
            continue
        try:
            steps.append(Step(number, title, "ok", step()))
        except PackError as error:
            steps.append(Step(number, title, "failed", error.reason, error.member))
            failed = True
    return Report(tuple(steps), run.incident, run.checkpoint)


class _Fact(NamedTuple):
    header: Header
    leaf_hash: bytes
    payload: Payload


class _Assembled(NamedTuple):
    """The fact by which the ledger itself knows the pack's files."""

    seq: int
    incident: str
    streams: frozenset[str]
    context: frozenset[int]
    checkpoints: list[int]
    members: dict[str, Member]


class _Verification:
    """What earlier steps established, for later steps to build on."""

    container: Container
    assembled: _Assembled

    def __init__(self, file: BinaryIO, policy: Policy) -> None:
        self.file = file
        self.policy = policy
        self.checkpoint: Checkpoint | None = None
        self.incident: str | None = None
        self.hashes: dict[int, bytes] = {}
        """Leaf hash of every fact in the pack, by entry."""
        self.telling: list[_Fact] = []
        """The facts that say what the pack must hold."""
        self.history: list[tuple[Header, bytes]] = []
        """Header and leaf hash of every entry of the incident's streams."""

    def steps(self) -> tuple[tuple[str, Callable[[], str]], ...]:
        return (
            ("Container", self.open_container),
            ("Checkpoint", self.check_signatures),
            ("Facts", self.check_facts),
            ("Ledger", self.rebuild_ledger),
            ("Completeness", self.check_completeness),
            ("Earlier checkpoints", self.check_earlier_checkpoints),
            ("Files", self.check_files),
            ("Evidence", self.check_evidence),
            ("Manifest", self.check_manifest),
        )

    # 1 ------------------------------------------------------------------------------------------

    def open_container(self) -> str:
        """A plain zip file with nothing before, between or behind its members."""
        self.container = Container(self.file)
        total = sum(self.container.sizes.values())
        return f"{len(self.container.sizes)} members, {total:,} bytes; nothing is hidden between them."

    # 2 ------------------------------------------------------------------------------------------

    def check_signatures(self) -> str:
        """The checkpoint is signed by the policy's keys, and by nobody else."""
        raw = self.container.whole(CHECKPOINT, MAX_NOTE)
        checkpoint, signed_by = self._signed(CHECKPOINT, raw)
        if checkpoint.size < self.policy.minimum:
            raise PackError(
                CHECKPOINT,
                f"covers {checkpoint.size} entries, the policy asks for {self.policy.minimum}: an old pack?",
            )
        for known in self.policy.earlier:
            if known.size > checkpoint.size:
                raise PackError(
                    CHECKPOINT,
                    f"covers {checkpoint.size} entries, but the policy knows of {known.size}: "
                    "the ledger was cut, or the pack is old",
                )
        self.checkpoint = checkpoint
        return f"{checkpoint.size:,} entries of {checkpoint.origin}, signed by {', '.join(signed_by)}."

    def _signed(self, member: str, raw: bytes) -> tuple[Checkpoint, list[str]]:
        """A checkpoint of the policy's ledger, every one of whose signatures was checked."""
        try:
            opened = note.verify(raw, self.policy.keys)
            checkpoint = Checkpoint.parse(opened.text)
        except NoteError as error:
            raise PackError(member, str(error)) from error
        if opened.unknown:
            # Clients must tolerate these elsewhere; here they would be bytes that nothing binds.
            stranger = opened.unknown[0]
            raise PackError(
                member,
                f"is signed by {stranger.name}+{stranger.key_id.hex()}, a key that the policy does not have",
            )
        if len(note.parse(raw)[1]) != len(opened.verified):
            raise PackError(member, "carries the same signature twice")
        if checkpoint.origin != self.policy.origin:
            raise PackError(
                member, f"is of the ledger {checkpoint.origin}, the policy of {self.policy.origin}"
            )
        if len(opened.verified) < self.policy.required:
            raise PackError(
                member,
                f"has {len(opened.verified)} of the {self.policy.required} signatures the policy asks for",
            )
        return checkpoint, [f"{key.name}+{key.id.hex()}" for key in opened.verified]

    # 3 ------------------------------------------------------------------------------------------

    def check_facts(self) -> str:
        """Each leaf is in the tree, and each payload is what its leaf commits to."""
        last = -1
        for number, raw in enumerate(self.container.lines(FACTS, MAX_LINE), 1):
            try:
                fact = self._fact(raw)
            except (CanonicalError, LeafError, tree.ProofError) as error:
                raise PackError(FACTS, f"line {number}: {error}") from error
            if fact.header.seq <= last:
                raise PackError(FACTS, f"line {number}: the facts are not in the ledger's order")
            last = fact.header.seq
            self.hashes[last] = fact.leaf_hash
            if fact.header.type in (layout.ASSEMBLED, "evidence.frozen", "evidence.added"):
                self.telling.append(fact)
        self.assembled = self._last_assembled()
        self.incident = self.assembled.incident
        return f"{len(self.hashes):,} facts are in the tree, word for word as recorded."

    def _fact(self, raw: bytes) -> _Fact:
        line = _record(raw, {"leaf", "payload", "proof", "salt"})
        # The line is known to be canonical, so these are the very bytes that stand in it.
        leaf, payload = canonical.dumps(line["leaf"]), canonical.dumps(line["payload"])
        header, leaf_hash = parse_header(leaf), tree.leaf_hash(leaf)
        checkpoint = self._checkpoint()
        tree.verify_inclusion(leaf_hash, header.seq, checkpoint.size, _hashes(line["proof"]), checkpoint.root)
        (salt,) = _hashes([line["salt"]])
        if payload_commitment(salt, payload) != header.payload_commitment:
            raise LeafError(f"the payload is not what entry {header.seq} of the ledger commits to")
        return _Fact(header, leaf_hash, parse_payload(payload))

    def _last_assembled(self) -> _Assembled:
        """What the ledger says belongs to the pack; step 5 shows that no later fact says otherwise."""
        last = next((fact for fact in reversed(self.telling) if fact.header.type == layout.ASSEMBLED), None)
        if last is None:
            raise PackError(FACTS, f"holds no fact {layout.ASSEMBLED}")
        found = _assembled(last)
        if last.header.stream not in found.streams:
            raise PackError(FACTS, f"{layout.ASSEMBLED} does not list the stream it is in itself")
        return found

    # 4 ------------------------------------------------------------------------------------------

    def rebuild_ledger(self) -> str:
        """All headers together are the ledger that was signed."""
        checkpoint, growing = self._checkpoint(), tree.CompactRange()
        known = {earlier.size: earlier.root for earlier in self.policy.earlier}
        streams, incident, now = self.assembled.streams, self.assembled.incident, ""
        for raw in self.container.lines(HEADERS, MAX_LEAF):
            try:
                header = parse_header(raw)
            except LeafError as error:
                raise PackError(HEADERS, f"line {growing.size + 1}: {error}") from error
            if header.seq != growing.size or header.log != checkpoint.origin or header.recorded_at < now:
                raise PackError(
                    HEADERS,
                    f"line {growing.size + 1}: the entry is out of order, back-dated or of another ledger",
                )
            if growing.size == checkpoint.size:
                raise PackError(HEADERS, f"holds more than the {checkpoint.size} entries that were signed")
            now = header.recorded_at
            leaf_hash = tree.leaf_hash(raw)
            growing.append(leaf_hash)
            named = incident in header.stream and incident in header.stream.split("/")
            if named or header.stream in streams:
                self.history.append((header, leaf_hash))
            if growing.size in known and growing.root() != known[growing.size]:
                raise PackError(
                    HEADERS,
                    f"its first {growing.size} entries are not those the policy knows: it was rewritten",
                )
        if (growing.size, growing.root()) != (checkpoint.size, checkpoint.root):
            raise PackError(
                HEADERS, f"its {growing.size} entries are not the {checkpoint.size} that were signed"
            )
        begins = f" It begins with all {len(known)} checkpoints that the policy knows." if known else ""
        return f"{growing.size:,} headers rebuild the signed root.{begins}"

    # 5 ------------------------------------------------------------------------------------------

    def check_completeness(self) -> str:
        """Nothing of the incident's streams was left out, and nothing else slipped in."""
        expected = set(self.assembled.context)
        newest: dict[str, tuple[int, str | None]] = {}
        for header, leaf_hash in self.history:
            name = f"entry {header.seq} ({header.type} in {header.stream})"
            if header.stream not in self.assembled.streams:
                raise PackError(FACTS, f"{name} is about the incident, but its stream was left out")
            if (header.stream_seq, header.prev_stream_hash) != newest.get(header.stream, (0, None)):
                raise PackError(HEADERS, f"{name} does not follow the fact before it in its stream")
            newest[header.stream] = header.stream_seq + 1, leaf_hash.hex()
            if self.hashes.get(header.seq) != leaf_hash:
                raise PackError(FACTS, f"{name} was left out")
            expected.add(header.seq)
        for seq in sorted(expected ^ set(self.hashes)):
            what = "was left out" if seq in expected else "does not belong to the incident"
            raise PackError(FACTS, f"entry {seq} {what}")
        return f"All {len(self.history):,} facts of {len(newest)} streams are here, without gaps."

    # 6 ------------------------------------------------------------------------------------------

    def check_earlier_checkpoints(self) -> str:
        """Each earlier checkpoint is signed, and a beginning of this ledger."""
        newest, sizes = self._checkpoint(), []
        for number, raw in enumerate(self.container.lines(CHECKPOINTS, MAX_NOTE), 1):
            try:
                line = _record(raw, {"note", "proof"})
                signed = line["note"].encode() if isinstance(line["note"], str) else b""
                earlier, _ = self._signed(CHECKPOINTS, signed)
                proof = _hashes(line["proof"])
                tree.verify_consistency(earlier.size, earlier.root, newest.size, newest.root, proof)
            except PackError as error:
                raise PackError(CHECKPOINTS, f"line {number}: {error.reason}") from error
            except (CanonicalError, tree.ProofError) as error:
                raise PackError(CHECKPOINTS, f"line {number}: {error}") from error
            sizes.append(earlier.size)
        if sizes != self.assembled.checkpoints:
            raise PackError(
                CHECKPOINTS, f"does not hold those checkpoints that entry {self.assembled.seq} lists"
            )
        return f"{len(sizes)} earlier checkpoints, all signed, are beginnings of this ledger."

    # 7 ------------------------------------------------------------------------------------------

    def check_files(self) -> str:
        """The files are those whose digests the ledger holds, and there are no others."""
        recorded, sizes = self.assembled.members, self.container.sizes
        expected = {*recorded, *layout.PROOFS, MANIFEST}
        for name in sorted(expected - set(sizes)):
            raise PackError(name, "is missing from the pack")
        for name in sorted(set(sizes) - expected):
            raise PackError(name, f"is not among the files that entry {self.assembled.seq} recorded")
        for path, member in recorded.items():
            if sizes[path] != member.size:
                raise PackError(path, f"is {sizes[path]} bytes long, the ledger says {member.size}")
            for _ in self.container.chunks(path):
                pass
            if self.container.digests[path].sha256 != member.sha256:
                raise PackError(path, "was changed: its SHA-256 is not the one in the ledger")
        total = sum(member.size for member in recorded.values())
        return f"{len(recorded)} files, {total:,} bytes, have the SHA-256 of entry {self.assembled.seq:,}."

    # 8 ------------------------------------------------------------------------------------------

    def check_evidence(self) -> str:
        """The pack holds exactly the evidence that was taken in, as it was taken in."""
        files = {path: each for path, each in self.assembled.members.items() if path.startswith(_EVIDENCE)}
        taken_in, gaps = 0, 0
        for fact in self.telling:
            items, missing = _evidence(fact, self.assembled.incident)
            gaps += missing
            for name, digest, size in items:
                path = next((path for path in files if path.startswith(f"{_EVIDENCE}{name}-")), None)
                if path is None:
                    raise PackError(f"{_EVIDENCE}{name}", f"is missing: entry {fact.header.seq} took it in")
                held = files.pop(path)
                if (held.sha256, held.size) != (digest, size):
                    raise PackError(path, f"is not the file that entry {fact.header.seq} took in as {name}")
                taken_in += 1
        for path in files:
            raise PackError(path, "is not evidence that was taken in for the incident")
        stated = f" What could not be preserved is on record: {gaps}." if gaps else ""
        return f"{taken_in} items are here as they were taken in.{stated}"

    # 9 ------------------------------------------------------------------------------------------

    def check_manifest(self) -> str:
        """The table of contents says what was just verified, and nothing else."""
        found = self.assembled
        proofs = [Member(path, role, *self.container.digests[path]) for path, role in layout.PROOFS.items()]
        expected = layout.manifest(
            self._checkpoint(), found.incident, found.seq, [*found.members.values(), *proofs]
        )
        if self.container.whole(MANIFEST, MAX_MANIFEST) != expected:
            raise PackError(MANIFEST, "was changed: it does not describe the pack that was verified")
        return "It lists what was verified, byte for byte."

    def _checkpoint(self) -> Checkpoint:
        assert self.checkpoint is not None, "steps run in order"
        return self.checkpoint


def _record(raw: bytes, keys: set[str]) -> dict[str, Any]:
    """One line of JSON with exactly these keys. Raises CanonicalError."""
    found = canonical.loads(raw)
    if not isinstance(found, dict) or set(found) != keys:
        raise CanonicalError(f"a line holds exactly {', '.join(sorted(keys))}")
    return found


def _hashes(texts: object) -> list[bytes]:
    """A list of 32-byte values in hex. Raises CanonicalError."""
    if not isinstance(texts, list) or not all(
        isinstance(text, str) and _HEX.fullmatch(text) for text in texts
    ):
        raise CanonicalError("a hash or salt is not 64 hexadecimal digits")
    return [bytes.fromhex(text) for text in texts]


def _assembled(fact: _Fact) -> _Assembled:
    """Read the fact `pack.assembled`. Raises PackError for any other shape than the one described."""
    match fact.payload.data:
        case {
            "incident": str(incident),
            "streams": [*streams],
            "context": [*context],
            "checkpoints": [*checkpoints],
            "members": [*members],
            **rest,
        }:
            files = {member.path: member for member in map(_member, members)}
            rising = _rising(streams, str) and _rising(context, int) and _rising(checkpoints, int)
            if (
                incident
                and rising
                and list(files) == sorted(files)
                and len(files) == len(members)
                and not rest
            ):
                shown = frozenset(streams), frozenset(context)
                return _Assembled(fact.header.seq, incident, *shown, checkpoints, files)
    raise PackError(FACTS, f"{layout.ASSEMBLED} (entry {fact.header.seq}) is not as the format describes it")


def _member(found: object) -> Member:
    match found:
        case {"path": str(path), "role": str(role), "sha256": str(digest), "size": int(size), **rest}:
            reserved = path in layout.PROOFS or path == MANIFEST
            if not rest and not reserved and _HEX.fullmatch(digest):
                return Member(path, role, digest, size)
    raise PackError(FACTS, f"{layout.ASSEMBLED} lists a file in a form that the format does not know")


def _rising(values: list[Any], kind: type) -> bool:
    """Whether the values are all of one kind, sorted, and each there once."""
    return all(type(value) is kind for value in values) and values == sorted(set(values))


def _evidence(fact: _Fact, incident: str) -> tuple[list[tuple[str, str, int]], int]:
    """Number, SHA-256 and size of each item this fact took in for the incident, and how many it missed."""
    data = fact.payload.data
    if not fact.header.type.startswith("evidence.") or data.get("incident") != incident:
        return [], 0
    match data:
        case {"items": [*items], "missing": [*missing]}:
            pass
        case {"item": item}:
            items, missing = [item], []
        case _:
            raise PackError(FACTS, f"entry {fact.header.seq} does not say what evidence it took in")
    return [_evidence_item(fact.header.seq, item) for item in items], len(missing)


def _evidence_item(seq: int, item: object) -> tuple[str, str, int]:
    match item:
        case {"item": str(name), "sha256": str(digest), "size": int(size)}:
            return name, digest, size
    raise PackError(FACTS, f"entry {seq} does not say what evidence it took in")
