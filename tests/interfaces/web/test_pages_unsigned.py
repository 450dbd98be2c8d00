"""Pages of a workspace whose playbook nobody has signed yet: what is waited for, and for whom."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from holdfast.app import initialise, open_workspace
from holdfast.application import Application
from holdfast.detect.events import AlertRaised
from holdfast.detect.passing import told_said
from holdfast.detect.records import Alert
from holdfast.incident.events import AlertFacts
from holdfast.incident.loading import load
from holdfast.interfaces.api import health
from holdfast.interfaces.cli.main import build
from holdfast.interfaces.health import for_readers
from holdfast.interfaces.standing import standing_of
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger.ledger import Draft
from holdfast.people import SYSTEM
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.versions import apply_workspace, approve_playbook, playbook_versions_of
from holdfast.prepare.workspace import load_workspace
from holdfast.settings import Settings
from support.alerted import alert_facts
from support.company import HELEN, MAYA, SIGNATURES
from support.pages import PASSWORD, START, Reader, SetClock, signed_in
from support.shells import on, wired


@pytest.fixture
def unsigned(tmp_path: Path) -> Application:
    write_workspace(tmp_path)
    initialise(Settings.load(tmp_path, {}))
    application = open_workspace(tmp_path, {"HOLDFAST_WEB_PUBLIC_URL": "http://testserver"}, SetClock())
    apply_workspace(application.ledger, load_workspace(tmp_path), HELEN, START)
    for person in (HELEN, MAYA):
        application.accounts.create(person.id, PASSWORD, person, START)
    return application


@pytest.fixture
def helen(unsigned: Application) -> Reader:
    return signed_in(unsigned, HELEN)


def _facts() -> AlertFacts:
    return alert_facts(
        START,
        monitor="accuracy",
        monitor_name="Accuracy",
        dimension="performance",
        metric="accuracy",
        value=0.7,
        lower=0.6,
        upper=0.75,
        limit=0.8,
        n=400,
        reason="Accuracy 0.7 lies under the limit 0.8",
    )


def _alert(
    application: Application, raised: datetime = START, tells: tuple[str, ...] = ("technical_lead",)
) -> None:
    fact = AlertRaised(system="loan-approval", series="accuracy", tells=tells, alert=_facts())
    application.ledger.append(Draft("alert/ALR-1", 0, [fact]), by=SYSTEM, at=raised)


WIRING = wired(on(SetClock()))


def test_a_missing_signature_names_who_gives_it(unsigned: Application, helen: Reader) -> None:
    card = helen.page("/playbook").text
    assert "Engineering not signed yet Maya Okafor" in card
    assert "Security not signed yet Samuel Adeyemi" in card
    content = playbook_versions_of(unsigned.ledger)[0].content
    approve_playbook(unsigned.ledger, content, "engineering", MAYA, START)
    assert "Engineering Maya Okafor 2" in helen.page("/playbook").text


def test_an_alert_that_no_playbook_decides_on_is_not_said_to_be_decided_in_a_moment(
    unsigned: Application, helen: Reader
) -> None:
    _alert(unsigned)
    said = helen.page("/alerts").text
    assert "no playbook is in force" in said
    assert "in a moment" not in said


def test_an_alert_says_who_is_told_of_it_before_the_playbook_is_signed(
    unsigned: Application, helen: Reader, tmp_path: Path
) -> None:
    """R-DET-10: on the page, over the API's shape and at the terminal."""
    _alert(unsigned)
    assert "told within minutes" in helen.page("/alerts").text
    worker, now = Worker(unsigned), unsigned.clock.now()
    worker.round(now)
    worker.fire(now + timedelta(minutes=1))
    assert "Messages queued to Tomas Lind." in helen.page("/alerts").text
    assert health.document(unsigned)["alerts_untold"] == 0
    listed = CliRunner().invoke(build(WIRING), ["--workspace", str(tmp_path), "alert", "list", "--table"])
    assert "Messages queued to Tomas Lind." in " ".join(listed.stdout.split())
    listed = CliRunner().invoke(build(WIRING), ["--workspace", str(tmp_path), "alert", "list", "--json"])
    (told,) = (one["told"] for one in json.loads(listed.stdout)["alerts"] if one["alert"] == "ALR-1")
    assert told == ["tomas.lind@harbourstreet.example"]


