"""When a root-cause analysis may stand: tables of (history, decision, facts). R-RCA-01, R-RCA-02."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.investigate.cause import Analysis, Cause
from holdfast.investigate.events import CauseAnalysed, Factor, Happening, Link, LinkKind, Statement
from holdfast.investigate.links import Known, parse
from holdfast.ledger.folding import fold
from holdfast.prepare.terms import FactorGroup
from holdfast.problems import NotAllowed
from support.opened import MAYA

NOW = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
KNOWN = Known("INC-1", frozenset({"EV-1", "EV-2"}), frozenset({3}), frozenset({"accuracy"}))
EV_1, ENTRY_3 = Link(LinkKind.EVIDENCE, "EV-1"), Link(LinkKind.ENTRY, "3")
ACCURACY = Link(LinkKind.MONITOR, "accuracy")

FACT = Statement("incomes arrived in cents since Tuesday", (EV_1,))
EVENT = Happening(NOW - timedelta(days=1), Statement("the income feed was changed", (ENTRY_3,)))
FACTOR = Factor(FactorGroup.PROCESS, Statement("the change was not announced", (), assumption=True))
ROOT = Statement("the income feed changed its unit", (EV_1, ACCURACY))
FIRST = Analysis(facts=(FACT,))
WHOLE = Analysis((FACT,), (EVENT,), (FACTOR,), ROOT)


def analysed(analysis: Analysis, number: int = 1) -> CauseAnalysed:
    return CauseAnalysed(
        incident="INC-1",
        number=number,
        facts=analysis.facts,
        sequence=analysis.sequence,
        factors=analysis.factors,
        root_cause=analysis.root_cause,
    )


def after(*facts: CauseAnalysed) -> Cause:
    return fold(Cause(), ((fact, NOW, MAYA) for fact in facts))


@pytest.mark.parametrize(
    ("history", "analysis", "facts"),
    [
        ((), FIRST, [analysed(FIRST)]),
        ((), WHOLE, [analysed(WHOLE)]),
        ((analysed(FIRST),), WHOLE, [analysed(WHOLE, 2)]),
        ((analysed(WHOLE),), WHOLE, []),
        (
            (),
            Analysis((replace(FACT, text="  incomes arrived in cents since Tuesday\n"),)),
            [analysed(FIRST)],
        ),
        ((), Analysis((replace(FACT, links=(EV_1, EV_1)),)), [analysed(FIRST)]),
    ],
    ids=["one fact", "all of it", "versions are kept", "nothing new", "stripped", "each link once"],
)
def test_versions_are_kept(
    history: tuple[CauseAnalysed, ...], analysis: Analysis, facts: list[CauseAnalysed]
) -> None:
    """R-RCA-01."""
    assert after(*history).analyse(analysis, KNOWN, NOW) == facts


def test_the_sequence_is_told_in_the_order_of_time() -> None:
    earlier = Happening(NOW - timedelta(days=2), EVENT.statement)
    (fact,) = after().analyse(Analysis((FACT,), (EVENT, earlier)), KNOWN, NOW)
    assert fact.sequence == (earlier, EVENT)


def test_each_of_the_five_groups_is_kept() -> None:
    """R-RCA-02/five."""
    factors = tuple(Factor(group, FACT) for group in FactorGroup)
    (fact,) = after().analyse(Analysis(factors=factors), KNOWN, NOW)
    assert [factor.group.value for factor in fact.factors] == [
        "model",
        "data",
        "process",
        "infrastructure",
        "human",
    ]


@pytest.mark.parametrize(
    ("analysis", "sentence"),
    [
        (Analysis(), "is empty"),
        (Analysis((Statement("it just broke"),)), 'fact 1, "it just broke", rests on nothing'),
        (Analysis((FACT, Statement(" ", (EV_1,)))), "fact 2 is empty"),
        (
            Analysis((replace(FACT, links=(Link(LinkKind.EVIDENCE, "EV-9"),)),)),
            "no evidence called EV-9; it holds EV-1, EV-2",
        ),
        (
            Analysis((replace(FACT, links=(Link(LinkKind.ENTRY, "4"),)),)),
            "entry #4 is not part of the record",
        ),
        (Analysis((replace(FACT, links=(Link(LinkKind.MONITOR, "acuracy"),)),)), "did you mean accuracy"),
        (
            Analysis((replace(FACT, assumption=True, links=(Link(LinkKind.EVIDENCE, "EV-9"),)),)),
            "no evidence",
        ),
        (replace(WHOLE, root_cause=replace(ROOT, assumption=True)), "an assumption is not established"),
        (replace(WHOLE, root_cause=replace(ROOT, links=())), "the root cause.*rests on nothing"),
        (replace(WHOLE, facts=()), "at least one fact"),
        (replace(WHOLE, sequence=()), "at least one event"),
        (replace(WHOLE, factors=()), "at least one contributing factor"),
        (replace(WHOLE, sequence=(replace(EVENT, at=NOW + timedelta(1)),)), "in the future"),
    ],
)
def test_what_rests_on_nothing_is_refused_with_a_sentence(analysis: Analysis, sentence: str) -> None:
    """R-RCA-01/linked: each statement is linked to its evidence."""
    with pytest.raises(NotAllowed, match=sentence):
        after().analyse(analysis, KNOWN, NOW)


def test_an_established_root_cause_can_be_corrected_but_not_left_out() -> None:
    state = after(analysed(WHOLE))
    with pytest.raises(NotAllowed, match="cannot be left out again"):
        state.analyse(replace(WHOLE, root_cause=None), KNOWN, NOW)
    corrected = replace(WHOLE, root_cause=replace(ROOT, text="the feed's schema was not pinned"))
    assert state.analyse(corrected, KNOWN, NOW) == [analysed(corrected, 2)]


def test_the_line_counts_what_is_there_and_what_is_assumed() -> None:
    assert analysed(WHOLE).line().detail == "1 fact, 1 event, 1 contributing factor, 1 assumption"


@pytest.mark.parametrize(
    ("text", "link"),
    [("EV-1", EV_1), (" ev-1 ", EV_1), ("#3", ENTRY_3), ("#03", ENTRY_3), ("monitor:accuracy", ACCURACY)],
)
def test_links_are_written_as_people_write_them(text: str, link: Link) -> None:
    assert parse(text) == link
    assert parse(str(link)) == link


@pytest.mark.parametrize("text", ["", "EV-0", "EV-1x", "17", "#", "#-1", "monitor:", "monitor:a b"])
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(NotAllowed, match="is no link; write EV-3"):
        parse(text)
