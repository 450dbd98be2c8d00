"""From readings to measurements: the alarm rules applied window by window, with what is remembered.

A window is judged once, when it is first measured; when more labels arrive it is measured again, and then
only a fresh alarm counts: evidence is never counted twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from holdfast.detect import maturity, reasons
from holdfast.detect.alarms import Period, Verdict, e_detector, hysteresis, relative, threshold
from holdfast.detect.alarms.hysteresis import Series
from holdfast.detect.cells import Window
from holdfast.detect.measurement import Measurement, WindowStatus, shown
from holdfast.detect.reading import Reader, Reading
from holdfast.detect.reasons import named
from holdfast.metrics.intervals import NotComputable, Value
from holdfast.metrics.items import Group
from holdfast.prepare.systems import Limit, Monitor, Relative, Rows
from holdfast.prepare.terms import COVERAGE

TEN_YEARS = timedelta(days=3650)
SEEN = timedelta(minutes=1)
"""What is missing at the edge of a window and shows where times are written to the minute."""
DEFAULT_ARL = 3650
"""For windows of rows, which have no length in time."""


@dataclass(frozen=True, slots=True)
class Due:
    """A window to be measured by a monitor."""

    monitor: Monitor
    window: Window
    as_of: datetime
    mature: bool
    late: int = 0
    """Rows that came, or went, after the window had been judged."""
    again: bool = False
    """Whether it had been settled: then it is never judged as if for the first time."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was last said about a series in a window."""

    status: WindowStatus
    judged: bool
    alarm: bool
    digest: str


def place(measurement: Measurement) -> str:
    """What `Said` is kept by: series and window."""
    return f"{measurement.series}|{measurement.window_start.isoformat()}"


def said_of(one: Measurement) -> Said:
    """What a measurement on record said. With a value it counts as judged: no evidence is counted twice."""
    return Said(one.status, one.value is not None, one.alarm, _digest(one))


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
            before = told.get(where)
            if before is None and work.again:
                before = Said(reading.status, True, False, "")
            measurement, after, judged = _judge_one(
                reader, work, reading, measurement, remembered.get(key, Series()), before
            )
            remembered[key] = after
            if measurement.value is not None:
                reach = reader.reaches(work.monitor, work.window).within(work.window, SEEN)
                said_of_part = reasons.part(reader.cut(work.monitor, work.window), reach)
                measurement = replace(measurement, reason=measurement.reason + said_of_part)
            if measurement.alarm:
                of_utc = reasons.assumed(work.monitor, reader.log.table.zone_assumed)
                measurement = replace(measurement, reason=measurement.reason + of_utc)
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
    again = before is not None and before.judged and before.status is reading.status
    silence = _silence(reader, due, reading)
    verdicts, step = ([], None) if silence else _verdicts(reader, due, reading, series, again)
    if not verdicts and not (again and isinstance(reading.found, Value) and silence is None):
        return replace(measurement, reason=_unjudged(reader, due, reading, silence)), series, False
    alarm = any(verdict.alarm for verdict in verdicts)
    if again and before is not None and before.alarm and _is_followed(due.monitor, reading):
        alarm = True
        verdicts.append(Verdict(True, False, "raised the alarm when it was first judged"))
    reason = reasons.judged(due.monitor, reading, verdicts) + reasons.lateness(due.late)
    if not isinstance(reading.found, Value):
        reason = f"{_unjudged(reader, due, reading, None)} {reason}"
    detail = {} if step is None else {"evidence": step.reached}
    detail |= _period_detail(verdicts) | ({"late_rows": float(due.late)} if due.late else {})
    normal = reader.measure_reference(due.monitor, reading.group, due.as_of)
    if isinstance(normal, Value) and reading.quantity != COVERAGE:
        detail["reference"] = normal.value
    measurement = replace(measurement, alarm=alarm, reason=reason, detail=detail)
    if again and (not alarm or (before is not None and before.alarm)):
        return measurement, series, True
    if step is not None:
        series = replace(series, evidence=step.evidence)
    # A rule that cannot say anything is no reason to close an alert.
    in_bounds = bool(verdicts) and all(verdict.in_bounds for verdict in verdicts)
    series, transition = hysteresis.advance(series, alarm, in_bounds, due.monitor.close_after)
    return replace(measurement, transition=transition), series, True


