"""Attacks on a pack by whoever holds it, and by whoever made it (R-EVD-04, R-EVD-11)."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from holdfast_verify import canonical, layout, note, tree
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.leaf import payload_commitment
from holdfast_verify.pack import Report


def failed(report: Report, member: str | None, reason: str) -> None:
    """The verification failed, at this member, for this reason."""
    assert not report.verified
    assert report.failure is not None
    assert report.failure.member == member, report.failure
    assert reason in report.failure.text, report.failure


def lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def edited(line: bytes, **changes: object) -> bytes:
    """The JSON line with some keys changed, canonical again."""
    return canonical.dumps({**json.loads(line), **changes}) + b"\n"


# Facts ------------------------------------------------------------------------------------------


def test_edit_an_event(story) -> None:
    """R-EVD-11/attacks."""
    members = story.members()
    told = members["facts.jsonl"]
    members["facts.jsonl"] = told.replace('"AUC fell — “loans”"'.encode(), '"AUC rose — “loans”"'.encode())
    assert members["facts.jsonl"] != told
    failed(story.verified(members), "facts.jsonl", "not what entry 2 of the ledger commits to")


def test_edit_an_event_and_its_commitment(story) -> None:
    """With a new commitment the payload fits its leaf, but the leaf is no longer in the tree."""
    members = story.members()
    first, second, *rest = lines(members["facts.jsonl"])
    document = json.loads(second)
    payload = {**document["payload"], "data": {"incident": "INC-1", "title": "All is well"}}
    commitment = payload_commitment(bytes.fromhex(document["salt"]), canonical.dumps(payload))
    leaf = {**document["leaf"], "payload_commitment": commitment}
    members["facts.jsonl"] = b"".join([first, edited(second, payload=payload, leaf=leaf), *rest])
    failed(story.verified(members), "facts.jsonl", "line 2: the inclusion proof of entry 2")


def test_leave_an_event_out(story) -> None:
    members = story.members()
    told = lines(members["facts.jsonl"])
    for at in range(len(told)):
        members["facts.jsonl"] = b"".join(told[:at] + told[at + 1 :])
        failed(story.verified(members), "facts.jsonl", "")


def test_leave_the_tail_out_of_the_facts(untold) -> None:
    """Also back to an older assembly of the same incident, whose files are all there."""
    story = untold()
    story.assemble()
    older = story.members()
    story.ledger.append(
        "incident/INC-1", "incident.note_added", {"incident": "INC-1", "note": "inconvenient"}
    )
    story.assemble()
    members = story.members()
    count = len(lines(older["facts.jsonl"]))
    members["facts.jsonl"] = b"".join(lines(members["facts.jsonl"])[:count])
    failed(
        story.verified(members),
        "facts.jsonl",
        "entry 14 (incident.note_added in incident/INC-1) was left out",
    )


def test_reorder_events(story) -> None:
    members = story.members()
    first, second, *rest = lines(members["facts.jsonl"])
    members["facts.jsonl"] = b"".join([second, first, *rest])
    failed(story.verified(members), "facts.jsonl", "not in the ledger's order")


def test_tell_an_event_twice(story) -> None:
    members = story.members()
    first, *rest = lines(members["facts.jsonl"])
    members["facts.jsonl"] = b"".join([first, first, *rest])
    failed(story.verified(members), "facts.jsonl", "not in the ledger's order")


def test_slip_in_an_event_of_another_incident(story) -> None:
    ledger = story.ledger
    seq = next(n for n, one in enumerate(ledger.entries) if one.header["type"] == "incident.closed")
    entry = ledger.entries[seq]
    proof = tree.inclusion_proof(seq, ledger.size, ledger.node())
    members = story.members()
    told = lines(members["facts.jsonl"])
    told.append(layout.fact_line(entry.leaf, entry.payload, entry.salt, proof))
    told.sort(key=lambda line: json.loads(line)["leaf"]["seq"])
    members["facts.jsonl"] = b"".join(told)
    failed(story.verified(members), "facts.jsonl", f"entry {seq} does not belong to the incident")


def test_leave_out_the_context_that_was_promised(story) -> None:
    members = story.members()
    members["facts.jsonl"] = b"".join(lines(members["facts.jsonl"])[1:])
    failed(story.verified(members), "facts.jsonl", "entry 0 was left out")


def test_hide_content_in_another_spelling(story) -> None:
    members = story.members()
    members["facts.jsonl"] = members["facts.jsonl"].replace(b'"salt":', b' "salt":', 1)
    failed(story.verified(members), "facts.jsonl", "in canonical form (RFC 8785)")


def test_hide_content_under_a_doubled_key(story) -> None:
    members = story.members()
    members["facts.jsonl"] = members["facts.jsonl"].replace(b'"salt":', b'"salt":"","salt":', 1)
    failed(story.verified(members), "facts.jsonl", "in canonical form (RFC 8785)")


@pytest.mark.parametrize(
    "change",
    [
        {"proof": "00"},
        {"proof": ["00" * 31]},
        {"proof": [7]},
        {"salt": "00"},
        {"salt": None},
        {"leaf": 7},
        {"leaf": {}},
        {"payload": []},
        {"payload": {"by": {}, "data": {}, "v": 1}},
        {"more": 1},
    ],
)
def test_a_fact_of_any_other_shape_is_named(story, change: dict) -> None:
    members = story.members()
    first, *rest = lines(members["facts.jsonl"])
    members["facts.jsonl"] = b"".join([edited(first, **change), *rest])
    failed(story.verified(members), "facts.jsonl", "line 1: ")


def test_nest_json_deeply_to_exhaust_the_stack(story) -> None:
    members = story.members()
    members["facts.jsonl"] = b"[" * 200_000 + b"]" * 200_000 + b"\n"
    failed(story.verified(members), "facts.jsonl", "line 1: ")


# Ledger -----------------------------------------------------------------------------------------


def test_leave_an_entry_of_the_ledger_out(story) -> None:
    members = story.members()
    told = lines(members["headers.jsonl"])
    for at in range(len(told)):
        members["headers.jsonl"] = b"".join(told[:at] + told[at + 1 :])
        failed(story.verified(members), "headers.jsonl", "")


def test_add_an_entry_behind_the_signed_ones(story) -> None:
    story.ledger.append("incident/INC-1", "incident.note_added", {"incident": "INC-1"})
    members = story.members()
    members["headers.jsonl"] += story.ledger.entries[-1].leaf + b"\n"
    failed(story.verified(members), "headers.jsonl", "more than the 14 entries that were signed")


def test_spell_an_entry_of_the_ledger_differently(story) -> None:
    members = story.members()
    first, *rest = lines(members["headers.jsonl"])
    members["headers.jsonl"] = b"".join([first.replace(b'"v":1', b'"v": 1'), *rest])
    failed(
        story.verified(members), "headers.jsonl", "line 1: a leaf has exactly nine keys, in canonical form"
    )


def test_write_the_manifest_in_another_spelling(story) -> None:
    members = story.members()
    members["manifest.json"] += b"\n"
    failed(story.verified(members), "manifest.json", "does not describe the pack that was verified")


def test_backdate_an_entry(untold) -> None:
    """By whoever runs the ledger: the entry is signed, but it is older than the one before it.

    R-EVD-04/back-dated.
    """
    story = untold()
    story.ledger.append("incident/INC-1", "incident.closed", {}, recorded_at="2026-11-23T09:00:00.000000Z")
    story.assemble()
    failed(story.verified(), "headers.jsonl", "line 11: the entry is out of order, back-dated")


def test_break_the_chain_of_a_stream(untold) -> None:
    for header in [{"stream_seq": 7}, {"prev_stream_hash": "ab" * 32}, {"stream_seq": 1}]:
        story = untold()
        story.ledger.append("incident/INC-1", "incident.closed", {}, **header)
        story.assemble()
        failed(story.verified(), "headers.jsonl", "does not follow the fact before it in its stream")


def test_leave_a_stream_of_the_incident_off_the_list(untold) -> None:
    story = untold()
    story.streams.remove("evidence/INC-1")
    story.assemble()
    failed(story.verified(), "facts.jsonl", "entry 3 (evidence.frozen in evidence/INC-1)")


def test_a_stream_of_an_incident_with_a_longer_number_is_not_asked_for(untold) -> None:
    story = untold()
    story.ledger.append("incident/INC-11", "incident.opened", {"incident": "INC-11"})
    story.assemble()
    assert story.verified().verified


def test_an_entry_of_another_ledger(untold) -> None:
    story = untold()
    story.ledger.append("incident/INC-2", "incident.opened", {}, log="evil.example/holdfast")
    story.assemble()
    failed(story.verified(), "headers.jsonl", "of another ledger")


# Checkpoint -------------------------------------------------------------------------------------


def test_forge_a_key(story, sign_with) -> None:
    """A pack that is consistent in itself, signed by a key of the same name that the policy does not list."""
    story.ledger.seal(sign_with(9))
    members = story.members()
    failed(story.verified(members), "checkpoint.txt", "not signed by any known key")


def test_take_the_signature_of_another_checkpoint(story) -> None:
    members = story.members()
    text = members["checkpoint.txt"].rpartition(b"\n\n")[0]
    _, earlier = story.ledger.sealed[0]
    members["checkpoint.txt"] = text + b"\n\n" + earlier.rpartition(b"\n\n")[2]
    failed(story.verified(members), "checkpoint.txt", "does not hold")


def test_add_a_signature_nobody_asked_for(story, sign_with) -> None:
    """It would be a place for bytes that nothing binds."""
    members = story.members()
    stranger = sign_with(9, "stranger.example")
    members["checkpoint.txt"] += stranger.line(str(story.ledger.checkpoint())).encode()
    failed(story.verified(members), "checkpoint.txt", "a key that the policy does not have")


def test_repeat_the_signature(story) -> None:
    members = story.members()
    members["checkpoint.txt"] += members["checkpoint.txt"].rpartition(b"\n\n")[2]
    failed(story.verified(members), "checkpoint.txt", "the same signature twice")


def test_strip_the_second_signature(untold, sign_with) -> None:
    story = untold()
    story.signers = (sign_with(1), sign_with(2, "witness.example/w1"))
    story.ledger.sealed.clear()
    story.assemble()
    assert story.verified(required=2).verified
    members = story.members()
    members["checkpoint.txt"] = b"".join(lines(members["checkpoint.txt"])[:-1])
    failed(story.verified(members, required=2), "checkpoint.txt", "1 of the 2 signatures")


def test_offer_another_ledger_signed_by_the_same_key(untold) -> None:
    story = untold()
    story.ledger.origin = "acme.example/holdfast-test"
    story.assemble()
    failed(story.verified(), "checkpoint.txt", "is of the ledger acme.example/holdfast-test")


def test_old_checkpoint_in_a_new_pack(story) -> None:
    members = story.members()
    size, signed = story.ledger.sealed[-2]
    assert size < story.ledger.size
    members["checkpoint.txt"] = signed
    failed(story.verified(members), "facts.jsonl", "line 1: the inclusion proof")


def test_an_old_pack_for_the_newest(story) -> None:
    failed(story.verified(minimum=15), "checkpoint.txt", "covers 14 entries, the policy asks for 15")
    assert story.verified(minimum=14).verified


def test_cut_the_tail_of_the_ledger(untold) -> None:
    """Restored from an older backup, then signed again: the auditor knows more than the ledger."""
    story, longer = untold(), untold()
    longer.ledger.append("incident/INC-1", "incident.note_added", {"incident": "INC-1"})
    longer.assemble()
    story.assemble()
    known = (longer.ledger.checkpoint(),)
    failed(story.verified(earlier=known), "checkpoint.txt", "the policy knows of 15")


def test_rewrite_all_with_the_stolen_log_key(untold) -> None:
    """Everything fits and everything is signed; only a checkpoint kept elsewhere tells."""
    known = (untold().ledger.checkpoint(5),)
    rewritten = untold()
    del rewritten.ledger.entries[2:]
    rewritten.ledger.sealed.clear()
    for number in range(4):
        rewritten.ledger.append("incident/INC-1", "incident.opened", {"incident": "INC-1", "n": number})
    rewritten.files = {"report.pdf": b"%PDF-1.7 nothing happened"}
    rewritten.assemble()
    assert rewritten.verified().verified
    failed(
        rewritten.verified(earlier=known),
        "headers.jsonl",
        "its first 5 entries are not those the policy knows",
    )


def test_show_two_views(story, untold) -> None:
    """Two ledgers of one size, both signed: each is refused to whoever has seen the other."""
    other = untold()
    other.files["report.pdf"] += b" "
    other.assemble()
    assert other.ledger.size == story.ledger.size
    mine, theirs = (story.ledger.checkpoint(),), (other.ledger.checkpoint(),)
    assert story.verified(earlier=mine).verified
    failed(story.verified(earlier=theirs), "headers.jsonl", "it was rewritten")
    failed(other.verified(earlier=mine), "headers.jsonl", "it was rewritten")


def test_a_checkpoint_the_policy_knows_is_met_on_the_way(story) -> None:
    report = story.verified(earlier=(story.ledger.checkpoint(1), story.ledger.checkpoint(7)))
    assert report.verified
    assert "begins with all 2 checkpoints that the policy knows" in report.steps[3].text


# Earlier checkpoints ----------------------------------------------------------------------------


def test_offer_an_earlier_checkpoint_of_another_history(story, sign_with) -> None:
    members = story.members()
    first, *rest = lines(members["checkpoints.jsonl"])
    false = Checkpoint(story.ledger.origin, 2, tree.leaf_hash(b"another history"))
    signed = note.sign(str(false), sign_with(1)).decode()
    members["checkpoints.jsonl"] = b"".join([edited(first, note=signed), *rest])
    failed(story.verified(members), "checkpoints.jsonl", "line 1: the tree of 14 entries does not begin")


def test_leave_an_earlier_checkpoint_out(story) -> None:
    members = story.members()
    told = lines(members["checkpoints.jsonl"])
    for at in range(len(told)):
        members["checkpoints.jsonl"] = b"".join(told[:at] + told[at + 1 :])
        failed(story.verified(members), "checkpoints.jsonl", "does not hold those checkpoints")


def test_offer_an_unsigned_earlier_checkpoint(story, sign_with) -> None:
    members = story.members()
    first, *rest = lines(members["checkpoints.jsonl"])
    signed = note.sign(str(story.ledger.checkpoint(2)), sign_with(9)).decode()
    for value, reason in [(signed, "not signed by any known key"), (7, "no signature lines")]:
        members["checkpoints.jsonl"] = b"".join([edited(first, note=value), *rest])
        failed(story.verified(members), "checkpoints.jsonl", reason)


def test_two_known_checkpoints_of_one_size_are_two_views_in_any_order(story) -> None:
    """Somebody holds both lines: one of them is true, and still the ledger was shown in two ways."""
    true = story.ledger.checkpoint(5)
    false = Checkpoint(true.origin, 5, tree.leaf_hash(b"another view"))
    for known in [(true, false), (false, true), (true, false, true)]:
        failed(story.verified(earlier=known), "headers.jsonl", "has shown two views")
    assert story.verified(earlier=(true, true)).verified


# Files and evidence -----------------------------------------------------------------------------


def test_add_a_file_and_list_it_in_the_manifest(story) -> None:
    members = story.members()
    members["evidence/EV-3-note.txt"] = b"forged"
    failed(story.verified(members), "evidence/EV-3-note.txt", "is not among the files that entry 13 recorded")


def test_replace_a_file_and_its_digest_in_the_manifest(story) -> None:
    """The manifest proves nothing: the digest that counts is in the ledger."""
    changed = story.members()
    changed["report.pdf"] = changed["report.pdf"].replace(b"%%EOF", b"%%eof")
    story.files["report.pdf"] = changed["report.pdf"]
    changed["manifest.json"] = story.members()["manifest.json"]
    failed(story.verified(changed), "report.pdf", "its SHA-256 is not the one in the ledger")


def test_swap_a_blob_before_the_pack_is_built(untold) -> None:
    """The ledger records the false digest for the pack, but it had recorded the true one when freezing."""
    story = untold()
    swapped = story.files["evidence/EV-1-scores.parquet"][::-1]
    story.files["evidence/EV-1-scores.parquet"] = swapped
    story.assemble()
    failed(story.verified(), "evidence/EV-1-scores.parquet", "is not the file that entry 3 took in as EV-1")


def test_leave_evidence_out_when_the_pack_is_built(untold) -> None:
    story = untold()
    del story.files["evidence/EV-2-labels.csv"]
    story.assemble()
    failed(story.verified(), "evidence/EV-2-labels.csv", "is missing: entry 8 took it in")


def test_add_evidence_that_was_never_taken_in(untold) -> None:
    story = untold()
    story.files["evidence/EV-3-alibi.txt"] = b"we were not there"
    story.assemble()
    failed(story.verified(), "evidence/EV-3-alibi.txt", "not evidence that was taken in")


def test_evidence_numbered_ten_is_not_taken_for_number_one(untold) -> None:
    story = untold()
    story.files["evidence/EV-10-scores.parquet"] = story.files.pop("evidence/EV-1-scores.parquet")
    story.assemble()
    failed(story.verified(), "evidence/EV-1-scores.parquet", "is missing")


def test_swap_the_names_of_two_pieces_of_evidence(story) -> None:
    members = story.members()
    one, two = "evidence/EV-1-scores.parquet", "evidence/EV-2-labels.csv"
    members[one], members[two] = members[two], members[one]
    failed(story.verified(members), one, "bytes long")


@pytest.mark.parametrize(
    "data",
    [
        {"incident": "INC-1"},
        {"incident": "INC-1", "items": 7, "missing": []},
        {"incident": "INC-1", "items": [7], "missing": []},
        {"incident": "INC-1", "items": [{"item": "EV-3"}], "missing": []},
    ],
)
def test_evidence_told_in_any_other_shape_is_a_failure(untold, data: dict) -> None:
    story = untold()
    story.ledger.append("evidence/INC-1", "evidence.frozen", data)
    story.derives, story.files["record.json"] = False, b"{}"
    story.assemble()
    failed(story.verified(), "facts.jsonl", "does not say what evidence it took in")


@pytest.mark.parametrize(
    "changes",
    [
        {"incident": ""},
        {"incident": 7},
        {"incident": "\u0406NC-1"},
        {"incident": "INC-01"},
        {"streams": ["pack/INC-1", "incident/INC-1"]},
        {"streams": ["pack/INC-1", "pack/INC-1"]},
        {"streams": [7]},
        {"context": [0, 0]},
        {"context": [True]},
        {"checkpoints": "all"},
        {"members": [{"path": "report.pdf"}]},
        {"members": [{"path": "headers.jsonl", "role": "headers", "sha256": "00" * 32, "size": 1}]},
        {"members": [{"path": "report.pdf", "role": "report", "sha256": "00", "size": 1}]},
        {"members": [{"path": "a", "role": "a", "sha256": "00" * 32, "size": 1, "more": 1}]},
        {"members": [{"path": "a", "role": "a", "sha256": "00" * 32, "size": 1}] * 2},
        {"more": 1},
    ],
)
def test_an_assembly_in_any_other_shape_is_a_failure(untold, changes: dict) -> None:
    story = untold()
    story.assemble(**changes)
    failed(story.verified(), "facts.jsonl", "pack.assembled")


def test_an_assembly_that_leaves_its_own_stream_out(untold) -> None:
    story = untold()
    story.streams.remove("pack/INC-1")
    seq = story.assemble()
    story.context.append(seq)
    failed(story.verified(), "facts.jsonl", "does not list the stream pack/INC-1")


def test_a_pack_without_an_assembly(untold) -> None:
    story = untold()
    failed(story.verified(), "facts.jsonl", "holds no fact pack.assembled")


def test_two_packs_of_one_incident_each_verify(untold) -> None:
    """R-AUD-06: an auditor may ask again; the second pack also tells that there was a first."""
    story = untold()
    story.assemble()
    first = story.members()
    story.ledger.append("incident/INC-1", "incident.closed", {"incident": "INC-1"})
    story.files["report.pdf"] = b"%PDF-1.7 second edition"
    story.assemble()
    assert story.verified(first).verified
    assert story.verified().verified
    mixed = {**story.members(), "report.pdf": first["report.pdf"]}
    failed(story.verified(mixed), "report.pdf", "the ledger says")


# What evidence is called, and whose it is ---------------------------------------------------------


@pytest.mark.parametrize("incident", ["\u0406NC-1", "INC-2", "inc-1", "INC-1 ", "", None])
@pytest.mark.parametrize("type_", ["evidence.frozen", "evidence.added", "evidence.accessed"])
def test_evidence_of_another_incident_on_this_incidents_stream(
    untold, incident: str | None, type_: str
) -> None:
    """What it took in would have to be in the pack, if only the name were read as people read it."""
    story = untold()
    hidden = {"item": "EV-3", "name": "mail.eml", "sha256": "ab" * 32, "size": 7}
    told = {"incident": incident, "items": [hidden], "missing": [], "item": hidden}
    story.ledger.append("evidence/INC-1", type_, told)
    story.assemble()
    failed(story.verified(), "facts.jsonl", f"({type_}) is not about INC-1")


@pytest.mark.parametrize("incident", ["\u0406NC-1", "INC-2", "inc-1", "INC-1 ", None, ["INC-1"]])
@pytest.mark.parametrize(
    ("stream", "type_"),
    [
        ("incident/INC-1", "incident.noted"),
        ("impact/INC-1", "impact.assessed"),
        ("message/m2", "message.queued"),
    ],
)
def test_a_fact_of_another_incident_on_this_incidents_streams(
    untold, incident: object, stream: str, type_: str
) -> None:
    """What the record then tells would read as this incident's."""
    story = untold()
    story.ledger.append(stream, type_, {"incident": incident})
    story.streams = sorted({*story.streams, stream})
    story.assemble()
    failed(story.verified(), "facts.jsonl", f"({type_}) is not about INC-1")


