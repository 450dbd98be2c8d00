"""Attacks on what decides something beside the facts: `ledger check` finds them (R-EVD-04, R-XCT-01)."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from holdfast.access.accounts import Accounts
from holdfast.application import Application
from holdfast.clock import stamp
from holdfast.evidence.events import EvidenceAdded, Item
from holdfast.evidence.inspecting import Preserved
from holdfast.incident.responding import Report
from holdfast.integrations.folder.vault import FolderVault
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger import outbox
from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Draft
from holdfast.ledger.outbox import MessageFailed, MessageQueued
from holdfast.ledger.projections import rebuild
from holdfast.ledger.tables import reaction_cursors
from holdfast.ledger.timekeeping import LedgerClock
from holdfast.people import SYSTEM, Permission
from holdfast.prepare.versions import apply_workspace
from holdfast.prepare.workspace import load_workspace
from support.company import HELEN, MAYA
from support.workspaces import HandClock, opened, settle, with_log

PASSWORD = "harbour-lights-at-four"
NOW = datetime(2026, 11, 23, 10, 42, 7, 123456, tzinfo=UTC)


@pytest.fixture
def application(tmp_path: Path, database_url: str) -> Application:
    """A workspace in force, with an account, a session, a token, and a message that waits; sealed."""
    made = opened(tmp_path / "workspace", database_url, HandClock(NOW))
    accounts = Accounts(made.ledger, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    accounts.create(MAYA.id, PASSWORD, MAYA, NOW)
    accounts.sessions.sign_in(MAYA.id, PASSWORD, "10.0.0.1", NOW)
    accounts.tokens.issue(MAYA.id, "script", [Permission.READ], NOW + timedelta(days=9), MAYA, NOW)
    queued = outbox.queue("email", MAYA.id, "Come at once", "The model is wrong.", zone="UTC")
    made.ledger.append(queued, by=SYSTEM, at=NOW)
    made.sealer.seal(NOW)
    return made


ROWS = {
    "a session put in": "INSERT INTO account_sessions "
    "SELECT 'f00', 'feed', person, started_at, seen_at, origin, mac FROM account_sessions",
    "a session of somebody else": "UPDATE account_sessions SET person = 'helen.brandt@harbourstreet.example'",
    "a session with another secret": "UPDATE account_sessions SET token_hash = 'f00'",
    "a session that never grows old": "UPDATE account_sessions SET seen_at = '2999-01-01T00:00:00.000000Z'",
    "a password hash of one's own": "UPDATE account_credentials SET password_hash = '$argon2id$mine'",
    "an account put in": "INSERT INTO account_credentials SELECT 'x@y.example', password_hash, changed_at, "
    "mac FROM account_credentials",
    "a token that may more": "UPDATE account_tokens SET scope = '[\"manage accounts\"]'",
    "a token that lasts": "UPDATE account_tokens SET expires_at = '2999-01-01T00:00:00.000000Z'",
    "a token with another secret": "UPDATE account_tokens SET token_hash = 'f00'",
    "a token put in": "INSERT INTO account_tokens SELECT 'feed', 'f00', person, name, kind, scope, "
    "created_at, expires_at, used_at, mac FROM account_tokens",
    "sign-ins held off for years": "INSERT INTO account_attempts VALUES ('a', "
    "'maya.okafor@harbourstreet.example', '1', '2999-01-01T00:00:00.000000Z', 0)",
    "a position behind the end": "INSERT INTO reaction_cursors (reaction, seq) "
    "VALUES ('triage alerts', 999999)",
    "a deleted account": "DELETE FROM account_credentials",
    "a deleted session": "DELETE FROM account_sessions",
    "a deleted token": "DELETE FROM account_tokens",
    "a lease without end": "INSERT INTO outbox_leases "
    "SELECT message, '2999-01-01T00:00:00.000000Z' FROM outbox",
    "a lease for no message": "INSERT INTO outbox_leases VALUES ('none', '2026-11-23T10:42:00.000000Z')",
    "a memory of monitors": "INSERT INTO monitor_memory (system, as_of, state) VALUES "
    "('loan-approval', '2026-11-23T10:42:00.000000Z', '{}')",
    "a message's text": "UPDATE outbox SET text = 'All is well.'",
    "a message's receiver": "UPDATE outbox SET recipient = 'nobody@example.com'",
    "a message said to be sent": "UPDATE outbox SET state = 'sent'",
    "a timer": "UPDATE timers SET due = '2999-01-01T00:00:00.000000Z'",
    "a person's access": "UPDATE people SET access = '[\"administrator\"]'",
    "a checkpoint's time": "UPDATE checkpoints SET sealed_at = '2026-11-23T11:42:00.000000Z'",
}


def run(application: Application, *statements: str) -> None:
    with application.ledger.database.writing() as conn:
        for statement in statements:
            assert conn.execute(text(statement.replace(":", "\\:"))).rowcount, statement


def test_an_honest_workspace_holds(application: Application) -> None:
    report = application.check()
    assert (report.problems, report.unknown) == ([], [])
    assert len(report.inspected) == 7


@pytest.mark.parametrize("attack", ROWS)
def test_a_row_that_decides_something_is_compared_with_facts(application: Application, attack: str) -> None:
    run(application, ROWS[attack])
    report = application.check()
    assert report.verdict == "does not hold"
    assert not any("cannot be checked" in problem for problem in report.problems)


@pytest.mark.parametrize("value", ["2", "'yes'", "0.5", "NULL"])
def test_a_value_that_is_neither_yes_nor_no_is_found(tmp_path: Path, value: str) -> None:
    """A 2 in a column of yes and no read as yes in the check, and emptied the page."""
    made = opened(tmp_path / "workspace", f"sqlite:///{tmp_path / 'holdfast.db'}", HandClock(NOW))
    if value == "NULL":
        run(made, "UPDATE system_versions SET content = CAST(content AS BLOB)")
    else:
        run(made, f"UPDATE people SET listed = {value}")
    assert made.check().verdict == "does not hold"


def test_a_row_that_stands_twice_is_found(tmp_path: Path) -> None:
    made = opened(tmp_path / "workspace", f"sqlite:///{tmp_path / 'holdfast.db'}", HandClock(NOW))
    with made.ledger.database.writing() as conn:
        for statement in (
            "CREATE TABLE other AS SELECT * FROM people",
            "INSERT INTO other SELECT * FROM people",
            "DROP TABLE people",
            "ALTER TABLE other RENAME TO people",
        ):
            conn.exec_driver_sql(statement)
    assert any("stands 2 times" in problem for problem in made.check().problems)


FILES: dict[str, Callable[[Application], None]] = {
    "the key": lambda one: one.settings.ledger.key.chmod(0o644),
    "the key's folder": lambda one: one.settings.ledger.key.parent.chmod(0o777),
    "the token of flags": lambda one: (one.settings.ledger.key.parent / "flags.token").chmod(0o604),
    "what the key has signed": lambda one: one.memory.path.chmod(0o666),
    "the anchor": lambda one: one.anchor.path.chmod(0o666),
    "the last check": lambda one: (one.check_on_record(MAYA), one.checks.path.chmod(0o666))[1],
    "the settings": lambda one: (one.workspace / "holdfast.toml").chmod(0o666),
    "the workspace's folder": lambda one: one.workspace.chmod(0o777),
}


@pytest.mark.parametrize("attack", FILES)
def test_a_file_that_others_may_read_or_change_is_found(application: Application, attack: str) -> None:
    FILES[attack](application)
    problems = application.check().problems
    assert len(problems) == 1
    assert "by others (mode 0" in problems[0]
    assert "run chmod" in problems[0]


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077])
def test_what_holdfast_writes_itself_is_never_a_finding(application: Application, mask: int) -> None:
    """R-EVD-04: whatever permissions the system gives new files, and however often it is checked."""
    before = os.umask(mask)
    try:
        for _ in range(2):
            application.check_on_record(MAYA)
            watched = LedgerClock(application.ledger, application.workspace / "clock.json")
            watched.keep()
            application.sealer.seal(application.clock.now())
    finally:
        os.umask(before)
    assert (application.workspace / "clock.json").exists()
    assert application.check().problems == []


def test_two_who_check_at_once_in_one_process_both_keep_what_they_found(application: Application) -> None:
    """R-EVD-04: a page and the worker of one server."""
    start = threading.Barrier(4)

    def once() -> None:
        report = application.check()
        start.wait()
        application.checks.record(report, MAYA, application.clock.now())

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(once) for _ in range(4)]:
            one.result()
    assert not red(application)


def test_a_database_that_others_may_read_is_found(application: Application) -> None:
    file = application.ledger.database.file
    if file is None:
        pytest.skip("the database is a server's")
    file.chmod(0o644)
    assert "can be read by others" in application.check().problems[0]


def test_a_key_that_is_a_link_is_found(application: Application) -> None:
    key = application.settings.ledger.key
    key.rename(key.with_name("elsewhere"))
    key.symlink_to(key.with_name("elsewhere"))
    assert "is a link" in application.check().problems[0]


class TestTheVault:
    def seen(self, vault: FolderVault, until: datetime = NOW) -> Preserved:
        taken = vault.take_bytes(b"what the model answered", datetime(2029, 11, 23, tzinfo=UTC))
        item = Item(
            item="EV-1",
            kind="log",
            title="Answers",
            name="answers.txt",
            sha256=taken.sha256,
            size=taken.size,
            media_type="text/plain",
            source="somewhere",
            retain_until=until,
        )
        found = Preserved(vault)
        found.see(Recorded(0, "s", 0, NOW, SYSTEM, EvidenceAdded(incident="INC-1", item=item), b""))
        return found

    def problems(self, found: Preserved) -> list[str]:
        return list(found.problems(None))  # type: ignore[arg-type]

    def test_what_was_preserved_holds(self, tmp_path: Path) -> None:
        assert self.problems(self.seen(FolderVault(tmp_path / "vault"))) == []

    def test_a_missing_vault_is_a_finding_and_no_new_folder(self, tmp_path: Path) -> None:
        vault = FolderVault(tmp_path / "vault", holds=lambda: (tmp_path / "elsewhere").exists())
        found = self.seen(vault)
        (tmp_path / "vault").rename(tmp_path / "elsewhere")
        assert "is not there, and evidence was taken into it" in self.problems(found)[0]
        assert not (tmp_path / "vault").exists()

    def test_a_vault_that_is_begun_while_it_is_looked_at_is_not_missing(self, tmp_path: Path) -> None:
        """R-EVD-04: the first evidence is taken in between a look at the disk and one at the facts."""

        def holds() -> bool:
            others.create()
            return True

        others = FolderVault(tmp_path / "vault")
        assert self.problems(Preserved(FolderVault(tmp_path / "vault", holds=holds))) == []

    def test_evidence_that_is_taken_in_meanwhile_is_no_finding(self, tmp_path: Path) -> None:
        """R-EVD-04: new bytes, the same bytes once more, and what is swept: facts of it come later."""
        vault = FolderVault(tmp_path / "vault")
        found = self.seen(vault)
        vault.take_bytes(b"what somebody adds meanwhile", datetime(2029, 11, 23, tzinfo=UTC))
        vault.take_bytes(b"what the model answered", datetime(2029, 11, 23, tzinfo=UTC))
        left = vault.folder / "incoming" / "left-by-a-kill"
        left.write_bytes(b"half of it")
        os.utime(left, (0, 0))
        assert vault.sweep()
        assert self.problems(found) == []

    def test_a_vault_that_others_may_read_is_found(self, tmp_path: Path) -> None:
        found = self.seen(FolderVault(tmp_path / "vault"))
        (tmp_path / "vault").chmod(0o755)
        assert "read by others" in self.problems(found)[0]

    def test_a_vault_that_is_a_link_is_found(self, tmp_path: Path) -> None:
        found = self.seen(FolderVault(tmp_path / "vault"))
        (tmp_path / "vault").rename(tmp_path / "elsewhere")
        (tmp_path / "vault").symlink_to(tmp_path / "elsewhere")
        assert "is a link" in self.problems(found)[0]

    @pytest.mark.parametrize(
        ("day", "said"), [("2027-01-01", "only until 01 Jan 2027"), ("", "until no date that it knows")]
    )
    def test_a_vault_that_lets_go_earlier_than_the_record_promises_is_found(
        self, tmp_path: Path, day: str, said: str
    ) -> None:
        """R-EVD-08: the date beside the bytes and the date on the record agree."""
        found = self.seen(FolderVault(tmp_path / "vault"), until=datetime(2029, 11, 23, tzinfo=UTC))
        (stated,) = (tmp_path / "vault").rglob("*.until-*")
        stated.rename(stated.with_name(f"{stated.name.partition('-')[0]}-{day}"))
        assert [said in one and "promises 23 Nov 2029" in one for one in self.problems(found)] == [True]

    def test_bytes_that_were_changed_are_found(self, tmp_path: Path) -> None:
        vault = FolderVault(tmp_path / "vault")
        found = self.seen(vault)
        (file,) = (path for path in vault.folder.rglob("*") if path.is_file() and len(path.name) == 64)
        file.chmod(0o600)
        file.write_bytes(b"what the model answers.")
        assert "evidence EV-1 of INC-1" in self.problems(found)[0]


# The last check ---------------------------------------------------------------------------------

DAY = timedelta(days=1)


def checked(application: Application, hours: int) -> None:
    application.clock.pass_by(timedelta(hours=hours))  # type: ignore[attr-defined]
    application.check_on_record(MAYA)


def makes_itself_at_home(application: Application) -> None:
    with application.ledger.database.writing() as conn:
        conn.execute(text("UPDATE people SET access = '[\"administrator\"]'"))


def red(application: Application) -> bool:
    last = application.checks.last()
    return last is not None and bool(last.trouble)


@pytest.mark.parametrize("instead", ["older", "deleted", "edited", "of a check that never was"])
def test_a_failed_check_is_not_taken_back_by_its_file(application: Application, instead: str) -> None:
    """R-EVD-04: only a check that passes takes a failure back."""
    file = application.checks.path
    checked(application, 1)
    assert not red(application)
    older = file.read_text()
    makes_itself_at_home(application)
    checked(application, 1)
    assert red(application)
    at = application.clock.now() + timedelta(minutes=1)
    match instead:
        case "older":
            file.write_text(older)
        case "deleted":
            file.unlink()
        case "edited":
            file.write_text(file.read_text().replace("does not hold", "holds"))
        case _:
            file.write_text(re.sub('"at": "[^"]*"', f'"at": "{stamp(at)}"', older, count=1))
    assert red(application)


@pytest.mark.parametrize("gone", [True, False])
def test_a_failure_that_the_ledger_could_not_take_is_not_taken_back(
    application: Application, gone: bool
) -> None:
    if not application.ledger.database.is_sqlite:
        pytest.skip("the trigger is written for SQLite")
    checked(application, 1)
    with application.ledger.database.writing() as conn:
        conn.execute(
            text(
                "CREATE TRIGGER t AFTER INSERT ON facts BEGIN "
                "UPDATE facts SET payload = x'7b7d' WHERE seq = new.seq; END"
            )
        )
    checked(application, 1)
    last = application.checks.last()
    assert last is not None
    assert last.unrecorded
    assert red(application)
    if gone:
        application.checks.path.unlink()
    assert red(application)
    assert application.checks.path.parent == application.settings.ledger.key.parent


def test_a_check_dated_in_the_future_does_not_put_off_the_next(application: Application) -> None:
    checked(application, 1)
    file = application.checks.path
    file.write_text(re.sub('"at": "[^"]*"', '"at": "2999-01-01T00:00:00.000000Z"', file.read_text(), count=1))
    assert red(application)
    (due,) = [one for one in application.upkeep if one.name == "checking the ledger"]
    assert due.do(application.clock.now() + timedelta(minutes=1)) == 1


# Positions of reactions ---------------------------------------------------------------------------


def skipping(application: Application, reaction: str) -> None:
    """A reaction is made to pass over everything that is there, by somebody who has the key as well."""
    (*_, last) = application.ledger.facts()
    row = {"reaction": reaction, "seq": last.seq, "leaf_hash": last.leaf_hash.hex()}
    with application.ledger.database.writing() as conn:
        conn.execute(text("DELETE FROM reaction_cursors WHERE reaction = :reaction"), {"reaction": reaction})
        conn.execute(
            reaction_cursors.insert().values(application.ledger.row_key.signed(reaction_cursors, row))
        )


def begun_again(application: Application) -> None:
    """What the finding asks of a person."""
    with application.ledger.database.writing() as conn:
        conn.execute(text("DELETE FROM reaction_cursors"))
    for _ in range(4):
        settle(application)


def test_alerts_that_triage_was_made_to_pass_over_are_found(database_url: str, tmp_path: Path) -> None:
    made = opened(tmp_path / "company", database_url, HandClock(NOW))
    with_log(made.workspace, NOW)
    Worker(made).react(NOW)
    made.monitoring.run("loan-approval", by=MAYA, at=NOW)
    skipping(made, "triage alerts")
    (problem,) = made.check().problems
    assert "ALR-1 of loan-approval was never triaged" in problem
    assert "delete that row of reaction_cursors" in problem
    begun_again(made)
    assert made.check().problems == []


def test_alerts_that_wait_for_their_triage_are_no_finding(database_url: str, tmp_path: Path) -> None:
    made = opened(tmp_path / "company", database_url, HandClock(NOW))
    with_log(made.workspace, NOW)
    Worker(made).react(NOW)
    made.monitoring.run("loan-approval", by=MAYA, at=NOW)
    assert made.check().problems == []


def test_a_system_that_nobody_was_made_to_watch_is_found(application: Application) -> None:
    skipping(application, "watch the systems in force")
    (problem,) = application.check().problems
    assert "the monitors of loan-approval never began to run" in problem
    begun_again(application)
    assert application.check().problems == []


def test_a_withdrawn_system_that_is_watched_on_is_found(database_url: str, tmp_path: Path) -> None:
    made = opened(tmp_path / "company", database_url, HandClock(NOW), in_force=False)
    apply_workspace(made.ledger, load_workspace(made.workspace), HELEN, NOW)
    settle(made)
    (made.workspace / "systems" / "loan-approval.yaml").unlink()
    apply_workspace(made.ledger, load_workspace(made.workspace), HELEN, NOW)
    skipping(made, "watch the systems in force")
    assert "the monitors of loan-approval never stopped" in made.check().problems[0]
    begun_again(made)
    assert made.check().problems == []


def test_somebody_not_reached_in_whose_place_nobody_was_made_to_be_told_is_found(
    application: Application,
) -> None:
    (queued,) = (one.fact for one in application.ledger.facts() if isinstance(one.fact, MessageQueued))
    failed = MessageFailed(
        message=queued.message, to=queued.to, reason="550 no user", attempt=1, retry_at=None, refused=True
    )
    stream = application.ledger.stream(f"message/{queued.message}")
    application.ledger.append(Draft(stream.name, stream.version, [failed]), by=SYSTEM, at=NOW)
    assert application.check().problems == []
    skipping(application, "tell somebody else")
    assert f"nobody was told in place of {MAYA.id}" in application.check().problems[0]
    begun_again(application)
    assert application.check().problems == []


@pytest.mark.parametrize("name", ["triage of alerts", "Triage alerts", ""])
def test_a_position_of_no_reaction_there_is_is_found(application: Application, name: str) -> None:
    skipping(application, name)
    (problem,) = application.check().problems
    assert f"the reaction {name!r} belongs to no reaction of this release" in problem
    assert "triage alerts" in problem
    assert "delete that row of reaction_cursors" in problem


def test_reactions_that_are_handed_everything_again_do_nothing_twice(
    database_url: str, tmp_path: Path
) -> None:
    made = opened(tmp_path / "company", database_url, HandClock(NOW))
    with_log(made.workspace, NOW)
    for _ in range(4):
        settle(made)
    made.monitoring.run("loan-approval", by=MAYA, at=NOW)
    for _ in range(4):
        settle(made)
    size = made.ledger.size()
    with made.ledger.database.writing() as conn:
        conn.execute(text("DELETE FROM reaction_cursors"))
    for _ in range(4):
        settle(made)
    again = [one.fact.type for one in made.ledger.facts()][size:]
    assert again == []


def _change_state(application: Application, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what is stored of the incident's state."""
    with application.ledger.database.writing() as conn:
        document = json.loads(conn.execute(text("SELECT state FROM incidents")).scalar_one())
        change(document)
        conn.execute(text("UPDATE incidents SET state = :state"), {"state": json.dumps(document)})


