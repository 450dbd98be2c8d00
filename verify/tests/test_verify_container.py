"""Attacks by the zip file itself: whatever six readers could see in six ways is refused, with the reason."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import pytest

from holdfast_verify import canonical_zip, container, layout
from holdfast_verify.canonical_zip import Entry
from holdfast_verify.container import Container, PackError
from holdfast_verify.pack import verify
from support import second_verifier
from support.zips import Part, canonical, forged

PDF = b"%PDF-1.7"


def refused(packed: bytes, member: str | None, reason: str) -> None:
    """By both verifiers, and by ours at this member for this reason."""
    with pytest.raises(second_verifier.Refused):
        second_verifier.container(packed)
    with pytest.raises(PackError) as caught:
        Container(io.BytesIO(packed))
    assert caught.value.member == member, str(caught.value)
    assert reason in caught.value.reason, str(caught.value)


def one(**forgery: object) -> bytes:
    """A zip file of one member that is forged in this way."""
    return forged([Part("report.pdf", PDF, **forgery)])  # type: ignore[arg-type]


def both(**fields: int) -> bytes:
    """The same fields forged in both descriptions, so that they do not contradict each other."""
    return one(local=dict(fields), central=dict(fields))


def test_what_is_not_forged_is_accepted() -> None:
    """Otherwise the attacks below would prove nothing."""
    assert Container(io.BytesIO(one())).sizes == {"report.pdf": 8}
    with zipfile.ZipFile(io.BytesIO(one())) as archive:
        assert archive.read("report.pdf") == PDF


# Names ---------------------------------------------------------------------------------------------


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
        "evidence/EV-1-a.txt\x00.exe",
    ],
)
def test_zip_slip_and_other_harmful_names(name: str) -> None:
    refused(forged([Part(name, b"x")]), name, "not a name that a member of a pack may have")


@pytest.mark.parametrize(
    "raw", ["EV-1-\u00e9.csv".encode(), "report.pd\uff46".encode(), b"caf\xe9.txt", b"\xff\xfe"]
)
def test_names_that_unicode_could_confuse_or_that_are_no_text_at_all(raw: bytes) -> None:
    packed = one(local_name=raw, central_name=raw)
    refused(packed, raw.decode("ascii", "backslashreplace"), "not a name")


def test_duplicate_names_and_names_that_differ_in_case_alone() -> None:
    for second in ("report.pdf", "Report.PDF"):
        packed = forged([Part("report.pdf", PDF), Part(second, b"x")])
        refused(packed, second, "occurs twice, or differs from another member in case alone")


def test_members_in_another_order() -> None:
    packed = forged([Part("report.pdf", PDF), Part("facts.jsonl", b"")])
    refused(packed, "report.pdf", "is not in its place among the members")
    packed = forged([Part("manifest.json", b"{}"), Part("report.pdf", PDF)])
    refused(packed, "manifest.json", "is not in its place among the members")


# Two descriptions, and everything that is optional ---------------------------------------------------

ZIP64 = struct.pack("<2H2Q", 1, 16, 8, 8)
UNICODE_NAME = struct.pack("<2HBL", 0x7075, 14, 1, zlib.crc32(b"report.pdf")) + b"other.pdf"
TIMES = struct.pack("<2HBL", 0x5455, 5, 1, 0)


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(one(local_extra=ZIP64), id="a zip64 field in the local header"),
        pytest.param(one(local_extra=ZIP64, local={"size": 0xFFFFFFFF}), id="sizes told by it"),
        pytest.param(one(central_extra=ZIP64), id="a zip64 field in the list"),
        pytest.param(one(central_extra=ZIP64, central={"size": 0xFFFFFFFF}), id="sizes told by that"),
        pytest.param(one(local_extra=UNICODE_NAME), id="a second name in the local header"),
        pytest.param(one(central_extra=UNICODE_NAME), id="a second name in the list"),
        pytest.param(one(local_extra=TIMES, central_extra=TIMES), id="times"),
        pytest.param(one(comment=b"another story"), id="a comment on a member"),
        pytest.param(one(local_name=b"other1.pdf"), id="another name in the local header"),
        pytest.param(one(local={"size": 9}), id="another size in the local header"),
        pytest.param(one(local={"crc": 7}), id="another CRC in the local header"),
        pytest.param(both(flags=0x800), id="the flag of UTF-8"),
        pytest.param(both(flags=0x2), id="the flags of a compression that is not there"),
        pytest.param(both(time=1), id="a time"),
        pytest.param(both(date=0x5000), id="a date"),
        pytest.param(both(needed=45), id="another version needed"),
        pytest.param(one(central={"made": 0x0014}), id="made on another system"),
        pytest.param(one(central={"external": 0o100600 << 16}), id="other permissions"),
        pytest.param(one(central={"external": (0o100644 << 16) | 1}), id="a DOS attribute"),
        pytest.param(one(central={"internal": 1}), id="said to be text"),
        pytest.param(one(central={"disk": 1}), id="on another disk"),
    ],
)
def test_whatever_a_zip_file_may_say_and_a_pack_does_not(packed: bytes) -> None:
    refused(packed, "report.pdf", "not packed again: ask for the file as Holdfast wrote it")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_links_folders_and_devices(kind: int) -> None:
    refused(one(central={"external": (kind | 0o644) << 16}), "report.pdf", "is a link, folder or device")


def test_encrypted_members() -> None:
    refused(both(flags=1), "report.pdf", "is encrypted")


def test_sizes_told_behind_the_content() -> None:
    packed = one(
        local={"flags": 8, "crc": 0, "packed": 0, "size": 0},
        central={"flags": 8},
        behind=struct.pack("<4s3L", b"PK\x07\x08", zlib.crc32(PDF), 8, 8),
    )
    refused(packed, "report.pdf", "tells its size behind its content (a data descriptor)")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members_and_with_them_bytes_behind_a_stream_of_deflate(method: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("report.pdf", PDF * 100)
    refused(out.getvalue(), "report.pdf", "is compressed, and the members of a pack never are")
    squeezed = zlib.compress(PDF, 9)[2:-4] + b"another story"
    told = {"method": 8, "size": 8, "crc": zlib.crc32(PDF)}
    packed = forged([Part("report.pdf", squeezed, local=told, central=told)])
    refused(packed, "report.pdf", "is compressed")


def test_a_pack_that_was_packed_again(story) -> None:
    """As by anybody who unpacked it and made a zip file of what came out."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for name, content in story.members().items():
                archive.writestr(name, content)
        report = verify(io.BytesIO(out.getvalue()), story.policy())
        assert report.failure is not None
        assert report.failure.number == 1
        assert "ask for the file as Holdfast wrote it" in report.failure.text


