"""The containment console: what can be done, by whose authority, and whether it holds
(R-CON-07 to R-CON-09)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Response

from holdfast.contain import reading
from holdfast.contain.containment import Containment, Stage
from holdfast.contain.events import Effect
from holdfast.contain.offering import Offer
from holdfast.contain.reading import NoSuchContainment
from holdfast.incident import loading, roles
from holdfast.incident.incident import Incident
from holdfast.incident.responding import Ground
from holdfast.interfaces.web import clocks
from holdfast.interfaces.web.access import Visit, takes, visit
from holdfast.interfaces.web.errors import status_of
from holdfast.interfaces.web.typed import NOTHING, Typed, refuse, typed
from holdfast.people import Permission
from holdfast.prepare import versions
from holdfast.prepare.promises import CONTAIN
from holdfast.prepare.terms import Authority
from holdfast.problems import NotAllowed
from holdfast.shapes.containment import Approval, Proposal
from holdfast.shapes.incidents import Reason
from holdfast.steps import containment as steps
from holdfast.wording import sentence

router = APIRouter()

EFFECTS = {
    Effect.STOPPED: ("good", "the harm stopped"),
    Effect.CONTINUING: ("bad", "the harm continues"),
    Effect.UNKNOWN: ("plain", "not known yet"),
}


@dataclass(frozen=True, slots=True)
class Powers:
    """What the reader may decide here: why not, in a sentence, or nothing when they may (R-ESC-05)."""

    contain: str
    undo: str
    holders: Mapping[str, str]
    """Whose decision each authority is: the roles, in words."""


@router.get("/containment")
def everything(visit: visit) -> Response:
    """Every containment whose switch is set now."""
    with visit.application.ledger.reading() as conn:
        standing = reading.active(conn)
    names = {name: one.model.name for name, one in versions.active_systems(visit.application.ledger).items()}
    return visit.page(
        "pages/containments.html", "containment", standing=standing, names=names, effects=EFFECTS
    )


@router.get("/incidents/{incident}/containment")
def console(visit: visit, incident: str) -> Response:
    return _console(visit, incident, NOTHING)


def _console(visit: Visit, incident: str, form: Typed, status: int = 200) -> Response:
    application = visit.application
    state = loading.load(application.ledger, incident).state
    ground = application.desk.ground_of(state)
    with application.ledger.reading() as conn:
        known = reading.containments_of(conn, incident)
    promise = state.clocks.get(CONTAIN.id)
    return visit.page(
        "pages/containment.html",
        "incidents",
        status=status,
        state=state,
        system=ground.system,
        offers=application.containing.offers(incident),
        known=list(reversed(known)),
        proposed={one.option for one in known if one.in_force or one.waits(state.overtaken_at)},
        powers=_powers(visit, state, ground),
        preserve=lambda offer: _preserved(ground, offer),
        clock=clocks.tile(promise, "", "", visit.now) if promise else None,
        running=not state.status.over,
        effects=EFFECTS,
        stages=Stage,
        typed=form,
    )


def _powers(visit: Visit, state: Incident, ground: Ground) -> Powers:
    def refusal(authority: Authority) -> str:
        if not visit.may(Permission.CONTAIN):
            return f"{visit.actor.name} may read this and not act on it"
        try:
            roles.require(state, ground.playbook, ground.roster, visit.actor, authority)
        except NotAllowed as refused:
            return str(refused)
        return ""

    def holders(authority: Authority) -> str:
        named = []
        for role in ground.playbook.roles_with(authority):
            member = state.holder_of(role.value)
            name = member.name if member else ground.roster.holder(role.value).name
            named.append(f"{role.value.replace('_', ' ')} ({name})")
        return " or ".join(named)

    asked = (Authority.CONTAIN, Authority.UNDO_CONTAINMENT)
    return Powers(
        refusal(Authority.CONTAIN),
        refusal(Authority.UNDO_CONTAINMENT),
        {authority.value: holders(authority) for authority in asked},
    )


def _preserved(ground: Ground, offer: Offer) -> list[str]:
    """What the playbook wants frozen before, in its words."""
    return [item.what for item in ground.playbook.evidence.items if item.id in offer.preserve_first]


# Steps -------------------------------------------------------------------------------------------


@router.post("/incidents/{incident}/containment/proposals", **takes(steps.propose))
def propose(visit: visit, incident: str, form: typed) -> Response:
    option = form.text("option")

    def step() -> None:
        number = steps.propose(visit.call, incident, form.read(Proposal, reason=f"reason-{option}"))
        visit.notice(f"{number} is proposed.", "It waits for approval; nothing is switched yet.")

    return _take(visit, incident, form, f"reason-{option}", step)


@router.post("/incidents/{incident}/containment/refusal", **takes(steps.decide_against))
def decide_against(visit: visit, incident: str, form: typed) -> Response:
    """Decide not to contain; the containment clock is met by that too."""

    def step() -> None:
        steps.decide_against(visit.call, incident, form.read(Reason, reason="against"))
        visit.notice("Decided: not to contain.", "The reason is part of the record.")

    return _take(visit, incident, form, "against", step)


@router.post("/incidents/{incident}/containment/{containment}/approval", **takes(steps.approve))
def approve(visit: visit, incident: str, containment: str, form: typed) -> Response:
    _require_part(visit, incident, containment)
    about = f"approve-{containment}"

    def step() -> None:
        steps.approve(visit.call, containment, form.read(Approval, reason=about))
        visit.notice(f"{containment} is approved.", "Carry it out to switch it on.")

    return _take(visit, incident, form, about, step)


@router.post("/incidents/{incident}/containment/{containment}/application", **takes(steps.carry_out))
def carry_out(visit: visit, incident: str, containment: str, form: typed) -> Response:
    """Set the switch, and ask the flag address whether it answers by it."""
    _require_part(visit, incident, containment)

    def step() -> None:
        proven = steps.carry_out(visit.call, containment)
        _tell(
            visit,
            containment,
            proven,
            f"{containment} is switched.",
            "Holdfast's own address answers by it. Whether the application obeys, and whether the harm "
            "stopped, shows here as its requests and its log arrive.",
        )

    return _take(visit, incident, form, f"carry-{containment}", step)


@router.post("/incidents/{incident}/containment/{containment}/probe", **takes(steps.probe))
def probe(visit: visit, incident: str, containment: str, form: typed) -> Response:
    """Ask the flag address again."""
    _require_part(visit, incident, containment)

    def step() -> None:
        proven = steps.probe(visit.call, containment)
        _tell(visit, containment, proven, "As it should be.", "Holdfast's own address answers as it should.")

    return _take(visit, incident, form, f"probe-{containment}", step)


@router.post("/incidents/{incident}/containment/{containment}/effect", **takes(steps.observe))
def observe(visit: visit, incident: str, containment: str, form: typed) -> Response:
    """Look in the prediction log whether the harm stopped (R-CON-09)."""
    _require_part(visit, incident, containment)

    def step() -> None:
        seen = steps.observe(visit.call, containment)
        tone, words = EFFECTS[seen.effect]
        visit.notice(f"Effect of {containment}: {sentence(words)}", tone=tone)  # type: ignore[arg-type]

    return _take(visit, incident, form, f"effect-{containment}", step)


@router.post("/incidents/{incident}/containment/{containment}/reversal", **takes(steps.revert))
def revert(visit: visit, incident: str, containment: str, form: typed) -> Response:
    """Set the switch back, and ask the flag address whether it is."""
    _require_part(visit, incident, containment)
    about = f"revert-{containment}"

    def step() -> None:
        back = steps.revert(visit.call, containment, form.read(Reason, reason=about))
        _tell(
            visit,
            containment,
            back,
            f"{containment} is reverted.",
            "The flag address answers without it again.",
        )

    return _take(visit, incident, form, about, step)


def _take(visit: Visit, incident: str, form: Typed, about: str, step: Callable[[], Any]) -> Response:
    """One step of the console; a refusal stands where the button was pressed, with what was typed."""
    try:
        step()
    except NotAllowed as refused:
        return _console(visit, incident, refuse(visit, form, about, refused), status_of(refused))
    return visit.back(f"/incidents/{quote(incident)}/containment")


def _tell(visit: Visit, containment: str, proven: bool, title: str, text: str) -> None:
    if proven:
        visit.notice(title, text)
    else:
        visit.notice(
            f"{containment} is not proven.",
            "The flag address did not answer as it should: see the answers below.",
            "bad",
        )


def _require_part(visit: Visit, incident: str, containment: str) -> Containment:
    """The containment, which must be one of this incident's. Raises NoSuchContainment."""
    found = reading.load(visit.application.ledger, containment).state
    if found.incident != incident:
        raise NoSuchContainment(f"{incident} has no containment {containment}")
    return found
