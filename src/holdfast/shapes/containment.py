"""Containments: what is offered, how far one has come, and what is said about it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from holdfast.contain.containment import Containment, Stage
from holdfast.contain.events import Effect, EffectObserved, Purpose
from holdfast.contain.offering import Offer
from holdfast.prepare.terms import Authority, ContainmentKind
from holdfast.shapes.base import Asked, Seconds, Shown, Text, Word


class OfferShown(Shown):
    """One way to contain, ready to be proposed."""

    option: str
    name: str
    action: str
    kind: ContainmentKind
    flag: str
    segment: dict[str, tuple[str, ...]]
    does: str
    """What people notice."""
    when: str
    undo: str
    takes_seconds: Seconds = Field(validation_alias="takes")
    authority: Authority
    preserve_first: tuple[str, ...]
    watch: str | None


class Offers(Shown):
    incident: str
    offers: tuple[OfferShown, ...]


class DeedShown(Shown):
    person: str
    name: str
    at: datetime


class CheckShown(Shown):
    """One question to the flag address, and its answer."""

    asked: str
    expected: str
    answered: str
    ok: bool
    milliseconds: int


class ProbeShown(Shown):
    purpose: Purpose
    ok: bool
    checks: tuple[CheckShown, ...]
    milliseconds: int


class UsualShown(Shown):
    """What the prediction log holds of the day before: of the same hours, or of all of it."""

    answered: int
    others: int
    by_people: int
    times: float
    """How often that stretch fits into the one that was looked at."""


class TrafficShown(Shown):
    """What the prediction log holds of the contained scope."""

    since: datetime
    until: datetime
    answered: int
    settling: int
    others: int
    expected: float
    reaches: datetime | None
    """The newest row of the log, of anybody: further it is not known to go. Null where nobody looked."""
    by_people: int
    """Requests without a prediction: the model did not answer them."""
    usual: UsualShown | None
    """Whether the log goes on as usual is told by comparing with this. Null in what was recorded before
    anybody asked."""


class SeenWindowShown(Shown):
    monitor: str
    window_start: datetime
    window_end: datetime
    value: float | None
    n: int
    alarm: bool
    in_bounds: bool
    """Known to lie in bounds, with its whole interval."""


class EffectShown(Shown):
    """Whether the harm stopped."""

    effect: Effect
    sentence: str
    traffic: TrafficShown | None
    windows: tuple[SeenWindowShown, ...]
    requests: int | None
    """At least so many requests of the application the switch had answered, as far as it was on the record
    when this was looked at. Null where nobody counted."""
    next_look: datetime | None


class ObeyedShown(Shown):
    """The newest fact that the application asked and was answered by the switch. The first request is
    recorded at once, and again whenever they have grown tenfold."""

    requests: int
    """At least so many were answered so far."""
    first_at: datetime
    """When the first was answered."""
    last_at: datetime
    """The newest of those counted by then."""


class ContainmentShown(Shown):
    containment: str = Field(validation_alias="id")
    incident: str
    system: str
    option: str
    action: str
    name: str
    kind: ContainmentKind
    flag: str
    segment: dict[str, tuple[str, ...]]
    does: str
    undo: str
    stage: Stage
    in_force: bool
    """Whether the switch is set now, whatever is known of what came of it."""
    standing: str
    """How far it has come, in words."""
    reason: str
    proposed: DeedShown | None
    approved: DeedShown | None
    applied: DeedShown | None
    reverted: DeedShown | None
    withdrawn: DeedShown | None
    """By whose later decision it became void before anything was switched; nobody can carry it out."""
    withdrawn_because: str
    not_preserved: tuple[str, ...]
    switched_at: datetime | None
    """When Holdfast's own address was first seen to answer by the switch."""
    obeyed: ObeyedShown | None
    """The first requests of the application that the switch is known to have answered."""
    contained_at: datetime | None
    """When the prediction log showed that the harm stopped; null while it does not."""
    released_at: datetime | None
    failure: str
    last_probe: ProbeShown | None
    effect: EffectShown | None
    effect_at: datetime | None
    revert_reason: str


class Containments(Shown):
    incident: str
    containments: tuple[ContainmentShown, ...]


class InForce(Shown):
    """Every containment whose switch is set now."""

    containments: tuple[ContainmentShown, ...]


class Proposal(Asked):
    """Puts an offered option up for approval."""

    option: Word
    """As `contain offers` calls it."""
    reason: Text = ""
    """Why; it becomes part of the record."""


class Approval(Asked):
    """Says yes."""

    reason: Text = ""
    """Why; it becomes part of the record."""


def shown(state: Containment) -> ContainmentShown:
    return ContainmentShown.model_validate(state)


def offered(incident: str, offers: tuple[Offer, ...]) -> Offers:
    return Offers(incident=incident, offers=tuple(OfferShown.model_validate(offer) for offer in offers))


def effect(observed: EffectObserved) -> EffectShown:
    return EffectShown.model_validate(observed)
