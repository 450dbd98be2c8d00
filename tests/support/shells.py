"""The command line over a real workspace, called as a shell calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from holdfast import app as joined
from holdfast.application import Application
from holdfast.clock import Clock
from holdfast.interfaces.cli.main import build
from holdfast.interfaces.cli.session import Wiring
from holdfast.interfaces.worker.worker import Worker
from holdfast.serving import Service
from support.company import MAYA


def wired(opened: Callable[..., Application] = joined.open_workspace) -> Wiring:
    """What `holdfast` joins, with workspaces opened so."""
    return Wiring(
        opened,
        joined.initialise,
        Service,
        Worker,
        joined.engine,
        joined.upgrade_workspace,
        joined.channels_of,
    )


def on(clock: Clock) -> Callable[..., Application]:
    """Opens workspaces on this clock, whatever a command asks for."""
    return lambda folder, environ, _: joined.open_workspace(folder, environ, clock)


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """What was refused, without line breaks."""
        return " ".join(self.err.split())


@dataclass
class Shell:
    """Runs commands in one folder; by default as the incident commander, with JSON answers."""

    folder: Path
    clock: Clock
    person: str = MAYA.id
    called: list[str] = field(default_factory=list)

    def __call__(self, *words: str, person: str | None = None, stdin: str | bytes | None = None) -> Said:
        who = self.person if person is None else person
        before = ["--workspace", str(self.folder), *(["--as", who] if who else [])]
        result = CliRunner().invoke(build(wired(on(self.clock))), [*before, *words], input=stdin)
        self.called.append(" ".join(words[:2]))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    def done(self, *words: str, **more: Any) -> Any:
        """What a command that must work answers."""
        said = self(*words, **more)
        assert said.code == 0, f"{words}: {said.err or said.out}"
        return said.json

    def table(self, *words: str, **more: Any) -> str:
        """The same for people: it must fit a terminal of 80 columns."""
        said = self(*words, "--table", **more)
        assert said.code == 0, f"{words}: {said.err or said.out}"
        wide = [line for line in said.out.splitlines() if len(line.rstrip()) > 80]
        assert not wide, f"{words}: wider than 80 columns: {wide}"
        return said.out
