"""Whoever ends an incident is told what the record knows against it, and says why it ends all the same.

R-REM-03, R-EVD-10.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.incident.events import Contained, ContainmentLost, Resolved
from holdfast.incident.loading import load
from holdfast.learn import closing, remedying
from holdfast.learn.events import Method
from holdfast.learn.remediation import Plan, Wanted
from holdfast.ledger.outbox import MessageQueued
from holdfast.prepare.terms import Category, RemediationKind, Severity
from holdfast.problems import NotAllowed
from support.company import AISHA, MAYA, PRIYA, TOMAS
from support.growing import DAY, MINUTE, cleared, company, drift, messages, raised, went_on, work
from support.opened import tell

FAILS = Category.PERFORMANCE_DEGRADATION


@pytest.fixture
def lender(database_url: str, tmp_path: Path, now: datetime) -> Application:
    """An incident whose fix is verified, and whose alert has cleared."""
    made = company(tmp_path / "company", database_url, now)
    raised(made, drift(now, 1.0), now)
    work(made, now)
    made.desk.acknowledge("INC-1", by=TOMAS, at=now)
    made.desk.classify("INC-1", FAILS, Severity.MEDIUM, "few letters", by=MAYA, at=now)
    tell(made.ledger, "INC-1", *load(made.ledger, "INC-1").state.establish_cause("a default"), at=now)
    wanted = Wanted(Method.TEST, "the feed test refuses months")
    plan = Plan("Check units", RemediationKind.CODE_FIX, AISHA.id, now + 20 * DAY, wanted)
    item = remedying.plan(made.desk, "INC-1", plan, by=TOMAS, at=now)
    remedying.finish(made.desk, "INC-1", item, "the feed is checked", by=AISHA, at=now + MINUTE)
    remedying.verify(made.desk, "INC-1", item, True, "test 7 passes", by=PRIYA, at=now + 2 * MINUTE)
    cleared(made, drift(now, 0.1), now + 3 * MINUTE)
    work(made, now + 3 * MINUTE)
    return made


def resolve(lender: Application, at: datetime, because: str = "") -> None:
    closing.resolve(lender.desk, "INC-1", "Rolled back.", because, by=MAYA, at=at)


def resolution(lender: Application) -> str:
    (found,) = [one.fact for one in lender.ledger.facts() if isinstance(one.fact, Resolved)]
    assert isinstance(found, Resolved)
    return found.resolution


def overtaken(lender: Application) -> str:
    return remedying.remediations_of(lender.ledger, "INC-1").items["INC-1-R1"].overtaken_said


def letters(lender: Application) -> dict[str, MessageQueued]:
    return {one.to: one for one in messages(lender) if "overtaken" in one.subject}


def test_what_is_verified_and_has_cleared_is_resolved_without_a_reason(
    lender: Application, now: datetime
) -> None:
    resolve(lender, now + DAY)
    assert resolution(lender) == "Rolled back."
    assert overtaken(lender) == ""


def test_an_alert_that_is_open_asks_for_a_reason_though_the_fix_is_verified(
    lender: Application, now: datetime
) -> None:
    went_on(lender, drift(now + DAY, 1.0), now + DAY)
    with pytest.raises(NotAllowed) as refused:
        resolve(lender, now + DAY)  # before any reaction ran
    assert "ALR-1 (Drift of employment years) is open, last seen" in str(refused.value)
    assert "PSI 1.0, limit 0.25; wait until that is settled, or give the reason to resolve INC-1" in str(
        refused.value
    )
    resolve(lender, now + DAY, "the old rows are still in the window")
    assert "PSI 1.0, limit 0.25: the old rows are still in the window)" in resolution(lender)
    told = [one for one in messages(lender) if one.about == "resolved"]
    assert all("the old rows are still in the window" in one.text for one in told)


def test_a_verification_is_shown_as_overtaken_and_told_to_whoever_relied_on_it(
    lender: Application, now: datetime
) -> None:
    for day, value in ((1, 1.0), (2, 2.0)):
        went_on(lender, drift(now + day * DAY, value), now + day * DAY)
        work(lender, now + day * DAY)
    said = overtaken(lender)
    assert said.startswith("Verified 23 Nov 2026")
    assert "ALR-1 (Drift of employment years) is open again since 24 Nov 2026" in said
    assert "PSI 1.0, limit 0.25." in said
    assert set(letters(lender)) >= {AISHA.id, PRIYA.id}
    assert len(letters(lender)) == len([one for one in messages(lender) if "overtaken" in one.subject])
    text = letters(lender)[PRIYA.id].text
    assert "overtaken since: ALR-1 (Drift of employment years) is open again since 24 Nov" in text
    assert "PSI 1.0, limit 0.25." in text
    cleared(lender, drift(now, 0.1), now + 3 * DAY)
    with pytest.raises(NotAllowed, match=r"INC-1-R1 was verified .* and overtaken since"):
        resolve(lender, now + 3 * DAY)


def test_an_alert_that_joins_after_the_verification_overtakes_it(lender: Application, now: datetime) -> None:
    raised(lender, drift(now + DAY, 0.6, 2, monitor="other", monitor_name="Other"), now + DAY)
    work(lender, now + DAY)
    assert "ALR-2 (Other) joined" in overtaken(lender)
    with pytest.raises(NotAllowed, match=r"ALR-2 \(Other\) is open"):
        resolve(lender, now + DAY)


def test_a_window_from_before_the_fix_says_nothing_of_it(lender: Application, now: datetime) -> None:
    went_on(lender, drift(now - DAY, 1.0), now + DAY)
    work(lender, now + DAY)
    assert overtaken(lender) == ""


def test_containment_that_was_lost_since_asks_for_a_reason(lender: Application, now: datetime) -> None:
    at, of = now + DAY, {"incident": "INC-1", "containment": "INC-1-C1"}
    tell(lender.ledger, "INC-1", Contained(**of, proof="none"), at=now)
    tell(lender.ledger, "INC-1", ContainmentLost(**of, reason="40 requests got through"), at=at)
    work(lender, at)
    assert "it is contained no longer since 24 Nov 2026" in overtaken(lender)
    with pytest.raises(NotAllowed, match=r"INC-1 is contained no longer since .*: 40 requests got through"):
        resolve(lender, at)
    tell(lender.ledger, "INC-1", Contained(**of, proof="none"), at=at)


def test_containment_that_was_lifted_on_purpose_asks_for_none(lender: Application, now: datetime) -> None:
    of = {"incident": "INC-1", "containment": "INC-1-C1"}
    tell(lender.ledger, "INC-1", Contained(**of, proof="none"), at=now)
    lifted = ContainmentLost(**of, reason="Model off was reverted", deliberate=True)
    tell(lender.ledger, "INC-1", lifted, at=now + DAY)
    work(lender, now + DAY)
    resolve(lender, now + DAY)
    assert resolution(lender) == "Rolled back."


class TestClosing:
    def test_what_came_after_the_resolution_asks_for_a_reason(
        self, lender: Application, now: datetime
    ) -> None:
        resolve(lender, now + DAY)
        went_on(lender, drift(now + 2 * DAY, 1.0), now + 2 * DAY)
        work(lender, now + 2 * DAY)
        with pytest.raises(NotAllowed, match="or give the reason to close INC-1"):
            closing.close(lender.desk, "INC-1", "Done.", by=MAYA, at=now + 2 * DAY)
        closing.close(lender.desk, "INC-1", "Done.", "it is another cause", by=MAYA, at=now + 2 * DAY)
        (fact,) = [one.fact for one in lender.ledger.facts() if one.fact.type == "incident.closed"]
        assert fact.summary.startswith("Done. (INC-1-R1 was verified")  # type: ignore[attr-defined]
        assert fact.summary.endswith(": it is another cause)")  # type: ignore[attr-defined]
        assert closing.archive_problem(lender.ledger, "INC-1") is None

    def test_what_whoever_resolved_it_knew_asks_for_no_second_reason(
        self, lender: Application, now: datetime
    ) -> None:
        went_on(lender, drift(now + DAY, 1.0), now + DAY)
        work(lender, now + DAY)
        resolve(lender, now + 2 * DAY, "the old rows are still in the window")
        closing.close(lender.desk, "INC-1", "Done.", by=MAYA, at=now + 3 * DAY)

    def test_an_alert_that_another_incident_took_over_asks_for_none(
        self, lender: Application, now: datetime
    ) -> None:
        resolve(lender, now + DAY)
        went_on(lender, drift(now + 2 * DAY, 1.0), now + 2 * DAY)
        lender.alerting.open_incident("ALR-1", by=MAYA, at=now + 2 * DAY)
        closing.close(lender.desk, "INC-1", "Done.", by=MAYA, at=now + 2 * DAY)
