"""Building an audit pack: report, record, evidence and proofs in one file that anybody can verify.

The order is what makes it hold. First everything is sealed, and report and record are folded from facts that
are checked against that checkpoint as they are read (`audit/checked.py`); the evidence is hashed again. Then
`pack.assembled` is recorded, with the digest of every file, in the transaction that also records who took the
evidence out. Only then is the checkpoint signed that covers it, so that the ledger itself vouches for every
byte. A pack is handed over after the auditor's own program has verified it (docs/reference/pack-format.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, func, select

from holdfast.audit import events
from holdfast.audit.archive import Archive, replacing
from holdfast.audit.checked import CheckedLedger, Scan
from holdfast.audit.dossier import Dossier, behind, gather
from holdfast.audit.events import PackAssembled, PackedFile
from holdfast.audit.record import record_json
from holdfast.audit.report.making import report_pdf
from holdfast.evidence.events import EvidenceAccessed, EvidenceVerified, Item
from holdfast.evidence.vault import Vault, VaultProblem
from holdfast.ledger import sealing, tables, tiles
from holdfast.ledger.deciding import again
from holdfast.ledger.ledger import Conflict, Draft, Ledger
from holdfast.ledger.sealing import RefusedToSeal, Sealed, Sealer
from holdfast.people import Actor
from holdfast.problems import NotAllowed
from holdfast_verify import layout, tree
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.layout import Member
from holdfast_verify.note import VerifierKey
from holdfast_verify.pack import Report, verify
from holdfast_verify.policy import Policy
from holdfast_verify.record import member_path

_BATCH = 10_000

Content = tuple[str, Iterable[bytes], int | None]
"""A member's role, its blocks, and its size where that is known beforehand."""


class Holdings(Protocol):
    """Where the parts of a pack are: an `Application`, or whatever else has these."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def vault(self) -> Vault: ...
    @property
    def sealer(self) -> Sealer: ...
    @property
    def verifier_key(self) -> VerifierKey: ...


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that was built and verified."""

    path: Path
    incident: str
    members: tuple[Member, ...]
    """Every file of it, the manifest last."""
    checkpoint: Checkpoint
    sealed_at: datetime
    assembled: int
    """The ledger entry that holds the digest of every file."""
    report: Report
    """What the verifier found."""

    @property
    def size(self) -> int:
        """Bytes of the members together."""
        return sum(member.size for member in self.members)


def build_pack(holdings: Holdings, incident: str, target: Path, *, by: Actor, at: datetime) -> Pack:
    """Write the audit pack of an incident, open or closed, to `target`, replacing what is there.

    Raises NoSuchIncident; NotAllowed when evidence does not match its record, when the ledger refuses to
    seal, or when the target cannot be written; Conflict when the record keeps changing. Then no file is
    left behind and a file that was there stays.
    """
    if not target.parent.is_dir():
        raise NotAllowed(f"the folder {target.parent} does not exist; make it, or name another file")

    def attempt() -> Pack:
        scan = Scan(incident, holdings.ledger.origin)
        draft = _assemble(holdings, scan, by, at)
        sealed = _cover(holdings, draft, at)
        if not _is_whole(holdings, scan, draft, sealed):
            raise Conflict(f"the record of {incident} grew while it was packed")
        return _write(holdings, draft, sealed, target)

    return again(attempt, f"the record of {incident}", 10)


def policy_of(holdings: Holdings, known: Checkpoint | None = None, minimum: int = 1) -> str:
    """The policy file for an auditor: the ledger's name and key, to be compared on a second way.

    With `known`, packs must continue the ledger from that checkpoint; with `minimum`, they must cover that
    many entries: an older pack is then refused.
    """
    key = holdings.verifier_key
    earlier = (known,) if known else ()
    policy = Policy(holdings.ledger.origin, (key,), minimum=minimum, earlier=earlier)
    return (
        f"# What you trust when you verify audit packs of {policy.origin}.\n"
        "# Compare the key with what the organisation gave you on another way: a contract, a letter,\n"
        "# an earlier audit. Then: holdfast-verify FILE.zip --policy THIS-FILE\n"
        f"{policy}"
    )


# Assembling --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Assembled:
    """A pack that the ledger knows: what it will hold is fixed."""

    dossier: Dossier
    documents: dict[str, bytes]
    """What was written for it, by path."""
    fact: PackAssembled
    seq: int


