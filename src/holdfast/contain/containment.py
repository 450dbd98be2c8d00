"""One containment: the state its facts add up to, and the decisions that state allows.

Pure: who acts and when are passed in, new facts come out. What is refused raises NotAllowed with a
sentence a person can act on.

    proposed → approved → applied → switched → obeyed → contained → reverted → released
           ↘ withdrawn         ↘ failed ↗

*Applied* says that the switch is set; *switched*, that Holdfast's own address was seen to answer by it;
*obeyed*, that requests of the application arrived and were answered by it; *contained*, that the prediction
log shows that the harm stopped. *Released* says that the address answers without it again. *Withdrawn* says
that a later decision made it void before the switch was set. Only *contained* makes an incident contained.
The newest evidence counts: an application that obeys late is seen to obey.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, assert_never

from holdfast.contain.events import (
    Check,
    ContainmentApplied,
    ContainmentApproved,
    ContainmentFact,
    ContainmentFailed,
    ContainmentObeyed,
    ContainmentProbed,
    ContainmentProposed,
    ContainmentReverted,
    ContainmentWithdrawn,
    Effect,
    EffectObserved,
    Purpose,
    SeenWindow,
    Segment,
    Traffic,
)
from holdfast.contain.offering import Offer
from holdfast.people import Actor
from holdfast.prepare.terms import ContainmentKind
from holdfast.problems import NotAllowed

Tone = Literal["plain", "good", "warn", "bad"]


class Stage(StrEnum):
    """How far a containment has come; what each word promises is at the top of this file."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    APPLIED = "applied"
    SWITCHED = "switched"
    OBEYED = "obeyed"
    CONTAINED = "contained"
    FAILED = "failed"
    REVERTED = "reverted"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"


_SAYS: dict[Stage, tuple[str, Tone]] = {
    Stage.PROPOSED: ("proposed", "plain"),
    Stage.APPROVED: ("approved, not switched", "plain"),
    Stage.APPLIED: ("set, not asked yet", "warn"),
    Stage.SWITCHED: ("switched, not known to be obeyed", "warn"),
    Stage.OBEYED: ("obeyed, effect not shown yet", "warn"),
    Stage.CONTAINED: ("contained", "good"),
    Stage.FAILED: ("set, not proven", "bad"),
    Stage.REVERTED: ("set back, not seen to be back", "warn"),
    Stage.RELEASED: ("reverted", "plain"),
    Stage.WITHDRAWN: ("withdrawn, never switched", "plain"),
}
"""Each stage in a word that promises no more than is known, and its tone; for every interface."""

