"""What people type as options: times, lengths, and files in YAML."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel

from holdfast.prepare import durations
from holdfast.prepare.documents import parse_document, read_document, understand
from holdfast.problems import Fault
from holdfast.shapes.base import moment
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
ItemId = Annotated[str, in_order(addresses.ITEM)]
AlertId = Annotated[str, in_order(addresses.ALERT)]
YamlFile = Annotated[Path, typer.Argument(metavar="FILE", help="A file in YAML; - reads standard input.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it becomes part of the record.")]


def a_time(text: str) -> datetime:
    """A time as typed. Raises BadParameter."""
    try:
        return moment(text)
    except Fault as fault:
        raise typer.BadParameter(str(fault)) from None


def _length(text: str) -> timedelta:
    try:
        return durations.parse(text)
    except Fault as fault:
        raise typer.BadParameter(str(fault)) from None


def time_option(flag: str, help_: str) -> typer.models.OptionInfo:
    """An option that takes a time; UTC unless it states an offset."""
    found: typer.models.OptionInfo = typer.Option(flag, parser=a_time, metavar="TIME", help=help_)
    return found


def length_option(flag: str, help_: str) -> typer.models.OptionInfo:
    """An option that takes a length of time: 30m, 12h, 14d."""
    found: typer.models.OptionInfo = typer.Option(flag, parser=_length, metavar="LENGTH", help=help_)
    return found


def from_yaml(path: Path, model: type[ModelT]) -> ModelT:
    """What a file says. Raises Unusable naming line and column of everything that cannot be accepted."""
    if str(path) == "-":
        content = typer.get_binary_stream("stdin").read(1 << 20)
        return understand(parse_document("standard input", content), model)
    if not path.is_file():
        raise Fault(f"{path} is not there", "name a file in YAML, or - for standard input")
    return understand(read_document(path.parent, path), model)


def given(**options: object) -> dict[str, object]:
    """What was typed of these, for `steps.asking.read`."""
    return {name: value for name, value in options.items() if value is not None}
