"""The chain of facts: what each stored fact must be, given those before it.

The sealer asks before it signs, for what is new; the check asks for everything. Both ask here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from holdfast_verify.leaf import LeafError, parse_header, payload_commitment
from holdfast_verify.tree import leaf_hash

End = tuple[int, bytes]
"""How many facts a stream holds, and the leaf hash of the last."""

BYTES = ("leaf", "leaf_hash", "salt", "payload")
NAMED = ("seq", "stream", "stream_seq", "type", "recorded_at")


class Chain:
    """Follows stored facts in ledger order; says what does not continue what came before."""

    def __init__(
        self,
        origin: str,
        *,
        size: int = 0,
        last_at: str = "",
        end_of: Callable[[str], End] = lambda stream: (0, b""),
    ) -> None:
        """`end_of` says where a stream stood after the first `size` facts."""
        self.origin = origin
        self.size = size
        self.last_at = last_at
        self.streams: dict[str, End] = {}
        self._end_of = end_of

    def follow(self, row: Any) -> Iterator[str]:
        """What is wrong with the next stored fact, a sentence each."""
        position, self.size = self.size, self.size + 1
        if type(row.seq) is not int or row.seq != position:
            yield _displaced(row.seq, position)
            if type(row.seq) is int:
                self.size = row.seq + 1
        leaf, stored = as_bytes(row.leaf), as_bytes(row.leaf_hash)
        for name in BYTES:
            if not isinstance(getattr(row, name), (bytes, memoryview)):
                yield f"column {name} does not hold bytes any more: it was edited"
        if leaf_hash(leaf) != stored:
            yield "the stored leaf hash is not the hash of its header"
        try:
            header = parse_header(leaf)
        except LeafError as error:
            yield f"its header is malformed: {error}"
            return
        for name in NAMED:
            said, kept = getattr(header, name), getattr(row, name)
            if type(said) is not type(kept) or said != kept:
                yield f"column {name} is {kept!r}, the header says {said!r}"
        if header.log != self.origin:
            yield f"its header belongs to the log {header.log!r}"
        if header.recorded_at < self.last_at:
            yield f"recorded at {header.recorded_at}, before the fact in front of it: back-dated"
        self.last_at = max(self.last_at, header.recorded_at)
        yield from self._in_stream(str(row.stream), header.stream_seq, header.prev_stream_hash, stored)
        yield from _committed(row, header.payload_commitment)

    def _in_stream(self, stream: str, number: int, previous: str | None, stored: bytes) -> Iterator[str]:
        count, last = self.streams[stream] if stream in self.streams else self._end_of(stream)
        if number != count:
            yield f"number {number} of its stream, expected {count}"
        if (previous or "") != last.hex():
            yield "does not continue the fact before it in its stream"
        self.streams[stream] = (count + 1, stored)


def alone(row: Any, origin: str) -> Iterator[str]:
    """What is wrong with one stored fact by itself: its header's own word is taken for what came before."""

    def before(stream: str) -> End:
        return row.stream_seq, bytes.fromhex(parse_header(as_bytes(row.leaf)).prev_stream_hash or "")

    yield from Chain(origin, size=row.seq, end_of=before).follow(row)


def _displaced(found: object, position: int) -> str:
    if type(found) is not int:
        return f"its number is {found!r}, expected {position}"
    if found > position:
        return f"fact {position} is missing before it"
    return f"its number is taken already, expected {position}: it was added, or stands twice"


def _committed(row: Any, commitment: str) -> Iterator[str]:
    try:
        found = payload_commitment(as_bytes(row.salt), as_bytes(row.payload))
    except LeafError as error:
        yield f"its content cannot be checked: {error}"
        return
    if found != commitment:
        yield "its content is not what the header commits to: it was changed"


def as_bytes(value: Any) -> bytes:
    """A column's bytes, whatever type somebody has given it by hand."""
    if type(value) is bytes:
        return value
    if isinstance(value, (bytes, memoryview)):
        return bytes(value)
    return str(value).encode("utf-8", "backslashreplace")