def _is_followed(monitor: Monitor, reading: Reading) -> bool:
    return monitor.e_detector is not None and reading.quantity != COVERAGE


def _period_detail(verdicts: Iterable[Verdict]) -> dict[str, float]:
    """The numbers of the alarm, where it is a period's and not the window's."""
    alarms = [verdict for verdict in verdicts if verdict.alarm]
    if not alarms or any(verdict.period is None for verdict in alarms):
        return {}
    period = alarms[0].period
    assert period is not None
    value = period.value
    return {
        "period": value.value,
        "period_lower": value.lower,
        "period_upper": value.upper,
        "period_n": value.n,
        "period_start": period.start.timestamp(),
    }


# Why nothing is judged


def _silence(reader: Reader, due: Due, reading: Reading) -> str | None:
    """Why a value is shown and not judged; None when it is."""
    monitor = due.monitor
    if reading.quantity == COVERAGE:
        return None if reading.judged else "is shown and not judged: the monitor states no min_coverage"
    if reading.is_unnamed:
        return "is shown and not judged: these are the rows whose group is not known"
    if not reading.judged:
        return "is shown for comparison"
    if reading.status is WindowStatus.ESTIMATED and not monitor.estimate_alarms:
        return f"is an estimate until {maturity.waits_for(monitor.maturity)}, and raises no alarm"
    if _only_of_reference(monitor) and (waits := reader.waits(monitor, due.as_of)):
        return f"is shown and not judged yet: {waits}"
    return None


def _too_few(reader: Reader, monitor: Monitor, group: Group | None, rows: int) -> str | None:
    """Why so many rows are too few to judge; None when they are enough."""
    if monitor.measures.of_arrivals:
        return None
    if group is not None and rows < monitor.min_group:
        return f"the group has {rows:,} rows, and {monitor.min_group:,} are needed"
    needed = reader.least_rows(monitor)
    return f"{rows:,} rows, and {needed:,} are needed{_instead(monitor)}" if rows < needed else None


def _instead(monitor: Monitor) -> str:
    metric = monitor.measures
    return f" for {metric.words}; {metric.fewer_rows}" if metric.fewer_rows and monitor.min_n is None else ""


def _only_of_reference(monitor: Monitor) -> bool:
    """Whether none of the monitor's rules can say anything without the reference."""
    relative_to = monitor.relative is None or monitor.relative.against == "reference"
    detector_to = monitor.e_detector is None or monitor.e_detector.baseline == "reference"
    return monitor.limit is None and relative_to and detector_to


def _unjudged(reader: Reader, due: Due, reading: Reading, silence: str | None) -> str:
    found, monitor = reading.found, due.monitor
    late = reasons.lateness(due.late)
    if isinstance(found, Value):
        few = _too_few(reader, monitor, reading.group, reading.rows)
        silence = silence or (f"is shown and not judged: {few}" if few else "is shown")
        return reasons.shown_only(monitor, reading, found, silence) + late
    subject = reasons.subject(monitor, reading)
    if reading.status is WindowStatus.PENDING:
        share = "none" if not reading.labelled_share else f"{100 * reading.labelled_share:.3g}%"
        waits = maturity.waits_for(monitor.maturity)
        return f"{subject} is pending: {share} of the window is labelled; judged once {waits}."
    return f"{subject} is {found.because}.{reasons.groups(monitor, reading)}{late}"


# The rules


