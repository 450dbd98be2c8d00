"""What an incident's record tells: its timeline, and the messages that left for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Literal, get_args

from holdfast import wording
from holdfast.contain.events import ContainmentProposed
from holdfast.detect.events import AlertCleared, AlertRaised
from holdfast.evidence.events import EvidenceAccessed, EvidenceAdded, EvidenceFrozen, EvidenceVerified
from holdfast.incident import register
from holdfast.incident.events import AlertJoined, IncidentOpened, NoteAdded, Reviewed
from holdfast.incident.telling import names, told
from holdfast.interfaces.web.rendering import TimelineEntry
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.outbox import MessageFailed, MessageQueued, MessageRetried, MessageSeenTo, MessageSent

# The timeline ----------------------------------------------------------------------------------


def timeline(
    record: Sequence[Recorded], people: Mapping[str, str], everything: bool = False
) -> list[TimelineEntry]:
    """Every line by when it happened. Unless everything is wanted, messages of one moment are one line.

    `people` are names by e-mail address.
    """
    facts = {recorded.seq: recorded for recorded in record}
    entries = [_entry(entry, facts[entry.seq]) for entry in register.timeline(list(record))]
    return entries if everything else list(_quieter(entries, facts, people))


def _entry(entry: register.Entry, recorded: Recorded) -> TimelineEntry:
    note = isinstance(recorded.fact, NoteAdded)
    line = entry.line
    told = TimelineEntry(
        seq=entry.seq,
        at=entry.at,
        title=entry.by if note else line.title,
        text=line.title if note else "",
        detail="" if note else line.detail,
        tone=line.tone,
        backfilled=entry.back_filled,
        links=_links(recorded.fact),
        proof=f"/ledger/{entry.seq}",
    )
    if entry.back_filled:
        added = f"added {wording.utc(entry.recorded_at)}"
        told = replace(told, detail=". ".join(filter(None, (told.detail, added))))
    elif line.tone == "act" and entry.by_kind != "system" and entry.by not in line.title:
        told = replace(told, text=f"by {entry.by}")
    return told


def _links(fact: Fact) -> tuple[tuple[str, str], ...]:
    """What stands behind a line."""
    match fact:
        case NoteAdded():
            return tuple((item, _evidence(fact.incident, item)) for item in fact.evidence)
        case EvidenceFrozen() | EvidenceVerified():
            return (("Evidence", f"/incidents/{fact.incident}/evidence"),)
        case EvidenceAdded():
            return ((fact.item.item, _evidence(fact.incident, fact.item.item)),)
        case EvidenceAccessed() if fact.item.startswith("EV-"):
            return ((fact.item, _evidence(fact.incident, fact.item)),)
        case IncidentOpened() | AlertJoined() if fact.alert:
            return ((fact.alert.alert, f"/alerts?shown=all#{fact.alert.alert}"),)
        case AlertRaised():
            return ((fact.alert.alert, f"/alerts?shown=all#{fact.alert.alert}"),)
        case AlertCleared():
            return ((fact.alert, f"/alerts?shown=all#{fact.alert}"),)
        case ContainmentProposed():
            return ((fact.containment, f"/incidents/{fact.incident}/containment"),)
        case _:
            return ()


def _evidence(incident: str, item: str) -> str:
    return f"/incidents/{incident}/evidence#{item}"


def _quieter(
    entries: Iterable[TimelineEntry], facts: Mapping[int, Recorded], people: Mapping[str, str]
) -> Iterator[TimelineEntry]:
    """Messages of one moment as one line; receipts and attempts that go on stand in the list of messages."""

    def of_messages(entry: TimelineEntry) -> tuple[str, str]:
        match facts[entry.seq].fact:
            case MessageQueued(subject=subject):
                return "queued", subject
            case MessageFailed(reason=reason, retry_at=None):
                return "given up", reason
            # The review's own line says who took part; this one only repeats it on the incident.
            case MessageSent() | MessageFailed() | Reviewed():
                return "hidden", ""
            case _:
                return "", ""

    def name_of(person: str) -> str:
        return people.get(person, person)

    for (kind, detail, _), run in groupby(entries, key=lambda entry: (*of_messages(entry), entry.at)):
        same = list(run)
        if kind == "queued":
            queued = [fact for entry in same if isinstance(fact := facts[entry.seq].fact, MessageQueued)]
            found = told(queued, facts.values(), name_of)
            said = ". ".join(filter(None, (detail, found.names)))
            yield replace(same[0], title=found.title, text="", detail=said)
        elif kind == "given up":
            whom = list(
                names((str(getattr(facts[one.seq].fact, "to", "")) for one in same), name_of).values()
            )
            who = whom[0] if len(whom) == 1 else wording.plural(len(whom), "person", "people")
            again = f"{detail}; given up, try again under Messages"
            yield replace(same[0], title=f"Not delivered to {who}", text="", detail=again)
        elif kind != "hidden":
            yield from same


# Messages --------------------------------------------------------------------------------------

State = Literal["failed", "trying again", "waiting", "seen to", "sent"]
_WORST_FIRST: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person, and what became of it."""

    message: str
    to: str
    subject: str
    queued_at: datetime
    channel: str
    state: State = "waiting"
    detail: str = ""
    """What the receiver answered, or why it was not delivered."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """The messages that left for one reason at one moment."""

    subject: str
    queued_at: datetime
    messages: tuple[Message, ...]

    @property
    def failed(self) -> tuple[Message, ...]:
        return tuple(message for message in self.messages if message.state == "failed")

    @property
    def sent(self) -> int:
        return sum(message.state == "sent" for message in self.messages)

    @property
    def worst(self) -> State:
        return min((message.state for message in self.messages), key=_WORST_FIRST.index)

    @property
    def reasons(self) -> str:
        """Why some did not arrive."""
        return "; ".join(
            dict.fromkeys(one.detail for one in self.messages if one.state != "sent" and one.detail)
        )


def mailings(record: Iterable[Recorded]) -> list[Mailing]:
    """Every message of the incident by the moment it left at, the newest first."""
    found: dict[tuple[datetime, str], list[Message]] = {}
    for message in messages(record):
        found.setdefault((message.queued_at, message.subject), []).append(message)
    made = [Mailing(subject, at, tuple(several)) for (at, subject), several in found.items()]
    return sorted(made, key=lambda mailing: mailing.queued_at, reverse=True)


def messages(record: Iterable[Recorded]) -> list[Message]:
    """Every message of the incident as it stands, in the order they were queued."""
    found: dict[str, Message] = {}
    for recorded in record:
        match recorded.fact:
            case MessageQueued() as queued:
                found[queued.message] = Message(
                    queued.message, queued.to, queued.subject, recorded.at, queued.channel
                )
            case MessageSent() as sent:
                _change(found, sent.message, "sent", sent.receipt)
            case MessageFailed() as failed:
                _change(found, failed.message, "trying again" if failed.retry_at else "failed", failed.reason)
            case MessageSeenTo() as seen:
                _change(found, seen.message, "seen to", seen.reason)
            case MessageRetried() as retried:
                _change(found, retried.message, "waiting", "")
            case _:
                pass
    return list(found.values())


def _change(found: dict[str, Message], message: str, state: State, detail: str) -> None:
    if message in found:
        found[message] = replace(found[message], state=state, detail=detail)
