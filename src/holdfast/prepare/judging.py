"""What the playbook's rules make of measured facts: does it open, which category, how severe, which tier.

Pure: facts in, a proposal with its grounds out. A person confirms or overrides (R-CLS-03).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from holdfast.prepare.playbook import Criterion, Playbook
from holdfast.prepare.rules import Facts, Outcome, Verdict, standard_rules
from holdfast.prepare.terms import Category, Severity

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Ground:
    """One criterion and what became of it."""

    says: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.says} ({self.verdict.reason})"


@dataclass(frozen=True, slots=True)
class Proposal(Generic[ValueT]):
    """What the rules propose, and why."""

    value: ValueT
    grounds: tuple[Ground, ...]
    """Criteria that hold, or failed (which counts as holding). Empty: the playbook's default applies."""
    undecided: tuple[Ground, ...]
    """Criteria that would have led higher or elsewhere but wait for a fact not known yet."""

    @property
    def reason(self) -> str:
        """The grounds in words, with the measured values; says what is still unknown."""
        parts = [str(ground) for ground in self.grounds] or [
            "No criterion holds; the playbook's default applies"
        ]
        waiting = sorted({name for ground in self.undecided for name in ground.verdict.unknown})
        if waiting:
            parts.append(f"Not yet known and able to change this: {', '.join(waiting)}")
        return ". ".join(parts)


def judge(criteria: Iterable[Criterion], facts: Facts) -> tuple[Ground, ...]:
    """Every criterion with its verdict, in order."""
    rules = standard_rules()
    return tuple(Ground(criterion.says, rules.evaluate(criterion.when, facts)) for criterion in criteria)


def opens(playbook: Playbook, facts: Facts) -> Proposal[bool]:
    """Whether the trigger criteria open an incident (R-PRE-07)."""
    judged = judge(playbook.triggers.opens, facts)
    fired = _fired(judged)
    return Proposal(bool(fired), fired, _undecided(judged))


def propose_category(playbook: Playbook, facts: Facts) -> Proposal[Category]:
    """The first category, in the playbook's order, one of whose criteria holds."""
    waiting: tuple[Ground, ...] = ()
    for category in playbook.classification.category_order:
        judged = judge(playbook.categories[category].criteria, facts)
        waiting += _undecided(judged)
        if fired := _fired(judged):
            return Proposal(category, fired, waiting)
    return Proposal(playbook.classification.category_otherwise, (), waiting)


def propose_severity(playbook: Playbook, facts: Facts) -> Proposal[Severity]:
    """The gravest severity one of whose criteria holds. A failed rule counts as holding (fail closed)."""
    waiting: tuple[Ground, ...] = ()
    for severity in Severity:
        judged = judge(playbook.severities[severity].criteria, facts)
        if fired := _fired(judged):
            return Proposal(severity, fired, waiting)
        waiting += _undecided(judged)
    return Proposal(playbook.classification.severity_otherwise, (), waiting)


def tier_called(playbook: Playbook, facts: Facts) -> Proposal[int]:
    """The highest tier one of whose criteria holds; tier 1 otherwise (R-ESC-02)."""
    waiting: tuple[Ground, ...] = ()
    for number in (3, 2):
        judged = judge(playbook.escalation.tiers[number].criteria, facts)
        if fired := _fired(judged):
            return Proposal(number, fired, waiting)
        waiting += _undecided(judged)
    return Proposal(1, (), waiting)


def _fired(judged: tuple[Ground, ...]) -> tuple[Ground, ...]:
    return tuple(ground for ground in judged if ground.verdict.fires)


def _undecided(judged: tuple[Ground, ...]) -> tuple[Ground, ...]:
    return tuple(ground for ground in judged if ground.verdict.outcome is Outcome.NOT_DECIDED)
