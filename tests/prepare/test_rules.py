"""Rules: type-checked when loaded, decided by known facts, and never silent."""

from __future__ import annotations

import math
import resource
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast import prepare
from holdfast.prepare.rules import LONGEST, VARIABLES, FactValue, Outcome, Rules, rules_for, standard_rules
from holdfast.prepare.workspace import read_system

RULES = standard_rules()
DEEP = "[0,1,2,3,4,5,6,7,8,9]"


@pytest.mark.parametrize(
    "rule",
    [
        "impact.users > 100",
        'incident.severity in ["high", "critical"]',
        'alert.dimension == "performance" && alert.drop >= 0.15',
        "!impact.outage || system.priority <= 2",
        'alert.group["age_band"] == "18-25"',
        'alert.group.age_band in ["18-25", "26-35"]',
        '"age_band" in alert.group',
        "size(alert.group) == 0",
        "impact.users > 100 &&\n  impact.regulatory",
        "true",
        "alert.value > alert.limit",
    ],
)
def test_a_rule_over_measured_facts_is_accepted(rule: str) -> None:
    assert RULES.check(rule) == []


@pytest.mark.parametrize(
    ("rule", "column", "cause", "fix"),
    [
        (
            "impact.usres > 100",
            7,
            "impact.usres is no fact that rules can speak of",
            "did you mean impact.users?",
        ),
        (
            "alert.drop > 15",
            12,
            "> cannot compare a decimal number with a whole number",
            "write the limit as a decimal; a share of 15% is 0.15",
        ),
        (
            "impact.users > 0.5",
            14,
            "> cannot compare a whole number with a decimal number",
            "write the limit as a whole number",
        ),
        (
            'impact.users == "many"',
            14,
            "== cannot be used with a whole number and text",
            "compare like with like",
        ),
        ("impact.users", 1, "gives a whole number, not true or false", "compare it with a limit"),
        ("impact.users >", 15, "ends too early", "write for example impact.users > 100"),
        ("", 1, "ends too early", "write for example impact.users > 100"),
        (
            'incident.severity == "citical"',
            22,
            'incident.severity is never "citical"',
            "did you mean critical?",
        ),
        (
            "incident.severity in ['high', 'hihg']",
            31,
            "incident.severity is never 'hihg'",
            "did you mean high?",
        ),
        ('alert.dimension != "fairnes"', 20, 'alert.dimension is never "fairnes"', "did you mean fairness?"),
        (
            "impact.outage || has(alert.drop)",
            18,
            "has() does not tell whether a fact is known",
            "compare the fact directly; an unknown fact leaves the rule not decided",
        ),
        (
            "impact.share >= 10.0",
            17,
            "impact.share is between 0 and 1, so this is decided before anything is measured",
            "a share of 10% is written 0.1",
        ),
        (
            "impact.users < 0",
            16,
            "impact.users is 0 or more, so this is decided before anything is measured",
            "write a limit that it can cross, 0 or more",
        ),
        ('alert.metric == "acuracy"', 17, 'alert.metric is never "acuracy"', "did you mean accuracy?"),
        (
            '"citical" == incident.severity',
            1,
            'incident.severity is never "citical"',
            "did you mean critical?",
        ),
        ("x" * (LONGEST + 1), LONGEST + 1, f"is longer than {LONGEST} characters", "make it two criteria"),
    ],
)
def test_a_wrong_rule_names_column_cause_and_fix(rule: str, column: int, cause: str, fix: str) -> None:
    """R-XCT-04/rules."""
    found = RULES.check(rule)[0]
    assert (found.column, found.cause, found.fix) == (column, cause, fix)
    assert found.caret == f"{rule}\n{' ' * (column - 1)}^"


