"""Facts: what happened, in the past tense, as typed and versioned records.

One idea: a fact is a frozen dataclass with a registered name. Everything stored can be read back for
ever, because an older version is brought up to date when it is read (`upcast`), never rewritten.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, ClassVar, Literal, TypeVar, dataclass_transform

from pydantic import TypeAdapter, ValidationError

from holdfast import clock
from holdfast.people import Actor
from holdfast.problems import NotAllowed
from holdfast_verify import canonical


@dataclass(frozen=True, slots=True)
class Line:
    """How a fact reads in a timeline: a terse title, the rest as detail."""

    title: str
    detail: str = ""
    tone: Literal["plain", "alarm", "act", "note"] = "plain"


@dataclass(frozen=True, slots=True)
class Arm:
    """The fact starts (or moves) a timer; an earlier one of the same name is replaced."""

    timer: str
    kind: str
    """Which handler fires it, for example `clock.breach`."""
    due: datetime | timedelta
    """A length counts from when the fact is recorded."""
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Disarm:
    """The fact stops a timer; nothing happens when it was not running."""

    timer: str


LONGEST_TITLE = 300
LONGEST_TEXT = 20_000
"""Characters of one text that somebody writes, whichever way it comes in: page, API or terminal."""
LONGEST_DOCUMENT = 1 << 22
"""Characters of a file of the workspace, or of a message made of what people wrote."""


class Fact:
    """Base of all facts; subclasses are declared with `@fact("thing.happened")`."""

    type: ClassVar[str]
    version: ClassVar[int]
    longest: ClassVar[int] = LONGEST_TEXT
    """Characters that one text in it may have."""
    takes_access_away: ClassVar[bool] = False
    """Whether that is all it ever does: then a clock that stepped holds it up no more than anything else."""

    def line(self) -> Line | None:
        """How this reads in a timeline; None for facts no person needs to see there."""
        return None

    def timers(self) -> Iterable[Arm | Disarm]:
        """What this fact does to timers: they are projections of facts."""
        return ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A fact as the ledger holds it."""

    seq: int
    """Position in the whole ledger, from 0, without gaps."""
    stream: str
    stream_seq: int
    """Position in its stream, from 0, without gaps."""
    at: datetime
    """When the ledger says it was recorded: a claim until a witness bounds it."""
    by: Actor
    fact: Fact
    leaf_hash: bytes

    @property
    def incident(self) -> str | None:
        """The incident this fact is about, if any."""
        return getattr(self.fact, "incident", None) or None


class UnknownFact(Exception):
    """A stored fact has a type or version that this release does not know."""


_FactT = TypeVar("_FactT", bound=Fact)
_Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
_registry: dict[str, type[Fact]] = {}
_upcasters: dict[tuple[str, int], _Upcaster] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def fact(name: str, version: int = 1) -> Callable[[type[_FactT]], type[_FactT]]:
    """Declare a fact: a frozen, keyword-only dataclass known to the ledger as `thing.happened`."""

    def declare(cls: type[_FactT]) -> type[_FactT]:
        made = dataclass(frozen=True, kw_only=True)(cls)
        if name in _registry:
            raise ValueError(f"the fact {name!r} is declared twice")
        made.type, made.version = name, version
        _registry[name] = made
        return made

    return declare


def upcast(name: str, from_version: int) -> Callable[[_Upcaster], _Upcaster]:
    """Register how the stored data of one version becomes that of the next."""

    def register(change: _Upcaster) -> _Upcaster:
        _upcasters[(name, from_version)] = change
        return change

    return register


def declared() -> Mapping[str, type[Fact]]:
    """Every fact type this process knows, by name."""
    return _registry


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_registry[name])


_actors = TypeAdapter(Actor)


def _plain(value: Any) -> Any:
    """The value as canonical JSON can hold it: times stamped, floats as text (RFC 8785 has no exact ones)."""
    kind: type = type(value)
    if kind in _AS_IT_IS:
        return value
    if value is None or isinstance(value, (str, bool, int)):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a fact cannot hold {value}: leave the field out or say why it is unknown")
        return repr(value)
    if isinstance(value, datetime):
        return clock.stamp(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_plain(item) for item in value]
        return sorted(items) if isinstance(value, (set, frozenset)) else items
    fields = _fields(kind)
    if fields is None:
        raise TypeError(
            f"a fact cannot hold a {type(value).__name__}; use text, numbers, times or dataclasses"
        )
    return {name: _plain(getattr(value, name)) for name in fields}


_AS_IT_IS = frozenset({str, int, bool, type(None)})


@cache
def _fields(cls: type) -> tuple[str, ...] | None:
    found = getattr(cls, "__dataclass_fields__", None)
    return None if found is None else tuple(found)


def require_bounds(written: Fact, payload: bytes) -> None:
    """Refuse what no page, pack or database can carry. Raises NotAllowed naming the field.

    `payload` is the fact as it was encoded: a text in it is no longer than the whole, and a NUL shows.
    """
    if len(payload) <= written.longest and b"\\u0000" not in payload:
        return
    for name, text in _texts(written):
        if "\x00" in text:
            raise NotAllowed(f"the {name} holds a character that is none (NUL); remove it")
        if len(text) > written.longest:
            raise NotAllowed(
                f"the {name} is {len(text):,} characters long, {written.longest:,} fit; shorten it, or "
                "add it to the evidence as a file"
            )


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value, with the name of the field it stands in."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key, name)
            yield from _texts(item, name)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _texts(item, name)
    else:
        for field_ in getattr(value, "__dataclass_fields__", ()):
            yield from _texts(getattr(value, field_), field_.replace("_", " "))


def encode(recorded_fact: Fact, by: Actor) -> bytes:
    """The payload's exact bytes: canonical JSON of actor, data and version (RFC 8785)."""
    who = {"id": by.id, "kind": by.kind, "name": by.name}
    return canonical.dumps({"by": who, "data": _plain(recorded_fact), "v": recorded_fact.version})


def decode(name: str, document: Mapping[str, Any]) -> tuple[Actor, Fact]:
    """Actor and fact of a stored payload, brought up to the newest version.

    Raises UnknownFact for a type, version or shape that this release cannot read.
    """
    cls = _registry.get(name)
    if cls is None:
        raise UnknownFact(f"no fact is called {name!r} in this release; a newer one may know it")
    version, data = int(document["v"]), dict(document["data"])
    while version < cls.version:
        step = _upcasters.get((name, version))
        if step is None:
            raise UnknownFact(f"{name} version {version} cannot be brought to version {cls.version}")
        data, version = step(data), version + 1
    if version > cls.version:
        raise UnknownFact(f"{name} version {version} is newer than this release ({cls.version})")
    try:
        return _actors.validate_python(document["by"]), _adapter(name).validate_python(data)
    except ValidationError as error:
        raise UnknownFact(f"{name} does not have the shape of version {version}: {error}") from error
