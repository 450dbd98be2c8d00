"""A process that appends, fires timers and seals as fast as it can, and says what is acknowledged.

Run as `python committing.py DATABASE_URL FOLDER WHO`; meant to be killed at any moment.
"""

from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from holdfast.ledger import keys, timers
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Conflict, Draft, Ledger
from holdfast.ledger.outbox import Outbox
from holdfast.ledger.sealing import Anchor, Sealer
from holdfast.ledger.timers import Timers
from holdfast.people import Actor
from support.kettles import KettleBoiled, KettleFilled, Kettles


def open_ledger(url: str) -> Ledger:
    return Ledger(Database(url), [Timers(), Outbox(), Kettles()])


def main(url: str, folder: Path, who: str) -> None:
    ledger = open_ledger(url)
    sealer = Sealer(ledger, keys.load(folder / "log.pem"), Anchor(folder / "checkpoints.jsonl"))
    by = Actor(who, who)
    for n in itertools.count():
        now = datetime.now(UTC)
        filled = KettleFilled(kettle=who, litres=float(n), boils_at=now if n % 3 == 0 else None)
        (recorded,) = ledger.tell(f"kettle/{who}", filled, by=by, at=now)
        print(recorded.seq, flush=True)
        for timer in timers.due(ledger, now):
            kettle = timer.data["kettle"]
            stream = ledger.stream(f"kettle/{kettle}")
            boiled = KettleBoiled(kettle=kettle)
            try:
                ledger.append(Draft(stream.name, stream.version, [boiled]), by=by, at=now, fires=timer)
            except Conflict:
                continue
        if n % 5 == 0:
            sealer.seal(now)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