NEVER = [
    'alert.metric == "accuracy" && alert.drop >= 15.0',
    'alert.metric == "accuracy" && 15.0 <= alert.drop',
    'alert.metric in ["accuracy", "recall"] && alert.drop > 1.0',
    'alert.metric == "accuracy" && alert.drop <= 1.0',
    'alert.metric == "missing" && alert.drop < -1.0',
    '(alert.metric == "accuracy" && alert.drop >= 15.0) || impact.outage',
    'impact.outage ? alert.metric == "accuracy" && alert.drop >= 15.0 : impact.users > 5',
    'impact.outage && !(alert.metric == "accuracy" && alert.drop >= 15.0)',
    '(impact.outage || alert.drop >= 15.0) && alert.metric == "accuracy"',
    '!(alert.metric != "accuracy") && (alert.value >= 80.0 || impact.outage)',
    "impact.share > 1.0",
    "impact.share < 0.0",
    "impact.share >= 1.01",
    "impact.share == 15.0",
    "impact.users >= 0",
    "0 <= impact.inferences",
    "impact.share <= 1.0",
    "impact.exposed_share >= 0.0",
    "system.priority >= 1",
    "impact.outage || impact.users >= 0",
    'alert.metric == "accuracy" && alert.value >= 80.0',
    'alert.value >= 80.0 && alert.metric == "missing"',
    'alert.metric in ["accuracy", "recall"] && alert.value < 80.0',
    '(alert.metric == "accuracy" || alert.metric == "recall") && alert.value < 80.0',
    'alert.value < 80.0 && (alert.metric in ["accuracy"] || ("recall" == alert.metric))',
    'impact.outage || ((alert.metric == "psi" || alert.metric == "ks") && alert.value >= 80.0)',
    'alert.dimension == "fairness" && alert.value > 2.0',
    'alert.metric == "accuracy" && alert.dimension == "drift"',
    'alert.metric == "psi" && alert.dimension == "performance" && alert.value > 10.0',
    'impact.outage || (alert.dimension in ["drift", "fairness"] && alert.metric == "recall")',
    'alert.metric == "psi" && alert.value > 20.0',
    'alert.metric == "missing" && alert.limit >= 80.0',
    'impact.outage || (alert.metric == "accuracy" && alert.value >= 15.0)',
    "impact.share != 15.0",
    "impact.share > -0.1",
    "10.0 <= impact.share",
    "(impact.share) >= (10.0)",
    "!(impact.share >= 10.0)",
    "impact.outage || impact.share>=1e1",
    "impact.share in [0.1, 10.0]",
    "impact.outage ? impact.share > 2.0 : false",
    "impact.exposed_share > 5.0",
    "impact.exposed_users > -1",
    "impact.exposed_inferences < 0",
    "impact.inferences == -3",
    "system.priority < 1",
    "system.priority == 0",
    "0 == system.priority",
    "system.priority in [0, 1]",
]
SOMETIMES = [
    "impact.share >= 1.0",
    "impact.share > 0.0",
    "impact.share <= 0.0",
    "impact.share * 100.0 > 10.0",
    "100.0 * impact.share > 10.0",
    "100.0 * (impact.share) > 10.0",
    "1.0 - impact.share > 1.0",
    "-impact.share < -0.5",
    "impact.share > 10.0 / 100.0",
    "double(impact.users) > -1.0",
    "size(alert.group) > 10",
    "impact.users > 0",
    "system.priority == 1",
    "system.priority in [1, 2]",
    "alert.value > 10.0",
    "alert.drop >= 15.0",
    'alert.metric == "mean" && alert.value >= 80.0',
    'alert.metric == "coverage"',
    'alert.metric == "coverage" && alert.dimension == "fairness" && alert.value < 0.8',
    'alert.metric == "cannot measure" && alert.dimension == "monitoring"',
    'alert.metric in ["accuracy", alert.monitor] && alert.value >= 80.0',
    'alert.metric == "accuracy" && alert.dimension == "performance"',
    'alert.dimension == "drift" && alert.metric == "psi" && alert.value > 2.0',
    'alert.metric in ["accuracy", "mean"] && alert.value >= 80.0',
    'alert.metric == "accuracy" || alert.value >= 80.0',
    '(alert.metric == "accuracy" || impact.outage) && alert.value >= 80.0',
    '(alert.metric == "accuracy" || alert.metric == "mean") && alert.value >= 80.0',
    '(alert.metric == "accuracy" || alert.metric != "recall") && alert.value >= 80.0',
    '(alert.metric == "accuracy" || alert.monitor == "accuracy") && alert.value >= 80.0',
    '(alert.metric == "accuracy" || alert.value >= 80.0) && impact.outage',
    '!(alert.metric == "accuracy") && alert.value >= 80.0',
    'alert.metric != "accuracy" && alert.value >= 80.0',
    '(alert.metric == "accuracy") != true && alert.value >= 80.0',
    'alert.metric == "missing" && alert.drop >= 15.0',
    'alert.metric == "psi" && alert.value > 2.0',
    'alert.dimension == "performance" && alert.value >= 80.0',
    'alert.metric == "accuracy" && alert.drop >= 0.15',
    'alert.group["region"] == "impact.share > 10.0"',
    "impact.outage // impact.share > 10.0",
    'alert.metric in ["psi", "accuracy"]',
    "impact.exposed_share >= 0.5",
]


