"""The playbook's rules: short CEL expressions over measured facts, type-checked when a file is loaded.

One idea: a rule has four outcomes, and none of them is silence.

- *holds* or *does not hold*: decided by facts that are known.
- *not decided*: the outcome hangs on a fact nobody has measured yet. It is not taken for zero or no; the
  rule is asked again when the fact arrives. (`impact.users > 100 || impact.outage` is decided by an
  outage alone, because CEL's `&&` and `||` need only the operand that settles them.)
- *failed*: the rule broke while running (a division by zero, a bad pattern). Fail closed: it counts as
  holding, so that a broken rule escalates to a person instead of hiding an incident.

CEL: https://github.com/google/cel-spec. Numbers do not mix: a decimal fact is compared with `0.15`, a
count with `100`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from itertools import pairwise, product
from typing import Any

from cel_expr_python import cel

from holdfast.metrics import METRICS
from holdfast.metrics.metric import Dimension
from holdfast.prepare import raising
from holdfast.prepare.comparing import (
    TEXT,
    Comparison,
    alternatives,
    comparisons,
    conjunctions,
    reads_values_alone,
)
from holdfast.prepare.grouped import mapped
from holdfast.prepare.raising import NAMING, NUMBERS
from holdfast.prepare.raising import Source as AlertSource
from holdfast.prepare.systems import System
from holdfast.prepare.terms import CANNOT_MEASURE, COVERAGE, MONITORING, Category, Severity
from holdfast.problems import did_you_mean

MOST_TRIED = 5_000
"""Combinations of values that a rule is tried with before it is used."""
LONGEST = 1_000
"""Characters a rule may have; criteria are one thought each."""

FactValue = bool | int | float | str | Mapping[str, str]
Facts = Mapping[str, FactValue | None]
"""Measured facts by variable name. Absent, None, NaN and infinite all mean: not known."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One fact a rule may speak of."""

    name: str
    kind: type[bool | int | float | str | dict[str, str]]
    meaning: str
    words: tuple[str, ...] = ()
    """The texts it can be, where they are fixed."""
    least: float | None = None
    most: float | None = None
    """The range of a number: nothing it could be compared with lies outside."""

    @property
    def range(self) -> str:
        """`between 0 and 1`, `1 or more`; empty where nothing bounds it."""
        if self.least is None:
            return "" if self.most is None else f"{self.most:.4g} or less"
        if self.most is None:
            return f"{self.least:.4g} or more"
        return f"between {self.least:.4g} and {self.most:.4g}"

    def excludes(self, sign: str, value: float) -> bool:
        """Whether a comparison with a number can have one outcome only, whatever is measured."""
        least = -math.inf if self.least is None else self.least
        most = math.inf if self.most is None else self.most
        at_an_end = (sign in ("<", ">=") and value == least) or (sign in (">", "<=") and value == most)
        return at_an_end or not least <= value <= most

    def within(self, ranges: Sequence[tuple[float, float]]) -> Variable:
        """The same fact where it lies in one of these ranges."""
        least, most = min(low for low, _ in ranges), max(high for _, high in ranges)
        return replace(
            self,
            least=None if math.isinf(least) else least,
            most=None if math.isinf(most) else most,
        )

    def remedy(self, value: float) -> str:
        """What was meant, where that can be told."""
        if (self.least, self.most) == (0, 1) and 1 < value <= 100:
            return f"a share of {value:g}% is written {value / 100!r}"
        if self.name == "alert.drop" and 1 < value <= 100:
            return f"a loss of {value:g}% is written {value / 100!r}"
        return f"write a limit that it can cross, {self.range}"


class Source(StrEnum):
    """Where an incident came from."""

    ALERT = "alert"
    PERSON = "person"


