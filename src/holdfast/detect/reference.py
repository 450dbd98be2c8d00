"""What normal looks like, frozen: bin edges, categories, calibration, and the reference's own counts.

One idea: everything that a measurement is compared with is fixed once, when the reference is set, and
carried along with the state. A bin that moved with the data could hide any drift.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil, inf, nextafter

from holdfast.detect import maturity, plan
from holdfast.detect.cells import WHOLE, Cell, Index
from holdfast.detect.engines import Engine
from holdfast.detect.frozen import ALWAYS, NOT_YET, Frozen, edges_key, parts
from holdfast.detect.log import Log
from holdfast.detect.metrics import estimate
from holdfast.detect.metrics.drift import FINE, GRID, STRETCHED
from holdfast.detect.tables import LogError, Table
from holdfast.detect.wants import wants
from holdfast.prepare.systems import LABELS_WITHIN, PREDICTED, Metric, Monitor
from holdfast.problems import shown

MOST_VALUES = 1000
"""A column with more values in the reference is no category."""
SCORE_PARTS = 100
READING = 2
"""How values are read; what was frozen from another reading is frozen anew."""


@dataclass(frozen=True, slots=True)
class _Needs:
    """What the monitors need to have frozen."""

    edges: tuple[tuple[str, int], ...]
    values: tuple[str, ...]
    centres: tuple[str, ...]
    scores: bool


def identity(log: Log, monitors: Sequence[Monitor]) -> str:
    """Digest of the reference's place and of all that shapes what is frozen from it."""
    reference = log.config.reference
    needs = _needs(log, monitors)
    shape = {
        "reading": READING,
        "reference": None if reference is None else reference.model_dump(mode="json"),
        "columns": log.config.columns.model_dump(mode="json"),
        "edges": needs.edges,
        "values": needs.values,
        "centres": needs.centres,
        "scores": needs.scores,
        "items": sorted(f"{monitor.group_by} {monitor.metric}" for monitor in monitors),
    }
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]


def freeze(
    log: Log,
    monitors: Sequence[Monitor],
    engine: Engine,
    as_of: datetime | None = None,
    begun: Frozen | None = None,
) -> Frozen:
    """Fix edges, categories and calibration, then count the reference on them.

    Nothing is frozen before it is ripe: a period of the log when it is over, what its labels say when they
    are complete (or have been waited for long enough). With `begun`, what is fixed already stays fixed.
    Without a reference, columns are centred on the log, and scores are taken at their word. Without
    `as_of` everything in the log is known, and `Frozen` says from when on it may be used.
    """
    needs = _needs(log, monitors)
    ripe, labels_ripe = _ripeness(log, monitors, engine, as_of)
    table = log.reference if ripe != NOT_YET else None
    base = table or log.table
    frozen = begun or Frozen(identity=identity(log, monitors), edges={}, values={}, centres={})
    if begun is None or (begun.ripe == NOT_YET and ripe != NOT_YET):
        frozen = replace(
            frozen,
            edges=_edges(needs, table, engine) if table else {},
            values={column: _values(column, table, engine) for column in needs.values} if table else {},
            centres=frozen.centres or engine.centres(base, needs.centres),
        )
    frozen = replace(
        frozen, ripe=ripe, labels_ripe=labels_ripe, until=log.reference.until if log.reference else None
    )
    if needs.scores and ripe != NOT_YET:
        frozen = replace(_with_chances(frozen, log, engine), two_classes=_has_two_classes(log, engine))
    if table is not None:
        known = as_of if labels_ripe == NOT_YET else labels_ripe
        frozen = replace(frozen, cells=tuple(_count(log, table, monitors, frozen, engine, known)))
    return frozen


def kept(
    frozen: Frozen | None, log: Log, monitors: Sequence[Monitor], engine: Engine, as_of: datetime
) -> Frozen:
    """What is frozen, made anew for other monitors, and completed once the reference is ripe."""
    if frozen is None or frozen.identity != identity(log, monitors):
        return freeze(log, monitors, engine, as_of)
    if frozen.is_complete:
        return frozen
    return freeze(log, monitors, engine, as_of, frozen)


