"""The end of an incident: resolved when the fix is shown to work, closed when all is done and archived.
Or it was none, and is dismissed; or it is the same as another, and is merged into it.

Closing fixes the record: its digest is on the ledger, and every step on the incident refuses afterwards
(R-EVD-10). Only what happens *to* the archive is still recorded: who looked at it, and whether a message
that was on its way arrived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from holdfast.contain.containment import Containment
from holdfast.contain.reading import containments_of
from holdfast.detect import records
from holdfast.detect.alerting import moved_draft, set_aside_draft
from holdfast.detect.records import Alert
from holdfast.evidence import custody
from holdfast.incident import register, roles
from holdfast.incident.events import ClockStopped, Closed
from holdfast.incident.incident import Incident
from holdfast.incident.loading import load, stream_of
from holdfast.incident.responding import Desk
from holdfast.investigate import analysing, assessing
from holdfast.learn import doubting, remedying, reviewing
from holdfast.learn.remediation import Remediations
from holdfast.ledger import tables
from holdfast.ledger.chain import alone
from holdfast.ledger.deciding import settle
from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Conflict, Draft, Ledger
from holdfast.ledger.sealing import stands
from holdfast.people import Actor
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.promises import Limits
from holdfast.prepare.terms import Authority
from holdfast.problems import NotAllowed

_DOMAIN = b"holdfast/record/v1\x00"


def resolve(
    desk: Desk, incident: str, resolution: str, unverified_because: str = "", *, by: Actor, at: datetime
) -> None:
    """The harm is over. Needs an answer, a person's classification, the authority to end an incident, an
    established cause, and a verified remediation that nothing has overtaken, with no alert open, or a reason
    to go without.

    Raises NotAllowed, NoSuchIncident.
    """

    def drafts() -> Sequence[Draft]:
        loaded = load(desk.ledger, incident)
        ground = desk.ground_of(loaded.state)
        severity = loaded.state.severity
        limits = ground.limits(severity) if severity else Limits({})
        facts = loaded.state.resolve(resolution, limits, at)
        if not facts:
            return []
        roles.require(loaded.state, ground.playbook, ground.roster, by, Authority.CLOSE)
        doubts = doubting.doubts(desk.ledger, loaded.state)
        if doubts.said:
            facts = loaded.state.resolve(
                f"{resolution.strip()} {doubts.despite(unverified_because)}", limits, at
            )
        told = desk.told(loaded.state, facts, ground, at, "")
        return [loaded.draft(facts), *doubts.guards, *told]

    settle(desk.ledger, drafts, incident, by=by, at=at)


def close(
    desk: Desk, incident: str, summary: str, unverified_because: str = "", *, by: Actor, at: datetime
) -> str:
    """Close and archive; returns the digest of the record. Needs the authority to close.

    Raises NotAllowed while a review the playbook requires is missing, while containment is active, while a
    remediation is open, and without a reason while an alert is open or came after what was verified.
    """
    ledger = desk.ledger

    def drafts() -> Sequence[Draft]:
        loaded = load(ledger, incident)
        state = loaded.state
        ground = desk.ground_of(state)
        if not summary.strip():
            raise NotAllowed("say in a sentence how it ended; it is the last line of the record")
        held, guards = _held(ledger, incident)
        doubts = doubting.doubts(ledger, state).since_resolved
        said = f"{summary.strip()} {doubts.despite(unverified_because)}" if doubts.said else summary
        facts = state.close(said, review_required(state, ground.playbook), record_digest(held), at)
        with ledger.reading() as conn:
            contained_by = [one for one in containments_of(conn, incident) if one.in_force]
        _require_nothing_open(state, remedying.remediations_of(ledger, incident), contained_by)
        roles.require(state, ground.playbook, ground.roster, by, Authority.CLOSE)
        told = desk.told(state, facts, ground, at, "")
        return [loaded.draft(facts), *guards, *doubts.alerts, *told]

    settle(ledger, drafts, incident, by=by, at=at)
    return digest_of_closed(ledger, incident)


def review_required(state: Incident, playbook: Playbook) -> bool:
    """Whether the playbook asks for a review of this severity before closing (R-PIR-02)."""
    return state.severity in playbook.review.required_for


def _require_nothing_open(state: Incident, items: Remediations, contained_by: Sequence[Containment]) -> None:
    if contained_by:
        names = ", ".join(f"{one.id} ({one.name})" for one in contained_by)
        raise NotAllowed(
            f"{names} is still in force, and after closing it could not be reverted in the record; revert it "
            f"before closing {state.id}",
            first=("contain.revert", contained_by[0].id),
        )
    if open_items := items.open_items():
        names = ", ".join(f"{item.item} ({item.standing.value})" for item in open_items)
        raise NotAllowed(
            f"{names} is open: closing archives the record, so that nothing could be tracked in it any more. "
            "Have it verified, or withdraw it with a reason"
        )


def _held(ledger: Ledger, incident: str) -> tuple[list[Recorded], list[Draft]]:
    """The record, and empty drafts that hold every other stream of it to what was read.

    A fact that comes in after this makes the append a Conflict, one that comes in during it is noticed
    here: in both cases closing reads again, and no fact is left out of the digest.
    """
    held = register.record(ledger, incident)
    streams = {*_streams_of(incident), *(recorded.stream for recorded in held)} - {stream_of(incident)}
    with ledger.reading() as conn:
        found = tables.streams
        rows = conn.execute(select(found.c.stream, found.c.version).where(found.c.stream.in_(streams)))
        versions: dict[str, int] = {row.stream: row.version for row in rows}
    if len(register.record(ledger, incident)) != len(held):
        raise Conflict(f"the record of {incident} grew while it was read")
    return held, [Draft(stream, versions.get(stream, 0), []) for stream in sorted(streams)]


def _streams_of(incident: str) -> tuple[str, ...]:
    """Streams that a step could begin for this incident at the same moment."""
    return (
        custody.stream_of(incident),
        f"custody/{incident}",
        assessing.stream_of(incident),
        analysing.stream_of(incident),
        remedying.stream_of(incident),
        reviewing.stream_of(incident),
    )


# What was no incident, or none of its own ------------------------------------------------------


def dismiss(
    desk: Desk, incident: str, reason: str, false_alarm: bool = False, *, by: Actor, at: datetime
) -> None:
    """It was not an incident, and its alerts are set aside with it: as false alarms when nothing was wrong.

    Raises NotAllowed without the authority or a reason, while a containment is in force, and once resolved.
    """

    def together(incident: str) -> Sequence[Draft]:
        _require_not_contained(desk.ledger, incident)
        why = f"{incident} was dismissed: {reason.strip()}"
        return [
            set_aside_draft(desk.ledger, alert, why, false_alarm, incident)
            for alert in _alerts_of(desk.ledger, incident)
        ]

    desk.dismiss(incident, reason, false_alarm, by=by, at=at, together=together)


def merge(desk: Desk, incident: str, into: str, reason: str, *, by: Actor, at: datetime) -> None:
    """Two incidents are one: the first ends, its alerts and severity go on in the other, and its system where
    that names none.

    What was gathered for it stays in its record, where the other's names it; what the other lacks of its time
    is frozen there. Needs the authority to dismiss.
    Raises NotAllowed for other systems, and while a containment or a remediation of it is open.
    """
    ledger = desk.ledger

    def drafts() -> Sequence[Draft]:
        one, two = load(ledger, incident), load(ledger, into)
        ground = desk.ground_of(one.state)
        roles.require(one.state, ground.playbook, ground.roster, by, Authority.DISMISS)
        ended = one.state.merge_into(two.state, reason, at)
        _require_not_contained(ledger, incident)
        tracked = remedying.REMEDIATIONS.load(ledger, incident)
        _require_nothing_open(one.state, tracked.state, ())
        grown = two.state.absorb(one.state, reason)
        other = desk.ground_of(replace(two.state, system=two.state.system or one.state.system))
        absorbed = desk.learn(two.state, grown, other, at)
        said = f"{incident} is the same as {into}, where the response goes on: {reason.strip()}"
        return [
            one.draft(ended),
            two.draft(absorbed),
            tracked.draft([]),
            *desk.told(one.state, ended, ground, at, said),
            *desk.told(two.state, absorbed, other, at, said),
            *desk.freeze_joined(
                into, at, system=one.state.system, began_at=one.state.began_at, alerts=one.state.own_alerts
            ),
            *(moved_draft(ledger, alert, into, said) for alert in _alerts_of(ledger, incident)),
        ]

    settle(ledger, drafts, incident, by=by, at=at)


def _require_not_contained(ledger: Ledger, incident: str) -> None:
    with ledger.reading() as conn:
        in_force = [one for one in containments_of(conn, incident) if one.in_force]
    if in_force:
        names = ", ".join(f"{one.id} ({one.name})" for one in in_force)
        raise NotAllowed(
            f"{names} is in force; revert it first, so that nothing stays switched without a record",
            first=("contain.revert", in_force[0].id),
        )


def _alerts_of(ledger: Ledger, incident: str) -> list[Alert]:
    with ledger.reading() as conn:
        return records.alerts_of(conn, incident)


# The archive -----------------------------------------------------------------------------------


def record_digest(record: Iterable[Recorded]) -> str:
    """SHA-256 over the leaf hashes of a record in ledger order, hex.

    A leaf hash (RFC 6962, section 2.1) covers position, stream, time and content of its fact, so that the
    digest changes with any of them.
    """
    digest = hashlib.sha256(_DOMAIN)
    for recorded in record:
        digest.update(recorded.leaf_hash)
    return digest.hexdigest()


def digest_of_closed(ledger: Ledger, incident: str) -> str:
    """The digest that closing put on the ledger. Raises NotAllowed for an incident that is not closed."""
    return _closing(register.record(ledger, incident), incident)[1].record_sha256


def archive_problem(ledger: Ledger, incident: str) -> str | None:
    """None when the record still is what was closed, else a sentence. Raises NotAllowed when not closed."""
    record = register.record(ledger, incident)
    at, closed = _closing(record, incident)
    before = list(record[:at])
    # The clocks that closing itself stopped stand directly before it, in the same transaction.
    while before and _stopped_by_closing(before[-1]):
        before.pop()
    found = record_digest(before)
    if found == closed.record_sha256:
        altered = _altered(ledger, [*before, record[at]])
        return f"the record of {incident} does not hold: {altered}" if altered else None
    return (
        f"the record of {incident} is not the one that was closed: its {len(before)} facts give {found}, "
        f"closing recorded {closed.record_sha256}"
    )


def _altered(ledger: Ledger, record: Sequence[Recorded]) -> str | None:
    """The first fact of a record whose stored bytes are not what was recorded; the last, which holds the
    digest, against the tree as well. A stored hash alone would say nothing about the content beside it."""
    wanted, facts, origin = [one.seq for one in record], tables.facts, ledger.origin
    with ledger.reading() as conn:
        rows = conn.execute(select(facts).where(facts.c.seq.in_(wanted)).order_by(facts.c.seq)).all()
        for row in rows:
            wrong = stands(conn, row, origin) if row.seq == wanted[-1] else alone(row, origin)
            for what in wrong:
                return f"fact {row.seq}: {what}"
    return None


def _stopped_by_closing(recorded: Recorded) -> bool:
    return isinstance(recorded.fact, ClockStopped) and recorded.fact.reason == "closed"


def _closing(record: Sequence[Recorded], incident: str) -> tuple[int, Closed]:
    for position, recorded in enumerate(record):
        if isinstance(recorded.fact, Closed):
            return position, recorded.fact
    raise NotAllowed(f"{incident} is not closed, so it has no archive yet")
