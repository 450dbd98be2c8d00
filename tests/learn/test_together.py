"""One cause, one incident: reports and alerts end in one, two are related or merged, alerts are set aside.

R-DET-15, R-DET-09, R-PRE-07.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import select

from holdfast.app import projections
from holdfast.detect import records
from holdfast.detect.alerting import Alerting
from holdfast.detect.events import AlertContinued, AlertRaised, AlertTriaged
from holdfast.detect.handling import Handling
from holdfast.detect.records import Alert
from holdfast.evidence import custody
from holdfast.evidence.capture import Found, Scene
from holdfast.evidence.events import EvidenceFrozen, Gap, Kind
from holdfast.incident import register
from holdfast.incident.events import (
    CANNOT_MEASURE,
    AlertFacts,
    AlertJoined,
    ClockStopped,
    ImpactNoted,
    ReportJoined,
    SystemNamed,
)
from holdfast.incident.incident import Incident, NoLongerOpen, OtherSystem, Status
from holdfast.incident.loading import NoSuchIncident, load
from holdfast.incident.responding import Desk, Report
from holdfast.incident.triage import Trigger
from holdfast.integrations.folder.vault import FolderVault
from holdfast.learn import closing
from holdfast.learn.measures import measures
from holdfast.ledger import timers
from holdfast.ledger.database import Database
from holdfast.ledger.facts import Fact, decode
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.outbox import MessageQueued
from holdfast.ledger.projections import rebuild
from holdfast.prepare.terms import Category, Severity
from holdfast.problems import NoAuthority, NotAllowed
from support.alerted import alert_facts
from support.company import INES, MAYA, PRIYA, WORKER, put_in_force
from support.opened import tell

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LOANS, ASSISTANT = "loan-approval", "customer-assistant"
PERFORMANCE = Category.PERFORMANCE_DEGRADATION
FactT = TypeVar("FactT", bound=Fact)


class Asked:
    """A source that has something of every system."""

    kind = Kind.DATA_SNAPSHOTS
    title = "Inputs"

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]:
        if scene.system:
            window = f"{scene.monitor} {scene.window_start} {scene.window_end}".encode()
            yield Found(self.kind, self.title, f"{scene.system}.txt", window, "a test")


@pytest.fixture
def ledger(database: Database, tmp_path: Path, now: datetime) -> Ledger:
    made = Ledger(database, projections())
    made.create("harbourstreet.example/test")
    put_in_force(made, tmp_path / "workspace", now - timedelta(days=30))
    return made


@pytest.fixture
def desk(ledger: Ledger, tmp_path: Path) -> Desk:
    return Desk(
        ledger, FolderVault(tmp_path / "vault"), [], lambda incident: f"https://holdfast.example/{incident}"
    )


@pytest.fixture
def alerting(ledger: Ledger, desk: Desk) -> Alerting:
    return Alerting(ledger, desk)


def facts(now: datetime, number: int, value: float, dimension: str = "drift") -> AlertFacts:
    return alert_facts(
        now,
        alert=f"ALR-{number}",
        monitor=f"drift-{number}",
        dimension=dimension,
        value=value,
        reason=f"PSI {value}",
    )


def alarm(
    alerting: Alerting, at: datetime, number: int = 1, system: str = LOANS, value: float = 1.9
) -> Alert:
    """A monitor raises an alert, and the worker triages it."""
    raised = AlertRaised(system=system, series=f"s{number}", tells=(), alert=facts(at, number, value))
    (recorded,) = alerting.ledger.append(Draft(f"alert/ALR-{number}", 0, [raised]), by=WORKER, at=at)
    alerting.triage(recorded, at)
    return alerting.require(f"ALR-{number}")


def state(ledger: Ledger, incident: str = "INC-1") -> Incident:
    return load(ledger, incident).state


def incidents(ledger: Ledger) -> int:
    with ledger.reading() as conn:
        return register.next_number(conn) - 1


class TestReportAndAlertEndInOne:
    """R-DET-15."""

    def test_a_report_first_and_the_monitor_second(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        """R-DET-15/person-first."""
        desk.declare(Report("Letters are wrong", system=LOANS), by=INES, at=now)
        assert alarm(alerting, now + MINUTE).incident == "INC-1"
        assert incidents(ledger) == 1

    def test_a_report_without_a_system_first_and_the_monitor_second(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        """R-DET-15/no-system."""
        desk.declare(Report("Letters are wrong"), by=INES, at=now)
        found = alarm(alerting, now + MINUTE)
        assert found.incident == "INC-1"
        assert found.reason == "INC-1 was reported within a day and names no system"

    @pytest.mark.parametrize("by_hand", [False, True])
    def test_an_alert_that_joins_a_report_without_a_system_names_it_once_and_freezes_its_evidence(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime, by_hand: bool
    ) -> None:
        """Clocks run on from where they began, however often the reaction is handed the alert (R-DET-15)."""
        desk.sources = [Asked()]
        desk.declare(Report("Letters are wrong"), by=INES, at=now)
        before = state(ledger)
        later = now + (2 * DAY if by_hand else MINUTE)
        raised = AlertRaised(system=LOANS, series="s1", tells=(), alert=facts(later, 1, 0.3))
        (recorded,) = ledger.append(Draft("alert/ALR-1", 0, [raised]), by=WORKER, at=later)
        if by_hand:
            Handling(ledger, desk).attach(["ALR-1"], "INC-1", by=MAYA, at=later)
        for _ in range(2):
            alerting.triage(recorded, later)
        after = state(ledger)
        assert after.system == LOANS
        assert incidents(ledger) == 1
        record = [one.fact for one in register.record(ledger, "INC-1")]
        assert len([fact for fact in record if isinstance(fact, SystemNamed)]) == 1
        assert len([fact for fact in record if isinstance(fact, AlertJoined)]) == 1
        for clock, kept in before.clocks.items():
            assert after.clocks[clock].started == kept.started
        stream = ledger.stream(custody.stream_of("INC-1"))
        assert [item.name for item in custody.items(stream.events)] == ["loan-approval.txt"]

    def test_a_report_of_last_week_without_a_system_is_not_taken_for_todays_alert(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        desk.declare(Report("Letters are wrong"), by=INES, at=now)
        assert alarm(alerting, now + 2 * DAY).incident == "INC-2"

    def test_of_two_reports_without_a_system_none_is_guessed_and_both_are_related(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        """R-DET-15: that each may be what the alert is about stands on all three records."""
        for title in ("Letters are wrong", "The assistant is rude"):
            desk.declare(Report(title), by=INES, at=now)
        found = alarm(alerting, now + MINUTE)
        assert found.incident == "INC-3"
        assert "INC-2, INC-1 were reported within a day and name no system" in found.reason
        assert state(ledger, "INC-3").related == ("INC-2", "INC-1")
        for report in ("INC-1", "INC-2"):
            assert state(ledger, report).related == ("INC-3",)
            lines = [entry.line for entry in register.timeline(register.record(ledger, report))]
            assert any(line.title == "Related to INC-3" and "ALR-1" in line.detail for line in lines)

    def test_an_alert_that_waits_for_a_person_names_the_reports_it_may_be_about(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for title in ("Letters are wrong", "The assistant is rude"):
            desk.declare(Report(title), by=INES, at=now)
        monkeypatch.setattr(desk, "trigger", lambda *asked: Trigger(False, "no trigger applies"))
        found = alarm(alerting, now + MINUTE)
        assert (found.outcome, found.incident) == ("none", "")
        assert "INC-2, INC-1 were reported within a day" in found.reason
        assert state(ledger).related == ()

    def test_a_report_that_ends_while_an_alert_is_related_to_it_is_left_out(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between finding what runs and opening: what is still running alone is joined."""
        for title in ("Letters are wrong", "The assistant is rude"):
            desk.declare(Report(title), by=INES, at=now)
        opening, done = desk.open, list[bool]()

        def slow(*what: object, **how: object) -> str:
            if not done:
                done.append(True)
                closing.dismiss(desk, "INC-2", "a test", by=MAYA, at=now)
            return opening(*what, **how)  # type: ignore[arg-type]

        monkeypatch.setattr(desk, "open", slow)
        assert alarm(alerting, now + MINUTE).incident == "INC-1"
        assert incidents(ledger) == 2

    def test_the_monitor_first_and_a_report_on_its_system_second(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        """R-DET-15/monitor-first."""
        alarm(alerting, now)
        report = Report("Letters are wrong", "since this morning", LOANS, began_at=now - 3 * DAY)
        what = desk.declare(report, by=INES, at=now + MINUTE)
        assert (what.incident, what.joined) == ("INC-1", True)
        found = state(ledger)
        assert found.reports == ("Letters are wrong",)
        assert found.began_at == now - 3 * DAY
        lines = [entry.line.title for entry in register.timeline(register.record(ledger, "INC-1"))]
        assert "Report joined: Letters are wrong" in lines

    def test_the_monitor_first_and_a_report_without_a_system_joins_what_its_reporter_sees_running(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now)
        what = desk.declare(Report("Letters are wrong"), "INC-1", by=INES, at=now + MINUTE)
        assert (what.incident, what.joined, incidents(ledger)) == ("INC-1", True, 1)

    def test_the_monitor_first_and_a_report_without_a_system_second(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        """R-DET-15/monitor-first: as the other way round, within a day, and unless it is separate."""
        alarm(alerting, now)
        what = desk.declare(Report("Letters are wrong"), by=INES, at=now + MINUTE)
        assert (what.incident, what.joined, incidents(ledger)) == ("INC-1", True, 1)
        apart = desk.declare(Report("The lift is stuck"), separate=True, by=INES, at=now + 2 * MINUTE)
        assert (apart.incident, apart.joined) == ("INC-2", False)
        later = desk.declare(Report("Letters are odd"), by=INES, at=now + 2 * DAY)
        assert (later.incident, [one.id for one in later.running]) == ("INC-3", ["INC-2", "INC-1"])

    def test_of_two_that_monitors_noticed_none_is_guessed_for_a_report_without_a_system(
        self, desk: Desk, alerting: Alerting, now: datetime
    ) -> None:
        alarm(alerting, now)
        desk.open(Report("Refusals", system=ASSISTANT, alert=facts(now, 2, 1.9)), by=WORKER, at=now)
        what = desk.declare(Report("Letters are wrong"), by=INES, at=now + MINUTE)
        assert (what.incident, [one.id for one in what.running]) == ("INC-3", ["INC-2", "INC-1"])

    def test_that_monitoring_is_down_is_not_what_a_report_without_a_system_is_about(
        self, desk: Desk, now: datetime
    ) -> None:
        blind = replace(facts(now, 1, 1.9), metric=CANNOT_MEASURE)
        desk.open(Report("Cannot measure", system=LOANS, alert=blind), by=WORKER, at=now)
        assert desk.declare(Report("Letters are wrong"), by=INES, at=now).incident == "INC-2"

    def test_one_that_is_separate_is_one_of_its_own_and_is_told_what_else_runs(
        self, desk: Desk, alerting: Alerting, now: datetime
    ) -> None:
        alarm(alerting, now)
        what = desk.declare(Report("Rude answers", system=LOANS), separate=True, by=INES, at=now)
        assert (what.incident, what.joined) == ("INC-2", False)
        assert [one.id for one in what.running] == ["INC-1"]

    def test_on_another_system_nothing_is_joined(self, desk: Desk, alerting: Alerting, now: datetime) -> None:
        alarm(alerting, now)
        assert desk.declare(Report("Rude answers", system=ASSISTANT), by=INES, at=now).incident == "INC-2"

    def test_a_joining_reporter_who_states_a_graver_severity_is_heard(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now)
        report = Report("All letters", system=LOANS, severity=Severity.CRITICAL)
        desk.declare(report, by=INES, at=now + MINUTE)
        found = state(ledger)
        assert (found.severity, found.tier) == (Severity.CRITICAL, 3)
        assert found.clocks["acknowledge"].due == now + 15 * MINUTE

    def test_joining_what_is_not_there_or_over_is_refused_and_nothing_happens(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        with pytest.raises(NoSuchIncident, match="no incident INC-9"):
            desk.declare(Report("x"), "INC-9", by=INES, at=now)
        alarm(alerting, now)
        closing.dismiss(desk, "INC-1", "a test", by=MAYA, at=now)
        before = ledger.size()
        with pytest.raises(NoLongerOpen, match="dismissed"):
            desk.declare(Report("x"), "INC-1", by=INES, at=now)
        with pytest.raises(NotAllowed, match="give the incident a title"):
            desk.declare(Report(" "), by=INES, at=now)
        assert ledger.size() == before

    def test_an_alert_after_the_resolution_opens_one_of_its_own(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now)
        resolve(desk, ledger, now)
        assert alarm(alerting, now + DAY, 2).incident == "INC-2"

    def test_an_alert_whose_incident_is_resolved_meanwhile_looks_again(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between finding what runs and joining it."""
        alarm(alerting, now)
        join = desk.join
        done: list[bool] = []

        def slow(*what: object, **how: object) -> None:
            if not done:
                done.append(True)
                resolve(desk, ledger, now)
            join(*what, **how)  # type: ignore[arg-type]

        monkeypatch.setattr(desk, "join", slow)
        assert alarm(alerting, now + MINUTE, 2).incident == "INC-2"
        assert [one.alert for one in state(ledger).alerts] == ["ALR-1"]

    def test_an_alert_that_goes_on_worse_is_seen(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now, value=0.3)
        assert state(ledger).severity is Severity.MEDIUM
        went_on = AlertContinued(system=LOANS, series="s1", alert=facts(now, 1, 0.9))
        stream = ledger.stream("alert/ALR-1")
        (recorded,) = ledger.append(Draft(stream.name, stream.version, [went_on]), by=WORKER, at=now + DAY)
        for _ in range(2):
            alerting.went_on(recorded, now + DAY)
        assert state(ledger).severity is Severity.HIGH
        assert len([one for one in ledger.facts() if one.fact.type == "incident.alert_worsened"]) == 1


def resolve(desk: Desk, ledger: Ledger, at: datetime) -> None:
    desk.acknowledge("INC-1", by=MAYA, at=at)
    desk.classify("INC-1", PERFORMANCE, Severity.HIGH, "", by=MAYA, at=at)
    tell(ledger, "INC-1", *state(ledger).establish_cause("a default"), at=at)
    closing.resolve(desk, "INC-1", "Rolled back.", "labels take a month", by=MAYA, at=at)


class TestEnding:
    def test_resolving_needs_an_answer_a_persons_classification_and_authority(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now)
        tell(ledger, "INC-1", *state(ledger).establish_cause("a default"), at=now)
        with pytest.raises(NotAllowed, match="nobody has acknowledged INC-1"):
            closing.resolve(desk, "INC-1", "Rolled back.", "none", by=MAYA, at=now)
        desk.acknowledge("INC-1", by=MAYA, at=now)
        with pytest.raises(NotAllowed, match="confirm category and severity"):
            closing.resolve(desk, "INC-1", "Rolled back.", "none", by=MAYA, at=now)
        desk.classify("INC-1", PERFORMANCE, Severity.HIGH, "", by=PRIYA, at=now)
        with pytest.raises(NoAuthority, match="Priya Raman may not resolve or close"):
            closing.resolve(desk, "INC-1", "Rolled back.", "none", by=PRIYA, at=now)
        assert state(ledger).status is Status.OPEN
        closing.resolve(desk, "INC-1", "Rolled back.", "labels take a month", by=MAYA, at=now)
        assert state(ledger).status is Status.RESOLVED


class TestDismissing:
    @pytest.mark.parametrize("false_alarm", [True, False])
    def test_its_alerts_are_set_aside_with_it_as_false_alarms_where_that_is_the_reason(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime, false_alarm: bool
    ) -> None:
        """R-DET-09. R-DET-09/false-alarms, R-PRE-07/dismissed."""
        for number in (1, 2):
            alarm(alerting, now, number)
        closing.dismiss(desk, "INC-1", "a planned change", false_alarm, by=MAYA, at=now + MINUTE)
        for number in (1, 2):
            found = alerting.require(f"ALR-{number}")
            assert (found.outcome, found.false_alarm, found.incident) == ("set aside", false_alarm, "INC-1")
            assert "INC-1 was dismissed: a planned change" in found.reason
        with ledger.reading() as conn:
            counted = records.false_alarms(conn, LOANS)
        assert counted["drift-1"] == (int(false_alarm), 1)
        titles = [entry.line.title for entry in register.timeline(register.record(ledger, "INC-1"))]
        assert ("Dismissed as a false alarm" if false_alarm else "Dismissed") in titles

    def test_what_is_resolved_is_closed_and_not_dismissed(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now)
        resolve(desk, ledger, now)
        with pytest.raises(NotAllowed, match="closed, not dismissed"):
            closing.dismiss(desk, "INC-1", "a test", by=MAYA, at=now)

    def test_an_alert_can_leave_an_incident_that_goes_on(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now, 1, value=0.3)
        alarm(alerting, now, 2, value=1.9)
        assert state(ledger).severity is Severity.HIGH
        Handling(ledger, desk).set_aside(["ALR-2"], "a test feed", True, by=MAYA, at=now + MINUTE)
        found = state(ledger)
        assert [one.alert for one in found.alerts] == ["ALR-1"]
        # The rules propose without it; what is in force, a person lowers.
        assert found.severity is Severity.HIGH
        assert found.proposed is not None
        assert found.proposed.severity is Severity.MEDIUM
        assert alerting.require("ALR-2").false_alarm

    def test_the_only_alert_of_an_incident_goes_with_the_incident(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now)
        before = ledger.size()
        with pytest.raises(NotAllowed, match="dismiss the incident, and the alert is set aside with it"):
            Handling(ledger, desk).set_aside(["ALR-1"], "noise", True, by=MAYA, at=now)
        assert ledger.size() == before


class TestTwoThatAreOne:
    def test_related_incidents_say_so_on_both_records(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        for title in ("Letters", "Scores"):
            desk.declare(Report(title), by=INES, at=now)
        for _ in range(2):
            desk.relate("INC-1", "INC-2", "the same feed", by=PRIYA, at=now)
        assert (state(ledger, "INC-1").related, state(ledger, "INC-2").related) == (("INC-2",), ("INC-1",))
        assert len([one for one in ledger.facts() if one.fact.type == "incident.related"]) == 2
        with pytest.raises(NotAllowed, match="cannot be related to itself"):
            desk.relate("INC-1", "INC-1", "x", by=PRIYA, at=now)
        with pytest.raises(NotAllowed, match="have to do with one another"):
            desk.relate("INC-1", "INC-2", " ", by=PRIYA, at=now)

    def test_a_merged_incident_ends_and_its_alerts_severity_and_beginning_go_on_in_the_other(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        """R-DET-15/merged."""
        desk.open(Report("Letters are wrong", system=LOANS), by=INES, at=now)
        desk.open(
            Report("Drift", system=LOANS, alert=facts(now, 1, 1.9), began_at=now - 9 * DAY), by=WORKER, at=now
        )
        raised = AlertRaised(system=LOANS, series="s1", tells=(), alert=facts(now, 1, 1.9))
        ledger.append(Draft("alert/ALR-1", 0, [raised]), by=WORKER, at=now)
        stream = ledger.stream("alert/ALR-1")
        tell_triaged(ledger, stream.version, now)
        closing.merge(desk, "INC-2", "INC-1", "the same letters", by=MAYA, at=now + MINUTE)
        one, two = state(ledger, "INC-2"), state(ledger, "INC-1")
        assert (one.status, one.merged_into) == (Status.MERGED, "INC-1")
        assert not any(clock.running for clock in one.clocks.values())
        stopped = [fact.fact for fact in ledger.facts() if isinstance(fact.fact, ClockStopped)]
        assert {fact.reason for fact in stopped} == {"merged into INC-1"}
        assert timers.armed(ledger, "INC-2") == []
        assert two.absorbed == ("INC-2",)
        assert [alert.alert for alert in two.alerts] == ["ALR-1"]
        assert (two.severity, two.tier, two.began_at) == (Severity.HIGH, 2, now - 9 * DAY)
        assert two.clocks["acknowledge"].due == now + timedelta(hours=2)
        assert alerting.require("ALR-1").incident == "INC-1"
        with ledger.reading() as conn:
            assert register.incident_of_alert(conn, "ALR-1") == "INC-1"
        with pytest.raises(NotAllowed, match="the response goes on in INC-1"):
            desk.note("INC-2", "one more thing", by=MAYA, at=now + MINUTE)
        # Whoever worked on it hears where the work goes on.
        moved = [
            fact.fact.to
            for fact in ledger.facts()
            if isinstance(fact.fact, MessageQueued) and "INC-2 goes on as INC-1" in fact.fact.subject
        ]
        assert moved
        assert len(moved) == len(set(moved))

    def test_a_merged_incident_is_counted_once(self, desk: Desk, ledger: Ledger, now: datetime) -> None:
        for title in ("Letters", "Scores"):
            desk.declare(Report(title), by=INES, at=now)
        closing.merge(desk, "INC-2", "INC-1", "the same letters", by=MAYA, at=now)
        found = measures([state(ledger), state(ledger, "INC-2")], 0, now)
        assert (found.incidents, found.merged, found.dismissed) == (1, 1, 0)

    def test_merging_needs_authority_a_reason_one_system_and_two_that_run(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now)
        desk.declare(Report("Rude answers", system=ASSISTANT), by=INES, at=now)
        desk.declare(Report("Odd letters"), separate=True, by=INES, at=now)
        before = ledger.size()
        for one, two, who, reason, kind, sentence in (
            ("INC-3", "INC-1", PRIYA, "the same", NoAuthority, "Priya Raman may not dismiss"),
            ("INC-3", "INC-1", MAYA, "  ", NotAllowed, "how it is known that the two are one"),
            ("INC-2", "INC-1", MAYA, "the same", NotAllowed, "Relate them instead"),
            ("INC-1", "INC-1", MAYA, "the same", NotAllowed, "into itself"),
            ("INC-1", "INC-9", MAYA, "the same", NoSuchIncident, "no incident INC-9"),
        ):
            with pytest.raises(kind, match=sentence):
                closing.merge(desk, one, two, reason, by=who, at=now)
        assert ledger.size() == before
        closing.merge(desk, "INC-3", "INC-1", "the same letters", by=MAYA, at=now)
        with pytest.raises(NotAllowed, match="merged"):
            closing.merge(desk, "INC-3", "INC-1", "again", by=MAYA, at=now)

    def test_the_graver_of_the_two_is_in_force_and_whoever_may_decide_is_told(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        """R-CLS-03, R-CLS-05: nobody has lowered the graver one."""
        desk.open(Report("Letters", system=LOANS), by=INES, at=now)
        desk.classify("INC-1", Category.UNEXPECTED_BEHAVIOUR, Severity.MEDIUM, "", by=PRIYA, at=now)
        desk.open(Report("Drift", system=LOANS, alert=facts(now, 1, 1.9)), by=WORKER, at=now)
        before = ledger.size()
        closing.merge(desk, "INC-2", "INC-1", "the same letters", by=MAYA, at=now + MINUTE)
        found = state(ledger)
        assert (found.severity, found.category) == (Severity.HIGH, Category.UNEXPECTED_BEHAVIOUR)
        assert (found.classified_at, found.status) == (None, Status.TRIAGE)
        assert found.clocks["acknowledge"].due == now + timedelta(hours=2)
        told = [one.fact for one in ledger.facts(after=before - 1) if isinstance(one.fact, MessageQueued)]
        asked = [one for one in told if "waits for a decision on its severity" in one.subject]
        assert MAYA.id in {one.to for one in asked}
        assert all("INC-2 was SEV-2" in one.text and "decided on SEV-3" in one.text for one in asked)
        desk.classify(
            "INC-1", found.category, Severity.MEDIUM, "only one branch", by=MAYA, at=now + 2 * MINUTE
        )
        assert state(ledger).severity is Severity.MEDIUM

    def test_what_a_person_stated_of_the_harm_there_is_read_here_and_named(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        """R-CLS-03, R-ESC-02: also after somebody has classified this one."""
        for title in ("Letters", "Scores"):
            desk.open(Report(title, system=LOANS), by=INES, at=now)
        desk.classify("INC-1", Category.UNEXPECTED_BEHAVIOUR, Severity.MEDIUM, "as seen", by=MAYA, at=now)
        noted = ImpactNoted(incident="INC-2", users=20_000, breach=True, by_person=True)
        ledger.append(*desk.noted(load(ledger, "INC-2"), noted, now), by=INES, at=now)
        there = state(ledger, "INC-2")
        closing.merge(desk, "INC-2", "INC-1", "the same letters", by=MAYA, at=now + MINUTE)
        found = state(ledger)
        assert (found.severity, found.tier) == (there.severity, there.tier)
        assert found.proposed
        assert there.proposed
        assert found.proposed.severity is there.proposed.severity
        assert found.people_known == ["20,000 people affected, as known of INC-2"]
        told = [one.fact for one in ledger.facts() if isinstance(one.fact, MessageQueued)]
        now_graver = [one for one in told if one.incident == "INC-1" and "20,000 people" in one.text]
        assert now_graver
        assert all("as known of INC-2" in one.text for one in now_graver)
        assert found.category
        assert found.severity
        desk.classify("INC-1", found.category, found.severity, "so it is", by=MAYA, at=now + 2 * MINUTE)
        assert state(ledger).people_known == found.people_known

    def test_projections_rebuild_to_the_same_rows(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now)
        desk.declare(Report("Odd letters"), separate=True, by=INES, at=now)
        desk.relate("INC-1", "INC-2", "the same feed", by=PRIYA, at=now)
        closing.merge(desk, "INC-2", "INC-1", "the same letters", by=MAYA, at=now)
        closing.dismiss(desk, "INC-1", "a planned change", True, by=MAYA, at=now)

        def rows() -> list[object]:
            with ledger.reading() as conn:
                return [
                    tuple(row)
                    for projection in ledger.projections
                    for table in projection.tables
                    for row in conn.execute(table.select().order_by(*table.primary_key.columns))
                ]

        before = rows()
        rebuild(ledger)
        assert rows() == before


def tell_triaged(ledger: Ledger, version: int, at: datetime) -> None:
    triaged = AlertTriaged(alert="ALR-1", incident="INC-2", outcome="opened", reason="a trigger")
    ledger.append(Draft("alert/ALR-1", version, [triaged]), by=WORKER, at=at)


class TestWhatJoinsIsAboutTheSystemOfTheIncident:
    """R-DET-15: one record speaks of one system, whichever door something joins by."""

    def test_a_joining_report_names_the_system_of_an_incident_that_names_none(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        """Evidence is frozen and clocks run on, as when a person names the system later."""
        desk.sources = [Asked()]
        desk.declare(Report("Letters are wrong"), by=INES, at=now)
        before = state(ledger)
        report = Report(
            "All letters", "since noon", LOANS, "2025.3", began_at=now - DAY, severity=Severity.HIGH
        )
        desk.declare(report, "INC-1", by=MAYA, at=now + MINUTE)
        after = state(ledger)
        assert (after.system, after.model_version, after.began_at) == (LOANS, "2025.3", now - DAY)
        for clock, kept in before.clocks.items():
            assert after.clocks[clock].started == kept.started
        assert held(ledger) == [f"{LOANS}.txt"]
        joined = the(ledger, ReportJoined)
        assert [(fact.system, fact.model_version) for fact in joined] == [(LOANS, "2025.3")]
        lines = [entry.line for entry in register.timeline(register.record(ledger, "INC-1"))]
        began = f"it began {now - DAY:%d %b %H:%M} UTC, as they say"
        said = f"since noon; about loan-approval, version 2025.3; {began}"
        assert ("Report joined: All letters", said) in [(line.title, line.detail) for line in lines]
        assert "It is about loan-approval" in [line.title for line in lines]

    def test_a_joining_report_on_an_unknown_system_is_refused_as_declaring_refuses_it(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now)
        desk.declare(Report("Odd letters"), separate=True, by=INES, at=now)
        before = ledger.size()
        for into in ("INC-1", "INC-2"):
            with pytest.raises(NotAllowed, match="no AI system is called 'loan-aproval'; did you mean"):
                desk.declare(Report("Letters", system="loan-aproval"), into, by=INES, at=now)
        assert ledger.size() == before

    def test_a_joining_report_about_another_system_is_refused(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now)
        before = ledger.size()
        with pytest.raises(OtherSystem, match="is about customer-assistant and INC-1 about loan-approval"):
            desk.declare(Report("Rude", system=ASSISTANT), "INC-1", by=INES, at=now)
        assert ledger.size() == before

    def test_a_joining_report_tells_a_version_that_was_not_known_and_overwrites_none(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        desk.open(Report("Letters are wrong", system=LOANS), by=INES, at=now)
        desk.declare(Report("Still", model_version="2025.3"), "INC-1", by=INES, at=now)
        assert state(ledger).model_version == "2025.3"
        desk.declare(Report("Mine", system=LOANS, model_version="2025.2"), "INC-1", by=INES, at=now)
        assert state(ledger).model_version == "2025.3"
        assert [fact.model_version for fact in the(ledger, ReportJoined)] == ["2025.3", "2025.2"]

    def test_a_report_that_joined_before_its_system_was_kept_is_read(self) -> None:
        old = {"incident": "INC-1", "title": "Letters", "description": "", "began_at": None}
        by = {"kind": INES.kind, "id": INES.id, "name": INES.name}
        _, fact = decode(ReportJoined.type, {"v": 1, "by": by, "data": old})
        assert fact == ReportJoined(incident="INC-1", title="Letters")

    def test_what_joins_is_not_separate_as_well(self, desk: Desk, alerting: Alerting, now: datetime) -> None:
        alarm(alerting, now)
        with pytest.raises(NotAllowed, match="say one of the two"):
            desk.declare(Report("Letters"), "INC-1", separate=True, by=INES, at=now)

    def test_an_alert_of_another_system_is_not_attached(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        alarm(alerting, now)
        waiting(ledger, now, 2, ASSISTANT)
        before = ledger.size()
        with pytest.raises(OtherSystem, match="ALR-2 is about customer-assistant and INC-1 about loan-app"):
            Handling(ledger, desk).attach(["ALR-2"], "INC-1", by=MAYA, at=now)
        assert ledger.size() == before

    @pytest.mark.parametrize("system", ["", LOANS])
    def test_alerts_of_two_systems_are_not_attached_together(
        self, desk: Desk, ledger: Ledger, now: datetime, system: str
    ) -> None:
        desk.open(Report("Letters are wrong", system=system), by=INES, at=now)
        waiting(ledger, now, 1, LOANS)
        waiting(ledger, now, 2, ASSISTANT)
        before = ledger.size()
        for alerts in (["ALR-1", "ALR-2"], ["ALR-2", "ALR-1"]):
            with pytest.raises(NotAllowed, match="about customer-assistant and loan-approval; one record"):
                Handling(ledger, desk).attach(alerts, "INC-1", by=MAYA, at=now)
        assert ledger.size() == before

    def test_an_alert_whose_incident_is_said_to_be_about_another_system_meanwhile_looks_again(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between finding what runs and joining it."""
        desk.declare(Report("Rude answers"), by=INES, at=now)
        join, done = desk.join, list[bool]()

        def slow(*what: object, **how: object) -> None:
            if not done:
                done.append(True)
                desk.name_system("INC-1", ASSISTANT, by=MAYA, at=now)
            join(*what, **how)  # type: ignore[arg-type]

        monkeypatch.setattr(desk, "join", slow)
        assert alarm(alerting, now + MINUTE).incident == "INC-2"
        assert (state(ledger).system, state(ledger).alerts) == (ASSISTANT, ())


class TestWhatJoinsIsPreserved:
    """R-EVD-02: what becomes known to belong to an incident is frozen when it joins."""

    def test_a_later_alert_freezes_its_own_window(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        desk.sources = [Asked()]
        alarm(alerting, now)
        assert len(held(ledger)) == 1
        alarm(alerting, now + DAY, 2)
        assert len(held(ledger)) == 2
        assert [len(fact.items) for fact in the(ledger, EvidenceFrozen)] == [1, 1]

    def test_alerts_of_one_run_are_frozen_once(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        desk.sources = [Asked()]
        for number in (1, 2, 3):
            alarm(alerting, now, number)
        assert len(held(ledger)) == 1

    @pytest.mark.parametrize("days", [-9, 2])
    def test_attached_alerts_freeze_their_windows(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime, days: int
    ) -> None:
        """Earlier than what is held, or later."""
        desk.sources = [Asked()]
        alarm(alerting, now)
        for number in (2, 3):
            waiting(ledger, now + days * DAY, number)
        Handling(ledger, desk).attach(["ALR-2", "ALR-3"], "INC-1", by=MAYA, at=now + 3 * DAY)
        assert len(held(ledger)) == 2

    def test_a_joining_report_of_an_earlier_beginning_freezes_what_was_since_then(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        desk.sources = [Asked()]
        alarm(alerting, now)
        desk.declare(Report("Letters", began_at=now - 9 * DAY), "INC-1", by=INES, at=now + MINUTE)
        assert len(held(ledger)) == 2
        desk.declare(Report("Letters", began_at=now - 3 * DAY), "INC-1", by=INES, at=now + MINUTE)
        assert len(held(ledger)) == 2

    def test_an_alert_that_goes_on_worse_freezes_its_later_window(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        desk.sources = [Asked()]
        alarm(alerting, now, value=0.3)
        desk.worsen("INC-1", facts(now + DAY, 1, 0.9), by=WORKER, at=now + DAY)
        assert len(held(ledger)) == 2

    def test_what_people_have_to_add_is_stated_once_and_stays(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        """R-EVD-02: the list of what is missing is complete, whichever freezing was the last."""
        desk.sources = [Asked()]
        alarm(alerting, now)
        before = custody.held(ledger, "INC-1").gaps
        assert before
        alarm(alerting, now + DAY, 2)
        stated = [gap for fact in the(ledger, EvidenceFrozen) for gap in fact.missing]
        assert len(stated) == len(set(stated))
        assert custody.held(ledger, "INC-1").gaps == before

    @pytest.mark.parametrize("by_monitor", [True, False])
    def test_the_system_of_a_merged_incident_follows_where_the_other_names_none(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime, by_monitor: bool
    ) -> None:
        """R-DET-15/merged: merged this way round or the other, the one that goes on has all of it."""
        desk.sources = [Asked()]
        desk.declare(Report("Odd letters"), by=INES, at=now - 2 * DAY)
        if by_monitor:
            alarm(alerting, now)
        else:
            desk.open(Report("Letters", system=LOANS, model_version="2025.3"), by=INES, at=now)
        before = state(ledger).clocks
        closing.merge(desk, "INC-2", "INC-1", "the same letters", by=MAYA, at=now + MINUTE)
        found = state(ledger)
        assert found.system == LOANS
        assert found.model_version == state(ledger, "INC-2").model_version != ""
        assert [alert.alert for alert in found.alerts] == (["ALR-1"] if by_monitor else [])
        assert held(ledger) == [f"{LOANS}.txt"]
        assert {clock: one.started for clock, one in found.clocks.items()} == {
            clock: one.started for clock, one in before.items()
        }

    def test_alerts_of_another_system_stay_so_in_whatever_their_incident_is_merged_into(
        self, desk: Desk, alerting: Alerting, ledger: Ledger, now: datetime
    ) -> None:
        """An alert opened it, a person said that it is about another system, and that one has an incident."""
        alarm(alerting, now)
        desk.open(Report("Answers", system=ASSISTANT), by=INES, at=now)
        desk.name_system(
            "INC-1", ASSISTANT, "", "the answers were wrong, not the letters", by=MAYA, at=now + MINUTE
        )
        assert state(ledger).own_alerts == ()
        closing.merge(desk, "INC-1", "INC-2", "the same letters", by=MAYA, at=now + 2 * MINUTE)
        found = state(ledger, "INC-2")
        assert [alert.alert for alert in found.alerts] == ["ALR-1"]
        assert (found.system, found.own_alerts) == (ASSISTANT, ())
        causes = register.incident_causes
        with ledger.reading() as conn:
            of = conn.execute(select(causes.c.incident, causes.c.system)).all()
        assert [tuple(row) for row in of] == [("INC-2", LOANS)]
        desk.open(Report("Answers again", system=ASSISTANT), by=INES, at=now + 3 * MINUTE)
        closing.merge(desk, "INC-2", "INC-3", "and these", by=MAYA, at=now + 4 * MINUTE)
        assert state(ledger, "INC-3").own_alerts == ()

    def test_a_merged_incident_on_the_same_system_freezes_what_the_other_lacks(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        desk.sources = [Asked()]
        desk.open(Report("Letters", system=LOANS, began_at=now - DAY), by=INES, at=now)
        alert = facts(now - 9 * DAY, 1, 1.9)
        desk.open(Report("Drift", system=LOANS, alert=alert), by=WORKER, at=now)
        closing.merge(desk, "INC-2", "INC-1", "the same letters", by=MAYA, at=now + MINUTE)
        assert len(held(ledger)) == 2


def waiting(ledger: Ledger, at: datetime, number: int, system: str = LOANS) -> None:
    """An alert that opened nothing and waits for a person."""
    raised = AlertRaised(system=system, series=f"s{number}", tells=(), alert=facts(at, number, 0.3))
    left = AlertTriaged(alert=f"ALR-{number}", outcome="none", reason="no trigger applies")
    ledger.append(Draft(f"alert/ALR-{number}", 0, [raised, left]), by=WORKER, at=at)


def held(ledger: Ledger) -> list[str]:
    """Names of what is preserved for INC-1."""
    return [item.name for item in custody.held(ledger, "INC-1").items]


def the(ledger: Ledger, kind: type[FactT]) -> list[FactT]:
    """The facts of one kind on the record of INC-1."""
    return [one.fact for one in register.record(ledger, "INC-1") if isinstance(one.fact, kind)]
