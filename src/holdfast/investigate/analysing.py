"""The step of cause analysis: check what is claimed against the record, keep the version."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from holdfast.incident.events import IncidentFact
from holdfast.incident.loading import load
from holdfast.investigate import links
from holdfast.investigate.cause import Analysis, Cause, fold
from holdfast.ledger.deciding import settle
from holdfast.ledger.ledger import Draft, Ledger, Stream
from holdfast.people import Actor


def stream_of(incident: str) -> str:
    return f"cause/{incident}"


def cause_of(ledger: Ledger, incident: str) -> Cause:
    """The versions of an incident's analysis; empty before the first."""
    return _fold(ledger.stream(stream_of(incident)))


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

    def drafts() -> Sequence[Draft]:
        loaded = load(ledger, incident)
        loaded.state.require_running()
        known = links.known(ledger, incident, loaded.state.system, monitors, analysis.links())
        stream = ledger.stream(stream_of(incident))
        facts = _fold(stream).analyse(analysis, known, at)
        established: list[IncidentFact] = []
        for fact in facts:
            if fact.root_cause and fact.root_cause.text != loaded.state.cause:
                established = loaded.state.establish_cause(fact.root_cause.text)
        # The incident's draft, also an empty one, holds off a closing at the same moment.
        return [stream.draft(facts), loaded.draft(established)]

    settle(ledger, drafts, incident, by=by, at=at)
    return cause_of(ledger, incident)


def _fold(stream: Stream) -> Cause:
    return fold((cast(Any, recorded.fact), recorded.at, recorded.by) for recorded in stream.facts)
