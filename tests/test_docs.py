"""The documents are tested like behaviour: names, commands and examples in them are those of the code."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup

from holdfast.contain.containment import Stage
from holdfast.detect.measurement import WindowStatus
from holdfast.incident.incident import Status
from holdfast.ledger.facts import declared
from holdfast.metrics import METRICS
from holdfast.people import IncidentRole
from holdfast.prepare.documents import parse_document, understand
from holdfast.prepare.playbook import Criterion, Message
from holdfast.prepare.roster import Person
from holdfast.prepare.rules import VARIABLES, standard_rules
from holdfast.prepare.systems import (
    Containment,
    Maturity,
    Monitor,
    PredictionLog,
    Reference,
    System,
)
from holdfast.prepare.terms import Severity

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import checks  # noqa: E402 - a module of docs/
import generate  # noqa: E402

PAGES = [
    ROOT / name
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/README.md")
]
HOW_TOS = sorted((ROOT / "docs" / "how-to").glob("*.md"))
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
REQUIREMENT = re.compile(r"[Rr][-_]([A-Za-z]{3})[-_](\d\d)(?!\d)")


def blocks(document: Path, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(document.read_text()) if found == language]


# Facts -----------------------------------------------------------------------------------------

PAST_TENSE_OF_ITS_OWN = {
    "aside",
    "began",
    "done",
    "due",
    "frozen",
    "lost",
    "met",
    "over",
    "overdue",
    "overtaken",
    "ran",
    "seen",
    "sent",
    "set",
    "swept",
    "went",
    "withdrawn",
}
"""Last words of facts that are past without ending in -ed."""


@pytest.mark.parametrize("name", sorted(generate.product_facts()))
def test_a_fact_is_a_thing_that_happened(name: str) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z]+(?:_[a-z]+)*", name)
    last = re.split(r"[._]", re.sub("_(to|on)$", "", name))[-1]
    assert last.endswith("ed") or last in PAST_TENSE_OF_ITS_OWN


def test_every_fact_of_the_product_is_in_the_reference() -> None:
    listed = set(re.findall(r"^### (\S+)$", generate.facts_page(), re.MULTILINE))
    own = {name for name, cls in declared().items() if cls.__module__.startswith("holdfast.")}
    assert own
    assert own == listed
    assert listed == set(
        re.findall(r"^### (\S+)$", (ROOT / "docs/reference/facts.md").read_text(), re.MULTILINE)
    )


# Commands --------------------------------------------------------------------------------------


def shell_lines() -> Iterator[tuple[str, str]]:
    for document in [*PAGES, *HOW_TOS]:
        for text in blocks(document, "sh"):
            for line in text.splitlines():
                yield document.name, line.partition("  #")[0].strip()


def commands(program: str) -> list[tuple[str, str]]:
    found = [(where, re.sub(r"^uv run (?:--\S+ )?", "", line)) for where, line in shell_lines()]
    return [(where, line) for where, line in found if line == program or line.startswith(f"{program} ")]


@pytest.mark.parametrize(("where", "line"), commands("make"))
def test_every_make_target_that_is_named_exists(where: str, line: str) -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for word in shlex.split(line)[1:]:
        assert word in targets, where


def test_the_readme_gives_the_two_commands() -> None:
    assert {line for where, line in commands("make") if where == "README.md"} >= {"make demo", "make test"}


@pytest.mark.parametrize(("where", "line"), commands("holdfast"))
def test_every_command_that_is_shown_exists(where: str, line: str) -> None:
    root = generate.command_line()
    known = {name for option in root.params for name in _spellings(option)} | {"--help"}
    command: Any = root
    for word in shlex.split(line)[1:]:
        if isinstance(command, TyperGroup) and not word.startswith("-"):
            assert word in command.commands, f"{where}: {line}"
            command = command.commands[word]
        elif word.startswith("-"):
            own = {name for option in command.params for name in _spellings(option)}
            assert word in known | own, f"{where}: {line}"
    assert not isinstance(command, TyperGroup) or "--help" in line, f"{where}: {line}"


def _spellings(option: Any) -> list[str]:
    return [*option.opts, *option.secondary_opts]


# Examples --------------------------------------------------------------------------------------

EXAMPLES = {
    "monitors": Monitor,
    "containment": Containment,
    "prediction_log": PredictionLog,
    "reference": Reference,
    "maturity": Maturity,
    "criteria": Criterion,
    "messages": Message,
    "people": Person,
}


def yaml_examples() -> list[tuple[str, str]]:
    return [(document.name, text) for document in HOW_TOS for text in blocks(document, "yaml")]


@pytest.mark.parametrize(("where", "text"), yaml_examples())
def test_every_example_of_a_file_is_accepted(where: str, text: str) -> None:
    document = parse_document(where, text.encode())
    if "purpose" in document.value:
        understand(document, System)
        return
    (key,) = document.value
    for value in document.value[key] if isinstance(document.value[key], list) else [document.value[key]]:
        made: Any = EXAMPLES[key].model_validate(value)
        if isinstance(made, Criterion):
            assert standard_rules().check(made.when) == []


def test_every_metric_is_explained_with_an_example_or_by_name() -> None:
    explained = (ROOT / "docs/how-to/connect-a-system.md").read_text()
    for metric in METRICS:
        assert f"`{metric.name}`" in explained or f"metric: {metric.name}\n" in explained, metric.name


def test_every_fact_that_rules_can_speak_of_is_listed() -> None:
    listed = (ROOT / "docs/reference/rule-facts.md").read_text()
    assert all(f"`{variable.name}`" in listed for variable in VARIABLES)


# Requirements and words --------------------------------------------------------------------------


def test_every_requirement_that_code_or_tests_name_is_listed() -> None:
    listed = set(
        re.findall(r"^\| (R-[A-Z]{3}-\d\d) \|", (ROOT / "docs/requirements.md").read_text(), re.MULTILINE)
    )
    named: dict[str, Path] = {}
    for folder in ("src", "tests", "verify/src", "verify/tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for area, number in REQUIREMENT.findall(path.read_text()):
                named[f"R-{area.upper()}-{number}"] = path
    assert len(named) > 30
    assert {name: path for name, path in named.items() if name not in listed} == {}


GLOSSARY = (ROOT / "docs/glossary.md").read_text()


@pytest.mark.parametrize(
    "word",
    [
        *(
            "AI System",
            "Model Version",
            "Monitor",
            "Measurement",
            "Alert",
            "Incident",
            "Severity",
            "Category",
        ),
        *("Role", "Timeline", "Clock", "Escalation", "Containment Action", "Evidence Item", "Custody Event"),
        *("Impact Assessment", "Root-Cause Analysis", "Remediation", "Post-Incident Review"),
        *("Playbook Version", "Control", "Audit Pack", "Exercise", "Drill", "Training Record"),
        *("Appended", "Sealed", "Witnessed"),
    ],
)
def test_every_word_of_the_product_is_explained(word: str) -> None:
    assert f"**{word}**" in GLOSSARY


@pytest.mark.parametrize("word", [*Status, *Stage, *(one.replace("_", " ") for one in WindowStatus)], ids=str)
def test_every_state_is_named_in_the_glossary(word: str) -> None:
    assert f"*{word}*" in GLOSSARY


def test_severities_and_roles_are_named_as_the_code_names_them() -> None:
    assert all(f"SEV-{severity.rank} {severity.value}" in GLOSSARY for severity in Severity)
    assert len(IncidentRole) == 6
    assert "one of six that a person fills" in GLOSSARY


# The checker itself ------------------------------------------------------------------------------


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# One heading\n")
    (tmp_path / "b.md").write_text("# Other\n")
    text = "[a](c.md) [b](b.md#other) [c](b.md#missing) [d](#one-heading) [e](https://example.com)"
    assert list(checks._links(document, text)) == [
        "the link to c.md leads nowhere",
        "b.md#missing names a heading that does not exist",
    ]


def test_a_file_or_a_name_that_is_gone_is_found() -> None:
    assert list(checks._paths("`src/holdfast/app.py` `ledger/gone.py` `ledger/` `tests/gone.py`")) == [
        "tests/gone.py does not exist",
        "src/holdfast/ledger/gone.py does not exist",
    ]
    assert list(checks._names("`ledger/ledger.py: Ledger.append` `ledger/ledger.py: Ledger.gone`")) == [
        "ledger/ledger.py holds no Ledger.gone"
    ]


def test_what_a_heading_is_called_is_what_code_hosts_call_it() -> None:
    assert checks.anchors("## 4. The holder of the log key\n") == {"4-the-holder-of-the-log-key"}


def test_a_generated_page_that_is_behind_the_code_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "pages", lambda: {tmp_path / "a.md": "new\n", tmp_path / "b.md": "same\n"})
    (tmp_path / "b.md").write_text("same\n")
    assert [line.partition(":")[0] for line in generate.stale()] == ["a.md"]
    (tmp_path / "a.md").write_text("old\n")
    assert [line.partition(":")[0] for line in generate.stale()] == ["a.md"]
    (tmp_path / "a.md").write_text("new\n")
    assert generate.stale() == []
