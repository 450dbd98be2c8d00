"""Who may ask the API, and what for: one place decides, and nothing but a token opens it (R-XCT-01)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi import HTTPException, Request
from fastapi.testclient import TestClient

from holdfast.application import Application
from holdfast.evidence.events import EvidenceAccessed, EvidenceVerified
from holdfast.interfaces.api.access import flags_access
from holdfast.people import Permission
from support.company import AISHA, HELEN, MAYA, VICTOR
from support.workspaces import NADIA, HandClock

PROBLEM = "application/problem+json"


def sentence(answer: Any, status: int) -> str:
    """The detail of a problem document with this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    document = answer.json()
    assert document["status"] == status
    detail: str = document["detail"]
    return detail


def operations(client: TestClient) -> list[tuple[str, str]]:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, item in paths.items() for method in item]


def test_without_a_token_nothing_is_told(client: TestClient) -> None:
    found = operations(client)
    assert len(found) > 40
    for method, path in found:
        answer = client.request(method, "/api/v1" + path)
        assert "API token" in sentence(answer, 401), f"{method} {path}"
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_whoever_sends_the_wrong_method_is_told_every_right_one(client: TestClient, maya: Any) -> None:
    for path, item in client.get("/api/v1/openapi.json").json()["paths"].items():
        at = re.sub(r"{[a-z_]+}", "1", path)
        answer = maya("OPTIONS", at)
        sentence(answer, 405)
        assert sorted(answer.headers["allow"].split(", ")) == sorted(map(str.upper, item)), path


def test_a_wrong_token_is_refused_whatever_it_looks_like(client: TestClient, caller: Any) -> None:
    good = caller().token
    for token in ("hf_wrong", "", good[:-1], good + "x", good.upper(), "hf_" + "x" * 100_000, "hf_é"):
        answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}".encode()})
        sentence(answer, 401)
    assert sentence(client.get("/api/v1/me", headers={"Authorization": f"Basic {good}"}), 401)


def test_a_session_cookie_opens_nothing(company: Application, client: TestClient) -> None:
    """A page of somebody else's makes a browser send cookies, never this header: nothing can be forged."""
    now = company.clock.now()
    company.accounts.create(MAYA.id, "velvet otter paints seven bridges", NADIA, now)
    secret, _ = company.accounts.sessions.sign_in(
        MAYA.id, "velvet otter paints seven bridges", "127.0.0.1", now
    )
    for name in ("session", "holdfast_session", "__Host-session"):
        client.cookies.set(name, secret)
    sentence(client.get("/api/v1/me"), 401)
    sentence(client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}), 401)


def test_a_token_ends_at_its_time(caller: Any, clock: HandClock) -> None:
    maya = caller(days=1)
    assert maya("GET", "/me").status_code == 200
    clock.pass_by(timedelta(days=1))
    assert "expired" in sentence(maya("GET", "/me"), 401)


def test_a_revoked_token_is_over_at_once(company: Application, caller: Any) -> None:
    maya = caller()
    (token,) = company.accounts.tokens.of(MAYA.id)
    company.accounts.tokens.revoke(token.token, MAYA, company.clock.now())
    sentence(maya("GET", "/me"), 401)


def test_a_token_is_held_to_its_scope(caller: Any, incident: str) -> None:
    reader = caller(MAYA, [Permission.READ])
    assert reader("GET", f"/incidents/{incident}").status_code == 200
    assert "scope" in sentence(reader("PUT", f"/incidents/{incident}/acknowledgement"), 403)
    assert "scope" in sentence(reader("POST", "/incidents", {"title": "x"}), 403)
    assert "scope" in sentence(reader("GET", "/ledger/facts"), 403)
    assert reader.get("/me")["may"] == ["read"]


def test_an_auditor_reads_everything_and_writes_nothing(client: TestClient, caller: Any, maya: Any) -> None:
    """R-AUD-07."""
    maya.done("POST", "/incidents", {"title": "Approvals fell", "system": "loan-approval"})
    victor = caller(VICTOR)
    known = {
        "incident": "INC-1",
        "system": "loan-approval",
        "monitor": "accuracy",
        "seq": "0",
        "version": "1.0",
    }
    written = 0
    for method, path in operations(client):
        address = path
        for name in ("incident", "system", "monitor", "seq", "version"):
            address = address.replace(f"{{{name}}}", known[name])
        if method == "GET" and "{" not in address and "consistency" not in address:
            assert victor(method, address).status_code in (200, 404), f"{method} {address}"
        if method != "GET" and not path.endswith(("/verifications", "/checks", "/packs")):
            sentence(victor(method, address, {}), 403)
            written += 1
    assert written > 20


def test_an_administrator_manages_accounts_and_responds_to_nothing(caller: Any, incident: str) -> None:
    nadia = caller(NADIA)
    assert "Nadia Petrov may not" in sentence(nadia("PUT", f"/incidents/{incident}/acknowledgement"), 403)


