"""Steps that can be taken from the palette, from wherever one is: with nothing more, or with one sentence.

One idea: a hit is the form of a page, sent without opening the page. What may be taken, and what is refused,
is decided where it always is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

from holdfast.contain import reading
from holdfast.contain.containment import Stage
from holdfast.incident import register, roles
from holdfast.incident.incident import Incident
from holdfast.incident.register import Filter
from holdfast.interfaces.web.access import Visit
from holdfast.interfaces.web.views.playbook import to_sign
from holdfast.prepare.terms import Authority
from holdfast.problems import NotAllowed
from holdfast.steps import containment, incidents, playbook
from holdfast.wording import sentence

_EACH = 6
_LOOKED_AT = 20
"""Running incidents, the gravest first, whose steps are offered where none is named."""
_NUMBER = r"inc-?(\d{1,9})"
_TYPED = re.compile(rf"\s*(?:{_NUMBER}(?:\s+|$))?(\S*)\s*(.*)", re.IGNORECASE | re.DOTALL)
"""The incident, where its number stands in front; the verb; and the sentence behind it, as it was typed."""
_ALONE = re.compile(_NUMBER, re.IGNORECASE)


class Deed(NamedTuple):
    """One step, ready to be sent; or the way to its form where a word is missing."""

    verbs: str
    """What a person types to find it."""
    text: str
    detail: str
    address: str
    """Of the form that is sent, or of the page that it stands on."""
    values: Mapping[str, str] = MappingProxyType({})
    ready: bool = True

    def answers(self, verb: str) -> bool:
        return any(word.startswith(verb) for word in self.verbs.split())


def deeds(visit: Visit, q: str) -> list[Deed]:
    """What the reader can do now that answers to what they typed; on an incident's page, about that one.

    Another incident is meant by its number in front, `INC-4 note ...`, or as all that is said, `ack INC-4`. A
    number within a sentence belongs to the sentence.
    """
    number, verb, said = _parts(q)
    on = f"INC-{int(number)}" if number else _page(visit)
    made = [*_of_incidents(visit, _meant(visit, on), said), *_signatures(visit)]
    if not incidents.declare.refusal(visit.signed_in):
        made.append(_saying(said, "declare", "Declare an incident", "/declare", "/declare", "title"))
    return [one for one in made if one.answers(verb)][:_EACH]


def _parts(q: str) -> tuple[str, str, str]:
    """Number of the incident, verb in small letters, sentence."""
    typed = _TYPED.fullmatch(q)
    assert typed  # every text is of this form
    number, verb, said = typed[1] or "", typed[2].lower(), typed[3].rstrip()
    alone = _ALONE.fullmatch(said)
    return (alone[1], verb, "") if alone and not number else (number, verb, said)


def _meant(visit: Visit, incident: str) -> list[Incident]:
    """The incident that is named, while it runs; without one, those that run, the gravest first."""
    with visit.application.ledger.reading() as conn:
        if not incident:
            return register.find(conn, Filter(running=True), limit=_LOOKED_AT)
        state = register.get(conn, incident)
        return [state] if state.id and not state.status.over else []


def _of_incidents(visit: Visit, running: Sequence[Incident], said: str) -> Iterator[Deed]:
    for state in running:
        base = f"/incidents/{state.id}"
        if not state.acknowledged_at and not incidents.acknowledge.refusal(visit.signed_in):
            yield Deed("acknowledge", f"Acknowledge {state.id}", state.title, f"{base}/acknowledgement")
        yield from _containments(visit, state, base)
    if len(running) == 1 and not incidents.note.refusal(visit.signed_in):
        base = f"/incidents/{running[0].id}"
        yield _saying(said, "note", f"Note on {running[0].id}", base, f"{base}/notes", "note")


def _containments(visit: Visit, state: Incident, base: str) -> Iterator[Deed]:
    if containment.propose.refusal(visit.signed_in):
        return
    with visit.application.ledger.reading() as conn:
        known = reading.containments_of(conn, state.id)
    waiting = [one for one in known if one.waits(state.overtaken_at)]
    for one in waiting if waiting and _may_contain(visit, state) else ():
        own = f"{base}/containment/{one.id}"
        effect = f"{one.name}: {sentence(one.does)} Undone: {sentence(one.undo)}"
        if one.stage is Stage.PROPOSED:
            yield Deed("contain approve", f"Approve {one.id}", effect, f"{own}/approval")
        else:
            yield Deed("contain carry", f"Carry out {one.id}", effect, f"{own}/application")
    if not known:
        yield Deed("contain", f"Contain {state.id}\u2026", "choose how", f"{base}/containment", ready=False)


def _may_contain(visit: Visit, state: Incident) -> bool:
    """Whether the playbook gives the decision to a role that the reader fills."""
    ground = visit.application.desk.ground_of(state)
    try:
        roles.require(state, ground.playbook, ground.roster, visit.actor, Authority.CONTAIN)
    except NotAllowed:
        return False
    return True


def _signatures(visit: Visit) -> Iterator[Deed]:
    if playbook.sign.refusal(visit.signed_in):
        return
    for what, address, functions in to_sign(visit):
        for function in functions:
            text = f"Sign {what} for {function.label.lower()}"
            yield Deed("sign approve", text, "playbook", f"{address}/approvals", {"function": function.value})


def _saying(said: str, verbs: str, text: str, page: str, address: str, field: str) -> Deed:
    """A step that asks one sentence: ready once it is typed behind the verb."""
    if said:
        return Deed(verbs, f"{text}: {said}", "as typed", address, {field: said})
    return Deed(verbs, f"{text}\u2026", "type it behind the word", page, ready=False)


def _page(visit: Visit) -> str:
    """The incident whose page the palette was opened on; empty elsewhere."""
    address = urlsplit(visit.request.headers.get("hx-current-url", "")).path
    found = re.match(r"/incidents/(INC-\d{1,9})(?:/|$)", address)
    return found[1] if found else ""
