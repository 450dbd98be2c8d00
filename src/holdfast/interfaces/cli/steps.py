"""Commands made from steps: what stands in the address and is required is said in order, the rest by name.

A command's module adds only the words that follow. Everything typed is read by the step's own model, so that
a fault reads as it does over the API and at a form's field.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args

import typer
from pydantic import BaseModel
from rich.console import RenderableType

from holdfast.interfaces.cli.session import Session, command
from holdfast.interfaces.cli.typed import by_name, from_yaml, in_order
from holdfast.interfaces.cli.words import Typed, file_of, in_words
from holdfast.prepare.documents import Unusable
from holdfast.problems import Fault, shown
from holdfast.shapes.base import InOrder
from holdfast.steps.asking import Misplaced, Misread, named, read
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
    doing: str = "",
) -> None:
    """Make the command of a step. `words` follow on a terminal; in a pipe follows what the API answers.

    `then` may still say that it failed, and exit. `doing` is said while a step takes long.
    """

    def run(session: Session, **typed: Any) -> None:
        then(take(session, step, typed, words, doing))

    parameters = [
        _named("session", Session),
        *(_named(name, Annotated[str, in_order(how)]) for name, _, how in step.names if not how.flag),
        *(_named(name, Annotated[str, by_name(how)], "") for name, _, how in step.names if how.flag),
        *(_asked_of(step.asked) if step.asked else []),
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
    doing: str = "",
) -> Taken[AnswerT, ShownT]:
    """Take a step with what was typed, let it take its course, and say how things stand."""
    call = session.call()
    step.require(call.who)
    names: tuple[str, ...] = tuple(named(kind, name, typed[name]) for name, kind, _ in step.names)
    said = _said(step.asked, typed) if step.asked else None
    with session.progress(doing) if doing else nullcontext():
        answer = step(call, *names, *([said] if said else []))
    made: list[Taken[AnswerT, ShownT]] = []

    def document() -> ShownT:
        made.append(Taken(session, names, said, answer, step.after(call, names, answer)))
        return made[0].shown

    session.answer(document, lambda _: words(made[0]))
    return made[0]


# What is typed -----------------------------------------------------------------------------------


def _said(model: type[BaseModel], typed: dict[str, Any]) -> BaseModel:
    """What was typed, as the step takes it. Raises Misread naming each option as it is typed."""
    words = [
        word for word in in_words(model) if typed.get(word.key) not in (None, []) or typed.get(word.keyed)
    ]
    if typed.get(_FILE):
        if words:
            raise Misread(
                (Misplaced(file_of(model), f"leaves no room for {words[0].flag}", "give only one"),)
            )
        return _from_file(Path(typed[_FILE]), model)
    try:
        return read(model, _given(words, typed))
    except Misread as misread:
        placed = (replace(one, place=_flag(model, words, one.place)) for one in misread.misplaced)
        raise Misread(tuple(placed)) from None


def _from_file(path: Path, model: type[BaseModel]) -> BaseModel:
    try:
        return from_yaml(path, model)
    except Unusable as unusable:
        raise Misread(tuple(Misplaced(one.where, one.cause, one.fix) for one in unusable.problems)) from None
    except Fault as fault:
        raise Misread((Misplaced(file_of(model), fault.cause, fault.fix),)) from None


def _given(words: list[Typed], typed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        value = _mapping(word, typed) if word.kind is dict else typed[word.key]
        if not word.within:
            found[word.name] = value
            continue
        part = found.setdefault(word.within, {word.tag: word.chosen})
        if part[word.tag] != word.chosen:
            other = next(one for one in words if one.within == word.within and one.chosen != word.chosen)
            raise Misread((Misplaced(word.flag, f"does not go with {other.flag}", "give only one of them"),))
        part[word.name] = value
    return found


def _mapping(word: Typed, typed: dict[str, Any]) -> dict[str, str]:
    """Keys with their values, typed as KEY=VALUE or by an option each. Raises Misread."""

    def wrong(flag: str, cause: str, fix: str) -> Misread:
        return Misread((Misplaced(flag, cause, fix),))

    keys, values = typed.get(word.keyed) or [], typed.get(word.key) or []
    if word.own.keyed and len(keys) != len(values):
        raise wrong(word.own.keyed, f"stands beside {word.flag}", "give both, as often as one another")
    if not word.own.keyed and (odd := [one for one in values if "=" not in one]):
        raise wrong(word.flag, f"{shown(odd[0])} is not {word.metavar}", "write both, with = between them")
    found: dict[str, str] = {}
    for key, value in zip(keys, values, strict=True) if keys else (one.split("=", 1) for one in values):
        if found.setdefault(key, value) != value:
            raise wrong(word.flag, f"{key} cannot be two values at once", "give one")
    return found


def _flag(model: type[BaseModel], typed: list[Typed], place: str) -> str:
    """A place as it is typed: an option by its flag; a choice that was not made by those that make it."""
    for word in (*typed, *in_words(model)):
        if f"{place}.".startswith((f"{word.place}.", f"{word.place}[")):
            return word.flag
    choices = [
        word.flag
        for word in in_words(model)
        if word.within and place.startswith(word.within) and word.field.is_required()
    ]
    return " or ".join(choices) or place


# Parameters --------------------------------------------------------------------------------------

_FILE = "as_file"


def _asked_of(model: type[BaseModel]) -> Iterable[inspect.Parameter]:
    for word in in_words(model):
        yield from _parameters(word)
    file = file_of(model)
    if file.startswith("-"):
        help_ = "All of it from a file in YAML; - reads standard input."
        yield _named(_FILE, Annotated[str | None, typer.Option(file, metavar="FILE", help=help_)], None)
    elif file:
        yield _named(
            _FILE,
            Annotated[str, typer.Argument(metavar=file, help="A file in YAML; - reads standard input.")],
        )


def _named(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _parameters(word: Typed) -> Iterable[inspect.Parameter]:
    help_ = word.field.description or ""
    if word.field.is_required() and not word.in_order and not word.within and word.kind is not bool:
        help_ += " Required."
    if several := next((one for one in word.field.metadata if isinstance(one, InOrder)), None):
        names: Any = Annotated[list[str] | None, typer.Argument(metavar=several.metavar, help=help_)]
        yield _named(word.key, names, None)
    elif word.in_order:
        yield _named(word.key, Annotated[str, typer.Argument(metavar=word.metavar, help=help_)])
    elif word.kind is bool:
        # One that must be answered is, by what it is called; its other name says the contrary.
        flag = typer.Option(word.option, help=help_)
        yield _named(word.key, Annotated[bool, flag], word.field.is_required())
    else:
        short = ["-r"] if word.name == "reason" else [word.own.short] if word.own.short else []
        option = typer.Option(word.option, *short, metavar=word.metavar, help=help_)
        hint = list[str] | None if word.kind in (tuple, dict) else str | None
        yield _named(word.key, Annotated[hint, option], None)
        if word.own.keyed:
            known = "|".join(get_args(word.field.annotation)[0])
            key = typer.Option(word.own.keyed, metavar=known, help=f"Which {word.option} is given to.")
            yield _named(word.keyed, Annotated[list[str] | None, key], None)
