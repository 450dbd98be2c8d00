"""The starter's lender with one incident, told through the product's own steps on a generated log."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from holdfast.contain import switches
from holdfast.contain.containing import Containing
from holdfast.contain.reading import Containments
from holdfast.contain.switches import Switchboard
from holdfast.contain.watching import LogWatch
from holdfast.detect import capture
from holdfast.detect.alerting import Alerting
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.events import AlertRaised
from holdfast.detect.monitoring import Monitoring
from holdfast.detect.records import Detection
from holdfast.evidence import custody
from holdfast.incident.register import Register
from holdfast.incident.responding import Desk, Report
from holdfast.integrations.folder.vault import FolderVault
from holdfast.integrations.ofrep.prober import OfrepProber
from holdfast.interfaces.api.ofrep import ofrep_router
from holdfast.investigate import analysing, assessing
from holdfast.investigate.cause import Analysis
from holdfast.investigate.events import ComplianceImpact, Factor, Happening, Statement, UserImpact
from holdfast.investigate.impact import Assessment
from holdfast.investigate.links import parse
from holdfast.investigate.log_counter import LogCounter
from holdfast.learn import closing, remedying, reviewing
from holdfast.learn.events import Method
from holdfast.learn.remediation import Plan, Wanted
from holdfast.learn.tracker import Tracker
from holdfast.ledger import outbox
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import Outbox, QueuedMessage
from holdfast.ledger.reactions import Reaction, react
from holdfast.ledger.row_key import RowKey
from holdfast.ledger.sealing import Anchor, Sealer
from holdfast.ledger.timers import Timers
from holdfast.people import SYSTEM
from holdfast.prepare import versions
from holdfast.prepare.records import Preparation
from holdfast.prepare.terms import Category, FactorGroup, RemediationKind, ReviewQuestion, Severity
from holdfast.rehearse.lending import SYSTEM as LOANS
from holdfast.rehearse.lending import Lender, midnight
from holdfast_verify.note import Signer, VerifierKey
from support.company import HELEN, INES, MAYA, PRIYA, TOMAS, put_in_force
from support.hasty import Content, content_of, store
from support.live import serving

FAULT = date(2026, 11, 11)
DAY = timedelta(days=1)
MORNING = midnight(FAULT) + DAY + timedelta(hours=6)
"""When the monitors see it."""
DRIFT = "employment-years-drift"
ORIGIN = "harbourstreet.example/test"


class Post:
    """Takes every message."""

    def deliver(self, message: QueuedMessage) -> str:
        return f"250 accepted for {message.recipient}"


_DATABASES = shutil.ignore_patterns("*.db", "*.db-*", "*.lock")


@dataclass(frozen=True, slots=True)
class Kept:
    """A part of the story: its files, what its database held, and the keys of both."""

    files: Path
    content: Content
    key: Ed25519PrivateKey
    row_key: RowKey


@dataclass
class Lending:
    """The starter's lender with everything an incident needs; serves as the holdings of a pack."""

    ledger: Ledger
    vault: FolderVault
    sealer: Sealer
    verifier_key: VerifierKey
    workspace: Path

    @classmethod
    def opened(cls, database: Database, folder: Path, *, logged: bool = True) -> Lending:
        """A workspace in force; with a week of predictions unless told otherwise."""
        made = cls.joined(database, folder, Ed25519PrivateKey.generate())
        made.ledger.create(ORIGIN)
        put_in_force(made.ledger, made.workspace, MORNING - 2 * DAY)
        if logged:
            made.lender.write_model()
            made.lender.write_reference(date(2026, 9, 1), days=20)
            for days in range(8, 0, -1):
                made.lender.write_day(FAULT - days * DAY)
        return made

    @classmethod
    def joined(cls, database: Database, folder: Path, key: Ed25519PrivateKey) -> Lending:
        ledger = Ledger(
            database,
            [
                Timers(),
                Outbox(),
                Preparation(),
                Register(),
                Detection(),
                Switchboard(),
                Containments(),
                Tracker(),
            ],
        )
        sealer = Sealer(ledger, key, Anchor(folder / "checkpoints.jsonl"))
        signed = Signer(ORIGIN, key).verifier_key
        return cls(ledger, FolderVault(folder / "vault"), sealer, signed, folder / "workspace")

    def kept(self) -> Kept:
        """As it stands, for others to go on from."""
        files = Path(tempfile.mkdtemp(prefix="lending-"))
        atexit.register(shutil.rmtree, files, ignore_errors=True)
        shutil.copytree(self.workspace.parent, files, dirs_exist_ok=True, ignore=_DATABASES)
        return Kept(files, content_of(self.ledger.database), self.sealer.key, self.ledger.row_key)

    @classmethod
    def going_on(cls, kept: Kept, database: Database, folder: Path) -> Lending:
        """In a database that holds nothing, and a folder."""
        shutil.copytree(kept.files, folder, dirs_exist_ok=True)
        database.create()
        store(database, kept.content)
        made = cls.joined(database, folder, kept.key)
        made.ledger.row_key = kept.row_key
        return made

    @property
    def lender(self) -> Lender:
        return Lender(self.workspace, midnight(FAULT), midnight(FAULT) + DAY)

    @property
    def desk(self) -> Desk:
        return Desk(self.ledger, self.vault, capture.sources(self.ledger, self.workspace, DuckDB), _address)

    @property
    def monitoring(self) -> Monitoring:
        return Monitoring(self.ledger, self.workspace, DuckDB)

    def measure(self, at: datetime) -> None:
        """One run of the monitors, what follows from it, the mail, and a checkpoint."""
        self.monitoring.run(LOANS, by=SYSTEM, at=at)
        triage = Alerting(self.ledger, self.desk).triage
        react(self.ledger, [Reaction("triage", (AlertRaised,), triage)], at)
        for leased in outbox.lease(self.ledger, at, limit=100):
            outbox.deliver(self.ledger, {"email": Post()}, leased, SYSTEM, at)
        self.sealer.seal(at)

    @property
    def now(self) -> datetime:
        """A moment after everything that is on the ledger."""
        return max(one.at for one in self.ledger.facts()) + timedelta(minutes=1)

    # The story ---------------------------------------------------------------------------------

    def go_wrong(self) -> str:
        """A broker sends months instead of years; the next morning there is an incident."""
        self.measure(MORNING - DAY)
        self.lender.write_day(FAULT)
        self.measure(MORNING)
        return "INC-1"

    def respond(self, incident: str) -> None:
        """Answered, classified, contained on a live address."""
        desk, at = self.desk, MORNING + timedelta(minutes=7)
        desk.acknowledge(incident, by=MAYA, at=at)
        note = "All values above 40 come from one broker: 3.5 years reads 42."
        desk.note(incident, note, by=TOMAS, at=at + timedelta(minutes=5), evidence=("EV-1",))
        desk.note(
            incident,
            "The broker's new export goes live.",
            by=TOMAS,
            at=at + timedelta(minutes=6),
            occurred_at=midnight(FAULT),
        )
        reason = "The inputs are wrong at the source."
        decided = at + timedelta(minutes=8)
        desk.classify(incident, Category.DATA_QUALITY, Severity.HIGH, reason, by=MAYA, at=decided)
        self.contain(incident, at + timedelta(minutes=12))

    def contain(self, incident: str, at: datetime) -> None:
        app = FastAPI()
        app.include_router(ofrep_router(self.switches, lambda request: None))
        with serving(app) as live:
            steps = self.containing(live)
            number = steps.propose(incident, "broker-to-review", "Only brokers.", by=TOMAS, at=at)
            steps.approve(number, "Approvals may be wrong.", by=MAYA, at=at + timedelta(minutes=3))
            assert steps.carry_out(number, by=TOMAS, at=at + timedelta(minutes=4))
            self.lender.write_day(FAULT + DAY, _brokers_to_people)
            self.measure(MORNING + DAY)
            steps.observe_effect(number, by=TOMAS, at=MORNING + DAY)
            steps.revert(
                number, "The feed is in years again.", by=MAYA, at=MORNING + DAY + timedelta(hours=2)
            )

    def switches(self) -> switches.Switches:
        flags = switches.flags_of(one.model for one in versions.active_systems(self.ledger).values())
        with self.ledger.reading() as conn:
            return switches.read(conn, flags)

    def containing(self, live: str) -> Containing:
        watch = LogWatch(self.workspace, DuckDB, self.monitoring.measured_since)
        return Containing(
            self.ledger, self.desk.ground_of, self.switches, OfrepProber(live), watch, self.desk.link
        )

    def learn(self, incident: str) -> None:
        """Counted, assessed, analysed, fixed, verified by the monitor, resolved and reviewed."""
        desk, ledger, at = self.desk, self.ledger, MORNING + DAY + timedelta(hours=3)
        counter = LogCounter(ledger, self.workspace, DuckDB)
        count = partial(assessing.count, ledger, counter, incident, reassess=desk.noted, by=PRIYA, at=at)
        count(midnight(FAULT), midnight(FAULT) + DAY, {"channel": "broker"}, because="it sent months")
        assessing.assess(ledger, incident, ASSESSMENT, reassess=desk.noted, by=HELEN, at=at)
        monitors = [one.id for one in versions.active_systems(ledger)[LOANS].model.monitors]
        analysing.analyse(ledger, incident, ANALYSIS, monitors=monitors, by=PRIYA, at=at)
        wanted = Wanted(Method.MONITOR, monitor=DRIFT, windows=2, lasting=DAY)
        plan = Plan("Refuse months at intake", RemediationKind.CODE_FIX, TOMAS.id, at + 5 * DAY, wanted)
        item = remedying.plan(desk, incident, plan, by=MAYA, at=at)
        remedying.finish(desk, incident, item, "Refused since 09:10.", by=TOMAS, at=at)
        for days in (2, 3, 4):
            self.lender.write_day(FAULT + days * DAY)
        self.measure(MORNING + 4 * DAY)
        measured = self.monitoring.measured_by
        remedying.verify_by_monitor(desk, LOANS, DRIFT, measured, by=SYSTEM, at=MORNING + 4 * DAY)
        later = MORNING + 4 * DAY + timedelta(hours=2)
        closing.resolve(desk, incident, "Months are refused at intake.", by=MAYA, at=later)
        reviewing.draft(desk, incident, by=HELEN, at=later)
        reviewing.edit(desk, incident, REVIEW, ["Maya Okafor", "Tomas Lind"], by=HELEN, at=later)
        reviewing.complete(desk, incident, by=HELEN, at=later)

    def close(self, incident: str) -> None:
        later = MORNING + 4 * DAY + timedelta(hours=3)
        item, blocks = custody.open_item(self.ledger, self.vault, incident, "EV-4", by=HELEN, at=later)
        assert sum(map(len, blocks)) == item.size
        closing.close(self.desk, incident, "Wrong units from one broker, refused since.", by=MAYA, at=later)