def _without_fields(document: dict[str, Any]) -> None:
    document.pop("alert_systems")
    for clock_ in document["clocks"].values():
        clock_.pop("breaches")


def test_rows_that_an_older_program_wrote_are_no_tampering_and_the_command_is_named(
    application: Application,
) -> None:
    """A field that a later release added is not there before the facts are added up again: it cannot be said
    that it holds, and how to go on is."""
    application.desk.declare(Report("Rude", system="loan-approval"), by=MAYA, at=NOW)
    assert application.check().holds
    _change_state(application, _without_fields)
    report = application.check()
    assert (report.verdict, report.problems) == ("cannot say", [])
    (why,) = report.unknown
    assert "projection incidents: 1 row without alert_systems, breaches, which this program writes" in why
    assert "`holdfast ledger rebuild`" in why
    rebuild(application.ledger)
    assert application.check().holds


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document.update(title="All is well"),
        lambda document: document["clocks"]["acknowledge"].update(met_at="2026-11-23T10:42:07.123456Z"),
        lambda document: document.update(further=1),
        lambda document: document.update(reports=["one"]),
        lambda document: document.update(opened_at=1),
        lambda document: document.update(rung=False),
    ],
)
def test_what_was_edited_beside_fields_that_are_missing_is_tampering(
    application: Application, edit: Callable[[dict[str, Any]], object]
) -> None:
    application.desk.declare(Report("Rude", system="loan-approval"), by=MAYA, at=NOW)

    def change(document: dict[str, Any]) -> None:
        document.pop("alert_systems")
        edit(document)

    _change_state(application, change)
    assert application.check().verdict == "does not hold"


def test_a_field_that_stands_twice_is_tampering(application: Application) -> None:
    application.desk.declare(Report("Rude", system="loan-approval"), by=MAYA, at=NOW)
    with application.ledger.database.writing() as conn:
        state = conn.execute(text("SELECT state FROM incidents")).scalar_one()
        assert '"alert_systems":{},"' in state
        doubled = state.replace('"alert_systems":{},"', '"title":"x","')
        conn.execute(text("UPDATE incidents SET state = :state"), {"state": doubled})
    assert application.check().verdict == "does not hold"
