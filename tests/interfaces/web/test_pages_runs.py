"""Running monitors on a system's page: what came late, and what no alarm can come from (R-XCT-07)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.prepare.versions import apply_workspace
from holdfast.prepare.workspace import load_workspace
from support import letters
from support.company import HELEN, MAYA
from support.pages import Page, Reader, open_company, signed_in


@dataclass
class MailRoom:
    """Somebody at a browser, over a log that is written day by day."""

    application: Application
    maya: Reader
    start: datetime

    def day(self, number: int, urgent: int, name: str = "") -> None:
        letters.write_day(self.application.workspace, self.start, number, urgent, name)

    def run(self) -> str:
        """Presses the button, and reads the page it leads to."""
        answer = self.maya.post("/systems/letters/runs")
        assert answer.headers["location"] == "/systems/letters"
        return self.page("/systems/letters").text

    def page(self, path: str) -> Page:
        return self.maya.page(path)


@pytest.fixture
def room(tmp_path: Path) -> MailRoom:
    application = open_company(tmp_path)
    start = letters.begin(application.workspace, application.clock.now())
    apply_workspace(application.ledger, load_workspace(application.workspace), HELEN, application.clock.now())
    return MailRoom(application, signed_in(application, MAYA), start)


LATE = "Rows came late"
CANNOT = "This monitor cannot measure: no alarm can come from it."


def test_rows_that_came_late_are_a_notice_with_window_monitors_and_what_changed(room: MailRoom) -> None:
    for number in range(4):
        room.day(number, urgent=1)
    assert LATE not in room.run()
    assert LATE not in room.run(), "nothing new"
    room.day(1, urgent=1, name="late")
    said = room.run()
    assert "Rows came late to 1 window." in said
    assert "60 rows came to the window" in said
    assert (
        "after it had been judged: measured again by precision, recall; changed: precision, recall." in said
    )
    assert LATE not in room.page("/systems/letters").text, "said once, of this run"
    measured = room.page("/systems/letters/monitors/precision").text
    assert "Measured again: 60 rows came after it had been judged." in measured


def test_a_window_that_could_not_be_computed_is_a_notice_before_the_monitor_is_blind(room: MailRoom) -> None:
    room.day(0, urgent=1)
    room.day(1, urgent=0)
    said = room.run()
    assert "1 monitor could not compute the newest window." in said
    assert "precision: Precision is not computable: nothing labelled was predicted positive" in said
    assert CANNOT not in room.page("/systems/letters/monitors/precision").text


def test_a_blind_monitor_is_said_on_every_page_that_speaks_of_it_until_it_sees_again(room: MailRoom) -> None:
    """Nothing is predicted urgent for three windows, so that precision has nothing to be computed from."""
    room.day(0, urgent=1)
    for number in range(1, 4):
        room.day(number, urgent=0)
    said = room.run()
    assert "1 monitor could not measure." in said
    assert "precision: blind for 3 windows or more: Precision is not computable: nothing labelled" in said
    assert "could not compute the newest window" not in said, "said once, and by the graver word"
    system = room.page("/systems/letters").text
    assert "Some monitors cannot measure: no alarm can come from them." in system
    monitor = room.page("/systems/letters/monitors/precision").text
    assert CANNOT in monitor
    assert "blind for 3 windows" in monitor
    assert CANNOT not in room.page("/systems/letters/monitors/recall").text
    assert "blind for 3 windows" in room.page("/alerts?shown=all").text
    assert "no alarm can come from it" in room.page("/").text
    room.day(4, urgent=1)
    said = room.run()
    assert "could not measure" not in said
    assert "Some monitors cannot measure" not in room.page("/systems/letters").text
    assert CANNOT not in room.page("/systems/letters/monitors/precision").text
