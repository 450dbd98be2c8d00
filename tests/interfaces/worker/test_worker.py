"""The worker: one broken step does not stop the others, and what fails is said (R-XCT-05, R-XCT-07)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog

from holdfast import app
from holdfast.application import Application
from holdfast.incident.events import Escalated
from holdfast.incident.responding import Report
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger import pulse
from holdfast.ledger.events import LedgerChecked
from holdfast.ledger.facts import Recorded
from holdfast.ledger.outbox import MessageQueued
from holdfast.ledger.reactions import Reaction
from holdfast.ledger.timekeeping import LedgerClock
from holdfast.ledger.timers import armed
from holdfast.people import SYSTEM
from holdfast.prepare.starting import write_workspace
from holdfast.problems import NotAllowed
from holdfast.rehearse.clock import StoryClock
from holdfast.settings import Settings
from support.company import HELEN, INES, MAYA, put_in_force
from support.machines import Machine


@dataclass
class Opened:
    application: Application
    clock: StoryClock


@pytest.fixture
def opened(database_url: str, tmp_path: Path, now: datetime) -> Opened:
    """The starter's company, opened as `holdfast worker` opens it."""
    folder = tmp_path / "workspace"
    write_workspace(folder)
    environ = {"HOLDFAST_DATABASE_URL": database_url, "HOLDFAST_MAIL_PORT": "1"}
    app.initialise(Settings.load(folder, environ))
    clock = StoryClock(now)
    application = app.open_workspace(folder, environ, clock)
    put_in_force(application.ledger, tmp_path / "another", now)
    return Opened(application, clock)


def rounds(worker: Worker, now: datetime, most: int = 10) -> None:
    for _ in range(most):
        if not worker.round(now):
            return


def test_what_a_round_appends_is_sealed_within_it(opened: Opened, now: datetime) -> None:
    worker = Worker(opened.application)
    rounds(worker, now)
    assert opened.application.anchor.newest() is not None
    assert opened.application.check().problems == []


def test_silence_escalates_by_the_worker_alone(opened: Opened, now: datetime) -> None:
    """R-ESC-03: nobody calls anything; time passes."""
    application, worker = opened.application, Worker(opened.application)
    application.desk.open(Report("Refusals without a reason"), by=INES, at=now)
    for hours in (0, 24, 28, 32, 36):
        rounds(worker, now + timedelta(hours=hours))
    rungs = [r.fact.rung for r in application.ledger.facts() if isinstance(r.fact, Escalated)]
    assert rungs == [1, 2, 3]
    assert armed(application.ledger, "INC-1/escalation") == []


@pytest.mark.parametrize(("error", "traced"), [(NotAllowed("sign it first"), False), (KeyError("x"), True)])
def test_the_log_traces_faults_and_not_refusals_that_say_what_to_do(
    opened: Opened, now: datetime, error: Exception, traced: bool
) -> None:
    def broken(recorded: Recorded, at: datetime) -> None:
        raise error

    reaction = Reaction("break", (type(next(iter(opened.application.ledger.facts())).fact),), broken)
    with structlog.testing.capture_logs() as said:
        Worker(replace(opened.application, reactions=(reaction,))).round(now)
    (failed,) = [one for one in said if one["event"] == "a step failed"]
    assert failed["reason"] == str(error)
    assert bool(failed["exc_info"]) is traced


def test_a_reaction_that_fails_is_said_and_tried_again_and_the_others_go_on(
    opened: Opened, now: datetime
) -> None:
    tried: list[int] = []

    def broken(recorded: Recorded, at: datetime) -> None:
        tried.append(recorded.seq)
        if len(tried) == 1:
            raise RuntimeError("the disk is full")

    reaction = Reaction("break once", (type(next(iter(opened.application.ledger.facts())).fact),), broken)
    changed = replace(opened.application, reactions=(reaction, *opened.application.reactions))
    worker = Worker(changed)
    worker.round(now)
    assert worker.failing["reaction break once"] == "the disk is full"
    assert armed(changed.ledger, "monitoring/"), "the reactions behind it went on"
    worker.round(now + timedelta(seconds=1))
    assert len(tried) == 1, "it waits before it is tried again"
    worker.round(now + timedelta(minutes=1))
    assert "reaction break once" not in worker.failing
    assert tried[0] == tried[1], "the fact it failed on is handed over again"


