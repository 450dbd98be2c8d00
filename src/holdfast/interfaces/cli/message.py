"""Messages: who was told, and trying again what was given up."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from holdfast import wording
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import Style, cell, clipped, table
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.steps import stepped
from holdfast.shapes import messages as shapes
from holdfast.steps import messages as steps

app = noun()


class State(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    DEAD = "dead"
    SEEN_TO = "seen_to"


@command(app, "list")
def list_(
    session: Session,
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Only of this incident.")] = "",
    state: Annotated[State | None, typer.Option(help="Only in this state; dead is given up.")] = None,
    unreached: Annotated[
        bool, typer.Option("--unreached", help="Only what was given up, and nobody has seen to.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> None:
    """Messages, the newest first."""
    ledger = session.application.ledger
    if incident:
        load(ledger, incident)
    session.answer(
        lambda: shapes.messages(ledger, incident, state or "", limit, unreached=unreached),
        lambda made: _listed(made, session),
    )


stepped(app, steps.retry, lambda taken: [f"The message to {taken.shown.recipient} is {taken.shown.state}."])


stepped(app, steps.see_to, lambda taken: [f"The message to {taken.shown.recipient} is seen to."])


def _listed(made: shapes.Messages, session: Session) -> Iterable[RenderableType]:
    if not made.messages:
        yield "No message."
        return
    rows = [(one.message, _what(one), _standing(one, session)) for one in made.messages]
    yield table(("Message", "To and subject", "Standing"), rows, keep=("Message",))


def _what(one: shapes.MessageShown) -> Text:
    said = cell(one.recipient)
    said.append(f"\n{cell(clipped(one.subject, 160))}", style="dim")
    return said


def _standing(one: shapes.MessageShown, session: Session) -> Text:
    colours: dict[str, Style] = {"sent": "green", "dead": "red"}
    words = {
        "dead": "given up",
        "seen_to": "seen to",
        "queued": f"tried {wording.ago(one.next_at, session.now)}",
    }
    if one.state == "queued" and one.next_at <= session.now:
        words["queued"] = "waits for a worker"
    said = cell(words.get(one.state, one.state), colours.get(one.state, ""))
    if one.reason and one.state != "sent":
        said.append(f"\n{cell(clipped(one.reason, 120))}", style="dim")
    return said
