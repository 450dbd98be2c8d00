"""Two verifiers, one of them written from the format's page alone, agree on every attack (R-EVD-11/attacks).

The attacks are made across every field and member of the container and every key of every line in it, not
picked: what is added to the format is attacked here by itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from holdfast_verify import canonical, layout
from holdfast_verify.pack import Report
from holdfast_verify.policy import Policy
from support import zips
from support.zips import Part

AT_LEAST = 121
"""Attacks on which the first independent verifier was compared."""
LOCAL = ("needed", "flags", "method", "time", "date", "crc", "packed", "size")
CENTRAL = ("made", *LOCAL, "disk", "internal", "external", "offset")
END = ("count", "total", "length", "begin")
Attack = tuple[str, bytes]


def attacks(members: dict[str, bytes]) -> Iterator[Attack]:
    yield from on_the_container(members)
    yield from on_members(members)
    for name in (layout.FACTS, layout.HEADERS, layout.CHECKPOINTS):
        yield from on_lines(members, name)
    for name in (layout.MANIFEST, "record.json"):
        yield from on_document(members, name)
    yield from on_the_checkpoint(members)


def on_the_container(members: dict[str, bytes]) -> Iterator[Attack]:
    """Every field of every description, and every place where bytes could hide."""

    def first(**forgery: Any) -> bytes:
        name, *others = layout.in_order(members)
        parts = [Part(name, members[name], **forgery), *(Part(one, members[one]) for one in others)]
        return zips.forged(parts)

    ordered = [Part(name, members[name]) for name in layout.in_order(members)]
    for field in LOCAL:
        yield f"local header: {field}", first(local={field: 7})
    for field in CENTRAL:
        yield f"central header: {field}", first(central={field: 7})
    for field in LOCAL:
        yield f"both headers: {field}", first(local={field: 7}, central={field: 7})
    for field in END:
        yield f"end record: {field}", zips.forged(ordered, end={field: 7})
    for place in ("local_extra", "central_extra", "comment", "behind"):
        yield f"bytes in {place}", first(**{place: b"\x01\x00\x02\x00ab"})
    for place in ("local_name", "central_name"):
        yield f"another name in {place}", first(**{place: b"check-point.txt"})
    whole = zips.canonical(members)
    yield "bytes before", zips.forged(ordered, before=b"MZ")
    yield "bytes behind", whole + b"\n"
    yield "a comment", zips.forged(ordered, comment=b"all was well")
    yield "a member that is not listed", zips.forged([*ordered, Part("x.txt", b"x", listed=False)])
    yield "a member twice", zips.forged([*ordered, ordered[-1]])
    yield "another order", zips.forged([ordered[1], ordered[0], *ordered[2:]])
    yield "the end cut off", whole[:-1]
    yield "nothing", b""
    yield "the same twice", whole + whole
    for name in ("../x", "/x", "evidence\\x", "evidence/", "CHECKPOINT.TXT", "x\x00y", "a/b/c"):
        yield f"a member named {name!r}", zips.canonical({**members, name: b"x"})


def on_members(members: dict[str, bytes]) -> Iterator[Attack]:
    for name, content in members.items():
        for how, changed in changes(content):
            yield f"{name}: {how}", zips.canonical({**members, name: changed})
        rest = {one: known for one, known in members.items() if one != name}
        yield f"{name}: left out", zips.canonical(rest)
    evidence = [name for name in members if name.startswith("evidence/")]
    one, other = evidence[:2]
    yield "evidence swapped", zips.canonical({**members, one: members[other], other: members[one]})
    yield "evidence added", zips.canonical({**members, "evidence/EV-9-alibi.txt": b"elsewhere"})


def changes(content: bytes) -> Iterator[tuple[str, bytes]]:
    for where, at in (("first", 0), ("middle", len(content) // 2), ("last", len(content) - 1)):
        yield f"the {where} byte", content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    yield "cut", content[:-1]
    yield "more", content + b"\n"
    yield "emptied", b""


def on_lines(members: dict[str, bytes], name: str) -> Iterator[Attack]:
    """Every key of a line left out, made null, and one added; lines lost, doubled and in another order."""
    lines = members[name].splitlines(keepends=True)

    def pack(*changed: bytes) -> bytes:
        return zips.canonical({**members, name: b"".join(changed)})

    first, *others = lines
    for path, document in documents(json.loads(first)):
        yield f"{name}, line 1: {path}", pack(canonical.dumps(document) + b"\n", *others)
    yield f"{name}: the first line lost", pack(*others)
    yield f"{name}: the last line lost", pack(*lines[:-1])
    yield f"{name}: a line twice", pack(first, *lines)
    yield f"{name}: another order", pack(*others, first)
    yield f"{name}: another spelling", pack(first.replace(b",", b", ", 1), *others)
    yield f"{name}: another line end", pack(first.replace(b"\n", b"\r\n"), *others)


def on_document(members: dict[str, bytes], name: str) -> Iterator[Attack]:
    for path, document in documents(json.loads(members[name])):
        end = b"\n" if members[name].endswith(b"\n") else b""
        yield f"{name}: {path}", zips.canonical({**members, name: canonical.dumps(document) + end})


def documents(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The document changed in one place, for every key on the way down into its objects and first items."""
    if isinstance(document, dict):
        yield f"{path or 'it'} with another key", {**document, "zzz": 1}
        for key, value in document.items():
            yield f"{path}.{key} left out", {one: known for one, known in document.items() if one != key}
            if value is not None:
                yield f"{path}.{key} null", {**document, key: None}
            for deeper, changed in documents(value, f"{path}.{key}"):
                yield deeper, {**document, key: changed}
    elif isinstance(document, list) and document:
        yield f"{path} without its first", document[1:]
        for deeper, changed in documents(document[0], f"{path}[0]"):
            yield deeper, [changed, *document[1:]]


