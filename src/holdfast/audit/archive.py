"""Writing the zip file of a pack: stored members in a fixed order, with fixed dates and permissions.

The same members give the same bytes. Content is streamed, so that evidence of any size needs the memory of
one block.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from holdfast_verify.layout import Member

_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest a zip file can say: when a pack was made is on the ledger."""
_UNIX, _REGULAR_FILE = 3, 0o100644 << 16


class Archive:
    """A zip file under way; knows the digest of what it holds."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self.members: list[Member] = []

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def add(self, path: str, role: str, blocks: Iterable[bytes], size: int | None = None) -> Member:
        """Write one member in blocks. `size`, where it is known, lets it be larger than 2 GiB."""
        info = zipfile.ZipInfo(path, _DATE)
        info.create_system, info.external_attr = _UNIX, _REGULAR_FILE
        info.file_size = size or 0
        digest, written = sha256(), 0
        with self._zip.open(info, "w") as member:
            for block in blocks:
                digest.update(block)
                member.write(block)
                written += len(block)
        added = Member(path, role, digest.hexdigest(), written)
        self.members.append(added)
        return added


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A nameless file beside the target that takes its place, whole, at the end of the block.

    A crash or an error before that leaves the target as it was. Only its owner can read the file: a pack
    holds evidence. Raises FileNotFoundError where the folder does not exist.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
