"""How things look on a terminal of 80 columns: the same words and order as the pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast import wording

Style = Literal["", "bold", "dim", "red", "yellow", "green"]


def plain(text: str) -> str:
    """Text that cannot command the terminal: what a title or a log holds is shown and never obeyed."""
    return wording.visible(text.replace("\r", "⟨U+000D⟩"))


def cell(text: object, style: Style = "") -> Text:
    """Text in a colour."""
    return Text(plain(str(text)), style=style)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> Table:
    """Rows under headings. `right` columns hold numbers, `keep` columns are never broken over lines."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=column in keep or column in right,
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(value if isinstance(value, Text) else cell(value) for value in row))
    return made


def facts(*pairs: tuple[str, object]) -> RenderableType:
    """Words and what they stand for, one pair a line; pairs with nothing to say are left out."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for word, value in pairs:
        if value is not None and value != "":
            made.add_row(word, value if isinstance(value, Text) else cell(value))
    return made


def heading(text: str) -> RenderableType:
    return Padding(cell(text, "bold"), (1, 0, 0, 0))


def indented(text: str) -> RenderableType:
    """Text under what it belongs to, also where it wraps."""
    return Padding(cell(text), (0, 0, 0, 4))


def when(value: datetime | None, never: str = "not yet") -> str:
    return wording.utc(value) if value else never


def words_of(value: str) -> str:
    """`performance_degradation` as people say it."""
    return value.replace("_", " ")


def listed(values: Iterable[object], nothing: str = "none") -> str:
    return ", ".join(str(value) for value in values) or nothing


def clipped(text: str, width: int) -> str:
    """One line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
