"""What the report's typeface can show, and what stands for what it cannot.

A PDF/A must not hold a glyph that is missing, so a name in another script would keep the whole report from
being made. Characters the typeface lacks are therefore shown by their Unicode number; the record and the
facts in the pack hold them as they are.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from functools import cache
from pathlib import Path

from holdfast.wording import visible

FONTS = Path(__file__).with_name("fonts")
FAMILY, MONO = "Inter", "JetBrains Mono"
_FACE = "Inter-Regular.otf"
_LONG = re.compile(r"[^\s\u200b]{41,}")
"""Words that no line can hold."""


@cache
def covered() -> frozenset[int]:
    """Every code point the typeface has a glyph for.

    Read from the font's own table: `cmap`, format 12 (OpenType specification, version 1.9.1).
    """
    data = (FONTS / _FACE).read_bytes()
    tables = struct.unpack_from(">H", data, 4)[0]
    for number in range(tables):
        tag, _, offset, _ = struct.unpack_from(">4sLLL", data, 12 + 16 * number)
        if tag == b"cmap":
            return _mapped(data, offset)
    raise ValueError(f"{_FACE} has no cmap table")


def _mapped(data: bytes, cmap: int) -> frozenset[int]:
    for number in range(struct.unpack_from(">H", data, cmap + 2)[0]):
        (offset,) = struct.unpack_from(">L", data, cmap + 4 + 8 * number + 4)
        table = cmap + offset
        if struct.unpack_from(">H", data, table)[0] != 12:
            continue
        groups = struct.unpack_from(">L", data, table + 12)[0]
        ranges = (struct.unpack_from(">LLL", data, table + 16 + 12 * group) for group in range(groups))
        return frozenset(point for first, last, _ in ranges for point in range(first, last + 1))
    raise ValueError(f"{_FACE} has no cmap of format 12")


def shown(text: str, *, breakable: bool = True) -> str:
    """The text as the report can show it: `[U+4FE1 U+7528]` for a run of characters without a glyph.

    Words longer than a line get places to break at, unless they are to be copied as they are: a hash.
    """
    parts: list[str] = []
    missing: list[str] = []
    for letter in unicodedata.normalize("NFC", visible(text)):
        if _has_glyph(letter):
            parts += [_numbers(missing), letter]
            missing = []
        else:
            missing.append(letter)
    found = "".join([*parts, _numbers(missing)])
    return _LONG.sub(_breakable, found) if breakable else found


def _has_glyph(letter: str) -> bool:
    if letter in "\n\t\u200b":
        return True
    # PDF/A forbids private use areas, where this typeface keeps its icons.
    return unicodedata.category(letter) not in ("Cc", "Co", "Cs", "Cn") and ord(letter) in covered()


def _numbers(missing: list[str]) -> str:
    return f"[{' '.join(f'U+{ord(letter):04X}' for letter in missing)}]" if missing else ""


def _breakable(match: re.Match[str]) -> str:
    word = match[0]
    return "\u200b".join(word[start : start + 20] for start in range(0, len(word), 20))
