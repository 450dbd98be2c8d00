"""Run-time tables of access. No projections: what they hold of secrets never enters the ledger. What lets
somebody in is believed with the digest that Holdfast gave it, and where a fact tells of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from holdfast.ledger.row_key import mac_column
from holdfast.ledger.tables import metadata

credentials = Table(
    "account_credentials",
    metadata,
    Column("person", String(200), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("changed_at", String(27), nullable=False),
    mac_column(),
)

sessions = Table(
    "account_sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    # Public handle, the one that facts carry.
    Column("session", String(32), nullable=False, unique=True),
    Column("person", String(200), nullable=False),
    Column("started_at", String(27), nullable=False),
    Column("seen_at", String(27), nullable=False),
    Column("origin", Text, nullable=False),
    mac_column(),
    Index("account_sessions_by_person", "person"),
)

tokens = Table(
    "account_tokens",
    metadata,
    Column("token", String(32), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("person", String(200), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", String(27), nullable=False),
    Column("expires_at", String(27), nullable=False),
    Column("used_at", String(27)),
    mac_column(),
)

# Sign-in attempts that failed, or are being checked this moment.
attempts = Table(
    "account_attempts",
    metadata,
    Column("attempt", String(32), primary_key=True),
    Column("person", String(200), nullable=False),
    Column("origin", String(200), nullable=False),
    Column("at", String(27), nullable=False),
    # Whether the ledger was already told that this person or origin is being held off.
    Column("told", BigInteger, nullable=False),
    Index("account_attempts_by_time", "at"),
)
