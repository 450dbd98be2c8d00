"""A vault in memory, for tests: it forgets everything with the process."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

from holdfast.evidence.vault import Stored, VaultProblem
from holdfast.scratch import Leftovers


class FakeVault:
    """Keeps what it takes in under `blobs`, where a test may change it, and dates under `until`."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.until: dict[str, datetime] = {}
        self.lost = ""
        """What `missing` says."""

    def create(self) -> None:
        self._require()

    def take_file(self, source: Path, until: datetime) -> Stored:
        if source.is_symlink() or not source.is_file():
            raise VaultProblem(f"{source.name} is not a regular file; evidence is copied from files only")
        return self.take_bytes(source.read_bytes(), until)

    def take_bytes(self, content: bytes, until: datetime) -> Stored:
        self._require()
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        self.keep(digest, until)
        return Stored(digest, len(content))

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        self._require()
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)

    def keep(self, sha256: str, until: datetime) -> None:
        self.until[sha256] = max(until, self.until.get(sha256, until))

    def kept_until(self, sha256: str) -> datetime | None:
        return self.until.get(sha256)

    def read(self, sha256: str) -> Iterator[bytes]:
        yield self._stored(sha256)
        problem = self.verify(sha256, len(self.blobs[sha256]))
        if problem:
            raise VaultProblem(problem)

    def give(self, sha256: str, size: int) -> Iterator[bytes]:
        problem = self.verify(sha256, size)
        if problem:
            raise VaultProblem(problem)
        return iter([self.blobs[sha256]])

    def verify(self, sha256: str, size: int) -> str | None:
        try:
            content = self._stored(sha256)
        except VaultProblem as problem:
            return str(problem)
        if (hashlib.sha256(content).hexdigest(), len(content)) == (sha256, size):
            return None
        return f"the vault's copy of {sha256} was changed"

    def missing(self) -> str:
        return self.lost

    def findings(self) -> Iterator[str]:
        yield from filter(None, [self.lost])

    def sweep(self) -> Leftovers | None:
        return None

    def closing_to_others(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _require(self) -> None:
        if self.lost:
            raise VaultProblem(self.lost)

    def _stored(self, sha256: str) -> bytes:
        if sha256 not in self.blobs:
            raise VaultProblem(f"the vault no longer holds {sha256}")
        return self.blobs[sha256]
