"""What a system's file names and its log lacks is found before anything runs, at its line (R-CON-03)."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from holdfast.app import engine
from holdfast.detect.naming import columns_of, unknown_columns
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.workspace import load_workspace
from holdfast.problems import Problem

LOG = "id,timestamp,approved,score,income,region,applicant_id\na,2026-11-20T10:00:00Z,1,0.9,3,north,p1\n"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("written", "slip", "path", "line"),
    [
        (
            "segment: {region: [north]}",
            "segment: {regoin: [north]}",
            "containment[0].segment.regoin",
            "regoin",
        ),
        ("column: income", "column: incme", "monitors[0].column", "incme"),
        ("group_by: [region]", "group_by: [regoin]", "monitors[1].group_by[0]", "regoin"),
        ("subject: applicant_id", "subject: aplicant_id", "prediction_log.columns.subject", "aplicant_id"),
        ("features: [income]", "features: [incme]", "prediction_log.columns.features[0]", "incme"),
    ],
)
def test_a_column_that_the_log_lacks_is_named_where_it_stands(
    tmp_path: Path, kind: str, written: str, slip: str, path: str, line: str
) -> None:
    folder = _workspace(tmp_path, SYSTEM.replace("KIND", kind))
    _write_log(folder, kind)
    assert _found(folder) == []
    file = folder / "systems" / "loans.yaml"
    assert written in file.read_text()
    file.write_text(file.read_text().replace(written, slip))
    (problem,) = _found(folder)
    assert (problem.file, problem.path) == ("systems/loans.yaml", path)
    text = file.read_text().splitlines()[problem.line - 1]
    assert text[problem.column - 1 :].startswith(line)
    assert "is no column of the prediction log" in problem.cause
    assert "did you mean" in problem.fix
    assert "id, timestamp, approved, score, income, region, applicant_id" in problem.fix


def test_of_a_log_that_is_not_there_nothing_is_claimed(tmp_path: Path) -> None:
    folder = _workspace(tmp_path, SYSTEM.replace("KIND", "csv"))
    read = load_workspace(folder).systems["loans"]
    assert columns_of(read.model.prediction_log, folder, engine) is None
    assert columns_of(None, folder, engine) is None


def _found(folder: Path) -> list[Problem]:
    read = load_workspace(folder).systems["loans"]
    columns = columns_of(read.model.prediction_log, folder, engine)
    assert columns is not None
    return unknown_columns(read, columns)


def _workspace(folder: Path, system: str) -> Path:
    write_workspace(folder / "work")
    (folder / "work" / "systems" / "loans.yaml").write_text(system)
    return folder / "work"


def _write_log(folder: Path, kind: str) -> None:
    (folder / "log").mkdir()
    (folder / "log" / "one.csv").write_text(LOG)
    if kind == "parquet":
        source, target = folder / "log" / "one.csv", folder / "log" / "one.parquet"
        duckdb.connect().execute(f"COPY (SELECT * FROM read_csv('{source}')) TO '{target}' (FORMAT parquet)")
        source.unlink()


SYSTEM = """
id: loans
name: Loans
purpose: decides
owner: maya.okafor@harbourstreet.example
priority: 3
models:
  - name: score card
    version: "1"
    in_production_since: 2026-01-01
    artefact: models/loans.bin
data_used: [income]
depends_on_it: [applicants]
business_impact: wrong decisions
compliance_risk: fair lending
prediction_log:
  path: log/*.KIND
  columns:
    id: id
    time: timestamp
    prediction: approved
    score: score
    subject: applicant_id
    features: [income]
monitors:
  - id: gaps
    name: Gaps
    metric: missing
    column: income
    window: 1d
    schedule: 1h
    reason: applicants state it
    tells: [incident_commander]
    limit: {above: 0.1}
  - id: gaps-by-region
    name: Gaps by region
    metric: missing
    column: score
    group_by: [region]
    window: 1d
    schedule: 1h
    reason: applicants state it
    tells: [incident_commander]
    limit: {above: 0.1}
containment:
  - id: north-to-people
    name: The north to people
    kind: segment_to_review
    flag: loans.route
    when: the north is wrong
    segment: {region: [north]}
"""
