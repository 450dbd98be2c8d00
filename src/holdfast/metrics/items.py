"""What can be counted in a log, said in a small form that any engine can turn into its own query.

An item's `id` names what it counts and on which bins, so that counts of different meaning never meet.
Every item's counts add up: the cell of a union is the sum of the cells. `Ranks` alone do not (the order of
scores is not a count), and therefore are asked for separately, window by window.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

Number = int | float
Counts = tuple[Number, ...]
Group = tuple[str, ...]
"""Values of the columns that a scan groups by, in their order; () for everybody."""


def _digest(values: tuple[float, ...] | tuple[str, ...]) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to count."""

    @property
    def id(self) -> str:
        raise NotImplementedError

    @property
    def size(self) -> int:
        """How many numbers it yields."""
        raise NotImplementedError

    @property
    def labelled(self) -> bool:
        """Whether it needs the label."""
        return False

    @property
    def adds_up(self) -> bool:
        """Whether the counts of a union are the sum of the counts."""
        return True

    def hide(self, counts: Counts) -> Counts:
        """The same rows while their labels are not known."""
        return counts


@dataclass(frozen=True, slots=True)
class Volume(Item):
    """[rows]"""

    @property
    def id(self) -> str:
        return "rows"

    @property
    def size(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Missing(Item):
    """[rows without a value]; NaN is no value."""

    column: str

    @property
    def id(self) -> str:
        return f"missing({self.column})"

    @property
    def size(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Moments(Item):
    """[n, sum of x − centre, sum of (x − centre)²]; infinities are left out."""

    column: str
    centre: float

    @property
    def id(self) -> str:
        return f"moments({self.column},{self.centre!r})"

    @property
    def size(self) -> int:
        return 3


@dataclass(frozen=True, slots=True)
class Truth(Item):
    """[rows where the column is true, rows where it has a value]; a number is true when it is not 0."""

    column: str

    @property
    def id(self) -> str:
        return f"truth({self.column})"

    @property
    def size(self) -> int:
        return 2


@dataclass(frozen=True, slots=True)
class Histogram(Item):
    """[x ≤ first edge, then x in (edge, next edge] for each, x > last edge, missing].

    The first edge lies just under the reference's smallest value.
    """

    column: str
    edges: tuple[float, ...]

    @property
    def id(self) -> str:
        return f"histogram({self.column})#{_digest(self.edges)}"

    @property
    def size(self) -> int:
        return len(self.edges) + 2


@dataclass(frozen=True, slots=True)
class Tails(Item):
    """[sum of low − x over x < low, sum of x − high over x > high]; infinities are left out."""

    column: str
    low: float
    high: float

    @property
    def id(self) -> str:
        return f"tails({self.column},{self.low!r},{self.high!r})"

    @property
    def size(self) -> int:
        return 2


@dataclass(frozen=True, slots=True)
class Categories(Item):
    """[rows with each value in turn, rows with any other value, missing]."""

    column: str
    values: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"categories({self.column})#{_digest(self.values)}"

    @property
    def size(self) -> int:
        return len(self.values) + 2


@dataclass(frozen=True, slots=True)
class Selected(Item):
    """[positive predictions, predictions]"""

    @property
    def id(self) -> str:
        return "selected"

    @property
    def size(self) -> int:
        return 2


@dataclass(frozen=True, slots=True)
class LabelCounts(Item):
    """[labelled positive, labelled otherwise, unlabelled]"""

    @property
    def id(self) -> str:
        return "labels"

    @property
    def size(self) -> int:
        return 3

    @property
    def labelled(self) -> bool:
        return True

    def hide(self, counts: Counts) -> Counts:
        return (0, 0, sum(counts))


@dataclass(frozen=True, slots=True)
class Correct(Item):
    """[prediction equals label, differs, unlabelled], over rows with a prediction; any number of classes."""

    @property
    def id(self) -> str:
        return "correct"

    @property
    def size(self) -> int:
        return 3

    @property
    def labelled(self) -> bool:
        return True

    def hide(self, counts: Counts) -> Counts:
        return (0, 0, sum(counts))


@dataclass(frozen=True, slots=True)
class Confusion(Item):
    """[tp, fp, fn, tn, unlabelled], over rows with a prediction."""

    @property
    def id(self) -> str:
        return "confusion"

    @property
    def size(self) -> int:
        return 5

    @property
    def labelled(self) -> bool:
        return True

    def hide(self, counts: Counts) -> Counts:
        return (0, 0, 0, 0, sum(counts))


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

    @property
    def id(self) -> str:
        return "ranks"

    @property
    def size(self) -> int:
        return 5

    @property
    def labelled(self) -> bool:
        return True

    @property
    def adds_up(self) -> bool:
        return False


VOLUME = Volume()
SELECTED = Selected()
LABELS = LabelCounts()
CORRECT = Correct()
CONFUSION = Confusion()
RANKS = Ranks()
