"""The OFREP endpoints: obeyed by the unmodified OpenFeature client, and unmoved by hostile requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from holdfast.contain import switches
from holdfast.contain.switches import Flag, Switch, Switches
from holdfast.interfaces.api.ofrep import LARGEST, ofrep_router
from holdfast.prepare.terms import ContainmentKind
from support.live import serving

OFF, SEGMENT = ContainmentKind.MODEL_OFF, ContainmentKind.SEGMENT_TO_REVIEW
ENABLED, ROUTE = "loans.enabled", "loans.route"
FLAGS = (Flag(ENABLED, "loans", OFF), Flag(ROUTE, "loans", SEGMENT))
MODEL_OFF = Switch("INC-1-C1", "INC-1", "loans", OFF, ENABLED, {})
BROKERS = Switch("INC-1-C2", "INC-1", "loans", SEGMENT, ROUTE, {"channel": ("broker", "partner")})
ONE, ALL = "/ofrep/v1/evaluate/flags/" + ROUTE, "/ofrep/v1/evaluate/flags"


@dataclass
class Board:
    """The switches a test sets."""

    active: list[Switch] = field(default_factory=list)
    broken: bool = False

    def read(self) -> Switches:
        if self.broken:
            raise OSError("no route to database")
        return switches.of(FLAGS, self.active)


def authorise(request: Request) -> None:
    if request.headers.get("authorization") != "Bearer secret":
        raise HTTPException(401, "a token is needed")


def application(board: Board) -> FastAPI:
    app = FastAPI()
    app.include_router(ofrep_router(board.read, authorise))
    return app


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def http(board: Board) -> TestClient:
    return TestClient(application(board), headers={"Authorization": "Bearer secret"})


class TestTheUnmodifiedClient:
    """R-CON-02, R-CON-03: real requests over a real socket, by the client's own code."""

    @pytest.fixture
    def address(self, board: Board) -> Iterator[str]:
        with serving(application(board)) as live:
            yield live

    @pytest.fixture
    def client(self, address: str) -> Iterator[OpenFeatureClient]:
        token = {"Authorization": "Bearer secret"}
        api.set_provider(OFREPProvider(address, headers_factory=lambda: token))
        yield api.get_client()
        api.clear_providers()

    def route(self, client: OpenFeatureClient, **attributes: Any) -> str:
        context = EvaluationContext("application-17", attributes)
        return client.get_string_value(ROUTE, "human_review", context)

    def test_the_model_answers_while_nothing_is_contained(self, client: OpenFeatureClient) -> None:
        details = client.get_boolean_details(ENABLED, False)
        assert (details.value, details.variant, details.reason) == (True, "on", Reason.STATIC)
        assert details.error_code is None
        assert self.route(client, channel="broker") == "model"

    def test_model_off_is_obeyed_by_the_next_request_and_its_revert_too(
        self, client: OpenFeatureClient, board: Board
    ) -> None:
        """R-CON-02/model-off."""
        board.active = [MODEL_OFF]
        details = client.get_boolean_details(ENABLED, True)
        assert (details.value, details.variant) == (False, "off")
        assert details.flag_metadata["incident"] == "INC-1"
        board.active = []
        assert client.get_boolean_value(ENABLED, False) is True

    def test_a_segment_goes_to_review_and_no_other(self, client: OpenFeatureClient, board: Board) -> None:
        """R-CON-03/segment."""
        board.active = [BROKERS]
        details = client.get_string_details(ROUTE, "model", EvaluationContext("a", {"channel": "broker"}))
        assert (details.value, details.variant) == ("human_review", "human_review")
        assert details.reason == Reason.TARGETING_MATCH
        assert self.route(client, channel="partner") == "human_review"
        assert self.route(client, channel="branch") == "model"
        board.active = []
        assert self.route(client, channel="broker") == "model"

    def test_a_request_that_does_not_say_its_segment_goes_to_review_whatever_the_default(
        self, client: OpenFeatureClient, board: Board
    ) -> None:
        board.active = [BROKERS]
        details = client.get_string_details(ROUTE, "model")
        assert (details.value, details.reason) == ("human_review", Reason.UNKNOWN)
        assert "does not say channel" in str(details.flag_metadata["why"])

    def test_errors_arrive_as_the_errors_of_the_protocol(
        self, client: OpenFeatureClient, board: Board
    ) -> None:
        unknown = client.get_boolean_details("loans.enabeld", False)
        assert unknown.error_code == ErrorCode.FLAG_NOT_FOUND
        huge = EvaluationContext("a", {"channel": "x" * LARGEST})
        assert client.get_string_details(ROUTE, "human_review", huge).error_code == ErrorCode.INVALID_CONTEXT
        assert client.get_string_details(ENABLED, "human_review").error_code == ErrorCode.TYPE_MISMATCH
        board.broken = True
        away = client.get_boolean_details(ENABLED, False)
        assert (away.value, away.error_code) == (False, ErrorCode.GENERAL)

    def test_a_client_without_a_token_gets_its_own_default(self, address: str, board: Board) -> None:
        """Which therefore must be the safe value."""
        api.set_provider(OFREPProvider(address))
        details = api.get_client().get_boolean_details(ENABLED, False)
        assert (details.value, details.error_code) == (False, ErrorCode.GENERAL)
        api.clear_providers()