def _assemble(holdings: Holdings, scan: Scan, by: Actor, at: datetime) -> _Assembled:
    """Record what the pack will hold. Raises NotAllowed for evidence that does not match, and Conflict."""
    incident = scan.incident
    dossier, record = _told(holdings, scan, at)
    problems = _changed(holdings.vault, dossier.items)
    checked = EvidenceVerified(incident=incident, items=len(dossier.items), problems=problems)
    if problems:
        # That stored evidence is not what was taken in is itself a fact, whoever finds it.
        holdings.ledger.tell(f"custody/{incident}", checked, by=by, at=at)
        raise NotAllowed(
            f"the evidence of {incident} is not what was taken in, so no pack is built: "
            f"{'; '.join(problems)}. Restore it from a backup; the record says now what was found"
        )
    documents = {layout.RECORD: record, layout.REPORT: report_pdf(dossier, by=by, at=at)}
    taken = [EvidenceAccessed(incident=incident, item=item.item, how="pack") for item in dossier.items]
    fact = PackAssembled(
        incident=incident,
        streams=tuple(sorted({*dossier.streams, f"custody/{incident}"})),
        context=tuple(sorted({one.seq for one in dossier.context})),
        checkpoints=_earlier_checkpoints(holdings.ledger, dossier),
        members=tuple(sorted(_files(dossier.items, documents), key=lambda file: file.path)),
    )
    custody, own = f"custody/{incident}", events.stream_of(incident)
    held = {draft.stream: draft for draft in dossier.guards()}
    # One transaction, and directly one behind the other: by that the verifier knows what the record tells
    # (docs/reference/pack-format.md, "The record"). Custody moves in it, so that an incident that is being
    # closed at this moment is closed before or after, never without this in the digest of its record
    # (learn.closing).
    recorded = holdings.ledger.append(
        *(draft for stream, draft in held.items() if stream not in (custody, own)),
        Draft(custody, dossier.streams.get(custody, 0), [checked, *taken]),
        Draft(own, dossier.streams[own], [fact]),
        by=by,
        at=at,
    )
    return _Assembled(dossier, documents, fact, recorded[-1].seq)


def _told(holdings: Holdings, scan: Scan, at: datetime) -> tuple[Dossier, bytes]:
    """Everything sealed about the incident, each fact checked as it is read, and the record of it."""
    sealed = _seal(holdings, at)  # refuses before anything is recorded
    with holdings.ledger.reading() as conn:
        scan.go_on(conn, sealed, holdings.verifier_key)
        checked = CheckedLedger(scan, conn, sealed)
        try:
            checked.hold(behind(checked, scan.incident))
            dossier = gather(checked, scan.incident)
            return dossier, record_json(checked, dossier)
        finally:
            checked.database.close()


def _changed(vault: Vault, items: Iterable[Item]) -> tuple[str, ...]:
    """A sentence for every item whose bytes are not those that were taken in."""
    found = ((item, vault.verify(item.sha256, item.size)) for item in items)
    return tuple(f"{item.item} {item.title}: {problem}" for item, problem in found if problem)


def _files(items: Iterable[Item], documents: dict[str, bytes]) -> Iterator[PackedFile]:
    roles = {layout.RECORD: "record", layout.REPORT: "report"}
    for path, content in documents.items():
        yield PackedFile(path, roles[path], sha256(content).hexdigest(), len(content))
    for item in items:
        yield PackedFile(member_path(item.item, item.name), "evidence", item.sha256, item.size)


def _earlier_checkpoints(ledger: Ledger, dossier: Dossier) -> tuple[int, ...]:
    """Sizes of the checkpoints under which the record's facts were first sealed, and of the newest.

    They show when each fact was under a signature, without shipping a checkpoint for every second.
    """
    with ledger.reading() as conn:
        query = select(tables.checkpoints.c.size).order_by(tables.checkpoints.c.size)
        sizes = list(conn.execute(query).scalars())
    found, at = set(sizes[-1:]), 0
    for one in dossier.record:
        while at < len(sizes) and sizes[at] <= one.seq:
            at += 1
        found.update(sizes[at : at + 1])
    return tuple(sorted(found))


# Sealing -----------------------------------------------------------------------------------------


def _seal(holdings: Holdings, at: datetime) -> Sealed:
    """The newest checkpoint, over everything appended before."""
    try:
        sealed = holdings.sealer.seal(at)
    except RefusedToSeal as refused:
        raise NotAllowed(f"no pack can be built, because the ledger is not sealed: {refused}") from refused
    if sealed is None:
        with holdings.ledger.reading() as conn:
            sealed = sealing.newest(conn)
    if sealed is None:
        raise NotAllowed("no pack can be built, because the ledger is empty")
    return sealed


def _cover(holdings: Holdings, draft: _Assembled, at: datetime) -> Sealed:
    """The first checkpoint that covers the pack's own fact."""
    _seal(holdings, at)
    with holdings.ledger.reading() as conn:
        sealed = sealing.sealed_at_or_after(conn, draft.seq + 1)
    if sealed is None:
        raise NotAllowed("the ledger was not sealed; have the ledger checked")
    return sealed


def _is_whole(holdings: Holdings, scan: Scan, draft: _Assembled, sealed: Sealed) -> bool:
    """Whether nothing slipped in between recording the pack and sealing it that it does not know of: a new
    stream of the incident, or another pack of it."""
    with holdings.ledger.reading() as conn:
        scan.go_on(conn, sealed, holdings.verifier_key)
    own = events.stream_of(scan.incident)
    packs, _ = scan.chain.streams[own]
    return packs == draft.dossier.streams[own] + 1 and scan.streams() <= set(draft.fact.streams)


