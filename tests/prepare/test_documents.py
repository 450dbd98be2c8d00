"""Reading files: the small YAML dialect, places of values, and sentences a person can act on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from holdfast.prepare import documents
from holdfast.prepare.documents import (
    LARGEST,
    Entry,
    Unusable,
    parse_document,
    read_document,
    spelled,
    understand,
)
from holdfast.prepare.durations import Duration


class Clocks(Entry):
    acknowledge_within: Duration
    update_every: Duration | None = None


class Round(Entry):
    shape: Literal["round"]
    radius: float = Field(gt=0)


class Square(Entry):
    shape: Literal["square"]
    side: float


class Sample(Entry):
    title: str = Field(min_length=1)
    count: int = 1
    enabled: bool = False
    clocks: dict[Literal["critical", "low"], Clocks] = Field(default_factory=dict)
    shapes: tuple[Annotated[Round | Square, Field(discriminator="shape")], ...] = ()
    words: tuple[str, ...] = ()


def refused(text: str | bytes) -> list[str]:
    """Every problem of a text read as a Sample."""
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(Unusable) as caught:
        understand(parse_document("sample.yaml", content), Sample)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_becomes_plain_values_with_the_place_of_each() -> None:
    document = documents.parse_document("sample.yaml", b"# a comment\ntitle: Tea\nwords:\n  - one\n  - two\n")
    assert document.value == {"title": "Tea", "words": ["one", "two"]}
    assert (document.values["title",].line, document.values["title",].column) == (2, 8)
    assert (document.keys["words",].line, document.keys["words",].column) == (3, 1)
    assert (document.values["words", 1].line, document.values["words", 1].column) == (5, 5)
    assert understand(document, Sample).words == ("one", "two")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("NO", "NO"),
        ("True", "True"),
        ("true", True),
        ("1:30", "1:30"),
        ("2026-11-23", "2026-11-23"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("-3", -3),
        ("2.50", 2.5),
        ("1e-3", 0.001),
        ("~", None),
        ("=", "="),
        ("9" * 5_000, "9" * 5_000),
    ],
)
def test_a_word_means_what_it_looks_like(written: str, value: object) -> None:
    """YAML 1.1 would read some of these as truth values, sexagesimal numbers, octals or dates."""
    assert parse_document("sample.yaml", f"title: {written}\n".encode()).value == {"title": value}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "title: Tea\nclocks:\n  critical:\n    acknowledge_within: 15 minuts\n",
            'sample.yaml:4:25 clocks.critical.acknowledge_within: "15 minuts" is not a duration; '
            "write for example 15m, 2h or 24h",
        ),
        ("title: Tea\ncuont: 3\n", "sample.yaml:2:1 cuont: is not known here; did you mean count?"),
        (
            "title: Tea\nclocks:\n  low: {acknowledge_within: 1h, updat_every: 2h}\n",
            "sample.yaml:3:33 clocks.low.updat_every: is not known here; did you mean update_every?",
        ),
        ("count: 3\n", "sample.yaml:1:1 title: is missing; add it"),
        (
            "title: Tea\nclocks:\n  critical: {}\n",
            "sample.yaml:3:3 clocks.critical.acknowledge_within: is missing; add it",
        ),
        (
            "title: Tea\nclocks:\n  citical: {acknowledge_within: 1h}\n",
            'sample.yaml:3:3 clocks.citical: "citical" is not one of critical, low; did you mean critical?',
        ),
        (
            "title: 3\n",
            "sample.yaml:1:8 title: 3 is not text; write it as text, in quotes if it looks like a number",
        ),
        (
            "title: Tea\nenabled: perhaps\n",
            'sample.yaml:2:10 enabled: "perhaps" is not true or false; write true or false',
        ),
        (
            "title: Tea\ncount: many\n",
            'sample.yaml:2:8 count: "many" is not a whole number; write for example 3',
        ),
        ('title: ""\n', "sample.yaml:1:8 title: is empty; say what belongs here"),
        (
            "title: Tea\nwords: one\n",
            'sample.yaml:2:8 words: "one" is not a list; write each item on its own line after a dash',
        ),
        (
            "title: Tea\nshapes:\n  - shape: round\n    radius: -1\n",
            "sample.yaml:4:13 shapes[0].radius: -1 is out of range; it must be more than 0.0",
        ),
        (
            "title: Tea\nshapes:\n  - {shape: round, radus: 1, radius: 2}\n",
            "sample.yaml:3:20 shapes[0].radus: is not known here; did you mean radius?",
        ),
        (
            "title: Tea\nshapes:\n  - shape: ruond\n",
            'sample.yaml:3:5 shapes[0]: "ruond" is not one of round, square; did you mean round?',
        ),
        (
            "- a\n- b\n",
            "sample.yaml:1:1: a list is not a mapping; write key: value on the lines below, indented",
        ),
        ("", "sample.yaml:1:1: is empty; `holdfast init` writes one to start from"),
        ("# only a comment\n", "sample.yaml:1:1: is empty; `holdfast init` writes one to start from"),
        ("title: Tea\n\tcount: 3\n", "sample.yaml:2:1: is indented with a tab; use spaces"),
        (
            "title: Tea: green\n",
            "sample.yaml:1:11: has a second colon in one value; "
            "put the text in quotes, or break the line after a >- sign",
        ),
        (
            "title: Tea\n---\ntitle: Mint\n",
            "sample.yaml:2:1: holds a second document (---); keep one document in a file",
        ),
        ("title: [a\n", "sample.yaml:2:1: is not YAML:"),
        (
            "title: Tea\ncount: 1\ntitle: Mint\n",
            "sample.yaml:3:1 title: is written twice, first in line 1; keep one of them",
        ),
        ("? [a, b]\n: 3\n", "sample.yaml:1:3: a key must be a word; write key: value"),
        (b"title: caf\xe9\n", "sample.yaml:1:1: is not UTF-8 text; save the file as UTF-8"),
        (
            b"a: 1\ntitle: a\x07b\n",
            "sample.yaml:2:9: holds a character that text may not hold (U+0007); remove it",
        ),
    ],
)
def test_what_is_wrong_names_line_column_path_cause_and_fix(text: str | bytes, expected: str) -> None:
    """R-PRE-02/faults, R-XCT-04/files."""
    assert refused(text)[0].startswith(expected)


def test_all_problems_are_told_at_once_and_in_the_order_of_the_file() -> None:
    text = "count: many\nenabled: perhaps\nclocks:\n  low: {acknowledge_within: 3}\nextra: 1\n"
    lines = [sentence.split(":")[1] for sentence in refused(text)]
    assert lines == ["1", "1", "2", "4", "5"]


def test_a_problem_shows_the_line_with_a_caret_under_the_place() -> None:
    with pytest.raises(Unusable) as caught:
        understand(parse_document("sample.yaml", b"title: Tea\ncount: many\n"), Sample)
    assert caught.value.problems[0].excerpt == "count: many\n       ^"


def test_repeated_keys_are_found_at_every_depth() -> None:
    sentences = refused(
        "title: Tea\nclocks:\n  low: {acknowledge_within: 1h, acknowledge_within: 9h}\n  low: {}\n"
    )
    assert sentences == [
        "sample.yaml:3:33 clocks.low.acknowledge_within: is written twice, first in line 3; keep one of them",
        "sample.yaml:4:3 clocks.low: is written twice, first in line 3; keep one of them",
    ]


def test_attack_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for here, before in zip("bcdefghi", "abcdefgh", strict=True):
        bomb += f"{here}: &{here} [{', '.join([f'*{before}'] * 9)}]\n"
    (only,) = refused(bomb)
    assert only == "sample.yaml:1:4: anchors and aliases (& and *) are not accepted; write the value out"


def test_attack_a_merge_key_cannot_bring_in_values_from_elsewhere() -> None:
    assert "anchors and aliases" in refused("base: &b {title: Tea}\n<<: *b\n")[0]
    assert refused("title: Tea\n<<: {count: 3}\n")[0].startswith("sample.yaml:2:1 <<: is not known here")


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['true']", "!!binary aGk=", "!x 1", "!!str 3"]
)
def test_attack_a_tag_is_refused_and_constructs_nothing(tag: str) -> None:
    (only,) = refused(f"title: {tag}\n")
    assert only.startswith("sample.yaml:1:8: the tag ")
    assert only.endswith("is not accepted; write the plain value")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_attack_nesting_without_end_is_refused_and_does_not_overflow(opening: str) -> None:
    (only,) = refused(f"title: {opening * 50_000}" if opening != "- " else opening * 50_000)
    assert "is nested deeper than 24 levels; flatten it" in only


def test_attack_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    huge = tmp_path / "playbook.yaml"
    with huge.open("wb") as handle:
        handle.truncate(10 * 1024**3)
    with pytest.raises(Unusable) as caught:
        read_document(tmp_path, huge)
    assert str(caught.value) == (
        f"playbook.yaml: is {10 * 1024**3} bytes long; at most {LARGEST} are read; "
        "split it or take data out of it"
    )


def test_attack_a_link_out_of_the_workspace_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("password: hunter2\n")
    inside = tmp_path / "work"
    inside.mkdir()
    (inside / "playbook.yaml").symlink_to(tmp_path / "secret.yaml")
    for path in (inside / "playbook.yaml", inside / ".." / "secret.yaml"):
        with pytest.raises(Unusable, match="leads out of the workspace") as caught:
            read_document(inside, path)
        assert "hunter2" not in str(caught.value)


def test_a_missing_file_and_a_folder_in_its_place_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    for name, words in (("none.yaml", "is not there"), ("folder.yaml", "cannot be read")):
        with pytest.raises(Unusable, match=words):
            read_document(tmp_path, tmp_path / name)


def causes(content: bytes) -> list[str]:
    """What is wrong with any bytes; empty when they are a document with a place for everything."""
    try:
        document = documents.parse_document("sample.yaml", content)
    except Unusable as unusable:
        return [problem.cause for problem in unusable.problems]
    return [] if () in document.values else [""]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_problems_and_nothing_else(content: bytes) -> None:
    assert all(causes(content))


@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@`, \n\t?~1.", max_size=80))
def test_any_scribble_of_yaml_signs_is_a_document_or_problems(text: str) -> None:
    assert all(causes(text.encode()))


def test_a_way_is_spelled_as_people_write_it() -> None:
    assert spelled(("monitors", 0, "limit", "below")) == "monitors[0].limit.below"
    assert spelled(()) == ""


def test_durations_in_models_keep_their_length() -> None:
    document = documents.parse_document("s.yaml", b"title: Tea\nclocks: {low: {acknowledge_within: 7d}}\n")
    assert understand(document, Sample).clocks["low"].acknowledge_within == timedelta(days=7)


_WORDS = ("key: ", "- ", "\n  ", "true", "null", "1.5", "---\n", "...\n")
_CHARS = st.sampled_from([*"ab1:-?[]{},#&*!|>'\"%@` \n.~\r\x85\u2028é😀", *_WORDS])


@given(st.lists(_CHARS, max_size=30).map("".join))
@settings(max_examples=300)
def test_both_parsers_compose_the_same(text: str) -> None:
    """Where both read a text, they read the same; what one refuses, such as `|#`, has no second meaning."""
    quick, exact = outcome(documents._Quick, text), outcome(documents._Loader, text)
    assert None in (quick, exact) or quick == exact


def outcome(loader: Any, text: str) -> Any:
    """Every node with its kind, value and place; None when it is refused."""
    try:
        return laid_out(loader(text).get_single_node())
    except (documents._Refused, yaml.YAMLError, UnicodeError):
        return None


def laid_out(node: Any) -> Any:
    if node is None:
        return "empty"
    value = node.value
    if isinstance(value, list):
        value = [tuple(map(laid_out, one)) if isinstance(one, tuple) else laid_out(one) for one in value]
    return node.tag, node.start_mark.line, node.start_mark.column, value


def test_what_nobody_sees_in_a_file_is_written_out_and_its_bytes_stay() -> None:
    content = "name: 'Loan\u200b approval\u2060'\n".encode()
    document = documents.parse_document("systems/x.yaml", content)
    assert document.value == {"name": "Loan⟨U+200B⟩ approval⟨U+2060⟩"}
    assert document.content == content
