"""A pack from page, API and terminal, on the machine's own clock, where `holdfast init` was run (R-AUD-06).

Nothing here is a story's: times have microseconds, and every part is the one that people run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from holdfast import app as joined
from holdfast.application import Application
from holdfast.interfaces.api.resources import PREFIX, api
from holdfast.people import Permission
from support.company import HELEN, INES, SIGNATURES
from support.pages import PASSWORD, signed_in

COMMANDS = Path(sys.executable).parent
ADDRESS = "http://testserver"


def run(folder: Path, *command: str) -> str:
    """What an installed command says; one that fails fails the test."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}
    whole = [str(COMMANDS / command[0]), *command[1:]]
    done = subprocess.run(
        whole, capture_output=True, text=True, check=False, cwd=folder, env=environ, timeout=300
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by commands alone: a playbook in force, and an incident that a person declared."""
    folder = tmp_path_factory.mktemp("bank") / "workspace"
    run(folder.parent, "holdfast", "init", str(folder))
    run(folder, "holdfast", "apply", "--as", HELEN.id)
    for function, signer in SIGNATURES.items():
        run(folder, "holdfast", "playbook", "approve", function, "--as", signer.id)
    run(folder, "holdfast", "incident", "declare", "Loans are declined", "--as", INES.id)
    run(folder, "holdfast", "pack", "policy", "--output", "policy.txt")
    return folder


@pytest.fixture
def application(workspace: Path) -> Iterator[Application]:
    made = joined.open_workspace(workspace, {"HOLDFAST_WEB_PUBLIC_URL": ADDRESS})
    yield made
    made.ledger.database.close()


def verifies(workspace: Path, pack: Path) -> bool:
    said = run(workspace, "holdfast-verify", str(pack), "--policy", "policy.txt")
    return "VERIFIED" in said


def test_a_pack_from_the_terminal(workspace: Path) -> None:
    """R-AUD-06/everywhere."""
    run(workspace, "holdfast", "pack", "build", "INC-1", "--output", "terminal.zip", "--as", HELEN.id)
    assert verifies(workspace, workspace / "terminal.zip")


def test_a_pack_from_the_page(workspace: Path, application: Application) -> None:
    """R-AUD-06/everywhere."""
    now = application.clock.now()
    application.accounts.create(HELEN.id, PASSWORD, HELEN, now)
    answer = signed_in(application, HELEN).post("/incidents/INC-1/pack")
    assert answer.status_code == 200, answer.text
    (workspace / "page.zip").write_bytes(answer.content)
    assert verifies(workspace, workspace / "page.zip")


def test_a_pack_from_the_api(workspace: Path, application: Application) -> None:
    """R-AUD-06/everywhere."""
    now = application.clock.now()
    scope = [Permission.BUILD_PACK, Permission.READ_EVIDENCE]
    secret, _ = application.accounts.tokens.issue(
        HELEN.id, "test", scope, now + timedelta(days=1), HELEN, now, "person"
    )
    app = FastAPI()
    app.include_router(api(application))
    answer = TestClient(app).post(
        f"{PREFIX}/incidents/INC-1/packs", headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status_code == 201, answer.text
    (workspace / "api.zip").write_bytes(answer.content)
    assert verifies(workspace, workspace / "api.zip")


def test_the_clock_of_these_tests_has_microseconds(application: Application) -> None:
    """Otherwise they would prove nothing."""
    assert any(one.at.microsecond for one in application.ledger.facts())
