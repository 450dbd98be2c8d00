"""When it began and which system it is about, said later or corrected, through the API and the page."""

from __future__ import annotations

from typing import Any


def test_the_beginning_is_said_and_a_correction_needs_a_reason(maya: Any) -> None:
    """R-IMP-02: a report without a beginning counts nothing until somebody says when it began."""
    incident = maya.done("POST", "/incidents", {"title": "Letters are wrong"})["incident"]
    at = f"/incidents/{incident}/beginning"
    assert maya.get(f"/incidents/{incident}")["began_at"] is None
    said = maya.done("PUT", at, {"began_at": "2026-11-20T08:00:00Z"})
    assert said["began_at"].startswith("2026-11-20T08:00:00")
    refused = maya("PUT", at, {"began_at": "2026-11-19T08:00:00Z"})
    assert refused.status_code == 409
    assert "say why it is otherwise" in refused.text
    moved = maya.done("PUT", at, {"began_at": "2026-11-19T08:00:00Z", "reason": "an older letter was found"})
    assert moved["began_at"].startswith("2026-11-19T08:00:00")
    assert maya("PUT", at, {"began_at": "2999-01-01T00:00:00Z", "reason": "x"}).status_code == 422
    assert maya("PUT", at, {"began_at": "soon"}).status_code == 422


def test_the_system_is_named_later_and_a_correction_needs_a_reason(maya: Any) -> None:
    incident = maya.done("POST", "/incidents", {"title": "Letters are wrong"})["incident"]
    at = f"/incidents/{incident}/system"
    named = maya.done("PUT", at, {"system": "loan-approval"})
    assert named["system"] == "loan-approval"
    assert maya("PUT", at, {"system": "customer-assistant"}).status_code == 409
    moved = maya.done("PUT", at, {"system": "customer-assistant", "reason": "it was the assistant"})
    assert moved["system"] == "customer-assistant"
    unknown = maya("PUT", at, {"system": "no-such", "reason": "x"})
    assert unknown.status_code in (404, 409, 422)
    assert "no-such" in unknown.text
