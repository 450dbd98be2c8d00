"""A workspace that 0.1.0 made (tests/fixtures/0.1.0/README.md), as files or with its rows in PostgreSQL."""

from __future__ import annotations

import re
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, create_engine, insert, text

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "0.1.0"
PASSWORD = "kettle on the windowsill"
MAYA = "maya.okafor@harbourstreet.example"


def workspace_of_010(folder: Path, database_url: str) -> Path:
    """Unpack it into `folder`, with its database at this address; returns the folder."""
    with tarfile.open(FIXTURE / "workspace.tar.xz") as archive:
        archive.extractall(folder, filter="tar")
    if database_url.startswith("sqlite"):
        url = "sqlite:///holdfast.db"
    else:
        url = database_url
        _load(folder / "holdfast.db", database_url)
        (folder / "holdfast.db").unlink()
    settings = folder / "holdfast.toml"
    settings.write_text(re.sub(r'(?m)^url = ".*"$', f'url = "{url}"', settings.read_text()))
    return folder


def stored_facts(file: Path) -> list[tuple[Any, ...]]:
    """Every fact in the SQLite file, in its bytes."""
    return rows(file, "facts")


def rows(file: Path, table: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
    finally:
        connection.close()


def _load(file: Path, url: str) -> None:
    """Make the tables as 0.1.0 made them in PostgreSQL, and put the same rows in."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as conn:
        for statement in (FIXTURE / "postgresql.sql").read_text().split(";\n"):
            if statement.strip():
                conn.execute(text(statement))
        found = MetaData()
        found.reflect(conn)
        for table in found.sorted_tables:
            names = table.columns.keys()
            stored = sqlite3.connect(file)
            values = stored.execute(f"SELECT {', '.join(names)} FROM {table.name}").fetchall()
            stored.close()
            if values:
                conn.execute(insert(table), [dict(zip(names, row, strict=True)) for row in values])
    engine.dispose()
