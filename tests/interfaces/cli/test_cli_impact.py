"""What is known of an incident grows: when it began, which system it is about, whom it touched (R-IMP-02)."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def reported(watched: Any) -> Any:
    """Somebody reported that something is odd; no system is named, and no beginning."""
    watched.done("incident", "declare", "Approvals look odd")
    return watched


def frozen(shell: Any) -> list[str]:
    timeline = shell.done("incident", "show", "INC-1")["timeline"]
    return [one["title"] for one in timeline if one["type"] == "evidence.frozen"]


def due(shell: Any) -> list[tuple[str, str]]:
    return [
        (one["clock"], one["due"]) for one in shell.done("incident", "show", "INC-1")["incident"]["clocks"]
    ]


def known(shell: Any) -> tuple[int | None, int | None]:
    """People affected and people exposed, as the rules read them."""
    impact = shell.done("incident", "show", "INC-1")["incident"]["impact"]
    return (impact["users"], impact["exposed_users"]) if impact else (None, None)


def test_a_report_counts_nobody_until_system_and_beginning_are_said(reported: Any) -> None:
    shell, began = reported, "2026-11-19T00:00:00Z"
    clocks = due(shell)
    assert known(shell) == (None, None)
    assert "names no AI system" in shell("impact", "count", "INC-1").sentence

    shell.done("incident", "name-system", "INC-1", "loan-approval", "--model-version", "3.2.0")
    assert known(shell) == (None, None)
    assert len(frozen(shell)) == 2
    held = shell.done("evidence", "list", "INC-1")
    assert any("Prediction log" in one["title"] for one in held["items"])
    assert not any("no AI system" in one["reason"] for one in held["missing"])
    assert [one["item"] for one in held["items"]] == [f"EV-{n + 1}" for n in range(len(held["items"]))]
    assert "nobody has said when INC-1 began" in shell("impact", "count", "INC-1").sentence

    shell.done("incident", "began", "INC-1", began)
    affected, exposed = known(shell)
    assert (affected, exposed is not None and exposed > 100) == (None, True)
    count = shell.done("impact", "show", "INC-1")["count"]
    assert (count["start"], count["affected"], count["rules"]) == (began, None, [])
    assert "not known: nothing tells which" in " ".join(shell.table("impact", "show", "INC-1").split())
    assert due(shell) == clocks
    timeline = shell.done("incident", "show", "INC-1")["timeline"]
    assert [
        one["title"]
        for one in timeline
        if one["type"] in ("incident.beginning_stated", "incident.system_named")
    ]


def test_a_beginning_and_a_system_are_corrected_with_a_reason(reported: Any) -> None:
    shell = reported
    shell.done("incident", "name-system", "INC-1", "loan-approval")
    shell.done("incident", "began", "INC-1", "2026-11-20")
    later = known(shell)[1]
    assert "say why it is otherwise" in shell("incident", "began", "INC-1", "2026-11-18").sentence
    shell.done("incident", "began", "INC-1", "2026-11-18", "-r", "a broker called")
    assert known(shell)[1] > later
    assert "in the future" in shell("incident", "began", "INC-1", "2029-01-01", "-r", "a slip").sentence

    assert "did you mean" in shell("incident", "name-system", "INC-1", "loan-aproval").sentence
    other = "customer-assistant"
    assert "say why it is" in shell("incident", "name-system", "INC-1", other).sentence
    shell.done("incident", "name-system", "INC-1", other, "-r", "the letters come from it")
    assert known(shell) == (None, None), "what was counted in the log of the other system says nothing"
    assert shell.done("impact", "show", "INC-1")["count"] is None


def test_a_beginning_in_the_future_is_refused_at_every_door(watched: Any) -> None:
    said = watched("incident", "declare", "Approvals look odd", "--began", "2029-01-01")
    assert said.code != 0
    assert "cannot have begun in the future" in said.sentence


def test_what_a_person_says_stands_beside_what_a_machine_counts_and_rules(
    reported: Any, tmp_path: Any
) -> None:
    shell = reported
    shell.done("incident", "name-system", "INC-1", "loan-approval")
    path = tmp_path / "impact.yaml"
    path.write_text("users: {stated: 7}\n")
    shell.done("impact", "assess", "INC-1", str(path))
    shell.done("incident", "began", "INC-1", "2026-11-19")
    assert known(shell)[0] == 7
    shown = shell.done("impact", "show", "INC-1")
    assert (shown["people"], shown["source"]) == (7, ["stated by Maya Okafor, version 1"])
    every = ("impact", "count", "INC-1", "--where", "channel=broker", "--because", "it sent months")
    shown = shell.done(*every)
    assert shown["people"] == shown["count"]["affected"]["users"] > 7
    assert shown["source"] == [
        f"count {shown['count']['number']} in the log, which rules",
        "stated by Maya Okafor, version 1 says 7",
    ]
    shell.done("incident", "began", "INC-1", "2026-11-17", "-r", "a broker called")
    after = shell.done("impact", "show", "INC-1")
    assert after["count"]["number"] == shown["count"]["number"], "a machine counts beside it"
    assert len(after["counts"]) == len(shown["counts"]) + 1
    assert any("came later and does not rule" in said for said in after["source"])


def test_a_segment_that_no_row_is_of_is_refused_and_not_counted_as_nobody(reported: Any) -> None:
    shell = reported
    shell.done("incident", "name-system", "INC-1", "loan-approval")
    shell.done("incident", "began", "INC-1", "2026-11-19")
    said = shell("impact", "count", "INC-1", "--where", "channel=brocker")
    assert "no row of the log has channel=brocker; did you mean broker?" in said.sentence
    twice = ("--where", "channel=broker", "--where", "channel=web")
    assert "two values at once" in shell("impact", "count", "INC-1", *twice).sentence


def test_a_count_of_a_segment_is_shown_and_replaces_nothing(reported: Any) -> None:
    """R-IMP-02: what the rules read stays what the whole log says."""
    shell = reported
    shell.done("incident", "name-system", "INC-1", "loan-approval")
    shell.done("incident", "began", "INC-1", "2026-11-19")
    before = known(shell)
    assert before[1]
    shown = shell.done("impact", "count", "INC-1", "--where", "channel=broker")
    assert (shown["count"]["part"], shown["counts"][-1]["part"]) == (False, True)
    assert "is of a part and does not rule" in " ".join(shown["source"])
    assert known(shell) == before
    last = shell.done("impact", "show", "INC-1")["counts"][-1]
    assert last["where"] == {"channel": "broker"}
