"""Remediation: plan what removes the cause, do it, show that it works."""

from __future__ import annotations

from holdfast.learn import remedying, tracker
from holdfast.learn.remediation import Item
from holdfast.people import Permission
from holdfast.shapes import incidents
from holdfast.shapes import learning as shapes
from holdfast.shapes.investigation import links_of
from holdfast.steps.addresses import IncidentId, ItemId
from holdfast.steps.step import Call, step


def _shown(call: Call, item: str, _: None) -> shapes.ItemShown:
    return shapes.item(tracker.require(call.ledger, item))


def _planned(call: Call, _: str, item: str) -> shapes.ItemShown:
    return _shown(call, item, None)


def _incident(call: Call, item: str) -> str:
    found: Item = tracker.require(call.ledger, item)
    return found.incident


@step("remediation", "POST /incidents/{incident}/remediations", may=Permission.RESPOND, shows=_planned)
def plan(call: Call, incident: IncidentId, said: shapes.PlanAsked) -> str:
    """Plan an item: what removes the cause, and what will prove that it does. Whoever is responsible is
    told."""
    return remedying.plan(call.desk, incident, said.plan(), by=call.by, at=call.at)


@step("remediation", "PUT /remediations/{item}/start", may=Permission.RESPOND, shows=_shown)
def start(call: Call, item: ItemId) -> None:
    """Somebody begins with it."""
    remedying.start(call.desk, _incident(call, item), item, by=call.by, at=call.at)


@step("remediation", "PUT /remediations/{item}/completion", may=Permission.RESPOND, shows=_shown)
def finish(call: Call, item: ItemId, said: shapes.Done) -> None:
    """The action is taken. From now on its effect is looked at."""
    incident = _incident(call, item)
    remedying.finish(call.desk, incident, item, said.what, done_at=said.done_at, by=call.by, at=call.at)


@step("remediation", "PUT /remediations/{item}/verification", may=Permission.RESPOND, shows=_shown)
def verify(call: Call, item: ItemId, said: shapes.Accepted) -> None:
    """Record what a test or a review showed. An item that a monitor has to prove is proven by the monitor,
    and by nobody else, unless that monitor is not watched any more: then a review shows it."""
    incident, links = _incident(call, item), links_of(said.links)
    remedying.verify(call.desk, incident, item, said.works, said.proof, links, by=call.by, at=call.at)


@step("remediation", "PUT /remediations/{item}/withdrawal", may=Permission.RESPOND, shows=_shown)
def withdraw(call: Call, item: ItemId, said: incidents.Reason) -> None:
    """It will not be done, and why. The reason is kept."""
    remedying.withdraw(call.desk, _incident(call, item), item, said.reason, by=call.by, at=call.at)


STEPS = (plan, start, finish, verify, withdraw)
