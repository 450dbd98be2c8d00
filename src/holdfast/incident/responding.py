"""The desk: where an incident is opened, answered and steered.

Each method is a verb a responder says and one step: read the stream, decide (pure), append with the
position the decision was based on. Evidence is frozen before the incident is appended, so that its facts
stand in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import cast

from sqlalchemy import Connection

from holdfast import wording
from holdfast.evidence import capture, custody
from holdfast.evidence.events import BY_HAND, EvidenceAdded, EvidenceFrozen, Gap, Item, Kind
from holdfast.evidence.vault import Vault
from holdfast.incident import asking, communication, register, roles, triage
from holdfast.incident.asking import HARM_WENT_ON, PROMISE_ASKED, SEVERITY_ASKED, Asked
from holdfast.incident.communication import Late
from holdfast.incident.events import (
    Absorbed,
    Acknowledged,
    AlertFacts,
    AlertJoined,
    AlertWorsened,
    ClassificationProposed,
    ClassificationStated,
    Classified,
    ClockBreached,
    ClockWarned,
    Closed,
    Dismissed,
    Escalated,
    HarmWentOn,
    ImpactNoted,
    IncidentFact,
    IncidentOpened,
    LadderMoved,
    Member,
    Merged,
    Resolved,
    RoleHandedOver,
    SystemNamed,
    TeamAssembled,
    TierLowered,
    TierRaised,
    UpdatePosted,
)
from holdfast.incident.incident import NO_TITLE, Incident, Status, fold
from holdfast.incident.loading import Loaded, load, stream_of
from holdfast.ledger.deciding import again, settle
from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Draft, Ledger, Timer
from holdfast.people import Actor, IncidentRole
from holdfast.prepare import promises, versions
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.promises import Limits
from holdfast.prepare.roster import Roster
from holdfast.prepare.systems import System
from holdfast.prepare.terms import Authority, Category, Moment, Severity
from holdfast.problems import NoAuthority, NotAllowed, NotKnown, did_you_mean
from holdfast.wording import sentence

Together = Callable[[str], Sequence[Draft]]
"""What must stand in the same transaction as a step on an incident, by its number."""

NEAR = timedelta(days=1)
"""How long a report that names no system and what a monitor notices may be about the same."""
_RUNG_TIERS = {"deputies": 1, "tier_2": 2, "tier_3": 3}
_NOBODY_FOR = {"deputies": "no deputy", "tier_2": "nobody for tier 2", "tier_3": "nobody for tier 3"}


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody, or a monitor, says went wrong. Only a title is required (R-DET-11)."""

    title: str
    description: str = ""
    system: str = ""
    model_version: str = ""
    began_at: datetime | None = None
    alert: AlertFacts | None = None
    severity: Severity | None = None
    """What the reporting person thinks. It counts when it is graver than what the rules propose."""
    category: Category | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """What became of a report, and what else was running that it might belong to."""

    incident: str
    joined: bool
    """It is about an incident that was running already."""
    running: tuple[Incident, ...]
    """Unresolved incidents besides, those on the same system first."""
    belongs: str = ""
    """Why it is about the one that ran; empty where the report joined it."""

    @property
    def sentence(self) -> str:
        joined = self.belongs or f"the report joined {self.incident}"
        done = joined if self.joined else f"{self.incident} is open"
        if not self.running:
            return done
        besides = ", ".join(one.id for one in self.running)
        return f"{done}; running besides: {besides}. {self.advice}"

    @property
    def advice(self) -> str:
        """What to do when something else that runs is the same."""
        if not self.running:
            return ""
        return (
            f"When one of them is the same, merge {self.incident} into it; when they have to do with one "
            "another, relate them"
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """Who acknowledged an incident, and when: whoever comes second is told who was first."""

    incident: str
    by: Acknowledged
    at: datetime
    asked: Actor
    """Who answers now."""
    first: bool
    """Whether it was this very step that acknowledged."""

    @property
    def name(self) -> str:
        """Who was first."""
        return self.by.name

    @property
    def sentence(self) -> str:
        """Accounts are compared, not names: two people can bear one name."""
        if self.first:
            return f"{self.incident} is acknowledged"
        when = f"{self.at:%d %b %H:%M:%S} UTC"
        if self.by.person == self.asked.id:
            return f"You have acknowledged {self.incident} already, {when}"
        namesake = f" ({self.by.person})" if self.by.name == self.asked.name else ""
        return f"{self.by.name}{namesake} acknowledged {self.incident} first, {when}"


@dataclass(frozen=True, slots=True)
class Ground:
    """What an incident is judged by: the playbook it is pinned to, today's roster, its system."""

    playbook: Playbook
    playbook_hash: str
    roster: Roster
    system: System | None
    zone: str = "UTC"
    """The installation's time zone, for whoever's own is not in the roster."""

    def limits(self, severity: Severity) -> Limits:
        return promises.limits(self.playbook, severity)

    def keep_years(self) -> Mapping[Kind, int]:
        """Years each kind of evidence is kept; where items of one kind differ, the longest."""
        years: dict[Kind, int] = {}
        for item in self.playbook.evidence.items:
            kind = Kind(item.kind.value)
            years[kind] = max(years.get(kind, 0), item.keep_years)
        return years

    def kept_by_hand(self) -> tuple[Gap, ...]:
        """What the playbook lists and Holdfast cannot freeze: people add it, and until then it is missing."""
        return tuple(
            Gap(Kind(item.kind.value), item.what, f"{BY_HAND}{item.where}")
            for item in self.playbook.evidence.items
            if item.frozen_at_open is None
        )


class Desk:
    """Steps on incidents. Person and time are passed to every verb."""

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        sources: Sequence[capture.Source],
        link: communication.LinkTo,
        zone: str = "UTC",
    ) -> None:
        self.ledger = ledger
        self.vault = vault
        self.sources = sources
        self.link = link
        self.zone = zone

    # Opening -----------------------------------------------------------------------------------

    def open(
        self,
        report: Report,
        related: Mapping[str, str] = MappingProxyType({}),
        *,
        by: Actor,
        at: datetime,
        together: Together = lambda incident: (),
    ) -> str:
        """Open an incident and freeze its evidence in the same breath; returns its number.

        `related` is which running incidents it has to do with, and why: it stands on all their records.
        `together` gives what must stand in the same transaction, and is asked again for each try. Raises
        NotAllowed without a title, without an active playbook, or for an unknown system, and NoLongerOpen
        where a related one is over.
        """
        if not report.title.strip():
            raise NotAllowed(NO_TITLE)
        _require_past(report, at)
        ground = self._active_ground(report.system)
        why = f"{report.alert.monitor_name} is out of bounds" if report.alert else f"{by.name} reported it"
        # Files are taken into the vault first, once. A crash before the append leaves files that no fact
        # names; a crash after it leaves the incident complete.
        frozen = self._freeze(report, ground, at)

        def drafting(conn: Connection) -> list[Draft]:
            incident = f"INC-{register.next_number(conn)}"
            facts = self._opening(incident, report, ground, at)
            state = fold((fact, at) for fact in facts)
            for other, reason in related.items():
                facts += state.relate(other, reason)
            others = [(load(self.ledger, other), reason) for other, reason in related.items()]
            return [
                Draft(stream_of(incident), 0, facts),
                Draft(custody.stream_of(incident), 0, [replace(frozen, incident=incident)]),
                *self._messages(Moment.OPENED, state, ground, why, state.team),
                *self.told(Incident(), facts, ground, at, why),
                *(other.draft(other.state.relate(incident, reason)) for other, reason in others),
                *together(incident),
            ]

        recorded = again(
            lambda: self.ledger.append(by=by, at=at, drafting=drafting), "what this incident is opened for"
        )
        return recorded[0].incident or ""

    def declare(
        self, report: Report, join: str = "", separate: bool = False, *, by: Actor, at: datetime
    ) -> Declared:
        """A person says that something is wrong; what it belongs to, and what else is running (R-DET-15).

        It joins the incident named by `join`. Without one it joins what a monitor has noticed on the system
        it names, or, where it names none, the only incident that a monitor has noticed within a day, unless
        it is said to be `separate`; otherwise it opens an incident. Raises NotAllowed for an unknown system,
        OtherSystem when it is not the system of the incident to join.
        """
        if join and separate:
            raise NotAllowed(f"a report joins {join} or is separate; say one of the two")
        with self.ledger.reading() as conn:
            running = register.unresolved(conn, report.system)
        into = join or ("" if separate else _noticed_already(running, report.system, at))
        if into:
            self.join_report(into, report, by=by, at=at)
        incident = into or self.open(report, by=by, at=at)
        others = tuple(one for one in running if one.id != incident)
        return Declared(incident, bool(into), others)

    def join(
        self,
        incident: str,
        alert: AlertFacts,
        *,
        system: str = "",
        by: Actor,
        at: datetime,
        together: Together = lambda incident: (),
    ) -> None:
        """A further alert on the same cause joins the incident (R-DET-15). Does nothing the second time.

        Where the incident names no system, it is about that of the alert from now on. Raises NoLongerOpen
        when the incident was resolved or ended meanwhile, OtherSystem when it is about another.
        """
        reason = f"{alert.monitor_name} is out of bounds too"
        self._join(incident, [alert], system, reason, by, at, together)

    def worsen(self, incident: str, alert: AlertFacts, *, by: Actor, at: datetime) -> None:
        """An alert of the incident goes on with a later window: noted when it changes what is proposed or is
        clearly graver, and at once when the incident is resolved. Raises NoLongerOpen when it is over: nobody
        works on it any more."""

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            state = loaded.state
            state.require_running()
            known = next((one for one in state.alerts if one.alert == alert.alert), None)
            if known is None:
                return []
            if state.status is Status.RESOLVED:
                return state.goes_on_after(alert)
            went_on: list[IncidentFact] = [AlertWorsened(incident=incident, alert=alert)]
            learned = self.learn(state, went_on, ground, at)
            new = len(learned) > 1 and not _milder(state, learned)
            return learned if new or alert.clearly_graver_than(known) else []

        def frozen(incident: str) -> Sequence[Draft]:
            return self.freeze_joined(incident, at, alerts=[alert])

        self._step(incident, decide, by, at, f"{alert.monitor_name} went on", frozen)

    def came_back(self, incident: str, alert: AlertFacts, *, by: Actor, at: datetime) -> None:
        """A monitor whose alert is in an incident raised another after the resolution."""

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            state = loaded.state
            known = any(one.monitor == alert.monitor for one in state.own_alerts)
            return state.goes_on_after(alert, again=True) if known else []

        self._step(incident, decide, by, at)

    def join_report(self, incident: str, report: Report, *, by: Actor, at: datetime) -> None:
        """Somebody reports what an incident is running for already: it stands in its record (R-DET-15).

        Where the incident names no system, it is about the one reported from now on. Raises NoLongerOpen
        when the incident is resolved or over, OtherSystem when it is about another, NotAllowed for an unknown
        system.
        """
        _require_past(report, at)
        named = self._known_system(report.system)

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            joined = loaded.state.join_report(
                report.title,
                report.description,
                report.system,
                report.model_version,
                report.began_at,
                report.severity,
                report.category,
            )
            return self.learn(loaded.state, joined, replace(ground, system=named or ground.system), at)

        def frozen(incident: str) -> Sequence[Draft]:
            return self.freeze_joined(incident, at, system=report.system, began_at=report.began_at)

        self._step(incident, decide, by, at, f"{by.name} reported it as well", frozen)

    def set_alerts_aside(
        self,
        incident: str,
        alerts: Collection[str],
        reason: str,
        false_alarm: bool,
        *,
        by: Actor,
        at: datetime,
    ) -> list[Draft]:
        """Drafts of alerts that turn out not to belong to an incident: the rules no longer count them, and
        are asked once, when all have left. The record of one that is over stays as it is.

        To be appended in the transaction that sets the alerts aside.
        """
        loaded = load(self.ledger, incident)
        if loaded.state.status.over:
            return []
        ground = self.ground_of(loaded.state)
        aside = loaded.state.set_alerts_aside(alerts, reason, false_alarm)
        facts = self.learn(loaded.state, aside, ground, at)
        said = f"{by.name} set {wording.plural(len(aside), 'alert')} aside"
        return [loaded.draft(facts), *self.told(loaded.state, facts, ground, at, said)]

    def relate(self, incident: str, other: str, reason: str, *, by: Actor, at: datetime) -> None:
        """Say that two incidents have to do with one another; it stands on both records."""

        def drafts() -> list[Draft]:
            one, two = load(self.ledger, incident), load(self.ledger, other)
            return [
                one.draft(one.state.relate(other, reason)),
                two.draft(two.state.relate(incident, reason)),
            ]

        settle(self.ledger, drafts, f"{incident} and {other}", by=by, at=at)

    def join_all(
        self,
        incident: str,
        alerts: Sequence[AlertFacts],
        *,
        system: str = "",
        by: Actor,
        at: datetime,
        together: Together = lambda incident: (),
    ) -> None:
        """Several alerts join an incident in one step; the rules are asked once, when all have joined.

        `system` is what all of them were measured on: see `join`.
        """

        reason = f"{len(alerts):,} alerts are attached"
        self._join(incident, alerts, system, reason, by, at, together)

    def _join(
        self,
        incident: str,
        alerts: Sequence[AlertFacts],
        system: str,
        reason: str,
        by: Actor,
        at: datetime,
        together: Together,
    ) -> None:
        """Alerts join in one step, which freezes the evidence of their windows."""
        measured_on = self._system(system)

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            state, joined = loaded.state, list[IncidentFact]()
            for alert in alerts:
                facts = state.join_alert(alert, system)
                state = _after(state, facts, at)
                joined += facts
            return self.learn(loaded.state, joined, replace(ground, system=measured_on or ground.system), at)

        def frozen(incident: str) -> Sequence[Draft]:
            return [
                *together(incident),
                *self.freeze_joined(incident, at, system=system, alerts=alerts),
            ]

        self._step(incident, decide, by, at, reason, frozen)

    def trigger(self, alert: AlertFacts, system: str) -> triage.Trigger:
        """Whether the playbook's triggers open an incident for an alert, and why or why not."""
        ground = self._active_ground(system)
        return triage.trigger(
            ground.playbook, triage.measured(source="alert", alert=alert, system=ground.system)
        )

    def _freeze(self, report: Report, ground: Ground, at: datetime) -> EvidenceFrozen:
        """What can be preserved, before the incident has its number."""
        alert = report.alert
        scene = capture.Scene(
            incident="",
            at=at,
            playbook=ground.playbook_hash,
            system=report.system,
            monitor=alert.monitor if alert else "",
            window_start=report.began_at or (alert.window_start if alert else None),
            window_end=alert.window_end if alert else None,
        )
        return capture.freeze(
            scene, self.sources, self.vault, ground.keep_years(), by_hand=ground.kept_by_hand()
        )

    def _freeze_further(
        self,
        state: Incident,
        at: datetime,
        *,
        system: str = "",
        began_at: datetime | None = None,
        alerts: Sequence[AlertFacts] = (),
    ) -> Sequence[Draft]:
        """Freeze what became known to belong to the scene, since it began as known now.

        What is held already is not taken twice, and what people have to add is not stated twice.
        """
        ground = self.ground_of(state)
        stream = self.ledger.stream(custody.stream_of(state.id))
        held, known = custody.items(stream.events), custody.gaps(stream.events)
        seen = [*alerts, *state.alerts]
        starts = [began_at or state.began_at, *(alert.window_start for alert in seen)]
        scene = capture.Scene(
            incident=state.id,
            at=at,
            playbook=state.playbook,
            system=system or state.system,
            monitor=seen[0].monitor if seen else "",
            window_start=min((start for start in starts if start), default=None),
            window_end=max((alert.window_end for alert in seen), default=None),
        )
        if not scene.system:
            return []
        by_hand = [gap for gap in ground.kept_by_hand() if gap not in known]
        frozen = capture.freeze(scene, self.sources, self.vault, ground.keep_years(), held, by_hand)
        says_new = frozen.items or set(frozen.missing) != {gap for gap in known if not gap.by_hand}
        return [stream.draft([frozen])] if says_new else []

    def freeze_joined(
        self,
        incident: str,
        at: datetime,
        *,
        system: str = "",
        began_at: datetime | None = None,
        alerts: Sequence[AlertFacts] = (),
    ) -> Sequence[Draft]:
        """Freeze what something that joins adds to the scene: its system, an earlier beginning, the windows
        of its alerts. Nothing where all of that was frozen before."""
        state = load(self.ledger, incident).state
        if state.system and self._froze(state, began_at, alerts):
            return []
        earliest = min((one for one in (state.began_at, began_at) if one), default=None)
        return self._freeze_further(state, at, system=system, began_at=earliest, alerts=alerts)

    def _froze(self, state: Incident, began_at: datetime | None, alerts: Sequence[AlertFacts]) -> bool:
        """Whether evidence is held since then and until the end of these windows.

        Each freezing reaches from the earliest that was known up to its own moment.
        """
        since = min((alert.window_start for alert in state.own_alerts), default=None)
        since = min((one for one in (state.began_at, since) if one), default=None)
        starts = [one for one in (began_at, *(alert.window_start for alert in alerts)) if one]
        if not starts:
            return True
        frozen = [
            recorded.at
            for recorded in self.ledger.stream(custody.stream_of(state.id)).facts
            if isinstance(recorded.fact, EvidenceFrozen)
        ]
        until = max((alert.window_end for alert in alerts), default=frozen[-1] if frozen else None)
        reached = bool(frozen) and until is not None and until <= frozen[-1]
        return reached and since is not None and since <= min(starts)

    def _opening(self, incident: str, report: Report, ground: Ground, at: datetime) -> list[IncidentFact]:
        opened = IncidentOpened(
            incident=incident,
            title=report.title.strip(),
            description=report.description.strip(),
            source="alert" if report.alert else "person",
            system=report.system,
            model_version=report.model_version,
            began_at=report.began_at or (report.alert.window_start if report.alert else None),
            alert=report.alert,
            playbook=ground.playbook_hash,
            playbook_version=ground.playbook.version,
        )
        facts: list[IncidentFact] = [opened]
        facts += self._proposed(Incident().after(opened, at), ground)
        stated = _after(Incident(), facts, at).state_classification(report.severity, report.category)
        return self.learn(Incident(), [*facts, *stated], ground, at)

    # Answering ---------------------------------------------------------------------------------

    def acknowledge(self, incident: str, *, by: Actor, at: datetime) -> Answer:
        """Somebody answers; says who answered first. Raises NotAllowed for a closed incident."""
        answered = self._step(incident, lambda loaded, ground: loaded.state.acknowledge(by), by, at)
        state = load(self.ledger, incident).state
        assert state.answer is not None
        assert state.acknowledged_at is not None
        return Answer(incident, state.answer, state.acknowledged_at, by, first=bool(answered))

    def classify(
        self,
        incident: str,
        category: Category | None,
        severity: Severity | None,
        reason: str,
        *,
        by: Actor,
        at: datetime,
    ) -> None:
        """Confirm the proposal or override it; clocks, team and messages follow (R-CLS-03 to R-CLS-05).

        Without category and severity it confirms what the rules propose; of one alone, the other stays.
        Raises NotAllowed where there is nothing to confirm.
        """

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            state = loaded.state
            what, how_severe = state.asked_for(category, severity)
            if state.overrides(how_severe):
                roles.require(state, ground.playbook, ground.roster, by, Authority.OVERRIDE_SEVERITY)
            decided = state.classify(what, how_severe, reason, ground.limits(how_severe), at)
            return self.learn(state, decided, ground, at)

        self._step(incident, decide, by, at, reason.strip() or f"{by.name} classified it")

    def note(
        self,
        incident: str,
        text: str,
        *,
        by: Actor,
        at: datetime,
        occurred_at: datetime | None = None,
        evidence: tuple[str, ...] = (),
    ) -> None:
        """Add to the timeline; with `occurred_at` a back-filled entry, marked as such."""
        for item in evidence:
            custody.find(self.ledger, incident, item)
        self._step(
            incident, lambda loaded, ground: loaded.state.note(text, at, occurred_at, evidence), by, at
        )

    def post_update(self, incident: str, text: str, *, by: Actor, at: datetime) -> None:
        """Say how it stands, to the team and whoever the protocol names."""

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            state = loaded.state
            limits = ground.limits(state.severity) if state.severity else Limits({})
            return state.post_update(text, limits, at)

        self._step(incident, decide, by, at, f"{by.name} posted an update")

    def keep(self, incident: str, found: capture.Found, *, by: Actor, at: datetime) -> Item:
        """Take one more piece of evidence in for a running incident. Raises NotAllowed, VaultProblem."""
        capture.require_described(found)

        def drafts() -> list[Draft]:
            loaded = load(self.ledger, incident)
            loaded.state.require_running()
            years = self.ground_of(loaded.state).keep_years()
            stream = self.ledger.stream(custody.stream_of(incident))
            item = custody.next_item(stream.events, found, at, self.vault, years)
            # The empty draft holds off a closing at the same moment.
            return [stream.draft([EvidenceAdded(incident=incident, item=item)]), loaded.draft([])]

        recorded = settle(self.ledger, drafts, incident, by=by, at=at)
        return cast(EvidenceAdded, recorded[0].fact).item

    def state_beginning(
        self, incident: str, began_at: datetime, reason: str = "", *, by: Actor, at: datetime
    ) -> None:
        """Say when the harm began, or correct it; what was not preserved of that time is frozen now."""
        self._step(
            incident,
            lambda loaded, ground: loaded.state.state_beginning(began_at, reason, at),
            by,
            at,
            together=lambda incident: self._freeze_further(
                load(self.ledger, incident).state, at, began_at=began_at
            ),
        )

    def name_system(
        self,
        incident: str,
        system: str,
        model_version: str = "",
        reason: str = "",
        *,
        noted: Callable[[], ImpactNoted] | None = None,
        by: Actor,
        at: datetime,
    ) -> None:
        """Say which AI system it is about, or correct it. Clocks run on from where they began; the system's
        evidence is frozen in the same breath, and rules are asked again. `noted` tells what is known of the
        impact on that system. Raises NotAllowed for an unknown system.
        """
        if self._known_system(system) is None:
            known = ", ".join(sorted(versions.active_systems(self.ledger)))
            raise NotAllowed(f"name the AI system; known here: {known}")

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            facts = loaded.state.name_system(system, model_version, reason)
            if facts and loaded.state.impact and noted:
                facts.append(replace(noted(), by_person=by.kind != "system"))
            named = replace(ground, system=self._system(system))
            return self.learn(loaded.state, facts, named, at)

        self._step(
            incident,
            decide,
            by,
            at,
            together=lambda incident: self._freeze_further(
                load(self.ledger, incident).state, at, system=system
            ),
        )

    def hand_over(
        self,
        incident: str,
        role: IncidentRole,
        to: str,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        together: Together = lambda incident: (),
    ) -> None:
        """Give a role to somebody else. Its holder, a deputy, or the incident commander may (R-ESC-08).

        What is open for it is `together`'s to tell: see `learn/handing_over.py`.
        """

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            person = ground.roster.person(to)
            if person is None:
                raise NotKnown(f"{to} is not in the roster; add them to roster.yaml and apply it")
            if why := ground.roster.barred(person.id):
                raise NotAllowed(
                    f"{person.name} {why}, and can hold no role in an incident; name somebody else"
                )
            may = {member.person for member in loaded.state.team if member.role == role.value}
            may |= {m.person for m in loaded.state.team if m.role == IncidentRole.INCIDENT_COMMANDER.value}
            may |= {*ground.roster.roles[role].in_order()}
            may |= {*ground.roster.roles[IncidentRole.INCIDENT_COMMANDER].in_order()}
            if by.id not in may:
                words = role.value.replace("_", " ")
                raise NoAuthority(
                    f"{by.name} may not hand over the {words}: its holder, their deputies or the incident "
                    "commander may"
                )
            return loaded.state.hand_over(role.value, Member(role.value, person.id, person.name), reason)

        self._step(incident, decide, by, at, together=together)

    def follow_roster(self, incident: str, *, by: Actor, at: datetime, together: Together) -> None:
        """Roles of a running incident go to whoever holds them by the roster in force. Nothing the second
        time; what is open for them is `together`'s to tell."""

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            if loaded.state.status.over:
                return []
            return loaded.state.follow_roster(roles.moved(ground.roster, loaded.state), "The roster changed")

        self._step(incident, decide, by, at, together=together)

    def dismiss(
        self,
        incident: str,
        reason: str,
        false_alarm: bool = False,
        *,
        by: Actor,
        at: datetime,
        together: Together = lambda incident: (),
    ) -> None:
        """It was not an incident; needs the authority the playbook says, and a reason.

        Its alerts and containments are `together`'s: see `learn/closing.py: dismiss`.
        """

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            roles.require(loaded.state, ground.playbook, ground.roster, by, Authority.DISMISS)
            return loaded.state.dismiss(reason, false_alarm, at)

        self._step(incident, decide, by, at, f"{by.name} dismissed it", together)

    # Time --------------------------------------------------------------------------------------

    def breach_clock(self, timer: Timer, *, by: Actor, at: datetime) -> None:
        """A clock ran out: record it once; a missed acknowledgement starts the ladder (R-ESC-03)."""
        incident, clock = timer.data["incident"], timer.data["clock"]
        reason = Late(clock, timer.due).sentence

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            facts = loaded.state.breach(clock, at)
            if facts and promises.named(clock).climbs:
                facts += self._climb(_after(loaded.state, facts, at), ground, at, reason)
            return facts

        self._step(incident, decide, by, at, reason, fires=timer)

    def warn_of_clock(self, timer: Timer, *, by: Actor, at: datetime) -> None:
        """A promise is nearly due: whoever keeps it is written to, once; what is late by now is a breach."""
        clock = timer.data["clock"]
        loaded = load(self.ledger, timer.data["incident"])
        facts = loaded.state.warn(clock, at)
        if not facts:
            state = loaded.state.clocks[clock]
            self.breach_clock(replace(timer, due=state.due), by=by, at=at)
            return
        told = self.told(loaded.state, facts, self.ground_of(loaded.state), at, "")
        self.ledger.append(loaded.draft(facts), *told, by=by, at=at, fires=timer)

    def escalate(self, timer: Timer, *, by: Actor, at: datetime) -> None:
        """Still no acknowledgement: tell the next rung of the ladder, exactly once (R-ESC-03)."""
        reason = "still not acknowledged"

        def decide(loaded: Loaded, ground: Ground) -> list[IncidentFact]:
            state = loaded.state
            ends = f"{state.id} is {state.status.value} and nobody further is to be called"
            stops = LadderMoved(incident=state.id, next_due=None, reason=ends)
            return self._climb(state, ground, at, reason) or [stops]

        self._step(timer.data["incident"], decide, by, at, reason, fires=timer)

    def _climb(self, state: Incident, ground: Ground, at: datetime, reason: str) -> list[IncidentFact]:
        """The next rung that names somebody, in the playbook's order: deputies, then tier 2, then tier 3."""
        ladder = ground.playbook.escalation.unacknowledged
        ended = state.acknowledged_at or state.resolved_at or state.status.over
        if ended or state.rung >= len(ladder) or state.severity is None:
            return []
        rung, told = state.rung, tuple[Member, ...]()
        while not told and rung < len(ladder):
            reason += f"; the roster names {_NOBODY_FOR[ladder[rung - 1]]}" if rung > state.rung else ""
            tier, rung = _RUNG_TIERS[ladder[rung]], rung + 1
            told = (
                roles.deputies(ground.roster, state)
                if tier == 1
                else _called_for(ground, min(state.tier + 1, tier), tier)
            )
        wait = ground.playbook.severities[state.severity].clocks.escalate_every
        return [
            Escalated(
                incident=state.id,
                rung=rung,
                tier=tier,
                told=told,
                reason=reason,
                next_due=at + wait if rung < len(ladder) else None,
            )
        ]

    # Knowledge grows ---------------------------------------------------------------------------

    def noted(self, loaded: Loaded, noted: ImpactNoted, at: datetime) -> list[Draft]:
        """Everything that follows from new knowledge of the impact: proposal, tier, messages.

        The drafts are to be appended in the transaction that records the assessment.
        """
        state, ground = loaded.state, self.ground_of(loaded.state)
        facts = self.learn(state, [noted], ground, at)
        return [loaded.draft(facts), *self.told(state, facts, ground, at, "the impact is known better")]

    def learn(
        self, before: Incident, learned: Sequence[IncidentFact], ground: Ground, at: datetime
    ) -> list[IncidentFact]:
        """What was learned or decided, and everything that follows from it (R-CLS-05, R-ESC-02).

        What the rules propose and, where the severity in force has changed by it, clocks, ladder and team;
        the tier whatever it was that changed. Nothing follows from nothing.
        """
        if not learned:
            return []
        facts, state = list(learned), _after(before, learned, at)
        proposed = self._proposed(state, ground)
        facts, state = [*facts, *proposed], _after(state, proposed, at)
        assert state.severity is not None
        clocks = before.keep_promises(facts, ground.limits(state.severity), at)
        facts, state = [*facts, *clocks], _after(state, clocks, at)
        if state.severity is not before.severity or state.carried != before.carried:
            facts += self._ladder(state, ground, at)
        if state.severity is not before.severity:
            facts += self._team(before, state, ground)
        return [*facts, *self._tier(state, ground, may_fall=_said_by_people(before, learned))]

    def _proposed(self, state: Incident, ground: Ground) -> list[IncidentFact]:
        """What the rules now propose; nothing when it is what they proposed before."""
        known = triage.measured_of(state, ground.system)
        found = triage.propose(ground.playbook, known, state.stated_category)
        return state.propose(found.category, found.severity, found.reason)

    def _ladder(self, state: Incident, ground: Ground, at: datetime) -> list[IncidentFact]:
        assert state.severity is not None
        rungs = len(ground.playbook.escalation.unacknowledged)
        return state.follow_ladder(
            rungs, ground.playbook.severities[state.severity].clocks.escalate_every, at
        )

    def _team(self, before: Incident, state: Incident, ground: Ground) -> list[IncidentFact]:
        assert state.severity is not None
        team = roles.team(ground.playbook, ground.roster, state.severity, before.severity, state)
        return [TeamAssembled(incident=state.id, members=team)] if set(team) != set(state.team) else []

    def _tier(self, state: Incident, ground: Ground, may_fall: bool) -> list[IncidentFact]:
        """The tier whose criteria hold; only what a person says lets it fall."""
        number, why = triage.tier(ground.playbook, triage.measured_for_tier(state, ground.system))
        if number > state.tier:
            return state.raise_tier(number, _called_for(ground, state.tier + 1, number), why)
        lower = state.may_fall_to(number)
        stay = {member.person for member in _called_for(ground, 2, lower)}
        left = tuple(one for one in state.called_above(lower) if one.person not in stay)
        return state.lower_tier(lower, left, why) if may_fall else []

    # Common ------------------------------------------------------------------------------------

    def ground_of(self, state: Incident) -> Ground:
        """What a running incident is judged by: the playbook it is pinned to (R-PRE-02)."""
        pinned = versions.playbook_version(self.ledger, state.playbook)
        if pinned is None:
            raise NotAllowed(
                f"{state.id} runs under playbook {state.playbook[:12]}, which the ledger no longer shows; "
                "have the ledger checked"
            )
        return Ground(pinned.playbook, pinned.content, self._roster(), self._system(state.system), self.zone)

    def _active_ground(self, system: str) -> Ground:
        active = versions.require_playbook(self.ledger)
        found = self._known_system(system)
        return Ground(active.playbook, active.content, self._roster(), found, self.zone)

    def when(self, moment: datetime, person: str) -> str:
        """A time as a person is told it in a message: with its date, in UTC and where they are."""
        return wording.utc_and_local(moment, self.zone_of(person))

    def zone_of(self, person: str) -> str:
        """The time zone in which a person is told times beside UTC."""
        return communication.zone_of(self._roster(), person, self.zone)

    def _roster(self) -> Roster:
        roster = versions.active_roster(self.ledger)
        if roster is None:
            raise NotAllowed("no roster is recorded, so nobody can be called; run `holdfast apply`")
        return roster.model

    def _known_system(self, system: str) -> System | None:
        """The system somebody names; None where they name none. Raises NotAllowed for an unknown one."""
        found = self._system(system)
        if system and found is None:
            known = sorted(versions.active_systems(self.ledger))
            raise NotKnown(f"no AI system is called {system!r}; {did_you_mean(system, known)}")
        return found

    def _system(self, system: str) -> System | None:
        found = versions.active_systems(self.ledger).get(system) if system else None
        return found.model if found else None

    def _step(
        self,
        incident: str,
        decide: Callable[[Loaded, Ground], list[IncidentFact]],
        by: Actor,
        at: datetime,
        reason: str = "",
        together: Together = lambda incident: (),
        fires: Timer | None = None,
    ) -> tuple[Recorded, ...]:
        """What is decided of an incident, whoever is told of them, and what must stand with them."""

        def drafts() -> list[Draft]:
            loaded = load(self.ledger, incident)
            ground = self.ground_of(loaded.state)
            facts = decide(loaded, ground)
            if not facts:
                return []
            after = _after(loaded.state, facts, at)
            if after.severity:
                limits = ground.limits(after.severity)
                facts = [*facts, *loaded.state.keep_promises(facts, limits, at)]
            ground = ground if after.system == loaded.state.system else self.ground_of(after)
            told = self.told(loaded.state, facts, ground, at, reason)
            return [loaded.draft(facts), *told, *together(incident)]

        return settle(self.ledger, drafts, incident, by=by, at=at, fires=fires)

    def _messages(
        self,
        moment: Moment,
        state: Incident,
        ground: Ground,
        reason: str,
        also: Sequence[Member] = (),
        before: Severity | None = None,
        late: Late | None = None,
    ) -> list[Draft]:
        return communication.messages(
            moment,
            state,
            ground.playbook,
            ground.roster,
            self.link,
            reason,
            also,
            _named(ground),
            before,
            zone=ground.zone,
            late=late,
        )

    def told(
        self, before: Incident, facts: Sequence[IncidentFact], ground: Ground, at: datetime, reason: str
    ) -> list[Draft]:
        """Messages to everybody whom these facts concern, after the state `before`."""
        state = _after(before, facts, at)
        drafts: list[Draft] = []
        reclassified = before.id and (before.severity, before.category) != (state.severity, state.category)
        if reclassified:
            people = [*state.team, *before.team, *before.called_above(0)]
            people += self._asked(before, Asked.SEVERITY, since=before.classified_at)
            drafts += self._messages(Moment.RECLASSIFIED, state, ground, reason, people, before.severity)
        for fact in facts:
            if isinstance(fact, (Escalated, TierRaised)):
                drafts += self._messages(
                    Moment.ESCALATED,
                    state,
                    ground,
                    fact.reason or reason,
                    fact.told,
                    late=_unanswered(state) if isinstance(fact, Escalated) else None,
                )
            elif isinstance(fact, ClockBreached):
                # Also when it is found only now that a promise of the severity before had run out.
                late = Late(fact.clock, fact.due)
                warned = promises.named(fact.clock).warns
                people = [*state.team, *(self._keepers(fact.clock, state, ground) if warned else ())]
                drafts += self._messages(
                    Moment.CLOCK_BREACHED, state, ground, reason, people, before.severity, late
                )
            elif isinstance(fact, ClockWarned):
                drafts += self._warned(fact, state, ground)
            elif isinstance(fact, UpdatePosted):
                drafts += self._updated(fact, state, ground)
            elif isinstance(fact, TierLowered) and not reclassified:
                drafts += communication.tier_left(
                    state, fact, ground.roster, reason, self.link, zone=ground.zone
                )
            elif isinstance(fact, Acknowledged):
                drafts += self._told_of_answer(fact, state, ground)
            elif isinstance(fact, Absorbed):
                drafts += self._told_of_merger(before, fact, state, ground)
            elif isinstance(fact, Classified) and not reclassified:
                drafts += self._told_of_decision(before, state, ground, reason)
            elif isinstance(fact, SystemNamed) and fact.before:
                drafts += self._told_of_correction(fact, before, state, ground)
            elif isinstance(fact, HarmWentOn):
                drafts += self._told_of_harm(fact, state, ground)
            elif isinstance(fact, RoleHandedOver):
                drafts += self._told_of_handover(before, fact, state, ground)
            elif isinstance(fact, (Resolved, Dismissed, Merged, Closed)):
                moment, why = _ended(fact, reason)
                called = () if isinstance(fact, Closed) else self._called_or_asked(state)
                drafts += self._messages(moment, state, ground, why, [*state.team, *called])
            elif isinstance(fact, ClassificationProposed) and fact.keeps:
                drafts += self._asked_to_decide(fact.severity, fact.reason, state, ground)
            elif isinstance(fact, ClassificationStated) and _asks(fact):
                assert fact.severity is not None
                drafts += self._asked_to_decide(fact.severity, reason, state, ground, reported=True)
        return drafts

    def _asked_to_decide(
        self, severity: Severity, why: str, state: Incident, ground: Ground, reported: bool = False
    ) -> list[Draft]:
        """Whoever may decide it hears that another severity than the one in force is proposed or reported."""
        deciders = roles.deciders(state, ground.playbook, ground.roster, Authority.OVERRIDE_SEVERITY)
        return communication.proposal(
            state,
            severity,
            deciders,
            ground.roster,
            why,
            self.link,
            _named(ground),
            zone=ground.zone,
            reported=reported,
        )

    def _asked(self, state: Incident, *kinds: Asked, since: datetime | None = None) -> list[Member]:
        return asking.asked(self.ledger, state, *kinds, since=since) if state.id else []

    def _called_or_asked(self, state: Incident) -> list[Member]:
        """Everybody whom something was asked of, for this incident or one that was merged into it."""
        return [*state.called_above(0), *self._asked(state, *Asked)]

    def _told_of_decision(
        self, before: Incident, state: Incident, ground: Ground, reason: str
    ) -> list[Draft]:
        """Whoever was asked to decide on the severity hears that it is decided, and stays."""
        people = self._asked(before, Asked.SEVERITY, since=before.classified_at)
        severity = state.severity.label if state.severity else "not classified"
        told = communication.News(f"stays {severity}", f"A person decided: {sentence(reason)}", "decided")
        return self._news(told, people, state, ground)

    def _keepers(self, clock: str, state: Incident, ground: Ground) -> tuple[Member, ...]:
        return roles.keepers(promises.named(clock), state, ground.playbook, ground.roster)

    def _warned(self, fact: ClockWarned, state: Incident, ground: Ground) -> list[Draft]:
        """Whoever keeps a promise hears that its end is near."""
        promise = promises.named(fact.clock)
        said = f"{promise.due} is due by {wording.utc(fact.due)}."
        news = communication.News(f"waits: {promise.short}", said, PROMISE_ASKED)
        return self._news(news, self._keepers(fact.clock, state, ground), state, ground)

    def _updated(self, fact: UpdatePosted, state: Incident, ground: Ground) -> list[Draft]:
        """The team, whoever was called, and whoever heard that it was opened, where the protocol of the
        severity names nobody for updates."""
        people = [*state.team, *self._called_or_asked(state)]
        assert state.severity is not None
        protocol = ground.playbook.communication.protocols[state.severity]
        if all(message.on is not Moment.UPDATED for message in protocol.messages):
            opened = (message.to for message in protocol.messages if message.on is Moment.OPENED)
            people += [one for who in opened for one in roles.members(ground.roster, who)]
        return self._messages(Moment.UPDATED, state, ground, fact.text, people)

    def _told_of_answer(self, fact: Acknowledged, state: Incident, ground: Ground) -> list[Draft]:
        """Whoever was called because nobody had answered hears who has; not whoever that is."""
        people = [*state.called_above(0), *self._asked(state, Asked.ANSWER)]
        called = [one for one in people if one.person != fact.person]
        news = communication.News("is acknowledged", f"{fact.name} acknowledged it.", "acknowledged")
        return self._news(news, called, state, ground)

    def _told_of_merger(
        self, before: Incident, fact: Absorbed, state: Incident, ground: Ground
    ) -> list[Draft]:
        """Whoever was called hears of an answer that came along, and whoever may decide on the severity hears
        that what a person decided on is no longer in force."""
        drafts: list[Draft] = []
        if fact.acknowledged_at and not before.acknowledged_at and state.answer:
            drafts += self._told_of_answer(state.answer, state, ground)
        decided = (before.classified_at and before.severity) or (fact.classified_at and fact.severity)
        if decided and not state.classified_at and state.severity:
            graver = fact.other if state.severity is not before.severity else state.id
            why = (
                f"{graver} was {state.severity.label} when {fact.other} was merged into {state.id}: "
                f"{sentence(fact.reason)} A person had decided on {decided.label} of the other one, and "
                "nobody has lowered the graver one. Confirm it, or lower it with a reason."
            )
            news = communication.News("waits for a decision on its severity", why, SEVERITY_ASKED)
            deciders = roles.deciders(state, ground.playbook, ground.roster, Authority.OVERRIDE_SEVERITY)
            drafts += self._news(news, deciders, state, ground)
        return drafts

    def _told_of_correction(
        self, fact: SystemNamed, before: Incident, state: Incident, ground: Ground
    ) -> list[Draft]:
        """The team, whoever was called or asked something, and the owners of both systems."""
        said = f"It is about {_named(ground) or fact.system}, not about {fact.before}: {fact.reason}"
        systems = (self._system(fact.before), ground.system)
        owners = (ground.roster.person(one.owner) for one in systems if one)
        owning = [Member("owner", one.id, one.name) for one in owners if one]
        people = [*state.team, *before.team, *self._called_or_asked(state), *owning]
        return self._news(
            communication.News("is about another system", said, "corrected"), people, state, ground
        )

    def _told_of_harm(self, fact: HarmWentOn, state: Incident, ground: Ground) -> list[Draft]:
        """Whoever commands it, and everybody who was told that it is resolved."""
        told = asking.told(self.ledger, state, Moment.RESOLVED)
        commander = roles.holder(state, ground.roster, IncidentRole.INCIDENT_COMMANDER)
        assert state.resolved_at is not None
        next_ = (
            "What this alert led to stands in the list of alerts."
            if fact.again
            else "Its clocks have ended, so that nobody is called: open an incident of its own for "
            f"{fact.alert.alert}, or set the alert aside with a reason."
        )
        said = f"It was resolved {wording.utc(state.resolved_at)}. {fact.sentence} {next_}"
        what = "its monitor alerts again" if fact.again else "an alert goes on"
        news = communication.News(f"is resolved, and {what}", said, HARM_WENT_ON)
        return self._news(news, [commander, *told], state, ground)

    def _news(
        self, news: communication.News, to: Sequence[Member], state: Incident, ground: Ground
    ) -> list[Draft]:
        return communication.news(news, state, to, ground.roster, self.link, _named(ground), zone=ground.zone)

    def _told_of_handover(
        self, before: Incident, fact: RoleHandedOver, state: Incident, ground: Ground
    ) -> list[Draft]:
        """Whoever takes over, whoever gives up the role, and the team that works with them."""
        was, role = before.holder_of(fact.role), fact.role.replace("_", " ")
        instead = f" in place of {was.name}" if was else ""
        why = f": {fact.reason.strip()}" if fact.reason.strip() else "."
        reason = f"{fact.to.name} is {role} now{instead}{why}"
        stood_in = [one for one in self._asked(state, *Asked) if one.role == fact.role]
        also = [fact.to, *state.team, *([was] if was else []), *stood_in]
        return self._messages(Moment.HANDED_OVER, state, ground, reason, also)


