"""JSON Schemas of the files people edit, so that an editor completes and checks them while typing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from holdfast.prepare.playbook import Playbook
from holdfast.prepare.roster import Roster
from holdfast.prepare.rules import VARIABLES
from holdfast.prepare.systems import System
from holdfast.settings import Settings

FOLDER = "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def schemas() -> Mapping[str, dict[str, Any]]:
    """Every schema by file name."""
    return {
        "playbook.schema.json": _schema(Playbook.model_json_schema(), "Holdfast playbook"),
        "system.schema.json": _schema(System.model_json_schema(), "Holdfast AI system"),
        "roster.schema.json": _schema(Roster.model_json_schema(), "Holdfast roster"),
        "holdfast.schema.json": _schema(_settings(), "Holdfast settings"),
    }


def write_schemas(folder: Path) -> list[Path]:
    """Write all schemas into `folder`, replacing older ones; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in _texts().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


@cache
def _texts() -> Mapping[str, str]:
    return {
        name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas().items()
    }


def _schema(schema: dict[str, Any], title: str) -> dict[str, Any]:
    for definition in schema.get("$defs", {}).values():
        rule = definition.get("properties", {}).get("when")
        if rule is not None and str(rule.get("description", "")).startswith("A CEL rule"):
            rule["description"] = _rule_help()
    return {"$schema": _DIALECT, **schema, "title": title}


def _rule_help() -> str:
    facts = "\n".join(f"{variable.name}: {variable.meaning}" for variable in VARIABLES)
    return f"A CEL rule, for example impact.users > 100. Facts it can speak of:\n{facts}"


def _settings() -> dict[str, Any]:
    schema = Settings.model_json_schema()
    # The password is refused in the file; an editor must not offer it.
    del schema["$defs"]["MailSettings"]["properties"]["password"]
    for section in schema["properties"].values():
        section.pop("default", None)
    return schema