IN_FORCE = frozenset({Stage.APPLIED, Stage.SWITCHED, Stage.OBEYED, Stage.CONTAINED, Stage.FAILED})
"""The switch is set, whatever is known of what came of it."""
WAITING = frozenset({Stage.PROPOSED, Stage.APPROVED})
"""Nothing is switched yet, and it may still be."""
OVER = frozenset({Stage.REVERTED, Stage.RELEASED, Stage.WITHDRAWN})
"""Nothing is switched any more, or ever was; the same is proposed anew."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did something, and when it was recorded."""

    person: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Containment:
    """State folded from facts; see `after`."""

    id: str = ""
    incident: str = ""
    system: str = ""
    action: str = ""
    option: str = ""
    name: str = ""
    kind: ContainmentKind = ContainmentKind.MODEL_OFF
    flag: str = ""
    segment: Segment = field(default_factory=dict)
    does: str = ""
    undo: str = ""
    expected: timedelta = timedelta()
    """From approval to effect, as the playbook expects it."""
    watch: str | None = None
    reason: str = ""
    stage: Stage = Stage.PROPOSED
    proposed: Deed | None = None
    approved: Deed | None = None
    applied: Deed | None = None
    reverted: Deed | None = None
    withdrawn: Deed | None = None
    not_preserved: tuple[str, ...] = ()
    switched_at: datetime | None = None
    """When Holdfast's own address was first seen to answer by the switch."""
    obeyed: ContainmentObeyed | None = None
    """The requests of the application that the switch is known to have answered, from the first on."""
    contained_at: datetime | None = None
    """When the prediction log first showed that the harm stopped; None again once it was seen to go on."""
    released_at: datetime | None = None
    """When the address was seen to answer without the switch again."""
    last_probe: ContainmentProbed | None = None
    failure: str = ""
    """Why the last probe proved nothing; empty when it did."""
    effect: EffectObserved | None = None
    effect_at: datetime | None = None
    goes_on: bool = False
    """The harm was seen to go on, and not to have stopped since; a look that shows nothing unsays nothing."""
    evidence_from: datetime | None = None
    """Up to here the harm was seen to go on, or the switch not to be answered by; whether it stopped since
    shows only in what came after."""
    revert_reason: str = ""
    withdrawn_because: str = ""

    # Folding -----------------------------------------------------------------------------------

    def after(self, fact: ContainmentFact, at: datetime, by: Actor) -> Containment:
        """The state after one more fact, recorded at `at` by `by`."""
        deed = Deed(by.id, by.name, at)
        match fact:
            case ContainmentProposed():
                return _proposed(fact, deed)
            case ContainmentApproved():
                return replace(self, stage=Stage.APPROVED, approved=deed, not_preserved=fact.not_preserved)
            case ContainmentApplied():
                return replace(self, stage=Stage.APPLIED, applied=deed)
            case ContainmentProbed():
                return self._probed(fact, at)
            case ContainmentFailed():
                return replace(
                    self, stage=Stage.FAILED, failure=fact.reason, contained_at=None, evidence_from=at
                )
            case ContainmentObeyed():
                stage = self.stage if self.stage is Stage.CONTAINED else Stage.OBEYED
                return replace(self, stage=stage, failure="", obeyed=fact)
            case EffectObserved():
                return self._observed(fact, at)
            case ContainmentReverted():
                return replace(self, stage=Stage.REVERTED, reverted=deed, revert_reason=fact.reason)
            case ContainmentWithdrawn():
                return replace(self, stage=Stage.WITHDRAWN, withdrawn=deed, withdrawn_because=fact.reason)
            case _:
                assert_never(fact)

    def _probed(self, fact: ContainmentProbed, at: datetime) -> Containment:
        state = replace(self, last_probe=fact)
        if not fact.ok:
            return state
        if fact.purpose is Purpose.RELEASE:
            return replace(state, stage=Stage.RELEASED, released_at=at)
        stage = self.stage if self.stage is Stage.CONTAINED else state._known
        return replace(state, stage=stage, failure="", switched_at=self.switched_at or at)

    def _observed(self, fact: EffectObserved, at: datetime) -> Containment:
        """The log has the last word: it outweighs a probe that failed, and an earlier look of its own."""
        state = replace(self, effect=fact, effect_at=at)
        if fact.effect is Effect.CONTINUING:
            until = fact.traffic.until if fact.traffic else at
            known = state._known if self.stage is Stage.CONTAINED else self.stage
            return replace(state, stage=known, contained_at=None, evidence_from=until, goes_on=True)
        if fact.effect is Effect.STOPPED:
            since = self.contained_at or at
            return replace(state, stage=Stage.CONTAINED, failure="", contained_at=since, goes_on=False)
        return state

    @property
    def _known(self) -> Stage:
        """What is known of a switch that is set and not contained."""
        if self.obeyed:
            return Stage.OBEYED
        return Stage.SWITCHED if self.last_probe and self.last_probe.ok else Stage.APPLIED

    # Reading -----------------------------------------------------------------------------------

    @property
    def in_force(self) -> bool:
        """Whether the switch is set now."""
        return self.stage in IN_FORCE

    @property
    def standing(self) -> str:
        """How far it has come, in words."""
        return self._standing[0]

    @property
    def tone(self) -> Tone:
        """Of `standing`."""
        return self._standing[1]

    @property
    def _standing(self) -> tuple[str, Tone]:
        if self.in_force and self.effect and self.effect.effect is Effect.CONTINUING:
            known = {Stage.OBEYED: "obeyed in part", Stage.FAILED: "set, not proven"}
            return f"{known.get(self.stage, 'switched')}, the harm continues", "bad"
        return _SAYS[self.stage]

    @property
    def requests(self) -> int:
        """At least so many requests of the application the switch has answered."""
        return self.obeyed.requests if self.obeyed else 0

    @property
    def took(self) -> timedelta | None:
        """From approval until the log showed that the harm stopped; None while it has not."""
        return self.contained_at - self.approved.at if self.contained_at and self.approved else None

    @property
    def effective_from(self) -> datetime | None:
        """From here on the log should show nothing of the contained scope; None before it is applied."""
        if self.applied is None:
            return None
        return max(self.applied.at + self.expected, self.evidence_from or self.applied.at)

    @property
    def decision(self) -> str:
        """What was decided, as the incident's record words it."""
        return f"{self.name} ({self.id})"

    # Deciding ----------------------------------------------------------------------------------

    def approve(
        self, roles: Sequence[str], reason: str, not_preserved: Sequence[str]
    ) -> list[ContainmentFact]:
        """Somebody with authority says yes; nothing when somebody already did."""
        self._require_known()
        if self.stage is not Stage.PROPOSED:
            self._require_standing()
            return []
        approved = ContainmentApproved(
            incident=self.incident,
            containment=self.id,
            name=self.name,
            roles=tuple(roles),
            reason=reason.strip(),
            not_preserved=tuple(not_preserved),
        )
        return [approved]

    def apply(self, next_look: datetime | None = None) -> list[ContainmentFact]:
        """Set the switch; nothing when it is set. `next_look`: when its effect is looked at first."""
        self._require_known()
        if self.in_force:
            return []
        self._require_standing()
        if self.stage is Stage.PROPOSED:
            raise NotAllowed(
                f"{self.id} ({self.name}) is not approved yet; somebody with the authority to contain "
                "must approve it first",
                first=("contain.approve", self.id),
            )
        applied = ContainmentApplied(
            incident=self.incident,
            containment=self.id,
            name=self.name,
            system=self.system,
            kind=self.kind,
            flag=self.flag,
            segment=self.segment,
            next_look=next_look,
        )
        return [applied]

    @property
    def to_prove(self) -> Purpose:
        """What a probe now has to prove. Raises NotAllowed where there is nothing to prove."""
        self._require_known()
        if self.in_force:
            return Purpose.HOLD
        if self.stage is Stage.REVERTED:
            return Purpose.RELEASE
        if self.stage is Stage.RELEASED:
            raise NotAllowed(
                f"{self.id} ({self.name}) is reverted and was seen to be back; nothing is left to probe"
            )
        self._require_standing()
        said = f"{self.id} ({self.name}) is {self.stage}; apply it before probing it"
        step = "contain.approve" if self.stage is Stage.PROPOSED else "contain.apply"
        raise NotAllowed(said, first=(step, self.id))

    def heard(self, requests: int, first_at: datetime, last_at: datetime) -> list[ContainmentFact]:
        """So many requests more of the application were answered by the switch: the first are said, and then
        whenever they have grown tenfold; nothing when it is not set."""
        if not self.in_force or not worth_a_fact(self.requests, requests):
            return []
        obeyed = ContainmentObeyed(
            incident=self.incident,
            containment=self.id,
            name=self.name,
            requests=self.requests + requests,
            first_at=self.obeyed.first_at if self.obeyed else first_at,
            last_at=last_at,
        )
        return [obeyed]

    def probed(self, purpose: Purpose, checks: Sequence[Check], milliseconds: int) -> list[ContainmentFact]:
        """What the flag address answered, and what that proves.

        Raises NotAllowed when the containment changed meanwhile, so that the answers prove nothing.
        """
        if self.to_prove is not purpose:
            raise NotAllowed(f"{self.id} changed while it was probed; probe it again")
        ok = bool(checks) and all(check.ok for check in checks)
        probed = ContainmentProbed(
            incident=self.incident,
            containment=self.id,
            purpose=purpose,
            ok=ok,
            checks=tuple(checks),
            milliseconds=milliseconds,
        )
        if ok or purpose is Purpose.RELEASE:
            return [probed]
        failed = ContainmentFailed(
            incident=self.incident, containment=self.id, name=self.name, reason=_failure(checks)
        )
        return [probed, failed]

    def observed(
        self,
        effect: Effect,
        sentence: str,
        traffic: Traffic | None,
        windows: Iterable[SeenWindow],
        requests: int | None,
        next_look: datetime | None,
    ) -> list[ContainmentFact]:
        """What prediction log and monitors say since it was applied. Raises NotAllowed before or after."""
        self._require_known()
        if not self.in_force:
            raise NotAllowed(f"{self.id} ({self.name}) is {self.stage}; there is no effect to observe")
        seen = EffectObserved(
            incident=self.incident,
            containment=self.id,
            effect=effect,
            sentence=sentence,
            traffic=traffic,
            windows=tuple(windows),
            requests=requests,
            next_look=next_look,
        )
        return [seen]

    def revert(self, roles: Sequence[str], reason: str) -> list[ContainmentFact]:
        """Set the switch back; nothing when it is back. A reason is required."""
        self._require_known()
        if self.stage in (Stage.REVERTED, Stage.RELEASED):
            return []
        if not self.in_force:
            raise NotAllowed(f"{self.id} ({self.name}) was never applied; there is nothing to revert")
        if not reason.strip():
            raise NotAllowed(
                f"say why {self.id} ({self.name}) may be undone; the reason is part of the record"
            )
        reverted = ContainmentReverted(
            incident=self.incident,
            containment=self.id,
            name=self.name,
            roles=tuple(roles),
            reason=reason.strip(),
        )
        return [reverted]

    def withdraw(self, reason: str) -> list[ContainmentFact]:
        """A later decision overtakes it; nothing where nothing waits any more."""
        self._require_known()
        if self.stage not in WAITING:
            return []
        withdrawn = ContainmentWithdrawn(
            incident=self.incident, containment=self.id, name=self.name, reason=reason
        )
        return [withdrawn]

    def overtaken(self, at: datetime | None) -> bool:
        """Whether a decision at this moment came after what was decided on it last, and before the switch was
        set."""
        newest = self.approved or self.proposed
        return at is not None and self.stage in WAITING and newest is not None and newest.at < at

    def waits(self, overtaken_at: datetime | None) -> bool:
        """Whether it is still to be approved or carried out: nothing made it void."""
        return self.stage in WAITING and not self.overtaken(overtaken_at)

    def _require_known(self) -> None:
        if not self.id:
            raise NotAllowed("there is no such containment")

    def _require_standing(self) -> None:
        if self.stage in (Stage.REVERTED, Stage.RELEASED):
            raise NotAllowed(f"{self.id} ({self.name}) was reverted; propose it anew to contain again")
        if self.stage is Stage.WITHDRAWN:
            raise self.void(self.withdrawn_because)

    def void(self, because: str) -> NotAllowed:
        """What whoever approves it or carries it out is told, where a later decision overtook it."""
        return NotAllowed(
            f"{self.id} ({self.name}) is void: {because}; propose it anew, so that it is decided anew"
        )


