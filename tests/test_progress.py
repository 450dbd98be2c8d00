"""A run of the tests names a failure when it happens, and at the end the files that take longest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.progress import SHOWN

TESTS = Path(__file__).resolve().parent


def said(folder: Path, *options: str) -> str:
    """What a run over eleven files prints, of which one fails and is followed by others."""
    (folder / "conftest.py").write_text(
        "from support.progress import Progress\n\n"
        "def pytest_configure(config):\n"
        "    if not hasattr(config, 'workerinput'):\n"
        "        config.pluginmanager.register(Progress(config))\n"
    )
    for number in range(SHOWN + 1):
        fails = "assert 1 == 2, 'two\\nlines'" if number == 3 else "pass"
        (folder / f"test_{number}.py").write_text(f"def test_it():\n    {fails}\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TESTS), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    return run.stdout


def test_a_failure_is_named_when_it_happens_also_where_several_processes_test(tmp_path: Path) -> None:
    for options in ((), ("-n", "1")):
        before, _, _ = said(tmp_path, *options).partition("= FAILURES =")
        assert before.count("FAILED test_3.py::test_it: AssertionError: two") == 1, options


def test_the_slowest_files_stand_at_the_end_with_their_time(tmp_path: Path) -> None:
    _, _, after = said(tmp_path).partition(f"slowest {SHOWN} of {SHOWN + 1} files")
    listed = [line for line in after.splitlines() if " s  test_" in line]
    assert len(listed) == SHOWN
