"""The roster: who there is, what they may reach, which incident roles they fill, and for whom they sign."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from holdfast.ledger.outbox import EMAIL, Channel
from holdfast.people import AccessRole, IncidentRole, Permission, allowed
from holdfast.prepare.documents import Document, Entry
from holdfast.prepare.terms import Function
from holdfast.problems import Fault, Problem, did_you_mean, form, shown

Text = Annotated[str, Field(min_length=1, max_length=4_000)]
ChannelName = Annotated[
    str, Field(pattern=form(r"^[a-z][a-z0-9-]{0,39}$", "write the channel's name, such as email or webhook"))
]
"""A channel of the installation, by which messages reach people."""


def _address(value: str) -> str:
    name, sign, domain = value.partition("@")
    if not (name and sign and domain) or any(char.isspace() or char in "<>,;@" for char in name + domain):
        raise Fault(f"{shown(value)} is not an e-mail address", "write for example maya.okafor@example.com")
    if value != value.lower():
        raise Fault(
            f"{shown(value)} has capital letters", f"write {value.lower()}: people are known by this address"
        )
    return value


def _zone(value: str) -> str:
    if value and value not in available_timezones():
        raise Fault(
            f"{shown(value)} is not a time zone",
            "write a name of the IANA database, for example Europe/Berlin or UTC",
        )
    return value


Zone = Annotated[str, AfterValidator(_zone), Field(max_length=64)]


PersonId = Annotated[str, AfterValidator(_address), Field(max_length=200)]
"""A person's e-mail address in small letters; how the whole product knows them."""


class Who(Entry):
    """The people a part of the playbook speaks of, by what they are rather than by name."""

    roles: tuple[IncidentRole, ...] = ()
    """Holders of these incident roles."""
    titles: tuple[Text, ...] = ()
    """Everyone in the roster with one of these titles."""
    on_call: bool = False
    """Whoever is on call."""

    def __bool__(self) -> bool:
        return bool(self.roles or self.titles or self.on_call)


_PHONE = form(r"^(\+[0-9 ()-]{5,30})?$", "begin with the country code, such as +353 1 234 5678")


class Person(Entry):
    id: PersonId
    name: Text
    titles: tuple[Text, ...] = ()
    access: tuple[AccessRole, ...] = ()
    """What they may reach in Holdfast; decided in `holdfast.people`."""
    functions: tuple[Function, ...] = ()
    """Functions they sign a playbook version for."""
    phone: str = Field("", pattern=_PHONE)
    timezone: Zone = ""
    """IANA name: times in messages are told in it too. Unset: the installation's."""
    addresses: Mapping[ChannelName, Text] = Field(default_factory=dict)
    """Where messages reach them, by channel: `webhook: https://…`. Mail goes to `id` where no `email` is
    named. What one channel does not deliver goes to the next one here, mail last if it is not named."""

    @property
    def reached_at(self) -> Mapping[str, str]:
        """Their address by channel, in the order in which they are tried."""
        return {**self.addresses, EMAIL: self.addresses.get(EMAIL, self.id)}

    def channel(self, wanted: str) -> str:
        """The channel a message to them goes by: the one wanted, or their first where they have no address
        for it."""
        return wanted if wanted in self.reached_at else next(iter(self.reached_at))


class Assignment(Entry):
    """Who fills one incident role, and who steps in, in order."""

    holder: PersonId
    deputies: tuple[PersonId, ...] = ()

    def in_order(self) -> tuple[str, ...]:
        return (self.holder, *self.deputies)


class Assignments(Entry):
    """The six incident roles (R-ESC-05)."""

    incident_commander: Assignment
    technical_lead: Assignment
    data_science_lead: Assignment
    security_lead: Assignment
    compliance_lead: Assignment
    communications_lead: Assignment

    def __getitem__(self, role: str) -> Assignment:
        found: Assignment = getattr(self, IncidentRole(role).value)
        return found


class Roster(Entry):
    """`roster.yaml`."""

    people: tuple[Person, ...] = Field(min_length=1)
    roles: Assignments
    on_call: tuple[PersonId, ...] = Field(min_length=1)
    """Engineers in the order they are called."""

    def person(self, person: str) -> Person | None:
        """The person with this id (e-mail address, any case)."""
        return next((one for one in self.people if one.id == person.lower()), None)

    def called(self, person: str) -> str:
        """The name of a person, or the address of somebody who is not in it."""
        found = self.person(person)
        return found.name if found else person

    def holder(self, role: str) -> Person:
        """Who fills an incident role."""
        return self._named(self.roles[role].holder)

    def deputies(self, role: str) -> tuple[Person, ...]:
        """Who steps in for the holder, in order."""
        return tuple(self._named(one) for one in self.roles[role].deputies)

    def titled(self, title: str) -> tuple[Person, ...]:
        """Everyone with a title."""
        return tuple(one for one in self.people if title in one.titles)

    def signers(self, function: str) -> tuple[Person, ...]:
        """Everyone who may sign for a function."""
        return tuple(one for one in self.people if function in one.functions)

    def takes_part(self, person: str) -> bool:
        """Whether somebody may hold a role or a task: their access lets them do what it asks."""
        return not self.barred(person)

    def barred(self, person: str) -> str:
        """Why somebody can hold no role and no task, to be said behind their name; empty where they can.

        Who audits the response takes no part in it; anybody else must be allowed to respond. To be told
        needs no access.
        """
        access = self.access(person)
        if AccessRole.AUDITOR in access:
            return "audits"
        if not allowed(access, Permission.RESPOND):
            held = ", ".join(access) or "nothing"
            return f"may not {Permission.RESPOND.value} (access: {held})"
        return ""

    def actors(self) -> tuple[Person, ...]:
        """Everyone who can hold a role or a task."""
        return tuple(one for one in self.people if self.takes_part(one.id))

    def may_sign(self, person: str, function: str) -> bool:
        found = self.person(person)
        return found is not None and function in found.functions and self.takes_part(person)

    def access(self, person: str) -> tuple[AccessRole, ...]:
        """What a person may reach; nothing for somebody who is not in the roster (R-XCT-01)."""
        found = self.person(person)
        return found.access if found else ()

    def reach(self, who: Who) -> tuple[Person, ...]:
        """The people `who` speaks of, each once, roles before titles before on call."""
        return tuple({one.id: one for one in self._reached(who)}.values())

    def _reached(self, who: Who) -> Iterator[Person]:
        for role in who.roles:
            yield self.holder(role)
        for title in who.titles:
            yield from self.titled(title)
        if who.on_call:
            yield self._named(self.on_call[0])

    def _named(self, person: str) -> Person:
        found = self.person(person)
        if found is None:
            raise LookupError(
                f"{person} is not among the people of the roster; add them or correct the address"
            )
        return found


