"""From readings to measurements: the alarm rules applied window by window, with what is remembered.

A window is judged once, when it is first measured; when more labels arrive it is measured again, and then
only a fresh alarm counts: evidence is never counted twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from holdfast import wording
from holdfast.detect import maturity
from holdfast.detect.alarms import Verdict, e_detector, hysteresis, relative, threshold
from holdfast.detect.alarms.hysteresis import Series
from holdfast.detect.cells import Group, Window
from holdfast.detect.measurement import Measurement, Status, shown
from holdfast.detect.metrics.intervals import NotComputable, Value
from holdfast.detect.reading import Reader, Reading
from holdfast.prepare.systems import DriftMethod, Metric, Monitor, Relative, Rows

TEN_YEARS = timedelta(days=3650)
DEFAULT_ARL = 3650
"""For windows of rows, which have no length in time."""

_NAMES = {
    DriftMethod.PSI: "PSI",
    DriftMethod.KS: "Kolmogorov–Smirnov distance",
    DriftMethod.JENSEN_SHANNON: "Jensen–Shannon distance",
    DriftMethod.WASSERSTEIN: "Wasserstein distance (in standard deviations)",
}


@dataclass(frozen=True, slots=True)
class Due:
    """A window to be measured by a monitor."""

    monitor: Monitor
    window: Window
    as_of: datetime
    mature: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What was last said about a series in a window."""

    status: Status
    judged: bool
    alarm: bool
    digest: str


def place(measurement: Measurement) -> str:
    """What `Said` is kept by: series and window."""
    return f"{measurement.series}|{measurement.window_start.isoformat()}"


def judge(
    reader: Reader, due: Iterable[Due], series: Mapping[str, Series], said: Mapping[str, Said]
) -> tuple[list[Measurement], dict[str, Series], dict[str, Said]]:
    """Measure and judge windows in the given order.

    Returns the measurements that are new or say something new, and what to remember.
    """
    remembered, told = dict(series), dict(said)
    fresh = []
    for work in due:
        for reading in reader.read(work.monitor, work.window, work.as_of, work.mature):
            measurement = _measurement(work, reading)
            key, where = measurement.series, place(measurement)
            measurement, after, judged = _judge_one(
                reader, work, reading, measurement, remembered.get(key, Series()), told.get(where)
            )
            remembered[key] = after
            before = told.get(where)
            told[where] = Said(measurement.status, judged, measurement.alarm, _digest(measurement))
            if before is None or before.digest != told[where].digest:
                fresh.append(measurement)
    return fresh, {key: kept for key, kept in remembered.items() if kept != Series()}, told


def _digest(measurement: Measurement) -> str:
    says = (measurement.status, measurement.value, measurement.lower, measurement.upper, measurement.n)
    return hashlib.sha256(repr((*says, measurement.alarm)).encode()).hexdigest()[:16]


def _judge_one(
    reader: Reader, due: Due, reading: Reading, measurement: Measurement, series: Series, before: Said | None
) -> tuple[Measurement, Series, bool]:
    """The measurement with its verdict, the series after it, and whether it was judged at all."""
    found = reading.found
    silence = _silence(due, reading)
    if not isinstance(found, Value) or silence is not None:
        return replace(measurement, reason=_unjudged(due, reading, silence)), series, False
    again = before is not None and before.judged and before.status is reading.status
    verdicts, step = _verdicts(reader, due, reading, found, series, again)
    alarm = any(verdict.alarm for verdict in verdicts)
    if again and before is not None and before.alarm and due.monitor.e_detector is not None:
        alarm = True
        verdicts.append(Verdict(True, False, "raised the alarm when it was first judged"))
    reason = f"{_subject(due.monitor, reading)} {_numbers(found, due.monitor)} {_sentence(verdicts)}."
    detail = {} if step is None else {"evidence": step.reached}
    normal = reader.measure_reference(due.monitor, reading.group)
    if isinstance(normal, Value):
        detail["reference"] = normal.value
    measurement = replace(measurement, alarm=alarm, reason=reason, detail=detail)
    if again and (not alarm or (before is not None and before.alarm)):
        return measurement, series, True
    if step is not None:
        series = replace(series, evidence=step.evidence)
    in_bounds = all(verdict.in_bounds for verdict in verdicts)
    series, transition = hysteresis.advance(series, alarm, in_bounds, due.monitor.close_after)
    return replace(measurement, transition=transition), series, True


# Why nothing is judged


def _silence(due: Due, reading: Reading) -> str | None:
    """Why a value is shown and not judged; None when it is."""
    monitor = due.monitor
    if not reading.judged:
        return "is shown for comparison"
    if reading.status is Status.ESTIMATED and not monitor.estimate_alarms:
        return f"is an estimate until {maturity.waits_for(monitor.maturity)}, and raises no alarm"
    if reading.group is not None and reading.rows < monitor.min_group:
        needed = f"the group has {reading.rows:,} rows, and {monitor.min_group:,} are needed"
        return f"is shown and not judged: {needed}"
    if reading.rows < monitor.min_n and monitor.metric is not Metric.VOLUME:
        return f"is shown and not judged: {reading.rows:,} rows, and {monitor.min_n:,} are needed"
    return None


def _unjudged(due: Due, reading: Reading, silence: str | None) -> str:
    found, monitor = reading.found, due.monitor
    subject = _subject(monitor, reading)
    if isinstance(found, Value):
        return f"{subject} {_numbers(found, monitor)} {silence}."
    if reading.status is Status.PENDING:
        share = "none" if not reading.labelled_share else f"{100 * reading.labelled_share:.3g}%"
        waits = maturity.waits_for(monitor.maturity)
        return f"{subject} is pending: {share} of the window is labelled; judged once {waits}."
    return f"{subject} is {found.because}."


