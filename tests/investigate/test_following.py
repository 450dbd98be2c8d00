"""Who is affected is counted again while the harm goes on, in a workspace whose log grows (R-IMP-02)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import make_url

from holdfast import wording
from holdfast.app import open_workspace
from holdfast.application import CLOCKS, Application
from holdfast.detect import records
from holdfast.detect.counting import Asked
from holdfast.detect.events import AlertCleared, MonitoringRan
from holdfast.incident import triage
from holdfast.incident.events import Contained, ContainmentLost, Resolved, TierRaised
from holdfast.incident.incident import Incident
from holdfast.incident.loading import load
from holdfast.interfaces.worker.worker import Worker
from holdfast.investigate import assessing, following
from holdfast.investigate.counting import Counted
from holdfast.investigate.events import COUNT_TIMER, ImpactCounted, ImpactWatched
from holdfast.investigate.impact import Impact
from holdfast.ledger import timers
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import AlreadyFired, Draft, Timer
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import SYSTEM
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.rules import Facts
from holdfast.rehearse.lending import Lender
from support.company import MAYA
from support.opened import tell
from support.workspaces import HandClock, Kept, copied, environment, kept, opened

STARTED = datetime.now(UTC)
"""The machine's own clock, with its microseconds."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Running:
    """A lender whose log is wrong for one day, and the incident that its monitors opened."""

    application: Application
    clock: HandClock
    lender: Lender

    def work(self) -> None:
        """What a worker does but for mail and upkeep."""
        worker, now = Worker(replace(self.application, channels={})), self.clock.now()
        while worker.react(now) + worker.fire(now):
            assert worker.failing == {}, worker.failing
        assert worker.failing == {}, worker.failing

    def pass_by(self, length: timedelta, *, written: int = 0) -> None:
        """Time passes, and so many further days of the log are written."""
        self.clock.pass_by(length)
        for _ in range(written):
            self.write_day()
        self.work()

    def write_day(self) -> None:
        files = sorted((self.application.workspace / "logs" / "loan-approval").glob("*.parquet"))
        last = datetime.fromisoformat(files[-1].stem).date()
        self.lender.write_day(last + DAY)

    @property
    def state(self) -> Incident:
        return load(self.application.ledger, "INC-1").state

    @property
    def impact(self) -> Impact:
        return assessing.impact_of(self.application.ledger, "INC-1")

    @property
    def counts(self) -> list[ImpactCounted]:
        return [kept.fact for kept in self.impact.counts]

    @property
    def watched(self) -> list[ImpactWatched]:
        told = (one.fact for one in self.application.ledger.facts())
        return [fact for fact in told if isinstance(fact, ImpactWatched)]

    @property
    def due(self) -> list[Timer]:
        return timers.armed(self.application.ledger, "INC-1/impact")

    def tell(self, *facts: Any) -> None:
        tell(self.application.ledger, "INC-1", *facts, at=self.clock.now())

    def clear(self) -> None:
        """Every alert of the incident clears."""
        ledger, at = self.application.ledger, self.clock.now()
        with ledger.reading() as conn:
            open_ = [one for one in records.alerts_of(conn, "INC-1") if one.state == "open"]
        for one in open_:
            stream = f"alert/{one.alert}"
            cleared = AlertCleared(
                system=one.system,
                series=one.series,
                alert=one.alert,
                incident="INC-1",
                window_end=at,
                reason="in bounds again",
            )
            ledger.append(Draft(stream, ledger.length(stream), [cleared]), by=SYSTEM, at=at)


@pytest.fixture
def running(database_url: str, tmp_path: Path) -> Iterator[Running]:
    """Prepared once for each kind of database, and copied."""
    folder, clock = tmp_path / "company", HandClock(STARTED)
    kind = make_url(database_url).get_backend_name()
    if kind not in _prepared:
        made = _opened(folder, database_url, clock)
        made.work()
        assert made.counts, "the alert opened an incident, and it was counted"
        assert made.state.open_alerts
        _prepared[kind] = kept(folder, made.application.ledger.database)
        made.application.ledger.database.close()
    else:
        copied(_prepared[kind], folder, Database(database_url))
    application = open_workspace(folder, environment(database_url), clock)
    yield Running(application, clock, _lender(folder))
    application.ledger.database.close()


