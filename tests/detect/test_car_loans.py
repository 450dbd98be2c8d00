"""The example in `examples/car-loans`, on NannyML's data: alarms where the change is published to lie.

NannyML's documentation: in the second half of the analysis period the distribution of `car_value` shifts, and
the realised performance falls with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, roc_auc_score

from holdfast.detect.backtest import backtest
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.log import open_log
from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.detect.monitors import evaluate
from holdfast.prepare.documents import read_document, understand
from holdfast.prepare.systems import Monitor, System

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "car-loans"
FIRST_CHANGED = 5
"""Place, from 0, of the first window in the second half of ten."""


@pytest.fixture(scope="module")
def system(car_loans: Path) -> System:
    read = understand(read_document(EXAMPLE, EXAMPLE / "systems" / "car-loans.yaml"), System)
    return read.with_paths(
        log=str(car_loans / "synthetic_car_loan_analysis.parquet"),
        labels=str(car_loans / "synthetic_car_loan_analysis_target.parquet"),
        reference=str(car_loans / "synthetic_car_loan_reference.parquet"),
    )


def _with(system: System, monitors: Sequence[Monitor]) -> System:
    return system.model_copy(update={"monitors": tuple(monitors)})


def _replayed(system: System, engine: DuckDB) -> dict[str, list[Measurement]]:
    assert system.prediction_log is not None
    log = open_log(system.prediction_log, EXAMPLE, engine)
    found: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in backtest(system, log, engine):
        found[measurement.monitor].append(measurement)
    return found


@pytest.fixture(scope="module")
def replayed(system: System, engine: DuckDB) -> dict[str, list[Measurement]]:
    return _replayed(system, engine)


@pytest.mark.parametrize("monitor", ["accuracy", "auc", "drift-car-value"])
def test_alarms_begin_in_the_window_of_the_published_change_and_not_before(
    replayed: dict[str, list[Measurement]], monitor: str
) -> None:
    found = replayed[monitor]
    assert len(found) == 10
    assert [m.alarm for m in found[: FIRST_CHANGED + 1]] == [False] * FIRST_CHANGED + [True]
    assert found[FIRST_CHANGED].window_start == datetime(2019, 3, 31, 3, tzinfo=UTC)
    assert all(m.status is WindowStatus.MEASURED and m.n == 5000 for m in found)


def test_the_drift_of_car_value_goes_on_alarming(replayed: dict[str, list[Measurement]]) -> None:
    assert all(m.alarm for m in replayed["drift-car-value"][FIRST_CHANGED:])


def test_debt_to_income_ratio_and_missing_values_never_alarm(replayed: dict[str, list[Measurement]]) -> None:
    quiet = [m for name in replayed if name.startswith(("drift-debt", "missing")) for m in replayed[name]]
    assert len(quiet) == 10 + 7 * 10
    assert not any(m.alarm for m in quiet)


def test_the_daily_trend_alarms_only_after_the_change(replayed: dict[str, list[Measurement]]) -> None:
    alarms = [m.window_start for m in replayed["accuracy-trend"] if m.alarm]
    assert datetime(2019, 3, 31, tzinfo=UTC) <= alarms[0] <= datetime(2019, 4, 30, tzinfo=UTC)


def _drift(method: str, column: str) -> Monitor:
    return Monitor.model_validate(
        {
            "id": f"{method}-{column}".replace("_", "-"),
            "name": "Drift",
            "metric": "drift",
            "method": method,
            "column": column,
            "window": {"rows": 5000},
            "limit": {"above": 0.1},
            "reason": "the same limit for every method",
            "tells": ["data_science_lead"],
        }
    )


METHODS = ["psi", "ks", "jensen_shannon", "wasserstein"]


def test_every_method_sees_the_one_drift_and_not_the_other(system: System, engine: DuckDB) -> None:
    columns = ("car_value", "debt_to_income_ratio")
    found = _replayed(
        _with(system, [_drift(method, column) for method in METHODS for column in columns]), engine
    )
    for method in METHODS:
        name = method.replace("_", "-")
        moved = [m.alarm for m in found[f"{name}-car-value"]]
        assert moved == [False] * FIRST_CHANGED + [True] * 5, method
        assert not any(m.alarm for m in found[f"{name}-debt-to-income-ratio"]), method


def _columns(path: Path, *names: str) -> list[Any]:
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT {', '.join(names)} FROM '{path}' ORDER BY timestamp, id"
        ).fetchnumpy()
    return [np.asarray(found[name]) for name in names]


def test_the_numbers_are_the_oracles(
    replayed: dict[str, list[Measurement]], system: System, engine: DuckDB, car_loans: Path
) -> None:
    """AUC within a millionth and accuracy exactly scikit-learn's, KS within a thousandth of scipy's."""
    score, predicted, value, id_ = _columns(
        car_loans / "synthetic_car_loan_analysis.parquet", "y_pred_proba", "y_pred", "car_value", "id"
    )
    with duckdb.connect() as connection:
        path = car_loans / "synthetic_car_loan_analysis_target.parquet"
        labels = dict(connection.execute(f"SELECT id, repaid FROM '{path}'").fetchall())
    truth = np.array([labels[int(one)] for one in id_])
    (before,) = _columns(car_loans / "synthetic_car_loan_reference.parquet", "car_value")
    ks = _replayed(_with(system, [_drift("ks", "car_value")]), engine)["ks-car-value"]
    for place in range(10):
        part = slice(5000 * place, 5000 * (place + 1))
        assert replayed["accuracy"][place].value == accuracy_score(truth[part], predicted[part])
        expected = roc_auc_score(truth[part], score[part])
        assert replayed["auc"][place].value == pytest.approx(expected, abs=1e-6)
        assert ks[place].value == pytest.approx(stats.ks_2samp(before, value[part]).statistic, abs=1e-3)


def test_before_the_labels_come_performance_is_estimated_close_to_what_comes_true(
    system: System, engine: DuckDB, tmp_path: Path
) -> None:
    """R-DET-02/estimate: without any label, estimates lie within a point of what is later measured."""
    nobody = tmp_path / "labels.parquet"
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (id BIGINT, repaid BIGINT)")
        connection.execute(f"COPY t TO '{nobody}' (FORMAT parquet)")
    kept = [monitor for monitor in system.monitors if monitor.id in ("accuracy", "auc")]
    unlabelled = _replayed(_with(system, kept).with_paths(labels=str(nobody)), engine)
    labelled = _replayed(_with(system, kept), engine)
    for name in ("accuracy", "auc"):
        for guess, truth in zip(unlabelled[name], labelled[name], strict=True):
            assert guess.status is WindowStatus.ESTIMATED
            assert not guess.alarm
            assert guess.labelled_share == 0
            assert guess.value == pytest.approx(truth.value, abs=0.012)


def test_a_run_today_says_what_the_backtest_says(
    replayed: dict[str, list[Measurement]], system: System, engine: DuckDB
) -> None:
    assert system.prediction_log is not None
    log = open_log(system.prediction_log, EXAMPLE, engine)
    done = evaluate(system, log, engine, datetime(2019, 8, 30, tzinfo=UTC))
    assert {(m.monitor, m.window_start, m.value, m.alarm) for m in done.measurements} == {
        (m.monitor, m.window_start, m.value, m.alarm) for found in replayed.values() for m in found
    }
