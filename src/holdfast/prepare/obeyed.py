"""What obeys each field of the playbook, and what became of fields that nothing obeyed.

A playbook is signed: what it promises is either done by a mechanism, or is there for people, who read it on
the playbook's page. A field that is neither has no place in it; `tests/prepare/test_obeyed.py` walks
them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from holdfast.prepare.documents import Document, Way
from holdfast.prepare.playbook import Each, Playbook
from holdfast.problems import Problem

PEOPLE = "people"
"""It is shown to people, and no mechanism acts on it."""

_CRITERIA = {"says": "incident/triage.py: propose", "when": "incident/triage.py: propose"}
OBEYED: Mapping[str, str] = {
    "title": PEOPLE,
    "organisation": PEOPLE,
    "version": "prepare/versions.py: apply_workspace",
    "owner": "prepare/versions.py: remind_of_review",
    "purpose": PEOPLE,
    "scope": PEOPLE,
    "governance.sign_off": "prepare/versions.py: approve_playbook",
    "governance.signed_changes.limits": "prepare/changes.py: Change",
    "governance.signed_changes.authority": "prepare/changes.py: Change",
    "governance.review_every": "prepare/versions.py: remind_of_review",
    "governance.review": PEOPLE,
    "definition.statement": PEOPLE,
    "definition.includes": PEOPLE,
    "definition.excludes": PEOPLE,
    "triggers.opens.says": "incident/triage.py: trigger",
    "triggers.opens.when": "incident/triage.py: trigger",
    "triggers.opens.because": PEOPLE,
    "triggers.elsewhere.what": PEOPLE,
    "triggers.elsewhere.goes_to": PEOPLE,
    "triggers.elsewhere.because": PEOPLE,
    "categories.*.means": PEOPLE,
    "categories.*.examples": PEOPLE,
    **{f"categories.*.criteria.{name}": what for name, what in _CRITERIA.items()},
    "classification.category_order": "incident/triage.py: propose",
    "classification.category_otherwise": "incident/triage.py: propose",
    "classification.severity_otherwise": "incident/triage.py: propose",
    "severities.*.means": PEOPLE,
    **{f"severities.*.criteria.{name}": what for name, what in _CRITERIA.items()},
    "severities.*.clocks.acknowledge_within": "incident/incident.py: Incident.follow_promises",
    "severities.*.clocks.contain_within": "incident/incident.py: Incident.follow_promises",
    "severities.*.clocks.escalate_every": "incident/responding.py: Desk.escalate",
    "severities.*.clocks.update_every": "incident/incident.py: Incident.follow_promises",
    "severities.*.clocks.resolve_within": "incident/incident.py: Incident.follow_promises",
    "severities.*.clocks.review_within": "incident/incident.py: Incident.follow_promises",
    "severities.*.team": "incident/roles.py: team",
    "business_days.time_zone": "prepare/workdays.py: Calendar.after",
    "business_days.country": "prepare/workdays.py: Calendar.open_on",
    "business_days.subdivision": "prepare/workdays.py: Calendar.open_on",
    "business_days.closed": "prepare/workdays.py: Calendar.open_on",
    "roles.*.purpose": PEOPLE,
    "roles.*.responsibilities": PEOPLE,
    "roles.*.authority": "incident/roles.py: require",
    "escalation.unacknowledged": "incident/responding.py: Desk.escalate",
    "escalation.tiers.*.name": PEOPLE,
    "escalation.tiers.*.purpose": PEOPLE,
    "escalation.tiers.*.criteria.says": "incident/triage.py: tier",
    "escalation.tiers.*.criteria.when": "incident/triage.py: tier",
    "escalation.tiers.*.tells": "incident/responding.py: Desk.escalate",
    "communication.protocols.*.messages.on": "incident/communication.py: messages",
    "communication.protocols.*.messages.to": "incident/communication.py: messages",
    "communication.protocols.*.messages.within": "incident/reaching.py: tell_of_overdue",
    "communication.protocols.*.messages.channel": "ledger/outbox.py: deliver",
    "communication.protocols.*.messages.template": "incident/communication.py: messages",
    "communication.protocols.*.arrangements": PEOPLE,
    "communication.external": PEOPLE,
    "communication.templates.*.subject": "incident/communication.py: messages",
    "communication.templates.*.text": "incident/communication.py: messages",
    "detection.requirements.dimension": "interfaces/web/gauges.py",
    "detection.requirements.requires": PEOPLE,
    "detection.requirements.down_to_priority": "interfaces/web/gauges.py",
    "detection.reports_by_people": PEOPLE,
    "detection.false_alarms": PEOPLE,
    "evidence.items.id": "contain/offering.py",
    "evidence.items.kind": "incident/responding.py: Ground.keep_years",
    "evidence.items.what": "incident/responding.py: Ground.kept_by_hand",
    "evidence.items.frozen_at_open": "incident/responding.py: Ground.kept_by_hand",
    "evidence.items.where": "incident/responding.py: Ground.kept_by_hand",
    "evidence.items.keep_years": "evidence/retention.py: retain_until",
    "evidence.record_keep_years": "prepare/consistency.py: playbook_problems",
    "evidence.disposal": PEOPLE,
    "evidence.legal_hold": PEOPLE,
    "containment.principle": PEOPLE,
    "containment.actions.id": "contain/offering.py",
    "containment.actions.name": "contain/offering.py",
    "containment.actions.kind": "contain/offering.py",
    "containment.actions.does": "contain/offering.py",
    "containment.actions.fits.systems": "prepare/playbook.py: ContainmentAction.fits_incident",
    "containment.actions.fits.categories": "prepare/playbook.py: ContainmentAction.fits_incident",
    "containment.actions.takes": "prepare/playbook.py: Containment.offered",
    "containment.actions.authority": "contain/containing.py",
    "containment.actions.preserve_first": "contain/containing.py",
    "containment.actions.undo": PEOPLE,
    "investigation.steps": PEOPLE,
    "investigation.factors.*.questions": PEOPLE,
    "remediation.kinds.*.when": PEOPLE,
    "remediation.kinds.*.verified_by": PEOPLE,
    "remediation.verification.monitor_in_bounds_windows": "learn/remediation.py",
    "remediation.verification.monitor_in_bounds_for": "learn/remediation.py",
    "remediation.verification.otherwise": PEOPLE,
    "remediation.remind_before": "learn/remediation.py",
    "review.required_for": "learn/closing.py: review_required",
    "review.questions.*": PEOPLE,
    "review.shared_with": "learn/reviewing.py",
    "phases.*.owner": PEOPLE,
    "phases.*.outputs": PEOPLE,
    "phases.*.success": PEOPLE,
}
"""Every field: the module, or what in it, that obeys it; or people."""

GONE: Mapping[Way, tuple[str, str]] = {
    ("detection", "routing"): (
        "is obeyed by nothing and is no longer part of a playbook",
        "remove it; whoever a monitor names under tells, in systems/, hears of alerts that open no incident",
    ),
    ("evidence", "access"): (
        "is obeyed by nothing and is no longer part of a playbook",
        "remove it; who may see evidence is what access in roster.yaml says",
    ),
}
"""Fields of earlier releases. A version that was signed with one is still read; a file with one is told."""


def fields() -> Iterator[str]:
    """Every field of the playbook, with `*` for each entry of a section that has one for each of a kind."""
    return iter(dict.fromkeys(_fields(Playbook, "")))


def _fields(model: type[BaseModel], way: str) -> Iterator[str]:
    for name, info in model.model_fields.items():
        here = f"{way}{'*' if _alike(model) else name}"
        parts = [part for part in _models(info.annotation) if part.__name__ != "Who"]
        if not parts:
            yield here
        for part in parts:
            of_each = ".*" if get_origin(info.annotation) is dict else ""
            yield from _fields(part, f"{here}{of_each}.")


def _alike(model: type[BaseModel]) -> bool:
    """Whether it has one entry for each of a kind, all of one form."""
    return issubclass(model, Each) or model.__name__ == "Tiers"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def without_gone(document: Document) -> Document:
    """The document without fields that are gone."""
    value = document.value
    for section, name in GONE:
        if isinstance(value, dict) and isinstance(value.get(section), dict):
            kept = {key: one for key, one in value[section].items() if key != name}
            value = {**value, section: kept}
    return replace(document, value=value)


def gone_problems(document: Document) -> Iterator[Problem]:
    """What is to be taken out of a file that was written for an earlier release."""
    for way, (cause, fix) in GONE.items():
        if way in document.keys:
            yield document.problem(way, cause, fix, at_key=True)