VARIABLES: tuple[Variable, ...] = (
    Variable("alert.dimension", str, "what the monitor watches", (*Dimension, MONITORING)),
    Variable("alert.monitor", str, "id of the monitor that raised the alert"),
    Variable(
        "alert.metric",
        str,
        "name of the measured metric, for example accuracy or psi; coverage: rows whose group is known",
        (*(metric.name for metric in METRICS), COVERAGE, CANNOT_MEASURE),
    ),
    Variable("alert.value", float, "the measured value"),
    Variable("alert.limit", float, "the limit the monitor states"),
    Variable("alert.drop", float, "relative change for the worse against the reference; 0.15 is 15%"),
    Variable(
        "alert.group",
        dict,
        'column and value of the group measured: `alert.group["age_band"] == "18-25"`, which does not hold '
        "for a group without that column; empty for everyone",
    ),
    Variable(
        "impact.users", int, "people affected: touched by the fault, as a rule or a person says", least=0
    ),
    Variable("impact.inferences", int, "predictions affected", least=0),
    Variable("impact.share", float, "share of the period's predictions affected, 0 to 1", least=0, most=1),
    Variable("impact.exposed_users", int, "people served while something was wrong, touched or not", least=0),
    Variable("impact.exposed_inferences", int, "predictions made while something was wrong", least=0),
    Variable(
        "impact.exposed_share", float, "share of the period's predictions exposed, 0 to 1", least=0, most=1
    ),
    Variable("impact.outage", bool, "the system gives no answers"),
    Variable("impact.sensitive_data", bool, "sensitive data is involved"),
    Variable("impact.breach", bool, "model or data left the organisation's control"),
    Variable("impact.regulatory", bool, "a legal or regulatory requirement is violated"),
    Variable("impact.external_notice", bool, "customers or regulators must be told"),
    Variable("incident.severity", str, "the severity now in force", tuple(Severity)),
    Variable("incident.category", str, "the category now in force", tuple(Category)),
    Variable("incident.source", str, "where the report came from", tuple(Source)),
    Variable("system.id", str, "id of the AI system"),
    Variable("system.priority", int, "priority rank of the system; 1 is covered first", least=1),
)
"""Everything rules may speak of; `docs/` and the editor schema list it from here."""

_TYPES = {
    bool: cel.Type.BOOL,
    int: cel.Type.INT,
    float: cel.Type.DOUBLE,
    str: cel.Type.STRING,
    dict: cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}
_KINDS = {
    "int": "a whole number",
    "double": "a decimal number",
    "string": "text",
    "bool": "true or false",
    "map": "a mapping",
    "map(string, string)": "a mapping",
}


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """Why a rule cannot be used, at a column (from 1) of its text."""

    column: int
    cause: str
    fix: str
    caret: str
    """The rule with a caret under the column."""


