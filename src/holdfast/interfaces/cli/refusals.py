"""Every known error in one place: a sentence on standard error, and the exit code.

0: done, or the check holds. 1: refused, or the check does not hold. 2: the command was not understood.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from holdfast.detect.tables import LogError
from holdfast.evidence.vault import VaultProblem
from holdfast.ledger.anchor import AnchorProblem
from holdfast.ledger.database import DatabaseProblem
from holdfast.ledger.facts import UnknownFact
from holdfast.ledger.keys import KeyProblem
from holdfast.ledger.ledger import Conflict, HeadMissing, NotALedger, NotAsWritten
from holdfast.ledger.sealing import RefusedToSeal
from holdfast.prepare.documents import Unusable
from holdfast.prepare.starting import AlreadyThere
from holdfast.problems import Fault, NotAllowed, NotThere
from holdfast.settings import SettingsError
from holdfast.steps import BY_KEY
from holdfast.steps.asking import Misread

REFUSED, NOT_UNDERSTOOD = 1, 2

_SENTENCES: tuple[type[Exception], ...] = (
    NotAllowed,
    NotThere,
    HeadMissing,
    NotALedger,
    NotAsWritten,
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


@contextmanager
def spoken(warn: Callable[[str], None]) -> Iterator[None]:
    """Turn what a command is refused into a sentence and exit code 1."""
    try:
        yield
    except Conflict as conflict:
        warn(f"somebody else was faster: {conflict}. Nothing was changed; look again and try again")
        raise typer.Exit(REFUSED) from None
    except Misread as misread:
        for one in misread.misplaced:
            warn(f"{one.place}: {one.sentence}")
        raise typer.Exit(NOT_UNDERSTOOD) from None
    except _SENTENCES as refused:
        for line in (str(refused) or type(refused).__name__).splitlines():
            warn(line)
        if isinstance(refused, NotAllowed) and refused.first:
            warn(f"first: {_command(*refused.first)}")
        raise typer.Exit(REFUSED) from None
    except DBAPIError as error:
        warn(_of_database(error))
        raise typer.Exit(REFUSED) from None
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise  # whoever reads stopped reading: Typer ends quietly
        warn(_of_system(error))
        raise typer.Exit(REFUSED) from None
    except UnicodeError as error:
        warn(f"what was typed is not text in UTF-8 ({error.reason if hasattr(error, 'reason') else error})")
        raise typer.Exit(REFUSED) from None
    except (typer.Exit, typer.Abort, typer.BadParameter, KeyboardInterrupt):
        raise
    except Exception as error:
        warn(_unforeseen(error))
        raise typer.Exit(REFUSED) from None


def _command(key: str, on: str) -> str:
    """How a step is taken here."""
    step = BY_KEY[key]
    return f"holdfast {step.noun} {step.verb} {on}"


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
