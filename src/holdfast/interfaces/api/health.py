"""Whether this installation is alive, for machines: a health check and Prometheus metrics (R-XCT-07)."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from sqlalchemy import func, select

from holdfast.application import Application
from holdfast.detect import records
from holdfast.detect.bounds import Known
from holdfast.incident.register import incidents
from holdfast.interfaces.api.access import App, Reads, flags_access
from holdfast.interfaces.health import for_anybody, for_readers, key
from holdfast.interfaces.standing import Standing, standing_of
from holdfast.ledger import sealing, tables
from holdfast.shapes.health import WholeHealth

_log = structlog.get_logger("holdfast.health")


def watched(application: Application) -> APIRouter:
    """`/healthz` for everybody, `/metrics` for a token that may read."""
    router = APIRouter(include_in_schema=False)
    authorise = flags_access(application)

    @router.get("/healthz")
    def healthz() -> Response:
        found = document(application)
        return JSONResponse(found, 200 if found["healthy"] else 503, {"Cache-Control": "no-store"})

    @router.get("/metrics")
    def metrics(request: Request) -> Response:
        authorise(request)
        text = "\n".join(exposition(application)) + "\n"
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def document(application: Application) -> dict[str, object]:
    """What the health check says, in words of the program."""
    try:
        standing = standing_of(application)
    except Exception:
        _log.exception("the health check could not read the ledger")
        return {"healthy": False, "database": "not reachable"}
    return for_anybody(standing).model_dump(mode="json")


router = APIRouter(tags=["health"])


@router.get("/health", summary="Whether everything that is relied on is done, with every reason")
def health(app: App, who: Reads) -> WholeHealth:
    """`/healthz` says the same to anybody, without reasons."""
    return for_readers(standing_of(app))


def exposition(application: Application) -> Iterable[str]:
    """Prometheus text format 0.0.4."""
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
        waiting = records.waiting_alerts(conn)
    yield from _gauge("holdfast_facts", "Entries in the ledger", [("", size)])
    yield from _gauge("holdfast_facts_sealed", "Entries under a signed checkpoint", [("", sealed)])
    yield from _gauge(
        "holdfast_incidents_running",
        "Incidents that are not closed or dismissed",
        [(_labels(status=status, severity=severity or "none"), n) for status, severity, n in running],
    )
    yield from _gauge("holdfast_alerts_waiting", "Alerts that wait for a person", [("", waiting)])
    yield from _gauge(
        "holdfast_messages", "Messages by where they stand", [(_labels(state=s), n) for s, n in messages]
    )
    yield from _of_standing(standing_of(application))


def _of_standing(standing: Standing) -> Iterable[str]:
    """What tells *no alerts* from *nobody is watching*."""
    working = standing.working
    yield from _gauge(
        "holdfast_healthy", "1 while everything relied on is done; as /healthz says", [("", standing.healthy)]
    )
    lanes = {beat.lane: beat for beat in working.beats}
    yield from _gauge(
        "holdfast_workers", "Workers that are heard from", [("", len({b.worker for b in working.beats}))]
    )
    yield from _gauge("holdfast_workers_silent", "Workers that fell silent", [("", working.silent)])
    hanging = {beat.lane for beat in working.hanging}
    yield from _gauge(
        "holdfast_lane_hanging",
        "1 where a step of the worker does not come to its end",
        [(_labels(lane=lane), lane in hanging) for lane in sorted(lanes)],
    )
    if working.last_turn:
        last = [("", working.last_turn.timestamp())]
        yield from _gauge("holdfast_last_turn_seconds", "When the slowest lane last came to its end", last)
    yield from _gauge("holdfast_steps_failing", "Steps that keep failing", [("", len(working.failing))])
    yield from _gauge(
        "holdfast_lane_failing",
        "A lane of the worker in which a step keeps failing, and of what kind; /api/v1/health says why",
        [(_labels(lane=lane, kind=one.kind), 1) for lane, one in sorted(working.failing_lanes.items())],
    )
    yield from _gauge(
        "holdfast_playbook_in_force",
        "0 until a playbook is applied and signed: before that no incident can open",
        [("", not standing.waiting)],
    )
    yield from _gauge(
        "holdfast_seal_refused",
        "1 while nothing is sealed",
        [("", bool(working.refused_to_seal))],
    )
    yield from _gauge(
        "holdfast_clocks_late", "Clocks that are due and kept by nobody", [("", standing.clocks_late)]
    )
    yield from _gauge(
        "holdfast_messages_late", "Messages that are due and do not leave", [("", standing.messages_late)]
    )
    yield from _gauge(
        "holdfast_messages_given_up",
        "Messages that were given up and not seen to, whose receiver was not reached otherwise",
        [("", standing.messages_given_up)],
    )
    yield from _gauge(
        "holdfast_alerts_untold",
        "Alerts that wait for a person, and that nobody was told of",
        [("", standing.alerts_untold)],
    )
    yield from _gauge(
        "holdfast_monitoring_silent",
        "1 where monitors fail, are overdue or never ran: their silence means nothing",
        [(_labels(system=system), silent) for system, silent in sorted(standing.silence.items())],
    )
    yield from _gauge(
        "holdfast_monitors",
        "Monitors by what is known of them now; as /healthz says",
        [(_labels(known=key(known)), standing.bounds.number(known)) for known in Known],
    )
    yield from _gauge(
        "holdfast_systems_not_watched",
        "Systems in force without a prediction log or without monitors",
        [("", len(standing.not_watched))],
    )
    yield from _gauge(
        "holdfast_ledger_in_doubt",
        "1 while the last check of the whole ledger did not find that it holds",
        [("", standing.ledger not in ("holds", "not checked"))],
    )
    yield from _gauge(
        "holdfast_vault_missing", "1 while evidence is not there", [("", standing.vault_missing)]
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
