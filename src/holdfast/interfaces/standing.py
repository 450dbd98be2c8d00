"""Whether this installation does what it is relied on for: one answer for page, health check and metrics.

*No alerts* and *monitoring is dead* look different (R-XCT-07). What cannot be found out is never taken for
good news.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select

from holdfast import clock
from holdfast.application import CLOCKS, Application
from holdfast.detect import records
from holdfast.detect.bounds import Bounds, bounds_of
from holdfast.detect.log import gone
from holdfast.detect.silence import why_unheard
from holdfast.ledger import outbox, pulse, tables, timers
from holdfast.ledger.ledger import Timer
from holdfast.ledger.pulse import Beat, Failure
from holdfast.prepare import versions
from holdfast.prepare.systems import System
from holdfast.prepare.unsigned import not_in_force
from holdfast.problems import Waiting

CLOCK_LATE = timedelta(minutes=2)
"""A worker looks every second: a clock due for so long is kept by nobody."""
_NOT_CHECKED = "not checked"
MESSAGE_LATE = timedelta(minutes=5)
"""A message due for so long is sent by nobody, or the mail server does not answer in time."""


@dataclass(frozen=True, slots=True)
class Silent:
    """A system that is meant to be watched, and is not."""

    system: System
    why: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Working:
    """What the workers, in whatever process and on whatever machine, last said of themselves."""

    beats: Sequence[Beat]
    """Lanes of workers that are heard from."""
    silent: int
    """Workers that were heard from and are not any more."""

    @property
    def state(self) -> str:
        """`running`, `hanging`, `silent`, or `none`: none runs anywhere."""
        if self.beats:
            return "hanging" if self.hanging else "running"
        return "silent" if self.silent else "none"

    @property
    def runs(self) -> bool:
        """Whether any worker is heard from."""
        return bool(self.beats)

    @property
    def hanging(self) -> list[Beat]:
        """Lanes whose step began too long ago."""
        return [beat for beat in self.beats if beat.hangs]

    @property
    def failing(self) -> dict[str, str]:
        """What keeps failing, and why; sealing apart."""
        return {what: one.reason for beat in self._beats_apart for what, one in beat.failing.items()}

    @property
    def failing_lanes(self) -> dict[str, Failure]:
        """Of each lane in which something keeps failing, what has for the longest time; sealing apart."""
        found: dict[str, Failure] = {}
        for beat in self._beats_apart:
            known = [*filter(None, [found.get(beat.lane)]), *beat.failing.values()]
            if known:
                found[beat.lane] = min(known, key=lambda one: one.since)
        return found

    @property
    def _beats_apart(self) -> Iterator[Beat]:
        return (beat for beat in self.beats if beat.lane != "sealing")

    @property
    def refused_to_seal(self) -> str:
        """Why a worker seals nothing; empty while they do."""
        refused = (one for beat in self.beats if beat.lane == "sealing" for one in beat.failing.values())
        return next((one.reason for one in refused), "")

    @property
    def last_turn(self) -> datetime | None:
        """When the lane that is furthest behind last came to its end; None while one never has."""
        ended = [beat.ended_at for beat in self.beats]
        return min((at for at in ended if at), default=None) if all(ended) else None


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything together."""

    working: Working
    silent: Sequence[Silent]
    """Systems that are meant to be watched, and are not."""
    not_watched: Sequence[System]
    """Systems in force without a prediction log or without monitors: a gap, and no failure."""
    silence: Mapping[str, bool]
    """Every system that is meant to be watched, and whether it is silent."""
    bounds: Bounds
    """Every monitor, and what is known of it."""
    clocks_late: int
    messages_late: int
    messages_given_up: int
    """Messages that were given up, that nobody has seen to, and whose receiver was not reached otherwise."""
    alerts_untold: int
    """Alerts that wait for a person, and that nobody was told of."""
    vault_missing: bool
    waiting: str
    """What people must do before an incident can open, such as signing the playbook; empty: nothing."""
    waiting_for: str | None
    """The same in words of the program; None: nothing."""
    not_in_force: tuple[str, ...]
    """Files of the workspace that are not what is in force, a sentence each."""
    ledger: str
    """What the last check of the whole ledger found, as pages say it: `holds`, another verdict, or `not
    checked`."""

    @property
    def watched(self) -> int:
        """Systems whose monitors are heard from."""
        return sum(not silent for silent in self.silence.values())

    @property
    def healthy(self) -> bool:
        """Clocks are kept, messages leave, facts are sealed, and every monitor is heard from."""
        working = self.working
        return (
            working.state == "running"
            and not (working.failing or working.refused_to_seal)
            and not (self.silent or self.clocks_late or self.messages_late or self.vault_missing)
            and not (self.messages_given_up or self.alerts_untold)
            and self.ledger in (_NOT_CHECKED, "holds")
        )

    @property
    def monitoring(self) -> str:
        """`running`, `silent` where systems are not heard from or no worker runs, `none` where nothing is
        watched."""
        if self.silent or (self.watched and not self.working.runs):
            return "silent"
        return "running" if self.watched else "none"


