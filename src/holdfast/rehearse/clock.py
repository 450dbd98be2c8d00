"""The clock of a story: moved by hand, and released into real time at the end."""

from __future__ import annotations

from datetime import datetime, timedelta

from holdfast.clock import SystemClock


class StoryClock:
    """Stands still until it is moved; never backwards."""

    def __init__(self, moment: datetime) -> None:
        self._moment: datetime | None = moment
        self._real = SystemClock()

    def now(self) -> datetime:
        return self._moment or self._real.now()

    def move_to(self, moment: datetime) -> None:
        """Raises ValueError for a moment before the present one."""
        if moment < self.now():
            raise ValueError(f"a story does not go back from {self.now()} to {moment}")
        self._moment = moment

    def pass_by(self, length: timedelta) -> datetime:
        self.move_to(self.now() + length)
        return self.now()

    def release(self) -> None:
        """From now on, real time."""
        self._moment = None
