"""One call of the command line: which workspace, who acts, how answers are given, and what follows.

Who can run this command in a workspace can read its files; that is the authentication. `--as` says which
person of the roster acts, and their access decides what they may do. What only reads needs no name.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar, get_type_hints

import typer

from holdfast.people import Actor, Permission, refusal
from holdfast.problems import NoAuthority, NotAllowed, did_you_mean
from holdfast.wording import visible

if TYPE_CHECKING:  # a command that was misspelt, or asks for help, waits for none of these
    from pydantic import BaseModel
    from rich.console import Console, RenderableType

    from holdfast.application import Application, Made
    from holdfast.clock import Clock
    from holdfast.detect.counting import Engines
    from holdfast.ledger.outbox import Channel
    from holdfast.ledger.upgrading import Telling, Upgraded
    from holdfast.prepare.roster import Roster
    from holdfast.settings import Settings
    from holdfast.steps.step import Call

PERSON = "HOLDFAST_PERSON"
DocumentT = TypeVar("DocumentT", bound="BaseModel")
Words = Callable[[DocumentT], "Iterable[RenderableType]"]
"""How a document reads on a terminal."""


class Serving(Protocol):
    """Pages and API of one workspace."""

    def run(self) -> None: ...

    def in_background(self) -> AbstractContextManager[Any]: ...


class Working(Protocol):
    """The worker, as far as the command line needs it."""

    def run(self, stop: Event) -> None: ...

    def round(self, now: datetime) -> int: ...

    def react(self, now: datetime) -> int: ...

    def seal(self, now: datetime) -> int: ...

    @property
    def failing(self) -> Mapping[str, str]: ...

    @property
    def waiting(self) -> Mapping[str, str]: ...

    @property
    def refused_to_seal(self) -> str: ...


class MakesService(Protocol):
    def __call__(self, application: Application, *, with_worker: bool = True) -> Serving: ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the command line needs and may not join itself."""

    open_workspace: Callable[[Path, Mapping[str, str] | None, Clock | None], Application]
    initialise: Callable[[Settings], Sequence[Made]]
    service: MakesService
    worker: Callable[[Application], Working]
    engines: Engines
    """What reads prediction logs; `monitor backtest` needs no workspace."""
    upgrade: Callable[[Path, Telling], Upgraded]
    """Brings a workspace of an earlier release to this one."""
    channels: Callable[[Settings], Mapping[str, Channel]]
    """Those that are set up: files may name no other."""


def _require_own_name(application: Application) -> None:
    """Raises NotAllowed where the first record would make the example's name the company's for good."""
    from holdfast.prepare.starting import example_origin
    from holdfast.settings import FILE_NAME

    origin = application.ledger.origin
    if origin == example_origin() and not application.ledger.size():
        raise NotAllowed(
            f"{FILE_NAME} still names the ledger {origin}, after the example's company. A name stays from "
            'the first record on; write your own under [ledger], for example origin = "example.com/holdfast"'
        )


@dataclass(slots=True)
class _Opened:
    """The workspace, once a command needs it."""

    application: Application | None = None
    size: int = 0
    """Of the ledger when it was opened, or settled last."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A person of the roster, and what it lets them do."""

    actor: Actor
    access: tuple[str, ...]

    def refusal(self, permission: Permission) -> str:
        return refusal(self.actor, self.access, permission)


