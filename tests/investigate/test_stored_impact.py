"""What release 0.1 stored about impact is still read, and adds up to what it said (R-IMP-02)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from holdfast.incident.events import Absorbed, ImpactNoted
from holdfast.investigate.events import ImpactAssessed, ImpactCounted
from holdfast.investigate.impact import Impact
from holdfast.ledger.facts import Fact, decode
from holdfast.people import Actor

BY = {"id": "maya.okafor@harbourstreet.example", "kind": "person", "name": "Maya Okafor"}
COUNTED = {
    "incident": "INC-1",
    "number": 1,
    "system": "loan-approval",
    "start": "2026-11-11T00:00:00.000000Z",
    "end": "2026-11-12T00:00:00.000000Z",
    "where": {"channel": "broker"},
    "counted": {
        "inferences": 400,
        "users": 390,
        "total": 1200,
        "groups": [{"group": "channel=broker, region=north", "inferences": 400, "users": 390}],
    },
}
ASSESSED: dict[str, Any] = {
    "incident": "INC-1",
    "number": 1,
    "count": 1,
    "affected": 390,
    "users": {"kind": "applicants", "effect": "refused", "outage": False, "stated": None},
    "data": {"sensitive": None, "sensitivity": "", "breach": False},
    "compliance": {"violated": None, "requirement": "", "must_notify": None, "duty": "", "fine": ""},
    "reputation": {"effect": ""},
    "finance": {"currency": "", "direct": None, "indirect": None, "basis": ""},
}


def read(name: str, data: dict[str, Any], version: int = 1) -> Fact:
    return decode(name, {"by": BY, "data": data, "v": version})[1]


def test_what_was_counted_is_read_as_exposed_and_how_many_are_affected_as_not_known() -> None:
    fact = read("impact.counted", COUNTED)
    assert isinstance(fact, ImpactCounted)
    counted = fact.counted
    assert (counted.exposed.inferences, counted.exposed.users, counted.total) == (400, 390, 1200)
    assert (counted.affected, counted.complete, counted.rules) == (None, False, ())
    assert counted.groups[0].group == {"channel": "broker", "region": "north"}
    assert "how many are affected is not known; 390 people exposed" in fact.line().title


def test_a_number_that_was_counted_is_exposed_and_one_that_was_stated_is_affected() -> None:
    rested = read("impact.assessed", ASSESSED)
    assert isinstance(rested, ImpactAssessed)
    assert (rested.affected, rested.exposed) == (None, 390)
    stated = read(
        "impact.assessed", {**ASSESSED, "affected": 12, "users": {**ASSESSED["users"], "stated": 12}}
    )
    assert isinstance(stated, ImpactAssessed)
    assert (stated.affected, stated.exposed) == (12, None)
    nothing = read("impact.assessed", {**ASSESSED, "affected": None, "count": None})
    assert isinstance(nothing, ImpactAssessed)
    assert (nothing.affected, nothing.exposed) == (None, None)


def test_old_facts_add_up_to_an_impact() -> None:
    at, by = datetime(2026, 11, 12, tzinfo=UTC), Actor(BY["id"], BY["name"])
    state = Impact(system="loan-approval")
    for fact in (read("impact.counted", COUNTED), read("impact.assessed", ASSESSED)):
        assert isinstance(fact, (ImpactCounted, ImpactAssessed))
        state = state.after(fact, at, by)
    assert state.counts[-1].fact.counted.exposed.users == 390
    assert state.newest is not None
    assert state.newest.exposed == 390


def test_what_the_rules_read_is_exposed_where_it_was_counted_and_affected_where_it_was_stated() -> None:
    flags = dict.fromkeys(("outage", "sensitive_data", "breach", "regulatory", "external_notice"))
    numbers = {"incident": "INC-1", "users": 390, "inferences": 400, "share": 0.33, **flags}
    counted = read("incident.impact_noted", numbers)
    assert isinstance(counted, ImpactNoted)
    assert (counted.users, counted.inferences, counted.share) == (None, None, None)
    assert (counted.exposed_users, counted.exposed_inferences, counted.exposed_share) == (390, 400, 0.33)
    stated = read("incident.impact_noted", {**numbers, "users": 12, "inferences": None, "share": None})
    assert isinstance(stated, ImpactNoted)
    assert (stated.users, stated.exposed_users) == (12, None)


def test_an_older_count_says_at_least_so_many_as_it_kept_no_word_of_more() -> None:
    flags = dict.fromkeys(("outage", "sensitive_data", "breach", "regulatory", "external_notice"))
    numbers = {"incident": "INC-1", "users": 310, "inferences": 400, "share": 0.1, **flags}
    numbers |= {"exposed_users": 800, "exposed_inferences": 1000, "exposed_share": 0.25, "by_person": False}
    noted = read("incident.impact_noted", numbers, 3)
    assert isinstance(noted, ImpactNoted)
    assert noted.people() == ["at least 310 people affected", "at least 800 people exposed"]
    stated = read("incident.impact_noted", {**numbers, "inferences": None, "share": None}, 3)
    assert isinstance(stated, ImpactNoted)
    assert stated.people()[0] == "310 people affected"
    assessed = read("impact.assessed", {**ASSESSED, "exposed": 800, "affected": 310, "count": 1}, 2)
    assert isinstance(assessed, ImpactAssessed)
    assert assessed.people() == "at least 310 people affected, as count 1 says, at least 800 exposed"


def test_an_older_count_of_the_exposed_says_at_least_as_it_kept_no_word_of_a_part() -> None:
    flags = dict.fromkeys(("outage", "sensitive_data", "breach", "regulatory", "external_notice"))
    numbers = {"incident": "INC-1", "users": 310, "users_at_least": False, "inferences": 400, "share": 0.1}
    numbers |= {"exposed_users": 800, "exposed_inferences": 1000, "exposed_share": 0.25, "by_person": False}
    noted = read("incident.impact_noted", {**numbers, **flags}, 4)
    assert isinstance(noted, ImpactNoted)
    assert noted.people() == ["310 people affected", "at least 800 people exposed"]
    unknown = read("incident.impact_noted", {**numbers, **flags, "exposed_users": None}, 4)
    assert isinstance(unknown, ImpactNoted)
    assert not unknown.exposed_at_least
    merged = {"incident": "INC-2", "other": "INC-1", "title": "Rude", "severity": None, "category": None}
    merged |= {"began_at": None, "alerts": [], "reason": "One", "alert_systems": {}}
    absorbed = read("incident.absorbed", {**merged, "impact": {**numbers, **flags}}, 4)
    assert isinstance(absorbed, Absorbed)
    assert absorbed.impact == noted
    nothing = read("incident.absorbed", {**merged, "impact": None}, 4)
    assert isinstance(nothing, Absorbed)
    assert nothing.impact is None


def test_a_count_of_before_parts_were_told_apart_rules_as_it_did() -> None:
    fact = read("impact.counted", COUNTED)
    assert isinstance(fact, ImpactCounted)
    assert not fact.part
