"""Groups compared with one another: who with whom, who is left out, and what that hides.

A group that is too small, or gone, is not compared; it is named. Rows whose group is not known are nobody's
group: they are coverage, shown and judged apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.detect.cells import MISSING_GROUP, Group
from holdfast.detect.metrics import fairness
from holdfast.detect.metrics.fairness import Extremes, Rate
from holdfast.detect.metrics.intervals import Measured, Value
from holdfast.detect.plan import Counts
from holdfast.prepare.systems import Metric, Monitor

_COMPARISONS = {
    Metric.PARITY_DIFFERENCE: fairness.parity_difference,
    Metric.PARITY_RATIO: fairness.parity_ratio,
    Metric.EQUALISED_ODDS: fairness.equalised_odds,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What stands behind the one number of a fairness metric."""

    compared: Mapping[Group, Counts]
    left_out: Mapping[Group, int]
    """Groups that are too small, with their rows; 0 for one that was there before and is gone."""
    lacking: Mapping[Group, str]
    """Groups compared in which a rate has nothing to be computed from, and which."""
    extremes: Extremes | None
    earlier: str
    """What the rates are told to have changed from: `the reference`, `the window before`, or nothing."""
    lowest_was: float | None
    highest_was: float | None
    wider: Measured
    """The comparison when small groups are taken in: what leaving them out may hide."""


def rates(metric: Metric) -> Mapping[str, Rate]:
    """The rates of a group that a fairness metric compares."""
    return fairness.ODDS if metric is Metric.EQUALISED_ODDS else fairness.SELECTION


def size(counts: Counts) -> int:
    """Rows that a group is compared by: predictions, or labelled ones."""
    return int(sum(counts[:4])) if len(counts) > 2 else int(counts[1])


def compare(
    monitor: Monitor,
    counts: Mapping[Group, Counts],
    reference: Mapping[Group, Counts],
    before: Mapping[Group, Counts],
) -> tuple[Measured, Comparison]:
    """Compare groups of at least the minimum size; `reference` and `before` are what they were earlier."""
    measure, own_rates = _COMPARISONS[monitor.metric], rates(monitor.metric)
    named = {group: own for group, own in counts.items() if MISSING_GROUP not in group}
    large = {group: own for group, own in named.items() if size(own) >= monitor.min_group}
    gone = {group: 0 for group in (*reference, *before) if MISSING_GROUP not in group}
    left_out = gone | {group: size(own) for group, own in named.items()}
    pair = fairness.extremes(large, own_rates, monitor.confidence)
    earlier, then = ("the reference", reference) if reference else ("the window before", before)
    lowest_was = highest_was = None
    if pair is not None:
        rate = own_rates[pair.rate]
        lowest_was, highest_was = (_was(rate, then.get(group)) for group in (pair.lowest, pair.highest))
    found = measure(large, monitor.confidence)
    return found, Comparison(
        compared=large,
        left_out={group: n for group, n in sorted(left_out.items()) if group not in large},
        lacking=fairness.lacking(large, own_rates),
        extremes=pair,
        earlier=earlier,
        lowest_was=lowest_was,
        highest_was=highest_was,
        wider=measure({group: own for group, own in named.items() if size(own)}, monitor.confidence),
    )


def _was(rate: Rate, counts: Counts | None) -> float | None:
    found = rate(counts, 0.95) if counts is not None else None
    return found.value if isinstance(found, Value) else None
