"""Where one alert led: what everybody who decides on it rests on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.detect.events import AlertQueued, AlertSetAside, AlertTriaged
from holdfast.ledger.facts import Fact
from holdfast.ledger.folding import Kind
from holdfast.people import Actor


@dataclass(frozen=True, slots=True)
class Led:
    """State folded from the facts of `alert/ALR-1`."""

    triaged: bool = False
    to: str = ""
    """The incident that it belongs to, as was found last; empty where it belongs to none."""
    ever: bool = False
    """Whether it ever belonged to one."""
    aside: bool = False
    queued: bool = False
    """Whether it is to be told to whoever its monitor names."""

    def after(self, fact: Fact, at: datetime, by: Actor) -> Led:
        match fact:
            case AlertTriaged(incident=incident):
                return replace(self, triaged=True, to=incident, ever=self.ever or bool(incident))
            case AlertSetAside():
                return replace(self, aside=True)
            case AlertQueued():
                return replace(self, queued=True)
            case _:
                return self


ALERTS = Kind("alert", lambda alert: Led())
