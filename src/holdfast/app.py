"""The application, joined: this file alone knows which integration serves which port.

`initialise` makes what a workspace needs (keys, database), `open_workspace` joins everything into one
`Application`. Read it to see what happens after what:
`_reactions` (what a fact leads to) and `_handlers` (what a timer leads to).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import make_url

from holdfast.access.accounts import Accounts
from holdfast.access.inspecting import Access
from holdfast.application import Application, Handler, Made, Upkeep
from holdfast.audit import events as _packed  # noqa: F401 - so that its facts are known
from holdfast.clock import Clock, SystemClock
from holdfast.contain.containing import Containing
from holdfast.contain.events import EFFECT_TIMER
from holdfast.contain.reading import Containments
from holdfast.contain.switches import Switchboard, Switches, flags_of
from holdfast.contain.switches import read as read_switches
from holdfast.contain.watching import LogWatch
from holdfast.detect import capture, passing
from holdfast.detect.alerting import Alerting, Triaged
from holdfast.detect.engines import Engine
from holdfast.detect.events import (
    PASS_ON_TIMER,
    AlertCleared,
    AlertContinued,
    AlertRaised,
    MonitoringRan,
    MonitorMeasured,
)
from holdfast.detect.handling import Handling
from holdfast.detect.inspecting import Followed, Remembered
from holdfast.detect.monitoring import Monitoring
from holdfast.detect.naming import columns_of
from holdfast.detect.records import Detection
from holdfast.evidence import custody
from holdfast.evidence.inspecting import Preserved
from holdfast.evidence.private import Private, Secret
from holdfast.evidence.vault import Vault
from holdfast.incident.events import (
    Absorbed,
    AlertJoined,
    BeginningStated,
    Contained,
    ContainmentLost,
    HarmWentOn,
    IncidentAlertSetAside,
    IncidentOpened,
    ReportJoined,
    Resolved,
    SystemNamed,
)
from holdfast.incident.reaching import NextTold, tell_next, tell_of_overdue
from holdfast.incident.register import Register
from holdfast.incident.responding import Desk
from holdfast.integrations.folder import vault as folder_vault
from holdfast.integrations.ofrep.prober import OfrepProber
from holdfast.integrations.smtp import channel as smtp
from holdfast.integrations.webhook import channel as webhook
from holdfast.investigate.events import COUNT_TIMER
from holdfast.investigate.following import Following
from holdfast.investigate.log_counter import LogCounter
from holdfast.learn import handing_over, overtaken, remedying
from holdfast.learn.events import OVERDUE_TIMER, REMINDER_TIMER, RemediationDone, RemediationPlanned
from holdfast.learn.tracker import Tracker
from holdfast.ledger import keys
from holdfast.ledger.check import Inspection, check
from holdfast.ledger.database import Database
from holdfast.ledger.facts import Recorded
from holdfast.ledger.inspecting import ANYBODY, PRIVATE, UNCHANGED, Files, Guarded, Leases, Positions, Written
from holdfast.ledger.ledger import Ledger, Projection
from holdfast.ledger.outbox import EMAIL, LATE_TIMER, Channel, MessageFailed, Outbox
from holdfast.ledger.reactions import Reaction
from holdfast.ledger.row_key import RowKey
from holdfast.ledger.sealing import Anchor, Memory, Sealer, newest_size
from holdfast.ledger.timekeeping import LedgerClock
from holdfast.ledger.timers import Timers
from holdfast.ledger.upgrading import Telling, Upgraded, require_ledger, require_schema, upgrade
from holdfast.ledger.verdict import Checks
from holdfast.people import SYSTEM
from holdfast.prepare import versions
from holdfast.prepare.events import (
    REVIEW_TIMER,
    PlaybookActivated,
    RosterApplied,
    SystemApplied,
    SystemWithdrawn,
)
from holdfast.prepare.records import Preparation
from holdfast.prepare.systems import System
from holdfast.problems import Problem
from holdfast.settings import FILE_NAME, PREFIX, Settings, SettingsError
from holdfast_verify.note import Signer, VerifierKey

CHECKPOINTS = "checkpoints.jsonl"
CLOCK = "clock.json"
LAST_CHECK = "ledger-check.json"
CHECKED_EVERY = timedelta(days=1)
FLAGS_TOKEN = "flags.token"  # noqa: S105 - a file name


def projections() -> Sequence[Projection]:
    """Every projection, those that others read first."""
    return [
        Timers(),
        Outbox(),
        Preparation(),
        Register(),
        Detection(),
        Switchboard(),
        Containments(),
        Tracker(),
    ]


def initialise(settings: Settings) -> tuple[Made, ...]:
    """Make keys, database, ledger and vault where they are missing; what exists is left as it is. Returns
    what was made.

    Raises KeyProblem where the ledger has a key already, and it is not there; VaultProblem for a vault that
    was lost: evidence was taken in, and its folder is gone.
    """
    key, database = settings.ledger.key, Database(settings.database.url)
    ledger, token = Ledger(database, projections()), key.parent / FLAGS_TOKEN
    kept = {"signing key": key, "what it signed": memory_of(settings).path, "token of the flags": token}
    kept["evidence vault"] = settings.vault.path
    known = {path for path in kept.values() if path.exists()}
    try:
        begun = ledger.create(settings.ledger.origin)
        _begin_signing(settings, ledger)
        folder_vault.join(settings, holds=lambda: custody.any_held(ledger)).create()
    finally:
        database.close()
    if token not in known:
        handle = os.open(token, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    made = [Made(str(path), what) for what, path in kept.items() if path not in known and path.exists()]
    stored = Made(str(database.file or settings.database.shown_url), "database")
    return (*made, *([stored] if begun else []))


def _begin_signing(settings: Settings, ledger: Ledger) -> None:
    """A key for a ledger that has none, and the memory of what it signs. Never another key for a ledger
    that is sealed already: it would sign over whatever has been put in the old one's place."""
    key, memory, anchor = settings.ledger.key, memory_of(settings), anchor_of(settings)
    with ledger.reading() as conn:
        unsealed = anchor.missing and newest_size(conn) == 0
    if not key.exists():
        if not unsealed or not memory.missing:
            keys.load(key)  # says that it is missing, and what to do
        keys.create(key)
    if memory.missing and unsealed:
        memory.begin(Signer(ledger.origin, keys.load(key)).verifier_key)