def test_evidence_of_this_incident_on_another_stream(untold) -> None:
    story = untold()
    hidden = {"incident": "INC-1", "items": [], "missing": []}
    story.ledger.append("incident/INC-1", "evidence.frozen", hidden)
    story.assemble()
    failed(story.verified(), "facts.jsonl", "takes evidence in on the stream incident/INC-1")


@pytest.mark.parametrize(
    "path",
    [
        "evidence/EV-1-other.parquet",
        "evidence/EV-1-scores.parquet.exe",
        "evidence/EV-1-scores",
        "evidence/ev-1-scores.parquet",
        "EV-1-scores.parquet",
    ],
)
def test_evidence_under_another_name_than_it_was_taken_in(untold, path: str) -> None:
    story = untold()
    story.files[path] = story.files.pop("evidence/EV-1-scores.parquet")
    story.assemble()
    failed(story.verified(), "evidence/EV-1-scores.parquet", "is missing: entry 3 took it in")


def test_evidence_in_another_role(untold) -> None:
    story = untold()
    members = [
        {"path": path, "role": "report", "sha256": sha256(content).hexdigest(), "size": len(content)}
        for path, content in sorted({**story.files, "record.json": story.record()}.items())
    ]
    story.assemble(members=members)
    failed(story.verified(), "evidence/EV-1-scores.parquet", "is not the file that entry 3 took in")


