"""The vault: bytes of evidence under their SHA-256, written once and made read-only."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 20


class VaultProblem(Exception):
    """Something cannot be taken in or given out; the message says what and why."""


@dataclass(frozen=True, slots=True)
class Stored:
    sha256: str
    size: int


class Vault:
    """Local files. Taking the same bytes in twice stores them once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, sha256: str) -> Path:
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
            raise VaultProblem(f"{sha256!r} is not a SHA-256 digest")
        return self.folder / sha256[:2] / sha256

    def take_file(self, source: Path) -> Stored:
        """Copy a regular file in, hashing what is copied.

        Raises VaultProblem for a link, device or folder, and when the file changes while it is read.
        """
        try:
            handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise VaultProblem(f"{source} cannot be read: {error.strerror}") from error
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            os.close(handle)
            raise VaultProblem(f"{source} is not a regular file; evidence is copied from files only")
        with os.fdopen(handle, "rb") as file:
            stored = self._take(file)
            after = os.fstat(file.fileno())
        if stored.size != before.st_size or _mark(before) != _mark(after):
            raise VaultProblem(f"{source} changed while it was taken in; freeze it and try again")
        return stored

    def take_bytes(self, content: bytes) -> Stored:
        with tempfile.SpooledTemporaryFile(max_size=BLOCK) as file:
            file.write(content)
            file.seek(0)
            return self._take(file)  # type: ignore[arg-type]

    def _take(self, source: BinaryIO) -> Stored:
        incoming = self.folder / "incoming"
        incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        digest, size = hashlib.sha256(), 0
        handle, name = tempfile.mkstemp(dir=incoming)
        try:
            with os.fdopen(handle, "wb") as target:
                while block := source.read(BLOCK):
                    digest.update(block)
                    size += len(block)
                    target.write(block)
                target.flush()
                os.fsync(target.fileno())
            final = self.path_of(digest.hexdigest())
            final.parent.mkdir(exist_ok=True, mode=0o700)
            os.chmod(name, 0o444)
            # A crash before this line leaves a nameless file in `incoming` and no record of it.
            os.replace(name, final)
            _sync_folder(final.parent)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return Stored(digest.hexdigest(), size)

    def read(self, sha256: str) -> Iterator[bytes]:
        """The bytes in blocks; raises VaultProblem after the last when they are not the recorded ones."""
        digest = hashlib.sha256()
        try:
            with self.path_of(sha256).open("rb") as file:
                while block := file.read(BLOCK):
                    digest.update(block)
                    yield block
        except FileNotFoundError as error:
            raise VaultProblem(f"the vault no longer holds {sha256}; restore it from a backup") from error
        if digest.hexdigest() != sha256:
            raise VaultProblem(
                f"the vault's copy of {sha256} was changed: it now hashes to {digest.hexdigest()}"
            )

    def verify(self, sha256: str, size: int) -> str | None:
        """None when the stored bytes are the recorded ones, else a sentence."""
        try:
            found = sum(len(block) for block in self.read(sha256))
        except (VaultProblem, OSError) as error:
            return str(error)
        return None if found == size else f"{sha256} has {found} bytes, recorded were {size}"


def _mark(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
