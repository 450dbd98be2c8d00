"""The steps of preparation: apply what was written, sign it, and read what is in force.

One idea: a file in the workspace is a proposal; a version in the ledger is what counts. Systems and
roster are in force when applied, or signed where the playbook wants that (`changes`). A playbook is in
force when every function that it and the version before it name has signed, and an incident stays pinned,
by hash, to the version it was opened under.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import Connection, Select, select

from holdfast import clock, wording
from holdfast.ledger import outbox
from holdfast.ledger.deciding import settle
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.folding import Kind
from holdfast.ledger.ledger import Draft, Ledger, Timer
from holdfast.people import SYSTEM, Actor, Permission, allowed
from holdfast.prepare import changes
from holdfast.prepare.changes import CHANGES, Change, Signature, require_signer
from holdfast.prepare.documents import Read
from holdfast.prepare.events import (
    ChangeProposed,
    Listed,
    PlaybookActivated,
    PlaybookApplied,
    PlaybookApproved,
    PlaybookReviewed,
    PlaybookReviewFellDue,
    RosterApplied,
    SystemApplied,
    SystemWithdrawn,
)
from holdfast.prepare.playbook import Playbook, SignedChanges
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
from holdfast.problems import NoAuthority, NotAllowed, NotKnown, NotThere, Waiting, did_you_mean

PLAYBOOK_STREAM, ROSTER_STREAM = "playbook", "roster"
State = Literal["proposed", "active", "superseded", "withdrawn"]
ModelT = TypeVar("ModelT")
SystemFact = SystemApplied | SystemWithdrawn
_NEVER = datetime.min.replace(tzinfo=UTC)


# Decisions -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proposed:
    """One version as its facts tell it."""

    content: str
    version: str
    sign_off: tuple[Function, ...]
    """Functions it names itself."""
    required: tuple[Function, ...]
    """Functions that have to sign it."""
    review_every: timedelta
    state: State
    signed: Mapping[Function, Signature] = field(default_factory=dict)
    """Who signed for which function."""

    @property
    def open(self) -> tuple[Function, ...]:
        """Functions whose signature is missing, in the playbook's order."""
        return tuple(function for function in self.required if function not in self.signed)


@dataclass(frozen=True, slots=True)
class Shelf:
    """All playbook versions, folded from their facts; decides what may happen to them."""

    versions: Mapping[str, Proposed] = field(default_factory=dict)
    newest: str = ""
    """Content of the version applied last."""

    def after(self, recorded: Recorded) -> Shelf:
        match recorded.fact:
            case PlaybookApplied() as fact:
                return self._applied(fact)
            case PlaybookApproved() as fact:
                version = self.versions[fact.content]
                signature = Signature(fact.person, fact.name, recorded.at)
                return self._with(replace(version, signed={**version.signed, fact.function: signature}))
            case PlaybookActivated() as fact:
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
        required = self._signing(fact.required)  # facts of older releases did not ask those in force
        fresh = Proposed(fact.content, fact.label, fact.sign_off, required, every, "proposed")
        kept = {
            content: replace(version, state="withdrawn") if version.state == "proposed" else version
            for content, version in self.versions.items()
        }
        chosen = known if known and known.state == "active" else fresh
        return Shelf({**kept, fact.content: chosen}, fact.content)

    @property
    def active(self) -> Proposed | None:
        return next((one for one in self.versions.values() if one.state == "active"), None)

    def _signing(self, named: Sequence[Function]) -> tuple[Function, ...]:
        """Who signs a version: whom it names, and whom the version in force names. A version could otherwise
        leave out those who would refuse it."""
        also = self.active.sign_off if self.active else ()
        return tuple(function for function in Function if function in named or function in also)

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
                required=self._signing(playbook.governance.sign_off),
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
        require_signer(roster, function, version.signed, by, f"version {version.version}")
        if function in version.signed:
            return []
        approved = PlaybookApproved(
            content=content, label=version.version, function=function, person=by.id.lower(), name=by.name
        )
        if version.open != (function,):
            return [approved]
        due = at + version.review_every
        return [approved, PlaybookActivated(content=content, label=version.version, review_due=due)]

    def review(self, note: str, roster: Roster, owner: str, by: Actor, at: datetime) -> list[Fact]:
        """The version in force was looked through and stays as it is; the next review counts from now.

        Raises NotAllowed without a word on what was looked at, and unless `by` owns the playbook or signs it.
        """
        active = self.active
        if active is None:
            raise NotAllowed("no playbook is in force, so there is nothing to review")
        signs = any(roster.may_sign(by.id, function) for function in active.sign_off)
        if by.kind != "person" or not (signs or by.id.lower() == owner):
            raise NoAuthority(f"{by.name} neither owns the playbook nor signs it; {owner} does")
        if not note.strip():
            raise NotAllowed("say what was looked at, and why nothing changes")
        return [
            PlaybookReviewed(
                content=active.content,
                label=active.version,
                person=by.id.lower(),
                name=by.name,
                note=note.strip(),
                next_due=at + active.review_every,
            )
        ]

    @staticmethod
    def _require_signable(version: Proposed, function: Function) -> None:
        if function not in version.required:
            wanted = ", ".join(one.label.lower() for one in version.required)
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


