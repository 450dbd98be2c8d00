"""What is known of every monitor at this moment: counted, and said in one way to all who ask.

That no alert is open is no proof that all is well: labels are waited for, a window had nothing to compute
from, a log was not read, an alert was set aside. Each has its word, and only what was computed is called so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from holdfast.detect import records, silence, watched
from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.detect.records import OpenAlert, Run
from holdfast.ledger.ledger import Ledger
from holdfast.prepare.systems import Monitor, System
from holdfast.prepare.terms import CANNOT_MEASURE
from holdfast.prepare.versions import active_systems
from holdfast.wording import plural


class Known(StrEnum):
    """What is known of one monitor; the gravest that is so."""

    OUT = "out of bounds"
    FAILING = "cannot measure"
    ASIDE = "out of bounds and set aside"
    SILENT = "not heard from"
    NOT_COMPUTABLE = "not computable"
    PENDING = "pending"
    NOT_MEASURED = "not measured yet"
    ESTIMATED = "estimated without an alarm"
    MEASURED = "measured without an alarm"


_OF_STATUS = {
    WindowStatus.NOT_COMPUTABLE: Known.NOT_COMPUTABLE,
    WindowStatus.PENDING: Known.PENDING,
    WindowStatus.ESTIMATED: Known.ESTIMATED,
    WindowStatus.MEASURED: Known.MEASURED,
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many monitors there are of each, and what may be said of all of them."""

    counted: Mapping[Known, int]
    working: bool = True
    """Whether a worker runs. Without one nothing newer is measured."""

    @property
    def total(self) -> int:
        return sum(self.counted.values())

    @property
    def out(self) -> int:
        """Monitors out of bounds, those set aside included."""
        return self.number(Known.OUT) + self.number(Known.ASIDE)

    @property
    def figure(self) -> int | str:
        """How many are out of bounds; not known where no monitor has measured anything yet."""
        return self.out if self.out or self.computed else "not known"

    def number(self, known: Known) -> int:
        return self.counted.get(known, 0)

    @property
    def computed(self) -> int:
        """Monitors whose newest window was measured or estimated, without an alarm."""
        return self.number(Known.MEASURED) + self.number(Known.ESTIMATED)

    @property
    def rest(self) -> str:
        """What is known of those that are not out of bounds, in few words."""
        said = [f"{self.computed:,} without an alarm" if self.computed else ""]
        unknown = (Known.FAILING, Known.SILENT, Known.NOT_COMPUTABLE, Known.PENDING, Known.NOT_MEASURED)
        said += [f"{self.number(known):,} {known}" for known in unknown if self.number(known)]
        return ", ".join(filter(None, said))

    @property
    def title(self) -> str:
        """The most that is so, in a few words."""
        if not self.total:
            return "Nothing is monitored yet"
        if self.out:
            every = self.out == self.number(Known.ASIDE)
            aside = " and set aside" if every else ""
            return f"{plural(self.out, 'monitor')} {'is' if self.out == 1 else 'are'} out of bounds{aside}"
        known = "" if self.working and self.computed == self.total else "known to be "
        return f"No monitor is {known}out of bounds"

    @property
    def parts(self) -> str:
        """How many there are of each, the gravest first."""
        return ", ".join(f"{self.number(known):,} {known}" for known in Known if self.number(known))

    @property
    def detail(self) -> str:
        """What was computed, and what was not."""
        whose = "its" if self.total == 1 else "their"
        counted = f"{plural(self.total, 'monitor')} by {whose} newest window: {self.parts}."
        still = "" if self.working else "No worker runs, so nothing newer is measured."
        return f"{counted} {still}".strip() if self.total else still

    @property
    def said(self) -> str:
        """Everything, for one line."""
        return f"{self.title}. {self.detail}".strip()


def known_of(alerts: Iterable[OpenAlert], newest: Sequence[Measurement], silent: bool) -> Known:
    """What is known of a monitor: by its open alerts, its newest window, and whether its system is silent.

    Where a window has groups, the measurement of everybody decides; without one, the least known of those
    groups that could be computed at all.
    """
    found = {_of_alert(alert) for alert in alerts}
    own = [one for one in newest if not one.is_aside]
    if any(one.alarm for one in own) and Known.ASIDE not in found:
        found.add(Known.OUT)
    if silent:
        found.add(Known.SILENT)
    if not found:
        found.add(_of_window(own))
    return next(known for known in Known if known in found)


def _of_alert(alert: OpenAlert) -> Known:
    if alert.series.endswith(f"|{CANNOT_MEASURE}"):
        return Known.FAILING
    return Known.ASIDE if alert.set_aside else Known.OUT


def _of_window(own: Sequence[Measurement]) -> Known:
    if not own:
        return Known.NOT_MEASURED
    judged = [one for one in own if one.group is None] or own
    statuses = {one.status for one in judged}
    computed = statuses - {WindowStatus.NOT_COMPUTABLE}
    return next(_OF_STATUS[status] for status in _OF_STATUS if status in (computed or statuses))


def bounds_of(ledger: Ledger, systems: Iterable[str], now: datetime, *, working: bool = True) -> Bounds:
    """Every monitor of these systems of the inventory; `working` says whether a worker runs."""
    inventory = {name: applied.model for name, applied in active_systems(ledger).items()}
    counted = ledger.steady(("bounds", *inventory), lambda conn: _counted(conn, inventory.values()))
    with ledger.reading() as conn:
        runs = records.runs(conn)
    found = (
        one.silent if _is_silent(inventory[system], one.monitor, runs.get(system), now) else one.heard
        for system in systems
        for one in counted[system]
    )
    return Bounds(Counter(found), working)


def _is_silent(system: System, monitor: Monitor, run: Run | None, now: datetime) -> bool:
    """Nothing newer comes of a monitor: its system is not run, or the log has no newer row for it."""
    if run is None or system.prediction_log is None:
        return False
    return run.is_dead(now) or silence.is_unheard(monitor, system.prediction_log, run.newest, now)


@dataclass(frozen=True, slots=True)
class _One:
    """What is known of one monitor where it is heard from, and where it is not."""

    monitor: Monitor
    heard: Known
    silent: Known


def _counted(conn: Connection, inventory: Iterable[System]) -> Mapping[str, Sequence[_One]]:
    """Every monitor of each system."""
    alerts: dict[tuple[str, str], list[OpenAlert]] = {}
    for one in records.open_alerts(conn):
        alerts.setdefault((one.system, one.monitor), []).append(one)
    found: dict[str, list[_One]] = {}
    for system in inventory:
        monitors = watched.monitors_in(conn, system)
        newest = records.newest_windows(conn, system.id, [monitor.id for monitor in monitors])
        found[system.id] = []
        for monitor in monitors:
            # One that cannot measure at all alarms under the name it has in the file, not for a column.
            names = {monitor.id, system.declares(monitor.id)}
            own = [alert for name in names for alert in alerts.get((system.id, name), ())]
            heard, silent = (known_of(own, newest.get(monitor.id, ()), unheard) for unheard in (False, True))
            found[system.id].append(_One(monitor, heard, silent))
    return found
