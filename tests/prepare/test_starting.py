"""A first workspace, its schemas, and what is never overwritten."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.prepare.documents import parse_document
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.rules import VARIABLES
from holdfast.prepare.schemas import schemas, write_schemas
from holdfast.prepare.starting import AlreadyThere, starter_files, write_workspace
from holdfast.prepare.systems import EDetector
from holdfast.prepare.terms import ContainmentKind
from holdfast.prepare.workspace import Workspace
from holdfast.settings import Settings


def test_init_writes_files_settings_and_schemas(folder: Path) -> None:
    """R-PRG-05/playbook."""
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == {
        "holdfast.toml",
        "playbook.yaml",
        "roster.yaml",
        "systems/loan-approval.yaml",
        "systems/customer-assistant.yaml",
        *(f"schemas/{name}" for name in schemas()),
    }
    settings = Settings.load(folder, {})
    assert settings.ledger.origin == "harbourstreet.example/holdfast"
    assert settings.timezone == "Europe/Dublin"


@pytest.mark.parametrize("name", ["playbook.yaml", "systems/loan-approval.yaml"])
def test_init_overwrites_nothing_and_leaves_nothing_half_done(tmp_path: Path, name: str) -> None:
    """R-XCT-04."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(AlreadyThere, match="is already there; name an empty folder, or move them away first"):
        write_workspace(tmp_path)
    assert path.read_text() == "mine"
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


def test_attack_init_does_not_write_through_a_dangling_link(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "roster.yaml").symlink_to(target)
    with pytest.raises(AlreadyThere):
        write_workspace(tmp_path / "work")
    assert not target.exists()


def test_every_file_names_the_schema_an_editor_checks_it_by(folder: Path) -> None:
    for path in [folder / "playbook.yaml", folder / "roster.yaml", *(folder / "systems").iterdir()]:
        first = path.read_text().splitlines()[0]
        match = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
        assert match
        assert (path.parent / match[1]).is_file(), first
    assert (folder / "holdfast.toml").read_text().startswith("#:schema schemas/holdfast.schema.json\n")


def test_the_schemas_know_every_key_the_starter_uses(folder: Path) -> None:
    """Walks each file along its schema: a key the schema does not have would be marked by the editor."""
    documents = {
        "playbook.schema.json": folder / "playbook.yaml",
        "roster.schema.json": folder / "roster.yaml",
        "system.schema.json": folder / "systems" / "loan-approval.yaml",
    }
    for name, path in documents.items():
        schema = json.loads((folder / "schemas" / name).read_text())
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        value = parse_document(path.name, path.read_bytes()).value
        assert list(unknown_keys(schema, schema, value, name)) == []


def unknown_keys(root: dict[str, Any], schema: dict[str, Any], value: Any, way: str) -> Any:
    """Keys that no branch of the schema allows."""
    branches = [resolved(root, branch) for branch in schema.get("anyOf", schema.get("oneOf", [schema]))]
    if isinstance(value, dict):
        known = {key: part for branch in branches for key, part in branch.get("properties", {}).items()}
        free = next((part for branch in branches for part in for_any_key(branch)), None)
        for key, item in value.items():
            if key not in known and free is None:
                yield f"{way}.{key}"
            else:
                yield from unknown_keys(root, resolved(root, known.get(key, free)), item, f"{way}.{key}")
    elif isinstance(value, list):
        part = next((branch["items"] for branch in branches if "items" in branch), {})
        for item in value:
            yield from unknown_keys(root, resolved(root, part), item, f"{way}[]")


def for_any_key(branch: dict[str, Any]) -> list[Any]:
    """The schemas of a mapping whose keys are a person's own."""
    return [
        *branch.get("patternProperties", {}).values(),
        *filter(None, [branch.get("additionalProperties")]),
    ]


def resolved(root: dict[str, Any], schema: Any) -> dict[str, Any]:
    if isinstance(schema, dict) and "$ref" in schema:
        found: dict[str, Any] = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
        return found
    return schema if isinstance(schema, dict) else {}


def test_the_schema_explains_rules_and_hides_secrets() -> None:
    playbook = schemas()["playbook.schema.json"]
    help_text = playbook["$defs"]["Criterion"]["properties"]["when"]["description"]
    assert all(variable.name in help_text for variable in VARIABLES)
    assert '"password"' not in json.dumps(schemas()["holdfast.schema.json"])


def test_schemas_may_be_written_again(tmp_path: Path) -> None:
    assert [path.read_text() for path in write_schemas(tmp_path)] == [
        path.read_text() for path in write_schemas(tmp_path)
    ]


def test_the_playbook_lists_every_fact_that_rules_can_speak_of() -> None:
    text = starter_files()["playbook.yaml"].decode()
    listed = set(re.findall(r"^#   ([a-z]+\.[a-z_]+) ", text, re.MULTILINE))
    assert listed == {variable.name for variable in VARIABLES}


def test_the_example_system_is_watched_in_every_way_the_product_can(workspace: Workspace) -> None:
    """R-PRG-05/monitors: each monitor states its reason and whom it tells."""
    system = workspace.systems["loan-approval"].model
    metrics = {monitor.metric for monitor in system.monitors}
    assert metrics >= {
        "accuracy",
        "precision",
        "drift",
        "missing",
        "rate",
        "demographic_parity_ratio",
        "equalised_odds",
    }
    assert any(isinstance(monitor.e_detector, EDetector) for monitor in system.monitors)
    assert all(len(monitor.reason) > 40 for monitor in system.monitors)
    log = system.prediction_log
    assert log is not None
    assert log.labels is not None
    assert log.labels.within == timedelta(days=60)


def test_the_example_system_can_be_contained_in_both_ways_the_playbook_offers(workspace: Workspace) -> None:
    """R-CON-02, R-CON-03, R-CON-07."""
    system, playbook = workspace.systems["loan-approval"].model, workspace.playbook.model
    assert {option.kind for option in system.containment} == set(ContainmentKind)
    off = next(option for option in system.containment if option.kind is ContainmentKind.MODEL_OFF)
    assert off.flag == "loan-approval.enabled"
    segments = [option.segment for option in system.containment if option.segment]
    assert all(list(segment) == ["channel"] for segment in segments)
    kinds = {action.kind for action in playbook.containment.offered(system.id, None)}
    assert kinds == set(ContainmentKind)


def test_systems_meet_what_the_playbook_requires_down_to_their_priority(workspace: Workspace) -> None:
    """R-PRE-01: what is required for the highest priority is there; the second system is an open gap."""
    playbook: Playbook = workspace.playbook.model
    watched = {monitor.measures.dimension for monitor in workspace.systems["loan-approval"].model.monitors}
    assert {requirement.dimension for requirement in playbook.detection.requirements} <= watched
