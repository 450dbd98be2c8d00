"""The command line over a real workspace, called as a shell calls it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from support.shells import Shell
from support.workspaces import HandClock, opened, with_log

ShellFor = Callable[[Path], Shell]


@pytest.fixture
def clock(now: datetime) -> HandClock:
    return HandClock(now)


@pytest.fixture
def shell(tmp_path: Path, database_url: str, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """An empty folder and a database."""
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("HOLDFAST_PERSON", raising=False)
    return Shell(tmp_path / "work", clock)


@pytest.fixture
def company(shell: Shell, database_url: str) -> Shell:
    """A workspace with its playbook in force, as the commands of `test_cli_preparing.py` make it."""
    application = opened(shell.folder, database_url, shell.clock, settled=True)
    application.ledger.database.close()
    return shell


@pytest.fixture
def watched(company: Shell) -> Shell:
    """The same, with a prediction log that goes wrong."""
    with_log(company.folder, company.clock.now())
    return company
