"""How long evidence is kept: the playbook's years per kind, never fewer than three (R-EVD-08)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from holdfast.evidence.events import Kind

LEAST_YEARS = 3


def retain_until(kind: Kind, frozen_at: datetime, years: Mapping[Kind, int]) -> datetime:
    """The moment before which an item may not be disposed of; 29 February moves to 1 March."""
    kept = max(LEAST_YEARS, years.get(kind, LEAST_YEARS))
    try:
        return frozen_at.replace(year=frozen_at.year + kept)
    except ValueError:
        return frozen_at.replace(year=frozen_at.year + kept, month=3, day=1)
