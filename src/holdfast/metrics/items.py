"""What can be counted in a log, said in a small form that any engine can turn into its own query.

An item's `id` names what it counts and on which bins, so that counts of different meaning never meet.
Every item's counts add up: the cell of a union is the sum of the cells. `Ranks` alone do not (the order of
scores is not a count), and therefore are asked for separately, window by window.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Number = int | float
Counts = tuple[Number, ...]
Group = tuple[str, ...]
"""Values of the columns that a scan groups by, in their order; () for everybody."""


def _digest(values: tuple[float, ...] | tuple[str, ...]) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to count."""

    named: ClassVar[str]
    numbers: ClassVar[int] = 1
    adds_up: ClassVar[bool] = True
    """Whether the counts of a union are the sum of the counts."""

    @property
    def id(self) -> str:
        return self.named

    @property
    def size(self) -> int:
        """How many numbers it yields."""
        return self.numbers

    @property
    def labelled(self) -> bool:
        """Whether it needs the label."""
        return False

    def hide(self, counts: Counts) -> Counts:
        """The same rows while their labels are not known."""
        return counts


@dataclass(frozen=True, slots=True)
class Labelled(Item):
    """What needs the label; the last number is the rows without one."""

    @property
    def labelled(self) -> bool:
        return True

    def hide(self, counts: Counts) -> Counts:
        return (*(0 for _ in counts[1:]), sum(counts))


@dataclass(frozen=True, slots=True)
class OfColumn(Item):
    """What is counted of a column's values."""

    column: str

    @property
    def id(self) -> str:
        return f"{self.named}({self.column})"


@dataclass(frozen=True, slots=True)
class Volume(Item):
    """[rows]"""

    named = "rows"


@dataclass(frozen=True, slots=True)
class Missing(OfColumn):
    """[rows without a value]; NaN is no value."""

    named = "missing"


@dataclass(frozen=True, slots=True)
class Moments(OfColumn):
    """[n, sum of x − centre, sum of (x − centre)²]; infinities are left out."""

    named, numbers = "moments", 3
    centre: float

    @property
    def id(self) -> str:
        return f"moments({self.column},{self.centre!r})"


@dataclass(frozen=True, slots=True)
class Truth(OfColumn):
    """[rows where the column is true, rows where it has a value]; a number is true when it is not 0."""

    named, numbers = "truth", 2


@dataclass(frozen=True, slots=True)
class Tails(OfColumn):
    """[sum of low − x over x < low, sum of x − high over x > high]; infinities are left out."""

    named, numbers = "tails", 2
    low: float
    high: float

    @property
    def id(self) -> str:
        return f"tails({self.column},{self.low!r},{self.high!r})"


@dataclass(frozen=True, slots=True)
class Histogram(OfColumn):
    """[x ≤ first edge, then x in (edge, next edge] for each, x > last edge, missing].

    The first edge lies just under the reference's smallest value.
    """

    named = "histogram"
    edges: tuple[float, ...]
    digest: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", _digest(self.edges))

    @property
    def id(self) -> str:
        return f"histogram({self.column})#{self.digest}"

    @property
    def size(self) -> int:
        return len(self.edges) + 2


@dataclass(frozen=True, slots=True)
class Categories(OfColumn):
    """[rows with each value in turn, rows with any other value, missing]."""

    named = "categories"
    values: tuple[str, ...]
    digest: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", _digest(self.values))

    @property
    def id(self) -> str:
        return f"categories({self.column})#{self.digest}"

    @property
    def size(self) -> int:
        return len(self.values) + 2


@dataclass(frozen=True, slots=True)
class Selected(Item):
    """[positive predictions, predictions]"""

    named, numbers = "selected", 2


@dataclass(frozen=True, slots=True)
class LabelCounts(Labelled):
    """[labelled positive, labelled otherwise, unlabelled]"""

    named, numbers = "labels", 3


@dataclass(frozen=True, slots=True)
class Correct(Labelled):
    """[prediction equals label, differs, unlabelled], over rows with a prediction; any number of classes."""

    named, numbers = "correct", 3


@dataclass(frozen=True, slots=True)
class Confusion(Labelled):
    """[tp, fp, fn, tn, unlabelled], over rows with a prediction."""

    named, numbers = "confusion", 5


@dataclass(frozen=True, slots=True)
class ScoreBins(Item):
    """Scores by bin as in `Histogram` without missing: first of the others, then of the positives.

    `by` says positive by prediction or by label. A row that lacks it is among the others by prediction,
    and left out by label.
    """

    edges: tuple[float, ...]
    by: Literal["prediction", "label"]

    @property
    def id(self) -> str:
        return f"scores({self.by})#{_digest(self.edges)}"

    @property
    def size(self) -> int:
        return 2 * (len(self.edges) + 1)

    @property
    def labelled(self) -> bool:
        return self.by == "label"

    def hide(self, counts: Counts) -> Counts:
        return (0,) * self.size if self.labelled else counts


@dataclass(frozen=True, slots=True)
class Ranks(Item):
    """What AUC and its variance need, exactly; see `holdfast.metrics.auc`.

    With P positives, N negatives, and for each score the negatives below it (half of those equal):
    [P, N, their sum over positives, their sum of squares over positives, and the sum of squares over
    negatives of the positives above (half of those equal)]. Does not add up over windows.
    """

    named, numbers, adds_up = "ranks", 5, False

    @property
    def labelled(self) -> bool:
        return True


VOLUME = Volume()
SELECTED = Selected()
LABELS = LabelCounts()
CORRECT = Correct()
CONFUSION = Confusion()
RANKS = Ranks()
