"""A vault in a folder: files named by their SHA-256, written once and made read-only.

What is copied is read twice, a link is never followed, the ledger's own secrets are known whatever name they
come under, and bytes are hashed before the first of them leaves. Beside each file lies the date before which
it is not to be deleted: a folder cannot refuse to delete, so that date is for whoever cleans up, and for
`ledger check`, which compares it with what the facts promise.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from holdfast import scratch
from holdfast.evidence.private import Private, Secret
from holdfast.evidence.vault import Stored, VaultProblem
from holdfast.settings import Settings

BLOCK = 1 << 20
UNTIL = ".until-"
ALMOST_A_DAY = timedelta(days=1, microseconds=-1)


def join(
    settings: Settings, private: Private | None = None, holds: Callable[[], bool] = lambda: False
) -> FolderVault:
    """The vault of this installation. See `FolderVault` for `holds`."""
    return FolderVault(settings.vault.path, private, holds)


class FolderVault:
    """Local files, which nobody else may read; a `Vault`."""

    def __init__(
        self, folder: Path, private: Private | None = None, holds: Callable[[], bool] = lambda: False
    ) -> None:
        """`holds` says whether anything was ever taken in: then a folder that is not there was lost, and
        is not made anew."""
        self.folder = folder
        self.private = private or Private(())
        self._holds = holds

    def path_of(self, sha256: str) -> Path:
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
            raise VaultProblem(f"{sha256!r} is not a SHA-256 digest")
        return self.folder / sha256[:2] / sha256

    # Taking in ---------------------------------------------------------------------------------

    def take_file(self, source: Path, until: datetime) -> Stored:
        """Copy a regular file in, hashing what is copied, and read it once more.

        Raises VaultProblem for a link (symbolic or hard), a device or a folder, for what is the ledger's
        own secret, and when the file changes while it is read. A second pass finds what times do not show:
        a writer that maps the file, or puts its times back.
        """
        with _opened(source, f"{name_of(source)} cannot be read") as file:
            before = os.fstat(file.fileno())
            secret = self.private.named(source, before) or self._kept(source, before)
            if secret:
                raise VaultProblem(f"{name_of(source)} is {secret}, which is never evidence")
            if before.st_nlink > 1:
                raise VaultProblem(
                    f"{name_of(source)} is a hard link: its bytes can be changed under another name; copy it"
                )
            taken = self._take(file)
            try:
                file.seek(0)
                again = _digest(file)
                if _mark(before) != _mark(os.fstat(file.fileno())) or again != taken.stored:
                    raise VaultProblem(f"{name_of(source)} changed while it was taken in; try again")
                return self._settle(taken, until)
            finally:
                taken.drop()

    def take_bytes(self, content: bytes, until: datetime) -> Stored:
        """Raises VaultProblem as `take_file` does."""
        taken = self._take(BytesIO(content))
        try:
            return self._settle(taken, until)
        finally:
            taken.drop()

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """A folder to make files in that are to be taken in; gone at the end. After a kill `sweep` finds it.

        Raises VaultProblem where the vault is missing.
        """
        folder = Path(tempfile.mkdtemp(prefix="work-", dir=self._ready()))
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)

    def _take(self, source: BinaryIO) -> _Taken:
        """Copy all of `source` aside. Raises VaultProblem when it holds a secret of the ledger."""
        handle, name = tempfile.mkstemp(dir=self._ready())
        taken = _Taken(Path(name), handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # until it is kept or dropped: `sweep` leaves it alone
            taken.fill(source, self.private)
        except BaseException:
            taken.drop()
            raise
        return taken

    def _kept(self, source: Path, status: os.stat_result) -> str:
        """What a file is that lies in the vault already, and not where files are made that are to come in."""
        making = Private((Secret(self.folder / "incoming", "work"),)).named(source, status)
        called = "kept in the vault already, perhaps for another incident"
        return "" if making else Private((Secret(self.folder, called),)).named(source, status)

    def keep(self, sha256: str, until: datetime) -> None:
        """Keep these bytes at least until then. A later date that was stated before stands.

        Each date is an empty file of its own, named by the first day on which the bytes may go: nothing in
        a vault is ever rewritten, so copies of it only grow, and whoever states one at the same time is not
        in the way.
        """
        blob, day = self.path_of(sha256), (until.astimezone(UTC) + ALMOST_A_DAY).date()
        blob.parent.mkdir(exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            stated = blob.with_name(f"{sha256}{UNTIL}{day.isoformat()}")
            os.close(os.open(stated, os.O_CREAT | os.O_EXCL, 0o400))
            _sync_folder(blob.parent)

    def kept_until(self, sha256: str) -> datetime | None:
        """Before when these bytes are not to be let go of, in whole days; None where nobody stated it."""
        stated = self.path_of(sha256).parent.glob(f"{sha256}{UNTIL}*")
        days = [path.name.removeprefix(sha256 + UNTIL) for path in stated]
        return max(filter(None, map(_midnight, days)), default=None)

    def _settle(self, taken: _Taken, until: datetime) -> Stored:
        final = self.path_of(taken.stored.sha256)
        self.keep(taken.stored.sha256, until)  # first: bytes without a date would be anybody's to remove
        taken.path.chmod(0o400)
        # A crash before this line leaves a nameless file in `incoming` and no record of it.
        os.replace(taken.path, final)
        _sync_folder(final.parent)
        return taken.stored

    def create(self) -> None:
        """Make its folder where there is none yet, and close it to others. Raises VaultProblem for one that
        was lost."""
        self._ready()

    def _ready(self) -> Path:
        """The folder for what is coming in. Raises VaultProblem where the vault was lost."""
        missing = self.missing()
        if missing:
            raise VaultProblem(missing)
        incoming = self.folder / "incoming"
        if not self.folder.exists():
            self.folder.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.folder, incoming):
            folder.mkdir(exist_ok=True, mode=0o700)
            if stat.S_IMODE(folder.stat().st_mode) != 0o700:
                folder.chmod(0o700)
        return incoming

    # Giving out --------------------------------------------------------------------------------

    def read(self, sha256: str) -> Iterator[bytes]:
        """The bytes in blocks; raises VaultProblem after the last when they are not the recorded ones."""
        with self._stored(sha256) as file:
            yield from _blocks(file, sha256)

    def give(self, sha256: str, size: int) -> Iterator[bytes]:
        """The same for somebody outside: hashed whole before the first block is given, and once more on
        the way, the last block waiting for the result, so that other bytes never arrive whole.

        Raises VaultProblem at once when the bytes are not the recorded ones.
        """
        with self._stored(sha256) as file:
            problem = _compared(file, sha256, size)
            if problem:
                raise VaultProblem(problem)
            handle = os.dup(file.fileno())
        return _given(handle, sha256)

    def verify(self, sha256: str, size: int) -> str | None:
        """None when the stored bytes are the recorded ones, else a sentence."""
        try:
            with self._stored(sha256) as file:
                return _compared(file, sha256, size)
        except (VaultProblem, OSError) as error:
            return str(error)

    @contextmanager
    def _stored(self, sha256: str) -> Iterator[BinaryIO]:
        path = self.path_of(sha256)
        if not path.exists():
            gone = f"the vault no longer holds {sha256}; restore it from a backup"
            raise VaultProblem(self.missing() or gone)
        with _opened(path, f"the vault's copy of {sha256} cannot be read") as file:
            yield file

    # Looking after it --------------------------------------------------------------------------

    def missing(self) -> str:
        """A sentence when evidence was taken in and its folder is gone; empty when all is well.

        A file system that is not mounted leaves an empty folder behind: what marks a vault is inside it.
        """
        incoming = self.folder / "incoming"
        # Looked for once more after the facts were asked: others take the first evidence in meanwhile.
        if incoming.is_dir() or not self._holds() or incoming.is_dir():
            return ""
        return (
            f"the vault {self.folder} is not there, and evidence was taken into it; "
            "mount its disk or restore it from a backup"
        )

    def findings(self) -> Iterator[str]:
        """What is wrong with the folder itself: missing, or open to others. The bytes are `verify`'s."""
        missing = self.missing()
        if missing:
            yield missing
        if missing or not self.folder.is_dir():
            return
        if self.folder.is_symlink():
            yield f"the vault {self.folder} is a link, which whoever may change it points elsewhere"
        yield from self._open_to_others()

    @contextmanager
    def closing_to_others(self) -> Iterator[None]:
        """Let nobody else read it, for good unless what is done within fails: then it is as it was.

        0.1.0 made it as the system makes folders.
        """
        if not self.folder.is_dir():
            yield
            return
        was = stat.S_IMODE(self.folder.stat().st_mode)
        self.folder.chmod(0o700)
        try:
            yield
        except BaseException:
            self.folder.chmod(was)
            raise

    def _open_to_others(self) -> Iterator[str]:
        """What is shut away in a closed folder is read by nobody else, whatever its own mode."""
        mode = stat.S_IMODE(self.folder.stat().st_mode)
        if mode & 0o077 == 0:
            return
        yield (
            f"the vault {self.folder} can be read by others (mode {mode:04o}); run chmod 700 on it, and look "
            "at who may have read it"
        )

    def sweep(self) -> scratch.Leftovers | None:
        """Remove what killed runs left in `incoming`, and say how much; None when there is nothing.

        What a living run works on is locked, and stays.
        """
        return scratch.remove(_entries(self.folder / "incoming"))


