"""Whether groups are treated alike: demographic parity and equalised odds, from counts by group.

With more than two groups the largest gap is also the luckiest one: each pair is compared at the level
(1 − confidence) / comparisons (Bonferroni), so the interval of the largest gap keeps its promise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from holdfast.detect.metrics import intervals
from holdfast.detect.metrics.intervals import Measured, NotComputable, Value, wilson
from holdfast.detect.metrics.performance import false_positive_rate, recall

Group = tuple[str, ...]
Rate = Callable[[float], Value]
"""A group's rate at a confidence."""


def parity_difference(selected: Mapping[Group, Sequence[float]], confidence: float) -> Measured:
    """Largest minus smallest share of positive predictions; values are [positive, with a prediction].

    Newcombe's interval for each pair of groups.
    """
    if len(selected) < 2:
        return _too_few(len(selected))
    rates = [_selection(counts) for counts in selected.values()]
    return _largest_gap([rates], confidence)


def parity_ratio(selected: Mapping[Group, Sequence[float]], confidence: float) -> Measured:
    """Smallest divided by largest share of positive predictions: the four-fifths rule asks for 0.8.

    29 CFR 1607.4 D. MOVER-R interval for each pair of groups.
    """
    if len(selected) < 2:
        return _too_few(len(selected))
    rates = [_selection(counts) for counts in selected.values()]
    level = _level(confidence, len(rates) * (len(rates) - 1) // 2)
    pairs = []
    for one, other in combinations([rate(level) for rate in rates], 2):
        low, high = sorted((one, other), key=lambda rate: rate.value)
        if high.value == 0:
            return NotComputable("not computable: no group has a positive prediction", low.n + high.n)
        pairs.append(intervals.ratio(low, high))
    worst = min(pairs, key=lambda pair: pair.value)
    n = sum(rate(confidence).n for rate in rates)
    return Value(worst.value, min(pair.lower for pair in pairs), min(pair.upper for pair in pairs), n)


def equalised_odds(confusions: Mapping[Group, Sequence[float]], confidence: float) -> Measured:
    """The larger of the gaps in true positive rate and in false positive rate between groups.

    Hardt, Price and Srebro, "Equality of opportunity in supervised learning" (2016); the larger of the
    two gaps, as fairlearn's `equalized_odds_difference` takes it. Values are [tp, fp, fn, tn, unlabelled].
    """
    if len(confusions) < 2:
        return _too_few(len(confusions))
    kinds: list[list[Rate]] = []
    for name, measure in (("positive", recall), ("negative", false_positive_rate)):
        for group, counts in confusions.items():
            if isinstance(measure(counts, confidence), NotComputable):
                return NotComputable(
                    f"not computable until both classes are known in every group: {', '.join(group)} has no "
                    f"{name} label"
                )
        kinds.append([_odds(measure, counts) for counts in confusions.values()])
    largest = _largest_gap(kinds, confidence)
    n = sum(int(sum(counts[:4])) for counts in confusions.values())
    return Value(largest.value, largest.lower, largest.upper, n)


def _selection(counts: Sequence[float]) -> Rate:
    return lambda confidence: wilson(int(counts[0]), int(counts[1]), confidence)


def _odds(measure: Callable[[Sequence[float], float], Measured], counts: Sequence[float]) -> Rate:
    def rate(confidence: float) -> Value:
        measured = measure(counts, confidence)
        assert isinstance(measured, Value)
        return measured

    return rate


def _largest_gap(kinds: Sequence[Sequence[Rate]], confidence: float) -> Value:
    """The largest difference within any kind of rate; the interval holds for all pairs at once."""
    pairs_in_each = len(kinds[0]) * (len(kinds[0]) - 1) // 2
    level = _level(confidence, pairs_in_each * len(kinds))
    gaps = []
    for rates in kinds:
        for one, other in combinations([rate(level) for rate in rates], 2):
            low, high = sorted((one, other), key=lambda rate: rate.value)
            gaps.append(intervals.difference(high, low))
    n = sum(rate(confidence).n for rate in kinds[0])
    lower = max(0.0, max(gap.lower for gap in gaps))
    return Value(max(gap.value for gap in gaps), lower, max(gap.upper for gap in gaps), n)


def _level(confidence: float, comparisons: int) -> float:
    return 1 - (1 - confidence) / comparisons


def _too_few(groups: int) -> NotComputable:
    return NotComputable(f"not computable: {groups} group{'s are' if groups != 1 else ' is'} large enough")
