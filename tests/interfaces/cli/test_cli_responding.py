"""One incident on the command line, from the alert to the archive, and what is refused on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from holdfast import app as joined
from holdfast.incident.register import incidents
from holdfast.interfaces.api.access import flags_access
from holdfast.interfaces.api.ofrep import ofrep_router
from holdfast.interfaces.api.resources import api
from holdfast.ledger import tables
from holdfast.ledger.database import Database
from support.company import PRIYA, TOMAS, VICTOR
from support.live import serving
from support.many_alerts import raise_many
from support.workspaces import NADIA, opened, settle

CAUSE = """\
facts:
  - text: Employment is thirteen times as long as ever
    links: [monitor:employment-years-drift, EV-1]
sequence:
  - at: 2026-11-18T00:00:00Z
    text: The broker released a new batch job
    assumption: true
factors:
  - group: data
    text: Nobody checks the unit of the batch
    links: [EV-4]
root_cause:
  text: The broker sends months
  links: [EV-1]
"""


SCOPES = ("--scope", "read", "--scope", "read-evidence", "--scope", "read-ledger")


@pytest.fixture
def live(company: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address that applications ask, over the same workspace."""
    application = joined.open_workspace(company.folder, None, company.clock)
    app = FastAPI()
    app.include_router(ofrep_router(application.read_switches, flags_access(application)))
    with serving(app) as address:
        monkeypatch.setenv("HOLDFAST_WEB_PUBLIC_URL", address)
        yield address


def written(shell: Any, name: str, text: str) -> str:
    path = Path(shell.folder) / name
    path.write_text(text)
    return str(path)


@pytest.mark.usefixtures("live")
def test_from_the_alert_to_the_archive(watched: Any) -> None:
    """R-XCT-08/embedded, R-XCT-08/postgresql."""
    shell = watched
    (ran,) = shell.done("monitor", "run")["runs"]
    assert ran["raised"]
    # The reaction has opened the incident before the command ended: no worker is running.
    # Before the log was there, its monitors could not measure; that alert is over.
    alert, before = shell.done("alert", "list")["alerts"]
    assert (before["facts"]["metric"], before["state"]) == ("cannot measure", "cleared")
    incident = alert["incident"]
    assert (incident, alert["outcome"]) == ("INC-1", "opened")
    assert "employment-years-drift" in shell.table("monitor", "list")
    assert "INC-1" in shell.table("alert", "list")

    shell.done("incident", "acknowledge", incident)
    assert shell.done("incident", "classify", incident)["status"] == "open"
    shell.done("incident", "hand-over", incident, "technical_lead", PRIYA.id, "-r", "Tomas is travelling")
    noted = shell.done("incident", "note", incident, "The broker called", "--at", "2026-11-23 08:00")
    assert [one["title"] for one in noted["entries"] if one["back_filled"]] == ["The broker called"]

    assert shell.done("impact", "show", incident)["count"]["exposed"]["users"] > 0
    counted = shell.done(
        *("impact", "count", incident, "--where", "channel=broker", "--because", "they send months")
    )
    assert "they send months" in shell.table("impact", "show", incident)
    form = shell("impact", "show", incident, "--yaml").out.replace("sensitive: null", "sensitive: false")
    assessed = shell.done("impact", "assess", incident, written(shell, "impact.yaml", form))
    assert assessed["assessment"]["affected"] == counted["people"] > 0

    shell.done("contain", "propose", incident, "broker-to-review", "-r", "only brokers")
    shell.done("contain", "approve", "INC-1-C1")
    assert shell.done("contain", "apply", "INC-1-C1")["stage"] == "switched"
    assert shell.done("incident", "show", incident)["incident"]["contained_at"] is None
    assert shell.done("contain", "probe", "INC-1-C1")["last_probe"]["ok"]
    assert shell.done("contain", "effect", "INC-1-C1")["effect"] == "unknown"

    assert shell.done("cause", "set", incident, written(shell, "cause.yaml", CAUSE))["established"]
    again = shell("cause", "show", incident, "--yaml").out
    size = shell.done("ledger", "facts")["size"]
    shell.done("cause", "set", incident, written(shell, "again.yaml", again))
    assert shell.done("ledger", "facts")["size"] == size  # what comes out goes in again, and says nothing new
    item = shell.done(
        *("remediation", "plan", incident, "Divide by twelve", "--kind", "code_fix"),
        *("--responsible", TOMAS.id, "--deadline", "2026-12-24", "--test", "replay of the batch"),
    )["item"]
    assert item in shell.table("remediation", "list")
    shell.done("remediation", "start", item)
    shell.clock.pass_by(timedelta(hours=1))
    shell.done("remediation", "finish", item, "Deployed 3.2.1", person=TOMAS.id)
    proof = ("remediation", "verify", item, "The batch scores as before", "--link", "EV-1")
    assert shell.done(*proof, person=PRIYA.id)["standing"] == "verified"

    resolve = ("incident", "resolve", incident, "Months are divided at the gate.")
    assert "is open, last seen" in shell(*resolve).sentence
    shell.done(*resolve, "--unverified-because", "its window was before the fix")
    assert shell.done("contain", "revert", "INC-1-C1", "-r", "the fix works")["stage"] == "released"
    drafted = shell.done("review", "draft", incident)
    for question in drafted["unanswered"]:
        shell.done("review", "edit", incident, "--question", question, "--answer", "Units are agreed now.")
    attended = "attendees: [Maya Okafor, Tomas Lind]\n"
    shell.done("review", "edit", incident, "--from", written(shell, "review.yaml", attended))
    assert shell.done("review", "complete", incident)["completed_at"]
    assert len(shell.done("incident", "close", incident, "Nobody was harmed.")["record_sha256"]) == 64
    assert "archived" in shell("incident", "note", incident, "too late").sentence
    assert shell.done("ledger", "check")["holds"]
    everything = [
        ("incident", "list"),
        ("incident", "show", incident),
        ("contain", "list", incident),
        ("evidence", "list", incident),
        ("impact", "show", incident),
        ("cause", "show", incident),
        ("remediation", "list", incident),
        ("review", "show", incident),
        ("ledger", "check"),
        ("ledger", "facts"),
        ("playbook", "show"),
        ("people", "list"),
        ("monitor", "list"),
    ]
    for words in everything:
        assert shell.table(*words).strip()


