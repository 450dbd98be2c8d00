"""The ledger: check it, seal it, read it, prove it, add its tables up again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.interfaces.cli.output import cell, clipped, facts, table
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.shapes import record as shapes
from holdfast.interfaces.shapes.base import Shown
from holdfast.ledger.projections import rebuild

app = noun("ledger", "The ledger: what happened, sealed so that nobody can change it quietly.")


class Rebuilt(Shown):
    facts: int


@command(app, "check")
def check(session: Session) -> None:
    """Rebuild everything from stored bytes and compare: facts, tree, checkpoints, projections.

    Exits 0 when everything holds, 1 naming each entry that does not.
    """
    application = session.application
    with session.progress("checking every fact", application.ledger.size()) as progress:
        report = application.check(progress)
    made = session.answer(lambda: shapes.checked(report), _checked)
    if not made.holds:
        raise typer.Exit(1)


@command(app, "seal")
def seal(session: Session) -> None:
    """Put what was appended under a signed checkpoint, and show the newest one."""
    application = session.application
    application.sealer.seal(session.now)
    session.answer(lambda: shapes.checkpoint(application.ledger, str(application.verifier_key)), _sealed)


@command(app, "facts")
def facts_(
    session: Session,
    after: Annotated[int, typer.Option(help="Only entries behind this number.")] = -1,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 50,
    type_: Annotated[str, typer.Option("--type", help="Only this type: incident.opened.")] = "",
    stream: Annotated[str, typer.Option(help="Only this stream: incident/INC-1.")] = "",
) -> None:
    """List entries in order."""
    ledger = session.application.ledger
    session.answer(lambda: shapes.facts(ledger, after, limit, type_, stream), _facts)


@command(app, "proof")
def proof(
    session: Session, entry: Annotated[int, typer.Argument(metavar="ENTRY", help="Its number: 17.", min=0)]
) -> None:
    """Show what proves that an entry is under a signed checkpoint."""
    session.answer(lambda: shapes.prove(session.application.ledger, entry), _proof)


@command(app, "rebuild")
def rebuild_(session: Session) -> None:
    """Drop the tables that facts add up to, and add them up again. Facts are not touched."""
    ledger = session.application.ledger
    with session.progress("adding the facts up again"):
        count = rebuild(ledger)
    session.answer(
        lambda: Rebuilt(facts=count), lambda made: [f"{wording.plural(made.facts, 'fact')} added up again."]
    )


# Words -----------------------------------------------------------------------------------------


def _checked(made: shapes.Checked) -> Iterable[RenderableType]:
    yield facts(
        ("Facts", f"{made.facts:,}"),
        ("Checkpoints", f"{made.checkpoints:,} in the database, {made.anchored:,} kept outside it"),
        ("Projections", f"{wording.plural(made.projection_tables, 'table')} rebuilt and compared"),
    )
    if made.holds:
        yield cell("Everything holds.", "green")
        return
    yield cell(f"{wording.plural(len(made.problems), 'problem')}:", "red")
    for problem in made.problems:
        yield f"  {problem}"


def _sealed(made: shapes.CheckpointShown) -> Iterable[RenderableType]:
    yield f"{made.size:,} of {made.appended:,} entries are sealed, {wording.utc(made.sealed_at)}."
    yield facts(("Root", made.root), ("Key", made.verifier_key))


def _facts(made: shapes.Facts) -> Iterable[RenderableType]:
    if not made.facts:
        yield f"No entry matches; the ledger holds {made.size:,}."
        return
    rows = [(one.seq, f"{one.recorded_at:%d %b %H:%M:%S}", _said(one), one.by.name) for one in made.facts]
    yield table(("Entry", "Recorded (UTC)", "What", "By"), rows, right=("Entry",), keep=("Recorded (UTC)",))
    yield f"{wording.plural(len(made.facts), 'entry', 'entries')} of {made.size:,}."


def _said(one: shapes.FactShown) -> object:
    said = cell(f"{one.type}  {one.stream}")
    said.append(f"\n{cell(clipped(json.dumps(one.data, ensure_ascii=False), 160))}", style="dim")
    return said


def _proof(made: shapes.Proof) -> Iterable[RenderableType]:
    yield f"Entry {made.seq} is under the checkpoint of {made.size:,} entries."
    yield facts(("Leaf hash", made.leaf_hash), ("Root", made.root))
    for number, node in enumerate(made.proof, 1):
        yield f"  {number:>2}  {node}"
    yield ""
    yield made.checkpoint
