"""A workspace that 0.1.0 made becomes one of this release, on both databases."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, func, inspect, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from holdfast import app as joined
from holdfast.access.accounts import Accounts
from holdfast.application import Application
from holdfast.audit.packing import build_pack, policy_of
from holdfast.evidence import custody
from holdfast.integrations.folder.vault import FolderVault
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger import pulse, schema, tables
from holdfast.ledger.database import Database
from holdfast.ledger.events import LedgerUpgraded
from holdfast.ledger.facts import declared
from holdfast.ledger.tables import SCHEMA, metadata
from holdfast.ledger.upgrading import NotUpgraded, OtherSchema, upgrade
from holdfast.people import Actor
from holdfast.problems import NotAllowed
from holdfast_verify import canonical_zip, layout
from holdfast_verify.pack import verify
from holdfast_verify.policy import Policy
from support.earlier import FIXTURE, MAYA, PASSWORD, workspace_of_010

HELEN = Actor("helen.marsh@harbourstreet.example", "Helen Marsh")
CARRIED = (
    "account_credentials",
    "account_sessions",
    "account_tokens",
    "account_attempts",
    "outbox_leases",
    "reaction_cursors",
    "monitor_memory",
    "checkpoints",
    "tiles",
    "streams",
    "facts",
)
"""Every table of 0.1.0 that is no projection, but the head, to which the upgrade adds its own fact."""


def quiet(doing: str, done: int) -> None:
    """Whoever upgrades in a test needs not be told."""


@pytest.fixture
def earlier(tmp_path: Path, database_url: str) -> Path:
    return workspace_of_010(tmp_path / "lending", database_url)


@pytest.fixture
def stored(earlier: Path, database_url: str) -> Iterator[Engine]:
    """The database beside every program, as somebody with its password sees it."""
    url = database_url if "postgresql" in database_url else f"sqlite:///{earlier / 'holdfast.db'}"
    made = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def upgraded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that was upgraded on SQLite, for tests to copy."""
    folder = workspace_of_010(tmp_path_factory.mktemp("earlier") / "lending", "sqlite://")
    joined.upgrade_workspace(folder, quiet)
    return folder


@pytest.fixture
def upgraded(earlier: Path, database_url: str, request: pytest.FixtureRequest) -> Iterator[Application]:
    if database_url.startswith("sqlite"):
        shutil.rmtree(earlier)
        shutil.copytree(request.getfixturevalue("upgraded_once"), earlier)
    else:
        joined.upgrade_workspace(earlier, quiet)
    application = joined.open_workspace(earlier)
    yield application
    application.ledger.database.close()


def rows(stored: Engine, table: str, first: int | None = None) -> list[tuple[object, ...]]:
    with stored.connect() as conn:
        names = [column["name"] for column in inspect(conn).get_columns(table)]
        listed = ", ".join(f'"{name}"' for name in names)
        found = conn.execute(text(f"SELECT {listed} FROM {table} ORDER BY 1, 2"))
        return [tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in found][
            :first
        ]


def shape(stored: Engine) -> dict[str, list[str]]:
    with stored.connect() as conn:
        found = inspect(conn)
        return {
            name: [column["name"] for column in found.get_columns(name)]
            for name in sorted(found.get_table_names())
        }


# What it does ---------------------------------------------------------------------------------------


def test_the_upgraded_workspace_holds_and_its_key_remembers_what_it_signed(upgraded: Application) -> None:
    assert not upgraded.memory.missing
    report = upgraded.check()
    assert (report.problems, report.unknown) == ([], [])
    assert report.verdict == "holds"
    assert report.sealed == report.facts, "the upgrade's own fact is sealed with the rest"


def test_an_upgrade_changes_no_fact_and_loses_no_row_that_facts_do_not_tell(
    earlier: Path, stored: Engine
) -> None:
    """Accounts, sessions, tokens, attempts, leases, positions, monitors' memory, checkpoints."""
    before = {table: rows(stored, table) for table in CARRIED}
    assert all(before.values()), "the fixture has something in each of them"
    joined.upgrade_workspace(earlier, quiet)
    for table, were in before.items():
        are = rows(stored, table)
        if table in ("tiles", "streams"):  # the upgrade's own fact is added to them
            assert {row[:1] for row in were} <= {row[:1] for row in are}
        else:
            kept = [row[: len(were[0])] for row in are]  # digests that only Holdfast can make stand behind
            assert kept[: len(were)] == were, table


