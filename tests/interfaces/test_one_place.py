"""Every number that is shown twice comes from one place: page, API, terminal and report agree.

One workspace is read through each of them, as a person, a program, a shell and an auditor read it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from holdfast import wording
from holdfast.application import Application
from holdfast.audit.dossier import gather
from holdfast.audit.report.content import content
from holdfast.detect import records
from holdfast.detect.bounds import Known
from holdfast.detect.marks import Tally
from holdfast.incident import communication
from holdfast.incident.events import Contained, ContainmentLost, ImpactNoted, Resolved
from holdfast.incident.loading import load
from holdfast.interfaces.api import health
from holdfast.interfaces.api.resources import PREFIX, api
from holdfast.interfaces.cli.main import build
from holdfast.interfaces.standing import standing_of
from holdfast.investigate import assessing
from holdfast.investigate.counting import Counted
from holdfast.investigate.events import ImpactCounted, ImpactWatched, UserImpact
from holdfast.investigate.impact import Assessment
from holdfast.learn import reviewing
from holdfast.learn.measures import measures_of
from holdfast.learn.prefilling import prefill
from holdfast.ledger.ledger import Draft
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import SYSTEM, Permission
from holdfast.prepare.terms import ReviewQuestion
from holdfast.prepare.versions import active_playbook, active_systems
from support.company import HELEN, MAYA, TOMAS
from support.lender_pages import DRIFT, LOANS, open_lender
from support.merged import absorbed
from support.opened import tell
from support.pages import Reader, SetClock, signed_in
from support.shells import on, wired

INCIDENT = "INC-1"
MINUTE = timedelta(minutes=1)


@dataclass
class Company:
    """One workspace and its four faces."""

    application: Application
    folder: Path
    clock: SetClock
    page: Reader
    token: str

    def read(self, path: str) -> str:
        """A page as text, without its breaks."""
        return " ".join(self.page.page(path).text.split())

    def ask(self, path: str, sends: Any = None) -> Any:
        """The API's answer, to what is sent if anything is."""
        served = FastAPI()
        served.include_router(api(self.application))
        answer = TestClient(served).request(
            "GET" if sends is None else "POST",
            f"{PREFIX}{path}",
            json=sends,
            headers={"Authorization": f"Bearer {self.token}"},
        )
        assert answer.is_success, answer.text
        return answer.json()

    def type(self, *words: str) -> str:
        """What the terminal answers."""

        wiring = wired(on(self.clock))
        before = ["--workspace", str(self.folder), "--as", MAYA.id]
        result = CliRunner().invoke(build(wiring), [*before, *words])
        assert result.exit_code == 0, result.output
        return result.stdout

    @property
    def report(self) -> str:
        """Everything the report says, before it is typeset."""
        made = content(gather(self.application.ledger, INCIDENT), by=HELEN, at=self.clock.now())
        return json.dumps(made, default=str, ensure_ascii=False)


@pytest.fixture
def company(tmp_path: Path) -> Company:
    clock = SetClock()
    application = open_lender(tmp_path, clock)
    now = clock.now()
    until = now + timedelta(days=30)
    secret, _ = application.accounts.tokens.issue(
        MAYA.id, "test", [Permission.READ, Permission.DECLARE], until, MAYA, now, "person"
    )
    return Company(application, tmp_path, clock, signed_in(application, MAYA), secret)


# Monitors --------------------------------------------------------------------------------------


def test_the_number_of_monitors_is_one_number(company: Company) -> None:
    """A monitor of several columns is as many as it has columns, wherever they are counted or listed."""
    written = active_systems(company.application.ledger)[LOANS].model.monitors
    listed = company.ask(f"/systems/{LOANS}/monitors")["monitors"]
    many = len(listed)
    assert many > len(written), "one is written for several columns"
    assert company.ask(f"/systems/{LOANS}")["monitors"] == many
    (counted,) = [one for one in company.ask("/systems")["systems"] if one["system"] == LOANS]
    assert counted["monitors"] == many
    (typed,) = json.loads(company.type("monitor", "list", LOANS))["systems"]
    assert typed["monitors"] == listed
    assert f"of {many}" in company.read("/systems")
    total = sum(one["monitors"] for one in company.ask("/systems")["systems"])
    assert f"of {total}" in company.read("/")
    assert f"Monitor configuration of Loan approval, {many} monitors" in company.report
    page = company.page.page(f"/systems/{LOANS}").html
    assert all(f'/monitors/{one["monitor"]}"' in page for one in listed)


