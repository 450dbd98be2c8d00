"""An alert whose value is not known says so wherever it is read: unknown is not 0 (R-DET-09, R-CLS-03)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.detect.events import AlertContinued, AlertRaised
from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.detect.monitoring import alert_facts
from holdfast.incident import triage
from holdfast.incident.events import Absorbed, AlertFacts, AlertJoined, AlertWorsened, IncidentOpened
from holdfast.ledger import facts
from holdfast.people import SYSTEM
from holdfast.prepare.rules import Outcome, standard_rules
from holdfast.prepare.systems import Monitor

from .conftest import system_with

START = datetime(2026, 11, 23, tzinfo=UTC)
LOG = {"path": "log.parquet", "columns": {"id": "id", "time": "time"}}


def monitor(**limits: Any) -> Monitor:
    stated = {"id": "income", "metric": "mean", "column": "income", "window": "1d", "worse": "up", **limits}
    return system_with(LOG, stated).monitors[0]


def measured(value: float | None, **more: Any) -> Measurement:
    one = Measurement(
        monitor="income",
        quantity="mean",
        window_start=START,
        window_end=START + timedelta(days=1),
        group=None,
        value=value,
        lower=None,
        upper=None,
        n=400,
        labelled_share=None,
        status=WindowStatus.MEASURED,
        alarm=True,
        reason="Mean of income is out of bounds.",
        as_of=START + timedelta(days=1),
    )
    return replace(one, **more)


@pytest.mark.parametrize(
    ("limits", "limit"),
    [({"above": 5.0}, 5.0), ({"below": -5.0}, -5.0), ({"above": 5.0, "below": -5.0}, None)],
)
def test_a_value_that_is_not_known_is_none_and_its_limit_is_still_said(
    limits: dict[str, float], limit: float | None
) -> None:
    told = alert_facts("ALR-1", monitor(limit=limits), measured(None, detail={"reference": 2.0}))
    assert (told.value, told.drop, told.limit) == (None, None, limit)


def test_a_value_of_zero_stays_zero() -> None:
    assert alert_facts("ALR-1", monitor(limit={"above": -1.0}), measured(0.0)).value == 0.0


def test_a_period_whose_value_is_not_known_is_not_told_as_the_last_window() -> None:
    """The numbers that raised the alarm are the period's, also where one of them is not finite."""
    detail = {"period_n": 2800.0, "period_start": START.timestamp()}
    told = alert_facts("ALR-1", monitor(limit={"above": 5.0}), measured(1.5, detail=detail))
    assert (told.value, told.n) == (None, 2800)


def test_a_change_that_is_not_finite_is_not_known() -> None:
    told = alert_facts("ALR-1", monitor(limit={"above": 5.0}), measured(1e308, detail={"reference": 1e-308}))
    assert told.drop is None
    assert facts.encode(AlertRaised(system="s", series="x", tells=(), alert=told), SYSTEM)


@pytest.mark.parametrize("rule", ["alert.value >= 0.0", "alert.value < 1.0", "alert.value == 0.0"])
def test_no_rule_matches_a_value_that_is_not_known(rule: str) -> None:
    known = triage.measured(source="alert", alert=unknown())
    verdict = standard_rules().evaluate(rule, known)
    assert verdict.outcome is Outcome.NOT_DECIDED
    assert not verdict.fires


def unknown() -> AlertFacts:
    return alert_facts("ALR-1", monitor(relative={"against": "previous", "up": 0.2}), measured(None))


def as_of_before(fact: facts.Fact, value: str) -> facts.Fact:
    """The fact as the version before stored it, read today."""
    document = json.loads(facts.encode(fact, SYSTEM))
    data = document["data"]
    document["v"] = 1 if "alerts" in data else document["v"] - 1
    for alert in data["alerts"] if "alerts" in data else [data["alert"]]:
        alert["value"] = value
    return facts.decode(type(fact).type, document)[1]


def every(alert: AlertFacts) -> list[facts.Fact]:
    opened = IncidentOpened(
        incident="INC-1", title="t", source="alert", alert=alert, playbook="f" * 64, playbook_version="1"
    )
    absorbed = Absorbed(
        incident="INC-1",
        other="INC-2",
        title="t",
        severity=None,
        category=None,
        began_at=None,
        alerts=(alert,),
        reason="r",
    )
    return [
        AlertRaised(system="s", series="x", tells=(), alert=alert),
        AlertContinued(system="s", series="x", alert=alert),
        opened,
        AlertJoined(incident="INC-1", alert=alert),
        AlertWorsened(incident="INC-1", alert=alert),
        absorbed,
    ]


def test_facts_that_held_zero_for_it_are_read_as_not_known() -> None:
    for fact in every(unknown()):
        assert as_of_before(fact, "0.0") == fact


@pytest.mark.parametrize("beside", [{"lower": -0.1}, {"upper": 0.1}, {"limit": 0.2}, {"drop": 1.0}])
def test_facts_that_held_a_measured_zero_are_read_as_zero(beside: dict[str, Any]) -> None:
    for fact in every(replace(unknown(), value=0.0, **beside)):
        assert as_of_before(fact, "0.0") == fact
