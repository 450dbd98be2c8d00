"""The command line: `holdfast`, one module for each noun.

Exit codes: 0 done or the check holds, 1 refused or the check does not hold, 2 the command was not
understood. Tables on a terminal, JSON in a pipe; the JSON is what the API answers.
"""

from __future__ import annotations

import os
import sys

import structlog
import typer

from holdfast.interfaces.cli import (
    alert,
    cause,
    contain,
    demo,
    evidence,
    impact,
    incident,
    ledger,
    message,
    monitor,
    pack,
    people,
    playbook,
    preparing,
    remediation,
    review,
    running,
)
from holdfast.interfaces.cli.session import PERSON, Folder, Json, Person, Session, Wiring

__all__ = ["Wiring", "build", "run"]

_NOUNS = (
    playbook.app,
    people.app,
    monitor.app,
    alert.app,
    incident.app,
    contain.app,
    evidence.app,
    impact.app,
    cause.app,
    remediation.app,
    review.app,
    message.app,
    pack.app,
    ledger.app,
)
_HELP = """AI incident response that stands up in an audit.

Begin with `holdfast init DIR`. Every command takes --help.

Tables on a terminal, JSON in a pipe.

Exit codes: 0 done, or the check holds; 1 refused, or it does not hold; 2 not understood.
"""


def build(wiring: Wiring) -> typer.Typer:
    """The whole command line over what it is wired to."""
    app = typer.Typer(
        name="holdfast",
        help=_HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def begin(
        ctx: typer.Context, workspace: Folder = None, as_json: Json = None, person: Person = None
    ) -> None:
        ctx.obj = Session(wiring, workspace, as_json, person or os.environ.get(PERSON, ""))

    preparing.register(app)
    running.register(app)
    demo.register(app)
    for noun in _NOUNS:
        app.add_typer(noun)
    return app


def run(wiring: Wiring) -> None:
    """What `holdfast` in a shell runs."""
    # What a command has to say it says itself; the log is for those that stay, and never among the data.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("critical"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    build(wiring)()