def test_a_title_is_enough_and_the_evidence_is_frozen(company: Any) -> None:
    said = company.table("incident", "declare", "Applicants complain")
    assert "INC-1 is open" in said
    assert "Evidence frozen" in said
    assert company("incident", "declare").code == 2
    assert "TITLE: is empty; say what belongs here" in company("incident", "declare", " ").sentence
    assert "did you mean loan-approval" in company("incident", "declare", "x", "--system", "loan").sentence
    assert company("incident", "declare", "x", "--began", "yesterday").code == 2
    wrong = company("incident", "declare", "x", "--severity", "critcal")
    assert wrong.code == 2
    assert "--severity" in wrong.sentence
    assert "did you mean critical?" in wrong.sentence


def test_what_a_person_reported_is_not_called_a_proposal_of_the_rules(company: Any) -> None:
    company.done("incident", "declare", "Applicants complain", "--severity", "critical")
    said = " ".join(company.table("incident", "show", "INC-1").split())
    assert "proposed by the rules" not in said
    assert "SEV-1 critical, unexpected behaviour (not confirmed; the rules propose SEV-3 medium" in said
    company.done("incident", "declare", "Refusals without reasons", "--separate")
    said = " ".join(company.table("incident", "show", "INC-2").split())
    assert "(proposed by the rules; confirm with classify)" in said


def test_a_review_names_as_known_from_the_record_only_what_the_record_answers(company: Any) -> None:
    company.done("incident", "declare", "Applicants complain")
    drafted = company.done("review", "draft", "INC-1")
    assert "root_cause" in drafted["unanswered"]
    assert "what_happened" in drafted["from_record"]
    assert not set(drafted["unanswered"]) & set(drafted["from_record"])


def test_a_containment_that_is_not_proven_is_told_and_fails(company: Any) -> None:
    company.done("incident", "declare", "Approvals fell", "--system", "loan-approval")
    company.done("contain", "propose", "INC-1", "loan-approval-off")
    assert "is not approved yet" in company("contain", "apply", "INC-1-C1").sentence
    company.done("contain", "approve", "INC-1-C1")
    said = company("contain", "apply", "INC-1-C1")
    assert said.code == 1
    assert said.json["stage"] == "failed"
    assert "is `holdfast serve` running" in said.sentence
    assert company.done("incident", "show", "INC-1")["incident"]["status"] == "triage"