def test_mail_that_cannot_be_sent_stays_in_the_outbox(opened: Opened, now: datetime) -> None:
    """R-ESC-06: there is no server on that port; the message waits, and the record says why."""
    opened.application.desk.open(Report("Refusals without a reason"), by=INES, at=now)
    rounds(Worker(opened.application), now)
    failed = [r for r in opened.application.ledger.facts() if r.fact.type == "message.failed"]
    assert failed
    assert all(recorded.by == SYSTEM for recorded in failed)


def test_it_stops_when_it_is_told_to(opened: Opened) -> None:
    stop = threading.Event()
    worker = Worker(opened.application)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert pulse.read(opened.application.ledger) == [], "a worker that ended is not one that fell silent"


def test_the_owner_is_told_once_when_the_playbook_is_due_for_review(opened: Opened, now: datetime) -> None:
    """R-PRE-05/reminded."""
    worker = Worker(opened.application)
    rounds(worker, now + timedelta(days=89))
    assert not [r for r in opened.application.ledger.facts() if r.fact.type == "playbook.review_fell_due"]
    for days in (90, 91):
        rounds(worker, now + timedelta(days=days))
    told = [r.fact for r in opened.application.ledger.facts() if isinstance(r.fact, MessageQueued)]
    assert [message.to for message in told if "Review of the playbook" in message.subject] == [HELEN.id]


def checks(application: Application) -> list[Recorded]:
    return [one for one in application.ledger.facts() if isinstance(one.fact, LedgerChecked)]


def test_the_ledger_is_checked_once_a_day_by_the_worker_and_each_check_is_a_fact(
    opened: Opened, now: datetime
) -> None:
    """R-EVD-04."""
    worker = Worker(opened.application)
    counts = []
    for hours in (0, 1, 23, 24, 25, 47, 48):
        rounds(worker, now + timedelta(hours=hours))
        counts.append(len(checks(opened.application)))
    assert counts == [1, 1, 1, 2, 2, 2, 3]
    assert {one.by for one in checks(opened.application)} == {SYSTEM}
    last = opened.application.checks.last()
    assert last is not None
    assert (last.at, last.found.verdict, last.unrecorded) == (now + timedelta(hours=48), "holds", "")


def test_a_check_by_a_person_is_not_repeated_by_the_worker_within_the_day(
    opened: Opened, now: datetime
) -> None:
    opened.application.check_on_record(MAYA)
    rounds(Worker(opened.application), now + timedelta(hours=23))
    assert [one.by for one in checks(opened.application)] == [MAYA]


@pytest.mark.parametrize("days", [10, -10])
@pytest.mark.parametrize("confirmed", [False, True], ids=["set right", "confirmed"])
def test_after_a_step_of_the_clock_every_lane_pauses_until_it_is_right_or_confirmed(
    opened: Opened, now: datetime, days: int, confirmed: bool
) -> None:
    """Nothing is fired, sent or sealed; afterwards at once, not when the wrong time comes."""
    machine, step = Machine(now), timedelta(days=days)
    ledger = opened.application.ledger
    clock = LedgerClock(ledger, opened.application.settings.workspace / "clock.json", machine, machine.ticks)
    ledger.require_steady = clock.require_steady
    application = replace(opened.application, clock=clock)
    worker = Worker(application)
    rounds(worker, clock.now())
    application.desk.open(Report("Refusals without a reason"), by=INES, at=clock.now())
    size, anchored = ledger.size(), application.anchor.standing()
    machine.clock += step
    assert worker.round(clock.now()) == 0
    assert (ledger.size(), application.anchor.standing()) == (size, anchored)
    assert any("stepped" in why for why in worker.failing.values())
    if confirmed:
        clock.confirm("moved to another host", MAYA)
    else:
        machine.clock -= step
    machine.pass_(timedelta(minutes=1))
    rounds(worker, clock.now())
    assert not any("stepped" in why for why in worker.failing.values())
    assert application.anchor.standing() != anchored, "it is sealed again"
