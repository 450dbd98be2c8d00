"""Files of the workspace that are not what is in force: written and not applied, or applied and not signed.

What counts is in the ledger; a file beside it decides nothing. But whoever reads it may think so, and whoever
changed it may wait for it in vain: so it is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from holdfast.ledger.ledger import Ledger
from holdfast.prepare import versions
from holdfast.prepare.changes import Change
from holdfast.prepare.terms import Function
from holdfast.prepare.versions import ROSTER_STREAM
from holdfast.prepare.workspace import PLAYBOOK, ROSTER, SYSTEMS, content_hash

_NOT_APPLIED = "it has not been applied"


def not_in_force(ledger: Ledger, root: Path) -> tuple[str, ...]:
    """A sentence for each file that is another than the version in force; nothing before there is one."""
    return (*_playbook(ledger, root), *_roster(ledger, root), *_systems(ledger, root))


def _playbook(ledger: Ledger, root: Path) -> Iterator[str]:
    active, content = versions.active_playbook(ledger), _content(root / PLAYBOOK)
    if active is None or content == active.content:
        return
    proposed = {one.content: one for one in versions.playbook_versions_of(ledger) if one.state == "proposed"}
    waits = proposed.get(content)
    yield _said(PLAYBOOK, _signatures(f"version {waits.version}", waits.missing) if waits else _NOT_APPLIED)


def _roster(ledger: Ledger, root: Path) -> Iterator[str]:
    active, content = versions.active_roster(ledger), _content(root / ROSTER)
    if active is not None and content != active.content:
        yield _said(ROSTER, _why(ledger, ROSTER_STREAM, content))


def _systems(ledger: Ledger, root: Path) -> Iterator[str]:
    in_force = {one.file: (system, one.content) for system, one in versions.active_systems(ledger).items()}
    if not in_force:
        return
    paths = (path for path in (root / SYSTEMS).glob("*") if path.suffix in (".yaml", ".yml"))
    written = {f"{SYSTEMS}/{path.name}": _content(path) for path in paths}
    for file in sorted({*in_force, *written}):
        system, known = in_force.get(file, ("", ""))
        content = written.get(file, "")
        if content != known:
            yield _said(file, _why(ledger, f"system/{system}", content))


def _why(ledger: Ledger, subject: str, content: str) -> str:
    waits = next((one for one in _waiting(ledger) if one.subject == subject), None)
    if waits is None or waits.proposed.content != content:
        return _NOT_APPLIED
    return _signatures(waits.id, waits.open)


def _waiting(ledger: Ledger) -> list[Change]:
    return [one for one in versions.changes_of(ledger) if one.state == "proposed"]


def _signatures(what: str, functions: Sequence[Function]) -> str:
    return f"{what} waits for signatures of {', '.join(one.label.lower() for one in functions)}"


def _said(file: str, why: str) -> str:
    return f"{file} is not what is in force: {why}; until then everything goes by what was in force before"


def _content(path: Path) -> str:
    """Empty where there is no such file, or none that can be read."""
    try:
        return content_hash(path.read_bytes()) if path.is_file() else ""
    except OSError:
        return ""
