"""Many people declare at the same moment: each report becomes an incident, its evidence frozen once."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from holdfast.evidence import custody
from holdfast.evidence.capture import Found, Gap, Scene
from holdfast.evidence.events import EvidenceFrozen, Kind
from holdfast.incident.loading import load
from holdfast.incident.responding import Desk, Report
from holdfast.integrations.folder.vault import FolderVault
from holdfast.ledger.ledger import Conflict, Draft, Ledger
from support.company import INES, MAYA

AT_ONCE = 16


class Source:
    """Something that takes its time to freeze, and counts how often it was asked."""

    kind, title = Kind.MONITORING_DATA, "The week's rows"

    def __init__(self) -> None:
        self.asked = 0

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]:
        self.asked += 1
        yield Found(self.kind, self.title, "rows.csv", b"id,score\n1,0.5\n", "the log")


def test_sixteen_who_declare_at_once_get_sixteen_numbers_without_a_gap(
    ledger: Ledger, tmp_path: Path, now: datetime
) -> None:
    source = Source()
    desk = Desk(ledger, FolderVault(tmp_path / "vault"), [source], lambda incident: incident)

    def declare(number: int) -> str:
        return desk.open(Report(f"Report {number}", system="loan-approval"), by=INES, at=now)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = list(pool.map(declare, range(AT_ONCE)))
    assert sorted(made, key=lambda one: int(one[4:])) == [f"INC-{n}" for n in range(1, AT_ONCE + 1)]
    assert source.asked == AT_ONCE, "evidence is not frozen again because somebody else took a number"
    for incident in made:
        (frozen,) = ledger.stream(custody.stream_of(incident)).events
        assert isinstance(frozen, EvidenceFrozen)
        assert (frozen.incident, len(frozen.items)) == (incident, 1)
        assert load(ledger, incident).state.id == incident


def test_what_must_stand_together_and_moved_on_is_asked_again_without_freezing_again(
    ledger: Ledger, tmp_path: Path, now: datetime
) -> None:
    """An alert that somebody else noted meanwhile: the first try is void, the second is decided anew."""
    source, asked = Source(), []
    desk = Desk(ledger, FolderVault(tmp_path / "vault"), [source], lambda incident: incident)

    def together(incident: str) -> list[Draft]:
        asked.append(incident)
        return [Draft("alert/ALR-1", 1 if len(asked) == 1 else 0, [])]  # decided on what is not so, once

    report = Report("Approvals fell", system="loan-approval")
    assert desk.open(report, by=MAYA, at=now, together=together) == "INC-1"
    assert (asked, source.asked) == (["INC-1", "INC-1"], 1)


def test_what_keeps_changing_is_said_and_leaves_nothing(
    ledger: Ledger, tmp_path: Path, now: datetime
) -> None:
    desk = Desk(ledger, FolderVault(tmp_path / "vault"), [], lambda incident: incident)
    size = ledger.size()
    with pytest.raises(Conflict, match="kept changing"):
        desk.open(
            Report("Approvals fell"),
            by=MAYA,
            at=now,
            together=lambda incident: [Draft("alert/ALR-1", 9, [])],
        )
    assert ledger.size() == size