class _Taken:
    """Bytes on their way in, under a name that means nothing yet."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self.stored = Stored("", 0)
        self._handle = handle

    def fill(self, source: BinaryIO, private: Private) -> None:
        digest, size, holds = hashlib.sha256(), 0, private.reader()
        with os.fdopen(self._handle, "wb", closefd=False) as target:
            while block := source.read(BLOCK):
                digest.update(block)
                size += len(block)
                secret = holds(block)
                if secret:
                    raise VaultProblem(f"it holds {secret}, which is never evidence")
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        self.stored = Stored(digest.hexdigest(), size)

    def drop(self) -> None:
        """Let go of it; what was not kept is gone."""
        self.path.unlink(missing_ok=True)
        os.close(self._handle)


def name_of(path: Path) -> str:
    """A path as text, also where it is not UTF-8: `model\\xff.bin`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextmanager
def _opened(path: Path, complaint: str) -> Iterator[BinaryIO]:
    """A regular file, no link followed and no pipe waited for. Raises VaultProblem."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = "it is a link, and what it points to may be anything" if path.is_symlink() else error.strerror
        raise VaultProblem(f"{complaint}: {why}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise VaultProblem(f"{name_of(path)} is not a regular file; evidence is copied from files only")
    with os.fdopen(handle, "rb") as file:
        yield file


def _midnight(day: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(day), time(), UTC)
    except ValueError:
        return None


def _digest(file: BinaryIO) -> Stored:
    digest, size = hashlib.sha256(), 0
    while block := file.read(BLOCK):
        digest.update(block)
        size += len(block)
    return Stored(digest.hexdigest(), size)


def _compared(file: BinaryIO, sha256: str, size: int) -> str | None:
    found = _digest(file)
    if found.sha256 != sha256:
        return _changed(sha256, found.sha256)
    return None if found.size == size else f"{sha256} has {found.size} bytes, recorded were {size}"


def _changed(sha256: str, found: str) -> str:
    return f"the vault's copy of {sha256} was changed: it now hashes to {found}"


def _blocks(file: BinaryIO, sha256: str) -> Iterator[bytes]:
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
        yield block
    if digest.hexdigest() != sha256:
        raise VaultProblem(_changed(sha256, digest.hexdigest()))


def _given(handle: int, sha256: str) -> Iterator[bytes]:
    with os.fdopen(handle, "rb") as file:
        file.seek(0)
        waiting: bytes | None = None
        for block in _blocks(file, sha256):
            if waiting is not None:
                yield waiting
            waiting = block
        if waiting is not None:
            yield waiting


def _mark(status: os.stat_result) -> tuple[int, int, int, int]:
    """What changes when a file is written. Its own times can be put back, the time of that cannot."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
