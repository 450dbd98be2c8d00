"""A small ledger with facts and a projection of its own, for tests of the mechanism."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.ledger import keys
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import Outbox
from holdfast.ledger.sealing import Anchor, Memory, Sealer
from holdfast.ledger.timers import Timers
from holdfast_verify.note import Signer
from support.kettles import Kettles


@pytest.fixture
def ledger(database: Database) -> Ledger:
    made = Ledger(database, [Timers(), Outbox(), Kettles()])
    made.create("holdfast.example/test")
    return made


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return Anchor(tmp_path / "checkpoints.jsonl")


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "keys" / "log.signed.json")


@pytest.fixture
def sealer(ledger: Ledger, anchor: Anchor, memory: Memory, tmp_path: Path) -> Sealer:
    key = keys.create(tmp_path / "keys" / "log.pem")
    memory.begin(Signer(ledger.origin, key).verifier_key)
    return Sealer(ledger, key, anchor, memory)
