"""Groups compared with one another: who with whom, who is left out, and what that hides.

A group that is too small, or gone, is not compared; it is named. Rows whose group is not known are nobody's
group: they are coverage, shown and judged apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.detect.cells import MISSING_GROUP
from holdfast.metrics import fairness
from holdfast.metrics.fairness import Extremes, size
from holdfast.metrics.intervals import Measured, Value
from holdfast.metrics.items import Counts, Group
from holdfast.metrics.metric import Comparing, Rate
from holdfast.prepare.systems import Monitor


@dataclass(frozen=True, slots=True)
class Comparison:
    """What stands behind the one number of a fairness metric."""

    compared: Mapping[Group, Counts]
    left_out: Mapping[Group, int]
    """Groups that are too small, with their rows; 0 for one that was there before and is gone."""
    lacking: Mapping[Group, Rate]
    """Groups compared in which a rate has nothing to be computed from, and which."""
    extremes: Extremes | None
    earlier: str
    """What the rates are told to have changed from: `the reference`, `the window before`, or nothing."""
    lowest_was: float | None
    highest_was: float | None
    wider: Measured
    """The comparison when small groups are taken in: what leaving them out may hide."""


def compare(
    monitor: Monitor,
    by: Comparing,
    counts: Mapping[Group, Counts],
    reference: Mapping[Group, Counts],
    before: Mapping[Group, Counts],
) -> tuple[Measured, Comparison]:
    """Compare groups of at least the minimum size; `reference` and `before` are what they were earlier."""
    named = {group: own for group, own in counts.items() if MISSING_GROUP not in group}
    large = {group: own for group, own in named.items() if size(own) >= monitor.min_group}
    gone = {group: 0 for group in (*reference, *before) if MISSING_GROUP not in group}
    left_out = gone | {group: size(own) for group, own in named.items()}
    pair = fairness.extremes(large, by.rates, monitor.confidence)
    earlier, then = ("the reference", reference) if reference else ("the window before", before)
    lowest_was = highest_was = None
    if pair is not None:
        lowest_was, highest_was = (_was(pair.rate, then.get(group)) for group in (pair.lowest, pair.highest))
    found = by.of(large, monitor.confidence)
    return found, Comparison(
        compared=large,
        left_out={group: n for group, n in sorted(left_out.items()) if group not in large},
        lacking=fairness.lacking(large, by.rates),
        extremes=pair,
        earlier=earlier,
        lowest_was=lowest_was,
        highest_was=highest_was,
        wider=by.of({group: own for group, own in named.items() if size(own)}, monitor.confidence),
    )


def _was(rate: Rate, counts: Counts | None) -> float | None:
    found = rate.read(counts, 0.95) if counts is not None else None
    return found.value if isinstance(found, Value) else None
