"""Cause: the root-cause analysis."""

from __future__ import annotations

from holdfast.detect import watched
from holdfast.incident.loading import load
from holdfast.investigate import analysing
from holdfast.investigate.cause import Cause
from holdfast.people import Permission
from holdfast.shapes import investigation as shapes
from holdfast.steps.addresses import IncidentId
from holdfast.steps.step import Call, step


def _shown(_: Call, incident: str, found: Cause) -> shapes.CauseShown:
    return shapes.shown_cause(incident, found)


@step("cause", "PUT /incidents/{incident}/cause", verb="set", may=Permission.RESPOND, shows=_shown)
def analyse(call: Call, incident: IncidentId, said: shapes.AnalysisAsked) -> Cause:
    """Record the next version of the root-cause analysis. A root cause in it is established on the
    incident."""
    system = call.desk.ground_of(load(call.ledger, incident).state).system
    with call.ledger.reading() as conn:
        monitors = watched.named(conn, system)
    return analysing.analyse(
        call.ledger, incident, said.analysis(), monitors=monitors, by=call.by, at=call.at
    )


STEPS = (analyse,)
