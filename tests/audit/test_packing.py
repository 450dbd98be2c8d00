"""Building packs: they verify, they are whole, and nothing is handed out that is not (R-AUD-06, R-EVD-11)."""

from __future__ import annotations

import io
import json
import os
import tracemalloc
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.audit import packing
from holdfast.audit.checked import Scan
from holdfast.audit.events import PackAssembled
from holdfast.audit.packing import build_pack, policy_of
from holdfast.evidence import custody
from holdfast.evidence.capture import Found
from holdfast.evidence.events import EvidenceAccessed, EvidenceVerified, Kind
from holdfast.incident import register
from holdfast.incident.loading import NoSuchIncident
from holdfast.learn import closing
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.sealing import Anchor, Sealer
from holdfast.problems import NotAllowed
from holdfast_verify.note import Signer
from holdfast_verify.pack import Report as Verdict
from holdfast_verify.pack import verify
from holdfast_verify.policy import Policy, PolicyError
from support.company import AISHA, HELEN, MAYA, TOMAS
from support.lending import Lending


def verdict(pack: bytes | Path, policy: str) -> Verdict:
    content = pack if isinstance(pack, bytes) else pack.read_bytes()
    return verify(io.BytesIO(content), Policy.parse(policy))


def members(pack: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class TestWhole:
    def test_a_pack_of_a_closed_incident_verifies(self, closed: Lending, tmp_path: Path) -> None:
        """On SQLite and on PostgreSQL, built through the product's own steps. R-AUD-06/proofs."""
        made = build_pack(closed, "INC-1", tmp_path / "INC-1.zip", by=HELEN, at=closed.now)
        assert verdict(made.path, policy_of(closed)).verified
        assert made.report.verified
        assert [name for name in members(made.path) if name.startswith("evidence/")] == [
            "evidence/EV-1-predictions.parquet",
            "evidence/EV-2-labels.parquet",
            "evidence/EV-3-measurements.json",
            "evidence/EV-4-system.yaml",
            "evidence/EV-5-playbook.yaml",
            "evidence/EV-6-loan-approval-3.2.0.json",
            "evidence/EV-7-reference.json",
            "evidence/EV-8-loan-approval.parquet",
        ]
        assert closing.archive_problem(closed.ledger, "INC-1") is None

    def test_a_pack_of_a_running_incident_verifies_and_says_that_it_runs(
        self, running: Lending, tmp_path: Path
    ) -> None:
        made = build_pack(running, "INC-1", tmp_path / "INC-1.zip", by=HELEN, at=running.now)
        assert verdict(made.path, policy_of(running)).verified
        record = json.loads(members(made.path)["record.json"])
        assert "incident.opened" in record["moments"]
        assert "incident.closed" not in record["moments"]

    def test_an_incident_that_a_person_declared_without_any_system_has_a_pack_too(
        self, declared: Lending, tmp_path: Path
    ) -> None:
        made = build_pack(declared, "INC-1", tmp_path / "p.zip", by=HELEN, at=declared.now)
        assert verdict(made.path, policy_of(declared)).verified
        assert "What could not be preserved is on record" in made.report.steps[7].text

    def test_packs_of_one_incident_before_and_after_closing_verify_and_leave_the_archive_whole(
        self, running: Lending, tmp_path: Path
    ) -> None:
        """R-EVD-10: what was packed while it ran is in the digest that closing recorded."""
        first = build_pack(running, "INC-1", tmp_path / "1.zip", by=HELEN, at=running.now)
        running.respond("INC-1")
        running.learn("INC-1")
        running.close("INC-1")
        assert closing.archive_problem(running.ledger, "INC-1") is None
        second = build_pack(running, "INC-1", tmp_path / "2.zip", by=HELEN, at=running.now)
        assert closing.archive_problem(running.ledger, "INC-1") is None
        policy = policy_of(running, first.checkpoint)
        assert verdict(second.path, policy).verified
        assert verdict(first.path, policy).verified
        # Somebody who knows the newer ledger is not shown the older pack as if nothing had happened since.
        known = verdict(first.path, policy_of(running, second.checkpoint))
        assert known.failure is not None
        assert "the pack is old" in known.failure.text

    def test_closing_in_the_same_moment_leaves_nothing_out_of_the_digest(
        self, running: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The pack comes between reading the record and closing it: closing reads again."""
        running.respond("INC-1")
        running.learn("INC-1")
        append, between = Ledger.append, []

        def slow(self: Ledger, *drafts: Draft, **how: object) -> object:
            if any(one.type == "incident.closed" for draft in drafts for one in draft.facts) and not between:
                between.append(True)
                build_pack(running, "INC-1", tmp_path / "p.zip", by=HELEN, at=running.now)
            return append(self, *drafts, **how)  # type: ignore[arg-type]

        monkeypatch.setattr(Ledger, "append", slow)
        running.close("INC-1")
        monkeypatch.undo()
        assert between
        record = register.record(running.ledger, "INC-1")
        position = {one.fact.type: one.seq for one in record}
        assert position["pack.assembled"] < position["incident.closed"]
        assert closing.archive_problem(running.ledger, "INC-1") is None

    def test_what_happens_while_it_is_packed_is_in_the_pack_or_has_it_packed_again(
        self, running: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A stream that begins between recording the pack and sealing it would be left out."""
        seal, between = Sealer.seal, []

        def slow(self: Sealer, at: object) -> object:
            if any(isinstance(one.fact, PackAssembled) for one in running.ledger.facts()) and not between:
                between.append(True)
                custody.refuse(running.ledger, "INC-1", "EV-1", "no access", by=AISHA, at=running.now)
                steps = running.containing("http://127.0.0.1:9")
                steps.propose("INC-1", "broker-to-review", "Only brokers.", by=TOMAS, at=running.now)
            return seal(self, at)  # type: ignore[arg-type]

        monkeypatch.setattr(Sealer, "seal", slow)
        made = build_pack(running, "INC-1", tmp_path / "p.zip", by=HELEN, at=running.now)
        assert between
        assert verdict(made.path, policy_of(running)).verified
        packs = [one.fact for one in running.ledger.facts() if isinstance(one.fact, PackAssembled)]
        assert len(packs) == 2
        assert "containment/INC-1-C1" in packs[-1].streams
        assert b"no access" in members(made.path)["facts.jsonl"]

    def test_the_taking_out_of_evidence_is_on_the_ledger_with_the_pack(
        self, declared: Lending, tmp_path: Path
    ) -> None:
        """R-EVD-06, R-EVD-07: who, when, which, and that the hashes were checked."""
        made = build_pack(declared, "INC-1", tmp_path / "p.zip", by=HELEN, at=declared.now)
        facts = [one for one in declared.ledger.facts() if one.stream == "custody/INC-1"]
        taken = [one.fact.item for one in facts if isinstance(one.fact, EvidenceAccessed)]
        assert taken == ["EV-1"]
        assert {one.by for one in facts} == {HELEN}
        assert [one.fact.problems for one in facts if isinstance(one.fact, EvidenceVerified)] == [()]
        assert b'"how":"pack"' in members(made.path)["facts.jsonl"]

    def test_the_context_holds_playbook_and_system_as_they_were_in_force(self, packed: Path) -> None:
        lines = [json.loads(line) for line in members(packed)["facts.jsonl"].splitlines()]
        types = {line["leaf"]["type"] for line in lines}
        assert {"playbook.applied", "playbook.approved", "playbook.activated", "system.applied"} <= types
        systems = [line["payload"]["data"] for line in lines if line["leaf"]["type"] == "system.applied"]
        assert [one["system"] for one in systems] == ["loan-approval"]
        assert {"alert.raised", "monitor.measured"} <= types, "what the alert rests on is shown too"

    def test_the_same_pack_from_the_same_ledger_has_the_same_bytes(
        self, told: Lending, tmp_path: Path
    ) -> None:
        """Nothing of the machine or the hour is in it: one recorded pack is written twice."""
        draft = packing._assemble(told, Scan("INC-1", told.ledger.origin), HELEN, told.now)
        sealed = packing._cover(told, draft, told.now)
        first = packing._write(told, draft, sealed, tmp_path / "1.zip")
        second = packing._write(told, draft, sealed, tmp_path / "2.zip")
        assert first.path.read_bytes() == second.path.read_bytes()

    def test_evidence_larger_than_memory_allows_is_streamed(self, declared: Lending, tmp_path: Path) -> None:
        size = 64 << 20
        large = tmp_path / "large.bin"
        with large.open("wb") as file:
            file.truncate(size)
        found = Found(Kind.DATA_SNAPSHOTS, "Snapshot", "large file (1).bin", large, "a disk")
        declared.desk.keep("INC-1", found, by=MAYA, at=declared.now)
        build_pack(declared, "INC-1", tmp_path / "warm.zip", by=HELEN, at=declared.now)
        tracemalloc.start()
        made = build_pack(declared, "INC-1", tmp_path / "p.zip", by=HELEN, at=declared.now)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert made.size > size
        assert peak < 24 << 20
        assert "evidence/EV-2-large_file__1_.bin" in members(made.path)


class TestRefusals:
    def test_an_incident_that_is_not_there(self, declared: Lending, tmp_path: Path) -> None:
        with pytest.raises(NoSuchIncident):
            build_pack(declared, "INC-9", tmp_path / "p.zip", by=HELEN, at=declared.now)
        assert list(tmp_path.glob("*.zip")) == []

    def test_swapped_evidence_is_refused_named_and_recorded(self, declared: Lending, tmp_path: Path) -> None:
        """R-EVD-04: whoever can write to the vault is noticed."""
        held = custody.find(declared.ledger, "INC-1", "EV-1")
        blob = declared.vault.path_of(held.sha256)
        blob.chmod(0o644)
        blob.write_bytes(b"x" * held.size)
        with pytest.raises(NotAllowed, match=r"evidence of INC-1 is not what was taken in.*EV-1 .*changed"):
            build_pack(declared, "INC-1", tmp_path / "p.zip", by=HELEN, at=declared.now)
        assert not (tmp_path / "p.zip").exists()
        (verified,) = [one.fact for one in declared.ledger.facts() if isinstance(one.fact, EvidenceVerified)]
        assert "EV-1" in verified.problems[0]
        assert not [one for one in declared.ledger.facts() if isinstance(one.fact, PackAssembled)]

    def test_evidence_that_changes_while_it_is_packed_leaves_no_pack(
        self, declared: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held = custody.find(declared.ledger, "INC-1", "EV-1")
        cover = packing._cover

        def swap(*given: object) -> object:
            blob = declared.vault.path_of(held.sha256)
            blob.chmod(0o644)
            blob.write_bytes(b"x" * held.size)
            return cover(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(packing, "_cover", swap)
        old = tmp_path / "p.zip"
        old.write_bytes(b"an older pack")
        with pytest.raises(NotAllowed, match="evidence changed while it was packed"):
            build_pack(declared, "INC-1", old, by=HELEN, at=declared.now)
        assert old.read_bytes() == b"an older pack"
        assert [path.name for path in tmp_path.iterdir() if "p.zip" in path.name] == ["p.zip"]

    def test_a_ledger_that_refuses_to_seal_gives_no_pack_and_takes_no_further_fact(
        self, declared: Lending, tmp_path: Path
    ) -> None:
        """Restored from an older copy: what was sealed before is more than is there now."""
        more = Anchor(tmp_path / "other.jsonl")
        newest = declared.sealer.anchor.newest()
        assert newest is not None
        for sealed in (*declared.sealer.anchor.kept(), newest, newest):
            more.keep(sealed)
        declared.sealer = Sealer(declared.ledger, declared.sealer.key, more)
        declared.desk.acknowledge("INC-1", by=MAYA, at=declared.now)
        before = declared.ledger.size()
        with pytest.raises(NotAllowed, match=r"the ledger is not sealed: .*older copy was restored"):
            build_pack(declared, "INC-1", tmp_path / "p.zip", by=HELEN, at=declared.now)
        assert declared.ledger.size() == before

    def test_a_folder_that_is_not_there(self, declared: Lending, tmp_path: Path) -> None:
        before = declared.ledger.size()
        with pytest.raises(NotAllowed, match="does not exist; make it, or name another file"):
            build_pack(declared, "INC-1", tmp_path / "no" / "p.zip", by=HELEN, at=declared.now)
        assert declared.ledger.size() == before

    def test_a_pack_that_does_not_verify_is_not_handed_out(
        self, declared: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Here the record says something else than the facts."""
        monkeypatch.setattr(packing, "record_json", lambda ledger, dossier: b'{"all":"well"}\n')
        with pytest.raises(NotAllowed, match=r"does not verify \(step 9, record.json"):
            build_pack(declared, "INC-1", tmp_path / "p.zip", by=HELEN, at=declared.now)
        assert not (tmp_path / "p.zip").exists()

    def test_a_key_that_is_handed_out_and_is_not_the_one_that_signs(
        self, declared: Lending, tmp_path: Path
    ) -> None:
        other = Signer(declared.ledger.origin, Ed25519PrivateKey.generate())
        declared.verifier_key = other.verifier_key
        before = declared.ledger.size()
        with pytest.raises(NotAllowed, match="not signed by any known key"):
            build_pack(declared, "INC-1", tmp_path / "p.zip", by=HELEN, at=declared.now)
        assert declared.ledger.size() == before

    def test_only_its_owner_may_read_a_pack(self, packed: Path) -> None:
        assert os.stat(packed).st_mode & 0o077 == 0


class TestPolicy:
    def test_it_parses_and_holds_the_ledgers_name_and_key(self, told: Lending) -> None:
        policy = Policy.parse(policy_of(told))
        assert (policy.origin, policy.keys) == (told.ledger.origin, (told.verifier_key,))
        assert (policy.minimum, policy.earlier) == (1, ())

    def test_with_a_known_checkpoint_and_a_least_size(self, told: Lending, packed: Path) -> None:
        sealed = told.sealer.anchor.newest()
        assert sealed is not None
        policy = Policy.parse(policy_of(told, sealed.checkpoint, minimum=7))
        assert (policy.minimum, policy.earlier) == (7, (sealed.checkpoint,))

    def test_without_a_key_it_is_no_policy(self, told: Lending) -> None:
        lines = [line for line in policy_of(told).splitlines() if not line.startswith("key")]
        with pytest.raises(PolicyError):
            Policy.parse("\n".join(lines))


class TestMembers:
    def test_every_member_is_stored_with_the_digest_the_manifest_says(self, packed: Path) -> None:
        found = members(packed)
        manifest = json.loads(found.pop("manifest.json"))
        assert {one["path"]: one["sha256"] for one in manifest["members"]} == {
            path: sha256(content).hexdigest() for path, content in found.items()
        }
        with zipfile.ZipFile(packed) as archive:
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}

    def test_earlier_checkpoints_are_those_that_first_covered_the_record(self, packed: Path) -> None:
        found = members(packed)
        sizes = [
            int(json.loads(line)["note"].splitlines()[1]) for line in found["checkpoints.jsonl"].splitlines()
        ]
        facts = [json.loads(line)["leaf"] for line in found["facts.jsonl"].splitlines()]
        newest = int(found["checkpoint.txt"].splitlines()[1])
        assert sizes == sorted(set(sizes))
        assert sizes[-1] < newest
        opened = next(one["seq"] for one in facts if one["type"] == "incident.opened")
        assert any(size > opened for size in sizes), "the opening was sealed long before the pack"
