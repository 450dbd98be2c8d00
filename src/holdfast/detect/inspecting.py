"""What monitors remember and which systems are watched, as `ledger check` sees it: it decides who alarms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection, select

from holdfast import clock
from holdfast.detect.events import MonitoringRan, MonitoringScheduled, MonitoringStopped
from holdfast.detect.monitoring import digest_of_memory, monitor_memory
from holdfast.ledger.facts import Recorded
from holdfast.prepare.documents import Unusable
from holdfast.prepare.events import SystemApplied, SystemWithdrawn
from holdfast.prepare.workspace import read_system


class Remembered:
    """Compares the memory of each system's monitors with what its last run left."""

    name = "what monitors remember"

    def __init__(self) -> None:
        self._ran: dict[str, MonitoringRan] = {}

    def see(self, recorded: Recorded) -> None:
        if isinstance(recorded.fact, MonitoringRan):
            self._ran[recorded.fact.system] = recorded.fact

    def problems(self, conn: Connection) -> Iterator[str]:
        seen: Counter[str] = Counter()
        for row in conn.execute(select(monitor_memory)):
            seen[row.system] += 1
            whose = f"the monitors of {row.system}"
            ran = self._ran.get(row.system)
            if ran is None:
                yield f"{whose} remember something, and never ran"
            elif row.as_of != clock.stamp(ran.as_of):
                yield f"{whose} remember a run of {row.as_of}, the last was at {ran.as_of}"
            elif ran.memory and digest_of_memory(row.state) != ran.memory:
                yield f"what {whose} remember is not what their last run left: it was edited"
        for ran in self._ran.values():
            if ran.system not in seen:
                yield f"what the monitors of {ran.system} remember since {ran.as_of:%d %B %Y} is missing"
        yield from (f"the memory of {name} stands {n} times" for name, n in seen.items() if n > 1)


class Followed:
    """Every system with a log and monitors is watched from when it was applied, and none that was withdrawn
    (a Trace)."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, SystemApplied | SystemWithdrawn]] = {}
        self._watched: set[str] = set()

    def see(self, recorded: Recorded) -> None:
        match recorded.fact:
            case SystemApplied(system=system) | SystemWithdrawn(system=system) as moved:
                self._newest[system] = recorded.seq, moved
            case MonitoringScheduled(system=system):
                self._watched.add(system)
            case MonitoringStopped(system=system):
                self._watched.discard(system)

    def untouched(self) -> Iterator[tuple[int, str]]:
        for system, (seq, moved) in self._newest.items():
            wanted = _to_be_watched(moved)
            if wanted and system not in self._watched:
                yield seq, f"the monitors of {system} never began to run"
            elif wanted is False and system in self._watched:
                yield seq, f"the monitors of {system} never stopped"


def _to_be_watched(moved: SystemApplied | SystemWithdrawn) -> bool | None:
    """None where this release cannot read what was applied."""
    if isinstance(moved, SystemWithdrawn):
        return False
    try:
        return read_system(moved.file, moved.text.encode()).is_covered
    except Unusable:
        return None
