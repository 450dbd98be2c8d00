"""Rate: how often a true-or-false column is true, such as a click."""

from __future__ import annotations

from holdfast.metrics.intervals import Measured, share
from holdfast.metrics.items import Truth
from holdfast.metrics.metric import Dimension, Found, Marks, Metric, Need, Takes


def read(found: Found) -> Measured:
    true, known = found.counted(Truth(found.ground.column))
    return share(true, known, "values in the column", found.confidence)


METRIC = Metric(
    name="rate",
    words="rate",
    dimension=Dimension.PERFORMANCE,
    needs=(Need.COLUMN,),
    definition="Share of a column's values that are true; a number is true when it is not 0.",
    source="Wilson's score interval, JASA 22 (1927)",
    is_rate=True,
    takes=Takes.TRUTHS,
    wants=lambda ground: (Truth(ground.column),),
    read=read,
    marks=Marks.HITS,
)