SHELF = Kind(PLAYBOOK_STREAM, lambda _: Shelf(), Shelf.after)


# Steps ---------------------------------------------------------------------------------------------


def apply_workspace(ledger: Ledger, workspace: Workspace, by: Actor, at: datetime) -> tuple[Recorded, ...]:
    """Record what changed since it was last applied, in one transaction; nothing when nothing did.

    Systems and roster are in force at once, except what the playbook in force wants signed (`changes`); a
    playbook version when it is signed. The first time, anyone may; later a person needs the permission in
    the roster in force. Raises NotAllowed.
    """

    def drafts() -> list[Draft]:
        _require_permission(ledger, by)
        return [draft for draft in _drafts(ledger, workspace) if draft.facts]

    return settle(ledger, drafts, "what the workspace is compared with", by=by, at=at)


def _require_permission(ledger: Ledger, by: Actor) -> None:
    roster = active_roster(ledger)
    if roster is None or by.kind == "system":
        return
    if not allowed(roster.model.access(by.id), Permission.CHANGE_PLAYBOOK):
        raise NoAuthority(
            f"{by.name} may not {Permission.CHANGE_PLAYBOOK}; ask compliance or an administrator"
        )


def _drafts(ledger: Ledger, workspace: Workspace) -> list[Draft]:
    shelf = SHELF.load(ledger, "")
    document = workspace.playbook.document
    decided = shelf.state.apply(content_hash(document.content), workspace.playbook.model, document.text)
    active = active_playbook(ledger)
    files = _Files(ledger, active.playbook.governance.signed_changes if active else SignedChanges())
    files.roster(workspace)
    for system, read in workspace.systems.items():
        files.system(system, read)
    for system, gone in files.current.items():
        if system not in workspace.systems:
            files.gone(system, gone)
    return [shelf.draft(decided), *files.drafts()]


class _Files:
    """Roster and systems as applied, against those in force: what comes into force, what waits."""

    def __init__(self, ledger: Ledger, signed: SignedChanges) -> None:
        self.current = active_systems(ledger)
        self._ledger = ledger
        self._signed = signed
        self._read = CHANGES.load(ledger, "")
        self._changes = self._read.state
        self._waiting: list[Fact] = []
        self._drafts: list[Draft] = []

    def drafts(self) -> list[Draft]:
        return [*self._drafts, self._read.draft(self._waiting)]

    def roster(self, workspace: Workspace) -> None:
        document, new = workspace.roster.document, workspace.roster.model
        content, known = content_hash(document.content), active_roster(self._ledger)
        if known and known.content == content:
            self._settle(ROSTER_STREAM)
            return
        moved = changes.of_authority(known.model, new) if known else ()
        if known and moved and self._signed.authority:
            self._wait(
                changes.proposal(
                    "authority",
                    ROSTER_STREAM,
                    moved,
                    self._signed.authority,
                    known.content,
                    content=content,
                    file=document.name,
                    title="roster",
                    text=document.text,
                )
            )
            return
        self._settle(ROSTER_STREAM)
        self._add(ROSTER_STREAM, _roster_applied(content, document.text, new))

    def system(self, system: str, read: Read[System]) -> None:
        known, content = self.current.get(system), content_hash(read.document.content)
        if known and (known.content, known.file) == (content, read.document.name):
            self._settle(f"system/{system}")
            return
        applied = _system_applied(system, content, read.document.name, read.document.text, read.model)
        moved = changes.of_limits(known.model, read.model) if known else ()
        self._come(system, known, moved, applied)

    def gone(self, system: str, known: Applied[System]) -> None:
        withdrawn = SystemWithdrawn(system=system, title=known.model.name)
        self._come(system, known, changes.of_limits(known.model, None), withdrawn)

    def _come(
        self, system: str, known: Applied[System] | None, moved: tuple[str, ...], fact: SystemFact
    ) -> None:
        subject = f"system/{system}"
        if known and moved and self._signed.limits:
            against, file = known.content, _file_of(fact)
            self._wait(changes.proposal("limits", subject, moved, self._signed.limits, against, **file))
            return
        self._settle(subject)
        self._add(subject, fact)

    def _wait(self, proposed: ChangeProposed) -> None:
        decided = self._changes.propose(proposed)
        self._waiting += decided
        for fact in decided:  # the next number counts what is proposed in this very breath
            if isinstance(fact, ChangeProposed):
                number = {**self._changes.all, fact.change: Change(fact, _NEVER, SYSTEM)}
                self._changes = changes.Changes(number)

    def _settle(self, subject: str) -> None:
        """What waited about it is in the files no longer."""
        self._waiting += self._changes.withdraw(subject, "the files were applied without it")

    def _add(self, stream: str, fact: Fact) -> None:
        self._drafts.append(Draft(stream, self._ledger.length(stream), [fact]))


