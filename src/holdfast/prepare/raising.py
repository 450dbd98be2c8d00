"""What an alert can be: which monitors there are, what each measures, and in which ranges its numbers lie.

One idea: the facts of an alert are not free of one another. Whoever names a metric, a dimension, a monitor or
a system has said which values, limits and changes there can be at all; a rule that asks for others is decided
before anything is measured.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.metrics import METRICS
from holdfast.metrics.metric import Metric, Worse
from holdfast.prepare.systems import Monitor, System

Range = tuple[float, float]
ANYTHING: Range = (-math.inf, math.inf)
_SHARE: Range = (0.0, 1.0)
NAMING = ("alert.metric", "alert.dimension", "alert.monitor", "system.id")
"""Facts that say which alert it is."""
NUMBERS = ("alert.value", "alert.limit", "alert.drop")
"""Facts whose range follows from it."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Something that can raise an alert: a monitor, or any that measures a metric."""

    metric: Metric
    worse: Worse | None
    """In which direction it gets worse; None where each monitor says it for itself."""
    monitor: str = ""
    system: str = ""
    limits: tuple[float, ...] = ()
    """The limits that it states; empty where they are not known."""

    @classmethod
    def of(cls, monitor: Monitor, system: str) -> Source:
        stated = (monitor.limit.below, monitor.limit.above) if monitor.limit else ()
        limits = tuple(one for one in stated if one is not None)
        return cls(monitor.measures, monitor.gets_worse, monitor.id, system, limits)

    def named(self, fact: str) -> str:
        return {
            "alert.metric": self.metric.name,
            "alert.dimension": self.metric.dimension.value,
            "alert.monitor": self.monitor,
            "system.id": self.system,
        }[fact]

    def range(self, fact: str) -> Range:
        if fact == "alert.value":
            return self.metric.range
        if fact == "alert.limit":
            return (min(self.limits), max(self.limits)) if self.limits else self.metric.range
        return _drop(self.metric, self.worse)


def _drop(metric: Metric, worse: Worse | None) -> Range:
    """How much worse than the reference it can be, as a share of the reference: what cannot fall under 0
    loses all of it at most, and has no end upwards, because a reference may be small."""
    if worse == "either":
        return 0.0, math.inf
    if metric.range[0] < 0 or worse is None:
        return ANYTHING
    return (-math.inf, 1.0) if worse == "down" else (-1.0, math.inf)


ANY: tuple[Source, ...] = tuple(Source(metric, metric.worse) for metric in METRICS)
"""Where no systems are known: every metric, in the direction in which it gets worse by itself."""


def sources_of(systems: Iterable[System]) -> tuple[Source, ...]:
    """The monitors of these systems, and any of a metric that none of them measures."""
    monitors = tuple(Source.of(monitor, system.id) for system in systems for monitor in system.monitors)
    measured = {one.metric.name for one in monitors}
    return (*monitors, *(one for one in ANY if one.metric.name not in measured))


def meant(sources: Sequence[Source], said: Mapping[str, Sequence[str]]) -> list[Source] | None:
    """What may have raised an alert of which all of this is said, by fact; None where nothing is said that
    tells, such as *coverage*, which any monitor may be about."""
    told = {
        fact: names
        for fact, names in said.items()
        if all(any(one.named(fact) == name for one in sources) for name in names)
    }
    if not told:
        return None
    return [one for one in sources if all(one.named(fact) in names for fact, names in told.items())]


def range_of(fact: str, sources: Iterable[Source], aside: bool) -> Range:
    """In which a number of an alert of one of these lies. `aside`: it may also be about coverage."""
    ranges = [one.range(fact) for one in sources]
    if aside and fact != "alert.drop":
        ranges.append(_SHARE)
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def ends_of(fact: str, sources: Iterable[Source]) -> set[float]:
    """Where the ranges of a number end: on both sides of each it has to be tried."""
    ends = {end for one in sources for end in one.range(fact)} | {0.0, 1.0}
    return {end for end in ends if math.isfinite(end)}


def alike(sources: Iterable[Source], fact: str, name: str, beside: Collection[str]) -> object:
    """What tells a name from another one, where a rule speaks of these facts: names of which everything else
    is the same need not be tried each."""
    return frozenset(
        (
            *(one.named(other) for other in NAMING if other != fact and other in beside),
            *(one.range(number) for number in NUMBERS if number in beside),
        )
        for one in sources
        if one.named(fact) == name
    )


def can_be(sources: Sequence[Source], values: Mapping[str, object]) -> bool:
    """Whether there is an alert with all of these facts together; what says nothing of that is let be."""
    said = {fact: [str(values[fact])] for fact in NAMING if fact in values}
    raised = meant(sources, said)
    if raised is None:
        return True
    aside = "alert.metric" not in said
    numbers = {fact: float(str(values[fact])) for fact in NUMBERS if fact in values}
    return any(
        all(
            low <= value <= high
            for fact, value in numbers.items()
            for low, high in [range_of(fact, [one], aside)]
        )
        for one in raised
    )
