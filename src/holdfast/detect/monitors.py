"""Running a system's monitors over its prediction log.

    config → plan → cells → readings → measurements

The state that goes in comes out again, changed, and is all there is to remember: what is frozen of the
reference, the cells that later windows look back at, what each series has been through. A run counts only
windows that something may still change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from pydantic import TypeAdapter

from holdfast import wording
from holdfast.detect import plan, reference
from holdfast.detect.alarms.hysteresis import Series
from holdfast.detect.cells import Cell, Window, merge, window_at
from holdfast.detect.engines import Engine
from holdfast.detect.frozen import Frozen
from holdfast.detect.judging import Due, Said, judge
from holdfast.detect.log import Log, check_column
from holdfast.detect.measurement import Measurement
from holdfast.detect.plan import Scan
from holdfast.detect.reading import Reader
from holdfast.detect.tables import Kind, LogError, Table
from holdfast.detect.wants import wants
from holdfast.metrics import METRICS
from holdfast.metrics.items import VOLUME
from holdfast.metrics.metric import Takes
from holdfast.prepare.systems import Maturity, Monitor, Rows, System
from holdfast.problems import shown

MOST_GROUPS = 200
MOST_REMEMBERED = 10_000
"""Windows, the newest, to which rows that come late are noticed."""
FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class State:
    """What a system's monitors remember between runs. Empty before the first."""

    frozen: Frozen | None = None
    cells: tuple[Cell, ...] = ()
    """Counts of settled windows that relative rules still look back at."""
    since: Mapping[str, datetime] = field(default_factory=dict)
    """By scan: the start of the first window that something may still change."""
    series: Mapping[str, Series] = field(default_factory=dict)
    """By `Measurement.series`."""
    said: Mapping[str, Said] = field(default_factory=dict)
    """By series and window (`judging.place`), for windows not settled."""
    known: Mapping[str, datetime] = field(default_factory=dict)
    """By scan: from where on a window without cells is one without rows."""
    rows: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """By length of window (as an ungrouped scan) and number: rows of windows when they were judged."""

    def as_json(self) -> str:
        return _adapter().dump_json(self).decode()

    def frozen_as_json(self) -> bytes:
        """The reference as it is carried along."""
        return TypeAdapter(Frozen | None).dump_json(self.frozen, indent=1)

    @classmethod
    def from_json(cls, text: str) -> State:
        """Raises ValueError for anything that `as_json` did not write."""
        return _adapter().validate_json(text)


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[State]:
    return TypeAdapter(State)


@dataclass(frozen=True, slots=True)
class Failure:
    """A monitor that cannot measure."""

    monitor: Monitor
    reason: str


@dataclass(frozen=True, slots=True)
class Able:
    """Which of a system's monitors its log can serve, and why it cannot serve the others."""

    monitors: tuple[Monitor, ...]
    failing: Mapping[str, Failure]
    """By monitor."""
    rules: tuple[Maturity, ...]
    """How long those of the system's file wait for labels, whether they can run or not."""


