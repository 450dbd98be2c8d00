"""Running monitors in a terminal: what could not be computed, and what came late (R-DET-02, R-XCT-07)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.app import open_workspace
from holdfast.interfaces.standing import standing_of
from support.company import HELEN
from support.letters import begin, write_day


class Letters:
    """A system whose log is written day by day, and a terminal."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.folder: Path = shell.folder
        self.start = begin(self.folder, shell.clock.now())
        shell.done("apply", person=HELEN.id)

    def day(self, number: int, urgent: int, name: str = "") -> None:
        write_day(self.folder, self.start, number, urgent, name)

    def run(self) -> Any:
        said = self.shell("monitor", "run", "letters", "--json")
        assert said.out, said.err
        (ran,) = said.json["runs"]
        return said.code, ran

    def state(self, database_url: str) -> Any:
        application = opened_again(self.shell, database_url)
        try:
            return standing_of(application)
        finally:
            application.ledger.database.close()


def opened_again(shell: Any, database_url: str) -> Any:
    return open_workspace(shell.folder, {"HOLDFAST_DATABASE_URL": database_url}, shell.clock)


@pytest.fixture
def letters(company: Any) -> Letters:
    return Letters(company)


def test_a_monitor_that_cannot_be_computed_for_three_windows_is_not_green(
    letters: Letters, database_url: str
) -> None:
    """Nothing is predicted urgent, so that precision has nothing to be computed from: it is blind."""
    letters.day(0, urgent=1)
    letters.day(1, urgent=0)
    letters.day(2, urgent=0)
    code, ran = letters.run()
    assert (code, ran["failing"]) == (0, {})
    assert "nothing labelled was predicted positive" in ran["not_computable"]["precision"]
    assert "recall" not in ran["not_computable"]
    (listed,) = letters.shell.done("monitor", "list", "letters")["systems"]
    precision, recall = listed["monitors"]
    assert "nothing labelled was predicted positive" in precision["not_computable"]
    assert (recall["not_computable"], recall["latest"]["value"]) == ("", 0.0)
    assert "not computable" in letters.shell.table("monitor", "list", "letters")
    letters.day(3, urgent=0)
    code, ran = letters.run()
    assert code == 1
    assert "blind for 3 windows" in ran["failing"]["precision"]
    assert ran["raised"]
    standing = letters.state(database_url)
    (silent,) = [one for one in standing.silent if one.system.id == "letters"]
    assert silent.why == "precision cannot measure"
    assert not standing.healthy
    # As long as it stays blind there is one alert, and it stays said.
    code, ran = letters.run()
    assert (code, list(ran["failing"]), ran["raised"]) == (1, ["precision"], [])
    letters.day(4, urgent=1)
    code, ran = letters.run()
    assert (code, ran["failing"]) == (0, {})
    assert "letters" not in [one.system.id for one in letters.state(database_url).silent]


def test_rows_that_come_late_are_shown_by_window_and_monitor_with_what_was_done(letters: Letters) -> None:
    for number in range(4):
        letters.day(number, urgent=1)
    letters.run()
    _, ran = letters.run()
    assert ran["late"] == []
    letters.day(1, urgent=1, name="late")
    code, ran = letters.run()
    assert code == 0
    (late,) = ran["late"]
    assert (late["rows"], late["monitors"]) == (60, ["precision", "recall"])
    assert late["changed"] == ["precision", "recall"]
    day = letters.start + timedelta(days=1)
    assert late["said"].startswith(
        f"60 rows came to the window {day.day} {day:%b %Y} after it had been judged"
    )
    letters.day(2, urgent=1, name="late")
    said = " ".join(letters.shell.table("monitor", "run", "letters").split())
    assert "60 rows came to the window" in said
    assert "measured again by precision, recall; changed: precision, recall." in said
