"""`holdfast upgrade`, and what every other command says until it was run."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.clock import SystemClock
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
