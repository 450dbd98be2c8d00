"""Every known error in one place: a sentence on standard error, and the exit code.

0: done, or the check holds. 1: refused, or the check does not hold. 2: the command was not understood.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable

import typer
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from holdfast.detect.tables import LogError
from holdfast.evidence.vault import VaultProblem
from holdfast.interfaces.cli.words import usage
from holdfast.ledger.anchor import AnchorProblem
from holdfast.ledger.database import DatabaseProblem
from holdfast.ledger.facts import UnknownFact
from holdfast.ledger.keys import KeyProblem
from holdfast.ledger.ledger import Conflict, HeadMissing, NotALedger, NotAsWritten
from holdfast.ledger.sealing import RefusedToSeal
from holdfast.ledger.upgrading import NotUpgraded, OtherSchema
from holdfast.prepare.documents import Unusable
from holdfast.prepare.starting import AlreadyThere
from holdfast.problems import Fault, NotAllowed, NotThere
from holdfast.settings import SettingsError
from holdfast.steps.asking import Misread
from holdfast.steps.table import BY_KEY

REFUSED, NOT_UNDERSTOOD = 1, 2

_SENTENCES: tuple[type[Exception], ...] = (
    NotAllowed,
    NotThere,
    HeadMissing,
    NotALedger,
    NotAsWritten,
    OtherSchema,
    NotUpgraded,
    AnchorProblem,
    AlreadyThere,
    SettingsError,
    Unusable,
    Fault,
    LogError,
    DatabaseProblem,
    KeyProblem,
    VaultProblem,
    RefusedToSeal,
    UnknownFact,
)
"""Errors whose message is a sentence for the person who runs the command."""


def spoken(error: Exception, warn: Callable[[str], None]) -> int:
    """Say in a sentence what a command was refused; returns the exit code. Raises what is no refusal."""
    match error:
        case typer.Exit() | typer.Abort() | typer.BadParameter() | BrokenPipeError():
            raise error  # Typer ends as it should; whoever reads stopped reading
        case Conflict():
            warn(f"somebody else was faster: {error}. Nothing was changed; look again and try again")
        case Misread():
            for one in error.misplaced:
                warn(f"{one.place}: {one.sentence}")
            return NOT_UNDERSTOOD
        case _ if isinstance(error, _SENTENCES):
            for line in (str(error) or type(error).__name__).splitlines():
                warn(line)
            if isinstance(error, NotAllowed) and error.first:
                warn(f"first: {_command(*error.first)}")
        case DBAPIError():
            warn(_of_database(error))
        case OSError():
            warn(_of_system(error))
        case UnicodeError():
            reason = error.reason if hasattr(error, "reason") else error
            warn(f"what was typed is not text in UTF-8 ({reason})")
        case _:
            warn(_unforeseen(error))
    return REFUSED


def _command(key: str, on: str) -> str:
    """How a step is taken here, with all that it needs, and in brackets what it may need."""
    step = BY_KEY[key]
    return " ".join(["holdfast", step.noun, step.verb, on, *usage(step)])


def _unforeseen(error: Exception) -> str:
    """A fault of this program: a sentence, and a file for whoever can correct it."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="holdfast-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
    ) as file:
        file.write("".join(traceback.format_exception(error)))
    return (
        f"this failed for a reason that was not foreseen ({type(error).__name__}: {error}); please report "
        f"it with the file {file.name}"
    )


def _of_database(error: DBAPIError) -> str:
    reason = " ".join(str(error.orig).split())
    if isinstance(error, (OperationalError, ProgrammingError)) and "ledger_head" in reason:
        return (
            "the database has no table ledger_head: no ledger was made in it yet, and `holdfast init` makes "
            "one; or the table was dropped, then `holdfast init` refuses, and the newest backup has to be "
            "put back"
        )
    return f"the database cannot be used: {reason}; check [database] url in holdfast.toml"


def _of_system(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
