"""The facts of one containment, on the stream `containment/INC-1-C1`.

'Contained' is a verified state: that the switch was set (`applied`), that Holdfast's own address answers by
it (`probed`), that requests of the application arrived and were answered by it (`obeyed`) and what the
prediction log shows since (`effect_observed`) are four facts, not one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from holdfast.ledger.facts import Arm, Disarm, Fact, Line, fact
from holdfast.prepare.terms import ContainmentKind

Segment = dict[str, tuple[str, ...]]
"""For each key of the evaluation context, the values that are held back; a request is in the segment
when every key has one of its values."""

EFFECT_TIMER = "containment.effect"
"""Kind of the timer that looks at the effect again while the switch is set."""


class Purpose(StrEnum):
    """What a probe is to prove."""

    HOLD = "hold"
    """The address that applications ask answers by the switch."""
    RELEASE = "release"
    """It answers without the switch again."""


class Effect(StrEnum):
    """Whether the harm stopped (R-CON-09)."""

    STOPPED = "stopped"
    CONTINUING = "continuing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the flag address, and its answer."""

    asked: str
    """Flag and context in words: `loan.route for channel=broker`."""
    expected: str
    answered: str
    """The value as answered, or why there was none."""
    ok: bool
    milliseconds: int


@dataclass(frozen=True, slots=True)
class SeenWindow:
    """A window of an alarming monitor that lies wholly after the containment took effect."""

    monitor: str
    window_start: datetime
    window_end: datetime
    value: float | None
    n: int
    alarm: bool
    in_bounds: bool = False
    """Whether it is known to lie in bounds: its whole interval, not only its value. Facts that do not say so
    were recorded before anybody asked."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What the prediction log holds of the day before applying: of the same hours of the clock, or of
    the whole day where more than a day is looked at."""

    answered: int
    """Rows of the scope that the model answered."""
    others: int
    by_people: int
    times: float
    """How often such a stretch fits into the one that is looked at."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the prediction log holds of the contained scope, in rows the model answered."""

    since: datetime
    """From here on nothing of the scope should be answered: applied, plus the time the action takes; or
    what was looked at last, where the harm was then seen to continue."""
    until: datetime
    """How far the log can be trusted to be complete."""
    answered: int
    """Rows of the scope between `since` and `until`."""
    settling: int
    """Rows of the scope between applying and `since`: requests under way, clients that poll."""
    others: int
    """Rows outside the scope between `since` and `until`: the model is meant to answer these."""
    expected: float
    """Rows of the scope to be expected beside what else the log holds since, going by the day before
    applying: where it has a hole, none is expected."""
    reaches: datetime | None = None
    """The newest row of the log no later than `until`, of anybody and with or without a prediction: further
    the log is not known to go. None: not looked at."""
    by_people: int = 0
    """Rows without a prediction between `since` and `until`, of anybody: requests that the model did not
    answer."""
    usual: Usual | None = None
    """None in facts of before anybody asked whether the log goes on as usual."""


@fact("containment.proposed")
class ContainmentProposed(Fact):
    incident: str
    containment: str
    system: str
    action: str
    """Id in the playbook the incident is pinned to."""
    option: str
    """Id in the system's file."""
    name: str
    kind: ContainmentKind
    flag: str
    segment: Segment
    does: str
    """What people notice, in the playbook's words."""
    undo: str
    expected_seconds: int
    watch: str | None
    """The monitor on which the effect should be seen."""
    reason: str

    def line(self) -> Line:
        return Line(f"Containment proposed: {self.name}", self.reason or self.does, "act")


@fact("containment.approved")
class ContainmentApproved(Fact):
    incident: str
    containment: str
    name: str
    roles: tuple[str, ...]
    """The incident roles whose authority the approval rests on, as the playbook grants it."""
    reason: str
    not_preserved: tuple[str, ...]
    """Evidence the playbook wants preserved first of which nothing was frozen when this was approved."""

    def line(self) -> Line:
        words = ", ".join(role.replace("_", " ") for role in self.roles)
        gaps = f"; not preserved beforehand: {', '.join(self.not_preserved)}" if self.not_preserved else ""
        return Line(f"Containment approved: {self.name}", f"by authority of {words}{gaps}", "act")


