"""Whether a monitor proves that a remediation works. Pure (R-REM-03).

One idea: only windows that began after the action took effect count, and only a run of them without a
gap proves anything. An alarm among them disproves it. A window that cannot be judged (labels missing, too
few rows, a value beyond the limit that its interval does not confirm) proves nothing and breaks the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from holdfast import wording
from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.learn.events import ProvingWindow, Verification

_NAMED = 10
"""Windows that a proof names one by one; a longer run is summed up."""


class Outcome(StrEnum):
    PROVEN = "proven"
    DISPROVEN = "disproven"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the measurements say so far, in words a person can check."""

    outcome: Outcome
    reason: str
    windows: tuple[ProvingWindow, ...] = ()


class _Standing(StrEnum):
    IN_BOUNDS = "in bounds"
    ALARM = "alarm"
    WAITING = "waiting for labels"
    DOUBTFUL = "not clearly in bounds"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class _Window:
    measurements: tuple[Measurement, ...]

    @property
    def start(self) -> datetime:
        return self.measurements[0].window_start

    @property
    def end(self) -> datetime:
        return self.measurements[0].window_end

    @property
    def overall(self) -> Measurement | None:
        """The measurement of everybody, not of one group."""
        return next((one for one in self.measurements if one.group is None), None)

    def shown(self) -> ProvingWindow:
        overall = self.overall
        n = overall.n if overall else sum(one.n for one in self.measurements)
        value, lower, upper = (overall.value, overall.lower, overall.upper) if overall else (None, None, None)
        return ProvingWindow(self.start, self.end, value, lower, upper, n)


def judge(wanted: Verification, measurements: Iterable[Measurement], since: datetime) -> Judgement:
    """What the windows that began at or after `since` say about the monitor being back in bounds."""
    windows = _windows(measurements, wanted.monitor, since)
    run: list[_Window] = []
    proven: list[_Window] = []
    waiting: _Window | None = None
    for window in windows:
        standing = _standing(window, wanted)
        if standing is _Standing.ALARM:
            return Judgement(Outcome.DISPROVEN, _alarm_said(window, wanted))
        if standing is _Standing.IN_BOUNDS:
            run = [*run, window] if run and not _gap(run[-1], window) else [window]
            proven = proven or (run if _enough(run, wanted) else [])
        elif standing is _Standing.WAITING:
            waiting = window  # its labels decide whether the run goes on
        else:
            run = []
    if proven:
        shown = tuple(window.shown() for window in proven)
        return Judgement(Outcome.PROVEN, _proof(shown, wanted, since), shown)
    return Judgement(Outcome.OPEN, _so_far(run, waiting, wanted))


def _windows(measurements: Iterable[Measurement], monitor: str, since: datetime) -> list[_Window]:
    """The newest word on every window and group, window by window in the order of time."""
    newest: dict[tuple[datetime, datetime, tuple[tuple[str, str], ...], str], Measurement] = {}
    for one in measurements:
        if one.monitor != monitor or one.window_start < since:
            continue
        key = (one.window_start, one.window_end, tuple((one.group or {}).items()), one.quantity)
        if key not in newest or newest[key].as_of <= one.as_of:
            newest[key] = one
    grouped: dict[tuple[datetime, datetime], list[Measurement]] = {}
    for key in sorted(newest):
        grouped.setdefault(key[:2], []).append(newest[key])
    return [_Window(tuple(found)) for found in grouped.values()]


def _standing(window: _Window, wanted: Verification) -> _Standing:
    """Groups that are too small to judge are left out; what is left must all be in bounds."""
    if any(one.alarm and one.status is WindowStatus.MEASURED for one in window.measurements):
        return _Standing.ALARM
    judged = [one for one in window.measurements if _is_judged(one, wanted)]
    if any(one.status in (WindowStatus.PENDING, WindowStatus.ESTIMATED) for one in judged):
        return _Standing.WAITING
    if any(_beyond(one, wanted) for one in judged):
        return _Standing.DOUBTFUL
    enough = [one for one in judged if one.n >= wanted.least_n and one.n > 0]
    overall = window.overall
    return _Standing.IN_BOUNDS if enough and (overall is None or overall in enough) else _Standing.NOT_JUDGED


