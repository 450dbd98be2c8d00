"""What stays running: pages and API with the worker beside them, or a worker alone."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.interfaces.cli.session import Session, Working, command, noun
from holdfast.interfaces.health import for_readers
from holdfast.interfaces.standing import standing_of
from holdfast.shapes.base import Shown
from holdfast.shapes.health import WholeHealth

app = noun()


class Served(Shown):
    address: str
    health: str
    worker: bool


class Round(Shown):
    done: int
    """How many things were done."""
    failing: dict[str, str]
    waiting: dict[str, str]
    """What waits until people have done something, and for what."""
    refused_to_seal: str


@command(app, "serve")
def serve(
    session: Session,
    with_worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run the worker in this process too.")
    ] = True,
) -> None:
    """Serve pages and API until interrupted."""
    application = session.application
    service = session.wiring.service(application, with_worker=with_worker)
    web = application.settings.web
    _log_to_stderr()

    def document() -> Served:
        return Served(address=web.public_url, health=f"{web.public_url}/healthz", worker=with_worker)

    session.answer(document, _serving)
    sys.stdout.flush()
    service.run()


def _serving(made: Served) -> Iterable[RenderableType]:
    yield f"Serving at {made.address} {'with' if made.worker else 'without'} the worker; Ctrl-C ends it."


@command(app, "worker")
def worker(
    session: Session,
    once: Annotated[bool, typer.Option("--once", help="Do what is due now and end.")] = False,
) -> None:
    """Run monitors, clocks and messages, and seal the ledger, until interrupted."""
    application = session.application
    working = session.wiring.worker(application)
    if once:
        done = _until_quiet(working, session.now)

        def document() -> Round:
            return Round(
                done=done,
                failing=dict(working.failing),
                waiting=dict(working.waiting),
                refused_to_seal=working.refused_to_seal,
            )

        made = session.answer(document, _worked)
        if made.failing or made.refused_to_seal:
            raise typer.Exit(1)
        return
    _log_to_stderr()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    session.warn("the worker runs; Ctrl-C ends it after the round it is in")
    working.run(stop)


@command(app, "health")
def health(session: Session) -> None:
    """Say whether everything that is relied on is done, and why not; exits 1 where something is not."""
    standing = standing_of(session.application)
    session.answer(lambda: for_readers(standing), _how_it_stands)
    if not standing.healthy:
        raise typer.Exit(1)


def _how_it_stands(made: WholeHealth) -> Iterable[RenderableType]:
    yield (
        "Everything that is relied on is done."
        if made.healthy
        else "Something that is relied on is not done."
    )
    if made.worker != "running":
        yield f"  The worker: {made.worker}{' in ' + ', '.join(made.hanging) if made.hanging else ''}"
    if made.waiting_because:
        yield f"  Waiting: {made.waiting_because}"
    for said in made.not_in_force:
        yield f"  {said}"
    for one in made.reasons:
        yield f"  {one.step} fails: {one.reason}"
    if made.refused_to_seal:
        yield f"  Not sealed: {made.refused_to_seal}"
    if made.ledger not in ("holds", "not checked"):
        yield f"  The last check of the ledger: {made.ledger}"
    for system in made.silent:
        yield f"  Not heard from: {system.system}: {system.reason}"
    for number, what, many, where in (
        (made.clocks_late, "clock due and not kept", "clocks due and not kept", ""),
        (made.messages_late, "message does not leave", "messages do not leave", "message list"),
        (made.messages_given_up, "message given up", "messages given up", "message list --unreached"),
        (made.alerts_untold, "alert nobody was told of", "alerts nobody was told of", "alert list --waiting"),
    ):
        if number:
            yield f"  {wording.plural(number, what, many)}{f'; see: holdfast {where}' if where else ''}"
    if made.vault == "missing":
        yield "  The evidence vault is missing."


def _until_quiet(working: Working, now: datetime) -> int:
    """A turn of the worker is bounded: another one as long as something was done."""
    done = 0
    while did := working.round(now):
        done += did
    return done


def _worked(made: Round) -> Iterable[RenderableType]:
    first = "Nothing more can be done now" if made.failing or made.waiting else "Nothing is left to do"
    yield f"{first}: {wording.plural(made.done, 'thing')} done."
    for step, reason in made.failing.items():
        yield f"  {step} fails: {reason}"
    for reason in dict.fromkeys(made.waiting.values()):
        steps = ", ".join(step for step, why in made.waiting.items() if why == reason)
        yield f"  Waiting: {reason} (until then: {steps})"
    if made.refused_to_seal:
        yield f"  Not sealed: {made.refused_to_seal}"


def _log_to_stderr() -> None:
    """One line for each event, as JSON, so that a collector can read it (R-XCT-07)."""
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
