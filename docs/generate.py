"""Writes the generated reference into docs/reference; `make check` compares it with what is there.

Every page is a pure function of the code: settings, file formats, rule facts, ledger facts, permissions.
A sentence that is missing here is missing in the code, at the declaration of the thing it describes.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from itertools import groupby
from math import isinf
from pathlib import Path
from typing import Any, cast

import requirements
import typer.main
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr, TypeAdapter
from starlette.routing import Mount
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from holdfast.interfaces.api.resources import PREFIX as API
from holdfast.interfaces.api.resources import api, describe
from holdfast.interfaces.cli.main import build
from holdfast.ledger.facts import Fact, declared
from holdfast.metrics import METRICS
from holdfast.metrics.metric import Need
from holdfast.people import GRANTS, AccessRole, Permission
from holdfast.prepare import durations, terms
from holdfast.prepare.playbook import TEMPLATE_WORDS
from holdfast.prepare.rules import VARIABLES
from holdfast.prepare.schemas import schemas
from holdfast.prepare.starting import starter_files
from holdfast.settings import FILE_NAME, PREFIX, Settings
from holdfast.steps.step import Step
from holdfast.steps.table import STEPS

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
REFERENCE = ROOT / "docs" / "reference"
NOTICE = "<!-- Written by `make docs` from the code; change it there. -->"
_WIDTH = 110


def pages() -> dict[Path, str]:
    """Every generated page by its path."""
    return {
        REFERENCE / "settings.md": settings_page(),
        REFERENCE / "system-file.md": file_page(
            "system.schema.json",
            "systems/*.yaml",
            "One AI system in each file: what it is for, where its predictions are logged, what watches it, "
            "how it can be contained.",
            [metrics_section()],
        ),
        REFERENCE / "playbook-file.md": file_page(
            "playbook.schema.json",
            "playbook.yaml",
            "How the organisation responds. People read it as a document; incidents are run by it.",
            [template_section(), authority_section()],
        ),
        REFERENCE / "roster-file.md": file_page(
            "roster.schema.json",
            "roster.yaml",
            "Who there is, what they may reach, which incident roles they fill, and for whom they sign.",
            [],
        ),
        REFERENCE / "rule-facts.md": rule_facts_page(),
        REFERENCE / "facts.md": facts_page(),
        REFERENCE / "permissions.md": permissions_page(),
        REFERENCE / "steps.md": steps_page(),
        REFERENCE / "commands.md": commands_page(),
        REFERENCE / "api.md": api_page(),
        ROOT / "docs" / "requirements.md": requirements_page(),
    }


def stale() -> list[str]:
    """A sentence for every page that is not what the code says now."""
    found = []
    for path, text in pages().items():
        where = path.relative_to(ROOT)
        if not path.exists():
            found.append(f"{where}: is missing; run `make docs`")
        elif path.read_text(encoding="utf-8") != text:
            found.append(f"{where}: is not what the code says now; run `make docs`")
    return found


# Writing Markdown ----------------------------------------------------------------------------------


def page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", NOTICE, *(part.strip("\n") for part in parts if part)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|") or " "


def paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), _WIDTH, break_on_hyphens=False, break_long_words=False)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


# Settings ------------------------------------------------------------------------------------------


def settings_page() -> str:
    said = _starter_comments()
    parts = [
        paragraph(
            f"`{FILE_NAME}` lies beside the playbook. Every key can also be set by an environment variable, "
            "which wins. A key that is not known is refused, never passed over. Relative paths are relative "
            "to the workspace."
        )
    ]
    loose = [name for name, field in Settings.model_fields.items() if not _section(field.annotation)]
    parts.append(_settings_table(Settings, "", loose, said))
    for name, field in Settings.model_fields.items():
        section = _section(field.annotation)
        if section is not None:
            parts.append(f"## [{name}]")
            parts.append(paragraph(inspect.getdoc(section) or ""))
            parts.append(_settings_table(section, name, list(section.model_fields), said))
    return page("Settings", *parts)


def _section(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _settings_table(
    model: type[BaseModel], section: str, names: Sequence[str], said: Mapping[str, str]
) -> str:
    rows = []
    for name in names:
        field = model.model_fields[name]
        way = f"{section}.{name}" if section else name
        secret = field.annotation is SecretStr
        default = "unset" if field.default is None or secret else code(_spelled(field.default))
        where = "the environment only" if secret else code(name)
        variable = f"{PREFIX}{way.replace('.', '_')}".upper()
        rows.append((where, code(variable), default, field.description or said.get(way, "")))
    return table(("key", "variable", "default", "meaning"), rows)


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str | Path) else str(value)


def _starter_comments() -> dict[str, str]:
    """What the starter's settings file says above each key, by `section.key`."""
    found: dict[str, str] = {}
    section, comment = "", list[str]()
    for line in starter_files()[FILE_NAME].decode().splitlines():
        if line.startswith("# "):
            comment.append(line[2:])
        elif header := re.match(r"\[(\w+)\]", line):
            section, comment = header[1], comment or []
        elif key := re.match(r"(\w+) *=", line):
            found[f"{section}.{key[1]}" if section else key[1]] = " ".join(comment)
            comment = []
        else:
            comment = []
    return found


