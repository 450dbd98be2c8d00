"""A message for everybody whom a moment concerns, with the words it needs (R-ESC-04, R-ESC-06)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdfast import wording
from holdfast.incident.events import Escalated, TierRaised
from holdfast.incident.loading import load
from holdfast.incident.responding import Desk, Ground, Report
from holdfast.ledger import outbox, timers
from holdfast.ledger.ledger import Ledger, Timer
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import Actor, IncidentRole
from holdfast.prepare.consistency import playbook_problems
from holdfast.prepare.documents import parse_document, understand
from holdfast.prepare.playbook import Playbook, Protocol
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.terms import Category, Moment, Severity
from support.alerted import alert_facts
from support.company import HELEN, INES, MAYA, PRIYA, SAMUEL, WORKER


def queued(ledger: Ledger, about: Moment | None = None) -> list[MessageQueued]:
    facts = (recorded.fact for recorded in ledger.facts())
    return [
        fact for fact in facts if isinstance(fact, MessageQueued) and (about is None or fact.about == about)
    ]


def due(ledger: Ledger, at: datetime, kind: str) -> list[Timer]:
    return [timer for timer in timers.due(ledger, at) if timer.kind == kind]


def pass_by(ledger: Ledger, desk: Desk, until: datetime) -> None:
    """Nobody does anything; the worker keeps the clocks."""
    fire = {"clock.breach": desk.breach_clock, "escalation.step": desk.escalate}
    while ready := timers.due(ledger, until, limit=1, wanted=lambda timer: timer.kind in fire):
        fire[ready[0].kind](ready[0], by=WORKER, at=ready[0].due)


def unspoken(desk: Desk, moment: Moment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A playbook signed before there was such a moment: no severity has words for it."""
    known = desk.ground_of

    def silent(ground: Ground) -> Ground:
        protocols = ground.playbook.communication.protocols
        others = {
            severity.value: Protocol.model_construct(
                messages=tuple(m for m in protocol.messages if m.on is not moment), arrangements=("none",)
            )
            for severity, protocol in protocols.items()
        }
        communication = ground.playbook.communication.model_copy(
            update={"protocols": protocols.model_copy(update=others)}
        )
        return replace(ground, playbook=ground.playbook.model_copy(update={"communication": communication}))

    monkeypatch.setattr(desk, "ground_of", lambda state: silent(known(state)))
    active = desk._active_ground
    monkeypatch.setattr(desk, "_active_ground", lambda system: silent(active(system)))


def declared(desk: Desk, severity: Severity, now: datetime) -> str:
    """An incident of this severity, as a person decided."""
    incident = desk.open(Report("Refusals", system="loan-approval"), by=INES, at=now)
    desk.classify(
        incident, Category.UNEXPECTED_BEHAVIOUR, severity, "as agreed by telephone", by=MAYA, at=now
    )
    return incident


@pytest.mark.parametrize("severity", list(Severity))
def test_whoever_an_escalation_names_is_written_to_whatever_the_severity(
    desk: Desk, ledger: Ledger, now: datetime, severity: Severity
) -> None:
    declared(desk, severity, now)
    pass_by(ledger, desk, now + timedelta(days=20))
    escalations = [r for r in ledger.facts() if isinstance(r.fact, (Escalated, TierRaised))]
    assert len([one for one in escalations if isinstance(one.fact, Escalated)]) == 3
    messages = [r for r in ledger.facts() if isinstance(r.fact, MessageQueued)]
    for one in escalations:
        assert isinstance(one.fact, (Escalated, TierRaised))
        told = {m.fact.to for m in messages if m.at == one.at and m.fact.about == "escalated"}  # type: ignore[attr-defined]
        assert {member.person for member in one.fact.told} <= told


def test_a_tier_raised_at_the_opening_is_written_about(desk: Desk, ledger: Ledger, now: datetime) -> None:
    """R-ESC-02/opening."""
    report = Report("Refusals", system="loan-approval", severity=Severity.CRITICAL)
    desk.open(report, by=INES, at=now)
    (raised,) = [r.fact for r in ledger.facts() if isinstance(r.fact, TierRaised)]
    assert {member.person for member in raised.told} <= {one.to for one in queued(ledger, Moment.ESCALATED)}


@pytest.mark.parametrize("by", [MAYA, HELEN, None])
def test_an_escalation_asks_for_an_answer_only_where_nobody_has_answered(
    desk: Desk, ledger: Ledger, now: datetime, by: Actor | None
) -> None:
    """R-ESC-03, R-ESC-04: also whoever answered may be called for a higher tier."""
    incident = desk.open(Report("Letters", system="loan-approval", severity=Severity.LOW), by=INES, at=now)
    if by:
        desk.acknowledge(incident, by=by, at=now)
    desk.classify(incident, Category.UNEXPECTED_BEHAVIOUR, Severity.CRITICAL, "worse", by=MAYA, at=now)
    escalated = queued(ledger, Moment.ESCALATED)
    assert escalated
    for message in escalated:
        assert ("Please acknowledge" in message.text) is (by is None)
        told = by and ("You acknowledged it" if message.to == by.id else f"{by.name} acknowledged it")
        assert not told or told in message.text


