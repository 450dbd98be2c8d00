"""`holdfast demo`: makes a workspace, plays the story in it, and serves what came of it."""

from __future__ import annotations

import os
import re
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from holdfast.application import Application
from holdfast.integrations.smtp.fake import Mailbox
from holdfast.interfaces.cli.session import Session, Wiring, command, noun
from holdfast.people import SYSTEM
from holdfast.prepare import versions
from holdfast.prepare.schemas import write_schemas
from holdfast.prepare.starting import AlreadyThere, write_workspace
from holdfast.rehearse.clock import StoryClock
from holdfast.rehearse.story import Result, Story, StoryBroke, begins_at
from holdfast.settings import FILE_NAME, Settings

app = noun()
SIGN_IN = "sign-in.txt"
PORT = 8080
WHO = {
    "maya.okafor@harbourstreet.example": "incident commander",
    "tomas.lind@harbourstreet.example": "technical lead",
    "helen.marsh@harbourstreet.example": "compliance lead",
    "victor.chen@harbourstreet.example": "auditor: reads and verifies, never writes",
}


@command(app, "demo")
def demo(
    session: Session,
    folder: Annotated[Path, typer.Option("--dir", help="Where the workspace is made.")] = Path(
        "holdfast-demo"
    ),
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve what came of it at the end.")
    ] = True,
) -> None:
    """Play one incident from the first wrong prediction to the verified pack, then serve it. With --no-serve
    --json it prints one JSON object, and exits 0 only if all of it happened."""
    raise typer.Exit(demonstrate(session.wiring, folder, serve=serve, as_json=bool(session.json)))


def demonstrate(wiring: Wiring, folder: Path, *, serve: bool, as_json: bool) -> int:
    """Play the demonstration into `folder`; returns the exit code: 0 only if all of it happened."""
    console = Console(stderr=True) if as_json else Console()
    if (folder / "packs" / "policy.txt").exists():
        console.print(f"The story was already played in {folder}; it is served as it is.")
        result = None
    else:
        played = _played(wiring, folder, console)
        if played is None:
            return 1
        result = played
        if as_json:
            sys.stdout.write(result.as_json() + "\n")
    if serve:
        _serve(wiring, folder, console)
    elif result is None:
        console.print(
            f"Nothing to do: choose another folder, or serve this one (holdfast -w {folder} serve)."
        )
        return 1
    return 0


def _played(wiring: Wiring, folder: Path, console: Console) -> Result | None:
    try:
        write_workspace(folder)
        write_schemas(folder / "schemas")
    except AlreadyThere as error:
        console.print(f"[bold]Not started.[/] {error}")
        return None
    now = datetime.now(UTC)
    clock = StoryClock(begins_at(now), timedelta(microseconds=now.microsecond))
    _settle_address(folder, PORT)
    with Mailbox(folder / "mail") as mailbox:
        environ = {
            **_inherited(),
            "HOLDFAST_MAIL_HOST": "127.0.0.1",
            "HOLDFAST_MAIL_PORT": str(mailbox.port),
        }
        wiring.initialise(Settings.load(folder, environ))
        application = wiring.open_workspace(folder, environ, clock)
        console.print(
            "[bold]Holdfast, one incident from the first wrong prediction to the verified pack[/]\n"
            f"Nine days are played in about a minute, with the real parts, in {folder}.\n"
        )
        try:
            with wiring.service(application).in_background(), _told(console) as say:
                worker = wiring.worker(application)
                result = Story(application, clock, worker.round, now, say).play()
        except StoryBroke as broke:
            console.print(f"\n[bold red]{broke}[/]")
            return None
        finally:
            application.ledger.database.close()
    console.print()
    return result


def _inherited() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}


def _settle_address(folder: Path, wanted: int) -> None:
    """Write a free port into the workspace's settings: the wanted one, or any other."""
    port = _free(wanted)
    path = folder / FILE_NAME
    text = re.sub(r"(?m)^port = 8080$", f"port = {port}", path.read_text())
    path.write_text(text.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{port}"))


def _free(wanted: int) -> int:
    """The wanted port of loopback, or another one where somebody listens on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _told(console: Console) -> Iterator[_Teller]:
    """Tells each step as it is done; on a terminal something moves while the next one is worked on."""
    spinner = Progress(SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True)
    with spinner:
        spinner.add_task("playing")
        yield _Teller(console)


class _Teller:
    def __init__(self, console: Console) -> None:
        self.console = console
        self.day = ""

    def __call__(self, at: datetime, what: str, outcome: str) -> None:
        day = f"{at:%a %d %b}"
        shown = day if day != self.day else ""
        self.day = day
        line = Table.grid(padding=(0, 1))
        line.add_column(width=10, style="dim")
        line.add_column(width=5, style="dim")
        line.add_column(width=22, style="bold")
        line.add_column(ratio=1)
        line.add_row(shown, f"{at:%H:%M}", what, outcome)
        self.console.print(line)


def _serve(wiring: Wiring, folder: Path, console: Console) -> None:
    with Mailbox(folder / "mail") as mailbox:
        environ = {
            **_inherited(),
            "HOLDFAST_MAIL_HOST": "127.0.0.1",
            "HOLDFAST_MAIL_PORT": str(mailbox.port),
        }
        port = _free(Settings.load(folder, environ).web.port)
        environ |= {"HOLDFAST_WEB_PORT": str(port), "HOLDFAST_WEB_PUBLIC_URL": f"http://127.0.0.1:{port}"}
        application = wiring.open_workspace(folder, environ, None)
        password = _accounts(application, folder / SIGN_IN)
        address = application.settings.web.public_url
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for person, role in WHO.items():
            table.add_row(person, role)
        console.print(f"[bold]Open {address}[/] and sign in as one of")
        console.print(table)
        console.print(f"with the password [bold]{password}[/] (also in {folder / SIGN_IN}).")
        console.print(f"Mail that was sent lies in {folder / 'mail'}. Stop with Ctrl-C.\n")
        wiring.service(application).run()


def _accounts(application: Application, remembered: Path) -> str:
    """Accounts for the demonstration's people; one password, made once and kept in a private file."""
    if remembered.exists():
        return remembered.read_text().strip().splitlines()[-1]
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    at = application.clock.now()
    for person in WHO:
        if versions.names(application.ledger).get(person):
            application.accounts.create(person, password, SYSTEM, at)
    handle = os.open(remembered, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("\n".join([*WHO, password]) + "\n")
    return password
