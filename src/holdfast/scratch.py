"""Private folders for what passes: copies that a step needs and nobody keeps.

A folder is readable by its owner alone, and locked while its process lives. What a killed process left is
found by its name, its age and the missing lock, and swept.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

PACK = "holdfast-pack-"
"""An audit pack on its way to whoever asked for it: evidence, and the whole record of an incident."""
LOG = "holdfast-log-"
"""Rows of prediction logs: what does not fit into memory, and copies in a form that can be counted."""
_BLOCK = 1 << 20
SETTLING = 60
"""Seconds in which something new may not be locked yet by whoever makes it."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What killed runs had left and is now removed."""

    files: int
    """Files and folders, one for each run."""
    size: int
    """Bytes."""


class Scratch:
    """A folder of its own; close it, or use it as a context manager."""

    def __init__(self, kind: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=kind))
        handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._end = weakref.finalize(self, _end, self.path, handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def sent(self, file: Path) -> Iterator[bytes]:
        """A file of it in blocks; the folder goes with the last one, also when the reader goes away."""
        with self, file.open("rb") as opened:
            while block := opened.read(_BLOCK):
                yield block

    def close(self) -> None:
        """Remove it with all it holds. Does nothing the second time."""
        self._end()


def _end(path: Path, handle: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(handle)


def sweep() -> Leftovers | None:
    """Remove what killed processes of this user left, and say how much; None when there is nothing."""
    folder = Path(tempfile.gettempdir())
    return remove(path for kind in (PACK, LOG) for path in folder.glob(f"{kind}*") if _is_ours(path))


def remove(paths: Iterable[Path]) -> Leftovers | None:
    """Remove those that no living process has locked; None when there are none."""
    now = time.time()  # the machine's: that is what files are dated by
    sizes = [size for path in paths if (size := _remove(path, now)) is not None]
    return Leftovers(len(sizes), sum(sizes)) if sizes else None


def _is_ours(path: Path) -> bool:
    """A temporary folder is everybody's: only a private folder of this user is one that was made here."""
    with suppress(OSError):
        found = path.lstat()
        return path.is_dir() and not path.is_symlink() and found.st_uid == os.getuid()
    return False


def _remove(path: Path, now: float) -> int | None:
    """How many bytes went, or None for what is in use."""
    with suppress(OSError):
        if now - path.lstat().st_mtime < SETTLING:
            return None
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = sum(file.lstat().st_size for file in (path, *path.rglob("*")) if file.is_file())
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            return size
        finally:
            os.close(handle)
    return None
