"""The prediction log as the counter of who is affected: `detect.counting`, in the words of this package."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from holdfast.detect import counting
from holdfast.detect.tables import LogError
from holdfast.investigate.counting import CannotCount, Counted, GroupCount
from holdfast.ledger.ledger import Ledger
from holdfast.prepare import versions


class LogCounter:
    """`PredictionCounter` over the systems in force; paths in their files are relative to `base`."""

    def __init__(self, ledger: Ledger, base: Path, engines: counting.Engines) -> None:
        self.ledger = ledger
        self.base = base
        self.engines = engines

    def count(self, system: str, start: datetime, end: datetime, where: Mapping[str, str]) -> Counted:
        applied = versions.active_systems(self.ledger).get(system)
        if applied is None:
            raise CannotCount(f"no AI system is called {system}")
        try:
            found = counting.affected(applied.model, self.base, self.engines, start, end, where)
        except LogError as error:
            raise CannotCount(f"{error.cause}; {error.fix}") from error
        groups = tuple(GroupCount(group.group, group.inferences, group.users) for group in found.groups)
        return Counted(found.inferences, found.users, found.total, groups)
