"""What a person typed into a form, read field by field and kept when a step refuses it.

One idea: nothing typed is lost. A form that is refused is shown again as it was sent, with the sentence
next to the field it is about, or next to the button when it is about the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Depends, Form, Request
from pydantic import AfterValidator
from starlette.datastructures import UploadFile

from holdfast.interfaces.web.access import Visit
from holdfast.interfaces.web.rendering import sentence
from holdfast.problems import NoAuthority, NotAllowed, shown
from holdfast.wording import visible


class Wrong(NotAllowed):
    """What is in one field cannot be used; the message says why and what to write instead."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields of a form as they were sent; empty before anything was."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    """Sentences by the name of the field, or of the form, that they are about."""
    files: Mapping[str, UploadFile] = field(default_factory=dict)
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
        name = why.name if isinstance(why, Wrong) else about
        return replace(self, errors={**self.errors, name: sentence(str(why))})

    # For handlers ------------------------------------------------------------------------------

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


def one_break(text: str) -> str:
    """Line breaks as one character; browsers send two, whatever stood in the field before."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _seen(text: str) -> str:
    """With everything unseen written out; what is no text at all (NUL) is refused later, as such."""
    return text if "\x00" in text else visible(text)


async def _read(request: Request) -> Typed:
    """The form of a request. Of a field sent twice the first counts."""
    form = await request.form()
    values: dict[str, str] = {}
    files: dict[str, UploadFile] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            files.setdefault(name, value)
        else:
            values.setdefault(name, _seen(one_break(value)))
    return Typed(values, files=files, sent=True)


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
