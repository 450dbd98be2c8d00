"""Counting who and what is affected: the port to wherever the prediction log lives (R-IMP-02)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class CannotCount(Exception):
    """The log cannot answer; the message says why and what to do."""


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

    inferences: int
    """Rows within the period that match the segment."""
    users: int | None
    """Distinct subjects among them; None where the log names no subject."""
    total: int
    """Rows within the period, whatever their segment."""
    groups: tuple[GroupCount, ...] = ()
    """The matching rows by the groups that the system's monitors tell apart."""

    @property
    def share(self) -> float | None:
        """Share of the period's rows that match, 0 to 1; None where the period has no rows."""
        return self.inferences / self.total if self.total else None


class PredictionCounter(Protocol):
    """Counts in the prediction log of a system; the interval is half open, [start, end).

    Raises CannotCount for a system without a log, a column it does not have, or a log out of reach.
    """

    def count(self, system: str, start: datetime, end: datetime, where: Mapping[str, str]) -> Counted: ...
