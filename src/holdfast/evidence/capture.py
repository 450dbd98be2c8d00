"""Capture: freeze before anything is changed, and say what could not be frozen.

Sources belong to the packages that know them (the prediction log to detect, the playbook to prepare);
here they are only asked. A source that fails becomes a stated gap: it never keeps an incident from
opening.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from holdfast.evidence.events import EvidenceFrozen, Gap, Item, Kind
from holdfast.evidence.retention import retain_until
from holdfast.evidence.vault import Vault


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


class Source(Protocol):
    """One place evidence comes from. `workdir` is a scratch folder for files it has to make."""

    kind: Kind
    title: str

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]: ...


def freeze(
    scene: Scene, sources: Sequence[Source], vault: Vault, years: Mapping[Kind, int], first: int = 1
) -> EvidenceFrozen:
    """Take in what every source gives; items are numbered from `first`."""
    items: list[Item] = []
    gaps: list[Gap] = []
    for source in sources:
        with tempfile.TemporaryDirectory(prefix="holdfast-capture-") as workdir:
            try:
                for found in source.collect(scene, Path(workdir)):
                    if isinstance(found, Gap):
                        gaps.append(found)
                    else:
                        number = first + len(items)
                        items.append(take(found, f"EV-{number}", scene.at, vault, years))
            except Exception as error:  # whatever a source meets, the incident opens and the gap is stated
                gaps.append(Gap(source.kind, source.title, str(error) or type(error).__name__))
    return EvidenceFrozen(incident=scene.incident, items=tuple(items), missing=tuple(gaps))


def take(found: Found, item: str, at: datetime, vault: Vault, years: Mapping[Kind, int]) -> Item:
    """Put one thing into the vault and describe it. Raises VaultProblem."""
    content = found.content
    stored = vault.take_file(content) if isinstance(content, Path) else vault.take_bytes(content)
    return Item(
        item=item,
        kind=found.kind,
        title=found.title,
        name=found.name,
        sha256=stored.sha256,
        size=stored.size,
        media_type=found.media_type,
        source=found.source,
        retain_until=retain_until(found.kind, at, years),
    )