# What is hidden ------------------------------------------------------------------------------------


def test_bytes_before_the_archive() -> None:
    """As in a program that is also a zip file."""
    refused(b"#!/bin/sh\n" + one(), None, "list of members")
    refused(forged([Part("report.pdf", PDF)], before=b"#!/bin/sh\n"), "report.pdf", "hidden bytes lie before")


def test_bytes_behind_the_archive() -> None:
    refused(one() + b"x", None, "added behind its end")
    refused(one() + one(), None, "list of members")


def test_a_comment_on_the_archive_and_a_zip_file_inside_it() -> None:
    refused(forged([Part("report.pdf", PDF)], comment=b"another story"), None, "added behind its end")
    inner = one()
    refused(forged([Part("report.pdf", PDF)], comment=inner), None, "list of members")


def test_bytes_hidden_between_members() -> None:
    packed = forged([Part("a.txt", b"a", behind=b"secret"), Part("b.txt", b"b")])
    refused(packed, "b.txt", "hidden bytes lie before it")


def test_a_member_that_is_there_and_not_listed() -> None:
    parts = [Part("a.txt", b"a"), Part("hidden.txt", b"secret", listed=False), Part("z.txt", b"z")]
    refused(forged(parts), "z.txt", "hidden bytes lie before it")
    refused(forged(parts[:2]), None, "hidden bytes stand before the list of members")


