"""An alert that goes on is somebody's at every moment (R-DET-15, R-PRE-07, R-ESC-04)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.detect.events import AlertTriaged
from holdfast.detect.records import Alert
from holdfast.incident import register
from holdfast.incident.events import AlertFacts, Contained
from holdfast.incident.incident import Incident, Status
from holdfast.incident.loading import load
from holdfast.incident.responding import Report
from holdfast.learn import closing
from holdfast.prepare.terms import Category, Severity
from support.company import INES, MAYA, PRIYA, TOMAS
from support.growing import (
    DAY,
    LOANS,
    cleared,
    company,
    drift,
    messages,
    raised,
    sign,
    went_on,
    work,
)
from support.opened import tell

FAILS = Category.PERFORMANCE_DEGRADATION


@pytest.fixture
def lender(database_url: str, tmp_path: Path, now: datetime) -> Application:
    return company(tmp_path / "company", database_url, now)


def of(application: Application, number: int = 1) -> Alert:
    return application.alerting.require(f"ALR-{number}")


def incident(application: Application, number: int = 1) -> Incident:
    return load(application.ledger, f"INC-{number}").state


def incidents(application: Application) -> int:
    with application.ledger.reading() as conn:
        return register.next_number(conn) - 1


def triaged(application: Application) -> list[AlertTriaged]:
    facts = (recorded.fact for recorded in application.ledger.facts())
    return [fact for fact in facts if isinstance(fact, AlertTriaged)]


def test_worse_is_further_beyond_the_limit_on_whichever_side_that_is(now: datetime) -> None:
    """Clearly, by a quarter of what it was; where nothing says which way is worse, nothing is clearly so."""

    def low(value: float, limit: float | None = 0.8) -> AlertFacts:
        return drift(now, value, limit=limit)

    assert low(0.0).clearly_graver_than(low(0.3))
    assert low(0.78).graver_than(low(0.79))
    assert not low(0.78).clearly_graver_than(low(0.7))
    assert not low(0.3).graver_than(low(0.0))
    assert drift(now, 2.0).clearly_graver_than(drift(now, 0.3))
    assert drift(now, 2.0).clearly_graver_than(low(0.1, limit=0.25)), "the other one of two limits"
    assert not low(0.3, limit=0.5).clearly_graver_than(low(0.3, limit=0.4)), "a limit that was moved"
    assert low(1.0, None).graver_than(low(2.0, None))
    assert not low(1.0, None).clearly_graver_than(low(2.0, None))
    assert drift(now, 1.0, limit=None, drop=0.5).clearly_graver_than(drift(now, 2.0, limit=None, drop=0.2))


class TestWithoutAnIncident:
    """R-PRE-07: the triggers are asked whenever an alert is worse than they were asked about."""

    @pytest.fixture
    def waiting(self, lender: Application, now: datetime) -> Application:
        raised(lender, drift(now, 0.3), now)
        work(lender, now)
        assert of(lender).outcome == "none"
        return lender

    def test_one_that_grows_worse_opens_one_incident_once(self, waiting: Application, now: datetime) -> None:
        for day, value in ((1, 0.4), (2, 2.0), (3, 2.1), (4, 2.0)):
            went_on(waiting, drift(now + day * DAY, value), now + day * DAY)
            work(waiting, now + day * DAY)
        found = of(waiting)
        assert (found.outcome, found.incident) == ("opened", "INC-1")
        assert incidents(waiting) == 1
        state = incident(waiting)
        assert state.began_at == drift(now, 0.3).window_start, "since it was raised"
        assert [one.outcome for one in triaged(waiting)] == ["none", "opened"]
        assert state.alerts[0].value == 2.0, "what is so when it is asked"
        opened = [one for one in messages(waiting) if one.about == "opened"]
        assert "PSI 2.0, limit 0.25" in opened[0].text

    def test_one_that_goes_on_as_it_was_is_not_asked_again(
        self, waiting: Application, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[float | None] = []
        trigger = waiting.desk.trigger
        monkeypatch.setattr(
            waiting.desk,
            "trigger",
            lambda alert, system: (asked.append(alert.value), trigger(alert, system))[1],
        )
        before = len(messages(waiting))
        for day, value in ((1, 0.3), (2, 0.28), (3, 0.31), (4, 0.31), (5, 0.3)):
            went_on(waiting, drift(now + day * DAY, value), now + day * DAY)
            work(waiting, now + day * DAY)
        assert asked == [0.31]
        assert len(triaged(waiting)) == 1
        assert len(messages(waiting)) == before

    def test_one_that_is_clearly_graver_and_opens_nothing_is_told_again(
        self, waiting: Application, now: datetime
    ) -> None:
        before = waiting.ledger.size()
        for day in (1, 2):
            went_on(waiting, drift(now + day * DAY, 0.9), now + day * DAY)
            work(waiting, now + day * DAY)
        (told,) = messages(waiting, before - 1)
        assert told.to == PRIYA.id
        assert "PSI 0.3, limit 0.25." in told.text
        assert "Worse since: PSI 0.9, limit 0.25." in told.text
        assert "It opened no incident." in told.text

    def test_one_that_grows_worse_joins_what_is_running(self, waiting: Application, now: datetime) -> None:
        waiting.desk.declare(Report("Letters are wrong", system=LOANS), by=INES, at=now)
        went_on(waiting, drift(now + DAY, 0.5), now + DAY)
        work(waiting, now + DAY)
        assert (of(waiting).outcome, of(waiting).incident) == ("joined", "INC-1")
        assert [one.value for one in incident(waiting).alerts] == [0.5]

    def test_a_new_playbook_is_asked_as_well(self, waiting: Application, now: datetime) -> None:
        sign(waiting, now + DAY, 0.2)
        work(waiting, now + DAY)
        assert (of(waiting).outcome, of(waiting).incident) == ("opened", "INC-1")
        work(waiting, now + DAY)
        assert incidents(waiting) == 1

    def test_a_new_playbook_opens_nothing_for_what_has_cleared_or_was_set_aside(
        self, waiting: Application, now: datetime
    ) -> None:
        raised(waiting, drift(now, 0.3, 2, monitor="other"), now)
        work(waiting, now)
        cleared(waiting, drift(now, 0.3), now)
        waiting.handling.set_aside(["ALR-2"], "a holiday", False, by=INES, at=now)
        sign(waiting, now + DAY, 0.2)
        work(waiting, now + DAY)
        assert incidents(waiting) == 0

    def test_what_went_on_before_it_was_triaged_is_judged_by_its_gravest_window(
        self, lender: Application, now: datetime
    ) -> None:
        """Both orders: whichever reaction comes first, one incident opens, for the gravest."""
        raised(lender, drift(now, 0.3), now)
        for hour, value in ((1, 2.0), (2, 0.4)):
            went_on(lender, drift(now + hour * DAY, value), now)
        recorded = [one for one in lender.ledger.facts() if one.fact.type == "alert.continued"]
        for one in recorded:
            lender.alerting.went_on(one, now)
        assert of(lender).outcome == "waiting"
        work(lender, now)
        assert (of(lender).outcome, incidents(lender)) == ("opened", 1)
        assert [one.value for one in incident(lender).alerts] == [2.0]

    def test_a_person_opens_one_for_what_is_so(self, waiting: Application, now: datetime) -> None:
        went_on(waiting, drift(now + DAY, 0.9), now + DAY)
        waiting.alerting.open_incident("ALR-1", by=MAYA, at=now + DAY)
        state = incident(waiting)
        assert state.severity is Severity.HIGH, "as the rules see 0.9, not the 0.3 that it was raised with"
        assert state.began_at == drift(now, 0.3).window_start


class TestSetAside:
    """What a person decided stands for the alert as it was known, and for nothing clearly graver."""

    @pytest.fixture
    def aside(self, lender: Application, now: datetime) -> Application:
        raised(lender, drift(now, 0.6), now)
        work(lender, now)
        lender.handling.set_aside(["ALR-1"], "a holiday", True, by=INES, at=now)
        return lender

    def test_what_wavers_stays_set_aside(self, aside: Application, now: datetime) -> None:
        before = len(messages(aside))
        for day, value in ((1, 0.6), (2, 0.65), (3, 0.5)):
            went_on(aside, drift(now + day * DAY, value), now + day * DAY)
            work(aside, now + day * DAY)
        assert of(aside).outcome == "set aside"
        assert len(messages(aside)) == before

    def test_what_is_clearly_graver_waits_again_and_is_told_to_whoever_set_it_aside(
        self, aside: Application, now: datetime
    ) -> None:
        before = aside.ledger.size()
        went_on(aside, drift(now + DAY, 0.9), now + DAY)
        work(aside, now + DAY)
        found = of(aside)
        assert (found.outcome, found.false_alarm) == ("none", False)
        assert "clearly graver than when it was set aside by Ines Carvalho" in found.reason
        told = {one.to: one.text for one in messages(aside, before - 1)}
        assert set(told) == {INES.id, PRIYA.id}
        assert "You are told because you set it aside." in told[INES.id]
        assert "It is clearly graver than when it was set aside by Ines Carvalho" in told[PRIYA.id]
        aside.handling.set_aside(["ALR-1"], "still a holiday", False, by=MAYA, at=now + DAY)
        went_on(aside, drift(now + 2 * DAY, 0.9), now + 2 * DAY)
        work(aside, now + 2 * DAY)
        assert of(aside).outcome == "set aside"

    def test_what_the_triggers_open_an_incident_for_now_opens_it(
        self, aside: Application, now: datetime
    ) -> None:
        before = aside.ledger.size()
        for day in (1, 2):
            went_on(aside, drift(now + day * DAY, 2.0), now + day * DAY)
            work(aside, now + day * DAY)
        assert (of(aside).outcome, of(aside).incident, incidents(aside)) == ("opened", "INC-1", 1)
        texts = [one.text for one in messages(aside, before - 1) if one.about == "alert"]
        assert len(texts) == 1
        assert "because you set it aside" in texts[0]
        assert "It opened INC-1." in texts[0]

    def test_many_set_aside_at_once_return_each_for_itself(self, lender: Application, now: datetime) -> None:
        for number in range(1, 4):
            raised(lender, drift(now, 0.6, number, monitor=f"drift-{number}"), now)
        work(lender, now)
        lender.handling.set_aside(["ALR-1", "ALR-2", "ALR-3"], "a holiday", True, by=INES, at=now)
        went_on(lender, drift(now + DAY, 0.9, 2, monitor="drift-2"), now + DAY)
        work(lender, now + DAY)
        assert [of(lender, number).outcome for number in (1, 2, 3)] == ["set aside", "none", "set aside"]

    def test_one_that_left_an_incident_does_not_go_back_into_it(
        self, lender: Application, now: datetime
    ) -> None:
        raised(lender, drift(now, 2.0), now)
        raised(lender, drift(now, 0.6, 2, monitor="other"), now)
        work(lender, now)
        assert of(lender, 2).incident == "INC-1"
        lender.handling.set_aside(["ALR-2"], "another matter", False, by=MAYA, at=now)
        went_on(lender, drift(now + DAY, 3.0, 2, monitor="other"), now + DAY)
        work(lender, now + DAY)
        assert (of(lender, 2).outcome, of(lender, 2).incident) == ("opened", "INC-2")


# Every state, whatever comes -----------------------------------------------------------------------


def waiting(lender: Application, now: datetime) -> None:
    raised(lender, drift(now, 0.6), now)
    work(lender, now)


def aside(lender: Application, now: datetime) -> None:
    waiting(lender, now)
    lender.handling.set_aside(["ALR-1"], "a holiday", False, by=INES, at=now)


def running(lender: Application, now: datetime) -> None:
    raised(lender, drift(now, 1.0), now)
    work(lender, now)


def answered(lender: Application, now: datetime) -> None:
    running(lender, now)
    lender.desk.acknowledge("INC-1", by=TOMAS, at=now)
    lender.desk.classify("INC-1", FAILS, Severity.MEDIUM, "few letters", by=MAYA, at=now)


def contained(lender: Application, now: datetime) -> None:
    answered(lender, now)
    tell(lender.ledger, "INC-1", Contained(incident="INC-1", containment="INC-1-C1", proof="none"), at=now)


def resolved(lender: Application, now: datetime) -> None:
    answered(lender, now)
    tell(lender.ledger, "INC-1", *incident(lender).establish_cause("a default"), at=now)
    closing.resolve(lender.desk, "INC-1", "Rolled back.", "labels take a month", by=MAYA, at=now)


def closed(lender: Application, now: datetime) -> None:
    resolved(lender, now)
    closing.close(lender.desk, "INC-1", "Rolled back.", by=MAYA, at=now)


def dismissed(lender: Application, now: datetime) -> None:
    running(lender, now)
    closing.dismiss(lender.desk, "INC-1", "a test run", by=MAYA, at=now)


def merged(lender: Application, now: datetime) -> None:
    running(lender, now)
    lender.desk.declare(Report("Letters are wrong", system=LOANS), separate=True, by=INES, at=now)
    closing.merge(lender.desk, "INC-1", "INC-2", "the same letters", by=MAYA, at=now)
    lender.desk.acknowledge("INC-2", by=TOMAS, at=now)


def goes_on(lender: Application, at: datetime) -> None:
    went_on(lender, drift(at, of(lender).facts.value or 0.0), at)


def worsens(lender: Application, at: datetime) -> None:
    went_on(lender, drift(at, 3.0), at)


def clears(lender: Application, at: datetime) -> None:
    cleared(lender, drift(at, 0.0), at)


def comes_back(lender: Application, at: datetime) -> None:
    clears(lender, at)
    raised(lender, drift(at, 1.0, 2), at)


def second(lender: Application, at: datetime) -> None:
    """Of the same monitor, for a group."""
    raised(lender, drift(at, 1.0, 2, group={"channel": "web"}), at)


def another(lender: Application, at: datetime) -> None:
    """Of another monitor, too mild for the trigger."""
    raised(lender, drift(at, 0.6, 2, monitor="other", monitor_name="Other"), at)


def report(lender: Application, at: datetime) -> None:
    lender.desk.declare(Report("Letters are wrong again", system=LOANS), by=INES, at=at)


OPENS = frozenset({"opened", "escalated"})
REPORTED = frozenset({"opened"})
PASSED_ON = frozenset({"alert"})
NOT_OVER = frozenset({"harm went on"})
NOBODY: frozenset[str] = frozenset()

# What becomes of the alert (a new one, where one comes), what opens, and what the messages are about.
_RESPONDED = {
    goes_on: ("INC-1", 0, NOBODY),
    worsens: ("INC-1", 0, NOBODY),
    clears: ("INC-1", 0, NOBODY),
    comes_back: ("INC-1", 0, PASSED_ON),
    second: ("INC-1", 0, PASSED_ON),
    another: ("INC-1", 0, PASSED_ON),
    report: ("INC-1", 0, NOBODY),
}
_ANEW = {
    comes_back: ("INC-2", 1, OPENS),
    second: ("INC-2", 1, OPENS),
    another: ("", 0, PASSED_ON),
    report: ("INC-1", 1, REPORTED),
}
_NO_INCIDENT = {
    comes_back: ("INC-1", 1, OPENS),
    second: ("INC-1", 1, OPENS),
    another: ("", 0, PASSED_ON),
    report: ("", 1, REPORTED),
}
TABLE = {
    waiting: {
        goes_on: ("", 0, NOBODY),
        worsens: ("INC-1", 1, OPENS),
        clears: ("", 0, NOBODY),
        **_NO_INCIDENT,
    },
    aside: {
        goes_on: ("", 0, NOBODY),
        worsens: ("INC-1", 1, OPENS | PASSED_ON),
        clears: ("", 0, NOBODY),
        **_NO_INCIDENT,
    },
    running: _RESPONDED,
    answered: _RESPONDED,
    contained: _RESPONDED,
    resolved: {
        goes_on: ("INC-1", 0, NOT_OVER),
        worsens: ("INC-1", 0, NOT_OVER),
        clears: ("INC-1", 0, NOBODY),
        **_ANEW,
        comes_back: ("INC-2", 1, OPENS | NOT_OVER),
        second: ("INC-2", 1, OPENS | NOT_OVER),
    },
    closed: {
        goes_on: ("INC-2", 1, OPENS | PASSED_ON),
        worsens: ("INC-2", 1, OPENS | PASSED_ON),
        clears: ("INC-1", 0, NOBODY),
        **_ANEW,
    },
    dismissed: {
        goes_on: ("INC-1", 0, NOBODY),  # set aside with it, for what it was known as
        worsens: ("INC-2", 1, OPENS | PASSED_ON),
        clears: ("INC-1", 0, NOBODY),
        **_ANEW,
    },
    merged: {happening: ("INC-2", opens, about) for happening, (_, opens, about) in _RESPONDED.items()},
}
_ROWS = [(state, happening) for state, row in TABLE.items() for happening in row]


@pytest.mark.parametrize(
    ("state", "happening"), _ROWS, ids=[f"{state.__name__}-{one.__name__}" for state, one in _ROWS]
)
def test_whatever_comes_is_somebodys(
    lender: Application, now: datetime, state: Callable[..., None], happening: Callable[..., None]
) -> None:
    """In every state of an incident: what opens, where the alert leads, and who hears of what.

    Whatever is handed to nobody who works on it is told to somebody; what is said twice is said once.
    """
    later = now + DAY
    state(lender, now)
    known, before = incidents(lender), lender.ledger.size()
    happening(lender, later)
    for _ in range(2):
        work(lender, later)
    leads, opens, about = TABLE[state][happening]
    newest = 2 if happening in (comes_back, second, another) else 1
    assert of(lender, newest).incident == leads
    assert incidents(lender) == known + opens
    new = messages(lender, before - 1)
    assert {one.about for one in new} == about
    assert len({(one.to, one.about, one.incident) for one in new}) == len(new), "nobody hears a thing twice"
    if about >= NOT_OVER:
        told_of_resolution = {one.to for one in messages(lender) if one.about == "resolved"}
        assert {one.to for one in new if one.about == "harm went on"} >= {MAYA.id, *told_of_resolution}


class TestAfterTheResolution:
    """Whoever was told that it is resolved hears at once that it is not over."""

    @pytest.fixture
    def over(self, lender: Application, now: datetime) -> Application:
        resolved(lender, now)
        return lender

    def test_it_is_told_in_words_once_and_again_when_it_is_clearly_graver(
        self, over: Application, now: datetime
    ) -> None:
        counts = []
        for day, value in ((1, 1.0), (2, 1.05), (3, 3.0), (4, 3.0)):
            before = over.ledger.size()
            went_on(over, drift(now + day * DAY, value), now + day * DAY)
            work(over, now + day * DAY)
            new = messages(over, before - 1)
            counts.append(bool(new))
        assert counts == [True, False, True, False]
        told = [one for one in messages(over) if one.about == "harm went on" and one.to == MAYA.id]
        assert told[0].subject.startswith("INC-1 is resolved, and an alert goes on: ")
        assert "ALR-1 (Drift of employment years) goes on: PSI 1.0, limit 0.25." in told[0].text
        assert "It was resolved 23 Nov" in told[0].text
        assert "open an incident of its own for ALR-1" in told[0].text
        assert "PSI 3.0" in told[1].text
        assert incident(over).after_resolution == (
            "ALR-1 (Drift of employment years) goes on: PSI 3.0, limit 0.25.",
        )

    def test_what_was_seen_before_the_resolution_says_nothing_of_the_time_after(
        self, lender: Application, now: datetime
    ) -> None:
        """The worker comes late."""
        running(lender, now)
        went_on(lender, drift(now, 1.0), now)
        at = now + DAY
        lender.desk.acknowledge("INC-1", by=TOMAS, at=at)
        lender.desk.classify("INC-1", FAILS, Severity.MEDIUM, "few letters", by=MAYA, at=at)
        tell(lender.ledger, "INC-1", *incident(lender).establish_cause("a default"), at=at)
        closing.resolve(lender.desk, "INC-1", "Rolled back.", "labels take a month", by=MAYA, at=at)
        work(lender, at)
        assert incident(lender).after_resolution == ()

    def test_a_person_opens_the_incident_that_follows_and_the_two_are_related(
        self, over: Application, now: datetime
    ) -> None:
        went_on(over, drift(now + DAY, 1.0), now + DAY)
        work(over, now + DAY)
        assert over.alerting.open_incident("ALR-1", by=MAYA, at=now + DAY).incident == "INC-2"
        assert over.alerting.open_incident("ALR-1", by=MAYA, at=now + DAY).incident == "INC-2"
        assert incident(over).related == ("INC-2",)
        assert incident(over, 2).related == ("INC-1",)
        assert incident(over, 2).began_at == drift(now + DAY, 1.0).window_start
        before = over.ledger.size()
        went_on(over, drift(now + 2 * DAY, 9.0), now + 2 * DAY)
        work(over, now + 2 * DAY)
        assert not [one for one in messages(over, before - 1) if one.about == "harm went on"]
        assert incident(over, 2).alerts[0].value == 9.0

    def test_its_only_alert_can_be_set_aside(self, over: Application, now: datetime) -> None:
        over.handling.set_aside(["ALR-1"], "a new reference is coming", False, by=MAYA, at=now + DAY)
        went_on(over, drift(now + 2 * DAY, 1.0), now + 2 * DAY)
        work(over, now + 2 * DAY)
        assert incident(over).after_resolution == ()

    def test_after_the_closing_whoever_commanded_hears_where_it_leads(
        self, lender: Application, now: datetime
    ) -> None:
        closed(lender, now)
        went_on(lender, drift(now + DAY, 0.6), now + DAY)  # too mild for the trigger
        work(lender, now + DAY)
        found = of(lender)
        assert (found.outcome, found.incident) == ("none", "")
        assert "goes on after INC-1 was closed on 23 Nov" in found.reason
        told = {one.to: one.text for one in messages(lender) if one.about == "alert"}
        assert set(told) == {MAYA.id, PRIYA.id}
        assert "It goes on after INC-1 was closed on 23 Nov" in told[MAYA.id]
        assert "because you were to command INC-1" in told[MAYA.id]
        lender.handling.set_aside(["ALR-1"], "known", False, by=MAYA, at=now + DAY)


def test_in_a_running_incident_the_graver_counts_in_either_order(lender: Application, now: datetime) -> None:
    """R-CLS-05: what is proposed follows the gravest, first or last."""
    raised(lender, drift(now, 1.0), now)
    went_on(lender, drift(now + DAY, 3.0), now)
    work(lender, now)
    went_on(lender, drift(now + 2 * DAY, 1.0), now)
    work(lender, now)
    assert [one.value for one in incident(lender).alerts] == [3.0]
    went_on(lender, drift(now + 3 * DAY, 9.0), now)
    work(lender, now)
    assert [one.value for one in incident(lender).alerts] == [9.0]
    assert incident(lender).status is Status.TRIAGE
