"""Whether everything that is relied on is done: in a closed vocabulary for anybody, and with every reason
for people who may read."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from holdfast.shapes.base import Shown


class LaneFailing(Shown):
    """One lane of the worker in which a step keeps failing."""

    lane: str
    """Its name in the program, which names no person, system, file or machine."""
    kind: Literal["refused", "outside", "database", "fault"]
    """refused: by a rule that says what to do. outside: a file or another machine is not there, or does not
    answer. fault: of the program itself."""
    since: datetime


class Health(Shown):
    """What anybody may read: words that stand in the program, numbers and times."""

    healthy: bool
    database: Literal["reachable", "not reachable"]
    worker: Literal["running", "hanging", "silent", "none"]
    hanging: tuple[str, ...]
    """Lanes whose step does not come to its end."""
    last_turn: datetime | None
    failing: tuple[LaneFailing, ...]
    waiting_for: Literal["a playbook", "signatures of the playbook"] | None
    """What people must do before an incident can open."""
    sealing: Literal["refused", "not refused"]
    ledger: str
    """What the last check of the whole ledger found."""
    clocks_late: int
    messages_late: int
    """Queued for minutes, and not sent."""
    messages_given_up: int
    """Not seen to, and their receiver was not reached otherwise."""
    alerts_untold: int
    """They wait for a person, and nobody was told of them."""
    monitoring: Literal["running", "silent", "none"]
    monitors: dict[str, int | str]
    """In a sentence, and by what is known of them."""
    systems: dict[str, int]
    files_not_in_force: int
    """Files of the workspace that were changed, and not applied or not signed: what was before counts."""
    vault: Literal["missing", "there"]


class StepFailing(Shown):
    """One step that keeps failing."""

    step: str
    reason: str


class SilentSystem(Shown):
    """A system that is meant to be watched, and is not heard from."""

    system: str
    reason: str
    since: datetime | None
    """When it was heard from last."""


class WholeHealth(Health):
    """The same with every reason, for whoever may read."""

    reasons: tuple[StepFailing, ...]
    waiting_because: str
    """Empty: nothing is waited for."""
    refused_to_seal: str
    """Empty: facts are sealed."""
    not_in_force: tuple[str, ...]
    """A sentence for each such file."""
    silent: tuple[SilentSystem, ...]