@dataclass(frozen=True, slots=True)
class Session:
    """What every command is handed."""

    wiring: Wiring
    folder: Path | None = None
    json: bool | None = None
    person: str = ""
    _opened: _Opened = field(default_factory=_Opened)

    # Reading -----------------------------------------------------------------------------------

    @property
    def workspace(self) -> Path:
        """The folder named, else the current one or the nearest above it that holds holdfast.toml."""
        from holdfast.settings import FILE_NAME

        if self.folder:
            return self.folder
        here = Path.cwd()
        return next((each for each in (here, *here.parents) if (each / FILE_NAME).is_file()), here)

    @property
    def application(self) -> Application:
        """The opened workspace; opened once."""
        if self._opened.application is None:
            opened = self.wiring.open_workspace(self.workspace, None, None)
            _require_own_name(opened)
            self._opened.application, self._opened.size = opened, opened.ledger.size()
        return self._opened.application

    @property
    def now(self) -> datetime:
        return self.application.clock.now()

    def asking(self) -> Asking:
        """Who asks, whatever they may. Raises NoAuthority unless they are in the roster."""
        from holdfast.prepare import versions

        roster = versions.active_roster(self.application.ledger)
        if roster is None:
            raise NoAuthority("no roster is in force, so nobody is known here yet; run `holdfast apply`")
        return Asking(*self._listed(roster.model, "the roster in force"))

    def call(self) -> Call:
        """Whoever asks, here and now, for a step. Raises NoAuthority unless they are in the roster."""
        from holdfast.steps.step import Call

        return Call(self.application, self.asking(), self.now)

    def acting(self, permission: Permission) -> Actor:
        """Who acts. Raises NoAuthority unless they are in the roster and their access allows it."""
        who = self.asking()
        refused = who.refusal(permission)
        if refused:
            raise NoAuthority(refused)
        return who.actor

    def first(self, written: Roster) -> Actor:
        """Who applies a workspace: before the first roster, somebody whom the roster to be applied names."""
        from holdfast.prepare import versions

        if versions.active_roster(self.application.ledger) is None:
            return self._listed(written, "roster.yaml")[0]
        return self.acting(Permission.CHANGE_PLAYBOOK)

    def _listed(self, roster: Roster, called: str) -> tuple[Actor, tuple[str, ...]]:
        if not self.person:
            raise typer.BadParameter(
                f"say who you are: --as you@example.com, or set {PERSON}", param_hint="--as"
            )
        found = roster.person(self.person.strip())
        if found is None:
            near = did_you_mean(self.person.lower(), [one.id for one in roster.people])
            raise NoAuthority(f"{self.person} is not in {called}; {near}")
        return Actor(found.id, found.name), found.access

    # Answering ---------------------------------------------------------------------------------

    @property
    def speaks_json(self) -> bool:
        """JSON when asked for, and in a pipe."""
        return not sys.stdout.isatty() if self.json is None else self.json

    def answer(self, document: Callable[[], DocumentT], words: Words[DocumentT]) -> DocumentT:
        """Let what was done take its course, then say how things stand now."""
        self.settle()
        made = document()
        if self.speaks_json:
            print(made.model_dump_json(indent=2))
        else:
            self.say(*words(made))
        return made

    def say(self, *lines: RenderableType) -> None:
        """For people; in plain text, whatever it holds."""
        from rich.text import Text

        from holdfast.interfaces.cli.output import plain

        console = self.console()
        for line in lines:
            console.print(Text(plain(line)) if isinstance(line, str) else line)

    def console(self, *, stderr: bool = False) -> Console:
        from rich.console import Console

        return Console(highlight=False, markup=False, emoji=False, stderr=stderr)

    def warn(self, sentence: str) -> None:
        from rich.text import Text

        from holdfast.interfaces.cli.output import plain

        self.console(stderr=True).print(Text(f"holdfast: {plain(sentence)}"), soft_wrap=True)

    @contextmanager
    def progress(self, doing: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Say what is being done while it takes long; on a terminal only, and never between the data."""
        console = self.console(stderr=True)
        if not console.is_terminal:
            yield lambda done: None
            return
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"))
        bar = (BarColumn(), TextColumn("{task.completed:,} of {task.total:,}")) if total else ()
        with Progress(*columns, *bar, console=console, transient=True) as shown:
            task = shown.add_task(doing, total=total)
            yield lambda done: shown.update(task, completed=done)

    # What follows ------------------------------------------------------------------------------

    def keep_time(self) -> None:
        """Let the next command notice a step of the machine's clock, though this one recorded nothing."""
        if self._opened.application is not None:
            self._opened.application.ledger.keep_time()

    def settle(self) -> None:
        """Hand what was recorded to the next step and seal it, as a worker would; harmless beside one."""
        opened = self._opened
        application = opened.application
        if application is None or application.ledger.size() == opened.size:
            return
        worker, now = self.wiring.worker(application), application.clock.now()
        worker.react(now)
        worker.seal(now)
        opened.size = application.ledger.size()
        for step, reason in worker.failing.items():
            self.warn(f"what you did is recorded, but {step} failed: {reason}; a running worker tries again")
        if worker.refused_to_seal:
            self.warn(f"what you did is recorded and NOT sealed: {worker.refused_to_seal}")


# Declaring commands ----------------------------------------------------------------------------

_PANEL = "Everywhere"
Json = Annotated[
    bool | None,
    typer.Option("--json/--table", help="JSON, as by default in a pipe, or tables.", rich_help_panel=_PANEL),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="DIR",
        help="The workspace; the current folder, or the nearest above it with holdfast.toml.",
        rich_help_panel=_PANEL,
    ),
]
Person = Annotated[
    str | None,
    typer.Option("--as", metavar="EMAIL", help=f"Who acts; or set {PERSON}.", rich_help_panel=_PANEL),
]
_EVERYWHERE = {"as_json": Json, "in_workspace": Folder, "as_person": Person}


