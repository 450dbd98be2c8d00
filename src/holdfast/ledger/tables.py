"""The tables of the ledger itself. Projections of other packages add theirs to the same metadata."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, String, Table, Text, UniqueConstraint

from holdfast.ledger.row_key import MAC, mac_column

metadata = MetaData()

SCHEMA = 2
"""The schema of this program, counted up by each release that changes a table or what a projection makes of
the facts. 0.1.0 is 1, and its workspaces do not say so."""


def keyed() -> list[Table]:
    """Every table whose rows carry a digest of Holdfast's."""
    return [table for table in metadata.sorted_tables if MAC in table.columns]


# Run-time only, one row: which schema this workspace has. Written last by an upgrade; without it, it is 1.
workspace_schema = Table(
    "workspace_schema",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)

facts = Table(
    "facts",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", String(200), nullable=False),
    Column("stream_seq", BigInteger, nullable=False),
    Column("type", String(100), nullable=False),
    Column("recorded_at", String(27), nullable=False),
    # The header's exact bytes: what the tree hashes. Never re-serialised to verify.
    Column("leaf", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    UniqueConstraint("stream", "stream_seq"),
)

streams = Table(
    "streams",
    metadata,
    Column("stream", String(200), primary_key=True),
    # Number of facts; the optimistic concurrency check compares it.
    Column("version", BigInteger, nullable=False),
    Column("last_hash", LargeBinary, nullable=False),
)

# One row. Locking it is what puts all commands in one order.
head = Table(
    "ledger_head",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    # When the newest fact was recorded: time never runs backwards in the ledger.
    Column("last_at", String(27), nullable=False),
)

# Hash tiles of C2SP tlog-tiles, height 8: up to 256 hashes a row, the right edge partial.
tiles = Table(
    "tiles",
    metadata,
    Column("level", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    Column("sealed_at", String(27), nullable=False),
)

timers = Table(
    "timers",
    metadata,
    Column("timer", String(200), primary_key=True),
    # The fact that armed it: a timer fires once per generation.
    Column("generation", BigInteger, nullable=False),
    Column("kind", String(100), nullable=False),
    Column("due", String(27), nullable=False),
    Column("data", Text, nullable=False),
    Index("timers_due", "due"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("message", String(100), primary_key=True),
    Column("incident", String(40)),
    # The first message that this one is sent in place of, over however many steps, or it itself
    Column("began", String(100), nullable=False),
    Column("channel", String(40), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    # queued, sent, dead (given up: a person retries it or sees to it), or seen_to
    Column("state", String(10), nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("next_at", String(27), nullable=False),
    Column("reason", Text, nullable=False),
    Column("queued_seq", BigInteger, nullable=False),
    Index("outbox_next", "state", "next_at"),
)

# Run-time only, not a projection: who is sending what at the moment.
outbox_leases = Table(
    "outbox_leases",
    metadata,
    Column("message", String(100), primary_key=True),
    Column("until", String(27), nullable=False),
)

# Run-time only, not a projection: how far each reaction has read.
reaction_cursors = Table(
    "reaction_cursors",
    metadata,
    Column("reaction", String(100), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    # The leaf hash of the fact of that number, in hexadecimal: a position stands on a fact, not on a number.
    Column("leaf_hash", String(64)),
    mac_column(),
)
