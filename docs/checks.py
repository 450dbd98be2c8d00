"""Checks of the documentation: every local link leads somewhere, every file named in the text exists.

Run by `make check`. Prints one line for each problem and exits 1 if there is any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE_PATH = re.compile(r"`((?:src|verify|tests|benchmarks|docs|examples)/[\w./-]+)`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def documents() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],  # noqa: S607 - git is found on the path
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines()]


def anchors(text: str) -> set[str]:
    """Anchors as code hosts make them from headings."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


def problems(document: Path) -> list[str]:
    text = document.read_text()
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    where = document.relative_to(ROOT)
    found = []
    for target in LINK.findall(prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        leads_to = (document.parent / path).resolve() if path else document
        if not leads_to.exists():
            found.append(f"{where}: the link to {target} leads nowhere")
        elif anchor and leads_to.suffix == ".md" and anchor not in anchors(leads_to.read_text()):
            found.append(f"{where}: {target} names a heading that does not exist")
    found += [
        f"{where}: {path} does not exist"
        for path in CODE_PATH.findall(prose)
        if not (ROOT / path.rstrip("/")).exists()
    ]
    return found


def main() -> int:
    found = [problem for document in documents() for problem in problems(document)]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(documents())} documents, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
