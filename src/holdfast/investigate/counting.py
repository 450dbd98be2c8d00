"""Counting who was exposed and who is affected: the port to wherever the prediction log lives (R-IMP-02)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from holdfast.detect.counting import Asked
from holdfast.detect.marks import Hole, Tally


class CannotCount(Exception):
    """The log cannot answer; the message says why and what to do."""


class NothingToCount(CannotCount):
    """The system has no prediction log: no trying again will find one."""


@dataclass(frozen=True, slots=True)
class GroupCount:
    """One group among what was counted."""

    group: dict[str, str]
    """Column and value."""
    inferences: int
    users: int | None


@dataclass(frozen=True, slots=True)
class Counted:
    """Exact counts over the rows of one period and segment."""

    exposed: Tally
    """Rows that were served in the period, within the segment: whatever went wrong may have touched them."""
    affected: Tally | None
    """Those of them that the fault touched, by the rules; None where nothing tells which they are."""
    complete: bool
    """False when the fault may have touched more than the rules can tell: affected are at least so many."""
    rules: tuple[str, ...]
    """What makes a row count as affected, in words."""
    total: int
    """Rows within the period, whatever their segment."""
    reaches: datetime | None
    """Time of the newest row of the log when it was counted; None in facts of release 0.1."""
    groups: tuple[GroupCount, ...] = ()
    """The affected rows, or where nothing tells them the exposed ones, by the groups of the monitors."""

    missing: tuple[Hole, ...] = ()
    """Times of the period of which the log says nothing; nobody looked for them in facts before version 4."""

    @property
    def exposed_from_below(self) -> bool:
        """Whether more people may be exposed: the log does not know a time, or rows name nobody."""
        return bool(self.missing or self.exposed.unnamed)

    @property
    def affected_from_below(self) -> bool:
        """Whether more people may be affected: for the same reasons, or the rules cannot tell all."""
        unnamed = self.affected.unnamed if self.affected else 0
        return bool(self.missing or unnamed) or not self.complete

    @property
    def share(self) -> float | None:
        """Share of the period's rows that are affected, 0 to 1; None where that is not known."""
        return self._share(self.affected)

    @property
    def exposed_share(self) -> float | None:
        """Share of the period's rows that are exposed, 0 to 1; None where the period has no rows."""
        return self._share(self.exposed)

    def _share(self, of: Tally | None) -> float | None:
        return of.inferences / self.total if of is not None and self.total else None


class PredictionCounter(Protocol):
    """Counts in the prediction log of a system.

    Raises CannotCount for a system without a log, a column it does not have, a value that stands nowhere in
    it, a period it does not reach, or a log out of reach.
    """

    def count(self, system: str, asked: Asked) -> Counted: ...