_prepared: dict[str, Kept] = {}


def _opened(folder: Path, url: str, clock: HandClock) -> Running:
    application, lender = opened(folder, url, clock), _lender(folder)
    lender.write_model()
    lender.write_reference(STARTED.date() - 12 * DAY)
    for before in range(12, 1, -1):
        lender.write_day(STARTED.date() - before * DAY)
    return Running(application, clock, lender)


def _lender(folder: Path) -> Lender:
    midnight = datetime.combine(STARTED.date(), time(), UTC)
    return Lender(folder, midnight - 2 * DAY, midnight + 400 * DAY)


def people(running: Running) -> int:
    found = running.impact.people
    assert found is not None
    return found


def exposed(count: ImpactCounted) -> int:
    return count.counted.exposed.inferences


class TestWhileTheHarmGoesOn:
    def test_the_affected_are_counted_again_by_the_system(self, running: Running) -> None:
        """R-IMP-02: an alert that goes on for days does not leave the number of its first hour."""
        before, first = people(running), running.counts[-1]
        running.pass_by(31 * HOUR, written=1)
        assert people(running) > before
        assert running.counts[-1].end > first.end + DAY
        assert exposed(running.counts[-1]) > exposed(first)
        assert running.impact.as_of == running.clock.now()
        assert running.state.harm.startswith("the harm goes on: ALR-")

    def test_a_round_in_which_nothing_is_due_counts_nothing(self, running: Running) -> None:
        asked = len(running.watched)
        for _ in range(10):
            running.pass_by(timedelta(minutes=1))
        assert len(running.watched) == asked
        running.pass_by(timedelta(minutes=10))
        assert len(running.watched) == asked + 1

    def test_it_is_counted_ever_less_often_and_never_less_than_every_six_hours(
        self, running: Running
    ) -> None:
        handler, asked = running.application.handlers[COUNT_TIMER], len(running.watched)
        while running.clock.now() < STARTED + 4 * DAY:
            (timer,) = running.due
            running.clock.moment = timer.due
            handler.fire(timer, SYSTEM, running.clock.now())
        assert 20 <= len(running.watched) - asked <= 45
        pauses = [one.due - one.as_of for one in running.watched if one.due]
        assert min(pauses) >= timedelta(minutes=15)
        assert max(pauses) <= 6 * HOUR

    def test_a_count_that_takes_long_is_made_seldom(
        self, running: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At most a twentieth of the time is spent counting, however large the log is."""
        (timer,) = running.due
        running.clock.pass_by(HOUR)
        ticks = iter((0.0, 600.0))
        with monkeypatch.context() as patched:
            patched.setattr(following, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
            running.application.handlers[COUNT_TIMER].fire(timer, SYSTEM, running.clock.now())
        last = running.watched[-1]
        assert last.due
        assert last.due - last.as_of == timedelta(minutes=200)

    def test_a_log_that_answers_as_before_is_no_further_count_and_the_number_is_dated_anew(
        self, running: Running
    ) -> None:
        counts, before = len(running.counts), running.impact.as_of
        running.pass_by(20 * timedelta(minutes=1))
        assert len(running.counts) == counts
        assert running.watched[-1].number == running.counts[-1].number
        assert running.impact.as_of == running.clock.now() != before
        assert running.state.impact
        assert running.state.impact.as_of == running.impact.as_of

    def test_the_timer_runs_in_a_lane_that_no_clock_waits_for(self, running: Running) -> None:
        assert running.application.handlers[COUNT_TIMER].lane != CLOCKS

    def test_a_graver_number_raises_what_the_rules_say_and_tells_people(
        self, running: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """R-ESC-02."""
        limit = people(running) + 20

        def over(playbook: Playbook, known: Sequence[Facts]) -> tuple[int, str]:
            users = max(int(str(facts["impact.users"] or 0)) for facts in known)
            return (3, f"{users} people") if users > limit else (2, "few people")

        monkeypatch.setattr(triage, "tier", over)
        ledger, size = running.application.ledger, running.application.ledger.size()
        running.pass_by(31 * HOUR, written=2)
        assert (people(running) > limit, running.state.tier) == (True, 3)
        news = [one.fact for one in ledger.facts(after=size - 1)]
        (raised,) = (fact for fact in news if isinstance(fact, TierRaised))
        queued = [fact for fact in news if isinstance(fact, MessageQueued) and fact.incident == "INC-1"]
        assert {member.person for member in raised.told} <= {fact.to for fact in queued}
        assert any(f"as of {wording.utc(running.clock.now())}" in fact.text for fact in queued)


class TestTheLastCount:
    def test_is_made_when_the_alerts_have_cleared(self, running: Running) -> None:
        running.clock.pass_by(5 * timedelta(minutes=1))
        running.write_day()
        before = exposed(running.counts[-1])
        running.clear()
        running.work()
        assert exposed(running.counts[-1]) >= before
        assert running.watched[-1].as_of == running.clock.now()
        assert running.due == []
        assert running.state.harm == "its alerts have cleared"
        asked = len(running.watched)
        running.pass_by(timedelta(minutes=30))
        assert len(running.watched) == asked

    def test_is_of_the_whole_time_when_it_is_contained(self, running: Running) -> None:
        running.pass_by(timedelta(minutes=5))
        running.tell(Contained(incident="INC-1", containment="INC-1-C1", proof="the log shows it"))
        at = running.clock.now()
        running.work()
        assert running.counts[-1].end == at
        assert running.state.harm.startswith("contained ")

    def test_waits_until_the_log_of_that_time_is_written(self, running: Running) -> None:
        """The last rows before a containment reach the log after it."""
        running.pass_by(timedelta(minutes=5))
        running.tell(Contained(incident="INC-1", containment="INC-1-C1", proof="the log shows it"))
        running.work()
        before = exposed(running.counts[-1])
        assert running.due, "the log ends before it was contained"
        running.pass_by(12 * HOUR, written=2)
        assert exposed(running.counts[-1]) > before
        assert running.due == []
        assert running.counts[-1].end == running.state.contained_at

    def test_is_not_the_last_when_the_containment_is_disproven(self, running: Running) -> None:
        running.pass_by(timedelta(minutes=5))
        running.tell(Contained(incident="INC-1", containment="INC-1-C1", proof="the log shows it"))
        running.pass_by(2 * HOUR, written=2)
        lost = ContainmentLost(incident="INC-1", containment="INC-1-C1", reason="it goes on")
        running.tell(lost)
        running.work()
        assert running.counts[-1].end == running.clock.now()
        assert running.due
        assert running.state.harm.startswith("the harm goes on")

    def test_is_made_when_it_is_resolved_and_nothing_served_later_is_exposed(self, running: Running) -> None:
        running.pass_by(timedelta(minutes=5))
        running.tell(Resolved(incident="INC-1", resolution="rolled back"))
        at = running.clock.now()
        running.work()
        running.pass_by(4 * DAY, written=4)
        assert running.counts[-1].end == at
        later = assessing.count(
            running.application.ledger,
            running.application.counter,
            "INC-1",
            reassess=running.application.desk.noted,
            by=MAYA,
            at=running.clock.now(),
        )
        assert later.exposed.inferences == exposed(running.counts[-1])
        assert running.due == []


class TestACountThatFails:
    def test_is_said_once_retried_and_leaves_the_number_its_date(self, running: Running) -> None:
        before, dated = people(running), running.impact.as_of
        logs = running.application.workspace / "logs"
        logs.rename(logs.with_name("away"))
        for _ in range(3):
            running.pass_by(HOUR)
        failed = [one for one in running.watched if one.failed]
        assert len(failed) == 3
        assert [one.repeated for one in failed] == [False, True, True]
        assert [one.line() is not None for one in failed] == [True, False, False]
        assert (people(running), running.impact.as_of) == (before, dated)
        assert running.impact.failed
        logs.with_name("away").rename(logs)
        running.pass_by(HOUR, written=1)
        assert running.impact.failed == ""
        assert running.impact.as_of == running.clock.now()

    def test_whatever_the_log_does_the_worker_goes_on(
        self, running: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(self: Any, system: str, asked: Asked) -> Counted:
            raise RuntimeError("a damaged page")

        with monkeypatch.context() as patched:
            patched.setattr(type(running.application.counter), "count", broken)
            running.pass_by(HOUR)
        assert running.impact.failed == "RuntimeError: a damaged page"
        assert running.due


class TestNothingIsLostOrDoubled:
    def test_by_two_workers_that_fire_one_timer(self, running: Running) -> None:
        running.clock.pass_by(HOUR)
        running.write_day()
        (timer,) = running.due
        handler = running.application.handlers[COUNT_TIMER]
        handler.fire(timer, SYSTEM, running.clock.now())
        counts = len(running.counts)
        with pytest.raises(AlreadyFired):
            handler.fire(timer, SYSTEM, running.clock.now())
        assert len(running.counts) == counts

    def test_by_a_kill_between_the_answer_and_the_append(
        self, running: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        running.clock.pass_by(HOUR)
        running.write_day()
        counts, (timer,) = len(running.counts), running.due

        class Killed(BaseException):
            pass

        def killed(*args: Any, **more: Any) -> Any:
            raise Killed

        handler = running.application.handlers[COUNT_TIMER]
        with monkeypatch.context() as patched:
            patched.setattr(running.application.ledger, "append", killed)
            with pytest.raises(Killed):
                handler.fire(timer, SYSTEM, running.clock.now())
        assert len(running.counts) == counts
        running.work()
        assert len(running.counts) == counts + 1

    def test_by_a_fact_that_is_handed_over_again(self, running: Running) -> None:
        (reaction,) = (one for one in running.application.reactions if one.name == "count who is affected")
        asked = len(running.watched)
        for one in list(running.application.ledger.facts()):
            if isinstance(one.fact, reaction.to) and not isinstance(one.fact, MonitoringRan):
                reaction.step(one, running.clock.now())
        assert len(running.watched) == asked

    def test_by_a_count_that_began_before_it_was_contained(self, running: Running) -> None:
        """A count that was under way says nothing of the whole time, although it is recorded later."""
        ledger = running.application.ledger
        asked_at = running.clock.pass_by(timedelta(minutes=5))
        running.clock.pass_by(timedelta(minutes=1))
        running.tell(Contained(incident="INC-1", containment="INC-1-C1", proof="the log shows it"))
        under_way = ImpactWatched(incident="INC-1", number=1, as_of=asked_at)
        stream = assessing.stream_of("INC-1")
        ledger.append(Draft(stream, ledger.length(stream), [under_way]), by=SYSTEM, at=running.clock.now())
        running.work()
        assert running.counts[-1].end == running.state.contained_at

    def test_of_an_incident_that_an_earlier_release_opened(self, running: Running) -> None:
        """No timer of it was set: the next run of its monitors finds that."""
        ledger = running.application.ledger
        stopped = ImpactWatched(incident="INC-1", as_of=running.clock.now())
        stream = assessing.stream_of("INC-1")
        ledger.append(Draft(stream, ledger.length(stream), [stopped]), by=SYSTEM, at=running.clock.now())
        assert running.due == []
        running.pass_by(26 * HOUR, written=1)
        assert running.due
        assert running.impact.as_of is not None
        assert running.impact.as_of > STARTED + HOUR


class TestAPersonsWord:
    def test_is_never_overwritten(self, running: Running) -> None:
        ledger, counter, desk = (
            running.application.ledger,
            running.application.counter,
            running.application.desk,
        )
        at = running.clock.pass_by(timedelta(minutes=2))
        why = "all of them"
        assessing.count(ledger, counter, "INC-1", because=why, reassess=desk.noted, by=MAYA, at=at)
        chosen, said = running.impact.chosen, people(running)
        running.pass_by(31 * HOUR, written=1)
        assert (running.impact.chosen, people(running)) == (chosen, said)
        assert running.impact.as_of == at
        assert running.counts[-1].number > (chosen or 0)
        assert any("came later and does not rule" in one for one in running.impact.said())
