"""Steps of remediation: plan, start, finish, verify, chase.

What a monitor can prove, the system proves by itself; nobody can tick it off by hand (R-REM-03).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from holdfast import wording
from holdfast.detect import watched
from holdfast.detect.measurement import Measurement
from holdfast.incident import roles
from holdfast.incident.incident import Incident, Status
from holdfast.incident.loading import Loaded, beside, load
from holdfast.incident.responding import Desk, Ground
from holdfast.investigate import links
from holdfast.investigate.events import Link
from holdfast.learn import tracker
from holdfast.learn.events import Method, RemediationDone, RemediationFact, RemediationWithdrawn
from holdfast.learn.remediation import Item, Plan, Remediations, declared
from holdfast.learn.verification import judge
from holdfast.ledger import outbox
from holdfast.ledger.deciding import settle
from holdfast.ledger.folding import Folded, Kind, fold
from holdfast.ledger.ledger import Draft, Ledger, Timer
from holdfast.people import Actor, IncidentRole
from holdfast.prepare import versions
from holdfast.prepare.systems import System
from holdfast.prepare.terms import Authority

Measured = Callable[[str, str, datetime], Iterable[Measurement]]
"""Measurements of a system's monitor whose windows begin at or after a time."""


REMEDIATIONS: Kind[Remediations] = Kind("remediation", Remediations)
stream_of = REMEDIATIONS.stream_of


def remediations_of(ledger: Ledger, incident: str) -> Remediations:
    """The items of an incident; none before the first is planned."""
    return REMEDIATIONS.state(ledger, incident)


def plan(desk: Desk, incident: str, wanted: Plan, *, by: Actor, at: datetime) -> str:
    """Plan an item and tell the person responsible; returns its number, `INC-1-R1`. Raises NotAllowed."""
    planned: list[str] = []

    def decide(loaded: Loaded, ground: Ground, state: Remediations) -> list[RemediationFact]:
        facts = state.plan(wanted, loaded.state, ground.playbook, ground.roster, ground.system, at)
        planned[:] = [fact.item for fact in facts]
        return facts

    _step(desk, incident, decide, _told_of_plan, by, at)
    return planned[0]


def start(desk: Desk, incident: str, item: str, *, by: Actor, at: datetime) -> None:
    """Somebody begins with an item. Raises NotAllowed."""
    _step(desk, incident, lambda loaded, ground, state: state.start(item), _nobody, by, at)


def finish(
    desk: Desk,
    incident: str,
    item: str,
    what: str,
    *,
    done_at: datetime | None = None,
    by: Actor,
    at: datetime,
) -> None:
    """The action is taken, at `done_at` (now unless said otherwise). Raises NotAllowed."""

    def decide(loaded: Loaded, ground: Ground, state: Remediations) -> list[RemediationFact]:
        assert loaded.state.opened_at is not None
        return state.finish(item, what, done_at or at, loaded.state.opened_at, at)

    _step(desk, incident, decide, _nobody, by, at)


def verify(
    desk: Desk,
    incident: str,
    item: str,
    works: bool,
    proof: str,
    proven_by: tuple[Link, ...] = (),
    *,
    by: Actor,
    at: datetime,
) -> None:
    """Record what a test or review showed; needs the authority to approve remediation.

    Raises NotAllowed, also for an item that a monitor has to prove and for a link that leads nowhere.
    """

    def decide(loaded: Loaded, ground: Ground, state: Remediations) -> list[RemediationFact]:
        facts = state.accept(item, works, proof, proven_by, by)
        roles.require(loaded.state, ground.playbook, ground.roster, by, Authority.APPROVE_REMEDIATION)
        with desk.ledger.reading() as conn:
            monitors = watched.named(conn, ground.system)
        links.require(desk.ledger, loaded.state, monitors, proven_by)
        return facts

    _step(desk, incident, decide, _nobody, by, at)


def withdraw(desk: Desk, incident: str, item: str, reason: str, *, by: Actor, at: datetime) -> None:
    """It will not be done; needs the authority to approve remediation. Raises NotAllowed."""

    def decide(loaded: Loaded, ground: Ground, state: Remediations) -> list[RemediationFact]:
        facts = state.withdraw(item, reason)
        roles.require(loaded.state, ground.playbook, ground.roster, by, Authority.APPROVE_REMEDIATION)
        return facts

    _step(desk, incident, decide, _nobody, by, at)


