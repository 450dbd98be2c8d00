"""How things stand as a document, the same for `/healthz`, the API and the terminal.

Anybody may ask `/healthz`, so all that it says is words of the program, numbers and times: a reason that was
written for people names them, their systems and their machines, whatever is taken out of it
([why](../../../docs/adr/0033-whoever-has-not-signed-in-reads-words-of-the-program.md)).
"""

from __future__ import annotations

from typing import Any

from holdfast.detect.bounds import Known
from holdfast.interfaces.standing import Standing
from holdfast.shapes.health import Health, LaneFailing, SilentSystem, StepFailing, WholeHealth


def for_anybody(standing: Standing) -> Health:
    """Names no person, system, file or machine."""
    return Health.model_validate(_known(standing))


def for_readers(standing: Standing) -> WholeHealth:
    """With every reason."""
    working = standing.working
    return WholeHealth.model_validate(
        {
            **_known(standing),
            "reasons": tuple(
                StepFailing(step=what, reason=why) for what, why in sorted(working.failing.items())
            ),
            "waiting_because": standing.waiting,
            "refused_to_seal": working.refused_to_seal,
            "not_in_force": standing.not_in_force,
            "silent": tuple(
                SilentSystem(system=one.system.id, reason=one.why, since=one.since) for one in standing.silent
            ),
        }
    )


def key(known: Known) -> str:
    """As documents and metrics call what is known of a monitor."""
    return known.value.replace(" ", "_")


def _known(standing: Standing) -> dict[str, Any]:
    working = standing.working
    return {
        "healthy": standing.healthy,
        "database": "reachable",
        "worker": working.state,
        "hanging": tuple(sorted({beat.lane for beat in working.hanging})),
        "last_turn": working.last_turn,
        "failing": tuple(
            LaneFailing(lane=lane, kind=one.kind.value, since=one.since)
            for lane, one in sorted(working.failing_lanes.items())
        ),
        "waiting_for": standing.waiting_for,
        "sealing": "refused" if working.refused_to_seal else "not refused",
        "ledger": standing.ledger,
        "clocks_late": standing.clocks_late,
        "messages_late": standing.messages_late,
        "messages_given_up": standing.messages_given_up,
        "alerts_untold": standing.alerts_untold,
        "monitoring": standing.monitoring,
        "monitors": {
            "said": standing.bounds.said,
            **{key(known): standing.bounds.number(known) for known in Known},
        },
        "systems": {
            "watched": standing.watched,
            "silent": len(standing.silent),
            "not_watched": len(standing.not_watched),
        },
        "files_not_in_force": len(standing.not_in_force),
        "vault": "missing" if standing.vault_missing else "there",
    }
