"""Marks: how a rule says which rows of a log a fault touched, and what counting them answers.

One idea: that a row was served while something was wrong makes it *exposed*; it is *affected* only where a
mark says what the fault did to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Test(StrEnum):
    """What is asked of a row's value."""

    MISSING = "missing"
    UNSEEN = "unseen"
    """None of the values listed."""
    OUTSIDE = "outside"
    """Less than `low` or more than `high`."""
    TRUE = "true"
    FALSE = "false"

    __test__ = False  # no test of pytest's


@dataclass(frozen=True, slots=True)
class Mark:
    """One rule: a row is touched when it is of the group and its value meets the test."""

    says: str
    """The rule in words."""
    group: Mapping[str, str] = field(default_factory=dict)
    """Columns and values; of everybody when empty."""
    test: Test | None = None
    """None: every row of the group is touched."""
    column: str = ""
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class Tally:
    """Some rows of a log and the people in them."""

    inferences: int
    """Rows."""
    users: int | None
    """Different subjects; None where no row names one."""
    unnamed: int = 0
    """Rows that name nobody, where others do."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A time of which the log says nothing, [start, end): rows were to be expected, and it has none."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What was counted for everybody, or for one value of a column."""

    group: Mapping[str, str]
    total: int
    """Rows of the period, whatever their segment."""
    exposed: Tally
    """Rows of the segment."""
    affected: Tally | None
    """Those of them that are touched by a mark; None when nothing was to be marked."""
