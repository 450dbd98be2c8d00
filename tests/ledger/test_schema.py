"""Attacks on the schema: what makes the database act by itself is found, refused, and signed over by
nobody (R-EVD-04)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from sqlalchemy import text

from holdfast.ledger import schema
from holdfast.ledger.check import check
from holdfast.ledger.ledger import Draft, Ledger, NotAsWritten
from holdfast.ledger.sealing import Anchor, RefusedToSeal, Sealer
from holdfast.people import Actor
from holdfast_verify.note import Signer
from support.kettles import KettleFilled

ANA = Actor("ana@example.com", "Ana Reyes")


def run(ledger: Ledger, statements: Sequence[str]) -> None:
    with ledger.database.writing() as conn:
        for statement in statements:
            conn.exec_driver_sql(statement)


def fill(ledger: Ledger, now: datetime, kettle: str = "blue") -> None:
    version = ledger.stream("kettle/all").version
    ledger.append(Draft("kettle/all", version, [KettleFilled(kettle=kettle, litres=1.0)]), by=ANA, at=now)


def function(body: str, name: str = "meddle") -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


SQLITE = {
    "a trigger before facts are inserted": [
        "CREATE TRIGGER meddle BEFORE INSERT ON facts BEGIN SELECT 1; END",
    ],
    "a trigger after facts are inserted": [
        "CREATE TRIGGER meddle AFTER INSERT ON facts BEGIN SELECT 1; END",
    ],
    "a trigger when facts are updated": ["CREATE TRIGGER meddle AFTER UPDATE ON facts BEGIN SELECT 1; END"],
    "a trigger when facts are deleted": ["CREATE TRIGGER meddle BEFORE DELETE ON facts BEGIN SELECT 1; END"],
    "a trigger on the head": ["CREATE TRIGGER meddle AFTER UPDATE ON ledger_head BEGIN SELECT 1; END"],
    "a trigger on a projection": ["CREATE TRIGGER meddle AFTER INSERT ON test_kettles BEGIN SELECT 1; END"],
    "a trigger on the outbox": ["CREATE TRIGGER meddle AFTER INSERT ON outbox BEGIN SELECT 1; END"],
    "a trigger on checkpoints": ["CREATE TRIGGER meddle AFTER INSERT ON checkpoints BEGIN SELECT 1; END"],
    "a further view": ["CREATE VIEW meddle AS SELECT * FROM facts"],
    "a view in the place of a table": [
        "ALTER TABLE test_kettles RENAME TO hidden",
        "CREATE VIEW test_kettles AS SELECT * FROM hidden",
    ],
}
POSTGRES = {
    name: [
        function("RETURN NEW;"),
        f"CREATE TRIGGER meddle {when} ON {table} FOR EACH ROW EXECUTE FUNCTION meddle()",
    ]
    for name, when, table in (
        ("a trigger before facts are inserted", "BEFORE INSERT", "facts"),
        ("a trigger after facts are inserted", "AFTER INSERT", "facts"),
        ("a trigger when facts are updated", "AFTER UPDATE", "facts"),
        ("a trigger when facts are deleted", "BEFORE DELETE", "facts"),
        ("a trigger on the head", "AFTER UPDATE", "ledger_head"),
        ("a trigger on a projection", "AFTER INSERT", "test_kettles"),
        ("a trigger on the outbox", "BEFORE INSERT", "outbox"),
        ("a trigger on checkpoints", "AFTER INSERT", "checkpoints"),
    )
} | {
    "a view in the place of a table": SQLITE["a view in the place of a table"],
    "a rule": ["CREATE RULE meddle AS ON DELETE TO facts DO INSTEAD NOTHING"],
    "a table that adds its rows to the facts": ["CREATE TABLE meddle () INHERITS (facts)"],
    "row level security": ["ALTER TABLE facts ENABLE ROW LEVEL SECURITY"],
    "a policy": ["CREATE POLICY meddle ON facts USING (seq < 1)"],
    "a deferred trigger": [
        function("RETURN NULL;"),
        "CREATE CONSTRAINT TRIGGER meddle AFTER INSERT ON facts DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION meddle()",
    ],
    "an unlogged table": ["ALTER TABLE facts SET UNLOGGED"],
}
"""What acts by itself."""

QUIET_SQLITE = {
    "a further table": ["CREATE TABLE meddle (a)"],
    "a further index": ["CREATE INDEX meddle ON facts (type)"],
    "a dropped index": ["DROP INDEX timers_due"],
    "a missing table": ["DROP TABLE outbox_leases"],
    "a further column": ["ALTER TABLE facts ADD COLUMN meddle TEXT"],
    "a default": [
        "DROP TABLE outbox_leases",
        "CREATE TABLE outbox_leases (message VARCHAR(100) NOT NULL, "
        "until VARCHAR(27) DEFAULT '2999' NOT NULL, PRIMARY KEY (message))",
    ],
    "a table without its key": [
        "CREATE TABLE other AS SELECT * FROM streams",
        "DROP TABLE streams",
        "ALTER TABLE other RENAME TO streams",
    ],
}
QUIET_POSTGRES = {
    "a further table": ["CREATE TABLE meddle (a text)"],
    "a further view": ["CREATE VIEW meddle AS SELECT * FROM facts"],
    "a further sequence": ["CREATE SEQUENCE meddle"],
    "a further index": ["CREATE INDEX meddle ON facts (type)"],
    "a function": [function("RETURN NEW;")],
    "an operator": [
        "CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
    ],
    "a dropped index": ["DROP INDEX timers_due"],
    "a dropped unique key": ["ALTER TABLE facts DROP CONSTRAINT facts_stream_stream_seq_key"],
    "a table without its key": ["ALTER TABLE streams DROP CONSTRAINT streams_pkey"],
    "a column that need not be filled": ["ALTER TABLE facts ALTER COLUMN payload DROP NOT NULL"],
    "a further column": ["ALTER TABLE facts ADD COLUMN meddle TEXT"],
    "a default": ["ALTER TABLE outbox ALTER COLUMN state SET DEFAULT 'sent'"],
    "a computed column": ["ALTER TABLE facts ADD COLUMN meddle bigint GENERATED ALWAYS AS (seq) STORED"],
    "a column of another type": ["ALTER TABLE timers ALTER COLUMN due TYPE text"],
    "a check": ["ALTER TABLE facts ADD CONSTRAINT meddle CHECK (seq >= 0)"],
    "a missing table": ["DROP TABLE outbox_leases"],
}


def of(
    ledger: Ledger, sqlite: dict[str, list[str]], postgres: dict[str, list[str]], attack: str
) -> list[str]:
    found = (sqlite if ledger.database.is_sqlite else postgres).get(attack)
    if found is None:
        pytest.skip("this kind of database has no such thing")
    return found


def test_a_new_database_is_as_declared(ledger: Ledger) -> None:
    with ledger.reading() as conn:
        assert list(schema.differences(conn)) == []


@pytest.mark.parametrize("attack", sorted(SQLITE.keys() | POSTGRES.keys()))
def test_what_acts_by_itself_is_found_and_nothing_is_signed_over_it(
    ledger: Ledger, sealer: Sealer, anchor: Anchor, now: datetime, attack: str
) -> None:
    """R-EVD-04/schema."""
    fill(ledger, now)
    sealer.seal(now)
    fill(ledger, now)
    run(ledger, of(ledger, SQLITE, POSTGRES, attack))
    with pytest.raises(RefusedToSeal):
        sealer.seal(now)
    report = check(ledger, Signer(ledger.origin, sealer.key).verifier_key, anchor)
    assert report.verdict == "does not hold"


@pytest.mark.parametrize("attack", sorted(QUIET_SQLITE.keys() | QUIET_POSTGRES.keys()))
def test_whatever_else_is_not_as_declared_is_found(ledger: Ledger, attack: str) -> None:
    run(ledger, of(ledger, QUIET_SQLITE, QUIET_POSTGRES, attack))
    with ledger.reading() as conn:
        assert list(schema.differences(conn))


def test_a_name_that_leads_elsewhere_is_found(ledger: Ledger) -> None:
    """A temporary table stands before the real one, for the connection that made it."""
    with ledger.reading() as conn:
        if ledger.database.is_sqlite:
            conn.execute(text("CREATE TEMP VIEW facts AS SELECT * FROM main.facts WHERE seq < 1"))
        else:
            conn.execute(text("CREATE TEMP TABLE facts (LIKE facts)"))
        assert any("facts" in each for each in schema.active(conn))


REWRITING_SQLITE = {
    "facts": "CREATE TRIGGER meddle AFTER INSERT ON facts BEGIN UPDATE facts SET payload = "
    "CAST(replace(CAST(payload AS TEXT), 'blue', 'grey') AS BLOB) WHERE seq = NEW.seq; END",
    "a projection": "CREATE TRIGGER meddle AFTER INSERT ON test_kettles BEGIN "
    "UPDATE facts SET recorded_at = '2020-01-01T00:00:00.000000Z'; END",
    "a further fact": "CREATE TRIGGER meddle AFTER INSERT ON facts WHEN NEW.seq = 0 BEGIN INSERT INTO facts "
    "SELECT 1, 'kettle/other', 0, type, recorded_at, leaf, leaf_hash, salt, payload FROM facts; END",
    "the head": "CREATE TRIGGER meddle AFTER UPDATE ON ledger_head WHEN NEW.size = 1 BEGIN "
    "UPDATE ledger_head SET size = 7; END",
    "a second head": "CREATE TRIGGER meddle AFTER INSERT ON facts BEGIN INSERT INTO ledger_head "
    "VALUES (1, 'holdfast.example/test', 0, ''); END",
    "streams": "CREATE TRIGGER meddle AFTER INSERT ON streams BEGIN UPDATE streams SET version = 3; END",
}
REWRITING_POSTGRES = {
    "facts": (
        "facts",
        "BEFORE INSERT",
        "NEW.payload := convert_to(replace(convert_from(NEW.payload, 'UTF8'), 'blue', 'grey'), 'UTF8'); "
        "RETURN NEW;",
    ),
    "a projection": (
        "test_kettles",
        "AFTER INSERT",
        "UPDATE facts SET recorded_at = '2020-01-01T00:00:00.000000Z'; RETURN NULL;",
    ),
    "a further fact": (
        "facts",
        "AFTER INSERT",
        "IF NEW.seq = 0 THEN INSERT INTO facts SELECT 1, 'kettle/other', 0, type, recorded_at, leaf, "
        "leaf_hash, salt, payload FROM facts; END IF; RETURN NULL;",
    ),
    "the head": ("ledger_head", "BEFORE UPDATE", "NEW.size := 7; RETURN NEW;"),
    "a second head": (
        "facts",
        "AFTER INSERT",
        "INSERT INTO ledger_head VALUES (1, 'holdfast.example/test', 0, ''); RETURN NULL;",
    ),
    "streams": ("streams", "BEFORE INSERT", "NEW.version := 3; RETURN NEW;"),
    "facts, at the very end": (
        "facts",
        "deferred",
        "UPDATE facts SET payload = convert_to('{}', 'UTF8') WHERE seq = NEW.seq; RETURN NULL;",
    ),
}


@pytest.mark.parametrize("attack", sorted(REWRITING_SQLITE.keys() | REWRITING_POSTGRES.keys()))
def test_a_trigger_that_rewrites_what_is_recorded_lets_nothing_be_recorded(
    ledger: Ledger, now: datetime, attack: str
) -> None:
    if ledger.database.is_sqlite:
        if attack not in REWRITING_SQLITE:
            pytest.skip("SQLite has no deferred triggers")
        run(ledger, [REWRITING_SQLITE[attack]])
    else:
        table, when, body = REWRITING_POSTGRES[attack]
        made = (
            f"CREATE CONSTRAINT TRIGGER meddle AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED"
            if when == "deferred"
            else f"CREATE TRIGGER meddle {when} ON {table}"
        )
        run(ledger, [function(body), f"{made} FOR EACH ROW EXECUTE FUNCTION meddle()"])
    with pytest.raises(NotAsWritten, match="Nothing was recorded"):
        fill(ledger, now)
    assert list(ledger.facts()) == []
