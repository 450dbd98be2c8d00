"""R-DET-09: many alerts of one monitor are one decision, all of them or none."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.detect import records
from holdfast.detect.events import AlertSetAside
from holdfast.detect.records import Alert
from holdfast.incident.loading import NoSuchIncident, load
from holdfast.problems import NotAllowed
from support.company import MAYA
from support.lender_pages import LOANS, open_lender
from support.many_alerts import NOW, raise_many


@pytest.fixture
def lender(tmp_path: Path) -> Application:
    return open_lender(tmp_path)


def known(application: Application, names: list[str]) -> list[Alert]:
    with application.ledger.reading() as conn:
        found = [records.alert(conn, name) for name in names]
    return [one for one in found if one is not None]


def test_three_hundred_alerts_of_one_monitor_are_one_line_and_one_step(lender: Application) -> None:
    names = raise_many(lender, 300)
    waiting = lender.handling.of_monitor(LOANS, "missing-values")
    assert sorted(waiting) == sorted(names)
    lender.handling.acknowledge(waiting, by=MAYA, at=NOW)
    assert {one.acknowledged_by for one in known(lender, names)} == {MAYA.name}
    lender.handling.set_aside(waiting, "the feed was down, on purpose", True, by=MAYA, at=NOW)
    assert {(one.outcome, one.false_alarm) for one in known(lender, names)} == {("set aside", True)}
    assert lender.handling.of_monitor(LOANS, "missing-values") == []


def test_alerts_are_attached_to_an_incident_together(lender: Application) -> None:
    names = raise_many(lender, 40)
    lender.handling.attach(names, "INC-1", by=MAYA, at=NOW)
    assert {(one.outcome, one.incident) for one in known(lender, names)} == {("joined", "INC-1")}
    joined = {one.alert for one in load(lender.ledger, "INC-1").state.alerts}
    assert set(names) <= joined
    with pytest.raises(NotAllowed, match="in an incident already: ALR-100"):
        lender.handling.attach(names[:3], "INC-1", by=MAYA, at=NOW)


def test_alerts_of_an_incident_are_acknowledged_and_set_aside_together(lender: Application) -> None:
    """R-DET-09, R-DET-15: those that wait beside them are decided in the same step."""
    names, waiting = raise_many(lender, 40), raise_many(lender, 2, first=200)
    lender.handling.attach(names, "INC-1", by=MAYA, at=NOW)
    assert sorted(lender.handling.of_monitor(LOANS, "missing-values", incident="INC-1")) == sorted(names)
    lender.handling.acknowledge([*names, *waiting], by=MAYA, at=NOW)
    assert {one.acknowledged_by for one in known(lender, [*names, *waiting])} == {MAYA.name}
    before = lender.ledger.size()
    lender.handling.set_aside([*names[:39], *waiting], "the feed was down", True, by=MAYA, at=NOW)
    told = known(lender, [*names[:39], *waiting])
    assert {(one.outcome, one.false_alarm) for one in told} == {("set aside", True)}
    state = load(lender.ledger, "INC-1").state
    assert not set(names[:39]) & {one.alert for one in state.alerts}
    assert set(names[:39]) <= set(state.set_aside)
    assert names[39] in {one.alert for one in state.alerts}
    aside = [one for one in lender.ledger.facts(after=before - 1) if isinstance(one.fact, AlertSetAside)]
    assert [one.fact.led_to for one in aside] == ["INC-1"] * 39 + [""] * 2  # type: ignore[attr-defined]
    with pytest.raises(NotAllowed, match="set aside already: ALR-100"):
        lender.handling.set_aside([names[39], names[0]], "again", True, by=MAYA, at=NOW)


def test_an_incident_that_an_alert_opened_keeps_one_or_is_dismissed(lender: Application) -> None:
    """All or none: what waits beside them stays as it was."""
    waiting = raise_many(lender, 1)
    own = [one.alert for one in load(lender.ledger, "INC-1").state.alerts]
    before = lender.ledger.size()
    with pytest.raises(NotAllowed, match=r"dismiss the incident, and .* set aside with it"):
        lender.handling.set_aside([*waiting, *own], "a planned change", True, by=MAYA, at=NOW)
    assert lender.ledger.size() == before


def test_one_that_cannot_be_handled_leaves_all_as_they_were(lender: Application) -> None:
    names = raise_many(lender, 3)
    with pytest.raises(NotAllowed, match="there is no alert ALR-999"):
        lender.handling.acknowledge([*names, "ALR-999"], by=MAYA, at=NOW)
    with pytest.raises(NoSuchIncident, match="there is no incident INC-77"):
        lender.handling.attach(names, "INC-77", by=MAYA, at=NOW)
    with pytest.raises(NotAllowed, match="say why"):
        lender.handling.set_aside(names, " ", False, by=MAYA, at=NOW)
    assert {(one.outcome, one.acknowledged_by) for one in known(lender, names)} == {("none", "")}


def test_what_came_after_the_person_looked_is_not_decided_with_it(lender: Application) -> None:
    names = raise_many(lender, 3)
    raise_many(lender, 1, first=200)
    assert sorted(lender.handling.of_monitor(LOANS, "missing-values", up_to=102)) == names


def test_an_acknowledged_alert_is_acknowledged_once(lender: Application) -> None:
    names = raise_many(lender, 2)
    lender.handling.acknowledge(names[:1], by=MAYA, at=NOW)
    found = lender.handling.acknowledge(names, by=MAYA, at=NOW + timedelta(hours=1))
    assert [one.acknowledged_at for one in found] == [NOW, NOW + timedelta(hours=1)]