def verify_by_monitor(
    desk: Desk, system: str, monitor: str, measured: Measured, *, by: Actor, at: datetime
) -> list[str]:
    """Look whether what was measured proves or disproves items that wait for this monitor.

    Returns the items decided. Called for every new measurement and for every item that is done; when there
    is nothing to decide, nothing is recorded.
    """
    with desk.ledger.reading() as conn:
        waiting = tracker.waiting_for_monitor(conn, system, monitor)
    return [item.item for item in waiting if _verify_one(desk, item, measured, by, at)]


def verify_after_done(
    desk: Desk, done: RemediationDone, measured: Measured, *, by: Actor, at: datetime
) -> list[str]:
    """What was measured before the item was said to be done may prove it already: an action can be recorded
    after it took effect. Returns the items decided."""
    with desk.ledger.reading() as conn:
        item = tracker.get(conn, done.item)
    if item is None or item.verification.method is not Method.MONITOR:
        return []
    return verify_by_monitor(desk, item.system, item.verification.monitor, measured, by=by, at=at)


def _verify_one(desk: Desk, item: Item, measured: Measured, by: Actor, at: datetime) -> bool:
    decided = False

    def decide(loaded: Loaded, ground: Ground, state: Remediations) -> list[RemediationFact]:
        nonlocal decided
        now = state.item(item.item)
        if now.done_at is None:
            return []
        seen = measured(now.system, now.verification.monitor, now.done_at)
        facts = state.judged(now.item, judge(now.verification, seen, now.done_at))
        decided = bool(facts)
        return facts

    if load(desk.ledger, item.incident).state.status.over:
        return False  # dismissed meanwhile: its record takes nothing more
    _step(desk, item.incident, decide, _told_of_failure, by, at)
    return decided


def overtake(
    desk: Desk, incident: str, reason: str, happened: datetime, until: datetime, *, by: Actor, at: datetime
) -> None:
    """Note that verified items are in doubt again, and tell whoever is responsible, who verified and who
    commands. The record of an incident that is over takes nothing more."""
    state = load(desk.ledger, incident).state
    if state.status.over:
        return

    def decide(loaded: Loaded, ground: Ground, items: Remediations) -> list[RemediationFact]:
        return items.overtake(reason, happened, until)

    def told(desk: Desk, items: Remediations, facts: Sequence[RemediationFact]) -> list[Draft]:
        messages = []
        for item in (items.items[fact.item] for fact in facts):
            said = f"{item.item} was verified, and that is overtaken"
            people = dict.fromkeys([*_chased(item, state), *filter(None, [item.verified_by])])
            messages += [_message(desk, person, said, item) for person in people]
        return messages

    _step(desk, incident, decide, told, by, at)


def look_for_monitors(desk: Desk, system: str, *, by: Actor, at: datetime) -> None:
    """Note which items the monitors of a system, as it is in force, can prove no longer or again; whoever is
    responsible and who commands are told. Looked at again, it does nothing."""
    applied = versions.active_systems(desk.ledger).get(system)
    with desk.ledger.reading() as conn:
        found = tracker.to_be_proven(conn, system)
    for item in found:
        state = load(desk.ledger, item.incident).state
        if not state.status.over:
            lost = _lost(item, applied.model if applied else None, at)
            _look_for_one(desk, state, item, lost, by, at)


def _lost(item: Item, system: System | None, at: datetime) -> str:
    """Why the monitor of an item proves nothing; empty where it is watched."""
    monitor = item.verification.monitor
    if system is None:
        return f"{item.system} was withdrawn, and with it the monitor {monitor}; seen {wording.utc(at)}"
    if declared(monitor, system):
        return ""
    return f"{system.name} has no monitor {monitor} any more; seen {wording.utc(at)}"


def _look_for_one(desk: Desk, state: Incident, item: Item, lost: str, by: Actor, at: datetime) -> None:
    def decide(loaded: Loaded, ground: Ground, items: Remediations) -> list[RemediationFact]:
        return items.watched(item.item, lost)

    def told(desk: Desk, items: Remediations, facts: Sequence[RemediationFact]) -> list[Draft]:
        now = items.items[item.item]
        if not facts or not now.unprovable:
            return []
        said = f"nothing proves {item.item} any more"
        return [_message(desk, person, said, now) for person in _chased(now, state)]

    _step(desk, item.incident, decide, told, by, at)


# Time ------------------------------------------------------------------------------------------


