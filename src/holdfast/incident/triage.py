"""Triage: the playbook's criteria asked about measured facts. Pure.

A criterion that cannot be evaluated counts as holding (fail closed), one that hangs on a fact nobody
has measured yet is asked again when the fact arrives. Every answer carries the reason a person can check
(R-CLS-03, R-ESC-02, R-PRE-07).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
            "alert.group": alert.group,
        }
    if impact:
        facts |= {
            "impact.users": impact.users,
            "impact.inferences": impact.inferences,
            "impact.share": impact.share,
            "impact.exposed_users": impact.exposed_users,
            "impact.exposed_inferences": impact.exposed_inferences,
            "impact.exposed_share": impact.exposed_share,
            "impact.outage": impact.outage,
            "impact.sensitive_data": impact.sensitive_data,
            "impact.breach": impact.breach,
            "impact.regulatory": impact.regulatory,
            "impact.external_notice": impact.external_notice,
        }
    if system:
        facts |= {"system.id": system.id, "system.priority": system.priority}
    return facts | {"incident.severity": severity, "incident.category": category}


def measured_of(state: Incident, system: System | None) -> tuple[Facts, ...]:
    """What is known of a running incident, once for each alert of its system: each may be the gravest.

    What is known of an incident that was merged into it is known of it.
    """
    own = _measured_with(state.impact, state, system)
    if not state.absorbed or state.gravest_impact == state.impact:
        return own
    return (*own, *_measured_with(state.gravest_impact, state, system))


def _measured_with(impact: ImpactNoted | None, state: Incident, system: System | None) -> tuple[Facts, ...]:
    return tuple(
        measured(
            source=state.source,
            alert=alert,
            impact=impact,
            system=system,
            severity=state.severity,
            category=state.category,
        )
        for alert in state.own_alerts or (None,)
    )


def measured_for_tier(state: Incident, system: System | None) -> tuple[Facts, ...]:
    """The same, and besides it the greatest counts that no person has judged to be too great."""
    known = measured_of(state, system)
    graver = _measured_with(state.gravest_impact, state, system)
    return (*known, *(facts for facts in graver if facts not in known))


def trigger(playbook: Playbook, facts: Facts) -> Trigger:
    """Whether the playbook's trigger criteria open an incident for this."""
    opens = playbook.triggers.opens
    if found := _first_that_fires(opens, (facts,)):
        return Trigger(True, _because(*found))
    return Trigger(False, f"no trigger of the playbook applies{_open_questions(opens, (facts,))}")


def propose(playbook: Playbook, known: Sequence[Facts], stated: Category | None = None) -> Proposal:
    """Category and severity that the criteria propose, with the criterion and the values it saw.

    Of several alerts the gravest counts. Criteria of severity that speak of the category read the one that
    a person stated, or else the one proposed here.
    """
    order = playbook.classification
    category, why_category = order.category_otherwise, "no criterion of a category holds"
    for candidate in order.category_order:
        found = _first_that_fires(playbook.categories[candidate].criteria, known)
        if found:
            category, why_category = candidate, _because(*found)
            break
    known = [{**facts, "incident.category": stated or category} for facts in known]
    severity, why_severity = order.severity_otherwise, "no criterion of a severity holds"
    for level in Severity:
        found = _first_that_fires(playbook.severities[level].criteria, known)
        if found:
            severity, why_severity = level, _because(*found)
            break
    else:
        why_severity += _open_questions([c for s in Severity for c in playbook.severities[s].criteria], known)
    reason = f"{severity.label}: {why_severity}. {category.label}: {why_category}."
    return Proposal(category, severity, reason)


def tier(playbook: Playbook, known: Sequence[Facts]) -> tuple[int, str]:
    """The highest tier one of whose criteria holds, and why; 1 when none does."""
    for number in _LATER_TIERS:
        found = _first_that_fires(playbook.escalation.tiers[number].criteria, known)
        if found:
            return number, _because(*found)
    return 1, "no criterion of a higher tier holds"


def _first_that_fires(
    criteria: Iterable[Criterion], known: Sequence[Facts]
) -> tuple[Criterion, Verdict] | None:
    rules = standard_rules()
    for criterion in criteria:
        for facts in known:
            verdict = rules.evaluate(criterion.when, facts)
            if verdict.fires:
                return criterion, verdict
    return None


def _because(criterion: Criterion, verdict: Verdict) -> str:
    return f"{criterion.says} ({verdict.reason})"


def _open_questions(criteria: Sequence[Criterion], known: Sequence[Facts]) -> str:
    """Which unknown facts could still change the answer."""
    rules = standard_rules()
    verdicts = (rules.evaluate(criterion.when, facts) for criterion in criteria for facts in known)
    unknown = {name for v in verdicts if v.outcome is Outcome.NOT_DECIDED for name in v.unknown}
    return f"; not known yet: {', '.join(sorted(unknown))}" if unknown else ""
