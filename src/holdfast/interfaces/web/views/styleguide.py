"""Every component on one page with invented content, for those who build pages; only in development."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, HTTPException, Response

from holdfast import charts
from holdfast.interfaces.web.access import visit
from holdfast.interfaces.web.rendering import NextAction, TimelineEntry

router = APIRouter()

SWITCH = "HOLDFAST_DEVELOPMENT"
"""The environment variable that makes the page exist."""


@router.get("/styleguide")
def styleguide(visit: visit) -> Response:
    if not os.environ.get(SWITCH):
        raise HTTPException(404)
    return visit.page("styleguide.html", "", **sample(visit.now))


def sample(now: datetime) -> dict[str, Any]:
    """Invented content that shows every component in each of its states."""
    measured, estimated = "measured", "estimated"
    wide, narrow, legend = _charts(now)
    return {
        "soon": now + timedelta(minutes=4),
        "later": now + timedelta(hours=5),
        "before": now - timedelta(minutes=12),
        "timeline": _timeline(now),
        "actions": (
            NextAction(
                title="Choose containment", verb="Open", detail="route women to review, 1 min", href="#c"
            ),
            NextAction(title="Confirm severity", verb="Confirm", action="#s", key="a"),
            NextAction(title="Decide on notification", verb="Decide", needs="compliance lead"),
        ),
        "falling": [(value, measured) for value in (0.88, 0.87, 0.88, 0.86, 0.85, 0.82, 0.78, 0.74, 0.71)],
        "estimated": [
            (0.9, measured),
            (0.89, measured),
            (0.88, measured),
            (0.87, estimated),
            (0.86, estimated),
        ],
        "wide": wide,
        "narrow": narrow,
        "legend": legend,
        "old": "version: 1.2\ncontain_within: 30m\nescalate_every: 15m\n",
        "new": "version: 1.3\ncontain_within: 15m\nescalate_every: 15m\n",
    }


def _timeline(now: datetime) -> tuple[TimelineEntry, ...]:
    return (
        TimelineEntry(
            seq=1,
            at=now - timedelta(hours=5),
            title="Harm begins",
            backfilled=True,
            detail="Release 2.4.0 serves its first request.",
            links=(("EV-9", "#ev-9"),),
        ),
        TimelineEntry(
            seq=2,
            at=now - timedelta(minutes=11),
            title="Alert",
            text="Equal opportunity, sex: 0.71 (0.66 to 0.76), limit 0.80",
            detail="4,180 decisions, 06:00 to 10:30.",
            tone="alarm",
            proof="#2",
        ),
        TimelineEntry(
            seq=3,
            at=now - timedelta(minutes=8),
            title="Acknowledged",
            text="by Ana Reyes, incident commander",
            tone="act",
            proof="#3",
        ),
        TimelineEntry(
            seq=4,
            at=now - timedelta(minutes=4),
            title="Wei Chen",
            text="employment_gap was null for 2.3, filled with −1 in 2.4.",
            tone="note",
            links=(("EV-11", "#ev-11"),),
        ),
    )


def _charts(now: datetime) -> tuple[str | None, str | None, str]:
    """A monitor's last 26 days, falling at the end while labels still arrive."""
    values = [0.9] * 18 + [0.89, 0.88, 0.87, 0.86, 0.845, 0.83, 0.82, 0.79]
    first = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=len(values))
    points = [
        charts.Point(
            start=first + timedelta(days=n),
            end=first + timedelta(days=n + 1),
            status="measured" if n < 20 else "estimated",
            value=value + 0.004 * (n % 3 - 1),
            lower=value - 0.03,
            upper=value + 0.03,
            labelled_share=1.0 if n < 18 else max(0.2, 1 - 0.1 * (n - 17)),
            alarm=n >= 24,
        )
        for n, value in enumerate(values)
    ]
    legend = charts.legend(points)
    if not charts.available():
        return None, None, legend
    limit = charts.Limit(value=0.85)
    marks = (charts.Mark(at=first + timedelta(days=20), text="model 2.4.0"),)
    drawn = [
        charts.render_svg(
            charts.monitor_chart(
                shown,
                title="Precision",
                limit=limit,
                marks=marks,
                colours=charts.palette("page"),
                width=width,
                height=height,
                bounds=(0.0, 1.0),
            )
        )
        for shown, width, height in ((points, 1080, 260), (points[-13:], 358, 200))
    ]
    return drawn[0], drawn[1], legend
