"""Attacks of somebody who has the database and not the key, on run-time rows that decide something.

They are forged, edited, deleted, copied from one place to another, and older ones put back (R-EVD-04,
R-XCT-01). Each is without effect at once, and not only found by the next check.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from holdfast.access.accounts import Accounts
from holdfast.application import Application
from holdfast.detect.events import AlertTriaged, MonitoringRan
from holdfast.incident.events import IncidentOpened
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger import pulse
from holdfast.ledger.events import PositionDoubted
from holdfast.ledger.facts import Fact
from holdfast.ledger.outbox import MessageQueued
from holdfast.ledger.row_key import RowKey
from holdfast.ledger.tables import reaction_cursors
from holdfast.people import Permission
from holdfast.problems import NotAllowed
from support.company import HELEN, MAYA
from support.workspaces import HandClock, opened, settle, with_log

NOW = datetime(2026, 11, 23, 10, 42, 7, 123456, tzinfo=UTC)
PASSWORD = "harbour-lights-at-four"
CURSORS = "reaction_cursors"


def sql(application: Application, statement: str, **values: object) -> int:
    with application.ledger.database.writing() as conn:
        return conn.execute(text(statement), values).rowcount


def row(application: Application, table: str, where: str = "1 = 1") -> dict[str, Any]:
    with application.ledger.reading() as conn:
        return dict(conn.execute(text(f"SELECT * FROM {table} WHERE {where}")).mappings().one())


def put(application: Application, table: str, values: dict[str, Any]) -> None:
    names = ", ".join(values)
    sql(application, f"INSERT INTO {table} ({names}) VALUES (:{', :'.join(values)})", **values)


def of_type(application: Application, kind: type[Fact]) -> list[Any]:
    return [one.fact for one in application.ledger.facts() if isinstance(one.fact, kind)]


# How far a reaction has read ------------------------------------------------------------------------

TRIAGE = "reaction = 'triage alerts'"


@pytest.fixture
def alarmed(database_url: str, tmp_path: Path) -> Application:
    """A system has alarmed, and triage has not been handed its alert yet."""
    made = opened(tmp_path / "company", database_url, HandClock(NOW))
    with_log(made.workspace, NOW)
    Worker(made).react(NOW)
    made.monitoring.run("loan-approval", by=MAYA, at=NOW)
    return made


def copied_from_another(application: Application) -> None:
    """The row of a reaction that has read everything, under the name of one that has not."""
    Worker(application).react(NOW)
    other = row(application, CURSORS, "reaction = 'see alerts that grow worse'")
    sql(application, f"DELETE FROM {CURSORS} WHERE {TRIAGE}")
    put(application, CURSORS, {**other, "reaction": "triage alerts"})


CURSOR_ATTACKS = {
    "moved to the head": lambda one: sql(
        one, f"UPDATE {CURSORS} SET seq = {one.ledger.size() - 1} WHERE {TRIAGE}"
    ),
    "moved to the head, with the head's hash": lambda one: sql(
        one,
        f"UPDATE {CURSORS} SET seq = :seq, leaf_hash = :hash WHERE {TRIAGE}",
        seq=one.ledger.size() - 1,
        hash=[*one.ledger.facts()][-1].leaf_hash.hex(),
    ),
    "put in anew with a digest of another key": lambda one: (
        sql(one, f"DELETE FROM {CURSORS} WHERE {TRIAGE}"),
        put(
            one,
            CURSORS,
            RowKey(b"mine").signed(
                reaction_cursors, {"reaction": "triage alerts", "seq": 9, "leaf_hash": ""}
            ),
        ),
    ),
    "copied from another reaction": copied_from_another,
}


@pytest.mark.parametrize("attack", CURSOR_ATTACKS)
def test_a_position_that_holdfast_did_not_write_is_not_believed_and_nothing_is_passed_over(
    alarmed: Application, attack: str
) -> None:
    CURSOR_ATTACKS[attack](alarmed)
    (problem,) = [one for one in alarmed.check().problems if "'triage alerts'" in one]
    assert "Holdfast did not write it" in problem
    settle(alarmed)
    settle(alarmed)
    assert of_type(alarmed, AlertTriaged) or of_type(alarmed, IncidentOpened)
    (doubted,) = of_type(alarmed, PositionDoubted)
    assert doubted.reaction == "triage alerts"
    assert alarmed.check().problems == []


def test_a_position_is_of_the_fact_it_stands_on(alarmed: Application) -> None:
    """Facts that nobody has sealed are cut off with the position left: the next ones of these numbers are not
    passed over."""
    settle(alarmed)
    sql(alarmed, "UPDATE facts SET leaf_hash = :hash WHERE seq = :seq", hash=bytes(32), seq=_at(alarmed))
    assert any("the fact that it stands on is another" in one for one in alarmed.check().problems)


def _at(application: Application) -> int:
    return int(row(application, CURSORS, TRIAGE)["seq"])


@pytest.mark.parametrize("how", ["deleted", "put back", "doubted"])
def test_whoever_moves_positions_back_has_nothing_done_and_nobody_told_twice(
    alarmed: Application, how: str
) -> None:
    older = row(alarmed, CURSORS, TRIAGE)
    for _ in range(4):
        settle(alarmed)
    before, told = alarmed.ledger.size(), len(of_type(alarmed, MessageQueued))
    match how:
        case "deleted":
            sql(alarmed, f"DELETE FROM {CURSORS}")
        case "put back":
            sql(alarmed, f"DELETE FROM {CURSORS} WHERE {TRIAGE}")
            put(alarmed, CURSORS, older)
        case _:
            sql(alarmed, f"UPDATE {CURSORS} SET seq = seq + 1")
    for _ in range(4):
        settle(alarmed)
    again = [one.fact for one in alarmed.ledger.facts(after=before - 1)]
    assert [one for one in again if not isinstance(one, PositionDoubted)] == []
    assert len(of_type(alarmed, MessageQueued)) == told


# Who gets in ----------------------------------------------------------------------------------------


@pytest.fixture
def accounts(alarmed: Application) -> Accounts:
    made = Accounts(alarmed.ledger, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    for person in (MAYA, HELEN):
        made.create(person.id, PASSWORD, person, NOW)
    return made


def test_a_session_that_was_put_in_or_edited_opens_nothing(alarmed: Application, accounts: Accounts) -> None:
    secret, _ = accounts.sessions.sign_in(MAYA.id, PASSWORD, "10.0.0.1", NOW)
    honest = row(alarmed, "account_sessions")
    assert accounts.sessions.find(secret, NOW)
    sql(alarmed, "UPDATE account_sessions SET person = :other", other=HELEN.id)
    assert accounts.sessions.find(secret, NOW) is None
    sql(
        alarmed,
        "UPDATE account_sessions SET person = :maya, seen_at = '2999-01-01T00:00:00.000000Z'",
        maya=MAYA.id,
    )
    assert accounts.sessions.find(secret, NOW) is None
    sql(alarmed, "UPDATE account_sessions SET seen_at = :seen", seen=honest["seen_at"])
    assert accounts.sessions.find(secret, NOW), "as Holdfast wrote it"


def test_a_session_that_has_ended_is_not_begun_again_by_its_row(
    alarmed: Application, accounts: Accounts
) -> None:
    secret, _ = accounts.sessions.sign_in(MAYA.id, PASSWORD, "10.0.0.1", NOW)
    old = row(alarmed, "account_sessions")
    accounts.sessions.sign_out(secret, NOW)
    put(alarmed, "account_sessions", old)
    assert accounts.sessions.find(secret, NOW) is None


def test_a_password_is_the_one_that_was_set_last(alarmed: Application, accounts: Accounts) -> None:
    mine = f"person = '{MAYA.id}'"
    old, hers = (
        row(alarmed, "account_credentials", mine),
        row(alarmed, "account_credentials", f"person = '{HELEN.id}'"),
    )
    accounts.set_password(MAYA.id, "another-lighthouse-entirely", MAYA, NOW)
    for forged in (old, {**hers, "person": MAYA.id}, {**old, "mac": hers["mac"]}):
        sql(alarmed, f"DELETE FROM account_credentials WHERE {mine}")
        put(alarmed, "account_credentials", forged)
        with pytest.raises(NotAllowed):
            accounts.sessions.sign_in(MAYA.id, PASSWORD, "10.0.0.1", NOW)


def test_a_token_may_what_it_was_issued_for_until_it_is_revoked(
    alarmed: Application, accounts: Accounts
) -> None:
    until = NOW + timedelta(days=9)
    secret, made = accounts.tokens.issue(MAYA.id, "script", [Permission.READ], until, MAYA, NOW)
    honest = row(alarmed, "account_tokens")
    sql(alarmed, "UPDATE account_tokens SET scope = '[\"manage people\"]'")
    assert accounts.tokens.find(secret, NOW) is None
    sql(alarmed, "UPDATE account_tokens SET scope = :scope", scope=honest["scope"])
    assert accounts.tokens.find(secret, NOW)
    used = row(alarmed, "account_tokens")
    accounts.tokens.revoke(made.token, MAYA, NOW)
    put(alarmed, "account_tokens", used)
    assert accounts.tokens.find(secret, NOW) is None


# What monitors remember, and who says that he works -------------------------------------------------


@pytest.mark.parametrize("how", ["edited", "put back", "deleted"])
def test_monitors_go_by_what_their_last_run_left_or_judge_the_log_from_its_beginning(
    alarmed: Application, how: str
) -> None:
    old = row(alarmed, "monitor_memory")
    alarmed.monitoring.run("loan-approval", by=MAYA, at=NOW + timedelta(hours=1))
    sql(
        alarmed, "UPDATE monitor_memory SET state = '{}'" if how == "edited" else "DELETE FROM monitor_memory"
    )
    if how == "put back":
        put(alarmed, "monitor_memory", old)
    alarmed.monitoring.run("loan-approval", by=MAYA, at=NOW + timedelta(hours=2))
    *_, newest = of_type(alarmed, MonitoringRan)
    assert any("judged from its beginning" in note for note in newest.notes)
    assert alarmed.check().problems == []
    alarmed.monitoring.run("loan-approval", by=MAYA, at=NOW + timedelta(hours=3))
    *_, newest = of_type(alarmed, MonitoringRan)
    assert not any("judged from its beginning" in note for note in newest.notes)


def test_a_pulse_that_was_put_in_makes_nobody_look_as_if_he_worked(alarmed: Application) -> None:
    Worker(alarmed).write_pulse(NOW)
    assert pulse.read(alarmed.ledger)
    sql(alarmed, "UPDATE worker_lanes SET beat_at = '2026-11-24T10:42:00.000000Z'")
    assert pulse.read(alarmed.ledger) == []
    assert any("of worker_lanes was not written by Holdfast" in one for one in alarmed.check().problems)
