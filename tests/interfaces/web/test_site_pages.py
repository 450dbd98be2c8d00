"""Pages translate: what is sent becomes a step, what a step refuses becomes a sentence."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.incident import register
from holdfast.incident.events import NoteAdded
from holdfast.incident.incident import Incident, Status
from holdfast.incident.responding import Report
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger import outbox, pulse
from holdfast.ledger.outbox import DeliveryFailed, MessageQueued, QueuedMessage
from holdfast.ledger.pulse import Beat, Failure, Kind
from holdfast.prepare.terms import Category, Severity
from support.company import AISHA, INES, MAYA, PRIYA, TOMAS
from support.pages import Page, Reader, SetClock, open_company, signed_in

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def application(tmp_path: Path, clock: SetClock) -> Application:
    return open_company(tmp_path, clock)


@pytest.fixture
def maya(application: Application) -> Reader:
    return signed_in(application, MAYA)


@pytest.fixture
def incident(application: Application) -> str:
    return application.desk.open(Report("Loans are declined"), by=AISHA, at=application.clock.now())


def state_of(application: Application, incident: str) -> Incident:
    with application.ledger.reading() as conn:
        return register.get(conn, incident)


# Declaring -------------------------------------------------------------------------------------


def test_one_sentence_declares_an_incident_r_det_11(application: Application, maya: Reader) -> None:
    answer = maya.post("/declare", {"title": "Loans are declined twice as often"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents/INC-1")
    page = maya.page("/incidents/INC-1")
    assert "INC-1 is open. 1 item of evidence is frozen. Not preserved: " in page.text, "no system was named"
    assert "Loans are declined twice as often" in page.text
    state = state_of(application, "INC-1")
    assert state.title == "Loans are declined twice as often"
    assert state.team
    assert application.ledger.stream("incident/INC-1").facts[0].by == MAYA


def test_everything_else_that_is_known_is_kept(application: Application, maya: Reader) -> None:
    maya.client.cookies.set("zone", "Europe/Berlin")
    maya.post(
        "/declare",
        {
            "title": "Broker loans are approved too often",
            "system": "loan-approval",
            "description": "Since the new export tool.",
            "severity": "high",
            "began_at": "2026-11-23T08:15",
            "zone": "Europe/Berlin",
        },
    )
    state = state_of(application, "INC-1")
    assert (state.system, state.severity) == ("loan-approval", Severity.HIGH)
    assert state.began_at is not None
    assert state.began_at.isoformat() == "2026-11-23T07:15:00+00:00"
    assert "began about 07:15 UTC, 3 h 27 min before" in maya.page("/incidents/INC-1").text


def test_a_system_is_chosen_before_where_the_address_names_it(maya: Reader) -> None:
    assert '<option value="loan-approval" selected>' in maya.page("/declare?system=loan-approval").html


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"title": "  "}, "Title: is empty; say what belongs here"),
        ({"title": "x", "system": "loans"}, "No AI system is called 'loans'"),
        ({"title": "x", "severity": "dreadful"}, "is not one of critical, high"),
        ({"title": "x", "began_at": "yesterday"}, "is not a date or time"),
        (
            {"title": "x", "began_at": "2026-11-23T10:42", "zone": "Mars/Base"},
            "cannot be read in the time zone",
        ),
        ({"title": "x", "began_at": "2026-03-29T02:30", "zone": "Europe/Berlin"}, "clocks went forward"),
        ({"title": "x", "began_at": "2027-01-01T00:00"}, "cannot have begun in the future"),
        ({"title": "x" * 301}, "is 301 characters long, 300 fit"),
        ({"title": "a\x00b"}, "holds a NUL character"),
    ],
)
def test_what_cannot_be_declared_is_said_and_nothing_typed_is_lost(
    application: Application, maya: Reader, sent: dict[str, str], sentence: str
) -> None:
    before = application.ledger.size()
    answer = maya.post("/declare", {"description": "All I know so far.", **sent})
    refused = sentence in ("No AI system is called 'loans'", "cannot have begun in the future")
    assert answer.status_code == (409 if refused else 422)
    page = Page(answer.text)
    assert sentence in page.text
    assert "Nothing was recorded" in page.text
    assert "All I know so far." in page.text
    assert application.ledger.size() == before


# One incident ----------------------------------------------------------------------------------


def test_acknowledging_stops_the_clock_and_says_who_r_esc_03(
    application: Application, maya: Reader, incident: str, clock: SetClock
) -> None:
    assert "Acknowledge" in maya.page(f"/incidents/{incident}").text
    clock.pass_(timedelta(minutes=3, seconds=12))
    assert maya.post(f"/incidents/{incident}/acknowledgement").headers["location"] == f"/incidents/{incident}"
    page = maya.page(f"/incidents/{incident}").text
    assert "Acknowledged by Maya Okafor" in page
    assert re.search(r"Acknowledged met 3 min 12 s limit 1 d · Maya Okafor", page)
    assert f'action="/incidents/{incident}/acknowledgement"' not in maya.page(f"/incidents/{incident}").html


def test_the_proposal_is_confirmed_with_one_press_r_cls_03(
    application: Application, maya: Reader, incident: str
) -> None:
    page = maya.page(f"/incidents/{incident}")
    proposed = state_of(application, incident).proposed
    assert proposed
    assert f"Confirm {proposed.severity.label}, {proposed.category.label.lower()}" in page.text
    sent = {"severity": proposed.severity.value, "category": proposed.category.value}
    assert maya.post(f"/incidents/{incident}/classification", sent).status_code == 303
    state = state_of(application, incident)
    assert (state.status, state.severity, state.category) == (
        Status.OPEN,
        proposed.severity,
        proposed.category,
    )


def test_another_severity_needs_a_reason_and_the_page_keeps_the_choice_r_cls_03(
    application: Application, maya: Reader, incident: str
) -> None:
    chosen = {"severity": "critical", "category": "security_incident"}
    answer = maya.post(f"/incidents/{incident}/classification", chosen)
    assert answer.status_code == 409
    assert "reason" in Page(answer.text).text
    assert re.search(r'value="critical" checked', answer.text)
    assert state_of(application, incident).classified_at is None
    given = {**chosen, "reason": "Scores of other customers are shown."}
    assert maya.post(f"/incidents/{incident}/classification", given).status_code == 303
    page = maya.page(f"/incidents/{incident}").text
    assert "Overridden to SEV-1 critical, security incident by Maya Okafor" in page
    assert "Scores of other customers are shown." in page


def test_who_lacks_the_authority_reads_who_has_it_and_nothing_is_written_r_esc_05(
    application: Application, incident: str
) -> None:
    ines = signed_in(application, INES)
    before = application.ledger.size()
    sent = {"severity": "low", "category": "data_quality", "reason": "It is nothing."}
    answer = ines.post(f"/incidents/{incident}/classification", sent)
    assert answer.status_code == 403
    text = Page(answer.text).text
    assert "Ines Carvalho may not override the proposed severity of an incident" in text
    assert "Ask Maya Okafor" in text
    assert application.ledger.size() == before


def test_a_note_stands_in_the_timeline_and_a_back_filled_one_is_marked(
    application: Application, maya: Reader, incident: str
) -> None:
    maya.post(f"/incidents/{incident}/notes", {"note": "Asked the broker desk to hold the batch."})
    maya.post(
        f"/incidents/{incident}/notes",
        {"note": "First wrong batch.", "occurred_at": "2026-11-23T09:00", "zone": "Europe/Berlin"},
    )
    text = maya.page(f"/incidents/{incident}").text
    assert "Maya Okafor Asked the broker desk to hold the batch." in text
    assert "Maya Okafor First wrong batch. back-filled" in text
    facts = [recorded.fact for recorded in application.ledger.facts()]
    filled = [fact for fact in facts if isinstance(fact, NoteAdded) and fact.occurred_at]
    assert [note.occurred_at.isoformat() for note in filled if note.occurred_at] == [
        "2026-11-23T08:00:00+00:00"
    ]
    assert text.index("First wrong batch.") < text.index("Declared: Loans are declined")


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"note": " "}, "Note: is empty; say what belongs here"),
        ({"note": "x", "occurred_at": "2030-01-01T00:00"}, "which is in the future"),
        ({"note": "x", "evidence": "EV-99"}, "has no evidence called EV-99"),
    ],
)
def test_a_note_that_cannot_be_kept_is_refused_with_a_sentence(
    application: Application, maya: Reader, incident: str, sent: dict[str, str], sentence: str
) -> None:
    before = application.ledger.size()
    answer = maya.post(f"/incidents/{incident}/notes", sent)
    assert answer.status_code in (409, 422)
    assert sentence in Page(answer.text).text
    assert application.ledger.size() == before


def test_what_people_write_is_text_and_never_markup(application: Application, maya: Reader) -> None:
    maya.post("/declare", {"title": HOSTILE, "description": HOSTILE})
    maya.post("/incidents/INC-1/notes", {"note": HOSTILE})
    maya.post("/incidents/INC-1/dismissal", {"reason": HOSTILE})
    for path in ("/", "/incidents?show=all", "/incidents/INC-1", "/find?q=script", f"/incidents?q={HOSTILE}"):
        html = maya.page(path).html
        assert "<script>alert" not in html
        assert "<img src=x" not in html


def test_a_role_is_handed_over_by_who_may_r_esc_08(
    application: Application, maya: Reader, incident: str
) -> None:
    sent = {"role": "incident_commander", "to": TOMAS.id, "because": "My shift ends."}
    refused = signed_in(application, INES).post(f"/incidents/{incident}/team", sent)
    assert refused.status_code == 403
    assert "may not hand over the incident commander" in Page(refused.text).text
    assert maya.post(f"/incidents/{incident}/team", sent).status_code == 303
    assert "Incident commander is now Tomas Lind" in maya.page(f"/incidents/{incident}").text


def test_dismissing_asks_for_a_reason_and_ends_the_incident(
    application: Application, maya: Reader, incident: str
) -> None:
    assert maya.post(f"/incidents/{incident}/dismissal", {"reason": ""}).status_code == 409
    assert state_of(application, incident).status is Status.TRIAGE
    assert maya.post(f"/incidents/{incident}/dismissal", {"reason": "A replayed batch."}).status_code == 303
    page = maya.page(f"/incidents/{incident}")
    assert "A replayed batch." in page.text
    assert f'action="/incidents/{incident}' not in page.html
    refused = maya.post(f"/incidents/{incident}/notes", {"note": "Too late."})
    assert "its record is archived and cannot be added to" in Page(refused.text).text


def test_resolving_and_closing_say_what_is_missing(
    application: Application, maya: Reader, incident: str
) -> None:
    application.desk.classify(
        incident,
        Category.UNEXPECTED_BEHAVIOUR,
        Severity.MEDIUM,
        "seen by me",
        by=MAYA,
        at=application.clock.now(),
    )
    given = {"resolution": "Fixed.", "because": "small"}
    unanswered = maya.post(f"/incidents/{incident}/resolution", given)
    assert unanswered.status_code == 409
    assert "Nobody has acknowledged INC-1" in Page(unanswered.text).text
    maya.post(f"/incidents/{incident}/acknowledgement", {})
    resolved = maya.post(f"/incidents/{incident}/resolution", given)
    assert resolved.status_code == 409
    assert "Establish the root cause" in Page(resolved.text).text
    assert "Fixed." in Page(resolved.text).text
    closed = maya.post(f"/incidents/{incident}/closure", {"summary": "Over."})
    assert closed.status_code == 409
    assert "resolve it before closing it" in Page(closed.text).text
    assert "Not resolved yet" in maya.page(f"/incidents/{incident}/closure").text


def test_a_clock_that_ran_out_is_breached_on_every_page_r_xct_02(
    application: Application, maya: Reader, clock: SetClock
) -> None:
    maya.post("/declare", {"title": "Scores of strangers", "severity": "critical"})
    clock.pass_(timedelta(minutes=14))
    assert "acknowledge: 1 min left" in maya.page("/").text
    clock.pass_(timedelta(minutes=6))
    assert "acknowledge: breached by 5 min" in maya.page("/").text
    assert "acknowledge: breached by 5 min" in maya.page("/incidents").text
    assert "Acknowledge breached breached by 5 min" in maya.page("/incidents/INC-1").text


# Messages --------------------------------------------------------------------------------------


class Refusing:
    """A mail server that takes nothing."""

    def deliver(self, message: QueuedMessage) -> str:
        raise DeliveryFailed("no mail server answers at 127.0.0.1:2599")


def test_what_was_not_delivered_is_shown_and_tried_again_on_demand_r_esc_06(
    application: Application, incident: str, clock: SetClock
) -> None:
    worker = Worker(application)
    worker.channels = {"email": Refusing()}
    for _ in range(outbox.GIVE_UP_AFTER + 1):
        worker.send(clock.pass_(timedelta(hours=2)))
    maya = signed_in(application, MAYA)  # the night is over, and so is the session
    page = maya.page(f"/incidents/{incident}")
    assert "no mail server answers at 127.0.0.1:2599" in page.text
    assert re.search(r"0 of \d+ sent", page.text), "what a mail server took is sent; delivered is not known"
    failed = re.findall(r'name="message" value="([0-9a-f]+)"', page.html)
    queued = [
        recorded.fact.message
        for recorded in application.ledger.facts()
        if isinstance(recorded.fact, MessageQueued)
    ]
    assert sorted(failed) == sorted(queued)
    answer = maya.post(f"/incidents/{incident}/messages/attempts", {"message": failed})
    assert answer.status_code == 303
    assert f"{len(failed)} message" in maya.page(f"/incidents/{incident}").text
    assert len(outbox.lease(application.ledger, clock.now())) == len(failed)


def test_a_message_of_another_incident_is_not_retried_here(maya: Reader, incident: str) -> None:
    answer = maya.post(f"/incidents/{incident}/messages/attempts", {"message": "0" * 16})
    assert answer.status_code == 409


# Lists and finding -----------------------------------------------------------------------------


def test_filters_stand_in_the_address(application: Application, maya: Reader) -> None:
    at = application.clock.now()
    application.desk.open(Report("Refund invented", system="customer-assistant"), by=MAYA, at=at)
    application.desk.open(Report("Loans doubled", system="loan-approval"), by=MAYA, at=at)
    application.desk.dismiss("INC-1", "It was a test.", by=MAYA, at=at)
    assert "Loans doubled" in maya.page("/incidents").text
    assert "Refund invented" not in maya.page("/incidents").text
    assert "Refund invented" in maya.page("/incidents?show=dismissed").text
    assert "Refund invented" in maya.page("/incidents?show=all&system=customer-assistant").text
    assert "Loans doubled" not in maya.page("/incidents?show=all&system=customer-assistant").text
    assert "No incident matches" in maya.page("/incidents?q=churn").text
    team = state_of(application, "INC-2").team
    assert "Loans doubled" in maya.page(f"/incidents?person={team[0].person}").text
    absent = next(one for one in (MAYA, INES, TOMAS) if one.id not in {member.person for member in team})
    assert "No incident matches" in maya.page(f"/incidents?person={absent.id}").text


def test_long_lists_are_turned_like_pages(application: Application, maya: Reader) -> None:
    at = application.clock.now()
    for number in range(51):
        application.desk.open(Report(f"Report number {number + 1}"), by=MAYA, at=at)
    first, second = maya.page("/incidents"), maya.page("/incidents?page=2")
    assert "1 to 50 of 51 incidents" in first.text
    assert 'rel="next" href="/incidents?page=2"' in first.html
    assert "51 to 51 of 51 incidents" in second.text
    assert 'rel="prev" href="/incidents?page=1"' in second.html


@pytest.mark.parametrize("address", ["/incidents?page=0", "/incidents?page=x", "/incidents?q=" + "x" * 201])
def test_an_address_that_means_nothing_is_said_to(maya: Reader, address: str) -> None:
    answer = maya.get(address)
    assert answer.status_code == 422
    assert "Check these fields" in Page(answer.text).text


def test_one_field_finds_incidents_systems_people_and_pages(maya: Reader, incident: str) -> None:
    assert f'href="/incidents/{incident}"' in maya.page("/find?q=declined").html
    assert 'href="/systems/loan-approval"' in maya.page("/find?q=loan").html
    assert f'href="/incidents?person={PRIYA.id}"' in maya.page("/find?q=priya").html
    assert 'href="/declare"' in maya.page("/find?q=declare").html
    assert 'href="/ledger/3"' in maya.page("/find?q=3").html
    assert "Nothing found" in maya.page("/find?q=qqqq").text


def test_the_palette_gets_the_hits_alone(maya: Reader, incident: str) -> None:
    html = maya.get("/find?q=declined", headers={"HX-Request": "true"}).text
    assert 'role="option"' in html
    assert "<html" not in html


# Home ------------------------------------------------------------------------------------------


def test_home_says_what_is_open_and_what_runs_out_first(
    application: Application, maya: Reader, clock: SetClock
) -> None:
    at = clock.now()
    slow = application.desk.open(Report("Slow"), by=MAYA, at=at)
    category = Category.UNEXPECTED_BEHAVIOUR
    application.desk.classify(slow, category, Severity.LOW, "one page only", by=MAYA, at=at)
    application.desk.open(Report("Fast", severity=Severity.CRITICAL), by=MAYA, at=at)
    text = maya.page("/").text
    assert "Good morning, Maya" in text
    assert "Open incidents 2 1 critical, 1 low" in text
    # Critical promises an acknowledgement, a decision on containment, updates and a resolution, low an
    # acknowledgement.
    assert "Clocks running 5 next: acknowledge INC-2, 15 min left" in text
    assert text.index("INC-2 Fast") < text.index("INC-1 Slow")


def test_home_without_incidents_teaches_what_belongs_there(maya: Reader) -> None:
    text = maya.page("/").text
    assert "No incident is open" in text
    assert "when somebody declares one" in text


def test_dead_monitoring_does_not_look_like_no_alerts_r_xct_07(
    application: Application, maya: Reader, clock: SetClock
) -> None:
    """R-XCT-07/dead."""
    assert "it has never run" in maya.page("/").text
    Worker(application).react(clock.now())
    assert "not monitored at the moment" not in maya.page("/").text
    clock.pass_(timedelta(minutes=10))
    text = maya.page("/").text
    assert "its run is overdue" in text
    assert "No worker is running." in text
    assert "every system is heard from" not in text


def test_a_step_of_the_worker_that_keeps_failing_is_told_r_xct_07(
    application: Application, maya: Reader
) -> None:
    now = application.clock.now()
    step = "reaction count who is affected"
    beat = Beat(
        "elsewhere",
        step,
        now,
        timedelta(minutes=1),
        failing={step: Failure("the log is away", Kind.OUTSIDE, now)},
    )
    pulse.write(application.ledger, "elsewhere", [beat], now)
    text = maya.page("/").text
    assert "A step of the worker keeps failing: reaction count who is affected. The log is away." in text


def test_the_share_answered_in_time_counts_what_was_promised_r_aud_08(
    application: Application, maya: Reader, incident: str
) -> None:
    assert "Answered in time, 90 days none yet" in maya.page("/").text
    application.desk.acknowledge(incident, by=MAYA, at=application.clock.now())
    assert "Answered in time, 90 days 100% 1 of 1 incident" in maya.page("/").text
