"""Setting the report: content in, PDF out. Nothing is read but the packaged templates and fonts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import typst

from holdfast import charts
from holdfast.audit.report.typeface import FAMILY, FONTS, MONO, shown

TEMPLATES = Path(__file__).with_name("templates")
STANDARDS = ["a-2a", "ua-1"]
"""To be kept for decades, and read by a screen reader."""
DRAWING = "svg"
"""The one key whose text is a drawing of ours and not words to set."""


def typeset(content: Mapping[str, Any], at: datetime) -> bytes:
    """The document as PDF/A-2a and PDF/UA-1; the same content and time give the same bytes.

    The template's world is its own folder: it can read nothing else, and words are handed over as JSON,
    never as markup. Raises typst.TypstError only for a mistake in the templates.
    """
    inputs = {
        "content": json.dumps(_shown(content)),
        "colours": json.dumps(dict(charts.palette("light").colours)),
        "fonts": json.dumps({"text": FAMILY, "mono": MONO}),
    }
    pdf = typst.compile(
        TEMPLATES / "report.typ",
        root=TEMPLATES,
        font_paths=[FONTS],
        ignore_system_fonts=True,
        sys_inputs=inputs,
        pdf_standards=STANDARDS,  # type: ignore[arg-type]
        timestamp=at,
    )
    return bytes(pdf)


def _shown(value: Any, breakable: bool = True) -> Any:
    """Every word as the typeface can show it."""
    if isinstance(value, str):
        return shown(value, breakable=breakable)
    if isinstance(value, Mapping):
        whole = bool(value.get("mono"))
        return {key: item if key == DRAWING else _shown(item, not whole) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(item, breakable) for item in value]
    return value
