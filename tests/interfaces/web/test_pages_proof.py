"""The ledger's pages, which must stand when the ledger does not; the playbook and its signatures."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from holdfast.application import Application
from holdfast.incident.responding import Report
from holdfast.interfaces.web.typed import Typed, Wrong, local_moment, one_break
from holdfast.interfaces.web.views.styleguide import SWITCH
from holdfast.ledger import tables
from holdfast.ledger.events import LedgerChecked
from holdfast.ledger.timekeeping import LedgerClock
from holdfast.prepare.versions import (
    active_playbook,
    apply_workspace,
    approve_playbook,
    playbook_versions_of,
)
from holdfast.prepare.workspace import load_workspace
from holdfast.problems import NotAllowed
from holdfast.shapes.base import Asked, Number, Time
from holdfast.steps.asking import Misread
from support.company import HELEN, MAYA, PRIYA, SAMUEL, VICTOR, person
from support.machines import Machine
from support.pages import PASSWORD, START, Page, Reader, SetClock, open_company, signed_in

NADIA = person("Nadia Petrov")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def company(tmp_path: Path, clock: SetClock) -> Application:
    made = open_company(tmp_path, clock)
    made.desk.open(Report("Loans are declined"), by=MAYA, at=clock.now())
    made.sealer.seal(clock.now())
    return made


@pytest.fixture
def maya(company: Application) -> Reader:
    return signed_in(company, MAYA)


def tamper(application: Application, seq: int, **values: object) -> None:
    """What somebody with access to the database would do."""
    with application.ledger.database.writing() as conn:
        conn.execute(update(tables.facts).where(tables.facts.c.seq == seq).values(**values))


# The ledger ------------------------------------------------------------------------------------


def test_a_fact_is_proven_on_its_page_against_the_signed_checkpoint_r_evd_04(
    company: Application, maya: Reader
) -> None:
    opened = next(one for one in company.ledger.facts() if one.fact.type == "incident.opened")
    page = maya.page(f"/ledger/{opened.seq}")
    assert page.text.count("Holds ") == 5
    assert "Does not hold" not in page.text
    assert "sealed" in page.text
    assert "Loans are declined" in page.text
    assert opened.leaf_hash.hex() in page.html
    assert f"signed by {company.ledger.origin}" in page.text


def test_a_fact_that_is_not_sealed_yet_says_so(company: Application, maya: Reader, clock: SetClock) -> None:
    company.desk.note("INC-1", "Looking.", by=MAYA, at=clock.now())
    newest = company.ledger.size() - 1
    page = maya.page(f"/ledger/{newest}").text
    assert "Not yet It is under a signed checkpoint" in page
    assert "appended" in page


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"payload": b'{"by":{"id":"x","kind":"person","name":"X"},"data":{},"v":1}'}, "content was changed"),
        ({"payload": b"\xff\x00"}, "content was changed"),
        ({"type": "incident.closed"}, "the row says otherwise for type"),
        ({"leaf": b"{}"}, "the stored leaf hash is not that of the header"),
        ({"leaf_hash": b"\x00" * 32}, "the stored leaf hash is not that of the header"),
    ],
)
def test_a_changed_fact_is_named_on_its_page_and_the_list_still_stands_r_evd_04(
    company: Application, maya: Reader, values: dict[str, object], said: str
) -> None:
    seq = company.ledger.size() - 2
    tamper(company, seq, **values)
    page = maya.page(f"/ledger/{seq}").text
    assert "Does not hold" in page
    assert said in page
    assert maya.get("/ledger").status_code == 200


def test_the_check_reads_everything_and_reports_what_it_found_r_evd_04(
    company: Application, maya: Reader
) -> None:
    size = company.ledger.size()
    good = Page(maya.post("/ledger/checks").text).text
    assert "facts hold" in good
    assert f"Facts read back {size:,}" in good
    seq = company.ledger.size() - 2
    tamper(company, seq, recorded_at="2020-01-01T00:00:00.000000Z")
    bad = Page(maya.post("/ledger/checks").text).text
    assert "found" in bad
    assert f"fact {seq} " in bad


def test_every_page_says_that_the_clock_stepped_until_it_is_right(
    company: Application, maya: Reader, clock: SetClock
) -> None:
    machine = Machine(clock.now())
    watched = LedgerClock(company.ledger, company.settings.workspace / "clock.json", machine, machine.ticks)
    company.ledger.require_steady = watched.require_steady
    assert "stepped" not in maya.page("/").text
    machine.clock += timedelta(days=1)
    for path in ("/", "/incidents", "/ledger", "/systems", "/playbook"):
        page = maya.page(path).text
        assert "stepped by +1 day" in page
        assert "holdfast ledger clock" in page
    machine.clock -= timedelta(days=1)
    assert "stepped" not in maya.page("/").text


def test_every_page_is_red_from_a_failed_check_until_one_passes(company: Application, maya: Reader) -> None:
    """The result is kept: time, scope, and who checked. Only a check that passes takes it back."""
    assert "Not checked yet" in maya.page("/").text
    seq = company.ledger.size() - 2
    with company.ledger.reading() as conn:
        was = conn.execute(select(tables.facts.c.recorded_at).where(tables.facts.c.seq == seq)).scalar_one()
    tamper(company, seq, recorded_at="2020-01-01T00:00:00.000000Z")
    maya.post("/ledger/checks")
    for path in ("/", "/incidents", "/ledger", "/systems", "/playbook"):
        page = maya.page(path).text
        assert "The ledger does not check out" in page
        assert f"fact {seq} " in page
    assert "by Maya Okafor" in maya.page("/ledger").text
    tamper(company, seq, recorded_at=was)
    assert "The ledger does not check out" in maya.page("/").text
    maya.post("/ledger/checks")
    page = maya.page("/").text
    assert "does not check out" not in page
    assert ": holds" in page.split("Checked ")[1][:30]


def test_a_check_is_a_fact_with_what_it_compared(company: Application, maya: Reader) -> None:
    maya.post("/ledger/checks")
    checked = [one for one in company.ledger.facts() if isinstance(one.fact, LedgerChecked)]
    assert [(one.fact.verdict, one.by.id) for one in checked] == [("holds", MAYA.id)]
    assert "accounts, sessions and tokens" in checked[0].fact.inspected


def test_without_the_anchor_the_page_says_that_it_cannot_say(company: Application, maya: Reader) -> None:
    company.sealer.seal(company.clock.now())
    company.anchor.path.unlink()
    maya.post("/ledger/checks")
    page = maya.page("/").text
    assert "Whether the ledger holds cannot be said" in page
    assert "checkpoints.jsonl is missing" in page


def test_the_list_is_turned_backwards_and_narrowed_to_one_stream(company: Application, maya: Reader) -> None:
    for number in range(45):
        company.desk.note("INC-1", f"Note {number}", by=MAYA, at=company.clock.now())
    first = maya.page("/ledger")
    assert "Note 44" in first.text
    assert "Older" in first.text
    older = maya.page(f"/ledger?before={company.ledger.size() - 40}")
    assert "Note 4 " in older.text or "Note 3 " in older.text
    stream = maya.page("/ledger?stream=incident/INC-1")
    assert "Facts of incident/INC-1" in stream.text
    assert "signed in" not in stream.text.split("Newest checkpoint")[0].split("Facts of incident/INC-1")[1]


@pytest.mark.parametrize("path", ["/ledger/999999", "/ledger/-1", "/ledger/99999999999999999999999"])
def test_a_position_without_a_fact_has_no_page(maya: Reader, path: str) -> None:
    assert maya.get(path).status_code == 404


@pytest.mark.parametrize(
    "query", ["before=-5", "before=99999999999999999999", "stream=%3Cscript%3E", "stream=' --"]
)
def test_a_strange_address_finds_nothing_and_harms_nothing(maya: Reader, query: str) -> None:
    answer = maya.get(f"/ledger?{query}")
    assert answer.status_code == 200
    assert "<script>" not in answer.text.split("<main", 1)[1]


def test_only_those_who_may_read_the_ledger_do_r_xct_01(company: Application, clock: SetClock) -> None:
    company.accounts.create(NADIA.id, PASSWORD, NADIA, clock.now())
    nadia = signed_in(company, NADIA)
    for path in ("/ledger", "/ledger/1"):
        assert nadia.get(path).status_code == 403
    assert nadia.post("/ledger/checks").status_code == 403
    auditor = signed_in(company, VICTOR)
    assert "facts hold" in Page(auditor.post("/ledger/checks").text).text


# The playbook ----------------------------------------------------------------------------------


def propose(application: Application, folder: Path, clock: SetClock) -> str:
    """A second version waits for its signatures."""
    file = folder / "playbook.yaml"
    changed = file.read_text().replace('version: "1.0"', 'version: "1.1"')
    file.write_text(changed.replace("acknowledge_within: 15m", "acknowledge_within: 10m"))
    apply_workspace(application.ledger, load_workspace(folder), HELEN, clock.pass_(timedelta(minutes=1)))
    return playbook_versions_of(application.ledger)[0].content


def test_the_playbook_reads_as_a_document_with_everything_it_decides_r_pre_08(
    company: Application, maya: Reader
) -> None:
    """R-PRE-08/page."""
    active = active_playbook(company.ledger)
    assert active is not None
    page, playbook = maya.page("/playbook").text, active.playbook
    for said in (
        playbook.definition.statement,
        playbook.categories.data_quality.means,
        playbook.severities.high.means,
        playbook.roles.incident_commander.purpose,
        playbook.escalation.tiers.tier_2.purpose,
        playbook.communication.external,
        playbook.evidence.disposal,
        playbook.containment.principle,
        playbook.investigation.steps[0],
        playbook.review.questions.went_well,
        playbook.phases.preparation.outputs[0],
        playbook.governance.review,
    ):
        assert " ".join(said.split()) in page
    assert "in force" in page
    assert "Maya Okafor" in page


def test_a_version_is_signed_function_by_function_and_the_last_puts_it_in_force_r_pre_05(
    company: Application, maya: Reader, tmp_path: Path, clock: SetClock
) -> None:
    content = propose(company, tmp_path, clock)
    assert "Version 1.1 waits for signatures." in maya.page("/playbook").text
    page = maya.page(f"/playbook?version={content}")
    assert "Sign for engineering" in page.text
    assert "Sign for compliance" not in page.text
    approvals = f"/playbook/versions/{content}/approvals"
    assert maya.post(approvals, {"function": "engineering"}).status_code == 303
    assert "Still missing: data science, compliance, security." in maya.page("/playbook").text
    for function, signer in (("data_science", PRIYA), ("compliance", HELEN), ("security", SAMUEL)):
        approve_playbook(company.ledger, content, function, signer, clock.now())
    active = active_playbook(company.ledger)
    assert active is not None
    assert active.content == content


def test_nobody_signs_for_a_function_they_do_not_hold_r_pre_05(
    company: Application, maya: Reader, tmp_path: Path, clock: SetClock
) -> None:
    content = propose(company, tmp_path, clock)
    approvals = f"/playbook/versions/{content}/approvals"
    before = company.ledger.size()
    for function in ("compliance", "marketing", ""):
        assert maya.post(approvals, {"function": function}).status_code in (403, 409, 422)
    assert maya.post("/playbook/versions/deadbeef/approvals", {"function": "engineering"}).status_code in (
        404,
        409,
    )
    auditor = signed_in(company, VICTOR)
    assert "Sign for" not in auditor.page(f"/playbook?version={content}").text
    size = company.ledger.size()
    assert auditor.post(approvals, {"function": "engineering"}).status_code == 403
    assert company.ledger.size() == size
    assert size - before <= 1, "only the auditor's sign-in"


def test_what_a_version_changed_stands_line_by_line_r_pre_02(
    company: Application, maya: Reader, tmp_path: Path, clock: SetClock
) -> None:
    propose(company, tmp_path, clock)
    page = maya.page("/playbook/versions").text
    assert "acknowledge_within: 15m" in page
    assert "acknowledge_within: 10m" in page
    assert "waits for signatures" in page
    first = playbook_versions_of(company.ledger)[1].content
    assert "the first version" in maya.page(f"/playbook/versions?version={first}").text


@pytest.mark.parametrize("path", ["/playbook?version=00000000", "/playbook/versions?version=nothing-like-it"])
def test_a_version_that_was_never_applied_has_no_page(maya: Reader, path: str) -> None:
    assert maya.get(path).status_code == 404


# For those who build pages -----------------------------------------------------------------------


def test_the_style_guide_exists_in_development_only(maya: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    assert maya.get("/styleguide").status_code == 404
    monkeypatch.setenv(SWITCH, "1")
    page = maya.page("/styleguide")
    assert "Loan model declines twice as many women" in page.text


# What was typed ----------------------------------------------------------------------------------


def test_a_form_that_was_not_sent_starts_from_what_is_known() -> None:
    assert Typed().value("title", "known") == "known"
    assert Typed().ticked("box", True)
    assert Typed(sent=True).value("title", "known") == ""
    assert not Typed(sent=True).ticked("box", True)


class Asks(Asked):
    """What a form asks, for the tests of reading one."""

    at: Time | None = None
    n: Number | None = None


@pytest.mark.parametrize("text", ["2026-11-23T10:42", "2026-11-23T10:42:00Z", "2026-11-23T11:42+01:00"])
def test_times_are_read_as_utc_unless_they_say_otherwise(text: str) -> None:
    assert Typed({"when": text}).read(Asks, at="when").at == START
    assert local_moment(START) == "2026-11-23T10:42"


@pytest.mark.parametrize("text", ["tomorrow", "23.11.2026", "2026-02-30T00:00"])
def test_a_time_that_cannot_be_read_names_its_field(text: str) -> None:
    with pytest.raises(Misread, match="is not a date or time") as caught:
        Typed({"when": text}).read(Asks, at="when")
    assert [one.place for one in caught.value.misplaced] == ["when"]


@pytest.mark.parametrize(("text", "number"), [("1,200", 1200), (" 7 ", 7), ("", None)])
def test_whole_numbers_are_read_as_people_write_them(text: str, number: int | None) -> None:
    assert Typed({"n": text}).read(Asks).n == number


@pytest.mark.parametrize("text", ["1.5", "many", "1e9", "--1", "-3", "9" * 40])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(Misread) as caught:
        Typed({"n": text}).read(Asks)
    assert [one.place for one in caught.value.misplaced] == ["n"]


def test_a_refusal_stands_next_to_its_field_or_else_to_the_form() -> None:
    form = Typed({"title": "x"}, sent=True)
    assert form.refused("form", Wrong("title", "it is too short")).error("title") == "It is too short."
    assert form.refused("form", NotAllowed("not now")).error("form") == "Not now."


def test_line_breaks_are_one_character_however_a_browser_sends_them() -> None:
    assert one_break("one\r\ntwo\rthree") == "one\ntwo\nthree"


def test_a_changed_limit_is_signed_on_the_page_by_those_the_playbook_names_r_pre_05(
    company: Application, maya: Reader, tmp_path: Path, clock: SetClock
) -> None:
    file = tmp_path / "systems" / "loan-approval.yaml"
    file.write_text(file.read_text().replace("limit: {below: 0.80}", "limit: {below: 0.50}"))
    apply_workspace(company.ledger, load_workspace(tmp_path), HELEN, clock.now())
    assert "Sign CHG-1, limits of loan-approval" in maya.page("/").text
    page = maya.page("/playbook")
    assert "accuracy, limit: below 0.8, then below 0.5" in page.text
    assert "Proposed by Helen Marsh" in page.text
    assert "Sign CHG-1" not in page.text, "she signs for engineering, which is not asked"
    assert maya.post("/playbook/changes/CHG-1/approvals", {"function": "engineering"}).status_code == 409
    for signer, function in ((PRIYA, "data_science"), (HELEN, "compliance")):
        reader = signed_in(company, signer)
        assert "Sign CHG-1 for" in reader.page("/playbook").text
        answer = reader.post("/playbook/changes/CHG-1/approvals", {"function": function})
        assert answer.status_code == 303
    assert "CHG-1" not in maya.page("/playbook").text


def test_a_review_that_changes_nothing_is_put_on_the_record_on_the_page_r_pre_05(
    company: Application, maya: Reader
) -> None:
    assert maya.post("/playbook/reviews", {"note": " "}).status_code == 422
    assert maya.post("/playbook/reviews", {"note": "Clocks kept, names hold"}).status_code == 303
    page = maya.page("/playbook").text
    assert "by Maya Okafor and left as it is: Clocks kept, names hold" in page
