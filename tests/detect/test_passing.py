"""An alert that opens no incident reaches whom its monitor names, and many are told together (R-DET-10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from holdfast.application import Application
from holdfast.detect.events import AlertRaised, MonitorFailed
from holdfast.detect.passing import AlertsBundled
from holdfast.incident.responding import Report
from holdfast.incident.triage import Trigger
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger.facts import decode
from holdfast.ledger.ledger import Draft
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import SYSTEM
from holdfast.prepare import versions
from holdfast.prepare.terms import CANNOT_MEASURE
from support.alerted import alert_facts
from support.company import INES, PRIYA, TOMAS
from support.workspaces import HandClock, opened, with_log

MINUTE = timedelta(minutes=1)


@pytest.fixture
def company(database_url: str, tmp_path: Path, now: datetime) -> Application:
    """The starter's company, with a log that gives no monitor cause for an alert of its own."""
    application = opened(tmp_path / "company", database_url, HandClock(now))
    with_log(application.workspace, now, days=4, wrong=False)
    return application


def raised(application: Application, number: int, now: datetime, tells: tuple[str, ...]) -> None:
    """An alert that no trigger of the starter's playbook opens an incident for."""
    told = alert_facts(
        now,
        alert=f"ALR-{number}",
        monitor="volume",
        monitor_name="Volume",
        dimension="operations",
        metric="volume",
        value=0.0,
        limit=None,
        n=0,
        group={"channel": f"branch {number}"},
        reason="40 rows, limit 100.",
    )
    fact = AlertRaised(system="loan-approval", series=f"volume/{number}", tells=tells, alert=told)
    application.ledger.append(Draft(f"alert/{told.alert}", 0, [fact]), by=SYSTEM, at=now)


def messages(application: Application) -> list[MessageQueued]:
    facts = (recorded.fact for recorded in application.ledger.facts())
    return [fact for fact in facts if isinstance(fact, MessageQueued) and fact.about == "alert"]


def work(application: Application, now: datetime) -> None:
    worker = Worker(replace(application, channels={}))
    worker.react(now)
    for _ in range(3):
        worker.fire(now)
    assert not any("alert" in what for what in worker.failing), worker.failing


@pytest.fixture
def no_trigger(company: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company.desk, "trigger", lambda alert, system: Trigger(False, "no trigger holds"))


@pytest.mark.usefixtures("no_trigger")
def test_an_alert_that_opens_no_incident_reaches_whom_its_monitor_names(
    company: Application, now: datetime
) -> None:
    raised(company, 1, now, ("technical_lead", "data_science_lead"))
    work(company, now)
    work(company, now + MINUTE)
    told = messages(company)
    assert {one.to for one in told} == {TOMAS.id, PRIYA.id}
    assert "ALR-1, Volume, channel=branch 1: 40 rows, limit 100" in told[0].text
    assert "It opened no incident." in told[0].text
    assert "/alerts" in told[0].text
    work(company, now + 2 * MINUTE)
    assert len(messages(company)) == 2, "told once"


@pytest.mark.usefixtures("no_trigger")
def test_many_alerts_are_one_message_to_each_person(company: Application, now: datetime) -> None:
    for number in range(1, 41):
        raised(company, number, now, ("technical_lead",))
    work(company, now)
    work(company, now + MINUTE)
    (told,) = messages(company)
    assert told.subject == "loan-approval: 40 alerts"
    assert "And 30 further alerts of Volume." in told.text
    (passed,) = [one.fact for one in company.ledger.facts() if isinstance(one.fact, AlertsBundled)]
    assert len(passed.alerts) == 40


def test_an_alert_that_joins_an_incident_reaches_them_as_well(company: Application, now: datetime) -> None:
    incident = company.desk.open(Report("Refusals", system="loan-approval"), by=INES, at=now)
    raised(company, 1, now, ("technical_lead",))
    work(company, now)
    work(company, now + MINUTE)
    (told,) = messages(company)
    assert f"It belongs to {incident}." in told.text
    assert "no incident" not in told.text
    assert ".." not in told.text


