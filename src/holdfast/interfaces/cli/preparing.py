"""Preparing: write a workspace, check its files, put them on the record."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from holdfast import wording
from holdfast.detect.naming import columns_of, unknown_columns
from holdfast.interfaces.cli.output import cell, facts, plain
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import HeadMissing, NotALedger
from holdfast.ledger.outbox import Channel
from holdfast.prepare import versions
from holdfast.prepare.consistency import unjudged_rules
from holdfast.prepare.documents import Unusable
from holdfast.prepare.events import (
    ChangeProposed,
    ChangeWithdrawn,
    PlaybookApplied,
    RosterApplied,
    SystemApplied,
    SystemWithdrawn,
)
from holdfast.prepare.obeyed import OBEYED, PEOPLE
from holdfast.prepare.starting import AlreadyThere, made_up_origin, write_workspace
from holdfast.prepare.unsigned import not_in_force
from holdfast.prepare.workspace import PLAYBOOK, ROSTER, Workspace, load_workspace
from holdfast.problems import Fault, Problem
from holdfast.settings import FILE_NAME, Settings, SettingsError, as_origin
from holdfast.shapes.base import Shown

app = noun()

# Documents -------------------------------------------------------------------------------------


class MadeShown(Shown):
    where: str
    """A path in the workspace, or the address of a database."""
    what: str


class Initialised(Shown):
    workspace: str
    origin: str
    """The name the ledger signs under."""
    written: tuple[str, ...]
    """The files to make one's own."""
    made: tuple[MadeShown, ...]
    """What Holdfast keeps beside them: keys, vault, database."""


class ProblemShown(Shown):
    file: str
    line: int
    column: int
    path: str
    cause: str
    fix: str


class CheckedFiles(Shown):
    files: tuple[str, ...]
    problems: tuple[ProblemShown, ...]
    not_judged: tuple[str, ...]
    """Rules of which nothing tells, before something is measured, whether they can hold at all."""
    not_compared: tuple[str, ...]
    """Files of systems whose prediction log cannot be read, or is not there yet: whether it has the columns
    they name is not known."""
    obeyed: dict[str, str]
    """Each field of the playbook, and what obeys it: a module, or people."""
    not_in_force: tuple[str, ...] | None
    """Files that were changed, and not applied or not signed yet, a sentence each. Null where there is no
    ledger that could be read, so that nothing is known of what is in force."""


class Change(Shown):
    type: str
    what: str
    seq: int


class Waiting(Shown):
    function: str
    signers: tuple[str, ...]
    """E-mail addresses of those who may sign for it."""


class AppliedFiles(Shown):
    changes: tuple[Change, ...]
    waits_for: tuple[Waiting, ...]
    """Signatures that the newest playbook version waits for."""


# Commands --------------------------------------------------------------------------------------


@command(app, "init")
def init(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="DIR")] = Path(),
    origin: Annotated[
        str,
        typer.Option(metavar="NAME", help="What the ledger signs under: example.com/holdfast. Else made up."),
    ] = "",
) -> None:
    """Write a workspace that works as it is, with its keys and its ledger.

    On a workspace that has its files already and no ledger yet, for example after [database] url was
    changed, only what is missing is made.
    """
    if (folder / FILE_NAME).exists():
        _require_no_ledger(session, folder)
        written = []
    else:
        written = write_workspace(folder, _chosen(origin) or made_up_origin())
    settings = Settings.load(folder, os.environ)
    made = session.wiring.initialise(settings)
    answer = Initialised(
        workspace=str(folder.resolve()),
        origin=settings.ledger.origin,
        written=tuple(path.relative_to(folder).as_posix() for path in written),
        made=tuple(MadeShown(where=_within(folder, one.where), what=one.what) for one in made),
    )
    session.answer(lambda: answer, _started)


def _chosen(origin: str) -> str:
    try:
        return str(as_origin(origin)) if origin else ""
    except Fault as fault:
        raise typer.BadParameter(str(fault), param_hint="--origin") from fault


def _within(folder: Path, where: str) -> str:
    """As it reads from the workspace; what lies elsewhere stays as it is."""
    path = Path(where)
    return path.relative_to(folder.resolve()).as_posix() if path.is_relative_to(folder.resolve()) else where


