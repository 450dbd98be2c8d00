"""The whole product on real data, driven through its pages, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.browsing import chromium
from support.office import Office, at_work

CAR_LOANS = Path(__file__).resolve().parents[3] / "shared" / "data" / "nannyml"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A file's: while one is open, nothing else in the process may run an event loop."""
    yield from chromium()


@pytest.fixture(scope="session")
def car_loan_files() -> Path:
    """The folder with NannyML's car loans."""
    if not (CAR_LOANS / "synthetic_car_loan_analysis.parquet").exists():
        pytest.skip("NannyML's car loans are not beside this checkout (../shared/data/nannyml)")
    return CAR_LOANS


@pytest.fixture
def office(tmp_path: Path, car_loan_files: Path, database_url: str, browser: Browser) -> Iterator[Office]:
    """A company at work on the car loans, the day before its monitors see the fault."""
    with at_work(tmp_path, car_loan_files, database_url, browser) as working:
        yield working
