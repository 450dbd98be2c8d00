"""R-DET-05: groups compared, against definitions worked out by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.metrics import fairness
from holdfast.metrics.demographic_parity_difference import parity_difference
from holdfast.metrics.demographic_parity_ratio import parity_ratio
from holdfast.metrics.equalised_odds import ODDS, equalised_odds
from holdfast.metrics.intervals import NotComputable, Value
from holdfast.metrics.selection_rate import SELECTION

selections = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 300)).filter(lambda pair: sum(pair) > 0),
    min_size=2,
    max_size=5,
).map(lambda pairs: {(f"g{place}",): (yes, yes + no) for place, (yes, no) in enumerate(pairs)})


@given(selections)
def test_parity_is_the_gap_and_the_ratio_of_the_extreme_groups(
    selected: dict[tuple[str, ...], tuple[int, int]],
) -> None:
    """R-DET-05/parity."""
    rates = [yes / n for yes, n in selected.values()]
    gap = parity_difference(selected, 0.95)
    assert isinstance(gap, Value)
    assert gap.value == pytest.approx(max(rates) - min(rates))
    assert gap.lower <= gap.value + 1e-12 <= gap.upper + 2e-12
    ratio = parity_ratio(selected, 0.95)
    if not any(rates):
        assert isinstance(ratio, NotComputable)
    else:
        assert isinstance(ratio, Value)
        assert ratio.value == pytest.approx(min(rates) / max(rates))
        assert ratio.lower <= ratio.value + 1e-12


def test_equalised_odds_takes_the_larger_of_the_two_gaps() -> None:
    """R-DET-05/odds."""
    confusions = {("a",): (80, 10, 20, 90, 5), ("b",): (60, 40, 40, 60, 0)}
    found = equalised_odds(confusions, 0.95)
    assert isinstance(found, Value)
    assert found.value == pytest.approx(max(0.8 - 0.6, 0.4 - 0.1))
    assert found.n == 400


def test_a_group_without_one_class_makes_the_gap_a_lower_bound() -> None:
    """R-DET-02: what is not known of one group hides no gap between the others."""
    confusions = {("a",): (80, 10, 20, 90, 0), ("b",): (60, 0, 40, 0, 30)}
    found = equalised_odds(confusions, 0.95)
    assert isinstance(found, Value)
    assert (found.value, found.upper, found.at_least) == (pytest.approx(0.2), 1.0, True)
    assert fairness.lacking(confusions, ODDS) == {("b",): ODDS[1]}


def test_where_no_two_groups_know_a_class_nothing_is_compared() -> None:
    found = equalised_odds({("a",): (80, 0, 20, 0, 0), ("b",): (0, 10, 0, 40, 0)}, 0.95)
    assert isinstance(found, NotComputable)


def test_two_groups_in_which_nobody_is_selected_are_alike_and_hide_nothing() -> None:
    """Selection of 50, 0 and 0 per cent is a ratio of 0, not an unknown one."""
    found = parity_ratio({("a",): (100, 200), ("b",): (0, 200), ("c",): (0, 200)}, 0.95)
    assert isinstance(found, Value)
    assert (found.value, found.lower) == (0, 0)
    assert found.upper < 0.1


@given(selections)
def test_the_extremes_are_the_groups_that_the_number_is_made_of(
    selected: dict[tuple[str, ...], tuple[int, int]],
) -> None:
    pair = fairness.extremes(selected, (SELECTION,), 0.95)
    gap = parity_difference(selected, 0.95)
    assert pair is not None
    assert isinstance(gap, Value)
    assert pair.high.value - pair.low.value == pytest.approx(gap.value)


def test_one_group_alone_cannot_be_compared() -> None:
    for measure in (parity_difference, parity_ratio):
        assert isinstance(measure({("a",): (5, 10)}, 0.95), NotComputable)


def test_equal_treatment_of_many_groups_is_seldom_called_a_gap() -> None:
    """The largest of many gaps is the luckiest one; the interval allows for that."""
    random = np.random.default_rng(12)
    certain = 0
    for _ in range(1000):
        selected = {(str(g),): (int(random.binomial(300, 0.4)), 300) for g in range(6)}
        found = parity_difference(selected, 0.95)
        assert isinstance(found, Value)
        certain += found.lower > 0
    assert certain / 1000 <= 0.05
