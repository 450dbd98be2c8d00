"""The ledger: check it, seal it, read it, prove it, add its tables up again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.interfaces.cli.output import cell, clipped, facts, table
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.ledger.anchoring import anchor_anew, kept_elsewhere
from holdfast.ledger.projections import rebuild
from holdfast.ledger.timekeeping import LedgerClock
from holdfast.people import SYSTEM, Permission
from holdfast.problems import NotAllowed
from holdfast.shapes import record as shapes
from holdfast.shapes.base import Shown

app = noun()


class Rebuilt(Shown):
    facts: int


@command(app, "check")
def check(
    session: Session,
    known: Annotated[
        list[Path] | None,
        typer.Option(
            help="A copy of checkpoints.jsonl, or a checkpoint, that somebody else kept. Repeatable.",
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """Rebuild everything from stored bytes and compare: schema, facts, tree, checkpoints, tables, files.

    Exits 0 when everything holds. Exits 1 when something does not, naming each entry, or when it cannot be
    said, naming what is missing and how to go on. The result is kept on the record. What no check from
    inside can show is shown by --known.
    """
    application = session.application
    elsewhere = [one for path in known or () for one in kept_elsewhere(path)]
    by = session.acting(Permission.READ_LEDGER) if session.person else SYSTEM
    with session.progress("checking every fact", application.ledger.size()) as progress:
        done = application.check_on_record(by, progress, elsewhere)
    made = session.answer(lambda: shapes.checked(done), _checked)
    if not made.holds:
        raise typer.Exit(1)


@command(app, "anchor")
def anchor(
    session: Session,
    reason: Annotated[str, typer.Option(help="What happened to it: for whoever asks in years.")],
) -> None:
    """Go on after what is kept outside the database was lost: write it anew from the database.

    First look for the newest copy of checkpoints.jsonl (and of what the key has signed, beside the key) in
    backups, and put it back. Where none is left, this writes what is missing from the checkpoints in the
    database, if everything else holds, and says so on the ledger for ever: that the database was not replaced
    by an older copy before that moment rests on the word of whoever runs this. Also for a workspace of a
    release that did not keep what its key has signed.
    """
    application, by = session.application, session.acting(Permission.CHANGE_PLAYBOOK)
    told = anchor_anew(
        application.ledger,
        application.verifier_key,
        application.anchor,
        application.memory,
        reason,
        by,
        session.now,
    )
    session.answer(lambda: shapes.anchored(told), _anchored)


@command(app, "clock")
def clock_(
    session: Session,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Go on from what the machine's clock says now.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why the clock was set.")] = "",
) -> None:
    """Say whether the machine's clock has stepped; with --confirm, go on from what it says now.

    After a step of more than two minutes nothing is recorded, sent or fired; only signing out and revoking a
    token go on. First look whether the clock is right, and set it where it is not: then nothing needs to be
    confirmed. Exits 1 while a step waits.
    """
    watched = session.application.clock
    if not isinstance(watched, LedgerClock):
        raise NotAllowed("this workspace goes by a clock of its own, which is not watched")
    if confirm:
        watched.confirm(reason, session.acting(Permission.CHANGE_PLAYBOOK))
    step = watched.step
    session.answer(lambda: shapes.clock_shown(watched, step), _clock)
    if step is not None:
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
    elsewhere = f", {made.elsewhere:,} kept by somebody else" if made.elsewhere else ""
    kept = f"{made.checkpoints:,} in the database, {made.anchored:,} kept outside it{elsewhere}"
    yield facts(
        ("Facts", f"{made.facts:,}, {made.sealed:,} of them under a signed checkpoint"),
        ("Checkpoints", kept),
        ("Projections", f"{wording.plural(made.projection_tables, 'table')} rebuilt and compared"),
        ("Also compared", ", ".join(made.inspected)),
    )
    if made.holds:
        yield cell("Everything holds.", "green")
    if made.problems:
        yield cell(f"{wording.plural(len(made.problems), 'problem')}:", "red")
        yield from (f"  {problem}" for problem in made.problems)
    if made.unknown:
        yield cell("Cannot say whether it holds:", "red")
        yield from (f"  {reason}" for reason in made.unknown)
    if made.unrecorded:
        yield f"This check could not be put on the ledger: {made.unrecorded}"
    if not made.elsewhere:
        yield cell(f"{made.not_shown}: give one with --known.", "dim")


def _clock(made: shapes.ClockShown) -> Iterable[RenderableType]:
    yield facts(
        ("Machine", wording.utc(made.machine)),
        ("Ledger", wording.utc(made.ledger)),
        ("Newest fact", wording.utc(made.newest) if made.newest else "none"),
    )
    yield cell(f"{made.step}.", "red") if made.step else "The clock goes on evenly."


def _anchored(made: shapes.Anchored) -> Iterable[RenderableType]:
    written = wording.plural(made.checkpoints, "checkpoint")
    yield f"{written} of {made.size:,} facts written anew. Missing was:"
    yield from (f"  {one}" for one in made.was)


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
