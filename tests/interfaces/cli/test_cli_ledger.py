"""The ledger's own word at a terminal: what holds, what cannot be said, and how to go on (R-EVD-04)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from holdfast import app as joined
from holdfast.detect.monitoring import monitor_memory
from holdfast.ledger import keys, tables
from holdfast.ledger.database import Database
from holdfast.ledger.timekeeping import LedgerClock
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.note import Signer, sign
from support.company import HELEN, INES
from support.machines import Machine

KEY, MEMORY, ANCHOR = "keys/ledger.key", "keys/ledger.signed.json", "checkpoints.jsonl"


@pytest.fixture(autouse=True)
def logged() -> Iterator[Any]:
    """The log goes to another place than the answer, as `main` has it."""
    with capture_logs() as logs:
        yield logs


def told(shell: Any, type_: str) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = shell.done("ledger", "facts", "--type", type_)["facts"]
    return facts


@pytest.mark.parametrize("lost", [ANCHOR, MEMORY])
def test_without_what_is_kept_outside_it_cannot_be_said_until_a_person_goes_on(
    company: Any, lost: str
) -> None:
    (company.folder / lost).unlink()
    said = company("ledger", "check")
    assert (said.code, said.json["verdict"], said.json["problems"]) == (1, "cannot say", [])
    assert "Cannot say" in company("ledger", "check", "--table").out
    assert company("ledger", "seal").code == 1
    for words, person in (((), HELEN), (("--reason", " "), HELEN), (("--reason", "lost"), INES)):
        assert company("ledger", "anchor", *words, person=person.id).code != 0
    assert not (company.folder / lost).exists()
    company.done("ledger", "anchor", "--reason", "The disk failed", person=HELEN.id)
    (anchored,) = told(company, "ledger.anchored")
    assert (anchored["by"]["id"], anchored["data"]["reason"]) == (HELEN.id, "The disk failed")
    assert lost.rpartition("/")[2] in anchored["data"]["was"][0]
    assert company.done("ledger", "check")["verdict"] == "holds"
    again = company("ledger", "anchor", "--reason", "Once more", person=HELEN.id)
    assert "nothing is missing" in again.sentence


def test_an_older_copy_is_not_written_over_while_it_stands_there(company: Any) -> None:
    memory = company.folder / MEMORY
    older = memory.read_text()
    for title in ("Approvals fell", "Refusals without a reason"):
        company.done("incident", "declare", title)
        company.done("ledger", "seal")
    memory.write_text(older)
    assert company("ledger", "check").json["verdict"] == "does not hold"
    refused = company("ledger", "anchor", "--reason", "An old backup", person=HELEN.id)
    assert (refused.code, "does not hold" in refused.sentence) == (1, True)
    memory.unlink()
    company.done("ledger", "anchor", "--reason", "An old backup", person=HELEN.id)
    assert company.done("ledger", "check")["verdict"] == "holds"


def test_what_somebody_else_kept_is_compared(company: Any, tmp_path: Path) -> None:
    known = tmp_path / "kept.jsonl"
    known.write_bytes((company.folder / ANCHOR).read_bytes())
    agreeing = company.done("ledger", "check", "--known", str(known))
    assert agreeing["elsewhere"] == len(known.read_text().splitlines())
    size = company.done("ledger", "seal")["size"]
    # The same key over another history, and over a longer one.
    origin = json.loads(known.read_text().splitlines()[0])["note"].splitlines()[0]
    signer = Signer(origin, keys.load(company.folder / KEY))
    for of, why in ((size, "history was rewritten"), (size + 5000, "the tail was cut")):
        other = tmp_path / "other.note"
        other.write_bytes(sign(str(Checkpoint(origin, of, bytes(32))), signer))
        said = company("ledger", "check", "--known", str(other))
        assert (said.code, said.json["verdict"]) == (1, "does not hold")
        assert [problem for problem in said.json["problems"] if "somebody else" in problem and why in problem]
    known.write_text("{}\n")
    assert "line 1: not a checkpoint" in company("ledger", "check", "--known", str(known)).sentence


@pytest.mark.parametrize("lost", [(KEY,), (KEY, MEMORY), (KEY, ANCHOR), (KEY, MEMORY, ANCHOR)])
def test_init_makes_no_second_key_for_a_ledger_that_was_sealed(company: Any, lost: tuple[str, ...]) -> None:
    for name in lost:
        (company.folder / name).unlink()
    said = company("init", str(company.folder))
    assert (said.code, "restore it from your backup" in said.sentence) == (1, True)
    assert not any((company.folder / name).exists() for name in lost)


def test_init_forgets_nothing_that_a_key_has_signed(company: Any) -> None:
    (company.folder / MEMORY).unlink()
    company("init", str(company.folder))
    assert not (company.folder / MEMORY).exists()


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (update(monitor_memory).values(state="{}"), "it was edited"),
        (update(monitor_memory).values(as_of="2026-01-01T00:00:00.000000Z"), "the last was at"),
        (delete(monitor_memory), "is missing"),
    ],
)
def test_a_memory_of_monitors_that_was_edited_is_found(
    watched: Any, database_url: str, statement: Any, why: str
) -> None:
    watched.done("monitor", "run")
    assert watched.done("ledger", "check")["holds"]
    database = Database(database_url)
    with database.writing() as conn:
        assert conn.execute(statement).rowcount
    database.close()
    said = watched("ledger", "check")
    assert said.code == 1
    assert [problem for problem in said.json["problems"] if "remember" in problem and why in problem]


def test_after_a_step_of_the_clock_nothing_is_recorded_until_a_person_confirms_it(
    company: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(company.clock.now())
    monkeypatch.setattr(
        joined, "LedgerClock", lambda ledger, path: LedgerClock(ledger, path, machine, machine.ticks)
    )
    company.clock = None
    assert company.done("ledger", "clock")["step"] == ""
    company.done("incident", "declare", "Approvals fell")
    machine.clock += timedelta(days=10)
    refused = company("incident", "declare", "Refusals without a reason")
    assert (refused.code, "stepped by +10 days" in refused.sentence) == (1, True)
    shown = company("ledger", "clock")
    assert (shown.code, "stepped by +10 days" in shown.json["step"]) == (1, True)
    for words, person in (((), HELEN), (("--reason", "Set right"), INES)):
        assert company("ledger", "clock", "--confirm", *words, person=person.id).code == 1
    assert told(company, "clock.confirmed") == []
    company.done("ledger", "clock", "--confirm", "--reason", "Set right", person=HELEN.id)
    (confirmed,) = told(company, "clock.confirmed")
    assert (confirmed["by"]["id"], confirmed["data"]["reason"]) == (HELEN.id, "Set right")
    company.done("incident", "declare", "Refusals without a reason")
    assert company.done("ledger", "check")["holds"]


def test_a_head_that_was_deleted_is_told_as_such_and_no_new_one_is_made(company: Any, clock: Any) -> None:
    """A new head over stored facts would begin a second history."""
    application = joined.open_workspace(company.folder, None, clock)
    facts = application.ledger.size()
    with application.ledger.database.writing() as conn:
        conn.execute(delete(tables.head))
    application.ledger.database.close()
    for words in (("ledger", "check"), ("incident", "list"), ("init", str(company.folder))):
        said = company(*words)
        assert said.code == 1, words
        assert f"the row of ledger_head is missing, and {facts} facts are stored" in said.sentence
        assert "put the newest backup back" in said.sentence
        assert "run `holdfast init`" not in said.sentence
        assert said.out == ""


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE streams SET version = 'x'",
        "UPDATE streams SET last_hash = 'x'",
        "UPDATE facts SET payload = 'x' WHERE seq = 3",
    ],
)
def test_a_check_that_finds_anything_still_answers_in_json_alone(company: Any, clock: Any, edit: str) -> None:
    application = joined.open_workspace(company.folder, None, clock)
    if not application.ledger.database.is_sqlite and "'x'" in edit:
        pytest.skip("the server's columns hold no value of another type")
    with application.ledger.database.writing() as conn:
        try:
            conn.exec_driver_sql(edit)
        except DBAPIError:
            pytest.skip("the database itself refuses it")
    application.ledger.database.close()
    said = company("ledger", "check", "--json")
    assert said.code == 1
    assert said.json["verdict"] == "does not hold"
