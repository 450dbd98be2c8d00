"""A ledger with one running incident."""

from __future__ import annotations

from datetime import datetime

import pytest

from holdfast.incident.register import Register
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import Outbox
from holdfast.ledger.timers import Timers
from support.opened import open_incident


@pytest.fixture
def ledger(database: Database) -> Ledger:
    made = Ledger(database, [Timers(), Outbox(), Register()])
    made.create("holdfast.example/test")
    return made


@pytest.fixture
def incident(ledger: Ledger, now: datetime) -> str:
    return open_incident(ledger, now)
