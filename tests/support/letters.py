"""A system that decides which letters are read first, whose log is written day by day."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

SYSTEM = """\
id: letters
name: Letters
purpose: Decides which letters are read first
owner: tomas.lind@harbourstreet.example
subject: letter
models:
  - {name: letters, version: 1.0.0, in_production_since: 2026-01-05}
data_used: [letters]
depends_on_it: [the mail room]
business_impact: Letters wait
compliance_risk: Letters with deadlines wait
priority: 3
prediction_log:
  path: logs/letters
  columns: {id: id, time: time, prediction: urgent, label: was_urgent}
  quiet: 30d
monitors:
  - id: precision
    name: Precision of urgent letters
    metric: precision
    window: 1d
    limit: {below: 0.5}
    min_n: 1
    reason: Agreed with the mail room
    tells: [technical_lead]
  - id: recall
    name: Recall of urgent letters
    metric: recall
    window: 1d
    limit: {below: 0.1}
    min_n: 1
    reason: Agreed with the mail room
    tells: [technical_lead]
"""


def begin(workspace: Path, now: datetime) -> datetime:
    """Write the system's file and an empty log; returns the first midnight of it, ten days ago."""
    (workspace / "systems" / "letters.yaml").write_text(SYSTEM, encoding="utf-8")
    (workspace / "logs" / "letters").mkdir(parents=True)
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=10)


def write_day(workspace: Path, start: datetime, number: int, urgent: int, name: str = "") -> None:
    """Sixty letters; the truth is that every third is urgent."""
    day = start + timedelta(days=number)
    lines = ["id,time,urgent,was_urgent"]
    for place in range(60):
        at = day + timedelta(minutes=20 * place)
        said = urgent if place % 2 else 0
        lines.append(f"{name}{number}-{place},{at:%Y-%m-%dT%H:%M:%SZ},{said},{int(place % 3 == 0)}")
    path = workspace / "logs" / "letters" / f"{number:02d}{name}.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
