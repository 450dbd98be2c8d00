"""The steps of preparation: apply what was written, sign it, and read what is in force.

One idea: a file in the workspace is a proposal; a version in the ledger is what counts. Systems and
roster are in force when applied. A playbook is in force when every function it names has signed it, and
an incident stays pinned, by hash, to the version it was opened under.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import Connection, Select, select

from holdfast import clock, wording
from holdfast.ledger import outbox
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.ledger import Conflict, Draft, Ledger, Timer
from holdfast.people import Actor, Permission, allowed
from holdfast.prepare.events import (
    Listed,
    PlaybookActivated,
    PlaybookApplied,
    PlaybookApproved,
    PlaybookReviewFellDue,
    RosterApplied,
    SystemApplied,
    SystemWithdrawn,
)
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.records import (
    people,
    playbook_approvals,
    playbook_versions,
    roster_versions,
    system_versions,
)
from holdfast.prepare.roster import Roster
from holdfast.prepare.systems import System
from holdfast.prepare.terms import Function
from holdfast.prepare.workspace import Workspace, content_hash, read_playbook, read_roster, read_system
from holdfast.problems import NoAuthority, NotAllowed, did_you_mean

PLAYBOOK_STREAM, ROSTER_STREAM = "playbook", "roster"
State = Literal["proposed", "active", "superseded", "withdrawn"]
ModelT = TypeVar("ModelT")


# Decisions -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proposed:
    """One version as its facts tell it."""

    content: str
    version: str
    sign_off: tuple[Function, ...]
    review_every: timedelta
    state: State
    signed: Mapping[Function, str] = field(default_factory=dict)
    """Who signed for which function: the person's name."""

    @property
    def open(self) -> tuple[Function, ...]:
        """Functions whose signature is missing, in the playbook's order."""
        return tuple(function for function in self.sign_off if function not in self.signed)


@dataclass(frozen=True, slots=True)
class Shelf:
    """All playbook versions, folded from their facts; decides what may happen to them."""

    versions: Mapping[str, Proposed] = field(default_factory=dict)
    newest: str = ""
    """Content of the version applied last."""

    def after(self, fact: Fact) -> Shelf:
        match fact:
            case PlaybookApplied():
                return self._applied(fact)
            case PlaybookApproved():
                version = self.versions[fact.content]
                signed = {**version.signed, fact.function: fact.name}
                return self._with(replace(version, signed=signed))
            case PlaybookActivated():
                retired = {
                    content: replace(version, state="superseded") if version.state == "active" else version
                    for content, version in self.versions.items()
                }
                active: Proposed = replace(self.versions[fact.content], state="active")
                return replace(self, versions={**retired, fact.content: active})
        return self

    def _applied(self, fact: PlaybookApplied) -> Shelf:
        every = timedelta(seconds=fact.review_every_seconds)
        known = self.versions.get(fact.content)
        fresh = Proposed(fact.content, fact.label, fact.sign_off, every, "proposed")
        kept = {
            content: replace(version, state="withdrawn") if version.state == "proposed" else version
            for content, version in self.versions.items()
        }
        chosen = known if known and known.state == "active" else fresh
        return Shelf({**kept, fact.content: chosen}, fact.content)

    def _with(self, version: Proposed) -> Shelf:
        return replace(self, versions={**self.versions, version.content: version})

    def apply(self, content: str, playbook: Playbook, text: str) -> list[Fact]:
        """Propose a version; nothing when it is what was applied last.

        Raises NotAllowed when its label already named another version that was in force: a label people
        have signed and cited must not come to mean something else.
        """
        if content == self.newest:
            return []
        for other in self.versions.values():
            was_in_force = other.state in ("active", "superseded")
            if was_in_force and other.version == playbook.version and other.content != content:
                raise NotAllowed(
                    f"version {playbook.version} of the playbook was already in force with other content; "
                    "give the changed playbook a new version label"
                )
        return [
            PlaybookApplied(
                content=content,
                label=playbook.version,
                title=playbook.title,
                sign_off=playbook.governance.sign_off,
                review_every_seconds=round(playbook.governance.review_every.total_seconds()),
                text=text,
            )
        ]

    def approve(
        self, content: str, function: Function, roster: Roster, by: Actor, at: datetime
    ) -> list[Fact]:
        """Sign for a function; the last required signature activates. Nothing when signed already.

        Raises NotAllowed unless `by` is a person who holds the function in the roster (R-PRE-05).
        """
        version = self.versions[content]
        self._require_signable(version, function)
        if by.kind != "person" or not roster.may_sign(by.id, function):
            signers = " or ".join(person.name for person in roster.signers(function)) or "nobody yet"
            raise NoAuthority(
                f"{by.name} does not sign for {function.label.lower()}; the roster names {signers}"
            )
        if function in version.signed:
            return []
        approved = PlaybookApproved(
            content=content, label=version.version, function=function, person=by.id.lower(), name=by.name
        )
        if version.open != (function,):
            return [approved]
        due = at + version.review_every
        return [approved, PlaybookActivated(content=content, label=version.version, review_due=due)]

    @staticmethod
    def _require_signable(version: Proposed, function: Function) -> None:
        if function not in version.sign_off:
            wanted = ", ".join(one.label.lower() for one in version.sign_off)
            raise NotAllowed(
                f"version {version.version} does not ask for a signature of {function.label.lower()}; "
                f"it asks for {wanted}"
            )
        if version.state == "active" and function in version.signed:
            return
        if version.state != "proposed":
            raise NotAllowed(
                f"version {version.version} is {version.state} and takes no signatures; apply it again first"
            )


