"""`record.json`: what the facts of a pack add up to, by rules so plain that anybody can add them up again.

One canonical JSON object, ended by a line feed (docs/reference/pack-format.md, "The record"). The builder
writes it with this code, and the verifier derives it anew from the facts it has just checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from . import canonical
from .leaf import Header, Payload

FORMAT = "holdfast-record/2"
TOOK_IN = ("evidence.frozen", "evidence.added")
"""The facts that say which evidence there is."""
QUEUED = "message.queued"
SAYS_OF_MESSAGE = ("message", "to", "name", "role", "about", "instead_of")
ACCESSED, VERIFIED = "evidence.accessed", "evidence.verified"


class EvidenceError(ValueError):
    """A fact about evidence is not as the format describes it; the message says how."""


class Told(NamedTuple):
    """One fact: its header and what it says in full."""

    header: Header
    payload: Payload


class Item(NamedTuple):
    """One piece of evidence as the fact tells it that took it in."""

    item: str
    name: str
    sha256: str
    size: int

    @property
    def path(self) -> str:
        """Where it stands in a pack: under a name that is harmless on every system."""
        return member_path(self.item, self.name)


def member_path(item: str, name: str) -> str:
    """`evidence/EV-1-scores.parquet`: what is not an ASCII letter, digit, dot, underscore or hyphen is an
    underscore, the last 80 characters count, and no dot stands at the end."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    return f"evidence/{item}-{kept[-80:].rstrip('.') or 'file'}"


def taken_in(header: Header, payload: Payload) -> tuple[list[Item], list[Any]]:
    """The items and the gaps that a fact of `TOOK_IN` tells. Raises EvidenceError."""
    match header.type, payload.data:
        case "evidence.frozen", {"items": [*items], "missing": [*missing]}:
            return [_item(item) for item in items], missing
        case "evidence.added", {"item": item}:
            return [_item(item)], []
    raise EvidenceError("it does not say what evidence it took in")


def _item(found: object) -> Item:
    match found:
        case {"item": str(item), "name": str(name), "sha256": str(digest), "size": int(size)}:
            if not isinstance(size, bool):
                return Item(item, name, digest, size)
    raise EvidenceError("it does not say what evidence it took in")


def pieces(incident: str, log: str, facts: Iterable[Told]) -> Iterator[bytes]:
    """The record's bytes, of these facts in the ledger's order. Raises EvidenceError."""
    items: dict[str, dict[str, Any]] = {}
    missing: list[dict[str, Any]] = []
    moments: dict[str, dict[str, Any]] = {}
    messages = Messages()
    yield b'{"facts":['
    for number, told in enumerate(facts):
        yield (b"," if number else b"") + canonical.dumps(_fact(told))
        _count(moments, told)
        _hold(items, missing, told)
        messages.tell(told)
    ended = {
        "format": FORMAT,
        "incident": incident,
        "items": list(items.values()),
        "log": log,
        "messages": messages.told,
        "missing": missing,
        "moments": moments,
    }
    yield b"]," + canonical.dumps(ended)[1:] + b"\n"


def _fact(told: Told) -> Mapping[str, Any]:
    header, payload = told
    return {
        "at": header.recorded_at,
        "by": payload.by,
        "data": payload.data,
        "entry": header.seq,
        "stream": header.stream,
        "type": header.type,
        "v": payload.version,
    }


def _count(moments: dict[str, dict[str, Any]], told: Told) -> None:
    """How often each kind of thing happened, first and last."""
    at = told.header.recorded_at
    known = moments.setdefault(told.header.type, {"count": 0, "first": at, "last": at})
    known["count"] += 1
    known["last"] = at


class Messages:
    """Who was written to, who was reached, who was not and why."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self._numbered: dict[str, list[dict[str, Any]]] = {}

    def tell(self, told: Told) -> None:
        data = told.payload.data
        said = {key: _text(data.get(key)) for key in SAYS_OF_MESSAGE}
        if told.header.type == QUEUED:
            one = {**said, "entry": told.header.seq, "standing": "queued", "why": ""}
            self.told.append(one)
            self._numbered.setdefault(said["message"], []).append(one)
        elif (became := _became(told)) is not None:
            for one in self._numbered.get(said["message"], ()):
                one |= became


def _became(told: Told) -> dict[str, str] | None:
    """What has become of a message by this fact; None when it does not say."""
    data = told.payload.data
    match told.header.type:
        case "message.sent":
            return {"standing": "sent", "why": ""}
        case "message.retried":
            return {"standing": "queued", "why": ""}
        case "message.failed" if data.get("refused") is True or data.get("retry_at") is None:
            return {"standing": "not reached", "why": _text(data.get("reason"))}
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _hold(items: dict[str, dict[str, Any]], missing: list[dict[str, Any]], told: Told) -> None:
    """The evidence, who touched it, and what could not be preserved; people and times are in the facts."""
    header, payload = told
    if header.type in TOOK_IN:
        taken, gaps = taken_in(header, payload)
        for item in taken:
            items[item.item] = {**item._asdict(), "path": item.path, "entry": header.seq, "custody": []}
        missing.extend({"entry": header.seq, "what": gap} for gap in gaps)
    elif header.type == ACCESSED:
        touched = payload.data.get("item")
        if isinstance(touched, str) and touched in items:
            items[touched]["custody"].append(header.seq)