def _ripeness(
    log: Log, monitors: Sequence[Monitor], engine: Engine, as_of: datetime | None
) -> tuple[datetime, datetime]:
    """From when on the reference, and what its labels say, may be used; `NOT_YET` when that is not known."""
    table = log.reference
    if table is None or table.until is None:
        return ALWAYS, ALWAYS
    delay = log.config.delay or timedelta(0)
    over = table.until + delay
    if as_of is not None and over > as_of:
        return NOT_YET, NOT_YET
    rules = {monitor.maturity for monitor in monitors if monitor.metric.needs_labels}
    if not rules or table.label_column is None:
        return over, over
    cells = engine.count(table, plan.Scan(None, (), True, (plan.LABELS,)), as_of=as_of)
    labels = [cell for cell in cells if cell.item == plan.LABELS.id]
    wait = log.config.labels.within if log.config.labels else LABELS_WITHIN
    last = over + wait
    reached = [maturity.mature_at(table.until, delay, labels, rule) or last for rule in rules]
    complete = min(max(reached), last)
    return over, complete if as_of is None or complete <= as_of else NOT_YET


def _has_two_classes(log: Log, engine: Engine) -> bool:
    """Whether predictions and labels are of at most two classes."""
    columns = [log.table.roles.prediction, log.table.label.name if log.table.label else None]
    return all(len(engine.values(log.table, column, 3)) <= 2 for column in columns if column)


def _needs(log: Log, monitors: Iterable[Monitor]) -> _Needs:
    edges: dict[tuple[str, int], None] = {}
    values: dict[str, None] = {}
    centres: dict[str, None] = {}
    scores = False
    for monitor in monitors:
        column = monitor.column or ""
        if monitor.metric is Metric.UNSEEN or (
            monitor.metric is Metric.DRIFT and log.table.is_category(column)
        ):
            values[column] = None
        elif monitor.metric is Metric.DRIFT:
            edges[column, parts(monitor)] = None
        if monitor.metric is Metric.MEAN or monitor.measures_distance:
            centres[column] = None
        scores = scores or monitor.metric in estimate.ESTIMABLE
    estimable = scores and log.table.roles.score is not None and log.scores_are_chances
    return _Needs(tuple(edges), tuple(values), tuple(centres), estimable)


def _edges(needs: _Needs, table: Table, engine: Engine) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for count in sorted({count for _, count in needs.edges}):
        columns = [column for column, own in needs.edges if own == count]
        for column, cuts in engine.quantiles(table, columns, count).items():
            if not cuts:
                raise LogError(
                    f"{table.called} has no value in column {shown(column)}",
                    "choose another column or reference",
                )
            found[edges_key(column, count)] = _fine(cuts) if count == FINE else edges_at(cuts)
    return found


def edges_at(cuts: Sequence[float]) -> tuple[float, ...]:
    """Edges of bins (edge, next edge] from quantiles, smallest and largest value first and last.

    The first edge is just under the smallest value. A value that several quantiles share is so frequent
    that it gets a bin of its own, between the number just under it and itself.
    """
    edges = {nextafter(cuts[0], -inf), *cuts}
    for one, other in pairwise(cuts):
        if one == other:
            edges.add(nextafter(one, -inf))
    # The smallest value on its own only when it is frequent; otherwise it belongs to the first bin.
    if len(cuts) > 1 and cuts[0] != cuts[1] and len(set(cuts)) > 2:
        edges.discard(cuts[0])
    return tuple(sorted(edges))


def _fine(cuts: Sequence[float]) -> tuple[float, ...]:
    """Edges for distances: bins of equal mass, and none that is stretched.

    An outlier would stretch the first or last bin, and a gap in the reference one in the middle, over
    everything that the column may move through.
    """
    edges = edges_at(cuts)
    span = edges[-2] - edges[1] if len(edges) > 3 else 0.0
    if span <= 0:
        return edges
    found = list(edges)
    for place, (start, end) in enumerate(pairwise(edges)):
        if end - start <= span / STRETCHED:
            continue
        if place == 0:
            found += _beyond(end, start, -span / GRID)
        elif place == len(edges) - 2:
            found += _beyond(start, end, span / GRID)
        else:
            pieces = ceil((end - start) / (span / GRID))
            found += [start + (end - start) * piece / pieces for piece in range(1, pieces)]
    return tuple(sorted(set(found)))


