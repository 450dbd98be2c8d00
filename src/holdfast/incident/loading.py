"""Reading one incident to decide on it: what the facts of its stream add up to."""

from __future__ import annotations

from typing import TypeAlias, cast

from holdfast.incident.events import IncidentFact
from holdfast.incident.incident import Incident
from holdfast.ledger.folding import Folded, Kind
from holdfast.ledger.ledger import Ledger
from holdfast.problems import NotThere

INCIDENTS = Kind(
    "incident",
    Incident(),
    lambda state, recorded: state.after(cast(IncidentFact, recorded.fact), recorded.at),
)
Loaded: TypeAlias = Folded[Incident]
"""An incident as it was when read; `draft` appends on exactly that."""


class NoSuchIncident(NotThere):
    """There is no incident of this number."""


def stream_of(incident: str) -> str:
    return INCIDENTS.stream_of(incident)


def load(ledger: Ledger, incident: str) -> Loaded:
    """Raises NoSuchIncident."""
    loaded = INCIDENTS.load(ledger, incident)
    if not loaded.version:
        raise NoSuchIncident(f"there is no incident {incident}; `holdfast incident list` shows all")
    return loaded