def test_what_is_known_of_all_monitors_is_one_sentence(company: Company) -> None:
    """Home, health check, metrics, inbox and terminal say the same; only what was computed is called so."""
    said = health.document(company.application)["monitors"]
    assert isinstance(said, dict)
    assert said["said"] in " ".join(company.type("monitor", "list", "--table").split())
    assert standing_of(company.application).bounds.rest in company.read("/")
    assert standing_of(company.application).bounds.rest in company.read(f"/systems/{LOANS}")
    assert said["said"] in company.read("/alerts?system=nothing")
    metrics = "\n".join(health.exposition(company.application))
    for known in Known:
        key = known.value.replace(" ", "_")
        assert f'holdfast_monitors{{known="{key}"}} {said[key]}' in metrics
    total = sum(one["monitors"] for one in company.ask("/systems")["systems"])
    assert sum(said[known.value.replace(" ", "_")] for known in Known) == total


def test_alerts_of_the_monitors_add_up_to_those_of_their_system(company: Company) -> None:
    with company.application.ledger.reading() as conn:
        raised = sum(of for _, of in records.false_alarms(conn, LOANS).values())
    assert raised
    assert sum(one["alerts"] for one in company.ask(f"/systems/{LOANS}/monitors")["monitors"]) == raised


def test_a_window_has_one_name(company: Company) -> None:
    (said,) = {
        one["window"]
        for one in company.ask(f"/systems/{LOANS}/monitors")["monitors"]
        if one["monitor"] == DRIFT
    }
    assert said == "daily windows"
    assert said in company.read(f"/systems/{LOANS}/monitors/{DRIFT}")
    assert said in company.read(f"/systems/{LOANS}")
    assert said in company.type("monitor", "list", LOANS, "--table")
    assert said in company.report


# Declaring and impact --------------------------------------------------------------------------


def test_a_title_is_enough_on_page_api_and_terminal(company: Company) -> None:
    """R-DET-11/everywhere."""
    sent = company.page.post("/declare", {"title": "By page", "join": "new"})
    assert sent.status_code == 303
    assert company.ask("/incidents", {"title": "By program", "separate": True})["title"] == "By program"
    assert (
        json.loads(company.type("incident", "declare", "By terminal", "--separate"))["title"] == "By terminal"
    )
    declared = [one["title"] for one in company.ask("/incidents")["incidents"]]
    assert {"By page", "By program", "By terminal"} <= set(declared)


def test_what_is_not_known_is_a_zero_nowhere(company: Company) -> None:
    """R-XCT-11/unknown: nobody has said whom an incident touched, and nothing counted it."""
    incident = json.loads(company.type("incident", "declare", "Letters are wrong", "--separate"))["incident"]
    assert company.ask(f"/incidents/{incident}")["impact"] is None
    shown = company.ask(f"/incidents/{incident}/impact")
    assert (shown["count"], shown["people"]) == (None, None)
    made = content(gather(company.application.ledger, incident), by=HELEN, at=company.clock.now())
    report = json.dumps(made, default=str)
    table = " ".join(company.type("impact", "show", incident, "--table").split())
    page, overview = company.read(f"/incidents/{incident}/impact"), company.read(f"/incidents/{incident}")
    assert "People affected not known" in page
    assert "People affected not known" in overview
    assert '{"word": "Began", "day": "not known"' in report
    assert "Nothing is counted yet" in table
    for told in (page, overview, report, table):
        assert not re.search(r"\b0 (people|inferences|predictions)", told)


def test_a_threshold_is_worded_once(company: Company) -> None:
    """Page, API and terminal say the same of what raises an alarm."""
    monitors = company.ask(f"/systems/{LOANS}/monitors")["monitors"]
    page = company.read(f"/systems/{LOANS}")
    typed = " ".join(company.type("monitor", "list", LOANS, "--table").split())
    assert len({one["threshold"] for one in monitors}) > 2
    for one in monitors:
        assert one["threshold"] in page
        assert one["threshold"].split("; ")[0].split()[0] in typed
    (typed_json,) = json.loads(company.type("monitor", "list", LOANS))["systems"]
    assert [one["threshold"] for one in typed_json["monitors"]] == [one["threshold"] for one in monitors]


def test_what_was_measured_is_said_in_the_mail_as_everywhere_else(company: Company) -> None:
    """The numbers of an alert reach people first by mail."""
    (alert,) = company.ask(f"/incidents/{INCIDENT}")["alerts"][:1]
    facts = [one.fact for one in company.application.ledger.facts()]
    opened = [
        one
        for one in facts
        if isinstance(one, MessageQueued) and (one.incident, one.about) == (INCIDENT, "opened")
    ]
    assert opened
    for message in opened:
        assert wording.where_read(alert["reason"], "UTC") in wording.where_read(message.text, "UTC")
    assert alert["reason"] in company.report or f"{alert['value']:.2f}" in company.report