class TestBulk:
    def test_every_flag_is_evaluated(self, http: TestClient, board: Board) -> None:
        board.active = [BROKERS]
        answer = http.post(ALL, json={"context": {"channel": "broker"}})
        assert answer.status_code == 200
        found = {
            flag["key"]: (flag["value"], flag["variant"], flag["reason"]) for flag in answer.json()["flags"]
        }
        assert found == {
            ENABLED: (True, "on", "STATIC"),
            ROUTE: ("human_review", "human_review", "TARGETING_MATCH"),
        }

    def test_nothing_is_sent_again_until_something_changed(self, http: TestClient, board: Board) -> None:
        brokers = {"context": {"channel": "broker"}}
        tag = http.post(ALL, json=brokers).headers["etag"]
        for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = http.post(ALL, json=brokers, headers={"If-None-Match": sent})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        board.active = [BROKERS]
        changed = http.post(ALL, json=brokers, headers={"If-None-Match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag

    def test_the_tag_belongs_to_the_context(self, http: TestClient, board: Board) -> None:
        board.active = [BROKERS]
        tags = {
            http.post(ALL, json={"context": {"channel": c}}).headers["etag"] for c in ("broker", "branch")
        }
        assert len(tags) == 2


class TestAnswers:
    def test_an_answer_is_complete_and_not_to_be_kept(self, http: TestClient, board: Board) -> None:
        board.active = [BROKERS]
        answer = http.post(ONE, json={"context": {"channel": "partner"}})
        assert answer.json() == {
            "key": ROUTE,
            "value": "human_review",
            "reason": "TARGETING_MATCH",
            "variant": "human_review",
            "cacheable": False,
            "metadata": {
                "system": "loans",
                "containment": "INC-1-C2",
                "incident": "INC-1",
                "why": "the request is in a contained segment",
            },
        }
        assert answer.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"context": null}', b'{"context": {}}'])
    def test_a_request_without_a_context_is_answered(self, http: TestClient, body: bytes) -> None:
        assert http.post(ONE, content=body).json()["value"] == "model"

    @pytest.mark.parametrize(
        "key", ["nothing", "a/b", "%00", "x" * 2000, "../../etc/passwd", "loans.route%20"]
    )
    def test_an_unknown_flag_is_not_found_in_the_words_of_the_protocol(
        self, http: TestClient, key: str
    ) -> None:
        answer = http.post(f"/ofrep/v1/evaluate/flags/{key}", json={})
        assert answer.status_code == 404
        if "errorCode" in answer.json():
            assert answer.json()["errorCode"] == "FLAG_NOT_FOUND"
            assert answer.json()["errorDetails"].startswith("no AI system names a flag")


class TestHostileRequests:
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"not json", "PARSE_ERROR"),
            (b"\xff\xfe\x00", "PARSE_ERROR"),
            (b"[]", "PARSE_ERROR"),
            (b'"context"', "PARSE_ERROR"),
            (b'{"context": {"channel": NaN}}', "PARSE_ERROR"),
            (b'{"context": {"channel": "branch", "channel": "broker"}}', "PARSE_ERROR"),
            (b'{"context": {"n": ' + b"9" * 5000 + b"}}", "PARSE_ERROR"),
            (b'{"context": ' + b'{"a":' * 9000 + b"1" + b"}" * 9000 + b"}", "PARSE_ERROR"),
            (b"[" * 60_000, "PARSE_ERROR"),
            (b'{"context": "channel=broker"}', "INVALID_CONTEXT"),
            (b'{"context": ["broker"]}', "INVALID_CONTEXT"),
            (b'{"context": 1}', "INVALID_CONTEXT"),
            (b'{"context": {"a": "' + b"x" * LARGEST + b'"}}', "INVALID_CONTEXT"),
        ],
        ids=range(13),
    )
    @pytest.mark.parametrize("path", [ONE, ALL])
    def test_a_request_that_cannot_be_read_is_refused_in_the_words_of_the_protocol(
        self, http: TestClient, path: str, body: bytes, code: str
    ) -> None:
        answer = http.post(path, content=body)
        assert answer.status_code == 400
        assert answer.json()["errorCode"] == code
        assert answer.json()["errorDetails"]
        assert answer.json().get("key") == (ROUTE if path == ONE else None)

    @pytest.mark.parametrize(
        "context",
        [
            {"channel": ["branch"]},
            {"channel": {"branch": True}},
            {"channel": None},
            {"Channel": "branch"},
            {"channel": "\u0000"},
            {"channel": "\ud800"},
            {"channel": 10**400},
            {"__proto__": {"channel": "branch"}},
        ],
    )
    def test_a_strange_context_gets_an_answer_and_does_not_slip_past_a_containment_unseen(
        self, http: TestClient, board: Board, context: dict[str, Any]
    ) -> None:
        board.active = [BROKERS]
        answer = http.post(ONE, content=json.dumps({"context": context}).encode())
        assert answer.status_code == 200
        outside = isinstance(context.get("channel"), str | int)
        assert answer.json()["value"] == ("model" if outside else "human_review")

    def test_a_body_without_end_is_read_no_further_than_the_limit(self, board: Board) -> None:
        """Allowing for what the sockets of both sides buffer."""
        whole, sent = 64 * 1024 * 1024, 0
        token = {"Authorization": "Bearer secret"}

        def endless() -> Iterator[bytes]:
            nonlocal sent
            while sent < whole:
                sent += LARGEST
                yield b" " * LARGEST

        with serving(application(board)) as address:
            with suppress(httpx.TransportError):  # the server may hang up: as good an answer
                refused = httpx.post(f"{address}{ONE}", content=endless(), headers=token, timeout=20)
                assert refused.status_code == 400
            assert sent < whole / 4
            assert httpx.post(f"{address}{ONE}", headers=token, json={}).json()["value"] == "model"

    def test_nobody_asks_without_a_token(self, board: Board) -> None:
        for path in (ONE, ALL):
            assert TestClient(application(board)).post(path, json={}).status_code == 401

    def test_a_database_that_is_away_is_said_without_its_secrets(
        self, http: TestClient, board: Board, caplog: pytest.LogCaptureFixture
    ) -> None:
        board.broken = True
        for path in (ONE, ALL):
            answer = http.post(path, json={})
            assert (answer.status_code, answer.json()["errorCode"]) == (500, "GENERAL")
            assert "no route to database" not in answer.text
        assert "no route to database" in caplog.text


def test_the_routes_stand_in_the_description_of_the_api(board: Board) -> None:
    paths: dict[str, Any] = application(board).openapi()["paths"]
    for path in ("/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/{key}"):
        assert "context" in str(paths[path]["post"]["requestBody"])
