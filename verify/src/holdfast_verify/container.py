"""The zip file around a pack, read with distrust: whoever made it may want to mislead or to exhaust us.

Nothing is ever extracted. Members are read in blocks, and hashed while they are read, so memory does not
grow with what an archive claims to hold.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any, BinaryIO, NamedTuple

from . import canonical_zip as zipped
from .canonical_zip import Entry
from .layout import FORMAT, FORMAT_1, RECORD, in_order, in_order_1, is_safe

BLOCK = 1 << 20
MAX_MEMBERS = 10_000
MAX_DIRECTORY = MAX_MEMBERS * 1024
"""Bytes of the list of members, which has to be held in memory."""


class PackError(Exception):
    """The pack does not hold; names the member at fault, where there is one."""

    def __init__(self, member: str | None, reason: str) -> None:
        super().__init__(f"{member}: {reason}" if member else reason)
        self.member = member
        self.reason = reason


class Digest(NamedTuple):
    sha256: str
    """Hex."""
    size: int
    """Bytes."""


class Container:
    """The members of the one zip file that can hold them; what they say is for others to judge.

    The list at the end is read, every record is written anew from it, and the file must hold these bytes:
    whatever else a zip file could say, and readers disagree about, cannot be there.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Raises PackError for any other file."""
        self.digests: dict[str, Digest] = {}
        """What was read so far, by name."""
        # SHA-256 runs beside reading, which is busy with the CRC that zip files carry.
        self._beside = ThreadPoolExecutor(1)
        self._file = file
        entries = _listed(file)
        self.format = _require_names([entry.name for entry in entries])
        """The format of a pack whose members stand in this order."""
        _require_exact(file, entries)
        self._entries = {entry.name: entry for entry in entries}
        self.sizes = {entry.name: entry.size for entry in entries}
        """How many bytes each member holds."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """A member's content in blocks; its digest is known once the last was taken. Raises PackError."""
        if name not in self._entries:
            raise PackError(name, "is missing from the pack")
        entry, digest, crc, at = self._entries[name], sha256(), 0, 0
        hashed = self._beside.submit(digest.update, b"")
        while at < entry.size:
            block = _read(self._file, entry.begin + at, min(BLOCK, entry.size - at))
            if not block:
                raise PackError(name, "cannot be read to its end: the file was cut while it was read")
            hashed.result()  # so that no more than two blocks are ever in memory
            hashed = self._beside.submit(digest.update, block)
            crc, at = zlib.crc32(block, crc), at + len(block)
            yield block
        hashed.result()
        if crc != entry.crc:
            raise PackError(name, "was changed: its bytes do not have the CRC that the zip file tells")
        self.digests[name] = Digest(digest.hexdigest(), entry.size)

    def whole(self, name: str, limit: int) -> bytes:
        """A member's content, of at most `limit` bytes. Raises PackError."""
        if self.sizes.get(name, 0) > limit:
            raise PackError(name, f"is {self.sizes[name]} bytes long; at most {limit} are expected")
        return b"".join(self.chunks(name))

    def lines(self, name: str, limit: int) -> Iterator[bytes]:
        """A member's lines without their ends, each of at most `limit` bytes. Raises PackError."""
        rest = b""
        for block in self.chunks(name):
            lines = (rest + block).split(b"\n")
            if max(map(len, lines)) > limit:
                raise PackError(name, f"has a line of more than {limit} bytes")
            rest = lines.pop()
            yield from lines
        if rest:
            raise PackError(name, "does not end with a line break")


# Reading the list of members -----------------------------------------------------------------------

_AGAIN = "a pack is not packed again: ask for the file as Holdfast wrote it"


def _listed(file: BinaryIO) -> list[Entry]:
    """The members as the list at the end of the file tells them. Raises PackError."""
    count, length, begin = _end(file)
    if length > MAX_DIRECTORY or not 1 <= count <= MAX_MEMBERS:
        raise PackError(None, f"the zip file lists {count} members; a pack has 1 to {MAX_MEMBERS}")
    directory, at, found = _read(file, begin, length), 0, []
    while at < len(directory):
        entry, at = _entry(directory, at, begin)
        found.append(entry)
    if len(found) != count:
        raise PackError(None, f"the zip file says that it lists {count} members, and lists {len(found)}")
    return found


def _end(file: BinaryIO) -> tuple[int, int, int]:
    """How many members there are, and length and place of their list, as the last records say."""
    size = file.seek(0, os.SEEK_END)
    at = size - zipped.END.size
    last = _unpack(zipped.END, _read(file, at, zipped.END.size), zipped.END_MARK)
    if last is None:
        raise PackError(None, f"it is not a zip file, or something was added behind its end; {_AGAIN}")
    count, length, begin = last[3], last[4], last[5]
    if length == zipped.WIDE or begin == zipped.WIDE:
        at -= zipped.LOCATOR_64.size + zipped.END_64.size
        wide = _unpack(zipped.END_64, _read(file, at, zipped.END_64.size), zipped.END_64_MARK)
        if wide is None:
            raise PackError(None, "the zip file's end records contradict each other")
        count, length, begin = wide[6], wide[7], wide[8]
    if begin + length != at:
        raise PackError(None, f"the list of members is not where the zip file's end says; {_AGAIN}")
    return count, length, begin


