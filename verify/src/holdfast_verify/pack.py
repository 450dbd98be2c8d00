"""Verifies an audit pack, step by step (docs/reference/pack-format.md).

`verify` reads like the list of steps in the format's description. A step either returns a sentence
that says what it established, or raises PackError. The first failure ends the verification: what comes
later builds on what came before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO, Literal, NamedTuple

from . import canonical, layout, note, record, tree
from .canonical import CanonicalError
from .checkpoint import Checkpoint
from .container import Container, PackError
from .layout import CHECKPOINT, CHECKPOINTS, EVIDENCE, FACTS, HEADERS, MANIFEST, RECORD, REPORT, Member
from .leaf import MAX_LEAF, Header, LeafError, Payload, parse_header, parse_payload, payload_commitment
from .note import NoteError
from .policy import Policy
from .record import EvidenceError, Item, Told

MAX_NOTE = 1 << 16
MAX_LINE = 1 << 24
MAX_MANIFEST = 1 << 24

_HEX = re.compile(r"[0-9a-f]{64}")
_INCIDENT = re.compile(r"INC-[1-9][0-9]{0,15}")
_ITEM = re.compile(r"EV-[1-9][0-9]{0,15}")
_PROOF = re.compile(rb',"proof":\[((?:"[0-9a-f]{64}"(?:,"[0-9a-f]{64}")*)?)\],"salt":"([0-9a-f]{64})"\}')
"""The end of a line of facts.jsonl."""


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
    format: str
    """Of the pack; empty where it is none."""

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
    return Report(tuple(steps), run.incident, run.checkpoint, run.format)


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

    @property
    def evidence(self) -> dict[str, Member]:
        return {path: each for path, each in self.members.items() if path.startswith(EVIDENCE)}

    @property
    def began(self) -> int:
        """The first entry that assembling the pack appended: the record tells what was before.

        One `evidence.verified` and an `evidence.accessed` for each item stand before `pack.assembled`.
        """
        return self.seq - 1 - len(self.evidence)


class _Verification:
    """What earlier steps established, for later steps to build on."""

    container: Container
    assembled: _Assembled

    def __init__(self, file: BinaryIO, policy: Policy) -> None:
        self.file = file
        self.policy = policy
        self.checkpoint: Checkpoint | None = None
        self.incident: str | None = None
        self.format = ""
        self.hashes: dict[int, bytes] = {}
        """Leaf hash of every fact in the pack, by entry."""
        self.telling: list[_Fact] = []
        self.naming: list[tuple[Header, object]] = []
        """Messages, and facts whose stream does not name the incident that they name."""
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
            ("Record", self.check_record),
            ("Manifest", self.check_manifest),
        )

    # 1 ------------------------------------------------------------------------------------------

    def open_container(self) -> str:
        """The file is the one zip file that can hold its members."""
        self.container = Container(self.file)
        self.format = self.container.format
        total = sum(self.container.sizes.values())
        return f"{len(self.container.sizes)} members, {total:,} bytes; every reader sees the same."

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
            if fact.header.type == layout.ASSEMBLED or fact.header.type.startswith("evidence."):
                self.telling.append(fact)
            named = fact.payload.data.get("incident", "")
            if fact.header.type == record.QUEUED or named not in (*fact.header.stream.split("/"), ""):
                self.naming.append((fact.header, named))
        self.assembled = self._last_assembled()
        self.incident = self.assembled.incident
        return f"{len(self.hashes):,} facts are in the tree, word for word as recorded."

    def _fact(self, raw: bytes) -> _Fact:
        """One line, its parts compared with the tree before any of them is read."""
        leaf, payload, proof, salt = _parts(raw)
        header, leaf_hash = parse_header(leaf), tree.leaf_hash(leaf)
        checkpoint = self._checkpoint()
        tree.verify_inclusion(leaf_hash, header.seq, checkpoint.size, proof, checkpoint.root)
        if payload_commitment(salt, payload) != header.payload_commitment:
            raise LeafError(f"the payload is not what entry {header.seq} of the ledger commits to")
        return _Fact(header, leaf_hash, parse_payload(payload))

    def _last_assembled(self) -> _Assembled:
        """What the ledger says belongs to the pack; step 5 shows that no later fact says otherwise."""
        last = next((fact for fact in reversed(self.telling) if fact.header.type == layout.ASSEMBLED), None)
        if last is None:
            raise PackError(FACTS, f"holds no fact {layout.ASSEMBLED}")
        found = _assembled(last)
        if last.header.stream != f"pack/{found.incident}":
            raise PackError(FACTS, f"{layout.ASSEMBLED} (entry {found.seq}) is not of {found.incident}")
        for name in ("custody", "incident", "pack"):
            if f"{name}/{found.incident}" not in found.streams:
                raise PackError(FACTS, f"{layout.ASSEMBLED} does not list the stream {name}/{found.incident}")
        return found

    # 4 ------------------------------------------------------------------------------------------

    def rebuild_ledger(self) -> str:
        """All headers together are the ledger that was signed."""
        checkpoint, growing = self._checkpoint(), tree.CompactRange()
        known: dict[int, set[bytes]] = {}
        for earlier in self.policy.earlier:
            known.setdefault(earlier.size, set()).add(earlier.root)
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
            if header.type == layout.UPGRADED and self._is_first_format and header.seq < self.assembled.seq:
                raise PackError(
                    HEADERS,
                    f"the ledger was upgraded by entry {header.seq}, and writes no packs of format 1 since",
                )
            named = incident in header.stream and incident in header.stream.split("/")
            if named or header.stream in streams:
                self.history.append((header, leaf_hash))
            if growing.size in known and {growing.root()} != known[growing.size]:
                raise PackError(HEADERS, _another_view(growing.size, len(known[growing.size])))
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
        if not any(header.stream == f"incident/{self.incident}" for header, _ in self.history):
            raise PackError(FACTS, f"{self.incident} has no fact of its own")
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
                if earlier.size >= newest.size:
                    raise PackError(
                        CHECKPOINTS, f"it covers {earlier.size} entries, no fewer than the pack's"
                    )
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
        expected = {*recorded, *layout.PROOFS, MANIFEST, RECORD, REPORT}
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

    def _require_own(self) -> None:
        """No fact of the incident's own streams, and no message told of it, names another incident."""
        incident = self.assembled.incident
        for header, named in self.naming:
            own = header.type == record.QUEUED or incident in header.stream.split("/")
            if own and named not in (incident, ""):
                raise PackError(FACTS, f"entry {header.seq} ({header.type}) is not about {incident}")

    def check_evidence(self) -> str:
        """The pack holds exactly the evidence that was taken in, as it was taken in and under its name."""
        self._require_own()
        files, items, gaps = self.assembled.evidence, dict[str, Item](), 0
        for fact in self.telling:
            if fact.header.type == layout.ASSEMBLED:
                continue
            taken, missing = self._taken_in(fact)
            gaps += missing
            for item in taken:
                if item.item in items:
                    raise PackError(FACTS, f"entry {fact.header.seq} takes {item.item} in a second time")
                items[item.item] = item
                held = files.pop(item.path, None)
                if held is None:
                    raise PackError(item.path, f"is missing: entry {fact.header.seq} took it in")
                if (held.role, held.sha256, held.size) != ("evidence", item.sha256, item.size):
                    raise PackError(
                        item.path, f"is not the file that entry {fact.header.seq} took in as {item.item}"
                    )
        for path in files:
            raise PackError(path, "is not evidence that was taken in for the incident")
        self._require_custody(items)
        stated = f" What could not be preserved is on record: {gaps}." if gaps else ""
        return f"{len(items)} items are here as they were taken in.{stated}"

    def _taken_in(self, fact: _Fact) -> tuple[list[Item], int]:
        """What this fact took in for the incident, and how many things it missed. Raises PackError."""
        header, incident = fact.header, self.assembled.incident
        if fact.payload.data.get("incident") != incident:
            raise PackError(FACTS, f"entry {header.seq} ({header.type}) is not about {incident}")
        if header.type not in record.TOOK_IN:
            return [], 0
        if header.stream != f"{EVIDENCE}{incident}":
            raise PackError(FACTS, f"entry {header.seq} takes evidence in on the stream {header.stream}")
        try:
            items, missing = record.taken_in(header, fact.payload)
        except EvidenceError as error:
            raise PackError(FACTS, f"entry {header.seq}: {error}") from error
        for item in items:
            if not _ITEM.fullmatch(item.item):
                raise PackError(FACTS, f"entry {header.seq} takes in {item.item}, which is no item's number")
        return items, len(missing)

    def _require_custody(self, items: dict[str, Item]) -> None:
        """That the evidence was hashed again and taken out is on the record, directly before the pack."""
        found, custody = self.assembled, f"custody/{self.assembled.incident}"
        before = [fact for fact in self.telling if found.began <= fact.header.seq < found.seq]
        taken = [fact.payload.data.get("item") for fact in before[1:]]
        whole = (
            bool(before)
            and [fact.header.seq for fact in before] == list(range(found.began, found.seq))
            and {fact.header.stream for fact in before} == {custody}
            and [fact.header.type for fact in before] == [record.VERIFIED, *[record.ACCESSED] * len(taken)]
            and before[0].payload.data.get("problems") == []
            and {fact.payload.data.get("how") for fact in before[1:]} <= {"pack"}
            and sorted(map(str, taken)) == sorted(items)
        )
        if not whole:
            raise PackError(
                FACTS,
                f"entries {found.began} to {found.seq - 1} do not say that all evidence was hashed again and "
                f"taken out for the pack of entry {found.seq}",
            )

    # 9 ------------------------------------------------------------------------------------------

    def check_record(self) -> str:
        """The record is what the facts add up to; it is derived anew and compared."""
        if self._is_first_format:
            return "Bound by its digest alone: a record of format 1 is derived by nobody but Holdfast 0.1.0."
        found, before = self.assembled, self.container.digests[FACTS]
        digest, size = sha256(), 0
        try:
            for piece in record.pieces(found.incident, self.policy.origin, self._told()):
                digest.update(piece)
                size += len(piece)
        except (EvidenceError, LeafError, CanonicalError) as error:
            raise PackError(FACTS, f"cannot be added up: {error}") from error
        if self.container.digests[FACTS] != before:
            raise PackError(FACTS, "changed while it was read")
        held = found.members[RECORD]
        if (held.role, held.sha256, held.size) != ("record", digest.hexdigest(), size):
            raise PackError(RECORD, "is not what the facts of this pack add up to")
        return f"It is what the facts before entry {found.began:,} add up to, byte for byte."

    def _told(self) -> Iterator[Told]:
        """The facts that the record tells."""
        for raw in self.container.lines(FACTS, MAX_LINE):
            leaf, payload, _, _ = _parts(raw)
            header = parse_header(leaf)
            if header.seq < self.assembled.began:
                yield Told(header, parse_payload(payload))

    # 10 -----------------------------------------------------------------------------------------

    def check_manifest(self) -> str:
        """The table of contents says what was just verified, and nothing else."""
        found = self.assembled
        proofs = [Member(path, role, *self.container.digests[path]) for path, role in layout.PROOFS.items()]
        expected = layout.manifest(
            self._checkpoint(), found.incident, found.seq, [*found.members.values(), *proofs], self.format
        )
        if self.container.whole(MANIFEST, MAX_MANIFEST) != expected:
            raise PackError(MANIFEST, "was changed: it does not describe the pack that was verified")
        return "It lists what was verified, byte for byte."

    @property
    def _is_first_format(self) -> bool:
        return self.format == layout.FORMAT_1

    def _checkpoint(self) -> Checkpoint:
        assert self.checkpoint is not None, "steps run in order"
        return self.checkpoint