@dataclass(frozen=True, slots=True)
class LateRows:
    """Rows that came to a window after it had been judged, and what was done about it."""

    window_start: datetime
    window_end: datetime
    rows: int
    """How many more there are; fewer where rows went."""
    monitors: tuple[str, ...]
    """Which have measured the window again."""
    changed: tuple[str, ...]
    """Which of them say something else of it now."""

    @property
    def said(self) -> str:
        """What came to which window, and what was done about it."""
        came = "came to" if self.rows > 0 else "went from"
        window = wording.span(self.window_start, self.window_end)
        changed = f"changed: {', '.join(self.changed)}" if self.changed else "nothing changed"
        return (
            f"{wording.plural(abs(self.rows), 'row')} {came} the window {window} after it had been judged: "
            f"measured again by {', '.join(self.monitors)}; {changed}."
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a run found, and what the next one needs."""

    measurements: list[Measurement]
    """New ones and changed ones, in the order in which they were judged."""
    state: State
    failing: Mapping[str, Failure] = field(default_factory=dict)
    """By monitor: those that could not measure."""
    late: tuple[LateRows, ...] = ()
    """Windows whose rows came, or went, after they had been judged."""


Recall = Callable[[datetime], Mapping[str, Said]]
"""What is on record about windows that begin at or after a moment, by series and window."""


def monitors_of(system: System, log: Log, engine: Engine) -> Able:
    """The system's monitors, one for each column where they name several."""
    able, failing = [], {}
    groups: dict[tuple[str, ...], str] = {}
    for monitor in _each(system, log):
        try:
            _check(monitor, log, engine)
            if monitor.group_by not in groups:
                groups[monitor.group_by] = _too_many_groups(monitor.group_by, log, engine)
            if groups[monitor.group_by]:
                raise LogError(groups[monitor.group_by], "group by a column of few values")
            able.append(monitor)
        except LogError as error:
            failing[monitor.id] = Failure(monitor, str(error))
    return Able(tuple(able), failing, tuple(reference.rules_of(system.monitors)))


def _each(system: System, log: Log) -> Iterator[Monitor]:
    for monitor in system.monitors:
        if monitor.columns is None:
            yield monitor
            continue
        columns = _suited(monitor, log) if monitor.columns == "features" else monitor.columns
        yield from (monitor.of(column) for column in columns)


def _suited(monitor: Monitor, log: Log) -> list[str]:
    """The features that the monitor's metric can be taken of."""
    return [column for column in log.features if _suits(monitor, log.table, column)]


def _suits(monitor: Monitor, table: Table, column: str) -> bool:
    if column not in table.columns:
        return True  # and is refused by name
    match monitor.measures.takes:
        case Takes.ORDERED:
            return not table.is_category(column)
        case Takes.VALUES:
            return table.is_category(column)
        case Takes.NUMBERS:
            return table.column(column).kind is Kind.NUMBER
        case Takes.TRUTHS:
            return table.column(column).kind is Kind.TRUTH
    return True


def _check(monitor: Monitor, log: Log, engine: Engine) -> None:
    """Raises LogError when a column is missing or not of the kind that the metric needs."""
    if monitor.measures.needs_labels and log.without_labels is not None:
        raise log.without_labels
    for name in (*monitor.group_by, *([monitor.column] if monitor.column else [])):
        _refuse_label(name, monitor, log.table)
    for name in monitor.group_by:
        log.table.column(name)
        if log.reference is not None and monitor.needs_reference:
            log.reference.column(name)
    if monitor.column is None:
        return
    column, metric = check_column(monitor.column, log.table, engine), monitor.measures
    said = f"monitor {monitor.id}: column {shown(column.name)} is {column.kind}"
    if metric.takes is Takes.NUMBERS and column.kind is not Kind.NUMBER:
        raise LogError(f"{said}, and a {metric.words} needs numbers", "choose another column")
    if metric.takes is Takes.TRUTHS and column.kind not in (Kind.TRUTH, Kind.NUMBER):
        raise LogError(f"{said}, and a {metric.words} needs true or false", "choose another column")
    if metric.needs_reference and column.kind in (Kind.TIME, Kind.OTHER):
        raise LogError(f"{said}, which has no distribution to compare", "choose another column")
    if metric.takes is Takes.ORDERED and log.table.is_category(column.name):
        others = (
            one.name for one in METRICS if one.family == metric.family and one.takes is not metric.takes
        )
        raise LogError(
            f"{said} or a category, and {metric.name} needs numbers",
            f"use method: {next(others)}" if metric.family else "choose another column",
        )
    if log.reference is not None and monitor.needs_reference:
        there = log.reference.column(column.name)
        if (there.kind is Kind.NUMBER) != (column.kind is Kind.NUMBER):
            raise LogError(
                f"{said}, and {there.kind} in {log.reference.called}", "write both in the same way"
            )


def _refuse_label(name: str, monitor: Monitor, table: Table) -> None:
    """A label has one door: whoever read its column would see labels that have not arrived yet."""
    if name == table.roles.label and table.roles.label_arrived is not None:
        waiting = [one.written for one in METRICS if one.needs_labels and not one.compares_groups]
        raise LogError(
            f"monitor {monitor.id} reads {shown(name)}, which is the label and not known before "
            f"{shown(table.roles.label_arrived)}",
            f"use {', '.join(waiting[:-1])} or {waiting[-1]}, which wait for labels",
        )


def _too_many_groups(group_by: Sequence[str], log: Log, engine: Engine) -> str:
    """Why the groups cannot be compared; empty when they can."""
    many = engine.distinct(log.table, group_by) if group_by else 0
    if many <= MOST_GROUPS:
        return ""
    return f"group_by {', '.join(group_by)} makes about {many:,} groups; at most {MOST_GROUPS} are compared"


def scans_of(monitors: Iterable[Monitor], log: Log, frozen: Frozen) -> tuple[Scan, ...]:
    """The passes over the log that serve these monitors together."""
    return plan.scans(
        (monitor.window, group_by, item)
        for monitor in monitors
        for group_by, item in wants(monitor, log, frozen)
    )


def freeze(system: System, log: Log, engine: Engine, as_of: datetime | None = None) -> Frozen:
    """Set the reference: what later measurements are compared with."""
    able = monitors_of(system, log, engine)
    return reference.freeze(log, able.monitors, able.rules, engine, as_of)


def evaluate(
    system: System,
    log: Log,
    engine: Engine,
    as_of: datetime,
    state: State | None = None,
    recall: Recall | None = None,
) -> Evaluation:
    """Measure every window that is complete at `as_of` and that something has changed.

    `as_of` is an aware time; predictions and labels that came later are not seen. Pass the state of the
    run before; without one, everything in the log is judged from its beginning, and only `recall` knows
    what of it was judged before. A monitor that cannot be served fails alone. Raises LogError when none can
    be served.
    """
    state = state or State()
    able = monitors_of(system, log, engine)
    if not able.monitors:
        raise LogError(next(iter(able.failing.values())).reason) if able.failing else LogError("no monitor")
    try:
        return _evaluate(able, log, engine, as_of, state, recall)
    except Exception:
        alive = _one_by_one(able, log, engine, as_of, state, recall)
        if not alive.monitors:
            raise
        return _evaluate(alive, log, engine, as_of, state, recall)


def _one_by_one(
    able: Able, log: Log, engine: Engine, as_of: datetime, state: State, recall: Recall | None
) -> Able:
    """Whose fault it is that they failed together: each monitor on its own."""
    alive, failing = [], dict(able.failing)
    for monitor in able.monitors:
        try:
            _evaluate(Able((monitor,), {}, able.rules), log, engine, as_of, state, recall)
            alive.append(monitor)
        except Exception as error:  # whatever one monitor does, the others go on
            failing[monitor.id] = Failure(monitor, why_of(error))
    return Able(tuple(alive), failing, able.rules)


def why_of(error: Exception) -> str:
    """What went wrong, in a sentence; a fault of the program under its name."""
    return str(error) if isinstance(error, LogError) else f"{type(error).__name__}: {error}"


def _evaluate(
    able: Able, log: Log, engine: Engine, as_of: datetime, state: State, recall: Recall | None
) -> Evaluation:
    monitors = able.monitors
    kept = reference.kept(state.frozen, log, monitors, able.rules, engine, as_of)
    frozen = reference.usable(kept, log)
    late = _late(state, log, monitors, engine, as_of)
    since, known = _from_late(state.since, late, monitors), state.known or state.since
    cells = [cell for cell in state.cells if cell.scan in since and cell.window.start < since[cell.scan]]
    for scan in scans_of(monitors, log, frozen):
        cells += engine.count(log.table, scan, since.get(scan.id), as_of)
    reader = Reader(log, frozen, cells, since, as_of, known)
    due = [work for monitor in monitors for work in _due(reader, monitor, as_of, state.since, since, late)]
    cells += ranks_of(due, log, engine)
    reader = Reader(log, frozen, cells, since, as_of, known)
    said = {**_recalled(due, state, recall), **state.said}
    measurements, series, said = judge(reader, due, state.series, said)
    # What a failing monitor remembers waits for it, and so does the log from where it stopped.
    stopped = [failure.monitor for failure in able.failing.values()]
    settled = dict(state.since) | _held_back(_unsettled(reader, monitors, as_of), stopped, state.since)
    every = (*monitors, *stopped)
    back = _look_back(every)
    after = State(
        frozen=kept,
        cells=tuple(_worth_keeping(cells, settled, back)),
        since=settled,
        series=series,
        said={where: words for where, words in said.items() if _is_open(where, every, settled)},
        known={scan: max(known.get(scan, FIRST), _back(at, back.get(scan))) for scan, at in settled.items()},
        rows=_judged_rows(state, reader, monitors, settled, late),
    )
    return Evaluation(measurements, after, able.failing, tuple(_told(late, monitors, measurements)))


def _held_back(
    since: Mapping[str, datetime], stopped: Iterable[Monitor], before: Mapping[str, datetime]
) -> dict[str, datetime]:
    """Where the next run must begin to count, when some monitors have stopped."""
    held = dict(since)
    for monitor in stopped:
        for scan in _scans_used(monitor) & set(before):
            held[scan] = min(held.get(scan, before[scan]), before[scan])
    return held


def _recalled(due: Sequence[Due], state: State, recall: Recall | None) -> Mapping[str, Said]:
    """What was said about windows that are judged again, and that are not remembered any more."""
    late = [work for work in due if work.late]
    if recall is not None:
        if not state.since:
            return recall(FIRST)
        return recall(min(work.window.start for work in late)) if late else {}
    return {}


# Rows that come late ----------------------------------------------------------------------------


Late = Mapping[timedelta | Rows, Mapping[Window, int]]
"""By length of window: those that were judged and have more or fewer rows now, and by how many."""


def _late(
    state: State, log: Log, monitors: Iterable[Monitor], engine: Engine, as_of: datetime
) -> dict[timedelta | Rows, dict[Window, int]]:
    """Windows that were judged and have more or fewer rows now, and by how many.

    What a log loses at its beginning has been archived, not corrected.
    """
    changed: dict[timedelta | Rows, dict[Window, int]] = {}
    for width in _widths(monitors):
        judged = state.rows.get(_rows_id(width), {})
        if not judged:
            continue
        cells = engine.count(log.table, Scan(width, (), False, (VOLUME,)), None, as_of)
        now = {cell.window.index: int(cell.counts[0]) for cell in cells}
        for index in range(min(judged), max(judged) + 1):
            more, window = now.get(index, 0) - judged.get(index, 0), window_at(index, width, log.table.zone)
            if more > 0 or (more < 0 and window.start >= log.first):
                changed.setdefault(width, {})[window] = more
    return changed


def _told(late: Late, monitors: Iterable[Monitor], measurements: Sequence[Measurement]) -> Iterator[LateRows]:
    """What is said of late rows: by window, who measured it again, and whose measurement changed."""
    new = {(one.monitor, one.window_start) for one in measurements}
    for width, windows in late.items():
        own = [monitor.id for monitor in monitors if monitor.window == width]
        for window, rows in sorted(windows.items(), key=lambda entry: entry[0].start):
            changed = tuple(name for name in own if (name, window.start) in new)
            yield LateRows(window.start, window.end, rows, tuple(own), changed)


def _from_late(since: Mapping[str, datetime], late: Late, monitors: Iterable[Monitor]) -> dict[str, datetime]:
    """From where each scan counts, when it begins again at the first window that changed."""
    again = dict(since)
    for monitor in monitors:
        starts = [window.start for window in late.get(monitor.window, {})]
        for scan in _scans_used(monitor):
            if starts and scan in again:
                again[scan] = min(again[scan], *starts)
    return again


def _judged_rows(
    state: State,
    reader: Reader,
    monitors: Sequence[Monitor],
    since: Mapping[str, datetime],
    late: Late,
) -> dict[str, dict[int, int]]:
    """Rows of the windows that are settled now."""
    rows: dict[str, dict[int, int]] = {}
    for width in _widths(monitors):
        own = [monitor for monitor in monitors if monitor.window == width]
        judged = dict(state.rows.get(_rows_id(width), {}))
        judged |= {w.index: judged.get(w.index, 0) + more for w, more in late.get(width, {}).items()}
        for monitor in own:
            until = since.get(main_scan(monitor))
            for window in reader.windows(monitor):
                if until is not None and window.start < until and window.index not in judged:
                    judged[window.index] = reader.rows(monitor, window)
        rows[_rows_id(width)] = dict(sorted(judged.items())[-MOST_REMEMBERED:])
    return rows


def _widths(monitors: Iterable[Monitor]) -> list[timedelta]:
    return sorted({monitor.window for monitor in monitors if not isinstance(monitor.window, Rows)})


def _rows_id(width: timedelta) -> str:
    return plan.scan_id(width, (), False)


def _due(
    reader: Reader,
    monitor: Monitor,
    as_of: datetime,
    settled: Mapping[str, datetime],
    since: Mapping[str, datetime],
    late: Late,
) -> Iterator[Due]:
    """Complete windows that are not settled, or that rows came late to, oldest first."""
    delay = reader.log.config.delay or timedelta(0)
    scan = main_scan(monitor)
    for window in reader.windows(monitor):
        again = scan in settled and window.start < settled[scan]
        changed = late.get(monitor.window, {})
        if window.end + delay > as_of or (again and not _is_touched(monitor, window, changed)):
            continue
        if scan not in since or window.start >= since[scan]:
            at = reader.mature_at(monitor, window)
            mature = at is not None and at <= as_of
            yield Due(monitor, window, as_of, mature, changed.get(window, 0) if again else 0, again)


def _is_touched(monitor: Monitor, window: Window, late: Mapping[Window, int]) -> bool:
    """Whether rows came late to the window, or to one that it is compared with."""
    back = _looks_back(monitor)
    return any(other.start <= window.start and window.start - other.start <= back for other in late) and (
        back > timedelta(0) or window in late
    )


def main_scan(monitor: Monitor) -> str:
    """The scan that counts what the monitor's metric is computed from."""
    return plan.scan_id(monitor.window, monitor.group_by, monitor.measures.needs_labels)


def _scans_used(monitor: Monitor) -> set[str]:
    """Every scan that the monitor may read from."""
    ways = [(monitor.group_by, labelled) for labelled in (False, True)]
    if not monitor.measures.adds_up:
        ways.append(((), True))
    return {plan.scan_id(monitor.window, group_by, labelled) for group_by, labelled in ways}


def ranks_of(due: Iterable[Due], log: Log, engine: Engine) -> list[Cell]:
    """Ranks for the windows that are to be judged of monitors that need them, each as it was known then."""
    wanted: dict[tuple[timedelta | Rows, tuple[str, ...]], dict[Window, dict[datetime, None]]] = {}
    for work in due:
        if not work.monitor.measures.adds_up and work.mature:
            for group_by in {work.monitor.group_by, ()}:
                moments = wanted.setdefault((work.monitor.window, group_by), {})
                moments.setdefault(work.window, {})[work.as_of] = None
    cells: list[Cell] = []
    for (width, group_by), windows in wanted.items():
        # A window that is looked at several times is counted once for each of them.
        for nth in range(max(len(moments) for moments in windows.values())):
            looks = {window: list(moments)[nth] for window, moments in windows.items() if len(moments) > nth}
            ranked = engine.ranks(log.table, Scan(width, group_by, True), looks)
            cells += [replace(cell, known_by=looks[cell.window]) for cell in ranked]
    return cells


def _unsettled(reader: Reader, monitors: Iterable[Monitor], as_of: datetime) -> dict[str, datetime]:
    """By scan: where the next run must begin to count. Windows of rows are always counted from the start,
    because a row that comes late moves them all; of a log that fell silent nothing has changed."""
    since: dict[str, datetime] = {}
    for monitor in monitors:
        if isinstance(monitor.window, Rows):
            continue
        windows = reader.windows(monitor)
        if not windows:
            continue
        begin = next(
            (window.start for window in windows if not reader.is_settled(monitor, window, as_of)),
            windows[-1].end,
        )
        for scan in _scans_used(monitor):
            since[scan] = min(since.get(scan, begin), begin)
    return since


def _look_back(monitors: Iterable[Monitor]) -> dict[str, timedelta]:
    """By scan: how far back settled windows are still compared with."""
    back: dict[str, timedelta] = {}
    for monitor in monitors:
        for scan in _scans_used(monitor) if _looks_back(monitor) else ():
            back[scan] = max(back.get(scan, timedelta(0)), _looks_back(monitor))
    return back


def _looks_back(monitor: Monitor) -> timedelta:
    if isinstance(monitor.window, Rows):
        return timedelta(0)
    if monitor.relative is not None:
        against = monitor.relative.against
        # One more, because a zone's days are an hour longer once a year.
        return 2 * (against if isinstance(against, timedelta) else monitor.window) + monitor.window
    return monitor.window if monitor.measures.compares_groups else timedelta(0)


def _back(moment: datetime, length: timedelta | None) -> datetime:
    return moment if length is None else max(moment - FIRST, length) - length + FIRST


def _worth_keeping(
    cells: Iterable[Cell], since: Mapping[str, datetime], back: Mapping[str, timedelta]
) -> list[Cell]:
    """Settled cells that later windows are compared with; when their labels came no longer matters."""
    return merge(
        replace(cell, known_by=None)
        for cell in cells
        if cell.scan in back
        and _back(since[cell.scan], back[cell.scan]) <= cell.window.start < since[cell.scan]
    )


def _is_open(where: str, monitors: Iterable[Monitor], since: Mapping[str, datetime]) -> bool:
    """Whether what was said about a window may still be revised."""
    start = datetime.fromisoformat(where.rpartition("|")[2])
    name = where.partition("|")[0]
    for monitor in monitors:
        if monitor.id == name:
            begin = since.get(main_scan(monitor))
            return begin is None or start >= begin
    return False
