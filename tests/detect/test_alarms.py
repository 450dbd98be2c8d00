"""R-DET-01, R-DET-09: when a measurement is an alarm, and how rarely a healthy one is."""

from __future__ import annotations

from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from holdfast.detect.alarms import e_detector, hysteresis, relative, threshold
from holdfast.detect.alarms.hysteresis import Series
from holdfast.detect.measurement import Transition
from holdfast.metrics.intervals import Value, wilson
from holdfast.prepare.systems import EDetector, Limit, Relative


def test_a_limit_is_broken_only_by_the_whole_interval() -> None:
    """R-DET-01/absolute, R-DET-09/interval."""
    limit = Limit(below=0.85)
    doubtful = threshold.judge(wilson(83, 100, 0.95), limit)
    certain = threshold.judge(wilson(8300, 10_000, 0.95), limit)
    fine = threshold.judge(wilson(86, 100, 0.95), limit)
    assert (doubtful.alarm, doubtful.in_bounds) == (False, False)
    assert (certain.alarm, certain.in_bounds) == (True, False)
    assert (fine.alarm, fine.in_bounds) == (False, True)
    assert "its interval does not exclude it" in doubtful.sentence


@given(st.floats(-10, 10), st.floats(0, 5), st.floats(0, 5))
def test_a_band_alarms_on_either_side_and_nowhere_else(value: float, down: float, up: float) -> None:
    verdict = threshold.judge(Value(value, value - down, value + up, 10), Limit(below=-2, above=3))
    assert verdict.alarm == (value + up < -2 or value - down > 3)
    assert verdict.in_bounds == (-2 <= value <= 3)


@pytest.mark.parametrize(
    ("hits", "alarm"),
    [(700, True), (790, False), (900, False)],
    ids=["30% down is certain", "21% down is not", "10% down is allowed"],
)
def test_twenty_per_cent_down_needs_an_interval_that_excludes_less(hits: int, alarm: bool) -> None:
    rule = Relative(down=0.2, against="previous")
    verdict = relative.judge(wilson(hits, 10_000, 0.95), wilson(1000, 10_000, 0.95), rule)
    assert verdict.alarm is alarm
    assert "against the window before" in verdict.sentence


def test_a_rise_is_judged_like_a_fall() -> None:
    rule = Relative(up=0.5, against="reference")
    assert relative.judge(wilson(900, 1000, 0.95), wilson(300, 1000, 0.95), rule).alarm
    assert not relative.judge(wilson(400, 1000, 0.95), wilson(300, 1000, 0.95), rule).alarm


def test_nothing_is_down_from_nothing() -> None:
    verdict = relative.judge(wilson(5, 10, 0.95), wilson(0, 10, 0.95), Relative(down=0.2, against="previous"))
    assert not verdict.alarm
    assert verdict.sentence == "changed from 0 in the window before, within −20%"


def test_a_rise_from_nothing_is_a_rise() -> None:
    """Of 400 rows none was missing before, and 160 are now: that is more than half as many again."""
    rule = Relative(up=0.5, against="previous")
    assert relative.judge(wilson(160, 400, 0.95), wilson(0, 400, 0.95), rule).alarm
    assert relative.judge(wilson(0, 400, 0.95), wilson(0, 400, 0.95), rule).in_bounds
    doubtful = relative.judge(wilson(1, 400, 0.95), wilson(0, 400, 0.95), rule)
    assert (doubtful.alarm, doubtful.in_bounds) == (False, False)


@pytest.mark.parametrize(
    ("now", "before", "rule", "alarm"),
    [
        (-15, -10, Relative(down=0.2, against="previous"), True),
        (-15, -10, Relative(up=0.2, against="previous"), False),
        (-5, -10, Relative(up=0.2, against="previous"), True),
        (-5, -10, Relative(down=0.2, against="previous"), False),
        (-5, 10, Relative(down=0.2, against="previous"), True),
        (5, -10, Relative(up=0.2, against="previous"), True),
    ],
)
def test_the_mean_of_a_negative_column_has_a_direction_too(
    now: float, before: float, rule: Relative, alarm: bool
) -> None:
    verdict = relative.judge(
        Value(now, now - 0.1, now + 0.1, 50), Value(before, before - 0.1, before + 0.1, 50), rule
    )
    assert verdict.alarm is alarm


def test_a_change_of_what_may_be_nothing_is_no_alarm() -> None:
    verdict = relative.judge(
        Value(9, 8, 10, 50), Value(0.1, -1, 1.2, 50), Relative(up=0.2, against="previous")
    )
    assert (verdict.alarm, verdict.in_bounds) == (False, False)