def test_evidence_comes_out_as_it_went_in_and_every_access_is_recorded(company: Any, tmp_path: Path) -> None:
    company.done("incident", "declare", "Approvals fell")
    note = tmp_path / "call.txt"
    note.write_text("they send months")
    added = company.done("evidence", "add", "INC-1", str(note), "--title", "Call")
    target = tmp_path / "out.txt"
    company.done("evidence", "get", "INC-1", added["item"], "-o", str(target), person=VICTOR.id)
    assert target.read_bytes() == note.read_bytes()
    assert "already there" in company("evidence", "get", "INC-1", added["item"], "-o", str(target)).sentence
    assert company("evidence", "get", "INC-1", added["item"], "-o", "-").out == "they send months"
    refused = company("evidence", "get", "INC-1", added["item"], person=NADIA.id)
    assert (refused.code, "may not read evidence" in refused.sentence) == (1, True)
    told = [one["data"] for one in company.done("ledger", "facts", "--type", "evidence.accessed")["facts"]]
    assert [one["how"] for one in told] == ["download", "download", "download", "refused"]
    assert company.done("evidence", "verify", "INC-1")["holds"]


def test_changed_evidence_is_never_given_out_as_a_file(company: Any, tmp_path: Path) -> None:
    company.done("incident", "declare", "Approvals fell")
    item = company.done("evidence", "list", "INC-1")["items"][0]
    stored = company.folder / "vault" / item["sha256"][:2] / item["sha256"]
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    verified = company("evidence", "verify", "INC-1")
    assert (verified.code, verified.json["holds"]) == (1, False)
    assert item["item"] in company("evidence", "verify", "INC-1", "--table").out
    target = tmp_path / "evidence"
    got = company("evidence", "get", "INC-1", item["item"], "-o", str(target))
    assert (got.code, "was changed" in got.sentence) == (1, True)
    assert list(tmp_path.glob("*evidence*")) == []
    streamed = company("evidence", "get", "INC-1", item["item"], "-o", "-")
    assert (streamed.code, streamed.out, "was changed" in streamed.sentence) == (1, "", True)
    told = [one["data"] for one in company.done("ledger", "facts", "--type", "evidence.accessed")["facts"]]
    assert [(one["item"], one["how"]) for one in told] == [
        ("all items", "listed"),
        (item["item"], "refused"),
        (item["item"], "refused"),
    ]


def test_who_may_not_read_evidence_is_shown_no_list_on_a_terminal_either(company: Any) -> None:
    """R-EVD-06: the look is on the record, and so is the refusal."""
    company.done("incident", "declare", "Approvals fell")
    company.done("evidence", "list", "INC-1")
    for words in (("list", "INC-1"), ("verify", "INC-1"), ("get", "INC-1", "EV-1")):
        refused = company("evidence", *words, person=NADIA.id)
        assert (refused.code, refused.out) == (1, "")
        assert "Nadia Petrov may not read evidence" in refused.sentence
    facts = company.done("ledger", "facts", "--type", "evidence.accessed")["facts"]
    assert [(one["by"]["name"], one["data"]["item"], one["data"]["how"]) for one in facts] == [
        ("Maya Okafor", "all items", "listed"),
        ("Nadia Petrov", "all items", "refused"),
        ("Nadia Petrov", "all items", "refused"),
        ("Nadia Petrov", "EV-1", "refused"),
    ]


def test_a_file_that_is_wrong_is_told_line_by_line(company: Any) -> None:
    company.done("incident", "declare", "Approvals fell", "--system", "loan-approval")
    wrong = "facts:\n  - text: x\n    link: [EV-1]\nfactors:\n  - {group: dat, text: y, links: [EV1]}\n"
    said = company("cause", "set", "INC-1", written(company, "cause.yaml", wrong))
    assert said.code == 2
    assert "cause.yaml:3:5 facts[0].link: is not known here; did you mean links?" in said.err
    assert "did you mean data?" in said.err
    assert "'EV1' is no link" in said.err
    assert "is not there" in company("cause", "set", "INC-1", "nowhere.yaml").sentence
    assert "EV-9" in company("cause", "set", "INC-1", "-", stdin=CAUSE.replace("EV-4", "EV-9")).sentence


