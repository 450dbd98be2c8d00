"""Which containment actions fit: the playbook says what is allowed, the system's file what is possible.

An offer is an action of the playbook joined with an option of the same kind that was thought through for
the system beforehand (R-CON-07).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from holdfast.contain.events import Segment
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.systems import System
from holdfast.prepare.terms import Authority, Category, ContainmentKind


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to contain, ready to be proposed."""

    option: str
    """Id in the system's file; what `propose` takes."""
    action: str
    """Id in the playbook."""
    name: str
    kind: ContainmentKind
    flag: str
    segment: Segment
    does: str
    """What people notice."""
    when: str
    """In which situation it is the right one."""
    undo: str
    takes: timedelta
    """From approval to effect, as expected."""
    authority: Authority
    preserve_first: tuple[str, ...]
    """Evidence items of the playbook to be frozen before."""
    watch: str | None


def offers(playbook: Playbook, system: System, category: Category | None) -> tuple[Offer, ...]:
    """What fits this system and category, the fastest first; in the file's order where equally fast.

    Where several actions of the playbook fit one option, the fastest counts.
    """
    found: dict[str, Offer] = {}
    for action in playbook.containment.offered(system.id, category):
        for option in system.containment:
            if option.kind is not action.kind:
                continue
            made = Offer(
                option=option.id,
                action=action.id,
                name=option.name,
                kind=option.kind,
                flag=option.flag,
                segment=dict(sorted(option.segment.items())),
                does=action.does,
                when=option.when,
                undo=action.undo,
                takes=action.takes,
                authority=action.authority,
                preserve_first=action.preserve_first,
                watch=option.watch,
            )
            found.setdefault(option.id, made)
    return tuple(found.values())
