"""Every byte of every member matters, and the member at fault is named (R-EVD-04, R-EVD-11)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MEMBERS = [
    "checkpoint.txt",
    "checkpoints.jsonl",
    "evidence/EV-1-scores.parquet",
    "evidence/EV-2-labels.csv",
    "facts.jsonl",
    "headers.jsonl",
    "manifest.json",
    "record.json",
    "report.pdf",
]
FIXTURE_IS_ONLY_READ = [HealthCheck.function_scoped_fixture]


def test_an_untouched_pack_verifies(story) -> None:
    """R-EVD-12/independent."""
    report = story.verified()
    assert report.verified, report.failure
    assert [step.outcome for step in report.steps] == ["ok"] * 10
    assert (report.incident, report.checkpoint) == ("INC-1", story.ledger.checkpoint())
    assert sorted(story.members()) == MEMBERS


@pytest.mark.parametrize("member", MEMBERS)
@settings(max_examples=30, deadline=None, suppress_health_check=FIXTURE_IS_ONLY_READ)
@given(data=st.data())
def test_changing_any_one_byte_fails_and_names_the_member(story, member: str, data: st.DataObject) -> None:
    members = story.members()
    content = members[member]
    at = data.draw(st.integers(0, len(content) - 1), label="position")
    change = data.draw(st.integers(1, 255), label="xor")
    members[member] = content[:at] + bytes([content[at] ^ change]) + content[at + 1 :]
    report = story.verified(members)
    assert not report.verified
    assert report.failure is not None
    assert report.failure.member == member, report.failure


def test_every_single_byte_of_the_checkpoint_matters(story) -> None:
    members = story.members()
    content = members["checkpoint.txt"]
    for at in range(len(content)):
        members["checkpoint.txt"] = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        failure = story.verified(members).failure
        assert failure is not None, at
        assert failure.member == "checkpoint.txt", (at, failure)


@pytest.mark.parametrize("member", MEMBERS)
@settings(max_examples=25, deadline=None, suppress_health_check=FIXTURE_IS_ONLY_READ)
@given(data=st.data())
def test_changing_a_byte_inside_the_zip_file_names_the_member(
    story, agree, archive, member: str, data: st.DataObject
) -> None:
    """As an attacker with a hex editor does it: the CRC no longer fits either."""
    members = story.members()
    packed = archive(members)
    begin = packed.index(members[member])
    at = begin + data.draw(st.integers(0, len(members[member]) - 1), label="position")
    report = agree(packed[:at] + bytes([packed[at] ^ 0x20]) + packed[at + 1 :], story.policy())
    assert report.failure is not None
    assert report.failure.member == member, report.failure


@pytest.mark.parametrize("member", MEMBERS)
@settings(max_examples=20, deadline=None, suppress_health_check=FIXTURE_IS_ONLY_READ)
@given(data=st.data())
def test_cutting_or_adding_a_byte_names_the_member(story, member: str, data: st.DataObject) -> None:
    members = story.members()
    content = members[member]
    at = data.draw(st.integers(0, len(content) - 1), label="position")
    extra = data.draw(st.one_of(st.just(b""), st.binary(min_size=1, max_size=3)), label="put in its place")
    if extra == content[at : at + 1]:
        extra = b""
    members[member] = content[:at] + extra + content[at + 1 :]
    failure = story.verified(members).failure
    assert failure is not None
    assert failure.member == member, failure


@pytest.mark.parametrize("member", MEMBERS)
def test_leaving_a_member_out_names_it(story, member: str) -> None:
    members = story.members()
    del members[member]
    failure = story.verified(members).failure
    assert failure is not None
    assert failure.member == member
    assert "missing" in failure.text


@pytest.mark.parametrize("member", MEMBERS)
def test_an_emptied_member_is_named(story, member: str) -> None:
    failure = story.verified({**story.members(), member: b""}).failure
    assert failure is not None
    assert failure.member == member


def test_no_flipped_byte_anywhere_in_the_file_is_accepted_or_ends_in_a_traceback(
    story, agree, archive
) -> None:
    """Every byte outside the large members, and a dense sample inside them."""
    packed, policy = archive(story.members()), story.policy()
    dense = packed.index(b"PK\x01\x02")
    for at in [*range(0, dense, 23), *range(dense, len(packed))]:
        changed = packed[:at] + bytes([packed[at] ^ (1 << at % 8)]) + packed[at + 1 :]
        assert not agree(changed, policy).verified, at


@settings(max_examples=150, deadline=None, suppress_health_check=FIXTURE_IS_ONLY_READ)
@given(data=st.data())
def test_a_damaged_file_is_a_failed_verification_never_a_traceback(
    story, agree, archive, data: st.DataObject
) -> None:
    packed = archive(story.members())
    at = data.draw(st.integers(0, len(packed) - 1), label="position")
    width = data.draw(st.integers(0, 8), label="bytes replaced")
    junk = data.draw(st.binary(max_size=8), label="by")
    changed = packed[:at] + junk + packed[at + width :]
    assert agree(changed, story.policy()).verified == (changed == packed)


@settings(max_examples=100, deadline=None, suppress_health_check=FIXTURE_IS_ONLY_READ)
@given(junk=st.binary(max_size=300))
def test_anything_else_is_a_failed_verification_never_a_traceback(story, agree, junk: bytes) -> None:
    assert not agree(junk, story.policy()).verified


@settings(max_examples=200, deadline=None, suppress_health_check=FIXTURE_IS_ONLY_READ)
@given(member=st.sampled_from(MEMBERS), junk=st.one_of(st.binary(max_size=200), st.text().map(str.encode)))
def test_a_member_replaced_by_anything_is_named(story, member: str, junk: bytes) -> None:
    failure = story.verified({**story.members(), member: junk}).failure
    assert failure is not None
    assert failure.member == member
