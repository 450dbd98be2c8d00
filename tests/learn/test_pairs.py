"""Two steps on an incident, in every order: the record is consistent after each pair, and a refused second
step leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product

import pytest

from holdfast.incident import roles
from holdfast.incident.incident import Incident, Status
from holdfast.incident.loading import load
from holdfast.incident.responding import Desk, Report
from holdfast.learn import closing
from holdfast.ledger import timers
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import IncidentRole
from holdfast.prepare.terms import Category, Severity
from holdfast.problems import NotAllowed
from support.company import HELEN, INES, MAYA, WORKER

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LOANS, ASSISTANT = "loan-approval", "customer-assistant"


@dataclass
class Story:
    """An incident, another on the same system, and one that is related to neither."""

    desk: Desk
    ledger: Ledger
    now: datetime
    incident: str = ""
    other: str = ""
    handed: list[str] = field(default_factory=list)

    def begin(self) -> None:
        report = Report("Letters", system=LOANS, severity=Severity.MEDIUM)
        self.incident = self.desk.open(report, by=INES, at=self.now)
        self.other = self.desk.open(Report("Refusals", system=LOANS), by=INES, at=self.later())

    def later(self, by: timedelta = MINUTE) -> datetime:
        self.now += by
        return self.now

    @property
    def state(self) -> Incident:
        return load(self.ledger, self.incident).state

    @property
    def into(self) -> Incident:
        return load(self.ledger, self.other).state

    def let_time_pass(self) -> int:
        """Ten days in which every clock and every ladder that is armed runs; returns how many calls there
        were."""
        fire = {"clock.breach": self.desk.breach_clock, "escalation.step": self.desk.escalate}
        until, size = self.later(timedelta(days=10)), self.ledger.size()
        while ready := timers.due(self.ledger, until, limit=1, wanted=lambda timer: timer.kind in fire):
            fire[ready[0].kind](ready[0], by=WORKER, at=max(ready[0].due, self.now - timedelta(days=10)))
        facts = (one.fact for one in self.ledger.facts(after=size - 1))
        return sum(isinstance(one, MessageQueued) and one.incident == self.incident for one in facts)


def merge(story: Story) -> None:
    closing.merge(story.desk, story.incident, story.other, "the same", by=MAYA, at=story.later())


def relate(story: Story) -> None:
    story.desk.relate(story.incident, story.other, "one supplier", by=MAYA, at=story.later())


def dismiss(story: Story) -> None:
    closing.dismiss(story.desk, story.incident, "a test", by=MAYA, at=story.later())


def reclassify(story: Story) -> None:
    severity = Severity.CRITICAL if story.state.severity is not Severity.CRITICAL else Severity.LOW
    category = Category.DATA_QUALITY
    story.desk.classify(story.incident, category, severity, "looked at", by=MAYA, at=story.later())


def hand_over(story: Story) -> None:
    role = IncidentRole.TECHNICAL_LEAD
    story.desk.hand_over(story.incident, role, HELEN.id, "shift", by=MAYA, at=story.later())
    story.handed.append(HELEN.id)


def correct_the_system(story: Story) -> None:
    other = ASSISTANT if story.state.system == LOANS else LOANS
    story.desk.name_system(story.incident, other, "", "looked again", by=MAYA, at=story.later())


Step = Callable[[Story], None]
STEPS: tuple[Step, ...] = (merge, relate, dismiss, reclassify, hand_over, correct_the_system)
ENDS: tuple[Step, ...] = (merge, dismiss)
"""After these the record takes nothing more: an incident is not opened again, what recurs is a new one."""


def allowed(first: Step, second: Step) -> bool:
    """Whether the second can be taken after the first."""
    if first in ENDS:
        return False
    return (first, second) != (correct_the_system, merge)  # of two systems: related, not merged


@pytest.fixture
def story(desk: Desk, ledger: Ledger, now: datetime) -> Story:
    made = Story(desk, ledger, now)
    made.begin()
    return made


def require_consistent(story: Story) -> None:
    """What must be so of an incident whatever was done."""
    for state in (story.state, story.into):
        running = [clock for clock in state.clocks.values() if clock.running]
        armed = {timer for timer in waiting(story.ledger) if timer.startswith(f"{state.id}/")}
        assert bool(running) == (not state.status.over), f"{state.id}: {running}"
        assert not (state.status.over and armed), f"{state.id} is {state.status} and waits for {armed}"
        ground = story.desk.ground_of(state)
        assert state.severity is not None
        wanted = roles.team(ground.playbook, ground.roster, state.severity, state.severity, state)
        if not state.status.over:
            assert set(state.team) == set(wanted), f"{state.id}: the team is not the severity's"
            limits = ground.limits(state.severity).lengths
            for clock in running:
                assert limits.get(clock.clock) == clock.limit, f"{state.id}: {clock}"
        assert len({member.role for member in state.team}) <= len(state.team)


def waiting(ledger: Ledger) -> list[str]:
    return [one.timer for one in timers.armed(ledger, "")]


@pytest.mark.parametrize(
    ("first", "second"), product(STEPS, STEPS), ids=lambda one: one.__name__.replace("_", "-")
)
def test_after_any_two_steps_the_record_is_consistent(story: Story, first: Step, second: Step) -> None:
    """R-ESC-08, R-CLS-05, R-PRE-07."""
    first(story)
    require_consistent(story)
    before, size = (story.state, story.into), story.ledger.size()
    if allowed(first, second):
        second(story)
    else:
        with pytest.raises(NotAllowed):
            second(story)
        assert story.ledger.size() == size, "what was refused left something behind"
        assert (story.state, story.into) == before
    require_consistent(story)
    ended = story.state.status in (Status.DISMISSED, Status.MERGED)
    assert ended == (first in ENDS or (second in ENDS and allowed(first, second)))
    if ended:
        assert story.let_time_pass() == 0, "somebody was called for an incident that is over"
        require_consistent(story)


@pytest.mark.parametrize("end", ENDS, ids=lambda one: one.__name__)
def test_there_is_no_opening_again_a_new_incident_refers_to_the_old_one(story: Story, end: Step) -> None:
    """What is over stays as it was: a report of the same opens another, which joins nothing that ended."""
    end(story)
    before = story.state
    report = Report("Letters again", system=ASSISTANT)
    declared = story.desk.declare(report, by=INES, at=story.later())
    assert declared.incident not in (story.incident, story.other)
    with pytest.raises(NotAllowed):
        story.desk.declare(report, join=story.incident, by=INES, at=story.later())
    assert story.state == before


def test_whoever_was_handed_a_role_keeps_it_through_everything_but_another_handover(story: Story) -> None:
    hand_over(story)
    for step in (reclassify, correct_the_system, relate, reclassify):
        step(story)
        holder = story.state.holder_of(IncidentRole.TECHNICAL_LEAD.value)
        assert holder is not None
        assert holder.person == HELEN.id, step.__name__
