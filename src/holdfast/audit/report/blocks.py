"""The few kinds of things a report's page is made of, as plain data for the template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from holdfast.audit.report.figures import Figure

Block = dict[str, Any]
Cell = str | dict[str, Any]
Tone = Literal["plain", "good", "warn", "bad"]
Column = tuple[str, str]
"""Heading, and width as the template spells it: `auto`, or a share such as `2fr`; `>` behind it sets figures
to the right."""


def prose(text: str) -> Block:
    """Words in paragraphs."""
    return {"kind": "prose", "text": text}


def heading(text: str, aside: str = "") -> Block:
    return {"kind": "heading", "text": text, "aside": aside}


def note(text: str, tone: Tone = "plain") -> Block:
    """Something to know before reading on."""
    return {"kind": "note", "text": text, "tone": tone}


def pairs(rows: Iterable[tuple[str, Cell]]) -> Block:
    """Names with what they are."""
    return {"kind": "pairs", "rows": [[name, cell(value)] for name, value in rows]}


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], empty: str) -> Block:
    """A table, or where there are no rows the sentence that says so."""
    cells = [[cell(value) for value in row] for row in rows]
    if not cells:
        return prose(empty)
    heads, widths = [head for head, _ in columns], [width for _, width in columns]
    return {"kind": "table", "heads": heads, "widths": widths, "rows": cells}


def steps(rows: Iterable[dict[str, Any]]) -> Block:
    """A timeline."""
    return {"kind": "steps", "rows": list(rows)}


def chart(drawn: Figure) -> Block:
    return {"kind": "chart", "svg": drawn.svg, "alt": drawn.alt, "legend": drawn.legend}


def statements(rows: Iterable[tuple[str, str, str]]) -> Block:
    """Sentences with what they rest on: (before, sentence, proof)."""
    return {"kind": "statements", "rows": [list(row) for row in rows]}


def commands(lines: Iterable[str]) -> Block:
    """What to type."""
    return {"kind": "commands", "lines": list(lines)}


def cell(value: Cell) -> dict[str, Any]:
    return {"text": value} if isinstance(value, str) else value


def toned(text: str, tone: Tone) -> Cell:
    return {"text": text, "tone": tone}


def strong(text: str, below: str = "") -> Cell:
    """A cell whose first line matters most."""
    return {"text": text, "strong": True, "below": below}


def mono(text: str) -> Cell:
    return {"text": text, "mono": True}


def section(title: str, *parts: Iterable[Block] | Block) -> dict[str, Any]:
    """A section with its heading; each part is a block or several."""
    found: list[Block] = []
    for part in parts:
        found += [part] if isinstance(part, dict) else list(part)
    return {"title": title, "blocks": found}
