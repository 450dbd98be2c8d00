"""Alerts are attached to an incident over the API: who may, what is refused, and what is kept of it."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.application import Application
from holdfast.detect.events import AlertTriaged
from holdfast.incident.events import AlertJoined
from holdfast.incident.loading import load
from holdfast.people import Permission
from support.company import MAYA, VICTOR
from support.many_alerts import raise_many

PATH = "/alert-groups/incident"


@pytest.fixture
def alerts(company: Application) -> list[str]:
    return raise_many(company, 3)


def outcomes(maya: Any, alerts: list[str]) -> set[tuple[str, str | None]]:
    return {(one["outcome"], one["incident"]) for one in (maya.get(f"/alerts/{name}") for name in alerts)}


def test_attached_alerts_stand_in_the_incident_and_on_the_record(
    company: Application, maya: Any, incident: str, alerts: list[str]
) -> None:
    """R-DET-15: on the alert, on the incident, in its timeline, and by whom."""
    before = company.ledger.size() - 1
    done = maya.done("PUT", PATH, {"alerts": alerts, "incident": incident})
    assert {one["alert"] for one in done["alerts"]} == set(alerts)
    assert outcomes(maya, alerts) == {("joined", incident)}
    assert set(alerts) <= {one.alert for one in load(company.ledger, incident).state.alerts}
    facts = list(company.ledger.facts(after=before))
    triaged = [one for one in facts if isinstance(one.fact, AlertTriaged)]
    assert [(one.by, one.fact.reason) for one in triaged] == [(MAYA, "attached by Maya Okafor")] * 3  # type: ignore[attr-defined]
    joined = [one for one in facts if isinstance(one.fact, AlertJoined)]
    assert {one.fact.alert.alert for one in joined} == set(alerts)  # type: ignore[attr-defined]
    assert {one.by for one in joined} == {MAYA}
    timeline = maya("GET", f"/incidents/{incident}/timeline").text
    assert "Missing values: c100" in timeline


def test_whoever_may_not_respond_attaches_nothing(
    company: Application, caller: Any, maya: Any, incident: str, alerts: list[str]
) -> None:
    size = company.ledger.size()
    for who in (caller(VICTOR), caller(MAYA, [Permission.READ]), caller(MAYA, kind="agent")):
        refused = who("PUT", PATH, {"alerts": alerts, "incident": incident})
        assert refused.status_code == 403, refused.text
    taken = [one for one in company.ledger.facts(after=size - 1) if isinstance(one.fact, AlertTriaged)]
    assert taken == []
    assert outcomes(maya, alerts) == {("none", "")}


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        ({"incident": "INC-77"}, 404, "there is no incident INC-77"),
        ({"incident": ""}, 422, ""),
        ({"alerts": []}, 409, "name at least one alert"),
        ({"alerts": ["ALR-100", "ALR-999"]}, 404, "there is no alert ALR-999"),
    ],
)
def test_what_cannot_be_attached_is_refused_and_leaves_all_as_they_were(
    company: Application, maya: Any, incident: str, alerts: list[str], said: Any, status: int, why: str
) -> None:
    size = company.ledger.size()
    refused = maya("PUT", PATH, {"alerts": alerts, "incident": incident, **said})
    assert (refused.status_code, why in refused.text) == (status, True), refused.text
    assert company.ledger.size() == size
    assert outcomes(maya, alerts) == {("none", "")}


def test_alerts_in_an_incident_already_set_aside_or_of_another_system_are_refused(
    company: Application, maya: Any, incident: str, alerts: list[str]
) -> None:
    other = maya.done("POST", "/incidents", {"title": "Rude", "system": "customer-assistant"})
    refused = maya("PUT", PATH, {"alerts": alerts, "incident": other["incident"]})
    assert "one record speaks of one system" in refused.text
    maya.done("PUT", PATH, {"alerts": alerts[:1], "incident": incident})
    refused = maya("PUT", PATH, {"alerts": alerts, "incident": incident})
    assert f"in an incident already: ALR-100 ({incident})" in refused.json()["detail"]
    maya.done("PUT", "/alert-groups/setting-aside", {"alerts": alerts[1:2], "reason": "a load test"})
    refused = maya("PUT", PATH, {"alerts": alerts[1:], "incident": incident})
    assert "set aside already: ALR-101" in refused.json()["detail"]
    assert outcomes(maya, alerts[2:]) == {("none", "")}
