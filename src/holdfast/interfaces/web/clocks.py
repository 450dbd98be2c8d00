"""An incident's clocks as pages show them: the same words in the list, on the page and on the home page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from holdfast import wording
from holdfast.incident.incident import ClockState, Incident
from holdfast.ledger.facts import Recorded
from holdfast.prepare import promises

Standing = Literal["met", "running", "soon", "late"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One clock, as `ui.clock` shows it."""

    title: str
    state: Standing
    headline: str
    detail: str
    due: datetime | None = None
    """Set while the clock runs: the page counts down."""
    soon_at: datetime | None = None


def standing(clock: ClockState, now: datetime) -> Standing:
    """Green when kept, amber when near, red when broken."""
    if clock.met_at:
        return "met" if clock.kept else "late"
    if clock.stopped:
        return "late" if clock.breaches else "met"
    if now >= clock.due:
        return "late"
    return "soon" if now >= clock.soon_at else "running"


def tiles(state: Incident, record: Iterable[Recorded], whose: Mapping[str, str], now: datetime) -> list[Tile]:
    """Every clock that promises something or broke a promise, in the order of the response."""
    doers = _doers(record)
    shown = [clock for clock in state.clocks.values() if clock.breaches or not clock.stopped]
    order = {promise: at for at, promise in enumerate(promises.TABLE)}
    in_order = sorted(shown, key=lambda clock: order.get(clock.clock, len(order)))
    return [tile(clock, doers.get(clock.clock, ""), whose.get(clock.clock, ""), now) for clock in in_order]


def _doers(record: Iterable[Recorded]) -> dict[str, str]:
    """Who did what a clock waited for."""
    found: dict[str, str] = {}
    for recorded in record:
        for row in promises.TABLE.values():
            if recorded.fact.type in row.met_by:
                found.setdefault(row.id, recorded.by.name)
    return found


def tile(clock: ClockState, doer: str, whose: str, now: datetime) -> Tile:
    limit = f"limit {clock.limit_says}"
    if clock.took is not None:
        late = f", late by {wording.duration(clock.late_by)}" if clock.late_by is not None else ""
        return Tile(
            title=clock.promise.done,
            state=standing(clock, now),
            headline=wording.duration(clock.took),
            detail=" · ".join(filter(None, (f"{limit}{late}", doer))),
        )
    if clock.stopped:
        missed = f"was due {wording.utc_short(clock.breaches[0].due, now)}"
        return Tile(
            title=clock.says,
            state=standing(clock, now),
            headline="missed",
            detail=f"{missed} · stopped: {clock.stopped_because}",
        )
    due = " · ".join(filter(None, (f"due {wording.utc_short(clock.due, now)}", clock.basis)))
    if clock.breaches and not clock.breached:
        due += f", missed {wording.utc_short(clock.breaches[0].due, now)}"
    return Tile(
        title=clock.says,
        state=standing(clock, now),
        headline=wording.left(clock.due, now),
        detail=" · ".join(filter(None, (due, whose))),
        due=clock.due,
        soon_at=clock.soon_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The running clock that is due first, for a list."""

    lead: str
    due: datetime
    state: Standing
    soon_at: datetime


def next_of(state: Incident, now: datetime) -> Next | None:
    """What an incident is waited for next; None where nothing runs."""
    clock = state.next_clock
    if clock is None or state.status.over:
        return None
    return Next(lead=f"{clock.waits_for}:", due=clock.due, state=standing(clock, now), soon_at=clock.soon_at)
