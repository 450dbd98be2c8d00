"""Alerts: the inbox, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.detect import records
from holdfast.detect.passing import told_said
from holdfast.interfaces.cli.incident import running_besides
from holdfast.interfaces.cli.output import cell, table
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.steps import stepped
from holdfast.interfaces.standing import standing_of
from holdfast.prepare import versions
from holdfast.shapes import detection as shapes
from holdfast.steps import alerts as steps

app = noun()


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
    applied = versions.active_roster(ledger)
    roster = applied.model if applied else None
    told = {one.alert: told_said(one, roster, session.now) for one in found}
    groups = {group.newest.alert: group for group in shapes.alert_groups(found, inventory).groups}

    def said(made: shapes.AlertList) -> Iterable[RenderableType]:
        kept = [one for one in made.alerts if each or one.alert in groups]
        counts = {} if each else {alert: group for alert, group in groups.items() if group.count > 1}
        if not kept:
            yield "No alert waits for a person." if waiting else "No alert."
            yield standing_of(session.application).bounds.said
            return
        yield from _listed(kept, counts, told)
        if more > 0:
            yield f"{wording.plural(more, 'older alert')} not shown; --limit shows up to 1,000."

    session.answer(lambda: shapes.alert_list(found), said)


stepped(app, steps.acknowledge, lambda taken: [f"{taken.shown.said}."])
stepped(app, steps.attach, lambda taken: [_done(taken.shown, f"attached to {taken.said.incident}")])
stepped(
    app,
    steps.open_incident,
    lambda taken: [
        f"{taken.on} belongs to {taken.shown.incident}: {taken.shown.title}",
        *running_besides(taken.shown),
    ],
)
stepped(
    app,
    steps.set_aside,
    lambda taken: [_done(taken.shown, f"set aside{', as a false alarm' if taken.said.false_alarm else ''}")],
)


def _done(made: shapes.AlertList, done: str) -> str:
    names = [one.alert for one in made.alerts]
    if len(names) == 1:
        return f"{names[0]} is {done}."
    return f"{wording.plural(len(names), 'alert')} are {done}: {names[-1]} to {names[0]}."


def _listed(
    alerts: Sequence[shapes.AlertShown], counts: Mapping[str, shapes.AlertGroup], told: Mapping[str, str]
) -> Iterable[RenderableType]:
    rows = [
        _group_row(counts[one.alert], told[one.alert]) if one.alert in counts else _row(one, told[one.alert])
        for one in alerts
    ]
    yield table(("Alert", "Raised (UTC)", "What", "Led to"), rows, keep=("Alert",))


def _group_row(group: shapes.AlertGroup, told: str) -> tuple[object, ...]:
    newest = group.newest
    open_ = f"{group.open} out of bounds" if group.open else "all back in bounds"
    said = cell(
        f"{group.system}: {wording.plural(group.count, 'alert')} of {group.monitor}, {open_}",
        "red" if group.open else "",
    )
    said.append(f"\nThe newest, {newest.alert}: {cell(newest.facts.reason)}", style="dim")
    said.append(f"\n{told}" if told else "", style="dim")
    said.append(f"\nall at once: --monitor {group.system}/{group.monitor}", style="dim")
    return f"{group.count} ×", f"{newest.raised_at:%d %b %H:%M}", said, cell(_outcome(newest))


def _row(one: shapes.AlertShown, told: str) -> tuple[object, ...]:
    group = f", {wording.group(one.facts.group)}" if one.facts.group else ""
    said = cell(f"{one.system}: {one.facts.monitor_name}{group}", "red" if one.state == "open" else "")
    said.append(f"\n{cell(one.facts.reason)}", style="dim")
    if one.firings > 1:
        said.append(f"\n{one.firings} windows, the last {wording.utc(one.last_fired_at)}", style="dim")
    said.append(f"\n{told}" if told else "", style="dim")
    return one.alert, f"{one.raised_at:%d %b %H:%M}", said, cell(_outcome(one))


def _outcome(one: shapes.AlertShown) -> str:
    state = "" if one.state == "open" else "\ncleared"
    led_to = one.incident or {"none": "no incident", "waiting": "waits"}.get(one.outcome, one.outcome)
    seen = f"\nacknowledged by {one.acknowledged_by}" if one.acknowledged_by else ""
    return f"{led_to}{' (false alarm)' if one.false_alarm else ''}{state}{seen}"
