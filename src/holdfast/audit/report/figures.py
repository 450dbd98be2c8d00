"""Charts of the monitors behind an incident, as pages draw them, in the colours of print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from holdfast import charts
from holdfast.audit.dossier import Dossier, Watched
from holdfast.audit.report.typeface import shown
from holdfast.detect.measurement import Measurement

BEFORE, MOST = 20, 60
"""Windows shown before the first alarm, and altogether."""
_WIDTH, _HEIGHT = 620, 160
"""Pixels; the width of the text, so that letters have the size of small print."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart with its words."""

    svg: str
    alt: str
    legend: str


def window_of(watched: Watched) -> Sequence[Measurement]:
    """The windows worth showing: some from before the first alert, then as many as fit."""
    measured = watched.measurements
    first = min((alert.window_start for alert in watched.alerts), default=None)
    at = next((n for n, one in enumerate(measured) if first and one.window_start >= first), len(measured))
    start = max(0, at - BEFORE) if first else max(0, len(measured) - MOST)
    return measured[start : start + MOST]


def figure(watched: Watched, dossier: Dossier) -> Figure | None:
    """The chart of one series; None where nothing was measured. Raises ChartsUnavailable."""
    points = [_point(one) for one in window_of(watched)]
    if not points:
        return None
    spec = charts.monitor_chart(
        points,
        title=watched.name,
        limit=limit_of(watched),
        marks=_marks(dossier),
        colours=charts.palette("light"),
        width=_WIDTH,
        height=_HEIGHT,
        bounds=watched.config.measures.axis if watched.config else None,
    )
    return Figure(charts.render_svg(spec), f"{watched.name}. {spec['description']}", charts.legend(points))


def limit_of(watched: Watched) -> charts.Limit | None:
    """The bound that was crossed; where none was, the one the monitor states."""
    for alert in watched.alerts:
        if alert.limit is not None and alert.value is not None:
            return charts.Limit(value=alert.limit, breached="below" if alert.value < alert.limit else "above")
    stated = watched.config.limit if watched.config else None
    if stated is None:
        return None
    if stated.below is not None:
        return charts.Limit(value=stated.below, breached="below")
    return charts.Limit(value=stated.above or 0.0, breached="above")


def _point(one: Measurement) -> charts.Point:
    return charts.Point(
        start=one.window_start,
        end=one.window_end,
        status=one.status.value,
        value=one.value,
        lower=one.lower,
        upper=one.upper,
        labelled_share=one.labelled_share,
        alarm=one.alarm,
    )


def _marks(dossier: Dossier) -> list[charts.Mark]:
    marks = []
    for model in dossier.system.model.models if dossier.system else ():
        at = datetime.combine(model.in_production_since, time(), UTC)
        marks.append(charts.Mark(at=at, text=shown(f"version {model.version}")))
    if dossier.state.opened_at:
        marks.append(
            charts.Mark(at=dossier.state.opened_at, text=f"{dossier.state.id} opened", kind="incident")
        )
    return marks