def _require_past(report: Report, now: datetime) -> None:
    if report.began_at and report.began_at > now:
        raise NotAllowed("it cannot have begun in the future; check the time and its zone")


def _after(state: Incident, facts: Sequence[IncidentFact], at: datetime) -> Incident:
    for fact in facts:
        state = state.after(fact, at)
    return state


def _called_for(ground: Ground, first: int, last: int) -> tuple[Member, ...]:
    """Everybody whom the playbook has called when these tiers are reached: none is passed over by a jump."""
    tiers = ground.playbook.escalation.tiers
    called = (roles.members(ground.roster, tiers[number].tells) for number in range(first, last + 1))
    return tuple(dict.fromkeys(member for members in called for member in members))


def _asks(stated: ClassificationStated) -> bool:
    """Whether somebody reports a graver severity than a person's decision, which stays in force."""
    graver = stated.severity and stated.keeps and stated.severity.rank < stated.keeps.rank
    return bool(graver)


def _said_by_people(before: Incident, learned: Sequence[IncidentFact]) -> bool:
    """Whether people have said something of what the criteria read. What a machine measures, and an alert
    that joins or goes on, lowers nothing by itself."""
    if any(isinstance(fact, (AlertJoined, AlertWorsened)) for fact in learned):
        return False
    known = before.impact.said if before.impact else ImpactNoted(incident=before.id).said
    noted = [fact for fact in learned if isinstance(fact, ImpactNoted)]
    others = len(learned) > len(noted)
    return others or any(fact.by_person or fact.said != known for fact in noted)