@pytest.mark.usefixtures("no_trigger")
def test_what_a_person_has_dealt_with_meanwhile_is_not_told(company: Application, now: datetime) -> None:
    raised(company, 1, now, ("technical_lead",))
    work(company, now)
    company.handling.set_aside(["ALR-1"], "a holiday", False, by=INES, at=now)
    work(company, now + MINUTE)
    assert messages(company) == []
    (passed,) = [one.fact for one in company.ledger.facts() if isinstance(one.fact, AlertsBundled)]
    line = passed.line()
    assert "queued" not in line.title + line.detail
    assert "nobody is told" in line.title


@pytest.mark.usefixtures("no_trigger")
def test_only_alerts_that_are_told_are_counted_as_told(company: Application, now: datetime) -> None:
    for number in (1, 2, 3):
        raised(company, number, now, ("technical_lead",))
    work(company, now)
    company.handling.set_aside(["ALR-1"], "a holiday", False, by=INES, at=now)
    work(company, now + MINUTE)
    (passed,) = [one.fact for one in company.ledger.facts() if isinstance(one.fact, AlertsBundled)]
    assert passed.line().title == "2 alerts: messages queued"
    (told,) = messages(company)
    assert told.subject == "loan-approval: 2 alerts"
    work(company, now + 2 * MINUTE)
    assert len(messages(company)) == 1, "nothing waits any more"


def rename(folder: Path, there: str, here: str) -> None:
    """A column of the log gets another name, on every day."""
    for file in (folder / "logs" / "loan-approval").glob("*.parquet"):
        other = file.with_suffix(".other")
        text = f"SELECT * RENAME ({there} AS {here}) FROM '{file}'"
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({text}) TO '{other}' (FORMAT parquet)")
        other.rename(file)


def test_a_monitor_that_fails_reaches_whom_it_tells_once(company: Application, now: datetime) -> None:
    """R-XCT-07, R-DET-10: "no alerts" and "cannot measure" never look alike, from the log to the mail.

    R-DET-08/told.
    """
    with_log(company.monitoring.base, now, days=4)
    work(company, now)
    rename(company.monitoring.base, "employment_years", "years_employed")
    company.monitoring.run("loan-approval", by=SYSTEM, at=now + 60 * MINUTE)
    failed = [one.fact for one in company.ledger.facts() if isinstance(one.fact, MonitorFailed)]
    raised_ = [one.fact for one in company.ledger.facts() if isinstance(one.fact, AlertRaised)]
    dead = [one for one in raised_ if one.alert.metric == CANNOT_MEASURE]
    assert {one.monitor for one in failed} == {one.alert.monitor for one in dead} != set()
    for later in (60, 61, 62):
        work(company, now + later * MINUTE)
    roster = versions.active_roster(company.ledger)
    assert roster is not None
    for one in dead:
        for role in one.tells:
            mine = [told for told in messages(company) if told.to == roster.model.holder(role).id]
            texts = [
                told.text for told in mine if f"{one.alert.alert}, {one.alert.monitor_name}" in told.text
            ]
            assert len(texts) == 1, (one.alert.monitor, role)
            assert one.alert.reason in texts[0]
    queued = len(messages(company))
    company.monitoring.run("loan-approval", by=SYSTEM, at=now + 120 * MINUTE)
    work(company, now + 122 * MINUTE)
    assert len(messages(company)) == queued, "what goes on failing is told once"


@pytest.mark.parametrize(("told", "passed_on"), [(["maya"], ["ALR-1", "ALR-2"]), ([], [])])
def test_a_bundle_of_an_older_release_says_whom_it_told_of_what(
    told: list[str], passed_on: list[str]
) -> None:
    """Before version 2 everything that waited was passed on, or nothing was."""
    data = {"system": "loan-approval", "alerts": ["ALR-1", "ALR-2"], "told": told}
    by = {"kind": "system", "id": "holdfast", "name": "Holdfast"}
    _, read = decode("alerts.bundled", {"v": 1, "by": by, "data": data})
    assert isinstance(read, AlertsBundled)
    assert list(read.passed_on) == passed_on