def test_an_alert_opens_once_and_closes_after_enough_good_windows() -> None:
    series, told = Series(), []
    #        bad,   bad,   doubt, good,  good,  bad,   good,  good,  good,  good
    alarms = [True, True, False, False, False, True, False, False, False, False]
    bounds = [False, False, False, True, True, False, True, True, True, True]
    for alarm, good in zip(alarms, bounds, strict=True):
        series, transition = hysteresis.advance(series, alarm, good, close_after=3)
        told.append(transition)
    opens, joins, recovers, closes = Transition
    assert told == [opens, joins, None, recovers, recovers, joins, recovers, recovers, closes, None]
    assert series == Series()


GOOD, LABELS, YEAR = 0.90, 500, 365


def _runs(rate: float, streams: int, days: int, arl: float, seed: int) -> list[int | None]:
    """For each stream the first day with an alarm; None when there is none."""
    random = np.random.default_rng(seed)
    rule = EDetector(baseline=GOOD)
    first: list[int | None] = []
    evidence: e_detector.Evidence
    for _ in range(streams):
        evidence, found = (), None
        for day, hits in enumerate(random.binomial(LABELS, rate, days), start=1):
            share = int(hits) / LABELS
            step = e_detector.advance(
                evidence, Value(share, share, share, LABELS, int(hits)), GOOD, arl, rule
            )
            evidence = step.evidence
            if step.verdict.alarm:
                found = day
                break
        first.append(found)
    return first


def test_the_e_detector_seldom_errs_in_a_year_and_soon_sees_a_drop() -> None:
    """At most 5 of 100 healthy monitors alarm in a year; 2 points down take days, 5 points two."""
    healthy = _runs(GOOD, streams=200, days=YEAR, arl=3650, seed=21)
    assert sum(day is not None for day in healthy) / len(healthy) <= 0.05
    small = [day or 99 for day in _runs(GOOD - 0.02, 200, 90, 3650, 22)]
    large = [day or 99 for day in _runs(GOOD - 0.05, 200, 30, 3650, 23)]
    assert median(small) <= 9
    assert median(large) <= 2


@pytest.mark.slow
def test_the_e_detector_keeps_its_promise_over_many_streams() -> None:
    """2,000 years of days. When written: 3.1% alarmed within their year; set to err every 100 days, a
    detector ran for 358 on average."""
    healthy = _runs(GOOD, streams=2000, days=YEAR, arl=3650, seed=24)
    assert sum(day is not None for day in healthy) / len(healthy) <= 0.04
    # The average run length itself, on a detector set to err every 100 days.
    short = _runs(GOOD, streams=1000, days=5000, arl=100, seed=25)
    assert sum(day or 5000 for day in short) / len(short) >= 100


def test_better_than_expected_wears_evidence_down() -> None:
    rule = EDetector(baseline=GOOD)
    before = e_detector.advance((), wilson(430, 500, 0.95), GOOD, 1000, rule)
    after = e_detector.advance(before.evidence, wilson(480, 500, 0.95), GOOD, 1000, rule)
    assert before.reached > 1
    assert after.reached < 0.1


def test_under_the_good_rate_the_expected_likelihood_is_one() -> None:
    """The supermartingale property that the guarantee rests on, by exact summation."""
    n = 60
    for worse in e_detector.alternatives(GOOD, EDetector(baseline=GOOD)):
        for rate in (GOOD, 0.95, 0.99):
            expected = sum(
                binom.pmf(hits, n, rate) * e_detector.likelihood(hits, n, GOOD, worse)
                for hits in range(n + 1)
            )
            assert expected == pytest.approx(1.0) if rate == GOOD else expected < 1


def test_a_rise_is_watched_in_the_other_direction() -> None:
    rule = EDetector(baseline=0.05, direction="up", shifts=(0.02, 0.05))
    evidence: e_detector.Evidence = ()
    for _ in range(20):
        step = e_detector.advance(evidence, wilson(60, 500, 0.95), 0.05, 3650, rule)
        evidence = step.evidence
        if step.verdict.alarm:
            return
    pytest.fail("a rate of 0.12 where 0.05 is good went unnoticed for 20 windows")


def test_a_change_too_small_to_matter_wakes_nobody() -> None:
    rule = EDetector(baseline=0.9, floor=0.03, shifts=(0.02,))
    step = e_detector.advance((), wilson(885_000, 1_000_000, 0.95), 0.9, 3650, rule)
    assert step.reached > 3650
    assert not step.verdict.alarm
    assert "less than 0.03" in step.verdict.sentence


def test_overwhelming_evidence_stays_a_number() -> None:
    step = e_detector.advance((), wilson(0, 1_000_000, 0.95), 0.9, 3650, EDetector(baseline=0.9))
    assert step.verdict.alarm
    assert step.reached == pytest.approx(e_detector.LARGEST)
    assert "1e+300" in step.verdict.sentence


def test_the_run_length_follows_from_the_false_alarms_that_are_allowed() -> None:
    assert e_detector.average_run_length(monitors=100, horizon=365, allowed=5) == 7300
