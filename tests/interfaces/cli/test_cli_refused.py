"""A refused command leaves the workspace byte for byte as it was, on the machine's own clock (R-EVD-04)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from holdfast.clock import SystemClock
from holdfast.interfaces.cli.main import build
from support.company import MAYA
from support.shells import wired
from support.workspaces import opened

WIRING = wired()
NOWHERE = {"demo", "monitor backtest", "verify"}
"""Take no workspace that is there."""
NAMES_NOTHING = {"serve", "worker", "init", "check", "upgrade", "apply", "monitor run"}
"""Need nothing that could be missing; what a run of monitors could not measure is on the record, and said."""


def leaves(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command with what it cannot do without, made up."""
    for name in group.list_commands(None):
        found = group.get_command(None, name)
        if hasattr(found, "list_commands"):
            yield from leaves(found, (*words, name))
        elif " ".join((*words, name)) not in NOWHERE:
            yield (*words, name, *made_up(found))


def made_up(found: Any) -> Iterator[str]:
    for one in found.params:
        if one.required:
            said = "999999" if one.bare_type is int else "INC-999"
            yield from ([said] if one.param_type_name == "argument" else [one.opts[0], said])


EVERY = list(leaves(get_command(build(WIRING))))


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace on a machine that was started a moment ago."""
    url = f"sqlite:///{tmp_path / 'work' / 'holdfast.db'}"
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", url)
    application = opened(tmp_path / "work", url, SystemClock())
    application.ledger.database.close()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "work"


def typed(folder: Path, *words: str, person: str = MAYA.id) -> Any:
    return CliRunner().invoke(build(WIRING), ["--workspace", str(folder), "--as", person, *words])


def kept(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder, its mode and its bytes; what was written into the database is in its file."""
    stored = sqlite3.connect(folder / "holdfast.db")
    stored.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    stored.close()
    found = [folder, *sorted(folder.rglob("*"))]
    return {
        str(one): (one.stat().st_mode, one.read_bytes() if one.is_file() else b"")
        for one in found
        if not one.name.endswith(("-wal", "-shm"))
    }


def changed_by_refusals(folder: Path, commands: list[tuple[str, ...]], person: str = MAYA.id) -> list[str]:
    """Every command that was refused and left something behind; at least half of them must be refused."""
    found, refused = [], 0
    before = kept(folder)
    for words in commands:
        said = typed(folder, *words, person=person)
        after = kept(folder)
        if said.exit_code:
            refused += 1
            found += [" ".join(words)] if after != before else []
        (folder / "clock.json").unlink(missing_ok=True)  # as if the machine had just been started
        before = kept(folder)
    assert refused > len(commands) / 2
    return found


def test_what_a_newer_release_made_is_refused_and_left_as_it_was(fresh: Path) -> None:
    with sqlite3.connect(fresh / "holdfast.db") as conn:
        conn.execute("UPDATE workspace_schema SET version = 99")
    conn.close()
    assert changed_by_refusals(fresh, [one for one in EVERY if one[0] not in ("check", "init")]) == []


@pytest.mark.parametrize("person", ["nobody@example.com", MAYA.id])
def test_what_names_nothing_or_nobody_that_is_there_changes_nothing(fresh: Path, person: str) -> None:
    commands = [
        one for one in EVERY if one[0] not in NAMES_NOTHING and " ".join(one[:2]) not in NAMES_NOTHING
    ]
    assert changed_by_refusals(fresh, commands, person) == []


@pytest.mark.parametrize(
    "words", [("apply",), ("check",), ("init", "."), ("init", "--origin", "x")], ids=" ".join
)
def test_files_that_are_wrong_or_there_already_change_nothing(fresh: Path, words: tuple[str, ...]) -> None:
    if words[0] == "init":
        words = ("init", str(fresh), *words[2:])
    else:
        (fresh / "playbook.yaml").write_text("name: [")
    before = kept(fresh)
    said = typed(fresh, *words)
    assert said.exit_code in (1, 2), said.output
    assert kept(fresh) == before


def test_a_command_that_only_looks_lets_the_next_one_notice_a_step(fresh: Path) -> None:
    """R-EVD-04: what it writes is what the machine's clock said, and nothing else."""
    before = kept(fresh)
    assert typed(fresh, "incident", "list").exit_code == 0
    after = kept(fresh)
    assert set(after) - set(before) == {str(fresh / "clock.json")}
    assert {name: after[name] for name in before} == before
