"""What is never evidence: the ledger's key, the files with tokens, the database, the vault itself.

One idea: a secret is known by what it is, not by what it is called. A second mount, a link or another path
leads to the same file, and so the file is compared; a copy holds the same bytes, and so they are looked for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_LARGEST_SECRET = 16 << 10
"""Bytes: keys and tokens are far smaller, databases are told by their own marks."""
_SHORTEST_SECRET = 16
_DATABASE = b"SQLite format 3\x00"
_OF_A_LEDGER = b"CREATE TABLE ledger_head"


@dataclass(frozen=True, slots=True)
class Secret:
    """One file or folder, and what a refusal calls it."""

    path: Path
    called: str


@dataclass(frozen=True, slots=True)
class Private:
    """The secrets of one workspace. What is not there yet, or not a file of this machine, is passed over."""

    secrets: Sequence[Secret]

    def named(self, path: Path, status: os.stat_result) -> str:
        """What the opened file is, when it is a secret or lies in a folder that is one; else empty."""
        own = _same(status)
        above = {_same(found) for found in _folders(path)}
        for secret in self.secrets:
            found = _status(secret.path)
            if found is None:
                continue
            if own == _same(found) or (stat.S_ISDIR(found.st_mode) and _same(found) in above):
                return secret.called
        return ""

    def reader(self) -> Callable[[bytes], str]:
        """Takes a file block by block; says what secret it holds as soon as one is seen, else nothing."""
        contents = {secret.called: content for secret in self.secrets if (content := _content(secret.path))}
        kept = max([len(_OF_A_LEDGER), *map(len, contents.values())]) - 1
        before, is_database = b"", None

        def holds(block: bytes) -> str:
            nonlocal before, is_database
            if is_database is None:
                is_database = block.startswith(_DATABASE)
            seen = before + block
            before = seen[-kept:]
            if is_database and _OF_A_LEDGER in seen:
                return "the database of a ledger"
            return next((called for called, content in contents.items() if content in seen), "")

        return holds


def _content(path: Path) -> bytes:
    """The text of a small secret; empty for folders, databases and what is not there."""
    found = _status(path)
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_SECRET:
        return b""
    try:
        content = path.read_bytes().strip()
    except OSError:
        return b""
    return content if len(content) >= _SHORTEST_SECRET else b""


def _folders(path: Path) -> Iterator[os.stat_result]:
    for folder in path.absolute().parents:
        found = _status(folder)
        if found is not None:
            yield found


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _same(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
