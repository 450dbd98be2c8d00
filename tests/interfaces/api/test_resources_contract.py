"""The description is kept to the letter: what fits it is taken, what does not is refused (R-XCT-03)."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

import pytest
from fastapi import FastAPI

from holdfast.application import Application
from holdfast.interfaces.api.resources import api
from support.live import serving

SCHEMATHESIS = "schemathesis==4.32.5"


@pytest.mark.slow
def test_schemathesis_finds_no_request_that_is_refused_though_it_fits(
    company: Application, maya: Any, incident: str, log: None
) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not there to run schemathesis with")
    app = FastAPI()
    app.include_router(api(company))
    with serving(app) as address:
        said = (
            f"run {address}/api/v1/openapi.json --checks all --exclude-checks ignored_auth "
            "--phases examples,coverage --continue-on-failure --request-timeout 60 --no-color"
        )
        run = subprocess.run(
            [
                *(uv, "tool", "run", "--from", SCHEMATHESIS, "schemathesis", *said.split()),
                *("--header", f"Authorization: Bearer {maya.token}"),
            ],
            env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
            capture_output=True,
            text=True,
            timeout=1800,
        )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr
