"""The verdict on an effect: continuing as soon as anything says so, stopped only on evidence (R-CON-09)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.contain.effect import CannotCount, Known, Witnesses, judge
from holdfast.contain.events import Effect, SeenWindow, Traffic, Usual

SINCE = datetime(2026, 11, 23, 10, 45, tzinfo=UTC)
NO_LOG = CannotCount("Loans has no prediction log, so nothing can be counted")


def traffic(
    answered: int = 0,
    others: int = 120,
    expected: float = 42.0,
    hours: float = 2,
    reaches: datetime | None = None,
    people: int = 0,
    usual: Usual | None = None,
) -> Traffic:
    """Beside as many other requests as the day before, unless `usual` says otherwise."""
    until = SINCE + timedelta(hours=hours)
    before = usual or Usual(round(expected), others, 0, 1.0)
    return Traffic(SINCE, until, answered, 3, others, expected, reaches, people, before)


def window(
    alarm: bool, day: int = 24, in_bounds: bool | None = None, monitor: str = "accuracy"
) -> SeenWindow:
    start = datetime(2026, 11, day, tzinfo=UTC)
    good = not alarm if in_bounds is None else in_bounds
    return SeenWindow(monitor, start, start + timedelta(days=1), 0.86, 400, alarm, good)


def known(
    requests: int = 0, targeted: bool = True, switched: bool = True, monitors: tuple[str, ...] = ("accuracy",)
) -> Known:
    return Known(SINCE, targeted, switched, requests, monitors)


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
        (NO_LOG, [window(False)], Effect.UNKNOWN, "nobody is known to have asked the switch"),
        (NO_LOG, [], Effect.UNKNOWN, "no monitor has measured a window that began after 23 Nov 2026, 10:45"),
        (
            traffic(),
            [window(False, in_bounds=False)],
            Effect.STOPPED,
            "accuracy: 1 window since, 0 in bounds",
        ),
        (traffic(hours=0), [], Effect.UNKNOWN, "too early: nothing can be told before 23 Nov 2026, 10:45"),
        (traffic(expected=2.9), [], Effect.UNKNOWN, "but only about 3 were to be expected"),
        (traffic(expected=0.2), [], Effect.UNKNOWN, "and none in the same hours of the day before"),
        (traffic(others=0), [], Effect.UNKNOWN, "holds nothing at all since"),
        (traffic(expected=4.0), [], Effect.UNKNOWN, "that may be chance, and more of the log is waited for"),
        (traffic(expected=5.0), [], Effect.STOPPED, "about 5 were to be expected"),
    ],
)
def test_the_verdict(
    seen: Traffic | CannotCount, windows: list[SeenWindow], effect: Effect, sentence: str
) -> None:
    verdict = judge(seen, windows, known())
    assert verdict.effect is effect
    assert sentence in verdict.sentence
    assert verdict.sentence.endswith("no request of the application to the switch is known")


DOUBTFUL = window(False, 25, in_bounds=False)


@pytest.mark.parametrize(
    ("windows", "monitors", "requests", "effect", "sentence"),
    [
        ([window(False)], ("accuracy",), 4, Effect.STOPPED, "accuracy: 1 window since, 1 in bounds"),
        ([DOUBTFUL], ("accuracy",), 4, Effect.UNKNOWN, "no alarm since, but not clearly in bounds"),
        ([window(False), DOUBTFUL], ("accuracy",), 4, Effect.UNKNOWN, "2 windows since, 1 in bounds"),
        ([DOUBTFUL, window(False, 26)], ("accuracy",), 4, Effect.STOPPED, "2 windows since, 1 in bounds"),
        ([window(False)], ("accuracy", "recall"), 4, Effect.UNKNOWN, "recall measured no window that began"),
        (
            [window(False), window(False, in_bounds=False, monitor="recall")],
            ("accuracy", "recall"),
            4,
            Effect.UNKNOWN,
            "recall: no alarm since",
        ),
        ([window(False)], ("accuracy",), 0, Effect.UNKNOWN, "nobody is known to have asked the switch"),
    ],
    ids=["clear", "doubtful", "doubtful last", "clear last", "one is silent", "one is doubtful", "not asked"],
)
def test_where_the_log_cannot_be_counted_only_windows_in_bounds_and_an_application_that_asks_show_it(
    windows: list[SeenWindow], monitors: tuple[str, ...], requests: int, effect: Effect, sentence: str
) -> None:
    """R-CON-09: that nothing alarms is no sign that the harm stopped."""
    verdict = judge(NO_LOG, windows, known(requests, monitors=monitors))
    assert (verdict.effect, sentence in verdict.sentence) == (effect, True), verdict.sentence


def test_silence_that_no_switch_is_known_to_have_brought_about_is_not_containment() -> None:
    verdict = judge(traffic(), [], known(switched=False))
    assert verdict.effect is Effect.UNKNOWN
    assert "the switch is not known to be answered by" in verdict.sentence


def test_while_a_model_is_off_only_a_log_that_goes_on_shows_that_nothing_was_answered() -> None:
    """A log that nobody writes looks like a model that answers nobody, whoever asks the switch."""
    for requests in (0, 1, 41):
        silent = judge(traffic(others=0), [], known(requests, targeted=False))
        assert (silent.effect, "or it is not being written" in silent.sentence) == (Effect.UNKNOWN, True)
        stopped = judge(traffic(others=0, reaches=SINCE), [], known(requests, targeted=False))
        assert stopped.effect is Effect.UNKNOWN
    until, usual = SINCE + timedelta(hours=2), Usual(40, 0, 0, 1.0)
    for people, effect in (
        (0, Effect.UNKNOWN),
        (1, Effect.UNKNOWN),
        (15, Effect.UNKNOWN),
        (40, Effect.STOPPED),
    ):
        seen = traffic(others=0, reaches=until, people=people, usual=usual)
        verdict = judge(seen, [], known(41, targeted=False))
        assert verdict.effect is effect, verdict.sentence
    assert verdict.sentence.endswith("the switch answered at least 41 requests of the application")


@pytest.mark.parametrize(
    ("others", "usual", "effect"),
    [
        (1, Usual(29, 211, 0, 1.8), Effect.UNKNOWN),
        (1, Usual(40, 1, 0, 1.0), Effect.UNKNOWN),
        (100, Usual(29, 211, 0, 1.8), Effect.UNKNOWN),
        (350, Usual(29, 211, 0, 1.8), Effect.STOPPED),
        (16, Usual(16, 16, 0, 1.0), Effect.STOPPED),
        (6, Usual(16, 6, 0, 1.0), Effect.UNKNOWN),
        (350, Usual(3, 211, 0, 1.8), Effect.UNKNOWN),
        (350, Usual(0, 211, 0, 1.8), Effect.UNKNOWN),
    ],
    ids=[
        "one late row",
        "one row where one was usual",
        "a log with a long hole",
        "as usual",
        "few, and enough",
        "too few to tell",
        "a scope that seldom asks",
        "a scope that never asked",
    ],
)
def test_contained_is_said_only_where_the_rest_of_the_log_is_shown_to_go_on(
    others: int, usual: Usual, effect: Effect
) -> None:
    """R-CON-09: a log that stopped, or came late, is silent of everybody."""
    verdict = judge(traffic(others=others, reaches=SINCE + timedelta(hours=2), usual=usual), [], known())
    assert verdict.effect is effect, verdict.sentence
    assert effect is Effect.STOPPED or "waited for" in verdict.sentence


def test_the_chance_of_a_silence_is_fishers() -> None:
    """Against the fractions written out: C(16, 8) / C(24, 8), and C(43, 40) / C(44, 40)."""
    assert Witnesses(8, 8, 1.0, False).chance(8) == pytest.approx(12870 / 735471)
    assert Witnesses(1, 3, 1.0, False).chance(40) == pytest.approx(12341 / 135751)
