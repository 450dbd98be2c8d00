"""A log that nobody writes any more is told from a log in which all is well (R-XCT-07, R-DET-03)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.detect.silence import patience, why_unheard
from holdfast.prepare.systems import Monitor, PredictionLog, System

FRIDAY = datetime(2026, 11, 20, 18, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def monitor(window: Any = "1h", metric: str = "selection_rate", **more: Any) -> Monitor:
    limits = {"limit": {"below": 0.1 if metric != "volume" else 10}}
    told = {
        "id": f"of-{metric}",
        "name": "One",
        "metric": metric,
        "reason": "so",
        "tells": ["technical_lead"],
    }
    return Monitor.model_validate({**told, **limits, "window": window, "schedule": "1h", **more})


def system(*monitors: Monitor, **log: Any) -> System:
    columns = {"id": "id", "time": "time", "prediction": "approved"}
    watched = PredictionLog.model_validate({"path": "logs/loans", "columns": columns, **log})
    return System.model_construct(id="loans", prediction_log=watched, monitors=tuple(monitors))


@pytest.mark.parametrize(
    ("window", "log", "borne"),
    [
        ("1h", {}, 3 * HOUR),
        ("1h", {"delay": "4h"}, 7 * HOUR),
        ("1d", {}, 2 * DAY + HOUR),
        ("1w", {}, 14 * DAY + HOUR),
        ({"rows": 500}, {}, 7 * DAY + HOUR),
        ("1h", {"quiet": "3d"}, 3 * DAY + HOUR),
        ("1w", {"quiet": "3d"}, 14 * DAY + HOUR),
        ({"rows": 500}, {"quiet": "30d"}, 30 * DAY + HOUR),
    ],
)
def test_a_log_is_silent_once_its_newest_row_is_older_than_the_monitor_needs(
    window: Any, log: dict[str, Any], borne: timedelta
) -> None:
    loans = system(monitor(window), **log)
    assert why_unheard(loans, FRIDAY, FRIDAY + borne) == ""
    said = why_unheard(loans, FRIDAY, FRIDAY + borne + timedelta(microseconds=1))
    assert said.startswith("newest row of logs/loans 20 Nov 2026, 18:00"), said


def test_a_weekend_that_is_declared_is_no_silence() -> None:
    loans = system(monitor("1h"), quiet="3d")
    assert why_unheard(loans, FRIDAY, FRIDAY + timedelta(hours=63)) == ""
    assert why_unheard(loans, FRIDAY, FRIDAY + 4 * DAY)


def test_a_monitor_that_counts_what_arrives_measures_an_empty_window() -> None:
    counting = monitor("1h", "volume")
    assert patience(counting, PredictionLog.model_construct(quiet=None, delay=None)) is None
    assert why_unheard(system(counting), FRIDAY, FRIDAY + 30 * DAY) == ""
    said = why_unheard(system(counting, monitor("1h")), FRIDAY, FRIDAY + DAY)
    assert "since for of-selection_rate." in said


def test_of_a_log_that_no_run_has_read_nothing_is_said() -> None:
    assert why_unheard(system(monitor()), None, FRIDAY) == ""
