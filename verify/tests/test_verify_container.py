"""Attacks by the zip file itself: names, hidden bytes, bombs, and contradicting descriptions."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import warnings
import zipfile

import pytest

from holdfast_verify import container
from holdfast_verify.container import Container, PackError
from holdfast_verify.pack import verify


def refused(packed: bytes, member: str | None, reason: str) -> None:
    with pytest.raises(PackError) as caught:
        Container(io.BytesIO(packed))
    assert caught.value.member == member, str(caught.value)
    assert reason in caught.value.reason, str(caught.value)


def with_entry(name: str, content: bytes = b"x", **attributes: object) -> bytes:
    """A zip file with one good member and one more, whose entry has these attributes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of doubled names
        archive.writestr("report.pdf", b"%PDF")
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        for attribute, value in attributes.items():
            setattr(info, attribute, value)
        archive.writestr(info, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../report.pdf",
        "/etc/passwd",
        "evidence/../../report.pdf",
        "evidence\\report.pdf",
        "C:report.pdf",
        "evidence//report.pdf",
        "evidence/",
        "a/b/c",
        ".hidden",
        "report.pdf.",
        "report .pdf",
        "report\n.pdf",
        "-rf",
        "",
        "a" * 101,
    ],
)
def test_zip_slip_and_other_harmful_names(name: str) -> None:
    refused(with_entry(name), name, "not a name that a member of a pack may have")


def test_a_name_cut_short_by_a_zero_byte() -> None:
    packed = with_entry("evidence/EV-1-a.txtX.exe").replace(b"a.txtX.exe", b"a.txt\x00.exe")
    refused(packed, "evidence/EV-1-a.txt\x00.exe", "not a name")


def test_duplicate_names() -> None:
    refused(with_entry("report.pdf"), "report.pdf", "occurs twice")


def test_names_that_differ_in_case_alone() -> None:
    refused(with_entry("Report.PDF"), "Report.PDF", "differs from another member in case alone")


@pytest.mark.parametrize("name", ["EV-1-\u00e9.csv", "EV-1-e\u0301.csv", "report.pd\uff46", "\ufb01le.pdf"])
def test_names_that_unicode_could_confuse(name: str) -> None:
    refused(with_entry(name), name, "not a name")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_links_folders_and_devices(kind: int) -> None:
    packed = with_entry("evidence.txt", b"/etc/passwd", external_attr=(kind | 0o644) << 16)
    refused(packed, "evidence.txt", "is a link, folder or device")


def test_encrypted_members(archive) -> None:
    packed = bytearray(archive({"report.pdf": b"%PDF"}))
    for signature, offset in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)]:
        packed[packed.index(signature) + offset] |= 1
    refused(bytes(packed), "report.pdf", "is encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression(archive, method: int) -> None:
    refused(archive({"report.pdf": b"%PDF"}, method), "report.pdf", "compressed in a way")


def test_bytes_before_the_archive(archive) -> None:
    """As in a program that is also a zip file."""
    refused(b"#!/bin/sh\n" + archive({"report.pdf": b"%PDF"}), None, "list of members")


def test_bytes_behind_the_archive(archive) -> None:
    packed = archive({"report.pdf": b"%PDF"})
    refused(packed + b"x", None, "added behind its end")
    refused(packed + packed, None, "list of members")


def test_a_comment_on_the_archive() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("report.pdf", b"%PDF")
        packed.comment = b"another story"
    refused(out.getvalue(), None, "added behind its end")


def test_bytes_hidden_between_members(archive) -> None:
    members = {"report.pdf": b"%PDF", "hidden.txt": b"secret", "record.json": b"{}"}
    packed = archive(members)
    hidden = without_listing(packed, "hidden.txt")
    refused(hidden, "record.json", "hidden bytes lie before it")


def test_bytes_hidden_before_the_list_of_members(archive) -> None:
    packed = archive({"report.pdf": b"%PDF", "hidden.txt": b"secret"})
    refused(without_listing(packed, "hidden.txt"), None, "hidden bytes lie between the last member")


def test_an_archive_of_nothing(archive) -> None:
    refused(archive({}), None, "0 members")


def without_listing(packed: bytes, name: str) -> bytes:
    """The zip file with one member's bytes still there, but gone from the list of members."""
    end = struct.unpack("<4s4H2LH", packed[-22:])
    begin, central = end[6], b""
    at, count = begin, 0
    while at < len(packed) - 22:
        lengths = struct.unpack("<3H", packed[at + 28 : at + 34])
        entry = packed[at : at + 46 + sum(lengths)]
        at += len(entry)
        if name.encode() not in entry:
            central, count = central + entry, count + 1
    return (
        packed[:begin] + central + struct.pack("<4s4H2LH", end[0], 0, 0, count, count, len(central), begin, 0)
    )


def test_members_that_share_their_bytes(archive) -> None:
    """The overlapping kind of zip bomb: two entries of the list point at one member."""
    packed = archive({"a.txt": b"x" * 1000, "b.txt": b"y" * 1000})
    second = packed.rindex(b"PK\x01\x02")
    overlapping = packed[: second + 42] + struct.pack("<L", 0) + packed[second + 46 :]
    refused(overlapping, "b.txt", "overlaps another member")


def test_two_descriptions_that_contradict_each_other(archive) -> None:
    """Programs that read a zip file from its front would see another member."""
    packed = bytearray(archive({"report.pdf": b"%PDF-1.7"}))
    packed[22] += 1  # the size, as the local header tells it
    refused(bytes(packed), "report.pdf", "two contradicting ways")


def test_a_list_of_members_too_long_to_hold() -> None:
    claimed = container.MAX_DIRECTORY + 1
    packed = b"\x00" * claimed + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, claimed, 0, 0)
    refused(packed, None, "list of members is too long")


