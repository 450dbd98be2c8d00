"""Impact: counted in the log, judged by people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
import yaml
from rich.console import RenderableType

from holdfast import wording
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import facts, heading, table
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.steps import stepped
from holdfast.interfaces.cli.typed import IncidentId
from holdfast.investigate import assessing
from holdfast.shapes import investigation as shapes
from holdfast.steps import impact as steps

app = noun()


@command(app, "show")
def show(
    session: Session,
    incident: IncidentId,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As the file that `impact assess` reads.")] = False,
) -> None:
    """Show what is counted and judged."""
    state = load(session.application.ledger, incident).state
    if as_yaml:
        known = assessing.impact_of(session.application.ledger, incident)
        print(_yaml(known.assessment(state.disputed)), end="")
        return
    _answer(session, incident)


def _yaml(known: object) -> str:
    document = shapes.AssessmentAsked.model_validate(known, from_attributes=True)
    values = document.model_dump(mode="json", exclude={"count"})
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _answer(session: Session, incident: str) -> None:
    ledger = session.application.ledger
    session.answer(
        lambda: shapes.shown_impact(
            incident, assessing.impact_of(ledger, incident), load(ledger, incident).state
        ),
        _words,
    )


def _dated(made: shapes.ImpactShown) -> Iterable[tuple[str, object]]:
    """How old the numbers are, whether the harm goes on since, and what counts besides them."""
    yield "As of", wording.utc(made.as_of) if made.as_of else ""
    yield "Exposed as of", wording.utc(made.exposed_as_of) if made.exposed_as_of else ""
    yield "The harm", made.harm
    yield "Not counted since", made.failed
    yield "Counted again", wording.utc(made.next_count) if made.next_count else ""
    yield "Merged into it", "; ".join(made.known_of_merged)


def _counted(made: shapes.ImpactShown, counted: shapes.CountedShown) -> Iterable[tuple[str, object]]:
    """What the count that rules says, and whose word rules on the people."""
    yield "People affected", wording.bounded(made.people, made.at_least)
    yield "As", "; ".join(made.source)
    yield from _dated(made)
    yield "Affected", _tally(counted.affected, counted.share, counted.total, at_least=counted.at_least)
    yield "Because", counted.because or "; ".join(counted.rules)
    yield (
        "Exposed",
        _tally(counted.exposed, counted.exposed_share, counted.total, at_least=counted.exposed_at_least),
    )
    yield "From", wording.utc(counted.start)
    yield "To", wording.utc(counted.end)
    yield "Not in these numbers", "; ".join(counted.gaps)
    yield "Only", wording.group(counted.where)
    yield (
        "Counted",
        f"{wording.utc(counted.at)} by {counted.by}, count {counted.number} of {len(made.counts)}"
        f"{', of a part' if counted.part else ''}",
    )


def _tally(
    tally: shapes.TallyShown | None, share: float | None, total: int, *, at_least: bool = False
) -> str:
    if tally is None:
        return "not known: nothing tells which of the exposed were touched"
    people = (
        "people not told apart" if tally.users is None else wording.plural(tally.users, "person", "people")
    )
    part = f", {wording.percent(share, 1)} of {total:,}" if share is not None else ""
    unnamed = f", {tally.unnamed:,} of them name nobody" if tally.unnamed else ""
    rows = wording.plural(tally.inferences, "prediction")
    return f"{'at least ' if at_least else ''}{people}, {rows}{part}{unnamed}"


def _words(made: shapes.ImpactShown) -> Iterable[RenderableType]:
    counted = made.count
    if made.disputed:
        yield f"{made.disputed}."
    if counted is None:
        if made.people is not None:
            yield facts(
                ("People affected", wording.bounded(made.people, made.at_least)),
                ("As", "; ".join(made.source)),
                *_dated(made),
            )
        elif made.failed or made.known_of_merged:
            yield facts(*_dated(made))
        yield f"Nothing is counted yet: holdfast impact count {made.incident} --as EMAIL"
    else:
        yield facts(*_counted(made, counted))
        if counted.groups:
            least = counted.at_least if counted.affected else counted.exposed_at_least
            rows = [
                (
                    wording.group(g.group),
                    wording.bounded(g.inferences, least),
                    wording.bounded(g.users, least, "not told apart"),
                )
                for g in counted.groups
            ]
            yield heading("Affected, by group" if counted.affected else "Exposed, by group")
            yield table(("Group", "Predictions", "People"), rows, right=("Predictions", "People"))
    yield heading("Assessment")
    if made.assessment is None:
        yield "None yet. Write one and record it:"
        yield f"  holdfast impact show {made.incident} --yaml > impact.yaml"
        yield f"  holdfast impact assess {made.incident} impact.yaml --as EMAIL"
        return
    yield f"Version {made.assessment.number}, {wording.utc(made.assessment.at)}, {made.assessment.by}:"
    for sentence in made.assessment.sentences:
        yield f"  {sentence}"


stepped(app, steps.count, lambda taken: _words(taken.shown), doing="counting in the prediction log")
stepped(app, steps.assess, lambda taken: _words(taken.shown))
