"""A whole workspace of the starter's company, opened as the product opens it, on any database."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import URL, make_url

from holdfast.app import initialise, open_workspace
from holdfast.application import Application
from holdfast.clock import Clock
from holdfast.interfaces.worker.worker import Worker
from holdfast.people import Permission
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.versions import apply_workspace, approve_playbook, playbook_versions_of
from holdfast.prepare.workspace import load_workspace
from holdfast.rehearse.lending import Lender
from holdfast.settings import Settings
from support.company import HELEN, SIGNATURES, person
from support.servers import create_database, drop_database

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
    server = "sqlite" if parsed.get_backend_name() == "sqlite" else str(parsed.host or parsed.query)
    key = (server, clock.now(), in_force, settled)
    if key not in _templates:
        _made(folder, url, clock, in_force, settled).ledger.database.close()
        _templates[key] = kept(folder, parsed)
    else:
        copied(_templates[key], folder, parsed)
    return open_workspace(folder, environment(url), clock)


_templates: dict[tuple[str, datetime, bool, bool], Path] = {}


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


def kept(folder: Path, url: URL) -> Path:
    """Keep a closed workspace to be copied; its database on a server under the folder's name."""
    template = Path(tempfile.mkdtemp(prefix="company_"))
    atexit.register(shutil.rmtree, template, ignore_errors=True)
    shutil.copytree(folder, template / "work")
    if url.get_backend_name() == "sqlite":
        shutil.copy2(url.database or "", template / "holdfast.db")
    else:
        create_database(url, _name(template), copied_from=url.database or "")
    return template


def copied(template: Path, folder: Path, url: URL) -> None:
    shutil.copytree(template / "work", folder, dirs_exist_ok=True)
    if url.get_backend_name() == "sqlite":
        shutil.copy2(template / "holdfast.db", url.database or "")
    else:
        drop_database(url, url.database or "")
        create_database(url, url.database or "", copied_from=_name(template))


def _name(template: Path) -> str:
    return f'"{template.name}"'


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
