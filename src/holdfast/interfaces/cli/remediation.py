"""Remediation: what is done about the cause, by whom, until when, and whether it worked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from holdfast import wording
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import cell, facts, table, words_of
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.steps import stepped
from holdfast.learn import remedying, tracker
from holdfast.shapes import learning as shapes
from holdfast.steps import remediation as steps
from holdfast.steps.step import Step

app = noun()


@command(app, "list")
def list_(
    session: Session,
    incident: Annotated[
        str, typer.Argument(metavar="INCIDENT", help="Its items; without it, everything to be done.")
    ] = "",
    responsible: Annotated[str, typer.Option(help="Only of this person.")] = "",
) -> None:
    """The items of an incident, or everything that is to be done, the nearest deadline first."""
    ledger = session.application.ledger
    if incident:
        load(ledger, incident)
        found = list(remedying.remediations_of(ledger, incident).items.values())
    else:
        with ledger.reading() as conn:
            found = [*tracker.due_items(conn, responsible=responsible, limit=1000)]

    def document() -> shapes.Items:
        return shapes.Items(items=tuple(shapes.item(one) for one in found))

    session.answer(document, lambda made: _listed(made, session.now))


# Words -----------------------------------------------------------------------------------------


def _words(made: shapes.ItemShown, now: datetime) -> Iterable[RenderableType]:
    yield cell(f"{made.item}  {made.action}", "bold")
    yield facts(
        ("Standing", _standing(made, now)),
        ("Who", f"{made.responsible_name}, until {wording.utc(made.deadline)}"),
        ("Removes", made.cause),
        ("Proven by", made.verification.how),
        ("Done", f"{made.done} ({wording.utc(made.done_at)})" if made.done_at else ""),
        ("Result", made.result),
        ("Not provable", cell(made.unprovable, "red") if made.unprovable else ""),
        ("Overtaken", cell(made.overtaken, "red") if made.overtaken else ""),
    )


def _standing(made: shapes.ItemShown, now: datetime) -> Text:
    if made.standing in ("planned", "started"):
        left = wording.left(made.deadline, now).replace("breached by", "overdue by")
        return cell(f"{made.standing}, {left}", "red" if made.deadline < now else "")
    if made.standing == "done" and made.unprovable:
        return cell("done, and its monitor cannot prove it any more", "red")
    if made.standing == "done":
        return cell("done, waits for its verification", "yellow")
    if made.overtaken:
        return cell("verified, overtaken", "red")
    return cell(words_of(made.standing), "green" if made.standing == "verified" else "dim")


def _listed(made: shapes.Items, now: datetime) -> Iterable[RenderableType]:
    if not made.items:
        yield "Nothing is to be done. Plan an item: holdfast remediation plan INCIDENT ACTION …"
        return
    rows = [(one.item, one.action, one.responsible_name, _standing(one, now)) for one in made.items]
    yield table(("Item", "Action", "Who", "Standing"), rows, keep=("Item",))


_each: tuple[Step[..., Any, shapes.ItemShown], ...] = steps.STEPS
for _step in _each:
    stepped(app, _step, lambda taken: _words(taken.shown, taken.session.now))
