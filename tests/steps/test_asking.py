"""What is asked: a fault stands at the place that somebody wrote, whichever way they wrote it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from holdfast.interfaces.cli.steps import _said, in_words
from holdfast.interfaces.web.typed import Typed
from holdfast.learn.events import Method
from holdfast.shapes.investigation import AnalysisAsked, AssessmentAsked, CountAsked
from holdfast.shapes.learning import Accepted, CompletionAsked, PlanAsked, ReviewAsked
from holdfast.steps.asking import Misread, read

PLAN = {"action": "x", "kind": "code_fix", "responsible": "a@example.com", "deadline": "2030-01-01"}


def places(refused: pytest.ExceptionInfo[Misread]) -> dict[str, str]:
    return {one.place: one.sentence for one in refused.value.misplaced}


def form(values: dict[str, str]) -> Typed:
    return Typed(values, all={name: (value,) for name, value in values.items()}, sent=True)


@pytest.mark.parametrize(
    ("verification", "place", "said"),
    [
        ({"method": "monitor", "monitor": "m", "windows": 0}, "verification.windows", "must be at least 1"),
        ({"method": "monitor", "windows": 2}, "verification.monitor", "is missing"),
        ({"method": "test", "how": "x", "monitor": "m"}, "verification.monitor", "is not known here"),
        ({"method": "monitor", "monitr": "m"}, "verification.monitr", "did you mean monitor?"),
        ({"method": "hope"}, "verification.method", '"hope" is not one of monitor, test, review'),
        ({}, "verification.method", "write one of monitor, test, review"),
    ],
)
def test_what_is_chosen_between_is_refused_at_the_words_that_were_written(
    verification: dict[str, Any], place: str, said: str
) -> None:
    """A way of pydantic names the chosen one too: `verification.monitor.windows` stands in no form."""
    with pytest.raises(Misread) as refused:
        read(PlanAsked, {**PLAN, "verification": verification})
    assert said in places(refused)[place]
    with pytest.raises(Misread) as within:
        read(CompletionAsked, {"actions": [{**PLAN, "verification": verification}]})
    assert said in places(within)[f"actions[0].{place}"]


def test_an_unknown_name_is_told_the_names_of_its_own_part() -> None:
    with pytest.raises(Misread) as refused:
        read(AssessmentAsked, {"finance": {"curency": "EUR"}})
    assert places(refused) == {"finance.curency": "is not known here; did you mean currency?"}


def test_a_key_that_is_none_is_refused_where_it_stands() -> None:
    with pytest.raises(Misread) as refused:
        read(ReviewAsked, {"answers": {"what_hapened": "x"}})
    assert list(places(refused)) == ["answers.what_hapened"]


# At a terminal ---------------------------------------------------------------------------------


def typed(model: type[Any], **words: Any) -> Any:
    known = {
        word.option.partition("/")[0].lstrip("-").replace("-", "_"): word.key for word in in_words(model)
    }
    return _said(model, {known.get(name, name): value for name, value in words.items()})


def test_the_option_that_is_given_chooses() -> None:
    """R-REM-01."""
    assert typed(PlanAsked, **PLAN, monitor="drift", windows="3").plan().verification.windows == 3
    assert typed(PlanAsked, **PLAN, test="replay").plan().verification.method is Method.TEST
    assert typed(PlanAsked, **PLAN, review="a look").plan().verification.how == "a look"


@pytest.mark.parametrize(
    ("words", "place", "said"),
    [
        ({}, "--monitor or --test or --review", "is missing"),
        ({"monitor": "m", "test": "t"}, "--test", "does not go with --monitor"),
        ({"test": "t", "windows": "3"}, "--test", "does not go with --windows"),
        ({"windows": "3"}, "--monitor", "is missing"),
        ({"monitor": "m", "windows": "0"}, "--windows", "must be at least 1"),
        ({"review": ""}, "--review", "is empty"),
        ({"monitor": "m", "kind": "magic"}, "--kind", '"magic" is not one of'),
    ],
)
def test_a_choice_is_refused_at_its_options(words: dict[str, str], place: str, said: str) -> None:
    with pytest.raises(Misread) as refused:
        typed(PlanAsked, **{**PLAN, **words})
    assert said in places(refused)[place]


def test_keys_and_values_are_typed_in_pairs() -> None:
    where = typed(CountAsked, where=["channel=broker", "note=a=b"], to="2026-11-23").where
    assert where == {"channel": "broker", "note": "a=b"}
    for wrong, said in ((["channel"], "is not COLUMN=VALUE"), (["a=1", "a=2"], "two values at once")):
        with pytest.raises(Misread) as refused:
            typed(CountAsked, where=wrong)
        assert said in places(refused)["--where"]
    edited = typed(ReviewAsked, answer=["x", "y"], answers_key=["impact", "root_cause"])
    assert {key.value: value for key, value in edited.answers.items()} == {"impact": "x", "root_cause": "y"}
    for lonely in ({"answer": ["x"]}, {"answers_key": ["impact"]}):
        with pytest.raises(Misread) as refused:
            typed(ReviewAsked, **lonely)
        assert list(places(refused)) == ["--question"]


def test_a_file_leaves_no_room_for_options() -> None:
    with pytest.raises(Misread) as refused:
        typed(ReviewAsked, as_file="review.yaml", attendee=["Maya"])
    assert places(refused) == {"--from": "leaves no room for --attendee; give only one"}
    with pytest.raises(Misread) as refused:
        typed(AnalysisAsked, as_file="nowhere.yaml")
    assert "is not there" in places(refused)["FILE"]


# In a form -------------------------------------------------------------------------------------


def test_only_what_was_chosen_is_read_and_the_rest_stays_typed() -> None:
    both = {"verification.monitor": "drift", "verification.windows": "soon", "verification.how": "replay"}
    sent = form({**PLAN, **both, "verification.method": "test"})
    assert sent.read(PlanAsked).plan().verification.how == "replay"
    with pytest.raises(Misread) as refused:
        sent.saying(**{"verification.method": "monitor"}).read(PlanAsked)
    assert list(places(refused)) == ["verification.windows"]
    shown = sent.refused("plan", refused.value)
    assert "is not a whole number" in shown.error("verification.windows")
    assert shown.value("verification.how") == "replay"


def test_rows_left_empty_are_closed_up_so_that_a_fault_stands_in_the_row_it_is_about() -> None:
    sent = form(
        {
            "facts[0].text": "",
            "facts[1].text": "One",
            "facts[1].links": "EV-1, the-log",
            "facts[4].text": "Two",
            "facts[4].assumption": "yes",
            "factors[2].group": "data",
            "factors[2].text": " ",
            "root_cause.text": "",
        }
    )
    closed = sent.closed_up("facts", "text", "links").closed_up("factors", "text", "links")
    assert closed.rows("facts") == [0, 1]
    assert closed.rows("factors") == []
    with pytest.raises(Misread) as refused:
        closed.parted(r"[,\s]+", "facts[0].links").read(AnalysisAsked)
    assert list(places(refused)) == ["facts[0].links[1]"]
    assert "is no link" in closed.refused("analyse", refused.value).error("facts[0].links")
    said = closed.saying(**{"facts[0].links": "EV-1"}).parted(r"[,\s]+", "facts[0].links").read(AnalysisAsked)
    assert [(one.text, one.assumption) for one in said.facts] == [("One", False), ("Two", True)]
    assert said.root_cause is None


def test_a_list_that_was_emptied_is_empty_and_one_that_was_not_sent_stays() -> None:
    assert form({"attendees": ""}).parted(r"\n+", "attendees").read(ReviewAsked).attendees == ()
    assert form({"answers.impact": ""}).read(ReviewAsked).attendees is None


def test_what_must_be_answered_is_missing_where_nothing_was_chosen() -> None:
    with pytest.raises(Misread) as refused:
        form({"proof": "x"}).read(Accepted)
    assert places(refused) == {"works": "is missing; add it"}


def test_spaces_around_a_value_of_the_log_count() -> None:
    assert form({"where.channel": " broker "}).read(CountAsked).where == {"channel": " broker "}
    assert read(CountAsked, {"where": {"channel": " broker "}}).where == {"channel": " broker "}
    assert isinstance(read(CountAsked, {"start": "2026-11-23"}).start, datetime)
