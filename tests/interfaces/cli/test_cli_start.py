"""How the command line starts: a command waits for nothing that it does not use.

Counted in modules and not in seconds, which say more of the machine than of the product.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from holdfast.interfaces.cli.main import WORDS, Word

_STARTED = """
import json, sys
from holdfast.__main__ import main
sys.argv = ["holdfast", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
SERVER = {"fastapi", "starlette", "uvicorn", "jinja2", "holdfast.interfaces.web", "holdfast.serving"}
NEVER = SERVER | {"argon2", "zxcvbn", "typst", "httpx", "vl_convert", "numpy", "duckdb", "rich.markdown"}
"""What help on a noun never waits for."""


def imported(*words: str) -> set[str]:
    """What a command imported."""
    started = subprocess.run(
        [sys.executable, "-c", _STARTED, *words], capture_output=True, text=True, check=False
    )
    assert started.returncode == 0, started.stderr
    found: list[str] = json.loads(started.stderr.splitlines()[-1])
    return set(found)


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_what_commands_there_are_is_said_without_importing_them(words: list[str]) -> None:
    modules = imported(*words)
    own = {name for name in modules if name.startswith("holdfast.")}
    assert own <= {
        "holdfast.__main__",
        "holdfast.interfaces",
        "holdfast.interfaces.cli",
        "holdfast.interfaces.cli.main",
        "holdfast.interfaces.cli.session",
        "holdfast.people",
        "holdfast.problems",
        "holdfast.wording",
    }
    assert not modules & {"pydantic", "sqlalchemy", "rich.console", "yaml", "asyncio", *NEVER}


@pytest.mark.parametrize("noun", [word.name for word in WORDS if word.noun])
def test_help_on_a_noun_waits_for_no_server_log_or_report(noun: str) -> None:
    assert not imported(noun, "--help") & NEVER


@pytest.mark.parametrize("word", [word for word in WORDS if not word.noun], ids=lambda word: word.name)
def test_a_command_is_listed_by_the_sentence_its_help_begins_with(word: Word) -> None:
    explained = " ".join((word.made().help or "").split())
    assert explained.startswith(word.sentence.rstrip("."))


def test_every_module_of_commands_is_listed_under_its_name() -> None:
    for word in WORDS:
        assert word.made().name == word.name
        assert word.noun == hasattr(word.made(), "commands")
    assert len({word.name for word in WORDS}) == len(WORDS)


def test_the_version_is_said() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "holdfast", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"holdfast {version('holdfast')}\n"


def test_a_misspelt_word_is_met_with_the_nearest(capfd: pytest.CaptureFixture[str]) -> None:
    ended = subprocess.run([sys.executable, "-m", "holdfast", "incidnet"], check=False)
    assert ended.returncode == 2
    assert "Did you mean 'incident'" in " ".join(capfd.readouterr().err.split())


def test_a_list_opens_the_workspace_without_server_logs_passwords_or_arrays(tmp_path: Path) -> None:
    """A command that signs nobody in hashes nothing, and one that counts nothing opens no engine."""
    imported("init", str(tmp_path / "work"))
    for words in (["incident", "list"], ["alert", "list"], ["monitor", "list"]):
        found = imported("--workspace", str(tmp_path / "work"), *words)
        assert not found & NEVER, words
