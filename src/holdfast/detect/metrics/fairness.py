"""Whether groups are treated alike: demographic parity and equalised odds, from counts by group.

With more than two groups the largest gap is also the luckiest one: each pair is compared at the level
(1 − confidence) / comparisons (Bonferroni), so the interval of the largest gap keeps its promise.

A group in which a rate has nothing to be computed from (no positive label, say) hides a gap, it does not
close one: the others are compared, and what they differ by is the least that the gap can be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from holdfast.detect.metrics import intervals
from holdfast.detect.metrics.intervals import Measured, NotComputable, Value
from holdfast.detect.metrics.performance import false_positive_rate, recall
from holdfast.detect.metrics.quality import share

Group = tuple[str, ...]
Counts = Sequence[float]
Rate = Callable[[Counts, float], Measured]
"""A group's rate at a confidence."""


def selection_rate(selected: Counts, confidence: float) -> Measured:
    """Share of positive predictions; `selected` is [positive, with a prediction]."""
    return share(selected[0], selected[1], "predictions", confidence)


SELECTION: Mapping[str, Rate] = {"selection_rate": selection_rate}
ODDS: Mapping[str, Rate] = {"true_positive_rate": recall, "false_positive_rate": false_positive_rate}


@dataclass(frozen=True, slots=True)
class Extremes:
    """The two groups that differ most, and in which rate."""

    rate: str
    lowest: Group
    low: Value
    highest: Group
    high: Value


def parity_difference(selected: Mapping[Group, Counts], confidence: float) -> Measured:
    """Largest minus smallest share of positive predictions; values are [positive, with a prediction].

    Newcombe's interval for each pair of groups.
    """
    return _largest_gap(selected, SELECTION, confidence)


def parity_ratio(selected: Mapping[Group, Counts], confidence: float) -> Measured:
    """Smallest divided by largest share of positive predictions: the four-fifths rule asks for 0.8.

    29 CFR 1607.4 D. MOVER-R interval for each pair of groups. Two groups in which nobody is selected are
    alike; a ratio cannot be computed only where nobody is selected at all.
    """
    groups = {group: counts for group, counts in selected.items() if counts[1] > 0}
    if len(groups) < 2:
        return _too_few(len(groups))
    comparisons = len(groups) * (len(groups) - 1) // 2
    rates = [_certain(selection_rate(own, _level(confidence, comparisons))) for own in groups.values()]
    n = sum(rate.n for rate in rates)
    pairs = []
    for one, other in combinations(rates, 2):
        low, high = sorted((one, other), key=lambda rate: rate.value)
        if high.value > 0:
            pairs.append(intervals.ratio(low, high))
    if not pairs:
        return NotComputable("not computable: no group has a positive prediction", n)
    worst = min(pair.value for pair in pairs)
    return Value(worst, min(pair.lower for pair in pairs), min(pair.upper for pair in pairs), n)


def equalised_odds(confusions: Mapping[Group, Counts], confidence: float) -> Measured:
    """The larger of the gaps in true positive rate and in false positive rate between groups.

    Hardt, Price and Srebro, "Equality of opportunity in supervised learning" (2016); the larger of the
    two gaps, as fairlearn's `equalized_odds_difference` takes it. Values are [tp, fp, fn, tn, unlabelled].
    """
    return _largest_gap(confusions, ODDS, confidence)


def extremes(groups: Mapping[Group, Counts], rates: Mapping[str, Rate], confidence: float) -> Extremes | None:
    """Who differs most in any of the rates; None where no two groups can be compared."""
    found: list[Extremes] = []
    for name, rate in rates.items():
        known = _computable(groups, rate, confidence)
        if len(known) > 1:
            lowest = min(known, key=lambda group: (known[group].value, group))
            highest = max(known, key=lambda group: (known[group].value, group))
            found.append(Extremes(name, lowest, known[lowest], highest, known[highest]))
    return max(found, key=lambda pair: pair.high.value - pair.low.value, default=None)


def lacking(groups: Mapping[Group, Counts], rates: Mapping[str, Rate]) -> dict[Group, str]:
    """Groups in which a rate has nothing to be computed from, and which rate."""
    return {
        group: name
        for group, counts in groups.items()
        for name, rate in rates.items()
        if isinstance(rate(counts, 0.95), NotComputable)
    }


def _largest_gap(groups: Mapping[Group, Counts], rates: Mapping[str, Rate], confidence: float) -> Measured:
    """The largest difference within any kind of rate; the interval holds for all pairs at once."""
    if len(groups) < 2:
        return _too_few(len(groups))
    known = {name: _computable(groups, rate, confidence) for name, rate in rates.items()}
    comparisons = sum(len(own) * (len(own) - 1) // 2 for own in known.values())
    if not comparisons:
        without = next(name for name, own in known.items() if len(own) < 2).replace("_", " ")
        return NotComputable(f"not computable: fewer than two groups have a {without}")
    level = _level(confidence, comparisons)
    gaps = []
    for name, own in known.items():
        certain = [_certain(rates[name](groups[group], level)) for group in own]
        for one, other in combinations(certain, 2):
            low, high = sorted((one, other), key=lambda rate: rate.value)
            gaps.append(intervals.difference(high, low))
    n = sum(int(sum(counts[:4])) if len(counts) > 2 else int(counts[1]) for counts in groups.values())
    lower = max(0.0, max(gap.lower for gap in gaps))
    found = Value(max(gap.value for gap in gaps), lower, max(gap.upper for gap in gaps), n)
    complete = all(len(own) == len(groups) for own in known.values())
    return found if complete else replace(found, upper=1.0, at_least=True)


def _computable(groups: Mapping[Group, Counts], rate: Rate, confidence: float) -> dict[Group, Value]:
    found = {group: rate(counts, confidence) for group, counts in groups.items()}
    return {group: value for group, value in found.items() if isinstance(value, Value)}


def _certain(rate: Measured) -> Value:
    assert isinstance(rate, Value)
    return rate


def _level(confidence: float, comparisons: int) -> float:
    return 1 - (1 - confidence) / comparisons


def _too_few(groups: int) -> NotComputable:
    return NotComputable(f"not computable: {groups} group{'s are' if groups != 1 else ' is'} large enough")
