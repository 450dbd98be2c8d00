"""Changes that are signed like the playbook: of what is watched, how it is judged and contained, and of who
may do what.

One idea: a limit moved, a log pointed elsewhere, a positive class turned round, or an authority given away
undoes a playbook without touching it. So the playbook in force says which functions sign such a change
(`governance.signed_changes`); until they have, what was in force stays so, and monitors run by it. Whatever
is not named here as free is signed: so is a field that a later release adds, until somebody says otherwise.
Taking access away is no such change: it must not wait for anybody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.folding import Kind
from holdfast.people import Actor, IncidentRole
from holdfast.prepare.events import (
    ChangeApproved,
    ChangeKind,
    ChangeProposed,
    ChangeWithdrawn,
)
from holdfast.prepare.roster import Roster
from holdfast.prepare.systems import Monitor, System
from holdfast.prepare.terms import Function
from holdfast.problems import NoAuthority, NotAllowed, NotThere, did_you_mean

State = Literal["proposed", "in force", "withdrawn"]
_FREE = {"name", "purpose", "owner", "models", "data_used", "depends_on_it"}
_FREE |= {"business_impact", "compliance_risk", "subject"}
"""What of a system is for people to read, or which model was deployed: no alarm comes or stays away by it."""
_WORDS = {"id", "name", "reason", "when", "tells"}
"""What of a monitor, or of an option of containment, can be worded anew. Whom it tells is looked at apart."""


_APART = {"columns", "labels", "reference"}
"""Of a prediction log: what is told field by field."""


class NoSuchChange(NotThere, NotAllowed):
    """No change has this number."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, and when."""

    person: str
    name: str
    at: datetime


def require_signer(
    roster: Roster, function: Function, signed: Mapping[Function, Signature], by: Actor, what: str
) -> None:
    """A person signs for a function they hold in the roster, and for one only (R-PRE-05).

    Raises NoAuthority and NotAllowed. `what` is signed: "version 1.1".
    """
    if by.kind != "person" or not roster.may_sign(by.id, function):
        signers = " or ".join(person.name for person in roster.signers(function)) or "nobody yet"
        raise NoAuthority(f"{by.name} does not sign for {function.label.lower()}; the roster names {signers}")
    for other, signature in signed.items():
        if other is not function and signature.person == by.id.lower():
            raise NotAllowed(
                f"{by.name} has signed {what} for {other.label.lower()}; one person signs for one "
                f"function, so somebody else has to for {function.label.lower()}"
            )


@dataclass(frozen=True, slots=True)
class Change:
    """One change as its facts tell it."""

    proposed: ChangeProposed
    at: datetime
    by: Actor
    """Who applied the files."""
    signed: Mapping[Function, Signature] = field(default_factory=dict)
    state: State = "proposed"
    reason: str = ""
    """Why it was withdrawn."""

    @property
    def id(self) -> str:
        return self.proposed.change

    @property
    def subject(self) -> str:
        return self.proposed.subject

    @property
    def open(self) -> tuple[Function, ...]:
        """Functions whose signature is missing."""
        return tuple(one for one in self.proposed.sign_off if one not in self.signed)


@dataclass(frozen=True, slots=True)
class Changes:
    """Every change that was to be signed, folded from its facts; decides what may happen to them."""

    all: Mapping[str, Change] = field(default_factory=dict)

    def after(self, recorded: Recorded) -> Changes:
        match recorded.fact:
            case ChangeProposed() as fact:
                return self._with(Change(fact, recorded.at, recorded.by))
            case ChangeApproved() as fact:
                change = self.all[fact.change]
                signature = Signature(fact.person, fact.name, recorded.at)
                change = replace(change, signed={**change.signed, fact.function: signature})
                return self._with(change if change.open else replace(change, state="in force"))
            case ChangeWithdrawn() as fact:
                return self._with(replace(self.all[fact.change], state="withdrawn", reason=fact.reason))
        return self

    def _with(self, change: Change) -> Changes:
        return Changes({**self.all, change.id: change})

    @property
    def waiting(self) -> tuple[Change, ...]:
        return tuple(one for one in self.all.values() if one.state == "proposed")

    def of(self, subject: str) -> Change | None:
        """What waits for signatures about one system, or about the roster."""
        return next((one for one in self.waiting if one.subject == subject), None)

    def propose(self, wanted: ChangeProposed) -> list[Fact]:
        """The change, in place of another about the same subject; nothing when it waits already."""
        known = self.of(wanted.subject)
        if known and (known.proposed.content, known.proposed.sign_off) == (wanted.content, wanted.sign_off):
            return []
        numbered = replace(wanted, change=f"CHG-{len(self.all) + 1}")
        return [*self.withdraw(wanted.subject, f"{numbered.change} replaces it"), numbered]

    def withdraw(self, subject: str, reason: str) -> list[Fact]:
        known = self.of(subject)
        return [ChangeWithdrawn(change=known.id, subject=subject, reason=reason)] if known else []

    def require(self, change: str) -> Change:
        """Raises NoSuchChange."""
        if change not in self.all:
            raise NoSuchChange(f"there is no change {change}; {did_you_mean(change, self.all)}")
        return self.all[change]

    def approve(self, change: str, function: Function, roster: Roster, by: Actor) -> list[Fact]:
        """Sign for a function; nothing when it is signed already. Raises NotAllowed."""
        found = self.require(change)
        if function not in found.proposed.sign_off:
            wanted = ", ".join(one.label.lower() for one in found.proposed.sign_off)
            raise NotAllowed(f"{change} does not ask for {function.label.lower()}; it asks for {wanted}")
        if found.state != "proposed":
            raise NotAllowed(f"{change} is {found.state} and takes no signatures")
        require_signer(roster, function, found.signed, by, change)
        if function in found.signed:
            return []
        return [
            ChangeApproved(
                change=change, subject=found.subject, function=function, person=by.id.lower(), name=by.name
            )
        ]


