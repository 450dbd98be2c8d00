"""What the database cannot take back: signed checkpoints kept outside it.

`Anchor` is `checkpoints.jsonl`, every checkpoint in order. `Memory` stands beside the signing key and
holds how many checkpoints that key has signed, and the newest. Each checkpoint is written to the memory
first, then to the anchor, then to the database: a crash leaves the later place one behind, never more.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from holdfast import clock
from holdfast.ledger.replacing import replace_file
from holdfast_verify import note
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.note import NoteError, VerifierKey


class AnchorProblem(Exception):
    """A place outside the database is not what the ledger wrote; the message says which and how."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A signed checkpoint: the first `size` facts can no longer change unnoticed."""

    size: int
    note: str
    at: datetime

    @property
    def checkpoint(self) -> Checkpoint:
        text, _ = note.parse(self.note.encode())
        return Checkpoint.parse(text)

    @property
    def root(self) -> bytes:
        return self.checkpoint.root

    def proven(self, key: VerifierKey, origin: str) -> Checkpoint:
        """What it says, where this key signed it for this ledger and size. Raises ValueError."""
        claimed = Checkpoint.parse(note.verify(self.note.encode(), [key]).text)
        if (claimed.origin, claimed.size) != (origin, self.size):
            raise ValueError(f"it was signed for {claimed.origin!r}, size {claimed.size}")
        return claimed


@dataclass(frozen=True, slots=True)
class Kept:
    """How many checkpoints a place holds, and the newest of them."""

    count: int
    newest: Sealed | None


