"""Values of every kind, wherever they can stand, are read as what they are (R-DET-03)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest

from holdfast.detect.backtest import backtest
from holdfast.detect.cells import Cell
from holdfast.detect.counting import Asked, count
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.log import Log, open_log
from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.detect.plan import Scan
from holdfast.detect.tables import LogError
from holdfast.metrics.items import Histogram
from holdfast.prepare.systems import System

from .conftest import at, system_with

DATA = Path(__file__).parent / "data"
"""`nan_outside_statistics.parquet` was written by pyarrow, which leaves NaN out of a file's statistics, so
that DuckDB 2.0 concludes that there are none: 400 rows, x is NaN in every fourth, branch and truth in every
fifth, customer in every eighth, score in every tenth, said in every twentieth."""
NAMES = {"id": "id", "time": "at"}


def replay(system: System, base: Path, engine: DuckDB) -> dict[str, Measurement]:
    """The last measurement of each series of a backtest."""
    assert system.prediction_log is not None
    found = backtest(system, open_log(system.prediction_log, base, engine), engine)
    return {f"{one.monitor}{f' {one.group}' if one.group else ''}": one for one in found}


def the_value(system: System, base: Path, engine: DuckDB) -> float | None:
    (one,) = replay(system, base, engine).values()
    return one.value


class TestNaNIsNoValue:
    """Wherever it stands, and whatever the statistics of its file say."""

    def log(self, **columns: Any) -> dict[str, Any]:
        return {"path": "nan_outside_statistics.parquet", "columns": {**NAMES, **columns}}

    @pytest.mark.parametrize("column", ["x", "y", "click"])
    def test_in_a_feature(self, engine: DuckDB, column: str) -> None:
        monitor = {"id": "m", "metric": "missing", "column": column, "window": "1d", "limit": {"above": 0.9}}
        assert the_value(system_with(self.log(), monitor), DATA, engine) == 0.25

    def test_in_a_rate_and_a_mean(self, engine: DuckDB) -> None:
        """R-DET-01/business."""
        monitors = [
            {"id": metric, "metric": metric, "column": column, "window": "1d", "limit": {"above": 0.99}}
            for metric, column in (("rate", "click"), ("mean", "y"))
        ]
        found = replay(system_with(self.log(), *monitors), DATA, engine)
        assert (found["rate"].value, found["rate"].n) == (200 / 300, 300)
        mean = sum(i % 10 for i in range(400) if i % 4) / 300
        assert found["mean"].value == pytest.approx(mean)
        assert found["mean"].n == 300

    def test_in_a_reference_and_what_is_compared_with_it(self, engine: DuckDB) -> None:
        log = self.log() | {"reference": {"path": "nan_outside_statistics.parquet"}}
        monitors = [
            {"id": method, "metric": "drift", "method": method, "column": "x", "window": "1d"}
            | {"limit": {"above": 0.5}}
            for method in ("psi", "ks", "jensen_shannon", "wasserstein")
        ]
        for one in replay(system_with(log, *monitors), DATA, engine).values():
            assert one.value == pytest.approx(0, abs=1e-9), one.monitor

    def test_in_predictions_labels_and_scores(self, engine: DuckDB) -> None:
        log = self.log(prediction="said", label="truth", score="score")
        monitors = [
            {"id": metric, "metric": metric, "window": "1d", "limit": {"below": 0.1}}
            | {"maturity": {"share": 0.5}}
            for metric in ("accuracy", "auc")
        ] + [{"id": "chosen", "metric": "selection_rate", "window": "1d", "limit": {"below": 0.1}}]
        found = replay(system_with(log, *monitors), DATA, engine)
        # Rows with a label are 320; of them those with a prediction, or a score, are counted.
        assert (found["accuracy"].value, found["accuracy"].n) == (1.0, 320)
        assert (found["auc"].value, found["auc"].labelled_share) == (1.0, 0.8)
        assert (found["chosen"].value, found["chosen"].n) == (192 / 380, 380)

    def test_in_a_group_and_in_the_subject(self, engine: DuckDB) -> None:
        log = self.log(subject="customer")
        monitor = {
            "id": "n",
            "metric": "volume",
            "window": "1d",
            "limit": {"below": 1},
            "group_by": ["branch"],
        }
        system = system_with(log, monitor)
        groups = {one.group["branch"]: one.n for one in replay(system, DATA, engine).values() if one.group}
        assert set(groups) == {"(missing)", "0", "1", "2"}
        assert groups["(missing)"] == 80
        found = count(system, DATA, DuckDB, Asked(at(1), at(9))).exposed
        assert (found.inferences, found.users) == (400, 200)


class TestNumbersThatAreNames:
    def test_customers_of_eighteen_digits_are_each_one_person(
        self, engine: DuckDB, write: Callable[..., Path], tmp_path: Path
    ) -> None:
        """A double holds sixteen digits: two thousand customers were seventeen people. R-IMP-02/exact."""
        first = 123_456_789_012_340_000
        for type_ in ("BIGINT", "UBIGINT", "DECIMAL(38,0)", "DECIMAL(30,2)", "VARCHAR"):
            types = {"id": "BIGINT", "at": "TIMESTAMP", "customer": type_}
            rows = [
                {"id": i, "at": at(2, i / 100).replace(tzinfo=None), "customer": first + i}
                for i in range(2000)
            ]
            write("log.parquet", types, rows)
            system = system_with({"path": "log.parquet", "columns": {**NAMES, "subject": "customer"}})
            assert count(system, tmp_path, DuckDB, Asked(at(1), at(9))).exposed.users == 2000, type_

    @pytest.mark.parametrize("there", ["BIGINT", "DOUBLE", "DECIMAL(9,2)", "FLOAT", "HUGEINT"])
    def test_a_branch_is_the_same_branch_whatever_type_its_number_has(
        self, engine: DuckDB, write: Callable[..., Path], tmp_path: Path, there: str
    ) -> None:
        rows = [{"id": i, "at": at(2).replace(tzinfo=None), "branch": i % 3} for i in range(300)]
        for name, type_ in (("log", "INTEGER"), ("reference", there)):
            write(f"{name}.parquet", {"id": "BIGINT", "at": "TIMESTAMP", "branch": type_}, rows)
        log = {
            "path": "log.parquet",
            "columns": {**NAMES, "categorical": ["branch"]},
            "reference": {"path": "reference.parquet"},
        }
        monitor = {"id": "u", "metric": "unseen", "column": "branch", "window": "1d", "limit": {"above": 0.1}}
        assert the_value(system_with(log, monitor), tmp_path, engine) == 0.0

    @pytest.mark.parametrize(
        ("own", "theirs", "spelled"),
        [
            ("BIGINT", "DOUBLE", str),
            ("BIGINT", "VARCHAR", str),
            ("BIGINT", "VARCHAR", lambda i: f"{i}.0"),
            ("BIGINT", "VARCHAR", lambda i: f"{i:08}"),
            ("DOUBLE", "HUGEINT", str),
            ("VARCHAR", "DECIMAL(20,3)", str),
            ("UBIGINT", "INTEGER", str),
            ("UUID", "VARCHAR", lambda i: f"00000000-0000-0000-0000-{i:012X}"),
        ],
    )
    def test_labels_find_their_predictions_whatever_type_their_ids_have(
        self, engine: DuckDB, write: Callable[..., Path], tmp_path: Path, own: str, theirs: str, spelled: Any
    ) -> None:
        def id_(i: int, type_: str) -> Any:
            if type_ == "UUID":
                return f"00000000-0000-0000-0000-{i:012x}"
            return spelled(i) if type_ == "VARCHAR" and theirs == "VARCHAR" else i

        types = {"id": own, "at": "TIMESTAMP", "said": "INTEGER"}
        rows = [{"id": id_(i, own), "at": at(2).replace(tzinfo=None), "said": i % 2} for i in range(200)]
        write("log.parquet", types, rows)
        labels = [{"id": id_(i, theirs), "truth": i % 2} for i in range(200)]
        write("labels.parquet", {"id": theirs, "truth": "INTEGER"}, labels)
        log = {
            "path": "log.parquet",
            "columns": {**NAMES, "prediction": "said"},
            "labels": {"path": "labels.parquet", "id": "id", "label": "truth"},
        }
        monitor = {"id": "a", "metric": "accuracy", "window": "1d", "limit": {"below": 0.1}}
        (one,) = replay(system_with(log, monitor), tmp_path, engine).values()
        assert (one.value, one.labelled_share) == (1.0, 1.0)


class TestFilesAndTheirNames:
    TYPES: ClassVar = {"id": "BIGINT", "at": "TIMESTAMP"}

    def row(self, id_: int) -> dict[str, Any]:
        return {"id": id_, "at": at(2).replace(tzinfo=None)}

    @pytest.mark.parametrize("name", ["2026-*.parquet", "2026-[1].parquet", "2026-?.parquet", "it's.parquet"])
    def test_a_file_that_bears_the_name_of_a_pattern_is_read_once(
        self, engine: DuckDB, write: Callable[..., Path], tmp_path: Path, name: str
    ) -> None:
        folder = tmp_path / "work [1]"
        write(f"work [1]/logs/{name}", self.TYPES, [self.row(1)])
        write("work [1]/logs/2026-1.parquet", self.TYPES, [self.row(2)])
        for path in ("logs", "logs/*.parquet"):
            assert _opened(path, folder, engine).rows == 2, path
        write(f"work [1]/alone/{name}", self.TYPES, [self.row(1)])
        assert _opened(f"alone/{name}", folder, engine).rows == 1

    def test_a_file_that_is_gone_or_damaged_after_opening_is_refused_by_its_name(
        self, engine: DuckDB, write: Callable[..., Path], tmp_path: Path
    ) -> None:
        """R-XCT-04/logs."""
        types = {**self.TYPES, "x": "DOUBLE"}
        for day in (1, 2):
            rows = [{**self.row(1000 * day + i), "x": float(i)} for i in range(500)]
            write(f"logs/{day}.parquet", types, rows)
        config = system_with({"path": "logs", "columns": NAMES}).prediction_log
        assert config is not None
        log = open_log(config, tmp_path, engine)
        scan = Scan(None, (), False, (Histogram("x", (0.0, 9.0)),))
        second = tmp_path / "logs" / "2.parquet"
        whole = second.read_bytes()
        chunk = duckdb.execute(
            f"SELECT data_page_offset, total_compressed_size FROM parquet_metadata('{second}') "
            "WHERE path_in_schema = 'x'"
        ).fetchone()
        assert chunk is not None
        start, length = chunk
        second.write_bytes(whole[:start] + b"\xff" * length + whole[start + length :])
        with pytest.raises(LogError, match=r"2\.parquet cannot be read .*; replace or remove it"):
            engine.count(log.table, scan)
        second.unlink()
        with pytest.raises(LogError, match=r"2\.parquet cannot be read \(it is gone\)"):
            engine.count(log.table, scan)
        second.write_bytes(whole)
        assert _rows(engine.count(log.table, scan)) == 1000


def test_a_frame_of_many_columns_is_measured_in_bounded_memory(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    names = [f"x{place}" for place in range(400)]
    made = ", ".join(f"(i * {place + 1} % 97)::DOUBLE AS {name}" for place, name in enumerate(names))
    duckdb.connect().execute(
        f"COPY (SELECT i AS id, TIMESTAMP '2026-11-02' + to_minutes(i) AS at, {made} "
        f"FROM range(200) AS r(i)) TO '{tmp_path / 'log.parquet'}' (FORMAT parquet)"
    )
    log = {"path": "log.parquet", "columns": NAMES, "reference": {"path": "log.parquet"}}
    monitor = {"id": "p", "metric": "drift", "columns": "features", "window": "1d", "limit": {"above": 0.2}}
    with DuckDB(memory="64MB", threads=2) as small:
        found = replay(system_with(log, monitor), tmp_path, small)
    assert len(found) == 400
    assert all(one.status is WindowStatus.MEASURED and one.value == 0 for one in found.values())


def _opened(path: str, base: Path, engine: DuckDB) -> Log:
    config = system_with({"path": path, "columns": NAMES}).prediction_log
    assert config is not None
    return open_log(config, base, engine)


def _rows(cells: list[Cell]) -> int:
    return int(sum(sum(cell.counts) for cell in cells))


class TestInfinity:
    def log(self, base: Path, rows: list[str], head: str) -> None:
        (base / "log.csv").write_text("\n".join([head, *rows]))

    def test_infinity_is_no_class(self, engine: DuckDB, tmp_path: Path) -> None:
        """Counted as one it would be a negative answer that nobody gave; as a label it is not known."""
        rows = [
            f"{i},2026-09-01T10:00:00Z,{'inf' if i < 4 else i % 2},{'-inf' if i < 2 else 1}"
            for i in range(10)
        ]
        self.log(tmp_path, rows, "id,at,pred,label")
        duckdb.connect().execute(
            f"COPY (SELECT * REPLACE (pred::DOUBLE AS pred, label::DOUBLE AS label) "
            f"FROM read_csv('{tmp_path / 'log.csv'}')) TO '{tmp_path / 'log.parquet'}' (FORMAT parquet)"
        )
        monitors = [
            {"id": metric, "metric": metric, "window": "1d", "limit": {"below": 0.1}, "min_n": 1} | more
            for metric, more in (("selection_rate", {}), ("accuracy", {"maturity": {"share": 0.5}}))
        ]
        for name in ("log.csv", "log.parquet"):
            log = {"path": name, "columns": {**NAMES, "prediction": "pred", "label": "label"}}
            found = replay(system_with(log, *monitors), tmp_path, engine)
            assert (found["selection_rate"].n, found["selection_rate"].value) == (6, 0.5), name
            assert found["accuracy"].value == 0.5, name

    def test_a_number_that_means_missing_takes_no_neighbour_with_it(
        self, engine: DuckDB, tmp_path: Path
    ) -> None:
        """Eighteen digits and more are compared digit by digit."""
        rows = [f"{i},2026-09-01T10:00:00Z,1,99999999999999999{i % 2 + 8}" for i in range(10)]
        self.log(tmp_path, rows, "id,at,pred,branch")
        log = {"path": "log.csv", "columns": {**NAMES, "prediction": "pred"}}
        log["missing"] = ["999999999999999999"]
        monitor = {"id": "m", "metric": "missing", "column": "branch", "window": "1d", "min_n": 1}
        monitor["limit"] = {"above": 0.9}
        assert the_value(system_with(log, monitor), tmp_path, engine) == 0.5
