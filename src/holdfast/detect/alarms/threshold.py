"""A limit that respects the interval: an alarm only when the whole interval lies beyond."""

from __future__ import annotations

from holdfast.detect.alarms import Verdict
from holdfast.detect.measurement import shown
from holdfast.metrics.intervals import Value
from holdfast.prepare.systems import Limit


def judge(value: Value, limit: Limit) -> Verdict:
    """Whether the value is beyond its limit, with certainty, doubtfully, or not."""
    if limit.below is not None and value.value < limit.below:
        bound, side = limit.below, "under"
        certain = value.upper < limit.below
    elif limit.above is not None and value.value > limit.above:
        bound, side = limit.above, "over"
        certain = value.lower > limit.above
    elif limit.above is not None and value.at_least:
        unknown = "but may be more than could be computed, so that it is not known to be within"
        return Verdict(False, False, f"does not exceed the limit {shown(limit.above)}, {unknown}")
    else:
        return Verdict(False, True, f"is within {_within(limit)}")
    if certain:
        return Verdict(True, False, f"lies {side} the limit {shown(bound)} with its whole interval")
    return Verdict(
        False, False, f"lies {side} the limit {shown(bound)}, but its interval does not exclude it"
    )


def _within(limit: Limit) -> str:
    bounds = [shown(bound) for bound in (limit.below, limit.above) if bound is not None]
    return f"the limit {bounds[0]}" if len(bounds) == 1 else f"the limits {bounds[0]} and {bounds[1]}"
