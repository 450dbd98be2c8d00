"""The schema as it is, compared with the schema as it is declared.

Whoever has the database can let it do things by itself: a trigger that rewrites a fact while it is stored,
a view in a table's place, a rule, a missing key that lets a row stand twice. `active` finds what acts by
itself, quickly, before every signature; `differences` finds everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from sqlalchemy import Connection, Table, UniqueConstraint, create_engine, text
from sqlalchemy.dialects import postgresql

from holdfast.ledger.tables import metadata


def active(conn: Connection) -> Iterator[str]:
    """What acts by itself when Holdfast reads or writes, a sentence each."""
    yield from _sqlite_active(conn) if _is_sqlite(conn) else _postgres_active(conn)


def differences(conn: Connection) -> Iterator[str]:
    """Everything in which the schema is not the declared one, a sentence each."""
    yield from active(conn)
    yield from _sqlite_differences(conn) if _is_sqlite(conn) else _postgres_differences(conn)


def as_declared(conn: Connection, table: Table) -> bool:
    """Whether a table that is there, with its keys and indexes, is the declared one."""
    if _is_sqlite(conn):
        found, should = _sqlite_objects(conn, table.name), _sqlite_declared((table.name,))
        return found == should
    pairs = (
        (_columns(conn), _declared(table), "."),
        (_keys(conn), _declared_keys(table), ":"),
        (_indexes(conn), _declared_indexes(table), ":"),
    )
    return all(
        {one for one in found if one.startswith(f"{table.name}{behind}")} == set(should)
        for found, should, behind in pairs
    )


def _is_sqlite(conn: Connection) -> bool:
    return conn.dialect.name == "sqlite"


# SQLite -------------------------------------------------------------------------------------------

_SCHEMA = (
    "SELECT type, name, tbl_name, sql FROM sqlite_schema UNION ALL "
    "SELECT type, name, tbl_name, sql FROM sqlite_temp_schema ORDER BY 1, 2"
)
_OWN = ("sqlite_stat", "sqlite_sequence")
"""What SQLite keeps for itself; nobody else can make a table of such a name."""


def _sqlite_active(conn: Connection) -> Iterator[str]:
    for kind, name, on, _ in conn.execute(text(_SCHEMA)):
        if kind == "trigger":
            yield f"the trigger {name} on {on} is not declared: it acts on what is written"
        elif kind == "view":
            yield f"the view {name} is not declared" + (
                ": it stands in the place of a table" if name in metadata.tables else ""
            )


def _sqlite_differences(conn: Connection) -> Iterator[str]:
    found = _sqlite_objects(conn)
    should = _sqlite_declared(tuple(sorted(metadata.tables)))
    for key in sorted(found.keys() | should.keys()):
        what = " ".join(key)
        if key not in found:
            yield f"the {what} is missing"
        elif key not in should:
            yield f"the {what} is not declared"
        elif found[key] != should[key]:
            yield f"the {what} is not as declared: it reads {found[key]!r}, declared is {should[key]!r}"


def _sqlite_objects(conn: Connection, of: str = "") -> dict[tuple[str, str], str]:
    """Tables and indexes, all or those of one table, by kind and name, with the statement that made them."""
    return {
        (kind, name): " ".join((sql or "").split())
        for kind, name, on, sql in conn.execute(text(_SCHEMA))
        if kind in ("table", "index") and not name.startswith(_OWN) and of in ("", on)
    }


@cache
def _sqlite_declared(names: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """What a new database holds, asked of one."""
    engine = create_engine("sqlite://")
    with engine.connect() as conn:
        metadata.create_all(conn, tables=[metadata.tables[name] for name in names])
        made = _sqlite_objects(conn)
    engine.dispose()
    return made


# PostgreSQL -----------------------------------------------------------------------------------------

_OURS = "n.nspname = current_schema()"
_NO_EXTENSION = "NOT EXISTS (SELECT FROM pg_depend x WHERE x.objid = {0}.oid AND x.deptype = 'e')"

_ACTIVE = f"""
SELECT 'the trigger ' || t.tgname || ' on ' || c.relname || ' is not declared: it acts on what is written'
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT t.tgisinternal AND {_OURS}
UNION ALL
SELECT 'the rule ' || r.rulename || ' on ' || c.relname ||
       ' is not declared: it acts in place of what is asked'
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE r.rulename <> '_RETURN' AND {_OURS}
UNION ALL
SELECT 'the policy ' || p.polname || ' on ' || c.relname || ' is not declared: it hides rows'
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OURS}
UNION ALL
SELECT 'the table ' || c.relname || ' hides rows from whoever asks (row level security)'
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relrowsecurity AND {_OURS}
UNION ALL
SELECT 'the table ' || h.inhrelid::regclass ||
       ' adds its rows to ' || h.inhparent::regclass || ' (inheritance)'
  FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhparent JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND {_OURS}
UNION ALL
SELECT 'the event trigger ' || e.evtname || ' is not declared: it acts on changes of the schema'
  FROM pg_event_trigger e WHERE e.evtenabled <> 'D' AND {_NO_EXTENSION.format("e")}
