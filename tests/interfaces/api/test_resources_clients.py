"""Programs are made from the description: each name means one thing, and no answer is lost (R-XCT-03)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from holdfast.interfaces.api.resources import api, describe

PYTHON_CLIENT = "openapi-python-client==0.29.1"
ANSWER = re.compile(r"^def sync_detailed\(.*?\) -> Response\[(.*?)\]:", re.DOTALL | re.MULTILINE)
TYPESCRIPT = "openapi-typescript@7.13.0"


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    (mounted,) = (route.app for route in api(cast(Any, None)).routes if isinstance(route, Mount))
    assert isinstance(mounted, FastAPI)
    return describe(mounted)


def operations(description: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for path in description["paths"].values() for one in path.values()]


def test_every_schema_and_every_operation_has_a_name_of_its_own(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch(r"[A-Z][A-Za-z0-9]+", name)] == []
    called = Counter(one["operationId"] for one in operations(description))
    assert [name for name, times in called.items() if times > 1] == []


def test_every_operation_says_what_it_answers(description: dict[str, Any]) -> None:
    for one in operations(description):
        done = [answer for status, answer in one["responses"].items() if status.startswith("2")]
        assert done, one["operationId"]
        for answer in done:
            assert all(kind.get("schema") for kind in answer["content"].values()), one["operationId"]


@pytest.mark.slow
def test_a_generated_python_client_types_every_answer(description: dict[str, Any], tmp_path: Path) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not there to run the generator with")
    (tmp_path / "openapi.json").write_text(json.dumps(description))
    # A pack is a file to this generator when it is told that a zip is one.
    (tmp_path / "config.yml").write_text(
        "content_type_overrides: {application/zip: application/octet-stream}\n"
    )
    run = f"tool run --from {PYTHON_CLIENT} openapi-python-client generate"
    said = "--path openapi.json --config config.yml --output-path client"
    made = subprocess.run(
        [uv, *run.split(), *said.split()],
        cwd=tmp_path,
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert made.returncode == 0, made.stderr
    assert "arning" not in made.stdout + made.stderr, made.stdout
    written = list((tmp_path / "client").rglob("api/*/*.py"))
    calls = [path for path in written if path.name != "__init__.py"]
    assert len(calls) == len(operations(description))
    for path in calls:
        answers = re.findall(
            r"^def sync_detailed\(.*?\) -> Response\[(.*?)\]:", path.read_text(), re.DOTALL | re.MULTILINE
        )
        assert answers, path.name
        assert "Any" not in answers[0], f"{path.name}: {answers[0]}"


@pytest.mark.slow
def test_generated_types_for_typescript_name_every_operation(
    description: dict[str, Any], tmp_path: Path
) -> None:
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("npx is not there to run the generator with")
    (tmp_path / "openapi.json").write_text(json.dumps(description))
    made = subprocess.run(
        [npx, "--yes", TYPESCRIPT, "openapi.json", "--output", "api.ts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert made.returncode == 0, made.stderr
    written = (tmp_path / "api.ts").read_text()
    for one in operations(description):
        assert f"{one['operationId']}: {{" in written, one["operationId"]