@pytest.mark.parametrize("rule", NEVER)
def test_a_limit_outside_the_range_of_a_fact_is_refused_wherever_it_stands(rule: str) -> None:
    """R-XCT-04: the rule type-checks, and nothing that is ever measured would change its outcome."""
    (found,) = RULES.check(rule)
    assert "so this is decided before anything is measured" in found.cause


@pytest.mark.parametrize("rule", SOMETIMES)
def test_a_limit_that_a_fact_can_cross_is_accepted(rule: str) -> None:
    assert RULES.check(rule) == []


def test_a_column_counts_through_the_lines_of_a_rule() -> None:
    rule = "impact.outage &&\n  impact.usres > 3"
    (found,) = RULES.check(rule)
    assert rule[found.column - 1 :].startswith(".usres")


def outcome(rule: str, facts: Mapping[str, FactValue | None]) -> Outcome:
    return RULES.evaluate(rule, facts).outcome


@pytest.mark.parametrize(
    ("rule", "facts", "expected"),
    [
        ("impact.users > 100", {"impact.users": 101}, Outcome.HOLDS),
        ("impact.users > 100", {"impact.users": 100}, Outcome.DOES_NOT_HOLD),
        ("impact.users > 100", {"impact.users": 0}, Outcome.DOES_NOT_HOLD),
        ("impact.users > 100", {}, Outcome.NOT_DECIDED),
        ("impact.users > 100", {"impact.users": None}, Outcome.NOT_DECIDED),
        ("alert.drop > 0.1", {"alert.drop": math.nan}, Outcome.NOT_DECIDED),
        ("alert.drop < 0.1", {"alert.drop": -math.inf}, Outcome.NOT_DECIDED),
        ("!(impact.users > 100)", {}, Outcome.NOT_DECIDED),
        ("impact.users > 100 || impact.outage", {"impact.outage": True}, Outcome.HOLDS),
        ("impact.users > 100 || impact.outage", {"impact.outage": False}, Outcome.NOT_DECIDED),
        ("impact.users > 100 && impact.outage", {"impact.outage": False}, Outcome.DOES_NOT_HOLD),
        ("impact.users > 100 && impact.outage", {"impact.outage": True}, Outcome.NOT_DECIDED),
        ("impact.inferences / impact.users > 3", {"impact.users": 0, "impact.inferences": 9}, Outcome.FAILED),
        ("alert.metric.matches('(')", {"alert.metric": "f1"}, Outcome.FAILED),
        ("impact.users > 100", {"impact.users": 2**70}, Outcome.FAILED),
        ("impact.users > 100", {"impact.users": "many"}, Outcome.FAILED),
        ("impact.usres > 100", {"impact.users": 3}, Outcome.FAILED),
    ],
)
def test_the_four_outcomes_of_a_rule(
    rule: str, facts: Mapping[str, FactValue | None], expected: Outcome
) -> None:
    """R-CLS-03: what nobody has measured is neither zero nor no."""
    assert outcome(rule, facts) is expected


def test_a_rule_that_fails_counts_as_holding_and_one_not_decided_does_not() -> None:
    """Fail closed: a broken rule escalates to a person (R-ESC-02)."""
    assert RULES.evaluate("1 / impact.users > 0", {"impact.users": 0}).fires
    assert not RULES.evaluate("impact.users > 100", {}).fires