def test_the_upgrade_is_on_the_record_once_however_often_it_is_run(earlier: Path, stored: Engine) -> None:
    first = joined.upgrade_workspace(earlier, quiet)
    again = joined.upgrade_workspace(earlier, quiet)
    assert (first.from_schema, again.from_schema) == (1, SCHEMA)
    application = joined.open_workspace(earlier)
    told = [one.fact for one in application.ledger.facts() if isinstance(one.fact, LedgerUpgraded)]
    assert [(one.from_schema, one.to_schema) for one in told] == [(1, SCHEMA)]
    assert application.check().verdict == "holds"
    application.ledger.database.close()


def test_every_fact_of_0_1_0_is_read_and_none_is_skipped(upgraded: Application) -> None:
    known = {line for line in (FIXTURE / "types.txt").read_text().splitlines() if line}
    assert len(known) > 70
    assert known <= set(declared()), "a type of 0.1.0 is not declared any more"
    with upgraded.ledger.reading() as conn:
        stored = conn.execute(select(func.count()).select_from(tables.facts)).scalar_one()
    read = list(upgraded.ledger.facts())
    assert len(read) == stored
    assert {one.fact.type for one in read} - {"ledger.upgraded"} == known
    for one in read:
        one.fact.line()
        list(one.fact.timers())


def test_whoever_opens_a_workspace_knows_every_fact_there_can_be() -> None:
    """Also where no page and no other command was imported, as when `holdfast upgrade` is typed."""
    said = "import holdfast.app, holdfast.ledger.facts as f; print(*f.declared())"
    alone = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    source = Path(joined.__file__).parent.rglob("*.py")
    written = {name for file in source for name in re.findall(r'(?m)^@fact\("([a-z_.]+)"', file.read_text())}
    assert len(written) > 80
    assert written == set(alone.stdout.split())


def test_people_sign_in_as_before_and_tokens_go_on(upgraded: Application, stored: Engine) -> None:
    accounts, now = Accounts(upgraded.ledger), upgraded.clock.now()
    _, who = accounts.sessions.sign_in(MAYA, PASSWORD, "192.0.2.9", now)
    assert who.actor.id == MAYA
    assert {one.name for one in accounts.tokens.of(MAYA)} == {"nightly-export", "assistant"}
    with pytest.raises(NotAllowed):
        accounts.sessions.sign_in(HELEN.id, PASSWORD, "192.0.2.9", now)  # changed before the upgrade


def test_a_worker_goes_on_where_that_of_0_1_0_stopped(upgraded: Application) -> None:
    """Monitors read what they remembered, clocks and messages go on; no lane fails for the upgrade."""
    worker = Worker(upgraded)
    for _ in range(3):
        worker.round(upgraded.clock.now())
    unforeseen = {step: why for step, why in worker.failing.items() if "mail" not in why.lower()}
    assert not unforeseen
    assert upgraded.check().problems == []


# Packs ----------------------------------------------------------------------------------------------


def test_a_pack_built_after_the_upgrade_verifies(upgraded: Application, tmp_path: Path) -> None:
    target = tmp_path / "INC-1.zip"
    build_pack(upgraded, "INC-1", target, by=HELEN, at=upgraded.clock.now())
    with target.open("rb") as file:
        report = verify(file, Policy.parse(policy_of(upgraded)))
    assert report.verified, report.failure
    assert report.format == "holdfast-pack/2"


