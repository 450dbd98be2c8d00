"""Everything an interface may call, joined by `holdfast.app` and handed to each of them.

Interfaces translate and call; none of them joins parts itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from holdfast.access.accounts import Accounts
from holdfast.clock import Clock
from holdfast.contain.containing import Containing
from holdfast.contain.switches import Switches
from holdfast.detect.alerting import Alerting
from holdfast.detect.counting import Engines
from holdfast.detect.handling import Handling
from holdfast.detect.monitoring import Monitoring
from holdfast.evidence.vault import Vault
from holdfast.incident.responding import Desk
from holdfast.investigate.counting import PredictionCounter
from holdfast.ledger.anchor import Sealed
from holdfast.ledger.check import Inspection, Report, check
from holdfast.ledger.ledger import Ledger, Timer
from holdfast.ledger.outbox import Channel
from holdfast.ledger.reactions import Reaction
from holdfast.ledger.sealing import Anchor, Memory, Sealer
from holdfast.ledger.verdict import Checked, Checks
from holdfast.people import Actor
from holdfast.settings import Settings
from holdfast_verify.note import VerifierKey

Fire = Callable[[Timer, Actor, datetime], None]
"""Fires one due timer; appends with `fires=timer`, so that it happens once."""
CLOCKS = "clocks"
"""The lane of everything that must not wait: its steps look at nothing outside the ledger."""


@dataclass(frozen=True, slots=True)
class Made:
    """Something of a workspace that was not there before."""

    where: str
    """A path, or the address of a database."""
    what: str


@dataclass(frozen=True, slots=True)
class Handler:
    """What fires one kind of timer, and in which lane of the worker."""

    fire: Fire
    lane: str = CLOCKS
    """Work that reads logs or asks something outside has a lane of its own, so that no clock waits for it."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What the worker does every so often, in a lane of its own."""

    name: str
    every: timedelta
    do: Callable[[datetime], int]
    """Does it, and returns how many things were done."""
    patience: timedelta = timedelta(minutes=10)
    """How long it may take before it is said to hang."""


@dataclass(frozen=True, slots=True)
class Application:
    """One opened workspace."""

    settings: Settings
    clock: Clock
    ledger: Ledger
    sealer: Sealer
    anchor: Anchor
    memory: Memory
    verifier_key: VerifierKey
    vault: Vault
    accounts: Accounts
    desk: Desk
    monitoring: Monitoring
    alerting: Alerting
    handling: Handling
    containing: Containing
    counter: PredictionCounter
    engines: Engines
    read_switches: Callable[[], Switches]
    flags_token: str
    """What applications present to the OFREP endpoints."""
    handlers: Mapping[str, Handler]
    """What fires each kind of timer."""
    reactions: tuple[Reaction, ...]
    """What happens after a fact."""
    channels: Mapping[str, Channel]
    checks: Checks
    inspections: Callable[[datetime], Sequence[Inspection]]
    """What decides something beside facts and projections, to be compared with the facts."""
    upkeep: tuple[Upkeep, ...]
    """What the worker does every so often."""

    @property
    def workspace(self) -> Path:
        return self.settings.workspace

    def check(
        self, progress: Callable[[int], None] = lambda done: None, known: Sequence[Sealed] = ()
    ) -> Report:
        """Check the whole ledger against its own bytes, the key and the checkpoints kept outside it."""
        return check(
            self.ledger,
            self.verifier_key,
            self.anchor,
            progress,
            memory=self.memory,
            inspections=self.inspections(self.clock.now()),
            known=known,
        )

    def check_on_record(
        self,
        by: Actor,
        progress: Callable[[int], None] = lambda done: None,
        known: Sequence[Sealed] = (),
    ) -> Checked:
        """The same; the result is a fact, and what every page says until the next check."""
        return self.checks.record(self.check(progress, known), by, self.clock.now())
