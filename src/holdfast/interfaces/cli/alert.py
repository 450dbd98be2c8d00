"""Alerts: the inbox, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.detect import records
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import cell, table
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.typed import AlertId, Reason
from holdfast.interfaces.shapes import detection as shapes
from holdfast.interfaces.shapes import incidents
from holdfast.people import Permission

app = noun("alert", "Alerts that monitors raised.")


@command(app, "list")
def list_(
    session: Session,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that led to nothing yet and wait for a person.")
    ] = False,
    system: Annotated[str, typer.Option(help="Only of this AI system.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> None:
    """List alerts, the newest first."""
    with session.application.ledger.reading() as conn:
        found = records.find_alerts(conn, system=system, limit=limit)
    if waiting:
        found = [one for one in found if one.outcome in ("waiting", "none")]

    def document() -> shapes.AlertList:
        return shapes.AlertList(alerts=tuple(shapes.alert(one) for one in found))

    session.answer(document, _listed)


@command(app, "open")
def open_(session: Session, alert: AlertId) -> None:
    """Open an incident for an alert that did not open one itself."""
    by = session.acting(Permission.RESPOND)
    incident = session.application.alerting.open_incident(alert, by=by, at=session.now)

    def document() -> incidents.IncidentShown:
        return incidents.shown(load(session.application.ledger, incident).state)

    session.answer(document, lambda made: [f"{alert} belongs to {made.incident}: {made.title}"])


@command(app, "set-aside")
def set_aside(
    session: Session,
    alert: AlertId,
    reason: Reason,
    false_alarm: Annotated[
        bool, typer.Option("--false-alarm", help="Nothing was wrong; counts against the monitor.")
    ] = False,
) -> None:
    """Decide that an alert is no incident."""
    by = session.acting(Permission.RESPOND)
    alerting = session.application.alerting
    alerting.set_aside(alert, reason, false_alarm, by=by, at=session.now)
    session.answer(
        lambda: shapes.alert(alerting.require(alert)),
        lambda made: [f"{alert} is set aside{', as a false alarm' if made.false_alarm else ''}."],
    )


def _listed(made: shapes.AlertList) -> Iterable[RenderableType]:
    if not made.alerts:
        yield "No alert. `holdfast monitor list` shows what is watched, and when it ran last."
        return
    yield table(
        ("Alert", "Raised (UTC)", "What", "Led to"), [_row(one) for one in made.alerts], keep=("Alert",)
    )


def _row(one: shapes.AlertShown) -> tuple[object, ...]:
    group = f", {wording.group(one.facts.group)}" if one.facts.group else ""
    said = cell(f"{one.system}: {one.facts.monitor_name}{group}", "red" if one.state == "open" else "")
    said.append(f"\n{cell(one.facts.reason)}", style="dim")
    if one.firings > 1:
        said.append(f"\n{one.firings} windows, the last {wording.utc(one.last_fired_at)}", style="dim")
    return one.alert, f"{one.raised_at:%d %b %H:%M}", said, cell(_outcome(one))


def _outcome(one: shapes.AlertShown) -> str:
    state = "" if one.state == "open" else "\ncleared"
    led_to = one.incident or {"none": "no incident", "waiting": "waits"}.get(one.outcome, one.outcome)
    return f"{led_to}{' (false alarm)' if one.false_alarm else ''}{state}"
