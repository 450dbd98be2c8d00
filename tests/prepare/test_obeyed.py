"""Nothing in a playbook is inert: each field is obeyed by a mechanism, or is there for people. R-PRE-03."""

from __future__ import annotations

from pathlib import Path

import pytest

import holdfast
from holdfast.prepare.documents import Unusable, parse_document
from holdfast.prepare.obeyed import GONE, OBEYED, PEOPLE, fields, without_gone
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.workspace import load_workspace, read_playbook

SOURCE = Path(holdfast.__file__).parent
PAGE = (SOURCE / "interfaces/web/templates/pages/playbook.html").read_text()


def test_every_field_of_the_playbook_says_what_obeys_it() -> None:
    assert set(fields()) == set(OBEYED)


@pytest.mark.parametrize("field", [name for name, what in OBEYED.items() if what != PEOPLE])
def test_what_obeys_a_field_is_there(field: str) -> None:
    module, _, name = OBEYED[field].partition(": ")
    text = (SOURCE / module).read_text()
    last = name.rpartition(".")[2]
    assert not name or f"def {last}(" in text or f"class {last}" in text


@pytest.mark.parametrize("field", [name for name, what in OBEYED.items() if what == PEOPLE])
def test_what_is_for_people_is_shown_to_them(field: str) -> None:
    name = field.split(".")[-1]
    shown = name if name != "*" else field.split(".")[-2]
    assert f".{shown}" in PAGE


# What is no longer part of a playbook ------------------------------------------------------------

EARLIER = {
    "detection": "  routing:\n    critical: {to: {on_call: true}, deliver: at_once}\n",
    "evidence": "  access:\n    titles: [Internal Auditor]\n",
}


def earlier(folder: Path) -> bytes:
    """The starter's playbook with what an earlier release had in it."""
    write_workspace(folder)
    text = (folder / "playbook.yaml").read_text()
    for section, lines in EARLIER.items():
        text = text.replace(f"\n{section}:\n", f"\n{section}:\n{lines}", 1)
    (folder / "playbook.yaml").write_text(text)
    return text.encode()


def test_a_file_with_a_field_that_is_gone_is_told_what_to_take_out_and_of_nothing_else(
    tmp_path: Path,
) -> None:
    earlier(tmp_path)
    with pytest.raises(Unusable) as refused:
        load_workspace(tmp_path)
    said = [str(problem) for problem in refused.value.problems]
    assert len(said) == len(GONE)
    assert any("detection.routing: is obeyed by nothing" in one and "tells" in one for one in said)
    assert any("evidence.access: is obeyed by nothing" in one and "roster.yaml" in one for one in said)
    assert all(problem.line > 0 for problem in refused.value.problems)


def test_a_version_that_was_signed_with_one_is_still_read(tmp_path: Path) -> None:
    content = earlier(tmp_path)
    assert read_playbook(content).title == "AI Incident Response Playbook"


@pytest.mark.parametrize("text", [b"detection: 1\n", b"[]\n", b"evidence: [access]\n", b"title: x\n"])
def test_what_is_no_playbook_is_left_as_it_is(text: bytes) -> None:
    document = parse_document("playbook.yaml", text)
    assert without_gone(document).value == document.value


def test_the_starter_has_none_of_them(tmp_path: Path) -> None:
    write_workspace(tmp_path)
    document = parse_document("playbook.yaml", (tmp_path / "playbook.yaml").read_bytes())
    assert not set(GONE) & set(document.keys)
