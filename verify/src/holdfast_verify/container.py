"""The zip file around a pack, read with distrust: whoever made it may want to mislead or to exhaust us.

Nothing is ever extracted. Members are read once, in blocks, and hashed while they are read, so memory
does not grow with what an archive claims to hold.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any, BinaryIO, NamedTuple

from .layout import is_safe

BLOCK = 1 << 20
MAX_MEMBERS = 10_000
MAX_DIRECTORY = MAX_MEMBERS * 1024
"""Bytes of the list of members, which has to be held in memory."""

_END = struct.Struct("<4s4H2LH")
_LOCATOR_64 = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCAL = struct.Struct("<4s5H3L2H")
_FLAGS = 0x0806
"""Flags that change nothing here: deflate's level, and names in UTF-8."""
_IN_ZIP64 = 0xFFFFFFFF


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
    """The members of a zip file that is beyond suspicion in form; what they hold is for others to judge."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises PackError for an archive that is not plain."""
        self.digests: dict[str, Digest] = {}
        """What was read so far, by name."""
        # SHA-256 runs beside reading, which is busy with the CRC that zip files carry.
        self._beside = ThreadPoolExecutor(1)
        directory = _directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise PackError(None, f"the zip file's list of members is damaged ({error})") from error
        members = self._zip.infolist()
        if not members or len(members) > MAX_MEMBERS:
            raise PackError(None, f"the zip file has {len(members)} members; a pack has 1 to {MAX_MEMBERS}")
        _require_plain(members)
        _require_no_gaps(file, members, directory)
        self.sizes = {info.filename: info.file_size for info in members}
        """What each member claims to hold, in bytes."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """A member's content in blocks; its digest is known once the last was taken. Raises PackError."""
        if name not in self.sizes:
            raise PackError(name, "is missing from the pack")
        digest, size = sha256(), 0
        try:
            with self._zip.open(name) as stream:
                hashed = self._beside.submit(digest.update, b"")
                while block := stream.read(BLOCK):
                    hashed.result()  # so that no more than two blocks are ever in memory
                    hashed = self._beside.submit(digest.update, block)
                    size += len(block)
                    yield block
                hashed.result()
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise PackError(name, f"cannot be read, its bytes were changed or cut ({error})") from error
        if size != self.sizes[name]:
            raise PackError(name, f"holds {size} bytes instead of {self.sizes[name]}")
        self.digests[name] = Digest(digest.hexdigest(), size)

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


def _directory(file: BinaryIO) -> int:
    """Where the list of members begins. Raises PackError unless it and the end record close the file."""
    size = file.seek(0, os.SEEK_END)
    at = size - _END.size
    found = _unpack(_END, file, at)
    if found is None or found[0] != b"PK\x05\x06" or found[7] != 0:
        raise PackError(None, "it is not a zip file, or something was added behind its end")
    length, begin = found[5], found[6]
    locator = _unpack(_LOCATOR_64, file, at - _LOCATOR_64.size)
    if locator is not None and locator[0] == b"PK\x06\x07":
        at -= _LOCATOR_64.size + _END_64.size
        found = _unpack(_END_64, file, at)
        if found is None or found[0] != b"PK\x06\x06" or locator[2] != at:
            raise PackError(None, "the zip file's end records contradict each other")
        length, begin = found[8], found[9]
    if begin + length != at or length > MAX_DIRECTORY:
        raise PackError(None, "the zip file's list of members is too long or not where its end says")
    return int(begin)


def _require_plain(members: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for info in members:
        name = info.orig_filename
        if not is_safe(name):
            raise PackError(name, "is not a name that a member of a pack may have")
        if name.lower() in seen:
            raise PackError(name, "occurs twice, or differs from another member in case alone")
        seen.add(name.lower())
        if info.flag_bits & ~_FLAGS:
            raise PackError(name, "is encrypted or uses a feature of zip files that packs do not")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise PackError(name, "is compressed in a way that packs do not use")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise PackError(name, "is a link, folder or device, not a file")


def _require_no_gaps(file: BinaryIO, members: list[zipfile.ZipInfo], directory: int) -> None:
    """Every byte up to the list of members belongs to one member, and both descriptions of it agree.

    Otherwise bytes could hide between members, members could share bytes (a bomb), or programs that
    read the zip file from its front could see another pack than programs that read it from its end.
    """
    at = 0
    for info in sorted(members, key=lambda info: info.header_offset):
        local = _unpack(_LOCAL, file, at)
        if info.header_offset != at or local is None:
            raise PackError(info.filename, "overlaps another member, or hidden bytes lie before it")
        _, _, flags, method, _, _, crc, stored, size, name_length, extra_length = local
        same = (flags, method, crc) == (info.flag_bits, info.compress_type, info.CRC)
        if (
            not same
            or stored not in (info.compress_size, _IN_ZIP64)
            or size not in (info.file_size, _IN_ZIP64)
        ):
            raise PackError(info.filename, "is described in two contradicting ways by the zip file")
        at += _LOCAL.size + name_length + extra_length + info.compress_size
    if at != directory:
        raise PackError(None, "hidden bytes lie between the last member and the list of members")


def _unpack(layout: struct.Struct, file: BinaryIO, at: int) -> tuple[Any, ...] | None:
    if at < 0:
        return None
    file.seek(at)
    found = file.read(layout.size)
    return layout.unpack(found) if len(found) == layout.size else None
