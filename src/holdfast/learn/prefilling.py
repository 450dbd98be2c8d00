"""What the record already knows of the eight questions. Pure (R-PIR-01, R-PIR-02).

Every sentence is made of facts, so that the people in the review argue about what to change and not about
what happened. What only people can judge stays empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast import wording
from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.evidence.events import Gap
from holdfast.incident.incident import ClockState, Incident
from holdfast.incident.register import Entry
from holdfast.investigate.cause import Cause
from holdfast.investigate.events import Statement
from holdfast.investigate.impact import Impact
from holdfast.learn.remediation import Item, Remediations, Standing
from holdfast.prepare.terms import ReviewQuestion
from holdfast.wording import capital, sentence

_TOLD = ("alarm", "act", "note")
"""Tones of the timeline's entries that make the story; plain ones are machinery."""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything a review is prefilled from."""

    state: Incident
    timeline: Sequence[Entry]
    impact: Impact
    cause: Cause
    remediations: Remediations
    measurements: Sequence[Measurement] = ()
    """Of the monitors that alarmed: as they were recorded, also before the incident opened."""
    gaps: Sequence[Gap] = ()
    """Evidence that could not be frozen."""


def prefill(material: Material) -> Mapping[ReviewQuestion, str]:
    """An answer to each question from the record; empty where the record knows nothing."""
    state = material.state
    return {
        ReviewQuestion.WHAT_HAPPENED: _what_happened(state, material.timeline),
        ReviewQuestion.WHEN_DETECTED: "\n".join([*_times(material), could_be_sooner(material)]),
        ReviewQuestion.IMPACT: _impact(material.impact),
        ReviewQuestion.ROOT_CAUSE: _root_cause(material.cause),
        ReviewQuestion.REMEDIATION: "\n".join(_item(item) for item in material.remediations.items.values()),
        ReviewQuestion.WENT_WELL: "\n".join(_went_well(material)),
        ReviewQuestion.COULD_BE_BETTER: "\n".join(_could_be_better(material)),
        ReviewQuestion.WILL_CHANGE: "",
    }


# What happened, and when -----------------------------------------------------------------------


def _what_happened(state: Incident, timeline: Iterable[Entry]) -> str:
    lines = [state.title, *([state.description] if state.description else [])]
    for entry in timeline:
        if entry.line.tone in _TOLD:
            detail = f": {entry.line.detail}" if entry.line.detail else ""
            marked = " (added later)" if entry.back_filled else ""
            lines.append(f"{wording.utc(entry.at)}  {entry.line.title}{detail}{marked}")
    return "\n".join(lines)


def _times(material: Material) -> list[str]:
    state = material.state
    moments: list[tuple[str, datetime | None, datetime | None, str]] = [
        ("Began", state.began_at, None, ""),
        ("Opened", state.opened_at, state.began_at, "after it began"),
        ("Acknowledged", state.acknowledged_at, state.opened_at, "after the opening"),
        ("Contained", state.held_from, state.opened_at, "after the opening"),
        ("Resolved", state.resolved_at, state.opened_at, "after the opening"),
    ]
    return [_time(*moment) for moment in moments]


def _time(word: str, at: datetime | None, since: datetime | None, after: str) -> str:
    if at is None:
        return f"{word}: {'not known' if word == 'Began' else 'not so far'}."
    took = f", {wording.duration(at - since)} {after}" if since and at >= since else ""
    return f"{word}: {wording.utc(at)}{took}."


