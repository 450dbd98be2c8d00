"""A first workspace: files that work as they are and say what to change."""

from __future__ import annotations

import json
import re
import secrets
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from holdfast.prepare.schemas import FOLDER, write_schemas
from holdfast.settings import FILE_NAME


class AlreadyThere(Exception):
    """Files that would be overwritten; nothing was written."""

    def __init__(self, paths: list[Path]) -> None:
        names = ", ".join(str(path) for path in paths)
        verb = "is" if len(paths) == 1 else "are"
        super().__init__(f"{names} {verb} already there; name an empty folder, or move them away first")
        self.paths = paths


def starter_files() -> dict[str, bytes]:
    """The starter's files by their path in the workspace."""
    return dict(sorted(_walk(files("holdfast.prepare").joinpath("starter"), "")))


def write_workspace(folder: Path, origin: str = "") -> list[Path]:
    """Write the starter into `folder`, which is made if need be; returns what was written.

    Its ledger is named `origin`; without one, after the company of the example.
    Raises AlreadyThere, before anything is written, when one of the files exists.
    """
    starter = starter_files()
    if origin:
        starter[FILE_NAME] = _named(starter[FILE_NAME], origin)
    present = [path for name in starter if _taken(path := folder / name)]
    if present:
        raise AlreadyThere(present)
    written = []
    for name, content in starter.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Exclusive creation: a file that appeared meanwhile is not overwritten either.
        with path.open("xb") as handle:
            handle.write(content)
        written.append(path)
    return written + write_schemas(folder / FOLDER)


def example_origin() -> str:
    """What the starter's ledger signs as: the name of a company that does not exist."""
    return str(tomllib.loads(starter_files()[FILE_NAME].decode())["ledger"]["origin"])


def made_up_origin() -> str:
    """A name that no other ledger has, for one whose company has not chosen yet."""
    return f"holdfast.local/{secrets.token_hex(4)}"


def _named(settings: bytes, origin: str) -> bytes:
    """The starter's settings with another name for the ledger."""
    # A string of JSON is one of TOML, whatever stands in it.
    line = f"origin = {json.dumps(origin, ensure_ascii=False)}"
    return re.sub(rb"(?m)^origin = .*$", lambda _: line.encode(), settings, count=1)


def _taken(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        elif item.name.endswith((".yaml", ".toml")):
            yield f"{prefix}{item.name}", item.read_bytes()
