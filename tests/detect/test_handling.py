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
from holdfast.learn import closing
from holdfast.problems import NotAllowed
from support.company import MAYA, TOMAS
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


def test_whoever_acknowledges_second_is_told_who_was_first(lender: Application) -> None:
    one, other = raise_many(lender, 2)
    assert lender.handling.acknowledge([one], by=MAYA, at=NOW).sentence == f"{one} is acknowledged"
    second = lender.handling.acknowledge([one], by=TOMAS, at=NOW + timedelta(hours=1))
    assert second.sentence == f"Maya Okafor acknowledged {one} before, {NOW:%d %b %H:%M:%S} UTC"
    both = lender.handling.acknowledge([one, other], by=TOMAS, at=NOW + timedelta(hours=1))
    assert both.sentence.startswith(f"{other} is acknowledged; Maya Okafor acknowledged {one} before")
    assert known(lender, [one])[0].acknowledged_by == MAYA.name


def test_an_acknowledged_alert_is_acknowledged_once(lender: Application) -> None:
    names = raise_many(lender, 2)
    lender.handling.acknowledge(names[:1], by=MAYA, at=NOW)
    found = lender.handling.acknowledge(names, by=MAYA, at=NOW + timedelta(hours=1)).alerts
    assert [one.acknowledged_at for one in found] == [NOW, NOW + timedelta(hours=1)]


@pytest.mark.parametrize("false_alarm", [True, False])
def test_opening_an_incident_takes_back_that_the_alert_was_set_aside(
    lender: Application, false_alarm: bool
) -> None:
    """R-DET-09: what is an incident is no false alarm, in the counts too, and who takes it back is told."""
    (name,) = raise_many(lender, 1)
    lender.handling.set_aside([name], "the feed", false_alarm, by=MAYA, at=NOW)
    what = lender.alerting.open_incident(name, by=TOMAS, at=NOW + timedelta(minutes=1))
    (one,) = known(lender, [name])
    assert (one.outcome, one.incident, one.false_alarm) == ("opened", what.incident, False)
    said = "a false alarm" if false_alarm else "no incident"
    assert one.reason.startswith(f"opened by {TOMAS.name}; it was set aside as {said} by {MAYA.name} on ")
    assert one.reason.endswith("and that is taken back")
    with lender.ledger.reading() as conn:
        assert sum(wrong for wrong, _ in records.false_alarms(conn, LOANS).values()) == 0


def test_an_alert_of_a_dismissed_incident_is_no_false_alarm_once_it_opens_another(
    lender: Application,
) -> None:
    names = [one.alert for one in load(lender.ledger, "INC-1").state.own_alerts]
    closing.dismiss(lender.desk, "INC-1", "a test feed", True, by=MAYA, at=NOW)
    assert {one.false_alarm for one in known(lender, names)} == {True}
    lender.alerting.open_incident(names[0], by=MAYA, at=NOW + timedelta(minutes=1))
    assert [one.false_alarm for one in known(lender, names[:1])] == [False]


def test_opening_an_incident_for_an_alert_names_what_runs_besides(lender: Application) -> None:
    """R-DET-15: as for a report, so that two records of one cause are seen at once."""
    (name,) = raise_many(lender, 1)
    what = lender.alerting.open_incident(name, by=TOMAS, at=NOW)
    assert (what.joined, [one.id for one in what.running]) == (False, ["INC-1"])
    assert what.sentence.startswith(f"{what.incident} is open; running besides: INC-1. When one of them")
    again = lender.alerting.open_incident(name, by=TOMAS, at=NOW)
    assert (again.incident, again.joined) == (what.incident, True)
    assert again.sentence.startswith(f"{name} belongs to {what.incident} already; running besides: INC-1")
