"""Replaying a log on the command line: no workspace, no ledger, nothing recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "car-loans" / "systems" / "car-loans.yaml"
KEYS = [
    "monitor",
    "window_start",
    "window_end",
    "group",
    "value",
    "lower",
    "upper",
    "n",
    "labelled_share",
    "status",
    "alarm",
    "reason",
]


@pytest.fixture
def files(shared_data: Path) -> list[str]:
    folder = shared_data / "nannyml"
    return [
        *("--log", str(folder / "synthetic_car_loan_analysis.parquet")),
        *("--labels", str(folder / "synthetic_car_loan_analysis_target.parquet")),
        *("--reference", str(folder / "synthetic_car_loan_reference.parquet")),
    ]


def lines(said: Any) -> list[dict[str, Any]]:
    assert said.code == 0, said.err
    return [json.loads(line) for line in said.out.splitlines()]


def test_car_loans_alarm_where_the_published_change_lies_and_not_before(shell: Any, files: list[str]) -> None:
    """The published change lies in the sixth of ten windows of 5,000 rows; nothing needs a workspace.

    R-DET-16/backtest.
    """
    found = lines(shell("monitor", "backtest", str(EXAMPLE), *files, "--json", person=""))
    assert list(found[0])[: len(KEYS)] == KEYS
    first: dict[str, str] = {}
    for one in found:
        if one["alarm"]:
            first.setdefault(one["monitor"], one["window_start"])
    assert first["accuracy"][:10] == first["auc"][:10] == first["drift-car-value"][:10] == "2019-03-31"
    assert "drift-debt-to-income-ratio" not in first
    assert min(first.values())[:10] == "2019-03-31"
    assert not shell.folder.exists()


def test_one_monitor_alone_says_the_same(shell: Any, files: list[str]) -> None:
    everything = lines(shell("monitor", "backtest", str(EXAMPLE), *files))
    alone = lines(shell("monitor", "backtest", str(EXAMPLE), *files, "--monitor", "accuracy"))
    assert alone == [one for one in everything if one["monitor"] == "accuracy"]
    column = lines(shell("monitor", "backtest", str(EXAMPLE), *files, "--monitor", "missing.car_value"))
    assert {one["monitor"] for one in column} == {"missing.car_value"}


def test_people_are_told_what_would_have_alarmed_when(shell: Any, files: list[str]) -> None:
    said = " ".join(shell.table("monitor", "backtest", str(EXAMPLE), *files).split())
    assert "50,000 predictions replayed" in said
    assert "What would have alarmed, and when it would have been known" in said
    assert "1 May 2019, 00:00 UTC drift-car-value" in said


def test_a_system_of_the_workspace_is_replayed_as_its_file_says_now(watched: Any) -> None:
    size = watched.done("ledger", "facts")["size"]
    found = lines(watched("monitor", "backtest"))
    assert found == lines(watched("monitor", "backtest", "loan-approval"))
    assert any(one["alarm"] and one["monitor"] == "employment-years-drift" for one in found)
    assert watched.done("ledger", "facts")["size"] == size
    path = watched.folder / "systems" / "loan-approval.yaml"
    path.write_text(path.read_text().replace("limit: {above: 0.25}", "limit: {above: 15}", 1))
    assert not any(one["alarm"] for one in lines(watched("monitor", "backtest")))


def test_what_cannot_be_replayed_is_told_in_a_sentence(company: Any, tmp_path: Path) -> None:
    for words, sentence in (
        (("loan",), "did you mean loan-approval?"),
        (("loan-approval", "--monitor", "acuracy"), "did you mean accuracy?"),
        (("loan-approval",), "is not there"),
        (("loan-approval", "--log", str(tmp_path / "nothing.parquet")), "is not there"),
        (("customer-assistant",), "has no prediction log"),
        (("customer-assistant", "--log", "x.parquet"), "has no prediction_log"),
        ((str(tmp_path / "nothing.yaml"),), "is not there"),
    ):
        said = company("monitor", "backtest", *words)
        assert said.code == 1, words
        assert sentence in said.sentence, words
        assert said.out == ""


def test_what_cannot_be_measured_is_said_and_the_rest_is_replayed(shell: Any, tmp_path: Path) -> None:
    """R-XCT-07: silence is not taken for health, at the terminal neither."""
    rows = [f"{i},2026-11-02T10:00:00Z,{'n/a' if i == 150 else i},red" for i in range(200)]
    (tmp_path / "log.csv").write_text(
        "\n".join(["id,at,x,colour", *rows, ",2026-11-02T11:00:00Z,1,none", ""])
    )
    text = EXAMPLE.read_text()
    head = text[: text.index("prediction_log:")]
    (tmp_path / "one.yaml").write_text(head + OWN)
    said = shell("monitor", "backtest", str(tmp_path / "one.yaml"), person="")
    assert said.code == 1
    assert {json.loads(line)["monitor"] for line in said.out.splitlines()} == {"volume"}
    assert 'mean-x cannot measure: the prediction log: column "x" holds "n/a" among numbers' in said.err
    assert "log.csv, line 152" in said.err
    assert "1 row without an id" in said.err
    assert 'column "colour" holds the word "none"' in said.err


OWN = """prediction_log:
  path: log.csv
  columns: {id: id, time: at}
monitors:
  - {id: volume, name: V, metric: volume, window: 1d, limit: {below: 1}, reason: r, tells: [technical_lead]}
  - id: mean-x
    name: X
    metric: mean
    column: x
    window: 1d
    limit: {above: 500}
    reason: r
    tells: [technical_lead]
"""


def test_a_file_with_a_fault_is_told_with_its_fault_and_not_as_no_file(company: Any) -> None:
    """Its system is described by no file that can be read, and by one that cannot."""
    file = company.folder / "systems" / "loan-approval.yaml"
    file.write_text(file.read_text().replace("metric: accuracy", "metric: acuracy"))
    said = company("monitor", "backtest", "loan-approval")
    assert said.code == 1
    assert "systems/loan-approval.yaml:" in said.err
    assert "acuracy" in said.err
    assert "no file" not in said.err
