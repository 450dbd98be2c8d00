"""`record.json`: the machine-readable record of one incident. Pure, and the same bytes for the same facts.

Every list is in the order of the ledger; every time is UTC in RFC 3339; what is not known is null.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from holdfast import clock
from holdfast.audit import walkthrough
from holdfast.audit.dossier import Dossier, Watched
from holdfast.evidence.events import EvidenceAccessed
from holdfast.incident import register
from holdfast.incident.events import (
    ClassificationProposed,
    Classified,
    Closed,
    Dismissed,
    Escalated,
    Resolved,
    RoleHandedOver,
    TeamAssembled,
    TierRaised,
)
from holdfast.incident.incident import ClockState
from holdfast.ledger.facts import Recorded
from holdfast.ledger.outbox import MessageFailed, MessageQueued, MessageSent

FORMAT = "holdfast-record/1"


def record_json(dossier: Dossier) -> bytes:
    """The record as JSON in UTF-8, ended by a line feed."""
    text = json.dumps(plain(document(dossier)), ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode() + b"\n"


def document(dossier: Dossier) -> dict[str, Any]:
    """The record as nested values; `plain` makes them JSON's."""
    return {
        "format": FORMAT,
        "ledger": _ledger(dossier),
        "summary": _summary(dossier),
        "classification": _classification(dossier),
        "clocks": [_clock(each) for each in dossier.state.clocks.values()],
        "escalation": [_by(one, fact) for one, fact in _facts(dossier, Escalated, TierRaised)],
        "walkthrough": walkthrough.as_dict(walkthrough.walk(dossier)),
        "timeline": register.timeline(list(dossier.record)),
        "team": _team(dossier),
        "evidence": _evidence(dossier),
        "monitors": [_watched(each) for each in dossier.watched],
        "impact": {
            "counts": [_kept(each) for each in dossier.impact.counts],
            "versions": [_kept(each) for each in dossier.impact.versions],
        },
        "cause": [_kept(each) for each in dossier.cause.versions],
        "containments": [_containment(dossier, each.id) for each in dossier.containments],
        "remediation": _remediation(dossier),
        "review": _review(dossier),
        "messages": messages(dossier),
        "entries": [_entry(one) for one in dossier.record],
    }