def _named(settings: Settings, ledger: Ledger, environ: Mapping[str, str]) -> str:
    """The name the ledger signs under: as the settings have it until something is recorded, and never another
    from then on. Raises SettingsError where the settings name another.

    Where a start is killed between renaming the ledger and the key's memory, the next one ends it.
    """
    origin, wanted, memory = ledger.origin, settings.ledger.origin, memory_of(settings)
    if wanted == origin and not memory.begun_under_another_name(_verifier_key(settings, wanted)):
        return origin
    unsigned = memory.signed_nothing(_verifier_key(settings, origin))
    if unsigned and anchor_of(settings).missing and ledger.rename(wanted):
        memory.begin(_verifier_key(settings, wanted))
        return wanted
    if wanted == origin:
        return origin  # what does not belong together is said by whoever reads the memory
    cause = f"is {wanted}, and the ledger signs as {origin} since its first entry"
    variable = f"{PREFIX}LEDGER_ORIGIN"
    if variable in environ:
        fix = f"unset it, or set it to {origin}; another name needs a ledger of its own"
        raise SettingsError([Problem(variable, 0, 0, "", cause, fix)])
    fix = f'write origin = "{origin}" under [ledger]; another name needs a ledger of its own'
    raise SettingsError([Problem(FILE_NAME, 0, 0, "ledger.origin", cause, fix)])


def _verifier_key(settings: Settings, origin: str) -> VerifierKey:
    return Signer(origin, keys.load(settings.ledger.key)).verifier_key


def anchor_of(settings: Settings) -> Anchor:
    """Every checkpoint, kept outside the database."""
    return Anchor(settings.workspace / CHECKPOINTS)


def memory_of(settings: Settings) -> Memory:
    """What the key has signed, beside the key."""
    return Memory(settings.ledger.key.with_suffix(".signed.json"))


def private_of(settings: Settings) -> Private:
    """What is never taken in as evidence, whatever path, link or mount leads to it."""
    key = settings.ledger.key
    secrets_ = [Secret(key, "the ledger's key"), Secret(key.parent / FLAGS_TOKEN, "the token of the flags")]
    secrets_.append(Secret(settings.webhook.secrets, "the secrets of webhooks"))
    url = make_url(settings.database.url)
    if url.get_backend_name() == "sqlite" and url.database:
        called = "the database of the ledger"
        secrets_ += [Secret(Path(url.database + end), called) for end in ("", "-wal", "-shm", "-journal")]
    return Private(secrets_)


def open_workspace(
    folder: Path, environ: Mapping[str, str] | None = None, clock: Clock | None = None
) -> Application:
    """Join everything for one workspace.

    Raises SettingsError, DatabaseProblem, KeyProblem, NotALedger or OtherSchema, each saying what to do.
    """
    environ = os.environ if environ is None else environ
    settings = Settings.load(folder, environ)
    ledger = Ledger(Database(settings.database.url), projections())
    require_schema(ledger)
    return _joined(settings, ledger, environ, clock)


def upgrade_workspace(folder: Path, progress: Telling, environ: Mapping[str, str] | None = None) -> Upgraded:
    """Bring a workspace of an earlier release to this one. Raises as `open_workspace`, and NotUpgraded."""
    environ = os.environ if environ is None else environ
    settings = Settings.load(folder, environ)
    ledger = Ledger(Database(settings.database.url), projections())
    require_ledger(ledger)
    joined = _joined(settings, ledger, environ, None)
    at = joined.clock.now()
    try:
        with joined.vault.closing_to_others():
            done = upgrade(
                ledger,
                joined.verifier_key,
                joined.anchor,
                joined.memory,
                # 0.1.0 told its vault of no dates.
                [
                    Preserved(joined.vault, dates=False) if isinstance(one, Preserved) else one
                    for one in joined.inspections(at)
                ],
                version("holdfast"),
                at,
                progress,
            )
        custody.state_retention(ledger, joined.vault)
        joined.sealer.seal(at)
        return done
    finally:
        ledger.database.close()


def _joined(
    settings: Settings, ledger: Ledger, environ: Mapping[str, str], clock: Clock | None
) -> Application:
    origin = _named(settings, ledger, environ)
    if clock is None:
        # The machine's own is watched; whoever passes another one tells a story, or tests.
        clock = watched = LedgerClock(ledger, settings.workspace / CLOCK)
        ledger.require_steady, ledger.evenly = watched.require_steady, watched.evenly
        ledger.keep_time = watched.keep
    key = keys.load(settings.ledger.key)
    ledger.row_key = RowKey.derived(key)
    anchor, memory = anchor_of(settings), memory_of(settings)
    vault = folder_vault.join(settings, private_of(settings), lambda: custody.any_held(ledger))
    accounts = Accounts(ledger)
    checks = Checks(ledger, memory.path.with_name(LAST_CHECK))
    verifier_key = Signer(origin, key).verifier_key

    def inspections(at: datetime) -> Sequence[Inspection]:
        return (
            Access(at),
            Written(ledger.row_key),
            Positions(reactions, at, ledger.row_key),
            Leases(at),
            Remembered(),
            Preserved(vault),
            Files(tuple(_guarded(settings, ledger, anchor, memory, checks))),
        )

    def check_when_due(at: datetime) -> int:
        last = checks.last()
        if last is not None and last.at is not None and timedelta() <= at - last.at < CHECKED_EVERY:
            return 0
        report = check(ledger, verifier_key, anchor, memory=memory, inspections=inspections(at))
        checks.record(report, SYSTEM, at)
        return 1

    def link(incident: str) -> str:
        return f"{settings.web.public_url}/incidents/{incident}"

    def switches() -> Switches:
        flags = flags_of(applied.model for applied in versions.active_systems(ledger).values())
        with ledger.reading() as conn:
            return read_switches(conn, flags)

    sources = capture.sources(ledger, settings.workspace, engine)
    desk = Desk(ledger, vault, sources, link, settings.timezone)
    monitoring = Monitoring(ledger, settings.workspace, engine)
    alerting = Alerting(ledger, desk)
    flags_token = (settings.ledger.key.parent / FLAGS_TOKEN).read_text().strip()
    prober = OfrepProber(settings.web.public_url, {"Authorization": f"Bearer {flags_token}"})

    def columns(system: System) -> Collection[str] | None:
        return columns_of(system.prediction_log, settings.workspace, engine)

    watch = LogWatch(settings.workspace, engine, monitoring.measured_since)
    containing = Containing(ledger, desk.ground_of, switches, prober, watch, link, columns)
    counter = LogCounter(ledger, settings.workspace, engine)
    following = Following(ledger, counter, desk.noted)
    reactions = _reactions(desk, monitoring, alerting, containing, following)
    return Application(
        settings=settings,
        clock=clock,
        ledger=ledger,
        sealer=Sealer(ledger, key, anchor, memory),
        anchor=anchor,
        memory=memory,
        verifier_key=verifier_key,
        vault=vault,
        accounts=accounts,
        desk=desk,
        monitoring=monitoring,
        alerting=alerting,
        handling=Handling(ledger, desk),
        containing=containing,
        counter=counter,
        engines=engine,
        read_switches=switches,
        flags_token=flags_token,
        handlers=_handlers(desk, monitoring, containing, following, settings),
        reactions=reactions,
        channels=channels_of(settings, clock),
        checks=checks,
        inspections=inspections,
        upkeep=_upkeep(ledger, vault, accounts, check_when_due),
    )


