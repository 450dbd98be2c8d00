"""What people type: names, and files in YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel

from holdfast.prepare.documents import parse_document, read_document, understand
from holdfast.problems import Fault
from holdfast.steps import addresses
from holdfast.steps.addresses import Named

ModelT = TypeVar("ModelT", bound=BaseModel)


def in_order(how: Named) -> Any:
    """A name that is said without a flag."""
    return typer.Argument(metavar=how.metavar, help=how.help)


def by_name(how: Named) -> Any:
    """A name that may be left out."""
    return typer.Option(how.flag, metavar=how.metavar, help=how.help, show_default=False)


IncidentId = Annotated[str, in_order(addresses.INCIDENT)]


def from_yaml(path: Path, model: type[ModelT]) -> ModelT:
    """What a file says. Raises Unusable naming line and column of everything that cannot be accepted."""
    if str(path) == "-":
        content = typer.get_binary_stream("stdin").read(1 << 20)
        return understand(parse_document("standard input", content), model)
    if not path.is_file():
        raise Fault(f"{path} is not there", "name a file in YAML, or - for standard input")
    return understand(read_document(path.parent, path), model)