# Files people edit ---------------------------------------------------------------------------------


def file_page(schema: str, file: str, about: str, more: Sequence[str]) -> str:
    """One file format from its JSON Schema, section by section, in the order in which it is read."""
    document = schemas()[schema]
    made = _Format(document.get("$defs", {}))
    parts = [
        paragraph(
            f"{about} `holdfast init` writes an example and, under `schemas/`, the JSON Schema by which an "
            "editor completes and checks it. `holdfast check` says what is wrong, with line and remedy. "
            "A key without a default is required."
        ),
        made.properties(document),
    ]
    for name in made.reached(document):
        parts += made.section(name)
    return page(file, *parts, *more)


class _Format:
    """Words for the parts of one JSON Schema."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.definitions = definitions

    def reached(self, document: Mapping[str, Any]) -> list[str]:
        """Every definition with keys, in the order in which a reader meets it."""
        found: dict[str, None] = {}

        def walk(schema: Mapping[str, Any]) -> None:
            for name in _references(schema.get("properties", {})):
                if name not in found and "properties" in self.definitions.get(name, {}):
                    found[name] = None
                    walk(self.definitions[name])

        walk(document)
        return list(found)

    def section(self, name: str) -> list[str]:
        definition = self.definitions[name]
        about = definition.get("description", "")
        if alike := self._alike(definition):
            keys = ", ".join(code(key) for key in definition["properties"])
            return [f"## {name}", paragraph(f"{about} One {alike} for each of {keys}.")]
        return [f"## {name}", paragraph(about), self.properties(definition)]

    def _alike(self, definition: Mapping[str, Any]) -> str:
        """What all keys of a fixed vocabulary hold; empty for any other section."""
        kinds = {self.kind(property_) for property_ in definition["properties"].values()}
        same = len(kinds) == 1 and len(definition["properties"]) > 2
        return kinds.pop() if same and set(definition["properties"]) == set(definition["required"]) else ""

    def properties(self, definition: Mapping[str, Any]) -> str:
        required = set(definition.get("required", ()))
        rows = []
        for name, schema in definition["properties"].items():
            meaning = schema.get("description", "")
            if meaning.startswith("A CEL rule"):
                meaning = "A rule, see [how rules are written](../how-to/write-rules.md)."
            default = "" if name in required else _default(schema.get("default"))
            rows.append((code(name), self.kind(schema), default, meaning))
        return table(("key", "what", "default", "meaning"), rows)

    def kind(self, schema: Mapping[str, Any]) -> str:
        """What a value must be, in words."""
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            definition = self.definitions[name]
            return _words(definition["enum"]) if "enum" in definition else f"[{name}](#{name.lower()})"
        if options := schema.get("anyOf") or schema.get("oneOf"):
            shown = [self.kind(option) for option in options if option.get("type") != "null"]
            return " or ".join(dict.fromkeys(shown))
        if "enum" in schema:
            return _words(schema["enum"])
        if "const" in schema:
            return code(str(schema["const"]))
        if schema.get("type") == "array":
            least = "; at least one" if schema.get("minItems") == 1 else ""
            return f"list: {self.kind(schema.get('items', {}))}{least}"
        if schema.get("type") == "object":
            return f"mapping to {self.kind(schema.get('additionalProperties', {}))}"
        return _simple(schema)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield str(schema["$ref"]).rpartition("/")[2]
        for key, value in schema.items():
            if key != "discriminator":
                yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _default(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, str) and re.fullmatch(r"PT?[0-9.]+[DHMS]", value):
        return code(durations.show(TypeAdapter(timedelta).validate_python(value)))
    return code(_default_spelled(value))


def _default_spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, dict):
        said = (f"{key}: {_default_spelled(each)}" for key, each in value.items() if each)
        return "{" + ", ".join(said) + "}"
    return str(value)


def _words(words: Sequence[object]) -> str:
    return ", ".join(code(str(word)) for word in words)


def _simple(schema: Mapping[str, Any]) -> str:
    if schema.get("examples"):
        return "for example " + _words(schema["examples"])
    if str(schema.get("pattern", "")).startswith("^-?[0-9]"):
        return "share such as `20%`"
    names = {"string": "text", "boolean": "true or false", "integer": "whole number", "number": "number"}
    return names.get(str(schema.get("type")), "value") + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    limits = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    said = [f"{word} {schema[key]:g}" for key, word in limits.items() if key in schema]
    return f", {' '.join(said)}" if said else ""


def metrics_section() -> str:
    head = ("metric", "method", "dimension", "needs", "what it is", "range", "unit", "worse", "`e_detector`")
    rows = [
        (
            code(metric.written),
            code(metric.name) if metric.family else "",
            metric.dimension.value,
            ", ".join(_NEEDS.get(need, need.value) for need in metric.needs),
            f"{metric.definition} {metric.source}.",
            _range(metric.range),
            metric.unit,
            metric.worse or "as the monitor says",
            "yes" if metric.is_rate else "",
        )
        for metric in METRICS
    ]
    return f"## Metrics\n\n{table(head, rows)}\n\nOf several methods the first is meant where none is stated."


_NEEDS = {Need.COLUMN: "`column` or `columns`", Need.GROUPS: "`group_by`"}


def _range(ends: tuple[float, float]) -> str:
    low, high = ("any" if isinf(end) else f"{end:.4g}" for end in ends)
    return "any" if low == high else f"{low} to {high}" if high != "any" else f"{low} or more"


def template_section() -> str:
    rows = [(code("{" + word + "}"), meaning) for word, meaning in TEMPLATE_WORDS.items()]
    return f"## Words in templates\n\n{table(('word', 'stands for'), rows)}"


def authority_section() -> str:
    rows = [(code(one), f"may {one.says}") for one in terms.Authority]
    return f"## Authorities\n\n{table(('authority', 'a role that has it'), rows)}"


# Rules ---------------------------------------------------------------------------------------------

_KINDS: Mapping[type, str] = {
    str: "text",
    float: "decimal number",
    int: "whole number",
    bool: "true or false",
    dict: "mapping of text to text",
}


def rule_facts_page() -> str:
    rows = [
        (code(one.name), _KINDS[one.kind], one.meaning, ", ".join(code(word) for word in one.words))
        for one in VARIABLES
    ]
    about = (
        "What a rule under `when:` in the playbook can speak of. A fact that nobody has measured yet is not "
        "known; a rule that hangs on it is not decided, and is asked again when the fact arrives. How rules "
        "are written: [write rules](../how-to/write-rules.md)."
    )
    head = ("fact", "kind", "meaning", "one of")
    return page("Facts that rules can speak of", paragraph(about), table(head, rows))


# Permissions ---------------------------------------------------------------------------------------


def permissions_page() -> str:
    about = (
        "What each access role of the roster grants. The table is `GRANTS` in `src/holdfast/people.py`; no "
        "other place decides it. Some decisions in an incident need the authority of an incident role as "
        "well; the playbook says which role has which authority."
    )
    head = ("permission", *(role.value for role in AccessRole))
    rows = [
        (permission.value, *("yes" if permission in GRANTS[role] else "" for role in AccessRole))
        for permission in Permission
    ]
    return page("Permissions", paragraph(about), table(head, rows))


# Facts of the ledger -------------------------------------------------------------------------------


def product_facts() -> Mapping[str, type[Fact]]:
    """Every fact the product declares, by name."""
    for path in sorted((SOURCE / "holdfast").rglob("*.py")):
        if re.search(r"^@fact\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            importlib.import_module(".".join(path.relative_to(SOURCE).with_suffix("").parts))
    own = {name: cls for name, cls in declared().items() if cls.__module__.startswith("holdfast.")}
    return dict(sorted(own.items()))


def facts_page() -> str:
    about = (
        "Everything that the ledger can hold. A fact is named `thing.happened`, in the past tense. Fields "
        "are stored as canonical JSON: times in UTC with microseconds, decimal numbers as text. *Shown* "
        "facts have a line in the timeline of the incident they name; *timer* facts start or stop one."
    )
    parts = [paragraph(about)]
    things: dict[str, list[tuple[str, type[Fact]]]] = {}
    for name, cls in product_facts().items():
        things.setdefault(name.partition(".")[0], []).append((name, cls))
    for thing, facts in things.items():
        parts.append(f"## {thing}")
        parts += [_fact(name, cls) for name, cls in facts]
    return page("Facts of the ledger", *parts)


def _fact(name: str, cls: type[Fact]) -> str:
    marks = [f"version {cls.version}"]
    marks += ["shown"] if cls.line is not Fact.line else []
    marks += ["timer"] if cls.timers is not Fact.timers else []
    source = "/".join(cls.__module__.split("."))
    head = f"### {name}\n\n{paragraph(f'{_own_doc(cls)} {_sentence(marks)} Declared in `src/{source}.py`.')}"
    documented = _field_docs(cls)
    rows = [
        (code(field), code(_type_said(kind)), documented.get(field, ""))
        for field, kind in inspect.get_annotations(cls).items()
    ]
    return f"{head}\n\n{table(('field', 'type', 'meaning'), rows)}" if rows else head


def _own_doc(cls: type) -> str:
    """The docstring as written; a dataclass without one gets its signature, which says nothing."""
    text = cls.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{cls.__name__}(") else inspect.cleandoc(text)


def _sentence(words: Sequence[str]) -> str:
    return f"{', '.join(words).capitalize()}."


def _type_said(kind: object) -> str:
    return str(kind).replace(" | None", " or nothing").replace("tuple[", "list of ").replace(", ...]", "")


def _field_docs(cls: type) -> dict[str, str]:
    """The texts that stand under the fields of a class, by field."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            found[statement.target.id] = " ".join(str(following.value.value).split())
    return found