# The rules


def _verdicts(
    reader: Reader, due: Due, reading: Reading, value: Value, series: Series, again: bool
) -> tuple[list[Verdict], e_detector.Step | None]:
    monitor = due.monitor
    verdicts = []
    step = None
    if monitor.limit is not None:
        verdicts.append(threshold.judge(value, monitor.limit))
    if monitor.relative is not None:
        verdicts.append(_relative(reader, due, reading, value, monitor.relative))
    if monitor.e_detector is not None and not again and value.hits is not None:
        step = _detect(reader, monitor, reading.group, value, series)
        if step is not None:
            verdicts.append(step.verdict)
    return verdicts, step


def _detect(
    reader: Reader, monitor: Monitor, group: Group | None, value: Value, series: Series
) -> e_detector.Step | None:
    rule = monitor.e_detector
    assert rule is not None
    if isinstance(rule.baseline, float):
        good = rule.baseline
    else:
        reference = reader.measure_reference(monitor, group)
        if isinstance(reference, NotComputable):
            return None
        good = reference.lower if rule.direction == "down" else reference.upper
    # A rate of exactly 0 or 1 would make a single exception infinitely surprising.
    good = min(max(good, 1e-6), 1 - 1e-6)
    return e_detector.advance(series.evidence, value, good, average_run_length(monitor), rule)


def average_run_length(monitor: Monitor) -> float:
    """Windows between false alarms: as stated, else ten years of them."""
    rule = monitor.e_detector
    if rule is not None and rule.arl is not None:
        return float(rule.arl)
    return float(DEFAULT_ARL) if isinstance(monitor.window, Rows) else TEN_YEARS / monitor.window


def _relative(reader: Reader, due: Due, reading: Reading, value: Value, rule: Relative) -> Verdict:
    monitor, group = due.monitor, reading.group
    if rule.against == "reference":
        before = reader.measure_reference(monitor, group)
        if isinstance(before, NotComputable):
            return Verdict(False, True, f"cannot be compared with the reference ({before.because})")
        return relative.judge(value, before, rule)
    periods = _periods(reader, due, rule)
    if isinstance(periods, str):
        return Verdict(False, True, periods)
    now, then = (reader.measure(monitor, period, due.as_of, group) for period in periods)
    if isinstance(now, NotComputable) or isinstance(then, NotComputable):
        return Verdict(
            False, True, f"cannot be compared {relative.compared_with(rule)}: a part is not computable"
        )
    return relative.judge(now, then, rule)


def _periods(reader: Reader, due: Due, rule: Relative) -> tuple[list[Window], list[Window]] | str:
    """The windows of the period that ends here and of the one before, or why they cannot be compared."""
    monitor, window = due.monitor, due.window
    length = 1
    if isinstance(rule.against, timedelta):
        assert isinstance(monitor.window, timedelta)
        length = rule.against // monitor.window
    by_index = {found.index: found for found in reader.windows(monitor)}
    indexes = range(window.index - 2 * length + 1, window.index + 1)
    periods = [by_index.get(index) for index in indexes]
    incomplete = (
        f"is not compared {relative.compared_with(rule)}: a window of the two periods is not complete"
    )
    for part in periods:
        if part is None or not reader.has(monitor, part) or reader.is_cut_off(monitor, part):
            return incomplete
        at = reader.mature_at(monitor, part)
        if at is None or at > due.as_of:
            return incomplete
    complete = [part for part in periods if part is not None]
    return complete[length:], complete[:length]


# Words


def named(monitor: Monitor, group: Group | None) -> dict[str, str] | None:
    """The group with the columns its values belong to."""
    return None if group is None else dict(zip(monitor.group_by, group, strict=True))


def _subject(monitor: Monitor, reading: Reading) -> str:
    words = reading.quantity.replace("_", " ").capitalize()
    if monitor.metric is Metric.DRIFT:
        words = _NAMES[monitor.drift_method]
    elif monitor.metric in (Metric.F1, Metric.AUC):
        words = monitor.metric.upper()
    of = f" of {monitor.column}" if monitor.column else ""
    group = named(monitor, reading.group)
    who = f" for {wording.group(group)}" if group else ""
    return f"{words}{of}{who}"


def _numbers(value: Value, monitor: Monitor) -> str:
    interval = f"{100 * monitor.confidence:.4g}% interval {shown(value.lower)} to {shown(value.upper)}"
    return f"{shown(value.value)} ({interval}, n {value.n:,})"


def _sentence(verdicts: list[Verdict]) -> str:
    """The alarms first; without one, all that was said."""
    alarms = [verdict.sentence for verdict in verdicts if verdict.alarm]
    return "; it ".join(alarms or [verdict.sentence for verdict in verdicts]) or "is shown"


def _measurement(due: Due, reading: Reading) -> Measurement:
    """What was found, before it is judged."""
    found = reading.found
    measured = found if isinstance(found, Value) else None
    return Measurement(
        monitor=due.monitor.id,
        quantity=reading.quantity,
        window_start=due.window.start,
        window_end=due.window.end,
        group=named(due.monitor, reading.group),
        value=measured.value if measured else None,
        lower=measured.lower if measured else None,
        upper=measured.upper if measured else None,
        n=found.n,
        labelled_share=reading.labelled_share,
        status=reading.status,
        alarm=False,
        reason="",
        as_of=due.as_of,
    )