def test_one_item_taken_in_twice(untold) -> None:
    story = untold()
    again = {"item": "EV-1", "name": "scores.parquet", "sha256": "ab" * 32, "size": 7}
    story.ledger.append("evidence/INC-1", "evidence.added", {"incident": "INC-1", "item": again})
    story.assemble()
    failed(story.verified(), "facts.jsonl", "takes EV-1 in a second time")


@pytest.mark.parametrize("number", ["EV-\u0661", "EV-01", "EV-0", "../EV-1", "1", "\u0415V-1"])
def test_an_item_with_a_number_that_is_none(untold, number: str) -> None:
    story = untold()
    item = {"item": number, "name": "scores.parquet", "sha256": "ab" * 32, "size": 7}
    story.ledger.append("evidence/INC-1", "evidence.added", {"incident": "INC-1", "item": item})
    story.assemble()
    failed(story.verified(), "facts.jsonl", "which is no item's number")


# What the record says -----------------------------------------------------------------------------


def forged_record(story, change) -> bytes:
    """The record with something changed, written as the builder writes it."""
    document = json.loads(story.record())
    change(document)
    return canonical.dumps(document) + b"\n"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda told: told["facts"].pop(1), id="a fact left out"),
        pytest.param(lambda told: told["facts"].reverse(), id="another order"),
        pytest.param(lambda told: told["facts"][1]["data"].update(title="All is well"), id="a word"),
        pytest.param(lambda told: told["facts"][1]["by"].update(name="Nobody"), id="a person"),
        pytest.param(lambda told: told["facts"][1].update(at="2026-11-23T10:00:00.000000Z"), id="a time"),
        pytest.param(lambda told: told["items"].pop(), id="evidence left out"),
        pytest.param(lambda told: told["items"][0].update(sha256="00" * 32), id="a digest"),
        pytest.param(lambda told: told.update(missing=[]), id="no gap"),
        pytest.param(lambda told: told["moments"].pop("incident.acknowledged"), id="a moment"),
        pytest.param(lambda told: told.update(more="words"), id="something more"),
        pytest.param(lambda told: told.update(format="holdfast-record/1"), id="another format"),
    ],
)
def test_a_record_that_says_something_else_than_the_facts(untold, change) -> None:
    """By whoever can write into the database while a pack is built: the ledger vouches for the false file.

    R-EVD-11/record.
    """
    story = untold()
    story.derives, story.files["record.json"] = False, forged_record(story, change)
    story.assemble()
    failed(story.verified(), "record.json", "is not what the facts of this pack add up to")


