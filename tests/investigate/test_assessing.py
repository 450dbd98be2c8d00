"""Counting and assessing on a real ledger and a real log (R-IMP-01, R-IMP-02, R-ESC-02)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from holdfast.detect.marks import Tally
from holdfast.incident.events import Dismissed, ImpactNoted, TierRaised
from holdfast.incident.loading import Loaded, NoSuchIncident, load
from holdfast.investigate import assessing
from holdfast.investigate.counting import GroupCount
from holdfast.investigate.events import DataImpact, ImpactAssessed, ImpactCounted, UserImpact
from holdfast.investigate.impact import Assessment
from holdfast.ledger import outbox
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.problems import NotAllowed
from support.counter import FileCounter
from support.merged import absorbed
from support.opened import MAYA, SYSTEM, WORKER, open_incident, tell

WHY = "every one of them was decided by the wrong model"
EVERYBODY: dict[str, Any] = {
    "users": 4,
    "inferences": 10,
    "share": 1.0,
    "exposed_users": 4,
    "exposed_inferences": 10,
    "exposed_share": 1.0,
}
SAID = Assessment(users=UserImpact(kind="applicants", effect="declined wrongly"))


def reassess(loaded: Loaded, noted: ImpactNoted, at: datetime) -> Sequence[Draft]:
    """Over two people affected raise the tier and tell somebody."""
    if noted.users is None or noted.users <= 2 or loaded.state.tier > 1:
        return [loaded.draft([noted])]
    raised = TierRaised(incident=loaded.state.id, tier=2, told=(), reason=f"{noted.users} people")
    message = outbox.queue("email", "head@example.com", "tier 2", "more people", loaded.state.id, zone="UTC")
    return [loaded.draft([noted, raised]), message]


@pytest.fixture
def counter(tmp_path: Path, now: datetime) -> FileCounter:
    """Ten predictions, one an hour, about four applicants; the north has six of them."""
    path = tmp_path / "log.parquet"
    conn = duckdb.connect()
    conn.execute("SET TimeZone = 'UTC'")
    conn.execute("CREATE TABLE log (made TIMESTAMPTZ, who VARCHAR, region VARCHAR)")
    for hour in range(10):
        region = "north" if hour < 6 else "south"
        conn.execute(
            "INSERT INTO log VALUES (?, ?, ?)", [now - timedelta(hours=10 - hour), f"p{hour % 4}", region]
        )
    conn.execute(f"COPY log TO '{path}' (FORMAT parquet)")
    return FileCounter(path, "made", "who", ["region"])


def test_affected_people_are_counted_from_the_log_with_period_segment_and_groups(
    ledger: Ledger, incident: str, counter: FileCounter, now: datetime
) -> None:
    """R-IMP-02."""
    start = now - timedelta(hours=8)
    counted = assessing.count(
        ledger, counter, incident, start, now, {"region": "north"}, reassess=reassess, by=WORKER, at=now
    )
    assert (counted.exposed, counted.total, counted.exposed_share) == (Tally(4, 4), 8, 0.5)
    assert counted.affected is None
    assert counted.groups == (GroupCount({"region": "north"}, 4, 4),)
    (recorded,) = ledger.stream("impact/INC-1").facts
    assert recorded.fact == ImpactCounted(
        incident=incident,
        number=1,
        system=SYSTEM,
        start=start,
        end=now,
        where={"region": "north"},
        counted=counted,
        part=True,
    )


def test_the_period_is_half_open(ledger: Ledger, incident: str, counter: FileCounter, now: datetime) -> None:
    end = now - timedelta(hours=1)
    counted = assessing.count(
        ledger, counter, incident, now - timedelta(hours=3), end, reassess=reassess, by=MAYA, at=now
    )
    assert counted.exposed.inferences == 2


def test_what_follows_from_the_count_stands_in_the_same_transaction(
    ledger: Ledger, incident: str, counter: FileCounter, now: datetime
) -> None:
    """R-ESC-02: over the limit the tier is raised and people are told, all or nothing. R-IMP-01/feeds."""
    before = ledger.size()
    assessing.count(
        ledger,
        counter,
        incident,
        now - timedelta(hours=10),
        now,
        because=WHY,
        reassess=reassess,
        by=WORKER,
        at=now,
    )
    types = [recorded.fact.type for recorded in ledger.facts(after=before - 1)]
    assert types == ["impact.counted", "incident.impact_noted", "incident.tier_raised", "message.queued"]
    state = load(ledger, incident).state
    assert state.impact == ImpactNoted(incident=incident, **EVERYBODY)
    assert state.tier == 2


def test_a_count_of_a_part_is_recorded_and_takes_nothing_back(
    ledger: Ledger, incident: str, counter: FileCounter, now: datetime
) -> None:
    """R-IMP-02, R-ESC-02: neither a segment nor a part of the time replaces what the whole holds."""
    asked: tuple[tuple[datetime | None, dict[str, str], str], ...] = (
        (None, {}, WHY),
        (None, {"region": "north"}, ""),
        (now - timedelta(hours=2), {}, ""),
    )
    known = []
    for start, where, because in asked:
        by = WORKER if because else MAYA
        assessing.count(
            ledger, counter, incident, start, None, where, because=because, reassess=reassess, by=by, at=now
        )
        state = load(ledger, incident).state
        known.append((state.impact, state.gravest_impact, state.tier))
    assert known == [known[0]] * 3
    assert known[0][0] == ImpactNoted(incident=incident, **EVERYBODY)
    assert not any(one.fact.by_person for one in ledger.facts() if isinstance(one.fact, ImpactNoted))
    impact = assessing.impact_of(ledger, incident)
    assert [kept.fact.part for kept in impact.counts] == [False, True, True]
    assert impact.said()[1].startswith("count 3, by Maya Okafor, is of a part and does not rule")


def test_a_segment_of_which_a_person_says_that_all_are_affected_rules(
    ledger: Ledger, incident: str, counter: FileCounter, now: datetime
) -> None:
    """R-IMP-02: that is a judgement of who is affected, and not a look at a part."""
    assessing.count(ledger, counter, incident, because=WHY, reassess=reassess, by=WORKER, at=now)
    judged = {"where": {"region": "south"}, "because": "only these went to the wrong model"}
    assessing.count(ledger, counter, incident, **judged, reassess=reassess, by=MAYA, at=now)
    impact = assessing.impact_of(ledger, incident)
    assert (impact.chosen, impact.by_person, impact.is_at_least) == (2, True, False)


def test_versions_of_the_assessment_are_kept_with_who_and_when(
    ledger: Ledger, incident: str, counter: FileCounter, now: datetime
) -> None:
    """R-IMP-01/versions."""
    later = now + timedelta(hours=1)
    assessing.assess(ledger, incident, SAID, reassess=reassess, by=MAYA, at=now)
    assessing.count(
        ledger,
        counter,
        incident,
        now - timedelta(hours=10),
        now,
        because=WHY,
        reassess=reassess,
        by=WORKER,
        at=later,
    )
    more = Assessment(SAID.users, DataImpact(sensitive=True, sensitivity="income"))
    impact = assessing.assess(ledger, incident, more, reassess=reassess, by=MAYA, at=later)
    assert [(kept.fact.number, kept.fact.affected, kept.at, kept.by) for kept in impact.versions] == [
        (1, None, now, MAYA),
        (2, 4, later, MAYA),
    ]
    assert assessing.impact_of(ledger, incident) == impact
    noted = load(ledger, incident).state.impact
    assert noted == ImpactNoted(incident=incident, **EVERYBODY, sensitive_data=True)


def test_saying_the_same_again_appends_nothing(ledger: Ledger, incident: str, now: datetime) -> None:
    assessing.assess(ledger, incident, SAID, reassess=reassess, by=MAYA, at=now)
    before = ledger.size()
    assessing.assess(ledger, incident, SAID, reassess=reassess, by=MAYA, at=now)
    assert ledger.size() == before


def test_a_no_is_said_again_against_the_yes_of_a_merged_incident(
    ledger: Ledger, incident: str, now: datetime
) -> None:
    """R-IMP-01: the form leaves open what is disputed; who answers it is heard, also with the same words."""
    no = replace(SAID, data=DataImpact(breach=False))
    assessing.assess(ledger, incident, no, reassess=reassess, by=MAYA, at=now)
    merged = absorbed(incident, ImpactNoted(incident="INC-9", breach=True, by_person=True))
    tell(ledger, incident, merged, at=now)
    state = load(ledger, incident).state
    form = assessing.impact_of(ledger, incident).assessment(state.disputed)
    assert (state.disputed, form) == (("breach",), SAID)
    assert "data breach" in state.disputed_said
    open_ = assessing.assess(ledger, incident, form, reassess=reassess, by=MAYA, at=now)
    assert len(open_.versions) == 2
    assert load(ledger, incident).state.disputed == ("breach",)
    for words in (no, no):
        assessing.assess(ledger, incident, words, reassess=reassess, by=MAYA, at=now)
    state = load(ledger, incident).state
    assert state.gravest_impact is not None
    assert (state.disputed, state.gravest_impact.breach, state.disputed_said) == ((), False, "")
    assert len(assessing.impact_of(ledger, incident).versions) == 3, "once it is decided, the same is no news"
    tell(ledger, incident, merged, at=now)
    again = assessing.assess(ledger, incident, no, reassess=reassess, by=MAYA, at=now)
    assert len(again.versions) == 4, "the very words of the version before decide it too"
    assert load(ledger, incident).state.disputed == ()


def test_a_faster_colleague_makes_the_step_decide_again(ledger: Ledger, incident: str, now: datetime) -> None:
    """Between reading and appending somebody else assesses: this one becomes version 2."""
    pushed: list[bool] = []

    def slow(loaded: Loaded, noted: ImpactNoted, at: datetime) -> Sequence[Draft]:
        if not pushed:
            pushed.append(True)
            assessing.assess(
                ledger, incident, Assessment(UserImpact(kind="visitors")), reassess=reassess, by=MAYA, at=now
            )
        return reassess(loaded, noted, at)

    impact = assessing.assess(ledger, incident, SAID, reassess=slow, by=MAYA, at=now)
    assert [kept.fact.users.kind for kept in impact.versions] == ["visitors", "applicants"]
    assert [kept.fact.number for kept in impact.versions] == [1, 2]


class TestRefusals:
    def test_of_a_column_the_log_does_not_have(
        self, ledger: Ledger, incident: str, counter: FileCounter, now: datetime
    ) -> None:
        with pytest.raises(NotAllowed, match="loans cannot be counted: the log has no column branch"):
            assessing.count(
                ledger,
                counter,
                incident,
                now - timedelta(1),
                now,
                {"branch": "1"},
                reassess=reassess,
                by=MAYA,
                at=now,
            )
        assert ledger.stream("impact/INC-1").version == 0

    def test_of_a_period_that_ends_before_it_begins(
        self, ledger: Ledger, incident: str, counter: FileCounter, now: datetime
    ) -> None:
        with pytest.raises(NotAllowed, match="give a later end"):
            assessing.count(ledger, counter, incident, now, now, reassess=reassess, by=MAYA, at=now)

    def test_of_counting_where_no_system_is_named(
        self, ledger: Ledger, counter: FileCounter, now: datetime
    ) -> None:
        incident = open_incident(ledger, now, number=2, system="")
        with pytest.raises(NotAllowed, match="names no AI system"):
            assessing.count(
                ledger, counter, incident, now - timedelta(1), now, reassess=reassess, by=MAYA, at=now
            )

    def test_of_an_incident_whose_record_is_archived(
        self, ledger: Ledger, incident: str, counter: FileCounter, now: datetime
    ) -> None:
        """R-EVD-10."""
        tell(ledger, incident, Dismissed(incident=incident, reason="a test of the alarm"), at=now)
        with pytest.raises(NotAllowed, match="archived"):
            assessing.assess(ledger, incident, SAID, reassess=reassess, by=MAYA, at=now)
        with pytest.raises(NotAllowed, match="archived"):
            assessing.count(
                ledger, counter, incident, now - timedelta(1), now, reassess=reassess, by=MAYA, at=now
            )

    def test_of_an_incident_nobody_opened(self, ledger: Ledger, now: datetime) -> None:
        with pytest.raises(NoSuchIncident):
            assessing.assess(ledger, "INC-9", SAID, reassess=reassess, by=MAYA, at=now)


def test_an_assessment_is_read_back_as_it_was_said(ledger: Ledger, incident: str, now: datetime) -> None:
    assessing.assess(ledger, incident, SAID, reassess=reassess, by=MAYA, at=now)
    (recorded,) = ledger.stream("impact/INC-1").facts
    assert isinstance(recorded.fact, ImpactAssessed)
    assert assessing.impact_of(ledger, incident).assessment() == SAID
