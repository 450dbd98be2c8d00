"""Cause: the root-cause analysis, each statement with what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
import yaml
from rich.console import RenderableType

from holdfast import wording
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import cell, heading, listed
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.steps import stepped
from holdfast.interfaces.cli.typed import IncidentId
from holdfast.investigate import analysing
from holdfast.shapes import investigation as shapes
from holdfast.steps import cause as steps

app = noun()

FORM = """\
# The analysis of {incident}. Every statement rests on links, or is marked as an assumption.
# A link is EV-1 (evidence), "#17" (a ledger entry, in quotes) or monitor:accuracy.
facts:
  - text: What is known
    links: [EV-1]
sequence:
  - at: 2026-11-23T08:00:00Z
    text: What happened then
    assumption: true
factors:
  - group: data   # model, data, process, infrastructure or human
    text: What contributed
    links: ["#17"]
# Once it is established:
# root_cause:
#   text: Why it happened
#   links: [EV-1]
"""


@command(app, "show")
def show(
    session: Session,
    incident: IncidentId,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As the file that `cause set` reads.")] = False,
) -> None:
    """Show the analysis."""
    load(session.application.ledger, incident)
    if as_yaml:
        found = shapes.shown_cause(incident, analysing.cause_of(session.application.ledger, incident))
        print(_yaml(found), end="")
        return
    _answer(session, incident)


def _yaml(found: shapes.CauseShown) -> str:
    if found.analysis is None:
        return FORM.format(incident=found.incident)
    values = found.analysis.model_dump(mode="json", exclude={"number", "at", "by"}, exclude_none=True)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _answer(session: Session, incident: str) -> None:
    ledger = session.application.ledger
    session.answer(lambda: shapes.shown_cause(incident, analysing.cause_of(ledger, incident)), _words)


def _words(made: shapes.CauseShown) -> Iterable[RenderableType]:
    found = made.analysis
    if found is None:
        yield "Not analysed yet. Write the analysis and record it:"
        yield f"  holdfast cause show {made.incident} --yaml > cause.yaml"
        yield f"  holdfast cause set {made.incident} cause.yaml --as EMAIL"
        return
    yield cell(f"Root cause: {made.established or 'not established yet'}", "bold")
    yield from _section("Facts", [("", one) for one in found.facts])
    told = [(f"{one.at:%d %b %H:%M}  ", one) for one in found.sequence]
    yield from _section("Sequence (UTC)", told)
    yield from _section("Contributing factors", [(f"{one.group}: ", one) for one in found.factors])
    yield heading(f"Version {found.number} of {len(made.versions)}, {wording.utc(found.at)}, {found.by}")


def _section(title: str, statements: Sequence[tuple[str, shapes.StatementShown]]) -> Iterable[RenderableType]:
    if statements:
        yield heading(title)
    for before, one in statements:
        rests = "assumption" if one.assumption else listed(one.links)
        said = cell(f"  {before}{one.text}")
        said.append(f"  [{rests}]", style="dim")
        yield said


stepped(app, steps.analyse, lambda taken: _words(taken.shown))
