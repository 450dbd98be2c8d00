"""The desk: incidents opened, answered and escalated by the playbook in force, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.evidence import custody
from holdfast.evidence.capture import Found, Gap, Scene
from holdfast.evidence.events import EvidenceFrozen, Kind
from holdfast.incident import register
from holdfast.incident.events import AlertFacts, Escalated, ImpactNoted, TierRaised
from holdfast.incident.incident import Incident, Status
from holdfast.incident.loading import NoSuchIncident, load
from holdfast.incident.responding import Desk, Report
from holdfast.integrations.folder.vault import FolderVault
from holdfast.ledger import timers
from holdfast.ledger.facts import Fact
from holdfast.ledger.ledger import AlreadyFired, Ledger
from holdfast.ledger.outbox import MessageQueued
from holdfast.ledger.projections import rebuild
from holdfast.people import IncidentRole
from holdfast.prepare.terms import Category, Severity
from holdfast.prepare.versions import apply_workspace, approve_playbook
from holdfast.prepare.workspace import load_workspace
from holdfast.problems import NotAllowed
from support.alerted import alert_facts
from support.company import AISHA, HELEN, INES, MAYA, PRIYA, SIGNATURES, TOMAS, WORKER

MINUTE = timedelta(minutes=1)


def alert(now: datetime, dimension: str = "drift", value: float = 1.9, alert_id: str = "ALR-1") -> AlertFacts:
    return alert_facts(
        now,
        alert=alert_id,
        dimension=dimension,
        value=value,
        lower=1.6,
        upper=2.2,
        reason="PSI 1.90 (1.60 to 2.20), limit 0.25, n 402",
    )


def state(ledger: Ledger, incident: str = "INC-1") -> Incident:
    return load(ledger, incident).state


def facts(ledger: Ledger, kind: type[Fact]) -> list[Fact]:
    return [recorded.fact for recorded in ledger.facts() if isinstance(recorded.fact, kind)]


def told(ledger: Ledger) -> list[str]:
    return [fact.to.partition("@")[0] for fact in facts(ledger, MessageQueued)]  # type: ignore[attr-defined]


class TestOpening:
    def test_a_title_is_enough(self, desk: Desk, ledger: Ledger, now: datetime) -> None:
        """R-DET-11/title-only."""
        assert desk.open(Report("Refusal letters name the wrong reason"), by=INES, at=now) == "INC-1"
        opened = state(ledger)
        assert (opened.status, opened.source, opened.playbook_version) == (Status.TRIAGE, "person", "1.0")

    def test_without_a_title_nothing_happens(self, desk: Desk, ledger: Ledger, now: datetime) -> None:
        before = ledger.size()
        with pytest.raises(NotAllowed, match="give the incident a title"):
            desk.open(Report("  "), by=INES, at=now)
        assert ledger.size() == before

    def test_an_unknown_system_is_named_with_what_was_meant(self, desk: Desk, now: datetime) -> None:
        with pytest.raises(NotAllowed, match="loan-approval"):
            desk.open(Report("x", system="loan-aproval"), by=INES, at=now)

    def test_the_rules_propose_from_measured_facts_and_say_why(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        """R-CLS-03/proposed."""
        desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
        proposed = state(ledger).proposed
        assert proposed is not None
        assert (proposed.severity, proposed.category) == (Severity.HIGH, Category.PERFORMANCE_DEGRADATION)
        assert "An input has drifted so far" in proposed.reason
        assert "alert.value is 1.9" in proposed.reason

    def test_severity_decides_team_clocks_and_messages(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        """R-CLS-02, R-CLS-04/assembled, R-CLS-04/notified, R-ESC-04/who."""
        desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
        opened = state(ledger)
        assert {member.person for member in opened.team} >= {MAYA.id, TOMAS.id, PRIYA.id, HELEN.id}
        assert opened.clocks["acknowledge"].due == now + timedelta(hours=2)
        assert opened.clocks["contain"].due == now + timedelta(hours=4)
        assert {"maya.okafor", "tomas.lind"} <= set(told(ledger))
        message = facts(ledger, MessageQueued)[0]
        assert isinstance(message, MessageQueued)
        assert "https://holdfast.example/INC-1" in message.text

    def test_a_running_incident_follows_the_version_it_was_opened_under(
        self, desk: Desk, ledger: Ledger, tmp_path: Path, now: datetime
    ) -> None:
        """R-PRE-02/pinned, R-CLS-02/own."""
        desk.open(Report("Letters are wrong"), by=INES, at=now)
        file = tmp_path / "workspace" / "playbook.yaml"
        text = file.read_text().replace("acknowledge_within: 2h", "acknowledge_within: 1h")
        file.write_text(text.replace('version: "1.0"', 'version: "1.1"'))
        apply_workspace(ledger, load_workspace(file.parent), HELEN, now)
        for function, signer in SIGNATURES.items():
            approve_playbook(ledger, "1.1", function, signer, now)
        second = desk.open(Report("Refusals", severity=Severity.HIGH), by=INES, at=now)
        desk.classify("INC-1", Category.DATA_QUALITY, Severity.HIGH, "all letters", by=MAYA, at=now)
        old, new = state(ledger), load(ledger, second).state
        assert old.playbook != new.playbook
        assert old.clocks["acknowledge"].due == now + timedelta(hours=2)
        assert new.clocks["acknowledge"].due == now + timedelta(hours=1)

    def test_evidence_stands_in_the_transaction_that_opens(
        self, ledger: Ledger, tmp_path: Path, now: datetime
    ) -> None:
        """R-EVD-02/first: frozen in the same breath, before anybody can contain anything."""

        class Log:
            kind, title = Kind.LOGS_AND_TRACES, "prediction log"

            def collect(self, scene: Scene, workdir: Path) -> list[Found | Gap]:
                return [Found(self.kind, self.title, "log.txt", f"{scene.monitor}".encode(), "logs")]

        class Model:
            kind, title = Kind.MODEL_ARTEFACTS, "model"

            def collect(self, scene: Scene, workdir: Path) -> list[Found | Gap]:
                raise OSError("no access")

        desk = Desk(ledger, FolderVault(tmp_path / "v"), [Log(), Model()], str)
        before = ledger.size()
        desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
        first, *others = ledger.facts(after=before - 1)
        assert len({recorded.at for recorded in (first, *others)}) == 1
        (frozen,) = facts(ledger, EvidenceFrozen)
        assert isinstance(frozen, EvidenceFrozen)
        assert [item.retain_until.year for item in frozen.items] == [now.year + 7]
        reason, *by_hand = (gap.reason for gap in frozen.missing)
        assert reason == "no access"
        assert all(reason.startswith("people collect it; where: ") for reason in by_hand)
        assert b"".join(custody.open_item(ledger, desk.vault, "INC-1", "EV-1", by=MAYA, at=now)[1]) == (
            b"employment-years-drift"
        )

    def test_numbers_are_gapless(self, desk: Desk, now: datetime) -> None:
        numbers = [desk.open(Report(f"Report {n}"), by=INES, at=now) for n in range(3)]
        assert numbers == ["INC-1", "INC-2", "INC-3"]

    def test_a_second_alert_on_the_same_cause_joins(self, desk: Desk, ledger: Ledger, now: datetime) -> None:
        """R-DET-15."""
        desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
        second = alert(now, alert_id="ALR-2")
        with ledger.reading() as conn:
            (running,) = register.unresolved(conn, "loan-approval")
        found = running.id
        for _ in range(2):
            desk.join(found, second, by=WORKER, at=now)
        assert [known.alert for known in state(ledger).alerts] == ["ALR-1", "ALR-2"]


class TestTheLadder:
    """R-ESC-03: no acknowledgement in time escalates by itself, to the next person, then the next tier."""

    def climb(self, desk: Desk, ledger: Ledger, at: datetime) -> list[str]:
        """What fired; that mails about it are late is another promise, and nothing is sent here."""
        fired = []
        for timer in timers.due(ledger, at):
            if timer.kind == "message.late":
                continue
            if timer.kind == "clock.breach":
                desk.breach_clock(timer, by=WORKER, at=at)
            elif timer.kind == "escalation.step":
                desk.escalate(timer, by=WORKER, at=at)
            fired.append(timer.kind)
        return fired

    def test_silence_climbs_to_deputies_then_tier_2_then_tier_3(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        """R-ESC-03/next-person, R-ESC-03/next-tier."""
        desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
        assert self.climb(desk, ledger, now + timedelta(hours=2) - MINUTE) == []
        at = now + timedelta(hours=2)
        assert self.climb(desk, ledger, at) == ["clock.breach"]
        assert self.climb(desk, ledger, at + timedelta(minutes=30)) == ["escalation.step"]
        assert self.climb(desk, ledger, at + timedelta(minutes=60)) == ["escalation.step"]
        assert "escalation.step" not in self.climb(desk, ledger, at + timedelta(days=1))
        rungs = [(f.rung, f.tier) for f in facts(ledger, Escalated)]  # type: ignore[attr-defined]
        assert rungs == [(1, 1), (2, 2), (3, 3)]
        first = facts(ledger, Escalated)[0]
        assert isinstance(first, Escalated)
        assert {member.person for member in first.told} >= {TOMAS.id, AISHA.id}
        assert "niamh.byrne" in told(ledger)

    def test_an_answer_stops_it(self, desk: Desk, ledger: Ledger, now: datetime) -> None:
        """R-ESC-03/stopped."""
        desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
        self.climb(desk, ledger, now + timedelta(hours=2))
        desk.acknowledge("INC-1", by=TOMAS, at=now + timedelta(hours=2, minutes=1))
        assert "escalation.step" not in self.climb(desk, ledger, now + timedelta(days=1))
        clock = state(ledger).clocks["acknowledge"]
        assert clock.breached_at == now + timedelta(hours=2)
        assert (clock.met_at is not None, clock.kept) == (True, False)

    def test_two_workers_escalate_once(self, desk: Desk, ledger: Ledger, now: datetime) -> None:
        desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
        at = now + timedelta(hours=2)
        timer = next(t for t in timers.due(ledger, at) if t.kind == "clock.breach")
        desk.breach_clock(timer, by=WORKER, at=at)
        with pytest.raises(AlreadyFired):
            desk.breach_clock(timer, by=WORKER, at=at)
        assert len(facts(ledger, Escalated)) == 1


class TestTiers:
    """R-ESC-02: criteria are evaluated as facts change."""

    @pytest.mark.parametrize(
        ("noted", "tier"),
        [
            ({"users": 50}, 1),
            ({"users": 101}, 2),
            ({"users": 10_001}, 3),
            ({"regulatory": True}, 3),
            ({"breach": True}, 3),
            ({"regulatory": False, "breach": False}, 1),
            ({}, 1),
        ],
    )
    def test_the_impact_raises_the_tier(
        self,
        desk: Desk,
        ledger: Ledger,
        now: datetime,
        noted: dict[str, Any],
        tier: int,
    ) -> None:
        """R-ESC-02/users, R-ESC-02/breach, R-ESC-02/duty."""
        desk.open(Report("Wrong letters", system="loan-approval"), by=INES, at=now)
        loaded = load(ledger, "INC-1")
        known = ImpactNoted(incident="INC-1", **noted)
        ledger.append(*desk.noted(loaded, known, now), by=WORKER, at=now)
        assert state(ledger).tier == tier
        assert bool(facts(ledger, TierRaised)) is (tier > 1)


class TestAuthority:
    """R-ESC-05: the playbook says who may decide."""

    def test_an_override_needs_the_role(self, desk: Desk, ledger: Ledger, now: datetime) -> None:
        """R-ESC-05/enforced."""
        desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
        with pytest.raises(NotAllowed, match="Priya Raman may not override the proposed severity"):
            desk.classify("INC-1", Category.DATA_QUALITY, Severity.LOW, "looks harmless", by=PRIYA, at=now)
        desk.classify(
            "INC-1", Category.DATA_QUALITY, Severity.CRITICAL, "all brokers", by=MAYA, at=now + MINUTE
        )
        after = state(ledger)
        assert (after.severity, after.status) == (Severity.CRITICAL, Status.OPEN)
        assert after.clocks["acknowledge"].due == now + timedelta(minutes=15)
        assert INES.id in {member.person for member in after.team}

    def test_confirming_needs_no_authority(self, desk: Desk, ledger: Ledger, now: datetime) -> None:
        desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
        desk.classify("INC-1", Category.PERFORMANCE_DEGRADATION, Severity.HIGH, "", by=PRIYA, at=now)
        assert state(ledger).status is Status.OPEN

    def test_the_system_itself_may_not_dismiss(self, desk: Desk, now: datetime) -> None:
        desk.open(Report("x"), by=INES, at=now)
        with pytest.raises(NotAllowed, match="a person must decide that"):
            desk.dismiss("INC-1", "noise", by=WORKER, at=now)

    def test_a_role_is_taken_over_by_its_deputy_and_by_nobody_else(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        """R-ESC-08/handover. R-ESC-05/deputies."""
        desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
        role = IncidentRole.INCIDENT_COMMANDER
        with pytest.raises(NotAllowed, match="may not hand over"):
            desk.hand_over("INC-1", role, PRIYA.id, "", by=PRIYA, at=now)
        desk.hand_over("INC-1", role, TOMAS.id, "Maya is on a flight", by=TOMAS, at=now)
        holder = state(ledger).holder_of("incident_commander")
        assert holder is not None
        assert holder.person == TOMAS.id
        desk.dismiss("INC-1", "a planned test", by=TOMAS, at=now)
        assert state(ledger).status is Status.DISMISSED

    def test_an_unknown_incident_is_said_to_be_unknown(self, desk: Desk, now: datetime) -> None:
        with pytest.raises(NoSuchIncident, match="no incident INC-9"):
            desk.acknowledge("INC-9", by=MAYA, at=now)


def test_the_register_rebuilds_to_the_same_rows(desk: Desk, ledger: Ledger, now: datetime) -> None:
    desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
    desk.acknowledge("INC-1", by=TOMAS, at=now)
    desk.note("INC-1", "Deployment log", by=TOMAS, at=now, occurred_at=now - timedelta(hours=4))

    def rows() -> list[object]:
        with ledger.reading() as conn:
            return [tuple(row) for table in tables for row in conn.execute(table.select())]

    tables = register.Register.tables
    before = rows()
    rebuild(ledger)
    assert rows() == before


def test_back_filled_entries_stand_where_they_happened_and_are_marked(
    desk: Desk, ledger: Ledger, now: datetime
) -> None:
    desk.open(Report("Drift", system="loan-approval", alert=alert(now)), by=WORKER, at=now)
    began = now - timedelta(hours=4)
    desk.note("INC-1", "The batch format changed", by=TOMAS, at=now + MINUTE, occurred_at=began)
    first = register.timeline(register.record(ledger, "INC-1"))[0]
    assert (first.at, first.back_filled, first.recorded_at) == (began, True, now + MINUTE)
