"""What all documents share: how they are read and written, and the bounds of what may be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema

from holdfast.ledger.facts import LONGEST_TEXT, LONGEST_TITLE
from holdfast.prepare import durations
from holdfast.prepare.documents import Entry
from holdfast.problems import Fault, form, shown
from holdfast.wording import visible

INCIDENT_NUMBER = form(r"^INC-[1-9][0-9]{0,8}$", "write its number, such as INC-1")
ALERT_NUMBER = form(r"^ALR-[1-9][0-9]{0,8}$", "write its number, such as ALR-1")
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Times outside are slips of the pen, and some of them have no moment in UTC at all."""
LARGEST_NUMBER = 2**53 - 1
"""What the ledger's canonical JSON can hold exactly."""


class Shown(BaseModel):
    """Base of everything shown; built from attributes of the state."""

    model_config = ConfigDict(
        from_attributes=True, frozen=True, populate_by_name=True, use_attribute_docstrings=True
    )


class Asked(Entry):
    """Base of everything asked: unknown keys are errors."""

    FILE: ClassVar[str] = ""
    """How a terminal takes it from a file in YAML: by an option, or in order where this is none."""


@dataclass(frozen=True, slots=True)
class Flag:
    """The option that a field is typed by, where it is not called like the field."""

    name: str
    metavar: str = ""
    """What stands for its value; empty: told from its type."""
    short: str = ""
    keyed: str = ""
    """The option that names the key of each value, where a mapping is asked and not typed as KEY=VALUE."""


@dataclass(frozen=True, slots=True)
class InOrder:
    """A field that is typed without a flag although it may be left out, after those that may not."""

    metavar: str


def storable(value: str) -> str:
    """PostgreSQL cannot store a NUL character. (Half of a surrogate pair is no text to pydantic.) What else
    nobody would see is written out."""
    if "\x00" in value:
        raise Fault("holds a NUL character", "remove it")
    return visible(value)


Storable = Annotated[str, AfterValidator(storable)]
Word = Annotated[Storable, Field(max_length=200)]
"""A name, an address, an id."""
Title = Annotated[Storable, Field(min_length=1, max_length=LONGEST_TITLE)]
Text = Annotated[Storable, Field(max_length=LONGEST_TEXT)]
Yes = Annotated[bool, Strict()]
"""True or false, and nothing that is only taken for it."""
Number = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]


def moment(value: Any) -> datetime:
    """A date (its midnight) or a time, in UTC unless it states an offset. Raises Fault."""
    if isinstance(value, datetime):
        found = value
    else:
        try:
            found = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
        except ValueError:
            raise Fault(
                f"{shown(value)} is not a date or time", "write for example 2026-11-23T10:42:00Z"
            ) from None
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    # Compared before it is moved to UTC: the first and the last day of the calendar have no such moment.
    if not EARLIEST.year < aware.year < LATEST.year:
        raise Fault(f"{shown(value)} is too far away", "give a year between 1971 and 2199")
    return aware.astimezone(UTC)


Time = Annotated[
    datetime,
    BeforeValidator(moment),
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [{"format": "date-time"}, {"format": "date"}],
            "pattern": r"^(197[1-9]|19[89][0-9]|20[0-9]{2}|21[0-9]{2})-",
            "examples": ["2026-11-23T10:42:00Z", "2026-11-23"],
        }
    ),
]
"""A time that somebody states; UTC unless it says otherwise."""

Length = durations.Duration
"""A length of time that somebody states: `14d`."""

Seconds = Annotated[
    int,
    BeforeValidator(lambda value: round(value.total_seconds()) if isinstance(value, timedelta) else value),
]
"""A length of time as shown."""

Values = BeforeValidator(lambda value: tuple(value.values()) if isinstance(value, Mapping) else value)
"""A mapping shown as the list of its values, which name themselves."""
