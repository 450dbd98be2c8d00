"""One incident on real car loans, from the first wrong prediction to the auditor, through the pages.

NannyML's documentation says where the data change: in the second half of the analysis period the cars get
dearer, and the model's accuracy falls with it. Nothing here tells the product so.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page, expect

from holdfast.incident.incident import Incident, Status
from holdfast.incident.loading import load
from holdfast.learn.remedying import remediations_of
from holdfast.people import Actor
from support.browsing import press
from support.car_loans import CHANGE
from support.company import HELEN, MAYA, PRIYA, TOMAS, VICTOR
from support.office import SEEN, Office, give_accounts, pages

FIXED = datetime(2019, 5, 2, 15, 30, tzinfo=UTC)
INCIDENT = "INC-1"
HARMLESS = {"Find", "Check the whole ledger", "Copy", "Verify all hashes", "Build and download"}
"""Buttons that only read and verify."""


class Journey:
    """The chapters of one incident. Each signs in who acts in it, and looks at what they see."""

    def __init__(self, office: Office, folder: Path) -> None:
        self.office = office
        self.folder = folder

    # Before ------------------------------------------------------------------------------------

    def a_quiet_morning(self) -> None:
        home = self.office.see(MAYA)
        expect(home.get_by_text("No incident is open.")).to_be_visible()
        expect(main(home)).to_contain_text("by their newest window")
        assert self.office.model_answers()
        self.look(home, "quiet home")

    # Detected ----------------------------------------------------------------------------------

    def an_alert_opens_the_incident_with_its_evidence(self) -> None:
        self.office.morning(SEEN)
        maya = self.office.see(MAYA)
        expect(self.card(maya, "Open incidents")).to_contain_text("not acknowledged")
        self.look(maya, "home with an incident")
        maya.goto("/alerts?shown=incidents")
        expect(main(maya)).to_contain_text("Drift of car value")
        expect(main(maya)).to_contain_text("Accuracy")
        self.look(maya, "alert inbox")
        maya.goto("/")
        main(maya).get_by_role("link", name=INCIDENT).first.click()
        expect(maya.get_by_role("heading", level=1)).to_have_text("Car loans: accuracy out of bounds")
        expect(self.card(maya, "Timeline")).to_contain_text(re.compile(r"Evidence frozen: \d+ items"))
        expect(self.card(maya, "Alerts behind it")).to_contain_text("limit 0.93")
        expect(self.card(maya, "Impact")).to_contain_text("5,141")
        self.look(maya, "incident opened")
        assert self.state.began_at == CHANGE, "the monitors place the beginning where the change is published"
        assert [alert.monitor for alert in self.state.alerts] == ["accuracy", "drift-car-value"]
        self.a_monitor_shows_the_change(maya)

    def a_monitor_shows_the_change(self, page: Page) -> None:
        page.goto("/systems/car-loans/monitors/drift-car-value")
        expect(main(page)).to_contain_text("1.85")
        self.look(page, "monitor")
        page.goto("/systems/car-loans")
        self.look(page, "system")

    def somebody_answers(self) -> None:
        """Acknowledged by one key, the rules' proposal confirmed by one press."""
        self.office.pass_by(minutes=7)
        maya = self.on_the_incident(MAYA)
        press(maya, "a")
        expect(maya.get_by_text("The escalation has stopped.")).to_be_visible()
        maya.get_by_role("link", name="Why, or change it").click()
        self.look(maya, "classification")
        maya.go_back()
        self.card(maya, "Next").get_by_role("button", name="Confirm").click()
        expect(maya.get_by_text("Classified.")).to_be_visible()
        assert self.state.acknowledged_at == self.office.clock.now()
        self.note(maya)

    def note(self, page: Page) -> None:
        """N, a sentence, done."""
        press(page, "n")
        page.keyboard.type("The valuation service changed its price source at the end of March.")
        page.get_by_role("group").get_by_role("button", name="Add note").click()
        expect(self.card(page, "Timeline")).to_contain_text("The valuation service changed its price source")
        self.look(page, "incident answered")

    # Contained ---------------------------------------------------------------------------------

    def the_model_is_switched_off_and_the_application_obeys(self) -> None:
        assert self.office.model_answers()
        assert self.office.route("0 - 20K €") == "model"
        maya = self.on_the_incident(MAYA)
        tomas = self.on_the_incident(TOMAS)
        self.card(tomas, "Next").get_by_role("link", name="Choose").click()
        offered = (
            main(tomas).get_by_role("listitem").filter(has=tomas.get_by_text("Decide without the model"))
        )
        offered.get_by_text("Propose…").click()
        offered.get_by_label("Why this one?").fill("Approvals are wrong in every segment.")
        self.look(tomas, "containment proposing")
        offered.get_by_role("button", name="Propose").click()
        expect(self.card(maya, "Next")).to_contain_text("Approve containment")  # her page tells her by itself
        assert self.office.model_answers(), "a proposal switches nothing"
        self.office.pass_by(minutes=3)
        maya = self.office.see(MAYA, f"/incidents/{INCIDENT}/containment")
        self.confirm(
            maya, "Approve…", "Approve", "Why this, and why now?", "Every hour approves wrong loans."
        )
        assert self.office.model_answers(), "an approval switches nothing either"
        self.confirm(maya, "Carry out…", "Decide without the model")
        expect(maya.get_by_text("Holdfast's own address answers by it.")).to_be_visible()
        self.look(maya, "switched")
        assert not self.office.model_answers(), "the unmodified OpenFeature client obeys"
        assert self.office.route("0 - 20K €") == "human_review", "and no route leads to a model that is off"
        expect(maya.get_by_text("the application asked and was answered so")).to_be_visible()
        assert self.state.contained_at is None, "nobody knows yet whether the harm stopped"
        assert self.office.lender.live_until(self.office.clock.now(), self.office.model_answers) == 0

    def the_harm_stops(self) -> None:
        """A day later, the log has no row that the model decided."""
        self.office.morning(datetime(2019, 5, 2, 6, tzinfo=UTC))
        maya = self.office.see(MAYA, f"/incidents/{INCIDENT}/containment")
        maya.get_by_role("button", name="Look at the effect").click()
        expect(maya.get_by_text("the harm stopped").first).to_be_visible()
        assert self.state.status is Status.CONTAINED
        self.look(maya, "effect")

    # Investigated ------------------------------------------------------------------------------

    def the_evidence_is_what_was_taken_in(self) -> None:
        priya = self.on_the_incident(PRIYA)
        self.card(priya, "Evidence").get_by_role("link", name=re.compile(r"^\d+ items$")).click()
        priya.get_by_role("button", name="Verify all hashes").click()
        expect(priya.get_by_text(re.compile(r"All \d+ items match their hashes\."))).to_be_visible()
        with priya.expect_download() as download:
            priya.get_by_role("link", name="Download EV-3").click()
        assert download.value.suggested_filename == "measurements.json"
        self.look(priya, "evidence")

    def the_impact_is_counted_and_assessed(self) -> None:
        helen = self.on_the_incident(HELEN)
        self.card(helen, "Impact").get_by_role("link").click()
        expect(self.card(helen, "Counted in the log")).to_contain_text("Exposed")
        expect(self.card(helen, "Counted in the log")).to_contain_text("Affected")
        helen.get_by_label("Which people?").fill("Applicants for a car loan")
        helen.get_by_label("How does it touch them?").fill("Approved for loans that some cannot repay.")
        for question, answer in (
            ("Are they left without any answer?", "no"),
            ("Must customers or regulators be told?", "no"),
        ):
            helen.get_by_role("group", name=question).get_by_label(answer, exact=True).check()
        helen.get_by_label("Currency").fill("EUR")
        helen.get_by_label(re.compile("^Direct cost")).fill("240000")
        helen.get_by_label("How the amounts were arrived at").fill("143 more wrong approvals than expected.")
        self.look(helen, "impact form")
        helen.get_by_role("button", name="Record this version").click()
        expect(helen.get_by_text("Version 1 is recorded.")).to_be_visible()
        self.look(helen, "impact assessed")

    def the_cause_is_established(self) -> None:
        priya = self.on_the_incident(PRIYA)
        self.card(priya, "Next").get_by_role("link", name="Analyse").click()
        self.state_that(priya, "Fact 1", "PSI of car_value is 1.85 against the reference.", "EV-3")
        self.state_that(priya, "Fact 2", "No other input moved.", "monitor:drift-debt-to-income-ratio")
        event = priya.get_by_role("group", name="Event 1", exact=True)
        event.get_by_label("when, in UTC").fill("2019-03-31T03:00")
        self.state_that(priya, "Event 1", "The first application with the new valuation is decided.", "EV-1")
        self.state_that(priya, "Data factor 1", "List prices came where market values came before.", "EV-1")
        self.state_that(priya, "Process factor 1", "A change of the price source needs no sign-off.", "")
        priya.get_by_role("group", name="Process factor 1", exact=True).get_by_label("assumption").check()
        self.state_that(priya, "Root cause", "The valuation service switched to list prices.", "EV-1, EV-3")
        self.look(priya, "cause form")
        priya.get_by_role("button", name="Record this version").last.click()
        expect(priya.get_by_text("The root cause is established.")).to_be_visible()
        self.look(priya, "cause established")
        assert self.state.cause == "The valuation service switched to list prices."

    def state_that(self, page: Page, row: str, text: str, rests_on: str) -> None:
        group = page.get_by_role("group", name=row, exact=True)
        group.get_by_role("textbox", name=row, exact=True).fill(text)
        if rests_on:
            group.get_by_label("what it rests on").fill(rests_on)

    # Mended ------------------------------------------------------------------------------------

    def a_fix_is_planned_and_done(self) -> None:
        """Who, until when, and which monitor will prove it."""
        tomas = self.on_the_incident(TOMAS)
        self.card(tomas, "Next").get_by_role("link", name="Plan").click()
        tomas.get_by_label("What will be done?").fill(
            "Take market values from the former price source again."
        )
        tomas.get_by_label("Responsible").select_option(TOMAS.id)
        tomas.get_by_label("Deadline, in UTC").fill("2019-05-03T18:00")
        tomas.get_by_label("Kind").select_option("data_cleaning")
        tomas.get_by_role("combobox", name=re.compile("^Monitor")).select_option("drift-car-value")
        self.look(tomas, "remediation planning")
        tomas.get_by_role("button", name="Plan it").click()
        expect(tomas.get_by_text(f"{INCIDENT}-R1 is planned.")).to_be_visible()
        self.office.lender.live_until(FIXED, self.office.model_answers)
        self.office.clock.move_to(FIXED)
        self.office.work()
        tomas = self.office.see(TOMAS, f"/incidents/{INCIDENT}/remediation")
        tomas.get_by_text("Done…").click()
        tomas.get_by_label("What was done?").fill("Price source 7 is read again, release 2019-18.")
        tomas.get_by_role("button", name="It is done").click()
        expect(tomas.get_by_text("done, not proven")).to_be_visible()
        expect(main(tomas)).to_contain_text("0 of 3 windows in a row in bounds so far")
        self.look(tomas, "remediation done")

    def the_model_answers_again(self) -> None:
        """Without its answers there is nothing to prove the fix by; whoever may undo it lifts containment."""
        maya = self.office.see(MAYA, f"/incidents/{INCIDENT}/containment")
        self.confirm(maya, "Revert…", "Revert", "Why may it be undone?", "The inputs are as validated again.")
        expect(maya.get_by_text("The flag address answers without it again.")).to_be_visible()
        assert self.office.model_answers(), "and the application is answered by the model again"
        assert self.state.status is Status.OPEN

    def the_monitor_itself_proves_the_fix(self) -> None:
        """Windows that began after the fix, three in a row, over three days; nobody ticks it off."""
        for day in range(3, 8):
            morning = datetime(2019, 5, day, 6, tzinfo=UTC)
            self.office.lender.live_as_in_the_reference(self.office.clock.now(), morning)
            self.office.morning(morning)
        priya = self.office.see(PRIYA, f"/incidents/{INCIDENT}/remediation")
        expect(self.card(priya, f"{INCIDENT}-R1")).to_contain_text("3 windows in a row")
        self.look(priya, "remediation verified")
        (item,) = remediations_of(self.office.application.ledger, INCIDENT).verified()
        assert item.item == f"{INCIDENT}-R1"
        priya.goto("/systems/car-loans/monitors/drift-car-value")
        self.look(priya, "monitor back in bounds")

    # Ended -------------------------------------------------------------------------------------

    def it_is_resolved_reviewed_and_closed(self) -> None:
        maya = self.on_the_incident(MAYA)
        self.card(maya, "Next").get_by_role("link", name="Resolve").click()
        maya.get_by_label("What resolved it?").fill("Market values are read again, and the drift is gone.")
        self.look(maya, "resolution")
        maya.get_by_role("button", name="Resolve").click()
        expect(maya.get_by_text(f"{INCIDENT} is resolved.")).to_be_visible()
        maya.goto(f"/incidents/{INCIDENT}/closure")
        maya.get_by_label("How did it end?").fill("Too early.")
        maya.get_by_role("button", name="Close and archive").click()
        expect(maya.get_by_text("Nothing was recorded.")).to_be_visible()
        self.look(maya, "closing too early")
        assert self.state.status is Status.RESOLVED, "a review is required before a high one can be closed"
        self.the_review_is_written(PRIYA)
        self.the_review_is_completed(HELEN)
        maya.goto(f"/incidents/{INCIDENT}")
        self.card(maya, "Next").get_by_role("link", name="Close").click()
        maya.get_by_label("How did it end?").fill(
            "A silent change of the price source, reverted within two days."
        )
        maya.get_by_role("button", name="Close and archive").click()
        expect(maya.get_by_text("is closed and archived.").first).to_be_visible()
        self.look(maya, "closed")
        assert self.state.status is Status.CLOSED

    def the_review_is_written(self, person: Actor) -> None:
        """Prefilled from the record; somebody without the authority can write it and not complete it."""
        page = self.on_the_incident(person)
        self.card(page, "Next").get_by_role("link", name="Review").click()
        page.get_by_role("button", name="Fill in from the record").click()
        expect(page.get_by_label("1. What happened?")).not_to_be_empty()
        expect(page.get_by_label("4. What was the root cause")).to_have_value(
            re.compile("The valuation service switched to list prices")
        )
        self.look(page, "review prefilled")
        page.get_by_label("6. What went well?").fill("The morning after the window was complete, we knew.")
        page.get_by_role("button", name="Save", exact=True).last.click()
        expect(page.get_by_text("The answers are saved.")).to_be_visible()
        expect(page.get_by_role("button", name="Save and complete the review")).to_have_count(0)

    def the_review_is_completed(self, person: Actor) -> None:
        page = self.office.see(person, f"/incidents/{INCIDENT}/review")
        expect(page.get_by_label("6. What went well?")).to_have_value(
            "The morning after the window was complete, we knew."
        )
        page.get_by_label("7. What could have gone better?").fill("A window of a month is too long.")
        page.get_by_label("8. What will we change").fill("Daily windows for the inputs that decide most.")
        page.get_by_label("Who took part?").fill("Maya Okafor\nPriya Raman\nHelen Marsh")
        page.get_by_role("button", name="Save and complete the review").click()
        expect(page.get_by_text("The review is completed.")).to_be_visible()
        self.look(page, "review completed")

    # Proven ------------------------------------------------------------------------------------

    def the_auditor_verifies_it_offline_and_changes_nothing(self) -> None:
        self.office.work()
        victor = self.office.see(VICTOR)
        pack, policy = self.downloads(victor)
        command = [sys.executable, "-m", "holdfast_verify", str(pack), "--policy", str(policy)]
        verified = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        self.every_page_reads(victor)
        self.no_step_is_open_to_an_auditor(victor)
        report = self.office.application.check()
        assert report.holds, report.problems

    def downloads(self, page: Page) -> tuple[Path, Path]:
        page.goto(f"/incidents/{INCIDENT}/pack")
        with page.expect_download() as download:
            page.get_by_role("button", name="Build and download").click()
        pack = self.folder / download.value.suggested_filename
        download.value.save_as(pack)
        assert pack.name == f"{INCIDENT}.zip"
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the policy").click()
        policy = self.folder / "policy.txt"
        download.value.save_as(policy)
        self.look(page, "pack")
        return pack, policy

    def every_page_reads(self, page: Page) -> None:
        for path in pages(INCIDENT):
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            expect(main(page).get_by_role("heading", level=1)).to_be_visible()
            offered = main(page).get_by_role("button").all_inner_texts()
            assert {text.strip() for text in offered} <= HARMLESS, f"{path} offers a step to an auditor"
            self.look(page, f"auditor {path}")

    def no_step_is_open_to_an_auditor(self, page: Page) -> None:
        """A form that no page showed, sent with the session's own token, is refused and changes nothing."""
        page.goto("/")
        token = page.locator("input[name=csrf]").first.get_attribute("value") or ""
        size = self.office.application.ledger.size()
        incident = f"/incidents/{INCIDENT}"
        for path in (
            "/declare",
            f"{incident}/acknowledgement",
            f"{incident}/notes",
            f"{incident}/classification",
            f"{incident}/containment/proposals",
            f"{incident}/containment/{INCIDENT}-C1/reversal",
            f"{incident}/impact/assessments",
            f"{incident}/cause/analyses",
            f"{incident}/remediation",
            f"{incident}/review/completion",
            f"{incident}/closure",
        ):
            headers = {"Origin": self.office.address}
            answer = page.request.post(
                path, form={"csrf": token, "title": "x", "note": "x"}, headers=headers, max_redirects=0
            )
            assert answer.status == 403, f"{path} answered {answer.status}"
            assert "Victor Chen may not" in answer.text()
        assert self.office.application.ledger.size() == size

    # Helpers -----------------------------------------------------------------------------------

    @property
    def state(self) -> Incident:
        return load(self.office.application.ledger, INCIDENT).state

    def on_the_incident(self, person: Actor) -> Page:
        return self.office.see(person, f"/incidents/{INCIDENT}")

    def card(self, page: Page, title: str):  # type: ignore[no-untyped-def]
        return page.get_by_role("region", name=title, exact=True)

    def confirm(self, page: Page, ask: str, verb: str, question: str = "", answer: str = "") -> None:
        """Open a question that is asked in place, answer it, and press."""
        asked = main(page).locator("details", has=page.get_by_text(ask, exact=True))
        asked.get_by_text(ask, exact=True).click()
        if question:
            asked.get_by_label(question).fill(answer)
        asked.get_by_role("button", name=verb, exact=True).click()

    def look(self, page: Page, name: str) -> None:
        self.office.windows.picture(page, name)


def main(page: Page):  # type: ignore[no-untyped-def]
    return page.get_by_role("main")


def test_one_incident_from_the_first_wrong_prediction_to_the_auditor(office: Office, tmp_path: Path) -> None:
    give_accounts(office, MAYA, TOMAS, PRIYA, HELEN, VICTOR)
    journey = Journey(office, tmp_path)
    journey.a_quiet_morning()
    journey.an_alert_opens_the_incident_with_its_evidence()
    journey.somebody_answers()
    journey.the_model_is_switched_off_and_the_application_obeys()
    journey.the_harm_stops()
    journey.the_evidence_is_what_was_taken_in()
    journey.the_impact_is_counted_and_assessed()
    journey.the_cause_is_established()
    journey.a_fix_is_planned_and_done()
    journey.the_model_answers_again()
    journey.the_monitor_itself_proves_the_fix()
    journey.it_is_resolved_reviewed_and_closed()
    journey.the_auditor_verifies_it_offline_and_changes_nothing()
