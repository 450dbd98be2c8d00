"""Probing: what to ask the flag address so that its answers prove that a switch is set, or back.

The questions and the verdict are pure. Who asks is a port: `Prober`, implemented against the live OFREP
address in `holdfast.integrations.ofrep`. The expected answers come from the switches as the ledger holds
them, so that several containments on one system are proven together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from holdfast.contain.containment import Containment
from holdfast.contain.events import Check, Purpose
from holdfast.contain.switches import HUMAN_REVIEW, Switches, evaluate, place, spelled
from holdfast.prepare.terms import ContainmentKind

MOST = 50
"""Values of a segment that are asked; further ones are left unasked."""
TARGET = "holdfast-probe"
"""The targeting key a probe sends, so that its questions can be told from those of applications."""


@dataclass(frozen=True, slots=True)
class Question:
    """One flag asked for one context."""

    flag: str
    context: Mapping[str, str]
    expected: bool | str

    @property
    def words(self) -> str:
        said = ", ".join(f"{key}={value}" for key, value in self.context.items() if key != "targetingKey")
        return f"{self.flag} for {said}" if said else f"{self.flag} for a request without attributes"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint said. `value` is None when there was no answer to use; `problem` says why."""

    value: bool | int | float | str | None
    milliseconds: int
    problem: str = ""


class Prober(Protocol):
    """Asks the address that applications ask, in the way they ask it."""

    def ask(self, questions: Sequence[Question]) -> Sequence[Answer]:
        """One answer per question, in order. Never raises: an endpoint that is away is an answer."""
        ...


def questions(containment: Containment, switches: Switches, purpose: Purpose) -> tuple[Question, ...]:
    """What to ask: contexts that must be contained, and one that must stay untouched.

    To prove that it holds, contained contexts must get the restrictive value whatever the ledger's own
    switches say; everything else must get what the switches say.
    """
    must: bool | str = False if containment.kind is ContainmentKind.MODEL_OFF else HUMAN_REVIEW
    asked = []
    for context in _contexts(containment):
        sent = {"targetingKey": TARGET, **context}
        holds = purpose is Purpose.HOLD and place(containment.segment, sent).contained
        expected = must if holds else evaluate(switches, containment.flag, sent).value
        asked.append(Question(containment.flag, sent, expected))
    return tuple(asked)


def _contexts(containment: Containment) -> list[Mapping[str, str]]:
    """Each listed value once, with the first value of the other keys; nothing at all, which must fail
    closed; and a request of no segment, which must stay untouched. A model is off for any request."""
    segment = containment.segment
    if containment.kind is ContainmentKind.MODEL_OFF:
        return [{}]
    first = {key: values[0] for key, values in segment.items()}
    inside = [{**first, key: value} for key, values in segment.items() for value in values]
    distinct = list({tuple(context.items()): context for context in inside}.values())
    return [*distinct[:MOST], {}, {key: _other(values) for key, values in segment.items()}]


def _other(values: Sequence[str]) -> str:
    """A value that is none of these."""
    taken = {spelled(value) for value in values}
    candidate, number = "none-of-the-contained", 1
    while spelled(candidate) in taken:
        number += 1
        candidate = f"none-of-the-contained-{number}"
    return candidate


def checks(asked: Sequence[Question], answers: Sequence[Answer]) -> tuple[Check, ...]:
    """Each answer held against what was expected; a missing answer is a wrong one."""
    silent = Answer(None, 0, "no answer")
    padded = [*answers, *[silent] * (len(asked) - len(answers))]
    return tuple(_check(question, answer) for question, answer in zip(asked, padded, strict=False))


def _check(question: Question, answer: Answer) -> Check:
    # True == 1 in Python, but not to an application that asked for a truth value.
    same = type(answer.value) is type(question.expected) and answer.value == question.expected
    said = answer.problem or ("nothing" if answer.value is None else _words(answer.value))
    return Check(
        question.words, _words(question.expected), said, same and not answer.problem, answer.milliseconds
    )


def _words(value: bool | int | float | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:100]