class Outcome(StrEnum):
    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    NOT_DECIDED = "not decided"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule, in words a person can check."""

    rule: str
    outcome: Outcome
    reason: str
    used: Mapping[str, FactValue]
    """The measured facts the rule speaks of."""
    unknown: tuple[str, ...]
    """Facts the rule speaks of that are not known."""

    @property
    def fires(self) -> bool:
        """Whether to act as if the rule holds; a failed rule does (fail closed)."""
        return self.outcome in (Outcome.HOLDS, Outcome.FAILED)


class Rules:
    """Checks and evaluates rules over the declared variables."""

    def __init__(
        self, variables: Sequence[Variable] = VARIABLES, alerts: Sequence[AlertSource] = raising.ANY
    ) -> None:
        self._alerts = alerts
        """What can raise an alert."""
        self._variables = {variable.name: variable for variable in variables}
        self._env: Any = cel.NewEnv(
            config=cel.NewEnvConfigFromYaml(_ENVIRONMENT),
            variables={variable.name: _TYPES[variable.kind] for variable in variables},
        )
        self._compiled: dict[str, Any] = {}

    def check(self, text: str) -> list[RuleProblem]:
        """Everything wrong with a rule: syntax, names, types, and texts a fact can never be."""
        if len(text) > LONGEST:
            return [
                _problem(text, LONGEST + 1, f"is longer than {LONGEST} characters", "make it two criteria")
            ]
        if built := _builds(text):
            return [_problem(text, *built)]
        if asked := re.search(r"\bhas\s*\(", _without_texts(text)):
            column = asked.start() + 1
            fix = "compare the fact directly; an unknown fact leaves the rule not decided"
            return [_problem(text, column, "has() does not tell whether a fact is known", fix)]
        try:
            result = self._compile(text).return_type().name()
        except RuntimeError as error:
            return self._compile_problems(text, str(error))
        if result != "BOOL":
            return [
                _problem(
                    text, 1, f"gives {_said(result.lower())}, not true or false", "compare it with a limit"
                )
            ]
        return self._impossible(text)

    def judges(self, text: str) -> bool:
        """Whether it can be told of a rule, before anything is measured, if it can hold at all: by trying it,
        or because nothing but `&&` and outermost `||` join its comparisons."""
        if not reads_values_alone(text, self._variables, self._truths):
            return False
        return self._tried(text) is not None or len(conjunctions(text)) == len(text.split("||"))

    @property
    def _truths(self) -> list[str]:
        return [name for name, variable in self._variables.items() if variable.kind is bool]

    def _tried(self, text: str) -> set[bool] | None:
        """Whether a rule holds, for all values of its facts that there can be together; None where trying
        cannot tell."""
        tried = self._values_of(text)
        if tried is None:
            return None
        compiled = self._compile(text)
        return {
            compiled.eval(data=values).value() is True
            for values in tried
            if raising.can_be(self._alerts, values)
        }

    def _values_of(self, text: str) -> list[dict[str, FactValue]] | None:
        """Values of the facts of a rule, in all combinations, that stand for all that they can be.

        Between two literals that a fact is compared with, all of its values are alike: one of each stands
        for all.
        """
        names = self._names(text)
        if not names or not reads_values_alone(text, self._variables, self._truths):
            return None
        made = list(comparisons(text, self._variables))
        values = [
            self._values(self._variables[name], [one.literal for one in made if one.fact == name], names)
            for name in names
        ]
        if math.prod(map(len, values)) > MOST_TRIED:
            return None
        return [dict(zip(names, one, strict=True)) for one in product(*values)]

    def _values(
        self, variable: Variable, literals: Sequence[str | float], beside: Sequence[str]
    ) -> list[FactValue]:
        """Values of a fact that stand for all, beside other facts that the rule speaks of."""
        if variable.name in NUMBERS:
            return _values(variable, [*literals, *raising.ends_of(variable.name, self._alerts)])
        if variable.name not in NAMING or not variable.words:
            return _values(variable, literals)
        known = list(dict.fromkeys(one for one in literals if isinstance(one, str)))
        others = {
            raising.alike(self._alerts, variable.name, word, beside): word
            for word in reversed(variable.words)
            if word not in known
        }
        return [*known, *others.values()]

    def _decided(self, text: str, made: Sequence[Comparison]) -> Iterator[Comparison]:
        """Comparisons of a number of an alert that have one outcome wherever they matter: because of which
        alert it is then, and not because of what else is asked of that number."""
        numbers = [one for one in made if one.fact in NUMBERS and one.ends]
        tried = self._values_of(text) if numbers else None
        for one in numbers if tried else ():
            held, failed = (self._with(text, one, instead) for instead in ("true", "false"))
            if held is None or failed is None:
                continue
            matters = [v for v in tried or () if held.eval(data=v).value() != failed.eval(data=v).value()]
            outcomes = {_holds(one, v[one.fact]) for v in matters if raising.can_be(self._alerts, v)}
            if len(outcomes) == 1 and len({_holds(one, v[one.fact]) for v in matters}) == 2:
                yield one

    def _with(self, text: str, one: Comparison, instead: str) -> Any:
        """The rule with a comparison settled; None where it does not stand alone."""
        try:
            return self._env.compile(f"{text[: one.begins]}{instead}{text[one.ends :]}")
        except RuntimeError:
            return None

    def evaluate(self, text: str, facts: Facts) -> Verdict:
        """Ask one rule. Never raises for a rule or fact that misbehaves: that is a failed verdict.

        Raises ValueError for a fact no rule can speak of, because that is a mistake of the caller.
        """
        known = self._known(facts)
        named = self._names(text)
        used = {name: known[name] for name in named if name in known}
        unknown = tuple(name for name in named if name not in known)
        if built := _builds(text):
            return _failed(text, built[1], used, unknown)
        try:
            value = self._compile(text).eval(data=known)
        except RuntimeError as error:
            return _failed(text, str(error), used, unknown)
        if value.type() == cel.Type.BOOL:
            outcome = Outcome.HOLDS if value.value() else Outcome.DOES_NOT_HOLD
            return Verdict(text, outcome, f"{text} {outcome}: {_facts_said(used)}", used, unknown)
        complaint = str(value.value())
        if unknown and complaint.startswith("UNKNOWN: No value with name"):
            reason = f"{text} is not decided: {_listed(unknown)} not known yet"
            return Verdict(text, Outcome.NOT_DECIDED, reason, used, unknown)
        if missing := re.search(r"Key not found in map : \"(.*)\"", complaint):
            why = f'the group measured has no column "{missing[1]}"'
            if unknown:  # what is not known yet may decide it all the same
                reason = f"{text} is not decided: {_listed(unknown)} not known yet, and {why}"
                return Verdict(text, Outcome.NOT_DECIDED, reason, used, unknown)
            reason = f"{text} does not hold: {why}"
            return Verdict(text, Outcome.DOES_NOT_HOLD, reason, used, unknown)
        return _failed(text, complaint, used, unknown)

    def _compile(self, text: str) -> Any:
        if text not in self._compiled:
            self._compiled[text] = self._env.compile(text)
        return self._compiled[text]

    def _known(self, facts: Facts) -> dict[str, FactValue]:
        strange = sorted(set(facts) - set(self._variables))
        if strange:
            raise ValueError(
                f"no rule can speak of {', '.join(strange)}; {did_you_mean(strange[0], self._variables)}"
            )
        return {
            name: value
            for name, value in facts.items()
            # NaN compares false with everything: as a measured value it would decide a rule in silence.
            if value is not None and not (isinstance(value, float) and not math.isfinite(value))
        }

    def _names(self, text: str) -> list[str]:
        """The declared variables a rule speaks of, in the order written, each once."""
        found = re.findall(r"[a-z_]+(?:\.[a-z_]+)+", _without_texts(text))
        return list(dict.fromkeys(name for word in found for name in self._declared_in(word)))

    def _declared_in(self, word: str) -> list[str]:
        """`alert.metric.startsWith` speaks of `alert.metric`."""
        return [name for name in self._variables if word == name or word.startswith(f"{name}.")]

    def _compile_problems(self, text: str, message: str) -> list[RuleProblem]:
        places = re.findall(r"ERROR: <input>:(\d+):(\d+): (.*)", message)
        if not places:
            return [_problem(text, 1, f"cannot be checked ({_plain(message)})", "make it simpler")]
        problems = []
        for line, column, complaint in places[:3]:
            offset = _offset(text, int(line), int(column))
            problems.append(_problem(text, offset, *self._in_words(text, complaint)))
        return problems

    def _in_words(self, text: str, complaint: str) -> tuple[str, str]:
        if match := re.search(r"undeclared reference to '([^']*)'", complaint):
            name = match[1]
            return f"{name} is no fact that rules can speak of", did_you_mean(name, self._variables)
        if match := re.search(r"no matching overload for '([^']*)' applied to '\((.*)\)'", complaint):
            if "map(" in match[2]:
                return "alert.group is a mapping of columns to values, and no text", mapped(text)
            return _mismatch(match[1], match[2])
        complaint = re.sub(r"^Syntax error: ", "", complaint).replace("<EOF>", "the end").rstrip()
        if "expecting" in complaint and complaint.startswith("mismatched input 'the end'"):
            return "ends too early", "write for example impact.users > 100"
        return (
            f"is not a rule: {_plain(complaint)}",
            "write for example impact.users > 100 && impact.regulatory",
        )

    def _impossible(self, text: str) -> list[RuleProblem]:
        """What type-checks and can never hold: a text the fact never is, a number out of its range."""
        problems: list[RuleProblem] = []
        made = list(comparisons(text, self._variables))
        parts = alternatives(text)
        problems += self._contradictions(text, made, parts)
        finite = [one for one in made if isinstance(one.literal, str) or math.isfinite(one.literal)]
        problems += _excluding(text, finite, self._variables)
        for found in made:
            if isinstance(found.literal, float) and math.isinf(found.literal):
                cause = f"{found.spelled} is too large for a number, and nothing measured can reach it"
                problems.append(_problem(text, found.column, cause, "write a number of fewer digits"))
                continue
            together = [one for part in parts if found.column in part for one in made if one.column in part]
            variable = self._narrowed(self._variables[found.fact], together)
            if isinstance(found.literal, str):
                if variable.words and found.literal not in variable.words:
                    fix = did_you_mean(found.literal, variable.words)
                    cause = f"{variable.name} is never {found.spelled}"
                    problems.append(_problem(text, found.column, cause, fix))
            elif variable.excludes(found.sign, found.literal):
                cause = f"{variable.name} is {variable.range}, so this is decided before anything is measured"
                problems.append(_problem(text, found.column, cause, variable.remedy(found.literal)))
        return problems or list(self._settled(text, made))

    def _settled(self, text: str, made: Sequence[Comparison]) -> Iterator[RuleProblem]:
        """What shows when the rule is tried."""
        outcomes = self._tried(text)
        if outcomes is not None and True not in outcomes:
            cause = "there is nothing that could be measured for which this holds"
            yield _problem(text, 1, cause, "leave one of the conditions out, or write ||")
        elif outcomes == {True}:
            cause = "this holds whatever is measured"
            yield _problem(text, 1, cause, "leave one of the conditions out, or write &&")
        else:
            for one in self._decided(text, made):
                cause = (
                    f"{one.fact} cannot cross this of any alert that it is asked of, so this is decided "
                    "before anything is measured"
                )
                yield _problem(text, one.column, cause, "write a limit that it can cross")

    def _contradictions(
        self, text: str, made: Sequence[Comparison], parts: Sequence[Collection[int]]
    ) -> Iterator[RuleProblem]:
        """Parts of a rule that name what no alert has together: a metric and a dimension, or a monitor."""
        for part in parts:
            together = [one for one in made if one.column in part]
            said = _said_of_alert(together)
            if raising.meant(self._alerts, said) == []:
                last = max(one.column for one in together if one.fact in said)
                what = " and this ".join(fact.rpartition(".")[2].replace("id", "system") for fact in said)
                cause = f"no alert has this {what}, so this is decided before anything is measured"
                yield _problem(text, last, cause, "leave one of the two out")

    def _narrowed(self, variable: Variable, together: Sequence[Comparison]) -> Variable:
        """A number of an alert beside what the same part of the rule says of which alert it is."""
        if variable.name not in NUMBERS:
            return variable
        said = _said_of_alert(together)
        raised = raising.meant(self._alerts, said)
        if not raised:
            return variable
        return variable.within([raising.range_of(variable.name, raised, "alert.metric" not in said)])


def _excluding(
    text: str, made: Sequence[Comparison], variables: Mapping[str, Variable]
) -> Iterator[RuleProblem]:
    """Parts of a rule that ask two things of one fact which exclude one another."""
    for part in conjunctions(text):
        together = [one for one in made if one.column in part]
        for fact in dict.fromkeys(one.fact for one in together):
            own = [one for one in together if one.fact == fact]
            if not _can_hold(own, whole=variables[fact].kind is int):
                cause = f"no {fact} fulfils all that is asked of it here, so this can never hold"
                yield _problem(text, own[-1].column, cause, "leave one of the conditions out, or write ||")


def _values(variable: Variable, literals: Sequence[str | float]) -> list[FactValue]:
    """Values of a fact that stand for all: each that it is compared with, one between every two, and one
    beyond each end."""
    if variable.kind is bool:
        return [True, False]
    if variable.kind is str:
        texts = dict.fromkeys(one for one in literals if isinstance(one, str))
        others = [one for one in variable.words or ("".join(texts) + "?",) if one not in texts]
        return [*texts, *others[:1]]
    ends = [one for one in (variable.least, variable.most) if one is not None]
    marks = sorted({float(one) for one in (*literals, *ends)}) or [0.0]
    if variable.kind is int:
        near = {math.floor(mark) + step for mark in marks for step in (-1, 0, 1, 2)}
        return [one for one in sorted(near) if _allows(variable, one)]
    between = [(one + other) / 2 for one, other in pairwise(marks)]
    spread = [marks[0] - abs(marks[0]) - 1, *marks, *between, marks[-1] + abs(marks[-1]) + 1]
    return [one for one in spread if _allows(variable, one)]


def _allows(variable: Variable, value: float) -> bool:
    least, most = variable.least, variable.most
    return (least is None or value >= least) and (most is None or value <= most)


def _can_hold(conditions: Sequence[Comparison], *, whole: bool) -> bool:
    """Whether one value can fulfil all of these."""
    wanted = {one.literal for one in conditions if one.sign == "=="}
    unwanted = {one.literal for one in conditions if one.sign == "!="}
    if len(wanted) > 1 or wanted & unwanted:
        return False
    numbers = [(one.sign, one.literal) for one in conditions if isinstance(one.literal, float)]
    lows = [(limit, sign == ">") for sign, limit in numbers if sign in (">", ">=", "==")]
    highs = [(limit, sign == "<") for sign, limit in numbers if sign in ("<", "<=", "==")]
    if not lows or not highs:
        return True
    low, beyond = max(lows)
    high, short = min(highs, key=lambda bound: (bound[0], not bound[1]))
    if whole:
        first = math.floor(low) + 1 if beyond else math.ceil(low)
        last = math.ceil(high) - 1 if short else math.floor(high)
        return any(value not in unwanted for value in range(first, min(last, first + len(unwanted)) + 1))
    return low < high or (low == high and not (beyond or short) and low not in unwanted)


def _said_of_alert(together: Sequence[Comparison]) -> dict[str, list[str]]:
    """By fact: the names that say which alert it is where all of this holds."""
    said: dict[str, list[str]] = {}
    open_ = {one.fact for one in together if one.or_other}
    for one in together:
        if one.sign == "==" and one.fact in NAMING and one.fact not in open_:
            said.setdefault(one.fact, []).append(str(one.literal))
    return said


def _holds(one: Comparison, value: FactValue) -> bool:
    literal = one.literal
    assert isinstance(literal, float)
    number = float(str(value))
    return {
        "<": number < literal,
        "<=": number <= literal,
        ">": number > literal,
        ">=": number >= literal,
        "==": number == literal,
        "!=": number != literal,
    }[one.sign]


_ENVIRONMENT = """\
stdlib:
  exclude_macros: [map, filter]
  exclude_functions:
    - name: "_+_"