CHANNELS: dict[str, Callable[[Settings, Clock], Channel | None]] = {
    EMAIL: smtp.join,
    "webhook": webhook.join,
}
"""Every integration that is a channel, by the name roster and playbook call it; None where it is not set
up."""


def channels_of(settings: Settings, clock: Clock | None = None) -> Mapping[str, Channel]:
    """The channels that are set up in this installation, by name."""
    made = {name: join(settings, clock or SystemClock()) for name, join in CHANNELS.items()}
    return {name: channel for name, channel in made.items() if channel}


def engine() -> AbstractContextManager[Engine]:
    from holdfast.detect.engines.duckdb import DuckDB

    return DuckDB()


def _handlers(
    desk: Desk, monitoring: Monitoring, containing: Containing, following: Following, settings: Settings
) -> dict[str, Handler]:
    """What each kind of timer does when it is due."""
    inbox, zone = f"{settings.web.public_url}/alerts", settings.timezone
    return {
        "clock.breach": Handler(lambda timer, by, at: desk.breach_clock(timer, by=by, at=at)),
        LATE_TIMER: Handler(lambda timer, by, at: tell_of_overdue(desk.ledger, zone, timer, by=by, at=at)),
        "clock.near": Handler(lambda timer, by, at: desk.warn_of_clock(timer, by=by, at=at)),
        "escalation.step": Handler(lambda timer, by, at: desk.escalate(timer, by=by, at=at)),
        REVIEW_TIMER: Handler(
            lambda timer, by, at: versions.remind_of_review(desk.ledger, zone, timer, by, at)
        ),
        "monitoring.run": Handler(monitoring.fire, lane="monitors"),
        EFFECT_TIMER: Handler(containing.look_again, lane="effects"),
        COUNT_TIMER: Handler(following.count_again, lane="impact"),
        REMINDER_TIMER: Handler(lambda timer, by, at: remedying.remind(desk, timer, by=by, at=at)),
        PASS_ON_TIMER: Handler(
            lambda timer, by, at: passing.pass_on(desk.ledger, inbox, zone, timer, by, at)
        ),
        OVERDUE_TIMER: Handler(lambda timer, by, at: remedying.chase_overdue(desk, timer, by=by, at=at)),
    }


def _guarded(
    settings: Settings, ledger: Ledger, anchor: Anchor, memory: Memory, checks: Checks
) -> Iterator[Guarded]:
    """Files that decide something, and what others may not do with them."""
    key = settings.ledger.key
    yield Guarded(key, PRIVATE)
    yield Guarded(key.parent / FLAGS_TOKEN, PRIVATE)
    yield Guarded(settings.webhook.secrets, PRIVATE, required=False)
    yield Guarded(key.parent, UNCHANGED)
    yield Guarded(memory.path, UNCHANGED, required=False)  # the check itself says when it is missing
    yield Guarded(anchor.path, UNCHANGED, required=False)
    yield Guarded(checks.path, UNCHANGED, required=False)
    # A group of its owner alone is what many systems give new files; whoever else may rename what lies in the
    # workspace chooses what is read.
    yield Guarded(settings.workspace, ANYBODY)
    for name in (FILE_NAME, CLOCK):
        yield Guarded(settings.workspace / name, ANYBODY, required=False)
    file = ledger.database.file
    if file is not None:
        yield Guarded(file, PRIVATE)
        for beside in ("-wal", "-shm", "-journal"):
            yield Guarded(Path(f"{file}{beside}"), PRIVATE, required=False)


