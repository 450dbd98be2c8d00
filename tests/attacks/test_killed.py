"""Killed at any moment, nothing acknowledged is lost and nothing is half done (R-XCT-05)."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from holdfast.ledger import keys, timers
from holdfast.ledger.check import check
from holdfast.ledger.sealing import Anchor
from holdfast_verify.note import Signer
from support import committing


def kill_at_random(url: str, folder: Path, rounds: int) -> None:
    ledger = committing.open_ledger(url)
    ledger.create("holdfast.example/killed")
    key = keys.create(folder / "log.pem")
    acknowledged: set[int] = set()
    chance = random.Random(7)
    for _ in range(rounds):
        command = [sys.executable, committing.__file__, url, str(folder)]
        workers = [
            subprocess.Popen([*command, who], stdout=subprocess.PIPE, text=True) for who in ("blue", "red")
        ]
        for worker in workers:
            assert worker.stdout is not None
            acknowledged.add(int(worker.stdout.readline()))  # it is at work
        time.sleep(chance.uniform(0.02, 0.5))
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        for worker in workers:
            rest, _ = worker.communicate()
            acknowledged |= {int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")}
    stored = {recorded.seq: recorded.fact.type for recorded in ledger.facts()}
    assert acknowledged <= set(stored)
    assert sorted(stored) == list(range(len(stored)))
    report = check(
        ledger, Signer("holdfast.example/killed", key).verifier_key, Anchor(folder / "checkpoints.jsonl")
    )
    assert report.problems == []
    armed = sum(r.fact.type == "kettle.filled" and bool(list(r.fact.timers())) for r in ledger.facts())
    fired = sum(kind == "kettle.boiled" for kind in stored.values())
    # A timer that is armed again before it fires is replaced, so at most one fires for each arming.
    assert fired + len(timers.armed(ledger, "")) <= armed
    ledger.database.close()


def test_kill_while_appending_firing_and_sealing(database_url: str, tmp_path: Path) -> None:
    """R-XCT-05/lost."""
    kill_at_random(database_url, tmp_path, rounds=2)


@pytest.mark.slow
def test_kill_twenty_four_times(database_url: str, tmp_path: Path) -> None:
    kill_at_random(database_url, tmp_path, rounds=24)