def test_a_record_in_another_spelling(untold) -> None:
    for changed in (lambda raw: raw[:-1], lambda raw: raw + b"\n", lambda raw: raw.replace(b":", b": ", 1)):
        story = untold()
        story.derives, story.files["record.json"] = False, changed(story.record())
        story.assemble()
        failed(story.verified(), "record.json", "is not what the facts of this pack add up to")


def test_a_pack_that_did_not_take_its_evidence_out_on_the_record(untold) -> None:
    story = untold()
    story.assemble(take_out=False)
    failed(story.verified(), "facts.jsonl", "do not say that all evidence was hashed again")


def test_a_fact_between_the_record_and_the_pack(untold) -> None:
    """Whatever the record does not tell must be the taking out of evidence and nothing else."""
    story = untold()
    story.derives, story.files["record.json"] = False, story.record()
    story.ledger.append(
        "custody/INC-1", "evidence.accessed", {"incident": "INC-1", "item": "EV-1", "how": "refused"}
    )
    story.assemble(take_out=False)
    failed(story.verified(), "facts.jsonl", "do not say that all evidence was hashed again")


def test_a_pack_without_record_or_report(untold) -> None:
    for name in ("record.json", "report.pdf"):
        story = untold()
        story.derives = name != "record.json"
        story.files.pop(name, None)
        story.assemble()
        failed(story.verified(), name, "is missing from the pack")
