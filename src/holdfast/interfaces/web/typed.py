"""What a person typed into a form, read field by field and kept when a step refuses it.

One idea: nothing typed is lost. A form that is refused is shown again as it was sent, with the sentence
next to the field it is about, or next to the button when it is about the whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Depends, Form, Request
from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo
from starlette.datastructures import UploadFile

from holdfast.interfaces.web.access import Visit
from holdfast.interfaces.web.rendering import sentence
from holdfast.problems import NoAuthority, NotAllowed, shown
from holdfast.steps.asking import Misplaced, Misread, kind_of, read
from holdfast.wording import visible

ModelT = TypeVar("ModelT", bound=BaseModel)


class Wrong(Misread):
    """What is in one field cannot be used; the message says why and what to write instead."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__((Misplaced(name, sentence, ""),))
        self.name = name

    def __str__(self) -> str:
        return self.misplaced[0].cause


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields of a form as they were sent; empty before anything was."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    """Sentences by the name of the field, or of the form, that they are about."""
    files: Mapping[str, UploadFile] = field(default_factory=dict)
    all: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Every value of each field, for those that may be sent more than once."""
    sent: bool = False

    # For templates -----------------------------------------------------------------------------

    def value(self, name: str, otherwise: str = "") -> str:
        """What the field shows: as typed, or what it starts from."""
        return self.values.get(name, "" if self.sent else otherwise)

    def ticked(self, name: str, otherwise: bool = False) -> bool:
        """Whether a box is ticked; boxes that are not are not sent at all."""
        return name in self.values if self.sent else otherwise

    def error(self, name: str) -> str:
        return self.errors.get(name, "")

    def refused(self, about: str, why: NotAllowed) -> Typed:
        """The same form with the sentence next to the field it names, or else to `about`."""
        told = {about: sentence(str(why))}
        if isinstance(why, Misread):
            told |= {one.place.partition("[")[0]: sentence(one.sentence) for one in why.misplaced}
        return replace(self, errors={**self.errors, **told})

    # For handlers ------------------------------------------------------------------------------

    def saying(self, **values: str) -> Typed:
        """The same with other words in some fields: what a choice of the form means to the step."""
        return replace(self, values={**self.values, **values})

    def read(self, model: type[ModelT], **called: str) -> ModelT:
        """What a step asks, out of the fields of the same names; `called` names those that differ.

        Raises Misread with the names of the form's fields.
        """
        names = {name: called.get(name, name) for name in model.model_fields}
        given = {name: self._sent(names[name], field) for name, field in model.model_fields.items()}
        said = {
            name: value
            for name, value in given.items()
            if value not in ("", ()) or model.model_fields[name].is_required()
        }
        try:
            return read(model, said)
        except Misread as misread:
            renamed = (replace(one, place=_renamed(one.place, names)) for one in misread.misplaced)
            raise Misread(tuple(renamed)) from None

    def _sent(self, name: str, field: FieldInfo) -> object:
        """One field as the model reads it; empty when it was left empty."""
        kind = kind_of(field.annotation)
        if kind is tuple:
            return tuple(value for value in self.all.get(name, ()) if value.strip())
        text = self.text(name)
        if kind is datetime:
            return in_zone(text, name, self.text("zone"))
        if kind in (int, float):
            return re.sub(r"[,\s]", "", text)
        return text

    def text(self, name: str) -> str:
        """The field without surrounding spaces."""
        return self.values.get(name, "").strip()

    def moment(self, name: str) -> datetime | None:
        """A time as `datetime-local` fields send it, read as UTC; None for an empty one. Raises Wrong."""
        text = self.text(name)
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise Wrong(
                name, f"{shown(text)} is not a time; write for example 2026-11-23T10:42, in UTC"
            ) from None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

    def required_moment(self, name: str) -> datetime:
        found = self.moment(name)
        if found is None:
            raise Wrong(name, "Give the time, in UTC.")
        return found

    def day(self, name: str) -> date:
        """A date. Raises Wrong."""
        text = self.text(name)
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Wrong(name, f"{shown(text)} is not a date; write for example 2026-11-23") from None

    def whole(self, name: str) -> int | None:
        """A whole number, with or without separators between thousands; None for an empty field."""
        text = self.text(name).replace(",", "").replace(" ", "")
        if not text:
            return None
        if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 15:
            raise Wrong(name, f"{shown(text)} is not a whole number; write for example 1200")
        return int(text)

    def answer(self, name: str) -> bool | None:
        """`yes`, `no`, or not known."""
        return {"yes": True, "no": False}.get(self.text(name))


def _renamed(place: str, names: Mapping[str, str]) -> str:
    name, bracket, rest = place.partition("[")
    return f"{names.get(name, name)}{bracket}{rest}"


def in_zone(text: str, name: str, zone: str) -> str:
    """A time as `datetime-local` fields send it, in the zone the person chose; anything else as typed.

    Raises Misread for a zone that is none, and for a time that this zone skipped.
    """
    try:
        naive = datetime.fromisoformat(text)
    except ValueError:
        return text
    if naive.tzinfo is not None or zone in ("", "UTC"):
        return text
    try:
        there = naive.replace(tzinfo=ZoneInfo(zone))
        back = there.astimezone(UTC).astimezone(there.tzinfo)
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        cause = f"{shown(text)} cannot be read in the time zone {shown(zone)}"
        raise Misread((Misplaced(name, cause, "choose UTC"),)) from None
    if back.replace(tzinfo=None) != naive:
        cause = f"{shown(text)} was skipped in {zone}, where clocks went forward"
        raise Misread((Misplaced(name, cause, "give the time an hour later, or choose UTC"),))
    return there.isoformat()


def one_break(text: str) -> str:
    """Line breaks as one character; browsers send two, whatever stood in the field before."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _seen(text: str) -> str:
    """With everything unseen written out; what is no text at all (NUL) is refused later, as such."""
    return text if "\x00" in text else visible(text)


async def _read(request: Request) -> Typed:
    """The form of a request. Of a field sent twice the first counts."""
    form = await request.form()
    every: dict[str, tuple[str, ...]] = {}
    files: dict[str, UploadFile] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            files.setdefault(name, value)
        else:
            every[name] = (*every.get(name, ()), _seen(one_break(value)))
    return Typed({name: first for name, (first, *_) in every.items()}, files=files, all=every, sent=True)


typed = Annotated[Typed, Depends(_read)]
"""What a view of a form declares."""

Said = Annotated[str, AfterValidator(_seen), Form()]
"""One field of a form as text; what nobody would see in it is written out."""

NOTHING = Typed()
"""What a form starts from."""


def refuse(visit: Visit, form: Typed, about: str, why: NotAllowed) -> Typed:
    """The form to show again: the sentence stands above the page and next to what it is about.

    Raises NoAuthority again: who may not take the step has no such form, and what they typed stands on the
    page of the refusal.
    """
    if isinstance(why, NoAuthority):
        raise why
    visit.notice("Nothing was recorded.", sentence(str(why)), "bad")
    return form.refused(about, why)


def local_moment(value: datetime | None) -> str:
    """A time as `datetime-local` fields take it, in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if value else ""
