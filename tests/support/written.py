"""A workspace written by `init`, and a ledger that holds what preparation records."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Ledger
from holdfast.people import Actor
from holdfast.prepare.records import Preparation
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.workspace import Workspace, load_workspace

DOMAIN = "harbourstreet.example"
NADIA = Actor(f"nadia.petrov@{DOMAIN}", "Nadia Petrov")
MAYA = Actor(f"maya.okafor@{DOMAIN}", "Maya Okafor")
PRIYA = Actor(f"priya.raman@{DOMAIN}", "Priya Raman")
HELEN = Actor(f"helen.marsh@{DOMAIN}", "Helen Marsh")
SAMUEL = Actor(f"samuel.adeyemi@{DOMAIN}", "Samuel Adeyemi")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace as `holdfast init` writes it."""
    write_workspace(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def workspace(folder: Path) -> Workspace:
    return load_workspace(folder)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    made = Ledger(database, [Preparation()])
    made.create("holdfast.example/test")
    return made


@pytest.fixture
def nadia() -> Actor:
    return NADIA


@pytest.fixture
def signers() -> dict[str, Actor]:
    """One person for each function that signs a playbook."""
    return {"engineering": MAYA, "data_science": PRIYA, "compliance": HELEN, "security": SAMUEL}


@pytest.fixture
def later(now: datetime) -> datetime:
    return now + timedelta(hours=1)
