"""Setting the report: content in, PDF out. Nothing is read but the packaged templates and fonts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from holdfast import charts
from holdfast.audit.report.typeface import FAMILY, MONO, NOT_SHOWN, needed, shown
from holdfast.problems import NotAllowed

TEMPLATES = Path(__file__).with_name("templates")
SETTER = Path(__file__).with_name("setter.py")
DEADLINE = 300
"""Seconds for one report; thousands of entries take a minute."""
STANDARDS = ["a-2a", "ua-1"]
"""To be kept for decades, and read by a screen reader."""
_UNSHOWN = (
    "Some words are in a script that this report has no typeface for. Each place says so; the words stand in "
    "full in record.json and facts.jsonl of the audit pack."
)
DRAWING = "svg"
"""The one key whose text is a drawing of ours and not words to set."""


def typeset(content: Mapping[str, Any], at: datetime) -> bytes:
    """The document as PDF/A-2a and PDF/UA-1; the same content and time give the same bytes.

    The template's world is its own folder: it can read nothing else, and words are handed over as JSON,
    never as markup. A PDF says when it was made in whole seconds. Raises NotAllowed when the report cannot
    be set, or not within `DEADLINE`.
    """
    told = _shown(content)
    if any(NOT_SHOWN in text for text in _words(told)):
        told["cover"]["unshown"] = _UNSHOWN
    faces = needed(_words(told))
    others = [face.family for face in faces[1:]]
    order = {
        "template": str(TEMPLATES / "report.typ"),
        "root": str(TEMPLATES),
        "fonts": [str(face.folder) for face in faces],
        "inputs": {
            "content": json.dumps(told),
            "colours": json.dumps(dict(charts.palette("light").colours)),
            "fonts": json.dumps({"text": [FAMILY, MONO, *others], "mono": [MONO, FAMILY, *others]}),
        },
        "standards": STANDARDS,
        "at": at.replace(microsecond=0).isoformat(),
    }
    return _set(json.dumps(order).encode())


def _set(order: bytes) -> bytes:
    """What the typesetter makes of it, in a process that gives all its memory back."""
    command = [sys.executable, "-I", str(SETTER)]
    try:
        done = subprocess.run(  # noqa: S603 - our own program, and nothing of the record in the command
            command, input=order, capture_output=True, timeout=DEADLINE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotAllowed(
            f"the report was not set within {DEADLINE} seconds, so no pack is built; "
            "build it again when the machine is less busy"
        ) from error
    if done.returncode or not done.stdout.startswith(b"%PDF"):
        said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise NotAllowed(
            f"the report could not be set, so no pack is built (exit code {done.returncode}: {said[:300]})"
        )
    return done.stdout


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


def _words(value: Any) -> Iterator[str]:
    """Every text that is set."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _words(item) if key != DRAWING else ()
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _words(item)
