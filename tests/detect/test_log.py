"""A log that cannot be used says where, why, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.log import Log, open_log
from holdfast.detect.plan import Scan
from holdfast.detect.tables import LogError
from holdfast.metrics import items
from holdfast.prepare.systems import PredictionLog

from .conftest import at

TYPES = {"id": "BIGINT", "time": "TIMESTAMP", "income": "DOUBLE", "said": "INTEGER", "score": "DOUBLE"}
ROW = {"id": 1, "time": at(2).replace(tzinfo=None), "income": 1.0, "said": 1, "score": 0.5}
COLUMNS = {"id": "id", "time": "time", "prediction": "said", "score": "score"}
LABELS = {"path": "labels.parquet", "id": "id", "label": "truth"}


def _open(folder: Path, engine: DuckDB, path: str = "logs", **more: Any) -> Log:
    config = {"path": path, "columns": COLUMNS, **more}
    return open_log(PredictionLog.model_validate(config), folder, engine)


def _refused(folder: Path, engine: DuckDB, path: str = "logs", **more: Any) -> str:
    with pytest.raises(LogError) as error:
        _open(folder, engine, path, **more)
    return str(error.value)


def _without_labels(folder: Path, engine: DuckDB, path: str = "logs", **more: Any) -> str:
    """Why no label can be read, where the log itself can."""
    return str(_open(folder, engine, path, **more).without_labels)


def test_a_folder_of_files_is_one_log_and_hidden_files_are_left_alone(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path]
) -> None:
    for day in (1, 2):
        write(f"logs/2026/{day}.parquet", TYPES, [{**ROW, "id": day}])
    (tmp_path / "logs" / "_temporary").mkdir()
    (tmp_path / "logs" / "_temporary" / "3.parquet").write_text("unfinished")
    log = _open(tmp_path, engine)
    assert log.rows == 2
    assert log.features == ("income",)
    assert _open(tmp_path, engine, "logs/2026/*.parquet").rows == 2


def test_columns_that_a_later_file_adds_are_found(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path]
) -> None:
    write("logs/1.parquet", TYPES, [ROW])
    write("logs/2.parquet", {**TYPES, "new": "DOUBLE"}, [{**ROW, "id": 2, "new": 1.0}])
    assert _open(tmp_path, engine).features == ("income", "new")


def test_what_is_not_there_is_named(tmp_path: Path, engine: DuckDB) -> None:
    assert f"{tmp_path / 'logs'} is not there" in _refused(tmp_path, engine)
    (tmp_path / "logs").mkdir()
    assert "holds no Parquet or CSV file" in _refused(tmp_path, engine)
    assert "no file matches" in _refused(tmp_path, engine, "logs/*.parquet")
    (tmp_path / "notes.txt").write_text("hello")
    assert "neither Parquet nor CSV" in _refused(tmp_path, engine, "notes.txt")


def test_a_broken_file_is_named_among_good_ones(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path]
) -> None:
    write("logs/1.parquet", TYPES, [ROW])
    (tmp_path / "logs" / "2.parquet").write_bytes(b"PAR1 this is none")
    refusal = _refused(tmp_path, engine)
    assert "2.parquet cannot be read" in refusal
    assert "replace or remove it" in refusal


def test_an_empty_file_and_an_empty_log_are_different_complaints(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path]
) -> None:
    (tmp_path / "nothing.csv").touch()
    assert "nothing.csv is empty" in _refused(tmp_path, engine, "nothing.csv")
    write("none.parquet", TYPES, [])
    assert "has no rows" in _refused(tmp_path, engine, "none.parquet")


def test_parquet_and_csv_are_not_mixed(tmp_path: Path, engine: DuckDB, write: Callable[..., Path]) -> None:
    write("logs/1.parquet", TYPES, [ROW])
    write("logs/2.csv", TYPES, [ROW])
    assert "mixes Parquet and CSV" in _refused(tmp_path, engine)


def test_a_missing_column_is_named_with_the_nearest_one(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path]
) -> None:
    write("log.parquet", TYPES, [ROW])
    refusal = _refused(tmp_path, engine, "log.parquet", columns={**COLUMNS, "score": "scores"})
    assert 'the prediction log has no column "scores"' in refusal
    assert "did you mean score?" in refusal


def test_times_that_are_none_are_counted_and_shown(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path]
) -> None:
    rows = [{**ROW, "time": "2026-11-02"}, {**ROW, "id": 2, "time": "yesterday"}]
    write("log.parquet", {**TYPES, "time": "VARCHAR"}, rows)
    assert '1 of 2 rows have a "time" that is no time, such as "yesterday"' in _refused(
        tmp_path, engine, "log.parquet"
    )
    write("empty.parquet", TYPES, [ROW, {**ROW, "time": None}])
    assert "no time, which is empty" in _refused(tmp_path, engine, "empty.parquet")
    write("number.parquet", {**TYPES, "time": "BIGINT"}, [{**ROW, "time": 5}])
    assert '"time" is BIGINT, not a time' in _refused(tmp_path, engine, "number.parquet")


def test_a_score_must_be_a_number(tmp_path: Path, engine: DuckDB, write: Callable[..., Path]) -> None:
    write("log.parquet", {**TYPES, "score": "VARCHAR"}, [{**ROW, "score": "high"}])
    assert 'the score "score" is text, not a number' in _refused(tmp_path, engine, "log.parquet")


def test_two_labels_for_one_prediction_are_refused(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path]
) -> None:
    write("log.parquet", TYPES, [ROW])
    write("labels.parquet", {"id": "BIGINT", "truth": "INTEGER"}, [{"id": 1, "truth": t} for t in (0, 1)])
    refusal = _without_labels(tmp_path, engine, "log.parquet", labels=LABELS)
    assert 'the labels name 1 id more than once with different labels, for example "1"' in refusal
    assert "keep one label for each prediction" in refusal


def test_the_label_columns_are_checked(tmp_path: Path, engine: DuckDB, write: Callable[..., Path]) -> None:
    write("log.parquet", TYPES, [ROW])
    write("labels.parquet", {"id": "BIGINT", "truth": "INTEGER", "came": "INTEGER"}, [{"id": 1, "truth": 0}])
    missing = _without_labels(tmp_path, engine, "log.parquet", labels={**LABELS, "label": "thruth"})
    assert "did you mean truth?" in missing
    assert '"came" is INTEGER, not a time' in _without_labels(
        tmp_path, engine, "log.parquet", labels={**LABELS, "arrived": "came"}
    )


def test_a_prediction_and_a_label_that_can_never_be_equal_are_refused(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path]
) -> None:
    write("log.parquet", TYPES, [ROW])
    write("labels.parquet", {"id": "BIGINT", "truth": "VARCHAR"}, [{"id": 1, "truth": "good"}])
    assert "can never be equal" in _without_labels(tmp_path, engine, "log.parquet", labels=LABELS)


def test_the_positive_value_must_be_written_as_in_the_log(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path]
) -> None:
    write("log.parquet", {**TYPES, "said": "VARCHAR"}, [{**ROW, "said": "yes"}])
    assert "set columns.positive" in _refused(tmp_path, engine, "log.parquet")
    log = _open(tmp_path, engine, "log.parquet", columns={**COLUMNS, "positive": "yes"})
    assert log.rows == 1


def test_scores_outside_zero_to_one_are_no_chances(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path]
) -> None:
    write("log.parquet", TYPES, [ROW])
    assert _open(tmp_path, engine, "log.parquet").scores_are_chances
    write("points.parquet", TYPES, [{**ROW, "score": 640.0}])
    assert not _open(tmp_path, engine, "points.parquet").scores_are_chances


def test_ids_of_different_types_still_find_their_labels(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path]
) -> None:
    write("log.parquet", TYPES, [ROW])
    write("labels.parquet", {"id": "VARCHAR", "truth": "BOOLEAN"}, [{"id": "1", "truth": True}])
    log = _open(tmp_path, engine, "log.parquet", labels=LABELS)
    cells = engine.count(log.table, Scan(None, (), True, (items.Confusion(),)))
    assert [cell.counts for cell in cells] == [(1, 0, 0, 0, 0)]


@pytest.mark.parametrize("positive", [1, "yes"])
def test_a_csv_whose_labels_are_all_still_empty_is_a_log_like_any_other(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path], positive: int | str
) -> None:
    types = {**TYPES, "said": "VARCHAR" if positive == "yes" else "INTEGER", "truth": "INTEGER"}
    write("log.csv", types, [{**ROW, "said": positive, "score": None}])
    columns = {**COLUMNS, "label": "truth", "positive": positive}
    log = _open(tmp_path, engine, "log.csv", columns=columns)
    asked = (items.LABELS, items.Correct(), items.Confusion())
    cells = engine.count(log.table, Scan(None, (), True, asked))
    assert [cell.counts for cell in cells] == [(0, 0, 1), (0, 0, 1), (0, 0, 0, 0, 1)]


@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
def test_yes_and_no_mean_the_same_as_text_and_as_truth_values(
    tmp_path: Path, engine: DuckDB, write: Callable[..., Path], name: str
) -> None:
    """CSV readers take a column of yes and no for truth values."""
    types = {**TYPES, "said": "VARCHAR", "truth": "VARCHAR"}
    rows = [
        {**ROW, "id": place, "said": said, "truth": truth}
        for place, (said, truth) in enumerate([("yes", "yes"), ("yes", "no"), ("no", "no")])
    ]
    write(name, types, rows)
    log = _open(tmp_path, engine, name, columns={**COLUMNS, "label": "truth", "positive": "yes"})
    (cell,) = engine.count(log.table, Scan(None, (), True, (items.Confusion(),)))
    assert cell.counts == (1, 1, 0, 1, 0)
