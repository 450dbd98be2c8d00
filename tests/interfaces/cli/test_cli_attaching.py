"""Alerts are attached to an incident at a terminal: who may, what is refused, and what is kept of it."""

from __future__ import annotations

from typing import Any

import pytest

from support.company import MAYA, VICTOR
from support.many_alerts import raise_many
from support.workspaces import opened, settle


@pytest.fixture
def alerts(shell: Any, database_url: str) -> list[str]:
    """A company at work, and three alerts that wait."""
    application = opened(shell.folder, database_url, shell.clock)
    settle(application)
    names = raise_many(application, 3)
    application.ledger.database.close()
    return names


@pytest.fixture
def incident(shell: Any, alerts: list[str]) -> str:
    declared = shell.done("incident", "declare", "Approvals fell", "--system", "loan-approval")
    return str(declared["incident"])


def waiting(shell: Any) -> set[str]:
    return {one["alert"] for one in shell.done("alert", "list", "--waiting")["alerts"]}


def test_attached_alerts_stand_in_the_incident_and_on_the_record(
    shell: Any, alerts: list[str], incident: str
) -> None:
    """R-DET-15."""
    said = shell.table("alert", "attach", *alerts[:2], "--incident", incident)
    assert f"2 alerts are attached to {incident}" in " ".join(said.split())
    assert alerts[2] in waiting(shell)
    assert not set(alerts[:2]) & waiting(shell)
    listed = {one["alert"]: one for one in shell.done("alert", "list")["alerts"]}
    assert {(listed[name]["outcome"], listed[name]["incident"]) for name in alerts[:2]} == {
        ("joined", incident)
    }
    facts = shell.done("ledger", "facts", "--limit", "1000")["facts"]
    triaged = [one for one in facts if one["type"] == "alert.triaged" and one["by"]["id"] == MAYA.id]
    assert {one["stream"] for one in triaged} == {f"alert/{name}" for name in alerts[:2]}
    assert "Missing values: c100" in shell.table("incident", "show", incident)


def test_all_of_a_monitor_are_attached_by_its_name(shell: Any, alerts: list[str], incident: str) -> None:
    monitor = ("--monitor", "loan-approval/missing-values")
    shell.done("alert", "attach", *monitor, "--incident", incident)
    assert not set(alerts) & waiting(shell)
    refused = shell("alert", "attach", *monitor, "--incident", incident)
    assert "no alert of loan-approval/missing-values waits for a person" in refused.sentence


def test_what_cannot_be_attached_is_refused_and_leaves_all_as_they_were(
    shell: Any, alerts: list[str], incident: str
) -> None:
    size = shell.done("ledger", "facts")["size"]
    for words, why in (
        ((*alerts, "ALR-999", "--incident", incident), "there is no alert ALR-999"),
        ((*alerts, "--incident", "INC-77"), "there is no incident INC-77"),
        (("--incident", incident), "name at least one alert"),
    ):
        refused = shell("alert", "attach", *words)
        assert (refused.code, why in refused.sentence) == (1, True), refused.sentence
    auditor = shell("alert", "attach", *alerts, "--incident", incident, person=VICTOR.id)
    assert (auditor.code, "Victor Chen may not respond" in auditor.sentence) == (1, True), auditor.sentence
    assert shell("alert", "attach", *alerts).code == 2
    assert shell.done("ledger", "facts")["size"] == size
    assert set(alerts) <= waiting(shell)


def test_alerts_that_are_somewhere_else_already_are_named(
    shell: Any, alerts: list[str], incident: str
) -> None:
    shell.done("alert", "attach", alerts[0], "--incident", incident)
    refused = shell("alert", "attach", *alerts, "--incident", incident)
    assert f"in an incident already: ALR-100 ({incident})" in refused.sentence
    shell.done("alert", "set-aside", alerts[1], "--reason", "a load test")
    refused = shell("alert", "attach", *alerts[1:], "--incident", incident)
    assert "set aside already: ALR-101" in refused.sentence
    assert alerts[2] in waiting(shell)
