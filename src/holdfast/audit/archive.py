"""Writing the zip file of a pack, in the one form that its verifier accepts (`canonical_zip`).

The same members give the same bytes. Content is streamed, so that evidence of any size needs the memory of
one block.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from holdfast_verify.canonical_zip import Entry, closing, local_header
from holdfast_verify.layout import Member


class Archive:
    """A zip file under way; knows the digest of what it holds."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._entries: list[Entry] = []
        self.members: list[Member] = []

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._file.write(closing(self._entries))
        self._file.close()

    def add(self, path: str, role: str, blocks: Iterable[bytes], size: int | None = None) -> Member:
        """Write one member in blocks; members come in the order of their names, the manifest last.

        The header in front tells size and CRC, so it is written when they are known, into the space that a
        member of `size` bytes needs; without `size` it may hold less than 4 GiB. Raises ValueError for
        content of another size.
        """
        begin = Entry(path, 0, size or 0, self._file.tell())
        self._file.write(local_header(begin))
        digest, crc, written = sha256(), 0, 0
        for block in blocks:
            digest.update(block)
            crc = zlib.crc32(block, crc)
            written += self._file.write(block)
        entry = begin._replace(crc=crc, size=written)
        if (size is not None and written != size) or entry.begin != begin.begin:
            raise ValueError(f"{path} came to {written} bytes, which was not foreseen")
        self._file.seek(entry.offset)
        self._file.write(local_header(entry))
        self._file.seek(entry.end)
        self._entries.append(entry)
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
