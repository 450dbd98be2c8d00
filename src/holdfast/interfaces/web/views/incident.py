"""One incident: where it stands, what to do next, and its record as it writes itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Response

from holdfast import metrics, wording
from holdfast.contain.reading import containments_of
from holdfast.evidence import custody
from holdfast.evidence.custody import NoSuchItem
from holdfast.evidence.events import EvidenceVerified, Gap, Item
from holdfast.incident import roles
from holdfast.incident.events import AlertFacts, ClassificationProposed, Classified
from holdfast.incident.incident import Incident, Phase, Status
from holdfast.incident.loading import NoSuchIncident, load
from holdfast.incident.register import record as record_of
from holdfast.incident.register import unresolved
from holdfast.incident.responding import Ground
from holdfast.interfaces.web import clocks, storyline
from holdfast.interfaces.web.access import Visit, takes, visit
from holdfast.interfaces.web.errors import status_of
from holdfast.interfaces.web.fields import IncidentNumber
from holdfast.interfaces.web.rendering import sentence
from holdfast.interfaces.web.steps import Situation, next_actions
from holdfast.interfaces.web.typed import NOTHING, Typed, typed
from holdfast.investigate import assessing
from holdfast.investigate.impact import Impact
from holdfast.learn import closing, doubting, remedying, reviewing
from holdfast.ledger import timers
from holdfast.ledger.facts import Fact, Recorded
from holdfast.people import IncidentRole, Permission
from holdfast.prepare import promises
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.terms import CANNOT_MEASURE, Authority, Severity
from holdfast.problems import NotAllowed
from holdfast.shapes import incidents as asked
from holdfast.steps import incidents as steps
from holdfast.steps import messages as message_steps
from holdfast.steps.asking import named

router = APIRouter(prefix="/incidents/{incident}")


@router.get("")
def incident(visit: visit, incident: IncidentNumber, timeline: str = "") -> Response:
    """The page, and the centre of a response."""
    return _incident(visit, incident, everything=timeline == "everything")


@dataclass(frozen=True, slots=True)
class Refused:
    """A form of the page that was refused, as it was sent."""

    form: str
    why: Exception
    typed: Typed


def _incident(
    visit: Visit, incident: str, refused: Refused | None = None, everything: bool = False
) -> Response:
    situation = _situation(visit, incident)
    state, ground = situation.state, situation.ground
    record = record_of(visit.application.ledger, incident)
    people = {person.id: person.name for person in ground.roster.people}
    evidence = _evidence(visit, incident, record)
    return visit.page(
        "pages/incident.html",
        "incidents",
        status=status_of(refused.why) if refused else 200,
        refused=refused.form if refused else "",
        error=sentence(str(refused.why)) if refused else "",
        given=defaultdict(str, refused.typed.values if refused else {}),
        state=state,
        under=_under(state, situation, visit),
        phases=_phases(state),
        clocks=clocks.tiles(state, record, _whose(situation), visit.now),
        escalation=_escalation(visit, state),
        actions=next_actions(situation, visit.signed_in),
        may_respond=visit.may(Permission.RESPOND) and not state.status.over,
        may_dismiss=visit.may(Permission.RESPOND) and _dismissible(state),
        dismissal=situation.whose(Authority.DISMISS),
        entries=storyline.timeline(record, people, everything),
        everything=everything,
        impact=_impact(situation.impact, state, ground),
        impact_version=len(situation.impact.versions),
        containments=situation.containments,
        first_contained=_first_contained(state),
        team=_team(state),
        roles=_roles(state),
        people=people,
        takers={one.id: one.name for one in ground.roster.actors()},
        evidence=evidence,
        gaps=_by_reason(evidence.gaps),
        alerts=_alerts(state),
        mailings=storyline.mailings(record),
        archive=_archive(visit, state),
        together=_together(state),
        running=_running_besides(visit, state),
    )


def _situation(visit: Visit, incident: str) -> Situation:
    """Everything that is known of an incident. Raises NoSuchIncident."""
    application = visit.application
    ledger = application.ledger
    loaded = load(ledger, incident)
    state = loaded.state
    with ledger.reading() as conn:
        contained = containments_of(conn, incident)
    return Situation(
        state=state,
        ground=application.desk.ground_of(state),
        containments=contained,
        offers=application.containing.offers(incident) if state.system else (),
        impact=assessing.impact_of(ledger, incident),
        remediations=remedying.remediations_of(ledger, incident),
        review=reviewing.review_of(ledger, incident),
        doubts=[one.said for one in doubting.doubts(ledger, state).found],
        open_alerts=doubting.open_alerts(ledger, state),
        proposed_since=_proposed_since(ledger.stream(loaded.stream).events),
        now=visit.now,
    )


def _proposed_since(facts: Sequence[Fact]) -> bool:
    """Whether the last word on the classification is the rules' and not a person's."""
    spoken = [fact for fact in facts if isinstance(fact, (ClassificationProposed, Classified))]
    return bool(spoken) and isinstance(spoken[-1], ClassificationProposed)


# What the page says ----------------------------------------------------------------------------


def _under(state: Incident, situation: Situation, visit: Visit) -> str:
    """The line under the title: which system, since when, how it came to light."""
    system = situation.ground.system
    named = system.name if system else state.system
    parts = [
        ", ".join(
            filter(
                None, (named or "no AI system named", state.model_version and f"model {state.model_version}")
            )
        )
    ]
    opened = wording.utc_short(state.opened_at, visit.now) if state.opened_at else ""
    if state.source == "alert" and state.alerts:
        parts.append(f"opened {opened} from an alert of “{state.alerts[0].monitor_name}”")
    else:
        parts.append(f"declared {opened}")
    if state.began_at and state.opened_at:
        before = wording.duration(state.opened_at - state.began_at)
        parts.append(f"began about {wording.utc_short(state.began_at, visit.now)}, {before} before")
    else:
        parts.append("when it began is not known")
    return " · ".join(filter(None, parts))


def _phases(state: Incident) -> list[tuple[str, str]]:
    over = state.status.over
    now = list(Phase).index(state.phase)
    words = ("done", "now", "todo")
    return [
        (
            phase.value,
            "done" if over and state.status is Status.CLOSED else words[(at > now) - (at < now) + 1],
        )
        for at, phase in enumerate(Phase)
    ]


def _whose(situation: Situation) -> dict[str, str]:
    """Who is expected to keep a running clock."""
    state, ground = situation.state, situation.ground
    keepers = {
        row.id: roles.keepers(row, state, ground.playbook, ground.roster) for row in promises.TABLE.values()
    }
    return {promise: " or ".join(one.name for one in found) for promise, found in keepers.items()}


def _escalation(visit: Visit, state: Incident) -> str:
    """When the next people are called if nobody answers."""
    if state.acknowledged_at or state.status.over:
        return ""
    for timer in timers.armed(visit.application.ledger, f"{state.id}/escalation"):
        return f"escalates further {wording.utc_short(timer.due, visit.now)}"
    return ""


def _first_contained(state: Incident) -> str:
    """When the log first showed that the harm stopped, and whether that is so still."""
    first, running = state.first_contained_at, not state.status.over
    if first is None:
        return "not so far" if running else "never"
    if state.contained_at is None and state.status in (Status.TRIAGE, Status.OPEN):
        return f"{wording.utc(first)}, and not any more"
    again = state.contained_at if state.contained_at != first else None
    return f"{wording.utc(first)}, again {wording.utc(again)}" if again else wording.utc(first)


def _dismissible(state: Incident) -> bool:
    return state.status in (Status.TRIAGE, Status.OPEN) and not state.contained_at


def _team(state: Incident) -> list[tuple[str, str, str]]:
    """(role, name, person) in the order the playbook calls them."""
    return [(member.role.replace("_", " ").capitalize(), member.name, member.person) for member in state.team]


def _roles(state: Incident) -> list[tuple[str, str]]:
    """Roles that can be handed over: filled ones first."""
    filled = [member.role for member in state.team if member.role in IncidentRole.__members__.values()]
    order = [*dict.fromkeys(filled), *(role.value for role in IncidentRole if role.value not in filled)]
    return [(role, role.replace("_", " ").capitalize()) for role in order]


def _impact(impact: Impact, state: Incident, ground: Ground) -> list[tuple[str, str]]:
    """What is known of the impact, in words; what is not known is said to be."""
    people = f"{ground.system.subject.capitalize()}s" if ground.system else "People"
    count, newest = impact.count, impact.newest
    pairs = [(f"{people} affected", impact.affected_people("not known yet"))]
    if count:
        counted = count.counted
        pairs += [
            (f"{people} exposed", impact.exposed_people()),
            ("Predictions exposed", wording.bounded(counted.exposed.inferences, impact.misses_rows(count))),
            ("Of all in the period", wording.percent(counted.exposed_share, 1)),
            ("Period", wording.duration(count.end - count.start)),
        ]
    if impact.dated:
        pairs.append(("Numbers", "; ".join(filter(None, (impact.dated, state.harm)))))
    if impact.failed:
        pairs.append(("Not counted since", impact.failed))
    if state.known_of_merged:
        pairs.append(("Known of what was merged into it", "; ".join(state.known_of_merged)))
    if newest:
        pairs += [
            (
                "Legal requirement",
                _holds(newest.compliance.violated, newest.compliance.requirement, "not violated"),
            ),
            ("Outside notice", _holds(newest.compliance.must_notify, newest.compliance.duty, "not required")),
            ("Sensitive data", _holds(newest.data.sensitive, newest.data.sensitivity, "none involved")),
        ]
    return pairs


def _holds(known: bool | None, what: str, otherwise: str) -> str:
    if known is None:
        return "not known yet"
    return (what or "yes") if known else otherwise


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of an incident in a few words."""

    items: tuple[Item, ...]
    gaps: tuple[Gap, ...]
    verified: Recorded | None
    """The last check of the stored bytes."""

    @property
    def size(self) -> int:
        return sum(item.size for item in self.items)

    @property
    def problems(self) -> tuple[str, ...]:
        fact = self.verified.fact if self.verified else None
        return fact.problems if isinstance(fact, EvidenceVerified) else ()


