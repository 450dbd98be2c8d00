"""Reading what is asked: the same faults in the same words, whether it was sent, typed or filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from holdfast.prepare.documents import spelled
from holdfast.problems import NotAllowed, explain

ModelT = TypeVar("ModelT", bound=BaseModel)
KindT = TypeVar("KindT")


@dataclass(frozen=True, slots=True)
class Misplaced:
    """One value that cannot be accepted."""

    place: str
    """`evidence[0]`, `verification.windows`"""
    cause: str
    fix: str

    @property
    def sentence(self) -> str:
        """Cause and remedy, without the place."""
        return f"{self.cause}; {self.fix}" if self.fix else self.cause


class Misread(NotAllowed):
    """What is asked cannot be accepted as it was written; nothing was done."""

    def __init__(self, misplaced: tuple[Misplaced, ...]) -> None:
        super().__init__("; ".join(f"{one.place}: {one.sentence}" for one in misplaced[:5]))
        self.misplaced = misplaced


def read(model: type[ModelT], given: Mapping[str, Any]) -> ModelT:
    """What was written, as the step takes it. Raises Misread naming everything that cannot be accepted."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Misread(tuple(_misplaced(model, item) for item in error.errors())) from None


def named(kind: type[KindT], name: str, text: str) -> KindT:
    """A name out of an address. Raises Misread."""
    if not issubclass(kind, Enum):
        return kind(text)  # type: ignore[call-arg]
    try:
        return kind(text)
    except ValueError:
        known = [str(one.value) for one in kind]
        cause, fix = explain(
            {"type": "enum", "loc": (name,), "input": text, "ctx": {"expected": ", ".join(known)}}
        )
        raise Misread((Misplaced(name, cause, fix),)) from None


def kind_of(annotation: Any) -> Any:
    """The type behind an optional or annotated one: datetime of `Annotated[Time | None, ...]`."""
    if get_origin(annotation) is Annotated:
        return kind_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return kind_of(next(one for one in get_args(annotation) if one is not NoneType))
    return get_origin(annotation) or annotation


def _misplaced(model: type[BaseModel], item: Any) -> Misplaced:
    cause, fix = explain(item, list(model.model_fields))
    return Misplaced(spelled(item["loc"]), cause, fix)
