"""A group is a mapping of columns to values from the log to the alert; text only where people read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import clock, wording
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.events import AlertRaised, MonitorMeasured
from holdfast.detect.log import open_log
from holdfast.detect.measurement import series_key
from holdfast.detect.monitoring import alert_facts
from holdfast.detect.monitors import evaluate, monitors_of
from holdfast.incident.events import IncidentOpened
from holdfast.ledger import facts
from holdfast.people import SYSTEM

from .conftest import at, system_with

TYPES = {"id": "BIGINT", "time": "TIMESTAMP", "region": "VARCHAR", "income": "DOUBLE"}
LOG = {"path": "log.parquet", "columns": {"id": "id", "time": "time"}}
MONITOR = {
    "id": "gaps",
    "metric": "missing",
    "column": "income",
    "window": "1d",
    "limit": {"above": 0.5},
    "group_by": ["region"],
}


@pytest.mark.parametrize("place", ["Frankfurt, Main", "a=b, c=d", 'with "quotes"', "a|b", "", "Frankfurt"])
def test_a_group_stays_a_mapping_whatever_its_value_holds(
    write: Callable[..., Path], engine: DuckDB, tmp_path: Path, place: str
) -> None:
    """R-DET-05."""
    rows = [
        {
            "id": n,
            "time": at(2, n / 20),
            "region": place if n % 2 else "north",
            "income": None if n % 2 else 1.0,
        }
        for n in range(400)
    ]
    write("log.parquet", TYPES, rows)
    system = system_with(LOG, MONITOR)
    assert system.prediction_log is not None
    log = open_log(system.prediction_log, tmp_path, engine)
    (monitor,) = monitors_of(system, log, engine).monitors
    (found,) = (one for one in evaluate(system, log, engine, at(3)).measurements if one.alarm)
    assert found.group == {"region": place}
    assert found.as_dict()["group"] == {"region": place}
    assert alert_facts("ALR-1", monitor, found).group == {"region": place}
    assert f"for region={place} " in found.reason


def test_two_groups_never_share_a_series() -> None:
    """R-DET-09: read as text, both say `a=1, b=2, b=3`."""
    one, other = {"a": "1, b=2", "b": "3"}, {"a": "1", "b": "2, b=3"}
    assert wording.group(one) == wording.group(other)
    assert series_key("m", one, "missing") != series_key("m", other, "missing")
    assert series_key("m", {"a": 'x"'}, "q") != series_key("m", {"a": "x"}, "q")


def test_an_ordinary_group_keeps_the_series_it_had() -> None:
    assert series_key("m", {"age": "18-25", "region": "north"}, "rate") == "m|age=18-25, region=north|rate"
    assert series_key("m", None, "rate") == "m||rate"


ALERT: dict[str, Any] = {
    "alert": "ALR-1",
    "monitor": "gaps",
    "monitor_name": "Gaps",
    "dimension": "quality",
    "metric": "missing",
    "value": 0.6,
    "lower": 0.5,
    "upper": 0.7,
    "limit": 0.5,
    "n": 200,
    "drop": None,
    "window_start": clock.stamp(at(2)),
    "window_end": clock.stamp(at(3)),
    "reason": "too many",
}


def stored(name: str, data: dict[str, Any]) -> facts.Fact:
    who = {"id": SYSTEM.id, "kind": SYSTEM.kind, "name": SYSTEM.name}
    return facts.decode(name, {"by": who, "data": data, "v": 1})[1]


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("", {}),
        ("region=north", {"region": "north"}),
        ("age=18-25, region=north", {"age": "18-25", "region": "north"}),
        ("region=Frankfurt, Main", {"region": "Frankfurt, Main"}),
    ],
)
def test_facts_of_the_first_release_are_still_read(text: str, group: dict[str, str]) -> None:
    alert = {**ALERT, "group": text}
    series = f"gaps|{text}|missing"
    raised = stored("alert.raised", {"system": "loans", "series": series, "tells": [], "alert": alert})
    assert isinstance(raised, AlertRaised)
    assert raised.alert.group == group
    assert raised.series == series_key("gaps", group, "missing")
    opened = stored(
        "incident.opened",
        {
            "incident": "INC-1",
            "title": "t",
            "source": "alert",
            "alert": alert,
            "playbook": "f" * 64,
            "playbook_version": "1",
        },
    )
    assert isinstance(opened, IncidentOpened)
    assert opened.alert == raised.alert
    measured = {
        "monitor": "gaps",
        "quantity": "missing",
        "window_start": ALERT["window_start"],
        "window_end": ALERT["window_end"],
        "group": text or None,
        "value": 0.6,
        "lower": 0.5,
        "upper": 0.7,
        "n": 200,
        "labelled_share": None,
        "status": "measured",
        "alarm": True,
        "reason": "",
        "as_of": ALERT["window_end"],
        "transition": None,
        "detail": {},
    }
    told = stored(
        "monitor.measured",
        {"system": "loans", "monitor": "gaps", "config": "c", "measurements": [measured]},
    )
    assert isinstance(told, MonitorMeasured)
    assert told.measurements[0].group == (group or None)
