"""An alert that opens no incident reaches whom its monitor names, and many are told together (R-DET-10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from holdfast.application import Application
from holdfast.detect.events import AlertRaised, AlertsBundled, MonitorFailed
from holdfast.detect.passing import Untold
from holdfast.detect.records import Alert
from holdfast.incident.responding import Report
from holdfast.incident.triage import Trigger
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger.facts import decode
from holdfast.ledger.ledger import Draft
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import SYSTEM
from holdfast.prepare import versions
from holdfast.prepare.terms import CANNOT_MEASURE
from holdfast.prepare.workspace import load_workspace
from support.alerted import alert_facts
from support.company import HELEN, INES, PRIYA, SIGNATURES, TOMAS
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


# Before a playbook is in force ---------------------------------------------------------------------


@pytest.fixture
def unsigned(database_url: str, tmp_path: Path, now: datetime) -> Application:
    """Roster and systems are in force, and nobody has signed the playbook."""
    application = opened(tmp_path / "unsigned", database_url, HandClock(now), in_force=False)
    versions.apply_workspace(application.ledger, load_workspace(application.workspace), HELEN, now)
    with_log(application.workspace, now, days=4, wrong=False)
    return application


def sign(application: Application, now: datetime) -> None:
    content = versions.playbook_versions_of(application.ledger)[0].content
    for function, signer in SIGNATURES.items():
        versions.approve_playbook(application.ledger, content, function, signer, now)


def alert_of(application: Application, number: int) -> Alert:
    return application.alerting.require(f"ALR-{number}")


def test_an_alert_reaches_whom_its_monitor_names_before_the_playbook_is_signed(
    unsigned: Application, now: datetime
) -> None:
    """R-DET-10: a roster and a monitor in force are all that it takes."""
    for number in (1, 2):  # the first one waits for its triage, and holds up nobody behind it
        raised(unsigned, number, now, ("technical_lead", "data_science_lead"))
    work(unsigned, now)
    work(unsigned, now + MINUTE)
    told = messages(unsigned)
    assert {one.to for one in told} == {TOMAS.id, PRIYA.id}
    assert "ALR-1, Volume, channel=branch 1: 40 rows, limit 100" in told[0].text
    assert "no playbook is in force" in told[0].text
    assert set(alert_of(unsigned, 1).told) == {TOMAS.id, PRIYA.id}
    work(unsigned, now + 3 * MINUTE)
    assert len(messages(unsigned)) == 2, "told once"


def test_what_was_told_before_the_playbook_was_signed_is_not_told_again_when_it_is(
    unsigned: Application, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised(unsigned, 1, now, ("technical_lead",))
    work(unsigned, now)
    work(unsigned, now + MINUTE)
    sign(unsigned, now + 2 * MINUTE)
    monkeypatch.setattr(unsigned.desk, "trigger", lambda alert, system: Trigger(False, "no trigger holds"))
    for minute in (3, 4, 5):
        work(unsigned, now + minute * MINUTE)
    assert alert_of(unsigned, 1).outcome == "none"
    assert len(messages(unsigned)) == 1


def test_an_alert_raised_just_before_the_signature_is_told_once(
    unsigned: Application, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed between the raising and the round, or between the round and the message."""
    monkeypatch.setattr(unsigned.desk, "trigger", lambda alert, system: Trigger(False, "no trigger holds"))
    raised(unsigned, 1, now, ("technical_lead",))
    sign(unsigned, now)
    raised(unsigned, 2, now, ("technical_lead",))
    for minute in range(4):
        work(unsigned, now + minute * MINUTE)
    (told,) = messages(unsigned)
    assert "2 alerts" in told.subject


def test_a_monitor_that_dies_before_the_playbook_is_signed_reaches_whom_it_tells(
    unsigned: Application, now: datetime
) -> None:
    with_log(unsigned.monitoring.base, now, days=4)
    unsigned.monitoring.run("loan-approval", by=SYSTEM, at=now)
    rename(unsigned.monitoring.base, "employment_years", "years_employed")
    unsigned.monitoring.run("loan-approval", by=SYSTEM, at=now + 60 * MINUTE)
    for later in (60, 61, 62):
        work(unsigned, now + later * MINUTE)
    raised_ = [one.fact for one in unsigned.ledger.facts() if isinstance(one.fact, AlertRaised)]
    dead = [one for one in raised_ if one.alert.metric == CANNOT_MEASURE]
    assert dead
    roster = versions.active_roster(unsigned.ledger)
    assert roster is not None
    for one in dead:
        for role in one.tells:
            (told,) = {told.text for told in messages(unsigned) if told.to == roster.model.holder(role).id}
            assert one.alert.reason in told


def test_without_a_roster_an_alert_waits_for_one_and_says_that_nobody_is_told(
    database_url: str, tmp_path: Path, now: datetime
) -> None:
    bare = opened(tmp_path / "bare", database_url, HandClock(now), in_force=False)
    raised(bare, 1, now, ("technical_lead",))
    work(bare, now)
    work(bare, now + 2 * MINUTE)
    assert messages(bare) == []
    assert alert_of(bare, 1).told == ()
    versions.apply_workspace(bare.ledger, load_workspace(bare.workspace), HELEN, now + 2 * MINUTE)
    for minute in (3, 4):
        work(bare, now + minute * MINUTE)
    assert [one.to for one in messages(bare) if "ALR-1" in one.text] == [TOMAS.id]
    assert alert_of(bare, 1).told == (TOMAS.id,)


def test_a_check_finds_that_the_position_of_telling_was_moved_past_an_alert(
    unsigned: Application, now: datetime
) -> None:
    trace = Untold()
    raised(unsigned, 1, now, ("technical_lead",))
    for recorded in unsigned.ledger.facts():
        trace.see(recorded)
    ((_, said),) = trace.untouched()
    assert "ALR-1" in said
    work(unsigned, now)
    trace = Untold()
    for recorded in unsigned.ledger.facts():
        trace.see(recorded)
    assert list(trace.untouched()) == []


@pytest.mark.usefixtures("no_trigger")
def test_each_alert_of_a_bundle_says_who_was_told_of_it(company: Application, now: datetime) -> None:
    raised(company, 1, now, ("technical_lead",))
    raised(company, 2, now, ("data_science_lead",))
    work(company, now)
    work(company, now + MINUTE)
    assert alert_of(company, 1).told == (TOMAS.id,)
    assert alert_of(company, 2).told == (PRIYA.id,)
