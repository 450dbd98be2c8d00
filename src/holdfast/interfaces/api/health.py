"""Whether this installation is alive, for machines: a health check and Prometheus metrics (R-XCT-07)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from sqlalchemy import func, select

from holdfast import clock
from holdfast.detect import records
from holdfast.incident.register import incidents
from holdfast.interfaces.api.access import flags_access
from holdfast.interfaces.application import Application
from holdfast.ledger import sealing, tables

SILENT_AFTER = timedelta(minutes=5)
"""A worker that has finished no round for so long, or for three of its pauses, is silent."""


def watched(application: Application) -> APIRouter:
    """`/healthz` for everybody, `/metrics` for a token that may read."""
    router = APIRouter(include_in_schema=False)
    authorise = flags_access(application)

    @router.get("/healthz")
    def healthz() -> Response:
        document = standing(application)
        return JSONResponse(document, 200 if document["healthy"] else 503, {"Cache-Control": "no-store"})

    @router.get("/metrics")
    def metrics(request: Request) -> Response:
        authorise(request)
        text = "\n".join(exposition(application)) + "\n"
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def standing(application: Application) -> dict[str, object]:
    """What the health check says; it names no person, system or path."""
    health, now = application.health, application.clock.now()
    reachable = _reachable(application)
    worker = _worker(application, now)
    return {
        "healthy": reachable and worker != "silent" and not health.refused_to_seal,
        "database": "reachable" if reachable else "not reachable",
        "worker": worker,
        "last_round": clock.stamp(health.last_round) if health.last_round else None,
        "refused_to_seal": health.refused_to_seal,
        "failing": len(health.failing),
    }


def _reachable(application: Application) -> bool:
    try:
        application.ledger.size()
    except Exception:
        return False
    return True


def _worker(application: Application, now: datetime) -> str:
    last = application.health.last_round
    if last is None:
        return "not in this process"
    pauses = timedelta(seconds=3 * application.settings.worker.poll_seconds)
    return "silent" if now - last > max(SILENT_AFTER, pauses) else "running"


def exposition(application: Application) -> Iterable[str]:
    """Prometheus text format 0.0.4."""
    health, now = application.health, application.clock.now()
    with application.ledger.reading() as conn:
        size = conn.execute(select(tables.head.c.size)).scalar_one()
        sealed = sealing.newest_size(conn)
        running = conn.execute(
            select(incidents.c.status, incidents.c.severity, func.count())
            .where(incidents.c.closed_at.is_(None))
            .group_by(incidents.c.status, incidents.c.severity)
            .order_by(incidents.c.status, incidents.c.severity)
        ).all()
        messages = conn.execute(
            select(tables.outbox.c.state, func.count()).group_by(tables.outbox.c.state)
        ).all()
        overdue = conn.execute(
            select(func.count()).select_from(tables.timers).where(tables.timers.c.due < clock.stamp(now))
        ).scalar_one()
        waiting, runs = records.waiting_alerts(conn), records.runs(conn)
    yield from _gauge("holdfast_facts", "Entries in the ledger", [("", size)])
    yield from _gauge("holdfast_facts_sealed", "Entries under a signed checkpoint", [("", sealed)])
    yield from _gauge(
        "holdfast_seal_refused",
        "1 while sealing would show two histories",
        [("", bool(health.refused_to_seal))],
    )
    if health.last_round:
        last = [("", health.last_round.timestamp())]
        yield from _gauge("holdfast_worker_last_round_seconds", "When the worker last finished a round", last)
    yield from _gauge("holdfast_steps_failing", "Steps that keep failing", [("", len(health.failing))])
    yield from _gauge("holdfast_timers_overdue", "Timers that are due and have not fired", [("", overdue)])
    yield from _gauge(
        "holdfast_incidents_running",
        "Incidents that are not closed or dismissed",
        [(_labels(status=status, severity=severity or "none"), n) for status, severity, n in running],
    )
    yield from _gauge("holdfast_alerts_waiting", "Alerts that wait for a person", [("", waiting)])
    yield from _gauge(
        "holdfast_monitoring_silent",
        "1 where monitors fail or are overdue: their silence means nothing",
        [(_labels(system=system), run.is_silent(now)) for system, run in sorted(runs.items())],
    )
    yield from _gauge(
        "holdfast_messages", "Messages by where they stand", [(_labels(state=s), n) for s, n in messages]
    )


def _gauge(name: str, help_: str, values: list[tuple[str, float]]) -> Iterable[str]:
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} gauge"
    for labels, value in values:
        yield f"{name}{labels} {float(value):.17g}"


def _labels(**labels: str) -> str:
    pairs = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return f"{{{pairs}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
