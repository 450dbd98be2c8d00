"""Monitors: run them now."""

from __future__ import annotations

from holdfast.detect.monitoring import Ran
from holdfast.people import Permission
from holdfast.shapes import detection as shapes
from holdfast.steps.addresses import System
from holdfast.steps.step import Call, step


def _ran(call: Call, _: str, ran: Ran) -> shapes.Ran:
    return shapes.ran(ran)


@step("monitor", "POST /systems/{system}/runs", may=Permission.RESPOND, shows=_ran)
def run(call: Call, system: System) -> Ran:
    """Measure what is new in the prediction log of a system, and record it."""
    return call.application.monitoring.run(system, by=call.by, at=call.at)


STEPS = (run,)
