"""Writes docs/requirements.md from requirements.yaml and from the tests that carry its ids.

A test proves a piece by `R-XXX-NN/piece` in its docstring, or in that of its class or module. What a page
says is built was therefore walked by a test, piece by piece; taking the test away takes the word away.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
TOKEN = re.compile(r"\bR-[A-Z]{3}-\d\d/[a-z0-9-]+")
FOLDERS = ("tests", "verify/tests")


class Unproven(Exception):
    """A test claims a piece that no requirement has; the message says where."""


@dataclass
class Requirement:
    """One requirement, and for each of its pieces the files of tests that walk it."""

    id: str
    says: str
    pieces: Mapping[str, str]
    proofs: dict[str, list[str]] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """The words of the pieces that no test walks."""
        return [words for piece, words in self.pieces.items() if piece not in self.proofs]

    @property
    def standing(self) -> str:
        """*built*, *in part* or *missing*: computed, never claimed."""
        if not self.missing:
            return "built"
        return "in part" if self.proofs else "missing"

    @property
    def files(self) -> list[str]:
        return list(dict.fromkeys(path for paths in self.proofs.values() for path in paths))


def requirements() -> dict[str, list[Requirement]]:
    """Every requirement by area, with its proofs. Raises Unproven."""
    written = yaml.safe_load((ROOT / "docs" / "requirements.yaml").read_text(encoding="utf-8"))
    areas = {
        area: [Requirement(name, one["says"], one["pieces"]) for name, one in ids.items()]
        for area, ids in written.items()
    }
    known = {one.id: one for listed in areas.values() for one in listed}
    for path, token in claims():
        name, _, piece = token.partition("/")
        if name not in known or piece not in known[name].pieces:
            raise Unproven(f"{path} claims {token}, which docs/requirements.yaml does not have")
        known[name].proofs.setdefault(piece, []).append(path)
    return areas


def claims() -> Iterator[tuple[str, str]]:
    """Every file of tests with each token of its docstrings."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("test_*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                    for token in TOKEN.findall(ast.get_docstring(node) or ""):
                        yield path.relative_to(ROOT).as_posix(), token


def rows(listed: list[Requirement]) -> Iterator[tuple[str, str, str, str]]:
    for one in listed:
        said = f"not proven: {'; '.join(one.missing)}" if one.proofs and one.missing else ""
        proofs = ", ".join(f"[{Path(path).stem.removeprefix('test_')}](../{path})" for path in one.files)
        yield one.id, one.says, f"**{one.standing}** {said}".strip(), proofs


def summary(areas: Mapping[str, list[Requirement]]) -> str:
    every = [one for listed in areas.values() for one in listed]
    counts = {word: sum(one.standing == word for one in every) for word in ("built", "in part", "missing")}
    walked = sum(len(one.proofs) for one in every)
    pieces = sum(len(one.pieces) for one in every)
    return (
        f"Of {len(every)} requirements {counts['built']} are built, {counts['in part']} in part, "
        f"{counts['missing']} missing; {walked} of their {pieces} pieces are walked by a test."
    )
