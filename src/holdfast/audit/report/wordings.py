"""Words that several sections of the report use."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast import wording
from holdfast.audit.report.blocks import Cell, toned
from holdfast.incident.events import Member
from holdfast.incident.incident import ClockState
from holdfast.investigate.events import Statement


def words(name: str) -> str:
    """`incident_commander` as people say it."""
    return name.replace("_", " ")


def excerpt(text: str, length: int) -> str:
    """The beginning of a text, cut at a word and marked; nothing is cut from a short one."""
    joined = " ".join(text.split())
    if len(joined) <= length:
        return joined
    kept = joined[:length].rpartition(" ")[0] or joined[:length]
    return f"{kept.rstrip(',.;:')} …"


def few(texts: Iterable[str], most: int = 3) -> str:
    """The first of several things, and how many more there are; empty where there are none."""
    found = list(texts)
    more = [f"and {len(found) - most} more"] if len(found) > most else []
    return "; ".join([*found[:most], *more])


def sentence(text: str) -> str:
    """The text with one full stop behind it."""
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."


def persons(team: Iterable[Member]) -> list[str]:
    """Each person of a team once, whatever roles they fill."""
    return list(dict.fromkeys(member.person for member in team))


def clock_cell(clock: ClockState) -> Cell:
    """Whether a promise was kept, in words and figures."""
    limit = clock.limit_says
    if clock.late_by is not None:
        return toned(f"met {wording.duration(clock.late_by)} late, limit {limit}", "bad")
    if clock.took is not None:
        return toned(f"kept: {wording.duration(clock.took)} of {limit}", "good")
    if clock.breached_at:
        stopped = f", then stopped: {clock.stopped_because}" if clock.stopped else ""
        return toned(f"breached {wording.utc(clock.breached_at)}, limit {limit}{stopped}", "bad")
    if clock.stopped:
        return f"stopped: {clock.stopped_because}, limit {limit}"
    return toned(f"running, due {wording.utc(clock.due)}", "warn")


def rests(statement: Statement) -> str:
    """What proves a statement, or that it is an assumption."""
    proof = ", ".join(map(str, statement.links))
    if statement.assumption:
        return f"assumption{', see ' + proof if proof else ''}"
    return proof


def yes_no(value: bool | None, yes: str = "yes", no: str = "no") -> str:
    return "not known" if value is None else yes if value else no
