"""The clock of a story: moved by hand, and released into real time at the end."""

from __future__ import annotations

from datetime import datetime, timedelta

from holdfast.clock import SystemClock


class StoryClock:
    """Stands still until it is moved; never backwards.

    `fraction` stands behind every whole moment it is moved to: a machine's clock knows microseconds, and
    what is played must not work for whole seconds alone.
    """

    def __init__(self, moment: datetime, fraction: timedelta = timedelta(0)) -> None:
        self._moment: datetime | None = moment
        self._fraction = fraction
        self._real = SystemClock()

    def now(self) -> datetime:
        return self._moment + self._fraction if self._moment else self._real.now()

    def move_to(self, moment: datetime) -> None:
        """Raises ValueError for a moment before the present one."""
        if moment < (self._moment or self._real.now()):
            raise ValueError(f"a story does not go back from {self.now()} to {moment}")
        self._moment = moment

    def pass_by(self, length: timedelta) -> datetime:
        self.move_to((self._moment or self._real.now()) + length)
        return self.now()

    def release(self) -> None:
        """From now on, real time."""
        self._moment = None
