"""What an incident's record tells: its timeline, and the messages that left for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from holdfast import wording
from holdfast.contain.events import ContainmentProposed
from holdfast.detect.events import AlertCleared, AlertRaised
from holdfast.evidence.events import EvidenceAccessed, EvidenceAdded, EvidenceFrozen, EvidenceVerified
from holdfast.incident import register
from holdfast.incident.events import AlertJoined, IncidentOpened, NoteAdded
from holdfast.interfaces.web.rendering import TimelineEntry
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.outbox import MessageFailed, MessageQueued, MessageRetried, MessageSent

# The timeline ----------------------------------------------------------------------------------


def timeline(record: Sequence[Recorded], everything: bool = False) -> list[TimelineEntry]:
    """Every line by when it happened. Unless everything is wanted, messages of one moment are one line."""
    facts = {recorded.seq: recorded for recorded in record}
    entries = [_entry(entry, facts[entry.seq]) for entry in register.timeline(list(record))]
    return entries if everything else list(_quieter(entries, facts))


def _entry(entry: register.Entry, recorded: Recorded) -> TimelineEntry:
    note = isinstance(recorded.fact, NoteAdded)
    line = entry.line
    told = TimelineEntry(
        seq=entry.seq,
        at=entry.at,
        title=entry.by if note else line.title,
        text=line.title if note else "",
        detail=line.detail,
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
        case EvidenceAccessed():
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


def _quieter(entries: Iterable[TimelineEntry], facts: dict[int, Recorded]) -> Iterable[TimelineEntry]:
    """Messages queued at one moment as one line; receipts left to the list of messages."""

    def message(entry: TimelineEntry) -> str:
        fact = facts[entry.seq].fact
        return fact.subject if isinstance(fact, MessageQueued) else ""

    shown = (entry for entry in entries if not isinstance(facts[entry.seq].fact, MessageSent))
    for (subject, _), run in groupby(shown, key=lambda entry: (message(entry), entry.at)):
        same = list(run)
        if not subject:
            yield from same
            continue
        names = [fact.to for entry in same if isinstance(fact := facts[entry.seq].fact, MessageQueued)]
        people = names[0] if len(names) == 1 else wording.plural(len(names), "person", "people")
        yield replace(same[0], title=f"Told {people}", text="", detail=subject)


# Messages --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person, and what became of it."""

    message: str
    to: str
    subject: str
    queued_at: datetime
    state: str = "waiting"
    """waiting, sent, trying again, or failed"""
    detail: str = ""
    """What the receiver answered, or why it was not delivered."""
    retry_at: datetime | None = None


def messages(record: Iterable[Recorded]) -> list[Message]:
    """Every message of the incident, those that failed first, then the newest."""
    found: dict[str, Message] = {}
    for recorded in record:
        match recorded.fact:
            case MessageQueued() as queued:
                made = Message(queued.message, queued.to, queued.subject, recorded.at)
                found[queued.message] = made
            case MessageSent() as sent if sent.message in found:
                found[sent.message] = replace(found[sent.message], state="sent", detail=sent.receipt)
            case MessageFailed() as failed if failed.message in found:
                found[failed.message] = replace(
                    found[failed.message],
                    state="trying again" if failed.retry_at else "failed",
                    detail=failed.reason,
                    retry_at=failed.retry_at,
                )
            case MessageRetried() as retried if retried.message in found:
                found[retried.message] = replace(found[retried.message], state="waiting", detail="")
            case _:
                pass
    order = ("failed", "trying again", "waiting", "sent")
    newest_first = sorted(found.values(), key=lambda message: message.queued_at, reverse=True)
    return sorted(newest_first, key=lambda message: order.index(message.state))