class Anchor:
    """Checkpoints kept outside the database: one JSON line each, only ever appended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = _Read()

    @property
    def missing(self) -> bool:
        return not os.path.lexists(self.path)

    def keep(self, sealed: Sealed) -> None:
        """Append one checkpoint and wait until the disk has it.

        A torn last line, left by a crash, is cut off first: nobody was told of it.
        """
        with _opened(self.path, os.O_RDWR | os.O_CREAT, "rb+", 0o644) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.truncate(_whole(file))
            file.seek(0, os.SEEK_END)
            file.write(_line(sealed))
            file.flush()
            os.fsync(file.fileno())

    def write_anew(self, held: Iterable[Sealed]) -> None:
        """Put a lost file back in one step: a part of it would look as if it had been cut."""
        replace_file(self.path, b"".join(map(_line, held)), 0o644)

    def lines(self) -> Iterator[Sealed | str]:
        """Every line: its checkpoint, or a sentence about why it holds none.

        A torn last line, left by a crash, is passed over. Raises AnchorProblem where the file is no file.
        """
        if self.missing:
            return
        with _opened(self.path, os.O_RDONLY, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield _sealed(json.loads(line))
                except (ValueError, TypeError, KeyError, RecursionError) as error:
                    where = f"{self.path.name}, line {number}"
                    yield f"{where}: not a checkpoint as the ledger writes it ({error})"

    def kept(self) -> Iterator[Sealed]:
        """Every checkpoint in the file that can be read."""
        return (line for line in self.lines() if isinstance(line, Sealed))

    def newest(self) -> Sealed | None:
        return max(self.kept(), key=lambda sealed: sealed.size, default=None)

    def standing(self) -> Kept:
        """How many lines there are, and the last. Reads only what was added since it was asked before.

        Raises AnchorProblem where the last line is no checkpoint, or the file is no file.
        """
        if self.missing:
            return Kept(0, None)
        with _opened(self.path, os.O_RDONLY, "rb") as file:
            self._read = self._read.on(file)
        if not self._read.last:
            return Kept(0, None)
        try:
            return Kept(self._read.count, _sealed(json.loads(self._read.last)))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise AnchorProblem(
                f"the last line of {self.path.name} is not a checkpoint as the ledger writes it: {error}"
            ) from error


class Memory:
    """Beside the signing key: how many checkpoints it has signed, and the newest. It signs nothing that
    does not continue it, whatever database and anchor say."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def missing(self) -> bool:
        return not os.path.lexists(self.path)

    def signed_nothing(self, key: VerifierKey) -> bool:
        """Whether it is known that this key has signed nothing, under whatever name."""
        return not self.missing and not self.read(self._under_its_name(key)).count

    def begun_under_another_name(self, key: VerifierKey) -> bool:
        """Whether it is of this key, and of another name than this."""
        return self._under_its_name(key) != key

    def _under_its_name(self, key: VerifierKey) -> VerifierKey:
        """The key under the name that is remembered; as it is where none can be read, or of another key."""
        try:
            with _opened(self.path, os.O_RDONLY, "rb") as file:
                kept = VerifierKey.parse(str(json.loads(file.read(1 << 20))["key"]))
        except (AnchorProblem, OSError, ValueError, TypeError, KeyError, RecursionError, NoteError):
            return key
        return kept if kept.public == key.public else key

    def begin(self, key: VerifierKey) -> None:
        """Remember that this key has signed nothing yet."""
        self.keep(key, Kept(0, None))

    def keep(self, key: VerifierKey, kept: Kept) -> None:
        """Replace what is remembered, in one step, and wait until the disk has it."""
        document = {
            "checkpoints": kept.count,
            "key": str(key),
            "newest": json.loads(_line(kept.newest)) if kept.newest else None,
        }
        replace_file(self.path, json.dumps(document, indent=2).encode() + b"\n", 0o600)

    def read(self, key: VerifierKey) -> Kept:
        """Raises AnchorProblem where it is missing, unreadable, or of another key."""
        if self.missing:
            raise AnchorProblem(
                f"{self.path.name}, which says what the key has signed, is missing beside it; restore it, or "
                "see `holdfast ledger anchor --help`"
            )
        try:
            with _opened(self.path, os.O_RDONLY, "rb") as file:
                document = json.loads(file.read(1 << 20))
            count, newest = document["checkpoints"], document["newest"]
            if type(count) is not int or count < 0 or (count == 0) != (newest is None):
                raise ValueError(f"{count!r} checkpoints")
            kept = Kept(count, _sealed(newest) if newest is not None else None)
            remembered = str(document["key"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise AnchorProblem(f"{self.path.name} beside the key cannot be read: {error}") from error
        if remembered != str(key):
            raise AnchorProblem(
                f"the signing key was replaced: {self.path.name} beside it belongs to {remembered}, the key "
                f"is {key}; put the right key back"
            )
        return kept


@dataclass(frozen=True, slots=True)
class _Read:
    """How far a file of lines was read, so that nobody reads it from the beginning every second."""

    file: int = 0
    end: int = 0
    count: int = 0
    last: bytes = b""

    def on(self, file: BinaryIO) -> _Read:
        status = os.fstat(file.fileno())
        known = self if (status.st_ino, True) == (self.file, status.st_size >= self.end) else _Read()
        if known.end and _last_line(file, known) != known.last:
            known = _Read()  # what was read before is not there any more
        file.seek(known.end)
        count, last, end = known.count, known.last, known.end
        for line in file:
            if line.endswith(b"\n"):
                count, last, end = count + 1, line, end + len(line)
        return _Read(status.st_ino, end, count, last)


def _last_line(file: BinaryIO, known: _Read) -> bytes:
    file.seek(known.end - len(known.last))
    return file.read(len(known.last))


def _line(sealed: Sealed) -> bytes:
    entry = {"note": sealed.note, "sealed_at": clock.stamp(sealed.at), "size": sealed.size}
    return json.dumps(entry).encode() + b"\n"


def _sealed(entry: Any) -> Sealed:
    size, text, at = entry["size"], entry["note"], entry["sealed_at"]
    if type(size) is not int or not isinstance(text, str) or not isinstance(at, str):
        raise ValueError("size is a number, note and sealed_at are texts")
    return Sealed(size, text, clock.parse(at))


def _opened(path: Path, flags: int, mode: str, permissions: int = 0o600) -> Any:
    """A regular file and no link: whoever can put a link there would choose what is read and written."""
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, permissions)
    except OSError as error:
        what = "is a link" if path.is_symlink() else f"cannot be opened ({error.strerror})"
        raise AnchorProblem(f"{path.name} {what}; put the file itself in its place") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise AnchorProblem(f"{path.name} is not a regular file; put the file itself in its place")
    return os.fdopen(handle, mode)


def _whole(file: BinaryIO) -> int:
    """Where the last whole line ends."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 65_536)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