def _beyond(inner: float, outer: float, width: float) -> Iterable[float]:
    """Cuts from an inner edge to an outer one, each bin twice as wide as the one before."""
    cut = inner + width
    while inner < cut < outer or outer < cut < inner:
        yield cut
        width *= 2
        cut += width


def _values(column: str, table: Table, engine: Engine) -> tuple[str, ...]:
    found = engine.values(table, column, MOST_VALUES + 1)
    if len(found) > MOST_VALUES:
        raise LogError(
            f"column {shown(column)} has more than {MOST_VALUES} different values in {table.called}",
            "it is no category: remove it from the monitor",
        )
    if not found:
        raise LogError(
            f"{table.called} has no value in column {shown(column)}", "choose another column or reference"
        )
    return tuple(found)


def _with_chances(frozen: Frozen, log: Log, engine: Engine) -> Frozen:
    """Score bins and what a score in each means."""
    table, score = log.reference, log.table.roles.score
    assert score is not None
    if table is None or score not in table.columns:
        edges = (nextafter(0.0, -inf), *(part / SCORE_PARTS for part in range(1, SCORE_PARTS + 1)))
        return replace(frozen, score_edges=edges, chances=estimate.as_probabilities(edges))
    edges = frozen.score_edges or edges_at(engine.quantiles(table, [score], SCORE_PARTS)[score])
    chances = None
    if table.label_column is not None and frozen.labels_ripe != NOT_YET:
        item = plan.ScoreBins(edges, "label")
        known = frozen.labels_ripe if table.since is not None else None
        cells = engine.count(table, plan.Scan(None, (), True, (item,)), as_of=known)
        counts = Index(cells).total(plan.scan_id(None, (), True), item.id, [WHOLE], item.size, item.hide)
        chances = estimate.calibration(counts[: item.size // 2], counts[item.size // 2 :])
    return replace(
        frozen,
        score_edges=edges,
        chances=chances or estimate.as_probabilities(edges),
        calibrated=chances is not None,
    )


def _count(
    log: Log,
    table: Table,
    monitors: Sequence[Monitor],
    frozen: Frozen,
    engine: Engine,
    as_of: datetime | None,
) -> Iterable[Cell]:
    """The reference's own counts, over it as one window, for every monitor that it can serve."""
    served = [monitor for monitor in monitors if _serves(table, monitor)]
    ids = {monitor.id for monitor in served}
    for monitor in monitors:
        if monitor.needs_reference and monitor.id not in ids:
            raise LogError(
                f"monitor {monitor.id} compares with the reference, and {table.called} has not all that it "
                "needs: label, prediction, score, or the columns it names",
                "complete the reference, or state the baseline as a number",
            )
    # A reference file is the past as a whole; a period of the log knows the labels that have arrived.
    as_of = as_of if table.since is not None else None
    asked = [(None, group_by, item) for m in served for group_by, item in wants(m, log, frozen)]
    for scan in plan.scans(asked):
        yield from engine.count(table, scan, as_of=as_of)
    ranked = {group_by for _, group_by, item in asked if item == plan.RANKS}
    for group_by in sorted(ranked):
        yield from engine.ranks(table, plan.Scan(None, group_by, True), {WHOLE: as_of})


def _serves(table: Table, monitor: Monitor) -> bool:
    """Whether the monitor's metric can be taken of the reference as well."""
    roles = table.roles
    needed = [*monitor.group_by, *([monitor.column] if monitor.column else [])]
    if monitor.metric is Metric.AUC:
        needed.append(roles.score or "")
    elif monitor.metric.needs_labels or monitor.metric in PREDICTED:
        needed.append(roles.prediction or "")
    if monitor.metric is Metric.VOLUME or (monitor.metric.needs_labels and table.label_column is None):
        return False
    return all(name in table.columns for name in needed)
