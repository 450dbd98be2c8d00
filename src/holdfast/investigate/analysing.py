"""The step of cause analysis: check what is claimed against the record, keep the version."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from holdfast.incident.events import IncidentFact
from holdfast.incident.loading import Loaded, beside
from holdfast.investigate import links
from holdfast.investigate.cause import Analysis, Cause
from holdfast.ledger.folding import Folded, Kind
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.people import Actor

CAUSES = Kind("cause", lambda incident: Cause())
stream_of = CAUSES.stream_of


def cause_of(ledger: Ledger, incident: str) -> Cause:
    """The versions of an incident's analysis; empty before the first."""
    return CAUSES.state(ledger, incident)


def analyse(
    ledger: Ledger,
    incident: str,
    analysis: Analysis,
    *,
    monitors: Collection[str],
    by: Actor,
    at: datetime,
) -> Cause:
    """Keep the next version; a root cause in it is established on the incident in the same transaction.

    `monitors` are the ids of the monitors of the incident's AI system. Raises NotAllowed, NoSuchIncident.
    """

    def decide(loaded: Loaded, cause: Folded[Cause]) -> list[Draft]:
        known = links.known(ledger, incident, loaded.state.system, monitors, analysis.links())
        facts = cause.state.analyse(analysis, known, at)
        established: list[IncidentFact] = []
        for fact in facts:
            if fact.root_cause and fact.root_cause.text != loaded.state.cause:
                established = loaded.state.establish_cause(fact.root_cause.text)
        return [cause.draft(facts), loaded.draft(established)]

    beside(ledger, CAUSES, incident, decide, by=by, at=at)
    return cause_of(ledger, incident)
