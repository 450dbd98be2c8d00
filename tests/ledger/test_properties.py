"""Whatever is appended in whatever portions, the ledger reads back the same and its proofs hold."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.ledger import keys, tiles
from holdfast.ledger.check import check
from holdfast.ledger.database import Database
from holdfast.ledger.facts import decode, encode
from holdfast.ledger.leaf import write_header
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.outbox import Outbox
from holdfast.ledger.sealing import Anchor, Sealer
from holdfast.ledger.timers import Timers
from holdfast.people import Actor
from holdfast_verify import canonical
from holdfast_verify.note import Signer
from holdfast_verify.tree import (
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from support.kettles import KettleFilled, Kettles

NOW = datetime(2026, 11, 23, tzinfo=UTC)
BY = Actor("ana@example.com", "Ana")
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(
    kettle=TEXT,
    litres=st.floats(allow_nan=False, allow_infinity=False),
    boils_at=st.none() | st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
)
def test_every_fact_reads_back_exactly(kettle: str, litres: float, boils_at: datetime | None) -> None:
    aware = boils_at.replace(tzinfo=UTC) if boils_at else None
    fact = KettleFilled(kettle=kettle, litres=litres, boils_at=aware)
    document = canonical.loads(encode(fact, BY))
    assert decode("kettle.filled", document) == (BY, fact)


@given(log=TEXT, stream=TEXT, kind=TEXT, seq=st.integers(0, 2**53 - 1), first=st.booleans())
def test_a_leaf_is_written_in_canonical_form(log: str, stream: str, kind: str, seq: int, first: bool) -> None:
    """RFC 8785, by an independent implementation as the oracle."""
    leaf = write_header(
        log=log,
        payload_commitment="ab",
        prev_stream_hash=None if first else b"\x01",
        recorded_at="2026-11-23T10:42:00.123456Z",
        seq=seq,
        stream=stream,
        stream_seq=1,
        type_=kind,
    )
    document = {
        "v": 1,
        "log": log,
        "seq": seq,
        "type": kind,
        "stream": stream,
        "stream_seq": 1,
        "prev_stream_hash": None if first else "01",
        "recorded_at": "2026-11-23T10:42:00.123456Z",
        "payload_commitment": "ab",
    }
    assert leaf == rfc8785.dumps(document)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    portions=st.lists(
        st.tuples(st.sampled_from(["blue", "red", "green"]), st.integers(1, 90), st.booleans()),
        min_size=1,
        max_size=8,
    )
)
def test_any_portions_seal_to_a_tree_whose_proofs_hold(portions: list[tuple[str, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = Ledger(Database(f"sqlite:///{folder / 'l.db'}"), [Timers(), Outbox(), Kettles()])
        ledger.create("holdfast.example/property")
        sealer = Sealer(ledger, keys.create(folder / "log.pem"), Anchor(folder / "checkpoints.jsonl"))
        sealed = []
        for n, (kettle, count, seal) in enumerate(portions):
            version = ledger.stream(f"kettle/{kettle}").version
            facts = [KettleFilled(kettle=kettle, litres=float(i)) for i in range(count)]
            at = NOW + timedelta(seconds=n)
            ledger.append(Draft(f"kettle/{kettle}", version, facts), by=BY, at=at)
            if seal or n == len(portions) - 1:
                last = sealer.seal(at)
                assert last is not None
                sealed.append(last)
        newest = sealed[-1]
        hashes = [recorded.leaf_hash for recorded in ledger.facts()]
        with ledger.reading() as conn:
            node = tiles.node_reader(conn)
            for index in {0, len(hashes) // 2, len(hashes) - 1}:
                proof = inclusion_proof(index, newest.size, node)
                verify_inclusion(hashes[index], index, newest.size, proof, newest.root)
            for older in sealed[:-1]:
                between = consistency_proof(older.size, newest.size, node)
                verify_consistency(older.size, older.root, newest.size, newest.root, between)
        key = Signer(ledger.origin, sealer.key).verifier_key
        assert check(ledger, key, sealer.anchor).problems == []
        ledger.database.close()
