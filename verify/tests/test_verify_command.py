"""The command: exit codes, what an auditor reads, and the policy file."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from holdfast_verify import __main__ as command
from holdfast_verify.__main__ import main
from holdfast_verify.canonical import MAX_VALUES, CanonicalError, loads
from holdfast_verify.policy import Policy, PolicyError, earlier_line


@pytest.fixture
def pack(story, archive, tmp_path: Path) -> Path:
    path = tmp_path / "INC-1.zip"
    path.write_bytes(archive(story.members()))
    return path


@pytest.fixture
def policy(story, tmp_path: Path) -> Path:
    path = tmp_path / "acme.policy"
    path.write_text(str(story.policy()))
    return path


@pytest.fixture
def tampered(story, archive, tmp_path: Path) -> Path:
    path = tmp_path / "tampered.zip"
    path.write_bytes(archive({**story.members(), "report.pdf": b"%PDF-1.7 all is well"}))
    return path


def test_a_good_pack_ends_with_0_and_tells_every_step(pack: Path, policy: Path, story, capsys) -> None:
    assert main([str(pack), "--policy", str(policy)]) == 0
    out = capsys.readouterr().out
    for number, title in enumerate(("Container", "Checkpoint", "Facts", "Ledger", "Completeness"), 1):
        assert f"\n {number}  {title:<20} OK" in out
    assert "VERIFIED. These are all facts and evidence of INC-1" in out
    assert earlier_line(story.ledger.checkpoint()) in out


def test_a_tampered_pack_ends_with_1_and_names_the_member(tampered: Path, policy: Path, capsys) -> None:
    assert main([str(tampered), "--policy", str(policy)]) == 1
    out = capsys.readouterr().out
    assert " 7  Files                FAILED report.pdf: is 20 bytes long" in out
    assert "\n 8  Evidence             -\n" in out
    assert "FAILED at step 7. Do not rely on this pack." in out
    assert "VERIFIED" not in out


def test_the_output_fits_a_terminal_of_80_columns(pack: Path, tampered: Path, policy: Path, capsys) -> None:
    for path in (pack, tampered):
        main([str(path), "--policy", str(policy)])
        body = capsys.readouterr().out.split("\n\n", 1)[1]
        assert max(map(len, body.splitlines())) < 80


def test_the_json_of_a_good_pack(pack: Path, policy: Path, story, capsys) -> None:
    assert main([str(pack), "--policy", str(policy), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verified"] is True
    assert (found["incident"], found["log"], found["size"]) == ("INC-1", "acme.example/holdfast", 14)
    assert found["root"] == story.ledger.checkpoint().root.hex()
    assert [step["outcome"] for step in found["steps"]] == ["ok"] * 10
    assert (found["member"], found["reason"], found["failed_step"]) == (None, None, None)


def test_the_json_of_a_tampered_pack(tampered: Path, policy: Path, capsys) -> None:
    assert main([str(tampered), "--policy", str(policy), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["verified"], found["failed_step"], found["member"]) == (False, 7, "report.pdf")
    assert [step["outcome"] for step in found["steps"]] == ["ok"] * 6 + ["failed"] + ["not reached"] * 3


def test_a_file_that_is_no_zip_file_is_a_failed_verification(policy: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "story.zip"
    path.write_text("once upon a time")
    assert main([str(path), "--policy", str(policy)]) == 1
    assert "not a zip file" in capsys.readouterr().out


def test_what_cannot_be_carried_out_ends_with_2(pack: Path, policy: Path, tmp_path: Path, capsys) -> None:
    garbled = tmp_path / "garbled.policy"
    garbled.write_bytes(b"origin \xff\n")
    for arguments, said in [
        ([str(tmp_path / "none.zip"), "--policy", str(policy)], "No such file"),
        ([str(tmp_path), "--policy", str(policy)], "Is a directory"),
        ([str(pack), "--policy", str(tmp_path / "none.policy")], "No such file"),
        ([str(pack), "--policy", str(garbled)], "cannot be used"),
        ([str(pack), "--policy", str(pack)], "cannot be used"),
    ]:
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert said in captured.err
        assert captured.out == ""
    for arguments in ([], [str(pack)], [str(pack), "--policy", str(policy), "--trust-me"]):
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert "`holdfast-verify --help` says how it is called" in captured.err
        assert main([*arguments, "--json"]) == 2
        answered = json.loads(capsys.readouterr().out)
        assert answered["verified"] is False
        assert answered["error"]


@pytest.mark.parametrize("which", ["pack", "policy"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "missing", "socket", "endless link", "no text"])
def test_whatever_is_given_is_answered_with_a_sentence_in_the_form_that_was_asked_for(
    pack: Path, policy: Path, tmp_path: Path, capsys, which: str, kind: str
) -> None:
    """Also a pipe that nobody writes to: the program does not wait for it.

    R-EVD-11/robust, R-XCT-04/archives.
    """
    other = tmp_path / "other"
    match kind:
        case "pipe":
            os.mkfifo(other)
        case "folder":
            other.mkdir()
        case "device":
            other = Path("/dev/zero")
        case "socket":
            socket.socket(socket.AF_UNIX).bind(str(other))
        case "endless link":
            other.symlink_to(other)
        case "no text":
            other = tmp_path / os.fsdecode(b"caf\xe9.zip\x01")
    given = {"pack": pack, "policy": policy, which: other}
    arguments = [str(given["pack"]), "--policy", str(given["policy"])]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("holdfast-verify: the ")
    assert captured.err.count("\n") == 1
    assert main([*arguments, "--json"]) == 2
    answered = json.loads(capsys.readouterr().out)
    assert (answered["verified"], which in answered["error"]) == (False, True)


def test_a_policy_without_end_is_not_read_to_its_end(pack: Path, tmp_path: Path, capsys) -> None:
    large = tmp_path / "large.policy"
    with large.open("wb") as file:
        file.truncate(8 << 30)
    assert main([str(pack), "--policy", str(large)]) == 2
    assert "longer than 1,048,576 bytes" in capsys.readouterr().err


def test_a_fault_of_the_program_itself_is_no_verified_pack(
    pack: Path, policy: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(command, "verify", lambda file, policy: 1 / 0)
    assert main([str(pack), "--policy", str(policy), "--json"]) == 2
    assert "the program failed (ZeroDivisionError" in json.loads(capsys.readouterr().out)["error"]


def test_the_verdict_says_what_was_compared_and_what_was_only_bound(pack: Path, policy: Path, capsys) -> None:
    main([str(pack), "--policy", str(policy)])
    said = " ".join(capsys.readouterr().out.split())
    assert "record.json was derived anew from these facts and is the same." in said
    assert "report.pdf was bound by its digest and compared with nothing" in said


def test_megabytes_of_empty_objects_cost_neither_memory_nor_time(
    story, archive, policy: Path, tmp_path: Path, capsys
) -> None:
    """In every member that is read as JSON, and in a payload that the ledger's own key has signed."""
    empty = b"[" + b",".join([b"{}"] * ((16 << 20) // 3 - 1000)) + b"]"
    line = story.members()["facts.jsonl"].splitlines()[0]
    inside = line[: line.index(b'"data":') + 7] + empty + line[line.index(b',"v":1}', len(line) // 3) :]
    for member in ("facts.jsonl", "checkpoints.jsonl", "headers.jsonl", "manifest.json", "record.json"):
        for content in (empty + b"\n", inside + b"\n"):
            path = tmp_path / "large.zip"
            path.write_bytes(archive({**story.members(), member: content}))
            begun = time.process_time()
            tracemalloc.start()
            code = main([str(path), "--policy", str(policy)])
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert code == 1
            assert peak < 120 << 20, member
            assert time.process_time() - begun < 10, member


def test_a_signed_payload_of_too_many_values_is_refused_and_one_of_half_a_million_is_read() -> None:
    most = b"[" + b",".join([b"{}"] * (MAX_VALUES // 2 - 1)) + b"]"
    tracemalloc.start()
    assert len(loads(most)) == MAX_VALUES // 2 - 1
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()
    with pytest.raises(CanonicalError, match="more than 500,000 values"):
        loads(most[:-1] + b",{},{}]")


def test_a_name_in_a_pack_cannot_repaint_the_terminal(
    untold, archive, policy: Path, tmp_path: Path, capsys
) -> None:
    story = untold()
    story.incident = "INC-1\x1b[2J\u202e"
    story.streams.append(f"pack/{story.incident}")
    story.assemble()
    path = tmp_path / "hostile.zip"
    path.write_bytes(archive(story.members()))
    main([str(path), "--policy", str(policy)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_it_runs_as_a_program_and_imports_nothing_of_the_product(pack: Path, policy: Path) -> None:
    """R-EVD-11/program."""
    program = (
        "import sys; from holdfast_verify.__main__ import main; code = main(sys.argv[1:]); "
        "packages = {name.partition('.')[0] for name in sys.modules}; "
        "sys.exit(code or (3 if packages & {'holdfast', 'rfc8785', 'sqlalchemy', 'pydantic'} else 0))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(pack), "--policy", str(policy)], check=False)
    assert done.returncode == 0


# Policy -----------------------------------------------------------------------------------------

KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


def test_a_policy_is_read_as_documented() -> None:
    read = Policy.parse(
        f"# pinned in March\norigin  acme.example/holdfast\n\nkey\t{KEY}  # by letter\nrequired 1\n"
        f"minimum 1200\nearlier 900 {ROOT}\n  earlier   1000   {ROOT}\n"
    )
    assert (read.origin, [str(key) for key in read.keys], read.minimum) == (
        "acme.example/holdfast",
        [KEY],
        1200,
    )
    assert [(known.origin, known.size) for known in read.earlier] == [(read.origin, 900), (read.origin, 1000)]
    assert Policy.parse(str(read)) == read


def test_a_short_policy_asks_for_one_signature_and_any_size() -> None:
    read = Policy.parse(f"origin a\nkey {KEY}")
    assert (read.required, read.minimum, read.earlier) == (1, 1, ())
    assert Policy.parse(str(read)) == read


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no 'origin' line"),
        ("origin a", "no 'key' line"),
        (f"key {KEY}", "no 'origin' line"),
        (f"origin\nkey {KEY}", "line 1: write the ledger's name"),
        (f"origin a\norigin b\nkey {KEY}", "line 2: 'origin' is stated twice"),
        (f"origin a\nkey {KEY}\nkey {KEY}", "a key is listed twice"),
        ("origin a\nkey nonsense", "line 2: a verifier key reads"),
        (f"origin a\nkey {KEY}\nrequired 2", "2 signatures are required, but only 1 keys"),
        (f"origin a\nkey {KEY}\nrequired 0", "line 3: write a whole number from 1"),
        (f"origin a\nkey {KEY}\nminimum many", "line 3: write a whole number from 1"),
        (f"origin a\nkey {KEY}\nearlier 900", "line 3: the checkpoint's root hash is 0 bytes"),
        (f"origin a\nkey {KEY}\nearlier x {ROOT}", "line 3: the checkpoint's size"),
        (f"origin a\nkey {KEY}\nearlier 0 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "no entries"),
        (f"origin a\nkey {KEY}\ntrust everything", "line 3: 'trust' is no statement"),
    ],
)
def test_a_policy_that_cannot_be_read_says_where_and_why(text: str, reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        Policy.parse(text)
