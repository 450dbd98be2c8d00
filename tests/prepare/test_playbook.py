"""The playbook as a typed document: what it must hold, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.people import IncidentRole
from holdfast.prepare.documents import Unusable
from holdfast.prepare.playbook import Playbook, Template
from holdfast.prepare.terms import Authority, Category, Function, Phase, ReviewQuestion, Severity
from holdfast.prepare.workspace import Workspace, load_workspace


@pytest.fixture
def playbook(workspace: Workspace) -> Playbook:
    return workspace.playbook.model


@pytest.fixture
def edited(folder: Path) -> Callable[[str, str], list[str]]:
    """What is said after one change to the starter's playbook, which must occur there."""

    def edit(old: str, new: str) -> list[str]:
        path = folder / "playbook.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(Unusable) as caught:
            load_workspace(folder)
        return [str(problem) for problem in caught.value.problems]

    return edit


def test_the_starter_answers_severities_as_the_field_expects(playbook: Playbook) -> None:
    """R-CLS-01/four, R-CLS-02/times, R-CON-08."""
    clocks = {severity: entry.clocks for severity, entry in playbook.severities.items()}
    assert clocks[Severity.CRITICAL].acknowledge_within == timedelta(minutes=15)
    assert clocks[Severity.CRITICAL].contain_within == timedelta(minutes=15)
    assert clocks[Severity.HIGH].acknowledge_within == timedelta(hours=2)
    assert clocks[Severity.MEDIUM].acknowledge_within == timedelta(hours=24)
    assert [severity.label for severity in Severity] == [
        "SEV-1 critical",
        "SEV-2 high",
        "SEV-3 medium",
        "SEV-4 low",
    ]


def test_the_starter_holds_all_categories_roles_phases_questions_and_tiers(playbook: Playbook) -> None:
    """R-PRE-03, R-PRE-04/held, R-PRE-06/six, R-ESC-01, R-ESC-05, R-PIR-01."""
    assert [category for category, _ in playbook.categories.items()] == list(Category)
    assert all(len(entry.examples) >= 2 for _, entry in playbook.categories.items())
    assert [role for role, _ in playbook.roles.items()] == list(IncidentRole)
    assert [phase for phase, _ in playbook.phases.items()] == list(Phase)
    assert all(entry.outputs and entry.success for _, entry in playbook.phases.items())
    assert len(list(playbook.review.questions.items())) == len(ReviewQuestion) == 8
    assert playbook.governance.sign_off == tuple(Function)
    assert playbook.escalation.tiers[1].name == "Detection and triage"


def test_authority_belongs_to_the_roles_the_playbook_names(playbook: Playbook) -> None:
    """R-ESC-05."""
    assert playbook.roles_with(Authority.NOTIFY_EXTERNALLY) == (IncidentRole.COMPLIANCE_LEAD,)
    assert IncidentRole.COMMUNICATIONS_LEAD not in playbook.roles_with(Authority.CLOSE)


def test_containment_is_offered_where_it_fits_the_fastest_first(playbook: Playbook) -> None:
    """R-CON-07."""
    drift = playbook.containment.offered("loan-approval", Category.PERFORMANCE_DEGRADATION)
    assert [action.id for action in drift] == ["segment-to-review", "model-off"]
    breach = playbook.containment.offered("loan-approval", Category.SECURITY_INCIDENT)
    assert [action.id for action in breach] == ["model-off"]
    assert len(playbook.containment.offered("loan-approval", None)) == 2


def test_a_review_is_due_only_where_the_playbook_requires_one(playbook: Playbook) -> None:
    """R-PIR-02."""
    assert playbook.review_within(Severity.CRITICAL) == timedelta(days=7)
    assert playbook.review_within(Severity.MEDIUM) is None


def test_records_are_kept_for_three_years_at_least(
    playbook: Playbook, edited: Callable[[str, str], list[str]]
) -> None:
    """R-EVD-08."""
    assert min(item.keep_years for item in playbook.evidence.items) >= 3
    assert edited("record_keep_years: 7", "record_keep_years: 2")[0].endswith(
        "evidence.record_keep_years: 2 is out of range; it must be at least 3"
    )


