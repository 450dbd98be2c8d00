"""A first workspace: files that work as they are and say what to change."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from holdfast.prepare.schemas import FOLDER, write_schemas


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


def write_workspace(folder: Path) -> list[Path]:
    """Write the starter into `folder`, which is made if need be; returns what was written.

    Raises AlreadyThere, before anything is written, when one of the files exists.
    """
    starter = starter_files()
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


def _taken(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        elif item.name.endswith((".yaml", ".toml")):
            yield f"{prefix}{item.name}", item.read_bytes()
