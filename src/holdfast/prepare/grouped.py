"""How a rule that took a group for text is written for the mapping that it is.

Release 0.1 handed `alert.group` to rules as text, `age_band=18-25, region=north`, where a value with a comma
or an equals sign could be read in two ways.
"""

from __future__ import annotations

import json
import re

_COMPARED = re.compile(r"""alert\.group\s*(==|!=)\s*("[^"\\]*"|'[^'\\]*')""")
_LISTED = re.compile(r"""alert\.group\s+in\s+\[\s*("[^"\\]*"|'[^'\\]*')\s*\]""")
_BEGINS = re.compile(r"""alert\.group\.(?:startsWith|contains)\(\s*["']([^"'\\=]+)=["']\s*\)""")
_EXAMPLE = 'alert.group["age_band"] == "18-25"'


def mapped(rule: str) -> str:
    """What to write instead of the comparison of a group with a text."""
    if found := _COMPARED.search(rule):
        return f"write {_compared(found[2][1:-1], found[1])}"
    if found := _LISTED.search(rule):
        return f"write {_compared(found[1][1:-1], '==')}"
    if found := _BEGINS.search(rule):
        return f"write {json.dumps(found[1], ensure_ascii=False)} in alert.group"
    return f"name the column, for example {_EXAMPLE}"


def _compared(text: str, sign: str) -> str:
    if not text:
        return f"size(alert.group) {sign} 0"
    parts = [part.partition("=") for part in text.split(", ")]
    if not all(column and equals for column, equals, _ in parts):
        return f"for example {_EXAMPLE}"
    said = [(_quoted(column), _quoted(value)) for column, _, value in parts]
    if sign == "!=":  # it holds for every other group, also for one without the column
        asked = [f"{column} in alert.group && alert.group[{column}] == {value}" for column, value in said]
        return f"!({' && '.join(asked)})"
    return " && ".join(f"alert.group[{column}] == {value}" for column, value in said)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