_kept_parts: dict[tuple[str, bool], Kept] = {}


def told_as_far_as(part: str, database: Database, folder: Path) -> Lending:
    """The story as far as a part, told once a process on each kind of database. Whoever wants it again goes
    on from there, with files and a database of their own."""
    which = (part, database.is_sqlite)
    if which in _kept_parts:
        return Lending.going_on(_kept_parts[which], database, folder)
    made = _PARTS[part](database, folder)
    _kept_parts[which] = made.kept()
    return made


def _declared(database: Database, folder: Path) -> Lending:
    made = Lending.opened(database, folder, logged=False)
    made.desk.open(Report("The assistant is rude"), by=INES, at=MORNING)
    made.sealer.seal(MORNING)
    return made


def _running(database: Database, folder: Path) -> Lending:
    made = told_as_far_as("lending", database, folder)
    made.go_wrong()
    return made


def _closed(database: Database, folder: Path) -> Lending:
    made = told_as_far_as("running", database, folder)
    made.respond("INC-1")
    made.learn("INC-1")
    made.close("INC-1")
    return made


_PARTS = {"lending": Lending.opened, "declared": _declared, "running": _running, "closed": _closed}


ASSESSMENT = Assessment(
    users=UserImpact(kind="Applicants of one broker", effect="Approved although they may not repay."),
    compliance=ComplianceImpact(violated=False, must_notify=False, duty="Looked at; none applies."),
)
ANALYSIS = Analysis(
    (Statement("Only broker rows hold employment above 40.", (parse("EV-1"),)),),
    (Happening(midnight(FAULT), Statement("The first batch in months arrives.", (parse("EV-1"),))),),
    (
        Factor(FactorGroup.DATA, Statement("A unit changed without notice.", (parse(f"monitor:{DRIFT}"),))),
        Factor(FactorGroup.PROCESS, Statement("Nobody announces formats.", (), assumption=True)),
    ),
    Statement("The broker's export writes months; intake accepted them.", (parse("EV-1"), parse("EV-3"))),
)
REVIEW = {
    ReviewQuestion.WENT_WELL: "Contained within half an hour.",
    ReviewQuestion.COULD_BE_BETTER: "A limit on the field would have refused the first row.",
    ReviewQuestion.WILL_CHANGE: "Intake checks units of every field.",
}


def _address(incident: str) -> str:
    return f"https://holdfast.example/incidents/{incident}"


def _brokers_to_people(context: object) -> str:
    assert isinstance(context, dict)
    return "human_review" if context["channel"] == "broker" else "model"
