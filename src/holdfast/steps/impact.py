"""Impact: count it in the log, assess what only people can judge."""

from __future__ import annotations

from holdfast.incident.loading import load
from holdfast.investigate import assessing
from holdfast.investigate.counting import Counted
from holdfast.investigate.impact import Impact
from holdfast.people import Permission
from holdfast.shapes import investigation as shapes
from holdfast.steps.addresses import IncidentId
from holdfast.steps.step import Call, step


def _shown(call: Call, incident: str, _: object) -> shapes.ImpactShown:
    state = load(call.ledger, incident).state
    return shapes.shown_impact(incident, assessing.impact_of(call.ledger, incident), state)


@step("impact", "POST /incidents/{incident}/impact/counts", may=Permission.RESPOND, shows=_shown)
def count(call: Call, incident: IncidentId, said: shapes.CountAsked) -> Counted:
    """Count in the prediction log who was exposed, and who of them is affected. Without a period: since the
    harm began, until it was contained or until now."""
    return assessing.count(
        call.ledger,
        call.application.counter,
        incident,
        said.start,
        said.end,
        said.where,
        because=said.because,
        reassess=call.desk.noted,
        by=call.by,
        at=call.at,
    )


@step("impact", "PUT /incidents/{incident}/impact", may=Permission.RESPOND, shows=_shown)
def assess(call: Call, incident: IncidentId, said: shapes.AssessmentAsked) -> Impact:
    """Record the next version of the assessment in its five dimensions. What is left out is not known."""
    return assessing.assess(
        call.ledger,
        incident,
        said.assessment(),
        count=said.count,
        reassess=call.desk.noted,
        by=call.by,
        at=call.at,
    )


STEPS = (count, assess)
