"""Measurements of one monitor, as detection records them."""

from __future__ import annotations

from datetime import datetime, timedelta

from holdfast.detect.measurement import Measurement, WindowStatus

DAY = timedelta(days=1)


def measured(
    start: datetime,
    value: float | None = 0.87,
    *,
    alarm: bool = False,
    status: WindowStatus = WindowStatus.MEASURED,
    n: int = 400,
    group: dict[str, str] | None = None,
    quantity: str = "accuracy",
    monitor: str = "accuracy",
    length: timedelta = DAY,
    known_after: timedelta = timedelta(hours=1),
) -> Measurement:
    """The window that begins at `start`, as known so long after its end."""
    return Measurement(
        monitor=monitor,
        quantity=quantity,
        window_start=start,
        window_end=start + length,
        group=group,
        value=value,
        lower=None if value is None else value - 0.03,
        upper=None if value is None else value + 0.03,
        n=n,
        labelled_share=0.9 if status is WindowStatus.MEASURED else 0.4,
        status=status,
        alarm=alarm,
        reason="lies under the limit 0.8 with its whole interval" if alarm else "is within the limit 0.8",
        as_of=start + length + known_after,
    )
