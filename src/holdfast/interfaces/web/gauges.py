"""A monitor as people read it: its last windows, what they are held against, and the words for both.

Pure: measurements in, words and chart points out. The rules themselves are in `holdfast.detect.alarms`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from holdfast import charts, wording
from holdfast.detect import maturity
from holdfast.detect.judging import average_run_length
from holdfast.detect.measurement import Measurement
from holdfast.detect.watched import limits_said
from holdfast.metrics.metric import Dimension
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.systems import Monitor, Rows, System


@dataclass(frozen=True, slots=True)
class Gauge:
    """One monitor with its newest windows, the newest first."""

    monitor: Monitor
    windows: Sequence[Measurement] = ()
    alerts: int = 0
    """Alerts that are open."""

    @property
    def latest(self) -> Measurement | None:
        return self.windows[0] if self.windows else None

    @property
    def known(self) -> Measurement | None:
        """The newest window that has a value."""
        return next((one for one in self.windows if one.value is not None), None)

    @property
    def course(self) -> list[tuple[float | None, charts.Status]]:
        """Values with their status, the oldest first, as small lines show them."""
        return [(one.value, one.status.value) for one in reversed(self.windows)]

    @property
    def limit(self) -> charts.Limit | None:
        """The limit that is nearest to the newest value: charts show one."""
        limit = self.monitor.limit
        if limit is None:
            return None
        if limit.below is None or (limit.above is not None and self._is_nearer(limit.above, limit.below)):
            assert limit.above is not None
            return charts.Limit(value=limit.above, breached="above")
        return charts.Limit(value=limit.below, breached="below")

    def _is_nearer(self, one: float, other: float) -> bool:
        value = self.known.value if self.known else None
        return value is not None and abs(value - one) < abs(value - other)

    @property
    def digits(self) -> int:
        return self.monitor.measures.digits

    def said(self, one: Measurement | None) -> str:
        """A measurement in figures: `0.71 (0.66 to 0.76)`, or why there is none."""
        if one is None:
            return "not measured yet"
        unknown = "pending" if one.status.value == "pending" else "not computable"
        against = self.limit.value if self.limit else None
        return wording.interval(one.value, one.lower, one.upper, self.digits, against, unknown)

    def figure(self, value: float | None) -> str:
        """One value of this monitor, never looking equal to its limit when it is not."""
        return wording.figure(value, self.digits, self.limit.value if self.limit else None, "not computable")

    @property
    def course_said(self) -> str:
        """The small line in words, for those who do not see it."""
        values = [one.value for one in reversed(self.windows) if one.value is not None]
        if not values:
            return "no values yet"
        first, last = self.figure(values[0]), self.figure(values[-1])
        return f"{wording.plural(len(values), 'window')}, {first} to {last}, {limits_said(self.monitor)}"


# Words ---------------------------------------------------------------------------------------------


def metric_said(monitor: Monitor) -> str:
    """What is measured: `Accuracy`, `PSI of income`."""
    words = monitor.measures.title or monitor.measures.words
    return wording.capital(f"{words} of {monitor.column}" if monitor.column else words)


def harm_said(monitor: Monitor) -> str:
    """On which side the harm lies: `alarms below`, `alarms above`."""
    limit = monitor.limit
    if limit is None:
        return ""
    if limit.below is not None and limit.above is not None:
        return "alarms outside of them"
    return "alarms below it" if limit.below is not None else "alarms above it"


def waits_said(monitor: Monitor) -> str:
    """When a window is judged."""
    if not monitor.measures.needs_labels:
        return "as soon as its window is complete"
    return f"once {maturity.waits_for(monitor.maturity)}"


def rarity_said(monitor: Monitor) -> str:
    """How rarely the e-detector errs by design: `one false alarm in 10 years by design`."""
    if monitor.e_detector is None:
        return ""
    length = average_run_length(monitor)
    if isinstance(monitor.window, Rows):
        return f"one false alarm in {length:,.0f} windows by design"
    years = length * monitor.window.total_seconds() / (365.25 * 86_400)
    spoken = f"{years:.0f} years" if years >= 2 else f"{length:,.0f} windows"
    return f"one false alarm in {spoken} by design"


# Charts --------------------------------------------------------------------------------------------


def points(windows: Iterable[Measurement]) -> list[charts.Point]:
    """Windows, the newest first, as the chart takes them."""
    return [
        charts.Point(
            start=one.window_start,
            end=one.window_end,
            status=one.status.value,
            value=one.value,
            lower=one.lower,
            upper=one.upper,
            labelled_share=one.labelled_share,
            alarm=one.alarm,
        )
        for one in reversed(list(windows))
    ]


def draw(
    gauge: Gauge, windows: Sequence[Measurement], title: str, marks: Sequence[charts.Mark]
) -> tuple[str | None, str | None]:
    """The chart of a monitor, wide and narrow; nothing without a renderer, or before anything is measured."""
    if not windows or not charts.available():
        return None, None
    colours = charts.palette("page")

    def drawn(shown: Sequence[Measurement], width: int, height: int) -> str:
        spec = charts.monitor_chart(
            points(shown),
            title=title,
            limit=gauge.limit,
            marks=marks,
            colours=colours,
            width=width,
            height=height,
            bounds=gauge.monitor.measures.axis,
        )
        return charts.render_svg(spec)

    return drawn(windows, 1080, 260), drawn(windows[: len(windows) // 2 or 1][:30], 358, 200)


# What the playbook asks to be watched --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Coverage:
    """One dimension of one system: whether it must be watched, and by how many monitors it is."""

    dimension: Dimension
    requires: str
    """What the playbook asks for; empty where it asks for nothing at this priority."""
    monitors: int

    @property
    def is_gap(self) -> bool:
        return bool(self.requires) and not self.monitors


def coverage(playbook: Playbook | None, system: System, monitors: Iterable[Monitor]) -> tuple[Coverage, ...]:
    """Each dimension the playbook speaks of or a monitor watches, in the playbook's order (R-PRE-01)."""
    asked: dict[Dimension, list[str]] = {}
    for requirement in playbook.detection.requirements if playbook else ():
        wanted = system.priority <= requirement.down_to_priority
        asked.setdefault(requirement.dimension, []).extend([requirement.requires] if wanted else [])
    found = [monitor.measures.dimension for monitor in monitors]
    watched: Mapping[Dimension, int] = {dimension: found.count(dimension) for dimension in Dimension}
    shown = [*asked, *(dimension for dimension in Dimension if watched[dimension] and dimension not in asked)]
    return tuple(
        Coverage(dimension, "; ".join(asked.get(dimension, ())), watched[dimension]) for dimension in shown
    )
