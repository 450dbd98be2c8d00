"""Whoever must act and is not reached is told by their next channel, else the next person is (R-ESC-06)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

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
    """The reaction to a message that was refused for good, or given up: the same person is told by their next
    channel; who has none left has the next person told. Handed it again, it does nothing.

    `zone` is the installation's, for those whose own is not in the roster.
    """
    failed = recorded.fact
    if not isinstance(failed, MessageFailed) or not failed.goes_on:
        return
    if at - recorded.at > _NEWS_FOR or ledger.stream(f"message/{outbox.instead_of(failed.message)}").facts:
        return
    state = _goes_on(ledger, failed.incident) if failed.incident else Incident()
    roster = versions.active_roster(ledger)
    if state.status.over or roster is None:
        return
    tried = _tried(ledger, failed.message)
    try:
        ledger.append(_otherwise(tried, failed, roster.model, state, zone, at), by=SYSTEM, at=at)
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
            case MessageFailed(message=message) as failed if failed.goes_on:
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


@dataclass(frozen=True, slots=True)
class _Try:
    """One message that did not arrive."""

    queued: MessageQueued
    at: datetime
    reason: str

    def left(self, now: datetime) -> timedelta:
        """Of the time in which the protocol promises that it is sent."""
        within = timedelta(seconds=self.queued.within_seconds)
        return max(timedelta(), self.at + within - now) if within else within


def _tried(ledger: Ledger, message: str) -> tuple[_Try, ...]:
    """Everything that was tried in place of one another up to this message, which comes first."""
    tried = []
    while message:
        stream = ledger.stream(f"message/{message}")
        reasons = [one.reason for one in stream.events if isinstance(one, MessageFailed)]
        queued = outbox.queued_message(ledger, message)
        tried.append(_Try(queued, stream.facts[0].at, reasons[-1] if reasons else "it did not arrive"))
        message = queued.instead_of
    return tuple(tried)


def _otherwise(
    tried: Sequence[_Try], failed: MessageFailed, roster: Roster, state: Incident, zone: str, at: datetime
) -> Draft:
    """The same person by their next channel; who has none left, the next person by their first."""
    queued, asked = tried[0].queued, {one.queued.to for one in tried}
    of_theirs = list(takewhile(lambda one: one.queued.to == queued.to, tried))
    person = roster.person(queued.to)
    used = {one.queued.channel for one in of_theirs}
    channel = next((one for one in person.reached_at if one not in used), "") if person else ""
    if person and channel:
        return _by_another(of_theirs, person, channel, zone, at)
    found = next((one for one in in_line(roster, state, queued.role) if one.id not in asked), None)
    return _instead(of_theirs, found, tried[-1].queued.channel, zone) if found else _nobody(failed)


def _by_another(tried: Sequence[_Try], person: Person, channel: str, zone: str, at: datetime) -> Draft:
    """What was promised of the message before is from now on promised of this one."""
    queued, first = tried[0].queued, tried[-1].queued
    text = f"{first.text.rstrip()}\n\nThis did not reach you otherwise: {_why(tried)}\n"
    return outbox.queue_instead(
        queued,
        person.id,
        person.name,
        text,
        channel=channel,
        zone=person.timezone or zone,
        within=tried[0].left(at),
    )


def _instead(tried: Sequence[_Try], person: Person, wanted: str, zone: str) -> Draft:
    queued, first = tried[0].queued, tried[-1].queued
    text = (
        f"{person.name},\n\n{queued.name or queued.to} was not reached: {_why(tried)}\n"
        f"You are told in their place. What was written to them:\n\n{first.text}"
    )
    channel, there = person.channel(wanted), person.timezone or zone
    return outbox.queue_instead(queued, person.id, person.name, text, channel=channel, zone=there)


def _why(tried: Sequence[_Try]) -> str:
    """What each channel answered, in the order in which they were tried."""
    if len(tried) == 1:
        return tried[0].reason
    return "; ".join(f"by {one.queued.channel}: {one.reason}" for one in reversed(tried))


def _nobody(failed: MessageFailed) -> Draft:
    reason = f"{failed.reason}; the roster names nobody else, and no other channel, that was not tried"
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
