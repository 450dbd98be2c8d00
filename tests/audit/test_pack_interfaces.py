"""Packs by command and by page: `holdfast pack` and the page of an incident's pack (R-AUD-06)."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from holdfast.app import channels_of, initialise, upgrade_workspace
from holdfast.application import Application
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.incident.responding import Report
from holdfast.interfaces.cli import pack
from holdfast.interfaces.cli.session import Session, Wiring
from holdfast.interfaces.web import site as site_module
from holdfast.interfaces.web.views import pack as view
from holdfast.interfaces.worker.worker import Worker
from holdfast.serving import Service
from holdfast_verify.pack import verify
from holdfast_verify.policy import Policy
from support.company import AISHA, HELEN, INES, VICTOR
from support.pages import Reader, SetClock, open_company, signed_in

Run = Callable[..., Result]


@pytest.fixture
def application(tmp_path: Path) -> Application:
    made = open_company(tmp_path, SetClock())
    made.desk.open(Report("Loans are declined"), by=INES, at=made.clock.now())
    return made


class TestCommand:
    @pytest.fixture
    def run(self, application: Application) -> Run:
        """`holdfast pack …` in the workspace, as somebody."""
        wiring = Wiring(
            lambda *given: application, initialise, Service, Worker, DuckDB, upgrade_workspace, channels_of
        )

        def run(*words: str, by: str = HELEN.id, as_json: bool | None = False) -> Result:
            root = typer.Typer()

            @root.callback()
            def begin(ctx: typer.Context) -> None:
                ctx.obj = Session(wiring, application.workspace, as_json, by)

            root.add_typer(pack.app, name="pack")
            return CliRunner().invoke(root, ["pack", *words], catch_exceptions=False)

        return run

    def test_it_builds_pack_and_policy_that_the_auditors_program_accepts(
        self, run: Run, tmp_path: Path
    ) -> None:
        zipped, policy = tmp_path / "out" / "INC-1.zip", tmp_path / "out" / "policy.txt"
        zipped.parent.mkdir()
        result = run("build", "INC-1", "-o", str(zipped), "--policy", str(policy))
        assert result.exit_code == 0, result.output
        for said in ("report.pdf", "evidence/EV-1-playbook.yaml", "headers.jsonl", "Checkpoint"):
            assert said in result.output
        assert "holdfast-verify" in result.output
        command = [sys.executable, "-m", "holdfast_verify", str(zipped), "--policy", str(policy)]
        verified = subprocess.run(command, capture_output=True, text=True, check=False)
        assert verified.returncode == 0, verified.stdout + verified.stderr

    def test_in_a_pipe_it_answers_json(self, run: Run, tmp_path: Path) -> None:
        result = run("build", "INC-1", "-o", str(tmp_path / "p.zip"), as_json=True)
        answered = json.loads(result.stdout)
        assert answered["incident"] == "INC-1"
        assert answered["pack"] == str(tmp_path / "p.zip")
        assert answered["size"] == (tmp_path / "p.zip").stat().st_size
        assert answered["members"][-1]["path"] == "manifest.json"
        assert answered["policy"] is None
        assert answered["earlier"].startswith(f"earlier {answered['checkpoint_size']} ")

    def test_the_policy_alone_with_and_without_the_newest_checkpoint(
        self, run: Run, application: Application, tmp_path: Path
    ) -> None:
        target = tmp_path / "policy.txt"
        assert run("policy", "-o", str(target)).exit_code == 0
        policy = Policy.parse(target.read_text("utf-8"))
        assert (policy.origin, policy.keys) == (application.ledger.origin, (application.verifier_key,))
        assert policy.earlier == ()
        application.sealer.seal(application.clock.now())
        result = run("policy", "-o", str(target), "--with-checkpoint")
        assert Policy.parse(target.read_text("utf-8")).earlier[0].size == application.ledger.size()
        assert "Tell the key on another way" in result.output

    @pytest.mark.parametrize(
        ("words", "by", "said"),
        [
            (("build", "INC-9"), HELEN.id, "there is no incident INC-9"),
            (("build", "INC-1", "-o", "no-such/p.zip"), HELEN.id, "the folder no-such does not exist"),
            (("build", "INC-1"), AISHA.id, "Aisha Rahman may not build an audit pack"),
            (("policy", "-o", "no-such/policy"), HELEN.id, "cannot be written: No such file or directory"),
        ],
    )
    def test_a_refusal_is_a_sentence_and_exit_code_1(
        self, run: Run, words: tuple[str, ...], by: str, said: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        result = run(*words, by=by)
        assert result.exit_code == 1
        assert said in " ".join((result.output + result.stderr + capfd.readouterr().err).split())


class TestPage:
    @pytest.fixture
    def sign_in(self, application: Application, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Reader]:
        if view.router not in site_module.VIEWS:
            monkeypatch.setattr(site_module, "VIEWS", (*site_module.VIEWS, view.router))
        return lambda person: signed_in(application, person)

    def test_it_says_what_a_pack_holds_and_records_nothing_by_being_looked_at(
        self, application: Application, sign_in: Callable[..., Reader]
    ) -> None:
        helen = sign_in(HELEN)
        before = application.ledger.size()
        page = helen.page("/incidents/INC-1/pack")
        assert "1 item" in page.text
        assert "INC-1 is triage: the pack tells what is known now." in page.text
        assert "None so far" in page.text
        assert str(application.verifier_key) in page.html
        assert application.ledger.size() == before

    def test_a_button_builds_and_hands_out_a_pack_that_verifies(
        self, application: Application, sign_in: Callable[..., Reader]
    ) -> None:
        helen = sign_in(HELEN)
        answer = helen.post("/incidents/INC-1/pack")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == 'attachment; filename="INC-1.zip"'
        assert int(answer.headers["content-length"]) == len(answer.content)
        policy = helen.get("/incidents/INC-1/pack/policy")
        assert policy.headers["content-type"].startswith("text/plain")
        assert verify(io.BytesIO(answer.content), Policy.parse(policy.text)).verified
        assert "Helen Marsh" in helen.page("/incidents/INC-1/pack").text

    def test_an_auditor_may_and_a_responder_may_not(
        self, application: Application, sign_in: Callable[..., Reader]
    ) -> None:
        """R-AUD-07, R-EVD-06."""
        assert sign_in(VICTOR).post("/incidents/INC-1/pack").status_code == 200
        aisha, before = sign_in(AISHA), application.ledger.size()
        for answer in (
            aisha.get("/incidents/INC-1/pack"),
            aisha.post("/incidents/INC-1/pack"),
            aisha.get("/incidents/INC-1/pack/policy"),
        ):
            assert answer.status_code == 403
            assert "may not build an audit pack" in answer.text
        assert application.ledger.size() == before

    def test_without_the_token_of_the_session_nothing_is_built(
        self, application: Application, sign_in: Callable[..., Reader]
    ) -> None:
        helen, before = sign_in(HELEN), application.ledger.size()
        assert helen.client.post("/incidents/INC-1/pack").status_code == 403
        assert application.ledger.size() == before

    def test_swapped_evidence_is_told_as_a_sentence(
        self, application: Application, sign_in: Callable[..., Reader]
    ) -> None:
        for blob in application.vault.folder.glob("??/*"):
            blob.chmod(0o644)
            blob.write_bytes(b"something else")
        answer = sign_in(HELEN).post("/incidents/INC-1/pack")
        assert answer.status_code == 409
        assert "the evidence of INC-1 is not what was taken in" in answer.text.lower().replace(
            "inc-1", "INC-1"
        )

    def test_an_incident_that_is_not_there(self, sign_in: Callable[..., Reader]) -> None:
        helen = sign_in(HELEN)
        assert helen.get("/incidents/INC-7/pack").status_code == 404
        assert helen.post("/incidents/INC-7/pack").status_code == 404
        assert helen.get("/incidents/INC-7/pack/policy").status_code == 404
