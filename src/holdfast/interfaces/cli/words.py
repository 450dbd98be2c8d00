"""What a step asks, as it is typed: options, what is said in order, and the line that shows both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from holdfast.shapes.base import Asked, Flag
from holdfast.steps.asking import kind_of, members_of, part_of
from holdfast.steps.step import Step


@dataclass(frozen=True, slots=True)
class Typed:
    """One field as it is typed."""

    name: str
    field: FieldInfo
    within: str = ""
    """The field of which it is a part, where one of several is chosen by what is typed."""
    tag: str = ""
    """The field that says which was chosen."""
    chosen: str = ""

    @property
    def key(self) -> str:
        """Among the values of a command."""
        return "_".join(filter(None, (self.within, self.chosen, self.name)))

    @property
    def keyed(self) -> str:
        """Among the values of a command, the keys that are typed by an option of their own."""
        return f"{self.key}_key"

    @property
    def place(self) -> str:
        return f"{self.within}.{self.name}" if self.within else self.name

    @property
    def kind(self) -> Any:
        return kind_of(self.field.annotation)

    @property
    def own(self) -> Flag:
        """What its field says of the option; the name is empty where it says nothing."""
        return next((word for word in self.field.metadata if isinstance(word, Flag)), Flag(""))

    @property
    def in_order(self) -> bool:
        """Whether it is said without a flag: what a step cannot do without, except why."""
        return self.field.is_required() and self.name != "reason" and not self.own.name and not self.within

    @property
    def option(self) -> str:
        return self.own.name or f"--{self.name.replace('_', '-')}"

    @property
    def flag(self) -> str:
        """As it is typed."""
        return self.metavar if self.in_order else self.option

    @property
    def metavar(self) -> str:
        if self.own.metavar:
            return self.own.metavar
        if isinstance(self.kind, type) and issubclass(self.kind, Enum):
            return "|".join(str(one.value) for one in self.kind)
        named = {datetime: "TIME", timedelta: "LENGTH", int: "NUMBER", float: "NUMBER"}
        return named.get(self.kind, self.name.replace("_", " ").split()[-1].upper())


def in_words(model: type[BaseModel]) -> list[Typed]:
    """Everything asked, as it is typed: of what is chosen between, the parts of each choice."""
    if file_of(model) and not file_of(model).startswith("-"):
        return []
    found = []
    for name, field in model.model_fields.items():
        found += [
            Typed(part, inner, name, str(field.discriminator), chosen)
            for chosen, member in members_of(field).items()
            for part, inner in member.model_fields.items()
            if part != field.discriminator
        ] or [Typed(name, field)]
    return [word for word in found if not part_of(word.field)]


def needed(step: Step[..., Any, Any]) -> list[str]:
    """What a command cannot do without besides its address, in order."""
    words = [word.metavar for word in in_words(step.asked) if word.in_order] if step.asked else []
    file = file_of(step.asked) if step.asked else ""
    return [*words, *([file] if file and not file.startswith("-") else [])]


def usage(step: Step[..., Any, Any]) -> list[str]:
    """What follows the address on a command line: what it needs in order, options it needs, and others in
    brackets."""
    options = [word for word in in_words(step.asked) if not word.in_order] if step.asked else []
    said = [
        (word, word.option if word.kind is bool else f"{word.option} {word.metavar}")
        for word in options
        if not word.within
    ]
    required = [text for word, text in said if word.field.is_required()]
    return [*needed(step), *required, *(f"[{text}]" for word, text in said if not word.field.is_required())]


def file_of(model: type[BaseModel]) -> str:
    return model.FILE if issubclass(model, Asked) else ""