# Writing -----------------------------------------------------------------------------------------


def _write(holdings: Holdings, draft: _Assembled, sealed: Sealed, target: Path) -> Pack:
    ledger, vault = holdings.ledger, holdings.vault
    try:
        with replacing(target) as temporary:
            with Archive(temporary) as archive, ledger.reading() as conn:
                contents = {**_files_of(vault, draft), **_proofs(conn, draft, sealed)}
                for path in layout.in_order(contents):
                    role, blocks, size = contents[path]
                    archive.add(path, role, blocks, size)
                checkpoint, incident = sealed.checkpoint, draft.fact.incident
                manifest = layout.manifest(checkpoint, incident, draft.seq, archive.members)
                archive.add(layout.MANIFEST, "manifest", [manifest])
            report = _verified(temporary, Policy(ledger.origin, (holdings.verifier_key,)))
    except VaultProblem as problem:
        raise NotAllowed(
            f"the evidence changed while it was packed, so no pack is built: {problem}"
        ) from problem
    except OSError as error:
        raise NotAllowed(f"{target} cannot be written: {error.strerror}; name another file") from error
    members = tuple(archive.members)
    return Pack(target, draft.fact.incident, members, checkpoint, sealed.at, draft.seq, report)


def _files_of(vault: Vault, draft: _Assembled) -> dict[str, Content]:
    """Report, record and evidence."""
    digests = {member_path(item.item, item.name): item.sha256 for item in draft.dossier.items}
    return {
        file.path: (
            file.role,
            vault.read(digests[file.path]) if file.path in digests else [draft.documents[file.path]],
            file.size,
        )
        for file in draft.fact.members
    }


def _proofs(conn: Connection, draft: _Assembled, sealed: Sealed) -> dict[str, Content]:
    """What proves the files."""
    node = tiles.node_reader(conn)
    contents: dict[str, tuple[Iterable[bytes], int | None]] = {
        layout.CHECKPOINT: ([sealed.note.encode()], None),
        layout.CHECKPOINTS: (_checkpoint_lines(conn, draft.fact.checkpoints, sealed.size, node), None),
        layout.FACTS: (_fact_lines(conn, draft.fact, sealed.size, node), None),
        layout.HEADERS: (_header_lines(conn, sealed.size), _headers_size(conn, sealed.size)),
    }
    return {path: (layout.PROOFS[path], blocks, size) for path, (blocks, size) in contents.items()}


def _headers_size(conn: Connection, size: int) -> int:
    length = select(func.sum(func.length(tables.facts.c.leaf))).where(tables.facts.c.seq < size)
    return int(conn.execute(length).scalar_one()) + size


def _checkpoint_lines(conn: Connection, sizes: Sequence[int], size: int, node: tree.Node) -> Iterator[bytes]:
    found = tables.checkpoints
    query = select(found.c.size, found.c.note).where(found.c.size.in_(sizes)).order_by(found.c.size)
    for row in conn.execute(query):
        yield layout.checkpoint_line(row.note.encode(), tree.consistency_proof(row.size, size, node))


def _fact_lines(conn: Connection, fact: PackAssembled, size: int, node: tree.Node) -> Iterator[bytes]:
    """Every fact of the pack's streams and its context, with its proof, in ledger order."""
    for seq in _shown(conn, fact, size):
        found = tables.facts
        row = conn.execute(
            select(found.c.leaf, found.c.payload, found.c.salt).where(found.c.seq == seq)
        ).one()
        proof = tree.inclusion_proof(seq, size, node)
        yield layout.fact_line(bytes(row.leaf), bytes(row.payload), bytes(row.salt), proof)


def _shown(conn: Connection, fact: PackAssembled, size: int) -> list[int]:
    found = tables.facts
    seqs = set(fact.context)
    for first in range(0, len(fact.streams), 500):
        streams = fact.streams[first : first + 500]  # databases limit the number of parameters
        query = select(found.c.seq).where(found.c.stream.in_(streams), found.c.seq < size)
        seqs.update(conn.execute(query).scalars())
    return sorted(seqs)


def _header_lines(conn: Connection, size: int) -> Iterator[bytes]:
    """Every leaf of the ledger up to the checkpoint, read in batches."""
    found = tables.facts
    for first in range(0, size, _BATCH):
        end = min(first + _BATCH, size)
        query = select(found.c.leaf).where(found.c.seq >= first, found.c.seq < end).order_by(found.c.seq)
        yield b"".join(chain.from_iterable((bytes(leaf), b"\n") for leaf in conn.execute(query).scalars()))


def _verified(path: Path, policy: Policy) -> Report:
    """What the auditor's program says. Raises NotAllowed: a pack that does not verify is never handed out."""
    with path.open("rb") as file:
        report = verify(file, policy)
    if report.failure:
        step = report.failure
        raise NotAllowed(
            f"the pack does not verify (step {step.number}, {step.member or 'container'}: {step.text}), so "
            "it is not handed out; have the ledger checked"
        )
    return report
