"""Triage: the playbook's criteria asked about measured facts. Pure.

A criterion that cannot be evaluated counts as holding (fail closed), one that hangs on a fact nobody
has measured yet is asked again when the fact arrives. Every answer carries the reason a person can check
(R-CLS-03, R-ESC-02, R-PRE-07).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from holdfast import wording
from holdfast.incident.events import AlertFacts, ImpactNoted
from holdfast.incident.incident import Incident
from holdfast.prepare.playbook import Criterion, Playbook
from holdfast.prepare.rules import Facts, FactValue, Outcome, Verdict, standard_rules
from holdfast.prepare.systems import System
from holdfast.prepare.terms import Category, Severity

_LATER_TIERS = (3, 2)


@dataclass(frozen=True, slots=True)
class Proposal:
    category: Category
    severity: Severity
    reason: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """Whether something opens an incident, and why or why not."""

    opens: bool
    reason: str


def measured(
    *,
    source: str,
    alert: AlertFacts | None = None,
    impact: ImpactNoted | None = None,
    system: System | None = None,
    severity: Severity | None = None,
    category: Category | None = None,
) -> Facts:
    """Everything that is known, under the names that rules use; what is unknown is None."""
    facts: dict[str, FactValue | None] = {"incident.source": source}
    if alert:
        facts |= {
            "alert.dimension": alert.dimension,
            "alert.monitor": alert.monitor,
            "alert.metric": alert.metric,
            "alert.value": alert.value,
            "alert.limit": alert.limit,
            "alert.drop": alert.drop,
            "alert.group": wording.group(alert.group),
        }
    if impact:
        facts |= {
            "impact.users": impact.users,
            "impact.inferences": impact.inferences,
            "impact.share": impact.share,
            "impact.outage": impact.outage,
            "impact.sensitive_data": impact.sensitive_data,
            "impact.breach": impact.breach,
            "impact.regulatory": impact.regulatory,
            "impact.external_notice": impact.external_notice,
        }
    if system:
        facts |= {"system.id": system.id, "system.priority": system.priority}
    return facts | {"incident.severity": severity, "incident.category": category}


def measured_of(state: Incident, system: System | None, impact: ImpactNoted | None = None) -> Facts:
    """What is known of a running incident; `impact` replaces what was noted before."""
    return measured(
        source=state.source,
        alert=state.alerts[-1] if state.alerts else None,
        impact=impact or state.impact,
        system=system,
        severity=state.severity,
        category=state.category,
    )


def trigger(playbook: Playbook, facts: Facts) -> Trigger:
    """Whether the playbook's trigger criteria open an incident for this."""
    found = _first_that_fires(playbook.triggers.opens, facts)
    if found:
        criterion, verdict = found
        return Trigger(True, f"{criterion.says} ({verdict.reason})")
    return Trigger(
        False, f"no trigger of the playbook applies{_open_questions(playbook.triggers.opens, facts)}"
    )


def propose(playbook: Playbook, facts: Facts) -> Proposal:
    """Category and severity that the criteria propose, with the criterion and the values it saw."""
    order = playbook.classification
    category, why_category = order.category_otherwise, "no criterion of a category holds"
    for candidate in order.category_order:
        found = _first_that_fires(playbook.categories[candidate].criteria, facts)
        if found:
            category, why_category = candidate, _because(*found)
            break
    severity, why_severity = order.severity_otherwise, "no criterion of a severity holds"
    for level in Severity:
        found = _first_that_fires(playbook.severities[level].criteria, facts)
        if found:
            severity, why_severity = level, _because(*found)
            break
    else:
        why_severity += _open_questions([c for s in Severity for c in playbook.severities[s].criteria], facts)
    reason = f"{severity.label}: {why_severity}. {category.label}: {why_category}."
    return Proposal(category, severity, reason)


def tier(playbook: Playbook, facts: Facts, now_at: int) -> tuple[int, str] | None:
    """The highest tier whose criteria hold, if it is above the present one, and why."""
    for number in _LATER_TIERS:
        if number <= now_at:
            return None
        found = _first_that_fires(playbook.escalation.tiers[number].criteria, facts)
        if found:
            return number, _because(*found)
    return None


def _first_that_fires(criteria: Iterable[Criterion], facts: Facts) -> tuple[Criterion, Verdict] | None:
    rules = standard_rules()
    for criterion in criteria:
        verdict = rules.evaluate(criterion.when, facts)
        if verdict.fires:
            return criterion, verdict
    return None


def _because(criterion: Criterion, verdict: Verdict) -> str:
    return f"{criterion.says} ({verdict.reason})"


def _open_questions(criteria: Sequence[Criterion], facts: Facts) -> str:
    """Which unknown facts could still change the answer."""
    verdicts = (standard_rules().evaluate(criterion.when, facts) for criterion in criteria)
    unknown = {name for v in verdicts if v.outcome is Outcome.NOT_DECIDED for name in v.unknown}
    return f"; not known yet: {', '.join(sorted(unknown))}" if unknown else ""
