"""One incident through the API, from the alert to the archive (R-XCT-03)."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from holdfast.application import Application
from holdfast.clock import stamp
from holdfast.integrations.ofrep.prober import OfrepProber
from holdfast.interfaces.api.access import flags_access
from holdfast.interfaces.api.ofrep import ofrep_router
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger.outbox import GIVE_UP_AFTER
from holdfast.people import Permission
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.leaf import payload_commitment
from holdfast_verify.note import VerifierKey, verify
from holdfast_verify.tree import leaf_hash, verify_consistency, verify_inclusion
from support.company import HELEN, PRIYA, TOMAS, VICTOR
from support.live import serving
from support.many_alerts import raise_many
from support.workspaces import HandClock, settle


@pytest.fixture
def live(company: Application, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address that applications ask, and that a probe asks as they do."""
    app = FastAPI()
    app.include_router(ofrep_router(company.read_switches, flags_access(company)))
    with serving(app) as address:
        token = {"Authorization": f"Bearer {company.flags_token}"}
        monkeypatch.setattr(company.containing, "prober", OfrepProber(address, token))
        yield address


@pytest.mark.usefixtures("log")
def test_from_the_alert_to_the_archive(
    company: Application, maya: Any, caller: Any, clock: HandClock, live: str
) -> None:
    """R-XCT-08/embedded, R-XCT-08/postgresql."""
    ran = maya.done("POST", "/systems/loan-approval/runs")
    assert ran["raised"], ran
    settle(company)
    alert = maya.get(f"/alerts/{ran['raised'][0]}")
    incident = alert["incident"]
    assert alert["outcome"] == "opened"

    # Answer, confirm, hand over.
    at = f"/incidents/{incident}"
    assert maya.done("PUT", f"{at}/acknowledgement")["acknowledged_at"]
    proposed = maya.get(at)["proposed"]
    confirm = {"category": proposed["category"], "severity": proposed["severity"]}
    assert maya.done("PUT", f"{at}/classification", confirm)["status"] == "open"
    handed = maya.done(
        "PUT", f"{at}/roles/technical_lead", {"person": PRIYA.id, "reason": "Tomas is travelling"}
    )
    assert {"role": "technical_lead", "person": PRIYA.id, "name": PRIYA.name} in handed["team"]
    earlier = stamp(clock.now() - timedelta(hours=3))
    entries = maya.done("POST", f"{at}/notes", {"text": "The broker called", "occurred_at": earlier})[
        "entries"
    ]
    assert [one["back_filled"] for one in entries if one["title"] == "The broker called"] == [True]

    # Evidence, impact.
    held = maya.get(f"{at}/evidence")["items"]
    got = maya("GET", f"{at}/evidence/{held[0]['item']}/content")
    assert sha256(got.content).hexdigest() == held[0]["sha256"]
    assert got.headers["content-disposition"].startswith("attachment")
    query = "kind=investigation_notes&title=Call&name=call.txt&source=telephone"
    added = maya.done("POST", f"{at}/evidence?{query}", content=b"they send months")
    assert added["sha256"] == sha256(b"they send months").hexdigest()
    assert maya.done("POST", f"{at}/evidence/verifications")["holds"]
    impact = maya.get(f"{at}/impact")
    assert impact["count"]["exposed"]["users"] > 0  # counted by itself when the incident opened
    (rule,) = impact["count"]["rules"]
    assert rule.startswith("employment_years lies outside")
    assert 0 < impact["people"] < impact["count"]["exposed"]["users"]
    segment = {"where": {"channel": "broker"}, "because": "the broker sends months"}
    narrower = maya.done("POST", f"{at}/impact/counts", segment)
    assert narrower["people"] == narrower["count"]["exposed"]["users"] < impact["count"]["exposed"]["users"]
    assessed = maya.done(
        "PUT", f"{at}/impact", {"data": {"sensitive": False}, "users": {"kind": "applicants"}}
    )
    assert assessed["assessment"]["affected"] == narrower["people"]

    # Switch, as the flag address shows; contained is what the log shows later.
    assert "broker-to-review" in [one["option"] for one in maya.get(f"{at}/containment-offers")["offers"]]
    contained = maya.done("POST", f"{at}/containments", {"option": "broker-to-review"})["containment"]
    assert "approve" in maya("PUT", f"/containments/{contained}/application").json()["detail"]
    maya.done("PUT", f"/containments/{contained}/approval", {"reason": "it is the broker's batch"})
    applied = maya.done("PUT", f"/containments/{contained}/application")
    assert (applied["stage"], applied["in_force"]) == ("switched", True)
    assert (applied["obeyed"], applied["contained_at"]) == (None, None)
    assert maya.get(at)["contained_at"] is None
    assert [one["containment"] for one in maya.get("/containments")["containments"]] == [contained]
    assert maya.done("POST", f"/containments/{contained}/observations")["effect"] == "unknown"
    assert maya.done("POST", f"/containments/{contained}/probes")["last_probe"]["ok"]

    # Cause, remedy.
    analysis = {
        "facts": [
            {"text": "Employment is thirteen times as long", "links": ["monitor:employment-years-drift"]}
        ],
        "sequence": [{"at": earlier, "text": "The broker's release", "assumption": True}],
        "factors": [{"group": "data", "text": "Nobody checks the unit", "links": [added["item"]]}],
        "root_cause": {"text": "The broker sends months", "links": ["EV-1", "#4"]},
    }
    wrong = maya("PUT", f"{at}/cause", {**analysis, "facts": [{"text": "It is so", "links": ["EV-99"]}]})
    assert wrong.status_code == 409
    assert "EV-99" in wrong.json()["detail"]
    analysis["root_cause"] = {"text": "The broker sends months", "links": ["EV-1"]}
    assert maya.done("PUT", f"{at}/cause", analysis)["established"] == "The broker sends months"
    plan = {
        "action": "Divide by twelve at the gate",
        "kind": "code_fix",
        "responsible": TOMAS.id,
        "deadline": stamp(clock.now() + timedelta(days=3)),
        "verification": {"method": "test", "how": "replay of the batch"},
    }
    item = maya.done("POST", f"{at}/remediations", plan)["item"]
    assert [one["item"] for one in maya.get("/remediations")["items"]] == [item]
    maya.done("PUT", f"/remediations/{item}/start")
    clock.pass_by(timedelta(hours=1))
    caller(TOMAS).done("PUT", f"/remediations/{item}/completion", {"what": "Deployed 3.2.1"})
    proof = {"works": True, "proof": "The batch scores as before", "links": ["EV-1"]}
    assert caller(PRIYA).done("PUT", f"/remediations/{item}/verification", proof)["standing"] == "verified"

    # Resolve, review, close.
    resolved = {"resolution": "Months are divided at the gate."}
    doubted = maya("PUT", f"{at}/resolution", resolved)
    assert doubted.status_code == 409
    assert "is open, last seen" in doubted.json()["detail"]
    maya.done("PUT", f"{at}/resolution", {**resolved, "unverified_because": "its window was before the fix"})
    back = maya.done("PUT", f"/containments/{contained}/reversal", {"reason": "the fix works"})
    assert back["stage"] == "released"
    drafted = maya.done("POST", f"{at}/review/drafts")
    answers = dict.fromkeys(drafted["unanswered"], "The unit is part of the contract now.")
    maya.done("PATCH", f"{at}/review", {"answers": answers, "attendees": ["Maya Okafor", "Tomas Lind"]})
    lead = next(m for m in maya.get(at)["team"] if m["role"] == "incident_commander")
    assert lead["person"] == maya.get("/me")["person"]
    assert maya.done("PUT", f"{at}/review/completion", {})["completed_at"]
    digest = maya.done("PUT", f"{at}/closure", {"summary": "Nobody was refused wrongly."})["record_sha256"]
    assert len(digest) == 64
    assert maya.get(at)["status"] == "closed"
    assert "archived" in maya("POST", f"{at}/notes", {"text": "too late"}).json()["detail"]
    settle(company)
    assert maya.done("POST", "/ledger/checks")["holds"]
    assert maya.get("/containments")["containments"] == []