def _shelf(facts: Sequence[Recorded]) -> Shelf:
    shelf = Shelf()
    for recorded in facts:
        shelf = shelf.after(recorded.fact)
    return shelf


# Steps ---------------------------------------------------------------------------------------------


def apply_workspace(ledger: Ledger, workspace: Workspace, by: Actor, at: datetime) -> tuple[Recorded, ...]:
    """Record what changed since it was last applied, in one transaction; nothing when nothing did.

    Systems and roster are in force at once, a playbook version when it is signed. The first time, anyone
    may; later a person needs the permission in the roster in force. Raises NotAllowed.
    """
    for _ in range(20):
        _require_permission(ledger, by)
        drafts = [draft for draft in _drafts(ledger, workspace) if draft.facts]
        if not drafts:
            return ()
        try:
            return ledger.append(*drafts, by=by, at=at)
        except Conflict:  # somebody applied meanwhile: compare again
            continue
    raise Conflict("the workspace kept being applied by others; try again")


def _require_permission(ledger: Ledger, by: Actor) -> None:
    roster = active_roster(ledger)
    if roster is None or by.kind == "system":
        return
    if not allowed(roster.model.access(by.id), Permission.CHANGE_PLAYBOOK):
        raise NoAuthority(
            f"{by.name} may not {Permission.CHANGE_PLAYBOOK}; ask compliance or an administrator"
        )


def _drafts(ledger: Ledger, workspace: Workspace) -> list[Draft]:
    stream = ledger.stream(PLAYBOOK_STREAM)
    document = workspace.playbook.document
    decided = _shelf(stream.facts).apply(
        content_hash(document.content), workspace.playbook.model, document.text
    )
    drafts = [Draft(PLAYBOOK_STREAM, stream.version, decided), _roster_draft(ledger, workspace)]
    current = active_systems(ledger)
    for system, read in workspace.systems.items():
        known, content = current.get(system), content_hash(read.document.content)
        if known is None or (known.content, known.file) != (content, read.document.name):
            applied = SystemApplied(
                system=system,
                content=content,
                file=read.document.name,
                title=read.model.name,
                priority=read.model.priority,
                text=read.document.text,
            )
            drafts.append(_to_system(ledger, system, applied))
    for system, gone in current.items():
        if system not in workspace.systems:
            drafts.append(_to_system(ledger, system, SystemWithdrawn(system=system, title=gone.model.name)))
    return drafts


def _to_system(ledger: Ledger, system: str, fact: Fact) -> Draft:
    stream = ledger.stream(f"system/{system}")
    return Draft(stream.name, stream.version, [fact])


def _roster_draft(ledger: Ledger, workspace: Workspace) -> Draft:
    stream = ledger.stream(ROSTER_STREAM)
    document, roster = workspace.roster.document, workspace.roster.model
    content = content_hash(document.content)
    newest = stream.facts[-1].fact if stream.facts else None
    if isinstance(newest, RosterApplied) and newest.content == content:
        return Draft(ROSTER_STREAM, stream.version, [])
    listed = tuple(
        Listed(
            id=person.id,
            name=person.name,
            titles=person.titles,
            access=tuple(role.value for role in person.access),
            functions=tuple(function.value for function in person.functions),
        )
        for person in roster.people
    )
    return Draft(
        ROSTER_STREAM, stream.version, [RosterApplied(content=content, people=listed, text=document.text)]
    )


