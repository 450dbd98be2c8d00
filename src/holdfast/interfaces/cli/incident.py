"""Incidents: list, show, declare, answer, classify, note, hand over, end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from holdfast import wording
from holdfast.incident import register
from holdfast.incident.events import Clock
from holdfast.incident.incident import Status
from holdfast.incident.loading import load
from holdfast.incident.responding import Report
from holdfast.interfaces.cli.output import Style, cell, clipped, facts, heading, table, when, words_of
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.typed import IncidentId, Reason, a_time, asked, time_option
from holdfast.investigate import assessing
from holdfast.learn import closing
from holdfast.people import IncidentRole, Permission
from holdfast.prepare.terms import Category, Severity
from holdfast.shapes import incidents as shapes
from holdfast.shapes.base import Shown

app = noun("incident", "Incidents: what went wrong, who answers, and how it ended.")


class IncidentWithTimeline(Shown):
    incident: shapes.IncidentShown
    timeline: tuple[shapes.EntryShown, ...]


class DeclaredWithTimeline(IncidentWithTimeline):
    incident: shapes.DeclaredShown


class AcknowledgedWithTimeline(IncidentWithTimeline):
    incident: shapes.Acknowledged


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
    _answer(session, incident, lambda made: _shown(made, session))


@command(app, "declare")
def declare(
    session: Session,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="One line that says what went wrong.")],
    system: Annotated[str, typer.Option(help="The AI system, as the inventory calls it.")] = "",
    description: Annotated[str, typer.Option(help="What is known so far.")] = "",
    model_version: Annotated[str, typer.Option(help="The version in production.")] = "",
    severity: Annotated[Severity | None, typer.Option(help="What you think; the rules propose too.")] = None,
    category: Annotated[Category | None, typer.Option(help="What you think; the rules propose too.")] = None,
    began: Annotated[
        datetime | None, time_option("--began", "When the harm is thought to have begun.")
    ] = None,
    join: Annotated[str, typer.Option(help="The running incident that it is about, INC-1.")] = "",
    separate: Annotated[
        bool, typer.Option("--separate", help="One of its own, although a monitor has opened one there.")
    ] = False,
) -> None:
    """Declare an incident. Only a title is required; what can be preserved is frozen at once.

    What a monitor has noticed on the same system already is joined, unless it is --separate; without a
    system, the only incident that monitors have noticed within a day.
    """
    by = session.acting(Permission.DECLARE)
    said = asked(
        shapes.Declaration,
        title=title,
        system=system,
        description=description,
        model_version=model_version,
        severity=severity,
        category=category,
        began_at=began,
        join=join,
        separate=separate,
    )
    report = Report(
        said.title, said.description, said.system, said.model_version, said.began_at, None, severity, category
    )
    what = session.application.desk.declare(report, said.join, said.separate, by=by, at=session.now)

    def document() -> DeclaredWithTimeline:
        shown = _with_timeline(session, what.incident)
        state = load(session.application.ledger, what.incident).state
        return DeclaredWithTimeline(incident=shapes.declared(state, what), timeline=shown.timeline)

    session.answer(document, lambda made: _declared(made, session))


@command(app, "acknowledge")
def acknowledge(session: Session, incident: IncidentId) -> None:
    """Answer: somebody is on it. Stops the clock and the escalation."""
    by = session.acting(Permission.RESPOND)
    answer = session.application.desk.acknowledge(incident, by=by, at=session.now)

    def document() -> AcknowledgedWithTimeline:
        shown = _with_timeline(session, incident)
        state = load(session.application.ledger, incident).state
        return AcknowledgedWithTimeline(incident=shapes.acknowledged(state, answer), timeline=shown.timeline)

    session.answer(document, lambda made: _stands(made, session, f"{answer.sentence}."))


@command(app, "classify")
def classify(
    session: Session,
    incident: IncidentId,
    severity: Annotated[Severity | None, typer.Option(help="As proposed unless given.")] = None,
    category: Annotated[Category | None, typer.Option(help="As proposed unless given.")] = None,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Required when it differs from the proposal.")
    ] = "",
) -> None:
    """Confirm what the rules propose, or decide otherwise with a reason."""
    by = session.acting(Permission.RESPOND)
    state = load(session.application.ledger, incident).state
    severity, category = severity or state.severity, category or state.category
    if severity is None or category is None:
        raise typer.BadParameter("nothing is proposed; give --severity and --category")
    session.application.desk.classify(incident, category, severity, reason, by=by, at=session.now)
    _answer(session, incident, lambda made: _after(made, session, "is classified"))


@command(app, "note")
def note(
    session: Session,
    incident: IncidentId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What happened, or what you found.")],
    at: Annotated[
        datetime | None, time_option("--at", "When it happened; the entry is marked as back-filled.")
    ] = None,
    evidence: Annotated[
        list[str] | None, typer.Option("--evidence", help="An item it rests on, EV-1; may be repeated.")
    ] = None,
) -> None:
    """Add to the timeline."""
    by = session.acting(Permission.RESPOND)
    said = asked(shapes.NoteAsked, text=text, occurred_at=at, evidence=evidence or [])
    session.application.desk.note(
        incident, said.text, by=by, at=session.now, occurred_at=said.occurred_at, evidence=said.evidence
    )
    _answer(session, incident, lambda made: _after(made, session, "has a new note"))


@command(app, "began")
def began(
    session: Session,
    incident: IncidentId,
    moment: Annotated[
        datetime, typer.Argument(metavar="TIME", parser=a_time, help="When the harm began; UTC unless said.")
    ],
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Required where it corrects what was known.")
    ] = "",
) -> None:
    """Say when the harm began, or correct it. What was exposed since then is counted."""
    by = session.acting(Permission.RESPOND)
    said = asked(shapes.Beginning, began_at=moment, reason=reason)
    session.application.desk.state_beginning(incident, said.began_at, said.reason, by=by, at=session.now)
    _answer(session, incident, lambda made: _after(made, session, f"began {wording.utc(said.began_at)}"))


@command(app, "name-system")
def name_system(
    session: Session,
    incident: IncidentId,
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="As the inventory calls it.")],
    model_version: Annotated[str, typer.Option(help="The version in production.")] = "",
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Required where it corrects another system.")
    ] = "",
) -> None:
    """Say which AI system it is about, or correct it. What can be preserved is frozen, its log counted."""
    by = session.acting(Permission.RESPOND)
    said = asked(shapes.SystemAsked, system=system, model_version=model_version, reason=reason)
    desk = session.application.desk
    assessing.name_system(desk, incident, said.system, said.model_version, said.reason, by=by, at=session.now)
    _answer(session, incident, lambda made: _after(made, session, f"is about {said.system}"))


@command(app, "hand-over")
def hand_over(
    session: Session,
    incident: IncidentId,
    role: Annotated[
        IncidentRole, typer.Argument(metavar="ROLE", help="incident_commander, technical_lead, …")
    ],
    to: Annotated[str, typer.Argument(metavar="EMAIL", help="Who fills it from now on.")],
    reason: Reason = "",
) -> None:
    """Give a role to somebody else."""
    by = session.acting(Permission.RESPOND)
    session.application.desk.hand_over(incident, role, to, reason, by=by, at=session.now)
    _answer(session, incident, lambda made: _after(made, session, f"has a new {words_of(role)}"))


@command(app, "dismiss")
def dismiss(
    session: Session,
    incident: IncidentId,
    reason: Reason,
    false_alarm: Annotated[
        bool, typer.Option("--false-alarm", help="Nothing was wrong; its alerts count against the monitors.")
    ] = False,
) -> None:
    """It was not an incident; the reason is kept, and its alerts are set aside with it."""
    by = session.acting(Permission.RESPOND)
    closing.dismiss(session.application.desk, incident, reason, false_alarm, by=by, at=session.now)
    how = " as a false alarm" if false_alarm else ""
    _answer(session, incident, lambda made: _after(made, session, f"is dismissed{how}"))


@command(app, "relate")
def relate(session: Session, incident: IncidentId, other: IncidentId, reason: Reason) -> None:
    """Say that two incidents have to do with one another; it stands on both records."""
    by = session.acting(Permission.RESPOND)
    session.application.desk.relate(incident, other, reason, by=by, at=session.now)
    _answer(session, incident, lambda made: _after(made, session, f"is related to {other}"))


@command(app, "merge")
def merge(session: Session, incident: IncidentId, into: IncidentId, reason: Reason) -> None:
    """Two incidents are one: the first ends, the response goes on in the second."""
    by = session.acting(Permission.RESPOND)
    closing.merge(session.application.desk, incident, into, reason, by=by, at=session.now)
    _answer(session, into, lambda made: _after(made, session, f"goes on, with {incident} merged into it"))


@command(app, "resolve")
def resolve(
    session: Session,
    incident: IncidentId,
    resolution: Annotated[str, typer.Argument(metavar="SENTENCE", help="What resolved it.")],
    unverified_because: Annotated[
        str, typer.Option(help="Why it is resolved although no remediation is verified.")
    ] = "",
) -> None:
    """The harm is over and the fix is verified."""
    by = session.acting(Permission.RESPOND)
    closing.resolve(session.application.desk, incident, resolution, unverified_because, by=by, at=session.now)
    _answer(session, incident, lambda made: _after(made, session, "is resolved"))


@command(app, "close")
def close(
    session: Session,
    incident: IncidentId,
    summary: Annotated[str, typer.Argument(metavar="SENTENCE", help="How it ended.")],
) -> None:
    """Close and archive: nothing can be added to the record afterwards."""
    by = session.acting(Permission.RESPOND)
    digest = closing.close(session.application.desk, incident, summary, by=by, at=session.now)
    session.answer(
        lambda: shapes.Closed(incident=incident, record_sha256=digest),
        lambda made: [f"{made.incident} is closed and archived.", f"Digest of its record: {digest}"],
    )


# Words -----------------------------------------------------------------------------------------


def _answer(
    session: Session, incident: str, words: Callable[[IncidentWithTimeline], Iterable[RenderableType]]
) -> None:
    session.answer(lambda: _with_timeline(session, incident), words)


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


_DUE = {Clock.ACKNOWLEDGE: "acknowledge", Clock.CONTAIN: "contain", Clock.REVIEW: "review"}


def clock_cell(clock: shapes.ClockShown | None, now: datetime) -> Text:
    """What is due next, and how long is left."""
    if clock is None:
        return cell("none", "dim")
    return cell(f"{_DUE[clock.clock]}: {wording.left(clock.due, now)}", _urgency(clock, now))


def _urgency(clock: shapes.ClockShown, now: datetime) -> Style:
    """Red when breached, amber in the last quarter, else green."""
    if clock.due < now:
        return "red"
    return "yellow" if now >= clock.soon_at else "green"


def _clock(clock: shapes.ClockShown, now: datetime) -> tuple[str, object, str, str]:
    due = wording.utc(clock.due)
    word = clock.clock.due_word
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


def _standing(one: shapes.IncidentShown) -> Iterable[tuple[str, object]]:
    proposal = "" if one.confirmed else "  (proposed by the rules; confirm with classify)"
    category = f", {one.category.label.lower()}" if one.category else ""
    label = one.severity.label if one.severity else "not known"
    yield "Severity", f"{label}{category}{proposal}"
    if one.proposed and not one.confirmed:
        yield "Because", one.proposed.reason
    yield "Status", one.status
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
    people = [f"people affected {wording.thousands(known.users)}"]
    people.append(f"people exposed {wording.thousands(known.exposed_users)}")
    return ", ".join(people)


def _entry(entry: shapes.EntryShown) -> tuple[str, str, Text, str]:
    style: Style = "red" if entry.tone == "alarm" else "bold" if entry.tone in ("act", "note") else ""
    said = cell(clipped(entry.title, 400), style)
    if entry.detail:
        said.append(f"\n{cell(clipped(entry.detail, 240))}", style="dim")
    if entry.back_filled:
        said.append(f"\nadded later, {wording.utc(entry.recorded_at)}", style="dim")
    return f"{entry.at:%d %b %H:%M}", f"#{entry.seq}", said, entry.by


def _declared(made: DeclaredWithTimeline, session: Session) -> Iterable[RenderableType]:
    one = made.incident
    if one.joined:
        yield cell(f"{one.incident} is running already, and your report joined it: {one.title}", "bold")
        yield "If it is something else, declare it with --separate."
    else:
        yield cell(f"{one.incident} is open: {one.title}", "bold")
    frozen = next((entry for entry in made.timeline if entry.type == "evidence.frozen"), None)
    if frozen and not one.joined:
        yield frozen.title
    if one.running:
        yield "Also running, perhaps the same:"
        for other in one.running:
            yield f"  {other.incident}  {clipped(other.title, 60)} ({other.system or 'no system named'})"
        first = one.running[0].incident
        yield f'When it is: holdfast incident merge {one.incident} {first} --reason "…"; or relate the two.'
        yield "Next time --join says so at once; `holdfast incident list --running` shows what runs."
    yield from _proposed(one)
    yield facts(("Next clock", clock_cell(one.next_clock, session.now)))
    yield f"Show it: holdfast incident show {one.incident}"


def _proposed(one: shapes.IncidentShown) -> Iterable[RenderableType]:
    if one.proposed:
        said = f"{one.proposed.severity.label}, {one.proposed.category.label.lower()}"
        yield facts(("Proposed", said), ("Because", one.proposed.reason))


def _after(made: IncidentWithTimeline, session: Session, what: str) -> Iterable[RenderableType]:
    """The deed in a sentence, and what is due next."""
    return _stands(made, session, f"{made.incident.incident} {what}.")


def _stands(made: IncidentWithTimeline, session: Session, sentence: str) -> Iterable[RenderableType]:
    one = made.incident
    label = one.severity.label if one.severity else "not classified"
    yield sentence
    yield facts(("Status", f"{one.status}, {label}"))
    if one.next_clock:
        yield facts(("Next clock", clock_cell(one.next_clock, session.now)))
