"""What speaks against an incident being over, though somebody says that it is.

One idea: whoever ends an incident is told everything that the record knows against it, and says why it ends
all the same. What is asked here decides the step; pages, API and terminal show the same words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast import wording
from holdfast.detect.led import ALERTS, Led
from holdfast.incident.events import AlertFacts
from holdfast.incident.incident import Incident
from holdfast.learn import remedying
from holdfast.learn.remediation import Item, Remediations
from holdfast.ledger.folding import Folded
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.problems import NotAllowed


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing that speaks against it."""

    said: str
    """Without its full stop."""
    at: datetime | None
    """When it was last seen; None: it was so all along."""
    in_short: str = ""

    @property
    def kept(self) -> str:
        """As it stands in the ending's own words for ever."""
        return self.in_short or self.said


@dataclass(frozen=True, slots=True)
class Doubts:
    """Everything that speaks against one incident being over, and what that was read from."""

    state: Incident
    found: Sequence[Doubt]
    alerts: Sequence[Draft]
    items: Draft

    @property
    def guards(self) -> list[Draft]:
        """Empty drafts: what ends an incident must not have missed an alert of the same moment."""
        return [self.items, *self.alerts]

    @property
    def said(self) -> str:
        return "; ".join(one.said for one in self.found)

    @property
    def since_resolved(self) -> Doubts:
        """Those that whoever resolved it could not know."""
        resolved = self.state.resolved_at
        return replace(self, found=[one for one in self.found if resolved and one.at and one.at > resolved])

    def despite(self, because: str) -> str:
        """What the ending says of them. Raises NotAllowed without a reason."""
        if because.strip():
            kept = "; ".join(one.kept for one in self.found)
            return f"({wording.capital(kept)}: {because.strip()})"
        ends = "close" if self.state.resolved_at else "resolve"
        raise NotAllowed(
            f"{self.said}; wait until that is settled, or give the reason to {ends} {self.state.id} all the "
            "same"
        )


def doubts(ledger: Ledger, state: Incident) -> Doubts:
    """What speaks against an incident being over, as the record has it now."""
    items = remedying.REMEDIATIONS.load(ledger, state.id)
    alerts = [(alert, ALERTS.load(ledger, alert.alert)) for alert in state.own_alerts]
    found = [
        *_unverified(items.state),
        *_overtaken(items.state),
        *_open(state, alerts),
        *_lost(state, items.state),
    ]
    return Doubts(state, found, [read.draft([]) for _, read in alerts], items.draft([]))


def open_alerts(ledger: Ledger, state: Incident) -> list[AlertFacts]:
    """The alerts of an incident that are open, and that no other incident has taken over."""
    read = [(alert, ALERTS.load(ledger, alert.alert)) for alert in state.own_alerts]
    return [alert for alert, led in read if _is_open(state, led.state)]


def _is_open(state: Incident, led: Led) -> bool:
    return led.open and not led.aside and led.to in ("", state.id, *state.absorbed)


def _unverified(items: Remediations) -> Iterator[Doubt]:
    if items.verified():
        return
    planned = ", ".join(_called(item) for item in items.open_items()) or "none is planned"
    yield Doubt(
        f"no remediation of {items.incident} is verified yet ({planned})", None, "no remediation is verified"
    )


def _called(item: Item) -> str:
    return f"{item.item}: {item.unprovable}" if item.unprovable else item.item


def _overtaken(items: Remediations) -> Iterator[Doubt]:
    for one in items.overtaken():
        assert one.verified_at is not None
        when = wording.utc(one.verified_at)
        since = f"{one.item} was verified {when} and overtaken since: {one.overtaken.rstrip('.')}"
        yield Doubt(since, one.overtaken_at)


def _open(state: Incident, alerts: Sequence[tuple[AlertFacts, Folded[Led]]]) -> Iterator[Doubt]:
    for alert, read in alerts:
        led = read.state
        if _is_open(state, led):
            reason = (led.newest or alert).reason.rstrip(".")
            when = wording.utc(led.went_on_at) if led.went_on_at else "before"
            yield Doubt(f"{alert.called} is open, last seen {when}: {reason}", led.went_on_at)


def _lost(state: Incident, items: Remediations) -> Iterator[Doubt]:
    """Containment that did not hold, after the last that was verified."""
    verified = max((one.verified_at for one in items.verified() if one.verified_at), default=None)
    if state.lost and (verified is None or state.lost_at is None or state.lost_at > verified):
        when = wording.utc(state.lost_at) if state.lost_at else ""
        yield Doubt(
            f"{state.id} is contained no longer since {when}: {state.lost.rstrip('.')}", state.lost_at
        )
