"""What is asked of the live address, and what its answers prove."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI, Request, Response

from holdfast.contain import switches
from holdfast.contain.containment import Containment
from holdfast.contain.events import Purpose
from holdfast.contain.probing import MOST, Answer, Question, checks, questions
from holdfast.contain.switches import Flag, Switch
from holdfast.integrations.ofrep.prober import OfrepProber
from holdfast.prepare.terms import ContainmentKind
from support.live import serving

SEGMENT, OFF = ContainmentKind.SEGMENT_TO_REVIEW, ContainmentKind.MODEL_OFF
ROUTE = Flag("loans.route", "loans", SEGMENT)
BROKERS = Containment(
    id="INC-1-C1",
    system="loans",
    kind=SEGMENT,
    flag=ROUTE.key,
    segment={"age": ("young", "old"), "channel": ("broker",)},
)
SET = Switch(BROKERS.id, "INC-1", "loans", SEGMENT, ROUTE.key, BROKERS.segment)
MODEL_OFF = Switch("INC-2-C1", "INC-2", "loans", OFF, "loans.enabled", {})


def said(asked: tuple[Question, ...]) -> list[tuple[str, bool | str]]:
    return [(question.words.removeprefix("loans.route for "), question.expected) for question in asked]


class TestQuestions:
    def test_each_value_is_asked_and_one_request_that_must_stay_untouched(self) -> None:
        assert said(questions(BROKERS, switches.of([ROUTE], [SET]), Purpose.HOLD)) == [
            ("age=young, channel=broker", "human_review"),
            ("age=old, channel=broker", "human_review"),
            ("a request without attributes", "human_review"),
            ("age=none-of-the-contained, channel=none-of-the-contained", "model"),
        ]

    def test_what_must_be_contained_does_not_depend_on_what_the_ledger_believes(self) -> None:
        """Were the switch lost between ledger and table, the probe must find out, not agree."""
        lost = said(questions(BROKERS, switches.of([ROUTE], []), Purpose.HOLD))
        assert [expected for _, expected in lost] == ["human_review"] * 3 + ["model"]

    def test_to_be_back_is_what_the_other_containments_leave(self) -> None:
        free = said(questions(BROKERS, switches.of([ROUTE], []), Purpose.RELEASE))
        assert {expected for _, expected in free} == {"model"}
        off = said(questions(BROKERS, switches.of([ROUTE], [MODEL_OFF]), Purpose.RELEASE))
        assert {expected for _, expected in off} == {"human_review"}

    def test_the_untouched_value_is_none_of_the_contained_ones(self) -> None:
        sly = replace(BROKERS, segment={"channel": ("none-of-the-contained", "None-Of-The-Contained-2")})
        *_, last = said(questions(sly, switches.of([ROUTE], []), Purpose.HOLD))
        assert last == ("channel=none-of-the-contained-3", "model")

    def test_a_long_list_is_asked_up_to_a_bound(self) -> None:
        long = replace(BROKERS, segment={"branch": tuple(str(number) for number in range(500))})
        assert len(questions(long, switches.of([ROUTE], []), Purpose.HOLD)) == MOST + 2

    def test_a_model_that_is_off_is_off_for_any_request(self) -> None:
        off = Containment(id="INC-2-C1", system="loans", kind=OFF, flag="loans.enabled")
        (asked,) = questions(off, switches.of([], [MODEL_OFF]), Purpose.HOLD)
        assert (asked.words, asked.expected) == ("loans.enabled for a request without attributes", False)


ASKED = Question("loans.enabled", {}, False)


@pytest.mark.parametrize(
    ("answer", "ok"),
    [
        (Answer(False, 3), True),
        (Answer(True, 3), False),
        (Answer(0, 3), False),
        (Answer("false", 3), False),
        (Answer(None, 3), False),
        (Answer(False, 3, "status 500"), False),
    ],
)
def test_only_the_expected_value_of_the_expected_type_is_right(answer: Answer, ok: bool) -> None:
    (check,) = checks([ASKED], [answer])
    assert check.ok is ok


def test_a_question_without_an_answer_counts_as_wrong() -> None:
    (check,) = checks([ASKED], [])
    assert (check.ok, check.answered) == (False, "no answer")


class TestTheProber:
    """Against a server that answers all sorts of things."""

    @pytest.fixture
    def address(self) -> Iterator[str]:
        app = FastAPI()

        @app.post("/base/ofrep/v1/evaluate/flags/{key:path}")
        def answer(key: str, request: Request) -> Response:
            body, status = {
                "loans.enabled": ('{"value": false}', 200),
                "a/b c": ('{"value": "slash kept"}', 200),
                "text": ("hello", 200),
                "list": ("[1]", 200),
                "nothing": ("{}", 200),
                "object": ('{"value": {"a": 1}}', 200),
                "away": ('{"errorDetails": "the switches cannot be read"}', 500),
                "token": (f'{{"value": "{request.headers.get("authorization", "")}"}}', 200),
                "moved": ("{}", 307),
            }[key]
            return Response(
                body, status, media_type="application/json", headers={"location": "http://127.0.0.1:9/"}
            )

        with serving(app) as live:
            yield f"{live}/base/"

    @pytest.mark.parametrize(
        ("flag", "value", "problem"),
        [
            ("loans.enabled", False, ""),
            ("a/b c", "slash kept", ""),
            ("text", None, "status 200 without a JSON answer"),
            ("list", None, "status 200 with an answer that is no object"),
            ("nothing", None, "an answer without a value"),
            ("object", None, "an answer without a value"),
            ("away", None, "status 500: the switches cannot be read"),
            ("token", "Bearer t", ""),
            ("moved", None, "status 307: no details"),
        ],
    )
    def test_every_kind_of_answer_is_an_answer(
        self, address: str, flag: str, value: object, problem: str
    ) -> None:
        prober = OfrepProber(address, {"Authorization": "Bearer t"})
        (answer,) = prober.ask([Question(flag, {}, False)])
        assert (answer.value, answer.problem) == (value, problem)
        assert answer.milliseconds > 0

    def test_an_address_that_is_away_or_none_at_all_is_an_answer_too(self) -> None:
        for address in ("http://127.0.0.1:9", "http://[::bad", "nowhere"):
            (answer,) = OfrepProber(address, timeout_seconds=0.5).ask([ASKED])
            assert answer.value is None
            assert answer.problem.startswith(f"no answer from {address}")