def test_too_many_members(archive) -> None:
    refused(archive({f"m{n}": b"" for n in range(container.MAX_MEMBERS + 1)}), None, "10001 members")


@pytest.mark.parametrize(
    "member", ["report.pdf", "headers.jsonl", "checkpoint.txt", "manifest.json", "facts.jsonl"]
)
def test_zip_bomb(story, archive, member: str) -> None:
    """200 MB of zeros in 200 kB: refused without unpacking it into memory."""
    packed = archive({**story.members(), member: bytes(200_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(packed) < 300_000
    tracemalloc.start()
    report = verify(io.BytesIO(packed), story.policy())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.failure is not None
    assert report.failure.member == member
    assert peak < 50_000_000


def test_a_member_that_holds_more_than_it_claims(story, archive) -> None:
    """The declared size is a lie in both descriptions; the surplus is not read."""
    packed = bytearray(archive(story.members(), zipfile.ZIP_DEFLATED))
    at = packed.index(b"report.pdf")
    listed = packed.rindex(b"report.pdf")
    size = len(story.files["report.pdf"])
    for position in (at - 30 + 22, listed - 46 + 24):
        assert struct.unpack_from("<L", packed, position) == (size,)
        struct.pack_into("<L", packed, position, size - 1)
    report = verify(io.BytesIO(bytes(packed)), story.policy())
    assert report.failure is not None
    assert report.failure.member == "report.pdf"


def test_a_member_that_holds_less_than_it_claims(story, archive) -> None:
    packed = bytearray(archive(story.members(), zipfile.ZIP_DEFLATED))
    size = len(story.members()["checkpoint.txt"])
    for position in (packed.index(b"checkpoint.txt") - 30 + 22, packed.rindex(b"checkpoint.txt") - 46 + 24):
        assert struct.unpack_from("<L", packed, position) == (size,)
        struct.pack_into("<L", packed, position, size + 1)
    report = verify(io.BytesIO(bytes(packed)), story.policy())
    assert report.failure is not None
    assert (report.failure.member, report.failure.text) == (
        "checkpoint.txt",
        f"holds {size} bytes instead of {size + 1}",
    )


def test_a_damaged_list_of_members(archive) -> None:
    packed = archive({"report.pdf": b"%PDF"})
    refused(packed.replace(b"PK\x01\x02", b"PK\x09\x09"), None, "list of members is damaged")


def test_a_crc_error_is_a_failed_member_not_a_traceback(story, archive) -> None:
    packed = archive(story.members())
    crc = struct.pack("<L", zipfile.ZipFile(io.BytesIO(packed)).getinfo("record.json").CRC)
    assert packed.count(crc) == 2
    report = verify(io.BytesIO(packed.replace(crc, b"\x01\x02\x03\x04")), story.policy())
    assert report.failure is not None
    assert (report.failure.number, report.failure.member) == (7, "record.json")
    assert "CRC" in report.failure.text


def test_large_packs_in_the_zip64_form_verify(story) -> None:
    """What zipfile writes for members that may grow beyond 4 GiB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in story.members().items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(content)
    assert verify(io.BytesIO(out.getvalue()), story.policy()).verified


def zip64_end(packed: bytes) -> bytes:
    """The zip file with the end records of a large one."""
    end = struct.unpack("<4s4H2LH", packed[-22:])
    at = len(packed) - 22
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, end[4], end[4], end[5], end[6])
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    return packed[:-22] + wide + locator + packed[-22:]


def test_the_end_records_of_a_large_zip_file_are_read(archive) -> None:
    assert Container(io.BytesIO(zip64_end(archive({"report.pdf": b"%PDF"})))).sizes == {"report.pdf": 4}


def test_end_records_that_contradict_each_other(archive) -> None:
    packed = bytearray(zip64_end(archive({"report.pdf": b"%PDF"})))
    packed[-22 - 20 + 8] ^= 1
    refused(bytes(packed), None, "contradict each other")


def test_members_are_read_in_lines_of_limited_length(archive) -> None:
    read = Container(
        io.BytesIO(archive({"a": b"one\ntwo\n", "b": b"one\ntwo", "c": b"", "d": b"long line\n"}))
    )
    assert list(read.lines("a", 8)) == [b"one", b"two"]
    assert list(read.lines("c", 8)) == []
    with pytest.raises(PackError, match="b: does not end with a line break"):
        list(read.lines("b", 8))
    with pytest.raises(PackError, match="d: has a line of more than 8 bytes"):
        list(read.lines("d", 8))
    with pytest.raises(PackError, match="a: is 8 bytes long"):
        read.whole("a", 7)


def test_lines_are_put_together_across_blocks(archive, monkeypatch) -> None:
    monkeypatch.setattr(container, "BLOCK", 3)
    read = Container(io.BytesIO(archive({"a": b"one\ntwo three\n\nfour\n"})))
    assert list(read.lines("a", 100)) == [b"one", b"two three", b"", b"four"]
