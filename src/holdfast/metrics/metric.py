"""What a metric is: declared once, in a file of its own, beside what it counts and how it is read.

One idea: a metric is one value. What may stand in a system's file, which columns and which limits it takes,
what is counted of a log and frozen of its reference, how groups are compared, which rows an alert marks, in
which words, with how many digits and on which axis a value is shown: everybody asks the declaration, and
nobody else names a metric.

    METRIC = Metric(name="accuracy", words="accuracy", needs=(Need.LABELS, ...), wants=..., read=..., ...)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from holdfast.metrics.intervals import Measured
from holdfast.metrics.items import Counts, Group, Item

if TYPE_CHECKING:  # its arrays are for what is computed
    from holdfast.metrics.expected import Expected

MIN_N = 30
"""Rows that a window must have to be judged, where nothing else is said."""
Worse = Literal["down", "up", "either"]
"""In which direction a value gets worse."""


class Dimension(StrEnum):
    """What a monitor or an alert is about."""

    PERFORMANCE = "performance"
    QUALITY = "quality"
    DRIFT = "drift"
    FAIRNESS = "fairness"
    OPERATIONS = "operations"
    EXPLANATION = "explanation"
    SECURITY = "security"


class Need(StrEnum):
    """What must be there before a metric can be measured."""

    LABELS = "labels"
    PREDICTIONS = "predictions"
    SCORES = "scores"
    COLUMN = "column"
    GROUPS = "groups"
    """It compares them, and says one thing of all."""
    REFERENCE = "reference"
    """It is itself a comparison with the reference."""


class Takes(StrEnum):
    """What a column must hold."""

    ANYTHING = "anything"
    NUMBERS = "numbers"
    TRUTHS = "true or false"
    VALUES = "values that can be listed"
    NUMBERS_OR_VALUES = "numbers, or values that can be listed"
    ORDERED = "numbers, and no category"


class Freezes(StrEnum):
    """What is fixed of a column when the reference is set. Of edges and values, a category has values."""

    EDGES = "edges"
    FINE_EDGES = "fine edges"
    """Of as many bins as distances need, whatever the monitor states."""
    VALUES = "values"
    CENTRE = "centre"
    """A value near its mean."""


class Marks(StrEnum):
    """Which rows an alert shows to be touched; beside these, all of the group that it is about."""

    GROUP = "those of its group"
    MISSING = "those without a value"
    HITS = "those that are counted, or that are not"
    """Whichever the alert says there are too many of."""
    UNSEEN = "those whose value the reference does not have"
    OUTSIDE = "those outside of all that the reference has"
    """Some of what was touched: a value that moved to where values may lie looks like any other. Tells
    nothing of a group."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The column that a metric is taken of, with what is frozen of it in the reference."""

    column: str = ""
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    """The most frequent first."""
    centre: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """What was counted, of everybody or a group, in the windows that are read."""

    ground: Ground
    confidence: float
    counted: Callable[[Item], Counts]
    reference: Callable[[Item], Counts]
    """The same of the reference."""


@dataclass(frozen=True, slots=True, eq=False)
class Rate:
    """A group's own share, by which it is compared with others."""

    name: str
    read: Callable[[Counts, float], Measured]
    """Of counts, at a confidence."""
    harms: Literal["lowest", "highest"] = "lowest"
    """Who is worse off by it, and is named first."""

    @property
    def words(self) -> str:
        return self.name.replace("_", " ")


Rates = tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class Comparing:
    """How groups are compared with one another."""

    rates: Rates
    of: Callable[[Mapping[Group, Counts], float], Measured]
    """One number of the counts of all groups, at a confidence."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metric:
    """Something that a monitor can measure."""

    name: str
    """As a file writes it, an alert calls it and a rule asks for it."""
    family: str = ""
    """What a file calls it where several share one name and `method` tells them apart: `drift`."""
    words: str
    """In a sentence: `accuracy`, `PSI`."""
    title: str = ""
    """On a page of its own, where the words alone say too little."""
    dimension: Dimension
    needs: tuple[Need, ...] = ()
    definition: str
    """What is computed, and which of several definitions it is."""
    source: str
    """Whose definition and whose interval it is."""
    range: tuple[float, float] = (0.0, 1.0)
    """The least and the greatest value it can take."""
    reaches: tuple[float, float] | None = None
    """How far its interval may lie, where that is further than its range."""
    unit: str = "share"
    worse: Worse | None = None
    """In which direction it gets worse wherever it is used; None where that depends."""
    digits: int = 2
    """After the point, where a value is shown."""
    takes: Takes = Takes.ANYTHING
    freezes: tuple[Freezes, ...] = ()
    wants: Callable[[Ground], tuple[Item, ...]]
    """What is counted; the first item is what the metric itself is computed from."""
    read: Callable[[Found], Measured] | None = None
    """The value and its interval. None for one that compares groups."""
    compares: Comparing | None = None
    estimate: Callable[[Expected], Measured] | None = None
    """What it probably is before labels are known, from scores that are chances."""
    of_two_classes: bool = False
    """Whether an estimate follows from one score only where there are two classes."""
    is_rate: bool = False
    """Whether it is a count out of a count, which the e-detector can follow."""
    adds_up: bool = True
    """Whether several windows together are the sum of theirs."""
    of_arrivals: bool = False
    """Whether it is how many rows came: then a window without rows has a value, of one that is cut off it
    says nothing, no minimum of rows is asked for, and the rows of a reference are nothing to compare with."""
    rows_a_bin: int = 0
    """Rows that a window must have for each bin."""
    fewer_rows: str = ""
    """What to use instead where a window has not as many."""
    marks: Marks = Marks.GROUP

    @property
    def written(self) -> str:
        """What a file calls it."""
        return self.family or self.name

    @property
    def needs_labels(self) -> bool:
        return Need.LABELS in self.needs

    @property
    def needs_column(self) -> bool:
        return Need.COLUMN in self.needs

    @property
    def needs_reference(self) -> bool:
        return Need.REFERENCE in self.needs

    @property
    def compares_groups(self) -> bool:
        return Need.GROUPS in self.needs

    @property
    def is_comparison(self) -> bool:
        """Whether it compares already: groups with one another, or a window with the reference."""
        return self.needs_reference or self.compares_groups

    @property
    def axis(self) -> tuple[float, float]:
        """The ends that a chart's axis does not reach past."""
        return self.reaches or self.range

    def least_rows(self, bins: int) -> int:
        """Rows that a window must have to be judged, when its column is cut into so many bins."""
        return max(MIN_N, self.rows_a_bin * bins)
