"""What is wrong with something a person wrote: where, why, and what to do about it.

Settings and every file a person edits report through these words, so that an error reads the same
wherever it comes from.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_FORMS: dict[str, str] = {}


def form(pattern: str, fix: str) -> str:
    """A pattern that a text must match, and how a person is told to write what does."""
    _FORMS[pattern] = fix
    return pattern


class NotAllowed(Exception):
    """A decision or step is refused; the message says why and what to do instead.

    `first` names the step that has to be taken before it, and what on: `("incident.acknowledge", "INC-1")`.
    Each interface says how it is taken there.
    """

    first: tuple[str, str] | None = None

    def __init__(self, *said: object, first: tuple[str, str] | None = None) -> None:
        super().__init__(*said)
        self.first = first


class NotThere(LookupError):
    """What an address or a command names is not there; the message says so, and what is or where to look."""


class NotKnown(NotThere, NotAllowed):
    """Something is named, in an address or in what is asked, that is not there: alike wherever it stands."""


class Waiting(NotAllowed):
    """Refused until people have done what the message names. Nothing is broken: it is taken up by itself."""


class NoAuthority(NotAllowed):
    """Refused because of who asks: somebody else may. The message says who."""


class Fault(ValueError):
    """A value that cannot be accepted, raised by a validator that knows the remedy.

    `at` leads from the value that was validated to the one to correct, such as `("limit", "above")`.
    """

    def __init__(self, cause: str, fix: str = "", at: tuple[str | int, ...] = ()) -> None:
        super().__init__(f"{cause}; {fix}" if fix else cause)
        self.cause = cause
        self.fix = fix
        self.at = at


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to correct; sorts in the order a person would meet it in the file."""

    file: str
    line: int
    """From 1; 0 when the problem is the file itself."""
    column: int
    """From 1, as editors count."""
    path: str
    """Dotted way to the value: `severities.critical.clocks.acknowledge_within`."""
    cause: str
    fix: str = ""
    excerpt: str = ""
    """The line as written with a caret under the column; empty when there is none to show."""

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"

    @property
    def where(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place} {self.path}" if self.path else place

    @property
    def sentence(self) -> str:
        """Cause and fix without the place."""
        return f"{self.cause}; {self.fix}" if self.fix else self.cause


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown word: the nearest known one, or all of them when none is near."""
    choices = sorted(set(known))
    near = nearest(word, choices)
    if near:
        return f"did you mean {near}?"
    return f"known here: {', '.join(choices)}" if choices else "remove it"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant: a small slip, or the beginning of only one."""
    choices = sorted(set(known))
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    begun = [choice for choice in choices if len(word) >= 3 and choice.startswith(word)]
    return near[0] if near else begun[0] if len(begun) == 1 else None


def shown(value: Any, limit: int = 60) -> str:
    """A value as a person would recognise it in their file, cut short when it is long."""
    text = f'"{value}"' if isinstance(value, str) else _spelled(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _spelled(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return str(value)


_WANTED = {
    "string_type": ("text", "write it as text, in quotes if it looks like a number"),
    "bool_type": ("true or false", "write true or false"),
    "bool_parsing": ("true or false", "write true or false"),
    "int_type": ("a whole number", "write for example 3"),
    "int_parsing": ("a whole number", "write for example 3"),
    "int_from_float": ("a whole number", "write for example 3"),
    "float_type": ("a number", "write for example 0.85"),
    "float_parsing": ("a number", "write for example 0.85"),
    "finite_number": ("a finite number", "write for example 0.85"),
    "list_type": ("a list", "write each item on its own line after a dash"),
    "tuple_type": ("a list", "write each item on its own line after a dash"),
    "frozen_set_type": ("a list", "write each item on its own line after a dash"),
    "dict_type": ("a mapping", "write key: value on the lines below, indented"),
    "model_type": ("a mapping", "write key: value on the lines below, indented"),
    "model_attributes_type": ("a mapping", "write key: value on the lines below, indented"),
    "date_type": ("a date", "write for example 2026-11-23"),
    "date_from_datetime_parsing": ("a date", "write for example 2026-11-23"),
    "date_parsing": ("a date", "write for example 2026-11-23"),
}

_BOUNDS = {
    "greater_than": ("gt", "must be more than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}


def explain(error: Any, known: Sequence[str] = ()) -> tuple[str, str]:
    """Cause and fix of one pydantic error (`ValidationError.errors()` item).

    `known` are the names allowed where the error happened, for did-you-mean.
    """
    kind, context, given = error["type"], error.get("ctx", {}), error.get("input")
    fault = context.get("error")
    if isinstance(fault, Fault):
        return fault.cause, fault.fix
    if kind == "missing":
        return "is missing", "add it"
    if kind == "extra_forbidden":
        return "is not known here", did_you_mean(str(error["loc"][-1]), known)
    if kind in ("enum", "literal_error"):
        words = [word.strip().strip("'") for word in context["expected"].replace(" or ", ", ").split(",")]
        return _not_one_of(str(given), shown(given), words)
    if kind in _BOUNDS:
        key, words_of = _BOUNDS[kind]
        return f"{shown(given)} is out of range", f"it {words_of} {context[key]}"
    if kind == "union_tag_invalid":
        words = [word.strip().strip("'") for word in str(context["expected_tags"]).split(",")]
        return f"{shown(context['tag'])} is not one of {', '.join(words)}", did_you_mean(
            context["tag"], words
        )
    if kind == "union_tag_not_found":
        return f"needs {context['discriminator']} to say what it is", "add it"
    return _of_shape(kind, context, given, str(error["msg"]))


def _not_one_of(word: str, given: str, words: Sequence[str]) -> tuple[str, str]:
    near = nearest(word, words)
    fix = f"did you mean {near}?" if near else "write one of these"
    return f"{given} is not one of {', '.join(words)}", fix


def _of_shape(kind: str, context: dict[str, Any], given: Any, message: str) -> tuple[str, str]:
    if kind in _WANTED:
        noun, fix = _WANTED[kind]
        return f"{shown(given)} is not {noun}", fix
    if kind in ("string_too_short", "too_short"):
        least = context["min_length"]
        empty = not given or str(given).isspace()
        what = "is empty" if empty else f"is too short ({len(given)} of at least {least})"
        return what, "say what belongs here" if isinstance(given, str) else f"give at least {least}"
    if kind in ("string_too_long", "too_long"):
        what = "characters long" if isinstance(given, str) else "long"
        return f"is {len(given):,} {what}, {context['max_length']:,} fit", "shorten it"
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"{shown(given)} does not have the right form", _FORMS.get(pattern, f"it must match {pattern}")
    return message[:1].lower() + message[1:], ""