def _milder(before: Incident, facts: Sequence[IncidentFact]) -> bool:
    """Whether all that is new is a proposal to lower: an alert that goes on less badly says nothing new."""
    proposed = [fact for fact in facts if isinstance(fact, ClassificationProposed)]
    known = before.proposed.severity.rank if before.proposed else 0
    return bool(proposed) and len(facts) == 2 and proposed[0].severity.rank > known


def _ended(fact: Resolved | Dismissed | Merged | Closed, reason: str) -> tuple[Moment, str]:
    """How an incident ended, and why: in the words of whoever ended it."""
    match fact:
        case Resolved():
            return Moment.RESOLVED, fact.resolution
        case Dismissed():
            alarm = "It was a false alarm: " if fact.false_alarm else ""
            return Moment.DISMISSED, f"{alarm}{fact.reason}"
        case Merged():
            return Moment.MERGED, reason
        case Closed():
            return Moment.CLOSED, fact.summary


def _unanswered(state: Incident) -> Late | None:
    """The acknowledgement that was missed; None while it was not."""
    clock = state.answer_due
    return Late(clock.clock, clock.due) if clock and clock.breached else None


def _noticed_already(running: Sequence[Incident], system: str, at: datetime) -> str:
    """What a monitor has noticed and a person reports as well; empty where nothing is or none can be told.

    The newest incident on the system. A report without one is about the only incident of the last day: the
    same rule as for an alert that comes after such a report.
    """
    noticed = [one for one in running if any(not alert.cannot_measure for alert in one.alerts)]
    if system:
        return next((one.id for one in noticed if one.system == system), "")
    lately = [one.id for one in noticed if one.opened_at and at - one.opened_at <= NEAR]
    return lately[0] if len(lately) == 1 else ""


def _named(ground: Ground) -> str:
    return ground.system.name if ground.system else ""
