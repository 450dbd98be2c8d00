"""A state as a column of a projection holds it: JSON, and parsed once as long as it says the same."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


class Stored(Generic[T]):
    """Writes and reads values of one frozen type. The same text is the same value: a page that lists a
    thousand states parses those that changed since the last one."""

    def __init__(self, of: type[T], remembered: int) -> None:
        self._of = of
        self._read = lru_cache(maxsize=remembered)(lambda text: self._adapter.validate_json(text))

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._of)

    def text(self, value: T) -> str:
        return str(self._adapter.dump_json(value), "utf-8")

    def read(self, text: str) -> T:
        found: T = self._read(text)
        return found
