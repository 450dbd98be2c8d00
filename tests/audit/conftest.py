"""Fixtures that tell one small incident, and its pack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.audit.dossier import Dossier, gather
from holdfast.audit.packing import build_pack
from holdfast.incident.responding import Report
from holdfast.ledger.database import Database
from support.company import HELEN, INES
from support.lending import MORNING, Lending


@pytest.fixture
def lending(database: Database, tmp_path: Path) -> Lending:
    return Lending.opened(database, tmp_path)


@pytest.fixture
def declared(database: Database, tmp_path: Path) -> Lending:
    """An incident that a person declared, with one item of evidence and some gaps."""
    made = Lending.opened(database, tmp_path, logged=False)
    made.desk.open(Report("The assistant is rude"), by=INES, at=MORNING)
    made.sealer.seal(MORNING)
    return made


@pytest.fixture
def running(lending: Lending) -> Lending:
    """An incident that was opened by an alert this morning."""
    lending.go_wrong()
    return lending


@pytest.fixture
def closed(running: Lending) -> Lending:
    """The whole story, closed and archived."""
    running.respond("INC-1")
    running.learn("INC-1")
    running.close("INC-1")
    return running


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    """The whole story once, for tests that only read it."""
    folder = tmp_path_factory.mktemp("told")
    database = Database(f"sqlite:///{folder / 'holdfast.db'}")
    made = Lending.opened(database, folder)
    made.go_wrong()
    made.respond("INC-1")
    made.learn("INC-1")
    made.close("INC-1")
    yield made
    database.close()


@pytest.fixture(scope="session")
def packed(told: Lending, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack of that story."""
    return build_pack(
        told, "INC-1", tmp_path_factory.mktemp("packed") / "INC-1.zip", by=HELEN, at=told.now
    ).path


@pytest.fixture(scope="session")
def dossier(told: Lending) -> Dossier:
    """Everything the ledger held about it, once."""
    return gather(told.ledger, "INC-1")