def _file_of(fact: SystemFact) -> dict[str, str]:
    if isinstance(fact, SystemWithdrawn):
        return {"title": fact.title}
    return {"content": fact.content, "file": fact.file, "title": fact.title, "text": fact.text}


def _system_applied(system: str, content: str, file: str, text: str, model: System) -> SystemApplied:
    return SystemApplied(
        system=system, content=content, file=file, title=model.name, priority=model.priority, text=text
    )


def _roster_applied(content: str, text: str, roster: Roster) -> RosterApplied:
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
    return RosterApplied(content=content, people=listed, text=text)


def approve_change(
    ledger: Ledger, change: str, function: Function | str, by: Actor, at: datetime
) -> tuple[Recorded, ...]:
    """Sign a change of limits or of authority; with the last signature the file it came in is in force.

    Raises NotAllowed when change or function is unknown, the person does not hold it, or the version it
    changes is in force no longer.
    """
    wanted, roster = _function(function), active_roster(ledger)
    if roster is None:
        raise NotAllowed("no roster is in force, so nobody can sign; run `holdfast apply` first")

    def drafts() -> list[Draft]:
        read = CHANGES.load(ledger, "")
        known = read.state
        decided = known.approve(change, wanted, roster.model, by)
        last = decided and known.all[change].open == (wanted,)
        return [read.draft(decided), *([_brought_into_force(ledger, known.all[change])] if last else [])]

    return settle(ledger, drafts, change, by=by, at=at)


def _brought_into_force(ledger: Ledger, change: Change) -> Draft:
    proposed = change.proposed
    if change.subject == ROSTER_STREAM:
        known = active_roster(ledger)
        fact: Fact = _roster_applied(proposed.content, proposed.text, roster_of(proposed.text))
    else:
        system = change.subject.partition("/")[2]
        known = active_systems(ledger).get(system)  # type: ignore[assignment]
        fact = SystemWithdrawn(system=system, title=proposed.title)
        if proposed.content:
            model = _system(proposed.file, proposed.text)
            fact = _system_applied(system, proposed.content, proposed.file, proposed.text, model)
    if known is None or known.content != proposed.against:
        raise NotAllowed(
            f"{change.id} changes a version of {change.subject} that is in force no longer; apply it again"
        )
    return Draft(change.subject, ledger.length(change.subject), [fact])


def require_change(ledger: Ledger, change: str) -> Change:
    """Raises NoSuchChange."""
    return CHANGES.state(ledger, "").require(change)


def changes_of(ledger: Ledger) -> tuple[Change, ...]:
    """Every change that was to be signed, the newest first."""
    return tuple(reversed(tuple(CHANGES.state(ledger, "").all.values())))


def review_playbook(ledger: Ledger, note: str, by: Actor, at: datetime) -> tuple[Recorded, ...]:
    """The regular review found nothing to change: that is a fact too, and the next one is due (R-PRE-05).

    Raises NotAllowed.
    """
    active, roster = require_playbook(ledger), active_roster(ledger)
    if roster is None:
        raise NotAllowed("no roster is in force; run `holdfast apply` first")
    found, owner = roster.model, active.playbook.owner
    return SHELF.decide(ledger, "", lambda shelf: shelf.review(note, found, owner, by, at), by=by, at=at)


def reviews_of(ledger: Ledger) -> tuple[Recorded, ...]:
    """Every review that left the playbook as it was, the newest first."""
    facts = ledger.stream(PLAYBOOK_STREAM).facts
    return tuple(one for one in reversed(facts) if isinstance(one.fact, PlaybookReviewed))


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
    return SHELF.decide(ledger, "", lambda shelf: shelf.approve(content, wanted, found, by, at), by=by, at=at)


def remind_of_review(ledger: Ledger, zone: str, timer: Timer, by: Actor, at: datetime) -> None:
    """The regular review is due: tell the playbook's owner, exactly once (R-PRE-05)."""
    active = require_playbook(ledger)
    playbook, stream = active.playbook, ledger.stream(PLAYBOOK_STREAM)
    due = PlaybookReviewFellDue(content=active.content, label=active.version, owner=playbook.owner)
    roster = active_roster(ledger)
    owner = roster.model.person(playbook.owner) if roster else None
    there = (owner.timezone if owner else "") or zone
    when = wording.utc_and_local(timer.due, there)
    told = outbox.queue(
        "email",
        playbook.owner,
        f"Review of the playbook {active.version} is due",
        f"The regular review of {playbook.title}, version {active.version}, is due by {when}.\n\n"
        f"{playbook.governance.review}\n\nA changed playbook gets a new version label and is signed again.\n",
        zone=there,
        name=owner.name if owner else "",
        about="review of the playbook",
    )
    ledger.append(stream.draft([due]), told, by=by, at=at, fires=timer)


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
def roster_of(text: str) -> Roster:
    return read_roster(text.encode())