def test_at_least_so_many_people_is_said_wherever_the_number_is(company: Company) -> None:
    """R-IMP-02: what the rules of a count can only bound from below looks like an exact number nowhere."""
    ledger, now = company.application.ledger, company.clock.now()
    counted = ImpactCounted(
        incident=INCIDENT,
        number=len(assessing.impact_of(ledger, INCIDENT).counts) + 1,
        system=load(ledger, INCIDENT).state.system,
        start=now - timedelta(days=1),
        end=now,
        where={},
        counted=Counted(Tally(1000, 800), Tally(400, 342), False, ("income is missing",), 4000, now),
    )
    stream = ledger.stream(assessing.stream_of(INCIDENT))
    ledger.append(Draft(stream.name, stream.version, [counted]), by=MAYA, at=now)
    impact = assessing.impact_of(ledger, INCIDENT)
    (assessed,) = impact.assess(INCIDENT, Assessment(UserImpact(kind="applicants")))
    stream = ledger.stream(assessing.stream_of(INCIDENT))
    ledger.append(Draft(stream.name, stream.version, [assessed]), by=MAYA, at=now)
    tell(ledger, INCIDENT, impact.noted(INCIDENT), at=now)
    review = prefill(reviewing.material(ledger, load(ledger, INCIDENT).state))[ReviewQuestion.IMPACT]
    for one in [*faces_of_impact(company), review]:
        one = " ".join(one.split())
        assert "342" in one, one
        assert len(re.findall(r"\b342\b", one)) == len(re.findall(r"[Aa]t least 342\b", one)), one
    known = company.ask(f"/incidents/{INCIDENT}")["impact"]
    assert (known["users"], known["users_at_least"]) == (342, True)
    shown = company.ask(f"/incidents/{INCIDENT}/impact")
    assert (shown["people"], shown["at_least"], shown["assessment"]["at_least"]) == (342, True, True)


def faces_of_impact(company: Company) -> list[str]:
    """What everybody who reads of the impact is told: pages, terminal, report, mail."""
    ledger = company.application.ledger
    said = [
        *(
            company.read(path)
            for path in ("/incidents", f"/incidents/{INCIDENT}", f"/incidents/{INCIDENT}/impact")
        ),
        company.type("incident", "show", INCIDENT, "--table"),
        company.type("impact", "show", INCIDENT, "--table"),
        company.report,
        communication._summary(load(ledger, INCIDENT).state),
    ]
    return [" ".join(one.split()) for one in said]


def test_how_old_the_number_of_people_is_stands_wherever_it_does(company: Company) -> None:
    """R-IMP-02: as of when it was counted, and whether the harm goes on since; also where counting fails."""
    ledger, now = company.application.ledger, company.clock.now()
    number = len(assessing.impact_of(ledger, INCIDENT).counts) + 1
    counted = ImpactCounted(
        incident=INCIDENT,
        number=number,
        system=load(ledger, INCIDENT).state.system,
        start=now - timedelta(days=1),
        end=now,
        where={},
        counted=Counted(Tally(1000, 800), Tally(400, 342), True, ("income is missing",), 4000, now),
    )
    watched = ImpactWatched(incident=INCIDENT, number=number, as_of=now + 3 * MINUTE)
    failed = ImpactWatched(
        incident=INCIDENT, as_of=now + 9 * MINUTE, failed="the log is away", due=now + 30 * MINUTE
    )
    stream = ledger.stream(assessing.stream_of(INCIDENT))
    ledger.append(Draft(stream.name, stream.version, [counted, watched, failed]), by=SYSTEM, at=now)
    impact = assessing.impact_of(ledger, INCIDENT)
    tell(ledger, INCIDENT, impact.noted(INCIDENT), at=now)
    when, harm = wording.utc(now + 3 * MINUTE), load(ledger, INCIDENT).state.harm
    assert harm
    review = prefill(reviewing.material(ledger, load(ledger, INCIDENT).state))[ReviewQuestion.IMPACT]
    assert f"As of {when}" in review
    said = faces_of_impact(company)
    for one in said:
        assert "342" in one, one
        assert when in one, one
        assert harm in one, one
    assert ["the log is away" in one for one in said] == [False, *[True] * 5, False], "all but list and mail"
    known = company.ask(f"/incidents/{INCIDENT}")
    assert datetime.fromisoformat(known["impact"]["as_of"]) == now + 3 * MINUTE
    shown = company.ask(f"/incidents/{INCIDENT}/impact")
    assert datetime.fromisoformat(shown["as_of"]) == now + 3 * MINUTE
    assert datetime.fromisoformat(shown["counts"][-1]["as_of"]) == now + 3 * MINUTE
    assert (known["harm"], shown["harm"], shown["failed"]) == (harm, harm, "the log is away")


