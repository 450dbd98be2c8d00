"""Capture: freeze before anything is changed, and say what could not be frozen.

Sources belong to the packages that know them (the prediction log to detect, the playbook to prepare);
here they are only asked. A source that fails becomes a stated gap: it never keeps an incident from
opening.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from holdfast.evidence.events import EvidenceFrozen, Gap, Item, Kind
from holdfast.evidence.retention import retain_until
from holdfast.evidence.vault import Vault, VaultProblem
from holdfast.problems import NotAllowed
from holdfast.wording import visible


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known when the incident opens: where a source has to look."""

    incident: str
    at: datetime
    playbook: str
    """Content hash."""
    system: str = ""
    monitor: str = ""
    window_start: datetime | None = None
    window_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Something a source can preserve: a file, or bytes it made."""

    kind: Kind
    title: str
    name: str
    content: Path | bytes
    source: str
    media_type: str = "application/octet-stream"


LARGEST_SENT = 64_000_000
"""Bytes of one file that may be sent over a network; larger ones are added on the server."""
LONGEST_TITLE, LONGEST_NAME, LONGEST_SOURCE = 200, 200, 500


def require_described(found: Found) -> None:
    """What somebody adds has a title, and no word of it is cut in silence. Raises NotAllowed."""
    if not found.title.strip():
        raise NotAllowed("say what it is: the name of a file rarely does")
    for called, text, longest in (
        ("title", found.title, LONGEST_TITLE),
        ("name of the file", found.name, LONGEST_NAME),
        ("source", found.source, LONGEST_SOURCE),
    ):
        if len(text) > longest:
            raise NotAllowed(f"the {called} has {len(text):,} characters; keep it within {longest}")


class Source(Protocol):
    """One place evidence comes from. `workdir` is a scratch folder for files it has to make."""

    kind: Kind
    title: str

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]: ...


def freeze(
    scene: Scene,
    sources: Sequence[Source],
    vault: Vault,
    years: Mapping[Kind, int],
    held: Sequence[Item] = (),
    by_hand: Iterable[Gap] = (),
) -> EvidenceFrozen:
    """Take in what every source gives, numbered after what is `held`; the same bytes of it not twice.

    `by_hand` is what the playbook wants kept and no source can take: missing until somebody adds it.
    """
    items: list[Item] = []
    gaps: list[Gap] = []
    for source in sources:
        for found in _collected(source, scene, vault):
            number = f"EV-{len(held) + len(items) + 1}"
            kept = found if isinstance(found, Gap) else _taken(found, number, scene.at, vault, years)
            if isinstance(kept, Gap):
                gaps.append(_shown(kept))
            elif not any((one.sha256, one.title) == (kept.sha256, kept.title) for one in held):
                items.append(kept)
    return EvidenceFrozen(incident=scene.incident, items=tuple(items), missing=(*gaps, *by_hand))


def _collected(source: Source, scene: Scene, vault: Vault) -> Iterator[Found | Gap]:
    """What a source finds, its files still there. Whatever it meets, the incident opens: a gap is stated."""
    try:
        with vault.workplace() as workdir:
            yield from source.collect(scene, workdir)
    except Exception as error:
        yield Gap(source.kind, source.title, str(error) or type(error).__name__)


def _taken(found: Found, item: str, at: datetime, vault: Vault, years: Mapping[Kind, int]) -> Item | Gap:
    """One thing of many: where it cannot be taken, the rest is."""
    try:
        return take(found, item, at, vault, years)
    except (VaultProblem, OSError) as problem:
        return Gap(found.kind, found.title, str(problem))


def take(found: Found, item: str, at: datetime, vault: Vault, years: Mapping[Kind, int]) -> Item:
    """Put one thing into the vault and describe it. Raises VaultProblem."""
    content, until = found.content, retain_until(found.kind, at, years)
    if isinstance(content, Path):
        stored = vault.take_file(content, until)
    else:
        stored = vault.take_bytes(content, until)
    return Item(
        item=item,
        kind=found.kind,
        title=visible(found.title),
        name=visible(found.name),
        sha256=stored.sha256,
        size=stored.size,
        media_type=found.media_type,
        source=visible(found.source),
        retain_until=until,
    )


def _shown(gap: Gap) -> Gap:
    """Names of files may be no text at all; the record is."""
    return Gap(gap.kind, visible(gap.title), visible(gap.reason))
