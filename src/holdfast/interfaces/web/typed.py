"""What a person typed into a form, read field by field and kept when a step refuses it.

One idea: nothing typed is lost. A form that is refused is shown again as it was sent, with the sentence
next to the field it is about, or next to the button when it is about the whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Depends, Form, Request
from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo
from starlette.datastructures import UploadFile

from holdfast.interfaces.web.access import Visit
from holdfast.interfaces.web.rendering import sentence
from holdfast.problems import NoAuthority, NotAllowed, shown
from holdfast.steps.asking import Misplaced, Misread, kind_of, members_of, part_of, read
from holdfast.wording import visible

ModelT = TypeVar("ModelT", bound=BaseModel)
_ValueT = TypeVar("_ValueT")
_ROW = re.compile(r"(\w+)\[([0-9]{1,4})\]\.(.*)", re.DOTALL)
"""A field of a row: `facts[0].text`."""


class Wrong(Misread):
    """What is in one field cannot be used; the message says why and what to write instead."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__((Misplaced(name, sentence, ""),))
        self.name = name

    def __str__(self) -> str:
        return self.misplaced[0].cause


_EMPTY: tuple[object, ...] = ("", (), {})
_ANSWERS = {"yes": True, "no": False, "true": True, "false": False}
"""What a choice or a tick says, as the step takes it."""


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

    def ticked(self, name: str, otherwise: bool = False, value: str = "") -> bool:
        """Whether a box is ticked, or that of several which has this value; others are not sent at all."""
        if not self.sent:
            return otherwise
        return value in self.all.get(name, ()) if value else name in self.values

    def error(self, name: str) -> str:
        return self.errors.get(name, "")

    def refused(self, about: str, why: NotAllowed) -> Typed:
        """The same form with the sentence next to the field it names, or else to `about`."""
        told = {about: _for_people(why)}
        if isinstance(why, Misread):
            for one in reversed(why.misplaced):
                told |= dict.fromkeys(_names_of(one.place), sentence(one.sentence))
        return replace(self, errors={**self.errors, **told})

    # For handlers ------------------------------------------------------------------------------

    def saying(self, **values: str) -> Typed:
        """The same with other words in some fields: what a choice of the form means to the step."""
        return replace(self, values={**self.values, **values})

    def read(self, model: type[ModelT], **called: str) -> ModelT:
        """What a step asks, out of the fields of the same names; `called` names those that differ.

        A field of a part is called as its place is: `users.kind`, `facts[0].text`. Of several of which one is
        chosen only that one is read.

        Raises Misread with the names of the form's fields.
        """
        try:
            return read(model, self._parts(model, "", called))
        except Misread as misread:
            renamed = (replace(one, place=_renamed(one.place, called)) for one in misread.misplaced)
            raise Misread(tuple(renamed)) from None

    def _parts(self, model: type[BaseModel], before: str, called: Mapping[str, str]) -> dict[str, object]:
        """What was said of a model whose fields have names beginning so; what was left empty is left out."""
        found = {}
        for name, asked in model.model_fields.items():
            at = before + called.get(name, name)
            said = self._sent(at, asked)
            needed = asked.is_required() and (kind_of(asked.annotation) is str or said == {})
            if said not in _EMPTY or needed or (said == () and at in self.all):
                found[name] = said
        return found

    def _sent(self, name: str, field: FieldInfo) -> object:
        """One field as the model reads it; empty when it was left empty."""
        kind, part = kind_of(field.annotation), part_of(field)
        if field.discriminator:
            word = str(field.discriminator)
            chosen = self.text(f"{name}.{word}")
            part = members_of(field).get(chosen)
            if part is None:
                return {word: chosen} if chosen else {}
        if kind is tuple and part:
            return tuple(self._parts(part, f"{name}[{row}].", {}) for row in self.rows(name))
        if part:
            found = self._parts(part, f"{name}.", {})
            return found if any(said not in _EMPTY for said in found.values()) else {}
        if kind is dict:
            return self._below(name)
        if kind is tuple:
            return tuple(value for value in self.all.get(name, ()) if value.strip())
        text = self.text(name)
        if kind is datetime:
            return in_zone(text, name, self.text("zone"))
        if kind is bool:
            return _ANSWERS.get(text, text)
        if kind in (int, float):
            return re.sub(r"(?<=[0-9])[,\s](?=[0-9])", "", text)
        return text

    def _below(self, name: str) -> dict[str, str]:
        """The fields of a mapping, or of a part, by what follows its name."""
        begins = f"{name}."
        return {key.removeprefix(begins): said for key, said in self.values.items() if key.startswith(begins)}

    # For lists ---------------------------------------------------------------------------------

    def rows(self, name: str) -> list[int]:
        """The numbers of the rows of a list, as they were sent."""
        found = (_ROW.match(key) for key in self.values)
        return sorted({int(one[2]) for one in found if one and one[1] == name})

    def closed_up(self, name: str, *by: str) -> Typed:
        """The same without the rows of a list in which none of these was filled in, so that a row has the
        number that the step knows it by."""
        kept = [row for row in self.rows(name) if any(self.text(f"{name}[{row}].{one}") for one in by)]

        def moved(fields: Mapping[str, _ValueT]) -> dict[str, _ValueT]:
            found = {}
            for key, value in fields.items():
                row = _ROW.match(key)
                if row is None or row[1] != name:
                    found[key] = value
                elif int(row[2]) in kept:
                    found[f"{name}[{kept.index(int(row[2]))}].{row[3]}"] = value
            return found

        return replace(self, values=moved(self.values), all=moved(self.all))

    def parted(self, pattern: str, *names: str) -> Typed:
        """The same, with several values where these fields hold them in one text."""
        parts = {one: tuple(filter(None, re.split(pattern, self.text(one)))) for one in names}
        return replace(self, all={**self.all, **parts})

    def text(self, name: str) -> str:
        """The field without surrounding spaces."""
        return self.values.get(name, "").strip()


def _renamed(place: str, names: Mapping[str, str]) -> str:
    name = re.split(r"[.\[]", place, maxsplit=1)[0]
    return names.get(name, name) + place.removeprefix(name)


def _for_people(why: NotAllowed) -> str:
    """Why, in sentences; the place of a part (`facts[0].links`) says nothing to people, who see the field."""
    if isinstance(why, Misread) and any(set(".[") & set(one.place) for one in why.misplaced):
        return " ".join(dict.fromkeys(sentence(one.sentence) for one in why.misplaced[:5]))
    return sentence(str(why))


def _names_of(place: str) -> list[str]:
    """The fields that a place may be shown at: `links` shows what is said of `links[1]`."""
    return [place, *(place[: one.start()] for one in re.finditer(r"[.\[]", place))]


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

LINKS = r"[,;\s]+"
"""What stands between links in one field."""

NOTHING = Typed()
"""What a form starts from."""


def refuse(
    visit: Visit, form: Typed, about: str, why: NotAllowed, told: str = "Nothing was recorded."
) -> Typed:
    """The form to show again: the sentence stands above the page and next to what it is about.

    Raises NoAuthority again: who may not take the step has no such form, and what they typed stands on the
    page of the refusal.
    """
    if isinstance(why, NoAuthority):
        raise why
    visit.notice(told, _for_people(why), "bad")
    return form.refused(about, why)


def local_moment(value: datetime | None) -> str:
    """A time as `datetime-local` fields take it, in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if value else ""
