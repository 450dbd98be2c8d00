"""Reading what is asked: the same faults in the same words, whether it was sent, typed or filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

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
        raise Misread(tuple(misplaced(model, item) for item in error.errors())) from None


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


def members_of(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """Where one of several is asked, these by the word that chooses them; nothing elsewhere."""
    if not field.discriminator:
        return {}
    word = str(field.discriminator)
    return {get_args(one.model_fields[word].annotation)[0]: one for one in get_args(field.annotation)}


def part_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model that a field asks for, once or as a list; None where it asks for a plain value."""
    for arm in (field.annotation, *get_args(field.annotation)):
        for kind in (arm, *get_args(arm)):
            if isinstance(kind, type) and issubclass(kind, BaseModel) and not field.discriminator:
                return kind
    return None


def misplaced(model: type[BaseModel], item: Any) -> Misplaced:
    """One error of pydantic, at the place that was written."""
    way, known, field = _walk(model, item["loc"])
    if field and item["type"].startswith("union_tag"):
        way.append(str(field.discriminator))
    if field and item["type"] == "union_tag_not_found":
        return Misplaced(spelled(way), "is missing", f"write one of {', '.join(members_of(field))}")
    cause, fix = explain(item, known)
    return Misplaced(spelled(way), cause, fix)


def _walk(
    model: type[BaseModel], loc: Sequence[str | int]
) -> tuple[list[str | int], list[str], FieldInfo | None]:
    """The way as somebody wrote it, the names known where it ends, and the field that it ends in.

    Pydantic puts words into a way that nobody wrote: the chosen one of several, and `[key]`. The chosen one
    may be called as a field of it is, so the model is walked and not the words.
    """
    here: type[BaseModel] | None = model
    way, known, field, steps = list[str | int](), list[str](), None, list(loc)
    while steps:
        step = steps.pop(0)
        if step != "[key]":
            way.append(step)
        known = list(here.model_fields) if here else []
        if here is None or step not in here.model_fields:
            continue  # the number of an item, a key, or a name that is not known
        field = here.model_fields[str(step)]
        members = members_of(field)
        here = members.get(str(steps.pop(0))) if members and steps else part_of(field)
    return way, known, field
