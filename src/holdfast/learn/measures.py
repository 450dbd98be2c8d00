"""Measures over time: how fast incidents are detected, answered, contained and resolved (R-AUD-08)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import select

from holdfast import clock
from holdfast.incident.incident import Incident, Status
from holdfast.incident.register import STATES, incidents
from holdfast.learn import tracker
from holdfast.ledger.ledger import Ledger
from holdfast.prepare import promises


@dataclass(frozen=True, slots=True)
class Took:
    """How long something took, over the incidents in which it happened."""

    n: int
    median: timedelta | None
    """None where it happened in none."""
    longest: timedelta | None


@dataclass(frozen=True, slots=True)
class Kept:
    """How many promises of one kind were kept, of those that could be."""

    kept: int
    of: int

    @property
    def share(self) -> float | None:
        """0 to 1; None where nothing was promised yet."""
        return self.kept / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Measures:
    """Of the incidents opened within a period that ends now."""

    since: datetime
    incidents: int
    """Without those that were dismissed, and those merged into another."""
    dismissed: int
    merged: int
    detect: Took
    """From the beginning of the harm, where it is known, to the opening."""
    acknowledge: Took
    """From the opening."""
    contain: Took
    """From the opening to the first containment that was proven, and not disproven since."""
    resolve: Took
    """From the opening."""
    kept: Mapping[str, Kept]
    """Of every promise, by its id."""
    overdue: int
    """Remediation items past their deadline now, of any incident."""


def measures(
    opened: Iterable[Incident],
    overdue: int,
    now: datetime,
    days: int = 90,
) -> Measures:
    """The measures over incidents opened in the last `days`."""
    since = now - timedelta(days=days)
    within = [one for one in opened if one.opened_at and since <= one.opened_at <= now]
    real = [one for one in within if one.status not in (Status.DISMISSED, Status.MERGED)]
    return Measures(
        since=since,
        incidents=len(real),
        dismissed=sum(one.status is Status.DISMISSED for one in within),
        merged=sum(one.status is Status.MERGED for one in within),
        detect=_took((one.began_at, one.opened_at) for one in real),
        acknowledge=_took((one.opened_at, one.acknowledged_at) for one in real),
        contain=_took((one.opened_at, one.held_from) for one in real),
        resolve=_took((one.opened_at, one.resolved_at) for one in real),
        kept={promise: in_time(within, promise, now) for promise in promises.TABLE},
        overdue=overdue,
    )


def in_time(opened: Iterable[Incident], promise: str, now: datetime) -> Kept:
    """How often a promise was kept. One that is still running and not yet due counts for neither side.

    A clock that was stopped unmet (dismissed, or the severity changed) no longer promised anything, unless
    it had run out before. What ran out once counts as broken, whatever was promised afterwards. What goes on
    in the incident that another was merged into is counted there.
    """
    all_of_them = tuple(opened)
    elsewhere = {merged for one in all_of_them for merged in one.carried}
    kept = of = 0
    for incident in all_of_them:
        if incident.id in elsewhere:
            continue
        state = incident.clocks.get(promise)
        if state is None:
            continue
        here, judged = state.tally(now)
        kept, of = kept + here, of + judged
    return Kept(kept, of)


def _took(spans: Iterable[tuple[datetime | None, datetime | None]]) -> Took:
    lengths = [end - start for start, end in spans if start and end and end >= start]
    if not lengths:
        return Took(0, None, None)
    middle = median(length.total_seconds() for length in lengths)
    return Took(len(lengths), timedelta(seconds=middle), max(lengths))


# Reading ---------------------------------------------------------------------------------------


def measures_of(ledger: Ledger, now: datetime, days: int = 90) -> Measures:
    """The measures of the last `days`, from the register."""
    since = clock.stamp(now - timedelta(days=days))[:10]  # the day: what is older is left out by `measures`
    query = select(incidents.c.state).where(incidents.c.opened_at >= since)
    opened = ledger.steady(
        ("opened since", since), lambda conn: tuple(STATES.read(row.state) for row in conn.execute(query))
    )
    with ledger.reading() as conn:
        overdue = tracker.count_overdue(conn, now)
    return measures(opened, overdue, now, days)
