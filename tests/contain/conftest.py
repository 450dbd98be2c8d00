"""The starter's company with an incident on its loan model, and steps against a live OFREP address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from fastapi import FastAPI

from holdfast.contain import switches
from holdfast.contain.containing import Containing
from holdfast.contain.containment import Containment
from holdfast.contain.effect import CannotCount
from holdfast.contain.events import SeenWindow, Traffic
from holdfast.contain.hearing import Hearing, OnRecord, Requests
from holdfast.contain.reading import Containments
from holdfast.contain.switches import Switchboard, Switches
from holdfast.detect.records import Detection
from holdfast.incident.register import Register
from holdfast.incident.responding import Desk, Report
from holdfast.integrations.folder.vault import FolderVault
from holdfast.integrations.ofrep.prober import OfrepProber
from holdfast.interfaces.api.ofrep import ofrep_router
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import Outbox
from holdfast.ledger.timers import Timers
from holdfast.people import SYSTEM as SYSTEM_ACTOR
from holdfast.prepare import versions
from holdfast.prepare.records import Preparation
from holdfast.prepare.systems import Monitor, System
from support.company import INES, put_in_force
from support.live import serving

SYSTEM = "loan-approval"


@dataclass
class StagedWatch:
    """What prediction log and monitors are made to say."""

    says: Traffic | CannotCount = field(default_factory=lambda: CannotCount("nothing is logged here"))
    measured: Sequence[SeenWindow] = ()

    def traffic(self, containment: Containment, system: System, at: datetime) -> Traffic:
        if isinstance(self.says, CannotCount):
            raise self.says
        return self.says

    def windows(
        self,
        system: str,
        monitors: Sequence[str],
        since: datetime,
        at: datetime,
        rules: Sequence[Monitor],
    ) -> Sequence[SeenWindow]:
        return [window for window in self.measured if window.monitor in monitors]


@pytest.fixture
def ledger(database: Database, tmp_path: Path, now: datetime) -> Ledger:
    made = Ledger(
        database, [Timers(), Outbox(), Preparation(), Register(), Detection(), Containments(), Switchboard()]
    )
    made.create("harbourstreet.example/test")
    put_in_force(made, tmp_path / "workspace", now)
    return made


@pytest.fixture
def desk(ledger: Ledger, tmp_path: Path) -> Desk:
    return Desk(
        ledger, FolderVault(tmp_path / "vault"), [], lambda incident: f"https://holdfast.example/{incident}"
    )


@pytest.fixture
def read_switches(ledger: Ledger) -> Callable[[], Switches]:
    def read() -> Switches:
        systems = versions.active_systems(ledger).values()
        flags = switches.flags_of(system.model for system in systems)
        with ledger.reading() as conn:
            return switches.read(conn, flags)

    return read


@pytest.fixture
def address(
    ledger: Ledger, desk: Desk, read_switches: Callable[[], Switches], watch: StagedWatch, now: datetime
) -> Iterator[str]:
    """A live OFREP address over the ledger's switches; what applications ask there is heard."""
    nobody = OfrepProber("http://127.0.0.1:9")
    steps = Containing(ledger, desk.ground_of, read_switches, nobody, watch, desk.link)

    def tell(containment: str, more: Requests) -> OnRecord:
        return steps.heard(containment, more, by=SYSTEM_ACTOR, at=now)

    app = FastAPI()
    hearing = Hearing(lambda: now, tell)
    app.include_router(ofrep_router(read_switches, lambda request: None, hearing))
    with serving(app) as live:
        yield live


@pytest.fixture
def watch() -> StagedWatch:
    return StagedWatch()


@pytest.fixture
def steps(
    ledger: Ledger, desk: Desk, read_switches: Callable[[], Switches], address: str, watch: StagedWatch
) -> Containing:
    return Containing(ledger, desk.ground_of, read_switches, OfrepProber(address), watch, desk.link)


@pytest.fixture
def incident(desk: Desk, now: datetime) -> str:
    return desk.open(Report("Approvals fell", system=SYSTEM), by=INES, at=now)
