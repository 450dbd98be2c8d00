"""Containment: propose, approve, apply, ask, look, set back; or decide against."""

from __future__ import annotations

from holdfast.contain import reading
from holdfast.contain.events import EffectObserved
from holdfast.people import Permission
from holdfast.shapes import containment as shapes
from holdfast.shapes.containment import Approval, Proposal
from holdfast.shapes.incidents import Reason
from holdfast.steps.addresses import ContainmentId, IncidentId
from holdfast.steps.incidents import shown as incident_shown
from holdfast.steps.step import Call, step


def _shown(call: Call, containment: str, _: object) -> shapes.ContainmentShown:
    return shapes.shown(reading.load(call.ledger, containment).state)


def _proposed(call: Call, _: str, containment: str) -> shapes.ContainmentShown:
    return _shown(call, containment, None)


@step(
    "contain", "POST /incidents/{incident}/containments", may=Permission.CONTAIN, agents=True, shows=_proposed
)
def propose(call: Call, incident: IncidentId, said: Proposal) -> str:
    """Put an offer up for approval. The same one twice is one."""
    return call.application.containing.propose(incident, said.option, said.reason, by=call.by, at=call.at)


@step("contain", "PUT /containments/{containment}/approval", may=Permission.CONTAIN, shows=_shown)
def approve(call: Call, containment: ContainmentId, said: Approval) -> None:
    """Say yes, with the authority to. This meets the containment clock."""
    call.application.containing.approve(containment, said.reason, by=call.by, at=call.at)


@step(
    "contain",
    "PUT /containments/{containment}/application",
    verb="apply",
    may=Permission.CONTAIN,
    shows=_shown,
)
def carry_out(call: Call, containment: ContainmentId) -> bool:
    """Set the switch and ask the flag address. `stage` says what came of it: switched when the flag address
    answers by it, failed when it does not. Whether the application obeys, and whether the harm stopped, shows
    later."""
    return call.application.containing.carry_out(containment, by=call.by, at=call.at)


@step("contain", "POST /containments/{containment}/probes", may=Permission.CONTAIN, shows=_shown)
def probe(call: Call, containment: ContainmentId) -> bool:
    """Ask the flag address again. `last_probe` says what it answered."""
    return call.application.containing.probe(containment, by=call.by, at=call.at)


def _effect(call: Call, containment: str, seen: EffectObserved) -> shapes.EffectShown:
    return shapes.effect(seen)


@step(
    "contain",
    "POST /containments/{containment}/observations",
    verb="effect",
    may=Permission.CONTAIN,
    shows=_effect,
)
def observe(call: Call, containment: ContainmentId) -> EffectObserved:
    """Say whether the harm stopped, going by the prediction log and the monitors."""
    return call.application.containing.observe_effect(containment, by=call.by, at=call.at)


@step("contain", "PUT /containments/{containment}/reversal", may=Permission.CONTAIN, shows=_shown)
def revert(call: Call, containment: ContainmentId, said: Reason) -> bool:
    """Set the switch back and ask the flag address. `stage` says what came of it: released when the flag
    address was seen to be back."""
    return call.application.containing.revert(containment, said.reason, by=call.by, at=call.at)


@step(
    "contain",
    "PUT /incidents/{incident}/decision-against-containment",
    verb="against",
    may=Permission.CONTAIN,
    shows=incident_shown,
)
def decide_against(call: Call, incident: IncidentId, said: Reason) -> None:
    """Decide not to contain, with a reason. A decision too, and it meets the clock."""
    call.application.containing.decide_against(incident, said.reason, by=call.by, at=call.at)


STEPS = (propose, approve, carry_out, probe, observe, revert, decide_against)
