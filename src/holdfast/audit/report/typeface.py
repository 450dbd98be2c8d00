"""What the report's typefaces can show, and what stands for what they cannot.

A PDF/A must not hold a glyph that is missing, so a name in another script would keep the whole report from
being made. Arabic, Devanagari, Hebrew and Thai have a typeface of their own; Chinese, Japanese and Korean
have one where the extra `holdfast[cjk]` is installed, which weighs 33 MB. A run of characters that no
typeface has is named in its place, and the report says where it stands in full: in the record and the facts.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from holdfast.wording import visible

FONTS = Path(__file__).with_name("fonts")
FAMILY, MONO = "Inter", "JetBrains Mono"
_FACE = "Inter-Regular.otf"
_PACKAGES = {
    "Noto Sans Arabic": "fontpkg_noto_sans_arabic",
    "Noto Sans Devanagari": "fontpkg_noto_sans_devanagari",
    "Heebo": "fontpkg_heebo",
    "Noto Sans Thai": "fontpkg_noto_sans_thai",
    "Noto Sans CJK SC": "manimgx_fonts_cjk",
}
"""Typefaces of other scripts and the packages they come in, all under the OFL."""
_LONG = re.compile(r"[^\s\u200b]{41,}")
"""Words that no line can hold."""


_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of what follows."""


@dataclass(frozen=True, slots=True)
class Face:
    """A typeface, where it is, and the code points it has a glyph for."""

    family: str
    folder: Path
    covers: frozenset[int]


@cache
def faces() -> tuple[Face, ...]:
    """The report's own typeface, then those of other scripts that are installed."""
    own = Face(FAMILY, FONTS, _covered(FONTS / _FACE))
    return (own, *(Face(family, file.parent, _covered(file)) for family, file in _installed()))


def _installed() -> Iterator[tuple[str, Path]]:
    for family, package in _PACKAGES.items():
        found = find_spec(package)
        for folder in found.submodule_search_locations or () if found else ():
            files = (
                file for file in sorted(Path(folder).rglob("*")) if file.suffix in (".ttf", ".otf", ".ttc")
            )
            yield from ((family, file) for file in list(files)[:1])


def needed(texts: Iterable[str]) -> list[Face]:
    """The typefaces that these texts, as they are shown, are set in; the report's own first."""
    letters = {ord(letter) for text in texts for letter in text}
    found = []
    for face in faces():
        if face.family == FAMILY or letters & face.covers:
            found.append(face)
            letters -= face.covers
    return found


def _covered(font: Path) -> frozenset[int]:
    """Every code point the font has a glyph for.

    Read from its own table: `cmap`, formats 4 and 12 (OpenType specification, version 1.9.1); of a collection
    the first font.
    """
    data = font.read_bytes()
    begin = struct.unpack_from(">L", data, 12)[0] if data[:4] == b"ttcf" else 0
    for number in range(struct.unpack_from(">H", data, begin + 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sLLL", data, begin + 12 + 16 * number)
        if tag == b"cmap":
            return frozenset(_mapped(data, offset))
    raise ValueError(f"{font.name} has no cmap table")


def _mapped(data: bytes, cmap: int) -> Iterator[int]:
    for number in range(struct.unpack_from(">H", data, cmap + 2)[0]):
        (offset,) = struct.unpack_from(">L", data, cmap + 4 + 8 * number + 4)
        table = cmap + offset
        kind = struct.unpack_from(">H", data, table)[0]
        if kind == 12:
            for group in range(struct.unpack_from(">L", data, table + 12)[0]):
                first, last, _ = struct.unpack_from(">LLL", data, table + 16 + 12 * group)
                yield from range(first, last + 1)
        if kind == 4:
            count = struct.unpack_from(">H", data, table + 6)[0] // 2
            ends = struct.unpack_from(f">{count}H", data, table + 14)
            starts = struct.unpack_from(f">{count}H", data, table + 16 + 2 * count)
            for first, last in zip(starts, ends, strict=True):
                yield from range(first, min(last, 0xFFFE) + 1)


def shown(text: str, *, breakable: bool = True) -> str:
    """The text as the report can show it; in place of a run of characters without a glyph, what it was.

    Words longer than a line get places to break at, unless they are to be copied as they are: a hash.
    """
    parts: list[str] = []
    missing: list[str] = []
    for letter in unicodedata.normalize("NFC", _WRITTEN_OUT.sub(r"[\1]", visible(text))):
        if _has_glyph(letter):
            parts += [_named(missing), letter]
            missing = []
        else:
            missing.append(letter)
    found = "".join([*parts, _named(missing)])
    return _LONG.sub(_breakable, found) if breakable else found


_WRITTEN_OUT = re.compile("⟨(U\\+[0-9A-F]{4,6})⟩")
"""What nobody sees, written out; the typefaces have no such brackets."""
NOT_SHOWN = "not shown here"
"""By these words a reader finds every such place."""


def _has_glyph(letter: str) -> bool:
    if letter in "\n\t\u200b":
        return True
    # PDF/A forbids private use areas, where the typeface keeps its icons; and nobody turns round our lines.
    if unicodedata.category(letter) in ("Cc", "Co", "Cs", "Cn") or letter in _TURNING:
        return False
    return any(ord(letter) in face.covers for face in faces())


def _named(missing: list[str]) -> str:
    """`[5 characters of CJK not shown here]`; for signs that are no letters `[U+202E]`."""
    if not missing:
        return ""
    letters = [letter for letter in missing if unicodedata.category(letter)[0] in "LMN"]
    if not letters:
        return f"[{' '.join(f'U+{ord(letter):04X}' for letter in missing)}]"
    script = unicodedata.name(letters[0], "an unknown script").split()[0].replace("-", " ")
    script = script if script == "CJK" else script.capitalize()
    many = "character" if len(missing) == 1 else "characters"
    return f"[{len(missing)} {many} of {script} {NOT_SHOWN}]"


def _breakable(match: re.Match[str]) -> str:
    word = match[0]
    return "\u200b".join(word[start : start + 20] for start in range(0, len(word), 20))
