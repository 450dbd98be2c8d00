"""Impact: counted in the log, judged by people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import typer
import yaml
from rich.console import RenderableType

from holdfast import wording
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import facts, heading, table
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.typed import IncidentId, YamlFile, asked, from_yaml, time_option
from holdfast.interfaces.shapes import investigation as shapes
from holdfast.investigate import assessing
from holdfast.investigate.impact import affected_period
from holdfast.people import Permission

app = noun("impact", "Impact: who and what is affected.")


@command(app, "count")
def count(
    session: Session,
    incident: IncidentId,
    start: Annotated[datetime | None, time_option("--from", "When the harm began, unless known.")] = None,
    end: Annotated[
        datetime | None, time_option("--to", "Until when; containment or now, unless given.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="COLUMN=VALUE", help="Only this segment; may be repeated."),
    ] = None,
) -> None:
    """Count in the prediction log who is affected."""
    by = session.acting(Permission.RESPOND)
    application, now = session.application, session.now
    said = asked(shapes.CountAsked, start=start, end=end, where=_segment(where or []))
    first, last = affected_period(load(application.ledger, incident).state, now)
    with session.progress("counting in the prediction log"):
        assessing.count(
            application.ledger,
            application.counter,
            incident,
            said.start or first,
            said.end or last,
            said.where,
            reassess=application.desk.noted,
            by=by,
            at=now,
        )
    _answer(session, incident)


@command(app, "assess")
def assess(session: Session, incident: IncidentId, file: YamlFile) -> None:
    """Record the next version of the assessment from a file; `impact show --yaml` writes one to begin."""
    by = session.acting(Permission.RESPOND)
    said = from_yaml(file, shapes.AssessmentAsked)
    application = session.application
    assessing.assess(
        application.ledger,
        incident,
        said.assessment(),
        count=said.count,
        reassess=application.desk.noted,
        by=by,
        at=session.now,
    )
    _answer(session, incident)


@command(app, "show")
def show(
    session: Session,
    incident: IncidentId,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As the file that `impact assess` reads.")] = False,
) -> None:
    """Show what is counted and judged."""
    load(session.application.ledger, incident)
    if as_yaml:
        print(_yaml(assessing.impact_of(session.application.ledger, incident).assessment()), end="")
        return
    _answer(session, incident)


def _segment(pairs: list[str]) -> dict[str, str]:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is not COLUMN=VALUE", param_hint="--where")
    return dict(pair.split("=", 1) for pair in pairs)


def _yaml(known: object) -> str:
    document = shapes.AssessmentAsked.model_validate(known, from_attributes=True)
    values = document.model_dump(mode="json", exclude={"count"})
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _answer(session: Session, incident: str) -> None:
    ledger = session.application.ledger
    session.answer(lambda: shapes.shown_impact(incident, assessing.impact_of(ledger, incident)), _words)


def _words(made: shapes.ImpactShown) -> Iterable[RenderableType]:
    counted = made.count
    if counted is None:
        yield f"Nothing is counted yet: holdfast impact count {made.incident} --as EMAIL"
    else:
        segment = wording.group(counted.where)
        share = f" ({wording.percent(counted.share, 1)} of {counted.total:,})" if counted.share else ""
        people = wording.thousands(counted.users, "not identified in the log")
        yield facts(
            ("People", people),
            ("Predictions", f"{counted.inferences:,}{share}"),
            ("From", wording.utc(counted.start)),
            ("To", wording.utc(counted.end)),
            ("Only", segment),
            ("Counted", f"{wording.utc(counted.at)} by {counted.by}"),
        )
        if counted.groups:
            rows = [
                (wording.group(g.group), f"{g.inferences:,}", wording.thousands(g.users))
                for g in counted.groups
            ]
            yield heading("By group")
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
