"""A change in proportion, such as 20% down week over week.

An alarm only when the interval excludes the stated change, and never on a period that is not complete:
half a week compared with a whole one is no drop. What is tested is current − k × before, with k the
stated proportion, so that a rise from exactly 0 is a rise like any other, and the mean of a column that is
negative has a direction too: a change is measured in proportion to the size of what was before.
"""

from __future__ import annotations

from math import inf

from holdfast.detect.alarms import Verdict
from holdfast.metrics import intervals
from holdfast.metrics.intervals import Value
from holdfast.prepare import durations
from holdfast.prepare.systems import Relative


def judge(current: Value, before: Value, rule: Relative) -> Verdict:
    """Compare a period with the one before it, or with the reference."""
    share = rule.down if rule.down is not None else rule.up
    assert share is not None
    move = share if rule.up is not None else -share
    if before.value < 0:
        move = -move
    gap = intervals.difference(current, intervals.times(before, 1 + move))
    down = rule.down is not None
    beyond = gap.value < 0 if down else gap.value > 0
    certain = beyond and _has_a_sign(before) and (gap.upper < 0 if down else gap.lower > 0)
    said = _change(current, before, compared_with(rule))
    allowed = f"{'−' if down else '+'}{100 * share:.4g}%"
    if certain:
        return Verdict(True, False, f"{said}, beyond {allowed} with its whole interval")
    if beyond:
        return Verdict(False, False, f"{said}, beyond {allowed}, but the interval does not exclude less")
    return Verdict(False, True, f"{said}, within {allowed}")


def _has_a_sign(before: Value) -> bool:
    """Whether it is certain on which side of 0 it lies: else a proportion of it has no direction."""
    return not before.lower < 0 < before.upper


def _change(current: Value, before: Value, against: str) -> str:
    if before.value == 0:
        earlier = against.replace("against ", "in ", 1)
        return f"is 0 as {earlier}" if current.value == 0 else f"changed from 0 {earlier}"
    if before.value > 0:
        ratio = intervals.ratio(current, before)
        low, value, high = ratio.lower - 1, ratio.value - 1, ratio.upper - 1
    else:
        ratio = intervals.ratio(intervals.times(current, -1), intervals.times(before, -1))
        low, value, high = 1 - ratio.upper, 1 - ratio.value, 1 - ratio.lower
    return f"changed by {_percent(value)} {against} ({_percent(low)} to {_percent(high)})"


def compared_with(rule: Relative) -> str:
    if rule.against == "reference":
        return "against the reference"
    if rule.against == "previous":
        return "against the window before"
    assert not isinstance(rule.against, str)
    return f"against the {durations.spoken(rule.against)} before"


def _percent(change: float) -> str:
    if change in (inf, -inf):
        return f"no {'upper' if change > 0 else 'lower'} bound"
    return f"{'+' if change >= 0 else '−'}{abs(100 * change):.3g}%"
