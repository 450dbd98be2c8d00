"""The typesetter, as a program of its own: an order as JSON comes in, a PDF goes out.

It runs in a child process (`typesetting.py`), because what the typesetter keeps in memory for the next
document is never given back: sixty reports in one process would hold 1.5 GB.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

import typst


def set_pdf(order: dict[str, Any]) -> bytes:
    """The document that the order asks for."""
    pdf = typst.compile(
        order["template"],
        root=order["root"],
        font_paths=order["fonts"],
        ignore_system_fonts=True,
        sys_inputs=order["inputs"],
        pdf_standards=order["standards"],
        timestamp=datetime.fromisoformat(order["at"]),
    )
    return bytes(pdf)


if __name__ == "__main__":
    sys.stdout.buffer.write(set_pdf(json.load(sys.stdin)))
