"""The playbook: its versions, what changed, and who signed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.interfaces.cli.output import Style, cell, facts, listed, table, when, words_of
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.steps import stepped
from holdfast.prepare import versions
from holdfast.prepare.versions import PlaybookVersion
from holdfast.prepare.workspace import PLAYBOOK
from holdfast.shapes import preparation as shapes
from holdfast.steps import playbook as steps

app = noun()
Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="A label, a hash, or the beginning of a hash.")
]


@command(app, "versions")
def versions_(session: Session) -> None:
    """Every version, the one applied last first."""
    found = versions.playbook_versions_of(session.application.ledger)
    session.answer(
        lambda: shapes.Versions(versions=tuple(shapes.listed_version(one) for one in found)), _listed
    )


@command(app, "show")
def show(
    session: Session,
    version: Version = "",
    text: Annotated[
        bool, typer.Option("--text", help="The file as it was applied, and nothing else.")
    ] = False,
) -> None:
    """One version and who signed it: the one in force unless named, else the one applied last."""
    found = _version(session, version)
    if text:
        print(found.text, end="")
        return
    session.answer(lambda: shapes.shown_version(found), _shown)


@command(app, "diff")
def diff(
    session: Session,
    older: Annotated[str, typer.Argument(metavar="OLDER", help="The version in force unless named.")] = "",
    newer: Annotated[str, typer.Argument(metavar="NEWER", help="The workspace's file unless named.")] = "",
) -> None:
    """What changed from one version to another, or from the one in force to the file in the workspace."""
    old = _version(session, older)
    if newer:
        found = versions.find_playbook(session.application.ledger, newer)
        name, text = found.version, found.text
    else:
        name, text = PLAYBOOK, (session.workspace / PLAYBOOK).read_text(encoding="utf-8")
    passages = versions.difference(old.text, text)
    session.answer(lambda: shapes.difference(old.version, name, passages), _changed)


@command(app, "changes")
def changes_(session: Session) -> None:
    """Changes of limits and of authority that are signed like the playbook, the newest first."""
    found = versions.changes_of(session.application.ledger)
    session.answer(lambda: shapes.changes_shown(found), _changes)


def _version(session: Session, version: str) -> PlaybookVersion:
    ledger = session.application.ledger
    if version:
        return versions.find_playbook(ledger, version)
    known = versions.playbook_versions_of(ledger)
    active = next((one for one in known if one.state == "active"), None)
    if active or known:
        return active or known[0]
    return versions.require_playbook(ledger)


# Words -----------------------------------------------------------------------------------------


def _listed(made: shapes.Versions) -> Iterable[RenderableType]:
    if not made.versions:
        yield "No version so far: holdfast apply --as EMAIL"
        return
    rows = [
        (one.version, wording.short_hash(one.content), one.state, _waits(one), wording.day(one.applied_at))
        for one in made.versions
    ]
    yield table(("Version", "Hash", "State", "Waits for", "Applied"), rows, keep=("Hash", "State", "Applied"))


def _waits(one: shapes.VersionListed) -> str:
    if one.state != "proposed":
        return ""
    return listed(words_of(function) for function in one.missing)


def _shown(made: shapes.VersionShown) -> Iterable[RenderableType]:
    yield cell(f"{made.title}, version {made.version}: {made.state}", "bold")
    yield facts(
        ("Hash", made.content),
        ("Proposed", f"{when(made.applied_at)} by {made.applied_by}"),
        ("In force since", when(made.activated_at, "")),
        ("Review due", when(made.review_due, "")),
    )
    yield from _signatures(made)
    yield f"Its text: holdfast playbook show {made.version} --text"


def _signatures(made: shapes.VersionListed) -> Iterable[RenderableType]:
    signed = {approval.function: approval for approval in made.approvals}
    rows = []
    for function in made.sign_off:
        approval = signed.get(function)
        by = f"{approval.name}, {wording.utc(approval.at)}" if approval else cell("not signed yet", "yellow")
        rows.append((words_of(function), by))
    yield table(("Signs for", "Signed"), rows)


def _signed(made: shapes.VersionShown) -> Iterable[RenderableType]:
    if made.state == "active":
        yield f"Version {made.version} is in force."
    else:
        yield f"Signed. Version {made.version} waits for {listed(words_of(one) for one in made.missing)}."
    yield from _signatures(made)


def _changes(made: shapes.ChangesShown) -> Iterable[RenderableType]:
    if not made.changes:
        yield "No change of limits or authority was to be signed so far."
    for one in made.changes:
        yield from _change(one)


def _change(made: shapes.ChangeShown) -> Iterable[RenderableType]:
    yield cell(f"{made.change}, {made.kind} of {made.subject}: {made.state}", "bold")
    yield f"  applied {wording.utc(made.proposed_at)} by {made.proposed_by}"
    for said in made.differences:
        yield f"  {said}"
    for one in made.approvals:
        yield f"  signed for {words_of(one.function)}: {one.name}, {wording.utc(one.at)}"
    if made.missing:
        yield cell(f"  waits for {listed(words_of(one) for one in made.missing)}", "yellow")


def _reviewed(made: shapes.ReviewsShown) -> Iterable[RenderableType]:
    for one in made.reviews:
        due = wording.day(one.next_due)
        yield f"Version {one.version} was reviewed and stays as it is. Next review {due}."


def _changed(made: shapes.Difference) -> Iterable[RenderableType]:
    if not made.passages:
        yield f"{made.older} and {made.newer} do not differ."
        return
    yield cell(f"From {made.older} to {made.newer}", "bold")
    colours: dict[str, Style] = {"+": "green", "-": "red", " ": "dim"}
    for passage in made.passages:
        yield cell(f"@ line {passage[0].new or passage[0].old}", "bold")
        for line in passage:
            shown = cell(f"{line.sign} {line.text}", colours[line.sign])
            shown.no_wrap, shown.overflow = True, "ignore"  # a file's line stays one line
            yield shown


stepped(app, steps.sign, lambda taken: _signed(taken.shown))
stepped(app, steps.sign_change, lambda taken: _change(taken.shown))
stepped(app, steps.review, lambda taken: _reviewed(taken.shown))
