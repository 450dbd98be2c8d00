"""R-DET-02: what performance probably is while labels are missing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.isotonic import IsotonicRegression

from holdfast.metrics import accuracy, auc, estimate, f1, precision, recall
from holdfast.metrics.intervals import Value
from holdfast.metrics.metric import Metric


def test_calibration_is_isotonic_regression() -> None:
    random = np.random.default_rng(2)
    totals = random.integers(1, 200, 40)
    hits = random.binomial(totals, np.clip(np.linspace(-0.1, 1.1, 40) ** 3, 0.02, 0.98))
    expected = (
        IsotonicRegression().fit(np.arange(40), hits / totals, sample_weight=totals).predict(np.arange(40))
    )
    found = estimate.calibration((totals - hits).tolist(), hits.tolist())
    assert found == pytest.approx(tuple(expected))


def test_a_bin_without_labels_takes_the_nearest_chance() -> None:
    assert estimate.calibration([9, 0, 1], [1, 0, 9]) == pytest.approx((0.1, 0.1, 0.9))


def test_a_reference_of_one_class_calibrates_nothing() -> None:
    assert estimate.calibration([5, 5], [0, 0]) is None


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray, list[int], tuple[float, ...]]:
    """Calibrated scores of a hundred kinds, the labels drawn by them, and the counts by bin."""
    random = np.random.default_rng(4)
    chances = np.linspace(0.005, 0.995, 100)
    kinds = random.integers(0, 100, 40_000)
    scores = chances[kinds]
    labels = (random.random(40_000) < scores).astype(int)
    other = np.bincount(kinds[scores < 0.6], minlength=100)
    positive = np.bincount(kinds[scores >= 0.6], minlength=100)
    return scores, labels, [*other.tolist(), *positive.tolist()], tuple(chances)


@pytest.mark.parametrize(
    ("metric", "measure"),
    [
        (accuracy.METRIC, oracle.accuracy_score),
        (precision.METRIC, oracle.precision_score),
        (recall.METRIC, oracle.recall_score),
        (f1.METRIC, oracle.f1_score),
    ],
)
def test_with_calibrated_scores_the_estimate_is_what_then_comes_true(
    metric: Metric, measure: object, drawn: tuple[np.ndarray, np.ndarray, list[int], tuple[float, ...]]
) -> None:
    scores, labels, counts, chances = drawn
    found = estimate.estimate(metric, counts, chances, 0.99)
    assert isinstance(found, Value)
    realised = measure(labels, (scores >= 0.6).astype(int))  # type: ignore[operator]
    assert found.lower <= realised <= found.upper
    assert found.upper - found.lower < 0.02


def test_the_estimated_auc_is_what_then_comes_true(
    drawn: tuple[np.ndarray, np.ndarray, list[int], tuple[float, ...]],
) -> None:
    scores, labels, counts, chances = drawn
    found = estimate.estimate(auc.METRIC, counts, chances, 0.99)
    assert isinstance(found, Value)
    assert found.lower <= oracle.roc_auc_score(labels, scores) <= found.upper


def test_the_spread_of_an_estimate_covers_the_labels_that_come() -> None:
    random = np.random.default_rng(14)
    chances = (0.2, 0.7, 0.9)
    counts = [200, 30, 0, 0, 100, 170]
    for metric in (accuracy.METRIC, precision.METRIC, recall.METRIC, f1.METRIC):
        found = estimate.estimate(metric, counts, chances, 0.95)
        assert isinstance(found, Value)
        covered = 0
        for _ in range(1000):
            hits = random.binomial(counts, chances * 2)
            fn, tp = hits[:3].sum(), hits[3:].sum()
            tn, fp = sum(counts[:3]) - fn, sum(counts[3:]) - tp
            realised = {
                accuracy.METRIC: (tp + tn) / 500,
                precision.METRIC: tp / (tp + fp),
                recall.METRIC: tp / (tp + fn),
                f1.METRIC: 2 * tp / (2 * tp + fp + fn),
            }[metric]
            covered += found.lower <= realised <= found.upper
        assert 0.93 <= covered / 1000 <= 0.97