def _upkeep(
    ledger: Ledger, vault: Vault, accounts: Accounts, check_when_due: Callable[[datetime], int]
) -> tuple[Upkeep, ...]:
    """What is done every so often, whatever happens."""
    return (
        # Sessions that ran out: their end belongs on the record too.
        Upkeep("ending sessions", timedelta(minutes=5), accounts.sessions.end_expired),
        Upkeep(
            "sweeping the vault",
            timedelta(hours=1),
            lambda now: int(custody.sweep(ledger, vault, by=SYSTEM, at=now)),
        ),
        Upkeep(
            "sweeping the temporary folder",
            timedelta(hours=1),
            lambda now: int(custody.sweep_temporary(ledger, by=SYSTEM, at=now)),
        ),
        # Looked at more often than it is due: what counts is the last check, whoever made it.
        Upkeep("checking the ledger", timedelta(minutes=10), check_when_due, patience=timedelta(hours=1)),
    )


def _reactions(
    desk: Desk, monitoring: Monitoring, alerting: Alerting, containing: Containing, following: Following
) -> tuple[Reaction, ...]:
    """What happens after a fact."""

    def look(recorded: Recorded, at: datetime) -> None:
        fact = recorded.fact
        if isinstance(fact, (AlertRaised, AlertContinued)):
            containing.look_at(fact.system, by=SYSTEM, at=at)

    def verify(recorded: Recorded, at: datetime) -> None:
        fact = recorded.fact
        measured = monitoring.measured_by
        if isinstance(fact, MonitorMeasured):
            remedying.verify_by_monitor(desk, fact.system, fact.monitor, measured, by=SYSTEM, at=at)
        elif isinstance(fact, RemediationDone):
            remedying.verify_after_done(desk, fact, measured, by=SYSTEM, at=at)

    def look_for_monitors(recorded: Recorded, at: datetime) -> None:
        fact = recorded.fact
        if isinstance(fact, (SystemApplied, SystemWithdrawn, RemediationPlanned)):
            remedying.look_for_monitors(desk, fact.system, by=SYSTEM, at=at)

    def overtake(recorded: Recorded, at: datetime) -> None:
        overtaken.by(desk, recorded, by=SYSTEM, at=at)

    return (
        Reaction(
            "watch the systems in force",
            (SystemApplied, SystemWithdrawn),
            monitoring.follow,
            lambda at: Followed(),
        ),
        Reaction("triage alerts", (AlertRaised,), alerting.triage, lambda at: Triaged()),
        Reaction(
            "tell of alerts before a playbook is in force",
            (AlertRaised,),
            lambda raised, at: passing.tell_untriaged(desk.ledger, raised, at),
            lambda at: passing.Untold(),
        ),
        Reaction("see alerts that grow worse", (AlertContinued,), alerting.went_on),
        Reaction("see harm that comes back", (AlertRaised,), alerting.came_back),
        Reaction("ask the rules that changed", (PlaybookActivated, SystemApplied), alerting.rules_changed),
        Reaction(
            "count who is affected",
            (
                IncidentOpened,
                AlertJoined,
                ReportJoined,
                Absorbed,
                BeginningStated,
                SystemNamed,
                IncidentAlertSetAside,
                AlertCleared,
                Contained,
                ContainmentLost,
                Resolved,
                MonitoringRan,
                SystemApplied,
            ),
            following.follow,
        ),
        Reaction(
            "tell somebody else",
            (MessageFailed,),
            lambda failed, at: tell_next(desk.ledger, failed, at, desk.zone),
            NextTold,
        ),
        Reaction(
            "let roles follow the roster",
            (RosterApplied,),
            lambda applied, at: handing_over.follow_roster(desk, by=SYSTEM, at=at),
        ),
        Reaction("look at containments again", (AlertRaised, AlertContinued), look),
        Reaction("verify remediation", (MonitorMeasured, RemediationDone), verify),
        Reaction(
            "see whether monitors can prove what they are to",
            (SystemApplied, SystemWithdrawn, RemediationPlanned),
            look_for_monitors,
        ),
        Reaction(
            "see what overtakes a verification",
            (AlertContinued, AlertJoined, HarmWentOn, ContainmentLost),
            overtake,
        ),
    )
