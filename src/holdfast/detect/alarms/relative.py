"""A change in proportion, such as 20% down week over week.

An alarm only when the interval of the ratio excludes the stated change, and never on a period that is not
complete: half a week compared with a whole one is no drop.
"""

from __future__ import annotations

from holdfast.detect.alarms import Verdict
from holdfast.detect.measurement import shown
from holdfast.detect.metrics import intervals
from holdfast.detect.metrics.intervals import Value
from holdfast.prepare import durations
from holdfast.prepare.systems import Relative


def judge(current: Value, before: Value, rule: Relative) -> Verdict:
    """Compare a period with the one before it, or with the reference."""
    against = compared_with(rule)
    if before.value <= 0:
        return Verdict(False, True, f"cannot be compared with {against}: it was {shown(before.value)} there")
    ratio = intervals.ratio(current, before)
    change = f"{_percent(ratio.value)} {against} ({_percent(ratio.lower)} to {_percent(ratio.upper)})"
    if rule.down is not None:
        beyond, certain = ratio.value < 1 - rule.down, ratio.upper < 1 - rule.down
        allowed = f"−{100 * rule.down:.4g}%"
    else:
        assert rule.up is not None
        beyond, certain = ratio.value > 1 + rule.up, ratio.lower > 1 + rule.up
        allowed = f"+{100 * rule.up:.4g}%"
    if certain:
        return Verdict(True, False, f"changed by {change}, beyond {allowed} with its whole interval")
    if beyond:
        doubt = "but the interval does not exclude less"
        return Verdict(False, False, f"changed by {change}, beyond {allowed}, {doubt}")
    return Verdict(False, True, f"changed by {change}, within {allowed}")


def compared_with(rule: Relative) -> str:
    if rule.against == "reference":
        return "against the reference"
    if rule.against == "previous":
        return "against the window before"
    assert not isinstance(rule.against, str)
    return f"against the {durations.spoken(rule.against)} before"


def _percent(ratio: float) -> str:
    change = 100 * (ratio - 1)
    if change == float("inf"):
        return "no upper bound"
    return f"{'+' if change >= 0 else '−'}{abs(change):.3g}%"
