"""The messages of one incident, each with what became of it. Pure."""

from __future__ import annotations

from typing import Any

from holdfast.audit.dossier import Dossier
from holdfast.ledger.outbox import MessageFailed, MessageQueued, MessageSent


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
