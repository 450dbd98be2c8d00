"""The root-cause analysis: its versions, and when a version may stand. Pure (R-RCA-01, R-RCA-02)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from holdfast.investigate.events import CauseAnalysed, Factor, Happening, Link, Statement
from holdfast.investigate.kept import Kept
from holdfast.investigate.links import Known
from holdfast.people import Actor
from holdfast.problems import NotAllowed

CauseFact = CauseAnalysed


class Unfounded(NotAllowed):
    """A statement cannot stand as it is."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place = place
        """`facts[0]`, `root_cause`"""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of the cause; each statement with what it rests on."""

    facts: tuple[Statement, ...] = ()
    sequence: tuple[Happening, ...] = ()
    factors: tuple[Factor, ...] = ()
    root_cause: Statement | None = None
    """Given once it is established."""

    def links(self) -> tuple[Link, ...]:
        """Every link of every statement."""
        return tuple(link for _, _, statement in self.named() for link in statement.links)

    def named(self) -> Iterable[tuple[str, str, Statement]]:
        """Every statement with its place, and with that as messages call it."""
        for n, statement in enumerate(self.facts):
            yield f"facts[{n}]", f"fact {n + 1}", statement
        for n, happening in enumerate(self.sequence):
            yield f"sequence[{n}]", f"event {n + 1}", happening.statement
        for n, factor in enumerate(self.factors):
            yield f"factors[{n}]", f"factor {n + 1} ({factor.group.value})", factor.statement
        if self.root_cause:
            yield "root_cause", "the root cause", self.root_cause


@dataclass(frozen=True, slots=True)
class Cause:
    """State folded from the facts of `cause/INC-1`."""

    versions: tuple[Kept[CauseAnalysed], ...] = ()

    def after(self, fact: CauseFact, at: datetime, by: Actor) -> Cause:
        match fact:
            case CauseAnalysed():
                return replace(self, versions=(*self.versions, Kept(fact, at, by)))
            case _:
                assert_never(fact)

    @property
    def newest(self) -> CauseAnalysed | None:
        """The analysis in force; None before the first."""
        return self.versions[-1].fact if self.versions else None

    @property
    def established(self) -> Statement | None:
        """The root cause, once it is established."""
        return self.newest.root_cause if self.newest else None

    def analysis(self) -> Analysis:
        """What the newest version says: what a form starts from."""
        newest = self.newest
        if newest is None:
            return Analysis()
        return Analysis(newest.facts, newest.sequence, newest.factors, newest.root_cause)

    def analyse(self, analysis: Analysis, known: Known, now: datetime) -> list[CauseFact]:
        """The next version; nothing when it says what the version before said.

        Raises NotAllowed for a statement without a link that is not marked as an assumption, for a link
        that leads nowhere, and for a root cause that nothing supports.
        """
        # Before the sequence is put in order: whoever is refused is told by the numbers they gave.
        _require_linked(analysis, known)
        for n, happening in enumerate(analysis.sequence):
            if happening.at > now:
                raise Unfounded(f"sequence[{n}]", f"event {n + 1} is in the future; correct its time")
        analysis = _tidy(analysis)
        if analysis.root_cause:
            _require_supported(analysis, analysis.root_cause)
        elif self.established:
            raise NotAllowed(
                f"the root cause of {known.incident} is established; correct it if it is wrong, it cannot "
                "be left out again"
            )
        now_said = CauseAnalysed(
            incident=known.incident,
            number=len(self.versions) + 1,
            facts=analysis.facts,
            sequence=analysis.sequence,
            factors=analysis.factors,
            root_cause=analysis.root_cause,
        )
        if self.newest and replace(self.newest, number=now_said.number) == now_said:
            return []
        return [now_said]


def _tidy(analysis: Analysis) -> Analysis:
    """Stripped texts, the sequence in the order of time."""

    def clean(statement: Statement) -> Statement:
        return replace(statement, text=statement.text.strip(), links=tuple(dict.fromkeys(statement.links)))

    told = (Happening(happening.at, clean(happening.statement)) for happening in analysis.sequence)
    return Analysis(
        tuple(clean(statement) for statement in analysis.facts),
        tuple(sorted(told, key=lambda happening: happening.at)),
        tuple(Factor(factor.group, clean(factor.statement)) for factor in analysis.factors),
        clean(analysis.root_cause) if analysis.root_cause else None,
    )


def _require_linked(analysis: Analysis, known: Known) -> None:
    empty = True
    for place, called, statement in analysis.named():
        empty = False
        text = _short(statement.text.strip())
        if not text:
            raise Unfounded(place, f"{called} is empty; write it or take it out")
        if not statement.links and not statement.assumption:
            raise Unfounded(
                place,
                f'{called}, "{text}", rests on nothing; link evidence (EV-1), a ledger '
                "entry (#17) or a monitor, or mark it as an assumption",
            )
        for link in statement.links:
            if problem := known.problem(link):
                raise Unfounded(place, f'{called}, "{text}": {problem}')
    if empty:
        raise NotAllowed("the analysis is empty; begin with one fact and what proves it")


def _require_supported(analysis: Analysis, root_cause: Statement) -> None:
    if root_cause.assumption:
        raise Unfounded(
            "root_cause",
            "a root cause that is an assumption is not established; link what proves it, or leave it out "
            "and list it among the factors",
        )
    for given, noun in (
        (analysis.facts, "fact"),
        (analysis.sequence, "event in the sequence"),
        (analysis.factors, "contributing factor"),
    ):
        if not given:
            raise NotAllowed(f"before the root cause is established the analysis needs at least one {noun}")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
