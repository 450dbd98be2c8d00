"""Proof that Holdfast wrote a run-time row: a keyed digest that whoever has the database alone cannot make.

A row that decides something and is no fact carries in `mac` an HMAC-SHA256 (RFC 2104) over its table and
all its values. The key is derived (HKDF, RFC 5869) from the ledger's signing key, which is in a file beside
the database and never in it; it is another key than that one, so that a digest is no signature. A row whose
digest is not right is not believed: whoever reads it goes on as if it were not there. That a row was deleted,
or an older one put back in its place, no digest shows: what decides must bear that, or ask the facts.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Column, Connection, String, Table, select, update

MAC = "mac"
"""The column of the digest, in every table that has one."""


def mac_column() -> Column[str]:
    """Null in a row that an earlier release wrote: nobody believes it before an upgrade took it over."""
    return Column(MAC, String(64))


class RowKey:
    """Writes and verifies the digests of rows."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def derived(cls, key: Ed25519PrivateKey) -> RowKey:
        """The key of a workspace: every process that can open it has the same."""
        derived = HKDF(SHA256(), 32, salt=None, info=b"holdfast/rows/v1")
        return cls(derived.derive(key.private_bytes_raw()))

    @classmethod
    def of_this_process(cls) -> RowKey:
        """Where no workspace is opened: what other processes wrote is not believed."""
        return cls(secrets.token_bytes(32))

    def signed(self, table: Table, values: Mapping[str, object]) -> dict[str, Any]:
        """The whole row, with its digest: columns that are not named hold nothing."""
        row = {name: values.get(name) for name in _names(table)}
        return {**row, MAC: self._digest(table, row)}

    def wrote(self, table: Table, row: Any) -> bool:
        """Whether a row of this table, as it was read, is one that Holdfast wrote, every value of it."""
        try:
            told = row._mapping
            right = self._digest(table, {name: told[name] for name in _names(table)})
            return hmac.compare_digest(right, str(told[MAC]))
        except TypeError:  # bytes where a text has to stand
            return False

    def unproven(self, conn: Connection, tables: Iterable[Table]) -> Iterator[tuple[Table, Any]]:
        """Rows that Holdfast did not write, and their table."""
        for table in tables:
            yield from ((table, row) for row in conn.execute(select(table)) if not self.wrote(table, row))

    def take_over(self, conn: Connection, table: Table) -> None:
        """Believe what an earlier release left: it wrote no digests."""
        for row in conn.execute(select(table).where(table.c[MAC].is_(None))).all():
            names = [column.name for column in table.primary_key]
            this = [table.c[name] == row._mapping[name] for name in names]
            conn.execute(update(table).where(*this).values(self.signed(table, dict(row._mapping))))

    def _digest(self, table: Table, row: Mapping[str, object]) -> str:
        said = json.dumps([table.name, sorted(row.items())], ensure_ascii=True, separators=(",", ":"))
        return hmac.new(self._secret, b"holdfast/row/v1\x00" + said.encode(), hashlib.sha256).hexdigest()


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.name != MAC]
