"""What a pack holds is the same for everybody: six programs that read zip files see the same members.

And where two of them do not, as in files that are forged to that end, the verifier refuses the file.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from holdfast_verify import layout
from holdfast_verify.container import Container, PackError
from support.zips import Part, canonical, forged

Seen = dict[str, str]
"""SHA-256 of each member, by name."""
JAVA = Path(__file__).with_name("data") / "Readers.java"


def run(*command: str | Path) -> str:
    """What the program says. Missing in CI is a failure, elsewhere a skip that says so."""
    if shutil.which(str(command[0])) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{command[0]} is not installed; `make readers` installs it")
        pytest.skip(f"{command[0]} is not installed, so it cannot be compared with; see `make readers`")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=120)
    return done.stdout


@pytest.mark.parametrize("program", ["unzip", "7z", "bsdtar", "java"])
def test_a_reader_that_is_missing_fails_in_ci_and_is_named_elsewhere(
    monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """R-EVD-11/attacks: nobody reads that six agree where five were asked."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match=f"{program} is not installed; `make readers`"):
        run(program)
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match=f"{program} is not installed, so it cannot be compared"):
        run(program)


def test_make_test_installs_every_reader_that_is_asked() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    assert "\ntest: install browser readers " in makefile
    wanted = makefile.partition("for wanted in ")[2].partition(";")[0].split()
    assert wanted == ["unzip", "7z", "bsdtar", "java", "javac"]
    packages = makefile.partition("readers of zip files for the tests")[2].partition(">/dev/null;")[0]
    for package in ("unzip", "p7zip-full", "libarchive-tools", "default-jdk-headless"):
        assert package in packages
    assert "export CI=" in (Path(__file__).parents[2] / ".ci" / "run").read_text()


def extracted(folder: Path) -> Seen:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


def python(pack: Path, folder: Path) -> Seen:
    with zipfile.ZipFile(pack) as archive:
        return {name: sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def unzip(pack: Path, folder: Path) -> Seen:
    run("unzip", "-o", "-qq", pack, "-d", folder)
    return extracted(folder)


def seven_zip(pack: Path, folder: Path) -> Seen:
    run("7z", "x", "-y", f"-o{folder}", pack)
    return extracted(folder)


def bsdtar(pack: Path, folder: Path) -> Seen:
    run("bsdtar", "-xf", pack, "-C", folder)
    return extracted(folder)


def java_file(pack: Path, folder: Path) -> Seen:
    return _told(run("java", JAVA, "file", pack))


def java_stream(pack: Path, folder: Path) -> Seen:
    return _told(run("java", JAVA, "stream", pack))


def _told(said: str) -> Seen:
    return {name: digest for digest, _, name in (line.partition(" ") for line in said.splitlines())}


READERS = (python, unzip, seven_zip, bsdtar, java_file, java_stream)


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_sees_what_the_verifier_sees(
    story, tmp_path: Path, reader: Callable[[Path, Path], Seen]
) -> None:
    members = story.members()
    pack, folder = tmp_path / "INC-1.zip", tmp_path / "out"
    folder.mkdir()
    pack.write_bytes(canonical(members))
    expected = {name: sha256(content).hexdigest() for name, content in members.items()}
    assert layout.REPORT in expected
    assert reader(pack, folder) == expected


def _unicode(name: bytes) -> bytes:
    return struct.pack("<2HBL", 0x7075, 5 + len(name), 1, zlib.crc32(b"report.pdf")) + name


WIDE = struct.pack("<2H2Q", 1, 16, 4, 4)
FORGED = {
    "another name in the local header": forged([Part("report.pdf", b"%PDF", local_name=b"r3port.pdf")]),
    "a second name in an extra field": forged(
        [
            Part(
                "report.pdf",
                b"%PDF",
                central_extra=_unicode(b"other.pdf"),
                local_extra=_unicode(b"other.pdf"),
            )
        ]
    ),
    "a member that is not listed": forged(
        [Part("record.json", b"{}"), Part("report.pdf", b"%PDF", listed=False), Part("z.txt", b"z")]
    ),
    "a zip file in the comment": forged(
        [Part("report.pdf", b"%PDF")], comment=canonical({"report.pdf": b"%PDF and all was well"})
    ),
    "another size in a zip64 field": forged(
        [Part("report.pdf", b"%PDFxxxx", local_extra=WIDE, local={"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF})]
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_readers_could_see_differently_is_refused(name: str, tmp_path: Path) -> None:
    pack = tmp_path / "forged.zip"
    pack.write_bytes(FORGED[name])
    with pack.open("rb") as file, pytest.raises(PackError):
        Container(file)


def test_readers_do_disagree_about_such_files(tmp_path: Path) -> None:
    """Otherwise the rule would be stricter than it must be."""
    pack = tmp_path / "forged.zip"
    pack.write_bytes(FORGED["another name in the local header"])
    assert set(python_or_none(pack)) != set(java_stream(pack, tmp_path))


def python_or_none(pack: Path) -> Seen:
    try:
        return python(pack, pack.parent)
    except zipfile.BadZipFile:
        return {}