@pytest.mark.parametrize(
    ("rule", "facts", "reason"),
    [
        (
            'alert.dimension == "performance" && alert.drop >= 0.15',
            {"alert.dimension": "performance", "alert.drop": 0.2178},
            'alert.dimension == "performance" && alert.drop >= 0.15 holds: '
            'alert.dimension is "performance", alert.drop is 0.2178',
        ),
        (
            "impact.users > 10000",
            {"impact.users": 1_234},
            "impact.users > 10000 does not hold: impact.users is 1,234",
        ),
        (
            "impact.users > 100 && impact.regulatory",
            {},
            "impact.users > 100 && impact.regulatory is not decided: "
            "impact.users and impact.regulatory are not known yet",
        ),
        (
            "1 / impact.users > 0",
            {"impact.users": 0},
            "1 / impact.users > 0 could not be evaluated (divide by zero) and therefore counts as true",
        ),
    ],
)
def test_the_reason_shows_the_rule_and_the_values_it_saw(
    rule: str, facts: Mapping[str, FactValue | None], reason: str
) -> None:
    """R-CLS-03."""
    assert RULES.evaluate(rule, facts).reason == reason


def test_only_facts_the_rule_speaks_of_count_as_used() -> None:
    """A name inside a quoted text or a comment is no fact."""
    rule = 'alert.monitor == "impact.users" // impact.outage'
    verdict = RULES.evaluate(
        rule, {"alert.monitor": "impact.users", "impact.users": 3, "impact.outage": True}
    )
    assert verdict.outcome is Outcome.HOLDS
    assert verdict.used == {"alert.monitor": "impact.users"}


@pytest.mark.parametrize(
    ("rule", "instead"),
    [
        ('alert.group == "age_band=18-25"', 'alert.group["age_band"] == "18-25"'),
        ("alert.group == 'region=Frankfurt'", 'alert.group["region"] == "Frankfurt"'),
        (
            'alert.group == "age=18-25, region=north" && impact.outage',
            'alert.group["age"] == "18-25" && alert.group["region"] == "north"',
        ),
        (
            'alert.group != "region=north"',
            '!("region" in alert.group && alert.group["region"] == "north")',
        ),
        ('alert.group in ["region=north"]', 'alert.group["region"] == "north"'),
        ('alert.group == ""', "size(alert.group) == 0"),
        ('alert.group != ""', "size(alert.group) != 0"),
        ('alert.group.startsWith("age_band=")', '"age_band" in alert.group'),
        ('alert.group.contains("north")', 'alert.group["age_band"] == "18-25"'),
        ('"region=north" == alert.group', 'alert.group["age_band"] == "18-25"'),
        ('alert.group == "north"', 'alert.group["age_band"] == "18-25"'),
        ('alert.group.matches("north$")', 'alert.group["age_band"] == "18-25"'),
    ],
)
def test_a_rule_that_takes_a_group_for_text_is_told_how_to_write_it(rule: str, instead: str) -> None:
    """R-DET-05. What it is told is a rule that can be used."""
    (found,) = RULES.check(rule)
    assert found.cause == "alert.group is a mapping of columns to values, and no text"
    assert found.fix.endswith(instead)
    assert RULES.check(instead) == []


@pytest.mark.parametrize(
    ("rule", "group", "outcome"),
    [
        ('alert.group["region"] == "Frankfurt, Main"', {"region": "Frankfurt, Main"}, Outcome.HOLDS),
        ('alert.group.region == "a=b"', {"region": "a=b"}, Outcome.HOLDS),
        ("alert.group.region == 'rue b'", {"region": "rue b"}, Outcome.HOLDS),
        ('alert.group["größe der Filiale"] == "groß"', {"größe der Filiale": "groß"}, Outcome.HOLDS),
        ('alert.group.region == "north"', {"region": "north", "age": "18-25"}, Outcome.HOLDS),
        ('alert.group.region == "north"', {"region": "south"}, Outcome.DOES_NOT_HOLD),
        ('alert.group.region == "north"', {"age": "18-25"}, Outcome.DOES_NOT_HOLD),
        ('alert.group.region != "north"', {}, Outcome.DOES_NOT_HOLD),
        ('!("region" in alert.group)', {}, Outcome.HOLDS),
        ("size(alert.group) == 0", {}, Outcome.HOLDS),
        ('alert.group.region == "north"', None, Outcome.NOT_DECIDED),
        ('alert.group.region == "north" || impact.users > 3', {}, Outcome.NOT_DECIDED),
        ('alert.group.region == "north" || alert.n > 3', {}, Outcome.FAILED),
    ],
)
def test_a_rule_reads_a_group_as_a_mapping(
    rule: str, group: Mapping[str, str] | None, outcome: Outcome
) -> None:
    """R-DET-05. A group without the column is known not to be the one asked for."""
    assert RULES.evaluate(rule, {"alert.group": group}).outcome is outcome


