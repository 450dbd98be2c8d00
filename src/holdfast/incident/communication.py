"""Messages of the protocol: who hears what at which moment (R-ESC-04). Wording is the playbook's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from holdfast.incident.events import Member
from holdfast.incident.incident import Incident
from holdfast.incident.roles import members
from holdfast.ledger import outbox
from holdfast.ledger.ledger import Draft
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.roster import Roster
from holdfast.prepare.terms import Moment, Severity

LinkTo = Callable[[str], str]
"""The address of an incident's page."""


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
) -> list[Draft]:
    """One queued message per person for everything the protocol of this severity says at this moment.

    `also` are people the moment itself concerns: the team that is assembled, those escalated to. `system` is
    the name of the AI system as people say it. `before` is the severity that was in force until now: whoever
    its protocol names is told as well.
    """
    if state.severity is None:
        return []
    drafts, told = [], set[str]()
    severities = dict.fromkeys((state.severity, before or state.severity))
    protocols = playbook.communication.protocols
    for message in (message for severity in severities for message in protocols[severity].messages):
        if message.on is not moment:
            continue
        template = playbook.communication.templates[message.template]
        for member in (*also, *members(roster, message.to)):
            if member.person in told:
                continue
            told.add(member.person)
            subject, text = template.filled(_words(state, member, reason, link, system))
            drafts.append(outbox.queue(message.channel, member.person, subject, text, state.id))
    return drafts


def proposal(
    state: Incident, to: Iterable[Member], reason: str, link: LinkTo, system: str = ""
) -> list[Draft]:
    """Tells whoever may decide it that the rules propose another severity than the one in force.

    In the product's own words: it is a question about the playbook's rules, and must reach somebody under
    every playbook.
    """
    if state.severity is None or state.proposed is None:
        return []
    lower = state.proposed.severity.rank > state.severity.rank
    verb = "lower" if lower else "raise"
    subject = f"{state.id}: the rules propose to {verb} it to {state.proposed.severity.label}"
    stays = (
        "It stays in force until a person with the authority lowers it."
        if lower
        else ("It stays in force until a person decides.")
    )
    drafts = []
    for member in to:
        words = _words(state, member, reason, link, system)
        text = (
            f"{words['person']},\n\n{state.id} ({words['system']}: {words['title']}) is {words['severity']}. "
            f"{stays}\n\nWhat is known now proposes another: {reason}\n\n"
            f"Decide as {words['role']}:\n{words['link']}\n"
        )
        drafts.append(outbox.queue("email", member.person, " ".join(subject.split()), text, state.id))
    return drafts


def _words(state: Incident, member: Member, reason: str, link: LinkTo, system: str) -> dict[str, str]:
    clock = state.next_clock
    return {
        "incident": state.id,
        "title": state.title,
        "severity": state.severity.label if state.severity else "not classified",
        "category": state.category.label if state.category else "not classified",
        "system": system or state.system or "no system named",
        "summary": _summary(state),
        "reason": reason,
        "clock": clock.clock.due_word if clock else "no clock is running",
        "due": _moment(clock.due) if clock else "nothing is due",
        "person": member.name,
        "role": member.role.replace("_", " "),
        "link": link(state.id),
    }


def _summary(state: Incident) -> str:
    parts = [state.description] if state.description else []
    parts += [alert.reason for alert in state.alerts]
    if state.impact and state.impact.users is not None:
        parts.append(f"{state.impact.users:,} people affected as counted so far.")
    return " ".join(parts) or state.title


def _moment(moment: datetime) -> str:
    return moment.strftime("%a %d %b %Y, %H:%M UTC")