def chase_overdue(desk: Desk, timer: Timer, *, by: Actor, at: datetime) -> None:
    """An item is past its deadline: record it and tell who is responsible and who commands, once."""
    _fire(desk, timer, Remediations.chase, "is overdue: it was due", by, at)


def remind(desk: Desk, timer: Timer, *, by: Actor, at: datetime) -> None:
    """An item's deadline comes near: remind who is responsible, once."""
    _fire(desk, timer, Remediations.remind, "is due", by, at)


def _fire(
    desk: Desk,
    timer: Timer,
    decide: Callable[[Remediations, str], list[RemediationFact]],
    words: str,
    by: Actor,
    at: datetime,
) -> None:
    incident, item = timer.data["incident"], timer.data["item"]

    def drafts() -> list[Draft]:
        loaded, items = load(desk.ledger, incident), REMEDIATIONS.load(desk.ledger, incident)
        found = items.state.item(item)
        if loaded.state.status is Status.DISMISSED:
            # The timer of an incident that was none must come to rest; closing lets no item stay open.
            why = f"{incident} was dismissed"
            over = RemediationWithdrawn(incident=incident, item=item, reason=why)
            return [loaded.draft([]), items.draft([over])]
        due = f"{item} {words} {wording.utc(found.deadline)}"
        people = _chased(found, loaded.state) if decide is Remediations.chase else [found.responsible]
        messages = [_message(desk, person, due, found) for person in people]
        return [loaded.draft([]), items.draft(decide(items.state, item)), *messages]

    settle(desk.ledger, drafts, incident, by=by, at=at, fires=timer)


def _chased(item: Item, state: Incident) -> list[str]:
    """Who hears of an overdue item: who is responsible, and who commands the incident."""
    commander = state.holder_of(IncidentRole.INCIDENT_COMMANDER.value)
    people = [item.responsible, *([commander.person] if commander else [])]
    return list(dict.fromkeys(people))


# Common ----------------------------------------------------------------------------------------

Decide = Callable[[Loaded, Ground, Remediations], list[RemediationFact]]
Tell = Callable[[Desk, Remediations, Sequence[RemediationFact]], list[Draft]]


def _step(desk: Desk, incident: str, decide: Decide, tell: Tell, by: Actor, at: datetime) -> None:
    def drafts(loaded: Loaded, items: Folded[Remediations]) -> list[Draft]:
        facts = decide(loaded, desk.ground_of(loaded.state), items.state)
        after = fold(items.state, ((fact, at, by) for fact in facts))
        return [items.draft(facts), *tell(desk, after, facts)]

    beside(desk.ledger, REMEDIATIONS, incident, drafts, by=by, at=at)


def _nobody(desk: Desk, state: Remediations, facts: Sequence[RemediationFact]) -> list[Draft]:
    return []


def _told_of_plan(desk: Desk, state: Remediations, facts: Sequence[RemediationFact]) -> list[Draft]:
    return told_of_plans(desk, [state.items[fact.item] for fact in facts])


def _told_of_failure(desk: Desk, state: Remediations, facts: Sequence[RemediationFact]) -> list[Draft]:
    failed = [state.items[fact.item] for fact in facts if state.items[fact.item].standing.open]
    return [_message(desk, item.responsible, f"{item.item} did not work", item) for item in failed]


def told_of_plans(desk: Desk, items: Iterable[Item]) -> list[Draft]:
    """A message to everybody who is now responsible for something."""
    return [
        _message(desk, item.responsible, f"{item.item} is yours, due {wording.utc(item.deadline)}", item)
        for item in items
    ]


def _message(desk: Desk, person: str, subject: str, item: Item) -> Draft:
    lines = [
        wording.sentence(subject),
        "",
        f"Action: {item.action}",
        f"Root cause: {item.cause}",
        f"Responsible: {item.responsible_name}",
        f"Deadline: {desk.when(item.deadline, person)}",
        f"Verified by: {item.verification.how}",
    ]
    if item.result and item.standing.open:
        lines.append(f"Last verification: {item.result}")
    if item.unprovable_said:
        lines.append(item.unprovable_said)
    if item.overtaken:
        lines += [item.overtaken_said, "Resolving needs a reason until it is clear why."]
    lines += ["", desk.link(item.incident)]
    return outbox.queue(
        "email",
        person,
        f"{item.incident}: {subject}",
        "\n".join(lines),
        item.incident,
        zone=desk.zone_of(person),
    )
