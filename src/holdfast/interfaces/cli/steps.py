"""Commands made from steps: what stands in the address and is required is said in order, the rest by name.

A command's module adds only the words that follow. Everything typed is read by the step's own model, so that
a fault reads as it does over the API and at a form's field.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.console import RenderableType

from holdfast.interfaces.cli.session import Session, command
from holdfast.interfaces.cli.typed import by_name, in_order
from holdfast.shapes.base import Flag, InOrder
from holdfast.steps.asking import Misread, kind_of, named, read
from holdfast.steps.step import Step

AnswerT = TypeVar("AnswerT")
ShownT = TypeVar("ShownT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Taken(Generic[AnswerT, ShownT]):
    """A step that was taken, for the words that follow."""

    session: Session
    names: tuple[str, ...]
    said: Any
    """What was asked; None where nothing is."""
    answer: AnswerT
    shown: ShownT

    @property
    def on(self) -> str:
        """What it was taken on; empty where on nothing."""
        return self.names[0] if self.names else ""


Words = Callable[[Taken[AnswerT, ShownT]], Iterable[RenderableType]]
"""What follows on a terminal."""


def stepped(
    app: typer.Typer,
    step: Step[..., AnswerT, ShownT],
    words: Words[AnswerT, ShownT],
    then: Callable[[Taken[AnswerT, ShownT]], None] = lambda taken: None,
) -> None:
    """Make the command of a step. `words` follow on a terminal; in a pipe follows what the API answers.

    `then` may still say that it failed, and exit.
    """

    def run(session: Session, **typed: Any) -> None:
        then(take(session, step, typed, words))

    parameters = [
        _named("session", Session),
        *(_named(name, Annotated[str, in_order(how)]) for name, _, how in step.names if not how.flag),
        *(_named(name, Annotated[str, by_name(how)], "") for name, _, how in step.names if how.flag),
        *(_field(name, field) for name, field in (step.asked.model_fields if step.asked else {}).items()),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__doc__ = step.explanation
    command(app, step.verb)(run)


def take(
    session: Session,
    step: Step[..., AnswerT, ShownT],
    typed: dict[str, Any],
    words: Words[AnswerT, ShownT],
) -> Taken[AnswerT, ShownT]:
    """Take a step with what was typed, let it take its course, and say how things stand."""
    call = session.call()
    step.require(call.who)
    names: tuple[str, ...] = tuple(named(kind, name, typed[name]) for name, kind, _ in step.names)
    said = _said(step.asked, typed) if step.asked else None
    answer = step(call, *names, *([said] if said else []))
    made: list[Taken[AnswerT, ShownT]] = []

    def document() -> ShownT:
        made.append(Taken(session, names, said, answer, step.after(call, names, answer)))
        return made[0].shown

    session.answer(document, lambda _: words(made[0]))
    return made[0]


def _said(model: type[BaseModel], typed: dict[str, Any]) -> BaseModel:
    """What was typed, as the step takes it. Raises Misread naming each option as it is typed."""
    given = {name: typed[name] for name in model.model_fields if typed.get(name) not in (None, [])}
    try:
        return read(model, given)
    except Misread as misread:
        typed_as = (replace(one, place=_flag(model, one.place)) for one in misread.misplaced)
        raise Misread(tuple(typed_as)) from None


def _flag(model: type[BaseModel], place: str) -> str:
    """A place as it is typed: an option by its flag."""
    name = place.partition("[")[0]
    field = model.model_fields.get(name)
    if field is None:
        return place
    return _metavar(name, field) if _in_order(name, field) else _option(name, field)


def _named(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _field(name: str, field: FieldInfo) -> inspect.Parameter:
    kind, help_ = kind_of(field.annotation), field.description or ""
    if field.is_required() and not _in_order(name, field):
        help_ += " Required."
    if several := next((word for word in field.metadata if isinstance(word, InOrder)), None):
        names: Any = Annotated[list[str] | None, typer.Argument(metavar=several.metavar, help=help_)]
        return _named(name, names, None)
    if _in_order(name, field):
        word: Any = Annotated[str, typer.Argument(metavar=_metavar(name, field), help=help_)]
        return _named(name, word)
    short = ["-r"] if name == "reason" else [one.short for one in _flags(field) if one.short]
    if kind is bool:
        flag = typer.Option(_option(name, field), help=help_)
        return _named(name, Annotated[bool, flag], False)
    option = typer.Option(_option(name, field), *short, metavar=_metavar(name, field), help=help_)
    hint = list[str] | None if kind is tuple else str | None
    return _named(name, Annotated[hint, option], None)


def _in_order(name: str, field: FieldInfo) -> bool:
    """Whether it is said without a flag: what a step cannot do without, except why."""
    return field.is_required() and name != "reason" and not _flags(field)


def _option(name: str, field: FieldInfo) -> str:
    return next((one.name for one in _flags(field)), f"--{name.replace('_', '-')}")


def _flags(field: FieldInfo) -> list[Flag]:
    return [word for word in field.metadata if isinstance(word, Flag)]


def _metavar(name: str, field: FieldInfo) -> str:
    if own := next((one.metavar for one in _flags(field) if one.metavar), ""):
        return own
    kind = kind_of(field.annotation)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(one.value) for one in kind)
    words = {datetime: "TIME", timedelta: "LENGTH", int: "NUMBER", float: "NUMBER"}
    return words.get(kind, name.replace("_", " ").split()[-1].upper())