def _evidence(visit: Visit, incident: str, record: Sequence[Recorded]) -> Evidence:
    facts = visit.application.ledger.stream(custody.stream_of(incident)).events
    checks = [recorded for recorded in record if isinstance(recorded.fact, EvidenceVerified)]
    return Evidence(custody.items(facts), custody.gaps(facts), checks[-1] if checks else None)


def _by_reason(gaps: Sequence[Gap]) -> dict[str, list[str]]:
    """What is missing, by why."""
    found: dict[str, list[str]] = {}
    for gap in gaps:
        title = gap.title if not found.get(gap.reason) else gap.title[:1].lower() + gap.title[1:]
        found.setdefault(gap.reason, []).append(title)
    return found


def _alerts(state: Incident) -> list[tuple[AlertFacts, str]]:
    return [
        (
            alert,
            wording.interval(
                alert.value,
                alert.lower,
                alert.upper,
                metrics.digits_of(alert.metric),
                alert.limit,
                unknown=_unknown(alert),
            ),
        )
        for alert in state.alerts
    ]


def _unknown(alert: AlertFacts) -> str:
    return CANNOT_MEASURE if alert.cannot_measure else "not known"


def _together(state: Incident) -> list[tuple[str, str]]:
    """(words, incident) of what this has to do with."""
    found = [("Merged into", state.merged_into)] if state.merged_into else []
    found += [("Merged into this:", other) for other in state.absorbed]
    return found + [("Related to", other) for other in state.related]


