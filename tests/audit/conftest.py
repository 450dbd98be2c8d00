"""Fixtures that tell one small incident, and its pack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.audit.dossier import Dossier, gather
from holdfast.audit.packing import build_pack
from holdfast.ledger.database import Database
from support.company import HELEN
from support.lending import Lending, told_as_far_as


@pytest.fixture
def lending(database: Database, tmp_path: Path) -> Lending:
    return told_as_far_as("lending", database, tmp_path)


@pytest.fixture
def declared(database: Database, tmp_path: Path) -> Lending:
    """An incident that a person declared, with one item of evidence and some gaps."""
    return told_as_far_as("declared", database, tmp_path)


@pytest.fixture
def running(database: Database, tmp_path: Path) -> Lending:
    """An incident that was opened by an alert this morning."""
    return told_as_far_as("running", database, tmp_path)


@pytest.fixture
def closed(database: Database, tmp_path: Path) -> Lending:
    """The whole story, closed and archived."""
    return told_as_far_as("closed", database, tmp_path)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    """The whole story once, for tests that only read it."""
    folder = tmp_path_factory.mktemp("told")
    database = Database(f"sqlite:///{folder / 'holdfast.db'}")
    yield told_as_far_as("closed", database, folder)
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