def _require_no_ledger(session: Session, folder: Path) -> None:
    """Keys are made together with a ledger; beside one that exists, a new key could not sign for it."""
    try:
        session.wiring.open_workspace(folder, None, None)
    except NotALedger:
        return
    except HeadMissing:
        raise  # something lies there that must not be begun anew
    except Exception as error:
        if "ledger_head" in str(error):
            return
        raise
    raise AlreadyThere([folder / FILE_NAME])


def _started(made: Initialised) -> Iterable[RenderableType]:
    folder = os.path.relpath(made.workspace)
    yield f"The workspace {folder} is ready, with a signing key and an empty ledger."
    yield facts(
        *(
            (name, said)
            for name, said in _MEANING.items()
            if any(one.startswith(name) for one in made.written)
        ),
    )
    if made.made:
        yield ""
        yield "Beside them, to be kept out of version control:"
        yield facts(*((one.what, one.where) for one in made.made))
    yield ""
    yield "What to do next:"
    steps = [
        (
            f"Name your ledger, for good: it is {made.origin} now",
            "[ledger] origin in holdfast.toml",
        ),
        ("Make the files yours, then check them", "holdfast check"),
        ("Put them on the record, as somebody of the roster", "holdfast apply --as EMAIL"),
        ("Have the playbook signed, once for each function", "holdfast playbook approve FUNCTION --as EMAIL"),
        ("Give people an account", "holdfast people add EMAIL --as ADMINISTRATOR"),
        ("Serve pages, API and worker", "holdfast serve"),
    ]
    if folder != ".":
        steps.insert(0, ("Go there", f"cd {folder}"))
    for number, (what, typed) in enumerate(steps, 1):
        yield f"  {number}. {what}"
        yield Text(f"       {plain(typed)}", style="bold")


_MEANING = {
    "holdfast.toml": "database, vault, mail, addresses",
    "playbook.yaml": "how your organisation responds, and by which rules",
    "roster.yaml": "people, their access and roles",
    "systems/loan-approval.yaml": "an AI system with monitors and ways to contain it",
    "systems/customer-assistant.yaml": "an AI system that is not watched yet",
    "schemas/": "so that an editor completes and checks these files",
}


@command(app, "check")
def check(session: Session) -> None:
    """Check every file of the workspace: problems with line, cause and fix. Exits 1 if there are any."""
    root = session.workspace
    problems: list[Problem] = []
    workspace: Workspace | None = None
    channels: Mapping[str, Channel] | None = None
    try:
        channels = session.wiring.channels(Settings.load(root, os.environ))
    except SettingsError as error:
        problems += error.problems
    try:
        workspace = load_workspace(root, channels)
    except Unusable as error:
        problems += error.problems
    not_compared: list[str] = []
    for read in workspace.systems.values() if workspace else ():
        columns = columns_of(read.model.prediction_log, root, session.wiring.engines)
        problems += unknown_columns(read, columns) if columns is not None else ()
        if columns is None and read.model.prediction_log:
            not_compared.append(read.document.name)
    excerpts = {_key(one): one.excerpt for one in problems}
    shown = tuple(
        ProblemShown(file=p.file, line=p.line, column=p.column, path=p.path, cause=p.cause, fix=p.fix)
        for p in sorted(problems)
    )
    files = (FILE_NAME, *_names(workspace)) if workspace else ()
    not_judged = tuple(unjudged_rules(workspace.playbook.model)) if workspace else ()

    apart = _not_in_force(session)

    def words(made: CheckedFiles) -> Iterable[RenderableType]:
        yield from _problems(sorted(problems)) if excerpts else _right(made)
        yield from (cell(said, "yellow") for said in made.not_in_force or ())

    session.answer(
        lambda: CheckedFiles(
            files=files,
            problems=shown,
            not_judged=not_judged,
            not_compared=tuple(not_compared),
            obeyed=dict(OBEYED),
            not_in_force=apart,
        ),
        words,
    )
    if problems:
        raise typer.Exit(1)


def _not_in_force(session: Session) -> tuple[str, ...] | None:
    """Files that are another than the version in force; None where no ledger can be read."""
    try:
        return not_in_force(session.application.ledger, session.workspace)
    except Exception:  # files can be checked before there is anything else
        return None


