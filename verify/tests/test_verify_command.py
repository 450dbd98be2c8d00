"""The command: exit codes, what an auditor reads, and the policy file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast_verify.__main__ import main
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
    assert (found["incident"], found["log"], found["size"]) == ("INC-1", "acme.example/holdfast", 10)
    assert found["root"] == story.ledger.checkpoint().root.hex()
    assert [step["outcome"] for step in found["steps"]] == ["ok"] * 9
    assert (found["member"], found["reason"], found["failed_step"]) == (None, None, None)


def test_the_json_of_a_tampered_pack(tampered: Path, policy: Path, capsys) -> None:
    assert main([str(tampered), "--policy", str(policy), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["verified"], found["failed_step"], found["member"]) == (False, 7, "report.pdf")
    assert [step["outcome"] for step in found["steps"]] == ["ok"] * 6 + ["failed"] + ["not reached"] * 2


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
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2


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
    program = (
        "import sys; from holdfast_verify.__main__ import main; code = main(sys.argv[1:]); "
        "packages = {name.partition('.')[0] for name in sys.modules}; "
        "sys.exit(code or (3 if packages & {'holdfast', 'rfc8785', 'sqlalchemy', 'pydantic'} else 0))"
    )
    command = [sys.executable, "-c", program, str(pack), "--policy", str(policy)]
    done = subprocess.run(command, check=False)
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
