"""What a pack says is folded from facts that are checked in that very build (R-EVD-04, R-EVD-11).

Attacks by somebody who can write into the database while a pack is built, and who has no key.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from sqlalchemy import text

from holdfast.audit import packing
from holdfast.audit.checked import NotAsSealed, Scan
from holdfast.audit.dossier import Dossier
from holdfast.audit.packing import build_pack, policy_of
from holdfast.incident import register
from holdfast.incident.loading import NoSuchIncident
from holdfast.ledger.database import Database
from holdfast.ledger.sealing import Sealer
from holdfast_verify.pack import verify
from holdfast_verify.policy import Policy
from support.company import HELEN
from support.lending import Lending, told_as_far_as

PROJECTIONS = (
    "incidents",
    "incident_record",
    "incident_causes",
    "people",
    "playbook_approvals",
    "playbook_versions",
    "roster_versions",
    "system_versions",
    "alerts",
)


def run(lending: Lending, *statements: str) -> None:
    with lending.ledger.database.writing() as conn:
        for statement in statements:
            conn.execute(text(statement))


def dossier_of(lending: Lending) -> tuple[Dossier, bytes]:
    return packing._told(lending, Scan("INC-1", lending.ledger.origin), lending.now)


def test_rows_of_projections_that_are_deleted_while_a_pack_is_built_change_nothing_in_it(
    running: Lending,
) -> None:
    """Deleted before it is read and put back before anybody looks: report and record tell the same."""
    running.respond("INC-1")
    running.sealer.seal(running.now)
    before, record = dossier_of(running)
    assert len(before.record) == len(register.record(running.ledger, "INC-1"))
    run(running, *(f"DELETE FROM {table}" for table in PROJECTIONS))
    assert register.record(running.ledger, "INC-1") == []
    after, again = dossier_of(running)
    assert after == before
    assert again == record


def test_edited_rows_of_projections_change_nothing_in_it(running: Lending) -> None:
    before, record = dossier_of(running)
    run(
        running,
        "UPDATE incidents SET state = replace(state, 'INC-1', 'INC-7'), title = 'All is well'",
        "UPDATE people SET name = 'Nobody'",
        "UPDATE system_versions SET text = 'id: other', content = 'ab', applied_at = '2020'",
        "DELETE FROM incident_record WHERE seq % 2 = 0",
    )
    assert dossier_of(running) == (before, record)


EDITS = {
    "a payload": "UPDATE facts SET payload = CAST(replace(CAST(payload AS TEXT), 'drift', 'noise') AS BLOB) "
    "WHERE type = 'incident.opened'",
    "a payload so that it no longer names the incident": "UPDATE facts SET payload = "
    "CAST(replace(CAST(payload AS TEXT), 'INC-1', 'INC-9') AS BLOB) WHERE type = 'evidence.frozen'",
    "a salt": "UPDATE facts SET salt = zeroblob(32) WHERE type = 'incident.opened'",
    "a leaf": "UPDATE facts SET leaf = CAST(replace(CAST(leaf AS TEXT), 'opened', 'closed') AS BLOB) "
    "WHERE type = 'incident.opened'",
    "the column of a type": "UPDATE facts SET type = 'incident.joined' WHERE type = 'incident.opened'",
    "the column of a stream": "UPDATE facts SET stream = 'incident/INC-9', stream_seq = seq "
    "WHERE stream = 'evidence/INC-1'",
    "the column of a time": "UPDATE facts SET recorded_at = '2026-11-01T00:00:00.000000Z' "
    "WHERE type = 'incident.opened'",
    "a hash": "UPDATE facts SET leaf_hash = zeroblob(32) WHERE type = 'incident.opened'",
    "a row, away": "DELETE FROM facts WHERE type = 'evidence.frozen'",
    "a kind of value": "UPDATE facts SET payload = CAST(payload AS TEXT) || ' ', salt = 7 WHERE seq = 3",
    "the newest checkpoint": "UPDATE checkpoints SET note = replace(note, 'harbourstreet', 'harborstreet')",
}


@pytest.mark.parametrize("what", EDITS)
def test_a_fact_that_was_edited_is_refused_and_nothing_is_recorded(
    what: str, lending_file: Lending, tmp_path: Path
) -> None:
    """Edited before the build; a trigger on the pack's own fact would restore it behind."""
    lending_file.sealer.seal(lending_file.now)
    at = lending_file.now
    run(lending_file, EDITS[what])
    before = lending_file.ledger.size()
    with pytest.raises(NotAsSealed, match="no pack is built: "):
        build_pack(lending_file, "INC-1", tmp_path / "p.zip", by=HELEN, at=at)
    assert lending_file.ledger.size() == before
    assert not (tmp_path / "p.zip").exists()


def test_a_payload_that_is_edited_until_the_pack_is_recorded_makes_no_pack(
    lending_file: Lending, tmp_path: Path
) -> None:
    """The whole attack, with its trigger: the false word never comes into a pack."""
    lending_file.sealer.seal(lending_file.now)
    at = lending_file.now
    run(
        lending_file,
        "CREATE TABLE stash AS SELECT seq, payload FROM facts WHERE type = 'incident.opened'",
        EDITS["a payload"],
        "CREATE TRIGGER restore AFTER INSERT ON facts WHEN NEW.type = 'pack.assembled' BEGIN "
        "UPDATE facts SET payload = (SELECT payload FROM stash WHERE stash.seq = facts.seq) "
        "WHERE seq IN (SELECT seq FROM stash); END",
    )
    with pytest.raises(NotAsSealed):
        build_pack(lending_file, "INC-1", tmp_path / "p.zip", by=HELEN, at=at)


def test_a_stream_that_begins_while_the_pack_is_recorded_is_found_without_any_projection(
    running: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row by which the register knows of it is deleted at once."""
    seal, between = Sealer.seal, []

    def slow(self: Sealer, at: object) -> object:
        packed = any(one.fact.type == "pack.assembled" for one in running.ledger.facts())
        if packed and not between:
            between.append(True)
            steps = running.containing("http://127.0.0.1:9")
            steps.propose("INC-1", "broker-to-review", "Only brokers.", by=HELEN, at=running.now)
            run(running, "DELETE FROM incident_record")
        return seal(self, at)  # type: ignore[arg-type]

    monkeypatch.setattr(Sealer, "seal", slow)
    made = build_pack(running, "INC-1", tmp_path / "p.zip", by=HELEN, at=running.now)
    assert between
    with zipfile.ZipFile(made.path) as archive:
        assert b"containment/INC-1-C1" in archive.read("record.json")
    with made.path.open("rb") as file:
        assert verify(file, Policy.parse(policy_of(running))).verified


def test_an_incident_that_is_not_there(running: Lending) -> None:
    with pytest.raises(NoSuchIncident):
        packing._told(running, Scan("INC-9", running.ledger.origin), running.now)


@pytest.fixture
def lending_file(tmp_path: Path) -> Lending:
    """The running incident on SQLite, whose dialect the attacks are written in."""
    return told_as_far_as("running", Database(f"sqlite:///{tmp_path / 'holdfast.db'}"), tmp_path)
