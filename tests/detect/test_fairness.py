"""R-DET-05: groups compared, against definitions worked out by hand and by brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.detect.metrics import fairness
from holdfast.detect.metrics.intervals import NotComputable, Value

selections = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 300)).filter(lambda pair: sum(pair) > 0),
    min_size=2,
    max_size=5,
).map(lambda pairs: {(f"g{place}",): (yes, yes + no) for place, (yes, no) in enumerate(pairs)})


@given(selections)
def test_parity_is_the_gap_and_the_ratio_of_the_extreme_groups(
    selected: dict[tuple[str, ...], tuple[int, int]],
) -> None:
    rates = [yes / n for yes, n in selected.values()]
    gap = fairness.parity_difference(selected, 0.95)
    assert isinstance(gap, Value)
    assert gap.value == pytest.approx(max(rates) - min(rates))
    assert gap.lower <= gap.value + 1e-12 <= gap.upper + 2e-12
    ratio = fairness.parity_ratio(selected, 0.95)
    if any(one == other == 0 for one, other in combinations(rates, 2)):
        assert isinstance(ratio, NotComputable)
    else:
        assert isinstance(ratio, Value)
        assert ratio.value == pytest.approx(min(rates) / max(rates))
        assert ratio.lower <= ratio.value + 1e-12


def test_equalised_odds_takes_the_larger_of_the_two_gaps() -> None:
    confusions = {("a",): (80, 10, 20, 90, 5), ("b",): (60, 40, 40, 60, 0)}
    found = fairness.equalised_odds(confusions, 0.95)
    assert isinstance(found, Value)
    assert found.value == pytest.approx(max(0.8 - 0.6, 0.4 - 0.1))
    assert found.n == 400


def test_equalised_odds_wait_until_every_group_knows_both_classes() -> None:
    """R-DET-02."""
    found = fairness.equalised_odds({("a",): (80, 10, 20, 90, 0), ("b",): (60, 0, 40, 0, 30)}, 0.95)
    assert isinstance(found, NotComputable)
    assert "b has no negative label" in found.because


def test_one_group_alone_cannot_be_compared() -> None:
    for measure in (fairness.parity_difference, fairness.parity_ratio):
        assert isinstance(measure({("a",): (5, 10)}, 0.95), NotComputable)


def test_equal_treatment_of_many_groups_is_seldom_called_a_gap() -> None:
    """The largest of many gaps is the luckiest one; the interval allows for that."""
    random = np.random.default_rng(12)
    certain = 0
    for _ in range(1000):
        selected = {(str(g),): (int(random.binomial(300, 0.4)), 300) for g in range(6)}
        found = fairness.parity_difference(selected, 0.95)
        assert isinstance(found, Value)
        certain += found.lower > 0
    assert certain / 1000 <= 0.05
