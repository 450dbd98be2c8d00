"""Reading one incident to decide on it: what the facts of its stream add up to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar, cast

from holdfast.incident.events import IncidentFact
from holdfast.incident.incident import Incident
from holdfast.ledger.deciding import settle
from holdfast.ledger.facts import Recorded
from holdfast.ledger.folding import Folded, Kind
from holdfast.ledger.ledger import Draft, Ledger, Timer
from holdfast.people import Actor
from holdfast.problems import NotThere

S = TypeVar("S")

INCIDENTS = Kind(
    "incident",
    lambda incident: Incident(),
    lambda state, recorded: state.after(cast(IncidentFact, recorded.fact), recorded.at),
)
Loaded: TypeAlias = Folded[Incident]
"""An incident as it was when read; `draft` appends on exactly that."""


class NoSuchIncident(NotThere):
    """There is no incident of this number."""


stream_of = INCIDENTS.stream_of


def load(ledger: Ledger, incident: str) -> Loaded:
    """Raises NoSuchIncident."""
    loaded = INCIDENTS.load(ledger, incident)
    if not loaded.version:
        raise NoSuchIncident(f"there is no incident {incident}; the list of incidents shows all")
    return loaded


def beside(
    ledger: Ledger,
    kind: Kind[S],
    incident: str,
    decide: Callable[[Loaded, Folded[S]], Sequence[Draft]],
    *,
    by: Actor,
    at: datetime,
    fires: Timer | None = None,
) -> tuple[Recorded, ...]:
    """Decide on what is kept beside a running incident under its number: impact, cause, remediation, review.

    The incident is held as it was read: it is closed before or after, not meanwhile. Raises NotAllowed where
    it is over, NoSuchIncident, Conflict.
    """

    def drafts() -> list[Draft]:
        loaded = load(ledger, incident)
        loaded.state.require_running()
        decided = list(decide(loaded, kind.load(ledger, incident)))
        held = any(draft.stream == loaded.stream for draft in decided)
        return decided if held else [*decided, loaded.draft([])]

    return settle(ledger, drafts, incident, by=by, at=at, fires=fires)
