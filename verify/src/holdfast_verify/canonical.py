"""Canonical JSON (RFC 8785) for a restricted set of values: every document has exactly one spelling.

Objects, arrays, strings, integers, true, false and null; no floats. One spelling means that any change
of a byte is a change of meaning or an error, never a harmless variant to hide behind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

MAX_INTEGER = 2**53 - 1
"""RFC 8785 numbers are IEEE 754 doubles; integers beyond this have no exact one."""


MAX_VALUES = 500_000
"""Values a document may hold, counted by their separators: a bound on memory and time, not on meaning."""


class CanonicalError(ValueError):
    """The bytes are not the one spelling of a document of this restricted kind."""


_IN_ORDER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_AS_GIVEN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def dumps(value: Any) -> bytes:
    """The document's only spelling, in UTF-8. Raises CanonicalError for any other value."""
    try:
        if _check(value):
            return _IN_ORDER.encode(value).encode()
        return _AS_GIVEN.encode(_ordered(value)).encode()
    except UnicodeEncodeError as error:
        raise CanonicalError("it holds half of a surrogate pair") from error


def loads(raw: bytes) -> Any:
    """The document these bytes spell. Raises CanonicalError for another spelling of it or a doubled key."""
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MAX_VALUES:
        raise CanonicalError(f"it holds more than {MAX_VALUES:,} values")
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_object, parse_float=_no_float, parse_constant=_no_float
        )
        again = dumps(value)
    except CanonicalError:
        raise
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"it is not JSON in UTF-8 ({error})") from error
    if again != raw:
        raise CanonicalError("it is JSON, but not in canonical form (RFC 8785)")
    return value


def _check(value: Any) -> bool:
    """Whether all keys are ASCII, so that code points order them rightly. Raises CanonicalError."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is dict:  # what nearly every value is, without asking for each kind in turn
        plain = True
        for key, item in value.items():
            if type(key) is not str:
                break
            plain = _check(item) and plain and key.isascii()
        else:
            return plain
    if isinstance(value, (str, bool)):
        return True
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise CanonicalError(f"the integer {value} is too large")
        return True
    if isinstance(value, (list, tuple)):
        return _check_all(value)
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return _check_all(value.values()) and all(map(str.isascii, value))
    raise CanonicalError(f"it holds a {type(value).__name__}")


def _check_all(values: Iterable[Any]) -> bool:
    found = [_check(value) for value in values]  # every one is checked, also behind the first that says no
    return all(found)


def _ordered(value: Any) -> Any:
    """The value with all keys in RFC 8785 order, which is that of UTF-16 code units, not of code points."""
    if isinstance(value, (list, tuple)):
        return [_ordered(item) for item in value]
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return {key: _ordered(value[key]) for key in keys}
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CanonicalError("a key occurs twice in one object")
    return found


def _no_float(text: str) -> Any:
    raise CanonicalError(f"the number {text} is not an integer")
