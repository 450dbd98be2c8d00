"""The comparisons of a rule that can be judged without running it: of a fact with a literal.

`incident.severity == "citical"` and `impact.share >= 10.0` type-check and can never hold: the usual silent
mistake. A comparison inside a calculation (`impact.share * 100.0 > 10.0`) is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile

Literal = str | float

TEXT = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_TOKEN = re.compile(
    rf"(?P<text>{TEXT})|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?P<comment>//[^\n]*)"
    r"|(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/%<>!?:,()\[\]{}.])|(?P<space>\s+)|(?P<other>.)"
)
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_BEFORE = ("(", "[", ",", "&&", "||", "?", ":", "!")
_AFTER = (")", "]", ",", "&&", "||", "?", ":")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One fact compared with one literal, as if the fact stood on the left."""

    fact: str
    sign: str
    """`==` also for each value of a list: `in ["high"]`."""
    literal: Literal
    spelled: str
    """The literal as written."""
    column: int
    """Where it begins in the rule, from 1."""
    or_other: bool = False
    """Whether it is one of a list that holds something besides values: then it may be anything."""
    begins: int = 0
    ends: int = 0
    """Where the whole comparison stands in the rule, from 0; both 0 for one of a list."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def comparisons(rule: str, facts: Collection[str]) -> Iterator[Comparison]:
    """Every comparison of one of these facts with a literal, in the order written."""
    tokens = _plain(_tokens(rule))
    for place, token in enumerate(tokens):
        if token.text == "in" and place and tokens[place - 1].text in facts:
            yield from _listed(tokens, place)
        if token.text not in _TURNED or not 0 < place < len(tokens) - 1:
            continue
        left, right = tokens[place - 1], tokens[place + 1]
        if not (_ends(tokens, place - 2, _BEFORE) and _ends(tokens, place + 2, _AFTER)):
            continue
        if left.text in facts and _is_literal(right):
            yield replace(_comparison(left.text, token.text, right), begins=left.start, ends=right.end)
        elif right.text in facts and _is_literal(left):
            turned = _comparison(right.text, _TURNED[token.text], left)
            yield replace(turned, begins=left.start, ends=right.end)


def alternatives(rule: str) -> list[set[int]]:
    """The columns of each part of a rule in which everything must hold together.

    Parts lie between the outermost `||`. One that holds a choice or a denial is left out: what is named in
    it need not be so. A choice between names of one fact alone is a list of them: it stays.
    """
    parts = _parts(rule)
    if any(token.text == "?" for part in parts for token in part):
        return []
    plain = [
        part
        for part in parts
        if not any(token.text in ("!", "true", "false") for token in part) and _only_names(part)
    ]
    return [{token.start + 1 for token in part} for part in plain]


def conjunctions(rule: str) -> list[set[int]]:
    """The columns of each part of a rule in which every comparison must hold: nothing but `&&` joins them.

    Left out is what would need the rule to be run: a choice within brackets, a denial, a list, a call, and
    truths compared with one another (`(a > 5) == (b < 3)`).
    """
    return [{token.start + 1 for token in part} for part in _parts(rule) if _only_joined(part)]


def reads_values_alone(rule: str, facts: Collection[str], truths: Collection[str]) -> bool:
    """Whether nothing but comparisons of facts with literals, and facts that are true or false, decide a
    rule: then a few values of each fact stand for all that it can be. Not where it calculates, calls, reads
    a column of a group, or compares two facts.
    """
    tokens = _plain(_tokens(rule))
    if any(token.text in ("+", "-", "*", "/", "%", "{", "}") for token in tokens):
        return False
    compared = {found.column for found in comparisons(rule, facts)}
    for place, token in enumerate(tokens):
        if token.kind != "name" or token.text in ("in", "true", "false"):
            continue
        around = tokens[max(0, place - 2) : place + 3]
        beside = any(_is_literal(one) and one.start + 1 in compared for one in around)
        listed = place + 1 < len(tokens) and tokens[place + 1].text == "in"
        if token.text not in truths and not (token.text in facts and (beside or listed)):
            return False
    lists = (place for place, token in enumerate(tokens) if token.text == "in")
    return all(_is_of_literals(tokens, place) for place in lists)


def _is_of_literals(tokens: Sequence[_Token], place: int) -> bool:
    listed = list(takewhile(lambda token: token.text != "]", tokens[place + 1 :]))
    return bool(listed) and all(_is_literal(token) or token.text in ("[", ",") for token in listed)


def _only_joined(part: Sequence[_Token]) -> bool:
    if any(token.text in ("||", "!", "?", "in", "[", "true", "false") for token in part):
        return False
    pairs = list(pairwise(part))
    called = any(one.kind == "name" and other.text == "(" for one, other in pairs)
    truths = any(one.text == ")" and other.text in _TURNED for one, other in pairs)
    return not (called or truths or any(one.text in _TURNED and other.text == "(" for one, other in pairs))


def _parts(rule: str) -> list[list[_Token]]:
    """What lies between the outermost `||`."""
    parts: list[list[_Token]] = [[]]
    depth = 0
    for token in _tokens(rule):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if token.text == "||" and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _only_names(part: Sequence[_Token]) -> bool:
    """Whether each choice in it is between texts that one fact may be: `(a == "x" || a == "y")`."""
    return all(_names_one(_around(part, place)) for place, token in enumerate(part) if token.text == "||")


def _around(part: Sequence[_Token], place: int) -> Sequence[_Token]:
    """What stands in the same brackets."""
    first, last = place, place
    for step, opens, closes in ((-1, "(", ")"), (1, ")", "(")):
        at, depth = place + step, 0
        while 0 <= at < len(part) and not (part[at].text == opens and depth == 0):
            depth += {closes: 1, opens: -1}.get(part[at].text, 0)
            at += step
        first, last = (at + 1, last) if step < 0 else (first, at)
    return part[first:last]


def _names_one(choice: Sequence[_Token]) -> bool:
    facts = {token.text for token in choice if token.kind == "name" and token.text != "in"}
    signs = {token.text for token in choice if token.kind == "sign"}
    plain = all(token.kind in ("name", "sign", "text") for token in choice)
    return plain and len(facts) == 1 and signs <= {"||", "==", "(", ")", "[", "]", ","}


def _tokens(rule: str) -> list[_Token]:
    found = ((str(match.lastgroup), match) for match in _TOKEN.finditer(rule))
    return [_Token(kind, one[0], one.start()) for kind, one in found if kind not in ("space", "comment")]


def _plain(tokens: list[_Token]) -> list[_Token]:
    """Signs taken into their numbers, and brackets around a single thing taken away."""
    done: list[_Token] = []
    for token in tokens:
        done.append(token)
        if len(done) > 1 and token.kind == "number" and done[-2].text == "-" and _ends(done, -3, _OPEN):
            sign = done[-2]
            done[-2:] = [_Token("number", f"-{token.text}", sign.start)]
        while len(done) > 2 and done[-1].text == ")" and done[-3].text == "(" and _is_single(done):
            done[-3:] = [done[-2]]
    return done


_OPEN = (*_BEFORE, *_TURNED, "+", "*", "/", "%", "-", "in")


def _is_single(tokens: list[_Token]) -> bool:
    """Whether the brackets at the end hold one thing; those behind a name are a call."""
    called = len(tokens) > 3 and tokens[-4].kind == "name" and tokens[-4].text != "in"
    return not called and tokens[-2].kind in ("text", "number", "name")


def _ends(tokens: Sequence[_Token], place: int, signs: Collection[str]) -> bool:
    """Whether the rule ends there, or one of these signs stands there."""
    beyond = place >= len(tokens) or (place < 0 and len(tokens) + place < 0) or place == -1
    return beyond or tokens[place].text in signs


def _is_literal(token: _Token) -> bool:
    return token.kind in ("text", "number")


def _listed(tokens: Sequence[_Token], place: int) -> Iterator[Comparison]:
    listed = list(takewhile(lambda token: token.text != "]", tokens[place + 1 :]))
    other = any(not _is_literal(token) and token.text not in ("[", ",") for token in listed)
    for token in filter(_is_literal, listed):
        yield replace(_comparison(tokens[place - 1].text, "==", token), or_other=other)


def _comparison(fact: str, sign: str, literal: _Token) -> Comparison:
    value: Literal = literal.text[1:-1] if literal.kind == "text" else float(literal.text)
    return Comparison(fact, sign, value, literal.text, literal.start + 1)