def plain(value: Any) -> Any:
    """The value in JSON's own kinds. Raises TypeError for one that no record can hold."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return clock.stamp(value)
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is None:
        raise TypeError(f"a record cannot hold a {type(value).__name__}")
    return {name: plain(getattr(value, name)) for name in fields}


# Parts -------------------------------------------------------------------------------------------


def _ledger(dossier: Dossier) -> dict[str, Any]:
    sealed = dossier.sealed
    return {
        "origin": dossier.origin,
        "entries": dossier.entries,
        "sealed": {"size": sealed.size, "root": sealed.root, "at": sealed.at} if sealed else None,
        "streams": dossier.streams,
    }


def _summary(dossier: Dossier) -> dict[str, Any]:
    state, system = dossier.state, dossier.system
    ended = [fact for _, fact in _facts(dossier, Resolved, Closed, Dismissed)]
    closed = next((fact for fact in ended if isinstance(fact, Closed)), None)
    return {
        "incident": state.id,
        "title": state.title,
        "description": state.description,
        "source": state.source,
        "status": state.status,
        "severity": state.severity,
        "category": state.category,
        "tier": state.tier,
        "system": {
            "id": state.system,
            "name": system.model.name if system else state.system,
            "owner": system.model.owner if system else None,
            "model_version": state.model_version,
            "configuration_sha256": system.content if system else None,
        },
        "playbook": {"version": state.playbook_version, "sha256": state.playbook},
        "began_at": state.began_at,
        "opened_at": state.opened_at,
        "acknowledged_at": state.acknowledged_at,
        "classified_at": state.classified_at,
        "contained_at": first_contained(dossier),
        "resolved_at": state.resolved_at,
        "reviewed_at": state.reviewed_at,
        "closed_at": state.closed_at,
        "cause": state.cause,
        "resolution": next((fact.resolution for fact in ended if isinstance(fact, Resolved)), None),
        "outcome": closed.summary if closed else None,
        "dismissed_because": next((fact.reason for fact in ended if isinstance(fact, Dismissed)), None),
        "record_sha256": closed.record_sha256 if closed else None,
        "alerts": state.alerts,
    }


def first_contained(dossier: Dossier) -> datetime | None:
    """When containment was first proven, also where it was reverted since."""
    return next((one.at for one in dossier.record if one.fact.type == "incident.contained"), None)


def _classification(dossier: Dossier) -> list[dict[str, Any]]:
    found = _facts(dossier, ClassificationProposed, Classified)
    return [{"decided": isinstance(fact, Classified), **_by(one, fact)} for one, fact in found]


def _clock(state: ClockState) -> dict[str, Any]:
    return {
        "clock": state.clock,
        "started": state.started,
        "limit_seconds": state.limit,
        "due": state.due,
        "met_at": state.met_at,
        "breached_at": state.breached_at,
        "stopped": state.stopped,
        "kept": state.kept,
    }


def _team(dossier: Dossier) -> dict[str, Any]:
    changes = _facts(dossier, TeamAssembled, RoleHandedOver)
    return {"now": dossier.state.team, "changes": [_by(one, fact) for one, fact in changes]}


def _evidence(dossier: Dossier) -> dict[str, Any]:
    return {
        "items": [
            {
                **plain(item),
                "stored": f"vault, by its SHA-256; in a pack {member_path(item.item, item.name)}",
                "custody": [
                    {"entry": one.seq, "at": one.at, "by": one.by, "how": fact.how, "reason": fact.reason}
                    for one, fact in dossier.custody
                    if isinstance(fact, EvidenceAccessed) and fact.item == item.item
                ],
            }
            for item in dossier.items
        ],
        "missing": dossier.gaps,
        "checks": [_by(one, fact) for one, fact in dossier.custody if not isinstance(fact, EvidenceAccessed)],
    }


def member_path(item: str, name: str) -> str:
    """Where an evidence item stands in a pack: a name that is harmless on every system."""
    kept = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name
    )
    return f"evidence/{item}-{kept[-80:].rstrip('.') or 'file'}"


def _watched(watched: Watched) -> dict[str, Any]:
    config = watched.config
    return {
        "monitor": watched.monitor,
        "name": watched.name,
        "group": watched.group or None,
        "quantity": watched.quantity,
        "configuration": config.model_dump(mode="json", by_alias=True) if config else None,
        "alerts": watched.alerts,
        "cleared_at": watched.cleared_at,
        "measurements": [one.as_dict() for one in watched.measurements],
    }


def _containment(dossier: Dossier, containment: str) -> dict[str, Any]:
    state = next(one for one in dossier.containments if one.id == containment)
    history = [one for one in dossier.record if one.stream == f"containment/{containment}"]
    return {
        "containment": state.id,
        "name": state.name,
        "kind": state.kind,
        "system": state.system,
        "flag": state.flag,
        "segment": state.segment,
        "stage": state.stage,
        "decided_by": state.approved,
        "approval_to_proof_seconds": state.took,
        "expected_seconds": state.expected,
        "verified_at": state.verified_at,
        "released_at": state.released_at,
        "effect": state.effect,
        "history": [_by(one, one.fact) for one in history],
    }


def _remediation(dossier: Dossier) -> list[dict[str, Any]]:
    told: dict[str, list[Recorded]] = {}
    for one in dossier.record:
        if one.stream == f"remediation/{dossier.state.id}":
            told.setdefault(getattr(one.fact, "item", ""), []).append(one)
    return [
        {**plain(item), "history": [_by(one, one.fact) for one in told[item.item]]}
        for item in dossier.remediations.items.values()
    ]


def _review(dossier: Dossier) -> dict[str, Any]:
    review = dossier.review
    completed = review.completed
    return {
        "completed_at": completed.at if completed else None,
        "completed_by": completed.by if completed else None,
        "answers": review.answers,
        "attendees": review.attendees,
        "actions": completed.fact.items if completed else [],
        "shared_with": completed.fact.shared_with if completed else [],
        "versions": [_kept(each) for each in review.versions],
    }


def messages(dossier: Dossier) -> list[dict[str, Any]]:
    """Every message with what became of it (R-ESC-06)."""
    found: dict[str, dict[str, Any]] = {}
    for one in dossier.record:
        match one.fact:
            case MessageQueued() as queued:
                found[queued.message] = {
                    "message": queued.message,
                    "channel": queued.channel,
                    "to": queued.to,
                    "subject": queued.subject,
                    "queued_at": one.at,
                    "sent_at": None,
                    "receipt": None,
                    "failures": [],
                }
            case MessageSent() as sent if sent.message in found:
                found[sent.message] |= {"sent_at": one.at, "receipt": sent.receipt}
            case MessageFailed() as failed if failed.message in found:
                found[failed.message]["failures"].append(
                    {
                        "at": one.at,
                        "attempt": failed.attempt,
                        "reason": failed.reason,
                        "retry_at": failed.retry_at,
                    }
                )
            case _:
                pass
    return list(found.values())


def _entry(one: Recorded) -> dict[str, Any]:
    return {
        "entry": one.seq,
        "recorded_at": one.at,
        "type": one.fact.type,
        "stream": one.stream,
        "by": one.by,
        "leaf_sha256": one.leaf_hash,
    }


def _kept(kept: Any) -> dict[str, Any]:
    return {"at": kept.at, "by": kept.by, **plain(kept.fact)}


def _by(one: Recorded, fact: Any) -> dict[str, Any]:
    return {"entry": one.seq, "at": one.at, "by": one.by, "type": one.fact.type, **plain(fact)}


def _facts(dossier: Dossier, *kinds: type[Any]) -> list[tuple[Recorded, Any]]:
    return dossier.of(*kinds)
