"""Messages that were given up: what nobody got stays on the pages until somebody has seen to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from holdfast.application import Application
from holdfast.interfaces.cli.main import build
from holdfast.ledger import outbox
from holdfast.ledger.ledger import Draft
from holdfast.ledger.outbox import MessageFailed
from holdfast.people import SYSTEM
from support.company import MAYA, TOMAS, VICTOR
from support.lender_pages import open_lender
from support.pages import Reader, SetClock, signed_in
from support.shells import on, wired


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return open_lender(tmp_path, SetClock())


@pytest.fixture
def maya(application: Application) -> Reader:
    return signed_in(application, MAYA)


@pytest.fixture
def given_up(application: Application) -> str:
    """The number of a message to Tomas Lind that the mail server did not take."""
    draft, at = outbox.queue("email", TOMAS.id, "Look at this", "Please look.", zone="UTC"), SetClock().now()
    application.ledger.append(draft, by=SYSTEM, at=at)
    message = draft.stream.partition("/")[2]
    failed = MessageFailed(
        message=message, to=TOMAS.id, reason="550 nobody is here", attempt=8, retry_at=None
    )
    application.ledger.append(Draft(draft.stream, 1, [failed]), by=SYSTEM, at=at)
    return message


def test_it_stands_on_home_and_on_a_page_of_its_own_until_it_is_seen_to(maya: Reader, given_up: str) -> None:
    """R-ESC-06."""
    assert "1 message given up." in maya.page("/").text
    page = maya.page("/messages").text
    assert "To Tomas Lind" in page
    assert "Look at this" in page
    assert "550 nobody is here." in page
    refused = maya.post(f"/messages/{given_up}/seen-to", {f"reason-{given_up}": " "})
    assert refused.status_code == 409
    assert "Say how they were told, or why they need not be" in refused.text
    sent = maya.post(f"/messages/{given_up}/seen-to", {f"reason-{given_up}": "Rang him at 9"})
    assert sent.headers["location"] == "/messages"
    assert "No message is given up" in maya.page("/messages").text
    assert "given up." not in maya.page("/").text


def test_it_is_tried_again_from_there(application: Application, maya: Reader, given_up: str) -> None:
    assert maya.post(f"/messages/{given_up}/retry").headers["location"] == "/messages"
    assert "No message is given up" in maya.page("/messages").text


def test_whoever_only_reads_sees_it_without_buttons(application: Application, given_up: str) -> None:
    victor = signed_in(application, VICTOR)
    page = victor.page("/messages")
    assert "To Tomas Lind" in page.text
    assert "Seen to" not in page.text
    assert victor.post(f"/messages/{given_up}/retry").status_code == 403


def test_the_terminal_says_how_things_stand_and_sees_to_a_message(
    application: Application, given_up: str, tmp_path: Path
) -> None:
    wiring = wired(on(SetClock()))

    def typed(*words: str) -> tuple[int, str]:
        before = ["--workspace", str(tmp_path), "--as", MAYA.id]
        found = CliRunner().invoke(build(wiring), [*before, *words, "--table"])
        return found.exit_code, " ".join((found.stdout + found.stderr).split())

    code, said = typed("health")
    assert code == 1
    assert "1 message given up; see: holdfast message list --unreached" in said
    assert given_up in typed("message", "list", "--unreached")[1]
    assert typed("message", "see-to", given_up, "--reason", "Rang him") == (
        0,
        f"The message to {TOMAS.id} is seen to.",
    )
    assert "given up" not in typed("health")[1]
    assert typed("message", "list", "--unreached")[1] == "No message."
