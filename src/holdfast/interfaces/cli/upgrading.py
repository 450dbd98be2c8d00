"""Upgrading: a workspace of an earlier release becomes one of this release."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import RenderableType
from rich.progress import Progress, SpinnerColumn, TextColumn

from holdfast import wording
from holdfast.interfaces.cli.output import cell
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.ledger.tables import SCHEMA
from holdfast.ledger.upgrading import Telling
from holdfast.shapes.base import Shown


class UpgradedShown(Shown):
    from_schema: int
    to_schema: int
    facts: int
    """Facts that were checked and added up again; none was changed."""
    carried: tuple[str, ...]
    """Tables whose rows were carried over into a new form."""


app = noun()


@command(app, "upgrade")
def upgrade(session: Session) -> None:
    """Bring a workspace of an earlier release to this one.

    First back it up, and stop every server and worker. Facts stay as they are. Every table that they add up
    to is made anew, every other table is carried over, and the whole ledger is checked, in one transaction:
    where something does not hold, or this is stopped at any moment, nothing was changed, and it can be run
    again.
    """
    with _shown(session) as progress:
        done = session.wiring.upgrade(session.workspace, progress)
    made = UpgradedShown(
        from_schema=done.from_schema, to_schema=SCHEMA, facts=done.facts, carried=done.carried
    )
    session.answer(lambda: made, _said)


@contextmanager
def _shown(session: Session) -> Iterator[Telling]:
    """Say what is being done while it takes long; on a terminal only, and never between the data."""
    console = session.console(stderr=True)
    if not console.is_terminal:
        yield lambda doing, done: None
        return
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True) as bar:
        task = bar.add_task("")
        yield lambda doing, done: bar.update(
            task, description=f"{doing}: {wording.plural(done, 'fact')}" if done else doing
        )


def _said(made: UpgradedShown) -> Iterable[RenderableType]:
    facts = wording.plural(made.facts, "fact")
    if made.from_schema < made.to_schema:
        yield cell(f"Upgraded from schema {made.from_schema} to {made.to_schema}.", "green")
    else:
        yield cell(f"The workspace has schema {made.to_schema} already, that of this program.", "green")
    yield f"{facts} checked and added up again, none of them changed; the ledger holds."
    if made.carried:
        yield f"Carried over into their new form: {', '.join(made.carried)}."
    yield "Start servers and workers again, and keep the backup until they have run for a while."
