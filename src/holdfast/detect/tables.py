"""The words in which log and engine speak of files, columns and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Literal

from holdfast.prepare.systems import Columns, DateOrder, Missing
from holdfast.problems import Fault, did_you_mean, shown


class LogError(Fault):
    """Why a prediction log cannot be used, and what to do about it."""


class Kind(StrEnum):
    """What can be done with a column."""

    NUMBER = "number"
    TRUTH = "truth value"
    TEXT = "text"
    TIME = "time"
    EMPTY = "empty"
    """No value at all in a file that does not state types."""
    OTHER = "other"


TRUE, FALSE = ("true", "t", "yes", "y"), ("false", "f", "no", "n")
"""Words that are truth values in a file of text, in any case."""
PERHAPS_MISSING = (
    *("na", "n/a", "#n/a", "n.a.", "<na>", "nan", "null", "(null)", "nil", "none", "\\n"),
    *("missing", "undefined", "-", "--", "?", "."),
)
"""Words that often mean that there is no value, in any case."""


def as_number(word: object) -> float | None:
    """What a value means in a column of numbers; None when it means nothing there."""
    try:
        return float(word) if isinstance(word, int | float) else float(str(word))
    except ValueError:
        truth = spelled_truth(word)
        return None if truth is None else float(truth)


def spelled_truth(word: object) -> bool | None:
    """What a word means in a column of truth values; None when it means nothing there."""
    text = str(word).strip().lower()
    return True if text in (*TRUE, "1") else False if text in (*FALSE, "0") else None


@dataclass(frozen=True, slots=True)
class Source:
    """Files of one format that together are one table."""

    files: tuple[Path, ...]
    format: Literal["parquet", "csv"]
    missing: Missing | None = field(default=None, compare=False)
    """Words that mean that there is no value; None when nobody has said."""
    origin: Source | None = None
    """Where it was taken in from, when the files are the engine's own."""
    written: Path | None = None
    """Its rows exactly as they were written, when the files are the engine's own."""

    def __str__(self) -> str:
        if self.origin is not None:
            return str(self.origin)
        return (
            str(self.files[0])
            if len(self.files) == 1
            else f"{self.files[0].parent} ({len(self.files)} files)"
        )


@dataclass(frozen=True, slots=True)
class Odd:
    """Values of a column that are unlike nearly all of its others."""

    value: str
    """One of them."""
    times: int
    of: int
    """Values in the column."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    """The engine's name for it."""
    kind: Kind
    missing: tuple[str, ...] = ()
    """Words in it that mean that there is no value."""
    odd: Odd | None = None
    """Why the kind does not hold for all of its values."""
    perhaps: str = ""
    """A word in it that may mean that there is no value; nobody has said."""
    spelled: bool = False
    """Whether its file holds text, of which every value reads as the type."""
    dates: DateOrder = DateOrder.YEAR_FIRST
    """How its dates are written, for times that are text."""
    gone: str = ""
    """The newest file, when that does not have the column and older ones do."""
    zone: str = "UTC"
    """Where its clock stands, for times without an offset."""
    zone_assumed: bool = False
    """Whether some of its times have no offset and nobody has said where its clock stands: read as UTC."""
    classes: tuple[float | str, ...] = ()
    """Of predictions and labels: what they can be, where somebody has said; all else is none of them."""

    def as_class(self, value: object) -> float | str:
        """A value of the system's file as predictions and labels of this column are compared."""
        if self.kind is Kind.TRUTH:
            return float(bool(spelled_truth(value)))
        return as_number(value) or 0.0 if self.kind is Kind.NUMBER else str(value)

    def may_be(self, value: object) -> bool:
        """Whether it can hold a value of the system's file, which may be spelled as text here or there."""
        if self.kind is Kind.TRUTH:
            return spelled_truth(value) is not None
        if self.kind is Kind.NUMBER:
            return as_number(value) is not None
        return self.kind is not Kind.TEXT or isinstance(value, str)


@dataclass(frozen=True, slots=True)
class Answered:
    """One value that predictions or labels have."""

    value: float | str
    """As it is compared."""
    written: str
    times: int


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Labels delivered apart; joined to predictions by `id`."""

    source: Source
    id: Column
    label: Column
    arrived: Column | None
    repeated: bool = False
    """Whether an id has several labels, of which the newest that had arrived stands."""


@dataclass(frozen=True, slots=True)
class Table:
    """Predictions as an engine reads them: the log itself or its reference."""

    called: str
    """How messages name it."""
    source: Source
    columns: Mapping[str, Column]
    roles: Columns
    label: Column | None
    """The label when the predictions carry it."""
    arrived: Column | None
    labels: LabelTable | None
    """Labels from elsewhere; then `label` is not used."""
    since: datetime | None = None
    until: datetime | None = None
    """Only predictions from `since` up to, not including, `until`."""
    repeated: Literal["first", "last"] | None = None
    """Which row of an id stands, by time, where some have several."""

    def column(self, name: str) -> Column:
        """Raises LogError when there is no such column."""
        found = self.columns.get(name)
        if found is None:
            raise LogError(
                f"{self.called} has no column {shown(name)} ({self.source})", did_you_mean(name, self.columns)
            )
        return found

    @property
    def zone(self) -> str:
        """Where the clock stands by which windows are cut."""
        time = self.columns.get(self.roles.time)
        return time.zone if time else "UTC"

    @property
    def zone_assumed(self) -> bool:
        """Whether the hours and days of windows rest on a zone that nobody stated."""
        time = self.columns.get(self.roles.time)
        return time is not None and time.zone_assumed

    def is_category(self, name: str) -> bool:
        """Whether a column is compared by its values rather than by their size."""
        return name in self.roles.categorical or self.column(name).kind in (Kind.TEXT, Kind.TRUTH)

    @property
    def label_column(self) -> Column | None:
        return self.labels.label if self.labels else self.label

    @property
    def arrival_column(self) -> Column | None:
        return self.labels.arrived if self.labels else self.arrived


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days with rows, no two of which in a row lie more than `FAR` apart."""

    first: date
    last: date
    rows: int


FAR = timedelta(days=400)
"""A log that is silent for longer holds times that are wrong: one row of 1970, or a file of 2062."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What one look at the predictions tells."""

    rows: int
    first: datetime | None
    last: datetime | None
    """The newest that is not in the future."""
    without_time: int
    """Rows whose time is empty or cannot be read."""
    example: str | None
    """One such time, as written."""
    score_range: tuple[float, float] | None
    left_out: int = 0
    """Rows before the table begins."""
    ahead: int = 0
    """Rows more than a day in the future."""
    stretches: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class Repeated:
    """Ids of a log that stand in several rows."""

    ids: int
    rows: int
    """In how many rows."""
    example: str | None
    without: int
    """Rows without an id."""


@dataclass(frozen=True, slots=True)
class RepeatedLabels:
    """What one look at labels delivered apart tells."""

    labels: int
    an_id: str | None
    ids: int
    """Ids with several labels."""
    conflicts: int
    """Those whose labels differ, and nothing says which one came last."""
    example: str | None
    """One of those."""
    undated: int
    """Labels without a time of arrival, where there is such a column."""
    unreadable: int
    unread: str | None
    """A time of arrival that is none, as written."""
