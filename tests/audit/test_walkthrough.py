"""The walk-through: every step in its phase, in order, with what proves it (R-AUD-04)."""

from __future__ import annotations

import pytest

from holdfast.audit.dossier import Dossier, gather
from holdfast.audit.walkthrough import Chapter, Step, walk
from holdfast.incident import register
from holdfast.incident.incident import Phase
from holdfast.ledger.outbox import MessageQueued, MessageSent
from support.lending import DRIFT, Lending


@pytest.fixture(scope="session")
def chapters(dossier: Dossier) -> tuple[Chapter, ...]:
    return walk(dossier)


def step(chapters: tuple[Chapter, ...], type_: str) -> Step:
    return next(step for chapter in chapters for step in chapter.steps if step.type == type_)


def test_the_phases_come_in_order_and_their_steps_by_when_they_happened(
    chapters: tuple[Chapter, ...],
) -> None:
    """R-AUD-04/report."""
    assert [chapter.phase for chapter in chapters] == list(Phase)
    for chapter in chapters:
        times = [step.at for step in chapter.steps]
        assert times == sorted(times)
        assert (chapter.began, chapter.ended) == (times[0], times[-1])
    numbers = [step.number for chapter in chapters for step in chapter.steps]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_step_stands_in_the_phase_it_is_about(chapters: tuple[Chapter, ...]) -> None:
    for type_, phase in {
        "incident.opened": Phase.DETECTION,
        "evidence.frozen": Phase.DETECTION,
        "incident.classified": Phase.DETECTION,
        "containment.probed": Phase.CONTAINMENT,
        "impact.assessed": Phase.INVESTIGATION,
        "cause.analysed": Phase.INVESTIGATION,
        "remediation.verified": Phase.REMEDIATION,
        "review.completed": Phase.REVIEW,
        "incident.closed": Phase.REVIEW,
    }.items():
        assert step(chapters, type_).phase is phase, type_


def test_each_step_names_its_entry_and_what_it_rests_on(chapters: tuple[Chapter, ...]) -> None:
    assert step(chapters, "incident.opened").evidence == (f"monitor:{DRIFT}",)
    assert step(chapters, "evidence.frozen").evidence == tuple(f"EV-{n}" for n in range(1, 9))
    assert step(chapters, "cause.analysed").evidence == ("EV-1", f"monitor:{DRIFT}", "EV-3")
    notes = [one for chapter in chapters for one in chapter.steps if one.type == "incident.note_added"]
    assert [one.evidence for one in notes if not one.back_filled] == [("EV-1",)]
    assert all(one.entries for chapter in chapters for one in chapter.steps)


def test_what_was_added_later_stands_where_it_happened_and_says_when_it_was_added(
    chapters: tuple[Chapter, ...],
) -> None:
    first = chapters[0].steps[0]
    assert first.title == "The broker's new export goes live."
    assert first.back_filled
    assert first.recorded_at > first.at


def test_everything_of_the_timeline_is_told(dossier: Dossier, chapters: tuple[Chapter, ...]) -> None:
    """Nothing a person could read there is missing here; messages that left together are one step."""
    told = {entry for chapter in chapters for one in chapter.steps for entry in one.entries}
    sent = {one.seq for one in dossier.record if isinstance(one.fact, MessageSent)}
    readable = {one.seq for one in dossier.record if one.fact.line() is not None}
    assert told == readable - sent
    assert register.timeline(list(dossier.record))


def test_messages_that_left_together_are_one_step_beside_what_they_tell(
    dossier: Dossier, chapters: tuple[Chapter, ...]
) -> None:
    sendings = [one for chapter in chapters for one in chapter.steps if one.type == "message.queued"]
    queued = [one for one in dossier.record if isinstance(one.fact, MessageQueued)]
    assert sum(len(one.entries) for one in sendings) == len(queued)
    assert sendings[0].phase is Phase.DETECTION
    assert sendings[0].title.startswith("Sent to ")
    assert "Sent: Maya Okafor, " in sendings[0].detail
    contained = step(chapters, "incident.contained")
    assert any(one.phase is Phase.CONTAINMENT and one.at == contained.at for one in sendings)


def test_a_phase_that_has_not_begun_is_not_told(running: Lending) -> None:
    assert [chapter.phase for chapter in walk(gather(running.ledger, "INC-1"))] == [Phase.DETECTION]
