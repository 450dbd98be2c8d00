"""From the prediction log to the incident: measured, alerted, triaged, evidence frozen."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from holdfast.detect import capture, counting, records
from holdfast.detect.alerting import Alerting
from holdfast.detect.bounds import Known, bounds_of
from holdfast.detect.counting import Asked
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.events import (
    AlertCleared,
    AlertRaised,
    MonitorFailed,
    MonitoringFailed,
    MonitoringRan,
    MonitorMeasured,
)
from holdfast.detect.monitoring import Monitoring, monitor_memory
from holdfast.detect.reading import Reader
from holdfast.detect.records import Detection
from holdfast.evidence import custody
from holdfast.incident.events import IncidentOpened
from holdfast.incident.loading import load
from holdfast.incident.register import Register
from holdfast.incident.responding import Desk, Report
from holdfast.integrations.folder.vault import FolderVault
from holdfast.ledger import timers
from holdfast.ledger.database import Database
from holdfast.ledger.facts import Fact
from holdfast.ledger.ledger import AlreadyFired, Ledger, Stream
from holdfast.ledger.outbox import Outbox
from holdfast.ledger.projections import rebuild
from holdfast.ledger.reactions import Reaction, react
from holdfast.ledger.timers import Timers
from holdfast.people import SYSTEM
from holdfast.prepare import versions
from holdfast.prepare.events import SystemApplied, SystemWithdrawn
from holdfast.prepare.records import Preparation
from holdfast.prepare.systems import Monitor
from holdfast.problems import NotAllowed
from holdfast.rehearse.lending import SYSTEM as LOANS
from holdfast.rehearse.lending import Lender, midnight
from support.company import INES, MAYA, put_in_force

FAULT = date(2026, 11, 11)
MORNING = timedelta(hours=6)


def morning(day: date) -> datetime:
    return midnight(day) + MORNING


class Bank:
    """The starter's lender with a log, its monitors and its desk."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.ledger = Ledger(database, [Timers(), Outbox(), Preparation(), Register(), Detection()])
        self.ledger.create("harbourstreet.example/test")
        put_in_force(self.ledger, self.workspace, morning(FAULT - timedelta(days=1)))
        self.lender = Lender(self.workspace, midnight(FAULT), midnight(FAULT + timedelta(days=2)))
        self.lender.write_model()
        self.lender.write_reference(date(2026, 9, 1), days=20)
        self.write(FAULT - timedelta(days=8), FAULT)
        vault = FolderVault(folder / "vault")
        self.desk = Desk(self.ledger, vault, capture.sources(self.ledger, self.workspace, DuckDB), str)
        self.monitoring = Monitoring(self.ledger, self.workspace, DuckDB)
        alerting = Alerting(self.ledger, self.desk)
        self.reactions = [
            Reaction("watch", (SystemApplied, SystemWithdrawn), self.monitoring.follow),
            Reaction("triage", (AlertRaised,), alerting.triage),
        ]

    def write(self, first: date, end: date) -> None:
        for offset in range((end - first).days):
            self.lender.write_day(first + timedelta(days=offset))

    def run(self, at: datetime) -> tuple[str, ...]:
        """One run of the monitors and what follows; the alerts raised."""
        ran = self.monitoring.run(LOANS, by=SYSTEM, at=at)
        react(self.ledger, self.reactions, at)
        return ran.raised

    def go_wrong(self) -> None:
        """Until the morning after the first faulty day."""
        assert self.run(morning(FAULT)) == ()
        self.write(FAULT, FAULT + timedelta(days=1))
        assert self.run(morning(FAULT + timedelta(days=1))) == ("ALR-1",)

    def facts(self, kind: type[Fact]) -> list[Fact]:
        return [recorded.fact for recorded in self.ledger.facts() if isinstance(recorded.fact, kind)]


@pytest.fixture
def bank(database: Database, tmp_path: Path) -> Bank:
    return Bank(database, tmp_path)