"""

_REACHED = f"""
SELECT w.name, c.relkind, c.relpersistence, {_OURS}
  FROM unnest(CAST(:names AS text[])) AS w(name)
  LEFT JOIN pg_class c ON c.oid = to_regclass(quote_ident(w.name))
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY 1
"""

_FURTHER = f"""
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialised view' WHEN 'S' THEN 'sequence'
       WHEN 'f' THEN 'foreign table' ELSE 'table' END || ' ' || c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OURS} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relname <> ALL (CAST(:names AS text[]))
   AND {_NO_EXTENSION.format("c")}
UNION ALL
SELECT 'function ' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE {_OURS} AND {_NO_EXTENSION.format("p")}
UNION ALL
SELECT 'operator ' || o.oprname FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
 WHERE {_OURS} AND {_NO_EXTENSION.format("o")}
UNION ALL
SELECT 'cast from ' || format_type(k.castsource, NULL) || ' to ' || format_type(k.casttarget, NULL)
  FROM pg_cast k WHERE k.oid >= 16384 AND {_NO_EXTENSION.format("k")}
 ORDER BY 1
"""

_COLUMNS = f"""
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> '', a.attidentity <> '',
       a.attcollation <> 0 AND a.attcollation <> y.typcollation
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_type y ON y.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE {_OURS} AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
"""

_CONSTRAINTS = f"""
SELECT c.relname, pg_get_constraintdef(k.oid) FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OURS} AND c.relkind = 'r' AND k.contype <> 'n'
"""

_INDEXES = f"""
SELECT c.relname, pg_get_indexdef(i.indexrelid), i.indisvalid FROM pg_index i
  JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OURS} AND c.relkind = 'r'
   AND NOT EXISTS (
     SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
"""

_CALLED = {"BIGINT": "bigint", "INTEGER": "integer", "TEXT": "text", "BYTEA": "bytea", "BOOLEAN": "boolean"}
_CALLED |= {"FLOAT": "double precision", "DOUBLE PRECISION": "double precision"}


def _postgres_active(conn: Connection) -> Iterator[str]:
    for (sentence,) in conn.execute(text(_ACTIVE)):
        yield sentence
    for name, kind, persistence, ours in conn.execute(text(_REACHED), {"names": sorted(metadata.tables)}):
        if kind is None:
            yield f"the table {name} is missing"
        elif not ours:
            yield f"the name {name} leads to another schema than the ledger's: something stands before it"
        elif kind != "r":
            yield f"{name} is no table: something stands in its place"
        elif persistence != "p":
            yield f"the table {name} does not survive a crash (it is unlogged or temporary)"


def _postgres_differences(conn: Connection) -> Iterator[str]:
    names = sorted(metadata.tables)
    for (what,) in conn.execute(text(_FURTHER), {"names": names}):
        yield f"the {what} is not declared"
    tables = [metadata.tables[name] for name in names]
    yield from _compared("column", _columns(conn), [one for table in tables for one in _declared(table)])
    yield from _compared("key", _keys(conn), [one for table in tables for one in _declared_keys(table)])
    yield from _compared(
        "index", _indexes(conn), [one for table in tables for one in _declared_indexes(table)]
    )


def _compared(what: str, found: Iterable[str], should: Iterable[str]) -> Iterator[str]:
    is_there, declared = set(found), set(should)
    for one in sorted(is_there - declared):
        yield f"the {what} {one} is not declared"
    for one in sorted(declared - is_there):
        yield f"the {what} {one} is missing"


def _columns(conn: Connection) -> Iterator[str]:
    for table, name, called, required, default, generated, identity, collated in conn.execute(text(_COLUMNS)):
        if table not in metadata.tables:
            continue
        further = [
            f"default {default}" if default is not None and not generated else "",
            "generated" if generated else "",
            "identity" if identity else "",
            "with a collation of its own" if collated else "",
        ]
        yield " ".join(filter(None, [f"{table}.{name} {called}", "not null" if required else "", *further]))


def _declared(table: Table) -> Iterator[str]:
    for column in table.columns:
        called = column.type.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
        called = _CALLED.get(called, called.replace("VARCHAR", "character varying"))
        yield f"{table.name}.{column.name} {called}{'' if column.nullable else ' not null'}"


def _keys(conn: Connection) -> Iterator[str]:
    return (
        f"{table}: {_plain(definition)}"
        for table, definition in conn.execute(text(_CONSTRAINTS))
        if table in metadata.tables
    )


def _declared_keys(table: Table) -> Iterator[str]:
    yield f"{table.name}: PRIMARY KEY ({_list(table.primary_key.columns.keys())})"
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield f"{table.name}: UNIQUE ({_list(constraint.columns.keys())})"


def _indexes(conn: Connection) -> Iterator[str]:
    for table, definition, valid in conn.execute(text(_INDEXES)):
        if table in metadata.tables:
            # `CREATE INDEX name ON schema.table USING btree (a, b)`: the schema is no part of it.
            head, _, tail = definition.partition(" ON ")
            kind = head.removeprefix("CREATE ")
            yield f"{table}: {kind} {_plain(tail.partition(' USING ')[2])}{'' if valid else ', not valid'}"


def _declared_indexes(table: Table) -> Iterator[str]:
    for index in table.indexes:
        kind = "UNIQUE INDEX" if index.unique else "INDEX"
        yield f"{table.name}: {kind} {index.name} btree ({_list(index.columns.keys())})"


def _plain(definition: str) -> str:
    """Without the quotes that PostgreSQL puts around names like `position`."""
    return definition.replace('"', "")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
