"""The last check of the ledger: what was found, when, by whom, and over what.

Each check is a fact. Its result is also kept in a file outside the database, beside the signing key: a
database that does not hold must not be asked whether it does, and may not even take the fact. The two have to
agree before anything is called holding; once a check has failed, only a check that passes takes that back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from holdfast import clock
from holdfast.ledger import tables
from holdfast.ledger.check import Report
from holdfast.ledger.events import STREAM, LedgerChecked
from holdfast.ledger.facts import decode, encode
from holdfast.ledger.ledger import Ledger, recorded_from
from holdfast.ledger.replacing import replace_file
from holdfast.people import SYSTEM, Actor


@dataclass(frozen=True, slots=True)
class Checked:
    """One check and what it found."""

    found: LedgerChecked
    at: datetime | None
    """None where what was kept of it cannot be read."""
    by: Actor
    unrecorded: str = ""
    """Why it is no fact of the ledger; empty when it is."""

    @property
    def trouble(self) -> str:
        """What every page says until a check passes; empty when this one did."""
        if self.found.verdict == "holds":
            return ""
        why = (self.found.problems or self.found.unknown or ("it is not known why",))[0]
        return f"The check of {self.at:%d %B %Y, %H:%M} UTC: {why}" if self.at else why


class Checks:
    """Keeps the last check."""

    def __init__(self, ledger: Ledger, path: Path) -> None:
        self.ledger = ledger
        self.path = path

    def record(self, report: Report, by: Actor, at: datetime) -> Checked:
        """Put a check's result on the record, and beside the database."""
        found = LedgerChecked(
            verdict=report.verdict,
            facts=report.facts,
            sealed=report.sealed,
            checkpoints=report.checkpoints,
            anchored=report.anchored,
            elsewhere=report.elsewhere,
            projection_tables=report.projection_tables,
            inspected=report.inspected,
            problems=tuple(report.problems),
            unknown=tuple(report.unknown),
        )
        try:
            (recorded,) = self.ledger.tell(STREAM, found, by=by, at=at)
            checked = Checked(found, recorded.at, by)
        except Exception as error:  # what does not hold may also not take a fact; the file keeps it then
            checked = Checked(found, at, by, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        self._keep(checked)
        return checked

    def last(self) -> Checked | None:
        """The last check; None when there was none.

        What cannot be read, or is not what the ledger has of it, is a check that could not say: a file that
        was deleted, edited or put back from before takes no failure back.
        """
        try:
            kept = self._beside()
        except Exception as error:
            return _unreadable(f"{self.path.name}, which keeps the last check, cannot be read ({error})")
        told = self._recorded()
        if kept is None:
            if told is None or told.trouble:
                return told
            return _unreadable(f"{self.path}, which keeps the last check, is not there")
        if kept.trouble or kept.unrecorded:
            return told if _is_newer(told, kept) else kept
        if told is None or told.found != kept.found or told.at != kept.at:
            return (
                told
                if _is_newer(told, kept)
                else _unreadable(f"{self.path.name} is of no check on the ledger")
            )
        return kept

    def _beside(self) -> Checked | None:
        """What the file keeps. Raises whatever reading it raises."""
        if not self.path.exists():
            return None
        kept = json.loads(self.path.read_bytes())
        by, found = decode(LedgerChecked.type, kept["payload"])
        assert isinstance(found, LedgerChecked)
        return Checked(found, clock.parse(kept["at"]), by, str(kept["unrecorded"]))

    def _recorded(self) -> Checked | None:
        """The newest check on the ledger."""
        facts = tables.facts
        query = select(facts).where(facts.c.stream == STREAM, facts.c.type == LedgerChecked.type)
        try:
            with self.ledger.reading() as conn:
                row = conn.execute(query.order_by(facts.c.stream_seq.desc()).limit(1)).first()
            recorded = recorded_from(row) if row is not None else None
        except Exception as error:
            return _unreadable(f"the last check cannot be read ({error})")
        if recorded is None or not isinstance(recorded.fact, LedgerChecked):
            return None
        return Checked(recorded.fact, recorded.at, recorded.by)

    def _keep(self, checked: Checked) -> None:
        document = {
            "at": clock.stamp(checked.at) if checked.at else None,
            "payload": json.loads(encode(checked.found, checked.by)),
            "unrecorded": checked.unrecorded,
        }
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        replace_file(self.path, text.encode(), 0o644)


def _is_newer(told: Checked | None, kept: Checked) -> bool:
    return told is not None and (told.at is None or kept.at is None or told.at > kept.at)


def _unreadable(why: str) -> Checked:
    found = LedgerChecked(
        verdict="cannot say",
        facts=0,
        sealed=0,
        checkpoints=0,
        anchored=0,
        elsewhere=0,
        projection_tables=0,
        inspected=(),
        problems=(),
        unknown=(f"{why}; check the ledger again",),
    )
    return Checked(found, None, SYSTEM)