# Commands ------------------------------------------------------------------------------------------

_EXIT_CODES = (
    ("0", "done, or what was checked holds", "every step holds"),
    ("1", "refused, or what was checked does not hold", "a step failed; the member at fault is named"),
    ("2", "the command was not understood", "the command could not be carried out"),
)


def command_line() -> TyperGroup:
    """The command `holdfast`, not wired to anything."""
    made = typer.main.get_command(build(cast(Any, None)))
    assert isinstance(made, TyperGroup)
    return made


def commands_page() -> str:
    root = command_line()
    everywhere = frozenset(str(option.name) for option in root.params)
    about = (
        "`holdfast` works in the current folder, or the nearest above it that holds `holdfast.toml`. It "
        "prints tables on a terminal and JSON in a pipe; the JSON is what the API answers. These options "
        "stand before or behind every command:"
    )
    parts = [paragraph(about), _options(root, frozenset())]
    for name, one in root.commands.items():
        if isinstance(one, TyperCommand):
            parts.append(_command(f"holdfast {name}", one, everywhere))
    for name, group in root.commands.items():
        if isinstance(group, TyperGroup):
            parts += [f"## {name}", paragraph(group.help or "")]
            for inner, one in group.commands.items():
                assert isinstance(one, TyperCommand)
                parts.append(_command(f"holdfast {name} {inner}", one, everywhere))
    codes = table(("code", "`holdfast`", "`holdfast-verify`"), _EXIT_CODES)
    return page("Commands", *parts, "## Exit codes", codes)


