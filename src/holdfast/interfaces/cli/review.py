"""The post-incident review: eight questions, prefilled from the record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
import yaml
from rich.console import RenderableType

from holdfast import wording
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import cell, facts, heading, listed, words_of
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.steps import stepped
from holdfast.interfaces.cli.typed import IncidentId
from holdfast.learn import reviewing
from holdfast.learn.review import Review
from holdfast.prepare.terms import ReviewQuestion
from holdfast.shapes import learning as shapes
from holdfast.steps import review as steps

app = noun()


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


for _step in steps.STEPS:
    stepped(app, _step, lambda taken: _standing(taken.shown))
