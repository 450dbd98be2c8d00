"""Messages of the protocol: who hears what at which moment (R-ESC-04). Wording is the playbook's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast import wording
from holdfast.incident.asking import CONTAINMENT_ASKED, SEVERITY_ASKED
from holdfast.incident.events import Member, TierLowered
from holdfast.incident.incident import Incident
from holdfast.incident.roles import members
from holdfast.ledger import outbox
from holdfast.ledger.ledger import Draft
from holdfast.ledger.outbox import EMAIL
from holdfast.prepare import promises
from holdfast.prepare.playbook import Playbook, Template
from holdfast.prepare.roster import Roster, Who
from holdfast.prepare.terms import Moment, Severity
from holdfast.wording import sentence

LinkTo = Callable[[str], str]
"""The address of an incident's page."""


@dataclass(frozen=True, slots=True)
class Late:
    """A promise that was not kept: the one a message is about, whichever clock runs next."""

    clock: str
    due: datetime

    @property
    def sentence(self) -> str:
        return self.said(wording.utc(self.due))

    def said(self, when: str) -> str:
        return f"{promises.named(self.clock).due} was due by {when} and was not done"


def messages(
    moment: Moment,
    state: Incident,
    playbook: Playbook,
    roster: Roster,
    link: LinkTo,
    reason: str,
    also: Iterable[Member] = (),
    system: str = "",
    before: Severity | None = None,
    *,
    zone: str = "UTC",
    late: Late | None = None,
) -> list[Draft]:
    """One queued message per person for everything the protocol of this severity says at this moment.

    `also` are people the moment itself concerns: the team that is assembled, those escalated to. They are
    written to under every playbook, also one that says nothing about this moment. `system` is the name of
    the AI system as people say it. `before` is the severity that was in force until now: whoever its protocol
    names is told as well. `zone` is the installation's, for those whose own is not in the roster.
    """
    if state.severity is None:
        return []
    concerned = tuple(also)
    drafts, told = [], set[str]()
    for channel, to, template, within in _spoken(moment, state.severity, before, playbook, bool(concerned)):
        for member in (*concerned, *(members(roster, to) if to else ())):
            if member.person in told or roster.person(member.person) is None:
                continue  # told already, or not here any more
            told.add(member.person)
            reads = _Reading(member, zone_of(roster, member.person, zone), link)
            subject, text = template.filled(_words(state, reads, reason, system, late))
            named = roster.person(member.person)
            way = named.channel(channel) if named else EMAIL
            drafts.append(_queued(way, state, reads, subject, text, moment.value, within))
    return drafts


def _spoken(
    moment: Moment, severity: Severity, before: Severity | None, playbook: Playbook, concerns: bool
) -> list[tuple[str, Who | None, Template, timedelta | None]]:
    """Channel, receivers, wording and promised time of every message for this moment.

    A playbook signed by an older release may have none for it. Whom it concerns is written to all the same:
    in the words that the playbook has for a graver severity, else in the product's.
    """
    protocols, templates = playbook.communication.protocols, playbook.communication.templates
    asked = dict.fromkeys((severity, before or severity))
    found = [message for one in asked for message in protocols[one].messages if message.on is moment]
    if found or not concerns:
        return [
            (message.channel, message.to, templates[message.template], message.within) for message in found
        ]
    elsewhere = (message for one in Severity for message in protocols[one].messages if message.on is moment)
    known = next(elsewhere, None)
    template = templates[known.template] if known else _OWN.get(moment, _STANDARD)
    return [(EMAIL, None, template, None)]


_STANDARD = Template(
    subject="{incident} {severity}: {title}",
    text="{person},\n\n{incident} ({severity}, {system}) concerns you. {reason}\n\n{summary}\n\n{link}\n",
)


def _own(subject: str, text: str) -> Template:
    return Template(subject=f"{{incident}} {subject}: {{title}}", text=f"{{person}},\n\n{text}\n\n{{link}}\n")


