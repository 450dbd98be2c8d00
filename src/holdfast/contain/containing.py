"""The steps of containment: propose, approve, apply, probe, hear the application, watch the effect, revert.

One idea: 'contained' is a verified state, not a sent command. An incident becomes contained in the
transaction that records how the prediction log showed it, and in no other.

Every step reads, decides (pure) and appends at the positions it decided on, the incident's included, so
that nothing is decided on an incident that is being closed meanwhile. Every step may be repeated: what
has happened already happens no second time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from holdfast.contain import offering, reading
from holdfast.contain.containment import OVER, WAITING, Containment, Stage, propose
from holdfast.contain.effect import CannotCount, Known, Verdict, Watch, judge
from holdfast.contain.events import (
    Check,
    ContainmentFact,
    ContainmentProbed,
    ContainmentReverted,
    Effect,
    EffectObserved,
    Purpose,
    SeenWindow,
    Traffic,
)
from holdfast.contain.hearing import OnRecord, Requests
from holdfast.contain.offering import Offer
from holdfast.contain.probing import Prober, checks, questions
from holdfast.contain.switches import Switches
from holdfast.detect.naming import fix_of
from holdfast.evidence import custody
from holdfast.evidence.events import Kind
from holdfast.incident import asking, communication, loading, roles
from holdfast.incident.asking import Asked
from holdfast.incident.events import NOT_TO_CONTAIN, Contained, ContainmentLost, IncidentFact, Member
from holdfast.incident.incident import Incident
from holdfast.incident.responding import Ground
from holdfast.ledger import outbox
from holdfast.ledger.deciding import settle
from holdfast.ledger.ledger import AlreadyFired, Draft, Ledger, Timer
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import Actor
from holdfast.prepare.playbook import ContainmentAction
from holdfast.prepare.systems import System
from holdfast.prepare.terms import Authority, Moment
from holdfast.problems import NotAllowed, shown
from holdfast.wording import sentence

_UNDONE = (Moment.REVERTED, Moment.NOT_CONTAINED)
"""After these, what somebody was asked to approve does not hold any more."""
_SOONEST, _LATEST = timedelta(minutes=5), timedelta(days=1)
"""While a switch is set its effect is looked at again: after as long as has passed since it should have
shown, within these bounds. What stopped once is looked at daily: an application may forget the switch."""


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
    told: Sequence[Draft] = ()
    """Messages to whoever was asked to decide."""


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
        columns: Callable[[System], Collection[str] | None] = lambda system: None,
    ) -> None:
        """`columns`: of a system's prediction log, where it can be read."""
        self.ledger = ledger
        self.ground_of = ground_of
        self.read_switches = read_switches
        self.prober = prober
        self.watch = watch
        self.link = link
        self.columns = columns

    # Deciding ----------------------------------------------------------------------------------

    def offers(self, incident: str) -> tuple[Offer, ...]:
        """What the pinned playbook offers for this incident, the fastest first (R-CON-07)."""
        state = loading.load(self.ledger, incident).state
        ground = self.ground_of(state)
        return offering.offers(ground.playbook, ground.system, state.category) if ground.system else ()

    def propose(self, incident: str, option: str, reason: str, *, by: Actor, at: datetime) -> str:
        """Put an offered action up for approval, and tell whoever may approve it; returns its number. The
        same option twice is one.

        Raises NotAllowed for a closed incident, one without a system, or an option that is not offered.
        """
        number = ""

        def drafts() -> list[Draft]:
            nonlocal number
            loaded = loading.load(self.ledger, incident)
            loaded.state.require_running()
            ground, offer = self.ground_of(loaded.state), self._offered(loaded.state, option)
            with self.ledger.reading() as conn:
                known = reading.containments_of(conn, incident)
            for one in known:
                if (
                    one.option == option
                    and one.stage not in OVER
                    and not one.overtaken(loaded.state.overtaken_at)
                ):
                    number = one.id
                    return []
            number = f"{incident}-C{len(known) + 1}"
            facts = propose(incident, number, loaded.state.system, offer, reason)
            draft = Draft(reading.stream_of(number), 0, facts)
            return [draft, loaded.draft([]), *self._asked(loaded.state, ground, offer, reason, by)]

        settle(self.ledger, drafts, incident, by=by, at=at)
        return number

    def _asked(self, state: Incident, ground: Ground, offer: Offer, reason: str, by: Actor) -> list[Draft]:
        """Messages to everybody else who may approve it."""
        deciders = roles.deciders(state, ground.playbook, ground.roster, offer.authority)
        return communication.waits_for_approval(
            state,
            [one for one in deciders if one.person != by.id],
            ground.roster,
            offer.name,
            reason.strip() or "no reason was given",
            by.name,
            self.link,
            ground.system.name if ground.system else "",
            zone=ground.zone,
        )

    def _told_asked(
        self,
        state: Incident,
        ground: Ground,
        subject: str,
        said: str,
        by: Actor,
        name: str = "",
        further: Sequence[Member] = (),
    ) -> list[Draft]:
        """Messages to everybody else who was asked to decide on a containment, on the one of this name, and
        to `further` people."""
        return communication.news(
            communication.News(subject, said, "containment decided"),
            state,
            [one for one in (*further, *self._were_asked(state, name)) if one.person != by.id],
            ground.roster,
            self.link,
            ground.system.name if ground.system else "",
            zone=ground.zone,
        )

    def _told_against(
        self, state: Incident, ground: Ground, reason: str, void: Sequence[Containment], by: Actor
    ) -> list[Draft]:
        """Messages to whoever was asked to contain, and to whoever proposed or approved what is void now."""
        said = f"{by.name} decided not to contain it: {sentence(reason.strip())}"
        for one in void:
            said += (
                f" {one.id} ({one.name}) is withdrawn; nothing was switched, and it cannot be carried out."
            )
        deeds = [deed for one in void for deed in (one.proposed, one.approved) if deed]
        concerned = [
            Member("", deed.person, deed.name) for deed in deeds if ground.roster.person(deed.person)
        ]
        return self._told_asked(state, ground, "is not contained", said, by, further=concerned)

    def _were_asked(self, state: Incident, name: str) -> list[Member]:
        def of_it(queued: MessageQueued) -> bool:
            return queued.subject.endswith(" ".join(name.split()))

        return asking.asked(self.ledger, state, Asked.CONTAINMENT, only=of_it)

    def _offered(self, state: Incident, option: str) -> Offer:
        system = self._system(state)
        ground = self.ground_of(state)
        found = offering.offers(ground.playbook, system, state.category)
        for offer in found:
            if offer.option == option:
                self._require_served(offer)
                self._require_logged(offer, system)
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

    def _require_logged(self, offer: Offer, system: System) -> None:
        """Raises NotAllowed for a segment whose key the log lacks: requests without the key are held back
        too, so that a slip of the pen holds back everybody, and no log shows whether it helps."""
        columns = self.columns(system) if offer.segment else None
        if columns is None:
            return  # what the log has is not known
        there = {name.lower() for name in columns}
        for key in offer.segment:
            if key.lower() not in there:
                raise NotAllowed(
                    f"{offer.option} holds requests back by {shown(key)}, which is no column of the "
                    f"prediction log, so nobody could see whether it helps; correct it in the system's file "
                    f"and apply that: {fix_of(key, columns)}"
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
            _require_not_overtaken(view)
            rests_on = self._authority(view, view.action.authority, by)
            own = view.state.approve(rests_on, reason, self._not_preserved(view))
            if not own:
                return _Decided()
            why = reason.strip() or view.state.reason
            name = view.state.name
            said = f"{by.name} approved it: {name}. You need not decide."
            told = self._told_asked(incident, view.ground, "has its containment approved", said, by, name)
            return _Decided(own, incident.decide_containment(view.state.decision, why), told=told)

        # A crash before the append leaves a proposal, and a clock that runs; after it, both are settled.
        self._step(containment, decide, by, at)

    def decide_against(self, incident: str, reason: str, *, by: Actor, at: datetime) -> None:
        """Decide not to contain, with a reason: a decision too, and it meets the clock (R-CON-08).

        What was proposed or approved is withdrawn with it, and whoever was asked, proposed or approved it
        hears that. Raises NotAllowed without authority or reason, or while a containment of the incident is
        in force.
        """

        def drafts() -> list[Draft]:
            loaded = loading.load(self.ledger, incident)
            loaded.state.require_running()
            ground = self.ground_of(loaded.state)
            roles.require(loaded.state, ground.playbook, ground.roster, by, Authority.CONTAIN)
            if not reason.strip():
                raise NotAllowed(f"say why {incident} is not contained; the reason is part of the record")
            with self.ledger.reading() as conn:
                known = reading.containments_of(conn, incident)
            for one in known:
                if one.in_force:
                    raise NotAllowed(
                        f"{one.id} ({one.name}) is in force; revert it before deciding not to contain",
                        first=("contain.revert", one.id),
                    )
            facts = loaded.state.decide_containment(NOT_TO_CONTAIN, reason.strip())
            why = f"{by.name} decided not to contain {incident}: {reason.strip()}"
            waiting = [reading.load(self.ledger, one.id) for one in known if one.stage in WAITING]
            void = [one.draft(one.state.withdraw(why)) for one in waiting]
            told = self._told_against(loaded.state, ground, reason, [one.state for one in waiting], by)
            return [loaded.draft(facts), *void, *told]

        settle(self.ledger, drafts, incident, by=by, at=at)

    # Carrying out ------------------------------------------------------------------------------

    def apply(self, containment: str, *, by: Actor, at: datetime) -> None:
        """Set the switch. Does nothing when it is set. Raises NotAllowed before approval."""

        def decide(view: _View) -> _Decided:
            incident = view.incident.state
            incident.require_running()
            if not view.state.in_force:
                _require_not_overtaken(view)
            own = view.state.apply(at + self._settling(view))
            return _Decided(own, incident.set_switch(view.state.id) if own else ())

        # The switch is a projection of this fact: when the append returns, the next request is answered
        # by it. A crash right after leaves it set and not proven; `probe` goes on from there, and the
        # effect is looked at whatever becomes of the probe.
        self._step(containment, decide, by, at)

    def probe(self, containment: str, *, by: Actor, at: datetime) -> bool:
        """Ask the address that applications ask; returns whether it answers as it should.

        It is Holdfast's own address: what it proves is that the model is *switched*, or after a revert
        that it is switched back; that the application listens shows elsewhere. A failed probe records
        why, and an incident that was contained is no longer. Raises NotAllowed when there is nothing to
        probe.
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
            return _Decided(
                view.state.probed(purpose, found, milliseconds), _after_probe(view, purpose, found)
            )

        # A crash between the answers and this append leaves the containment applied and not proven, as
        # before: probing again asks again. Nothing that was answered is taken on trust later.
        self._step(containment, decide, by, at)
        return all(check.ok for check in found)

    def carry_out(self, containment: str, *, by: Actor, at: datetime) -> bool:
        """Apply and probe. Returns whether it is switched: no more than that is known so soon."""
        self.apply(containment, by=by, at=at)
        return self.probe(containment, by=by, at=at)

    # Watching ----------------------------------------------------------------------------------

    def look_at(self, system: str, *, by: Actor, at: datetime) -> None:
        """Look at the effect of every switch that is set for a system: one of its monitors is out of bounds.
        What is seen is recorded when it changed, and told to whoever was told otherwise."""
        with self.ledger.reading() as conn:
            standing = reading.active(conn, system)
        for one in standing:
            if not loading.load(self.ledger, one.incident).state.status.over:
                self.observe_effect(one.id, by=by, at=at)

    def heard(self, containment: str, more: Requests, *, by: Actor, at: datetime) -> OnRecord:
        """Record that requests of the application were answered by the switch: the first, and when they have
        become many more; else nothing. Returns what is on the record then."""

        taken = False

        def decide(view: _View) -> _Decided:
            nonlocal taken
            own = view.state.heard(more.requests, more.first_at, more.last_at)
            taken = bool(own) or not view.state.in_force  # of a switch that is back, nothing is counted
            return _Decided(own)

        self._step(containment, decide, by, at)
        return OnRecord(reading.load(self.ledger, containment).state.requests, taken)

    def observe_effect(self, containment: str, *, by: Actor, at: datetime) -> EffectObserved:
        """Say whether the harm stopped (R-CON-09), and record it when a person asked or it changed.

        A harm that stopped makes the incident contained, also when the application obeyed late; one that
        continues takes it out of containment, and whoever was told *contained* is told that. Raises
        NotAllowed when the switch is not set or the incident is closed.
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
        """Fires the timer that watches the effect while the switch is set (kind `containment.effect`)."""

        def decide(view: _View) -> _Decided:
            if not view.state.in_force:
                raise AlreadyFired(f"{view.state.id} was reverted meanwhile: there is no effect to watch")
            if not view.incident.state.status.over:
                return self._observed(view, at)
            sentence = f"{view.state.incident} is closed; the effect is not watched any longer"
            return _Decided(view.state.observed(Effect.UNKNOWN, sentence, None, (), None, None))

        # The timer and what was seen move in one transaction: a crash before it fires the timer again.
        self._step(timer.data["containment"], decide, by, at, fires=timer)

    def _observed(self, view: _View, at: datetime) -> _Decided:
        state, incident = view.state, view.incident.state
        requests = state.requests
        monitors = _watched(view)
        traffic, windows = self._seen(view, monitors, at)
        verdict = judge(
            traffic,
            windows,
            Known(
                since=state.effective_from,
                targeted=bool(state.segment),
                switched=bool(state.switched_at or requests),
                requests=requests,
                monitors=monitors,
            ),
        )
        counted = traffic if isinstance(traffic, Traffic) else None
        due = _next_look(state, verdict, at)
        own = state.observed(verdict.effect, verdict.sentence, counted, windows, requests, due)
        others = self._others(state)
        after = _after_effect(incident, state, verdict, [other.state for other in others])
        resting_on = [other.draft([]) for other in others]
        return _Decided(own, after, resting_on)

    def _seen(
        self, view: _View, monitors: Sequence[str], at: datetime
    ) -> tuple[Traffic | CannotCount, Sequence[SeenWindow]]:
        state, system = view.state, view.ground.system
        since = state.effective_from
        if since is None:
            return CannotCount(f"{state.id} is not applied"), ()
        rules = system.monitors if system else ()
        windows = self.watch.windows(state.system, monitors, since, at, rules)
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
        """What the playbook wants preserved first and of whose kind nothing, or not all, is held (R-CON-01).

        It is said, and does not hold the containment up: the harm goes on while evidence is sought.
        """
        held = custody.held(self.ledger, view.state.incident)
        by_hand = {gap.title for gap in view.ground.kept_by_hand()}
        said = []
        for item in view.ground.playbook.evidence.items:
            if item.id not in view.action.preserve_first:
                continue
            kind = Kind(item.kind.value)
            gaps = [
                gap.reason
                for gap in held.gaps
                if gap.kind is kind
                and (gap.title == item.what if item.what in by_hand else gap.title not in by_hand)
            ]
            kept = any(one.kind is kind for one in held.items) and not gaps
            if not kept and not (item.what in by_hand and held.added[kind]):
                said.append(f"{item.what} ({gaps[0]})" if gaps else item.what)
        return tuple(said)

    def _settling(self, view: _View) -> timedelta:
        """How long until the log can show an effect."""
        log = view.ground.system.prediction_log if view.ground.system else None
        delay = log.delay if log and log.delay else timedelta()
        return max(_SOONEST, view.state.expected + delay)

    def _view(self, containment: str) -> _View:
        loaded = reading.load(self.ledger, containment)
        incident = loading.load(self.ledger, loaded.state.incident)
        return _View(loaded, incident, self.ground_of(incident.state))

    def _step(
        self,
        containment: str,
        decide: Callable[[_View], _Decided],
        by: Actor,
        at: datetime,
        fires: Timer | None = None,
    ) -> None:
        def drafts() -> list[Draft]:
            view = self._view(containment)
            decided = decide(view)
            if not decided.own:
                return []
            facts, messages = self._telling(view, decided, at)
            own, incident = view.containment.draft(decided.own), view.incident.draft(facts)
            return [own, incident, *decided.resting_on, *messages, *decided.told]

        settle(self.ledger, drafts, containment, by=by, at=at, fires=fires)

    def _telling(
        self, view: _View, decided: _Decided, at: datetime
    ) -> tuple[list[IncidentFact], list[Draft]]:
        """The incident's facts, and the messages to whoever the playbook has told of them (R-ESC-04)."""
        state, told = view.incident.state, self._told_of_own(view, decided)
        facts: list[IncidentFact] = []
        for fact in decided.incident:
            if isinstance(fact, Contained):
                queued = self._queued(view, state.after(fact, at), Moment.CONTAINED, fact.proof)
                fact = replace(fact, told=_receivers(queued))
                told += queued
            elif isinstance(fact, ContainmentLost) and not told:
                told += self._queued(view, state, Moment.NOT_CONTAINED, fact.reason)
            state = state.after(fact, at)
            facts.append(fact)
        return facts, told

    def _told_of_own(self, view: _View, decided: _Decided) -> list[Draft]:
        """What the containment itself gives to tell: it is switched, or the harm goes on all the same."""
        before = view.state
        for fact in decided.own:
            if isinstance(fact, ContainmentProbed) and fact.ok and fact.purpose is Purpose.HOLD:
                if before.switched_at is None:
                    asked = f"{len(fact.checks)} questions in {fact.milliseconds} ms"
                    return self._queued(view, view.incident.state, Moment.SWITCHED, asked)
            elif isinstance(fact, EffectObserved) and _is_news(before, fact):
                return self._queued(view, view.incident.state, Moment.NOT_CONTAINED, fact.sentence)
            elif isinstance(fact, ContainmentReverted) and not _is_lost(decided):
                return self._queued(view, view.incident.state, Moment.REVERTED, fact.reason)
        return []

    def _queued(self, view: _View, state: Incident, moment: Moment, what: str) -> list[Draft]:
        """Messages to the team and whoever the protocol names. Whoever was told that an incident is
        contained, or asked to approve that, hears it too when it is not, whatever the protocol says."""
        ground, reason = view.ground, f"{view.state.name}: {what}"
        undone = self._were_asked(state, view.state.name) if moment in _UNDONE else []
        queued = communication.messages(
            moment,
            state,
            ground.playbook,
            ground.roster,
            self.link,
            reason,
            [*state.team, *undone],
            ground.system.name if ground.system else "",
            zone=ground.zone,
        )
        if moment is not Moment.NOT_CONTAINED:
            return queued
        misled = [one for one in state.told_contained if one not in _receivers(queued)]
        return [*queued, *(self._corrected(view, person, reason) for person in misled)]

    def _corrected(self, view: _View, person: str, reason: str) -> Draft:
        """For whoever was told *contained* and is not in the protocol for the opposite."""
        state = view.incident.state
        text = (
            f"You were told that {state.id} is contained. It is not.\n\n{reason}\n\n{self.link(state.id)}\n"
        )
        zone = communication.zone_of(view.ground.roster, person, view.ground.zone)
        subject = f"{state.id} is not contained: {state.title}"
        return outbox.queue("email", person, subject, text, state.id, zone=zone)


def _watched(view: _View) -> tuple[str, ...]:
    """The monitors that alarmed, and the one that the action names to be watched."""
    state = view.state
    named = [alert.monitor for alert in view.incident.state.alerts_of(state.system)]
    return tuple(dict.fromkeys([*named, *([state.watch] if state.watch else [])]))


def _after_probe(view: _View, purpose: Purpose, found: Sequence[Check]) -> list[IncidentFact]:
    """What a probe means for the incident: a good one nothing, for it shows Holdfast's own answer only."""
    incident, state = view.incident.state, view.state
    if purpose is Purpose.RELEASE:
        return []
    incident.require_running()
    if state.stage is Stage.CONTAINED and not all(check.ok for check in found):
        wrong = "; ".join(f"{c.asked}: {c.answered}" for c in found if not c.ok)
        return incident.lose_containment(state.id, f"the flag address does not answer by the switch: {wrong}")
    return []


def _after_effect(
    incident: Incident, state: Containment, verdict: Verdict, others: Sequence[Containment]
) -> list[IncidentFact]:
    """What a seen effect means for the incident: it is contained while its harm goes on nowhere."""
    elsewhere = any(one.goes_on for one in others)
    if verdict.effect is Effect.CONTINUING:
        return incident.lose_containment(state.id, verdict.sentence)
    if verdict.effect is Effect.STOPPED and not elsewhere and not incident.contained_at:
        return incident.contained(state.id, verdict.sentence)
    return []


def _after_revert(
    incident: Incident, state: Containment, reason: str, others: Sequence[Containment]
) -> list[IncidentFact]:
    """The switch is back. Without any other containment that the log shows, an incident that stood on one
    is open again. A closed incident's record stays as it was."""
    if incident.status.over:
        return []
    back = incident.lift_switch(state.id)
    if not incident.contained_at or any(one.stage is Stage.CONTAINED for one in others):
        return back
    why = f"{state.name} was reverted: {reason.strip()}"
    return [*back, *incident.lose_containment(state.id, why, True)]


def _next_look(state: Containment, verdict: Verdict, at: datetime) -> datetime:
    """When to look again: daily once it stopped, else ever less often."""
    since = state.effective_from
    if verdict.effect is Effect.STOPPED or since is None:
        return at + _LATEST
    if verdict.effect is Effect.CONTINUING:
        return at + _SOONEST
    return at + min(max(at - since, _SOONEST), _LATEST)


def _is_news(before: Containment, seen: EffectObserved) -> bool:
    """That the harm goes on is told once, until it stopped in between."""
    return seen.effect is Effect.CONTINUING and not before.goes_on


def _is_lost(decided: _Decided) -> bool:
    """The incident is contained no longer, and whoever hears of that hears why."""
    return any(isinstance(fact, ContainmentLost) for fact in decided.incident)


def _receivers(drafts: Sequence[Draft]) -> tuple[str, ...]:
    queued = (fact for draft in drafts for fact in draft.facts if isinstance(fact, MessageQueued))
    return tuple(dict.fromkeys(one.to for one in queued))


def _effect_in(decided: _Decided) -> EffectObserved:
    return next(fact for fact in decided.own if isinstance(fact, EffectObserved))


def _require_not_overtaken(view: _View) -> None:
    """Raises NotAllowed where a later decision made it void, or where the incident turned out to be about
    another system than is contained."""
    incident = view.incident.state
    if view.state.system != incident.system:
        raise NotAllowed(
            f"{view.state.id} ({view.state.name}) contains {view.state.system}, and {incident.id} is about "
            f"{incident.system or 'no system'} now; propose what contains that, or declare what is wrong "
            f"with {view.state.system}"
        )
    if view.state.overtaken(incident.overtaken_at):
        raise view.state.void(incident.overtaken_by)