"""
"""A rule compares what is known and builds nothing: what doubles in every step, 242 characters can make
gigabytes of. Without joining, without lists made of lists and without lists made by a loop, nothing grows
beyond what is written; loops that only ask (`exists`, `all`) have the library's budget."""
_BUILDING = re.compile(r"\.\s*(map|filter)\s*\(|\+|\{")
_TEXTS = re.compile(rf"(?i)(?P<other>(?<![\w.])[rb]{{1,2}}[\"']|\"\"\"|''')|{TEXT}|//[^\n]*")
"""Quoted texts and comments, from left to right: what stands in one begins no other."""


def _builds(text: str) -> tuple[int, str, str] | None:
    """Column, cause and fix of the first thing in a rule that could grow, or that could hide it."""
    if found := next((one for one in _TEXTS.finditer(text) if one["other"]), None):
        return found.start() + 1, "holds a text in another form than plain quotes", 'write "like this"'
    plain = _without_texts(text)
    at = found.start() if (found := _BUILDING.search(plain)) else _nested_list(plain)
    if at is None:
        return None
    cause = "cannot be checked: it builds something, and a rule only compares what is known"
    return at + 1, cause, "leave out +, map, filter, braces and lists within lists"


def _nested_list(plain: str) -> int | None:
    depth = 0
    for at, letter in enumerate(plain):
        if letter == "[" and depth:
            return at
        depth += {"[": 1, "]": -1}.get(letter, 0)
    return None