def test_what_is_known_of_a_merged_incident_stands_wherever_the_number_does(company: Company) -> None:
    """R-DET-15, R-IMP-01: it counts here, so that every face of the impact shows it."""
    ledger, now = company.application.ledger, company.clock.now()
    known = ImpactNoted(incident="INC-9", users=7342, as_of=now, breach=True)
    tell(ledger, INCIDENT, absorbed(INCIDENT, known), at=now)
    for one in faces_of_impact(company):
        assert "7,342 people affected" in one, one
        assert "as known of INC-9" in one, one
        assert wording.utc(now) in one, one
    for path in (f"/incidents/{INCIDENT}", f"/incidents/{INCIDENT}/impact"):
        told = company.ask(path)["known_of_merged"]
        assert told[0] == f"7,342 people affected as of {wording.utc(now)}, as known of INC-9"
        assert told[-1] == "data breach: yes"


def test_the_time_of_opening_is_called_so_everywhere(company: Company) -> None:
    """An incident may open long after its alert was raised: its opening is no time of detection."""
    page = company.read(f"/incidents/{INCIDENT}")
    assert "opened" in page
    assert "from an alert of" in page
    material = reviewing.material(
        company.application.ledger, load(company.application.ledger, INCIDENT).state
    )
    told = prefill(material)[ReviewQuestion.WHEN_DETECTED]
    typed = company.type("incident", "show", INCIDENT, "--table")
    assert '"word": "Opened"' in company.report
    for said in (page, told, typed, company.report):
        assert not re.search(r"\b[Dd]etected \d|Detected:|\"Detected\"|after detection", said)


# Containment -----------------------------------------------------------------------------------


def test_first_contained_is_one_moment_also_where_it_was_lost(company: Company) -> None:
    ledger, opened = company.application.ledger, load(company.application.ledger, INCIDENT).state.opened_at
    assert opened is not None
    first, lost, again = (company.clock.now() + minutes * MINUTE for minutes in (40, 60, 90))
    contained = Contained(incident=INCIDENT, containment="INC-1-C1", proof="the log shows it")
    tell(ledger, INCIDENT, contained, at=first, by=TOMAS)
    _shown(company, first)
    _counted(company, first, opened)
    away = ContainmentLost(incident=INCIDENT, containment="INC-1-C1", reason="it goes on")
    tell(ledger, INCIDENT, away, at=lost, by=TOMAS)
    company.clock.pass_(70 * MINUTE)
    _shown(company, first)
    assert measures_of(ledger, company.clock.now() + timedelta(hours=2)).contain.n == 0, "it was disproven"
    assert company.ask(f"/incidents/{INCIDENT}")["contained_at"] is None
    assert wording.utc(first) in company.read(f"/incidents/{INCIDENT}/containment")
    assert f"{wording.utc(first)}, and not any more" in company.read(f"/incidents/{INCIDENT}")
    tell(ledger, INCIDENT, contained, at=again, by=TOMAS)
    company.clock.pass_(30 * MINUTE)
    _shown(company, first)
    _counted(company, again, opened)
    assert f"{wording.utc(first)}, again {wording.utc(again)}" in company.read(f"/incidents/{INCIDENT}")


def _shown(company: Company, first: datetime) -> None:
    shown = company.ask(f"/incidents/{INCIDENT}")["first_contained_at"]
    assert datetime.fromisoformat(shown) == first
    assert json.loads(company.type("incident", "show", INCIDENT))["incident"]["first_contained_at"] == shown
    assert wording.utc(first) in company.type("incident", "show", INCIDENT, "--table")
    assert f"First contained {wording.utc(first)}" in company.read(f"/incidents/{INCIDENT}")


def _counted(company: Company, proven: datetime, opened: datetime) -> None:
    assert f'"time": "{proven:%H:%M} UTC"' in company.report
    ledger = company.application.ledger
    assert measures_of(ledger, company.clock.now() + timedelta(hours=2)).contain.longest == proven - opened
    told = prefill(reviewing.material(ledger, load(ledger, INCIDENT).state))[ReviewQuestion.WHEN_DETECTED]
    assert f"Contained: {wording.utc(proven)}" in told


# The review ------------------------------------------------------------------------------------


def test_the_questions_of_the_review_are_those_of_the_playbook(company: Company) -> None:
    active = active_playbook(company.application.ledger)
    assert active is not None
    asked = {question.value: words for question, words in active.playbook.review.questions.items()}
    resolved = Resolved(incident=INCIDENT, resolution="Months are refused.")
    tell(company.application.ledger, INCIDENT, resolved, at=company.clock.now(), by=MAYA)
    reviewing.draft(company.application.desk, INCIDENT, by=MAYA, at=company.clock.now())
    assert company.ask(f"/incidents/{INCIDENT}/review")["questions"] == asked
    page, report = company.read(f"/incidents/{INCIDENT}/review"), company.report
    table = " ".join(company.type("review", "show", INCIDENT, "--table").split())
    for words in asked.values():
        assert words in page
        assert words in report
        assert words in table
