"""What the worker does every so often, in a workspace made by `holdfast init`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from holdfast.clock import SystemClock
from holdfast.evidence.events import TemporarySwept, VaultSwept
from holdfast.interfaces.worker.worker import Worker
from holdfast.scratch import LOG, PACK
from support.workspaces import opened


def test_the_worker_sweeps_what_killed_runs_left_and_says_so_on_the_record(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packs and copies of logs outside the vault, as well as what lies in it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(outside))
    clock = SystemClock()
    application = opened(tmp_path / "workspace", database_url, clock)
    inside = application.desk.vault.folder / "incoming"
    inside.mkdir(parents=True, exist_ok=True)
    gone = [outside / f"{PACK}1", outside / f"{LOG}2", inside / "work-3"]
    for path in gone:
        path.mkdir(mode=0o700)
        (path / "part").write_bytes(b"rows")
        os.utime(path, (0, 0))
    Worker(application).round(clock.now())
    assert not any(path.exists() for path in gone)
    facts = [one.fact for one in application.ledger.facts()]
    (swept,) = [fact for fact in facts if isinstance(fact, TemporarySwept)]
    assert (swept.folders, swept.size) == (2, 8)
    assert len([fact for fact in facts if isinstance(fact, VaultSwept)]) == 1
