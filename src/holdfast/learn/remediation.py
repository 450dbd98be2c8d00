"""Remediation: the items of one incident and what may happen to them. Pure (R-REM-01 to R-REM-03)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from holdfast import wording
from holdfast.incident.incident import Incident
from holdfast.investigate.events import Link
from holdfast.learn.events import (
    Method,
    ProofLost,
    ProofReturned,
    RemediationDone,
    RemediationFact,
    RemediationOverdue,
    RemediationPlanned,
    RemediationReminded,
    RemediationStarted,
    RemediationVerified,
    RemediationWithdrawn,
    Verification,
    VerificationFailed,
    VerificationOvertaken,
)
from holdfast.learn.verification import Judgement, Outcome
from holdfast.people import Actor
from holdfast.prepare import durations
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.roster import Roster
from holdfast.prepare.systems import Monitor, System
from holdfast.prepare.terms import RemediationKind
from holdfast.problems import NotAllowed, NotKnown, did_you_mean


class Standing(StrEnum):
    PLANNED = "planned"
    STARTED = "started"
    DONE = "done"
    """Waits for its verification."""
    VERIFIED = "verified"
    WITHDRAWN = "withdrawn"

    @property
    def open(self) -> bool:
        return self not in (Standing.VERIFIED, Standing.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How somebody wants the effect verified."""

    method: Method
    how: str = ""
    """In words; written by the system where a monitor verifies."""
    monitor: str = ""
    windows: int | None = None
    """None: as many as the playbook says."""
    lasting: timedelta | None = None
    """None: as long as the playbook says."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody wants done about the root cause."""

    action: str
    kind: RemediationKind
    responsible: str
    """E-mail address of a person of the roster."""
    deadline: datetime
    verification: Wanted


@dataclass(frozen=True, slots=True)
class Item:
    """One remediation item as its facts tell it."""

    item: str
    incident: str
    cause: str
    action: str
    kind: RemediationKind
    responsible: str
    responsible_name: str
    deadline: datetime
    system: str
    verification: Verification
    from_review: bool
    planned_at: datetime
    standing: Standing = Standing.PLANNED
    done: str = ""
    """What was done."""
    done_at: datetime | None = None
    done_by: str = ""
    """Id of whoever said that it is done."""
    result: str = ""
    """The proof when it is verified, the reason when verification failed or it was withdrawn."""
    verified_at: datetime | None = None
    verified_by: str = ""
    """Id of whoever said that it works; empty where a monitor did."""
    overtaken_at: datetime | None = None
    overtaken: str = ""
    """What happened since that speaks against its verification; empty while nothing does."""
    unprovable: str = ""
    """Why its monitor cannot prove it any more; empty while that is watched."""
    failed: int = 0
    """How often verification failed."""
    overdue_at: datetime | None = None
    """When it was found overdue; kept also when it was done afterwards."""

    @property
    def overtaken_said(self) -> str:
        """That its verification does not say how it is any more, in a sentence; empty while it does."""
        if not self.overtaken or self.verified_at is None:
            return ""
        when = wording.utc(self.verified_at)
        return f"Verified {when}, and overtaken since: {wording.sentence(self.overtaken)}"

    @property
    def judged_by(self) -> Method:
        """How its effect is shown: a person reviews what no monitor can prove any more."""
        return Method.REVIEW if self.unprovable else self.verification.method

    @property
    def unprovable_said(self) -> str:
        """That its monitor cannot prove it, and what can be done; empty while that is watched, and once the
        item is over."""
        if not self.unprovable or not self.standing.open:
            return ""
        return (
            f"{wording.sentence(self.unprovable)} It will prove nothing: once {self.item} is done, somebody "
            "who did not do it reviews whether it works, or it is withdrawn and planned anew with another "
            "monitor."
        )

    def overdue(self, now: datetime) -> bool:
        """Still to be done, and past its deadline."""
        return self.standing in (Standing.PLANNED, Standing.STARTED) and self.deadline < now


