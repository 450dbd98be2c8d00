"""`record.json`: the machine-readable record of one incident (R-AUD-06)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast import clock
from holdfast.audit.dossier import Dossier, gather
from holdfast.audit.record import member_path, plain, record_json
from holdfast.evidence import custody
from holdfast.learn import closing
from holdfast.prepare.terms import Severity
from holdfast_verify import layout
from support.lending import DRIFT, MORNING, Lending


@pytest.fixture(scope="session")
def record(dossier: Dossier) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record_json(dossier))
    return found


def test_the_same_facts_give_the_same_bytes(told: Lending) -> None:
    assert record_json(gather(told.ledger, "INC-1")) == record_json(gather(told.ledger, "INC-1"))


def test_the_summary_tells_the_incident_in_moments(record: dict[str, Any]) -> None:
    summary = record["summary"]
    assert (summary["incident"], summary["status"], summary["severity"]) == ("INC-1", "closed", "high")
    assert summary["opened_at"] == clock.stamp(MORNING)
    assert summary["acknowledged_at"] == clock.stamp(MORNING + timedelta(minutes=7))
    assert summary["contained_at"] == clock.stamp(MORNING + timedelta(minutes=23))
    assert summary["cause"].startswith("The broker's export writes months")
    assert summary["outcome"] == "Wrong units from one broker, refused since."
    assert summary["alerts"][0]["monitor"] == DRIFT


def test_it_names_the_digest_that_closing_recorded(told: Lending, record: dict[str, Any]) -> None:
    assert record["summary"]["record_sha256"] == closing.digest_of_closed(told.ledger, "INC-1")


def test_the_history_of_the_classification_is_kept(record: dict[str, Any]) -> None:
    """R-CLS-05."""
    decided = [(one["decided"], one["category"], one["by"]["name"]) for one in record["classification"]]
    assert decided[0] == (False, "performance_degradation", "Holdfast")
    assert decided[-1] == (True, "data_quality", "Maya Okafor")


def test_clocks_say_whether_they_were_kept(record: dict[str, Any]) -> None:
    clocks = {one["clock"]: one for one in record["clocks"]}
    assert clocks["acknowledge"]["kept"]
    assert clocks["acknowledge"]["limit_seconds"] == 2 * 3600
    assert clocks["contain"]["met_at"] == clock.stamp(MORNING + timedelta(minutes=22))


def test_evidence_has_its_hash_its_place_and_everybody_who_touched_it(
    told: Lending, record: dict[str, Any]
) -> None:
    """R-EVD-07, R-EVD-09."""
    items = {one["item"]: one for one in record["evidence"]["items"]}
    held = custody.items(told.ledger.stream("evidence/INC-1").events)
    assert {item.item: item.sha256 for item in held} == {name: one["sha256"] for name, one in items.items()}
    downloads = [one for one in items["EV-4"]["custody"] if one["how"] == "download"]
    assert [one["by"]["name"] for one in downloads] == ["Helen Marsh"]
    assert items["EV-1"]["stored"].endswith("evidence/EV-1-predictions.parquet")


def test_what_was_done_and_its_proof_is_there(record: dict[str, Any]) -> None:
    (containment,) = record["containments"]
    assert containment["stage"] == "released"
    assert [one["type"] for one in containment["history"]][:4] == [
        "containment.proposed",
        "containment.approved",
        "containment.applied",
        "containment.probed",
    ]
    assert containment["effect"]["effect"] == "stopped"
    (item,) = record["remediation"]
    assert item["standing"] == "verified"
    assert item["history"][-1]["windows"][0]["n"] > 100
    assert len(record["review"]["answers"]) == 8
    assert all(record["review"]["answers"].values())
    assert record["impact"]["counts"][-1]["counted"]["users"] > 50
    assert record["monitors"][0]["configuration"]["reason"]


def test_every_message_says_what_became_of_it(record: dict[str, Any]) -> None:
    """R-ESC-06."""
    first = record["messages"][0]
    assert first["receipt"] == f"250 accepted for {first['to']}"
    assert {one["sent_at"] is None for one in record["messages"]} == {True, False}


def test_every_fact_of_the_record_is_listed_with_its_leaf_hash(
    dossier: Dossier, record: dict[str, Any]
) -> None:
    assert [one["entry"] for one in record["entries"]] == [one.seq for one in dossier.record]
    assert record["entries"][0]["leaf_sha256"] == dossier.record[0].leaf_hash.hex()


class TestPlain:
    def test_values_become_those_of_json(self) -> None:
        at = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
        assert plain({Severity.HIGH: (at, timedelta(minutes=2), None, b"\x01")}) == {
            "high": ["2026-11-23T10:42:00.000000Z", 120, None, "01"]
        }

    def test_what_no_record_can_hold_is_refused(self) -> None:
        with pytest.raises(TypeError, match="cannot hold a object"):
            plain(object())


class TestMemberPath:
    @pytest.mark.parametrize(
        "name",
        ["scores.parquet", "über größe (1).csv", "../../etc/passwd", "a" * 300, "...", "", "CON.", "x/y\\z"],
    )
    def test_any_name_becomes_one_that_a_pack_may_have(self, name: str) -> None:
        path = member_path("EV-1", name)
        assert layout.is_safe(path)
        assert path.startswith("evidence/EV-1-")