def test_a_fault_in_the_inputs_opens_an_incident_with_its_evidence(bank: Bank) -> None:
    """R-DET-03, R-DET-08/evidence, R-EVD-02. R-PRE-07/opens."""
    bank.go_wrong()
    state = load(bank.ledger, "INC-1").state
    assert state.alerts[0].monitor == "employment-years-drift"
    assert (state.system, state.model_version, state.began_at) == (LOANS, "3.2.0", midnight(FAULT))
    items = custody.items(bank.ledger.stream(custody.stream_of("INC-1")).events)
    assert [item.name for item in items] == [
        "predictions.parquet",
        "labels.parquet",
        "measurements.json",
        "system.yaml",
        "playbook.yaml",
        "loan-approval-3.2.0.json",
        "reference.json",
        "loan-approval.parquet",
    ]
    frozen = bank.desk.vault.path_of(items[0].sha256)
    (faulty,) = (
        duckdb.connect()
        .execute(
            f"SELECT count(*) FROM read_parquet('{frozen}') WHERE channel = 'broker' "
            "AND timestamp >= '2026-11-11' AND employment_years > 40"
        )
        .fetchall()[0]
    )
    assert faulty > 30
    (early,) = (
        duckdb.connect()
        .execute(
            f"SELECT count(*) FROM read_parquet('{bank.desk.vault.path_of(items[1].sha256)}') "
            f"WHERE arrived_at > TIMESTAMP '2026-11-12 06:00'"
        )
        .fetchall()[0]
    )
    assert early == 0, "a label that was not known yet is no evidence of what was known"


def test_later_firings_join_the_open_alert_and_it_clears_after_three_windows(bank: Bank) -> None:
    """R-DET-09/one-alert."""
    bank.go_wrong()
    bank.write(FAULT + timedelta(days=1), FAULT + timedelta(days=6))
    raised = [bank.run(morning(FAULT + timedelta(days=n))) for n in range(2, 7)]
    assert raised == [()] * 5
    with bank.ledger.reading() as conn:
        (alert,) = records.find_alerts(conn)
    assert (alert.firings, alert.state, alert.outcome, alert.incident) == (2, "cleared", "opened", "INC-1")
    assert alert.cleared_at == morning(FAULT + timedelta(days=5))


def test_an_alert_joins_what_a_person_has_reported(bank: Bank) -> None:
    """R-DET-15: a person reporting and a monitor firing on the same cause end in one incident."""
    at = morning(FAULT)
    bank.run(at)
    bank.desk.open(Report("Brokers are always approved", system=LOANS), by=INES, at=at)
    bank.write(FAULT, FAULT + timedelta(days=1))
    bank.run(morning(FAULT + timedelta(days=1)))
    assert [alert.alert for alert in load(bank.ledger, "INC-1").state.alerts] == ["ALR-1"]
    with bank.ledger.reading() as conn:
        (alert,) = records.find_alerts(conn)
    assert (alert.outcome, alert.incident) == ("joined", "INC-1")


