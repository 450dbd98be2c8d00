"""Everything an interface may call, joined by `holdfast.app` and handed to each of them.

Interfaces translate and call; none of them joins parts itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from holdfast.clock import Clock
from holdfast.contain.containing import Containing
from holdfast.contain.switches import Switches
from holdfast.detect.alerting import Alerting
from holdfast.detect.counting import Engines
from holdfast.detect.monitoring import Monitoring
from holdfast.evidence.vault import Vault
from holdfast.incident.responding import Desk
from holdfast.investigate.counting import PredictionCounter
from holdfast.ledger.check import Report, check
from holdfast.ledger.ledger import Ledger, Timer
from holdfast.ledger.outbox import Channel
from holdfast.ledger.reactions import Reaction
from holdfast.ledger.sealing import Anchor, Sealer
from holdfast.people import Actor
from holdfast.prepare.accounts import Accounts
from holdfast.settings import Settings
from holdfast_verify.note import VerifierKey


@dataclass(slots=True)
class Health:
    """What the worker of this process last did; "no alerts" and "monitoring is dead" must look different
    (R-XCT-07)."""

    last_round: datetime | None = None
    refused_to_seal: str = ""
    failing: dict[str, str] = field(default_factory=dict)
    """What keeps failing, and why."""


Fire = Callable[[Timer, Actor, datetime], None]
"""Fires one due timer; appends with `fires=timer`, so that it happens once."""


@dataclass(frozen=True, slots=True)
class Application:
    """One opened workspace."""

    settings: Settings
    clock: Clock
    ledger: Ledger
    sealer: Sealer
    anchor: Anchor
    verifier_key: VerifierKey
    vault: Vault
    accounts: Accounts
    desk: Desk
    monitoring: Monitoring
    alerting: Alerting
    containing: Containing
    counter: PredictionCounter
    engines: Engines
    read_switches: Callable[[], Switches]
    flags_token: str
    """What applications present to the OFREP endpoints."""
    handlers: Mapping[str, Fire]
    """What fires each kind of timer."""
    reactions: tuple[Reaction, ...]
    """What happens after a fact."""
    channels: Mapping[str, Channel]
    health: Health

    @property
    def workspace(self) -> Path:
        return self.settings.workspace

    def check(self, progress: Callable[[int], None] = lambda done: None) -> Report:
        """Check the whole ledger against its own bytes, the key and the checkpoints kept outside it."""
        return check(self.ledger, self.verifier_key, self.anchor, progress)
