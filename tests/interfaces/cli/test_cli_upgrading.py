"""`holdfast upgrade`, and what every other command says until it was run."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from holdfast.clock import SystemClock
from holdfast.ledger import pulse
from support.earlier import rows, workspace_of_010


@pytest.fixture
def earlier(shell: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A shell in a workspace that 0.1.0 made."""
    monkeypatch.delenv("HOLDFAST_DATABASE_URL")
    workspace_of_010(shell.folder, database_url)
    shell.clock.moment = SystemClock().now()
    return shell


def test_every_command_but_upgrade_is_refused_in_one_sentence_and_changes_nothing(earlier: Any) -> None:
    database = earlier.folder / "holdfast.db"
    before = rows(database, "facts") if database.exists() else []
    for words in (
        ("incident", "list"),
        ("incident", "declare", "Something is wrong"),
        ("ledger", "check"),
        ("ledger", "rebuild"),
        ("ledger", "seal"),
        ("pack", "build", "INC-1"),
        ("people", "list"),
        ("apply",),
        ("serve",),
        ("worker",),
        ("init", str(earlier.folder)),
    ):
        said = earlier(*words)
        assert said.code == 1, (words, said.out, said.err)
        assert said.sentence.startswith("holdfast: this workspace was made by an earlier release"), words
        assert "run `holdfast upgrade`" in said.sentence
        assert said.out == ""
    assert (rows(database, "facts") if database.exists() else []) == before


def test_upgrade_says_what_was_done_and_then_every_command_goes(earlier: Any) -> None:
    done = earlier.done("upgrade")
    assert (done["from_schema"], done["to_schema"], done["facts"]) == (1, 2, 1030)
    assert "has schema 2 already" in " ".join(earlier.table("upgrade").split())
    assert "INC-1" in earlier.table("incident", "list")
    assert "closed" in earlier.table("incident", "show", "INC-1")
    assert earlier.done("ledger", "check")["verdict"] == "holds"


def test_a_refused_upgrade_has_changed_nothing_not_even_a_mode(
    earlier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = earlier.folder / "vault"
    vault.chmod(0o755)
    now = SystemClock().now()
    beat = pulse.Beat(worker="w1", lane="clocks", beat_at=now, patience=timedelta(minutes=1))
    with monkeypatch.context() as patched:
        patched.setattr(pulse, "read", lambda ledger: [beat])
        before = modes_and_bytes(earlier.folder)
        said = earlier("upgrade")
    assert said.code == 1
    assert "Nothing was changed" in said.sentence
    assert modes_and_bytes(earlier.folder) == before
    earlier.done("upgrade")
    assert stat.S_IMODE(vault.stat().st_mode) == 0o700


def test_an_upgrade_that_would_not_hold_has_changed_no_mode(earlier: Any, database_url: str) -> None:
    vault = earlier.folder / "vault"
    vault.chmod(0o755)
    url = database_url if "postgresql" in database_url else f"sqlite:///{earlier.folder / 'holdfast.db'}"
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as conn:
        conn.execute(text("CREATE TABLE notes (id INTEGER)"))
    engine.dispose()
    said = earlier("upgrade")
    assert said.code == 1
    assert "Nothing was changed" in said.sentence
    assert stat.S_IMODE(vault.stat().st_mode) == 0o755
    assert not (earlier.folder / "clock.json").exists()


def modes_and_bytes(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder, but for what the database keeps beside its file while it is open."""
    found = [folder, *sorted(folder.rglob("*"))]
    return {
        str(one): (one.stat().st_mode, one.read_bytes() if one.is_file() else b"")
        for one in found
        if not one.name.endswith(("-wal", "-shm", "-journal"))
    }