def _running_besides(visit: Visit, state: Incident) -> list[tuple[str, str]]:
    """Other unresolved incidents, those on the same system first, as a list to choose from."""
    with visit.application.ledger.reading() as conn:
        found = unresolved(conn, state.system)
    return [(one.id, f"{one.id} {one.title}") for one in found if one.id != state.id]


def _archive(visit: Visit, state: Incident) -> tuple[str, str] | None:
    """(digest, problem) of a closed incident's record, hashed again for this page."""
    if state.status is not Status.CLOSED:
        return None
    ledger = visit.application.ledger
    return closing.digest_of_closed(ledger, state.id), closing.archive_problem(ledger, state.id) or ""


# Steps of one press or one sentence ------------------------------------------------------------


def _home(incident: str) -> str:
    return f"/incidents/{incident}"


@router.post("/acknowledgement", **takes(steps.acknowledge))
def acknowledge(visit: visit, incident: IncidentNumber) -> Response:
    answer = steps.acknowledge(visit.call, incident)
    stopped = "The escalation has stopped."
    visit.notice("Acknowledged." if answer.first else f"{answer.sentence}.", stopped if answer.first else "")
    return visit.back(_home(incident))


@router.post("/notes", **takes(steps.note))
def add_note(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    try:
        steps.note(visit.call, incident, form.read(asked.NoteAsked, text="note"))
    except (NotAllowed, NoSuchItem) as why:
        return _incident(visit, incident, Refused("note", why, form))
    visit.notice("Note added.", "It stands in the timeline and can no longer be changed.")
    return visit.back(_home(incident))


@router.post("/updates", **takes(steps.update))
def post_update(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    try:
        steps.update(visit.call, incident, form.read(asked.UpdateAsked, text="update"))
    except NotAllowed as why:
        return _incident(visit, incident, Refused("update", why, form))
    visit.notice("Update posted.", "Messages are queued; the next update counts from now.")
    return visit.back(_home(incident))


@router.post("/team", **takes(steps.hand_over))
def hand_over(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    try:
        role = named(IncidentRole, "role", form.text("role"))
        steps.hand_over(visit.call, incident, role, form.read(asked.HandOver, person="to", reason="because"))
    except NotAllowed as why:
        return _incident(visit, incident, Refused("team", why, form))
    visit.notice(f"{role.value.replace('_', ' ').capitalize()} handed over.")
    return visit.back(_home(incident))


@router.post("/dismissal", **takes(steps.dismiss))
def dismiss(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    try:
        steps.dismiss(visit.call, incident, form.read(asked.Dismissal))
    except NotAllowed as why:
        return _incident(visit, incident, Refused("dismissal", why, form))
    visit.notice(f"{incident} is dismissed.", "Its record and the reason are kept.")
    return visit.back(_home(incident))


@router.post("/together", **takes(steps.relate, steps.merge))
def together(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    """Two incidents have to do with one another, or are one."""
    one, other = form.text("how") == "merge", form.text("other")
    try:
        if one:
            steps.merge(visit.call, incident, form.read(asked.Merger, into="other", reason="why"))
        else:
            steps.relate(visit.call, incident, other, form.read(asked.Reason, reason="why"))
    except (NotAllowed, NoSuchIncident) as refused:
        return _incident(visit, incident, Refused("together", refused, form))
    if one:
        visit.notice(f"{incident} is merged into {other}.", "The response goes on here.")
        return visit.back(_home(other))
    visit.notice(f"{incident} is related to {other}.", "It stands on both records.")
    return visit.back(_home(incident))


@router.post("/messages/attempts", **takes(message_steps.retry))
def retry_messages(
    visit: visit, incident: IncidentNumber, message: Annotated[list[str] | None, Form()] = None
) -> Response:
    """Try again what was given up."""
    known = {one.message for one in storyline.messages(record_of(visit.application.ledger, incident))}
    again = [one for one in dict.fromkeys(message or ()) if one in known]
    if not again:
        raise NotAllowed(f"{incident} has no such message")
    for one in again:
        message_steps.retry(visit.call, one)
    visit.notice(f"{wording.plural(len(again), 'message')} will be tried again.")
    return visit.back(_home(incident))


# Steps with a page of their own ----------------------------------------------------------------


@router.get("/classification")
def classification(visit: visit, incident: IncidentNumber) -> Response:
    return _classification(visit, _situation(visit, incident), NOTHING)


@router.post("/classification", **takes(steps.classify))
def classify(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    try:
        steps.classify(visit.call, incident, form.read(asked.Classification))
    except NotAllowed as refused:
        return _classification(visit, _situation(visit, incident), form, refused)
    visit.notice("Classified.", "Clocks, team and messages follow the severity.")
    return visit.back(_home(incident))


def _classification(
    visit: Visit, situation: Situation, form: Typed, refused: NotAllowed | None = None
) -> Response:
    playbook, state = situation.ground.playbook, situation.state
    severities = [
        (level.value, level.label, f"{entry.means} {_promises(playbook, level)}")
        for level, entry in playbook.severities.items()
    ]
    categories = [(one.value, one.label, entry.means) for one, entry in playbook.categories.items()]
    given = {
        "severity": form.value("severity", state.severity.value if state.severity else ""),
        "category": form.value("category", state.category.value if state.category else ""),
        "reason": form.value("reason"),
    }
    return visit.page(
        "pages/classification.html",
        "incidents",
        status=status_of(refused) if refused else 200,
        state=state,
        given=given,
        error=sentence(str(refused)) if refused else "",
        severities=severities,
        categories=categories,
        authority=situation.whose(Authority.OVERRIDE_SEVERITY),
        playbook_version=playbook.version,
        may_respond=visit.may(Permission.RESPOND) and not state.status.over,
    )


def _promises(playbook: Playbook, severity: Severity) -> str:
    """What a severity promises, in a sentence."""
    said = ", ".join(promises.said(playbook, severity))
    return f"{said[0].upper()}{said[1:]}." if said else ""


@router.get("/resolution")
def resolution(visit: visit, incident: IncidentNumber) -> Response:
    return _resolution(visit, _situation(visit, incident), NOTHING)


@router.post("/resolution", **takes(steps.resolve))
def resolve(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    try:
        steps.resolve(visit.call, incident, form.read(asked.Resolution, unverified_because="because"))
    except NotAllowed as refused:
        return _resolution(visit, _situation(visit, incident), form, refused)
    visit.notice(f"{incident} is resolved.", "What remains stands under Next.")
    return visit.back(_home(incident))


def _resolution(
    visit: Visit, situation: Situation, form: Typed, refused: NotAllowed | None = None
) -> Response:
    return visit.page(
        "pages/resolution.html",
        "incidents",
        status=status_of(refused) if refused else 200,
        state=situation.state,
        typed=form,
        error=sentence(str(refused)) if refused else "",
        doubts=situation.doubts,
        remediations=situation.remediations,
        containments=[one for one in situation.containments if one.in_force],
        may_respond=visit.may(Permission.RESPOND) and not situation.state.status.over,
    )


@router.get("/closure")
def closure(visit: visit, incident: IncidentNumber) -> Response:
    return _closure(visit, _situation(visit, incident), NOTHING)


@router.post("/closure", **takes(steps.close))
def close(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    try:
        digest = steps.close(visit.call, incident, form.read(asked.Closure, unverified_because="because"))
    except NotAllowed as refused:
        return _closure(visit, _situation(visit, incident), form, refused)
    visit.notice(
        f"{incident} is closed and archived.", f"Its record has the digest {wording.short_hash(digest)}."
    )
    return visit.back(_home(incident))


def _closure(visit: Visit, situation: Situation, form: Typed, refused: NotAllowed | None = None) -> Response:
    return visit.page(
        "pages/closure.html",
        "incidents",
        status=status_of(refused) if refused else 200,
        state=situation.state,
        typed=form,
        error=sentence(str(refused)) if refused else "",
        checks=_before_closing(situation),
        doubts=[one.said for one in _since_resolved(visit, situation.state)],
        authority=situation.whose(Authority.CLOSE),
        may_close=visit.may(Permission.RESPOND) and situation.may(visit.signed_in, Authority.CLOSE),
    )


def _since_resolved(visit: Visit, state: Incident) -> Sequence[doubting.Doubt]:
    """What came after the resolution, so that closing needs a reason."""
    return doubting.doubts(visit.application.ledger, state).since_resolved.found


def _before_closing(situation: Situation) -> list[tuple[bool, str]]:
    """What closing asks for, and whether it is there; the step itself decides."""
    state, items = situation.state, situation.remediations
    in_force = [one.id for one in situation.containments if one.in_force]
    open_items = [item.item for item in items.open_items()]
    required = situation.review_required
    return [
        (state.status is Status.RESOLVED, "resolved" if state.resolved_at else "not resolved yet"),
        (
            bool(state.reviewed_at) or not required,
            "review completed"
            if state.reviewed_at
            else "review required"
            if required
            else "review not required",
        ),
        (
            not in_force,
            f"containment in force: {', '.join(in_force)}" if in_force else "no containment in force",
        ),
        (
            not open_items,
            f"remediation open: {', '.join(open_items)}" if open_items else "no remediation open",
        ),
    ]
