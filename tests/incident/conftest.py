"""A company with the starter's playbook in force, and its desk."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from holdfast.incident.register import Register
from holdfast.incident.responding import Desk
from holdfast.integrations.folder.vault import FolderVault
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import Outbox
from holdfast.ledger.timers import Timers
from holdfast.prepare.records import Preparation
from support.company import put_in_force


@pytest.fixture
def ledger(database: Database, tmp_path: Path, now: datetime) -> Ledger:
    made = Ledger(database, [Timers(), Outbox(), Preparation(), Register()])
    made.create("harbourstreet.example/test")
    put_in_force(made, tmp_path / "workspace", now)
    return made


@pytest.fixture
def desk(ledger: Ledger, tmp_path: Path) -> Desk:
    return Desk(
        ledger, FolderVault(tmp_path / "vault"), [], lambda incident: f"https://holdfast.example/{incident}"
    )