def rules_for(systems: Sequence[System]) -> Rules:
    """The rules of a workspace with these systems: it is known which monitors there are."""
    named = {
        "alert.monitor": tuple(one.id for system in systems for one in system.monitors),
        "system.id": tuple(system.id for system in systems),
    }
    known = [replace(one, words=(*named[one.name], "")) if named.get(one.name) else one for one in VARIABLES]
    return Rules(known, raising.sources_of(systems))


@cache
def standard_rules() -> Rules:
    """The one rule environment of triage and escalation; compiled rules are shared by it."""
    return Rules()


def _without_texts(text: str) -> str:
    """The rule with quoted texts and comments blanked, so that names in them are not taken for facts."""
    return re.sub(rf"{TEXT}|//[^\n]*", lambda match: " " * len(match[0]), text)


def _problem(text: str, column: int, cause: str, fix: str) -> RuleProblem:
    flat = text.replace("\n", " ")
    return RuleProblem(column, cause, fix, f"{flat}\n{' ' * (column - 1)}^")


def _offset(text: str, line: int, column: int) -> int:
    """Position from 1 in the whole text of a line and column."""
    return sum(len(part) for part in text.splitlines(keepends=True)[: line - 1]) + column


def _mismatch(operator: str, types: str) -> tuple[str, str]:
    sign = operator.strip("_").replace("_", "") or operator
    sides = [side.strip() for side in types.split(",")]
    if set(sides) == {"double", "int"}:
        fix = (
            "write the limit as a decimal; a share of 15% is 0.15"
            if sides[0] == "double"
            else "write the limit as a whole number"
        )
        return f"{sign} cannot compare {_said(sides[0])} with {_said(sides[1])}", fix
    return (
        f"{sign} cannot be used with {' and '.join(_said(side) for side in sides)}",
        "compare like with like",
    )


def _said(kind: str) -> str:
    return _KINDS.get(kind, kind)


def _plain(complaint: str) -> str:
    return re.sub(r"\s*\[[A-Z_]+\]$|^[A-Z_]+: ", "", complaint).strip()


def _failed(text: str, complaint: str, used: Mapping[str, FactValue], unknown: tuple[str, ...]) -> Verdict:
    reason = f"{text} could not be evaluated ({_plain(complaint)}) and therefore counts as true"
    return Verdict(text, Outcome.FAILED, reason, used, unknown)


def _facts_said(used: Mapping[str, FactValue]) -> str:
    if not used:
        return "it speaks of no fact"
    return ", ".join(f"{name} is {_value_said(value)}" for name, value in used.items())


def _value_said(value: FactValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f'{column} "{group}"' for column, group in value.items()) or "empty"
    return f"{value:,}" if isinstance(value, int) else f'"{value}"'


def _listed(names: Sequence[str]) -> str:
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{listed} {'is' if len(names) == 1 else 'are'}"
