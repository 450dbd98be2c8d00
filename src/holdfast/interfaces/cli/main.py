"""The command line: `holdfast`, one module for each noun.

Exit codes: 0 done or the check holds, 1 refused or the check does not hold, 2 the command was not
understood. Tables on a terminal, JSON in a pipe; the JSON is what the API answers.

What follows `holdfast` is known by its name and a sentence. Its module, and all that this needs, is imported
when the word is typed: nobody waits for the web server to read what commands there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group_from_info
from typer.models import TyperInfo

from holdfast.interfaces.cli.session import PERSON, Folder, Json, Person, Session, Wiring

__all__ = ["WORDS", "Wiring", "build", "run"]


@dataclass(frozen=True, slots=True)
class Word:
    """What may follow `holdfast`."""

    name: str
    sentence: str
    module: Callable[[], typer.Typer]
    """Imports what it takes."""
    noun: bool = False
    """Whether a verb follows."""

    def made(self) -> TyperCommand | TyperGroup:
        """The command, or the group of them."""
        info = TyperInfo(self.module(), name=self.name, help=self.sentence)
        group = get_group_from_info(
            info, pretty_exceptions_short=False, suggest_commands=True, rich_markup_mode=None
        )
        if self.noun:
            return group
        command = group.commands[self.name]
        assert isinstance(command, TyperCommand)
        return command


def _preparing() -> typer.Typer:
    from holdfast.interfaces.cli import preparing

    return preparing.app


def _running() -> typer.Typer:
    from holdfast.interfaces.cli import running

    return running.app


def _upgrading() -> typer.Typer:
    from holdfast.interfaces.cli import upgrading

    return upgrading.app


def _demo() -> typer.Typer:
    from holdfast.interfaces.cli import demo

    return demo.app


def _playbook() -> typer.Typer:
    from holdfast.interfaces.cli import playbook

    return playbook.app


def _people() -> typer.Typer:
    from holdfast.interfaces.cli import people

    return people.app


def _monitor() -> typer.Typer:
    from holdfast.interfaces.cli import monitor

    return monitor.app


def _alert() -> typer.Typer:
    from holdfast.interfaces.cli import alert

    return alert.app


def _incident() -> typer.Typer:
    from holdfast.interfaces.cli import incident

    return incident.app


def _contain() -> typer.Typer:
    from holdfast.interfaces.cli import contain

    return contain.app


def _evidence() -> typer.Typer:
    from holdfast.interfaces.cli import evidence

    return evidence.app


def _impact() -> typer.Typer:
    from holdfast.interfaces.cli import impact

    return impact.app


def _cause() -> typer.Typer:
    from holdfast.interfaces.cli import cause

    return cause.app


def _remediation() -> typer.Typer:
    from holdfast.interfaces.cli import remediation

    return remediation.app


def _review() -> typer.Typer:
    from holdfast.interfaces.cli import review

    return review.app


def _message() -> typer.Typer:
    from holdfast.interfaces.cli import message

    return message.app


def _pack() -> typer.Typer:
    from holdfast.interfaces.cli import pack

    return pack.app


def _ledger() -> typer.Typer:
    from holdfast.interfaces.cli import ledger

    return ledger.app


WORDS = (
    Word("init", "Write a workspace that works as it is, with its keys and its ledger.", _preparing),
    Word("check", "Check every file of the workspace: problems with line, cause and fix.", _preparing),
    Word("apply", "Put the files on the record as versions.", _preparing),
    Word("serve", "Serve pages and API until interrupted.", _running),
    Word("worker", "Run monitors, clocks and messages, and seal the ledger, until interrupted.", _running),
    Word("health", "Say whether everything that is relied on is done, and why not.", _running),
    Word("upgrade", "Bring a workspace of an earlier release to this one.", _upgrading),
    Word(
        "demo",
        "Play one incident from the first wrong prediction to the verified pack, then serve it.",
        _demo,
    ),
    Word("playbook", "The playbook: how the organisation responds.", _playbook, noun=True),
    Word("people", "People: accounts, passwords and API tokens.", _people, noun=True),
    Word("monitor", "Monitors: what is watched, and what it says.", _monitor, noun=True),
    Word("alert", "Alerts that monitors raised.", _alert, noun=True),
    Word("incident", "Incidents: what went wrong, who answers, and how it ended.", _incident, noun=True),
    Word("contain", "Containment: stop the harm, and prove that it stopped.", _contain, noun=True),
    Word(
        "evidence", "Evidence: frozen when an incident opens, and kept under custody.", _evidence, noun=True
    ),
    Word("impact", "Impact: who and what is affected.", _impact, noun=True),
    Word("cause", "Root-cause analysis.", _cause, noun=True),
    Word(
        "remediation",
        "Remediation: what is done about the cause, and whether it worked.",
        _remediation,
        noun=True,
    ),
    Word("review", "The post-incident review.", _review, noun=True),
    Word("message", "Messages: who was told what, and whether it arrived.", _message, noun=True),
    Word("pack", "Audit packs: an incident as one file that anybody can verify offline.", _pack, noun=True),
    Word(
        "ledger",
        "The ledger: what happened, sealed so that nobody can change it quietly.",
        _ledger,
        noun=True,
    ),
)


class _Made(MutableMapping[str, Any]):
    """Commands by name, each made when it is asked for."""

    def __init__(self) -> None:
        self._words: dict[str, Word] = {word.name: word for word in WORDS}
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._words[name].made()
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


class _Root(TyperGroup):
    """`holdfast` itself: lists its words without importing what they need."""

    def __init__(self, **said: Any) -> None:
        super().__init__(**said)
        self.commands = _Made()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(word.name, word.sentence) for word in WORDS])


_HELP = """AI incident response that stands up in an audit.

Begin with `holdfast init DIR`. Every command takes --help.

Tables on a terminal, JSON in a pipe.

Exit codes: 0 done, or the check holds; 1 refused, or it does not hold; 2 not understood.
"""


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"holdfast {version('holdfast')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", callback=_say_version, is_eager=True, help="Say which version this is, and end."
    ),
]


def build(wiring: Wiring) -> typer.Typer:
    """The whole command line over what it is wired to."""
    app = typer.Typer(
        name="holdfast",
        cls=_Root,
        help=_HELP,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def begin(
        ctx: typer.Context,
        workspace: Folder = None,
        as_json: Json = None,
        person: Person = None,
        say_version: Version = False,
    ) -> None:
        ctx.obj = Session(wiring, workspace, as_json, person or os.environ.get(PERSON, ""))

    return app


def run(wiring: Wiring) -> None:
    """What `holdfast` in a shell runs."""
    build(wiring)()
