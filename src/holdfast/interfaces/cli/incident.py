"""Incidents: list, show, declare, answer, classify, note, hand over, end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from holdfast import wording
from holdfast.incident import register
from holdfast.incident.events import dated
from holdfast.incident.incident import Status
from holdfast.incident.loading import load
from holdfast.incident.responding import Answer, Declared
from holdfast.interfaces.cli.output import Style, cell, clipped, facts, heading, table, when, words_of
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.steps import Taken, stepped
from holdfast.interfaces.cli.typed import IncidentId
from holdfast.prepare.terms import Severity
from holdfast.shapes import incidents as shapes
from holdfast.shapes.base import Shown
from holdfast.steps import incidents as steps

app = noun()


class IncidentWithTimeline(Shown):
    incident: shapes.IncidentShown
    timeline: tuple[shapes.EntryShown, ...]


@command(app, "list")
def list_(
    session: Session,
    status: Annotated[Status | None, typer.Option(help="Only of this status.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only of this severity.")] = None,
    system: Annotated[str, typer.Option(help="Only on this AI system.")] = "",
    text: Annotated[str, typer.Option(help="Only with this text in title, number or system.")] = "",
    running: Annotated[bool, typer.Option("--running", help="Only those that are not over.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> None:
    """List incidents, the most severe running ones first."""
    wanted = register.Filter(status or "", severity or "", system, text, running)
    ledger = session.application.ledger
    with ledger.reading() as conn:
        found, total = register.find(conn, wanted, limit), register.count(conn, wanted)

    def document() -> shapes.IncidentList:
        return shapes.IncidentList(incidents=tuple(shapes.listed(one) for one in found), total=total)

    session.answer(document, lambda made: _listed(made, session.now))


@command(app, "show")
def show(session: Session, incident: IncidentId) -> None:
    """Show one incident: how it stands, its clocks and its timeline."""
    session.answer(lambda: _with_timeline(session, incident), lambda made: _shown(made, session))


# Words -----------------------------------------------------------------------------------------


def _with_timeline(session: Session, incident: str) -> IncidentWithTimeline:
    ledger = session.application.ledger
    state = load(ledger, incident).state
    told = shapes.timeline(incident, register.timeline(register.record(ledger, incident)))
    return IncidentWithTimeline(incident=shapes.shown(state), timeline=told.entries)


def _listed(made: shapes.IncidentList, now: datetime) -> Iterable[RenderableType]:
    if not made.incidents:
        yield "No incident matches. Declare one: holdfast incident declare TITLE --as EMAIL"
        return
    rows = [
        (one.incident, severity(one), one.status, clock_cell(one.next_clock, now), one.title)
        for one in made.incidents
    ]
    yield table(
        ("Incident", "Severity", "Status", "Next clock", "Title"),
        rows,
        keep=("Incident", "Severity", "Status"),
    )
    if made.total > len(made.incidents):
        yield f"{len(made.incidents)} of {made.total:,}; --limit shows more."


def severity(one: shapes.IncidentListed) -> Text:
    """The severity in a word; a proposal is said to be one."""
    if one.severity is None:
        return cell("not known", "dim")
    colours: dict[Severity, Style] = {
        Severity.CRITICAL: "red",
        Severity.HIGH: "red",
        Severity.MEDIUM: "yellow",
    }
    return cell(one.severity.label + ("" if one.confirmed else "?"), colours.get(one.severity, ""))


def clock_cell(clock: shapes.ClockShown | None, now: datetime) -> Text:
    """What is due next, and how long is left."""
    if clock is None:
        return cell("none", "dim")
    return cell(f"{clock.waits_for}: {wording.left(clock.due, now)}", _urgency(clock, now))


def _urgency(clock: shapes.ClockShown, now: datetime) -> Style:
    """Red when breached, amber in the last quarter, else green."""
    if clock.due < now:
        return "red"
    return "yellow" if now >= clock.soon_at else "green"


def _clock(clock: shapes.ClockShown, now: datetime) -> tuple[str, object, str, str]:
    due = wording.utc(clock.due)
    word = clock.says
    if clock.met_at:
        how = "in time" if clock.late_by is None else f"late by {wording.duration(clock.late_by)}"
        return word, cell(f"met, {how}", "green" if clock.kept else "red"), due, wording.utc(clock.met_at)
    missed = f", missed {wording.utc(clock.missed)}" if clock.missed else ""
    if not clock.running:
        return word, cell(f"stopped: {clock.stopped_because}{missed}", "red" if missed else "dim"), due, ""
    if missed and clock.due >= now:
        return word, cell(f"{wording.left(clock.due, now)}{missed}", "red"), due, ""
    return word, cell(wording.left(clock.due, now), _urgency(clock, now)), due, ""


def _shown(made: IncidentWithTimeline, session: Session) -> Iterable[RenderableType]:
    one, now = made.incident, session.now
    yield cell(f"{one.incident}  {one.title}", "bold")
    yield facts(*_standing(one))
    if one.clocks:
        yield heading("Clocks")
        rows = [_clock(clock, now) for clock in one.clocks]
        yield table(("Clock", "Standing", "Due", "Met"), rows)
    yield heading("Team")
    yield facts(*((member.name, words_of(member.role)) for member in one.team))
    yield heading("Timeline (UTC)")
    yield table(
        ("Time", "Entry", "What", "By"), [_entry(entry) for entry in made.timeline], keep=("Time", "Entry")
    )


def _whence(one: shapes.IncidentShown) -> str:
    """Where a classification comes from that nobody has confirmed."""
    if one.proposed is None:
        return "not confirmed"
    if (one.proposed.severity, one.proposed.category) == (one.severity, one.category):
        return "proposed by the rules"
    return f"not confirmed; the rules propose {_named(one.proposed)}"


def _named(proposed: shapes.ProposalShown) -> str:
    return f"{proposed.severity.label}, {proposed.category.label.lower()}"


def _standing(one: shapes.IncidentShown) -> Iterable[tuple[str, object]]:
    proposal = "" if one.confirmed else f"  ({_whence(one)}; confirm with classify)"
    category = f", {one.category.label.lower()}" if one.category else ""
    label = one.severity.label if one.severity else "not known"
    yield "Severity", f"{label}{category}{proposal}"
    if one.proposed and not one.confirmed:
        yield "Because", one.proposed.reason
    yield "Status", one.status
    if one.after_resolution:
        yield "After it", " ".join(one.after_resolution)
    yield (
        "System",
        (one.system or "none named") + (f", model {one.model_version}" if one.model_version else ""),
    )
    yield "Opened", f"{when(one.opened_at)}, by {'an alert' if one.source == 'alert' else 'a person'}"
    yield "Began", when(one.began_at, "not known")
    yield "Acknowledged", when(one.acknowledged_at)
    yield "Contained", when(one.contained_at)
    if one.first_contained_at != one.contained_at:
        yield "First contained", when(one.first_contained_at)
    yield "Root cause", one.cause or "not established"
    yield "Impact", _impact(one.impact)
    yield "The harm", one.harm
    yield "Merged into it", "; ".join(one.known_of_merged)
    together = [f"merged into {one.merged_into}"] if one.merged_into else []
    together += [f"{other} merged into it" for other in one.absorbed]
    together += [f"related to {other}" for other in one.related]
    if together:
        yield "Together", ", ".join(together)
    yield "Alerts", ", ".join(alert.alert for alert in one.alerts)
    yield "Playbook", f"{one.playbook_version} ({wording.short_hash(one.playbook)})"


def _impact(known: shapes.ImpactKnown | None) -> str:
    if known is None:
        return "not known"
    affected = wording.bounded(known.users, known.users_at_least)
    exposed = wording.bounded(known.exposed_users, known.exposed_at_least)
    when = dated(
        known.as_of if known.users is not None else None,
        known.exposed_as_of if known.exposed_users is not None else None,
    )
    return ", ".join(filter(None, (f"people affected {affected}", f"people exposed {exposed}", when)))


def _entry(entry: shapes.EntryShown) -> tuple[str, str, Text, str]:
    style: Style = "red" if entry.tone == "alarm" else "bold" if entry.tone in ("act", "note") else ""
    said = cell(clipped(entry.title, 400), style)
    if entry.detail:
        said.append(f"\n{cell(clipped(entry.detail, 240))}", style="dim")
    if entry.back_filled:
        said.append(f"\nadded later, {wording.utc(entry.recorded_at)}", style="dim")
    return f"{entry.at:%d %b %H:%M}", f"#{entry.seq}", said, entry.by


def running_besides(one: shapes.DeclaredShown) -> Iterable[RenderableType]:
    """What else runs that may be the same, and what to do when it is."""
    if not one.running:
        return
    yield "Also running, perhaps the same:"
    for other in one.running:
        yield f"  {other.incident}  {clipped(other.title, 60)} ({other.system or 'no system named'})"
    first = one.running[0].incident
    yield f'When it is: holdfast incident merge {one.incident} {first} --reason "…"; or relate the two.'


def _declared(taken: Taken[Declared, shapes.DeclaredShown]) -> Iterable[RenderableType]:
    one, ledger = taken.shown, taken.session.application.ledger
    if one.joined:
        yield cell(f"{one.incident} is running already, and your report joined it: {one.title}", "bold")
        yield "If it is something else, declare it with --separate."
    else:
        yield cell(f"{one.incident} is open: {one.title}", "bold")
        entries = register.timeline(register.record(ledger, one.incident))
        yield from (entry.line.title for entry in entries if entry.type == "evidence.frozen")
    if one.running:
        yield from running_besides(one)
        yield "Next time --join says so at once; `holdfast incident list --running` shows what runs."
    yield from _proposed(one)
    yield facts(("Next clock", clock_cell(one.next_clock, taken.session.now)))
    yield f"Show it: holdfast incident show {one.incident}"


def _proposed(one: shapes.IncidentShown) -> Iterable[RenderableType]:
    if one.proposed:
        yield facts(("Proposed", _named(one.proposed)), ("Because", one.proposed.reason))


def _stands(session: Session, incident: str, sentence: str) -> Iterable[RenderableType]:
    one = load(session.application.ledger, incident).state
    label = one.severity.label if one.severity else "not classified"
    yield sentence
    yield facts(("Status", f"{one.status}, {label}"))
    if one.next_clock:
        clock = shapes.ClockShown.model_validate(one.next_clock)
        yield facts(("Next clock", clock_cell(clock, session.now)))


# Steps -----------------------------------------------------------------------------------------

_Taken = Taken[Any, Any]


def _after(what: Callable[[_Taken], str]) -> Callable[[_Taken], Iterable[RenderableType]]:
    """Words that say the deed in a sentence, and what is due next."""

    def words(taken: _Taken) -> Iterable[RenderableType]:
        return _stands(taken.session, taken.on, f"{taken.on} {what(taken)}.")

    return words


def _acknowledged(taken: Taken[Answer, shapes.Acknowledged]) -> Iterable[RenderableType]:
    return _stands(taken.session, taken.on, f"{taken.answer.sentence}.")


def _dismissed(taken: _Taken) -> str:
    return "is dismissed as a false alarm" if taken.said.false_alarm else "is dismissed"


def _merged(taken: _Taken) -> Iterable[RenderableType]:
    into = taken.shown.merged_into
    return _stands(taken.session, into, f"{into} goes on, with {taken.on} merged into it.")


def _closed(taken: Taken[str, shapes.Closed]) -> Iterable[RenderableType]:
    yield f"{taken.on} is closed and archived."
    yield f"Digest of its record: {taken.answer}"


stepped(app, steps.declare, _declared)
stepped(app, steps.acknowledge, _acknowledged)
stepped(app, steps.classify, _after(lambda taken: "is classified"))
stepped(app, steps.note, _after(lambda taken: "has a new note"))
stepped(app, steps.update, _after(lambda taken: "has an update"))
stepped(app, steps.state_beginning, _after(lambda taken: f"began {wording.utc(taken.shown.began_at)}"))
stepped(app, steps.name_system, _after(lambda taken: f"is about {taken.shown.system}"))
stepped(app, steps.hand_over, _after(lambda taken: f"has a new {words_of(taken.names[1])}"))
stepped(app, steps.dismiss, _after(_dismissed))
stepped(app, steps.relate, _after(lambda taken: f"is related to {taken.names[1]}"))
stepped(app, steps.merge, _merged)
stepped(app, steps.resolve, _after(lambda taken: "is resolved"))
stepped(app, steps.close, _closed)
