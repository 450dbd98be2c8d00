"""Declaring beside what runs, answering together, relating, merging and dismissing in a terminal."""

from __future__ import annotations

from typing import Any

from support.company import PRIYA, TOMAS


def test_what_runs_is_shown_to_whoever_declares_and_can_be_joined(company: Any) -> None:
    """R-DET-15."""
    company.done("incident", "declare", "Letters are wrong", "--system", "loan-approval")
    said = company.table("incident", "declare", "Rude answers", "--system", "customer-assistant")
    assert "Also running, perhaps the same" in said
    assert "INC-1  Letters are wrong (loan-approval)" in said
    assert "holdfast incident merge INC-2 INC-1" in " ".join(said.split())
    for number in range(3, 9):
        unnamed = company.table("incident", "declare", f"Odd letters {number}")
        assert "Also running, perhaps the same" in unnamed
    assert all(f"INC-{number}" in unnamed for number in range(1, 8))
    joined = company.table("incident", "declare", "Odd letters", "--join", "INC-1")
    assert "INC-1 is running already, and your report joined it" in " ".join(joined.split())
    assert company.done("incident", "list")["total"] == 8
    missing = company("incident", "declare", "Odd letters", "--join", "INC-9")
    assert (missing.code, "no incident INC-9" in missing.sentence) == (1, True)


def test_whoever_acknowledges_second_is_told_who_was_first(company: Any) -> None:
    company.done("incident", "declare", "Letters are wrong")
    assert "INC-1 is acknowledged." in company.table("incident", "acknowledge", "INC-1")
    second = company.table("incident", "acknowledge", "INC-1", person=TOMAS.id)
    assert "Maya Okafor acknowledged INC-1 first" in second
    assert company.done("incident", "acknowledge", "INC-1", person=PRIYA.id)["first"] is False


def test_two_are_related_and_merged_and_a_false_alarm_dismissed(company: Any) -> None:
    for title in ("Letters are wrong", "Odd letters"):
        company.done("incident", "declare", title)
    company.done("incident", "relate", "INC-2", "INC-1", "--reason", "the same feed")
    assert "related to INC-2" in company.table("incident", "show", "INC-1")
    merged = company.table("incident", "merge", "INC-2", "INC-1", "--reason", "the same letters")
    assert "INC-1 goes on, with INC-2 merged into it." in merged
    assert "merged into INC-1" in company.table("incident", "show", "INC-2")
    said = company.table("incident", "dismiss", "INC-1", "--reason", "a test", "--false-alarm")
    assert "INC-1 is dismissed as a false alarm." in said


def test_what_joins_names_the_system_or_is_refused(company: Any) -> None:
    """R-DET-15."""
    company.done("incident", "declare", "Odd letters")
    declare = ("incident", "declare", "Letters", "--join", "INC-1", "--system")
    assert "did you mean loan-approval" in company(*declare, "loan-aproval").sentence
    joined = company.done(*declare, "loan-approval", "--model-version", "7")
    assert (joined["system"], joined["model_version"]) == ("loan-approval", "7")
    assert "one record speaks of one system" in company(*declare, "customer-assistant").sentence
