"""How groups are compared by the rates of each, from counts by group.

With more than two groups the largest gap is also the luckiest one: each pair is compared at the level
(1 − confidence) / comparisons (Bonferroni), so the interval of the largest gap keeps its promise.

A group in which a rate has nothing to be computed from (no positive label, say) hides a gap, it does not
close one: the others are compared, and what they differ by is the least that the gap can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from holdfast.metrics import intervals
from holdfast.metrics.intervals import Measured, NotComputable, Value
from holdfast.metrics.items import Counts, Group
from holdfast.metrics.metric import Rate, Rates


@dataclass(frozen=True, slots=True)
class Extremes:
    """The two groups that differ most, and in which rate."""

    rate: Rate
    lowest: Group
    low: Value
    highest: Group
    high: Value


def size(counts: Counts) -> int:
    """Rows that a group is compared by: predictions, or labelled ones."""
    return int(sum(counts[:4])) if len(counts) > 2 else int(counts[1])


def extremes(groups: Mapping[Group, Counts], rates: Rates, confidence: float) -> Extremes | None:
    """Who differs most in any of the rates; None where no two groups can be compared."""
    found: list[Extremes] = []
    for rate in rates:
        known = _computable(groups, rate, confidence)
        if len(known) > 1:
            lowest = min(known, key=lambda group: (known[group].value, group))
            highest = max(known, key=lambda group: (known[group].value, group))
            found.append(Extremes(rate, lowest, known[lowest], highest, known[highest]))
    return max(found, key=lambda pair: pair.high.value - pair.low.value, default=None)


def lacking(groups: Mapping[Group, Counts], rates: Rates) -> dict[Group, Rate]:
    """Groups in which a rate has nothing to be computed from, and which rate."""
    return {
        group: rate
        for group, counts in groups.items()
        for rate in rates
        if isinstance(rate.read(counts, 0.95), NotComputable)
    }


def largest_gap(groups: Mapping[Group, Counts], rates: Rates, confidence: float) -> Measured:
    """The largest difference within any kind of rate; the interval holds for all pairs at once.

    Newcombe's interval for each pair of groups.
    """
    if len(groups) < 2:
        return _too_few(len(groups))
    known = {rate: _computable(groups, rate, confidence) for rate in rates}
    comparisons = sum(len(own) * (len(own) - 1) // 2 for own in known.values())
    if not comparisons:
        without = next(rate.words for rate, own in known.items() if len(own) < 2)
        return NotComputable(f"not computable: fewer than two groups have a {without}")
    level = _level(confidence, comparisons)
    gaps = []
    for rate, own in known.items():
        certain = [_certain(rate, groups[group], level) for group in own]
        for one, other in combinations(certain, 2):
            low, high = sorted((one, other), key=lambda found: found.value)
            gaps.append(intervals.difference(high, low))
    n = sum(size(counts) for counts in groups.values())
    lower = max(0.0, max(gap.lower for gap in gaps))
    found = Value(max(gap.value for gap in gaps), lower, max(gap.upper for gap in gaps), n)
    complete = all(len(own) == len(groups) for own in known.values())
    return found if complete else replace(found, upper=1.0, at_least=True)


def smallest_ratio(groups: Mapping[Group, Counts], rate: Rate, confidence: float) -> Measured:
    """The smallest divided by the largest rate; the interval holds for all pairs at once.

    MOVER-R interval for each pair of groups. Two groups in which nobody is selected are alike; a ratio cannot
    be computed only where nobody is selected at all.
    """
    known = [group for group, counts in groups.items() if size(counts)]
    if len(known) < 2:
        return _too_few(len(known))
    level = _level(confidence, len(known) * (len(known) - 1) // 2)
    rates = [_certain(rate, groups[group], level) for group in known]
    n = sum(one.n for one in rates)
    pairs = []
    for one, other in combinations(rates, 2):
        low, high = sorted((one, other), key=lambda found: found.value)
        if high.value > 0:
            pairs.append(intervals.ratio(low, high))
    if not pairs:
        return NotComputable("not computable: no group has a positive prediction", n)
    worst = min(pair.value for pair in pairs)
    return Value(worst, min(pair.lower for pair in pairs), min(pair.upper for pair in pairs), n)


def _computable(groups: Mapping[Group, Counts], rate: Rate, confidence: float) -> dict[Group, Value]:
    found = {group: rate.read(counts, confidence) for group, counts in groups.items()}
    return {group: value for group, value in found.items() if isinstance(value, Value)}


def _certain(rate: Rate, counts: Counts, confidence: float) -> Value:
    found = rate.read(counts, confidence)
    assert isinstance(found, Value)
    return found


def _level(confidence: float, comparisons: int) -> float:
    return 1 - (1 - confidence) / comparisons


def _too_few(groups: int) -> NotComputable:
    return NotComputable(f"not computable: {groups} group{'s are' if groups != 1 else ' is'} large enough")
