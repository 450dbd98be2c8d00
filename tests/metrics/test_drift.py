"""R-DET-03: how far a column has moved, against scipy, and what it says when nothing has moved."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from holdfast.detect.reference import edges_at
from holdfast.metrics import drift
from holdfast.metrics.binning import FINE
from holdfast.metrics.intervals import Measured, NotComputable, Value

histograms = st.lists(st.integers(0, 1000), min_size=4, max_size=15).filter(
    lambda counts: sum(counts[:-1]) > 0
)
pairs = st.integers(4, 15).flatmap(
    lambda size: st.tuples(
        *[
            st.lists(st.integers(0, 1000), min_size=size, max_size=size).filter(lambda c: sum(c[:-1]) > 0)
            for _ in range(2)
        ]
    )
)


def _value(found: Measured) -> Value:
    assert isinstance(found, Value)
    return found


@given(histograms)
def test_a_distribution_has_not_drifted_from_itself(counts: list[int]) -> None:
    for measure in (drift.psi, drift.jensen_shannon, drift.ks):
        found = _value(measure(counts, counts, 0.95))
        assert found.value == pytest.approx(0.0, abs=1e-7)
        assert found.lower == 0.0


@given(pairs)
def test_jensen_shannon_is_scipys_distance_and_bounded(both: tuple[list[int], list[int]]) -> None:
    reference, current = both
    found = _value(drift.jensen_shannon(reference, current, 0.95))
    assert found.value == pytest.approx(jensenshannon(reference, current), abs=1e-6)
    assert 0 <= found.lower <= found.value + 1e-9
    assert found.upper <= sqrt(log(2)) + 1e-9


@given(pairs)
def test_psi_is_the_sum_of_its_definition_and_symmetric(both: tuple[list[int], list[int]]) -> None:
    reference, current = (np.array(counts, dtype=float) for counts in both)
    p, q = reference / reference.sum(), current / current.sum()
    used = (p > 0) | (q > 0)
    p, q = np.maximum(p[used], drift.EPSILON), np.maximum(q[used], drift.EPSILON)
    found = _value(drift.psi(*both, 0.95))
    assert found.value == pytest.approx(float(np.sum((q - p) * np.log(q / p))))
    assert found.value == pytest.approx(_value(drift.psi(both[1], both[0], 0.95)).value)
    assert found.value >= 0


@pytest.mark.parametrize(("bins", "m", "n"), [(10, 5000, 500), (20, 20000, 2000)])
def test_without_drift_psi_has_its_known_bias_and_the_interval_takes_it_off(
    bins: int, m: int, n: int
) -> None:
    """About (B − 1)(1/n + 1/m); the lower end stays at nothing in 95 of 100 samples and more."""
    random = np.random.default_rng(5)
    shares = np.full(bins, 1 / bins)
    values, certain = [], 0
    for _ in range(1500):
        found = _value(drift.psi(random.multinomial(m, shares), random.multinomial(n, shares), 0.95))
        values.append(found.value)
        certain += found.lower > 0
    expected = (bins - 1) * (1 / n + 1 / m)
    assert np.mean(values) == pytest.approx(expected, rel=0.06)
    assert certain / 1500 <= 0.05


@pytest.mark.parametrize("measure", [drift.psi, drift.jensen_shannon])
def test_with_drift_the_interval_covers_the_truth(measure: object) -> None:
    random = np.random.default_rng(6)
    p = np.full(10, 0.1)
    q = np.array([0.16, 0.14, 0.12, 0.1, 0.1, 0.09, 0.08, 0.08, 0.07, 0.06])
    by_definition = float(np.sum((q - p) * np.log(q / p)))
    truth = by_definition if measure is drift.psi else float(jensenshannon(p, q))
    covered = 0
    for _ in range(1500):
        found = _value(measure(random.multinomial(20000, p), random.multinomial(2000, q), 0.95))  # type: ignore[operator]
        covered += found.lower <= truth <= found.upper
    assert covered / 1500 >= 0.935


def _fine(sample: np.ndarray, edges: tuple[float, ...]) -> list[int]:
    """[≤ first, bins (edge, next edge], > last, missing]"""
    places = np.searchsorted(edges, sample, side="left")
    return [*np.bincount(places, minlength=len(edges) + 1).tolist(), 0]


def _edges(reference: np.ndarray, parts: int = FINE) -> tuple[float, ...]:
    ordered = np.sort(reference)
    places = [max(0, int(np.ceil(part / parts * len(ordered))) - 1) for part in range(parts + 1)]
    return edges_at([float(ordered[place]) for place in places])


SHAPES = {
    "shifted": lambda random, n: random.normal(0.3, 1.0, n),
    "alike": lambda random, n: random.normal(0.0, 1.0, n),
    "wider": lambda random, n: random.normal(0.0, 2.0, n),
    "far away": lambda random, n: random.normal(20.0, 1.0, n),
    "in lumps": lambda random, n: np.round(random.normal(0.0, 1.0, n)),
    "one value": lambda random, n: np.zeros(n),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reference_shape", ["alike", "in lumps"])
def test_ks_is_scipys_within_a_thousandth_and_wasserstein_within_its_bins(
    shape: str, reference_shape: str
) -> None:
    random = np.random.default_rng(8)
    reference = SHAPES[reference_shape](random, 30_000)
    current = SHAPES[shape](random, 6_000)
    edges = _edges(reference)
    before, after = _fine(reference, edges), _fine(current, edges)
    assert _value(drift.ks(before, after, 0.95)).value == pytest.approx(
        stats.ks_2samp(reference, current).statistic, abs=1e-3
    )
    spread = float(reference.std(ddof=1))
    tails = (
        (0.0, 0.0),
        (
            float(np.maximum(edges[0] - current, 0).sum()),
            float(np.maximum(current - edges[-1], 0).sum()),
        ),
    )
    found = _value(drift.wasserstein(before, after, edges, tails, spread, 0.95))
    expected = stats.wasserstein_distance(reference, current) / spread
    # Between two lumps of the reference lies one wide bin, and Wasserstein is off by a part of its width.
    near = 0.01 if reference_shape == "alike" else 0.06
    assert found.value == pytest.approx(expected, rel=near, abs=0.004)
    assert found.lower <= found.value <= found.upper


def test_without_drift_ks_and_wasserstein_are_seldom_certain() -> None:
    random = np.random.default_rng(9)
    certain = {"ks": 0, "wasserstein": 0}
    for _ in range(200):
        reference, current = random.normal(size=4000), random.normal(size=800)
        edges = _edges(reference, 256)
        before, after = _fine(reference, edges), _fine(current, edges)
        tails = (
            (0.0, 0.0),
            (float(np.maximum(edges[0] - current, 0).sum()), float(np.maximum(current - edges[-1], 0).sum())),
        )
        certain["ks"] += _value(drift.ks(before, after, 0.95)).lower > 0
        certain["wasserstein"] += _value(drift.wasserstein(before, after, edges, tails, 1.0, 0.95)).lower > 0
    assert certain["ks"] <= 10
    assert certain["wasserstein"] <= 10


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(2, 20))
def test_every_value_of_the_reference_lies_inside_the_frozen_edges(values: list[float], parts: int) -> None:
    sample = np.array(values)
    edges = _edges(sample, parts)
    counts = _fine(sample, edges)
    assert list(edges) == sorted(set(edges))
    assert counts[0] == 0
    assert counts[-2] == 0
    assert sum(counts) == len(values)


def test_a_rare_value_of_a_switch_has_a_bin_of_its_own() -> None:
    edges = edges_at([0.0] * 10 + [1.0])
    assert _fine(np.array([0.0, 0.0, 1.0]), edges) == [0, 2, 1, 0, 0]
    before = _fine(np.repeat([0.0, 1.0], [980, 20]), edges)
    after = _fine(np.repeat([0.0, 1.0], [500, 500]), edges)
    assert _value(drift.psi(before, after, 0.95)).lower > 1


def test_what_is_empty_is_not_computable() -> None:
    for measure in (drift.psi, drift.jensen_shannon, drift.ks):
        assert isinstance(measure([0, 0, 0, 0], [1, 2, 3, 0], 0.95), NotComputable)
        assert isinstance(measure([1, 2, 3, 0], [0, 0, 0, 0], 0.95), NotComputable)