def test_a_pack_is_handed_out_and_passes_the_auditors_program(
    maya: Any, caller: Any, incident: str, tmp_path: Path
) -> None:
    answer = caller(VICTOR)("POST", f"/incidents/{incident}/packs")
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/zip")
    pack, policy = tmp_path / "INC-1.zip", tmp_path / "policy"
    pack.write_bytes(answer.content)
    policy.write_text(maya("GET", "/ledger/policy").text)
    done = subprocess.run(
        [sys.executable, "-m", "holdfast_verify", str(pack), "--policy", str(policy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert caller(TOMAS, [Permission.READ])("POST", f"/incidents/{incident}/packs").status_code == 403


def test_a_message_that_was_given_up_is_tried_again(
    company: Application, maya: Any, incident: str, clock: HandClock
) -> None:
    """Nothing listens where the mail goes: after the last attempt a person decides."""
    for _ in range(GIVE_UP_AFTER):
        Worker(company).send(clock.now())
        clock.pass_by(timedelta(hours=2))
    dead = maya.get("/messages?state=dead")["messages"]
    assert dead
    assert all(one["reason"] for one in dead)
    assert maya.get(f"/incidents/{incident}/messages")["messages"] == dead
    again = maya.done("PUT", f"/messages/{dead[0]['message']}/retry")
    assert (again["state"], again["attempts"]) == ("queued", 0)
    assert len(maya.get("/messages?state=dead")["messages"]) == len(dead) - 1
    assert maya("PUT", f"/messages/{'0' * 16}/retry").status_code == 404


def test_an_alert_that_opened_nothing_is_decided_by_a_person(
    company: Application, maya: Any, log: None
) -> None:
    """R-PRE-07/elsewhere."""
    raised = maya.done("POST", "/systems/loan-approval/runs")["raised"]
    assert maya("GET", "/alerts/ALR-999").status_code == 404
    assert maya("POST", "/alerts/ALR-999/incident").status_code == 404
    said = {"alerts": raised[:1], "reason": "A planned load test", "false_alarm": True}
    (aside,) = maya.done("PUT", "/alert-groups/setting-aside", said)["alerts"]
    assert (aside["outcome"], aside["false_alarm"]) == ("set aside", True)
    opened = maya.done("POST", f"/alerts/{raised[-1]}/incident")
    assert not opened["joined"]
    assert opened["says"].startswith(f"{opened['incident']} is open")
    assert opened["source"] == "alert"
    assert maya.done("POST", f"/alerts/{raised[-1]}/incident")["incident"] == opened["incident"]


@pytest.mark.usefixtures("log")
def test_what_monitors_say_is_told_window_by_window(maya: Any, company: Application) -> None:
    maya.done("POST", "/systems/loan-approval/runs")
    monitors = {one["monitor"]: one for one in maya.get("/systems/loan-approval/monitors")["monitors"]}
    assert monitors["accuracy"]["threshold"] == "limit below 0.80"
    assert monitors["approval-rate"]["threshold"] == "20% down against the 7 days before"
    drift = maya.get("/systems/loan-approval/monitors/employment-years-drift/measurements")["measurements"]
    assert [one["window_start"] for one in drift] == sorted(one["window_start"] for one in drift)
    assert any(one["alarm"] for one in drift)
    since = drift[-3]["window_start"]
    later = maya.get(
        f"/systems/loan-approval/monitors/employment-years-drift/measurements?since={since}&limit=2"
    )
    assert later["measurements"] == drift[-2:]
    assert (
        maya("GET", "/systems/loan-approval/monitors/acuracy/measurements")
        .json()["detail"]
        .endswith("did you mean accuracy?")
    )


def test_a_proof_convinces_without_trusting_the_server(
    maya: Any, incident: str, company: Application
) -> None:
    """Hash, commitment, path and signature are checked here with the auditor's own code."""
    older = maya.get("/ledger/checkpoint")
    settle(company)
    newest = maya.get("/ledger/checkpoint")
    key = VerifierKey.parse(newest["verifier_key"])
    for fact in maya.get("/ledger/facts")["facts"]:
        proof = maya.get(f"/ledger/facts/{fact['seq']}/proof")
        leaf = base64.b64decode(proof["leaf"])
        assert leaf_hash(leaf).hex() == proof["leaf_hash"] == fact["leaf_hash"]
        commitment = payload_commitment(base64.b64decode(proof["salt"]), base64.b64decode(proof["payload"]))
        assert commitment in leaf.decode()
        checkpoint = Checkpoint.parse(verify(proof["checkpoint"].encode(), [key]).text)
        path = [bytes.fromhex(node) for node in proof["proof"]]
        verify_inclusion(leaf_hash(leaf), fact["seq"], checkpoint.size, path, checkpoint.root)
    grown = maya.get(f"/ledger/consistency?old={older['size']}&new={newest['size']}")
    path = [bytes.fromhex(node) for node in grown["proof"]]
    roots = bytes.fromhex(older["root"]), bytes.fromhex(newest["root"])
    verify_consistency(older["size"], roots[0], newest["size"], roots[1], path)
    refused = maya("GET", f"/ledger/consistency?old=1&new={newest['size'] + 1}")
    assert refused.status_code == 409


def test_the_playbook_is_read_compared_and_signed(company: Application, maya: Any, caller: Any) -> None:
    helen = caller(HELEN)
    (version,) = maya.get("/playbook/versions")["versions"]
    assert version["state"] == "active"
    text = maya.get(f"/playbook/versions/{version['content'][:12]}")["text"]
    assert text.encode() == (company.workspace / "playbook.yaml").read_bytes()
    assert maya.get("/playbook/versions/1.0/differences/1.0")["passages"] == []
    assert helen("PUT", "/playbook/versions/1.0/signatures/engineering").status_code == 403
    assert helen("PUT", "/playbook/versions/9.9/signatures/compliance").status_code == 404
    # Signing again what one has signed changes nothing.
    before = company.ledger.size()
    assert helen.done("PUT", "/playbook/versions/1.0/signatures/compliance")["state"] == "active"
    assert company.ledger.size() == before


def test_the_description_is_the_address_of_everything(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    names = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names)), "a generated client would lose an operation"
    assert "incidents_acknowledge" in names
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/api/v1"}]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], f"{method} {path}"
            assert "application/problem+json" in operation["responses"]["401"]["content"]
            assert operation["security"], f"{method} {path} does not say that it needs a token"


def test_alerts_are_handled_together_through_the_api(company: Application, maya: Any) -> None:
    """R-DET-09."""
    names = raise_many(company, 30)
    (group,) = maya.get("/alert-groups")["groups"]
    assert (group["count"], group["monitor"], sorted(group["alerts"])) == (30, "missing-values", names)
    seen = maya.done("PUT", "/alert-groups/acknowledgement", {"alerts": names})["alerts"]
    assert all(one["acknowledged_by"] for one in seen)
    unknown = {"alerts": names, "incident": "INC-999"}
    assert maya("PUT", "/alert-groups/incident", unknown).status_code == 404
    aside = {"alerts": names, "reason": "A planned load test", "false_alarm": True}
    done = maya.done("PUT", "/alert-groups/setting-aside", aside)["alerts"]
    assert {one["outcome"] for one in done} == {"set aside"}
    assert maya("PUT", "/alert-groups/setting-aside", aside).status_code == 409


def test_alerts_of_an_incident_are_handled_together_through_the_api(
    company: Application, maya: Any, incident: str
) -> None:
    """R-DET-09."""
    names = raise_many(company, 3)
    maya.done("PUT", "/alert-groups/incident", {"alerts": names, "incident": incident})
    seen = maya.done("PUT", "/alert-groups/acknowledgement", {"alerts": names})["alerts"]
    assert all(one["acknowledged_by"] for one in seen)
    aside = {"alerts": names, "reason": "A planned load test", "false_alarm": True}
    done = maya.done("PUT", "/alert-groups/setting-aside", aside)["alerts"]
    assert {(one["outcome"], one["false_alarm"]) for one in done} == {("set aside", True)}
    assert maya.get(f"/incidents/{incident}")["alerts"] == []
