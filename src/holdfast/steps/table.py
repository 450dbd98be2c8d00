"""Every step that a person can take, declared once for pages, API and terminal (steps/step.py).

The tuple is the table: nothing registers itself. What is listed here has a route, a command, a line in the
reference, and is walked by a test.
"""

from __future__ import annotations

from typing import Any

from holdfast.steps import (
    alerts,
    cause,
    containment,
    impact,
    incidents,
    messages,
    monitors,
    playbook,
    remediation,
    review,
)
from holdfast.steps.step import Step

STEPS: tuple[Step[Any, Any, Any], ...] = (
    *playbook.STEPS,
    *monitors.STEPS,
    *alerts.STEPS,
    *incidents.STEPS,
    *impact.STEPS,
    *cause.STEPS,
    *containment.STEPS,
    *remediation.STEPS,
    *review.STEPS,
    *messages.STEPS,
)
BY_KEY = {one.key: one for one in STEPS}