def test_what_is_not_there_is_told_in_a_sentence(company: Any) -> None:
    for words in (
        ("incident", "show", "INC-9"),
        ("incident", "acknowledge", "INC-9"),
        ("contain", "apply", "INC-9-C1"),
        ("contain", "list", "INC-9"),
        ("evidence", "list", "INC-9"),
        ("evidence", "get", "INC-9", "EV-1"),
        ("impact", "show", "INC-9"),
        ("cause", "show", "INC-9", "--yaml"),
        ("remediation", "start", "INC-9-R1"),
        ("review", "show", "INC-9"),
        ("alert", "open", "ALR-9"),
        ("monitor", "run", "loan"),
        ("playbook", "show", "9.9"),
        ("ledger", "proof", "99999"),
    ):
        said = company(*words)
        assert said.code == 1, words
        assert said.err.startswith("holdfast: "), words
        assert said.out == "", words
        assert "Traceback" not in said.err


def test_who_lacks_authority_is_told_whose_it_is(company: Any) -> None:
    company.done("incident", "declare", "Approvals fell")
    said = company("incident", "dismiss", "INC-1", "-r", "a test", person=PRIYA.id)
    assert (said.code, "Ask Maya Okafor" in said.sentence) == (1, True)
    company.done("incident", "dismiss", "INC-1", "-r", "a test")


def test_nothing_in_a_title_commands_the_terminal(company: Any) -> None:
    """A title may come from a log or an e-mail: escape sequences are shown and never obeyed."""
    company.done("incident", "declare", "\x1b[2J\x1b]0;owned\x07 [red]bold[/red] \u202egnp.exe")
    for words in (("incident", "list"), ("incident", "show", "INC-1")):
        said = company.table(*words)
        assert "\x1b" not in said
        assert "\x07" not in said
        assert "\u202e" not in said
        assert "[red]bold[/red]" in said.replace("\n", "")


def test_json_of_the_command_line_is_what_the_api_answers(company: Any) -> None:
    """R-XCT-03/terminal."""
    company.done("incident", "declare", "Approvals fell", "--system", "loan-approval")
    application = joined.open_workspace(company.folder, None, company.clock)
    app = FastAPI()
    app.include_router(api(application))
    token = company.done("people", "token", "t", *SCOPES)["secret"]
    client = TestClient(app, headers={"Authorization": f"Bearer {token}"})
    shown = company.done("incident", "show", "INC-1")
    assert client.get("/api/v1/incidents/INC-1").json() == shown["incident"]
    assert client.get("/api/v1/incidents/INC-1/timeline").json()["entries"] == shown["timeline"]
    for path, words in (
        ("/incidents", ("incident", "list")),
        ("/incidents/INC-1/evidence", ("evidence", "list", "INC-1")),
        ("/incidents/INC-1/impact", ("impact", "show", "INC-1")),
        ("/incidents/INC-1/cause", ("cause", "show", "INC-1")),
        ("/incidents/INC-1/review", ("review", "show", "INC-1")),
        ("/incidents/INC-1/containment-offers", ("contain", "offers", "INC-1")),
        ("/playbook/versions", ("playbook", "versions")),
        ("/ledger/facts/3/proof", ("ledger", "proof", "3")),
        ("/ledger/checkpoint", ("ledger", "seal")),
    ):
        assert client.get(f"/api/v1{path}").json() == company.done(*words), path


def test_the_check_names_the_entry_that_was_edited(company: Any, database_url: str) -> None:
    """A fact or a projection edited by hand: exit code 1, and the entry by name."""
    company.done("incident", "declare", "Approvals fell")
    assert "Everything holds" in company.table("ledger", "check")
    database = Database(database_url)
    with database.writing() as conn:
        conn.execute(tables.facts.update().where(tables.facts.c.seq == 3).values(payload=b"{}"))
    said = company("ledger", "check", "--table")
    assert said.code == 1
    assert "fact 3 (system.applied on system/customer-assistant)" in said.out.replace("\n", " ")
    database.close()


