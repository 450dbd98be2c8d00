"""A measurement: what a monitor said about one window, and whether that is an alarm."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import Any

from holdfast.clock import stamp
from holdfast.prepare.terms import COVERAGE


class WindowStatus(StrEnum):
    """How much is known (R-DET-02)."""

    PENDING = "pending"
    """The labels are not complete enough, and nothing can be said meanwhile."""
    ESTIMATED = "estimated"
    """The labels are not complete enough; the value follows from the scores."""
    MEASURED = "measured"
    NOT_COMPUTABLE = "not_computable"
    """There is nothing to compute it from, such as labels of one class only."""

    @property
    def is_known(self) -> bool:
        """Whether nothing is waited for."""
        return self in (WindowStatus.MEASURED, WindowStatus.NOT_COMPUTABLE)


class Transition(StrEnum):
    """What a measurement does to the alert of its monitor and group."""

    OPENS = "opens"
    JOINS = "joins"
    """The alarm goes on: it joins the alert that is open."""
    RECOVERS = "recovers"
    """In bounds, but not yet for long enough."""
    CLOSES = "closes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One line of what is recorded and what `holdfast monitor backtest --json` prints."""

    monitor: str
    quantity: str
    """What the value is: the metric, or for a group of a fairness monitor the rate that is compared."""
    window_start: datetime
    window_end: datetime
    group: dict[str, str] | None
    """Column and value of each column grouped by; None for everybody."""
    value: float | None
    lower: float | None
    upper: float | None
    n: int
    labelled_share: float | None
    """Of the window's predictions; None when the metric needs no labels."""
    status: WindowStatus
    alarm: bool
    reason: str
    as_of: datetime
    """When this was known."""
    transition: Transition | None = None
    detail: dict[str, float] = field(default_factory=dict)
    """Further numbers: `reference`, what the metric was there; `evidence`, the e-detector's."""

    @property
    def series(self) -> str:
        """What alerts are opened for: monitor, group and quantity."""
        return series_key(self.monitor, self.group, self.quantity)

    @property
    def is_aside(self) -> bool:
        """Whether it says nothing of the monitor's own metric."""
        return self.quantity == COVERAGE

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an interval's open end is null."""
        return {
            "monitor": self.monitor,
            "quantity": self.quantity,
            "window_start": stamp(self.window_start),
            "window_end": stamp(self.window_end),
            "group": self.group,
            "value": _plain(self.value),
            "lower": _plain(self.lower),
            "upper": _plain(self.upper),
            "n": self.n,
            "labelled_share": self.labelled_share,
            "status": self.status.value,
            "alarm": self.alarm,
            "reason": self.reason,
            "as_of": stamp(self.as_of),
            "transition": self.transition.value if self.transition else None,
            "detail": {key: _plain(value) for key, value in self.detail.items()},
        }


def series_key(monitor: str, group: Mapping[str, str] | None, quantity: str) -> str:
    """What tells one series from every other. Names and values that hold a separator stand in quotes, so
    that two groups never share a key."""
    named = ", ".join(
        f"{_unmistakable(name)}={_unmistakable(value)}" for name, value in (group or {}).items()
    )
    return f"{monitor}|{named}|{quantity}"


def _unmistakable(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if re.search(r'[,=|"]', text) else text


def _plain(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def shown(value: float) -> str:
    """A number as reasons show it: four significant figures, whole above a thousand."""
    if not isfinite(value):
        return "unbounded"
    if abs(value) >= 1e9:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