def test_members_that_share_their_bytes() -> None:
    """The overlapping kind of zip bomb: two entries of the list point at one member."""
    packed = forged([Part("a.txt", b"x" * 1000), Part("b.txt", b"y" * 1000, central={"offset": 0})])
    refused(packed, "b.txt", "overlaps another member")


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ({"count": 2, "total": 2}, "says that it lists 2 members, and lists 1"),
        ({"count": 0}, "end of the zip file"),
        ({"total": 0}, "lists 0 members"),
        ({"total": 7}, "says that it lists 7 members"),
        ({"length": 1}, "not where the zip file's end says"),
        ({"begin": 1}, "not where the zip file's end says"),
        ({"begin": 0xFFFFFFFF}, "contradict each other"),
    ],
)
def test_wrong_counts_and_places(end: dict[str, int], reason: str) -> None:
    refused(forged([Part("report.pdf", PDF)], end=end), None, reason)


def test_an_archive_of_nothing_and_a_file_that_is_none() -> None:
    refused(forged([]), None, "lists 0 members")
    for raw in (b"", b"PK", b"not a zip file at all, but long enough to be one"):
        refused(raw, None, "it is not a zip file")


# Sizes ---------------------------------------------------------------------------------------------


def test_a_list_of_members_too_long_to_hold() -> None:
    claimed = container.MAX_DIRECTORY + 1
    packed = b"\x00" * claimed + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, claimed, 0, 0)
    refused(packed, None, "lists 9 members")


def test_too_many_members() -> None:
    parts = [Part(f"m{n:05}", b"") for n in range(container.MAX_MEMBERS + 1)]
    refused(forged(parts), None, "lists 10001 members")


@pytest.mark.parametrize("size", [1 << 32, 1 << 62, 1 << 63, (1 << 64) - 1])
def test_sizes_beyond_every_disk_are_a_sentence(size: int) -> None:
    told = {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF}
    extra = struct.pack("<2H2Q", 1, 16, size, size)
    packed = one(local=told, central=told, local_extra=extra, central_extra=extra)
    refused(packed, "report.pdf", "says that it is larger than the zip file")
    told = {"offset": 0xFFFFFFFF}
    refused(
        one(central=told, central_extra=struct.pack("<2HQ", 1, 8, size)),
        "report.pdf",
        "says that it is larger than the zip file",
    )


def test_the_end_records_of_a_large_file_on_a_small_one() -> None:
    packed = one()
    last = canonical_zip.END.unpack(packed[-22:])
    wide = canonical_zip.END_64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, last[5], last[6])
    locator = canonical_zip.LOCATOR_64.pack(b"PK\x06\x07", 0, len(packed) - 22, 1)
    refused(packed[:-22] + wide + locator + packed[-22:], None, "not where the zip file's end says")


class Sparse(io.RawIOBase):
    """A file of many gigabytes, most of which is zeros that nobody stored."""

    def __init__(self, pieces: dict[int, bytes], size: int) -> None:
        self.pieces, self.size, self.at = pieces, size, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def read(self, length: int = -1) -> bytes:
        length = max(min(length if length >= 0 else self.size, self.size - self.at), 0)
        found = bytearray(length)
        for begin, piece in self.pieces.items():
            first, last = max(begin, self.at), min(begin + len(piece), self.at + length)
            if first < last:
                found[first - self.at : last - self.at] = piece[first - begin : last - begin]
        self.at += length
        return bytes(found)


