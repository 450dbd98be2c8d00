"""Every metric there is. Whoever adds one writes its file and names it here, and nowhere else."""

from __future__ import annotations

from holdfast.metrics import (
    accuracy,
    auc,
    demographic_parity_difference,
    demographic_parity_ratio,
    equalised_odds,
    f1,
    jensen_shannon,
    ks,
    mean,
    missing,
    precision,
    psi,
    rate,
    recall,
    selection_rate,
    unseen,
    volume,
    wasserstein,
)
from holdfast.metrics.metric import Metric

METRICS: tuple[Metric, ...] = (
    accuracy.METRIC,
    precision.METRIC,
    recall.METRIC,
    f1.METRIC,
    auc.METRIC,
    mean.METRIC,
    rate.METRIC,
    selection_rate.METRIC,
    volume.METRIC,
    missing.METRIC,
    unseen.METRIC,
    psi.METRIC,
    ks.METRIC,
    jensen_shannon.METRIC,
    wasserstein.METRIC,
    demographic_parity_difference.METRIC,
    demographic_parity_ratio.METRIC,
    equalised_odds.METRIC,
)
WRITTEN: tuple[str, ...] = tuple(dict.fromkeys(metric.written for metric in METRICS))
"""What may stand in a file as `metric`."""
METHODS: dict[str, str] = {metric.name: metric.family for metric in METRICS if metric.family}
"""What may stand beside it as `method`, and of which metric."""
_BY_NAME = {metric.name: metric for metric in METRICS}
_USUAL = {metric.written: metric for metric in reversed(METRICS)}


def called(name: str) -> Metric | None:
    """The metric that an alert calls so."""
    return _BY_NAME.get(name)


def of(written: str, method: str | None = None) -> Metric:
    """The metric that a file writes so: of a family the one of that method, or its first."""
    return _BY_NAME[method] if method else _USUAL[written]


def digits_of(name: str) -> int:
    """Digits after the point of what an alert or a file calls so; of what is no metric, those of a share."""
    metric = called(name) or _USUAL.get(name)
    return metric.digits if metric else 2
