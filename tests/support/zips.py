"""Zip files written field by field, as somebody writes them who wants two readers to see two packs."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from holdfast_verify import canonical_zip as zipped
from holdfast_verify import layout
from holdfast_verify.canonical_zip import Entry

_LOCAL = ("needed", "flags", "method", "time", "date", "crc", "packed", "size")
_CENTRAL = ("made", *_LOCAL)
_REST = ("disk", "internal", "external", "offset")


@dataclass
class Part:
    """One member; `local` and `central` replace fields of its two descriptions."""

    name: str
    content: bytes
    """What stands in the file behind its header."""
    local: dict[str, int] = field(default_factory=dict)
    central: dict[str, int] = field(default_factory=dict)
    local_name: bytes | None = None
    central_name: bytes | None = None
    local_extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    behind: bytes = b""
    """Bytes between this member's content and the next one."""
    listed: bool = True


def canonical(members: Mapping[str, bytes]) -> bytes:
    """The one zip file that a pack of these members may be."""
    return forged([Part(name, members[name]) for name in layout.in_order(members)])


def forged(
    parts: Sequence[Part], *, comment: bytes = b"", end: Mapping[str, int] | None = None, before: bytes = b""
) -> bytes:
    """A zip file of these parts; without any replaced field, the canonical one."""
    out, central = bytearray(before), b""
    for part in parts:
        offset = len(out)
        entry = Entry(part.name, zlib.crc32(part.content), len(part.content), offset)
        out += _local(part, entry) + part.content + part.behind
        if part.listed:
            central += _listed(part, entry)
    count = sum(part.listed for part in parts)
    fields = {"count": count, "total": count, "length": len(central), "begin": len(out), **(end or {})}
    record = (fields["count"], fields["total"], fields["length"], fields["begin"], len(comment))
    return bytes(out) + central + zipped.END.pack(zipped.END_MARK, 0, 0, *record) + comment


def _local(part: Part, entry: Entry) -> bytes:
    told = zipped.LOCAL.unpack_from(zipped.local_header(entry))[1:9]
    fields = {**dict(zip(_LOCAL, told, strict=True)), **part.local}
    name = entry.name.encode() if part.local_name is None else part.local_name
    lengths = (len(name), len(part.local_extra))
    return zipped.LOCAL.pack(zipped.LOCAL_MARK, *fields.values(), *lengths) + name + part.local_extra


def _listed(part: Part, entry: Entry) -> bytes:
    told = zipped.CENTRAL.unpack_from(zipped.central_header(entry))[1:]
    whole = dict(zip((*_CENTRAL, "name", "extra", "comment", *_REST), told, strict=True)) | part.central
    name = entry.name.encode() if part.central_name is None else part.central_name
    lengths = (len(name), len(part.central_extra), len(part.comment))
    first = [whole[key] for key in _CENTRAL]
    rest = [whole[key] for key in _REST]
    head = zipped.CENTRAL.pack(zipped.CENTRAL_MARK, *first, *lengths, *rest)
    return head + name + part.central_extra + part.comment
