"""Unseen: how many values of a column the reference does not have."""

from __future__ import annotations

from holdfast.metrics.intervals import Measured, share
from holdfast.metrics.items import Categories, Item
from holdfast.metrics.metric import Dimension, Found, Freezes, Ground, Marks, Metric, Need, Takes


def wants(ground: Ground) -> tuple[Item, ...]:
    return (Categories(ground.column, ground.values),)


def read(found: Found) -> Measured:
    (item,) = wants(found.ground)
    *_, others, missing = counts = found.counted(item)
    return share(others, sum(counts) - missing, "values in the column", found.confidence)


METRIC = Metric(
    name="unseen",
    words="unseen",
    dimension=Dimension.QUALITY,
    needs=(Need.COLUMN, Need.REFERENCE),
    definition="Share of a column's values that the reference does not have.",
    source="Wilson's score interval, JASA 22 (1927)",
    worse="up",
    digits=3,
    is_rate=True,
    takes=Takes.VALUES,
    freezes=(Freezes.VALUES,),
    wants=wants,
    read=read,
    marks=Marks.UNSEEN,
)