def _command(name: str, command: TyperCommand, everywhere: frozenset[str]) -> str:
    arguments = [one for one in command.params if isinstance(one, TyperArgument)]
    typed = " ".join([name, *(one.metavar or str(one.name).upper() for one in arguments)])
    parts = [f"### {name}", code(typed) if arguments else "", paragraph(command.help or "")]
    return "\n\n".join(filter(None, [*parts, _options(command, everywhere)]))


def _options(command: TyperCommand | TyperGroup, without: frozenset[str]) -> str:
    rows = []
    for option in command.params:
        if isinstance(option, TyperArgument) and option.help:
            rows.append((code(option.metavar or str(option.name).upper()), option.help))
        elif isinstance(option, TyperOption) and option.name not in {*without, "help"}:
            names = ", ".join([*option.opts, *option.secondary_opts])
            value = "" if option.is_flag else f" {option.metavar or _value(option)}"
            rows.append((code(names + value), option.help or ""))
    return table(("", "meaning"), rows) if rows else ""


def _value(option: TyperOption) -> str:
    """What an option takes: its words, or what it is."""
    kind = option.bare_type
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(one.value) for one in kind)
    return {int: "NUMBER", float: "NUMBER", Path: "PATH"}.get(cast(Any, kind), "TEXT")


# API -----------------------------------------------------------------------------------------------


