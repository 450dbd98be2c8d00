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
from typing import Any

from holdfast.detect import maturity, plan
from holdfast.detect.cells import WHOLE, Cell, Index
from holdfast.detect.engines import Engine
from holdfast.detect.frozen import ALWAYS, NOT_YET, Frozen, edges_key, lists_values, parts_of
from holdfast.detect.log import Log
from holdfast.detect.tables import LogError, Table
from holdfast.detect.wants import wants
from holdfast.metrics import binning
from holdfast.metrics.binning import FINE, GRID, STRETCHED
from holdfast.metrics.items import LABELS, Item, ScoreBins
from holdfast.metrics.metric import Freezes, Need
from holdfast.prepare.systems import LABELS_WITHIN, Columns, Maturity, Monitor
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


def identity(log: Log, rules: Iterable[Maturity]) -> str:
    """Digest of the reference's place and of how it is read.

    It knows the system's file, never which monitors can run: one that fails, or measures again, moves no
    other.
    """
    reference = log.config.reference
    shape = {
        "reading": READING,
        "reference": None if reference is None else reference.model_dump(mode="json"),
        "columns": _as_read(log.config.columns),
        "rules": sorted({rule.model_dump_json() for rule in rules}),
    }
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]


def _as_read(columns: Columns) -> dict[str, Any]:
    """Classes that nobody names change nothing in what was frozen before they could be."""
    return columns.model_dump(mode="json", exclude={"classes"} if columns.classes is None else None)


def rules_of(monitors: Iterable[Monitor]) -> list[Maturity]:
    """How long monitors wait for labels."""
    return [monitor.maturity for monitor in monitors if monitor.measures.needs_labels]


def freeze(
    log: Log,
    monitors: Sequence[Monitor],
    rules: Sequence[Maturity],
    engine: Engine,
    as_of: datetime | None = None,
    begun: Frozen | None = None,
) -> Frozen:
    """Fix edges, categories and calibration, then count the reference on them.

    `monitors` are those that can run, `rules` are those of all in the system's file. With `begun`, what is
    fixed already stays fixed, and what is missing is added. Nothing is frozen before it is ripe: a period
    of the log when it is over, what its labels say when they are complete (or have been waited for long
    enough). Without a reference, columns are centred on the log, and scores are taken at their word. Without
    `as_of` everything in the log is known, and `Frozen` says from when on it may be used.
    """
    before = begun or Frozen(
        identity=identity(log, rules), edges={}, values={}, centres={}, ripe=NOT_YET, labels_ripe=NOT_YET
    )
    frozen = before
    if not before.is_complete:
        ripe, labels_ripe = _ripeness(log, rules, engine, as_of)
        until = log.reference.until if log.reference else None
        frozen = replace(before, ripe=ripe, labels_ripe=labels_ripe, until=until)
    table = log.reference if frozen.ripe != NOT_YET else None
    needs = _missing(_needs(log, monitors), frozen)
    centres = engine.centres(table or log.table, needs.centres) if needs.centres else {}
    frozen = replace(frozen, centres={**frozen.centres, **centres})
    if table is not None:
        values = {column: _values(column, table, engine) for column in needs.values}
        frozen = replace(
            frozen,
            edges={**frozen.edges, **_edges(needs, table, engine)},
            values={**frozen.values, **values},
        )
    if needs.scores and frozen.ripe != NOT_YET:
        frozen = replace(_with_chances(frozen, log, engine), two_classes=log.of_two_classes)
    if table is not None:
        if before.labels_ripe == NOT_YET:
            frozen = _without_labelled(frozen)
        known = as_of if frozen.labels_ripe == NOT_YET else frozen.labels_ripe
        frozen = _counted(log, table, monitors, frozen, engine, known)
    return frozen


def kept(
    frozen: Frozen | None,
    log: Log,
    monitors: Sequence[Monitor],
    rules: Sequence[Maturity],
    engine: Engine,
    as_of: datetime,
) -> Frozen:
    """What is frozen, with what is missing added; made anew only for another reference, or another way to
    read it."""
    begun = frozen if frozen is not None and frozen.identity == identity(log, rules) else None
    return freeze(log, monitors, rules, engine, as_of, begun)


def usable(frozen: Frozen, log: Log) -> Frozen:
    """What is frozen as this log can be compared with it: without chances while its scores are none."""
    return frozen if _has_chances(log) else replace(frozen, score_edges=())


def _missing(needs: _Needs, frozen: Frozen) -> _Needs:
    """What is needed and not fixed yet."""
    return _Needs(
        edges=tuple(one for one in needs.edges if edges_key(*one) not in frozen.edges),
        values=tuple(column for column in needs.values if column not in frozen.values),
        centres=tuple(column for column in needs.centres if column not in frozen.centres),
        scores=needs.scores and not (frozen.score_edges and frozen.calibrated_as_of == frozen.labels_ripe),
    )


def _without_labelled(frozen: Frozen) -> Frozen:
    """Without what labels said before they were complete."""
    labelled = {scan for scan, item in frozen.counted if item == LABELS.id}
    return replace(
        frozen,
        cells=tuple(cell for cell in frozen.cells if cell.scan not in labelled),
        counted=tuple(one for one in frozen.counted if one[0] not in labelled),
    )


