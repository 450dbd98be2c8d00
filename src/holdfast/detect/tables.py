"""The words in which log and engine speak of files, columns and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from holdfast.prepare.systems import Columns
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
"""Words that CSV readers take for truth values."""


def spelled_truth(word: object) -> bool | None:
    """What a word means in a column of truth values; None when it means nothing there."""
    text = str(word).lower()
    return True if text in TRUE else False if text in FALSE else None


@dataclass(frozen=True, slots=True)
class Source:
    """Files of one format that together are one table."""

    files: tuple[Path, ...]
    format: Literal["parquet", "csv"]

    def __str__(self) -> str:
        return (
            str(self.files[0])
            if len(self.files) == 1
            else f"{self.files[0].parent} ({len(self.files)} files)"
        )


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    """The engine's name for it."""
    kind: Kind


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Labels delivered apart; joined to predictions by `id`."""

    source: Source
    id: Column
    label: Column
    arrived: Column | None


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

    def column(self, name: str) -> Column:
        """Raises LogError when there is no such column."""
        found = self.columns.get(name)
        if found is None:
            raise LogError(
                f"{self.called} has no column {shown(name)} ({self.source})", did_you_mean(name, self.columns)
            )
        return found

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
class Extent:
    """What one look at the predictions tells."""

    rows: int
    first: datetime | None
    last: datetime | None
    without_time: int
    """Rows whose time is empty or cannot be read."""
    example: str | None
    """One such time, as written."""
    score_range: tuple[float, float] | None