def api_page() -> str:
    (mounted,) = (route.app for route in api(cast(Any, None)).routes if isinstance(route, Mount))
    assert isinstance(mounted, FastAPI)
    document = describe(mounted)
    about = (
        f"The same steps as the pages and the commands, under `{API}`. Send `Authorization: Bearer` with a "
        "token that `holdfast people token` issues. Errors are problem documents (RFC 9457). "
        f"`{API}/openapi.json` describes every parameter and answer. Beside it: `/healthz` for everybody, "
        "`/metrics` for a token that may read, and the OFREP endpoints of "
        "[obey containment](../how-to/obey-containment.md)."
    )
    rows = [
        (code(f"{method.upper()} {path}"), operation.get("summary", ""))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return page("JSON API", paragraph(about), table(("request", "what it does"), rows))


# Steps ---------------------------------------------------------------------------------------------


def steps_page() -> str:
    about = (
        "What a person can do in a response, each step declared once in `src/holdfast/steps/`. Its command, "
        "its request to the [JSON API](api.md) and its form on a page ask the same, refuse the same in the "
        "same words, and record the same. *Agents* says whether a token that acts for a person, such as an "
        "assistant's, may take it too. Whether somebody may is asked before what they said is read. Files "
        "that are applied, taken in or handed out have [commands](commands.md) and requests of their own."
    )
    parts = [paragraph(about)]
    for noun, taken in groupby(STEPS, key=lambda one: one.noun):
        parts.append(f"## {noun}")
        for step in taken:
            parts += _step(step)
    return page("Steps", *parts)


def _step(step: Step[Any, Any, Any]) -> Iterator[str]:
    yield f"### {step.noun} {step.verb}"
    yield paragraph(step.explanation)
    yield table(
        ("command", "request", "may", "agents"),
        [
            (
                code(f"holdfast {step.noun} {step.verb}"),
                code(f"{step.method} {step.path}"),
                step.may.value,
                "yes" if step.agents else "no",
            )
        ],
    )
    if step.asked and step.asked.model_fields:
        rows = [
            (code(name), "yes" if field.is_required() else "", field.description or "")
            for name, field in step.asked.model_fields.items()
        ]
        yield table(("asked", "required", "what it is"), rows)


# Requirements --------------------------------------------------------------------------------------


def requirements_page() -> str:
    areas = requirements.requirements()
    about = (
        "What the system must do, each with an id. *Built* is computed: every piece of the requirement is "
        "walked by a test that carries its name, such as `R-EVD-04/changed`, in a docstring. *In part* says "
        "what no test walks yet; the rest is missing. The pieces stand in "
        "[requirements.yaml](requirements.yaml)."
    )
    parts = [paragraph(about), paragraph(requirements.summary(areas))]
    for area, listed in areas.items():
        parts.append(f"## {area.capitalize()}")
        parts.append(table(("id", "requirement", "standing", "tests"), requirements.rows(listed)))
    return page("Requirements", *parts)


def main() -> int:
    written = pages()
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.stdout.write("".join(f"{path.relative_to(ROOT)}\n" for path in written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