def test_two_workers_triage_one_alert_and_open_one_incident(bank: Bank) -> None:
    """R-DET-15, R-XCT-05: what an alert led to stands in the transaction that leads there."""
    bank.run(morning(FAULT))
    bank.write(FAULT, FAULT + timedelta(days=1))
    at = morning(FAULT + timedelta(days=1))
    bank.monitoring.run(LOANS, by=SYSTEM, at=at)
    (raised,) = (r for r in bank.ledger.facts() if isinstance(r.fact, AlertRaised))
    alerting = Alerting(bank.ledger, bank.desk)
    workers = [threading.Thread(target=alerting.triage, args=(raised, at)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    alerting.triage(raised, at)
    assert len(bank.facts(IncidentOpened)) == 1
    with bank.ledger.reading() as conn:
        (alert,) = records.find_alerts(conn)
    assert (alert.outcome, alert.incident) == ("opened", "INC-1")
    assert [known.alert for known in load(bank.ledger, "INC-1").state.alerts] == ["ALR-1"]


def test_a_run_reads_nothing_of_what_its_monitors_have_measured_before(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run costs does not grow with the streams that it goes on with."""
    bank.go_wrong()
    read: list[str] = []

    def seen(name: str) -> Stream:
        read.append(name)
        return stream(name)

    stream = bank.ledger.stream
    monkeypatch.setattr(bank.ledger, "stream", seen)
    bank.write(FAULT + timedelta(days=1), FAULT + timedelta(days=2))
    bank.monitoring.run(LOANS, by=SYSTEM, at=morning(FAULT + timedelta(days=2)))
    assert len(bank.facts(MonitoringRan)) > 1
    assert [name for name in read if name.partition("/")[0] in ("monitor", "monitoring", "alert")] == []


def test_losing_the_monitors_memory_raises_no_second_alert(bank: Bank) -> None:
    bank.go_wrong()
    with bank.ledger.database.writing() as conn:
        conn.execute(monitor_memory.delete())
    assert bank.run(morning(FAULT + timedelta(days=1)) + timedelta(hours=1)) == ()
    with bank.ledger.reading() as conn:
        assert len(records.find_alerts(conn)) == 1


class TestSchedule:
    def test_a_system_in_force_is_watched_at_once_and_then_on_schedule(self, bank: Bank) -> None:
        """R-DET-08/schedule."""
        at = morning(FAULT)
        react(bank.ledger, bank.reactions, at)
        (timer,) = (t for t in timers.due(bank.ledger, at) if t.kind == "monitoring.run")
        bank.monitoring.fire(timer, SYSTEM, at)
        (ran,) = bank.facts(MonitoringRan)
        assert isinstance(ran, MonitoringRan)
        assert (ran.next_due, ran.rows > 1000) == (at + timedelta(hours=1), True)
        with pytest.raises(AlreadyFired):
            bank.monitoring.fire(timer, SYSTEM, at)
        assert len(bank.facts(MonitoringRan)) == 1

    def test_a_log_that_is_gone_is_recorded_and_tried_again(self, bank: Bank) -> None:
        """R-XCT-07: "no alerts" and "monitoring is dead" look different."""
        at = morning(FAULT)
        (bank.workspace / "logs" / LOANS).rename(bank.workspace / "elsewhere")
        assert "logs/loan-approval" in bank.monitoring.run(LOANS, by=SYSTEM, at=at).failed
        assert len(bank.facts(MonitoringFailed)) == 1
        with bank.ledger.reading() as conn:
            run = records.runs(conn)[LOANS]
        assert (run.state, run.is_silent(at), run.last_run) == ("failing", True, None)

    def test_a_system_without_monitors_is_refused_with_the_remedy(self, bank: Bank) -> None:
        with pytest.raises(NotAllowed, match=r"customer-assistant has no prediction log"):
            bank.monitoring.run("customer-assistant", by=MAYA, at=morning(FAULT))


def test_who_is_affected_is_counted_and_not_guessed(bank: Bank) -> None:
    """R-IMP-02."""
    bank.write(FAULT, FAULT + timedelta(days=1))
    system = versions.active_systems(bank.ledger)[LOANS].model
    start, end = midnight(FAULT), midnight(FAULT + timedelta(days=1))
    found = counting.count(system, bank.workspace, DuckDB, Asked(start, end, {"channel": "broker"}))
    log = bank.workspace / "logs" / LOANS / f"{FAULT}.parquet"
    counted = (
        duckdb.connect()
        .execute(
            f"SELECT count(*), count(DISTINCT applicant_id), (SELECT count(*) FROM '{log}') "
            f"FROM '{log}' WHERE channel = 'broker'"
        )
        .fetchall()[0]
    )
    assert (found.exposed.inferences, found.exposed.users, found.total) == counted
    assert sum(own.inferences for _, own in found.groups) == found.exposed.inferences


def test_the_projections_of_detection_rebuild_to_the_same_rows(bank: Bank) -> None:
    bank.go_wrong()

    def rows() -> list[object]:
        with bank.ledger.reading() as conn:
            return [sorted(map(tuple, conn.execute(table.select())), key=repr) for table in Detection.tables]

    before = rows()
    rebuild(bank.ledger)
    assert rows() == before


def test_the_same_seed_writes_the_same_days(tmp_path: Path) -> None:
    fault = datetime(2026, 11, 11, tzinfo=UTC)
    written = [
        Lender(tmp_path / name, fault, fault + timedelta(days=1)).write_day(FAULT) for name in ("a", "b")
    ]
    assert written[0] == written[1]
    logs = [tmp_path / name / "logs" / LOANS / f"{FAULT}.parquet" for name in ("a", "b")]
    assert (
        duckdb.connect().execute(f"SELECT * FROM '{logs[0]}' EXCEPT SELECT * FROM '{logs[1]}'").fetchall()
        == []
    )


def test_applications_that_are_sent_to_people_are_no_predictions(tmp_path: Path) -> None:
    fault = datetime(2026, 11, 11, tzinfo=UTC)
    lender = Lender(tmp_path, fault, fault + timedelta(days=1))
    everyone = lender.write_day(FAULT)
    routed = lender.write_day(
        FAULT, lambda context: "human_review" if context["channel"] == "broker" else "model"
    )
    assert routed.predictions + routed.to_people == everyone.predictions
    channels = (
        duckdb.connect().execute(f"SELECT DISTINCT channel FROM '{tmp_path}/logs/*/*.parquet'").fetchall()
    )
    assert sorted(channels) == [("branch",), ("online",)]


class TestAMonitorThatCannotMeasure:
    """R-XCT-07: it is an alert of its own, one until it measures again, and the others go on."""

    def rename_income(self, bank: Bank, there: str, here: str) -> None:
        for file in (bank.workspace / "logs" / LOANS).glob("*.parquet"):
            text = f"SELECT * RENAME ({there} AS {here}) FROM '{file}'"
            other = file.with_suffix(".other")
            duckdb.connect().execute(f"COPY ({text}) TO '{other}' (FORMAT parquet)")
            other.rename(file)

    def test_its_alert_stays_one_says_so_when_it_recovers_and_the_others_measure(self, bank: Bank) -> None:
        at = morning(FAULT)
        bank.run(at)
        before = len(bank.facts(MonitorMeasured))
        self.rename_income(bank, "employment_years", "years_employed")
        bank.write(FAULT, FAULT + timedelta(days=1))
        (bank.workspace / "logs" / LOANS / f"{FAULT}.parquet").unlink()
        raised = bank.run(at + timedelta(hours=1))
        dead = [
            one for one in bank.facts(AlertRaised) if isinstance(one, AlertRaised) and one.alert.value is None
        ]
        assert {one.alert.alert for one in dead} <= set(raised)
        assert "employment-years-drift" in {one.alert.monitor for one in dead}
        assert all("employment_years" in one.alert.reason for one in dead)
        assert all(one.tells for one in dead)
        assert len(bank.facts(MonitorFailed)) == len(dead)
        ran = bank.facts(MonitoringRan)[-1]
        assert isinstance(ran, MonitoringRan)
        assert set(ran.failing) == {one.alert.monitor for one in dead}
        assert len(bank.facts(MonitorMeasured)) >= before
        with bank.ledger.reading() as conn:
            run = records.runs(conn)[LOANS]
        assert (run.state, run.is_silent(at + timedelta(hours=1))) == ("partly failing", True)
        # An hour later it still fails: nothing new is raised, and nothing new recorded of it.
        assert bank.run(at + timedelta(hours=2)) == ()
        assert len(bank.facts(MonitorFailed)) == len(dead)
        self.rename_income(bank, "years_employed", "employment_years")
        bank.run(at + timedelta(hours=3))
        cleared = {one.alert: one.reason for one in bank.facts(AlertCleared) if isinstance(one, AlertCleared)}
        assert cleared == {one.alert.alert: "It measures again." for one in dead}
        with bank.ledger.reading() as conn:
            assert records.runs(conn)[LOANS].state == "running"

    def test_a_log_that_is_gone_is_one_alert_until_it_is_back(self, bank: Bank) -> None:
        at = morning(FAULT)
        logs = bank.workspace / "logs" / LOANS
        logs.rename(bank.workspace / "elsewhere")
        assert len(bank.run(at)) == 1
        assert bank.run(at + timedelta(minutes=15)) == ()
        (raised,) = bank.facts(AlertRaised)
        assert isinstance(raised, AlertRaised)
        assert (raised.alert.value, raised.alert.monitor) == (None, "")
        assert "is not there" in raised.alert.reason
        assert set(raised.tells) >= {"technical_lead", "data_science_lead"}
        (bank.workspace / "elsewhere").rename(logs)
        bank.run(at + timedelta(minutes=30))
        assert [one.type for one in bank.facts(AlertCleared)] == ["alert.cleared"]

    def test_a_log_that_nobody_writes_any_more_is_one_alert_until_a_row_comes(
        self, bank: Bank, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at = morning(FAULT)
        assert bank.run(at) == ()
        applied = versions.active_systems(bank.ledger)[LOANS]
        systems = {LOANS: applied.model}
        monitors = tuple(one for one in applied.model.monitors if one.metric != "volume")
        uncounted = replace(applied, model=applied.model.model_copy(update={"monitors": monitors}))
        monkeypatch.setattr(versions, "require_system", lambda *_: uncounted)
        longest = timedelta(days=16)  # whatever is declared for its monitors
        assert bank.run(at + longest) == ("ALR-1",)
        assert bank.run(at + longest + timedelta(hours=1)) == ()
        (raised,) = bank.facts(AlertRaised)
        assert isinstance(raised, AlertRaised)
        assert (raised.alert.value, raised.alert.monitor) == (None, "")
        assert raised.alert.reason.startswith("newest row of logs/loan-approval 10 Nov 2026")
        assert set(raised.tells) >= {"technical_lead", "data_science_lead"}
        bounds = bounds_of(bank.ledger, systems, at + longest)
        assert (bounds.computed, bounds.total - bounds.number(Known.SILENT)) == (1, 1), (
            "the volume is measured"
        )
        assert bounds.title == "No monitor is known to be out of bounds"
        heard = bounds_of(bank.ledger, systems, at)
        assert heard.number(Known.SILENT) == 0, "while rows come nothing is silent"
        bank.write(FAULT, FAULT + timedelta(days=1))
        bank.run(morning(FAULT + timedelta(days=1)))
        assert raised.alert.alert in {one.alert for one in bank.facts(AlertCleared)}  # type: ignore[attr-defined]

    def test_where_the_volume_is_watched_its_alarm_is_the_one_alert_of_a_silent_log(self, bank: Bank) -> None:
        at = morning(FAULT)
        bank.run(at)
        systems = {LOANS: versions.active_systems(bank.ledger)[LOANS].model}
        assert bank.run(at + timedelta(days=16)) == ("ALR-1",)
        (raised,) = bank.facts(AlertRaised)
        assert isinstance(raised, AlertRaised)
        assert raised.alert.monitor == "volume"
        bounds = bounds_of(bank.ledger, systems, at + timedelta(days=16))
        assert (bounds.computed, bounds.out) == (0, 1), "nothing is known of the others"

    def test_whatever_goes_wrong_is_recorded_and_not_raised(
        self, bank: Bank, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> object:
            raise ZeroDivisionError("a fault of our own")

        monkeypatch.setattr("holdfast.detect.monitoring.open_log", broken)
        ran = bank.monitoring.run(LOANS, by=SYSTEM, at=morning(FAULT))
        assert ran.failed == "ZeroDivisionError: a fault of our own"
        assert len(bank.facts(MonitoringFailed)) == 1

    def test_one_monitor_with_a_fault_of_our_own_does_not_stop_the_others(
        self, bank: Bank, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = Reader.measure

        def broken(self: Reader, monitor: Monitor, *rest: Any, **more: Any) -> Any:
            if monitor.id == "employment-years-drift":
                raise ZeroDivisionError("a fault of our own")
            return whole(self, monitor, *rest, **more)

        monkeypatch.setattr(Reader, "measure", broken)
        ran = bank.monitoring.run(LOANS, by=SYSTEM, at=morning(FAULT))
        assert ran.failing == {"employment-years-drift": "ZeroDivisionError: a fault of our own"}
        assert ran.measurements
