"""A whole workspace of the starter's company, opened as the product opens it, on any database."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import make_url

from holdfast.app import initialise, open_workspace
from holdfast.application import Application
from holdfast.clock import Clock
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger.database import Database
from holdfast.people import Permission
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.versions import apply_workspace, approve_playbook, playbook_versions_of
from holdfast.prepare.workspace import load_workspace
from holdfast.rehearse.lending import Lender
from holdfast.settings import Settings
from support.company import HELEN, SIGNATURES, person
from support.hasty import Content, content_of, store

NADIA = person("Nadia Petrov")
"""Administrator: manages accounts, responds to nothing."""
EVERYTHING = frozenset(Permission)


class HandClock:
    """Stands still until a test moves it."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def pass_by(self, length: timedelta) -> datetime:
        self.moment += length
        return self.moment


def environment(url: str) -> Mapping[str, str]:
    return {"HOLDFAST_DATABASE_URL": url}


def opened(
    folder: Path, url: str, clock: Clock, *, in_force: bool = True, settled: bool = False
) -> Application:
    """A workspace written, initialised and opened; with the playbook signed unless asked otherwise, and with
    what follows from that done by a worker when `settled`.

    Made once a process for a time and a kind of database, and copied from then on: every test has files, a
    key and a database of its own.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and Path(parsed.database or "").is_relative_to(folder):
        return _made(folder, url, clock, in_force, settled)
    key = (parsed.get_backend_name(), clock.now(), in_force, settled)
    if key not in _templates:
        made = _made(folder, url, clock, in_force, settled)
        _templates[key] = kept(folder, made.ledger.database)
        made.ledger.database.close()
    else:
        copied(_templates[key], folder, Database(url))
    return open_workspace(folder, environment(url), clock)


@dataclass(frozen=True, slots=True)
class Kept:
    """A workspace to be copied."""

    files: Path
    content: Content


_templates: dict[tuple[str, datetime, bool, bool], Kept] = {}


def _made(folder: Path, url: str, clock: Clock, in_force: bool, settled: bool) -> Application:
    write_workspace(folder)
    initialise(Settings.load(folder, environment(url)))
    application = open_workspace(folder, environment(url), clock)
    if in_force:
        at = clock.now()
        apply_workspace(application.ledger, load_workspace(folder), HELEN, at)
        content = playbook_versions_of(application.ledger)[0].content
        for function, signer in SIGNATURES.items():
            approve_playbook(application.ledger, content, function, signer, at)
    if settled:
        settle(application)
    return application


def kept(folder: Path, database: Database) -> Kept:
    """Keep a workspace as it stands, to be copied."""
    files = Path(tempfile.mkdtemp(prefix="company_"))
    atexit.register(shutil.rmtree, files, ignore_errors=True)
    shutil.copytree(folder, files, dirs_exist_ok=True)
    return Kept(files, content_of(database))


def copied(template: Kept, folder: Path, database: Database) -> None:
    """The same workspace in another folder, and in a database that holds nothing."""
    shutil.copytree(template.files, folder, dirs_exist_ok=True)
    database.create()
    store(database, template.content)
    database.close()


def with_log(folder: Path, until: datetime, days: int = 12, wrong: bool = True) -> None:
    """A lender's prediction log up to a day, wrong from the sixth day before it unless it never is."""
    shutil.copytree(_log(until, days, wrong), folder, dirs_exist_ok=True)


@cache
def _log(until: datetime, days: int, wrong: bool) -> Path:
    """The files of the log, made once and copied for each test."""
    folder = Path(tempfile.mkdtemp(prefix="lender-files-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    last = until.date()
    since = datetime.combine(last - timedelta(days=5 if wrong else -2), time(), UTC)
    lender = Lender(folder, since, until + timedelta(days=3))
    lender.write_model()
    lender.write_reference(last - timedelta(days=days))
    for before in range(days, 0, -1):
        lender.write_day(last - timedelta(days=before))
    return folder


def settle(application: Application) -> None:
    """What a worker does: reactions, timers, seal; no mail."""
    worker = Worker(application)
    worker.react(application.clock.now())
    worker.fire(application.clock.now())
    worker.seal(application.clock.now())