def test_what_a_group_lacks_is_said_and_something_else_may_decide() -> None:
    rule = 'alert.group.region == "north" || impact.users > 3'
    assert RULES.evaluate(rule, {"alert.group": {}, "impact.users": 4}).outcome is Outcome.HOLDS
    few = RULES.evaluate(rule, {"alert.group": {}, "impact.users": 3})
    assert few.outcome is Outcome.DOES_NOT_HOLD
    assert few.reason == f'{rule} does not hold: the group measured has no column "region"'
    held = RULES.evaluate('alert.group.region == "north"', {"alert.group": {"region": "north"}})
    assert held.reason == 'alert.group.region == "north" holds: alert.group is region "north"'


def test_a_fact_nobody_declared_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"no rule can speak of impact.usres; did you mean impact.users\?"):
        RULES.evaluate("impact.users > 3", {"impact.usres": 3})


def test_attack_a_rule_cannot_loop_for_long() -> None:
    loop = "true"
    for name in "abcdefg":
        loop = f"{DEEP}.all({name}, {loop.replace('true', 'impact.users >= 0')})"
    verdict = RULES.evaluate(loop, {"impact.users": 1})
    assert verdict.outcome is Outcome.FAILED
    assert "budget" in verdict.reason


@pytest.mark.parametrize(
    "rule", ["(" * 400 + "true" + ")" * 400, "[" * 400 + "]" * 400 + " == []", "!" * 900 + "true"]
)
def test_attack_nesting_without_end_is_refused_or_harmless(rule: str) -> None:
    for problem in RULES.check(rule):
        assert "cannot be checked" in problem.cause
    assert RULES.evaluate(rule, {}).outcome in (Outcome.FAILED, Outcome.HOLDS)


def test_attack_a_pattern_that_explodes_elsewhere_is_answered_at_once() -> None:
    """RE2 matches in linear time."""
    assert (
        outcome("alert.metric.matches('(a+)+$')", {"alert.metric": "a" * 5_000 + "b"})
        is Outcome.DOES_NOT_HOLD
    )


SAMPLES: dict[type, st.SearchStrategy[FactValue]] = {
    bool: st.booleans(),
    int: st.integers(min_value=-(2**63), max_value=2**63 - 1),
    float: st.floats(),
    str: st.text(max_size=20),
    dict: st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3),
}
FACTS = st.fixed_dictionaries(
    {}, optional={variable.name: st.none() | SAMPLES[variable.kind] for variable in VARIABLES}
)


@given(st.text(alphabet='imapctusergl.0123 ><=&|!()"', max_size=60), FACTS)
def test_any_text_over_any_facts_gives_a_verdict_with_a_reason(
    rule: str, facts: dict[str, FactValue | None]
) -> None:
    assert RULES.evaluate(rule, facts).reason
    assert all(problem.column >= 1 for problem in RULES.check(rule))


@given(FACTS)
def test_a_threshold_is_decided_exactly_when_its_fact_is_known(facts: dict[str, FactValue | None]) -> None:
    users = facts.get("impact.users")
    expected = Outcome.NOT_DECIDED
    if isinstance(users, int):
        expected = Outcome.HOLDS if users > 100 else Outcome.DOES_NOT_HOLD
    assert outcome("impact.users > 100", facts) is expected


def test_rules_may_be_made_over_other_facts() -> None:
    assert Rules(VARIABLES[:1]).check("impact.users > 3")


GROWING = {
    "texts that double": '["aaaaaaaaaa"]' + ".map(x, x + x)" * 15 + '.exists(x, x == "b")',
    "lists that double": '["a"]' + ".map(x, [x, x])" * 15 + " == []",
    "a loop within a loop": "[1, 2, 3].map(x, [1, 2, 3].map(y, x + y)) == []",
    "texts whose kind is hidden": '["a", 1].exists(x, [x + x, 1].exists(y, [y + y, 1].exists(z, z == "b")))',
    "a kind that is hidden": 'dyn("a") + dyn("a") == "b"',
    "lists of lists": '["a"].exists(a, [[a, a]].exists(b, [[b, b]].exists(c, c == c)))',
    "a list within a choice": "[(true ? [1] : [2])].exists(b, b == b)",
    "maps": '{"a": [1, 2]}.all(x, true)',
    "what a raw text hides": 'r"\\" == "" || ["a"].map(x, [x, x]) == [] || "" == ""',
    "what a text of three quotes hides": '"""" == "" || ["a"].map(x, [x, x]) == []"""  == ""',
    "a comment between": '["a"]. // x\n map(x, [x, x]) == []',
}


