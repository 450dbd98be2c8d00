"""The whole product on real data, driven through its pages, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.browsing import chromium
from support.office import Office, at_work


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.fixture
def office(tmp_path: Path, shared_data: Path, database_url: str, browser: Browser) -> Iterator[Office]:
    """A company at work on the car loans, the day before its monitors see the fault."""
    with at_work(tmp_path, shared_data / "nannyml", database_url, browser) as working:
        yield working