@dataclass(frozen=True, slots=True)
class Remediations:
    """State folded from the facts of `remediation/INC-1`."""

    incident: str
    items: Mapping[str, Item] = field(default_factory=dict)

    def after(self, fact: RemediationFact, at: datetime, by: Actor) -> Remediations:
        match fact:
            case RemediationPlanned():
                return self._with(_planned(fact, at))
            case RemediationStarted():
                return self._change(fact.item, standing=Standing.STARTED)
            case RemediationDone():
                done = {"done": fact.what, "done_at": fact.done_at, "done_by": by.id}
                return self._change(fact.item, standing=Standing.DONE, **done)
            case RemediationVerified():
                proven = {"standing": Standing.VERIFIED, "result": fact.proof, "verified_at": at}
                if by.kind == "person":
                    proven["verified_by"] = by.id
                return self._change(fact.item, **proven)
            case VerificationOvertaken():
                return self._change(fact.item, overtaken=fact.reason, overtaken_at=at)
            case ProofLost():
                return self._change(fact.item, unprovable=fact.reason)
            case ProofReturned():
                return self._change(fact.item, unprovable="")
            case VerificationFailed():
                times = self.items[fact.item].failed + 1
                return self._change(fact.item, standing=Standing.STARTED, result=fact.reason, failed=times)
            case RemediationReminded():
                return self
            case RemediationOverdue():
                return self._change(fact.item, overdue_at=at)
            case RemediationWithdrawn():
                return self._change(fact.item, standing=Standing.WITHDRAWN, result=fact.reason)
            case _:
                assert_never(fact)

    def _with(self, item: Item) -> Remediations:
        return replace(self, items={**self.items, item.item: item})

    def _change(self, item: str, **values: object) -> Remediations:
        return self._with(replace(self.items[item], **values))  # type: ignore[arg-type]

    # Reading -----------------------------------------------------------------------------------

    def open_items(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items.values() if item.standing.open)

    def verified(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items.values() if item.standing is Standing.VERIFIED)

    def overtaken(self) -> tuple[Item, ...]:
        return tuple(item for item in self.verified() if item.overtaken)

    def item(self, item: str) -> Item:
        """Raises NotAllowed where the incident has no such item."""
        found = self.items.get(item)
        if found is None:
            known = ", ".join(self.items) or "none yet"
            raise NotAllowed(f"{self.incident} has no remediation {item}; it has {known}")
        return found

    # Deciding ----------------------------------------------------------------------------------

    def plan(
        self,
        plan: Plan,
        state: Incident,
        playbook: Playbook,
        roster: Roster,
        system: System | None,
        now: datetime,
        from_review: bool = False,
    ) -> list[RemediationFact]:
        """The next item, with its bounds and numbers fixed as they are today. Raises NotAllowed."""
        if not state.cause:
            said = f"establish the root cause of {state.id} first; a remediation says which cause it removes"
            raise NotAllowed(said, first=("cause.set", state.id))
        if not plan.action.strip():
            raise NotAllowed("say what will be done")
        if plan.deadline <= now:
            raise NotAllowed(f"the deadline {wording.utc(plan.deadline)} is not in the future")
        person = roster.person(plan.responsible)
        if person is None:
            near = did_you_mean(plan.responsible.lower(), [one.id for one in roster.people])
            raise NotKnown(f"{plan.responsible} is not in the roster, so nobody can be reminded; {near}")
        if why := roster.barred(person.id):
            raise NotAllowed(f"{person.name} {why}, and can hold no task; name somebody else")
        remind_at = plan.deadline - playbook.remediation.remind_before
        return [
            RemediationPlanned(
                incident=state.id,
                item=f"{state.id}-R{len(self.items) + 1}",
                cause=state.cause,
                action=plan.action.strip(),
                kind=plan.kind,
                responsible=person.id,
                responsible_name=person.name,
                deadline=plan.deadline,
                remind_at=remind_at if remind_at > now else None,
                system=state.system,
                verification=_fixed(plan.verification, playbook, system),
                from_review=from_review,
            )
        ]

    def start(self, item: str) -> list[RemediationFact]:
        """Somebody begins; nothing when it has begun already."""
        found = self._require_open(item)
        if found.standing is not Standing.PLANNED:
            return []
        return [RemediationStarted(incident=self.incident, item=item)]

    def finish(
        self, item: str, what: str, done_at: datetime, opened_at: datetime, now: datetime
    ) -> list[RemediationFact]:
        """The action is taken; from now on its effect is looked at."""
        found = self._require_open(item)
        if found.standing is Standing.DONE:
            return []
        if not what.strip():
            raise NotAllowed("say what was done, so that somebody else could find it")
        if done_at > now:
            raise NotAllowed(f"{wording.utc(done_at)} is in the future; record it when it is done")
        if done_at < opened_at:
            raise NotAllowed(
                f"{wording.utc(done_at)} is before {self.incident} was opened; what was done then did not "
                "prevent it"
            )
        return [RemediationDone(incident=self.incident, item=item, what=what.strip(), done_at=done_at)]

    def judged(self, item: str, judgement: Judgement) -> list[RemediationFact]:
        """What the monitor says about a done item; nothing while it says nothing certain."""
        found = self.items[item]
        if found.standing is not Standing.DONE or found.verification.method is not Method.MONITOR:
            return []
        match judgement.outcome:
            case Outcome.PROVEN:
                return [
                    RemediationVerified(
                        incident=self.incident,
                        item=item,
                        method=Method.MONITOR,
                        proof=judgement.reason,
                        windows=judgement.windows,
                    )
                ]
            case Outcome.DISPROVEN:
                return [self._failed(found, judgement.reason, ())]
            case Outcome.OPEN:
                return []
            case _:
                assert_never(judgement.outcome)

    def accept(
        self, item: str, works: bool, proof: str, links: tuple[Link, ...], by: Actor
    ) -> list[RemediationFact]:
        """A person says what a test or review showed. Raises NotAllowed where a monitor must say it."""
        found = self._require_open(item)
        method = found.judged_by
        if method is Method.MONITOR:
            raise NotAllowed(
                f"{item} is verified by the monitor {found.verification.monitor}, not by hand: "
                f"{found.verification.how}"
            )
        if found.standing is not Standing.DONE:
            raise NotAllowed(f"{item} is {found.standing.value}; it must be done before it can be verified")
        if found.done_by == by.id:
            raise NotAllowed(f"{by.name} did {item}; somebody who did not do the work has to verify it")
        if not proof.strip():
            raise NotAllowed(f"say what the {method.value} showed")
        said = proof.strip()
        if found.unprovable:
            said += f" (Reviewed by a person, because no monitor proves it: {found.unprovable})"
        if not works:
            return [self._failed(found, said, links)]
        return [
            RemediationVerified(incident=self.incident, item=item, method=method, proof=said, links=links)
        ]

    def watched(self, item: str, lost: str) -> list[RemediationFact]:
        """Whether the monitor that is to prove an item is watched, or since when and why it is not (`lost`);
        nothing where that is known."""
        found = self.items[item]
        if not found.standing.open or bool(lost) == bool(found.unprovable):
            return []
        if lost:
            return [ProofLost(incident=self.incident, item=item, reason=lost)]
        return [ProofReturned(incident=self.incident, item=item)]

    def overtake(self, reason: str, happened: datetime, until: datetime) -> list[RemediationFact]:
        """Something that speaks of a time up to `until` happened after items were verified; once for each.

        What was measured before an item was done says nothing of it.
        """
        return [
            VerificationOvertaken(incident=self.incident, item=one.item, reason=reason)
            for one in self.verified()
            if not one.overtaken
            and one.verified_at
            and one.verified_at < happened
            and one.done_at
            and one.done_at < until
        ]

    def withdraw(self, item: str, reason: str) -> list[RemediationFact]:
        """It will not be done. Raises NotAllowed without a reason."""
        self._require_open(item)
        if not reason.strip():
            raise NotAllowed("say why it will not be done; the reason is part of the record")
        return [RemediationWithdrawn(incident=self.incident, item=item, reason=reason.strip())]

    def chase(self, item: str) -> list[RemediationFact]:
        """The deadline has come; nothing when the item is done or over."""
        found = self.items[item]
        if found.standing not in (Standing.PLANNED, Standing.STARTED):
            return []
        return [RemediationOverdue(incident=self.incident, item=item, deadline=found.deadline)]

    def remind(self, item: str) -> list[RemediationFact]:
        """The deadline comes near; nothing when the item is done or over."""
        found = self.items[item]
        if found.standing not in (Standing.PLANNED, Standing.STARTED):
            return []
        return [RemediationReminded(incident=self.incident, item=item, deadline=found.deadline)]

    def _failed(self, item: Item, reason: str, links: tuple[Link, ...]) -> VerificationFailed:
        return VerificationFailed(
            incident=self.incident,
            item=item.item,
            method=item.judged_by,
            reason=reason,
            deadline=item.deadline,
            links=links,
        )

    def _require_open(self, item: str) -> Item:
        found = self.item(item)
        if not found.standing.open:
            raise NotAllowed(f"{item} is {found.standing.value}; plan a new item for what is still to do")
        return found