def _parts(raw: bytes) -> tuple[bytes, bytes, list[bytes], bytes]:
    """Leaf, payload, proof and salt of a line of facts.jsonl, none of them read yet. Raises CanonicalError.

    Quotation marks inside JSON's strings are escaped, so these places cannot be inside one.
    """
    head, tail = raw.find(b',"payload":'), raw.rfind(b',"proof":[')
    ended = _PROOF.fullmatch(raw, max(tail, 0))
    if not raw.startswith(b'{"leaf":') or not 0 < head < tail or ended is None:
        raise CanonicalError(
            "a line holds exactly leaf, payload, proof and salt, in canonical form (RFC 8785)"
        )
    proof = [bytes.fromhex(each) for each in ended[1].decode().replace('"', "").split(",") if each]
    return raw[8:head], raw[head + 11 : tail], proof, bytes.fromhex(ended[2].decode())


def _another_view(size: int, known: int) -> str:
    if known > 1:
        return (
            f"the policy knows {known} different ledgers of {size} entries under this name: whoever holds "
            "the key has shown two views"
        )
    return f"its first {size} entries are not those the policy knows: it was rewritten"


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
                _INCIDENT.fullmatch(incident)
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
            if not rest and not reserved and _HEX.fullmatch(digest) and not isinstance(size, bool):
                return Member(path, role, digest, size)
    raise PackError(FACTS, f"{layout.ASSEMBLED} lists a file in a form that the format does not know")


def _rising(values: list[Any], kind: type) -> bool:
    """Whether the values are all of one kind, sorted, and each there once."""
    return all(type(value) is kind for value in values) and values == sorted(set(values))
