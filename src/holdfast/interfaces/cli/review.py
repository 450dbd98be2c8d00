"""The post-incident review: eight questions, prefilled from the record."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import RenderableType

from holdfast import wording
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import cell, facts, heading, listed, words_of
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.typed import IncidentId, from_yaml, given
from holdfast.learn import reviewing
from holdfast.learn.review import Review
from holdfast.people import Permission
from holdfast.prepare.terms import ReviewQuestion
from holdfast.shapes import learning as shapes
from holdfast.steps.asking import read

app = noun()


@command(app, "draft")
def draft(session: Session, incident: IncidentId) -> None:
    """Write down what the record knows; what a person wrote stays."""
    by = session.acting(Permission.RESPOND)
    drafted = reviewing.draft(session.application.desk, incident, by=by, at=session.now)
    session.answer(lambda: _shown(session, incident, drafted), _standing)


@command(app, "edit")
def edit(
    session: Session,
    incident: IncidentId,
    file: Annotated[
        str,
        typer.Option("--from", metavar="FILE", help="Answers and attendees in YAML; - reads standard input."),
    ] = "",
    question: Annotated[ReviewQuestion | None, typer.Option(help="Which answer to replace.")] = None,
    answer: Annotated[str, typer.Option(help="The answer to --question.")] = "",
    attendee: Annotated[
        list[str] | None, typer.Option("--attendee", help="Who took part; repeat for each, all of them.")
    ] = None,
) -> None:
    """Change answers, or who took part; what is not named stays."""
    by = session.acting(Permission.RESPOND)
    said = _edited(file, question, answer, attendee)
    desk = session.application.desk
    edited = reviewing.edit(desk, incident, said.answers, said.attendees, by=by, at=session.now)
    session.answer(lambda: _shown(session, incident, edited), _standing)


@command(app, "complete")
def complete(
    session: Session,
    incident: IncidentId,
    actions: Annotated[
        str,
        typer.Option(
            "--actions", metavar="FILE", help="What was decided, as remediation items in YAML (actions: …)."
        ),
    ] = "",
) -> None:
    """Complete the review and share it with those the playbook names."""
    by = session.acting(Permission.RESPOND)
    said = from_yaml(Path(actions), shapes.CompletionAsked) if actions else shapes.CompletionAsked()
    plans = [action.plan() for action in said.actions]
    completed = reviewing.complete(session.application.desk, incident, plans, by=by, at=session.now)
    session.answer(lambda: _shown(session, incident, completed), _standing)


@command(app, "show")
def show(
    session: Session,
    incident: IncidentId,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="As the file that `review edit --from` reads.")
    ] = False,
) -> None:
    """Show the review as it stands."""
    ledger = session.application.ledger
    load(ledger, incident)
    found = reviewing.review_of(ledger, incident)
    if as_yaml:
        values = {
            "answers": {question.value: found.answers[question] for question in ReviewQuestion},
            "attendees": list(found.attendees),
        }
        print(yaml.dump(values, Dumper=_Readable, sort_keys=False, allow_unicode=True), end="")
        return
    session.answer(lambda: _shown(session, incident, found), _words)


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Readable.add_representer(str, _text)


def _edited(
    file: str, question: ReviewQuestion | None, answer: str, attendees: list[str] | None
) -> shapes.ReviewAsked:
    if file:
        return from_yaml(Path(file), shapes.ReviewAsked)
    answers = {question.value: answer} if question else {}
    if not answers and attendees is None:
        raise typer.BadParameter("nothing to change; give --question with --answer, --attendee, or --from")
    return read(shapes.ReviewAsked, given(answers=answers, attendees=attendees))


def _shown(session: Session, incident: str, found: Review) -> shapes.ReviewShown:
    questions = reviewing.questions(session.application.desk, incident)
    return shapes.shown_review(incident, questions, found)


def _standing(made: shapes.ReviewShown) -> Iterable[RenderableType]:
    """Where the review stands, and what is still missing."""
    yield cell(_title(made), "bold")
    yield facts(
        ("No answer yet", listed((words_of(one) for one in made.unanswered), "")),
        ("From the record", listed((words_of(one) for one in made.from_record), "")),
        ("Took part", listed(made.attendees, "nobody named yet")),
        ("Decided", listed(made.items, "")),
        ("Shared with", listed(made.shared_with, "")),
    )
    if made.completed_at is None:
        yield f"Read it: holdfast review show {made.incident}"


def _title(made: shapes.ReviewShown) -> str:
    state = "draft" if made.completed_at is None else f"completed {wording.utc(made.completed_at)}"
    return f"Review of {made.incident}, version {made.version}, {state}"


def _words(made: shapes.ReviewShown) -> Iterable[RenderableType]:
    if not made.version:
        yield f"Not begun. Let the record fill it in: holdfast review draft {made.incident} --as EMAIL"
        return
    yield cell(_title(made), "bold")
    for question, answer in made.answers.items():
        known = answer and question in made.from_record and not made.completed_at
        mark = "  (from the record)" if known else ""
        yield heading(f"{made.questions[question]}{mark}")
        yield answer or cell("no answer yet", "yellow")
    yield heading("Took part")
    yield listed(made.attendees, "nobody named yet")
    if made.items:
        yield f"Decided: {listed(made.items)}"
    if made.shared_with:
        yield f"Shared with {listed(made.shared_with)}"