def test_a_projection_edited_by_hand_is_named_and_can_be_added_up_again(
    company: Any, database_url: str
) -> None:
    company.done("incident", "declare", "Approvals fell")
    database = Database(database_url)
    with database.writing() as conn:
        conn.execute(incidents.update().values(title="Nothing happened"))
    database.close()
    said = company("ledger", "check")
    assert said.code == 1
    assert any("INC-1" in problem and "Nothing happened" in problem for problem in said.json["problems"])
    company.done("ledger", "rebuild")
    assert company.done("ledger", "check")["holds"]


def test_a_worker_beside_the_commands_does_no_harm(watched: Any) -> None:
    """What the command settled the worker finds done, and the other way round."""
    watched.done("monitor", "run")
    assert watched.done("worker", "--once", person="")["failing"] == {}
    watched.done("incident", "acknowledge", "INC-1")
    watched.done("worker", "--once", person="")
    assert watched.done("incident", "list")["total"] == 1
    assert watched.done("ledger", "check")["holds"]


def test_even_a_fault_of_the_program_is_a_sentence(
    company: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("holdfast.incident.register.find", broken)
    said = company("incident", "list")
    assert (said.code, "not foreseen (ZeroDivisionError: by zero)" in said.sentence) == (1, True)
    (log,) = tmp_path.glob("holdfast-*.log")
    assert "Traceback" in log.read_text()


def test_everything_says_what_it_does(company: Any) -> None:
    help_ = company("--help").out
    assert "Exit codes: 0 done" in " ".join(help_.split())
    for noun in ("playbook", "people", "monitor", "alert", "incident", "contain", "evidence", "impact"):
        assert noun in help_
    for words in (("incident", "declare"), ("monitor", "backtest"), ("evidence", "get"), ("ledger", "check")):
        said = company(*words, "--help")
        assert said.code == 0
        assert "--workspace" in said.out
    assert company("incident").code == 2
    assert company("nonsense").code == 2


def test_alerts_are_handled_together_at_a_terminal(shell: Any, database_url: str) -> None:
    """R-DET-09."""
    application = opened(shell.folder, database_url, shell.clock)
    settle(application)
    names = raise_many(application, 30)
    application.ledger.database.close()
    table = " ".join(shell.table("alert", "list").split())
    assert "30 ×" in table
    assert "30 alerts of" in table
    assert "30 out of bounds" in table
    waiting = {one["alert"] for one in shell.done("alert", "list", "--waiting")["alerts"]}
    assert set(names) <= waiting
    assert len(waiting) == 31, "and one that the system's log is not there"
    seen = shell.done("alert", "acknowledge", "--monitor", "loan-approval/missing-values")["alerts"]
    assert all(one["acknowledged_by"] for one in seen)
    refused = shell("alert", "set-aside", *names, "ALR-999", "--reason", "noise")
    assert refused.code == 1
    assert "there is no alert ALR-999" in refused.sentence
    assert shell("alert", "attach", *names, "--incident", "INC-9").code == 1
    incident = shell.done("incident", "declare", "Gaps")["incident"]
    shell.done("alert", "attach", *names[:20], "--incident", incident)
    inside = ("--monitor", "loan-approval/missing-values", "--incident", incident)
    assert len(shell.done("alert", "acknowledge", *inside)["alerts"]) == 20
    left = shell.done("alert", "set-aside", *inside, "--reason", "A load test", "--false-alarm")["alerts"]
    assert {(one["outcome"], one["false_alarm"]) for one in left} == {("set aside", True)}
    nothing = shell("alert", "acknowledge", *inside)
    assert f"no alert of loan-approval/missing-values belongs to {incident}" in nothing.sentence
    assert "Name their monitor with it" in shell("alert", "acknowledge", "--incident", incident).sentence
    names = names[20:]
    done = shell.done("alert", "set-aside", *names, "--reason", "A load test", "--false-alarm")["alerts"]
    assert {(one["outcome"], one["false_alarm"]) for one in done} == {("set aside", True)}
    nothing = shell("alert", "acknowledge", "--monitor", "loan-approval/missing-values")
    assert "no alert of loan-approval/missing-values waits for a person" in nothing.sentence
