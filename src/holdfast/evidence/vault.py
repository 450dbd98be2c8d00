"""The vault: where bytes of evidence lie under their SHA-256, and until when they must.

One idea: nothing is taken in that is not certain to be what it was called, nothing is given out that is not
certain to be what was taken in, and the vault itself is told how long it keeps what it takes in, so that a
store that can refuse to delete does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from holdfast.scratch import Leftovers


class VaultProblem(Exception):
    """Something cannot be taken in or given out; the message says what and why."""


@dataclass(frozen=True, slots=True)
class Stored:
    sha256: str
    size: int


class Vault(Protocol):
    """Taking the same bytes in twice stores them once, and keeps them until the later of both dates."""

    def create(self) -> None:
        """Make it where there is none yet. Raises VaultProblem for one that was lost."""

    # Taking in ---------------------------------------------------------------------------------

    def take_file(self, source: Path, until: datetime) -> Stored:
        """Copy a regular file in, hashing what is copied, and keep it at least until then.

        Raises VaultProblem for a link, a device or a folder, for what is a secret of the ledger, and when
        the file changes while it is read.
        """

    def take_bytes(self, content: bytes, until: datetime) -> Stored:
        """Raises VaultProblem as `take_file` does."""

    def workplace(self) -> AbstractContextManager[Path]:
        """A folder to make files in that are to be taken in; gone at the end. Raises VaultProblem."""

    def keep(self, sha256: str, until: datetime) -> None:
        """Keep these bytes at least until then. A later date that was stated before stands."""

    def kept_until(self, sha256: str) -> datetime | None:
        """Before when these bytes are not to be let go of; None where the vault was never told."""

    # Giving out --------------------------------------------------------------------------------

    def read(self, sha256: str) -> Iterator[bytes]:
        """The bytes in blocks; raises VaultProblem after the last when they are not the recorded ones."""

    def give(self, sha256: str, size: int) -> Iterator[bytes]:
        """The same for somebody outside: nothing is given before all of it was found to be the recorded
        bytes. Raises VaultProblem at once when they are not."""

    def verify(self, sha256: str, size: int) -> str | None:
        """None when the stored bytes are the recorded ones, else a sentence."""

    # Looking after it --------------------------------------------------------------------------

    def missing(self) -> str:
        """A sentence when evidence was taken in and the vault is gone; empty when all is well."""

    def findings(self) -> Iterator[str]:
        """What is wrong with the vault itself: missing, or open to others. The bytes are `verify`'s."""

    def sweep(self) -> Leftovers | None:
        """Remove what killed runs left on its way in, and say how much; None when there is nothing."""

    def closing_to_others(self) -> AbstractContextManager[None]:
        """Let nobody else read it, for good unless what is done within fails: then it is as it was."""
