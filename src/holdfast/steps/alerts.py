"""Alerts: look into them, attach them to an incident, open one for them, set them aside."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.detect.handling import Seen
from holdfast.detect.records import Alert
from holdfast.incident.loading import load
from holdfast.incident.responding import Declared
from holdfast.people import Permission
from holdfast.shapes import detection as shapes
from holdfast.shapes import incidents
from holdfast.steps.addresses import AlertId
from holdfast.steps.step import Call, step


def _handled(call: Call, _: str, found: Sequence[Alert]) -> shapes.AlertList:
    return shapes.alert_list(found)


def _seen(call: Call, _: str, seen: Seen) -> shapes.AlertsSeen:
    return shapes.alerts_seen(seen)


def _opened(call: Call, _: str, what: Declared) -> incidents.DeclaredShown:
    return incidents.declared(load(call.ledger, what.incident).state, what)


@step("alert", "PUT /alert-groups/acknowledgement", may=Permission.RESPOND, shows=_seen)
def acknowledge(call: Call, said: shapes.Acknowledging) -> Seen:
    """Look into alerts. All of them are acknowledged, or none."""
    return call.application.handling.acknowledge(_chosen(call, said, said.incident), by=call.by, at=call.at)


@step("alert", "PUT /alert-groups/incident", may=Permission.RESPOND, shows=_handled)
def attach(call: Call, said: shapes.Attaching) -> list[Alert]:
    """Say that alerts belong to an incident that is running. All of them are attached, or none."""
    return call.application.handling.attach(_chosen(call, said), said.incident, by=call.by, at=call.at)


@step("alert", "POST /alerts/{alert}/incident", verb="open", may=Permission.DECLARE, shows=_opened)
def open_incident(call: Call, alert: AlertId) -> Declared:
    """Open an incident for an alert that did not open one itself. Where it belongs to one already, that one
    is shown; what else runs on its system is named, as it may be the same. One that was set aside is taken
    back, and is no false alarm any more."""
    return call.application.alerting.open_incident(alert, by=call.by, at=call.at)


@step("alert", "PUT /alert-groups/setting-aside", may=Permission.RESPOND, shows=_handled)
def set_aside(call: Call, said: shapes.SettingAside) -> list[Alert]:
    """Decide that alerts are no incident, or do not belong to the one they are in. All of them are set aside,
    or none."""
    chosen = _chosen(call, said, said.incident)
    return call.application.handling.set_aside(chosen, said.reason, said.false_alarm, by=call.by, at=call.at)


def _chosen(call: Call, said: shapes.Chosen, incident: str = "") -> list[str]:
    return call.application.handling.chosen(said.alerts, said.monitor, said.up_to, incident)


STEPS = (acknowledge, attach, open_incident, set_aside)