def approve_playbook(
    ledger: Ledger, version: str, function: Function | str, by: Actor, at: datetime
) -> tuple[Recorded, ...]:
    """Sign a playbook version for one function; the last required signature activates it in the same
    transaction. `version` is a hash, the beginning of one, or a label.

    Raises NotAllowed when the version or the function is unknown, or the person does not hold it.
    """
    wanted, content = _function(function), find_playbook(ledger, version).content
    roster = active_roster(ledger)
    if roster is None:
        raise NotAllowed("no roster is in force, so nobody can sign; run `holdfast apply` first")
    found = roster.model
    return ledger.change(
        PLAYBOOK_STREAM,
        lambda stream: _shelf(stream.facts).approve(content, wanted, found, by, at),
        by=by,
        at=at,
    )


def remind_of_review(ledger: Ledger, timer: Timer, by: Actor, at: datetime) -> None:
    """The regular review is due: tell the playbook's owner, exactly once (R-PRE-05)."""
    active = require_playbook(ledger)
    playbook, stream = active.playbook, ledger.stream(PLAYBOOK_STREAM)
    due = PlaybookReviewFellDue(content=active.content, label=active.version, owner=playbook.owner)
    roster = active_roster(ledger)
    owner = roster.model.person(playbook.owner) if roster else None
    when = wording.utc_and_local(timer.due, owner.timezone if owner else "")
    told = outbox.queue(
        "email",
        playbook.owner,
        f"Review of the playbook {active.version} is due",
        f"The regular review of {playbook.title}, version {active.version}, is due by {when}.\n\n"
        f"{playbook.governance.review}\n\nA changed playbook gets a new version label and is signed again.\n",
        name=owner.name if owner else "",
        about="review of the playbook",
    )
    ledger.append(Draft(stream.name, stream.version, [due]), told, by=by, at=at, fires=timer)


def _function(function: Function | str) -> Function:
    try:
        return Function(function)
    except ValueError:
        raise NotAllowed(f"there is no function {function}; {did_you_mean(function, Function)}") from None


# Reading -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Applied(Generic[ModelT]):
    """A file as recorded, with what it means."""

    model: ModelT
    content: str
    """SHA-256 of the file's bytes, hex."""
    file: str
    text: str
    applied_at: datetime
    applied_by: str


@dataclass(frozen=True, slots=True)
class Approval:
    function: Function
    person: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PlaybookVersion:
    """One version of the playbook, who signed it, and whether it is in force."""

    content: str
    version: str
    title: str
    state: State
    sign_off: tuple[Function, ...]
    approvals: tuple[Approval, ...]
    applied_at: datetime
    applied_by: str
    activated_at: datetime | None
    review_due: datetime | None
    text: str = field(repr=False)

    @property
    def missing(self) -> tuple[Function, ...]:
        """Functions that have not signed yet, in the playbook's order."""
        signed = {approval.function for approval in self.approvals}
        return tuple(function for function in self.sign_off if function not in signed)

    @property
    def playbook(self) -> Playbook:
        """The typed document. Raises Unusable when this release cannot read it any more."""
        return _playbook(self.text)


@lru_cache(maxsize=64)
def _playbook(text: str) -> Playbook:
    return read_playbook(text.encode())


@lru_cache(maxsize=256)
def _system(file: str, text: str) -> System:
    return read_system(file, text.encode())


@lru_cache(maxsize=16)
def _roster(text: str) -> Roster:
    return read_roster(text.encode())


def playbook_versions_of(ledger: Ledger) -> list[PlaybookVersion]:
    """Every playbook version, the one applied last first."""
    table = playbook_versions
    return _versions(ledger, select(table).order_by(table.c.applied_seq.desc()))


def playbook_version(ledger: Ledger, content: str) -> PlaybookVersion | None:
    """The version with this hash: what an incident is pinned to (R-PRE-02)."""
    found = _versions(ledger, select(playbook_versions).where(playbook_versions.c.content == content))
    return found[0] if found else None


def find_playbook(ledger: Ledger, version: str) -> PlaybookVersion:
    """The version a person means by a hash, the beginning of one (8 characters or more), or a label.

    A label names the version applied last under it. Raises NotAllowed when there is none.
    """
    known = playbook_versions_of(ledger)
    for one in known:
        if one.version == version or (len(version) >= 8 and one.content.startswith(version.lower())):
            return one
    raise NotAllowed(
        f"there is no playbook version {version}; {did_you_mean(version, [one.version for one in known])}"
        if known
        else "no playbook was applied yet; run `holdfast apply` first"
    )


def active_playbook(ledger: Ledger) -> PlaybookVersion | None:
    """The version new incidents run under; None while none has all its signatures."""
    found = _versions(ledger, select(playbook_versions).where(playbook_versions.c.state == "active"))
    return found[0] if found else None


