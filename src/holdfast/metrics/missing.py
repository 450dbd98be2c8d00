"""Missing: how many rows have no value in a column."""

from __future__ import annotations

from holdfast.metrics.intervals import Measured, share
from holdfast.metrics.items import VOLUME, Missing
from holdfast.metrics.metric import Dimension, Found, Marks, Metric, Need


def read(found: Found) -> Measured:
    (without,) = found.counted(Missing(found.ground.column))
    return share(without, found.counted(VOLUME)[0], "rows", found.confidence)


METRIC = Metric(
    name="missing",
    words="missing",
    dimension=Dimension.QUALITY,
    needs=(Need.COLUMN,),
    definition="Share of rows without a value in the column; NaN is no value.",
    source="Wilson's score interval, JASA 22 (1927)",
    worse="up",
    digits=3,
    is_rate=True,
    wants=lambda ground: (Missing(ground.column),),
    read=read,
    marks=Marks.MISSING,
)
