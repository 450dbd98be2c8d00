"""Alerts: the inbox, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.detect import records
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import cell, table
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.typed import AlertId, Reason
from holdfast.interfaces.standing import standing_of
from holdfast.people import Permission
from holdfast.prepare import versions
from holdfast.problems import NotAllowed
from holdfast.shapes import detection as shapes
from holdfast.shapes import incidents

app = noun("alert", "Alerts that monitors raised.")


Alerts = Annotated[
    list[str] | None,
    typer.Argument(metavar="ALERT...", help="Their numbers: ALR-1 ALR-2.", show_default=False),
]
OfMonitor = Annotated[
    str,
    typer.Option(
        "--monitor", metavar="SYSTEM/MONITOR", help="All alerts of this monitor that wait for a person."
    ),
]
InIncident = Annotated[
    str,
    typer.Option(
        "--incident",
        "-i",
        metavar="INCIDENT",
        help="With --monitor: those that belong to this incident, instead of those that wait.",
    ),
]


@command(app, "list")
def list_(
    session: Session,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that led to nothing yet and wait for a person.")
    ] = False,
    system: Annotated[str, typer.Option(help="Only of this AI system.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    each: Annotated[
        bool, typer.Option("--each", help="One line for each alert instead of each monitor.")
    ] = False,
) -> None:
    """List alerts, the newest first; several of one monitor are one line with a count."""
    ledger = session.application.ledger
    with ledger.reading() as conn:
        found = records.find_alerts(conn, system=system, waiting=waiting, limit=limit)
        more = records.count_alerts(conn, system=system, waiting=waiting) - len(found)
    inventory = {name: applied.model for name, applied in versions.active_systems(ledger).items()}
    groups = {group.newest.alert: group for group in shapes.alert_groups(found, inventory).groups}

    def said(made: shapes.AlertList) -> Iterable[RenderableType]:
        kept = [one for one in made.alerts if each or one.alert in groups]
        counts = {} if each else {alert: group for alert, group in groups.items() if group.count > 1}
        if not kept:
            yield "No alert waits for a person." if waiting else "No alert."
            yield standing_of(session.application).bounds.said
            return
        yield from _listed(kept, counts)
        if more > 0:
            yield f"{wording.plural(more, 'older alert')} not shown; --limit shows up to 1,000."

    session.answer(lambda: shapes.alert_list(found), said)


@command(app, "acknowledge")
def acknowledge(
    session: Session, alerts: Alerts = None, monitor: OfMonitor = "", incident: InIncident = ""
) -> None:
    """Say that you look into alerts."""
    by = session.acting(Permission.RESPOND)
    handling = session.application.handling
    found = handling.acknowledge(_named(session, alerts, monitor, incident), by=by, at=session.now)
    session.answer(lambda: shapes.alert_list(found), lambda made: [_done(made, "acknowledged")])


@command(app, "attach")
def attach(
    session: Session,
    incident: Annotated[str, typer.Option("--incident", "-i", metavar="INCIDENT", help="Its number: INC-1.")],
    alerts: Alerts = None,
    monitor: OfMonitor = "",
) -> None:
    """Say that alerts belong to an incident that is running."""
    by = session.acting(Permission.RESPOND)
    handling = session.application.handling
    found = handling.attach(_named(session, alerts, monitor), incident, by=by, at=session.now)
    session.answer(lambda: shapes.alert_list(found), lambda made: [_done(made, f"attached to {incident}")])


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
    reason: Reason,
    alerts: Alerts = None,
    monitor: OfMonitor = "",
    incident: InIncident = "",
    false_alarm: Annotated[
        bool, typer.Option("--false-alarm", help="Nothing was wrong; counts against the monitor.")
    ] = False,
) -> None:
    """Decide that alerts are no incident, or do not belong to the one they are in."""
    by = session.acting(Permission.RESPOND)
    named = _named(session, alerts, monitor, incident)
    handling = session.application.handling
    found = handling.set_aside(named, reason, false_alarm, by=by, at=session.now)
    done = f"set aside{', as a false alarm' if false_alarm else ''}"
    session.answer(lambda: shapes.alert_list(found), lambda made: [_done(made, done)])


def _named(session: Session, alerts: Sequence[str] | None, monitor: str, incident: str = "") -> list[str]:
    """The alerts that were typed, and those of the monitor that was: in that incident, or waiting."""
    named = list(alerts or ())
    if incident and not monitor:
        raise NotAllowed("--incident says which alerts of a monitor are meant; name it with --monitor")
    if monitor:
        system, _, of = monitor.partition("/")
        if not of:
            raise NotAllowed("--monitor takes a system and a monitor: loan-approval/missing-values")
        own = session.application.handling.of_monitor(system, of, incident=incident)
        if not own and incident:
            raise NotAllowed(f"no alert of {monitor} belongs to {incident}; `holdfast alert list` shows all")
        if not own:
            raise NotAllowed(f"no alert of {monitor} waits for a person; `holdfast alert list` shows all")
        named += own
    return named


def _done(made: shapes.AlertList, done: str) -> str:
    names = [one.alert for one in made.alerts]
    if len(names) == 1:
        return f"{names[0]} is {done}."
    return f"{wording.plural(len(names), 'alert')} are {done}: {names[-1]} to {names[0]}."


def _listed(
    alerts: Sequence[shapes.AlertShown], counts: Mapping[str, shapes.AlertGroup]
) -> Iterable[RenderableType]:
    rows = [_row(one) if one.alert not in counts else _group_row(counts[one.alert]) for one in alerts]
    yield table(("Alert", "Raised (UTC)", "What", "Led to"), rows, keep=("Alert",))


def _group_row(group: shapes.AlertGroup) -> tuple[object, ...]:
    newest = group.newest
    open_ = f"{group.open} out of bounds" if group.open else "all back in bounds"
    said = cell(
        f"{group.system}: {wording.plural(group.count, 'alert')} of {group.monitor}, {open_}",
        "red" if group.open else "",
    )
    said.append(f"\nThe newest, {newest.alert}: {cell(newest.facts.reason)}", style="dim")
    said.append(f"\nall at once: --monitor {group.system}/{group.monitor}", style="dim")
    return f"{group.count} ×", f"{newest.raised_at:%d %b %H:%M}", said, cell(_outcome(newest))


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
    seen = f"\nacknowledged by {one.acknowledged_by}" if one.acknowledged_by else ""
    return f"{led_to}{' (false alarm)' if one.false_alarm else ''}{state}{seen}"