def test_an_alert_that_nobody_was_told_of_is_said_everywhere_until_somebody_looks_into_it(
    unsigned: Application, helen: Reader
) -> None:
    """R-XCT-07: a worker that does not come to it, or a monitor whose names were lost."""
    _alert(unsigned, tells=())
    clock = unsigned.clock
    assert isinstance(clock, SetClock)
    Worker(unsigned).round(clock.now())
    Worker(unsigned).round(clock.pass_(timedelta(minutes=6)))
    assert "Nobody was told of it: no message about it was queued." in helen.page("/alerts").text
    assert "Nobody was told of 1 alert." in helen.page("/").text
    found = health.document(unsigned)
    assert (found["healthy"], found["alerts_untold"]) == (False, 1)
    assert "holdfast_alerts_untold 1" in "\n".join(health.exposition(unsigned))
    maya = signed_in(unsigned, MAYA)
    assert "Acknowledge" in maya.page("/alerts").text
    sent = {"card": "ALR-1", "alerts": "ALR-1", "tab": ""}
    assert maya.post("/alerts/acknowledgement", sent).status_code == 303
    assert health.document(unsigned)["alerts_untold"] == 0
    assert "Nobody was told of 1 alert." not in maya.page("/").text


def test_without_a_roster_an_alert_says_that_nobody_is_told() -> None:
    at = START
    facts = replace(_facts(), alert="ALR-9")
    alert = Alert("ALR-9", "s", "m", "open", at, 1, at, None, "waiting", "", "", False, facts)
    assert told_said(alert, None, at) == "Nobody is told of it: no roster is in force."


def test_gaps_are_not_known_while_no_playbook_asks_for_anything(helen: Reader) -> None:
    """0 would say that nothing is missing."""
    said = helen.page("/systems").text
    assert "Gaps not known no playbook is in force" in said
    assert "not asked for" not in said
    assert "as the playbook asks" not in helen.page("/systems/loan-approval").text


def test_every_place_of_the_playbook_page_has_a_name_of_its_own(unsigned: Application, helen: Reader) -> None:
    """A link of its contents leads to one place, also beside the regular review of the version in force."""
    content = playbook_versions_of(unsigned.ledger)[0].content
    for function, signer in SIGNATURES.items():
        approve_playbook(unsigned.ledger, content, function, signer, START)
    assert "Regular review" in helen.page("/playbook").text
    names = re.findall(r'\bid="([^"]+)"', helen.page("/playbook").html)
    assert sorted(names) == sorted(set(names))


def test_how_many_monitors_are_out_of_bounds_is_not_known_before_one_has_measured(helen: Reader) -> None:
    for address in ("/", "/systems"):
        said = helen.page(address).text
        assert "Monitors out of bounds not known" in said, address
        assert "0 of 9" not in said


def test_an_unsigned_playbook_is_waited_for_and_fails_nothing(unsigned: Application, helen: Reader) -> None:
    """R-XCT-07: what is waited for is said once; the alert is taken up when it is signed."""
    _alert(unsigned)
    worker, now = Worker(unsigned), unsigned.clock.now()
    worker.round(now)
    assert not any("triage" in what for what in worker.failing)
    (reason,) = {why for what, why in worker.waiting.items() if what == "reaction triage alerts"}
    assert "waits for the signature of engineering" in reason
    said = health.document(unsigned)
    assert said["waiting_for"] == "signatures of the playbook"
    assert for_readers(standing_of(unsigned)).waiting_because == reason
    assert said["failing"] == []
    assert "holdfast_playbook_in_force 0" in "\n".join(health.exposition(unsigned))
    page = helen.page("/").text
    assert page.count("waits for the signature of") == 1
    assert "keeps failing" not in page
    content = playbook_versions_of(unsigned.ledger)[0].content
    for function, signer in SIGNATURES.items():
        approve_playbook(unsigned.ledger, content, function, signer, now)
    worker.round(now + timedelta(minutes=1))
    assert worker.waiting == {}
    assert load(unsigned.ledger, "INC-1").state.id == "INC-1"
    assert health.document(unsigned)["waiting_for"] is None


def test_commands_do_not_warn_of_an_unsigned_playbook_and_the_worker_says_it_once(
    unsigned: Application, tmp_path: Path
) -> None:
    _alert(unsigned)
    before = ["--workspace", str(tmp_path), "--as", MAYA.id]
    signed = CliRunner().invoke(build(WIRING), [*before, "playbook", "approve", "engineering"])
    assert (signed.exit_code, signed.stderr) == (0, "")
    found = CliRunner().invoke(build(WIRING), [*before, "worker", "--once", "--table"])
    assert found.stdout.count("Waiting: no playbook is in force") == 1