def _verdicts(
    reader: Reader, due: Due, reading: Reading, series: Series, again: bool
) -> tuple[list[Verdict], e_detector.Step | None]:
    """What the rules say of the window where it has a value and rows enough, and of the period ending there.

    An empty day is a part of its week. Nothing else judges a window without a value: no alarm rests on what
    is not known.
    """
    monitor, value = due.monitor, reading.found
    if reading.quantity == COVERAGE and isinstance(value, Value):
        return [threshold.judge(value, Limit(below=monitor.min_coverage))], None
    verdicts = []
    step = None
    enough = isinstance(value, Value) and _too_few(reader, monitor, reading.group, reading.rows) is None
    if isinstance(value, Value) and enough and monitor.limit is not None:
        verdict = threshold.judge(value, monitor.limit)
        verdicts.append(_with_those_left_out(verdict, reading, monitor.limit))
    if monitor.relative is not None and reading.status is not WindowStatus.PENDING:
        verdict = _relative(reader, due, reading, monitor.relative)
        if verdict.period is not None or enough:
            verdicts.append(verdict)
    if isinstance(value, Value) and enough and monitor.e_detector is not None and value.hits is not None:
        step = None if again else _detect(reader, due, reading.group, value, series)
        if step is not None:
            verdicts.append(step.verdict)
        elif not again:
            verdicts.append(Verdict(False, False, "cannot be followed without a reference"))
    return verdicts, step


def _with_those_left_out(verdict: Verdict, reading: Reading, limit: Limit) -> Verdict:
    """A comparison is not within its limit when only leaving out small groups makes it so."""
    comparison = reading.comparison
    if comparison is None or not verdict.in_bounds or not isinstance(comparison.wider, Value):
        return verdict
    if threshold.judge(comparison.wider, limit).in_bounds:
        return verdict
    wider = shown(comparison.wider.value)
    return Verdict(
        False, False, f"{verdict.sentence} among the groups compared, but is {wider} with those left out"
    )


def _detect(
    reader: Reader, due: Due, group: Group | None, value: Value, series: Series
) -> e_detector.Step | None:
    monitor = due.monitor
    rule = monitor.e_detector
    assert rule is not None
    if isinstance(rule.baseline, float):
        good = rule.baseline
    else:
        reference = reader.measure_reference(monitor, group, due.as_of)
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


def _relative(reader: Reader, due: Due, reading: Reading, rule: Relative) -> Verdict:
    monitor, group, value = due.monitor, reading.group, reading.found
    against = relative.compared_with(rule)
    if rule.against == "reference":
        before = reader.measure_reference(monitor, group, due.as_of)
        if isinstance(before, NotComputable):
            return Verdict(False, False, f"cannot be compared with the reference ({before.because})")
        if isinstance(value, NotComputable):
            return Verdict(False, False, f"cannot be compared {against}")
        return relative.judge(value, before, rule)
    periods = _periods(reader, due, rule)
    if isinstance(periods, str):
        return Verdict(False, False, periods)
    now, then = (reader.measure(monitor, period, due.as_of, group) for period in periods)
    if isinstance(now, NotComputable) or isinstance(then, NotComputable):
        return Verdict(False, False, f"cannot be compared {against}: a part is not computable")
    if few := next(filter(None, (_too_few(reader, monitor, group, part.n) for part in (now, then))), None):
        return Verdict(False, False, f"is not compared {against}: {few}")
    verdict = relative.judge(now, then, rule)
    if len(periods[0]) == 1:
        return verdict
    return replace(verdict, period=Period(periods[0][0].start, periods[0][-1].end, now))


def _periods(reader: Reader, due: Due, rule: Relative) -> tuple[list[Window], list[Window]] | str:
    """The windows of the period that ends here and of the one before, or why they cannot be compared."""
    monitor, window = due.monitor, due.window
    length = 1
    if isinstance(rule.against, timedelta):
        assert isinstance(monitor.window, timedelta)
        length = rule.against // monitor.window
    indexes = range(window.index - 2 * length + 1, window.index + 1)
    periods = [reader.at(monitor, index) for index in indexes]
    incomplete = (
        f"is not compared {relative.compared_with(rule)}: a window of the two periods is not complete"
    )
    for part in periods:
        if part is None or not reader.has(monitor, part) or reader.cut(monitor, part):
            return incomplete
        at = reader.mature_at(monitor, part)
        if at is None or at > due.as_of:
            return incomplete
    complete = [part for part in periods if part is not None]
    return complete[length:], complete[:length]


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