# Where a complaint is about a section as a whole, it points to the section's beginning.
WHOLE_SECTIONS = {
    "roles": "roles:\n  incident_commander:\n    purpose",
    "classification.category_order": "    - security_incident\n    - unauthorised_access\n",
}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "acknowledge_within: 15m",
            "acknowledge_within: 15 minuts",
            'severities.critical.clocks.acknowledge_within: "15 minuts" is not a duration; '
            "write for example 15m, 2h or 24h",
        ),
        (
            "acknowledge_within: 15m",
            "acknowledge_within: 3h",
            "severities.critical.clocks.acknowledge_within: 3 hours is slower than 2 hours of high, "
            "which is less severe; give critical the shorter time",
        ),
        (
            "contain_within: 15m ",
            "update_every_: 15m ",
            "severities.critical.clocks.update_every_: is not known here; did you mean update_every?",
        ),
        (
            "when: impact.users > 10000",
            "when: impact.usres > 10000",
            "severities.critical.criteria[1].when: impact.usres is no fact that rules can speak of; "
            "did you mean impact.users?",
        ),
        (
            "when: impact.share >= 0.10",
            "when: impact.share >= 10",
            "severities.high.criteria[1].when: >= cannot compare a decimal number with a whole number; "
            "write the limit as a decimal; a share of 15% is 0.15",
        ),
        (
            "authority: [override_severity, dismiss, notify_externally, complete_review, close]",
            "authority: [override_severity, dismiss, complete_review, close]",
            "roles: no role may notify customers or regulators; "
            "give one of them the authority notify_externally",
        ),
        (
            "unacknowledged: [deputies, tier_2, tier_3]",
            "unacknowledged: [tier_3, tier_2]",
            "escalation.unacknowledged[1]: tier_2 comes after tier_3, which leads back down; "
            "keep the order deputies, tier_2, tier_3",
        ),
        (
            "template: clock-breached",
            "template: clock-breach",
            "communication.protocols.critical.messages[2].template: there is no template clock-breach; "
            "did you mean clock-breached?",
        ),
        (
            "{incident} is closed: {title}",
            "{incident} is closed: {titel}",
            "communication.templates.closed.subject: {titel} stands for nothing; did you mean title?",
        ),
        (
            "preserve_first: [prediction-log, monitors]",
            "preserve_first: [prediction-logs, monitors]",
            "containment.actions[0].preserve_first[0]: prediction-logs is no item of evidence.items; "
            "did you mean prediction-log?",
        ),
        (
            "required_for: [critical, high]",
            "required_for: [critical, high, medium]",
            "review.required_for[2]: medium must be reviewed, but its clocks set no review_within; "
            "add it to severities.medium.clocks, for example 14d",
        ),
        (
            "- id: labels\n",
            "- id: prediction-log\n",
            "evidence.items[1].id: prediction-log is used twice, first at evidence.items[0]; "
            "give it another id",
        ),
        (
            "frozen_at_open: labels",
            "frozen_at_open: prediction_log",
            "evidence.items[1].frozen_at_open: prediction_log is already frozen as prediction-log; "
            "keep one of them",
        ),
        (
            "    - unexpected_behaviour\n  #",
            "    - data_quality\n  #",
            "classification.category_order: does not name each category exactly once; "
            "use unexpected_behaviour, data_quality, performance_degradation, unauthorised_access, "
            "compliance_violation, security_incident, in your order",
        ),
        (
            "sign_off: [engineering, data_science, compliance, security]",
            "sign_off: []",
            "governance.sign_off: is empty; give at least 1",
        ),
        (
            "keep_years: 5",
            "keep_years: 9",
            "evidence.items[7].keep_years: evidence is kept 9 years, longer than the record that explains "
            "it; raise evidence.record_keep_years to 9",
        ),
        (
            'version: "1.0"',
            "version: 1.0",
            "version: 1.0 is not text; write it as text, in quotes if it looks like a number",
        ),
    ],
)
def test_a_mistake_in_the_playbook_is_told_at_its_line(
    edited: Callable[[str, str], list[str]], folder: Path, old: str, new: str, expected: str
) -> None:
    """R-PRE-02: errors name line and cause."""
    text = (folder / "playbook.yaml").read_text()
    marker = WHOLE_SECTIONS.get(expected.split(":")[0], old)
    line = text[: text.index(marker)].count("\n") + 1
    sentence = edited(old, new)[0]
    place, _, told = sentence.partition(" ")
    assert told == expected
    shown = int(place.split(":")[1])
    assert place.startswith("playbook.yaml:")
    assert shown == line, (shown, line)


def test_a_rule_on_one_line_is_pointed_into_at_the_very_word(
    edited: Callable[[str, str], list[str]], folder: Path
) -> None:
    sentence = edited("when: impact.users > 10000", "when: impact.usres > 10000")[0]
    _, line, column = sentence.split(" ")[0].split(":")
    written = (folder / "playbook.yaml").read_text().splitlines()[int(line) - 1]
    assert written[int(column) - 1 :].startswith(".usres > 10000")


def test_a_section_left_out_is_missed_by_name(edited: Callable[[str, str], list[str]]) -> None:
    """R-PRE-06: all six categories. R-PRE-03/held."""
    sentences = edited("  data_quality:\n    means", "  data_qualty:\n    means")
    assert sentences[0].endswith("categories.data_quality: is missing; add it")
    assert sentences[1].endswith("categories.data_qualty: is not known here; did you mean data_quality?")


def test_a_template_is_filled_once_and_says_what_is_not_known() -> None:
    template = Template(subject="{incident}: {title}", text="Dear {person}, {summary} {link}")
    subject, text = template.filled({"incident": "INC-1", "title": "A {link}\nBcc: all@x", "person": "Ana"})
    assert subject == "INC-1: A {link} Bcc: all@x"
    assert text == "Dear Ana, not known not known"
