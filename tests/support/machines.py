"""A machine whose clock can be set, which its count of seconds cannot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.ledger.timekeeping import Ticks


@dataclass
class Machine:
    clock: datetime
    boot: str = "first"
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.clock

    def ticks(self) -> Ticks:
        return Ticks(self.boot, self.seconds)

    def pass_(self, span: timedelta) -> None:
        self.clock += span
        self.seconds += span.total_seconds()

    def start_again(self) -> None:
        self.boot, self.seconds = f"{self.boot}, again", 5.0