@pytest.mark.parametrize("called", GROWING)
def test_attack_a_rule_cannot_build_what_grows(called: str) -> None:
    """242 characters once made two gigabytes. What was stored before is not run either, and fails closed."""
    rule = GROWING[called]
    assert RULES.check(rule) != []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    verdict = RULES.evaluate(rule, {})
    assert verdict.outcome is Outcome.FAILED
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_rule_that_builds_says_where_and_what_to_do() -> None:
    (problem,) = RULES.check('alert.monitor + "x" == "yx"')
    assert (problem.column, problem.cause) == (
        15,
        "cannot be checked: it builds something, and a rule only compares what is known",
    )
    assert RULES.check('["accuracy", "psi"].exists(one, alert.metric == one) && alert.value < -0.1') == []
    assert RULES.check('alert.monitor == "a+b [c [d]] {e} .map(f)"') == []


@pytest.mark.parametrize(
    "rule",
    [
        "alert.value > 5.0 && alert.value < 3.0",
        "5.0 < alert.value && 3.0 > alert.value",
        "alert.value > 0.5 && impact.outage && alert.value <= 0.5",
        "impact.users > 5 && impact.users < 6",
        "impact.users == 5 && impact.users != 5",
        "impact.users == 5 && impact.users == 6",
        "impact.users == 5 && impact.users > 7",
        "impact.users >= 5 && impact.users <= 5 && impact.users != 5",
        'incident.severity == "high" && incident.severity == "low"',
        'incident.severity == "high" && incident.severity != "high"',
        "impact.outage || (alert.value > 5.0 && alert.value < 3.0)",
        "impact.outage && (alert.value > 5.0 && (alert.value < 3.0))",
    ],
)
def test_conditions_that_exclude_one_another_are_refused(rule: str) -> None:
    """R-PRE-02: a rule that can never hold would keep silent for ever."""
    (found,) = standard_rules().check(rule)
    assert "can never hold" in found.cause
    assert found.fix


@pytest.mark.parametrize(
    "rule",
    [
        "alert.value > 3.0 && alert.value < 5.0",
        "alert.value > 5.0 || alert.value < 3.0",
        "impact.users >= 5 && impact.users <= 5",
        "impact.users > 5 && impact.users < 7 && impact.users != 5",
        "impact.outage && (alert.value > 5.0 || alert.value < 3.0)",
        "!(alert.value > 5.0 && alert.value < 3.0)",
        "(alert.value > 5.0) == (alert.value < 3.0)",
        "(impact.outage ? alert.value > 5.0 : alert.value < 3.0)",
        'incident.severity in ["high", "low"]',
        'incident.severity == "high" || incident.severity == "low"',
        'alert.dimension == "drift" && incident.severity == "high"',
        "alert.value > 5.0 && alert.limit < 3.0",
    ],
)
def test_a_rule_that_may_hold_is_not_refused_for_what_it_names_twice(rule: str) -> None:
    assert not [one for one in standard_rules().check(rule) if "can never hold" in one.cause]


@pytest.mark.parametrize("rule", ["alert.value > 1e400", "alert.value < -1e999", "1e400 > alert.value"])
def test_a_number_beyond_all_numbers_is_refused_with_a_whole_sentence(rule: str) -> None:
    found = standard_rules().check(rule)
    assert found
    assert all("is ," not in one.cause and not one.fix.endswith(", ") for one in found)
    assert any("too large for a number" in one.cause for one in found)