def working_of(application: Application) -> Working:
    """How the workers stand."""
    now = application.clock.now()
    beats = pulse.read(application.ledger)
    heard = [beat for beat in beats if not beat.silent(now)]
    workers = {beat.worker for beat in beats} - {beat.worker for beat in heard}
    return Working(heard, len(workers))


def standing_of(application: Application) -> Standing:
    """How everything stands at this moment. Raises what the database raises when it cannot be read."""
    now, ledger = application.clock.now(), application.ledger
    systems = {name: applied.model for name, applied in versions.active_systems(ledger).items()}
    working = working_of(application)
    with ledger.reading() as conn:
        bounds = bounds_of(ledger, systems, now, working=working.runs)
        silent = silent_systems(conn, systems, application.workspace, now)
        messages = _messages_late(conn, now)
        given_up = conn.execute(select(func.count()).select_from(outbox.unreached().subquery())).scalar_one()
        untold = records.untold_alerts(conn, now)
    quiet = {one.system.id for one in silent}
    return Standing(
        working=working,
        silent=silent,
        not_watched=[system for system in systems.values() if not system.is_covered],
        silence={name: name in quiet for name, system in systems.items() if system.is_covered},
        bounds=bounds,
        clocks_late=len(clocks_late(application, now)),
        messages_late=messages,
        messages_given_up=given_up,
        alerts_untold=untold,
        vault_missing=bool(application.vault.missing()),
        waiting=_waiting(application),
        waiting_for=_waiting_for(application),
        not_in_force=not_in_force(ledger, application.workspace),
        ledger=checked.found.verdict if (checked := application.checks.last()) else _NOT_CHECKED,
    )


def _waiting(application: Application) -> str:
    try:
        versions.require_playbook(application.ledger)
    except Waiting as waits:
        return str(waits)
    return ""


def _waiting_for(application: Application) -> str | None:
    states = {version.state for version in versions.playbook_versions_of(application.ledger)}
    if "active" in states:
        return None
    return "signatures of the playbook" if "proposed" in states else "a playbook"


def silent_systems(
    conn: Connection, systems: Mapping[str, System], workspace: Path, now: datetime
) -> list[Silent]:
    """Systems whose log is gone or has no newer row, or whose monitors fail, are overdue, or never ran."""
    runs, found = records.runs(conn), []
    for name, system in systems.items():
        if not system.is_covered or system.prediction_log is None:
            continue
        run = runs.get(name)
        since = run.last_run if run else None
        if run is None:
            why = "it has never run"
        elif run.is_silent(now):
            why = run.reason or "its run is overdue"
        else:  # what was read before can be looked for between two runs
            why = gone(system.prediction_log.path, workspace) if run.last_run else ""
            if not why and (why := why_unheard(system, run.newest, now)):
                since = run.newest
        if why:
            found.append(Silent(system, why, since))
    return found


def clocks_late(application: Application, now: datetime) -> list[Timer]:
    """Clocks that are due for minutes: nothing escalates. What reads logs may take its time."""
    slow = {kind for kind, handler in application.handlers.items() if handler.lane != CLOCKS}
    return timers.due(application.ledger, now - CLOCK_LATE, wanted=lambda timer: timer.kind not in slow)


def _messages_late(conn: Connection, now: datetime) -> int:
    """Messages that were queued minutes ago and have not left, however often they were tried."""
    box, facts = tables.outbox.c, tables.facts.c
    waiting = (box.state == "queued") & (facts.recorded_at <= clock.stamp(now - MESSAGE_LATE))
    joined = tables.outbox.join(tables.facts, facts.seq == box.queued_seq)
    return int(conn.execute(select(func.count()).select_from(joined).where(waiting)).scalar_one())
