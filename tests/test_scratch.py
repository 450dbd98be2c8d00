"""Copies that pass are private, and what a killed process left of them is swept."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from holdfast import scratch
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.scratch import LOG, PACK, Leftovers, Scratch


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of this test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def old(path: Path) -> Path:
    os.utime(path, (0, 0))
    return path


def left(folder: Path, name: str, content: bytes = b"rows") -> Path:
    path = folder / name
    path.mkdir(mode=0o700)
    (path / "part").write_bytes(content)
    return old(path)


@pytest.mark.parametrize("kind", [PACK, LOG])
def test_a_scratch_folder_is_its_owners_alone_and_goes_with_its_step(temporary: Path, kind: str) -> None:
    with Scratch(kind) as made:
        assert made.path.parent == temporary
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
        (made.path / "part").write_bytes(b"rows")
    made.close()
    assert list(temporary.iterdir()) == []


def test_a_scratch_folder_that_nobody_closes_goes_as_well(temporary: Path) -> None:
    """A download that was never begun."""
    made = Scratch(PACK)
    (made.path / "INC-1.zip").write_bytes(b"PK")
    del made
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("kind", [PACK, LOG])
def test_what_a_killed_process_left_is_swept_and_what_a_living_one_uses_stays(
    temporary: Path, kind: str
) -> None:
    program = (
        "import sys, time, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from holdfast.scratch import Scratch\n"
        "made = Scratch(sys.argv[2]); (made.path / 'part').write_bytes(b'rows')\n"
        "print(made.path, flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", program, str(temporary), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        try:
            old(path)
            assert scratch.sweep() is None, "it is in use"
            assert path.is_dir()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert path.is_dir()
    assert scratch.sweep() == Leftovers(1, 4)
    assert list(temporary.iterdir()) == []


def test_only_old_folders_of_this_name_and_user_are_swept(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workspace in the temporary folder, a file, a link, and what was made this very moment stay."""
    stay = [left(temporary, "holdfast-demo"), left(temporary, "somebody")]
    (temporary / f"{PACK}link").symlink_to(stay[0])
    (temporary / f"{LOG}file").write_bytes(b"x")
    old(temporary / f"{LOG}file")
    (temporary / f"{PACK}new").mkdir()
    before = sorted(temporary.iterdir())
    assert scratch.sweep() is None
    left(temporary, f"{LOG}other")
    monkeypatch.setattr(os, "getuid", lambda: -1)
    assert scratch.sweep() is None, "another user's"
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert scratch.sweep() == Leftovers(1, 4)
    assert sorted(temporary.iterdir()) == before
    assert (stay[0] / "part").read_bytes() == b"rows"


def test_copies_of_a_log_lie_where_they_are_swept(temporary: Path) -> None:
    with DuckDB():
        (folder,) = temporary.iterdir()
        assert folder.name.startswith(LOG)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(temporary.iterdir()) == []