def playbook_versions_of(ledger: Ledger) -> Sequence[PlaybookVersion]:
    """Every playbook version, the one applied last first."""
    return _versions(ledger)


def playbook_version(ledger: Ledger, content: str) -> PlaybookVersion | None:
    """The version with this hash: what an incident is pinned to (R-PRE-02)."""
    found = _versions(ledger, content=content)
    return found[0] if found else None


class NoSuchVersion(NotThere, NotAllowed):
    """No version of the playbook is meant by that."""


def find_playbook(ledger: Ledger, version: str) -> PlaybookVersion:
    """The version a person means by a hash, the beginning of one (8 characters or more), or a label.

    A label names the version applied last under it. Raises NoSuchVersion.
    """
    known = playbook_versions_of(ledger)
    for one in known:
        if one.version == version or (len(version) >= 8 and one.content.startswith(version.lower())):
            return one
    raise NoSuchVersion(
        f"there is no playbook version {version}; {did_you_mean(version, [one.version for one in known])}"
        if known
        else "no playbook was applied yet; run `holdfast apply` first"
    )


def active_playbook(ledger: Ledger) -> PlaybookVersion | None:
    """The version new incidents run under; None while none has all its signatures."""
    found = _versions(ledger, state="active")
    return found[0] if found else None


def require_playbook(ledger: Ledger) -> PlaybookVersion:
    """The active version. Raises Waiting saying what is missing until there is one."""
    active = active_playbook(ledger)
    if active:
        return active
    waiting = _versions(ledger, state="proposed")
    if not waiting:
        raise Waiting("no playbook is in force; run `holdfast apply` and have it signed")
    missing = ", ".join(function.label.lower() for function in waiting[0].missing)
    raise Waiting(
        f"no playbook is in force: version {waiting[0].version} waits for the signature of {missing}"
    )


def _versions(ledger: Ledger, **wanted: str) -> Sequence[PlaybookVersion]:
    """Those with these values in these columns, the one applied last first."""
    query = select(playbook_versions).filter_by(**wanted).order_by(playbook_versions.c.applied_seq.desc())

    def read(conn: Connection) -> Sequence[PlaybookVersion]:
        return tuple(_version(conn, row) for row in conn.execute(query).all())

    return ledger.steady(("playbook versions", *wanted.items()), read)


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


class NoSuchSystem(NotKnown):
    """The inventory in force names no such AI system."""


def require_system(ledger: Ledger, system: str) -> Applied[System]:
    """An AI system of the inventory in force. Raises NoSuchSystem."""
    known = active_systems(ledger)
    if system not in known:
        raise NoSuchSystem(f"no AI system is called {system!r}; {did_you_mean(system, known)}")
    return known[system]


def active_systems(ledger: Ledger) -> Mapping[str, Applied[System]]:
    """The inventory in force by system id, the highest priority first."""
    table = system_versions
    query = select(table).where(table.c.active.is_(True)).order_by(table.c.priority, table.c.system)

    def read(conn: Connection) -> Mapping[str, Applied[System]]:
        return MappingProxyType({row.system: _applied_system(row) for row in conn.execute(query)})

    return ledger.steady("inventory in force", read)


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
    found = _rosters(ledger, select(roster_versions).where(roster_versions.c.active.is_(True)), "active")
    return found[0] if found else None


def roster_history(ledger: Ledger) -> Sequence[Applied[Roster]]:
    """Every applied roster, the newest first."""
    return _rosters(ledger, select(roster_versions).order_by(roster_versions.c.seq.desc()), "all")


def _rosters(ledger: Ledger, query: Select[Any], which: str) -> Sequence[Applied[Roster]]:
    def read(conn: Connection) -> Sequence[Applied[Roster]]:
        return tuple(
            Applied(
                roster_of(row.text),
                row.content,
                "roster.yaml",
                row.text,
                clock.parse(row.applied_at),
                row.applied_by,
            )
            for row in conn.execute(query)
        )

    return ledger.steady(("rosters", which), read)


def names(ledger: Ledger) -> Mapping[str, str]:
    """Name by person id, also of people who have left the roster."""
    query = select(people.c.person, people.c.name)
    return ledger.steady("names", lambda conn: {row.person: row.name for row in conn.execute(query)})


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
