"""Whoever must act and is not reached: the next person is told at once (R-ESC-06)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from holdfast import wording
from holdfast.incident.events import Closed, Dismissed, Merged
from holdfast.incident.incident import Incident
from holdfast.incident.loading import load
from holdfast.ledger import outbox, timers
from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Conflict, Draft, Ledger, Timer
from holdfast.ledger.outbox import MessageFailed, MessageQueued, MessagesOverdue, MessageStranded
from holdfast.people import SYSTEM, Actor, IncidentRole
from holdfast.prepare import versions
from holdfast.prepare.events import RosterApplied
from holdfast.prepare.promises import ON_CALL
from holdfast.prepare.roster import Person, Roster

_NEWS_FOR = timedelta(days=1)
"""A failure that is older is not followed up: whoever looks finds it under the incident's messages."""


def tell_next(ledger: Ledger, recorded: Recorded, at: datetime, zone: str = "UTC") -> None:
    """The reaction to a message that was refused for good, or given up. Handed it again, it does nothing.

    `zone` is the installation's, for those whose own is not in the roster.
    """
    failed = recorded.fact
    if not isinstance(failed, MessageFailed) or not (failed.refused or failed.retry_at is None):
        return
    if at - recorded.at > _NEWS_FOR or ledger.stream(f"message/{outbox.instead_of(failed.message)}").facts:
        return
    state = _goes_on(ledger, failed.incident) if failed.incident else Incident()
    roster = versions.active_roster(ledger)
    if state.status.over or roster is None:
        return
    queued = outbox.queued_message(ledger, failed.message)
    tried = set(_tried(ledger, queued))
    found = next((one for one in in_line(roster.model, state, queued.role) if one.id not in tried), None)
    draft = _instead(queued, failed, found, zone) if found else _nobody(failed)
    try:
        ledger.append(draft, by=SYSTEM, at=at)
    except Conflict:
        return  # another worker was faster


class NextTold:
    """Whoever was not reached within the last day has somebody told in their place (a Trace).

    What failed before, or in an incident that is over, may rightly have been left.
    """

    def __init__(self, now: datetime) -> None:
        self._since = now - _NEWS_FOR
        self._failed: dict[str, tuple[int, MessageFailed]] = {}
        self._answered: set[str] = set()
        self._over: set[str] = set()
        self._into: dict[str, str] = {}
        self._roster = False

    def see(self, recorded: Recorded) -> None:
        match recorded.fact:
            case RosterApplied():
                self._roster = True
            case MessageFailed(message=message) as failed if failed.refused or failed.retry_at is None:
                if self._roster and recorded.at > self._since:
                    self._failed.setdefault(message, (recorded.seq, failed))
            case MessageQueued(instead_of=message) | MessageStranded(message=message):
                self._answered.add(message)
            case Closed(incident=incident) | Dismissed(incident=incident):
                self._over.add(incident)
            case Merged(incident=incident, into=into):
                self._into[incident] = into

    def untouched(self) -> Iterator[tuple[int, str]]:
        for message, (seq, failed) in self._failed.items():
            if message not in self._answered and self._goes_on(failed.incident) not in self._over:
                yield seq, f"nobody was told in place of {failed.to}"

    def _goes_on(self, incident: str | None) -> str | None:
        """The incident in which the response goes on: merging ends a record, not what had to be done."""
        while incident in self._into:
            incident = self._into[incident]
        return incident


def _goes_on(ledger: Ledger, incident: str) -> Incident:
    """The incident in which the response goes on, once it was merged into another."""
    state = load(ledger, incident).state
    return _goes_on(ledger, state.merged_into) if state.merged_into else state


def in_line(roster: Roster, state: Incident, role: str) -> Iterator[Person]:
    """Whoever fills a role, and who comes after them; behind them the incident commander and on call."""
    commander = IncidentRole.INCIDENT_COMMANDER.value
    people = [*_of_role(roster, state, role), *_of_role(roster, state, commander), *roster.on_call]
    for person in dict.fromkeys(people):
        found = roster.person(person)
        if found:
            yield found


def _of_role(roster: Roster, state: Incident, role: str) -> Iterator[str]:
    yield from (member.person for member in state.team if member.role == role)
    if role in list(IncidentRole):
        yield from roster.roles[role].in_order()
    elif role == ON_CALL:
        yield from roster.on_call
    else:
        yield from (person.id for person in roster.titled(role))


def _tried(ledger: Ledger, queued: MessageQueued) -> Iterator[str]:
    """Everybody who was not reached before with this message."""
    yield queued.to
    while queued.instead_of:
        queued = outbox.queued_message(ledger, queued.instead_of)
        yield queued.to


def _instead(queued: MessageQueued, failed: MessageFailed, person: Person, zone: str) -> Draft:
    missed = queued.name or queued.to
    text = (
        f"{person.name},\n\n{missed} was not reached: {failed.reason}\n"
        f"You are told in their place. What was written to them:\n\n{queued.text}"
    )
    return outbox.queue_instead(queued, person.id, person.name, text, zone=person.timezone or zone)


def _nobody(failed: MessageFailed) -> Draft:
    reason = f"{failed.reason}; the roster names nobody else who was not tried"
    stranded = MessageStranded(message=failed.message, incident=failed.incident, to=failed.to, reason=reason)
    return Draft(f"unreached/{failed.message}", 0, [stranded])


def tell_of_overdue(ledger: Ledger, zone: str, timer: Timer, by: Actor, at: datetime) -> None:
    """The timer's handler: messages of an incident were not sent in the time that the protocol promises.

    Its incident commander is written to, or whoever comes next and waits for none of them. All that are due
    are told of at once.
    """
    incident = timer.data["incident"]
    due = [one for one in timers.armed(ledger, outbox.late_timer(incident, "")) if one.due <= at]
    queued = [outbox.queued_message(ledger, one.data["message"]) for one in due]
    state, roster = load(ledger, incident).state, versions.active_roster(ledger)
    waiting = {one.to for one in queued}
    commander = IncidentRole.INCIDENT_COMMANDER.value
    people = list(in_line(roster.model, state, commander)) if roster else []
    told = next((one for one in people if one.id not in waiting), None)
    overdue = MessagesOverdue(
        incident=incident,
        messages=tuple(one.message for one in queued),
        to=tuple(dict.fromkeys(one.name or one.to for one in queued)),
        told=told.id if told else "",
    )
    stream = ledger.stream(f"overdue/{incident}")
    drafts = [Draft(stream.name, stream.version, [overdue])]
    if told:
        drafts.append(_of_overdue(incident, queued, told, commander, zone))
    ledger.append(*drafts, by=by, at=at, fires=timer)


def _of_overdue(incident: str, queued: Sequence[MessageQueued], told: Person, role: str, zone: str) -> Draft:
    lines = "\n".join(f"to {one.name or one.to}: {one.subject}" for one in queued)
    text = (
        f"{told.name},\n\nthese messages of {incident} are not sent, and the playbook promises that "
        f"they are by now. Tell these people another way:\n\n{lines}\n"
    )
    number = wording.plural(len(queued), "message")
    subject = f"{incident}: {number} not sent in time"
    return outbox.queue(
        "email",
        told.id,
        subject,
        text,
        incident,
        zone=told.timezone or zone,
        name=told.name,
        role=role,
        about="messages overdue",
    )
