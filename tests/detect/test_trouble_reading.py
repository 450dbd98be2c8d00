"""The small inputs on which reading went wrong, with the right values of their README (R-DET-03)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from holdfast.detect.backtest import backtest
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.log import Log, open_log
from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.detect.monitors import monitors_of
from holdfast.detect.tables import LogError
from holdfast.prepare.documents import read_document, understand
from holdfast.prepare.systems import System


class Trouble:
    """One input: the system its file describes, and the log it reads."""

    def __init__(self, file: Path, engine: DuckDB, more: Mapping[str, Any] | None = None) -> None:
        system = understand(read_document(file.parent, file), System)
        if more:
            values = system.model_dump(mode="json", by_alias=True, exclude_unset=True)
            values["prediction_log"] |= more
            system = System.model_validate(values)
        self.system, self.base, self.engine = system, file.parent, engine

    def log(self) -> Log:
        assert self.system.prediction_log is not None
        return open_log(self.system.prediction_log, self.base, self.engine)

    def replayed(self) -> list[Measurement]:
        return backtest(self.system, self.log(), self.engine)

    def values(self, start: datetime) -> dict[str, float | None]:
        return {one.monitor: one.value for one in self.replayed() if one.window_start == start}

    def refusal(self) -> str:
        """Why nothing is measured: of the log, or of its only monitor."""
        try:
            able = monitors_of(self.system, self.log(), self.engine)
        except LogError as error:
            return str(error)
        assert not able.monitors
        return " / ".join(failure.reason for failure in able.failing.values())


@pytest.fixture
def folder(shared_data: Path) -> Path:
    return shared_data / "trouble"


def test_nan_that_polars_wrote_is_a_missing_value(folder: Path, engine: DuckDB) -> None:
    first = datetime(2026, 9, 1, tzinfo=UTC)
    found = Trouble(folder / "polars_nan" / "system.yaml", engine).replayed()
    nulls = Trouble(folder / "polars_nan_as_null" / "system.yaml", engine).replayed()
    assert [one.as_dict() for one in found] == [one.as_dict() for one in nulls]
    day = {one.monitor: one for one in found if one.window_start == first}
    right = {
        "miss-x": 0.3148,
        "ks-x": 0.0336,
        "wasserstein-x": 0.0445,
        "rate-click": 0.0878,
        "auc": 0.8402,
    }
    assert {name: round(day[name].value or 0, 4) for name in right} == right
    assert day["miss-x"].alarm


@pytest.mark.parametrize(
    ("name", "share"),
    [("nan_labels_csv", 0.6), ("nan_labels_parquet", 0.6), ("nan_labels_apart", 2 / 3)],
)
def test_a_label_that_is_nan_is_not_known(folder: Path, engine: DuckDB, name: str, share: float) -> None:
    for one in Trouble(folder / name / "system.yaml", engine).replayed():
        assert one.status is WindowStatus.PENDING
        assert one.labelled_share == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("name", ["d4", "d4b"])
def test_half_of_the_labels_are_nan(folder: Path, engine: DuckDB, name: str) -> None:
    found = {one.monitor: one for one in Trouble(folder / "min" / f"{name}.yaml", engine).replayed()}
    assert (found["acc"].status, found["acc"].labelled_share) == (WindowStatus.PENDING, 0.5)
    if name == "d4":
        assert (found["miss"].value, found["miss"].alarm) == (0.5, True)


@pytest.mark.parametrize("name", ["t_1970/system", "min/d16"])
def test_a_row_of_1970_is_refused_by_name_with_the_setting_that_leaves_it_out(
    folder: Path, engine: DuckDB, name: str
) -> None:
    file = folder / f"{name}.yaml"
    refusal = Trouble(file, engine).refusal()
    assert "rows has a" in refusal
    assert "on 1970-01-01" in refusal
    assert "since: 2026-" in refusal
    left_out = Trouble(file, engine, {"since": "2026-09-01"})
    assert left_out.log().notes == ("1 row before prediction_log.since left out",)
    assert len({one.window_start for one in left_out.replayed()}) <= 2


@pytest.mark.parametrize("name", ["csv_us_dates_first_days/system", "min/d10"])
def test_dates_that_can_be_read_in_two_ways_are_refused_until_somebody_says(
    folder: Path, engine: DuckDB, name: str
) -> None:
    file = folder / f"{name}.yaml"
    refusal = Trouble(file, engine).refusal()
    assert "can be read in 2 ways: month_first, day_first" in refusal
    assert "dates: month_first" in refusal
    american = Trouble(file, engine, {"dates": "month_first"}).log()
    assert (american.first.month, american.last.month) == ((9, 9) if "csv" in name else (10, 10))
    assert Trouble(file, engine, {"dates": "day_first"}).log().first.month == 1


def test_label_ids_of_another_type_find_their_predictions(folder: Path, engine: DuckDB) -> None:
    for one in Trouble(folder / "label_ids_float" / "system.yaml", engine).replayed():
        assert one.status is WindowStatus.MEASURED
        assert (one.labelled_share or 0) > 0.99
    (one,) = Trouble(folder / "min" / "d11.yaml", engine).replayed()
    assert (one.status, one.labelled_share) == (WindowStatus.MEASURED, 1.0)


def test_labels_of_a_value_that_no_prediction_has_are_counted_and_said(folder: Path, engine: DuckDB) -> None:
    trouble = Trouble(folder / "min" / "d11b.yaml", engine)
    (note,) = trouble.log().notes
    assert note.startswith('100 labels with a value that no prediction has, such as "-1"')
    assert note.endswith("missing: {label: [-1]}")
    (one,) = Trouble(folder / "min" / "d11b.yaml", engine, {"missing": {"label": [-1]}}).replayed()
    assert (one.status, one.labelled_share) == (WindowStatus.PENDING, 0.5)


@pytest.mark.parametrize(
    ("name", "place"),
    [("csv_late_text/system", "log.csv, line 29,002; "), ("min/d5", "d5.csv, line ")],
)
def test_a_word_late_in_a_column_of_numbers_is_named_with_file_line_column_and_value(
    folder: Path, engine: DuckDB, name: str, place: str
) -> None:
    refusal = Trouble(folder / f"{name}.yaml", engine).refusal()
    assert 'column "x" holds "n/a" among numbers' in refusal
    assert place in refusal
    assert 'missing: ["n/a"]' in refusal
    with_words = Trouble(folder / f"{name}.yaml", engine, {"missing": ["n/a"]})
    assert all(one.value is not None for one in with_words.replayed())


def test_a_column_that_holds_a_word_for_missing_says_so_until_a_setting_decides(
    folder: Path, engine: DuckDB
) -> None:
    file = folder / "null_word_only_missing" / "system.yaml"
    assert 'column "income" holds "NULL" among numbers' in Trouble(file, engine).refusal()
    (one,) = Trouble(file, engine, {"missing": ["NULL"]}).replayed()
    assert one.value == pytest.approx(1 / 3, abs=0.01)
    assert one.alarm


def test_predictions_logged_twice_are_refused_or_one_row_of_each_stands(folder: Path, engine: DuckDB) -> None:
    file = folder / "duplicate_prediction_ids" / "system.yaml"
    refusal = Trouble(file, engine).refusal()
    assert 'the prediction log has 1,080 rows for 540 ids, for example "0"' in refusal
    assert "repeated_ids: first or last" in refusal
    once = Trouble(file, engine, {"repeated_ids": "first"})
    assert sum(one.n for one in once.replayed() if one.monitor == "v") == 540
    assert once.log().notes == (
        'the prediction log has 1,080 rows for 540 ids, for example "0"; the first row of each stands',
    )


def test_the_same_rows_three_times_do_not_make_an_alarm(folder: Path, engine: DuckDB) -> None:
    file = folder / "min" / "d14.yaml"
    assert "300 rows for 100 ids" in Trouble(file, engine).refusal()
    (one,) = Trouble(file, engine, {"repeated_ids": "last"}).replayed()
    assert (one.n, one.alarm) == (100, False)


def test_hours_of_a_local_clock_are_its_own_over_a_change(folder: Path, engine: DuckDB) -> None:
    file = folder / "dst_naive_local" / "system.yaml"
    found = Trouble(file, engine, {"zone": "Europe/Berlin"}).replayed()
    assert not [one.window_start for one in found if one.alarm]
    starts = [one.window_start for one in found]
    assert all(b - a == timedelta(hours=1) for a, b in pairwise(starts))


def test_an_alarm_on_times_without_an_offset_says_that_they_were_read_as_utc(
    folder: Path, engine: DuckDB
) -> None:
    """R-DET-03: as UTC, an hour of Berlin is missing."""
    one = Trouble(folder / "dst_naive_local" / "system.yaml", engine)
    alarms = [found for found in one.replayed() if found.alarm]
    assert [found.window_start.hour for found in alarms] == [2]
    assert all("Times without an offset were read as UTC" in found.reason for found in alarms)
    assert 'times of "t" without an offset: read as UTC' in " ".join(one.log().notes)
    stated = Trouble(folder / "dst_naive_local" / "system.yaml", engine, {"zone": "UTC"})
    assert not any("read as UTC" in found.reason for found in stated.replayed())
    assert stated.log().notes == ()


def test_truth_values_of_a_csv_are_predictions_and_labels(folder: Path, engine: DuckDB) -> None:
    (one,) = Trouble(folder / "min" / "d9.yaml", engine).replayed()
    assert one.value == pytest.approx(2 / 3)
    assert one.n == 3


def test_labels_have_one_door(folder: Path, engine: DuckDB) -> None:
    refusal = Trouble(folder / "min" / "d17.yaml", engine).refusal()
    assert 'reads "label", which is the label and not known before "arr"' in refusal