def _ripeness(
    log: Log, rules: Iterable[Maturity], engine: Engine, as_of: datetime | None
) -> tuple[datetime, datetime]:
    """From when on the reference, and what its labels say, may be used; `NOT_YET` when that is not known."""
    table = log.reference
    if table is None or table.until is None:
        return ALWAYS, ALWAYS if log.without_labels is None else NOT_YET
    delay = log.config.delay or timedelta(0)
    over = table.until + delay
    if as_of is not None and over > as_of:
        return NOT_YET, NOT_YET
    rules = set(rules)
    if rules and log.without_labels is not None:
        return over, NOT_YET
    if not rules or table.label_column is None:
        return over, over
    cells = engine.count(table, plan.Scan(None, (), True, (LABELS,)), as_of=as_of)
    labels = [cell for cell in cells if cell.item == LABELS.id]
    wait = log.config.labels.within if log.config.labels else LABELS_WITHIN
    last = over + wait
    reached = [maturity.mature_at(table.until, delay, labels, rule) or last for rule in rules]
    complete = min(max(reached), last)
    return over, complete if as_of is None or complete <= as_of else NOT_YET


def _needs(log: Log, monitors: Iterable[Monitor]) -> _Needs:
    edges: dict[tuple[str, int], None] = {}
    values: dict[str, None] = {}
    centres: dict[str, None] = {}
    scores = False
    for monitor in monitors:
        column, parts = monitor.column or "", parts_of(monitor, log.table)
        if parts is not None:
            edges[column, parts] = None
        if lists_values(monitor, log.table):
            values[column] = None
        if Freezes.CENTRE in monitor.measures.freezes:
            centres[column] = None
        scores = scores or monitor.measures.estimate is not None
    return _Needs(tuple(edges), tuple(values), tuple(centres), scores and _has_chances(log))


def _has_chances(log: Log) -> bool:
    """Whether the log has scores that can be read as probabilities."""
    return log.table.roles.score is not None and log.scores_are_chances


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
        chances = binning.as_probabilities(edges)
        return replace(frozen, score_edges=edges, chances=chances, calibrated_as_of=frozen.labels_ripe)
    edges = frozen.score_edges or edges_at(engine.quantiles(table, [score], SCORE_PARTS)[score])
    known_chances = None
    if table.label_column is not None and frozen.labels_ripe != NOT_YET:
        item = ScoreBins(edges, "label")
        known = frozen.labels_ripe if table.since is not None else None
        cells = engine.count(table, plan.Scan(None, (), True, (item,)), as_of=known)
        counts = Index(cells).total(plan.scan_id(None, (), True), item.id, [WHOLE], item.size, item.hide)
        from holdfast.metrics import estimate  # its arrays are for what is computed

        known_chances = estimate.calibration(counts[: item.size // 2], counts[item.size // 2 :])
    return replace(
        frozen,
        score_edges=edges,
        chances=known_chances or binning.as_probabilities(edges),
        calibrated=known_chances is not None,
        calibrated_as_of=frozen.labels_ripe,
    )


def _counted(
    log: Log,
    table: Table,
    monitors: Iterable[Monitor],
    frozen: Frozen,
    engine: Engine,
    as_of: datetime | None,
) -> Frozen:
    """With the reference's own counts, over it as one window, for every monitor that it can serve."""
    missing = [one for monitor in monitors for one in _uncounted(log, table, monitor, frozen)]
    if not missing:
        return frozen
    # A reference file is the past as a whole; a period of the log knows the labels that have arrived.
    as_of = as_of if table.since is not None else None
    cells: list[Cell] = []
    keys = {_key_of(*one) for one in missing}
    for scan in plan.scans(missing):
        cells += engine.count(table, scan, as_of=as_of)
        keys |= {(scan.id, item.id) for item in scan.items}
    for group_by in sorted({group_by for _, group_by, item in missing if not item.adds_up}):
        cells += engine.ranks(table, plan.Scan(None, group_by, True), {WHOLE: as_of})
    # Every scan counts its rows; those that it shares with what is frozen are frozen already.
    old = set(frozen.counted)
    fresh = tuple(cell for cell in cells if (cell.scan, cell.item) not in old)
    return replace(frozen, cells=(*frozen.cells, *fresh), counted=(*frozen.counted, *sorted(keys - old)))


_Wish = tuple[None, tuple[str, ...], Item]


def _uncounted(log: Log, table: Table, monitor: Monitor, frozen: Frozen) -> list[_Wish]:
    """What the monitor is compared with and was not counted yet."""
    asked: list[_Wish] = [
        (None, group_by, item) for group_by, item in wants(monitor, log, usable(frozen, log))
    ]
    missing = [one for one in asked if _key_of(*one) not in frozen.counted]
    if not missing or _serves(table, monitor):
        return missing
    if monitor.needs_reference:
        raise LogError(
            f"monitor {monitor.id} compares with the reference, and {table.called} has not all that it "
            "needs: label, prediction, score, or the columns it names",
            "complete the reference, or state the baseline as a number",
        )
    return []


def _key_of(_: None, group_by: tuple[str, ...], item: Item) -> tuple[str, str]:
    return plan.scan_id(None, group_by, item.labelled), item.id


def _serves(table: Table, monitor: Monitor) -> bool:
    """Whether the monitor's metric can be taken of the reference as well."""
    metric, roles = monitor.measures, table.roles
    needed = [*monitor.group_by, *([monitor.column] if monitor.column else [])]
    if Need.SCORES in metric.needs:
        needed.append(roles.score or "")
    if Need.PREDICTIONS in metric.needs:
        needed.append(roles.prediction or "")
    if metric.of_arrivals or (metric.needs_labels and table.label_column is None):
        return False
    return all(name in table.columns for name in needed)
