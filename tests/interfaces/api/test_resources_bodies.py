"""Bodies that attack: too large, malformed, ambiguous, too deep (R-XCT-04)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.application import Application
from holdfast.interfaces.api import evidence
from holdfast.interfaces.api.bodies import DEEPEST, LARGEST_JSON
from holdfast.ledger.facts import encode

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def nothing_is_recorded(company: Application, maya: Any) -> Iterator[None]:
    before = company.ledger.size()
    yield
    assert company.ledger.size() == before


def refused(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


@pytest.mark.usefixtures("nothing_is_recorded")
def test_a_body_that_is_too_large_is_not_read_to_its_end(maya: Any) -> None:
    told = 0

    def endless() -> Iterator[bytes]:
        nonlocal told
        while True:
            told += 1 << 16
            yield b"x" * (1 << 16)
            assert told < 4 * LARGEST_JSON, "it kept on reading"

    large = b'{"title": "' + b"x" * LARGEST_JSON + b'"}'
    assert "1 MiB" in refused(maya("POST", "/incidents", content=large, headers=JSON), 413)
    declared = {**JSON, "Content-Length": str(10**30)}
    refused(maya("POST", "/incidents", content=b"{}", headers=declared), 413)


@pytest.mark.usefixtures("nothing_is_recorded")
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"title=x",
        b"\xff\xfe",
        b'{"title": NaN}',
        b'{"title": Infinity}',
        b'{"title": "a"} {"title": "b"}',
        b"[" * 100_000,
        b'{"a":' * (DEEPEST + 5) + b"1" + b"}" * (DEEPEST + 5),
        b'{"title": "x", "limit": ' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_no_json_is_refused_in_a_sentence(maya: Any, body: bytes) -> None:
    """R-XCT-04/payloads."""
    assert refused(maya("POST", "/incidents", content=body, headers=JSON), 400)


@pytest.mark.usefixtures("nothing_is_recorded")
def test_a_doubled_key_is_refused_because_it_has_two_meanings(maya: Any) -> None:
    body = b'{"title": "Harmless", "title": "Harmful"}'
    assert "'title' occurs twice" in refused(maya("POST", "/incidents", content=body, headers=JSON), 400)
    nested = b'{"title": "x", "a": [{"b": 1, "b": 2}]}'
    assert "'b' occurs twice" in refused(maya("POST", "/incidents", content=nested, headers=JSON), 400)


@pytest.mark.usefixtures("nothing_is_recorded")
def test_another_kind_of_body_is_refused(maya: Any) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    refused(maya("POST", "/incidents", content=b"title=x", headers=form), 415)
    refused(maya("POST", "/incidents", content=b'{"title": "x"}', headers={"Content-Type": ""}), 415)


@pytest.mark.usefixtures("nothing_is_recorded")
def test_values_no_database_could_keep_are_refused_by_name(maya: Any) -> None:
    for body, place in (
        ({"title": "a\x00b"}, "body.title"),
        ({"title": ""}, "body.title"),
        ({"title": "x" * 301}, "body.title"),
        ({"title": "x", "system": "a\x00b"}, "body.system"),
        ({"title": "x", "began_at": "yesterday"}, "body.began_at"),
        ({"title": "x", "began_at": "0001-01-01T00:00:00+14:00"}, "body.began_at"),
        ({"title": "x", "began_at": "9999-12-31T23:59:59-14:00"}, "body.began_at"),
        ({"title": "x", "began_at": 17}, "body.began_at"),
        ({"title": "x", "severity": "sev1"}, "body.severity"),
        ({"title": "x", "urgent": True}, "body.urgent"),
        ([], "body"),
        ("x", "body"),
        (None, "body"),
    ):
        answer = maya("POST", "/incidents", content=json.dumps(body), headers=JSON)
        refused(answer, 422)
        assert answer.json()["errors"][0]["place"] == place, answer.text
    lone = maya("POST", "/incidents", content=b'{"title": "\\ud800"}', headers=JSON)
    assert "unicode" in refused(lone, 422)


def test_a_file_that_is_too_large_is_not_taken_in(
    maya: Any, incident: str, company: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "LARGEST_FILE", 1000)
    before = company.ledger.size()
    query = "kind=investigation_notes&title=x&name=x&source=x"
    assert "larger" in refused(
        maya("POST", f"/incidents/{incident}/evidence?{query}", content=b"x" * 1001), 413
    )
    assert "empty" in refused(maya("POST", f"/incidents/{incident}/evidence?{query}", content=b""), 422)
    for name in ("../../etc/passwd", "a/b", "a\\b", "a%0Ab", "%00"):
        bad = f"kind=investigation_notes&title=x&source=x&name={name}"
        refused(maya("POST", f"/incidents/{incident}/evidence?{bad}", content=b"x"), 422)
    assert company.ledger.size() == before


@pytest.mark.usefixtures("nothing_is_recorded")
def test_what_the_address_names_must_be_there(maya: Any) -> None:
    for path in (
        "/incidents/INC-9",
        "/incidents/inc-1",
        "/incidents/INC-0",
        "/incidents/%00",
        "/incidents/INC-1%0A",
        "/incidents/INC-99999999999999999999",
        "/incidents/INC-9/timeline",
        "/incidents/INC-9/evidence",
        "/incidents/INC-9/impact",
        "/incidents/INC-9/cause",
        "/incidents/INC-9/review",
        "/incidents/INC-9/remediations",
        "/incidents/INC-9/containments",
        "/incidents/INC-9/containment-offers",
        "/containments/INC-1-C9",
        "/remediations/INC-1-R9",
        "/systems/nothing",
        "/systems/..%2f..",
        "/systems/nothing/monitors",
        "/alerts/ALR-9",
        "/playbook/versions/none",
        "/ledger/facts/999999",
        "/ledger/facts/-1",
        "/ledger/facts/x/proof",
        "/nothing",
        "/",
        "",
    ):
        refused(maya("GET", path), 404)


def test_what_nobody_sees_in_a_title_is_written_out(company: Application, caller: Any) -> None:
    """U+202E turns the reading round: "fdp.exe" would be read as "exe.pdf"."""
    made = caller().done(
        "POST", "/incidents", {"title": "Open invoice\u202efdp.exe\u200b", "description": "a\u2066b"}
    )
    assert made["title"] == "Open invoice⟨U+202E⟩fdp.exe⟨U+200B⟩"
    facts = b"".join(encode(one.fact, one.by) for one in company.ledger.facts())
    for hidden in ("\u202e", "\u200b", "\u2066"):
        assert hidden.encode() not in facts
