"""Whoever was asked to do something for an incident hears when that is done or void: every request, every
ending (R-ESC-04)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.incident import asking
from holdfast.incident.asking import Asked
from holdfast.incident.loading import load
from holdfast.incident.responding import Report
from holdfast.learn import closing
from holdfast.ledger import outbox
from holdfast.ledger.facts import Recorded
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import SYSTEM, IncidentRole
from holdfast.prepare import versions
from holdfast.prepare.terms import Category, Severity
from holdfast.prepare.workspace import load_workspace
from support.company import AISHA, HELEN, INES, MAYA
from support.workspaces import HandClock, opened

MINUTE = timedelta(minutes=1)
LOANS, ASSISTANT = "loan-approval", "customer-assistant"
BROKERS = "broker-to-review"


STOOD_IN = "stood.in@harbourstreet.example"


def asked_of(incident: str, about: str) -> str:
    return f"{about.replace(' ', '-')}.{incident.lower()}@harbourstreet.example"


def employ(company: Application, now: datetime) -> None:
    """Put everybody of whom something will be asked into the roster: nobody else is written to."""
    incidents = [f"INC-{number}" for number in (1, 2, 3)]
    people = [asked_of(one, about) for one in incidents for about in (*ABOUT.values(), "opened")]
    entries = [f"  - id: {one}\n    name: {one}\n    access: []\n" for one in (*people, STOOD_IN)]
    file = company.workspace / "roster.yaml"
    file.write_text(file.read_text().replace("people:\n", "people:\n" + "".join(entries), 1))
    versions.apply_workspace(company.ledger, load_workspace(company.workspace), HELEN, now)


@dataclass
class Story:
    """One incident with a commander; things are asked of people of the roster who are reached by nothing
    else."""

    company: Application
    incident: str
    now: datetime
    containment: str = ""

    def later(self) -> datetime:
        self.now += MINUTE
        return self.now

    def ask(self, incident: str, about: str, role: str = "incident_commander") -> str:
        """A message that asks somebody who is reached by no other; returns their address."""
        to = asked_of(incident, about)
        subject = f"{incident}: it waits for you: {self.offered}"
        draft = outbox.queue("email", to, subject, "?", incident, zone="UTC", name=to, role=role, about=about)
        self.company.ledger.append(draft, by=SYSTEM, at=self.later())
        return to

    def ask_instead(self, incident: str) -> str:
        """Somebody is told in place of a person who was to answer; returns their address."""
        missed, to = self.ask(incident, "opened"), STOOD_IN
        (queued,) = (one for one in self.queued() if one.to == missed)
        self.company.ledger.append(
            outbox.queue_instead(queued, to, to, "?", zone="UTC"), by=SYSTEM, at=self.later()
        )
        return to

    @property
    def offered(self) -> str:
        (name,) = (one.name for one in self.company.containing.offers(self.incident) if one.option == BROKERS)
        return name

    def queued(self, after: int = -1) -> list[MessageQueued]:
        facts: list[Recorded] = list(self.company.ledger.facts(after=after))
        return [one.fact for one in facts if isinstance(one.fact, MessageQueued)]


@pytest.fixture
def story(database_url: str, tmp_path: Path, now: datetime) -> Story:
    company = opened(tmp_path / "company", database_url, HandClock(now))
    employ(company, now)
    report = Report("Letters", system=LOANS, severity=Severity.HIGH)
    incident = company.desk.open(report, by=INES, at=now)
    made = Story(company, incident, now)
    made.containment = company.containing.propose(incident, BROKERS, "a batch", by=AISHA, at=made.later())
    return made


def acknowledge(story: Story) -> None:
    story.company.desk.acknowledge(story.incident, by=MAYA, at=story.later())


def correct_system(story: Story) -> None:
    story.company.desk.name_system(story.incident, ASSISTANT, "", "looked again", by=MAYA, at=story.later())


def merge(story: Story) -> None:
    other = story.company.desk.open(Report("The same", system=LOANS), by=INES, at=story.later())
    closing.merge(story.company.desk, story.incident, other, "the same", by=MAYA, at=story.later())


def dismiss(story: Story) -> None:
    closing.dismiss(story.company.desk, story.incident, "a test", by=MAYA, at=story.later())


def classify(story: Story, severity: Severity = Severity.HIGH) -> None:
    desk, category = story.company.desk, Category.DATA_QUALITY
    desk.classify(story.incident, category, severity, "looked at", by=MAYA, at=story.later())


def reclassify(story: Story) -> None:
    classify(story, Severity.MEDIUM)


def resolve(story: Story) -> None:
    acknowledge(story)
    classify(story)
    set_cause(story)
    closing.resolve(story.company.desk, story.incident, "fixed", "none needed", by=MAYA, at=story.later())


def set_cause(story: Story) -> None:
    loaded = load(story.company.ledger, story.incident)
    cause = loaded.draft(loaded.state.establish_cause("a batch in months"))
    story.company.ledger.append(cause, by=MAYA, at=story.later())


def approve(story: Story) -> None:
    story.company.containing.approve(story.containment, "yes", by=MAYA, at=story.later())


def decide_against(story: Story) -> None:
    story.company.containing.decide_against(story.incident, "too risky", by=MAYA, at=story.later())


def revert(story: Story) -> None:
    approve(story)
    story.company.containing.apply(story.containment, by=MAYA, at=story.later())
    story.company.containing.revert(story.containment, "over", by=MAYA, at=story.later())


def hand_over(story: Story) -> None:
    role = IncidentRole.INCIDENT_COMMANDER
    story.company.desk.hand_over(story.incident, role, HELEN.id, "shift", by=MAYA, at=story.later())


ANSWER, SEVERITY, CONTAINMENT, PROMISE = Asked
Ending = Callable[[Story], None]
HEARS: dict[Ending, tuple[Asked, ...]] = {
    acknowledge: (ANSWER,),
    correct_system: (ANSWER, SEVERITY, CONTAINMENT, PROMISE),
    merge: (ANSWER, SEVERITY, CONTAINMENT, PROMISE),
    dismiss: (ANSWER, SEVERITY, CONTAINMENT, PROMISE),
    resolve: (ANSWER, SEVERITY, CONTAINMENT, PROMISE),
    classify: (SEVERITY,),
    reclassify: (SEVERITY,),
    approve: (CONTAINMENT,),
    decide_against: (CONTAINMENT,),
    revert: (CONTAINMENT,),
    hand_over: (ANSWER, SEVERITY, CONTAINMENT, PROMISE),
}
"""Every ending, and whose request is done or void by it: a role that is handed over takes its requests
along."""
ABOUT = {
    ANSWER: "escalated",
    SEVERITY: asking.SEVERITY_ASKED,
    CONTAINMENT: asking.CONTAINMENT_ASKED,
    PROMISE: asking.PROMISE_ASKED,
}
every_ending = pytest.mark.parametrize("ending", HEARS, ids=lambda one: one.__name__)


@every_ending
def test_whoever_was_asked_hears_when_the_request_is_done_or_void(story: Story, ending: Ending) -> None:
    asked = {kind: story.ask(story.incident, about) for kind, about in ABOUT.items()}
    size = story.company.ledger.size()
    ending(story)
    heard = {one.to for one in story.queued(size - 1)}
    for kind, person in asked.items():
        assert (person in heard) == (kind in HEARS[ending]), f"{kind}: {person}"


@every_ending
def test_whoever_was_asked_for_an_incident_that_was_merged_into_it_hears_too(
    story: Story, ending: Ending
) -> None:
    desk = story.company.desk
    first = desk.open(Report("First", system=LOANS), by=INES, at=story.later())
    second = desk.open(Report("Second", system=LOANS), by=INES, at=story.later())
    asked = {kind: story.ask(first, about) for kind, about in ABOUT.items()}
    closing.merge(desk, first, second, "the same", by=MAYA, at=story.later())
    closing.merge(desk, second, story.incident, "the same", by=MAYA, at=story.later())
    size = story.company.ledger.size()
    ending(story)
    heard = {one.to for one in story.queued(size - 1)}
    assert {kind for kind in asked if asked[kind] in heard} == {*HEARS[ending]}


@every_ending
def test_whoever_was_told_in_place_of_another_hears_too(story: Story, ending: Ending) -> None:
    if ANSWER not in HEARS[ending]:
        pytest.skip("it is not asked to answer")
    stood_in = story.ask_instead(story.incident)
    size = story.company.ledger.size()
    ending(story)
    assert stood_in in {one.to for one in story.queued(size - 1)}


def test_what_the_product_asks_is_known_as_a_request(story: Story) -> None:
    """The three kinds as they are really queued, to those who may decide."""
    report = Report("Worse", system=LOANS, severity=Severity.CRITICAL)
    classify(story)
    story.company.desk.join_report(story.incident, report, by=INES, at=story.later())
    state = load(story.company.ledger, story.incident).state
    for kind in (SEVERITY, CONTAINMENT):
        assert MAYA.id in {one.person for one in asking.asked(story.company.ledger, state, kind)}, kind


def test_each_person_is_told_once_of_each_ending(story: Story) -> None:
    for about in ABOUT.values():
        story.ask(story.incident, about)
    size = story.company.ledger.size()
    dismiss(story)
    told = [one.to for one in story.queued(size - 1)]
    assert len(told) == len({*told})


def test_the_owner_of_the_system_it_was_about_hears_of_the_correction(story: Story) -> None:
    owner = versions.active_systems(story.company.ledger)[LOANS].model.owner
    size = story.company.ledger.size()
    correct_system(story)
    assert owner in {one.to for one in story.queued(size - 1)}


def test_a_decision_on_the_severity_is_told_to_whoever_was_asked_since_the_last_one(story: Story) -> None:
    asked = story.ask(story.incident, asking.SEVERITY_ASKED)
    classify(story)
    size = story.company.ledger.size()
    classify(story, Severity.MEDIUM)
    assert asked not in {one.to for one in story.queued(size - 1)}


def test_whoever_approves_is_not_told_that_they_did(story: Story) -> None:
    size = story.company.ledger.size()
    approve(story)
    assert MAYA.id not in {one.to for one in story.queued(size - 1) if one.about == "containment decided"}


def test_approving_one_containment_tells_nobody_who_was_asked_of_another(story: Story) -> None:
    other = next(one for one in story.company.containing.offers(story.incident) if one.option != BROKERS)
    draft = outbox.queue(
        "email",
        "another@harbourstreet.example",
        f"{story.incident}: waits: {other.name}",
        "?",
        story.incident,
        zone="UTC",
        about=asking.CONTAINMENT_ASKED,
    )
    story.company.ledger.append(draft, by=SYSTEM, at=story.later())
    size = story.company.ledger.size()
    approve(story)
    decided = [one.to for one in story.queued(size - 1) if one.about == "containment decided"]
    assert decided
    assert "another@harbourstreet.example" not in decided
