"""The one zip file that holds these members: every byte of its records follows from their names and content.

Programs that read zip files disagree about nearly everything that is optional in them: extra fields, names
told twice, sizes told behind the content, comments. So a pack has none of it. Its records are written here,
and the verifier accepts these bytes and no others. In brackets: sections of PKWARE's APPNOTE 6.3.10.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
LOCATOR_64 = struct.Struct("<4sLQL")
END_64 = struct.Struct("<4sQ2H2L4Q")

LOCAL_MARK, CENTRAL_MARK, END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
LOCATOR_64_MARK, END_64_MARK = b"PK\x06\x07", b"PK\x06\x06"

WIDE = 0xFFFFFFFF
"""In a field of four bytes: too large for it, the number stands in the zip64 record."""
_PLAIN, _ZIP64 = 20, 45
"""The version of the format a reader needs (4.4.3)."""
_UNIX = 3 << 8
_TIME, _DATE = 0, 0x21
"""Midnight of 1 January 1980, the earliest a zip file can say: when a pack was made is on the ledger."""
_REGULAR_FILE = 0o100644 << 16


class Entry(NamedTuple):
    """One member, as the records describe it."""

    name: str
    """ASCII."""
    crc: int
    size: int
    """Bytes; stored, so also the bytes it takes."""
    offset: int
    """Where its local header begins."""

    @property
    def begin(self) -> int:
        """Where its content begins."""
        return self.offset + len(local_header(self))

    @property
    def end(self) -> int:
        """Where the next member begins."""
        return self.begin + self.size


def local_header(entry: Entry) -> bytes:
    """What stands before the content (4.3.7)."""
    name, wide = entry.name.encode("ascii"), entry.size >= WIDE
    extra = struct.pack("<2H2Q", 1, 16, entry.size, entry.size) if wide else b""
    needed, size = (_ZIP64, WIDE) if wide else (_PLAIN, entry.size)
    fields = (needed, 0, 0, _TIME, _DATE, entry.crc, size, size, len(name), len(extra))
    return LOCAL.pack(LOCAL_MARK, *fields) + name + extra


def central_header(entry: Entry) -> bytes:
    """What the list of members says (4.3.12)."""
    name, extra = entry.name.encode("ascii"), b""
    if entry.size >= WIDE:
        extra += struct.pack("<2Q", entry.size, entry.size)
    if entry.offset >= WIDE:
        extra += struct.pack("<Q", entry.offset)
    if extra:
        extra = struct.pack("<2H", 1, len(extra)) + extra
    needed, size = (_ZIP64 if extra else _PLAIN), min(entry.size, WIDE)
    told = (_UNIX | needed, needed, 0, 0, _TIME, _DATE, entry.crc, size, size, len(name), len(extra))
    rest = (0, 0, 0, _REGULAR_FILE, min(entry.offset, WIDE))
    return CENTRAL.pack(CENTRAL_MARK, *told, *rest) + name + extra


def end_records(count: int, length: int, begin: int) -> bytes:
    """What closes the file: how many members, and where their list is (4.3.14 to 4.3.16)."""
    last = END.pack(END_MARK, 0, 0, count, count, min(length, WIDE), min(begin, WIDE), 0)
    if length < WIDE and begin < WIDE:
        return last
    made = _UNIX | _ZIP64
    wide = END_64.pack(END_64_MARK, END_64.size - 12, made, _ZIP64, 0, 0, count, count, length, begin)
    return wide + LOCATOR_64.pack(LOCATOR_64_MARK, 0, begin + length, 1) + last


def closing(entries: list[Entry]) -> bytes:
    """Everything behind the last member's content."""
    central = b"".join(map(central_header, entries))
    return central + end_records(len(entries), len(central), entries[-1].end if entries else 0)