@pytest.mark.parametrize(
    "rule",
    [
        "!(impact.users > 100) && impact.users > 200",
        'incident.severity in ["high"] && !(incident.severity == "high" || incident.severity == "low")',
        "impact.share > 0.5 && !(impact.share > 0.3)",
        "(impact.outage ? impact.users > 5 : impact.users > 9) && impact.users < 3",
        "impact.users > 100 && (impact.users < 50 || impact.users < 20)",
        "impact.outage && !impact.outage",
        'system.id == "a" && !(system.id in ["a", "b"])',
        "impact.users in [5, 6] && !(impact.users > 4)",
        "(impact.users > 4) == (impact.users <= 4)",
        "!(impact.breach || impact.outage) && (impact.breach || impact.outage)",
    ],
)
def test_what_can_never_hold_is_refused_also_behind_a_denial_a_choice_or_a_list(rule: str) -> None:
    """R-CLS-03: it is tried with a value of each kind that its facts can have."""
    (problem,) = RULES.check(rule)
    assert "nothing that could be measured for which this holds" in problem.cause
    assert RULES.judges(rule)


@pytest.mark.parametrize(
    "rule",
    [
        "!(impact.users > 100) || impact.outage",
        'alert.drop > 0.15 && !(alert.metric == "accuracy")',
        'impact.users > 100 && !(incident.severity in ["low", "medium"])',
        "(impact.outage ? impact.users > 5 : impact.users > 9) && impact.users < 7",
        "!(impact.share > 0.3) && impact.share > 0.29",
        "impact.users > 4 && !(impact.users > 5)",
        'system.id != "a" && !(system.id == "b")',
    ],
)
def test_what_can_hold_is_accepted_and_counts_as_judged(rule: str) -> None:
    assert RULES.check(rule) == []
    assert RULES.judges(rule)


@pytest.mark.parametrize(
    "rule",
    [
        'alert.group["age_band"] == "18-25"',
        'alert.monitor.startsWith("x") && !alert.monitor.startsWith("x")',
        "impact.share * 100.0 > 500.0",
        "alert.value < alert.limit && alert.value > alert.limit",
    ],
)
def test_a_rule_that_cannot_be_judged_beforehand_is_not_called_fine(rule: str) -> None:
    assert RULES.check(rule) == []
    assert not RULES.judges(rule)


@pytest.mark.parametrize(
    "rule",
    [
        '!(alert.metric == "accuracy" && alert.drop >= 15.0)',
        "impact.users > 5 || impact.users < 7",
        'incident.severity == "high" || incident.severity != "high"',
    ],
)
def test_a_rule_that_holds_whatever_is_measured_is_refused(rule: str) -> None:
    """R-XCT-04: it would classify every incident alike."""
    (found,) = RULES.check(rule)
    assert found.cause == "this holds whatever is measured"


STARTER = (Path(prepare.__file__).parent / "starter" / "systems" / "loan-approval.yaml").read_text()


def rules_with(text: str) -> Rules:
    return rules_for([read_system("systems/loan-approval.yaml", text.encode())])


@pytest.mark.parametrize(
    ("rule", "cause"),
    [
        ('alert.monitor == "acuracy"', "alert.monitor is never"),
        ('system.id == "lone-approval"', "system.id is never"),
        ('alert.monitor in ["accuracy", "acuracy"]', "alert.monitor is never"),
        ('alert.monitor == "accuracy" && alert.metric == "psi"', "no alert has this"),
        ('alert.monitor == "accuracy" && alert.drop >= 15.0', "alert.drop is 1 or less"),
        ('alert.monitor == "accuracy" && alert.value > 80.0', "alert.value is between 0 and 1"),
        ('alert.monitor == "accuracy" && alert.limit > 1.5', "alert.limit is"),
        ('system.id == "loan-approval" && alert.metric == "accuracy" && alert.drop > 1.5', "alert.drop is"),
    ],
)
def test_a_rule_is_held_against_the_monitors_that_there_are(rule: str, cause: str) -> None:
    """R-XCT-04: whoever names a monitor has said what it measures."""
    (found, *_) = rules_with(STARTER).check(rule)
    assert found.cause.startswith(cause)


def test_a_monitor_that_says_its_metric_gets_worse_otherwise_is_believed() -> None:
    """R-XCT-04: how much worse than a small reference it can be has no end then."""
    text = STARTER.replace("    metric: accuracy\n", "    metric: accuracy\n    worse: either\n")
    rule = 'alert.metric == "accuracy" && alert.drop >= 15.0'
    assert rules_with(text).check(rule) == []
    assert rules_with(STARTER).check(rule)