_OWN = {
    Moment.REVERTED: _own(
        "has a switch set back", "A containment of {incident} in {system} was reverted. {reason}"
    ),
    Moment.HANDED_OVER: _own(
        "is handed over", "{incident} ({severity}, {system}) is handed over. {reason}\n\n{summary}"
    ),
    Moment.UPDATED: _own("has an update", "How {incident} ({severity}, {system}) stands:\n\n{reason}"),
    Moment.RESOLVED: _own("is resolved", "{incident} ({severity}, {system}) is resolved. {reason}"),
    Moment.DISMISSED: _own("is dismissed", "{incident} ({severity}, {system}) is dismissed. {reason}"),
    Moment.MERGED: _own(
        "goes on as {into}",
        "{reason}\n\nNothing can be added to {incident} any more. The response goes on here:",
    ),
}
"""The product's words where no protocol of the playbook has any."""


def zone_of(roster: Roster, person: str, otherwise: str) -> str:
    """The time zone in which a person is told times beside UTC."""
    found = roster.person(person)
    return (found.timezone if found else "") or otherwise


@dataclass(frozen=True, slots=True)
class _Reading:
    """Who reads a message, and where they are."""

    member: Member
    zone: str
    link: LinkTo

    def when(self, moment: datetime) -> str:
        return wording.utc_and_local(moment, self.zone)


def _queued(
    channel: str,
    state: Incident,
    reads: _Reading,
    subject: str,
    text: str,
    about: str,
    within: timedelta | None = None,
) -> Draft:
    to = reads.member
    return outbox.queue(
        channel,
        to.person,
        subject,
        text,
        state.id,
        zone=reads.zone,
        name=to.name,
        role=to.role,
        about=about,
        within=within,
    )


def proposal(
    state: Incident,
    severity: Severity,
    to: Iterable[Member],
    roster: Roster,
    reason: str,
    link: LinkTo,
    system: str = "",
    *,
    zone: str = "UTC",
    reported: bool = False,
) -> list[Draft]:
    """Tells whoever may decide it that the rules propose another severity than the one in force, or that
    somebody reports it as graver than a person decided.

    In the product's own words: it is a question about a decision, and must reach somebody under every
    playbook.
    """
    if state.severity is None:
        return []
    lower = severity.rank > state.severity.rank
    verb = "lower" if lower else "raise"
    about = (
        f"it is reported as {severity.label}"
        if reported
        else (f"the rules propose to {verb} it to {severity.label}")
    )
    stays = (
        "It stays in force until a person with the authority lowers it."
        if lower
        else "It stays in force until a person decides."
    )
    news = f"It is reported as {severity.label}:" if reported else "What is known now proposes another:"
    drafts = []
    for member in to:
        reads = _Reading(member, zone_of(roster, member.person, zone), link)
        words = _words(state, reads, reason, system)
        text = (
            f"{words['person']},\n\n{state.id} ({words['system']}: {words['title']}) is {words['severity']}. "
            f"{stays}\n\n{news} {reason}\n\nDecide as {words['role']}:\n{words['link']}\n"
        )
        drafts.append(_queued("email", state, reads, f"{state.id}: {about}", text, SEVERITY_ASKED))
    return drafts


def waits_for_approval(
    state: Incident,
    to: Iterable[Member],
    roster: Roster,
    what: str,
    reason: str,
    by: str,
    link: LinkTo,
    system: str = "",
    *,
    zone: str = "UTC",
) -> list[Draft]:
    """Tells whoever may approve a containment that one is proposed. In the product's own words: see
    `proposal`."""
    drafts = []
    subject = " ".join(f"{state.id}: a containment waits for your decision: {what}".split())
    for member in to:
        reads = _Reading(member, zone_of(roster, member.person, zone), link)
        words = _words(state, reads, reason, system)
        text = (
            f"{words['person']},\n\n{by} proposes a containment of {state.id} ({words['system']}: "
            f"{words['title']}): {what}.\n\nWhy: {reason}\n\nNothing is switched before it is approved. "
            f"Decide as {words['role']}:\n{words['link']}/containment\n"
        )
        drafts.append(_queued("email", state, reads, subject, text, CONTAINMENT_ASKED))
    return drafts


