"""Impact, cause, remediation and review: what is counted, what is typed, and what survives a refusal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.incident.loading import load
from holdfast.investigate import analysing, assessing
from holdfast.learn import closing, remedying, reviewing
from holdfast.learn.remediation import Standing
from holdfast.prepare.terms import Category, ReviewQuestion, Severity
from support.company import MAYA, PRIYA, TOMAS, VICTOR
from support.lender_pages import DRIFT, FAULT, open_lender
from support.pages import Page, Reader, SetClock, signed_in

INC = "INC-1"
IMPACT, CAUSE = f"/incidents/{INC}/impact", f"/incidents/{INC}/cause"
REMEDY, REVIEW = f"/incidents/{INC}/remediation", f"/incidents/{INC}/review"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def lender(tmp_path: Path, clock: SetClock) -> Application:
    made = open_lender(tmp_path, clock)
    made.desk.acknowledge(INC, by=MAYA, at=clock.now())
    proposed = load(made.ledger, INC).state.proposed
    assert proposed is not None
    made.desk.classify(INC, proposed.category, proposed.severity, "", by=MAYA, at=clock.now())
    return made


@pytest.fixture
def maya(lender: Application) -> Reader:
    return signed_in(lender, MAYA)


def refused(reader: Reader, path: str, typed: dict[str, str], status: int) -> Page:
    """The page that comes back with a form that was not taken: 422 for what cannot be read, 409 for what the
    state does not allow."""
    reader.page(path.rsplit("/", 1)[0])  # looking at what the form is about is on the record by itself
    before = reader.page("/ledger").text.split("Facts ", 1)[1].split()[0]
    answer = reader.post(path, typed)
    assert answer.status_code == status, answer.headers.get("location")
    page = Page(answer.text)
    assert "Nothing was recorded." in page.text
    assert reader.page("/ledger").text.split("Facts ", 1)[1].split()[0] == before
    return page


# Impact ----------------------------------------------------------------------------------------


def test_people_and_groups_are_counted_in_the_log_for_a_period_and_segment_r_imp_02(
    lender: Application, maya: Reader
) -> None:
    typed = {
        "start": f"{FAULT}T00:00",
        "end": f"{FAULT + timedelta(days=1)}T00:00",
        "where": "channel=broker",
        "because": "the broker sends months",
    }
    assert maya.post(f"{IMPACT}/counts", typed).headers["location"] == IMPACT
    count = assessing.impact_of(lender.ledger, INC).count
    assert count is not None
    assert count.where == {"channel": "broker"}
    page = maya.page(IMPACT).text
    assert count.counted.affected == count.counted.exposed
    assert f"People affected {count.counted.exposed.users} count {count.number} in the log" in page
    assert "Affected is every row of these, as a person says: the broker sends months." in page
    assert "channel=broker" in page
    assert "age_band=26-40" in page


@pytest.mark.parametrize(
    ("typed", "said", "status"),
    [
        ({"start": "yesterday"}, '"yesterday" is not a date or time; write for example', 422),
        ({"where": "brokers"}, "is no segment; write for example channel=broker.", 422),
        ({"where": f"channel={'x' * 201}"}, "Is 201 characters long, 200 fit; shorten it.", 422),
        ({"where": "colour=red"}, "colour", 409),
        ({"end": "2026-11-01T00:00"}, "The period ends before it begins; give a later end.", 409),
    ],
)
def test_a_count_that_cannot_be_made_leaves_what_was_typed(
    maya: Reader, typed: dict[str, str], said: str, status: int
) -> None:
    sent = {"start": "2026-11-20T00:00", "end": "2026-11-21T00:00", "where": "", **typed}
    page = refused(maya, f"{IMPACT}/counts", sent, status)
    assert said in page.text
    for value in typed.values():
        assert f'value="{value}"' in page.html or f">{value}</textarea>" in page.html


def test_five_dimensions_are_kept_version_by_version_r_imp_01(lender: Application, maya: Reader) -> None:
    """R-IMP-01/five."""
    typed = {
        "users.kind": "applicants of one broker",
        "users.effect": "approved although they may not repay",
        "users.outage": "no",
        "data.sensitive": "yes",
        "data.sensitivity": "income",
        "data.kinds": "inference",
        "compliance.violated": "",
        "reputation.effect": "none so far",
        "finance.currency": "eur",
        "finance.direct": "240,000",
    }
    assert maya.post(f"{IMPACT}/assessments", typed).status_code == 303
    newest = assessing.impact_of(lender.ledger, INC).newest
    assert newest is not None
    assert (newest.finance.currency, newest.finance.direct) == ("EUR", 240_000)
    assert newest.compliance.violated is None
    page = maya.page(IMPACT).text
    assert "Legal requirement not known" in page
    assert "Direct 240,000 EUR, indirect not assessed" in page
    assert maya.post(f"{IMPACT}/assessments", typed).status_code == 303
    assert "Nothing changed." in maya.page(IMPACT).text


def test_a_refused_assessment_keeps_every_word_of_it(maya: Reader) -> None:
    typed = {
        "users.effect": "a long story that nobody wants to type again",
        "data.sensitive": "yes",
        "data.kinds": "training",
        "finance.direct": "about a million",
        "finance.currency": "EUR",
    }
    page = refused(maya, f"{IMPACT}/assessments", typed, 422)
    assert '"about a million" is not a whole number; write for example 3.' in page.text
    assert "finance.direct:" not in page.text.lower(), "the field says where it is"
    assert "a long story that nobody wants to type again" in page.html
    assert 'value="about a million"' in page.html
    assert 'name="data.kinds" value="training" checked' in page.html
    assert 'name="data.kinds" value="inference">' in page.html
    without = refused(maya, f"{IMPACT}/assessments", {**typed, "finance.direct": "5"}, 409)
    assert "Sensitive data is involved: say which." in without.text


# Cause -----------------------------------------------------------------------------------------


def analysis(**more: str) -> dict[str, str]:
    """The rows of a form that says enough to establish a cause."""
    return {
        "facts[0].text": "Broker rows hold months",
        "facts[0].links": "EV-1, monitor:employment-years-drift",
        "sequence[1].text": "The first batch arrives",
        "sequence[1].links": "EV-1",
        "sequence[1].at": f"{FAULT}T07:00",
        "factors[3].group": "data",
        "factors[3].text": "No unit in the interface",
        "factors[3].links": "",
        "factors[3].assumption": "yes",
        "root_cause.text": "The export changed its unit",
        "root_cause.links": "EV-1",
        **more,
    }


def test_a_cause_is_established_with_what_each_statement_rests_on_r_rca_01(
    lender: Application, maya: Reader
) -> None:
    assert maya.post(f"{CAUSE}/analyses", analysis()).headers["location"] == CAUSE
    assert load(lender.ledger, INC).state.cause == "The export changed its unit"
    page = maya.page(CAUSE)
    assert "The root cause is established." in page.text
    assert f'href="/incidents/{INC}/evidence#EV-1"' in page.html
    assert f'href="/systems/loan-approval/monitors/{DRIFT}"' in page.html
    assert "No unit in the interface assumption" in page.text


def test_the_playbooks_questions_stand_beside_the_five_groups_r_rca_02(
    lender: Application, maya: Reader
) -> None:
    page = maya.page(CAUSE).text
    ground = lender.desk.ground_of(load(lender.ledger, INC).state)
    for group, entry in ground.playbook.investigation.factors.items():
        assert group.value.capitalize() in page
        for question in entry.questions:
            assert question in page


@pytest.mark.parametrize(
    ("change", "said", "status"),
    [
        ({"facts[0].links": "EV-99"}, "no evidence called EV-99", 409),
        ({"facts[0].links": "the log"}, "is no link; write EV-3 for evidence", 422),
        ({"facts[0].links": ""}, "rests on nothing", 409),
        ({"sequence[1].at": ""}, "Is missing; add it.", 422),
        ({"sequence[1].at": "2030-01-01T00:00"}, "in the future", 409),
        ({"root_cause.links": "", "root_cause.text": "Because"}, "rests on nothing", 409),
        ({"factors[3].text": "", "factors[3].assumption": ""}, "at least one contributing factor", 409),
    ],
)
def test_a_refused_analysis_says_where_and_keeps_every_row_r_rca_01(
    lender: Application, maya: Reader, change: dict[str, str], said: str, status: int
) -> None:
    page = refused(maya, f"{CAUSE}/analyses", analysis(**change), status)
    assert said in page.text
    kept = {**analysis(), **change}
    for name in ("facts[0].text", "sequence[1].text", "root_cause.text"):
        assert f">{kept[name]}</textarea>" in page.html
    assert analysing.cause_of(lender.ledger, INC).newest is None


def test_the_sentence_stands_in_the_row_it_is_about(maya: Reader) -> None:
    """Rows that were left empty are closed up, so that the row has the number by which it is refused."""
    page = refused(maya, f"{CAUSE}/analyses", analysis(**{"sequence[1].links": "EV-99"}), 409)
    row = page.html.split('aria-label="Event 1"')[1].split("</div>")[0]
    assert "Event 1, &#34;The first batch arrives&#34;" in row
    assert "no evidence called EV-99" in row
    read = refused(maya, f"{CAUSE}/analyses", analysis(**{"factors[3].links": "EV-1, the log"}), 422)
    row = read.html.split('aria-label="Data factor 1"')[1].split("</div>")[0]
    assert "is no link; write EV-3 for evidence" in row
    assert 'value="EV-1, the log"' in row


def test_more_rows_are_given_without_losing_any(lender: Application, maya: Reader) -> None:
    answer = maya.post(f"{CAUSE}/analyses", analysis(more="facts"))
    assert answer.status_code == 200
    assert 'name="facts[2].text"' in answer.text
    assert "Broker rows hold months" in answer.text
    assert analysing.cause_of(lender.ledger, INC).newest is None
    rows = {f"facts[{row}].text": "" for row in range(60)}
    endless = maya.post(f"{CAUSE}/analyses", {**analysis(more="facts"), **rows})
    assert endless.text.count('.text" rows=') < 90


# Remediation -----------------------------------------------------------------------------------


@pytest.fixture
def known(lender: Application, maya: Reader) -> Application:
    """The cause is established."""
    assert maya.post(f"{CAUSE}/analyses", analysis()).status_code == 303
    return lender


def plan(**more: str) -> dict[str, str]:
    return {
        "action": "Refuse months at intake",
        "kind": "code_fix",
        "responsible": TOMAS.id,
        "deadline": "2026-11-30T17:00",
        "verification.method": "test",
        "verification.how": "the intake test",
        **more,
    }


def by_monitor(**more: str) -> dict[str, str]:
    said = {"method": "monitor", "monitor": DRIFT, **more}
    return {f"verification.{name}": value for name, value in said.items()}


def test_an_item_is_planned_started_done_and_verified_by_somebody_else_r_rem_01(
    known: Application, maya: Reader
) -> None:
    item = f"{INC}-R1"
    assert maya.post(REMEDY, plan()).headers["location"] == REMEDY
    tomas = signed_in(known, TOMAS)
    assert tomas.post(f"{REMEDY}/{item}/beginning").status_code == 303
    assert tomas.post(f"{REMEDY}/{item}/completion", {f"what-{item}": "Release 4.1"}).status_code == 303
    proof = {f"works-{item}": "yes", f"proof-{item}": "All rows refused", f"links-{item}": "EV-1"}
    answer = tomas.post(f"{REMEDY}/{item}/verification", proof)
    assert answer.status_code in (403, 409), "whoever did it does not verify it"
    priya = signed_in(known, PRIYA)
    assert priya.post(f"{REMEDY}/{item}/verification", proof).headers["location"] == REMEDY
    assert remedying.remediations_of(known.ledger, INC).items[item].standing is Standing.VERIFIED
    assert "Proof: All rows refused" in maya.page(REMEDY).text


def test_what_a_monitor_proves_shows_how_far_it_has_come_and_nobody_ticks_it_off_r_rem_03(
    known: Application, maya: Reader
) -> None:
    item = f"{INC}-R1"
    maya.post(REMEDY, plan(**by_monitor(windows="2", lasting="1d")))
    maya.post(f"{REMEDY}/{item}/completion", {f"what-{item}": "Release 4.1"})
    page = maya.page(REMEDY)
    assert "So far: 0 of 2 windows in a row in bounds so far" in page.text
    assert f"{item}/verification" not in page.html
    answer = maya.post(f"{REMEDY}/{item}/verification", {f"works-{item}": "yes", f"proof-{item}": "trust me"})
    assert answer.status_code == 409
    assert "not by hand" in Page(answer.text).text
    assert remedying.remediations_of(known.ledger, INC).items[item].standing is Standing.DONE


@pytest.mark.parametrize(
    ("change", "said", "status"),
    [
        ({"action": ""}, "Is empty; say what belongs here.", 422),
        ({"responsible": "nobody@example.com"}, "is not in the roster", 409),
        ({"deadline": ""}, "Is missing; add it.", 422),
        ({"deadline": "2020-01-01T00:00"}, "is not in the future", 409),
        ({"kind": "magic"}, '"magic" is not one of', 422),
        ({"verification.method": "hope"}, '"hope" is not one of monitor, test, review', 422),
        ({"verification.method": ""}, "Is missing; write one of monitor, test, review.", 422),
        (by_monitor(lasting="soon"), "is not a duration", 422),
        (by_monitor(windows="0"), '"0" is out of range; it must be at least 1', 422),
        ({"verification.how": ""}, "Is empty; say what belongs here.", 422),
    ],
)
def test_a_refused_plan_keeps_what_was_typed(
    known: Application, maya: Reader, change: dict[str, str], said: str, status: int
) -> None:
    page = refused(maya, REMEDY, plan(**change), status)
    assert said in page.text
    if "action" not in change:
        assert ">Refuse months at intake</textarea>" in page.html
    assert not remedying.remediations_of(known.ledger, INC).items


def test_items_across_incidents_stand_under_reviews_with_their_deadlines_r_pir_03(
    known: Application, maya: Reader, clock: SetClock
) -> None:
    maya.post(REMEDY, plan())
    page = maya.page("/reviews").text
    assert f"{INC}-R1 Refuse months at intake" in page
    clock.pass_(timedelta(days=10))
    later = signed_in(known, MAYA).page("/reviews").text
    assert "Overdue 1" in later


# Review ----------------------------------------------------------------------------------------


@pytest.fixture
def resolved(known: Application, clock: SetClock) -> Application:
    closing.resolve(
        known.desk, INC, "The feed is right again.", "nothing is left to verify", by=MAYA, at=clock.now()
    )
    return known


def answers() -> dict[str, str]:
    return {f"answers.{question.value}": f"On {question.value}" for question in ReviewQuestion}


def test_the_record_fills_in_what_it_knows_and_people_write_the_rest_r_pir_02(
    resolved: Application, maya: Reader
) -> None:
    assert "Not begun" in maya.page(REVIEW).text
    assert maya.post(f"{REVIEW}/drafts").status_code == 303
    page = maya.page(REVIEW)
    assert page.text.count("from the record") >= 5
    assert "The export changed its unit" in page.html
    typed = {**answers(), "attendees": "Maya Okafor\nTomas Lind\n"}
    assert maya.post(f"{REVIEW}/answers", typed).status_code == 303
    review = reviewing.review_of(resolved.ledger, INC)
    assert review.attendees == ("Maya Okafor", "Tomas Lind")
    assert review.answers[ReviewQuestion.WILL_CHANGE] == "On will_change"


def test_completing_keeps_the_words_tracks_the_actions_and_fixes_the_answers_r_pir_03(
    resolved: Application, maya: Reader
) -> None:
    """R-PIR-03/actions."""
    maya.post(f"{REVIEW}/drafts")
    typed = {
        **answers(),
        "attendees": "Maya Okafor",
        **{f"actions[0].{name}": value for name, value in plan().items()},
    }
    assert maya.post(f"{REVIEW}/completion", typed).headers["location"] == REVIEW
    assert "The review is completed." in maya.page(REVIEW).text
    assert f"{INC}-R1" in maya.page(REVIEW).text
    assert "Refuse months at intake" in maya.page(REMEDY).text
    late = maya.post(f"{REVIEW}/answers", {**typed, "answers.what_happened": "Something else"})
    assert late.status_code == 409
    assert (
        reviewing.review_of(resolved.ledger, INC).answers[ReviewQuestion.WHAT_HAPPENED] == "On what_happened"
    )


def test_an_incomplete_review_is_refused_and_every_answer_stays_r_pir_01(
    resolved: Application, maya: Reader
) -> None:
    maya.post(f"{REVIEW}/drafts")
    typed = {**answers(), "answers.will_change": "", "attendees": "Maya Okafor"}
    answer = maya.post(f"{REVIEW}/completion", typed)
    assert answer.status_code == 409
    page = Page(answer.text)
    assert "The review has no answer yet on what will change." in page.text
    assert "The answers are saved; the review is not completed." in page.text
    assert reviewing.review_of(resolved.ledger, INC).attendees == ("Maya Okafor",)
    assert ">On went_well</textarea>" in page.html
    wrong = {**typed, "actions[0].action": "x", "actions[0].deadline": "soon"}
    again = Page(maya.post(f"{REVIEW}/completion", wrong).text)
    assert 'value="soon"' in again.html
    assert '"soon" is not a date or time' in again.text
    assert "Nothing was recorded." in again.text
    maya.post(f"{REVIEW}/answers", {**answers(), "attendees": ""})
    assert reviewing.review_of(resolved.ledger, INC).attendees == (), "what is emptied is empty"


def test_room_for_an_action_is_given_without_losing_an_answer(resolved: Application, maya: Reader) -> None:
    maya.post(f"{REVIEW}/drafts")
    answer = maya.post(f"{REVIEW}/answers", {**answers(), "more": "action"})
    assert answer.status_code == 200
    assert 'name="actions[0].action"' in answer.text
    assert ">On went_well</textarea>" in answer.text


def test_an_auditor_reads_all_of_it_and_finds_no_form_r_aud_07(known: Application) -> None:
    auditor = signed_in(known, VICTOR)
    for path in (IMPACT, CAUSE, REMEDY, REVIEW):
        assert f'action="/incidents/{INC}' not in auditor.page(path).html
    before = known.ledger.size()
    for path, typed in (
        (f"{IMPACT}/assessments", {"users.kind": "x"}),
        (f"{CAUSE}/analyses", analysis()),
        (REMEDY, plan()),
        (f"{REVIEW}/drafts", {}),
    ):
        assert auditor.post(path, typed).status_code == 403
    assert known.ledger.size() == before


@pytest.mark.parametrize("path", [IMPACT, CAUSE, REMEDY, REVIEW])
def test_an_incident_that_does_not_exist_has_no_parts(maya: Reader, path: str) -> None:
    assert maya.get(path.replace(INC, "INC-77")).status_code == 404


def test_words_of_people_cannot_become_markup(lender: Application, maya: Reader) -> None:
    evil = '</textarea><script>alert("x")</script>'
    assert maya.post(f"{IMPACT}/assessments", {"users.effect": evil}).status_code == 303
    maya.post(f"{CAUSE}/analyses", analysis(**{"facts[0].text": evil}))
    for path in (IMPACT, CAUSE):
        html = maya.page(path).html
        assert "<script>alert(" not in html
        assert "&lt;script&gt;alert(" in html


def test_the_severity_that_impact_leads_to_is_proposed_at_once_r_imp_01(
    lender: Application, maya: Reader
) -> None:
    maya.post(
        f"{IMPACT}/assessments",
        {"compliance.violated": "yes", "compliance.requirement": "Consumer Credit Directive"},
    )
    proposed = load(lender.ledger, INC).state.proposed
    assert proposed is not None
    assert (proposed.category, proposed.severity) == (Category.COMPLIANCE_VIOLATION, Severity.CRITICAL)
    assert PRIYA.name in signed_in(lender, PRIYA).page(IMPACT).text
