"""The prediction log as the counter of who is exposed and affected: `detect.counting`, in words of impact."""

from __future__ import annotations

from pathlib import Path

from holdfast.detect import counting
from holdfast.detect.counting import Asked
from holdfast.detect.tables import LogError
from holdfast.investigate.counting import CannotCount, Counted, GroupCount, NothingToCount
from holdfast.ledger.ledger import Ledger
from holdfast.prepare import versions


class LogCounter:
    """`PredictionCounter` over the systems in force; paths in their files are relative to `base`."""

    def __init__(self, ledger: Ledger, base: Path, engines: counting.Engines) -> None:
        self.ledger = ledger
        self.base = base
        self.engines = engines

    def count(self, system: str, asked: Asked) -> Counted:
        applied = versions.active_systems(self.ledger).get(system)
        if applied is None:
            raise NothingToCount(f"no AI system is called {system}")
        if applied.model.prediction_log is None:
            raise NothingToCount(
                f"{applied.model.name} has no prediction log; add prediction_log to its file"
            )
        try:
            found = counting.count(applied.model, self.base, self.engines, asked)
        except LogError as error:
            raise CannotCount(f"{error.cause}; {error.fix}") from error
        return Counted(
            exposed=found.exposed,
            affected=found.affected,
            complete=found.complete,
            rules=found.rules,
            total=found.total,
            reaches=found.reaches,
            missing=found.missing,
            groups=tuple(GroupCount(dict(name), own.inferences, own.users) for name, own in found.groups),
        )
