"""Evidence: what is held, taking more in, giving bytes out, checking them."""

from __future__ import annotations

import mimetypes
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.evidence import custody
from holdfast.evidence.capture import Found
from holdfast.evidence.events import Kind
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import cell, heading, table
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.typed import IncidentId
from holdfast.people import Permission
from holdfast.problems import NotAllowed
from holdfast.shapes import evidence as shapes

app = noun()


@command(app, "list")
def list_(session: Session, incident: IncidentId) -> None:
    """What is held for an incident, and what could not be preserved. Who looks is on the record; so is a
    refusal."""
    ledger = session.application.ledger
    load(ledger, incident)
    listed = custody.listing(ledger, incident, who=session.asking(), at=session.now)
    session.answer(lambda: shapes.held(incident, listed), _listed)


@command(app, "add")
def add(
    session: Session,
    incident: IncidentId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What is copied into the vault.")],
    title: Annotated[str, typer.Option(help="What it is, in a few words.")],
    kind: Annotated[Kind, typer.Option(help="Which kind of evidence.")] = Kind.INVESTIGATION_NOTES,
    source: Annotated[str, typer.Option(help="Where it was taken from; its path unless given.")] = "",
) -> None:
    """Take one more file in."""
    by = session.acting(Permission.RESPOND)
    media = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    found = Found(kind, title, file.name, file, source or str(file), media)
    with session.progress(f"copying {file.name} into the vault"):
        item = session.application.desk.keep(incident, found, by=by, at=session.now)
    session.answer(
        lambda: shapes.item(item),
        lambda made: [
            f"{incident} holds {made.item} {made.title}, {wording.filesize(made.size)}.",
            f"SHA-256 {made.sha256}",
        ],
    )


@command(app, "get")
def get(
    session: Session,
    incident: IncidentId,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Its number: EV-1.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write it; - writes to standard output."),
    ] = None,
) -> None:
    """Get the bytes of one item. The access is on the record before the first of them leaves; so is a
    refusal."""
    application = session.application
    load(application.ledger, incident)
    found, blocks = custody.hand_out(
        application.ledger, application.vault, incident, item, who=session.asking(), at=session.now
    )
    if output is not None and str(output) == "-":
        for block in blocks:
            sys.stdout.buffer.write(block)
        return
    target = output or Path(found.name)
    _write(target, blocks)
    session.answer(
        lambda: shapes.item(found),
        lambda made: [f"{made.item} {made.title}: {target}, {wording.filesize(made.size)}, hash checked."],
    )


@command(app, "verify")
def verify(session: Session, incident: IncidentId) -> None:
    """Hash every item again and record the result. Exits 1 when one is not what was recorded."""
    application = session.application
    load(application.ledger, incident)
    with session.progress("hashing every item again"):
        fact = custody.check(
            application.ledger, application.vault, incident, who=session.asking(), at=session.now
        )
    made = session.answer(lambda: shapes.verified(fact), _verified)
    if not made.holds:
        raise typer.Exit(1)


def _write(target: Path, blocks: Iterator[bytes]) -> None:
    """Beside the target first: what turns out not to be the recorded bytes leaves no file."""
    if target.exists():
        raise NotAllowed(f"{target} is already there; name another file with --output")
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("xb") as file:
            for block in blocks:
                file.write(block)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _listed(made: shapes.Evidence) -> Iterable[RenderableType]:
    if not made.items:
        yield f"{made.incident} holds no evidence."
    else:
        rows = [
            (
                one.item,
                f"{one.title}\n{one.source}",
                wording.filesize(one.size),
                wording.short_hash(one.sha256),
            )
            for one in made.items
        ]
        yield table(("Item", "What", "Size", "SHA-256"), rows, right=("Size",), keep=("Item", "SHA-256"))
    if made.missing:
        yield heading("Could not be preserved")
        for gap in made.missing:
            yield cell(f"  {gap.title}: {gap.reason}", "yellow")


def _verified(made: shapes.Verified) -> Iterable[RenderableType]:
    if made.holds:
        yield f"{wording.plural(made.items, 'item')} checked: every byte is what was recorded."
    for problem in made.problems:
        yield cell(problem, "red")