def test_the_pack_that_0_1_0_built_still_verifies(tmp_path: Path) -> None:
    folder = workspace_of_010(tmp_path, "sqlite://")
    policy = Policy.parse((folder / "packs" / "policy.txt").read_text())
    packed = (folder / "packs" / "INC-1.zip").read_bytes()
    report = verify(io.BytesIO(packed), policy)
    assert report.verified, report.failure
    assert report.format == "holdfast-pack/1"
    (record,) = (step for step in report.steps if step.title == "Record")
    assert "digest alone" in record.text
    for place in range(1000, len(packed), len(packed) // 60):
        changed = bytearray(packed)
        changed[place] ^= 1
        assert not verify(io.BytesIO(bytes(changed)), policy).verified


# Other releases -------------------------------------------------------------------------------------


def test_a_pack_of_today_does_not_pass_for_one_of_0_1_0(upgraded: Application, tmp_path: Path) -> None:
    """Whose record nobody derives anew: an upgraded ledger writes none of them any more."""
    target = tmp_path / "INC-1.zip"
    build_pack(upgraded, "INC-1", target, by=HELEN, at=upgraded.clock.now())
    with zipfile.ZipFile(target) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    entries, packed = list[canonical_zip.Entry](), b""
    for name in layout.in_order_1(held):
        entry = canonical_zip.Entry(name, zlib.crc32(held[name]), len(held[name]), len(packed))
        packed += canonical_zip.local_header(entry) + held[name]
        entries.append(entry)
    packed += canonical_zip.closing(entries)
    report = verify(io.BytesIO(packed), Policy.parse(policy_of(upgraded)))
    assert report.format == "holdfast-pack/1"
    assert report.failure is not None
    assert "writes no packs of format 1 since" in report.failure.text


def test_an_earlier_workspace_is_refused_in_a_sentence_that_names_the_command(earlier: Path) -> None:
    with pytest.raises(OtherSchema, match="back it up, stop every server and worker, and run `holdfast upg"):
        joined.open_workspace(earlier)


def test_a_newer_workspace_is_refused_and_not_downgraded(earlier: Path, stored: Engine) -> None:
    joined.upgrade_workspace(earlier, quiet)
    with stored.begin() as conn:
        conn.execute(text(f"UPDATE workspace_schema SET version = {SCHEMA + 1}"))
    for open_ in (lambda: joined.open_workspace(earlier), lambda: joined.upgrade_workspace(earlier, quiet)):
        with pytest.raises(OtherSchema, match=r"upgraded by a newer release.*install that release"):
            open_()


def test_a_workspace_whose_number_was_lost_is_not_taken_for_a_present_one(
    earlier: Path, stored: Engine
) -> None:
    joined.upgrade_workspace(earlier, quiet)
    with stored.begin() as conn:
        conn.execute(text("DELETE FROM workspace_schema"))
    with pytest.raises(OtherSchema):
        joined.open_workspace(earlier)
    joined.upgrade_workspace(earlier, quiet)
    application = joined.open_workspace(earlier)
    assert application.check().verdict == "holds"
    application.ledger.database.close()


def test_whoever_changes_the_schema_of_a_release_counts_it_up(database: Database) -> None:
    """The tables of 0.1.0 are those of schema 1; other ones are of a higher number."""
    database.create()
    with database.reading() as conn:
        assert list(schema.differences(conn)) == []
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    was = " ".join((FIXTURE / "postgresql.sql").read_text().split())
    same = all(
        " ".join(str(CreateTable(table).compile(dialect=dialect)).split()) in was
        for table in metadata.sorted_tables
    )
    assert SCHEMA > 1 or same


# What can go wrong -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_upgrade_killed_at_any_step_loses_nothing_and_is_run_again(earlier: Path, stored: Engine) -> None:
    """One workspace, killed at each step in turn; between two kills it is as before, or refuses."""
    facts, was = rows(stored, "facts"), shape(stored)
    stored.dispose()
    steps, killed = [], 0
    while status := _killed_at(earlier, killed):
        steps.append(status)
        killed += 1
        assert rows(stored, "facts", len(facts)) == facts
        if killed <= 4:  # the transaction has not been committed
            assert shape(stored) == was
        stored.dispose()
        if killed < 8:
            with pytest.raises(OtherSchema, match="holdfast upgrade"):
                joined.open_workspace(earlier)
        assert killed < 20
    assert killed == 8, "as many steps as are told"
    application = joined.open_workspace(earlier)
    told = [one.fact for one in application.ledger.facts() if isinstance(one.fact, LedgerUpgraded)]
    assert len(told) == 1
    assert application.check().verdict == "holds"
    application.ledger.database.close()


def _killed_at(folder: Path, step: int) -> int:
    """Upgrade in a process that is killed when it is told this step; 0 where there are no so many."""
    told: list[str] = []

    def progress(doing: str, done: int) -> None:
        if doing not in told:
            told.append(doing)
        if len(told) > step:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            joined.upgrade_workspace(folder, progress)
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), "it was killed, or came to its end"
    return status


def test_what_does_not_hold_is_not_upgraded_and_stays_as_it_was(earlier: Path, stored: Engine) -> None:
    was = shape(stored)
    with stored.begin() as conn:
        conn.execute(text("UPDATE facts SET recorded_at = '2025-06-01T00:00:00.000000Z' WHERE seq = 100"))
    with pytest.raises(NotUpgraded, match=r"fact 100 .*Nothing was changed"):
        joined.upgrade_workspace(earlier, quiet)
    assert shape(stored) == was
    with pytest.raises(OtherSchema):
        joined.open_workspace(earlier)