def propose(incident: str, containment: str, system: str, offer: Offer, reason: str) -> list[ContainmentFact]:
    """Put one of the offered actions up for approval."""
    proposed = ContainmentProposed(
        incident=incident,
        containment=containment,
        system=system,
        action=offer.action,
        option=offer.option,
        name=offer.name,
        kind=offer.kind,
        flag=offer.flag,
        segment=offer.segment,
        does=offer.does,
        undo=offer.undo,
        expected_seconds=int(offer.takes.total_seconds()),
        watch=offer.watch,
        reason=reason.strip(),
    )
    return [proposed]


def _proposed(fact: ContainmentProposed, deed: Deed) -> Containment:
    return Containment(
        id=fact.containment,
        incident=fact.incident,
        system=fact.system,
        action=fact.action,
        option=fact.option,
        name=fact.name,
        kind=fact.kind,
        flag=fact.flag,
        # In one order, so that a state rebuilt from stored facts has the same bytes.
        segment=dict(sorted(fact.segment.items())),
        does=fact.does,
        undo=fact.undo,
        expected=timedelta(seconds=fact.expected_seconds),
        watch=fact.watch,
        reason=fact.reason,
        proposed=deed,
    )


def worth_a_fact(on_record: int, more: int) -> bool:
    """Whether so many requests more are put on the record: the first, and when they are ten times as many as
    before. A week of an application that asks a hundred times a second is nine facts."""
    return more > 0 and on_record + more >= 10 * on_record


def _failure(checks: Sequence[Check]) -> str:
    wrong = [check for check in checks if not check.ok]
    if not wrong:
        return "the probe asked nothing"
    return "; ".join(f"{c.asked}: expected {c.expected}, got {c.answered}" for c in wrong)
