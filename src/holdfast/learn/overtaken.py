"""What happens after a remediation was verified, and speaks against it."""

from __future__ import annotations

from datetime import datetime

from holdfast import wording
from holdfast.detect.events import AlertContinued
from holdfast.detect.led import ALERTS
from holdfast.incident.events import AlertFacts, AlertJoined, ContainmentLost, HarmWentOn
from holdfast.incident.incident import Incident
from holdfast.incident.loading import load
from holdfast.incident.responding import Desk
from holdfast.learn import remedying
from holdfast.ledger.facts import Recorded
from holdfast.people import Actor


def by(desk: Desk, recorded: Recorded, *, by: Actor, at: datetime) -> None:
    """The reaction: note it on the items that were verified before. Handed the same fact again, it does
    nothing."""
    fact, happened = recorded.fact, recorded.at
    when = wording.utc(happened)
    match fact:
        case AlertContinued(alert=alert):
            incident = ALERTS.state(desk.ledger, alert.alert).to
            if incident and _is_own(load(desk.ledger, incident).state, alert):
                reason = f"{alert.called} is open again since {when}: {alert.reason}"
                remedying.overtake(desk, incident, reason, happened, alert.window_end, by=by, at=at)
        case AlertJoined(incident=incident, alert=alert):
            if _is_own(load(desk.ledger, incident).state, alert):
                reason = f"{alert.called} joined {when}: {alert.reason}"
                remedying.overtake(desk, incident, reason, happened, alert.window_end, by=by, at=at)
        case HarmWentOn(incident=incident, alert=alert, again=True):
            reason = f"{alert.called} was raised {when}: {alert.reason}"
            remedying.overtake(desk, incident, reason, happened, alert.window_end, by=by, at=at)
        case ContainmentLost(incident=incident, reason=why, deliberate=False):
            reason = f"it is contained no longer since {when}: {why}"
            remedying.overtake(desk, incident, reason, happened, happened, by=by, at=at)
        case _:
            pass


def _is_own(state: Incident, alert: AlertFacts) -> bool:
    return any(one.alert == alert.alert for one in state.own_alerts)
