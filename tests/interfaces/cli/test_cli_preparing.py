"""From an empty folder to a playbook in force, by commands alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from holdfast.app import open_workspace
from holdfast.ledger import keys
from holdfast.ledger.anchor import Memory
from holdfast.settings import SettingsError
from support.company import HELEN, MAYA, SIGNATURES, VICTOR
from support.workspaces import NADIA, with_log


class Killed(BaseException):
    """The process ends here."""


def killed(*_: object) -> None:
    raise Killed


def test_a_stranger_is_told_each_next_step(shell: Any) -> None:
    said = shell.table("init", str(shell.folder))
    for what in ("keys/ledger.key", "keys/flags.token", "vault", "playbook.yaml", "schemas/", "database"):
        assert what in said
    for step in (
        "origin in holdfast.toml",
        "holdfast check",
        "holdfast apply",
        "holdfast playbook approve",
        "holdfast serve",
    ):
        assert step in said
    assert "5 files checked, nothing to correct" in shell.table("check")
    applied = shell.table("apply", person=HELEN.id)
    assert "playbook version 1.0" in applied
    # The next commands are told ready to be typed, with who may sign.
    for function, signer in SIGNATURES.items():
        assert f"holdfast playbook approve {function} --as {signer.id}" in applied
    for function, signer in SIGNATURES.items():
        said = shell.table("playbook", "approve", function, person=signer.id)
    assert "Version 1.0 is in force" in said
    assert "Nothing changed" in shell.table("apply", person=HELEN.id)


def test_what_is_applied_is_sealed_and_watched_without_a_worker(company: Any) -> None:
    """Reactions run and the record is sealed by the command that made it."""
    checkpoint = company.done("ledger", "seal")
    assert checkpoint["size"] == checkpoint["appended"]
    assert any(one["type"] == "monitoring.scheduled" for one in company.done("ledger", "facts")["facts"])


def test_init_writes_nothing_over_what_is_there(shell: Any) -> None:
    shell.folder.mkdir()
    (shell.folder / "roster.yaml").write_text("mine")
    said = shell("init", str(shell.folder))
    assert said.code == 1
    assert "already there" in said.sentence
    assert [path.name for path in shell.folder.iterdir()] == ["roster.yaml"]


def test_init_says_what_it_made_beside_the_files(shell: Any) -> None:
    made = shell.done("init", str(shell.folder))["made"]
    where = [Path(one["where"]) for one in made]
    paths = [str(one) for one in where]
    assert paths[:-1] == ["keys/ledger.key", "keys/ledger.signed.json", "keys/flags.token", "vault"]
    assert all((shell.folder / path).exists() for path in paths[:-1])
    assert made[-1]["what"] == "database"


def test_what_init_made_before_is_not_said_to_be_made_again(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.done("init", str(shell.folder))
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    (made,) = shell.done("init", str(shell.folder))["made"]
    assert made == {"where": str(tmp_path / "other.db"), "what": "database"}


class TestTheNameOfTheLedger:
    """Auditors pin it: nothing makes the example's, or another than is written, a company's own."""

    def test_init_makes_up_a_name_that_no_other_ledger_has(self, shell: Any, tmp_path: Path) -> None:
        one = shell.done("init", str(shell.folder))["origin"]
        other = shell.done("init", str(tmp_path / "other"))["origin"]
        assert one != other
        assert "harbourstreet" not in one + other

    def test_a_name_is_chosen_when_it_is_made(self, shell: Any) -> None:
        made = shell.done("init", str(shell.folder), "--origin", 'kettles.example/"AI"')
        assert made["origin"] == 'kettles.example/"AI"'
        shell.done("apply", person=HELEN.id)
        assert shell.done("ledger", "seal")["origin"] == 'kettles.example/"AI"'

    def test_a_name_that_cannot_be_one_is_refused_before_anything_is_written(self, shell: Any) -> None:
        refused = shell("init", str(shell.folder), "--origin", "two words")
        assert (refused.code, "cannot name a ledger" in refused.sentence) == (2, True)
        assert not shell.folder.exists()

    def test_it_is_chosen_in_the_file_until_something_is_recorded_and_never_after(self, shell: Any) -> None:
        made_up = shell.done("init", str(shell.folder))["origin"]
        self.rename(shell, made_up, "kettles.example/holdfast")
        shell.done("apply", person=HELEN.id)
        assert shell.done("ledger", "seal")["origin"] == "kettles.example/holdfast"
        assert shell.done("ledger", "check")["holds"]
        self.rename(shell, "kettles.example/holdfast", "pans.example/holdfast")
        refused = shell("ledger", "check")
        assert refused.code != 0
        assert "signs as kettles.example/holdfast since its first entry" in refused.sentence
        self.rename(shell, "pans.example/holdfast", "kettles.example/holdfast")
        assert shell.done("ledger", "check")["holds"]

    def test_the_name_of_the_example_is_not_recorded_as_the_company_s_own(self, shell: Any) -> None:
        made_up = shell.done("init", str(shell.folder))["origin"]
        self.rename(shell, made_up, "harbourstreet.example/holdfast")
        refused = shell("apply", person=HELEN.id)
        assert (refused.code, "after the example's company" in refused.sentence) == (1, True)
        self.rename(shell, "harbourstreet.example/holdfast", "kettles.example/holdfast")
        shell.done("apply", person=HELEN.id)

    def test_a_start_killed_between_the_ledger_and_the_key_s_memory_is_ended_by_the_next(
        self, shell: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made_up = shell.done("init", str(shell.folder))["origin"]
        self.rename(shell, made_up, "kettles.example/holdfast")

        with monkeypatch.context() as patched:
            patched.setattr(Memory, "begin", killed)
            with pytest.raises(Killed):
                open_workspace(shell.folder)
        assert made_up in (next(shell.folder.rglob("*.signed.json"))).read_text(), "killed in between"
        shell.done("apply", person=HELEN.id)
        assert shell.done("ledger", "seal")["origin"] == "kettles.example/holdfast"
        assert shell.done("ledger", "check")["holds"]

    def test_a_start_killed_so_may_also_be_given_the_old_name_again(
        self, shell: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made_up = shell.done("init", str(shell.folder))["origin"]
        with monkeypatch.context() as patched:
            patched.setattr(Memory, "begin", killed)
            with pytest.raises(Killed):
                open_workspace(
                    shell.folder, {**os.environ, "HOLDFAST_LEDGER_ORIGIN": "kettles.example/holdfast"}
                )
        shell.done("apply", person=HELEN.id)
        assert shell.done("ledger", "seal")["origin"] == made_up

    def test_the_refusal_names_the_variable_that_set_it(self, shell: Any) -> None:
        made_up = shell.done("init", str(shell.folder))["origin"]
        shell.done("apply", person=HELEN.id)
        with pytest.raises(SettingsError) as refused:
            open_workspace(shell.folder, {**os.environ, "HOLDFAST_LEDGER_ORIGIN": "pans.example/holdfast"})
        (problem,) = refused.value.problems
        assert problem.file == "HOLDFAST_LEDGER_ORIGIN"
        assert f"unset it, or set it to {made_up}" in problem.fix

    def rename(self, shell: Any, old: str, new: str) -> None:
        settings = shell.folder / "holdfast.toml"
        text = settings.read_text()
        assert f'origin = "{old}"' in text
        settings.write_text(text.replace(f'origin = "{old}"', f'origin = "{new}"'))


def test_init_makes_the_ledger_that_a_workspace_lacks_and_no_second_key(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.done("init", str(shell.folder))
    key = (shell.folder / "keys" / "ledger.key").read_bytes()
    refused = shell("init", str(shell.folder))
    assert (refused.code, "already there" in refused.sentence) == (1, True)
    # Another database, as after moving to a larger one: it needs a ledger, and has its key.
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    assert "no ledger was made in it yet" in shell("incident", "list").sentence
    assert shell.done("init", str(shell.folder))["written"] == []
    assert shell.done("incident", "list")["total"] == 0
    assert (shell.folder / "keys" / "ledger.key").read_bytes() == key


def test_a_lost_key_is_not_quietly_replaced(company: Any) -> None:
    key = company.folder / "keys" / "ledger.key"
    key.unlink()
    said = company("init", str(company.folder))
    assert said.code == 1
    assert "restore it from your backup" in said.sentence
    assert not key.exists()
    keys.create(key)


def test_check_names_line_cause_and_fix_of_every_file(company: Any) -> None:
    playbook = company.folder / "playbook.yaml"
    text = playbook.read_text()
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row.startswith("owner:"))
    playbook.write_text(text.replace("owner: helen.marsh", "owner: helen.march", 1))
    settings = company.folder / "holdfast.toml"
    settings.write_text(settings.read_text().replace("port = 8080", "prot = 8080", 1))
    said = company("check")
    assert said.code == 1
    problems = {(one["file"], one["line"]): one for one in said.json["problems"]}
    assert "did you mean helen.marsh" in problems["playbook.yaml", line]["fix"]
    assert any(file == "holdfast.toml" for file, _ in problems)
    shown = company("check", "--table")
    assert shown.code == 1
    assert f"playbook.yaml:{line}:8" in shown.out
    assert "       ^" in shown.out
    assert "2 problems to correct" in shown.out


def test_a_channel_or_an_address_that_nothing_can_be_delivered_by_is_refused_where_it_stands(
    company: Any,
) -> None:
    """R-ESC-04, R-ESC-06: before it is needed."""
    roster, playbook = company.folder / "roster.yaml", company.folder / "playbook.yaml"
    text = roster.read_text().replace("    name: Maya Okafor", ADDRESSES + "    name: Maya Okafor", 1)
    roster.write_text(text)
    playbook.write_text(
        playbook.read_text().replace("template: opened", "template: opened\n          channel: webhook", 1)
    )

    def said(command: str = "check") -> dict[str, str]:
        found = company(command, person=HELEN.id)
        return {one["path"]: one["cause"] for one in found.json["problems"]} if command == "check" else {}

    message, address = "communication.protocols.critical.messages[0].channel", "people[0].addresses.webhook"
    nobody = "no channel called webhook is set up in this installation"
    assert said() == {message: nobody, address: nobody}
    assert company("apply", person=HELEN.id).code == 1

    secrets = company.folder / "keys" / "webhook.secrets"
    secrets.touch(mode=0o600)
    assert "no line of" in said()[address]
    assert message not in said()
    secrets.write_text(f"https://hooks.example.com whsec_{'A' * 43}=\n")
    assert said() == {}
    secrets.chmod(0o644)
    assert "can be read by others" in said()[address]
    assert any(
        "webhook.secrets can be read by others" in one for one in company("ledger", "check").out.splitlines()
    )


ADDRESSES = "    addresses: {webhook: https://hooks.example.com/maya}\n"


def test_nothing_is_applied_while_a_file_is_wrong(company: Any) -> None:
    (company.folder / "roster.yaml").write_text("people: none\n")
    size = company.done("ledger", "facts")["size"]
    assert company("apply", person=HELEN.id).code == 1
    assert company.done("ledger", "facts")["size"] == size


def test_before_the_first_roster_somebody_of_the_file_applies(shell: Any) -> None:
    shell.done("init", str(shell.folder))
    assert "no roster is in force" in shell("incident", "declare", "x").sentence
    stranger = shell("apply", person="mallory@example.com")
    assert (stranger.code, "not in roster.yaml" in stranger.sentence) == (1, True)
    shell.done("apply", person=VICTOR.id)
    # From then on the roster decides.
    assert "may not apply" in shell("apply", person=VICTOR.id).sentence


def test_who_acts_must_be_named_known_and_allowed(company: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = company("incident", "declare", "x", person="")
    assert nobody.code == 2
    assert "HOLDFAST_PERSON" in nobody.err
    near = company("incident", "declare", "x", person="maya.okafr@harbourstreet.example")
    assert (near.code, "did you mean maya.okafor@" in near.sentence) == (1, True)
    auditor = company("incident", "declare", "x", person=VICTOR.id)
    assert auditor.code == 1
    assert "Victor Chen may not declare an incident" in auditor.sentence
    monkeypatch.setenv("HOLDFAST_PERSON", MAYA.id.upper())
    company.done("incident", "declare", "x", person="")
    assert company.done("incident", "show", "INC-1")["timeline"][0]["by"] == "Maya Okafor"
    # An option behind the command counts as well.
    assert company("incident", "declare", "x", "--as", VICTOR.id, person="").code == 1


def test_a_playbook_is_compared_before_it_is_applied(company: Any) -> None:
    assert "do not differ" in company.table("playbook", "diff")
    playbook = company.folder / "playbook.yaml"
    playbook.write_text(playbook.read_text().replace('version: "1.0"', 'version: "1.1"', 1))
    lines = [line for passage in company.done("playbook", "diff")["passages"] for line in passage]
    changed = [(line["sign"], line["text"]) for line in lines if line["sign"] != " "]
    assert changed == [("-", 'version: "1.0"'), ("+", 'version: "1.1"')]
    company.done("apply", person=HELEN.id)
    states = {one["version"]: one["state"] for one in company.done("playbook", "versions")["versions"]}
    assert states == {"1.1": "proposed", "1.0": "active"}
    assert company.done("playbook", "diff", "1.0", "1.1")["passages"]
    assert "waits for" in company.table("playbook", "versions").lower()
    # The text comes out byte for byte.
    assert company("playbook", "show", "1.1", "--text").out == playbook.read_text()


def test_accounts_are_made_with_a_password_that_is_not_an_argument(company: Any) -> None:
    words = "velvet otter paints seven bridges\n"
    refused = company("people", "add", MAYA.id, stdin=words)
    assert "Maya Okafor may not manage accounts" in refused.sentence
    company.done("people", "add", MAYA.id, stdin=words, person=NADIA.id)
    assert "already" in company("people", "add", MAYA.id, stdin=words, person=NADIA.id).sentence
    assert company("people", "password", MAYA.id, stdin="short\n").code == 1
    company.done("people", "password", MAYA.id, stdin="another few plain words\n")
    listed = {one["person"]: one["account"] for one in company.done("people", "list")["people"]}
    assert listed[MAYA.id]
    assert not listed[HELEN.id]
    # Nothing of it is on the ledger.
    assert "battery" not in company("ledger", "facts", "--limit", "1000").out


def test_a_token_is_shown_once(company: Any) -> None:
    made = company.done("people", "token", "nightly", "--scope", "read", "--days", "3")
    assert made["secret"].startswith("hf_")
    listed = company("people", "tokens").out
    assert made["token"] in listed
    assert made["secret"] not in listed
    beyond = company("people", "token", "x", "--scope", "manage-people")
    assert (beyond.code, "may not manage accounts" in beyond.sentence) == (1, True)
    assert company("people", "token", "x", "--scope", "everything").code == 2
    company.done("people", "revoke", made["token"])
    again = company("people", "revoke", made["token"])
    assert (again.code, "none was revoked" in again.sentence) == (1, True)
    assert company.done("people", "tokens")["tokens"] == []


def test_check_names_rules_of_which_it_cannot_tell_whether_they_can_hold(company: Any) -> None:
    """R-CLS-03: what was not judged is not said to be fine."""
    file = company.folder / "playbook.yaml"
    told = file.read_text()
    lines = (line for line in told.splitlines() if line.strip().startswith("when: "))
    first = next(line for line in lines if not line.endswith(">-"))
    rule = 'alert.group["age_band"] == "18-25"'
    file.write_text(told.replace(first, f"{first.partition('when:')[0]}when: '{rule}'", 1))
    before = set(company.done("check")["not_judged"])
    assert any(one.endswith(f".when: {rule}") for one in before)
    said = " ".join(company.table("check").split())
    assert "could not be judged beforehand" in said
    assert rule in said


def test_check_names_the_segment_key_that_the_log_lacks(company: Any) -> None:
    """R-CON-03: at its line, with the columns there are; of a log that is not there it claims nothing."""
    assert company.done("check")["not_compared"] == ["systems/loan-approval.yaml"]
    with_log(company.folder, datetime.now(UTC), days=2, wrong=False)
    assert company.done("check")["not_compared"] == []
    file = company.folder / "systems" / "loan-approval.yaml"
    file.write_text(file.read_text().replace("channel: [broker]", "chanel: [broker]"))
    said = company("check")
    assert said.code == 1
    (problem,) = said.json["problems"]
    lines = file.read_text().splitlines()
    assert "chanel" in lines[problem["line"] - 1]
    assert problem["path"].endswith(".segment.chanel")
    assert "did you mean channel?" in problem["fix"]
    assert "employment_years" in problem["fix"]


def test_check_names_a_file_that_is_not_what_is_in_force(company: Any) -> None:
    """R-PRE-05: whoever changed it waits for it in vain, and monitors go by what was before."""
    assert company.done("check")["not_in_force"] == []
    file = company.folder / "systems" / "loan-approval.yaml"
    file.write_text(file.read_text().replace("    positive: 1\n", "    positive: 0\n"))
    (said,) = company.done("check")["not_in_force"]
    assert said.startswith("systems/loan-approval.yaml is not what is in force: it has not been applied")
    assert "is not what is in force" in " ".join(company.table("check").split())