@pytest.mark.parametrize(
    "moment", [Moment.OPENED, Moment.ESCALATED, Moment.CLOCK_BREACHED, Moment.RECLASSIFIED]
)
def test_a_playbook_that_is_silent_about_a_moment_silences_nobody(
    desk: Desk, ledger: Ledger, now: datetime, moment: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was signed under an older release; no severity has words for the moment."""
    unspoken(desk, moment, monkeypatch)
    incident = declared(desk, Severity.HIGH, now)
    pass_by(ledger, desk, now + timedelta(hours=3))
    told = queued(ledger, moment)
    assert told
    if moment in (Moment.CLOCK_BREACHED, Moment.RECLASSIFIED):
        assert {one.to for one in told} >= {member.person for member in load(ledger, incident).state.team}
    assert all(one.text and incident in one.subject for one in told)


def test_a_breach_names_the_clock_that_broke_and_two_that_break_together_are_two(
    desk: Desk, ledger: Ledger, now: datetime
) -> None:
    incident = declared(desk, Severity.HIGH, now)
    clocks = load(ledger, incident).state.clocks
    at = max(clocks["acknowledge"].due, clocks["contain"].due) + timedelta(minutes=1)
    for timer in due(ledger, at, "clock.breach"):
        desk.breach_clock(timer, by=WORKER, at=at)
    mine = [one for one in queued(ledger, Moment.CLOCK_BREACHED) if one.to == MAYA.id]
    assert [one.subject for one in mine] == [
        f"{incident}: time is up for Acknowledge",
        f"{incident}: time is up for Decide containment",
    ]
    for clock, message in zip(("acknowledge", "contain"), mine, strict=True):
        assert wording.utc(clocks[clock].due) in message.text


def test_a_typed_reason_reaches_the_mail(desk: Desk, ledger: Ledger, now: datetime) -> None:
    declared(desk, Severity.CRITICAL, now)
    told = queued(ledger, Moment.RECLASSIFIED)
    assert told
    assert all("as agreed by telephone" in one.text for one in told)


def test_times_carry_date_utc_and_the_receivers_zone(
    desk: Desk, ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    roster = desk._roster()
    there = tuple(
        person.model_copy(update={"timezone": "Asia/Kolkata"}) if person.id == PRIYA.id else person
        for person in roster.people
    )
    monkeypatch.setattr(desk, "_roster", lambda: roster.model_copy(update={"people": there}))
    monkeypatch.setattr(desk, "zone", "Europe/Dublin")
    at = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)
    incident = declared(desk, Severity.HIGH, at)
    due_at = load(ledger, incident).state.clocks["acknowledge"].due
    for timer in due(ledger, due_at, "clock.breach"):
        desk.breach_clock(timer, by=WORKER, at=due_at)
    (text,) = {one.text for one in queued(ledger, Moment.CLOCK_BREACHED) if one.to == PRIYA.id}
    assert "Tue 24 Nov 2026, 00:30 UTC; Tue 24 Nov, 06:00 in Asia/Kolkata" in text
    (text,) = {one.text for one in queued(ledger, Moment.CLOCK_BREACHED) if one.to == HELEN.id}
    assert "Tue 24 Nov 2026, 00:30 UTC; Tue 24 Nov, 00:30 in Europe/Dublin" in text


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("moment", [moment for moment in Moment if moment.needs_message])
def test_a_protocol_without_a_message_for_a_moment_is_refused_by_check(
    tmp_path: Path, severity: Severity, moment: Moment
) -> None:
    """R-ESC-04/missing."""
    write_workspace(tmp_path)
    file = tmp_path / "playbook.yaml"
    text = file.read_text()
    begin = text.index(f"    {severity}:\n      messages:")
    entry = text.index(f"        - on: {moment}\n", begin)
    after = min(
        place
        for mark in ("\n        - on: ", "\n      arrangements:")
        if (place := text.find(mark, entry)) > 0
    )
    file.write_text(text[:entry] + text[after + 1 :])
    document = parse_document("playbook.yaml", file.read_bytes())
    (problem,) = playbook_problems(document, understand(document, Playbook))
    assert f"nobody is written to when an incident of severity {severity} is" in problem.cause
    assert str(moment) in problem.fix
    assert problem.line == text[:begin].count("\n") + 2


# How it ends, and in whose hands it is -----------------------------------------------------------


@pytest.mark.parametrize("older", [False, True], ids=["spoken of", "older playbook"])
@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("role", [IncidentRole.INCIDENT_COMMANDER, IncidentRole.TECHNICAL_LEAD])
def test_a_role_handed_over_is_told_to_who_takes_it_who_gives_it_up_and_the_team(
    desk: Desk,
    ledger: Ledger,
    now: datetime,
    role: IncidentRole,
    severity: Severity,
    older: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R-ESC-08."""
    incident = declared(desk, severity, now)
    before = load(ledger, incident).state
    if older:
        unspoken(desk, Moment.HANDED_OVER, monkeypatch)
    desk.hand_over(incident, role, SAMUEL.id, "her shift is over", by=MAYA, at=now)
    told = queued(ledger, Moment.HANDED_OVER)
    holder = before.holder_of(role)
    assert {one.to for one in told} >= {SAMUEL.id, *(member.person for member in before.team)}
    assert len({one.to for one in told}) == len(told)
    was = f" in place of {holder.name}" if holder else ""
    said = f"Samuel Adeyemi is {role.value.replace('_', ' ')} now{was}: her shift is over"
    assert all(said in one.text for one in told)
    (mine,) = [one for one in told if one.to == SAMUEL.id]
    assert mine.role == role.value


@pytest.mark.parametrize("older", [False, True], ids=["spoken of", "older playbook"])
@pytest.mark.parametrize("false_alarm", [False, True])
@pytest.mark.parametrize("severity", list(Severity))
def test_a_dismissal_is_told_to_the_team_with_its_reason(
    desk: Desk,
    ledger: Ledger,
    now: datetime,
    severity: Severity,
    false_alarm: bool,
    older: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    incident = declared(desk, severity, now)
    if older:
        unspoken(desk, Moment.DISMISSED, monkeypatch)
    desk.dismiss(incident, "the file was a copy", false_alarm, by=MAYA, at=now)
    told = queued(ledger, Moment.DISMISSED)
    assert {one.to for one in told} >= {member.person for member in load(ledger, incident).state.team}
    assert all("the file was a copy" in one.text and "dismissed" in one.subject for one in told)
    assert all(("It was a false alarm: " in one.text) is false_alarm for one in told)


OVER = "over 22 Nov 2026, 00:00 UTC to 23 Nov 2026, 00:00 UTC, 1.9 lies over the limit 0.2"
THERE = "over 22 Nov 2026, 00:00 UTC (05:30 Kolkata) to 23 Nov 2026, 00:00 UTC (05:30 Kolkata), 1.9"


def test_times_within_a_measured_reason_are_told_where_each_receiver_is(
    desk: Desk, ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever leaves: what opens an incident, what is proposed, what is contained or late."""
    monkeypatch.setattr(desk, "zone", "Asia/Kolkata")
    start = now.replace(hour=0, minute=0) - timedelta(days=1)
    alert = alert_facts(
        start + timedelta(days=1),
        monitor="drift",
        monitor_name="Drift of income",
        lower=1.7,
        upper=2.1,
        limit=0.2,
        n=4_000,
        reason=OVER,
    )
    incident = desk.open(Report("Drift", system="loan-approval", alert=alert), by=WORKER, at=now)
    desk.classify(incident, Category.DATA_QUALITY, Severity.LOW, OVER, by=MAYA, at=now)
    desk.hand_over(incident, IncidentRole.TECHNICAL_LEAD, SAMUEL.id, OVER, by=MAYA, at=now)
    desk.dismiss(incident, OVER, by=MAYA, at=now)
    told = [one for one in queued(ledger) if "UTC" in one.text and one.about != "clock_breached"]
    assert {one.about for one in told} >= {"opened", "reclassified", "handed_over", "dismissed"}
    zones = {person.id: person.timezone for person in desk._roster().people}
    for one in told:
        assert OVER not in one.text or zones[one.to] == "UTC"
        assert THERE in one.text or zones[one.to] not in ("", "Asia/Kolkata")


def test_whoever_is_told_in_anothers_place_reads_times_as_where_they_are_themselves(
    desk: Desk, ledger: Ledger, now: datetime
) -> None:
    of = outbox.queue("email", MAYA.id, f"Due {wording.utc(now)}", OVER, zone="Europe/Berlin").facts[0]
    assert isinstance(of, MessageQueued)
    (instead,) = outbox.queue_instead(of, SAMUEL.id, "Samuel", of.text, zone="Asia/Kolkata").facts
    assert isinstance(instead, MessageQueued)
    assert "Berlin" in of.subject + of.text
    assert "Berlin" not in instead.subject + instead.text
    assert "(16:12 Kolkata)" in instead.subject
    assert THERE in instead.text
