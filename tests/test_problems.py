"""What is wrong, in words: remedies for slips, and values as people recognise them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from holdfast import problems
from holdfast.problems import Problem, did_you_mean, explain, nearest, shown
from holdfast.shapes.investigation import FinanceAsked


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("prot", ["host", "port"], "port"),
        ("admin", ["administrator", "auditor"], "administrator"),
        ("co", ["commander", "compliance"], None),
        ("com", ["commander", "compliance"], None),
        ("zebra", ["host", "port"], None),
        ("zebra", [], None),
    ],
)
def test_a_slip_or_the_beginning_of_only_one_word_is_understood(
    word: str, known: list[str], meant: str | None
) -> None:
    assert nearest(word, known) == meant


def test_where_nothing_is_near_all_words_are_named_and_where_nothing_is_known_it_goes() -> None:
    assert did_you_mean("zebra", ["port", "host"]) == "known here: host, port"
    assert did_you_mean("zebra", []) == "remove it"


def test_values_are_shown_as_written_and_cut_short() -> None:
    assert [shown(value) for value in (True, None, 3, "three", [1], {"a": 1})] == [
        "true",
        "empty",
        "3",
        '"three"',
        "a list",
        "a mapping",
    ]
    assert shown("x" * 500) == '"' + "x" * 58 + "…"


def test_a_problem_of_a_whole_file_names_no_line() -> None:
    assert str(Problem("a.yaml", 0, 0, "", "is not there", "write it")) == "a.yaml: is not there; write it"
    assert str(Problem("a.yaml", 3, 5, "b.c", "is empty")) == "a.yaml:3:5 b.c: is empty"


def test_an_error_nobody_foresaw_still_says_what_the_validator_said() -> None:
    error = {
        "type": "something_new",
        "loc": ("a",),
        "input": 3,
        "msg": "Input should be wonderful",
        "ctx": {},
    }
    assert explain(error) == ("input should be wonderful", "")


def test_every_pattern_that_a_text_must_match_is_told_in_words() -> None:
    """A regular expression is no remedy for whoever fills in a form."""
    source = Path(problems.__file__).parent
    bare = [
        f"{path.relative_to(source)}:{node.lineno}"
        for path in [*(source / "prepare").glob("*.py"), *(source / "shapes").glob("*.py")]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "pattern" and isinstance(node.value, ast.Constant)
    ]
    assert bare == []


def test_a_text_of_another_form_is_told_what_to_write() -> None:
    with pytest.raises(ValidationError) as refused:
        FinanceAsked.model_validate({"currency": "euro"})
    (error,) = refused.value.errors()
    cause, fix = explain(error)  # type: ignore[arg-type]
    assert (cause, fix) == (
        '"euro" does not have the right form',
        "write its three capital letters, such as EUR",
    )