def could_be_sooner(material: Material) -> str:
    """Whether the measurements could have opened the incident sooner, as a sentence."""
    opened = material.state.opened_at
    assert opened is not None
    if not material.measurements:
        return "No monitor's alert belongs to it, so there is no measurement to tell whether it could be."
    alarms = [one for one in material.measurements if one.alarm and one.as_of <= opened]
    if not alarms:
        return (
            "No measurement of the monitors that alarmed was out of bounds before the incident opened: they "
            "could not have shown it sooner."
        )
    first = min(alarms, key=lambda one: (one.as_of, one.window_end))
    said = [
        f"The first window out of bounds ended {wording.utc(first.window_end)} ({first.monitor}) and was "
        f"judged {wording.utc(first.as_of)}, {_later(first.as_of - first.window_end)}"
    ]
    if any(_waited(one, first) for one in material.measurements):
        said.append("its labels were not complete before that")
    said.append(f"the incident was opened {_later(opened - first.as_of)}")
    return f"{'; '.join(said)}."


def _waited(one: Measurement, first: Measurement) -> bool:
    same = (one.series, one.window_start, one.window_end) == (
        first.series,
        first.window_start,
        first.window_end,
    )
    return same and one.as_of < first.as_of and one.status in (WindowStatus.PENDING, WindowStatus.ESTIMATED)


def _later(length: timedelta) -> str:
    return f"{wording.duration(length)} later" if length > timedelta(0) else "at once"


# Impact, cause, remediation --------------------------------------------------------------------


def _impact(impact: Impact) -> str:
    lines = [sentence(capital(said)) for said in (impact.newest.said() if impact.newest else [])]
    lines += [f"The number of people affected: {'; '.join(impact.said())}."] if impact.said() else []
    if impact.dated:
        lines.append(f"{capital(impact.dated)}.")
    if impact.count:
        line = impact.count.line()
        lines.append(sentence(f"{line.title}; {line.detail}"))
    return "\n".join(lines)


def _root_cause(cause: Cause) -> str:
    newest = cause.newest
    if newest is None or newest.root_cause is None:
        return ""
    factors = [f"{one.group.value.capitalize()}: {_said(one.statement)}" for one in newest.factors]
    return "\n".join([_said(newest.root_cause), *factors])


def _said(statement: Statement) -> str:
    rests = ", ".join(map(str, statement.links)) or "assumption"
    return f"{statement.text} ({rests})"


def _item(item: Item) -> str:
    result = f" {item.result}" if item.result else ""
    return (
        f"{item.item}: {item.action} ({item.kind.value.replace('_', ' ')}; {item.responsible_name}, until "
        f"{wording.day(item.deadline)}): {item.standing.value}.{result}"
    )


# Well, and better ------------------------------------------------------------------------------


def _went_well(material: Material) -> Iterable[str]:
    for clock in material.state.clocks.values():
        if clock.kept and clock.took is not None:
            took = wording.duration(clock.took)
            yield f"{clock.promise.done} in {took} of {clock.limit_says}."
    if material.state.alerts:
        yield f"A monitor noticed it ({material.state.alerts[0].monitor_name})."
    for item in material.remediations.items.values():
        if item.standing is Standing.VERIFIED and not item.failed:
            yield f"{item.item} worked the first time."


def _could_be_better(material: Material) -> Iterable[str]:
    for clock in material.state.clocks.values():
        if late := _late(clock):
            yield late
    if material.state.rung:
        yield f"Nobody answered in time: it was escalated {wording.plural(material.state.rung, 'time')}."
    if not material.state.alerts:
        yield "No monitor noticed it; a person did."
    for gap in material.gaps:
        yield f"Not preserved: {gap.title} ({gap.reason})."
    for item in material.remediations.items.values():
        if item.failed:
            yield f"{item.item} did not work {wording.plural(item.failed, 'time')}."
        if item.overdue_at:
            yield f"{item.item} was overdue."


def _late(clock: ClockState) -> str:
    """A sentence for a promise that was not kept."""
    limit = clock.limit_says
    if clock.late_by is not None:
        return f"{clock.promise.done} {wording.duration(clock.late_by)} late; {limit} were promised."
    if clock.missed:
        due = wording.utc(clock.missed)
        return f"{clock.says} was due {due} and was not done; {limit} were promised."
    return ""