def roster_problems(
    document: Document, roster: Roster, channels: Mapping[str, Channel] | None = None
) -> list[Problem]:
    """What the shape alone cannot tell: people named twice or not at all, functions nobody signs for."""
    ids = [person.id for person in roster.people]
    problems = []
    for index, person in enumerate(ids):
        if person in ids[:index]:
            first = ids.index(person)
            cause = f"{person} is listed twice, first as people[{first}]"
            problems.append(document.problem(("people", index, "id"), cause, "keep one of them"))
    for way, person in _mentions(roster):
        if person not in ids:
            fix = f"add them to people, or {did_you_mean(person, ids)}"
            problems.append(document.problem(way, f"{person} is not among the people", fix))
    if channels is not None:
        problems += _addresses(document, roster, channels)
    return [
        *problems,
        *_auditors(document, roster),
        *_powerless(document, roster),
        *_missing_powers(document, roster),
    ]


def _addresses(document: Document, roster: Roster, channels: Mapping[str, Channel]) -> Iterator[Problem]:
    """An address that nothing can be delivered at fails at the moment it is needed."""
    for index, person in enumerate(roster.people):
        for name, address in person.addresses.items():
            way, channel = ("people", index, "addresses", name), channels.get(name)
            if channel is None:
                yield document.problem(way, *not_set_up(name, channels), at_key=True)
            elif fault := channel.unusable(address):
                yield document.problem(way, fault.cause, fault.fix)


def not_set_up(name: str, channels: Collection[str]) -> tuple[str, str]:
    """Cause and remedy where a file names a channel that this installation does not have."""
    known = ", ".join(channels)
    return (
        f"no channel called {name} is set up in this installation",
        f"set it up, or write one that is: {known}",
    )


def _mentions(roster: Roster) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for role in IncidentRole:
        assignment = roster.roles[role]
        yield ("roles", role.value, "holder"), assignment.holder
        for index, deputy in enumerate(assignment.deputies):
            yield ("roles", role.value, "deputies", index), deputy
    for index, person in enumerate(roster.on_call):
        yield ("on_call", index), person


def _auditors(document: Document, roster: Roster) -> Iterator[Problem]:
    """Who audits a response holds no role and no task in it: nobody judges their own work."""
    for index, person in enumerate(roster.people):
        if AccessRole.AUDITOR not in person.access:
            continue
        for name, held in (("access", len(person.access) > 1), ("functions", bool(person.functions))):
            if held:
                cause = f"{person.name} audits, and whoever audits takes no part in what is audited"
                fix = "keep access: [auditor] and no functions, or give the audit to somebody else"
                yield document.problem(("people", index, name), cause, fix)


def _powerless(document: Document, roster: Roster) -> Iterator[Problem]:
    """Whoever holds a role, a task or a function can do what it asks: see `holdfast.people`."""
    may = "or add responder to their access"
    for index, person in enumerate(roster.people):
        if person.functions and not roster.takes_part(person.id) and AccessRole.AUDITOR not in person.access:
            cause = f"{person.name} {roster.barred(person.id)}, and can sign for no function"
            fix = f"leave functions out, {may}"
            yield document.problem(("people", index, "functions"), cause, fix)
    for way, id_ in _mentions(roster):
        why = roster.barred(id_) if roster.person(id_) else ""
        if why:
            fix = "name somebody else" if why == "audits" else f"name somebody else, {may}"
            yield document.problem(way, f"{id_} {why}, and can hold no role and no task", fix)


def _missing_powers(document: Document, roster: Roster) -> list[Problem]:
    """Someone must be able to change the roster itself, and deputies must be other people."""
    problems = []
    if not any(AccessRole.ADMINISTRATOR in person.access for person in roster.people):
        cause = "nobody has the access role administrator"
        problems.append(document.problem(("people",), cause, "give it to one person at least", at_key=True))
    for role in IncidentRole:
        order = roster.roles[role].in_order()
        for index, deputy in enumerate(order[1:]):
            if deputy in order[: index + 1]:
                way = ("roles", role.value, "deputies", index)
                problems.append(
                    document.problem(way, f"{deputy} stands in for themselves", "name somebody else")
                )
    return problems