def _planned(fact: RemediationPlanned, at: datetime) -> Item:
    return Item(
        item=fact.item,
        incident=fact.incident,
        cause=fact.cause,
        action=fact.action,
        kind=fact.kind,
        responsible=fact.responsible,
        responsible_name=fact.responsible_name,
        deadline=fact.deadline,
        system=fact.system,
        verification=fact.verification,
        from_review=fact.from_review,
        planned_at=at,
    )


def _fixed(wanted: Wanted, playbook: Playbook, system: System | None) -> Verification:
    """The verification with its monitor's limits as they are now: moving a limit later proves nothing."""
    if wanted.method is not Method.MONITOR:
        if not wanted.how.strip():
            raise NotAllowed(f"say which {wanted.method.value} will show that it works")
        return Verification(wanted.method, wanted.how.strip())
    monitor = _monitor(wanted.monitor, system)
    rule = playbook.remediation.verification
    windows = rule.monitor_in_bounds_windows if wanted.windows is None else wanted.windows
    lasting = rule.monitor_in_bounds_for if wanted.lasting is None else wanted.lasting
    if windows < 1 or lasting < timedelta(0):
        raise NotAllowed("one window at least must be back in bounds")
    said = f"{monitor.name} back in bounds for {wording.plural(windows, 'window')} in a row"
    return Verification(
        method=Method.MONITOR,
        how=f"{said}, {durations.spoken(lasting)} at least" if lasting else said,
        monitor=wanted.monitor,
        quantity=monitor.metric,
        below=monitor.limit.below if monitor.limit else None,
        above=monitor.limit.above if monitor.limit else None,
        windows=windows,
        lasting_seconds=round(lasting.total_seconds()),
        least_n=0 if monitor.measures.of_arrivals else monitor.least_n,
        least_group_n=monitor.min_group,
    )


def declared(monitor: str, system: System | None) -> Monitor | None:
    """The monitor of this id; `drift.income` is the monitor `drift` for one of its columns."""
    for one in system.monitors if system else ():
        if one.id == monitor or (one.columns and monitor.startswith(f"{one.id}.")):
            return one
    return None


def _monitor(monitor: str, system: System | None) -> Monitor:
    if found := declared(monitor, system):
        return found
    monitors = system.monitors if system else ()
    where = f"{system.name} has no monitor" if system else "the incident names no AI system with a monitor"
    raise NotKnown(f"{where} called {monitor!r}; {did_you_mean(monitor, [one.id for one in monitors])}")
