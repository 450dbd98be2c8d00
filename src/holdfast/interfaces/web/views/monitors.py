"""One monitor: its chart, every window it measured, and why it is as it is (R-DET-08)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from fastapi import APIRouter, HTTPException, Response

from holdfast import charts, clock
from holdfast.detect import records, watched
from holdfast.detect.blind import series_of
from holdfast.detect.judging import average_run_length
from holdfast.detect.measurement import Measurement
from holdfast.incident import register
from holdfast.incident.incident import Incident
from holdfast.incident.register import Filter
from holdfast.interfaces.web import gauges, lists
from holdfast.interfaces.web.access import visit
from holdfast.interfaces.web.gauges import Gauge
from holdfast.interfaces.web.views import systems
from holdfast.prepare.systems import System

router = APIRouter()

_CHARTED = 60
"""Windows of the chart."""
_LISTED = 20
_MARKED = 20
"""Incidents of the system that are looked at for marks."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group of one window: a measurement for each quantity that is compared."""

    group: dict[str, str]
    by_quantity: dict[str, Measurement]


@router.get("/systems/{system}/monitors/{monitor}")
def one_monitor(visit: visit, system: str, monitor: str, page: int = 1, window: str = "") -> Response:
    """One monitor; `page` turns the table, `window` chooses whose groups are shown."""
    applied = systems.require(visit, system)
    found = applied.model.monitor(monitor)
    if found is None:
        raise HTTPException(404)
    with visit.application.ledger.reading() as conn:
        series = series_of(found)
        charted = lists.windows(conn, system, series, size=_CHARTED)
        listed = lists.windows(conn, system, series, lists.bounded(page), _LISTED)
        opened = lists.open_alerts(conn, system).get((system, monitor), 0)
        wrong, alerts = records.false_alarms(conn, system).get(monitor, (0, 0))
        run = records.runs(conn).get(system)
        dead = {one.facts.monitor: one.facts.reason for one in records.open_failures(conn, system)}
        chosen = window if _is_moment(window) else ""
        chosen = chosen or lists.newest_window_with_groups(conn, system, monitor, series)
        groups = lists.groups_at(conn, system, monitor, chosen) if chosen else []
        incidents = register.find(conn, Filter(system=system), _MARKED)
    gauge = Gauge(found, charted.entries, opened)
    mine = [one for one in incidents if any(alert.monitor == monitor for alert in one.own_alerts)]
    wide, narrow = gauges.draw(gauge, charted.entries, found.name, _marks(applied.model, mine))
    return visit.page(
        "pages/monitor.html",
        "systems",
        system=applied.model,
        applied=applied,
        gauge=gauge,
        said=gauges,
        watched=watched,
        charted=charted,
        listed=listed,
        turn=listed.addresses(visit.request.url.path, {"window": chosen if window else ""}),
        wide=wide,
        narrow=narrow,
        legend=charts.legend(gauges.points(charted.entries)),
        wrong=wrong,
        alerts=alerts,
        run=run,
        failure=dead.get(monitor, ""),
        state=systems.state_said(run, applied.model, visit.now),
        incidents=mine,
        groups=_rows(groups),
        quantities=list(dict.fromkeys(one.quantity for one in groups)),
        groups_of=groups[0] if groups else None,
        evidence=_evidence(gauge),
        reference=_reference(gauge),
        moment=clock.stamp,
    )


def _is_moment(text: str) -> bool:
    try:
        clock.parse(text)
    except ValueError:
        return False
    return True


def _marks(system: System, incidents: Iterable[Incident]) -> list[charts.Mark]:
    """Versions that went live, and incidents that this monitor's alerts ended in."""
    versions = [
        charts.Mark(
            at=datetime.combine(model.in_production_since, time(), tzinfo=UTC), text=f"model {model.version}"
        )
        for model in system.models
    ]
    return versions + [
        charts.Mark(at=one.opened_at, text=one.id, kind="incident") for one in incidents if one.opened_at
    ]


def _rows(groups: Sequence[Measurement]) -> list[GroupRow]:
    rows: list[GroupRow] = []
    for one in groups:
        row = next((row for row in rows if row.group == one.group), None)
        if row is None:
            row = GroupRow(one.group or {}, {})
            rows.append(row)
        row.by_quantity[one.quantity] = one
    return rows


def _evidence(gauge: Gauge) -> tuple[float, float] | None:
    """Evidence of a lasting change and the strength it alarms at; None without an e-detector."""
    if gauge.monitor.e_detector is None:
        return None
    reached = next((one.detail["evidence"] for one in gauge.windows if "evidence" in one.detail), 0.0)
    return reached, average_run_length(gauge.monitor)


def _reference(gauge: Gauge) -> float | None:
    """What the metric was in the reference; of a volume that says nothing."""
    if gauge.monitor.measures.of_arrivals:
        return None
    return next((one.detail["reference"] for one in gauge.windows if "reference" in one.detail), None)