def on_the_checkpoint(members: dict[str, bytes]) -> Iterator[Attack]:
    content = members[layout.CHECKPOINT]
    lines = content.splitlines(keepends=True)
    for at, line in enumerate(lines):
        rest = [*lines[:at], *lines[at + 1 :]]
        yield (
            f"checkpoint: line {at + 1} lost",
            zips.canonical({**members, layout.CHECKPOINT: b"".join(rest)}),
        )
        twice = [*lines[:at], line, *lines[at:]]
        yield (
            f"checkpoint: line {at + 1} twice",
            zips.canonical({**members, layout.CHECKPOINT: b"".join(twice)}),
        )
    for number, earlier in enumerate(members[layout.CHECKPOINTS].splitlines(), 1):
        old = json.loads(earlier)["note"].encode()
        yield f"checkpoint: that of line {number}", zips.canonical({**members, layout.CHECKPOINT: old})


def test_both_verifiers_agree_on_all_of_more_than_121_attacks(
    story: Any, agree: Callable[[bytes, Policy], Report], record_property: Callable[[str, object], None]
) -> None:
    """R-EVD-04, R-EVD-11/attacks: each is another file, each is refused by both, and at the same step."""
    members, policy = story.members(), story.policy()
    assert agree(zips.canonical(members), policy).verified
    tried = {pack: name for name, pack in attacks(members)}
    assert len(tried) >= AT_LEAST
    reports = {name: agree(pack, policy) for pack, name in tried.items()}
    assert [name for name, report in reports.items() if report.verified] == []
    steps = Counter(report.failure.number for report in reports.values() if report.failure)
    # They reach behind the container: facts, headers, earlier checkpoints, files, record, manifest.
    assert set(steps) >= {1, 2, 3, 4, 6, 7, 10}, steps
    record_property("attacks", len(tried))
    print(f"{len(tried)} attacks, refused by both; at step: {dict(sorted(steps.items()))}")