def noun() -> typer.Typer:
    """The commands of one module; `main.py` says what they are about."""
    return typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


Command = TypeVar("Command", bound=Callable[..., None])


def command(on: typer.Typer, name: str | None = None) -> Callable[[Command], Command]:
    """Declare a command: it is handed the session, takes the options that stand everywhere, and whatever
    it is refused comes out as a sentence."""

    def declare(function: Command) -> Command:
        hints = get_type_hints(function, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name])
            for parameter in list(inspect.signature(function).parameters.values())[1:]
        ]
        context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        everywhere = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)
            for key, hint in _EVERYWHERE.items()
        ]
        named = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]

        @functools.wraps(function)
        def run(ctx: typer.Context, **given: Any) -> None:
            session = session_of(ctx, **{key: given.pop(key) for key in _EVERYWHERE})
            given = {key: _typed(value) for key, value in given.items()}
            try:
                try:
                    function(session, **given)
                    session.keep_time()
                finally:
                    session.settle()
            except Exception as error:
                from holdfast.interfaces.cli import refusals  # it knows the errors of every package

                code = refusals.spoken(error, session.warn)
                raise typer.Exit(code) from None

        run.__signature__ = inspect.Signature([context, *named, *everywhere])  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in (context, *named, *everywhere)}
        on.command(name, help=_help(function))(run)
        return function

    return declare


def _typed(value: Any) -> Any:
    """A word of the command line as text with everything unseen written out; other values as they are, and
    what is no text at all is refused later, as such."""
    if type(value) is not str or any("\ud800" <= letter <= "\udfff" for letter in value):
        return value
    return visible(value)


def _help(function: Callable[..., None]) -> str:
    """The docstring without its line breaks; its first sentence apart, which is what lists show."""
    text = " ".join((inspect.getdoc(function) or "").split())
    first, dot, rest = text.partition(". ")
    return f"{first}.\n\n{rest}" if dot else text


def session_of(
    ctx: typer.Context, as_json: bool | None, in_workspace: Path | None, as_person: str | None
) -> Session:
    """The session of the call, with the options given behind the command on top of those before it."""
    known: Session = ctx.find_root().obj
    return replace(
        known,
        folder=in_workspace or known.folder,
        json=known.json if as_json is None else as_json,
        person=as_person or known.person or os.environ.get(PERSON, ""),
    )
