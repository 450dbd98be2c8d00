"""The starter's company: its people, and its playbook in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from holdfast.ledger.ledger import Ledger
from holdfast.people import Actor
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.versions import (
    apply_workspace,
    approve_change,
    approve_playbook,
    changes_of,
    playbook_versions_of,
)
from holdfast.prepare.workspace import Workspace, load_workspace
from support.hasty import Content, content_of, store


def person(name: str) -> Actor:
    """`Maya Okafor` as the roster knows her."""
    return Actor(f"{name.lower().replace(' ', '.')}@harbourstreet.example", name)


MAYA = person("Maya Okafor")
"""Incident commander, signs for engineering."""
TOMAS = person("Tomas Lind")
"""Technical lead, first deputy of the incident commander."""
AISHA = person("Aisha Rahman")
"""On call, deputy of the technical lead."""
PRIYA = person("Priya Raman")
"""Data science lead, signs for data science."""
SAMUEL = person("Samuel Adeyemi")
"""Security lead, signs for security."""
HELEN = person("Helen Marsh")
"""Compliance lead, signs for compliance."""
INES = person("Ines Carvalho")
"""Communications lead."""
VICTOR = person("Victor Chen")
"""Internal auditor."""
WORKER = Actor("holdfast/worker", "Holdfast", "system")

SIGNATURES = {"engineering": MAYA, "data_science": PRIYA, "compliance": HELEN, "security": SAMUEL}


@cache
def _starter() -> Workspace:
    """The starter's files, read once a process."""
    with TemporaryDirectory() as folder:
        write_workspace(Path(folder))
        return load_workspace(Path(folder))


_IN_FORCE: dict[tuple[object, ...], Content] = {}


def put_in_force(ledger: Ledger, folder: Path, at: datetime) -> None:
    """Write the starter's files, apply them and have every function sign.

    Done once a process for a ledger that holds nothing, a time and what is projected; from then on the same
    rows are stored.
    """
    write_workspace(folder)
    empty = ledger.size() == 0
    known = (ledger.database.is_sqlite, ledger.origin, at, *map(type, ledger.projections))
    if empty and known in _IN_FORCE:
        store(ledger.database, _IN_FORCE[known])
        ledger.appended_at = at
        return
    apply_workspace(ledger, replace(_starter(), root=folder), HELEN, at)
    content = playbook_versions_of(ledger)[0].content
    for function, signer in SIGNATURES.items():
        approve_playbook(ledger, content, function, signer, at)
    if empty:
        _IN_FORCE[known] = content_of(ledger.database)


def sign_changes(ledger: Ledger, at: datetime) -> None:
    """Everybody whom the playbook names signs what waits of files that were changed."""
    for change in changes_of(ledger):
        for function in change.open if change.state == "proposed" else ():
            approve_change(ledger, change.id, function, SIGNATURES[function.value], at)
