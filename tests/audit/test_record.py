"""`record.json`: the machine-readable record, folded by rules that the verifier repeats (R-AUD-06)."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast import clock
from holdfast.audit.packing import build_pack
from holdfast.evidence import custody
from holdfast.incident import register
from holdfast.ledger import outbox
from holdfast.ledger.ledger import Draft
from holdfast.ledger.outbox import MessageFailed, MessageQueued, MessageRetried, MessageSent
from holdfast_verify import canonical, layout
from holdfast_verify.record import member_path
from support.company import HELEN
from support.lending import MORNING, Lending


@pytest.fixture(scope="session")
def raw(packed: Path) -> bytes:
    with zipfile.ZipFile(packed) as archive:
        return archive.read("record.json")


@pytest.fixture(scope="session")
def record(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(raw)
    return found


def test_it_is_one_canonical_object_that_says_its_format_its_ledger_and_its_incident(
    told: Lending, raw: bytes, record: dict[str, Any]
) -> None:
    """R-AUD-06/json."""
    assert canonical.loads(raw.removesuffix(b"\n")) == record
    assert (record["format"], record["log"], record["incident"]) == (
        "holdfast-record/2",
        told.ledger.origin,
        "INC-1",
    )


def test_it_tells_every_fact_that_names_the_incident_in_full(told: Lending, record: dict[str, Any]) -> None:
    facts = {one["entry"]: one for one in record["facts"]}
    assert list(facts) == sorted(facts)
    named = [one for one in register.record(told.ledger, "INC-1") if one.seq <= max(facts)]
    assert len(named) > 50
    for one in named:
        line = facts[one.seq]
        assert (line["type"], line["stream"], line["at"]) == (
            one.fact.type,
            one.stream,
            clock.stamp(one.at),
        )
        assert line["by"] == {"id": one.by.id, "kind": one.by.kind, "name": one.by.name}
        assert line["data"]["incident"] == "INC-1"


def test_moments_say_how_often_each_thing_happened_first_and_last(record: dict[str, Any]) -> None:
    moments = record["moments"]
    assert moments["incident.opened"] == {
        "count": 1,
        "first": clock.stamp(MORNING),
        "last": clock.stamp(MORNING),
    }
    assert moments["incident.closed"]["first"] > moments["incident.contained"]["first"]
    assert {name: one["count"] for name, one in moments.items()} == Counter(
        one["type"] for one in record["facts"]
    )


def test_evidence_has_its_hash_its_place_and_everybody_who_touched_it(
    told: Lending, record: dict[str, Any]
) -> None:
    """R-EVD-07, R-EVD-09: by entry, and the entries say who and when."""
    items = {one["item"]: one for one in record["items"]}
    held = custody.items(told.ledger.stream("evidence/INC-1").events)
    assert {item.item: item.sha256 for item in held} == {name: one["sha256"] for name, one in items.items()}
    assert items["EV-1"]["path"] == "evidence/EV-1-predictions.parquet"
    (entry,) = items["EV-4"]["custody"]
    (touched,) = [one for one in record["facts"] if one["entry"] == entry]
    assert (touched["by"]["name"], touched["data"]["how"]) == ("Helen Marsh", "download")


def test_what_could_not_be_preserved_is_told_with_its_reason(declared: Lending, tmp_path: Path) -> None:
    made = build_pack(declared, "INC-1", tmp_path / "p.zip", by=HELEN, at=declared.now)
    with zipfile.ZipFile(made.path) as archive:
        missing = json.loads(archive.read("record.json"))["missing"]
    gaps = custody.gaps(declared.ledger.stream("evidence/INC-1").events)
    assert [one["what"]["reason"] for one in missing] == [gap.reason for gap in gaps]
    assert gaps


def test_who_was_written_to_who_was_reached_and_who_was_not_is_told(
    declared: Lending, tmp_path: Path
) -> None:
    """R-AUD-06, R-ESC-06."""
    ledger, at = declared.ledger, declared.now
    further = outbox.queue("email", HELEN.id, "Come", "Now.", "INC-1", zone="UTC", name="Helen Marsh")
    ledger.append(further, by=HELEN, at=at)
    queued = [one.fact for one in ledger.facts() if isinstance(one.fact, MessageQueued)]
    sent, refused, waits, retried = queued[:4]
    for fact in (
        MessageSent(message=sent.message, incident="INC-1", to=sent.to, receipt="250 taken"),
        failed(refused, None, True),
        failed(waits, at + timedelta(minutes=1), False),
        failed(retried, None, False),
        MessageRetried(message=retried.message, incident="INC-1", to=retried.to),
    ):
        stream = ledger.stream(f"message/{fact.message}")
        ledger.append(Draft(stream.name, stream.version, [fact]), by=HELEN, at=at)
    made = build_pack(declared, "INC-1", tmp_path / "p.zip", by=HELEN, at=at)
    with zipfile.ZipFile(made.path) as archive:
        found = {one["message"]: one for one in json.loads(archive.read("record.json"))["messages"]}
    assert found.keys() == {one.message for one in queued if one.incident == "INC-1"}
    standing = [
        (found[one.message]["standing"], found[one.message]["why"]) for one in (sent, refused, waits, retried)
    ]
    assert standing == [("sent", ""), ("not reached", "550 no such mailbox"), ("queued", ""), ("queued", "")]
    told = found[sent.message]
    assert (told["to"], told["name"], told["role"], told["about"]) == (
        sent.to,
        sent.name,
        sent.role,
        sent.about,
    )
    assert told["name"]
    assert told["role"]
    assert told["about"]


def failed(of: MessageQueued, retry_at: datetime | None, refused: bool) -> MessageFailed:
    return MessageFailed(
        message=of.message,
        incident="INC-1",
        to=of.to,
        reason="550 no such mailbox",
        attempt=1,
        retry_at=retry_at,
        refused=refused,
    )


class TestMemberPath:
    @pytest.mark.parametrize(
        "name",
        ["scores.parquet", "über größe (1).csv", "../../etc/passwd", "a" * 300, "...", "", "CON.", "x/y\\z"],
    )
    def test_any_name_becomes_one_that_a_pack_may_have(self, name: str) -> None:
        path = member_path("EV-1", name)
        assert layout.is_safe(path)
        assert path.startswith("evidence/EV-1-")
