"""Declaring beside what runs, answering together, relating, merging and dismissing through the API."""

from __future__ import annotations

from typing import Any

from support.company import PRIYA, TOMAS

LOANS = "loan-approval"


def test_whoever_declares_is_told_what_else_runs_and_can_join_it(maya: Any, incident: str) -> None:
    """R-DET-15."""
    other = maya.done("POST", "/incidents", {"title": "Rude answers", "system": "customer-assistant"})
    assert (other["incident"], other["joined"]) == ("INC-2", False)
    assert [one["incident"] for one in other["running"]] == [incident]
    assert other["says"].startswith(f"INC-2 is open; running besides: {incident}. When one of them is the")
    unnamed = maya.done("POST", "/incidents", {"title": "Something is odd"})
    assert [one["incident"] for one in unnamed["running"]] == ["INC-2", incident]
    assert "merge INC-3 into it" in unnamed["says"]
    joined = maya.done("POST", "/incidents", {"title": "Odd letters", "join": incident})
    assert (joined["incident"], joined["joined"]) == (incident, True)
    assert maya.get("/incidents")["total"] == 3
    lines = [entry["title"] for entry in maya.get(f"/incidents/{incident}/timeline")["entries"]]
    assert "Report joined: Odd letters" in lines
    assert maya("POST", "/incidents", {"title": "x", "join": "INC-9"}).status_code == 404


def test_whoever_acknowledges_second_is_told_who_was_first(maya: Any, caller: Any, incident: str) -> None:
    first = maya.done("PUT", f"/incidents/{incident}/acknowledgement")
    assert (first["first"], first["acknowledged_by"]) == (True, "Maya Okafor")
    second = caller(TOMAS).done("PUT", f"/incidents/{incident}/acknowledgement")
    assert not second["first"]
    assert second["says"].startswith(f"Maya Okafor acknowledged {incident} first, ")


def test_two_are_related_and_merged_on_the_record(maya: Any, caller: Any, incident: str) -> None:
    maya.done("POST", "/incidents", {"title": "Odd letters"})
    path = f"/incidents/INC-2/relations/{incident}"
    related = caller(PRIYA).done("PUT", path, {"reason": "the same feed"})
    assert related["related"] == [incident]
    into = {"into": incident, "reason": "the same letters"}
    assert caller(PRIYA)("PUT", "/incidents/INC-2/merger", into).status_code == 403
    merged = maya.done("PUT", "/incidents/INC-2/merger", into)
    assert (merged["status"], merged["merged_into"]) == ("merged", incident)
    assert maya.get(f"/incidents/{incident}")["absorbed"] == ["INC-2"]
    assert maya.get("/incidents?status=merged")["total"] == 1


def test_a_false_alarm_is_said_to_be_one(maya: Any, incident: str) -> None:
    said = {"reason": "a planned change", "false_alarm": True}
    assert maya.done("PUT", f"/incidents/{incident}/dismissal", said)["status"] == "dismissed"
    lines = [entry["title"] for entry in maya.get(f"/incidents/{incident}/timeline")["entries"]]
    assert "Dismissed as a false alarm" in lines


def test_what_joins_names_the_system_or_is_refused(maya: Any, incident: str) -> None:
    """R-DET-15: an unknown system and another one are refused; one is named where none was."""
    other = {"title": "Rude answers", "system": "customer-assistant"}
    refused = maya("POST", "/incidents", {**other, "join": incident})
    assert refused.status_code == 409
    assert "one record speaks of one system" in refused.text
    unknown = maya("POST", "/incidents", {"title": "x", "system": "loan-aproval", "join": incident})
    assert "did you mean loan-approval" in unknown.text
    maya.done("POST", "/incidents", {"title": "Odd"})
    joined = maya.done("POST", "/incidents", {**other, "model_version": "7", "join": "INC-2"})
    assert (joined["system"], joined["model_version"]) == ("customer-assistant", "7")