def test_an_agent_may_propose_and_a_person_must_decide(caller: Any, incident: str) -> None:
    """R-XCT-09/person: what an assistant does is on the record as such, and stays short of a decision."""
    agent = caller(MAYA, kind="agent")
    assert agent.get("/me")["kind"] == "agent"
    agent.done("POST", f"/incidents/{incident}/notes", {"text": "The batch of one broker looks odd"})
    agent.done("POST", f"/incidents/{incident}/containments", {"option": "broker-to-review"})
    for method, path, body in (
        ("PUT", f"/incidents/{incident}/acknowledgement", None),
        ("PUT", f"/incidents/{incident}/dismissal", {"reason": "nothing"}),
        ("PUT", "/containments/INC-1-C1/approval", {}),
        ("PUT", "/playbook/versions/1.0/signatures/engineering", None),
    ):
        assert "no person" in sentence(agent(method, path, body), 403)
    (note,) = [
        one for one in agent.get(f"/incidents/{incident}/timeline")["entries"] if one["tone"] == "note"
    ]
    assert (note["by_kind"], note["by"]) == ("agent", "test for Maya Okafor")


def test_who_lacks_authority_is_told_whose_it_is(caller: Any, incident: str) -> None:
    aisha = caller(AISHA)
    refused = sentence(aisha("PUT", f"/incidents/{incident}/dismissal", {"reason": "a test"}), 403)
    assert "Maya Okafor" in refused


def test_evidence_asked_for_without_permission_is_refused_on_the_record(
    company: Application, caller: Any, incident: str
) -> None:
    """R-EVD-06."""
    reader = caller(HELEN, [Permission.READ])
    sentence(reader("GET", f"/incidents/{incident}/evidence/EV-1/content"), 403)
    sentence(reader("GET", f"/incidents/{incident}/evidence/EV-99/content"), 404)
    accesses = [one.fact for one in company.ledger.facts() if isinstance(one.fact, EvidenceAccessed)]
    assert [(one.item, one.how) for one in accesses] == [("EV-1", "refused")]


def test_who_may_not_read_evidence_is_shown_no_list_and_no_check_of_it(
    company: Application, caller: Any, incident: str
) -> None:
    """R-EVD-06/team: one rule at every door, and every look on the record."""
    place = f"/incidents/{incident}/evidence"
    assert caller(MAYA)("GET", place).status_code == 200
    for reader, why in ((caller(NADIA), "Nadia Petrov may not"), (caller(MAYA, [Permission.READ]), "scope")):
        assert why in sentence(reader("GET", place), 403)
        assert why in sentence(reader("POST", f"{place}/verifications"), 403)
    builds_only = caller(MAYA, [Permission.READ, Permission.BUILD_PACK])
    assert "scope" in sentence(builds_only("POST", f"/incidents/{incident}/packs"), 403)
    looks = [one.fact for one in company.ledger.stream(f"custody/{incident}").facts]
    assert [one.how for one in looks if isinstance(one, EvidenceAccessed)] == ["listed", *["refused"] * 5]


def test_bytes_that_are_not_the_recorded_ones_are_handed_to_nobody(
    company: Application, caller: Any, incident: str
) -> None:
    """R-EVD-04, R-EVD-06: held back whole, however large the file is."""
    place = f"/incidents/{incident}/evidence"
    for number, content in enumerate((b"Dear all", bytes(range(256)) * 12_000), start=1):
        item = caller(MAYA)(
            "POST", f"{place}?kind=investigation_notes&title=t&name=f{number}&source=s", content=content
        ).json()
        path = company.vault.path_of(item["sha256"])
        path.chmod(0o600)
        path.write_bytes(content[:-1] + b"?")
        answer = caller(MAYA)("GET", f"{place}/{item['item']}/content")
        assert "was changed" in sentence(answer, 409)
        assert content[:8] not in answer.content
    assert company.ledger.stream(f"custody/{incident}").events[-1] == EvidenceVerified(
        incident=incident,
        items=1,
        problems=(f"{item['item']} t: {company.vault.verify(item['sha256'], item['size'])}",),
    )


def asking(authorization: str | None) -> Request:
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    return Request({"type": "http", "headers": headers})


def test_flags_are_told_to_applications_with_their_token_and_to_readers(
    company: Application, caller: Any
) -> None:
    gate = flags_access(company)
    gate(asking(f"Bearer {company.flags_token}"))
    gate(asking(f"bearer {caller(VICTOR).token}"))
    declares_only = caller(MAYA, [Permission.DECLARE]).token
    for refused in (
        None,
        "",
        "Bearer",
        "Bearer ",
        company.flags_token,
        f"Basic {company.flags_token}",
        f"Bearer {company.flags_token}x",
        f"Bearer {company.flags_token[:-1]}",
        f"Bearer {declares_only}",
        "Bearer é",
    ):
        with pytest.raises(HTTPException) as error:
            gate(asking(refused))
        assert error.value.status_code == 401