def tier_left(
    state: Incident,
    lowered: TierLowered,
    roster: Roster,
    reason: str,
    link: LinkTo,
    *,
    zone: str = "UTC",
) -> list[Draft]:
    """Tells whom the fact names that a tier they were called for is left. In the product's own words: see
    `proposal`."""
    subject = f"{state.id} is lowered to tier {lowered.tier}: {state.title}"
    severity = f", and stays {state.severity.label}" if state.severity and not state.status.over else ""
    text = (
        f"{state.id} is at tier {lowered.tier} again{severity}: {sentence(reason)} "
        f"Why: {sentence(lowered.reason)}\n\nYou were called for the tier that is left:\n{link(state.id)}\n"
    )
    people = {one.person: one for one in lowered.told}.values()
    readers = [_Reading(one, zone_of(roster, one.person, zone), link) for one in people]
    return [
        _queued("email", state, one, subject, f"{one.member.name},\n\n{text}", "tier left") for one in readers
    ]


@dataclass(frozen=True, slots=True)
class News:
    """What became of an incident, for whom it concerns. In the product's own words: see `proposal`."""

    subject: str
    sentence: str
    about: str


def news(
    told: News,
    state: Incident,
    to: Iterable[Member],
    roster: Roster,
    link: LinkTo,
    system: str = "",
    *,
    zone: str = "UTC",
) -> list[Draft]:
    """One message a person."""
    drafts = []
    for member in {one.person: one for one in to if roster.person(one.person)}.values():
        reads = _Reading(member, zone_of(roster, member.person, zone), link)
        words = _words(state, reads, "", system)
        subject = f"{state.id} {told.subject}: {words['title']}"
        text = (
            f"{words['person']},\n\n{state.id} ({words['severity']}, {words['system']}: {words['title']}) "
            f"{told.subject}. {told.sentence}\n\n{words['link']}\n"
        )
        drafts.append(_queued("email", state, reads, subject, text, told.about))
    return drafts


def _words(
    state: Incident, reads: _Reading, reason: str, system: str, late: Late | None = None
) -> dict[str, str]:
    running = state.next_clock
    about = late or (Late(running.clock, running.due) if running else None)
    if late:
        further = "" if reason in ("", late.sentence) else f"; {reason}"
        reason = f"{late.said(reads.when(late.due))}{further}."
    return {
        "incident": state.id,
        "title": state.title,
        "severity": _severity(state),
        "category": state.category.label if state.category else "not classified",
        "system": system or state.system or "no system named",
        "summary": _summary(state),
        "reason": reason,
        "clock": promises.named(about.clock).due if about else "no clock is running",
        "due": reads.when(about.due) if about else "nothing is due",
        "person": reads.member.name,
        "role": reads.member.role.replace("_", " "),
        "link": reads.link(state.merged_into or state.id),
        "ask": _ask(state, reads.member.person),
        "into": state.merged_into or "no other incident",
    }


def _ask(state: Incident, person: str) -> str:
    """What an incident asks of whom it calls: an answer only while nobody has given one."""
    if state.answer is None:
        return "Please acknowledge and take over, or name somebody who does:"
    who = "You" if state.answer.person == person else state.answer.name
    return f"{who} acknowledged it. How it stands, and what is to be decided:"


def _severity(state: Incident) -> str:
    """As pages say it: what the rules propose, or somebody reported, is not a person's classification yet."""
    if state.severity is None:
        return "not classified"
    return state.severity.label if state.classified_at else f"{state.severity.label} (not confirmed)"


def _summary(state: Incident) -> str:
    parts = [state.description] if state.description else []
    parts += [alert.reason for alert in state.own_alerts]
    if known := state.people_dated:
        said = wording.capital(", ".join(known))
        parts.append(f"{'; '.join(filter(None, (f'{said}, as known so far', state.harm)))}.")
    return " ".join(parts) or state.title
