"""The verdict on an effect: continuing as soon as anything says so, stopped only on evidence (R-CON-09)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.contain.effect import CannotCount, judge
from holdfast.contain.events import Effect, SeenWindow, Traffic

SINCE = datetime(2026, 11, 23, 10, 45, tzinfo=UTC)
NO_LOG = CannotCount("Loans has no prediction log, so nothing can be counted")


def traffic(answered: int = 0, others: int = 120, expected: float = 42.0, hours: float = 2) -> Traffic:
    until = SINCE + timedelta(hours=hours)
    return Traffic(since=SINCE, until=until, answered=answered, settling=3, others=others, expected=expected)


def window(alarm: bool, day: int = 24) -> SeenWindow:
    start = datetime(2026, 11, day, tzinfo=UTC)
    return SeenWindow("accuracy", start, start + timedelta(days=1), 0.86, 400, alarm)


@pytest.mark.parametrize(
    ("seen", "windows", "effect", "sentence"),
    [
        (
            traffic(),
            [],
            Effect.STOPPED,
            "the model answered 0 requests of the contained scope between 23 Nov 2026, 10:45 UTC and "
            "23 Nov 2026, 12:45 UTC, where about 42 were to be expected; of other requests it answered 120",
        ),
        (traffic(), [window(False)], Effect.STOPPED, "accuracy: 1 window since, 1 in bounds"),
        (traffic(answered=1), [], Effect.CONTINUING, "the model still answered 1 request of the contained"),
        (traffic(answered=12), [window(False)], Effect.CONTINUING, "does not obey the switch; accuracy: 1"),
        (traffic(), [window(True), window(False, 25)], Effect.CONTINUING, "2 windows since, 1 in bounds"),
        (NO_LOG, [window(True)], Effect.CONTINUING, "has no prediction log"),
        (NO_LOG, [window(False)], Effect.STOPPED, "has no prediction log"),
        (NO_LOG, [], Effect.UNKNOWN, "no monitor has measured a row since either"),
        (traffic(hours=0), [], Effect.UNKNOWN, "too early: nothing can be told before 23 Nov 2026, 10:45"),
        (traffic(expected=2.9), [], Effect.UNKNOWN, "but only about 3 were to be expected"),
        (traffic(expected=0.2), [], Effect.UNKNOWN, "but only fewer than one were to be expected"),
        (traffic(others=0), [], Effect.UNKNOWN, "holds nothing at all since"),
        (traffic(expected=3.0), [], Effect.STOPPED, "about 3 were to be expected"),
    ],
)
def test_the_verdict(
    seen: Traffic | CannotCount, windows: list[SeenWindow], effect: Effect, sentence: str
) -> None:
    verdict = judge(seen, windows, 0, targeted=True)
    assert verdict.effect is effect
    assert sentence in verdict.sentence
    assert verdict.sentence.endswith("no request of the application to the switch is known")


def test_while_a_model_is_off_no_others_are_to_be_expected_but_a_sign_that_anybody_asks() -> None:
    """A log that nobody writes looks like a model that answers nobody."""
    asked = judge(traffic(others=0), [], 41, targeted=False)
    assert asked.effect is Effect.STOPPED
    assert asked.sentence.endswith("the switch answered at least 41 requests of the application")
    silent = judge(traffic(others=0), [], 0, targeted=False)
    assert (silent.effect, "or it is not being written" in silent.sentence) == (Effect.UNKNOWN, True)
