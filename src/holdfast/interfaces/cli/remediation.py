"""Remediation: what is done about the cause, by whom, until when, and whether it worked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from holdfast import wording
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import cell, facts, table, words_of
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.typed import IncidentId, ItemId, Reason, given, length_option, time_option
from holdfast.learn import remedying, tracker
from holdfast.learn.events import Method
from holdfast.learn.remediation import Item
from holdfast.people import Permission
from holdfast.prepare.terms import RemediationKind
from holdfast.problems import NotAllowed
from holdfast.shapes import learning as shapes
from holdfast.shapes.investigation import links_of
from holdfast.steps.asking import read

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


@command(app, "plan")
def plan(
    session: Session,
    incident: IncidentId,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="What will be done.")],
    kind: Annotated[RemediationKind, typer.Option(help="What kind of remedy.")],
    responsible: Annotated[str, typer.Option(metavar="EMAIL", help="Who does it.")],
    deadline: Annotated[datetime, time_option("--deadline", "Until when.")],
    monitor: Annotated[
        str, typer.Option(help="The monitor that has to prove it; the system watches it.")
    ] = "",
    windows: Annotated[
        int | None, typer.Option(help="Windows back in bounds; as the playbook says unless given.")
    ] = None,
    lasting: Annotated[
        timedelta | None,
        length_option("--lasting", "How long these span; as the playbook says unless given."),
    ] = None,
    test: Annotated[str, typer.Option(help="Without a monitor: the test that will show it.")] = "",
    review: Annotated[str, typer.Option(help="Without a monitor: the review that will show it.")] = "",
) -> None:
    """Plan an item: what removes the cause, and what will prove that it does."""
    by = session.acting(Permission.RESPOND)
    wanted = _verification(monitor, test, review)
    wanted |= {key: value for key, value in (("windows", windows), ("lasting", lasting)) if value is not None}
    said = read(
        shapes.PlanAsked,
        given(action=action, kind=kind, responsible=responsible, deadline=deadline, verification=wanted),
    )
    number = remedying.plan(session.application.desk, incident, said.plan(), by=by, at=session.now)
    _answer(session, number)


@command(app, "start")
def start(session: Session, item: ItemId) -> None:
    """Somebody begins with it."""
    by = session.acting(Permission.RESPOND)
    found = _item(session, item)
    remedying.start(session.application.desk, found.incident, item, by=by, at=session.now)
    _answer(session, item)


@command(app, "finish")
def finish(
    session: Session,
    item: ItemId,
    what: Annotated[str, typer.Argument(metavar="SENTENCE", help="What was done.")],
    at: Annotated[datetime | None, time_option("--at", "When it took effect; now unless given.")] = None,
) -> None:
    """The action is taken; from now on its effect is looked at."""
    by = session.acting(Permission.RESPOND)
    incident = _item(session, item).incident
    remedying.finish(session.application.desk, incident, item, what, done_at=at, by=by, at=session.now)
    _answer(session, item)


@command(app, "verify")
def verify(
    session: Session,
    item: ItemId,
    proof: Annotated[str, typer.Argument(metavar="SENTENCE", help="What the test or review showed.")],
    failed: Annotated[bool, typer.Option("--failed", help="It showed that it does not work.")] = False,
    link: Annotated[
        list[str] | None, typer.Option("--link", help="What proves it: EV-1, #17, monitor:accuracy.")
    ] = None,
) -> None:
    """Record what a test or a review showed. What a monitor proves, it proves by itself."""
    by = session.acting(Permission.RESPOND)
    incident, links = _item(session, item).incident, links_of(link or [])
    remedying.verify(
        session.application.desk, incident, item, not failed, proof, links, by=by, at=session.now
    )
    _answer(session, item)


@command(app, "withdraw")
def withdraw(session: Session, item: ItemId, reason: Reason) -> None:
    """It will not be done; the reason is kept."""
    by = session.acting(Permission.RESPOND)
    incident = _item(session, item).incident
    remedying.withdraw(session.application.desk, incident, item, reason, by=by, at=session.now)
    _answer(session, item)


# Words -----------------------------------------------------------------------------------------


def _verification(monitor: str, test: str, review: str) -> dict[str, object]:
    given = {Method.MONITOR: monitor, Method.TEST: test, Method.REVIEW: review}
    named = [(method, said) for method, said in given.items() if said]
    if len(named) != 1:
        raise typer.BadParameter("say what will prove it: one of --monitor, --test or --review")
    method, said = named[0]
    return {"method": method, ("monitor" if method is Method.MONITOR else "how"): said}


def _item(session: Session, item: str) -> Item:
    with session.application.ledger.reading() as conn:
        found = tracker.get(conn, item)
    if found is None:
        raise NotAllowed(f"there is no remediation {item}; `holdfast remediation list INCIDENT` shows them")
    return found


def _answer(session: Session, item: str) -> None:
    words: Callable[[shapes.ItemShown], Iterable[RenderableType]] = lambda made: _words(made, session.now)  # noqa: E731
    session.answer(lambda: shapes.item(_item(session, item)), words)


def _words(made: shapes.ItemShown, now: datetime) -> Iterable[RenderableType]:
    yield cell(f"{made.item}  {made.action}", "bold")
    yield facts(
        ("Standing", _standing(made, now)),
        ("Who", f"{made.responsible_name}, until {wording.utc(made.deadline)}"),
        ("Removes", made.cause),
        ("Proven by", made.verification.how),
        ("Done", f"{made.done} ({wording.utc(made.done_at)})" if made.done_at else ""),
        ("Result", made.result),
    )


def _standing(made: shapes.ItemShown, now: datetime) -> Text:
    if made.standing in ("planned", "started"):
        left = wording.left(made.deadline, now).replace("breached by", "overdue by")
        return cell(f"{made.standing}, {left}", "red" if made.deadline < now else "")
    if made.standing == "done":
        return cell("done, waits for its verification", "yellow")
    return cell(words_of(made.standing), "green" if made.standing == "verified" else "dim")


def _listed(made: shapes.Items, now: datetime) -> Iterable[RenderableType]:
    if not made.items:
        yield "Nothing is to be done. Plan an item: holdfast remediation plan INCIDENT ACTION …"
        return
    rows = [(one.item, one.action, one.responsible_name, _standing(one, now)) for one in made.items]
    yield table(("Item", "Action", "Who", "Standing"), rows, keep=("Item",))