def _entry(directory: bytes, at: int, begin: int) -> tuple[Entry, int]:
    """One member of the list, and where the next one begins. Raises PackError."""
    fields = _unpack(zipped.CENTRAL, directory[at : at + zipped.CENTRAL.size], zipped.CENTRAL_MARK)
    if fields is None:
        raise PackError(None, "the zip file's list of members is damaged")
    (_, _, flags, method, _, _, crc, stored, size, *lengths, _, _, attributes, offset) = fields
    start = at + zipped.CENTRAL.size
    first, second, third = lengths
    raw, extra = directory[start : start + first], directory[start + first : start + first + second]
    name = raw.decode("ascii", "backslashreplace")
    if not is_safe(name):
        raise PackError(name, "is not a name that a member of a pack may have")
    wide = list(_wide_numbers(extra))
    if size == zipped.WIDE:
        size, stored = (wide.pop(0), wide.pop(0)) if len(wide) > 1 else (size, stored)
    if offset == zipped.WIDE and wide:
        offset = wide.pop(0)
    _require_plain(name, flags, method, attributes >> 16)
    entry = Entry(name, crc, size, offset)
    if stored != size or offset + size > begin:
        raise PackError(name, "says that it is larger than the zip file")
    end = start + first + second + third
    _require_same(directory[at:end], zipped.central_header(entry), name)
    return entry, end


def _wide_numbers(extra: bytes) -> Iterator[int]:
    """The numbers of eight bytes in a zip64 record."""
    if extra[:2] == b"\x01\x00":
        yield from (
            number for (number,) in struct.iter_unpack("<Q", extra[4 : 4 + (len(extra) - 4) // 8 * 8])
        )


def _require_plain(name: str, flags: int, method: int, mode: int) -> None:
    """Words for what would not be the exact bytes either."""
    if flags & 1:
        raise PackError(name, "is encrypted")
    if flags & 8:
        raise PackError(name, f"tells its size behind its content (a data descriptor); {_AGAIN}")
    if method:
        raise PackError(name, f"is compressed, and the members of a pack never are; {_AGAIN}")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise PackError(name, "is a link, folder or device, not a file")


def _require_names(names: list[str]) -> str:
    """Each once, and in the one order: by their bytes, the manifest last; or in that of format 1. Returns
    which format it is."""
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise PackError(name, "occurs twice, or differs from another member in case alone")
        seen.add(name.lower())
    if names != in_order(names):
        if names == in_order_1(names) and names[0] == RECORD:
            return FORMAT_1
        wrong = next(name for name, right in zip(names, in_order(names), strict=True) if name != right)
        raise PackError(wrong, f"is not in its place among the members; {_AGAIN}")
    return FORMAT


def _require_exact(file: BinaryIO, entries: list[Entry]) -> None:
    """The file's records are those that follow from the members, byte for byte, and leave no gap.

    Otherwise bytes could hide between members, members could share bytes (a bomb), or programs that read
    the zip file from its front could see another pack than programs that read it from its end.
    """
    at = 0
    for entry in entries:
        if entry.offset != at:
            raise PackError(entry.name, "overlaps another member, or hidden bytes lie before it")
        expected = zipped.local_header(entry)
        _require_same(_read(file, at, len(expected)), expected, entry.name)
        at = entry.end
    expected = zipped.closing(entries)
    size = file.seek(0, os.SEEK_END)
    if size - at != len(expected):
        raise PackError(None, f"hidden bytes stand before the list of members; {_AGAIN}")
    if _read(file, at, len(expected)) != expected:
        raise PackError(None, f"the end of the zip file is not as Holdfast writes it; {_AGAIN}")


def _require_same(found: bytes, expected: bytes, name: str) -> None:
    if found != expected:
        raise PackError(
            name,
            "is described by the zip file in another way than Holdfast does (date, flags, permissions, "
            f"sizes, extra fields, comment or a second name); {_AGAIN}",
        )


def _read(file: BinaryIO, at: int, length: int) -> bytes:
    """These bytes; fewer where the file ends before, none before its beginning."""
    if at < 0 or at >= 1 << 63:
        return b""
    file.seek(at)
    return file.read(length)


def _unpack(record: struct.Struct, raw: bytes, mark: bytes) -> tuple[Any, ...] | None:
    """The record's fields without its mark; None where another mark or too little stands."""
    if len(raw) != record.size or not raw.startswith(mark):
        return None
    return record.unpack(raw)[1:]
