"""The commands that promise something to a stranger, run as a stranger runs them: installed, in a shell."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.rehearse.lending import midnight
from holdfast.rehearse.story import MORNING, first_fault
from support.car_loans import CHANGE
from support.zips import canonical

COMMANDS = Path(sys.executable).parent
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "car-loans" / "systems" / "car-loans.yaml"


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run an installed command in `folder`, with nothing of ours in its environment."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}
    whole = [str(COMMANDS / command[0]), *command[1:]]
    return subprocess.run(
        whole, capture_output=True, text=True, check=False, cwd=folder, env=environ, timeout=300
    )


@dataclass(frozen=True)
class Played:
    folder: Path
    """Where the command was run; the workspace is `demo` in it."""
    said: dict[str, Any]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("stranger")
    done = run(folder, "holdfast", "demo", "--dir", "demo", "--no-serve", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return Played(folder, said)


def test_the_demonstration_says_in_one_object_what_came_of_it(played: Played) -> None:
    said = played.said
    assert set(said) == {"incident", "clocks", "pack", "policy", "ledger_size", "verified"}
    assert said["incident"] == "INC-1"
    assert said["verified"] is True
    assert said["ledger_size"] > 100
    assert {clock["clock"] for clock in said["clocks"]} >= {"acknowledge", "contain", "review"}
    assert all(clock["kept"] for clock in said["clocks"])
    for name in ("pack", "policy"):
        assert (played.folder / said[name]).is_file()


def test_the_pack_verifies_by_the_separate_program(played: Played) -> None:
    done = run(played.folder, "holdfast-verify", played.said["pack"], "--policy", played.said["policy"])
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_changed_byte_in_any_member_is_named(played: Played, tmp_path: Path) -> None:
    """R-AUD: whichever member it is in, and wherever in it."""
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(played.folder / played.said["pack"]) as pack:
        members = {name: pack.read(name) for name in pack.namelist()}
    assert len(members) >= 10
    for number, (name, content) in enumerate(members.items()):
        place = (0, len(content) // 2, len(content) - 1)[number % 3]
        changed.write_bytes(canonical({**members, name: _with_another_byte(content, place)}))
        done = run(tmp_path, "holdfast-verify", str(changed), "--policy", played.said["policy"])
        assert done.returncode == 1, f"{name}: {done.stdout}{done.stderr}"
        assert name in done.stdout, f"{name} is not named: {done.stdout}"


def _with_another_byte(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_a_byte_changed_behind_the_back_of_the_archive_is_named_too(played: Played, tmp_path: Path) -> None:
    """As a disk or a hex editor changes it: the checksum of the ZIP no longer fits either."""
    original = (played.folder / played.said["pack"]).read_bytes()
    with zipfile.ZipFile(played.folder / played.said["pack"]) as pack:
        info = pack.getinfo("facts.jsonl")
        start = original.index(pack.read(info), info.header_offset)
    changed = tmp_path / "changed.zip"
    changed.write_bytes(_with_another_byte(original, start + info.file_size // 2))
    done = run(tmp_path, "holdfast-verify", str(changed), "--policy", played.said["policy"])
    assert done.returncode == 1
    assert "facts.jsonl" in done.stdout


# The ledger ------------------------------------------------------------------------------------


@pytest.fixture
def copied(played: Played, tmp_path: Path) -> Path:
    """The workspace, to be spoilt."""
    return Path(shutil.copytree(played.folder / "demo", tmp_path / "workspace"))


def _edit(workspace: Path, *statements: str) -> None:
    connection = sqlite3.connect(workspace / "holdfast.db")
    with connection:
        for statement in statements:
            assert connection.execute(statement).rowcount == 1, statement
    connection.close()


def check(workspace: Path) -> tuple[int, list[str]]:
    done = run(workspace.parent, "holdfast", "-w", str(workspace), "--json", "ledger", "check")
    problems: list[str] = json.loads(done.stdout)["problems"]
    return done.returncode, problems


def test_the_ledger_checks_and_an_edited_fact_is_named(copied: Path) -> None:
    assert check(copied) == (0, [])
    _edit(
        copied,
        "UPDATE facts SET payload = CAST(replace(CAST(payload AS TEXT), 'Maya Okafor', 'Tomas Lind') "
        "AS BLOB) WHERE type = 'incident.acknowledged'",
    )
    seq = _one(copied, "SELECT seq FROM facts WHERE type = 'incident.acknowledged'")
    code, problems = check(copied)
    assert code == 1
    assert any(f"fact {seq} (incident.acknowledged" in problem for problem in problems), problems


def test_edited_rows_of_projections_are_named(copied: Path) -> None:
    """What pages show is added up from the facts; what does not add up is named by table and row."""
    _edit(
        copied,
        "UPDATE incidents SET status = 'open' WHERE incident = 'INC-1'",
        "UPDATE alerts SET firings = 99 WHERE alert = 'ALR-1'",
    )
    code, problems = check(copied)
    assert code == 1
    for table, row in (("incidents", "INC-1"), ("alerts", "ALR-1")):
        assert any(table in problem and row in problem for problem in problems), problems


def _one(workspace: Path, query: str) -> Any:
    connection = sqlite3.connect(workspace / "holdfast.db")
    (found,) = connection.execute(query).fetchone()
    connection.close()
    return found


# Backtest --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def replayed(car_loan_files: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    files = [str(car_loan_files / f"synthetic_car_loan_{name}.parquet") for name in FILES]
    options = [
        part for pair in zip(("--log", "--labels", "--reference"), files, strict=True) for part in pair
    ]
    folder = tmp_path_factory.mktemp("backtest")
    done = run(folder, "holdfast", "--json", "monitor", "backtest", str(EXAMPLE), *options)
    assert done.returncode == 0, done.stdout[:2000] + done.stderr
    found: dict[str, list[Any]] = defaultdict(list)
    for line in done.stdout.splitlines():
        one = json.loads(line)
        found[one["monitor"]].append(one)
    return found


FILES = ("analysis", "analysis_target", "reference")
PROMISED = {
    "monitor",
    "window_start",
    "window_end",
    "group",
    "value",
    "lower",
    "upper",
    "n",
    "labelled_share",
    "status",
    "alarm",
    "reason",
}


def test_a_backtest_prints_one_line_for_each_measurement(replayed: dict[str, list[Any]]) -> None:
    for found in replayed.values():
        for one in found:
            assert set(one) >= PROMISED
            assert one["status"] in ("pending", "estimated", "measured", "not_computable")


@pytest.mark.parametrize("monitor", ["accuracy", "auc", "drift-car-value"])
def test_alarms_begin_where_the_published_change_lies(replayed: dict[str, list[Any]], monitor: str) -> None:
    found = replayed[monitor]
    assert [one["n"] for one in found] == [5000] * 10
    alarms = [one["window_start"] for one in found if one["alarm"]]
    assert alarms[0] == CHANGE.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def test_what_did_not_change_never_alarms(replayed: dict[str, list[Any]]) -> None:
    quiet = replayed["drift-debt-to-income-ratio"]
    assert len(quiet) == 10
    assert not any(one["alarm"] for one in quiet)


@pytest.mark.parametrize("hour", range(24))
def test_the_story_never_ends_later_than_the_machines_clock_says(hour: int) -> None:
    """Played before six in the morning it ended at six: the clock had stepped back, nothing was served."""
    now = datetime(2026, 11, 26, hour, 12, 7, 503612, tzinfo=UTC)
    last = midnight(first_fault(now) + timedelta(days=9)) + MORNING
    assert last + timedelta(microseconds=now.microsecond) <= now
    assert now - last < timedelta(days=1)