@fact("containment.applied")
class ContainmentApplied(Fact):
    """The switch is set. Whether anybody obeys it is not known yet."""

    incident: str
    containment: str
    name: str
    system: str
    kind: ContainmentKind
    flag: str
    segment: Segment
    next_look: datetime | None = None
    """When the effect is looked at first; whatever the probe then says, somebody looks."""

    def timers(self) -> Iterable[Arm | Disarm]:
        return _look(self.incident, self.containment, self.next_look) if self.next_look else ()

    def line(self) -> Line:
        return Line(
            f"Switch set: {self.name}", f"{self.flag}; whether the application obeys is not known yet"
        )


@fact("containment.probed")
class ContainmentProbed(Fact):
    """Holdfast's own flag address was asked, as an application asks it."""

    incident: str
    containment: str
    purpose: Purpose
    ok: bool
    checks: tuple[Check, ...]
    milliseconds: int
    """Time the whole probe took."""
    next_look: datetime | None = None
    """When the effect is looked at first, in facts of 0.1; since then `containment.applied` says it."""

    def timers(self) -> Iterable[Arm | Disarm]:
        return _look(self.incident, self.containment, self.next_look) if self.next_look else ()

    def line(self) -> Line:
        told = "; ".join(f"{c.asked}: {c.answered}" for c in self.checks if c.ok == self.ok)
        what = "by the switch" if self.purpose is Purpose.HOLD else "without the switch again"
        if self.ok:
            return Line(f"Probed: the flag address answers {what}", f"{told} ({self.milliseconds} ms)")
        return Line(f"Probed: the flag address does not answer {what}", told, "alarm")


@fact("containment.obeyed")
class ContainmentObeyed(Fact):
    """Requests that are not Holdfast's own probe arrived in the contained scope and were answered by the
    switch. What the application did with the answer, only its prediction log can show."""

    incident: str
    containment: str
    name: str
    requests: int
    """How many were counted so far, of every process; there may have been more."""
    first_at: datetime
    last_at: datetime

    def line(self) -> Line:
        asked = f"{self.requests:,} request{'s' * (self.requests != 1)}"
        return Line(
            f"Obeyed: {self.name}",
            f"at least {asked} of the application arrived and were answered by the switch",
        )


@fact("containment.failed")
class ContainmentFailed(Fact):
    """The probe did not prove it. The switch stays as it is; probing again may still prove it."""

    incident: str
    containment: str
    name: str
    reason: str

    def line(self) -> Line:
        return Line(f"Switch not proven: {self.name}", self.reason, "alarm")


@fact("containment.effect_observed")
class EffectObserved(Fact):
    incident: str
    containment: str
    effect: Effect
    sentence: str
    traffic: Traffic | None = None
    """None where it could not be counted; the sentence says why."""
    windows: tuple[SeenWindow, ...] = ()
    requests: int | None = None
    """Requests of the application that the switch is known to have answered so far. None: not known."""
    next_look: datetime | None = None

    def timers(self) -> Iterable[Arm | Disarm]:
        return _look(self.incident, self.containment, self.next_look)

    def line(self) -> Line:
        tone = "alarm" if self.effect is Effect.CONTINUING else "plain"
        words = {
            "stopped": "the harm stopped",
            "continuing": "the harm continues",
            "unknown": "not known yet",
        }
        return Line(f"Effect of containment: {words[self.effect]}", self.sentence, tone)  # type: ignore[arg-type]


@fact("containment.reverted")
class ContainmentReverted(Fact):
    incident: str
    containment: str
    name: str
    roles: tuple[str, ...]
    reason: str

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(effect_timer(self.containment))

    def line(self) -> Line:
        return Line(f"Containment reverted: {self.name}", self.reason, "act")


@fact("containment.withdrawn")
class ContainmentWithdrawn(Fact):
    """A later decision overtook it before anything was switched: it is void, and is proposed anew or not at
    all."""

    incident: str
    containment: str
    name: str
    reason: str
    """What overtook it."""

    def line(self) -> Line:
        return Line(f"Containment withdrawn: {self.name}", f"nothing was switched; {self.reason}", "act")


ContainmentFact = (
    ContainmentProposed
    | ContainmentApproved
    | ContainmentApplied
    | ContainmentProbed
    | ContainmentObeyed
    | ContainmentFailed
    | EffectObserved
    | ContainmentReverted
    | ContainmentWithdrawn
)


def effect_timer(containment: str) -> str:
    return f"{containment}/effect"


def _look(incident: str, containment: str, due: datetime | None) -> Iterable[Arm | Disarm]:
    if due is None:
        return (Disarm(effect_timer(containment)),)
    data = {"incident": incident, "containment": containment}
    return (Arm(effect_timer(containment), EFFECT_TIMER, due, data),)
