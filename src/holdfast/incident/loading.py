"""Reading one incident to decide on it: its stream and the state its facts add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from holdfast.incident.events import IncidentFact
from holdfast.incident.incident import Incident, fold
from holdfast.ledger.facts import Fact
from holdfast.ledger.ledger import Draft, Ledger, Stream
from holdfast.problems import NotThere


class NoSuchIncident(NotThere):
    """There is no incident of this number."""


def stream_of(incident: str) -> str:
    return f"incident/{incident}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """An incident as it was when read; `draft` appends on exactly that."""

    stream: Stream
    state: Incident

    def draft(self, facts: list[IncidentFact]) -> Draft:
        return Draft(self.stream.name, self.stream.version, cast("list[Fact]", facts))


def load(ledger: Ledger, incident: str) -> Loaded:
    """Raises NoSuchIncident."""
    stream = ledger.stream(stream_of(incident))
    if not stream.facts:
        raise NoSuchIncident(f"there is no incident {incident}; `holdfast incident list` shows all")
    return Loaded(stream, fold((cast(Any, recorded.fact), recorded.at) for recorded in stream.facts))
