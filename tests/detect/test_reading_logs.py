"""How logs, labels and times are read: what is strange is refused in a sentence, or counted and said."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest

from holdfast.detect.backtest import backtest
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.log import Log, open_log
from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.detect.monitors import evaluate, monitors_of
from holdfast.detect.tables import Kind, LogError
from holdfast.prepare.systems import System

from .conftest import at, system_with

COLUMNS = {"id": "id", "time": "at"}
HOURS = {"id": "v", "metric": "volume", "window": "1h", "limit": {"below": 1}}


class Written:
    """A CSV log, written line by line, and what is read of it."""

    def __init__(self, folder: Path, engine: DuckDB) -> None:
        self.folder, self.engine = folder, engine

    def lines(self, *lines: str, name: str = "log.csv") -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    def system(self, *monitors: dict[str, Any], path: str = "log.csv", **more: Any) -> System:
        columns = COLUMNS | more.pop("columns", {})
        return system_with({"path": path, "columns": columns, **more}, *monitors)

    def open(self, path: str = "log.csv", as_of: datetime | None = None, **more: Any) -> Log:
        config = self.system(path=path, **more).prediction_log
        assert config is not None
        return open_log(config, self.folder, self.engine, as_of)

    def refusal(self, path: str = "log.csv", as_of: datetime | None = None, **more: Any) -> str:
        with pytest.raises(LogError) as error:
            self.open(path, as_of, **more)
        return str(error.value)

    def replayed(self, *monitors: dict[str, Any], **more: Any) -> list[Measurement]:
        system = self.system(*monitors, **more)
        assert system.prediction_log is not None
        log = open_log(system.prediction_log, self.folder, self.engine)
        return backtest(system, log, self.engine)


@pytest.fixture
def written(tmp_path: Path, engine: DuckDB) -> Written:
    return Written(tmp_path, engine)


class TestTypesOfACsv:
    def test_come_from_all_values_and_not_from_the_first(self, written: Written) -> None:
        rows = [f"{i},2026-11-02T00:00:00Z,{1 if i > 25_000 else ''},{i % 2}" for i in range(30_000)]
        written.lines("id,at,truth,said", *rows)
        log = written.open(columns={"prediction": "said", "label": "truth"})
        assert log.without_labels is None
        assert log.table.column("truth").kind is Kind.NUMBER

    @pytest.mark.parametrize(
        ("values", "kind", "type_"),
        [
            (("1", "2", "30"), Kind.NUMBER, "BIGINT"),
            (("123456789012345678901", "2", "3"), Kind.NUMBER, "DECIMAL(38,0)"),
            (("1", "2.5", "1e3"), Kind.NUMBER, "DOUBLE"),
            (("1", "nan", "inf"), Kind.NUMBER, "DOUBLE"),
            (("True", "FALSE", "yes"), Kind.TRUTH, "BOOLEAN"),
            (("T", "f", ""), Kind.TRUTH, "BOOLEAN"),
            (("007", "12", "3"), Kind.TEXT, "VARCHAR"),
            (("north", "12", "3"), Kind.TEXT, "VARCHAR"),
            (("2026-09-01", "2026-09-02", ""), Kind.TIME, "VARCHAR"),
            (("", " ", '""'), Kind.EMPTY, "VARCHAR"),
        ],
    )
    def test_of_every_kind(self, written: Written, values: tuple[str, ...], kind: Kind, type_: str) -> None:
        written.lines("id,at,x", *(f"{i},2026-11-02T00:00:00Z,{x}" for i, x in enumerate(values)))
        if kind is Kind.TEXT and "north" in values:  # as many words as not: no column of numbers
            written.lines("id,at,x", *(f"{i},2026-11-02,{x}" for i, x in enumerate(("north", "south", "3"))))
        column = written.open().table.column("x")
        assert (column.kind, column.type) == (kind, type_)

    def test_a_word_among_numbers_is_found_in_a_compressed_file_too(self, written: Written) -> None:
        text = (
            "id;at;x\n"
            + "".join(f"{i};2026-11-02T00:00:00Z;{i}\n" for i in range(99))
            + "99;2026-11-02;oops\n"
        )
        with gzip.open(written.folder / "log.csv.gz", "wt") as file:
            file.write(text)
        monitor = {"id": "m", "metric": "mean", "column": "x", "window": "1d", "limit": {"above": 9}}
        system = written.system(monitor, HOURS, path="log.csv.gz")
        able = monitors_of(system, written.open("log.csv.gz"), written.engine)
        assert [one.id for one in able.monitors] == ["v"]
        assert 'holds "oops" among numbers' in able.failing["m"].reason
        assert "log.csv.gz, line 101" in able.failing["m"].reason

    def test_a_line_that_is_none_is_refused_with_its_file(self, written: Written) -> None:
        written.lines("id,at", *(f"{i},2026-11-02" for i in range(50)), "50,2026-11-02,and,more")
        assert "log.csv cannot be read" in written.refusal()


class TestWordsForMissing:
    def test_are_missing_where_the_file_says_so_and_noted_where_it_does_not(self, written: Written) -> None:
        colours = ("red", "blue", "None", "green")
        written.lines("id,at,colour", *(f"{i},2026-11-02,{colours[i % 4]}" for i in range(400)))
        (note,) = written.open().notes
        assert 'column "colour" holds the word "None"' in note
        assert written.open(missing=[]).notes == ()
        monitor = {
            "id": "m",
            "metric": "missing",
            "column": "colour",
            "window": "1d",
            "limit": {"above": 0.9},
        }
        for missing, share in ((["none"], 0.25), ({"colour": ["None"]}, 0.25), ({"other": ["None"]}, 0.0)):
            (one,) = written.replayed(monitor, missing=missing)
            assert one.value == share, missing

    def test_may_be_numbers_and_hold_in_parquet_as_well(
        self, written: Written, write: Callable[..., Path]
    ) -> None:
        rows = [
            {"id": i, "at": at(2).replace(tzinfo=None), "income": -999.0 if i % 4 else 5.0, "word": "NULL"}
            for i in range(400)
        ]
        write("log.parquet", {"id": "BIGINT", "at": "TIMESTAMP", "income": "DOUBLE", "word": "VARCHAR"}, rows)
        assert 'holds the word "NULL"' in written.open("log.parquet").notes[0]
        monitors = [
            {"id": name, "metric": "missing", "column": name, "window": "1d", "limit": {"above": 0.9}}
            for name in ("income", "word")
        ]
        found = written.replayed(*monitors, path="log.parquet", missing=["null", -999])
        assert {one.monitor: one.value for one in found} == {"income": 0.75, "word": 1.0}


class TestDates:
    @pytest.mark.parametrize(
        ("text", "order", "month", "day"),
        [
            ("09/13/2026", None, 9, 13),
            ("13.09.2026", None, 9, 13),
            ("13-09-2026 14:30", None, 9, 13),
            ("2026/09/13", None, 9, 13),
            ("2026.09.13 08:00:00", None, 9, 13),
            ("9/13/2026 1:05 PM", None, 9, 13),
            ("09/01/2026", "month_first", 9, 1),
            ("09/01/2026", "day_first", 1, 9),
            ("09/01/26", "month_first", 9, 1),
            ("09-01-26", "day_first", 1, 9),
            ("26-09-01", "year_first", 9, 1),
            ("2026-09-01T23:30:00-02:00", None, 9, 2),
        ],
    )
    def test_are_read_in_the_one_order_that_fits_or_that_is_said(
        self, written: Written, text: str, order: str | None, month: int, day: int
    ) -> None:
        written.lines("id,at", f"1,{text}")
        first = written.open(**({"dates": order} if order else {})).first
        assert (first.year, first.month, first.day) == (2026, month, day)

    @pytest.mark.parametrize("text", ["09/01/2026", "01.02.2026 10:00", "1-2-26", "10/11/12"])
    @pytest.mark.parametrize("form", ["csv", "parquet"])
    def test_that_can_be_read_in_several_ways_are_refused_in_any_format(
        self, written: Written, write: Callable[..., Path], text: str, form: str
    ) -> None:
        write(f"log.{form}", {"id": "BIGINT", "at": "VARCHAR"}, [{"id": 1, "at": text}])
        assert "ways: " in written.refusal(f"log.{form}")

    def test_of_labels_arrival_are_read_with_the_same_care(self, written: Written) -> None:
        written.lines("id,at,said", "1,2026-11-02,1")
        labels = {"path": "labels.csv", "id": "id", "label": "truth", "arrived": "known"}
        more: dict[str, Any] = {"labels": labels, "columns": {"prediction": "said"}}
        written.lines("id,truth,known", "1,1,11/03/2026", name="labels.csv")
        assert "can be read in 2 ways" in str(written.open(**more).without_labels)
        written.lines("id,truth,known", "1,1,soon", name="labels.csv")
        assert 'a time of arrival that is no time, such as "soon"' in str(written.open(**more).without_labels)
        written.lines("id,truth,known", "1,1,", name="labels.csv")
        assert "1 label without a time of arrival" in written.open(**more).notes[0]


class TestTimesFarOff:
    def rows(self, *further: str) -> list[str]:
        return ["id,at", *(f"{i},2026-11-02T{i % 24:02}:00:00Z" for i in range(200)), *further]

    @pytest.mark.parametrize("year", ["1970", "0001", "2062", "9999"])
    def test_of_one_row_are_refused_by_name(self, written: Written, year: str) -> None:
        written.lines(*self.rows(f"900,{year}-01-02T00:00:00Z"))
        refusal = written.refusal()
        assert "1 of 201 rows has a" in refusal
        assert f"far from all others, on {year}-01-02" in refusal

    def test_of_a_whole_file_are_refused_too(self, written: Written) -> None:
        written.lines(*self.rows(), name="logs/1.csv")
        written.lines("id,at", *(f"{900 + i},1970-01-0{1 + i % 9}" for i in range(80)), name="logs/2.csv")
        assert "80 of 280 rows have a" in written.refusal("logs")
        assert "1970-01-01 to 1970-01-09" in written.refusal("logs")

    def test_in_the_future_are_not_counted_yet_and_said(self, written: Written) -> None:
        written.lines(*self.rows("900,2026-11-20T00:00:00Z"))
        log = written.open(as_of=at(3))
        assert log.notes == ("1 row with a time in the future: not counted before then",)
        assert log.last < at(3)
        assert "all of its times lie in the future" in written.refusal(
            as_of=datetime(2026, 10, 1, tzinfo=UTC)
        )


class TestZones:
    def log(self, written: Written, first: datetime, hours: int) -> None:
        """One row each quarter of an hour, as a clock on the wall in Berlin shows it."""
        from zoneinfo import ZoneInfo

        berlin = ZoneInfo("Europe/Berlin")
        moments = [first + timedelta(minutes=15 * i) for i in range(4 * hours)]
        shown = [moment.astimezone(berlin).replace(tzinfo=None) for moment in moments]
        written.lines("id,at", *(f"{i},{moment}" for i, moment in enumerate(shown)))

    @pytest.mark.parametrize(("month", "day", "long"), [(3, 29, 23), (10, 25, 25)])
    def test_days_begin_at_the_midnight_of_the_zone_over_both_changes_of_clocks(
        self, written: Written, month: int, day: int, long: int
    ) -> None:
        start = datetime(2026, month, day, tzinfo=UTC) - timedelta(hours=1 if month == 3 else 2)
        self.log(written, start, 72)
        monitor = HOURS | {"window": "1d", "limit": {"below": 10}}
        found = written.replayed(monitor, zone="Europe/Berlin")
        assert found[0].window_start == start
        assert found[0].window_end - found[0].window_start == timedelta(hours=long)
        assert found[0].value == 4 * long
        assert found[1].value == 96

    def test_no_hour_is_silent_when_clocks_go_forward_or_back(self, written: Written) -> None:
        for month, day in ((3, 29), (10, 25)):
            self.log(written, datetime(2026, month, day, tzinfo=UTC) - timedelta(hours=6), 24)
            found = written.replayed(HOURS | {"limit": {"below": 2}}, zone="Europe/Berlin")
            assert not [one for one in found if one.alarm], month
            assert all(one.window_end == other.window_start for one, other in pairwise(found))
            assert sum(one.n for one in found) == 96

    def test_half_an_hour_from_utc_and_offsets_in_the_text_are_kept(self, written: Written) -> None:
        written.lines(
            "id,at", "1,2026-11-02T00:10:00", "2,2026-11-02T00:20:00+05:30", "3,2026-11-01T18:55:00Z"
        )
        first, *_ = written.replayed(HOURS, zone="Asia/Kolkata")
        assert (first.window_start.hour, first.window_start.minute, first.n) == (18, 30, 3)

    def test_a_zone_that_is_none_is_refused(self, written: Written) -> None:
        with pytest.raises(ValueError, match=r"is no time zone"):
            written.system(zone="Europe/Berlinn")


class TestLabels:
    MORE: ClassVar[dict[str, Any]] = {
        "columns": {"prediction": "said"},
        "labels": {"path": "labels.csv", "id": "id", "label": "truth", "arrived": "known"},
    }
    ACCURACY: ClassVar[dict[str, Any]] = {
        **{"id": "a", "metric": "accuracy", "window": "1d", "limit": {"below": 0.1}, "min_n": 1}
    }

    def log(self, written: Written, *labels: str) -> None:
        written.lines("id,at,said", *(f"{i},2026-11-02T10:00:00Z,1" for i in range(40)))
        written.lines("id,truth,known", *labels, name="labels.csv")

    def run(self, written: Written, moment: datetime) -> Measurement:
        system = written.system(self.ACCURACY | {"min_n": 10}, **self.MORE)
        assert system.prediction_log is not None
        log = open_log(system.prediction_log, written.folder, written.engine, moment)
        return evaluate(system, log, written.engine, moment).measurements[-1]

    def test_a_revised_label_stands_from_when_it_arrived_and_stops_nothing(self, written: Written) -> None:
        first = [f"{i},{i % 2},2026-11-03" for i in range(40)]
        self.log(written, *first, *(f"{i},1,2026-11-05" for i in range(20)))
        assert written.open(**self.MORE).notes == (
            "20 ids with several labels: the newest that had arrived stands",
        )
        assert self.run(written, at(4)).value == 0.5
        assert self.run(written, at(6)).value == 0.75
        (replayed,) = written.replayed(self.ACCURACY, **self.MORE)
        assert replayed.value == 0.5  # a replay does not see the revision before it came

    def test_two_different_labels_at_one_time_stop_only_what_needs_labels(self, written: Written) -> None:
        self.log(written, *(f"{i},1,2026-11-03" for i in range(40)), "7,0,2026-11-03")
        system = written.system(self.ACCURACY, HOURS, **self.MORE)
        able = monitors_of(system, written.open(**self.MORE), written.engine)
        assert [one.id for one in able.monitors] == ["v"]
        assert (
            'the labels name 1 id more than once with different labels at the same time, for example "7"'
            in (able.failing["a"].reason)
        )

    def test_the_same_label_twice_is_one(self, written: Written) -> None:
        self.log(written, *(f"{i},{i % 2},2026-11-03" for i in range(40)), "7,1,2026-11-03")
        (one,) = written.replayed(self.ACCURACY, **self.MORE)
        assert (one.n, one.value) == (40, 0.5)

    def test_ids_that_match_nothing_are_said_at_once(self, written: Written) -> None:
        self.log(written, *(f"case-{i},1,2026-11-03" for i in range(40)))
        assert "no id of the labels is in the prediction log: of 40 labels" in str(
            written.open(**self.MORE).without_labels
        )
        self.log(written, *(f"{i},1,2026-11-03" for i in range(30, 50)))
        assert written.open(**self.MORE).notes == ("10 of 20 labels belong to no prediction of the log",)

    def test_a_column_that_newer_files_call_otherwise_is_not_silent(self, written: Written) -> None:
        for day, name in ((1, "truth"), (2, "thruth")):
            rows = [f"{100 * day + i},2026-11-0{day},1,1" for i in range(40)]
            written.lines(f"id,at,said,{name}", *rows, name=f"logs/{day}.csv")
        more: dict[str, Any] = {"columns": {"prediction": "said", "label": "truth"}}
        fault = str(written.open("logs", **more).without_labels)
        assert 'logs/2.csv has no column "truth", as older ones have' in fault
        assert "did you mean thruth?" in fault
        monitor = {"id": "m", "metric": "missing", "column": "truth", "window": "1d", "limit": {"above": 0.9}}
        able = monitors_of(written.system(monitor, path="logs"), written.open("logs"), written.engine)
        assert "has no column" in able.failing["m"].reason

    @pytest.mark.parametrize(
        "spelled", ["yes no", "Y N", "true false", "TRUE FALSE", "1 0", "1.0 0.0", "t f"]
    )
    @pytest.mark.parametrize("positive", [1, True, "yes", "1"])
    def test_truth_is_spelled_in_many_ways_and_is_the_same(
        self, written: Written, spelled: str, positive: Any
    ) -> None:
        yes, no = spelled.split()
        rows = [f"{i},2026-11-02T10:00:00Z,{i % 2},{yes if i % 2 else no}" for i in range(40)]
        written.lines("id,at,said,truth", *rows)
        columns = {"prediction": "said", "label": "truth", "positive": positive}
        recall = self.ACCURACY | {"id": "r", "metric": "recall"}
        found = written.replayed(self.ACCURACY, recall, columns=columns)
        assert [(one.value, one.status) for one in found] == [(1.0, WindowStatus.MEASURED)] * 2


class TestRepeatedIds:
    def test_of_different_content_stand_first_or_last_by_time(self, written: Written) -> None:
        rows = [f"{i},2026-11-02T0{hour}:00:00Z,{hour}" for i in range(40) for hour in (1, 5)]
        written.lines("id,at,x", *rows)
        assert "80 rows for 40 ids" in written.refusal()
        monitor = {"id": "m", "metric": "mean", "column": "x", "window": "1d", "limit": {"above": 9}}
        for rule, mean in (("first", 1.0), ("last", 5.0)):
            (one,) = written.replayed(monitor, repeated_ids=rule)
            assert (one.value, one.n) == (mean, 40)

    def test_rows_without_an_id_are_no_repetition_and_said(self, written: Written) -> None:
        written.lines("id,at", "1,2026-11-02", ",2026-11-02", "nan,2026-11-02", ",2026-11-02")
        log = written.open()
        assert (log.rows, log.notes) == (4, ("3 rows without an id: no label can find them",))
