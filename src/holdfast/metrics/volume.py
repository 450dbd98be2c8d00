"""Volume: how many predictions there were."""

from __future__ import annotations

from math import inf

from holdfast.metrics.intervals import poisson
from holdfast.metrics.items import VOLUME
from holdfast.metrics.metric import Dimension, Metric

METRIC = Metric(
    name="volume",
    words="volume",
    dimension=Dimension.OPERATIONS,
    definition="Rows of a window.",
    source="Score interval of a Poisson count; Brown, Cai and DasGupta, Statistica Sinica 13 (2003)",
    range=(0.0, inf),
    unit="rows",
    digits=0,
    wants=lambda _: (VOLUME,),
    read=lambda found: poisson(int(found.counted(VOLUME)[0]), found.confidence),
    of_arrivals=True,
)