def _key(problem: Problem) -> tuple[str, int, int, str]:
    return problem.file, problem.line, problem.column, problem.path


def _names(workspace: Workspace) -> Sequence[str]:
    return [PLAYBOOK, ROSTER, *(read.document.name for read in workspace.systems.values())]


def _right(made: CheckedFiles) -> Iterable[RenderableType]:
    yield f"{wording.plural(len(made.files), 'file')} checked, nothing to correct:"
    for name in made.files:
        yield f"  {name}"
    for_people = sum(what == PEOPLE for what in made.obeyed.values())
    by_machine = wording.plural(len(made.obeyed) - for_people, "field")
    yield f"Of the playbook {by_machine} are obeyed by Holdfast, and {for_people} are for people to read."
    if made.not_compared:
        yield "Whether the prediction log has the columns that they name is not known of, as it is not there:"
        yield from (f"  {name}" for name in made.not_compared)
    if made.not_judged:
        rules = wording.plural(len(made.not_judged), "rule")
        yield f"Whether it can hold at all could not be judged beforehand, of {rules}:"
        yield from (f"  {one}" for one in made.not_judged)


def _problems(problems: Sequence[Problem]) -> Iterable[RenderableType]:
    for problem in problems:
        place = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
        yield cell(f"{place}  {problem.path}", "bold")
        yield f"  {problem.cause}"
        if problem.fix:
            yield f"  → {problem.fix}"
        for line in problem.excerpt.splitlines():
            yield cell(f"    {line}", "dim")
        yield ""
    yield f"{wording.plural(len(problems), 'problem')} to correct."


@command(app, "apply")
def apply(session: Session) -> None:
    """Put the files on the record as versions. Systems and roster are in force at once, except for changes
    of limits and authority that the playbook wants signed; the playbook when the functions it names have
    signed."""
    application = session.application
    workspace = load_workspace(session.workspace, application.channels)
    by = session.first(workspace.roster.model)
    recorded = versions.apply_workspace(application.ledger, workspace, by, session.now)

    def document() -> AppliedFiles:
        newest = versions.playbook_versions_of(application.ledger)[0]
        missing = newest.missing if newest.state == "proposed" else ()
        signers = workspace.roster.model.signers
        waits = tuple(
            Waiting(function=one.value, signers=tuple(person.id for person in signers(one)))
            for one in missing
        )
        changes = tuple(Change(type=one.fact.type, what=_what(one), seq=one.seq) for one in recorded)
        return AppliedFiles(changes=changes, waits_for=waits)

    session.answer(document, _applied)


def _what(recorded: Recorded) -> str:
    match recorded.fact:
        case PlaybookApplied() as fact:
            return f"playbook version {fact.label}"
        case RosterApplied() as fact:
            return f"roster, {wording.plural(len(fact.people), 'person', 'people')}"
        case SystemApplied() as fact:
            return f"AI system {fact.system} ({fact.file})"
        case ChangeProposed() as fact:
            functions = ", ".join(one.label.lower() for one in fact.sign_off)
            said = "; ".join(fact.differences)
            return f"{fact.change}, waiting for signatures of {functions}: {said}"
        case ChangeWithdrawn() as fact:
            return f"{fact.change} withdrawn: {fact.reason}"
        case SystemWithdrawn() as fact:
            return f"AI system {fact.system} withdrawn: its file is gone"
        case other:
            return other.type


def _applied(made: AppliedFiles) -> Iterable[RenderableType]:
    if not made.changes:
        yield "Nothing changed since the files were applied last."
    else:
        yield "On the record:"
        for change in made.changes:
            yield f"  {change.what}  (entry #{change.seq})"
    for change in made.changes:
        if change.type == ChangeProposed.type:
            number = change.what.partition(",")[0]
            yield cell(f"  holdfast playbook approve-change {number} FUNCTION --as EMAIL", "bold")
    if made.waits_for:
        yield "The playbook is in force once these have signed it:"
        for one in made.waits_for:
            yield cell(f"  holdfast playbook approve {one.function} --as {one.signers[0]}", "bold")
