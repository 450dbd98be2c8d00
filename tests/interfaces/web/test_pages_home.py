"""The first page counts everything, and says what it leaves to other pages."""

from __future__ import annotations

import pathlib

import pytest

from holdfast.application import Application
from holdfast.incident.responding import Report
from holdfast.interfaces.web.views import home
from support.company import MAYA
from support.many_alerts import raise_many
from support.pages import Reader, SetClock, open_company, signed_in


@pytest.fixture
def application(tmp_path: pathlib.Path) -> Application:
    return open_company(tmp_path, SetClock())


@pytest.fixture
def maya(application: Application) -> Reader:
    return signed_in(application, MAYA)


def test_open_alerts_beyond_the_shown_ones_are_counted(application: Application, maya: Reader) -> None:
    raise_many(application, home._SHOWN + 3)
    assert "3 further open alerts" in maya.page("/").text


def test_open_incidents_beyond_the_shown_ones_are_counted(application: Application, maya: Reader) -> None:
    for number in range(home._SHOWN + 1):
        application.desk.open(Report(f"Loans are declined, {number}"), by=MAYA, at=application.clock.now())
    page = maya.page("/")
    assert "1 further open incident" in page.text
    assert f"Open incidents {home._SHOWN + 1}" in page.text


def test_what_all_is_shown_says_nothing_of_more(application: Application, maya: Reader) -> None:
    raise_many(application, 1)
    assert "further" not in maya.page("/").text
