from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from holdfast.metrics import intervals
from holdfast.metrics.intervals import Value, wilson


@given(st.integers(1, 10_000), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys_wilson(n: int, share: float, confidence: float) -> None:
    hits = round(share * n)
    expected = stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")
    found = wilson(hits, n, confidence)
    assert found.lower == pytest.approx(expected.low, abs=1e-9)
    assert found.upper == pytest.approx(expected.high, abs=1e-9)
    assert found.lower <= found.value <= found.upper


def test_wilson_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="share of nothing"):
        wilson(0, 0, 0.95)


@given(st.integers(0, 5000), st.sampled_from([0.8, 0.95, 0.99]))
def test_a_counts_interval_holds_the_expectations_that_do_not_contradict_it(
    n: int, confidence: float
) -> None:
    """The score interval: at its ends the count is exactly z standard deviations away."""
    found = intervals.poisson(n, confidence)
    z = stats.norm.ppf(0.5 + confidence / 2)
    for end in (found.lower, found.upper):
        if end > 0:
            assert abs(n - end) / sqrt(end) == pytest.approx(z, rel=1e-6)
    assert found.lower <= found.value <= found.upper


@given(st.integers(1, 2000), st.floats(0.5, 0.999))
def test_students_quantiles_are_scipys(freedom: int, confidence: float) -> None:
    expected = stats.t.ppf(0.5 + confidence / 2, freedom)
    assert intervals.student_quantile(confidence, freedom) == pytest.approx(expected, rel=2e-4)
    assert intervals.normal_quantile(confidence) == pytest.approx(stats.norm.ppf(0.5 + confidence / 2))


def test_a_means_interval_is_students() -> None:
    sample = np.random.default_rng(1).normal(10, 3, 40)
    found = intervals.mean(40, float(sample.mean()), float(sample.var(ddof=1)), 0.95)
    low, high = stats.t.interval(0.95, 39, sample.mean(), stats.sem(sample))
    assert (found.lower, found.upper) == pytest.approx((low, high), rel=1e-6)


def test_the_difference_of_shares_is_newcombes_published_example() -> None:
    """56/70 against 48/80, method 10: 0.0524 to 0.3339 (Statistics in Medicine 17, table II)."""
    found = intervals.difference(wilson(56, 70, 0.95), wilson(48, 80, 0.95))
    assert found.value == pytest.approx(0.2)
    assert (found.lower, found.upper) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(st.floats(0.5, 50), st.floats(0.01, 5), st.floats(2, 50), st.floats(0.01, 0.2))
def test_the_ratio_of_symmetric_intervals_is_fiellers(a: float, half_a: float, b: float, part: float) -> None:
    """MOVER-R generalises Fieller's theorem and must give it back for symmetric intervals."""
    half_b = part * b
    found = intervals.ratio(Value(a, a - half_a, a + half_a, 1), Value(b, b - half_b, b + half_b, 1))
    spread = sqrt((a * b) ** 2 - (b**2 - half_b**2) * (a**2 - half_a**2))
    if half_a < a:  # otherwise the lower end is cut off at 0
        assert found.lower == pytest.approx((a * b - spread) / (b**2 - half_b**2), rel=1e-6, abs=1e-9)
    assert found.upper == pytest.approx((a * b + spread) / (b**2 - half_b**2), rel=1e-6)


def test_a_ratio_to_what_may_be_nothing_has_no_upper_end() -> None:
    assert intervals.ratio(wilson(5, 10, 0.95), wilson(1, 10, 0.95)).upper < inf
    assert intervals.ratio(wilson(5, 10, 0.95), Value(0.1, 0.0, 0.3, 10)).upper == inf
    with pytest.raises(ValueError, match="ratio to 0"):
        intervals.ratio(wilson(5, 10, 0.95), wilson(0, 10, 0.95))


@pytest.mark.parametrize(("good", "before"), [((0.8, 400), (0.9, 600)), ((0.1, 300), (0.12, 300))])
def test_ratio_and_difference_cover_the_truth_as_often_as_they_promise(
    good: tuple[float, int], before: tuple[float, int]
) -> None:
    random = np.random.default_rng(7)
    covered_ratio = covered_difference = 0
    for _ in range(2000):
        one, other = (wilson(int(random.binomial(n, share)), n, 0.95) for share, n in (good, before))
        ratio, difference = intervals.ratio(one, other), intervals.difference(one, other)
        covered_ratio += ratio.lower <= good[0] / before[0] <= ratio.upper
        covered_difference += difference.lower <= good[0] - before[0] <= difference.upper
    assert 0.935 <= covered_ratio / 2000 <= 0.97
    assert 0.935 <= covered_difference / 2000 <= 0.97
