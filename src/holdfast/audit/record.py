"""`record.json`: the machine-readable record of one incident, folded by the verifier's own rules."""

from __future__ import annotations

from holdfast.audit.checked import CheckedLedger
from holdfast.audit.dossier import Dossier
from holdfast_verify import record
from holdfast_verify.leaf import parse_header, parse_payload
from holdfast_verify.record import Told


def record_json(ledger: CheckedLedger, dossier: Dossier) -> bytes:
    """What the facts that a pack shows add up to; the same bytes for the same facts."""
    shown = ledger.shown(dossier.streams, (one.seq for one in dossier.context))
    told = (Told(parse_header(bytes(row.leaf)), parse_payload(bytes(row.payload))) for row in shown)
    return b"".join(record.pieces(dossier.state.id, dossier.origin, told))
