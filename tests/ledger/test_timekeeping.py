"""A clock that jumps is noticed, said, and recorded over by nothing until a person confirms it (R-EVD-04)."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from holdfast.ledger.events import ClockConfirmed
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.timekeeping import BOUND, ClockStepped, LedgerClock
from holdfast.people import Actor
from holdfast.problems import NotAllowed
from support.kettles import KettleFilled
from support.machines import Machine

ANA = Actor("ana@example.com", "Ana Reyes")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def machine(now: datetime) -> Machine:
    return Machine(now)


def watched(ledger: Ledger, machine: Machine, tmp_path: Path) -> LedgerClock:
    made = LedgerClock(ledger, tmp_path / "clock.json", machine, machine.ticks)
    ledger.require_steady, ledger.keep_time = made.require_steady, made.keep
    return made


def fill(ledger: Ledger, at: datetime) -> None:
    ledger.tell("kettle/blue", KettleFilled(kettle="blue", litres=1.0), by=ANA, at=at)


@pytest.mark.parametrize("step", [timedelta(days=10), -timedelta(days=10), BOUND * 2, -BOUND * 2])
def test_a_step_is_refused_until_it_is_confirmed(
    ledger: Ledger, machine: Machine, tmp_path: Path, step: timedelta
) -> None:
    clock = watched(ledger, machine, tmp_path)
    fill(ledger, clock.now())
    machine.pass_(MINUTE)
    machine.clock += step
    with pytest.raises(ClockStepped, match="stepped by"):
        fill(ledger, machine.clock)
    assert ledger.size() == 1
    clock.confirm("the machine was set right", ANA)
    fill(ledger, clock.now())
    confirmed, filled = list(ledger.facts())[1:]
    assert isinstance(confirmed.fact, ClockConfirmed)
    assert confirmed.fact.machine == machine.clock
    assert filled.at >= confirmed.at


def test_time_that_passes_is_no_step(ledger: Ledger, machine: Machine, tmp_path: Path) -> None:
    clock = watched(ledger, machine, tmp_path)
    for span in (MINUTE, timedelta(days=3), timedelta(days=400)):
        machine.pass_(span)
        fill(ledger, clock.now())
    machine.clock += BOUND / 2  # what the network corrects
    fill(ledger, clock.now())
    assert ledger.size() == 4


def test_many_small_steps_are_one_large_one(ledger: Ledger, machine: Machine, tmp_path: Path) -> None:
    clock = watched(ledger, machine, tmp_path)
    for _ in range(3):
        machine.clock += BOUND / 2
        clock.now()
    with pytest.raises(ClockStepped):
        fill(ledger, clock.now())


def test_a_step_between_two_commands_is_noticed(ledger: Ledger, machine: Machine, tmp_path: Path) -> None:
    watched(ledger, machine, tmp_path).keep()
    machine.pass_(MINUTE)
    machine.clock += timedelta(days=10)
    watched(ledger, machine, tmp_path)
    with pytest.raises(ClockStepped, match=r"\+10 days"):
        fill(ledger, machine.clock)


def test_looking_at_the_clock_writes_nothing_and_recording_does(
    ledger: Ledger, machine: Machine, tmp_path: Path
) -> None:
    clock = watched(ledger, machine, tmp_path)
    clock.require_steady()
    assert clock.step is None
    assert not (tmp_path / "clock.json").exists()
    began = clock.now()
    machine.pass_(MINUTE)
    fill(ledger, clock.now())
    assert f"{began:%Y-%m-%dT%H:%M}" in (tmp_path / "clock.json").read_text()


def test_a_step_before_anything_was_recorded_is_noticed_and_not_written_down(
    ledger: Ledger, machine: Machine, tmp_path: Path
) -> None:
    """A server that was started, and has recorded nothing yet."""
    clock = watched(ledger, machine, tmp_path)
    machine.clock += timedelta(days=10)
    with pytest.raises(ClockStepped, match=r"\+10 days"):
        fill(ledger, clock.now())
    clock.keep()
    with pytest.raises(ClockStepped, match=r"\+10 days"):
        fill(ledger, watched(ledger, machine, tmp_path).now())


def test_what_was_recorded_stands_though_the_clock_cannot_be_written_down(
    ledger: Ledger, machine: Machine, tmp_path: Path
) -> None:
    clock = watched(ledger, machine, tmp_path / "gone")
    fill(ledger, clock.now())
    assert ledger.size() == 1
    machine.clock += timedelta(days=10)
    with pytest.raises(ClockStepped):
        fill(ledger, clock.now())


def test_a_machine_that_starts_in_the_past_is_noticed(
    ledger: Ledger, machine: Machine, tmp_path: Path
) -> None:
    """An empty battery: 1970. Set right, nothing needs to be confirmed."""
    clock = watched(ledger, machine, tmp_path)
    fill(ledger, clock.now())
    right = machine.clock + timedelta(hours=1)
    machine.start_again()
    machine.clock = datetime.fromtimestamp(0, right.tzinfo)
    clock = watched(ledger, machine, tmp_path)
    with pytest.raises(ClockStepped, match="the newest fact was recorded at"):
        fill(ledger, clock.now())
    machine.start_again()
    machine.clock = right
    fill(ledger, watched(ledger, machine, tmp_path).now())


def test_promises_count_from_the_recorded_time(ledger: Ledger, machine: Machine, tmp_path: Path) -> None:
    """Another machine is a minute ahead: what it recorded is not in the future for this one."""
    clock = watched(ledger, machine, tmp_path)
    fill(ledger, machine.clock + MINUTE)
    assert clock.now() == machine.clock + MINUTE


def test_after_a_confirmed_step_back_ten_minutes_stay_ten_minutes(
    ledger: Ledger, machine: Machine, tmp_path: Path
) -> None:
    """The same time judges what it set, also in another process."""
    clock = watched(ledger, machine, tmp_path)
    fill(ledger, clock.now())
    due = clock.now() + 10 * MINUTE
    machine.clock -= timedelta(days=1)
    clock.confirm("daylight saving was set by hand", ANA)
    other = watched(ledger, machine, tmp_path)
    machine.pass_(9 * MINUTE)
    assert other.now() < due
    machine.pass_(2 * MINUTE)
    assert other.now() >= due


def test_a_confirmation_is_seen_by_processes_that_run(
    ledger: Ledger, machine: Machine, tmp_path: Path
) -> None:
    running = watched(ledger, machine, tmp_path)
    running.keep()  # as a server and a worker do before they begin
    machine.clock += timedelta(days=1)
    watched(ledger, machine, tmp_path).confirm("moved to another host", ANA)
    running.require_steady()


def test_nothing_is_confirmed_without_a_step_or_a_reason(
    ledger: Ledger, machine: Machine, tmp_path: Path
) -> None:
    clock = watched(ledger, machine, tmp_path)
    with pytest.raises(NotAllowed, match="has not stepped"):
        clock.confirm("why not", ANA)
    machine.clock += timedelta(days=1)
    with pytest.raises(NotAllowed, match="say why"):
        clock.confirm(" ", ANA)
    with pytest.raises(ClockStepped):
        fill(ledger, machine.clock)


@pytest.mark.parametrize("content", ["", "[]", '{"starts": 7}', "\0"])
def test_a_file_that_cannot_be_read_lets_the_newest_fact_tell(
    ledger: Ledger, machine: Machine, tmp_path: Path, content: str
) -> None:
    clock = watched(ledger, machine, tmp_path)
    fill(ledger, clock.now())
    (tmp_path / "clock.json").write_text(content)
    machine.clock -= timedelta(days=1)
    with pytest.raises(ClockStepped):
        fill(ledger, watched(ledger, machine, tmp_path).now())


def test_threads_share_one_clock(ledger: Ledger, machine: Machine, tmp_path: Path) -> None:
    clock = watched(ledger, machine, tmp_path)
    threads = [threading.Thread(target=fill, args=(ledger, clock.now())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.size() == 4
