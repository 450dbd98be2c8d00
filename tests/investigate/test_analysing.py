"""Analysing a cause on a real ledger: links are checked against what is there (R-RCA-01)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from holdfast.incident.events import Dismissed, IncidentOpened
from holdfast.incident.loading import load, stream_of
from holdfast.investigate import analysing
from holdfast.investigate.cause import Analysis
from holdfast.investigate.events import Factor, Happening, Statement
from holdfast.investigate.links import parse
from holdfast.ledger.ledger import Ledger
from holdfast.prepare.terms import FactorGroup
from holdfast.problems import NotAllowed
from support.opened import MAYA, MONITOR, open_incident, tell

MONITORS = frozenset({MONITOR})


def statement(text: str, *links: str) -> Statement:
    return Statement(text, tuple(parse(link) for link in links))


def whole(now: datetime) -> Analysis:
    return Analysis(
        facts=(statement("accuracy fell to 0.71", "#0", "monitor:accuracy"),),
        sequence=(Happening(now - timedelta(hours=5), statement("the feed changed", "EV-1")),),
        factors=(Factor(FactorGroup.DATA, statement("incomes in cents", "EV-2")),),
        root_cause=statement("the income feed changed its unit", "EV-2"),
    )


def test_establishing_the_root_cause_is_on_the_incident_in_the_same_transaction(
    ledger: Ledger, incident: str, now: datetime
) -> None:
    """R-RCA-01."""
    before = ledger.size()
    cause = analysing.analyse(ledger, incident, whole(now), monitors=MONITORS, by=MAYA, at=now)
    types = [recorded.fact.type for recorded in ledger.facts(after=before - 1)]
    assert types == ["cause.analysed", "incident.cause_established"]
    assert load(ledger, incident).state.cause == "the income feed changed its unit"
    assert analysing.cause_of(ledger, incident) == cause
    assert cause.analysis() == whole(now)


def test_a_version_without_a_root_cause_establishes_nothing(
    ledger: Ledger, incident: str, now: datetime
) -> None:
    draft = replace(whole(now), root_cause=None)
    analysing.analyse(ledger, incident, draft, monitors=MONITORS, by=MAYA, at=now)
    assert load(ledger, incident).state.cause == ""
    cause = analysing.analyse(ledger, incident, whole(now), monitors=MONITORS, by=MAYA, at=now)
    assert [kept.fact.number for kept in cause.versions] == [1, 2]


def test_more_facts_about_the_same_root_cause_do_not_establish_it_again(
    ledger: Ledger, incident: str, now: datetime
) -> None:
    analysing.analyse(ledger, incident, whole(now), monitors=MONITORS, by=MAYA, at=now)
    more = replace(whole(now), facts=(*whole(now).facts, statement("and recall fell", "EV-1")))
    analysing.analyse(ledger, incident, more, monitors=MONITORS, by=MAYA, at=now)
    types = [recorded.fact.type for recorded in ledger.facts()]
    assert types.count("incident.cause_established") == 1
    assert types.count("cause.analysed") == 2


@pytest.mark.parametrize("link", ["EV-3", "#99", "monitor:recall"])
def test_a_link_to_what_is_not_there_is_refused(
    ledger: Ledger, incident: str, now: datetime, link: str
) -> None:
    with pytest.raises(NotAllowed, match="fact 1"):
        analysing.analyse(
            ledger, incident, Analysis((statement("it is so", link),)), monitors=MONITORS, by=MAYA, at=now
        )
    assert ledger.stream("cause/INC-1").version == 0


def test_an_entry_of_another_incident_about_another_system_is_no_proof(
    ledger: Ledger, incident: str, now: datetime
) -> None:
    open_incident(ledger, now, number=2, system="chat")
    open_incident(ledger, now, number=3)
    entries = {
        recorded.fact.incident: recorded.seq
        for recorded in ledger.facts()
        if isinstance(recorded.fact, IncidentOpened)
    }
    other = Analysis((statement("it was seen there", f"#{entries['INC-2']}"),))
    with pytest.raises(NotAllowed, match="not part of the record of INC-1 or its AI system"):
        analysing.analyse(ledger, incident, other, monitors=MONITORS, by=MAYA, at=now)
    same_system = Analysis((statement("it happened before", f"#{entries['INC-3']}"),))
    analysing.analyse(ledger, incident, same_system, monitors=MONITORS, by=MAYA, at=now)


def test_an_archived_incident_takes_no_analysis(ledger: Ledger, incident: str, now: datetime) -> None:
    """R-EVD-10."""
    tell(ledger, incident, Dismissed(incident=incident, reason="a test"), at=now)
    with pytest.raises(NotAllowed, match="archived"):
        analysing.analyse(ledger, incident, whole(now), monitors=MONITORS, by=MAYA, at=now)


def test_a_closing_at_the_same_moment_wins_and_the_analysis_is_refused(
    ledger: Ledger, incident: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-EVD-10: the step read a running incident; before it appends, the incident is over."""
    read, read_on = ledger.stream, ledger.stream_after

    def slow(name: str, version: int, last: bytes) -> object:
        found = read_on(name, version, last)
        if name == "cause/INC-1" and not load_is_over():
            tell(ledger, incident, Dismissed(incident=incident, reason="a test"), at=now)
        return found

    def load_is_over() -> bool:
        return any(isinstance(recorded.fact, Dismissed) for recorded in read(stream_of(incident)).facts)

    monkeypatch.setattr(ledger, "stream_after", slow)
    with pytest.raises(NotAllowed, match="archived"):
        analysing.analyse(
            ledger, incident, replace(whole(now), root_cause=None), monitors=MONITORS, by=MAYA, at=now
        )
    assert read("cause/INC-1").version == 0