def test_a_row_that_facts_do_not_tell_of_is_not_carried_over_in_silence(
    earlier: Path, stored: Engine
) -> None:
    with stored.begin() as conn:
        conn.execute(text("UPDATE account_tokens SET scope = '[\"manage_people\"]'"))
    with pytest.raises(NotUpgraded, match="is not as it was issued"):
        joined.upgrade_workspace(earlier, quiet)


def test_attack_an_upgrade_takes_rows_over_once_and_believes_no_row_that_is_put_in_later(
    upgraded: Application, stored: Engine, earlier: Path
) -> None:
    """Whoever has the database alone says that it is of 0.1.0 again, and waits for somebody to upgrade it."""
    upgraded.ledger.database.close()
    with stored.begin() as conn:
        conn.execute(text("UPDATE reaction_cursors SET seq = 0, mac = NULL"))
        conn.execute(text("DROP TABLE workspace_schema"))
    with pytest.raises(NotUpgraded, match="Holdfast did not write it"):
        joined.upgrade_workspace(earlier, quiet)


def test_a_table_of_another_form_is_carried_over_row_by_row(earlier: Path, stored: Engine) -> None:
    """As when a release adds a column to a table that cannot be made from facts, or an index."""
    with stored.begin() as conn:
        conn.execute(text("UPDATE account_tokens SET used_at = NULL"))
        tokens = conn.execute(text("SELECT token, token_hash FROM account_tokens ORDER BY 1")).all()
        conn.execute(text("ALTER TABLE account_tokens DROP COLUMN used_at"))
        conn.execute(text("DROP INDEX account_sessions_by_person"))
        sessions = conn.execute(text("SELECT token_hash, seen_at FROM account_sessions")).all()
    done = joined.upgrade_workspace(earlier, quiet)
    assert set(done.carried) >= {"account_tokens", "account_sessions"}
    with stored.connect() as conn:
        assert conn.execute(text("SELECT token, token_hash FROM account_tokens ORDER BY 1")).all() == tokens
        assert conn.execute(text("SELECT token_hash, seen_at FROM account_sessions")).all() == sessions
    application = joined.open_workspace(earlier)
    assert application.check().verdict == "holds"
    application.ledger.database.close()


def test_a_table_that_is_not_ours_is_named_and_nothing_is_changed(earlier: Path, stored: Engine) -> None:
    with stored.begin() as conn:
        conn.execute(text("CREATE TABLE notes (id INTEGER)"))
    with pytest.raises(NotUpgraded, match="the table notes is not declared"):
        joined.upgrade_workspace(earlier, quiet)


def test_nothing_is_upgraded_under_a_running_worker(upgraded: Application, stored: Engine) -> None:
    now = upgraded.clock.now()
    beat = pulse.Beat(worker="w1", lane="clocks", beat_at=now, patience=timedelta(minutes=1))
    pulse.prepare(upgraded.ledger)
    pulse.write(upgraded.ledger, "w1", [beat], now)
    with stored.begin() as conn:
        conn.execute(text("DELETE FROM workspace_schema"))
    arguments = (upgraded.verifier_key, upgraded.anchor, upgraded.memory, (), "0.2.0")
    with pytest.raises(NotUpgraded, match=r"1 worker wrote within .*\(w1\).*Nothing was changed"):
        upgrade(upgraded.ledger, *arguments, now)
    done = upgrade(upgraded.ledger, *arguments, now + timedelta(minutes=3))
    assert done.from_schema == 1


def test_a_database_without_a_ledger_is_not_upgraded_into_one(tmp_path: Path, earlier: Path) -> None:
    settings = earlier / "holdfast.toml"
    lines = [
        f'url = "sqlite:///{tmp_path / "empty.db"}"' if line.startswith("url =") else line
        for line in settings.read_text().splitlines()
    ]
    settings.write_text("\n".join(lines))
    with pytest.raises(Exception, match="no ledger was made in it yet"):
        joined.upgrade_workspace(earlier, quiet)


def test_evidence_that_others_could_read_is_shut_away(upgraded: Application) -> None:
    assert isinstance(upgraded.vault, FolderVault)
    assert upgraded.vault.folder.stat().st_mode & 0o077 == 0


def test_the_vault_is_told_until_when_it_keeps_what_it_took_in_before(upgraded: Application) -> None:
    """R-EVD-08: 0.1.0 took in without saying so."""
    items = custody.held(upgraded.ledger, "INC-1").items
    assert len(items) > 3
    for item in items:
        kept = upgraded.vault.kept_until(item.sha256)
        assert kept is not None
        assert kept >= item.retain_until
