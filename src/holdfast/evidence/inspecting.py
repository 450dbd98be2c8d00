"""The vault as `ledger check` sees it: every file that a fact names is there and is what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from holdfast.evidence.events import EvidenceAdded, EvidenceFrozen, Item
from holdfast.evidence.vault import Vault
from holdfast.ledger.facts import Recorded


class Preserved:
    """Compares the vault with the facts: every byte of it, and until when it keeps them."""

    name = "the vault, byte by byte"

    def __init__(self, vault: Vault, dates: bool = True) -> None:
        """`dates`: whether the vault was told until when it keeps what it holds."""
        self.vault = vault
        self._dates = dates
        self._items: dict[tuple[str, int], tuple[str, Item]] = {}
        self._until: dict[str, datetime] = {}

    def see(self, recorded: Recorded) -> None:
        fact = recorded.fact
        if isinstance(fact, (EvidenceFrozen, EvidenceAdded)):
            for item in fact.items if isinstance(fact, EvidenceFrozen) else (fact.item,):
                self._items.setdefault((item.sha256, item.size), (fact.incident, item))
                known = self._until.setdefault(item.sha256, item.retain_until)
                self._until[item.sha256] = max(known, item.retain_until)

    def problems(self, conn: Connection) -> Iterator[str]:
        yield from self.vault.findings()
        if self.vault.missing():
            return
        for (sha256, size), (incident, item) in self._items.items():
            problem = self.vault.verify(sha256, size) or self._let_go_early(sha256)
            if problem:
                yield f"evidence {item.item} of {incident}: {problem}"

    def _let_go_early(self, sha256: str) -> str:
        promised, kept = self._until[sha256], self.vault.kept_until(sha256)
        if not self._dates or (kept is not None and kept >= promised):
            return ""
        stated = f"only until {kept:%d %b %Y}" if kept else "until no date that it knows"
        return f"the vault keeps {sha256} {stated}, and the record promises {promised:%d %b %Y}"
