"""Counting the effect: the engine that serves the monitors counts what the model answered since.

A row of the prediction log counts as answered by the model when it has a prediction. The keys of a segment
are read as columns of the log: the application logs what it tells the switches. Values are compared as
the switches compare them, and a row that lacks the key counts as contained, because the switches send it
to review too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import NamedTuple

from holdfast.contain.containment import Containment
from holdfast.contain.effect import CannotCount, witnesses
from holdfast.contain.events import SeenWindow, Segment, Traffic, Usual
from holdfast.contain.switches import place
from holdfast.detect.cells import MISSING_GROUP, Cell
from holdfast.detect.counting import Engines
from holdfast.detect.engines import Engine
from holdfast.detect.log import open_log
from holdfast.detect.measurement import Measurement, Transition, WindowStatus
from holdfast.detect.plan import Scan
from holdfast.detect.tables import Kind, LogError, Table
from holdfast.metrics.items import SELECTED, VOLUME
from holdfast.prepare.systems import Limit, Monitor, System

DAY = timedelta(days=1)
"""What is seen since is compared with the same hours of the clock before applying, so that a night is
compared with a night; from a day on with the whole day before."""

Measured = Callable[[str, datetime], Iterable[Measurement]]
"""What a system's monitors measured in windows that begin at or after a moment."""


@dataclass(frozen=True, slots=True)
class LogWatch:
    """`holdfast.contain.effect.Watch` over the prediction log and the monitors' measurements.

    Paths in the systems' files are relative to `base`.
    """

    base: Path
    engines: Engines
    measured: Measured

    def traffic(self, containment: Containment, system: System, at: datetime) -> Traffic:
        source = system.prediction_log
        if source is None:
            raise CannotCount(f"{system.name} has no prediction log, so nothing can be counted")
        assert containment.applied is not None
        assert containment.effective_from is not None
        applied, since = containment.applied.at, containment.effective_from
        until = max(since, at - (source.delay or timedelta()))
        with self.engines() as engine:
            try:
                # Labels and reference do not matter here, and must not stand in the way.
                bare = source.model_copy(update={"labels": None, "reference": None})
                log = open_log(bare, self.base, engine)
                table = log.table
                count = _Counter(engine, table, containment.segment)
                settling = count.between(applied, min(since, applied + containment.expected)).answered
                found = count.between(since, until)
                usual = _usual(count, applied, since, until)
            except LogError as error:
                raise CannotCount(f"the prediction log cannot be counted: {error}") from error
        seen = witnesses(found.others, found.by_people, usual)
        return Traffic(
            since=since,
            until=until,
            answered=found.answered,
            settling=settling,
            others=found.others,
            expected=seen.expect(usual.answered),
            reaches=max(since, min(until, log.last)),
            by_people=found.by_people,
            usual=usual,
        )

    def windows(
        self,
        system: str,
        monitors: Sequence[str],
        since: datetime,
        at: datetime,
        rules: Sequence[Monitor],
    ) -> Sequence[SeenWindow]:
        known = sorted(
            (
                one
                for one in self.measured(system, since)
                if one.monitor in monitors and one.window_start >= since and one.as_of <= at
            ),
            key=lambda one: one.as_of,
        )
        # A window is measured again as labels arrive: what was known last counts.
        newest = {(one.series, one.window_start): one for one in known}
        found = [_seen(one, newest.values(), rules) for one in newest.values() if _judged(one)]
        return sorted(found, key=lambda window: (window.window_start, window.monitor))


def _seen(one: Measurement, known: Iterable[Measurement], rules: Sequence[Monitor]) -> SeenWindow:
    return SeenWindow(
        monitor=one.monitor,
        window_start=one.window_start,
        window_end=one.window_end,
        value=None if one.value is None else float(one.value),
        n=one.n,
        alarm=one.alarm,
        in_bounds=_in_bounds(one, known, rules),
    )


def _in_bounds(one: Measurement, known: Iterable[Measurement], rules: Sequence[Monitor]) -> bool:
    """Whether a window is known to be in bounds: for everybody with its whole interval, and for no group
    that is large enough to judge beyond the limit."""
    rule = next((rule for rule in rules if _is_of(one, rule)), None)
    if rule is None or one.alarm or one.value is None or one.n < max(1, rule.min_n or 1):
        return False
    if rule.limit is not None and not _within(one.lower, one.upper, rule.limit):
        return False
    if rule.limit is None or rule.relative or rule.e_detector:
        return one.transition in (Transition.RECOVERS, Transition.CLOSES)  # what its other rules said
    groups = (
        group
        for group in known
        if group.group is not None and (group.monitor, group.window_start) == (one.monitor, one.window_start)
    )
    return not any(
        group.quantity == one.quantity
        and group.n >= rule.min_group
        and not _within(group.value, group.value, rule.limit)
        for group in groups
    )


def _is_of(one: Measurement, rule: Monitor) -> bool:
    """A monitor of several columns is one for each, named `id.column`."""
    return one.monitor == rule.id or (rule.columns is not None and one.monitor.startswith(f"{rule.id}."))


def _within(lower: float | None, upper: float | None, limit: Limit) -> bool:
    above = limit.below is None or (lower is not None and lower >= limit.below)
    return above and (limit.above is None or (upper is not None and upper <= limit.above))


def _judged(one: Measurement) -> bool:
    """What holds for everybody, and any alarm of a group; what is pending says nothing."""
    return one.alarm or (one.group is None and not one.is_aside and one.status is WindowStatus.MEASURED)


def _usual(count: _Counter, applied: datetime, since: datetime, until: datetime) -> Usual:
    """What was usual before applying, in a stretch like the one from `since` to `until`."""
    if until - since >= DAY:
        start, end, times = applied - DAY, applied, (until - since) / DAY
    else:
        earlier = DAY * max(1, ceil((until - applied) / DAY))
        start, end, times = since - earlier, until - earlier, 1.0
    found = count.between(start, end)
    return Usual(found.answered, found.others, found.by_people, times)


class _Rows(NamedTuple):
    answered: int = 0
    """Of the scope, by the model."""
    others: int = 0
    """Outside the scope, by the model."""
    by_people: int = 0
    """Without a prediction, of anybody."""


@dataclass(frozen=True, slots=True)
class _Counter:
    engine: Engine
    table: Table
    segment: Segment

    def between(self, start: datetime, end: datetime) -> _Rows:
        """Rows in [start, end)."""
        if end <= start:
            return _Rows()
        asked = (VOLUME, SELECTED) if self.table.roles.prediction else (VOLUME,)
        scan = Scan(None, tuple(self.segment), False, asked)
        cells = self.engine.count(replace(self.table, since=start, until=end), scan)
        by_model = [cell for cell in cells if cell.item == asked[-1].id]
        rows = sum(_rows(cell) for cell in cells if cell.item == VOLUME.id)
        answered = sum(_rows(cell) for cell in by_model if self._in_scope(cell))
        every = sum(_rows(cell) for cell in by_model)
        return _Rows(answered, every - answered, rows - every)

    def _in_scope(self, cell: Cell) -> bool:
        said = zip(self.segment, cell.group, strict=True)
        context: Mapping[str, object] = {key: self._read(key, value) for key, value in said}
        return place(self.segment, context).contained

    def _read(self, key: str, value: str) -> str | float | None:
        """A group's text as the application would say it: numbers as numbers, no value as none."""
        if value == MISSING_GROUP:
            return None
        return float(value) if self.table.column(key).kind is Kind.NUMBER else value


def _rows(cell: Cell) -> int:
    """The last count: rows with a prediction, or all rows."""
    return int(cell.counts[-1])