def test_members_and_packs_beyond_four_gigabytes_have_one_form_too() -> None:
    """The records of a zip64 file, as zipfile reads them; one byte of them changed is refused."""
    large = Entry("evidence/EV-1-log.parquet", 0, 5 << 30, 0)
    small = Entry("report.pdf", zlib.crc32(PDF), len(PDF), large.end)
    entries = [large, small]
    pieces = {
        0: canonical_zip.local_header(large),
        small.offset: canonical_zip.local_header(small) + PDF,
        small.end: canonical_zip.closing(entries),
    }
    size = small.end + len(pieces[small.end])
    file = Sparse(pieces, size)
    read = Container(file)  # type: ignore[arg-type]
    assert read.sizes == {large.name: 5 << 30, "report.pdf": 8}
    assert read.whole("report.pdf", 100) == PDF
    with zipfile.ZipFile(file) as archive:  # type: ignore[arg-type]
        assert {info.filename: info.file_size for info in archive.infolist()} == read.sizes
        assert archive.read("report.pdf") == PDF
    for begin, piece in pieces.items():
        for at in range(len(piece) - (len(PDF) if begin == small.offset else 0)):
            changed = {**pieces, begin: piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :]}
            if begin == small.end and 16 <= at < 20:
                continue  # the large member's CRC, which is compared when its content is read
            with pytest.raises(PackError):
                Container(Sparse(changed, size))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "member", ["report.pdf", "headers.jsonl", "checkpoint.txt", "manifest.json", "facts.jsonl"]
)
def test_a_member_of_200_megabytes_is_refused_without_being_held_in_memory(story, member: str) -> None:
    packed = canonical({**story.members(), member: bytes(200_000_000)})
    tracemalloc.start()
    report = verify(io.BytesIO(packed), story.policy())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.failure is not None
    assert report.failure.member == member
    assert peak < 50_000_000


# Reading -------------------------------------------------------------------------------------------


def test_every_single_byte_of_the_records_matters() -> None:
    """A changed CRC is found when the member is read, everything else before."""
    packed = forged([Part("evidence/EV-1-a.csv", b"id\n1\n"), Part("report.pdf", PDF)])
    for at in range(len(packed)):
        for change in (1, 0x80, 0xFF):
            changed = packed[:at] + bytes([packed[at] ^ change]) + packed[at + 1 :]
            with pytest.raises(PackError):  # noqa: PT012 - reading is part of it
                read = Container(io.BytesIO(changed))
                for name in read.sizes:
                    list(read.chunks(name))


def test_a_crc_error_is_a_failed_member_not_a_traceback(story) -> None:
    content = story.members()["record.json"]
    packed = canonical(story.members()).replace(
        struct.pack("<L", zlib.crc32(content)), struct.pack("<L", zlib.crc32(content) ^ 1)
    )
    report = verify(io.BytesIO(packed), story.policy())
    assert report.failure is not None
    assert report.failure.member == "record.json"
    assert "CRC" in report.failure.text


def test_members_are_read_in_lines_of_limited_length() -> None:
    read = Container(
        io.BytesIO(canonical({"a": b"one\ntwo\n", "b": b"one\ntwo", "c": b"", "d": b"long line\n"}))
    )
    assert list(read.lines("a", 8)) == [b"one", b"two"]
    assert list(read.lines("c", 8)) == []
    with pytest.raises(PackError, match="b: does not end with a line break"):
        list(read.lines("b", 8))
    with pytest.raises(PackError, match="d: has a line of more than 8 bytes"):
        list(read.lines("d", 8))
    with pytest.raises(PackError, match="a: is 8 bytes long"):
        read.whole("a", 7)


def test_lines_are_put_together_across_blocks(monkeypatch) -> None:
    monkeypatch.setattr(container, "BLOCK", 3)
    read = Container(io.BytesIO(canonical({"a": b"one\ntwo three\n\nfour\n"})))
    assert list(read.lines("a", 100)) == [b"one", b"two three", b"", b"four"]


def test_the_order_is_by_name_with_the_manifest_last(archive: Callable[..., bytes]) -> None:
    assert layout.in_order(["report.pdf", "manifest.json", "Facts", "evidence/EV-1-x"]) == [
        "Facts",
        "evidence/EV-1-x",
        "report.pdf",
        "manifest.json",
    ]