CHANGES = Kind("changes", lambda _: Changes(), Changes.after)


# What a change is ----------------------------------------------------------------------------------


def of_limits(old: System, new: System | None) -> tuple[str, ...]:
    """What another version of a system's file, or none, changes in what is watched, how it is judged, and
    what its switches do.

    What is added changes nothing that was agreed.
    """
    if new is None:
        held = [
            what for what, there in (("monitors", old.is_covered), ("containment", old.containment)) if there
        ]
        return (f"{old.name} is withdrawn, with its {' and '.join(held)}",) if held else ()
    if old.is_covered and new.prediction_log is None:
        return (f"{old.name} has no prediction log any more, so nothing watches it",)
    monitors = {monitor.id: monitor for monitor in new.monitors}
    return (
        *_of_system(old, new),
        *(said for monitor in old.monitors for said in _of_monitor(monitor, monitors.get(monitor.id))),
        *_of_options(old, new),
    )


def _of_system(old: System, new: System) -> Iterator[str]:
    apart = {"id", "monitors", "containment", "prediction_log"}
    yield from _differences("", *_dumped(_FREE | apart, old, new))
    if old.prediction_log is not None and new.prediction_log is not None:
        yield from _differences("prediction log, ", *_dumped(set(), old.prediction_log, new.prediction_log))


def _of_monitor(old: Monitor, new: Monitor | None) -> Iterator[str]:
    if new is None:
        yield f"{old.id} is gone"
        return
    yield from _differences(f"{old.id}, ", *_dumped(_WORDS, old, new))
    if untold := [role.value.replace("_", " ") for role in old.tells if role not in new.tells]:
        yield f"{old.id} no longer tells the {', '.join(untold)}"


def _of_options(old: System, new: System) -> Iterator[str]:
    options = {option.id: option for option in new.containment}
    for option in old.containment:
        if option.id not in options:
            yield f"the containment {option.id} is gone"
        else:
            yield from _differences(f"{option.id}, ", *_dumped(_WORDS, option, options[option.id]))
    kinds = {option.flag: option.kind for option in old.containment}
    for option in new.containment:  # a flag is a switch or a route: another kind turns what it answers
        if kinds.get(option.flag, option.kind) is not option.kind:
            yield f"{option.id} makes {option.flag} a flag of another kind"


def _dumped(without: set[str], *models: BaseModel) -> list[Mapping[str, Any]]:
    return [one.model_dump(mode="json", by_alias=True, exclude=without) for one in models]


def _differences(where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in before:
        was, now = before[name], after[name]
        if was == now:
            continue
        if name in _APART and isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _differences(f"{where}{name}, ", was, now)
        else:
            yield f"{where}{name.replace('_', ' ')}: {_spelled(was)}, then {_spelled(now)}"


def _spelled(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        told = {name: one for name, one in value.items() if one is not None}
        return ", ".join(f"{name.replace('_', ' ')} {_spelled(one)}" for name, one in told.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def of_authority(old: Roster, new: Roster) -> tuple[str, ...]:
    """What another roster changes in who may do what: access given, functions, incident roles."""
    return (*_of_people(old, new), *_of_roles(old, new))


def _of_people(old: Roster, new: Roster) -> Iterator[str]:
    before = {person.id: person for person in old.people}
    for person in new.people:
        known = before.get(person.id)
        given = [role.value for role in person.access if known is None or role not in known.access]
        if given:
            yield f"{person.name} is given the access {', '.join(given)}"
    after = {person.id: person.functions for person in new.people}
    for id_ in dict.fromkeys((*before, *after)):
        had = before[id_].functions if id_ in before else ()
        has = after.get(id_, ())
        if set(had) != set(has):
            yield f"{id_} signs for {_listed(has)}, before for {_listed(had)}"


def _of_roles(old: Roster, new: Roster) -> Iterator[str]:
    for role in IncidentRole:
        before, after = old.roles[role].in_order(), new.roles[role].in_order()
        if before != after:
            name = role.value.replace("_", " ")
            yield f"{name}: {', '.join(after)}, before {', '.join(before)}"


def _listed(functions: Sequence[Function]) -> str:
    return ", ".join(function.label.lower() for function in functions) or "nothing"


def proposal(
    kind: ChangeKind,
    subject: str,
    differences: tuple[str, ...],
    sign_off: tuple[Function, ...],
    against: str,
    **file: str,
) -> ChangeProposed:
    """A change that has no number yet."""
    return ChangeProposed(
        change="",
        subject=subject,
        kind=kind,
        differences=differences,
        sign_off=sign_off,
        against=against,
        content=file.get("content", ""),
        file=file.get("file", ""),
        title=file.get("title", ""),
        text=file.get("text", ""),
    )
