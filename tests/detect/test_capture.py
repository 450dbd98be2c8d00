"""What is frozen when an incident opens: links, names, secrets, labels, the reference."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from holdfast.application import Application
from holdfast.evidence import custody
from holdfast.evidence.custody import Listing
from holdfast.evidence.events import Kind
from holdfast.incident.responding import Report
from holdfast.prepare.versions import apply_workspace
from holdfast.prepare.workspace import load_workspace
from support.company import HELEN, INES, sign_changes
from support.many_alerts import raise_many
from support.workspaces import HandClock, opened, with_log

LOANS = "loan-approval"
SYSTEM = "systems/loan-approval.yaml"
MODEL = "models/loan-approval-3.2.0.json"
LABELS = """\
  labels:
    path: labels/loan-approval
    id: id
    label: repaid
    arrived: arrived_at
    within: 60d
"""


@pytest.fixture
def company(database_url: str, tmp_path: Path, now: datetime) -> Iterator[Application]:
    application = opened(tmp_path / "company", database_url, HandClock(now))
    with_log(application.workspace, now)
    yield application
    application.ledger.database.close()


@pytest.fixture
def frozen(company: Application) -> Callable[[], Listing]:
    """Opens an incident and gives what is held for it."""

    def declare(system: str = LOANS) -> Listing:
        report = Report("Approvals fell", system=system)
        incident = company.desk.open(report, by=INES, at=company.clock.now())
        return custody.held(company.ledger, incident)

    return declare


def of(listing: Listing, kind: Kind) -> tuple[list[str], list[str]]:
    """Names held and titles missing, of one kind."""
    return (
        [item.name for item in listing.items if item.kind is kind],
        [gap.title for gap in listing.gaps if gap.kind is kind],
    )


def change(company: Application, old: str, new: str) -> None:
    path = company.workspace / SYSTEM
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    apply_workspace(company.ledger, load_workspace(company.workspace), HELEN, company.clock.now())
    sign_changes(company.ledger, company.clock.now())


def labels_in_the_log(company: Application) -> None:
    path = company.workspace / SYSTEM
    path.write_text(path.read_text().replace(LABELS, "").replace(", previous_loans]", "]"))
    change(company, "    score: score\n", "    score: score\n    label: previous_loans\n")


def test_a_folder_with_links_and_strange_names_opens_an_incident_and_the_rest_is_taken(
    company: Application, frozen: Callable[[], Listing]
) -> None:
    """R-EVD-02/hostile: a link is a gap, symbolic or hard, to a file or to a folder."""
    folder = company.workspace / MODEL
    folder.unlink()
    (folder / "sub").mkdir(parents=True)
    strange = os.fsdecode(b"w\xff.bin")
    for name in ("weights.bin", strange, "sub/tokenizer.json"):
        (folder / name).write_text(name.encode("utf-8", "replace").decode())
    (folder / "soft").symlink_to("weights.bin")
    (folder / "away").symlink_to(company.workspace / "keys")
    os.link(folder / "sub" / "tokenizer.json", folder / "hard")
    os.mkfifo(folder / "pipe")
    held = frozen()
    assert of(held, Kind.MODEL_ARTEFACTS)[0] == ["weights.bin", "w\\xff.bin"]
    reasons = " ".join(gap.reason for gap in held.gaps if gap.kind is Kind.MODEL_ARTEFACTS)
    for said in ("soft cannot be read: it is a link", "away is a link to a folder", "is a hard link", "pipe"):
        assert said in reasons
    assert "PRIVATE KEY" not in reasons
    (folder / "hard").unlink()
    assert "tokenizer.json" in of(frozen(), Kind.MODEL_ARTEFACTS)[0]


@pytest.mark.parametrize(
    "artefact", ["keys", "keys/ledger.key", "keys/flags.token", "holdfast.db", "vault", "."]
)
def test_whatever_the_systems_file_names_no_secret_of_the_ledger_is_taken_in(
    company: Application, frozen: Callable[[], Listing], artefact: str
) -> None:
    company.vault.take_bytes(b"the wages of somebody in another incident", datetime(2029, 11, 23, tzinfo=UTC))
    change(company, f"artefact: {MODEL}", f"artefact: {artefact}")
    held = frozen()
    key = (company.workspace / "keys" / "ledger.key").read_bytes().split()[3]
    for item in held.items:
        content = company.vault.path_of(item.sha256).read_bytes()
        assert key not in content
        assert company.flags_token.encode() not in content
        assert not content.startswith(b"SQLite format 3")
        assert b"the wages of somebody" not in content
    if (company.workspace / artefact).exists():
        assert "never evidence" in " ".join(gap.reason for gap in held.gaps)


def test_labels_that_stand_in_the_log_count_as_captured(
    company: Application, frozen: Callable[[], Listing]
) -> None:
    labels_in_the_log(company)
    held = frozen()
    assert not [gap for gap in held.gaps if "abel" in gap.title]
    assert held.items[0].title.startswith("Prediction log with its labels, ")


def test_labels_in_a_log_that_cannot_be_read_are_missing_with_it(
    company: Application, frozen: Callable[[], Listing]
) -> None:
    labels_in_the_log(company)
    for file in (company.workspace / "logs" / LOANS).iterdir():
        file.unlink()
    assert {"Prediction log", "Labels known at this moment"} <= {gap.title for gap in frozen().gaps}


def test_the_reference_is_frozen_as_data_and_as_the_monitors_carry_it(
    company: Application, frozen: Callable[[], Listing], now: datetime
) -> None:
    """What a drift was measured against, whatever becomes of the file."""
    company.monitoring.run(LOANS, by=HELEN, at=now)
    path = company.workspace / "reference" / "loan-approval.parquet"
    measured_against = path.read_bytes()
    path.write_bytes(measured_against)
    held = frozen()
    data, carried = (
        next(item for item in held.items if item.name == name)
        for name in ("loan-approval.parquet", "reference.json")
    )
    assert company.vault.path_of(data.sha256).read_bytes() == measured_against
    assert b"employment_years/10" in company.vault.path_of(carried.sha256).read_bytes()


def of_a_file(folder: Path) -> str:
    return "path: reference/loan-approval.parquet"


def of_a_folder(folder: Path) -> str:
    (folder / "second.parquet").write_bytes((folder / "loan-approval.parquet").read_bytes())
    (folder / ".unfinished.parquet").write_bytes(b"half")
    return "path: reference"


def of_a_pattern(folder: Path) -> str:
    for name in ("2026-09.parquet", "2026-10.parquet"):
        (folder / name).write_bytes((folder / "loan-approval.parquet").read_bytes())
    return "path: reference/2026-*.parquet"


def of_a_csv(folder: Path) -> str:
    rows = f"SELECT * FROM read_parquet('{folder / 'loan-approval.parquet'}')"
    duckdb.connect().execute(f"COPY ({rows}) TO '{folder / 'normal.csv'}' (HEADER)")
    return "path: reference/normal.csv"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (of_a_file, {"loan-approval.parquet"}),
        (of_a_folder, {"loan-approval.parquet", "second.parquet"}),
        (of_a_pattern, {"2026-09.parquet", "2026-10.parquet"}),
        (of_a_csv, {"normal.csv"}),
    ],
)
def test_each_kind_of_reference_is_frozen_whole_and_outlives_its_file(
    company: Application,
    frozen: Callable[[], Listing],
    now: datetime,
    kind: Callable[[Path], str],
    names: set[str],
) -> None:
    """What a drift was measured against: every file of it, byte for byte, and the form the monitors carry."""
    folder = company.workspace / "reference"
    written = kind(folder)
    if written != of_a_file(folder):
        change(company, of_a_file(folder), written)
    company.monitoring.run(LOANS, by=HELEN, at=now)
    contents = {name: (folder / name).read_bytes() for name in names}
    held = frozen()
    items = {item.name: item for item in held.items if item.title.startswith("Reference")}
    assert set(items) == {*names, "reference.json"}
    for name in names:
        (folder / name).unlink()
        assert company.vault.path_of(items[name].sha256).read_bytes() == contents[name]
    carried = json.loads(company.vault.path_of(items["reference.json"].sha256).read_bytes())
    assert "employment_years/10" in json.dumps(carried)
    assert not [gap for gap in held.gaps if gap.title == "Reference"]


def test_the_reference_of_a_measured_drift_is_frozen_in_the_form_it_was_measured_against(
    company: Application, frozen: Callable[[], Listing], now: datetime
) -> None:
    """The file may be another by then: what the monitors carry is what they compared with."""
    company.monitoring.run(LOANS, by=HELEN, at=now)
    path = company.workspace / "reference" / "loan-approval.parquet"
    first = {item.name: item.sha256 for item in frozen().items}
    path.unlink()
    held = frozen()
    carried = next(item for item in held.items if item.name == "reference.json")
    assert carried.sha256 == first["reference.json"]
    (gap,) = (gap for gap in held.gaps if gap.title == "Reference")
    assert "is not there" in gap.reason


def test_a_system_without_a_reference_says_that_it_has_none(
    company: Application, frozen: Callable[[], Listing]
) -> None:
    (gap,) = (gap for gap in frozen("customer-assistant").gaps if gap.title == "Reference")
    assert "has no prediction log" in gap.reason


def test_a_reference_that_is_a_period_of_the_log_is_copied_out_of_it(
    company: Application, frozen: Callable[[], Listing], now: datetime
) -> None:
    start, end = (now.date() - timedelta(days=days) for days in (12, 10))
    period = f"from: {start}T00:00:00Z\n    to: {end}T00:00:00Z"
    change(company, "path: reference/loan-approval.parquet", period)
    (item,) = (item for item in frozen().items if item.name == "reference.parquet")
    frame = f"read_parquet('{company.vault.path_of(item.sha256)}')"
    first, last = (
        duckdb.connect()
        .execute(f"SELECT min(timestamp)::date, max(timestamp)::date FROM {frame}")
        .fetchall()[0]
    )
    assert (first, last) == (start, end - timedelta(days=1))


def test_a_log_that_never_rests_is_a_gap_and_not_half_a_copy(
    company: Application, frozen: Callable[[], Listing], monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = max((company.workspace / "logs" / LOANS).iterdir())
    engine = type(company.engines().__enter__())
    whole = engine.copy

    def slow(self: object, table: object, target: Path) -> int:
        os.utime(newest)
        return whole(self, table, target)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "copy", slow)
    (gap,) = (gap for gap in frozen().gaps if gap.title == "Prediction log")
    assert "kept changing while it was copied" in gap.reason


def test_what_the_playbook_lists_and_nothing_freezes_is_a_stated_gap(frozen: Callable[[], Listing]) -> None:
    """R-EVD-02/missing."""
    gaps = {gap.title: gap.reason for gap in frozen().gaps}
    assert "people collect it" in gaps["Mails, chat and minutes of calls about the incident"]
    assert "Log archive" in gaps["Logs of the scoring service and of access to it"]
    assert len(gaps) == 4


def test_a_vault_that_was_lost_keeps_no_incident_from_opening_and_is_said(
    company: Application, frozen: Callable[[], Listing]
) -> None:
    frozen()
    company.vault.folder.rename(company.workspace / "elsewhere")
    held = frozen()
    assert held.items == ()
    assert "mount its disk or restore it" in held.gaps[0].reason
    assert not company.vault.folder.exists()


def test_every_alert_of_the_system_is_captured_however_many_there_are_r_evd_01(
    company: Application, frozen: Callable[[], Listing]
) -> None:
    raise_many(company, 1_005)
    (item,) = [one for one in frozen().items if one.name == "measurements.json"]
    assert item.title.endswith("1,005 alerts")
