"""Checks of the documentation: links lead somewhere, named files and functions exist, generated pages are
what the code says.

Run by `make check`. Prints one line for each problem and exits 1 if there is any. Three spellings are
checked in every Markdown file of the repository, outside code blocks:

- a link to a file, and to a heading in it
- a path in backticks: from the root (`src/…`, `tests/…`), or a file or package of `src/holdfast`
- a name in a file: `incident/responding.py: Desk.acknowledge`
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import generate

ROOT = Path(__file__).resolve().parents[1]
HOUSE = ROOT / "src" / "holdfast"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE_PATH = re.compile(r"`((?:src|verify|tests|benchmarks|docs|examples)/[\w./-]+)`")
HOUSE_PATH = re.compile(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`")
NAMED = re.compile(r"`([\w./-]+\.py): ([\w.]+)`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def documents() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],  # noqa: S607 - git is found on the path
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def anchors(text: str) -> set[str]:
    """Anchors as code hosts make them from headings."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


def problems(document: Path) -> list[str]:
    text = document.read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    found = [*_links(document, prose), *_paths(prose), *_names(prose)]
    return [f"{document.relative_to(ROOT)}: {problem}" for problem in found]


def _links(document: Path, prose: str) -> Iterator[str]:
    for target in LINK.findall(prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        leads_to = (document.parent / path).resolve() if path else document
        if not leads_to.exists():
            yield f"the link to {target} leads nowhere"
        elif anchor and leads_to.suffix == ".md" and anchor not in anchors(leads_to.read_text()):
            yield f"{target} names a heading that does not exist"


def _paths(prose: str) -> Iterator[str]:
    for path in CODE_PATH.findall(prose):
        if not (ROOT / path.rstrip("/")).exists():
            yield f"{path} does not exist"
    packages = {item.name for item in HOUSE.iterdir()}
    for path in HOUSE_PATH.findall(prose):
        if path.partition("/")[0] in packages and not (HOUSE / path).exists():
            yield f"src/holdfast/{path} does not exist"


def _names(prose: str) -> Iterator[str]:
    for path, name in NAMED.findall(prose):
        file = next((base / path for base in (ROOT, HOUSE) if (base / path).exists()), None)
        if file is None:
            yield f"{path}, which should hold {name}, does not exist"
        elif not any(known == name or known.endswith(f".{name}") for known in _defined(file)):
            yield f"{path} holds no {name}"


@cache
def _defined(file: Path) -> frozenset[str]:
    """Names a file defines: functions, classes with their members, constants."""
    return frozenset(_names_in(ast.parse(file.read_text(encoding="utf-8")).body, ""))


def _names_in(statements: list[ast.stmt], prefix: str) -> Iterator[str]:
    for statement in statements:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield f"{prefix}{name}"
            case ast.ClassDef(name=name, body=body):
                yield f"{prefix}{name}"
                yield from _names_in(body, f"{prefix}{name}.")
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield f"{prefix}{name}"


def main() -> int:
    read = documents()
    found = [problem for document in read for problem in problems(document)] + generate.stale()
    sys.stdout.write(
        "".join(f"{line}\n" for line in [*found, f"{len(read)} documents, {len(found)} problems"])
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
