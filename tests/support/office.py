"""The whole product, running: pages and API on a real address, a worker, a mailbox, and people with accounts.

Only the clock is a story's. Everything else is what `holdfast serve` and `holdfast worker` run.
"""

from __future__ import annotations

import email
import email.policy
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from openfeature import api as openfeature
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from playwright.sync_api import Browser, Page, expect

from holdfast import app
from holdfast.application import Application
from holdfast.integrations.smtp.fake import Mailbox
from holdfast.interfaces.worker.worker import Worker
from holdfast.people import SYSTEM, Actor
from holdfast.prepare.versions import apply_workspace, approve_playbook, playbook_versions_of
from holdfast.prepare.workspace import load_workspace
from holdfast.rehearse.clock import StoryClock
from holdfast.serving import Service
from holdfast.settings import Settings
from support.browsing import Windows, windows
from support.car_loans import FLAG, ROUTE, Lender
from support.company import HELEN, SIGNATURES

PASSWORD = "harbour-lights-at-four"
SEEN = datetime(2019, 5, 1, 6, tzinfo=UTC)
"""The morning after the first whole window behind the change."""
BEGINS = datetime(2019, 4, 29, 9, tzinfo=UTC)
"""A Monday: the month in which the fault lies is not complete yet, so no monitor can see it."""


@dataclass(slots=True)
class Office:
    """One company at work."""

    application: Application
    clock: StoryClock
    lender: Lender
    mail: Path
    windows: Windows
    flags: OpenFeatureClient
    """What the lender's own application asks before every decision."""
    pages: dict[str, Page] = field(default_factory=dict)
    """Everybody's window, by person."""

    @property
    def address(self) -> str:
        return self.application.settings.web.public_url

    def work(self, rounds: int = 12) -> None:
        """The worker does everything that is due now."""
        worker = Worker(self.application)
        for _ in range(rounds):
            did = worker.round(self.clock.now())
            assert worker.failing == {}, worker.failing
            if not did:
                return
        raise AssertionError("the worker finds no end of its work")

    def pass_by(self, **length: float) -> datetime:
        """Let time pass, and the worker do what became due in it."""
        self.clock.pass_by(timedelta(**length))
        self.work()
        return self.clock.now()

    def morning(self, day: datetime) -> None:
        """Six o'clock of a day: the log has grown, the monitors are due."""
        self.lender.live_until(day, self.model_answers)
        self.clock.move_to(day)
        self.work()

    def model_answers(self) -> bool:
        """What the application is told when it asks; its own default is the safe one."""
        return self.flags.get_boolean_value(FLAG, False)

    def route(self, salary_range: str) -> str:
        """Who decides on an applicant of this salary range: the model, or a person."""
        return self.flags.get_string_value(
            ROUTE, "human_review", EvaluationContext("application", {"salary_range": salary_range})
        )

    def see(self, person: Actor, path: str = "/") -> Page:
        """The person's window on a page. Whose session has ended signs in, and lands where they wanted."""
        page = self.pages.get(person.id) or self.pages.setdefault(person.id, self.windows.open())
        page.goto(path)
        if "/sign-in" in page.url:
            sign_in(page, person)
            expect(page).to_have_url(f"{self.address}{path}")
        return page

    def letters(self) -> list[EmailMessage]:
        """Every mail that arrived, in order."""
        return [
            email.message_from_bytes(file.read_bytes(), policy=email.policy.default)  # type: ignore[misc]
            for file in sorted(self.mail.glob("*.eml"))
        ]


def pages(incident: str) -> tuple[str, ...]:
    """Every page there is to read, with one incident's own."""
    parts = ("", "/containment", "/evidence", "/impact", "/cause", "/remediation", "/review", "/pack")
    return (
        "/",
        "/incidents?show=all",
        *(f"/incidents/{incident}{part}" for part in parts),
        f"/incidents/{incident}?timeline=everything",
        "/alerts?shown=all",
        "/containment",
        "/systems",
        "/systems/car-loans",
        "/systems/car-loans/monitors/drift-car-value",
        "/playbook",
        "/reviews",
        "/evidence",
        "/ledger",
        "/ledger/0",
        "/find?q=car",
    )


def sign_in(page: Page, person: Actor) -> None:
    """Fill in the form that the page shows."""
    page.get_by_label("E-mail address").fill(person.id)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def at_work(folder: Path, data: Path, database_url: str, browser: Browser) -> Iterator[Office]:
    """A company whose playbook is in force, with half a year of car loans behind it, on `database_url`."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    lender = Lender(folder / "workspace", data)
    lender.prepare()
    clock = StoryClock(BEGINS)
    with Mailbox(folder / "mail") as mailbox:
        environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")},
            "HOLDFAST_DATABASE_URL": database_url,
            "HOLDFAST_WEB_PORT": str(port),
            "HOLDFAST_WEB_PUBLIC_URL": address,
            "HOLDFAST_MAIL_PORT": str(mailbox.port),
        }
        app.initialise(Settings.load(lender.workspace, environ))
        application = app.open_workspace(lender.workspace, environ, clock)
        try:
            _put_in_force(application, clock)
            with (
                Service(application, with_worker=False).in_background(),
                windows(browser, address) as opened,
                _asking(application, address) as flags,
            ):
                lender.live_until(BEGINS)
                office = Office(application, clock, lender, folder / "mail", opened, flags)
                office.work()
                yield office
        finally:
            application.ledger.database.close()


def _put_in_force(application: Application, clock: StoryClock) -> None:
    ledger, at = application.ledger, clock.now()
    apply_workspace(ledger, load_workspace(application.workspace), HELEN, at)
    content = playbook_versions_of(ledger)[0].content
    for function, signer in SIGNATURES.items():
        approve_playbook(ledger, content, function, signer, at)


def give_accounts(office: Office, *people: Actor) -> None:
    for person in people:
        office.application.accounts.create(person.id, PASSWORD, SYSTEM, office.clock.now())


@contextmanager
def _asking(application: Application, address: str) -> Iterator[OpenFeatureClient]:
    """The unmodified OpenFeature client, configured with an address and a token and nothing else."""
    token = {"Authorization": f"Bearer {application.flags_token}"}
    openfeature.set_provider(OFREPProvider(address, headers_factory=lambda: token))
    try:
        yield openfeature.get_client()
    finally:
        openfeature.clear_providers()