def _is_judged(one: Measurement, wanted: Verification) -> bool:
    small = one.group is not None and one.n < wanted.least_group_n
    return one.status is not WindowStatus.NOT_COMPUTABLE and not small


def _beyond(one: Measurement, wanted: Verification) -> bool:
    """Whether the value lies beyond the limit, with or without certainty."""
    if one.value is None or one.quantity != wanted.quantity:
        return False
    under = wanted.below is not None and one.value < wanted.below
    return under or (wanted.above is not None and one.value > wanted.above)


def _gap(before: _Window, after: _Window) -> bool:
    """A window is missing between the two: they are further apart than the shorter one is long.

    Windows of a number of rows end at their last row, so that neighbours need not touch.
    """
    return after.start - before.end >= min(before.end - before.start, after.end - after.start)


def _enough(run: Sequence[_Window], wanted: Verification) -> bool:
    spans = run[-1].end - run[0].start
    return len(run) >= wanted.windows and spans >= timedelta(seconds=wanted.lasting_seconds)


# Words -----------------------------------------------------------------------------------------


def _proof(run: Sequence[ProvingWindow], wanted: Verification, since: datetime) -> str:
    first, last = run[0], run[-1]
    spans = wording.duration(last.window_end - first.window_start)
    whole = (
        f"{wanted.monitor} was measured in bounds{_limit_said(wanted)} in "
        f"{wording.plural(len(run), 'window')} in a row over {spans}, all begun after {wording.utc(since)}"
    )
    if len(run) <= _NAMED:
        return f"{whole}: {'; '.join(_window_said(window) for window in run)}"
    values = [window.value for window in run if window.value is not None]
    between = (
        f", values {wording.figure(min(values), 3)} to {wording.figure(max(values), 3)}" if values else ""
    )
    rows = f"n {min(window.n for window in run):,} to {max(window.n for window in run):,}"
    return f"{whole}: {wording.utc(first.window_start)} to {wording.utc(last.window_end)}{between}, {rows}"


def _window_said(window: ProvingWindow) -> str:
    figures = wording.interval(window.value, window.lower, window.upper, 3, unknown="every group in bounds")
    return f"{wording.utc(window.window_start)} to {wording.utc(window.window_end)} {figures}, n {window.n:,}"


def _limit_said(wanted: Verification) -> str:
    parts = [
        f"{word} {bound:g}"
        for word, bound in (("not below", wanted.below), ("not above", wanted.above))
        if bound is not None
    ]
    return f" ({' and '.join(parts)})" if parts else ""


def _alarm_said(window: _Window, wanted: Verification) -> str:
    found = next(one for one in window.measurements if one.alarm and one.status is WindowStatus.MEASURED)
    group = f" for {wording.group(found.group)}" if found.group else ""
    figures = wording.interval(found.value, found.lower, found.upper, 3)
    return (
        f"{wanted.monitor} alarmed{group} in a window that began after the action was done, "
        f"{wording.utc(window.start)} to {wording.utc(window.end)}: {figures}, n {found.n:,}. {found.reason}"
    )


def _so_far(run: Sequence[_Window], waiting: _Window | None, wanted: Verification) -> str:
    spans = run[-1].end - run[0].start if run else timedelta(0)
    parts = [f"{len(run)} of {wording.plural(wanted.windows, 'window')} in a row in bounds so far"]
    if wanted.lasting_seconds:
        parts.append(
            f"{wording.duration(spans)} of {wording.duration(timedelta(seconds=wanted.lasting_seconds))}"
        )
    if waiting:
        parts.append(f"the window that ended {wording.utc(waiting.end)} waits for its labels")
    return ", ".join(parts)
