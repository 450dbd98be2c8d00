"""Selection rate: how often the model says yes."""

from __future__ import annotations

from holdfast.metrics.intervals import Measured, share
from holdfast.metrics.items import SELECTED, Counts
from holdfast.metrics.metric import Dimension, Metric, Need, Rate


def selection_rate(selected: Counts, confidence: float) -> Measured:
    """`selected` is [positive, with a prediction]."""
    return share(selected[0], selected[1], "predictions", confidence)


SELECTION = Rate("selection_rate", selection_rate)
METRIC = Metric(
    name="selection_rate",
    words="selection rate",
    dimension=Dimension.PERFORMANCE,
    needs=(Need.PREDICTIONS,),
    definition="Share of predictions that are positive.",
    source="Wilson's score interval, JASA 22 (1927)",
    is_rate=True,
    wants=lambda _: (SELECTED,),
    read=lambda found: selection_rate(found.counted(SELECTED), found.confidence),
)
