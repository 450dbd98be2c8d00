"""What is promised in time, one row each: whatever speaks of a clock reads these rows.

A promise is data. What it counts from, what meets it and what ends it are names of facts; how long it may
take is what the playbook says for a severity. A row is all that a new one costs (CONTRIBUTING.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Literal

from holdfast import wording
from holdfast.people import IncidentRole
from holdfast.prepare.durations import BusinessDays, Length
from holdfast.prepare.terms import Authority, Severity
from holdfast.prepare.workdays import EVERYWHERE, Calendar

if TYPE_CHECKING:
    from holdfast.prepare.playbook import Playbook

_OVER = ("incident.dismissed", "incident.merged", "incident.closed")
_RESOLVED = ("incident.resolved", *_OVER)
ON_CALL: Literal["on_call"] = "on_call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One row. Facts hold its id for ever, so no other promise ever gets it."""

    id: str
    due: str
    """What is to be done: "Acknowledge"."""
    done: str
    """What was done: "Acknowledged"."""
    short: str
    """What is waited for, in a list: "acknowledge"."""
    within: Callable[[Playbook, Severity], Length | None]
    """How long it may take; None where nothing is promised."""
    field: str = ""
    """The key of `severities.*.clocks` that says so."""
    counts_from: tuple[str, ...] = ("incident.opened",)
    """The newest of these facts; while there is none, nothing is promised yet."""
    since: str = "the opening"
    """The same in words."""
    met_by: tuple[str, ...]
    ends_with: tuple[str, ...] = _RESOLVED
    """After one of these nothing is promised any more."""
    recurs: bool = False
    """What meets it starts it anew, where it counts from what meets it."""
    kept_by: IncidentRole | Authority | Literal["on_call"]
    """Who is expected to keep it: a role, whoever may decide something, or whoever is on call."""
    warns: bool = False
    """Whether they are written to before its end, with a quarter of its time left, and when it is broken.
    When it is broken the team and the protocol's receivers hear of it in any case."""
    climbs: bool = False
    """Whether the ladder of the escalation climbs when it is broken."""
    basis: str = ""
    """The law that asks for it; empty: the playbook."""


ACKNOWLEDGE = Promise(
    id="acknowledge",
    due="Acknowledge",
    done="Acknowledged",
    short="acknowledge",
    within=lambda playbook, severity: playbook.severities[severity].clocks.acknowledge_within,
    field="acknowledge_within",
    met_by=("incident.acknowledged",),
    kept_by=ON_CALL,
    climbs=True,
)
CONTAIN = Promise(
    id="contain",
    due="Decide containment",
    done="Containment decided",
    short="contain",
    within=lambda playbook, severity: playbook.severities[severity].clocks.contain_within,
    field="contain_within",
    met_by=("incident.containment_decided",),
    kept_by=Authority.CONTAIN,
)
UPDATE = Promise(
    id="update",
    due="Post an update",
    done="Update posted",
    short="update",
    within=lambda playbook, severity: playbook.severities[severity].clocks.update_every,
    field="update_every",
    counts_from=("incident.opened", "incident.update_posted"),
    since="the last update",
    met_by=("incident.update_posted",),
    recurs=True,
    kept_by=IncidentRole.COMMUNICATIONS_LEAD,
    warns=True,
)
RESOLVE = Promise(
    id="resolve",
    due="Resolve",
    done="Resolved",
    short="resolve",
    within=lambda playbook, severity: playbook.severities[severity].clocks.resolve_within,
    field="resolve_within",
    met_by=("incident.resolved",),
    kept_by=Authority.CLOSE,
    warns=True,
)
REVIEW = Promise(
    id="review",
    due="Review",
    done="Reviewed",
    short="review",
    within=lambda playbook, severity: playbook.review_within(severity),
    field="review_within",
    counts_from=("incident.resolved",),
    since="the resolution",
    met_by=("incident.reviewed",),
    ends_with=_OVER,
    kept_by=Authority.COMPLETE_REVIEW,
)

TABLE: dict[str, Promise] = {row.id: row for row in (ACKNOWLEDGE, CONTAIN, UPDATE, RESOLVE, REVIEW)}
"""Every promise by its id, in the order of the response."""


def named(promise: str) -> Promise:
    """The row of a promise that a fact names; one that this release no longer knows reads as its id."""
    words = promise.replace("_", " ")
    return TABLE.get(promise) or Promise(
        id=promise,
        due=words.capitalize(),
        done=f"{words.capitalize()}: done",
        short=words,
        within=lambda playbook, severity: None,
        met_by=(),
        kept_by=IncidentRole.INCIDENT_COMMANDER,
    )


def spoken_of() -> frozenset[str]:
    """The facts that start, meet or end a promise."""
    return _facts_of(tuple(TABLE))


@cache
def _facts_of(ids: tuple[str, ...]) -> frozenset[str]:
    rows = (TABLE[one] for one in ids)
    return frozenset(name for row in rows for name in (*row.counts_from, *row.met_by, *row.ends_with))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a severity promises: how long each promise may take."""

    lengths: Mapping[str, Length]
    calendar: Calendar = EVERYWHERE

    def due(self, promise: str, origin: datetime) -> datetime | None:
        """When a promise that counts from `origin` is due; None where the severity sets no such limit."""
        length = self.lengths.get(promise)
        return None if length is None else self.calendar.after(origin, length)

    def counted(self, promise: str) -> str:
        """A length that is not counted in hours, in words; else empty."""
        length = self.lengths.get(promise)
        return str(length) if isinstance(length, BusinessDays) else ""


def said(playbook: Playbook, severity: Severity) -> list[str]:
    """What a severity promises, in words: "acknowledge within 15 min"."""
    found = ((row, row.within(playbook, severity)) for row in TABLE.values())
    return [_said(row, length) for row, length in found if length]


def words(length: Length) -> str:
    """A length as pages and mails say it."""
    return wording.duration(length) if isinstance(length, timedelta) else str(length)


def _said(row: Promise, length: Length) -> str:
    what, how = f"{row.due[0].lower()}{row.due[1:]}", "every" if row.recurs else "within"
    since = "" if row.recurs or row.since == "the opening" else f" of {row.since}"
    return f"{what} {how} {words(length)}{since}"


def limits(playbook: Playbook, severity: Severity) -> Limits:
    """What the playbook promises for a severity."""
    said = {row.id: row.within(playbook, severity) for row in TABLE.values()}
    lengths = {promise: length for promise, length in said.items() if length is not None}
    return Limits(lengths, playbook.calendar())
