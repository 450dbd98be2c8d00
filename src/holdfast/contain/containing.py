"""The steps of containment: propose, approve, apply, probe, watch the effect, hold or revert.

One idea: 'contained' is a verified state, not a sent command. An incident becomes contained in the
transaction that records the probe which proved it, and in no other.

Every step reads, decides (pure) and appends at the positions it decided on, the incident's included, so
that nothing is decided on an incident that is being closed meanwhile. Every step may be repeated: what
has happened already happens no second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.contain import offering, reading
from holdfast.contain.containment import Containment, Stage, propose
from holdfast.contain.effect import CannotCount, Verdict, Watch, judge
from holdfast.contain.events import (
    Check,
    ContainmentFact,
    Effect,
    EffectObserved,
    Purpose,
    SeenWindow,
    Traffic,
)
from holdfast.contain.offering import Offer
from holdfast.contain.probing import Prober, checks, questions
from holdfast.contain.switches import Switches
from holdfast.evidence import custody
from holdfast.incident import communication, loading, roles
from holdfast.incident.events import Contained, IncidentFact
from holdfast.incident.incident import Incident, Status
from holdfast.incident.responding import Ground
from holdfast.ledger.ledger import AlreadyFired, Conflict, Draft, Ledger, Timer
from holdfast.people import Actor
from holdfast.prepare.playbook import ContainmentAction
from holdfast.prepare.systems import System
from holdfast.prepare.terms import Authority, Moment
from holdfast.problems import NotAllowed

_ATTEMPTS = 20
_SOONEST, _LATEST, _LONGEST = timedelta(minutes=5), timedelta(days=1), timedelta(days=30)
"""While the effect is unknown it is looked at again: after as long as has passed since applying, within
these bounds, and for this long."""


@dataclass(frozen=True, slots=True)
class _View:
    """What a decision is based on."""

    containment: reading.Loaded
    incident: loading.Loaded
    ground: Ground

    @property
    def state(self) -> Containment:
        return self.containment.state

    @property
    def action(self) -> ContainmentAction:
        """Raises NotAllowed when the pinned playbook does not name the action."""
        found = self.ground.playbook.action(self.state.action)
        if found is None:
            raise NotAllowed(
                f"the playbook of {self.state.incident} names no containment action {self.state.action!r}"
            )
        return found


@dataclass(frozen=True, slots=True)
class _Decided:
    """What is to be appended, all of it or nothing."""

    own: Sequence[ContainmentFact] = ()
    incident: Sequence[IncidentFact] = ()
    resting_on: Sequence[Draft] = ()
    """Streams that must not have moved, although nothing is appended to them."""


class Containing:
    """Steps on containments. Person and time are passed to every verb.

    `read_switches` is what the OFREP endpoints answer from, `prober` asks those endpoints from outside.
    """

    def __init__(
        self,
        ledger: Ledger,
        ground_of: Callable[[Incident], Ground],
        read_switches: Callable[[], Switches],
        prober: Prober,
        watch: Watch,
        link: communication.LinkTo,
    ) -> None:
        self.ledger = ledger
        self.ground_of = ground_of
        self.read_switches = read_switches
        self.prober = prober
        self.watch = watch
        self.link = link

    # Deciding ----------------------------------------------------------------------------------

    def offers(self, incident: str) -> tuple[Offer, ...]:
        """What the pinned playbook offers for this incident, the fastest first (R-CON-07)."""
        state = loading.load(self.ledger, incident).state
        ground = self.ground_of(state)
        return offering.offers(ground.playbook, ground.system, state.category) if ground.system else ()

    def propose(self, incident: str, option: str, reason: str, *, by: Actor, at: datetime) -> str:
        """Put an offered action up for approval; returns its number. The same option twice is one.

        Raises NotAllowed for a closed incident, one without a system, or an option that is not offered.
        """
        for _ in range(_ATTEMPTS):
            loaded = loading.load(self.ledger, incident)
            loaded.state.require_running()
            offer = self._offered(loaded.state, option)
            with self.ledger.reading() as conn:
                known = reading.containments_of(conn, incident)
            for one in known:
                if one.option == option and one.stage not in (Stage.REVERTED, Stage.RELEASED):
                    return one.id
            number = f"{incident}-C{len(known) + 1}"
            facts = propose(incident, number, loaded.state.system, offer, reason)
            draft = Draft(reading.stream_of(number), 0, facts)
            try:
                self.ledger.append(draft, loaded.draft([]), by=by, at=at)
                return number
            except Conflict:
                continue  # somebody took this number, or the incident moved on: look again
        raise Conflict(f"{incident} kept changing; try again")

    def _offered(self, state: Incident, option: str) -> Offer:
        system = self._system(state)
        ground = self.ground_of(state)
        found = offering.offers(ground.playbook, system, state.category)
        for offer in found:
            if offer.option == option:
                self._require_served(offer)
                return offer
        names = ", ".join(offer.option for offer in found) or "nothing; add containment to the system's file"
        raise NotAllowed(f"{option!r} is not offered for {state.id}; offered are: {names}")

    def _require_served(self, offer: Offer) -> None:
        known = self.read_switches().flags.get(offer.flag)
        if known is None or known.kind is not offer.kind:
            raise NotAllowed(
                f"the flag {offer.flag} of {offer.option} is not served as {offer.kind.value}: a flag is "
                "either a switch of the model or a route; give it a name of its own in systems/*.yaml"
            )

    def _system(self, state: Incident) -> System:
        found = self.ground_of(state).system
        if found is None:
            raise NotAllowed(
                f"{state.id} names no AI system in the inventory, so there is nothing to contain"
            )
        return found

    def approve(self, containment: str, reason: str = "", *, by: Actor, at: datetime) -> None:
        """Say yes with authority; the incident's containment clock is met in the same append (R-CON-08).

        Does nothing when it was approved already. Raises NotAllowed without the authority that the
        playbook asks for, or for a closed incident.
        """

        def decide(view: _View) -> _Decided:
            incident = view.incident.state
            incident.require_running()
            rests_on = self._authority(view, view.action.authority, by)
            own = view.state.approve(rests_on, reason, self._not_preserved(view))
            if not own:
                return _Decided()
            why = reason.strip() or view.state.reason
            return _Decided(own, incident.decide_containment(view.state.decision, why))

        # A crash before the append leaves a proposal, and a clock that runs; after it, both are settled.
        self._step(containment, decide, by, at)

    def decide_against(self, incident: str, reason: str, *, by: Actor, at: datetime) -> None:
        """Decide not to contain, with a reason: a decision too, and it meets the clock (R-CON-08).

        Raises NotAllowed without authority or reason, or while a containment of the incident is in force.
        """
        for _ in range(_ATTEMPTS):
            loaded = loading.load(self.ledger, incident)
            loaded.state.require_running()
            ground = self.ground_of(loaded.state)
            roles.require(loaded.state, ground.playbook, ground.roster, by, Authority.CONTAIN)
            if not reason.strip():
                raise NotAllowed(f"say why {incident} is not contained; the reason is part of the record")
            with self.ledger.reading() as conn:
                standing = [one for one in reading.containments_of(conn, incident) if one.in_force]
            if standing:
                raise NotAllowed(
                    f"{standing[0].id} ({standing[0].name}) is in force; revert it before deciding "
                    "not to contain"
                )
            facts = loaded.state.decide_containment("not to contain", reason.strip())
            try:
                self.ledger.append(loaded.draft(facts), by=by, at=at)
                return
            except Conflict:
                continue
        raise Conflict(f"{incident} kept changing; try again")

    # Carrying out ------------------------------------------------------------------------------

    def apply(self, containment: str, *, by: Actor, at: datetime) -> None:
        """Set the switch. Does nothing when it is set. Raises NotAllowed before approval."""

        def decide(view: _View) -> _Decided:
            view.incident.state.require_running()
            return _Decided(view.state.apply())

        # The switch is a projection of this fact: when the append returns, the next request is answered
        # by it. A crash right after leaves it set and not proven; `probe` goes on from there.
        self._step(containment, decide, by, at)

    def probe(self, containment: str, *, by: Actor, at: datetime) -> bool:
        """Ask the live endpoint; returns whether it proved what there was to prove.

        Proves that the switch is obeyed, or after a revert that it is back. The incident becomes
        contained in the append that records the proof; a failed probe records why, and a containment
        that had been proven before is lost. Raises NotAllowed when there is nothing to probe.
        """
        before = reading.load(self.ledger, containment).state
        purpose = before.to_prove
        if purpose is Purpose.HOLD:
            # A reverted switch may be probed on a closed incident: the world must be put right.
            loading.load(self.ledger, before.incident).state.require_running()
        asked = questions(before, self.read_switches(), purpose)
        answers = self.prober.ask(asked)
        found = checks(asked, answers)
        milliseconds = sum(answer.milliseconds for answer in answers)

        def decide(view: _View) -> _Decided:
            own = view.state.probed(purpose, found, milliseconds, at + self._settling(view))
            return _Decided(own, _after_probe(view, purpose, found, milliseconds))

        # A crash between the answers and this append leaves the containment applied and not proven, as
        # before: probing again asks again. Nothing that was answered is taken on trust later.
        self._step(containment, decide, by, at)
        return all(check.ok for check in found)

    def carry_out(self, containment: str, *, by: Actor, at: datetime) -> bool:
        """Apply and probe: what a responder means by "contain it". Returns whether it is proven."""
        self.apply(containment, by=by, at=at)
        return self.probe(containment, by=by, at=at)

    # Watching ----------------------------------------------------------------------------------

    def observe_effect(self, containment: str, *, by: Actor, at: datetime) -> EffectObserved:
        """Say whether the harm stopped (R-CON-09), and record it when a person asked or it changed.

        A harm that continues takes the incident out of containment; one that stopped after all puts a
        proven containment back. Raises NotAllowed when the switch is not set or the incident is closed.
        """

        def decide(view: _View) -> _Decided:
            view.incident.state.require_running()
            decided = self._observed(view, at)
            seen.append(_effect_in(decided))
            known = view.state.effect.effect if view.state.effect else None
            return decided if by.kind == "person" or seen[-1].effect is not known else _Decided()

        seen: list[EffectObserved] = []
        self._step(containment, decide, by, at)
        return seen[-1]

    def look_again(self, timer: Timer, by: Actor, at: datetime) -> None:
        """Fires the timer that watches an effect which was not known yet (kind `containment.effect`)."""
        view = self._view(timer.data["containment"])
        if not view.state.in_force:
            raise AlreadyFired(f"{view.state.id} was reverted meanwhile: there is no effect to watch")
        if view.incident.state.status.over:
            sentence = f"{view.state.incident} is closed; the effect is not watched any longer"
            decided = _Decided(view.state.observed(Effect.UNKNOWN, sentence, None, (), None))
        else:
            decided = self._observed(view, at)
        # The timer and what was seen move in one transaction: a crash before it fires the timer again.
        self._append(view, decided, by, at, fires=timer)

    def _observed(self, view: _View, at: datetime) -> _Decided:
        state, incident = view.state, view.incident.state
        traffic, windows = self._seen(view, at)
        verdict = judge(traffic, windows, targeted=bool(state.segment))
        counted = traffic if isinstance(traffic, Traffic) else None
        own = state.observed(
            verdict.effect, verdict.sentence, counted, windows, _next_look(state, verdict, at)
        )
        return _Decided(own, _after_effect(incident, state, verdict))

    def _seen(self, view: _View, at: datetime) -> tuple[Traffic | CannotCount, Sequence[SeenWindow]]:
        state, incident = view.state, view.incident.state
        if state.applied is None:
            return CannotCount(f"{state.id} is not applied"), ()
        monitors = [alert.monitor for alert in incident.alerts]
        if state.watch:
            monitors.append(state.watch)
        windows = self.watch.windows(
            state.system, tuple(dict.fromkeys(monitors)), state.applied.at + state.expected, at
        )
        system = view.ground.system
        if system is None:
            return CannotCount(f"{state.system} is not in the inventory any more"), windows
        try:
            return self.watch.traffic(state, system, at), windows
        except CannotCount as problem:
            return problem, windows

    # Undoing -----------------------------------------------------------------------------------

    def revert(self, containment: str, reason: str, *, by: Actor, at: datetime) -> bool:
        """Set the switch back and probe that it is; returns whether it was seen to be back.

        Other containments stay. Allowed on a closed incident too, whose own record then stays as it
        was: what is switched off in the world must be possible to switch on. Raises NotAllowed without
        the authority to undo containment, or without a reason.
        """

        def decide(view: _View) -> _Decided:
            rests_on = self._authority(view, Authority.UNDO_CONTAINMENT, by)
            own = view.state.revert(rests_on, reason)
            if not own:
                return _Decided()
            others = self._others(view.state)
            lost = _after_revert(view.incident.state, view.state, reason, [one.state for one in others])
            return _Decided(own, lost, [other.draft([]) for other in others])

        # A crash after this append leaves the switch back and not seen to be: `probe` goes on from there.
        self._step(containment, decide, by, at)
        if reading.load(self.ledger, containment).state.stage is Stage.RELEASED:
            return True
        return self.probe(containment, by=by, at=at)

    def _others(self, state: Containment) -> list[reading.Loaded]:
        """The incident's other containments whose switch is set, read so that they can be rested on."""
        with self.ledger.reading() as conn:
            known = reading.containments_of(conn, state.incident)
        loaded = [reading.load(self.ledger, one.id) for one in known if one.id != state.id and one.in_force]
        return [one for one in loaded if one.state.in_force]

    # Common ------------------------------------------------------------------------------------

    def _authority(self, view: _View, authority: Authority, by: Actor) -> tuple[str, ...]:
        """The roles on which a person's authority rests (R-ESC-05). Raises NotAllowed when there is none."""
        incident, ground = view.incident.state, view.ground
        roles.require(incident, ground.playbook, ground.roster, by, authority)
        return tuple(
            role.value
            for role in ground.playbook.roles_with(authority)
            if role.value in incident.roles_of(by.id)
            or (incident.holder_of(role.value) is None and by.id in ground.roster.roles[role].in_order())
        )

    def _not_preserved(self, view: _View) -> tuple[str, ...]:
        """What the playbook wants preserved first and of whose kind nothing is in the vault (R-CON-01).

        It is said, and does not hold the containment up: the harm goes on while evidence is sought.
        """
        stream = self.ledger.stream(custody.stream_of(view.state.incident))
        held = {item.kind.value for item in custody.items(stream.events)}
        wanted = view.action.preserve_first
        items = view.ground.playbook.evidence.items
        return tuple(item.what for item in items if item.id in wanted and item.kind.value not in held)

    def _settling(self, view: _View) -> timedelta:
        """How long until the log can show an effect."""
        log = view.ground.system.prediction_log if view.ground.system else None
        delay = log.delay if log and log.delay else timedelta()
        return max(_SOONEST, view.state.expected + delay)

    def _view(self, containment: str) -> _View:
        loaded = reading.load(self.ledger, containment)
        incident = loading.load(self.ledger, loaded.state.incident)
        return _View(loaded, incident, self.ground_of(incident.state))

    def _step(self, containment: str, decide: Callable[[_View], _Decided], by: Actor, at: datetime) -> None:
        """Read, decide, append; again when somebody was faster."""
        for _ in range(_ATTEMPTS):
            view = self._view(containment)
            decided = decide(view)
            if not decided.own:
                return
            try:
                self._append(view, decided, by, at)
                return
            except Conflict:
                continue
        raise Conflict(f"{containment} kept changing; try again")

    def _append(
        self, view: _View, decided: _Decided, by: Actor, at: datetime, fires: Timer | None = None
    ) -> None:
        drafts = [
            view.containment.draft(list(decided.own)),
            view.incident.draft(list(decided.incident)),
            *decided.resting_on,
            *self._messages(view, decided, at),
        ]
        self.ledger.append(*drafts, by=by, at=at, fires=fires)

    def _messages(self, view: _View, decided: _Decided, at: datetime) -> list[Draft]:
        """Whoever the playbook has told when an incident is contained (R-ESC-04)."""
        state = view.incident.state
        drafts: list[Draft] = []
        for fact in decided.incident:
            state = state.after(fact, at)
            if isinstance(fact, Contained):
                drafts += communication.messages(
                    Moment.CONTAINED,
                    state,
                    view.ground.playbook,
                    view.ground.roster,
                    self.link,
                    f"{view.state.name}: {fact.proof}",
                    state.team,
                )
        return drafts