def require_playbook(ledger: Ledger) -> PlaybookVersion:
    """The active version. Raises NotAllowed saying what is missing until there is one."""
    active = active_playbook(ledger)
    if active:
        return active
    waiting = _versions(ledger, select(playbook_versions).where(playbook_versions.c.state == "proposed"))
    if not waiting:
        raise NotAllowed("no playbook is in force; run `holdfast apply` and have it signed")
    missing = ", ".join(function.label.lower() for function in waiting[0].missing)
    raise NotAllowed(
        f"no playbook is in force: version {waiting[0].version} waits for the signature of {missing}"
    )


def _versions(ledger: Ledger, query: Select[Any]) -> list[PlaybookVersion]:
    with ledger.reading() as conn:
        return [_version(conn, row) for row in conn.execute(query).all()]


def _version(conn: Connection, row: Any) -> PlaybookVersion:
    query = select(playbook_approvals).where(playbook_approvals.c.content == row.content)
    approvals = tuple(
        Approval(Function(one.function), one.person, one.name, clock.parse(one.at))
        for one in conn.execute(query.order_by(playbook_approvals.c.at, playbook_approvals.c.function))
    )
    return PlaybookVersion(
        content=row.content,
        version=row.version,
        title=row.title,
        state=row.state,
        sign_off=tuple(Function(function) for function in json.loads(row.sign_off)),
        approvals=approvals,
        applied_at=clock.parse(row.applied_at),
        applied_by=row.applied_by,
        activated_at=clock.parse(row.activated_at) if row.activated_at else None,
        review_due=clock.parse(row.review_due) if row.review_due else None,
        text=row.text,
    )


def active_systems(ledger: Ledger) -> Mapping[str, Applied[System]]:
    """The inventory in force by system id, the highest priority first."""
    table = system_versions
    query = select(table).where(table.c.active.is_(True)).order_by(table.c.priority, table.c.system)
    with ledger.reading() as conn:
        return {row.system: _applied_system(row) for row in conn.execute(query)}


def system_history(ledger: Ledger, system: str) -> list[Applied[System]]:
    """Every applied version of a system's file, the newest first (R-DET-08)."""
    table = system_versions
    query = select(table).where(table.c.system == system).order_by(table.c.seq.desc())
    with ledger.reading() as conn:
        return [_applied_system(row) for row in conn.execute(query)]


def _applied_system(row: Any) -> Applied[System]:
    model = _system(row.file, row.text)
    return Applied(model, row.content, row.file, row.text, clock.parse(row.applied_at), row.applied_by)


def active_roster(ledger: Ledger) -> Applied[Roster] | None:
    """The roster in force; None before the first was applied."""
    found = _rosters(ledger, select(roster_versions).where(roster_versions.c.active.is_(True)))
    return found[0] if found else None


def roster_history(ledger: Ledger) -> list[Applied[Roster]]:
    """Every applied roster, the newest first."""
    return _rosters(ledger, select(roster_versions).order_by(roster_versions.c.seq.desc()))


def _rosters(ledger: Ledger, query: Select[Any]) -> list[Applied[Roster]]:
    with ledger.reading() as conn:
        return [
            Applied(
                _roster(row.text),
                row.content,
                "roster.yaml",
                row.text,
                clock.parse(row.applied_at),
                row.applied_by,
            )
            for row in conn.execute(query)
        ]


def names(ledger: Ledger) -> Mapping[str, str]:
    """Name by person id, also of people who have left the roster."""
    with ledger.reading() as conn:
        return {row.person: row.name for row in conn.execute(select(people.c.person, people.c.name))}


# Differences ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a difference: kept, removed or added, with its numbers in the two texts (from 1)."""

    sign: Literal[" ", "-", "+"]
    text: str
    old: int | None
    new: int | None


@dataclass(frozen=True, slots=True)
class Passage:
    """Changed lines with a few unchanged ones around them."""

    lines: tuple[DiffLine, ...]


def difference(older: str, newer: str, around: int = 3) -> list[Passage]:
    """What changed from one text to the other; empty when nothing did."""
    old, new = older.splitlines(), newer.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [
        Passage(tuple(line for step in group for line in _diff_lines(step, old, new)))
        for group in matcher.get_grouped_opcodes(around)
    ]


def _diff_lines(
    step: tuple[str, int, int, int, int], old: Sequence[str], new: Sequence[str]
) -> list[DiffLine]:
    kind, old_from, old_to, new_from, new_to = step
    if kind == "equal":
        return [
            DiffLine(" ", old[index], index + 1, new_from + index - old_from + 1)
            for index in range(old_from, old_to)
        ]
    removed = [DiffLine("-", old[index], index + 1, None) for index in range(old_from, old_to)]
    added = [DiffLine("+", new[index], None, index + 1) for index in range(new_from, new_to)]
    return removed + added
