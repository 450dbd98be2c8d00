"""Nothing outside holds up a clock, and what does not come to its end is seen from any process (R-XCT-07)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from holdfast import app
from holdfast.application import Application, Handler, Upkeep
from holdfast.clock import SystemClock
from holdfast.incident.events import ClockBreached
from holdfast.incident.responding import Report
from holdfast.interfaces.standing import standing_of, working_of
from holdfast.interfaces.worker.lanes import Lane
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger import pulse, sealing, timers
from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Timer
from holdfast.ledger.outbox import QueuedMessage
from holdfast.ledger.pulse import Failure, Kind
from holdfast.ledger.reactions import Reaction
from holdfast.people import Actor
from holdfast.serving import asgi
from support.company import INES
from support.workspaces import HandClock, environment, opened


@pytest.fixture(scope="module")
def now() -> datetime:
    """These tests run on the machine's own clock; what they prepare lies behind it."""
    return datetime.now(UTC) - timedelta(days=40)


@pytest.fixture
def company(database_url: str, tmp_path: Path, now: datetime) -> Iterator[Application]:
    """The starter's company, its playbook in force."""
    application = opened(tmp_path / "company", database_url, HandClock(now))
    yield application
    application.ledger.database.close()


class Stuck:
    """Something outside that never answers while the test lasts."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.free = threading.Event()

    def wait(self, *_: object, **__: object) -> None:
        self.entered.set()
        self.free.wait(60)

    def deliver(self, message: QueuedMessage) -> str:
        self.wait()
        return "250 at last"

    def fire(self, timer: Timer, by: Actor, at: datetime) -> None:
        self.wait()

    def react(self, recorded: Recorded, at: datetime) -> None:
        self.wait()

    def keep_up(self, at: datetime) -> int:
        self.wait()
        return 0


@contextmanager
def running(application: Application, stuck: Stuck) -> Iterator[Worker]:
    worker, stop = Worker(application), threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        assert stuck.entered.wait(20), "what hangs was not reached"
        yield worker
    finally:
        stuck.free.set()
        stop.set()
        thread.join(30)


def soon(found: Callable[[], bool], seconds: float = 15) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found():
            return True
        time.sleep(0.05)
    return False


def breaches(application: Application) -> int:
    return sum(isinstance(recorded.fact, ClockBreached) for recorded in application.ledger.facts())


def sealed(application: Application) -> bool:
    with application.ledger.reading() as conn:
        return sealing.newest_size(conn) == application.ledger.size()


def hung_mail(application: Application, stuck: Stuck) -> Application:
    return replace(application, channels={"email": stuck})


def hung_log(application: Application, stuck: Stuck) -> Application:
    handlers = {**application.handlers, "monitoring.run": Handler(stuck.fire, "monitors")}
    return replace(application, handlers=handlers)


def hung_triage(application: Application, stuck: Stuck) -> Application:
    every = type(next(iter(application.ledger.facts())).fact)
    return replace(application, reactions=(Reaction("hang", (every,), stuck.react), *application.reactions))


def hung_upkeep(application: Application, stuck: Stuck) -> Application:
    upkeep = Upkeep("hanging upkeep", timedelta(days=1), stuck.keep_up)
    return replace(application, upkeep=(upkeep, *application.upkeep))


HUNG = (hung_mail, hung_log, hung_triage, hung_upkeep)


@pytest.mark.parametrize("hung", HUNG)
def test_nothing_that_hangs_holds_up_a_clock_or_a_seal(
    company: Application, hung: Callable[[Application, Stuck], Application]
) -> None:
    stuck = Stuck()
    opened_at = datetime.now(UTC) - timedelta(days=1, seconds=-3)
    company.desk.open(Report("Refusals without a reason"), by=INES, at=opened_at)
    application = replace(hung(company, stuck), clock=SystemClock())
    with running(application, stuck):
        assert soon(lambda: breaches(company) == 1), "the clock ran out and nothing was recorded"
        assert soon(lambda: sealed(company)), "what was appended is not sealed"


def test_another_process_sees_what_hangs(
    company: Application, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setattr("holdfast.interfaces.worker.worker._PULSE_SECONDS", 0.1)
    stuck = Stuck()
    company.desk.open(Report("Refusals without a reason"), by=INES, at=datetime.now(UTC))
    here = replace(hung_mail(company, stuck), clock=SystemClock())
    elsewhere = app.open_workspace(company.workspace, environment(database_url), SystemClock())
    with running(here, stuck) as worker:
        assert soon(lambda: working_of(elsewhere).state == "running")
        for lane in worker.lanes:
            if lane.name.startswith("messages"):
                lane.patience = timedelta(seconds=0.5)
        assert soon(lambda: working_of(elsewhere).state == "hanging")
        assert {beat.lane[:8] for beat in working_of(elsewhere).hanging} == {"messages"}
        answer = TestClient(asgi(elsewhere)).get("/healthz")
        assert answer.status_code == 503
        assert answer.json()["hanging"][0].startswith("messages")
    assert working_of(elsewhere).state == "none"


class Later:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def test_a_worker_that_ended_on_purpose_leaves_no_pulse_and_one_that_was_killed_falls_silent(
    company: Application,
) -> None:
    now = company.clock.now()
    assert working_of(company).state == "none"
    Worker(company).write_pulse(now)
    assert working_of(company).state == "running"
    later = replace(company, clock=Later(now + pulse.SILENT_AFTER + timedelta(seconds=1)))
    assert working_of(later).state == "silent"
    assert not standing_of(later).healthy


def test_a_step_that_failed_and_is_not_there_any_more_is_not_said_to_fail_for_ever(now: datetime) -> None:
    def broken(at: datetime) -> int:
        raise RuntimeError("the disk is full")

    left = [("timer INC-1/clock/contain", broken)]
    lane = Lane("clocks", lambda at: tuple(left), timedelta(minutes=1))
    lane.turn(lambda: now)
    failure = Failure("the disk is full", Kind.FAULT, now)
    assert lane.failing == {"timer INC-1/clock/contain": failure}
    left.clear()  # somebody stopped the clock
    lane.turn(lambda: now + timedelta(seconds=10))
    assert lane.failing
    lane.turn(lambda: now + timedelta(minutes=1))
    assert lane.failing == {}


def test_a_turn_is_bounded_however_much_waits(company: Application, now: datetime) -> None:
    handed: list[int] = []

    def slow(recorded: Recorded, at: datetime) -> None:
        handed.append(recorded.seq)

    for number in range(12):
        company.desk.open(Report(f"Report {number}"), by=INES, at=now)
    every = type(next(r for r in company.ledger.facts() if r.fact.type == "incident.opened").fact)
    worker = Worker(replace(company, reactions=(Reaction("slow", (every,), slow),)))
    worker.round(now)
    assert 0 < len(handed) < 12
    worker.react(now)
    assert len(handed) == 12


def test_timers_that_cannot_be_fired_do_not_hide_those_behind_them(
    company: Application, now: datetime
) -> None:
    for number in range(22):
        company.desk.open(Report(f"Report {number}"), by=INES, at=now - timedelta(days=3 + number))
    fired: list[str] = []

    def fire(timer: Timer, by: Actor, at: datetime) -> None:
        if timer.data["incident"] != "INC-1":
            raise RuntimeError("this one is broken")
        fired.append(timer.timer)
        company.desk.breach_clock(timer, by=by, at=at)

    worker = Worker(replace(company, handlers={"clock.breach": Handler(fire)}))
    in_turns_of_20 = len(timers.due(company.ledger, now, limit=1_000)) // 20 + 1
    for _ in range(in_turns_of_20):
        worker.fire(now)
    assert fired
