"""Where one alert led: what everybody who decides on it rests on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.detect.events import (
    AlertCleared,
    AlertContinued,
    AlertQueued,
    AlertRaised,
    AlertReturned,
    AlertSetAside,
    AlertTriaged,
)
from holdfast.incident.events import AlertFacts
from holdfast.ledger.facts import Fact
from holdfast.ledger.folding import Kind
from holdfast.people import Actor


@dataclass(frozen=True, slots=True)
class Led:
    """State folded from the facts of `alert/ALR-1`."""

    raised: AlertRaised | None = None
    began_at: datetime | None = None
    """The first window that it speaks of: of what was raised, or of what was left behind with no incident."""
    newest: AlertFacts | None = None
    gravest: AlertFacts | None = None
    """As it was known when it was worst."""
    open: bool = False
    open_since: datetime | None = None
    """When it was raised."""
    went_on_at: datetime | None = None
    """When it was last found out of bounds."""
    triaged: bool = False
    to: str = ""
    """The incident that it belongs to, as was found last; empty where it belongs to none."""
    ever: bool = False
    """Whether it ever belonged to one."""
    aside: bool = False
    aside_by: Actor | None = None
    aside_at: datetime | None = None
    returned: str = ""
    """Why it waits again although somebody had decided on it; empty where nobody has, or has anew."""
    queued: AlertQueued | None = None
    """Who is to be told of it, or was."""
    decided: AlertFacts | None = None
    """The gravest that was known when a person set it aside, or people were last told."""

    def after(self, fact: Fact, at: datetime, by: Actor) -> Led:
        match fact:
            case AlertRaised(alert=said):
                began = said.window_start
                seen = replace(self, raised=fact, began_at=began, open=True, open_since=at, went_on_at=at)
                return replace(seen, newest=said, gravest=said)
            case AlertContinued(alert=said):
                graver = self.gravest is None or said.graver_than(self.gravest)
                seen = replace(self, newest=said, open=True, went_on_at=at)
                return replace(seen, gravest=said) if graver else seen
            case AlertCleared():
                return replace(self, open=False)
            case AlertTriaged(incident=incident):
                led = replace(self, triaged=True, to=incident, ever=self.ever or bool(incident))
                return replace(led, aside=False)
            case AlertSetAside():
                aside = replace(self, aside=True, aside_by=by, aside_at=at, decided=self.gravest)
                return replace(aside, returned="")
            case AlertReturned(alert=said):
                began = said.window_start
                back = replace(self, triaged=False, to="", ever=False, aside=False, began_at=began)
                return replace(back, queued=None, returned=fact.reason)
            case AlertQueued():
                return replace(self, queued=fact, decided=self.gravest)
            case _:
                return self

    def is_news(self, said: AlertFacts) -> bool:
        """Whether people are to be told of it: nobody was, or it is clearly graver than they were told."""
        return self.queued is None or self.decided is None or said.clearly_graver_than(self.decided)


ALERTS = Kind("alert", lambda alert: Led())
