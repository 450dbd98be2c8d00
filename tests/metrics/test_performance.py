"""R-DET-01: performance, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from holdfast.metrics.accuracy import accuracy
from holdfast.metrics.auc import auc
from holdfast.metrics.equalised_odds import false_positive_rate
from holdfast.metrics.f1 import f1
from holdfast.metrics.intervals import NotComputable, Value
from holdfast.metrics.precision import precision
from holdfast.metrics.recall import recall

counts = st.integers(0, 500)


def _rows(tp: int, fp: int, fn: int, tn: int) -> tuple[list[int], list[int]]:
    return [1] * tp + [0] * fp + [1] * fn + [0] * tn, [1] * (tp + fp) + [0] * (fn + tn)


@given(counts, counts, counts, counts, counts)
def test_precision_recall_and_f1_are_scikit_learns(tp: int, fp: int, fn: int, tn: int, rest: int) -> None:
    """R-DET-01/metrics."""
    labels, predictions = _rows(tp, fp, fn, tn)
    for measure, expected in (
        (precision, oracle.precision_score),
        (recall, oracle.recall_score),
        (f1, oracle.f1_score),
    ):
        found = measure((tp, fp, fn, tn, rest), 0.95)
        if isinstance(found, Value):
            assert found.value == pytest.approx(expected(labels, predictions))
            assert 0 <= found.lower <= found.value <= found.upper <= 1
        else:
            assert "not computable" in found.because


@given(counts, counts)
def test_a_rate_needs_nothing_but_something_to_be_a_share_of(hits: int, misses: int) -> None:
    """R-DET-02: one class alone is no reason to hold back a rate; that nothing is labelled is."""
    rates = [
        accuracy((hits, misses, 100), 0.95),
        precision((hits, misses, 0, 0, 100), 0.95),
        recall((hits, 0, misses, 0, 100), 0.95),
        false_positive_rate((0, hits, 0, misses, 100), 0.95),
        f1((hits, misses, 0, 0, 100), 0.95),
    ]
    assert all(isinstance(rate, Value) == (hits + misses > 0) for rate in rates)


def test_f1_covers_the_truth_as_often_as_it_promises() -> None:
    random = np.random.default_rng(3)
    shares = np.array([0.25, 0.07, 0.05, 0.63])
    truth = 2 * shares[0] / (2 * shares[0] + shares[1] + shares[2])
    covered = 0
    for _ in range(2000):
        found = f1((*random.multinomial(400, shares), 0), 0.95)
        assert isinstance(found, Value)
        covered += found.lower <= truth <= found.upper
    assert 0.935 <= covered / 2000 <= 0.97


def _ranks(scores: np.ndarray, labels: np.ndarray) -> tuple[float, ...]:
    high, low = scores[labels == 1], scores[labels == 0]
    below = [float(np.sum(low < s) + np.sum(low == s) / 2) for s in high]
    above = [float(np.sum(high > s) + np.sum(high == s) / 2) for s in low]
    return len(high), len(low), sum(below), sum(b * b for b in below), sum(a * a for a in above)


def test_auc_covers_the_truth_as_often_as_it_promises() -> None:
    """DeLong's variance on the logit scale; the truth is Φ(1/√2) for normals one apart."""
    random = np.random.default_rng(11)
    truth = 0.7602499
    covered = 0
    for _ in range(600):
        labels = np.repeat([1, 0], [60, 120])
        scores = np.round(random.normal(labels, 1.0), 2)
        found = auc(_ranks(scores, labels), 0.95)
        assert isinstance(found, Value)
        assert found.value == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-9)
        covered += found.lower <= truth <= found.upper
    assert 0.93 <= covered / 600 <= 0.975


def test_a_perfect_auc_is_not_certain() -> None:
    found = auc((10, 20, 200.0, 10 * 400.0, 20 * 100.0), 0.95)
    assert isinstance(found, Value)
    assert found.value == 1.0
    assert found.lower < 0.8
    assert found.upper == 1.0


def test_auc_of_one_class_is_not_computable() -> None:
    assert isinstance(auc((10, 0, 0.0, 0.0, 0.0), 0.95), NotComputable)