def _after_probe(
    view: _View, purpose: Purpose, found: Sequence[Check], milliseconds: int
) -> list[IncidentFact]:
    """What a probe means for the incident."""
    incident, state = view.incident.state, view.state
    if purpose is Purpose.RELEASE:
        return []
    incident.require_running()
    if all(check.ok for check in found):
        harmful = state.effect is not None and state.effect.effect is Effect.CONTINUING
        if incident.contained_at or harmful:
            return []
        told = "; ".join(f"{check.asked}: {check.answered}" for check in found)
        return incident.contained(state.id, f"the live endpoint answered {told} ({milliseconds} ms)")
    if state.stage is Stage.HELD and incident.status is Status.CONTAINED:
        wrong = "; ".join(f"{c.asked}: {c.answered}" for c in found if not c.ok)
        return incident.lose_containment(state.id, f"a probe found the switch not obeyed: {wrong}")
    return []


def _after_effect(incident: Incident, state: Containment, verdict: Verdict) -> list[IncidentFact]:
    """What a seen effect means for the incident."""
    if verdict.effect is Effect.CONTINUING and incident.status is Status.CONTAINED:
        return incident.lose_containment(state.id, verdict.sentence)
    if verdict.effect is Effect.STOPPED and state.stage is Stage.HELD and not incident.contained_at:
        return incident.contained(state.id, verdict.sentence)
    return []


def _after_revert(
    incident: Incident, state: Containment, reason: str, others: Sequence[Containment]
) -> list[IncidentFact]:
    """Without any proven containment left, an incident that stood on one is open again."""
    if incident.status is not Status.CONTAINED or any(one.stage is Stage.HELD for one in others):
        return []
    return incident.lose_containment(state.id, f"{state.name} was reverted: {reason.strip()}", True)


def _next_look(state: Containment, verdict: Verdict, at: datetime) -> datetime | None:
    """When to look again: only while it is unknown, ever less often, and not for ever."""
    if verdict.effect is not Effect.UNKNOWN or state.applied is None:
        return None
    passed = at - state.applied.at
    return at + min(max(passed, _SOONEST), _LATEST) if passed < _LONGEST else None


def _effect_in(decided: _Decided) -> EffectObserved:
    return next(fact for fact in decided.own if isinstance(fact, EffectObserved))
