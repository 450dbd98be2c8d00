"""The vault as `ledger check` sees it: every file that a fact names is there and is what was recorded."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from holdfast.evidence.events import EvidenceAdded, EvidenceFrozen, Item
from holdfast.evidence.vault import Vault
from holdfast.ledger.facts import Recorded


class Preserved:
    """Compares the vault with the facts, every byte of it."""

    name = "the vault, byte by byte"

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._items: dict[tuple[str, int], tuple[str, Item]] = {}

    def see(self, recorded: Recorded) -> None:
        fact = recorded.fact
        if isinstance(fact, (EvidenceFrozen, EvidenceAdded)):
            for item in fact.items if isinstance(fact, EvidenceFrozen) else (fact.item,):
                self._items.setdefault((item.sha256, item.size), (fact.incident, item))

    def problems(self, conn: Connection) -> Iterator[str]:
        folder = self.vault.folder
        found = list(self.vault.findings())
        yield from found
        if not self._items:
            return
        if not folder.is_dir() or folder.is_symlink():
            if not found:
                yield (
                    f"the vault {folder} is missing, and facts name {len(self._items)} files in it; "
                    "restore it from a backup"
                )
            return
        for (sha256, size), (incident, item) in self._items.items():
            problem = self.vault.verify(sha256, size)
            if problem:
                yield f"evidence {item.item} of {incident}: {problem}"
