"""Reading the files people edit, and saying exactly where they are wrong.

One idea: YAML is read into plain values *and* the place of every key and value, so that any later
complaint, from the shape of a model to a rule that does not type-check, can point at line and column.

The dialect is small on purpose: UTF-8, spaces, no anchors, aliases, tags or repeated keys, and only
`true` and `false` are truth values. A line then means what it says, in a difference as in an audit.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from yaml.composer import Composer
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver

from holdfast.problems import Fault, Problem, explain
from holdfast.wording import visible

LARGEST = 512 * 1024
"""Bytes a file may have; a playbook of a large organisation is a tenth of it."""
DEEPEST = 24
"""Levels of nesting; a well-formed file needs seven."""

Way = tuple[str | int, ...]
"""The way to a value: keys and list positions (from 0)."""


class Entry(BaseModel):
    """Base of everything read from a file: unknown keys are errors, nothing changes afterwards."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, use_attribute_docstrings=True
    )


class Unusable(Exception):
    """Files that cannot be used; `problems` says everything that is wrong with all of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Place:
    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """One file: its exact bytes, plain values, and where each of them stands."""

    name: str
    """Path relative to the workspace, with forward slashes, as shown in messages."""
    content: bytes
    value: Any
    keys: dict[Way, Place] = field(repr=False)
    values: dict[Way, Place] = field(repr=False)

    @property
    def text(self) -> str:
        return self.content.decode("utf-8")

    def problem(
        self, way: Sequence[str | int], cause: str, fix: str = "", *, at_key: bool = False
    ) -> Problem:
        """A problem at the value (or key) that `way` leads to, or at the nearest thing above that exists."""
        real = self._existing(way)
        there = len(real) == len(way)
        place = self.keys.get(real) if at_key or not there else None
        return self.problem_at(place or self.values.get(real) or Place(1, 1), spelled(way), cause, fix)

    @staticmethod
    def spelled(way: Sequence[str | int]) -> str:
        """`("monitors", 0, "metric")` as `monitors[0].metric`."""
        return spelled(way)

    def problem_at(self, place: Place, path: str, cause: str, fix: str = "") -> Problem:
        """A problem at an exact place, with the line and a caret under it."""
        excerpt = caret(self.text, place.line, place.column)
        return Problem(self.name, place.line, place.column, path, cause, fix, excerpt)

    def within(self, way: Sequence[str | int], offset: int) -> Place:
        """The place `offset` characters into a text written on one line; its start when it is not."""
        place = self.values[tuple(way)]
        line = self.text.splitlines()[place.line - 1][place.column - 1 :]
        value = self._at(way)
        for quote in ("", '"', "'"):
            if isinstance(value, str) and line.startswith(quote + value):
                return Place(place.line, place.column + len(quote) + offset)
        return place

    def _at(self, way: Sequence[str | int]) -> Any:
        value = self.value
        for step in way:
            value = value[step]
        return value

    def _existing(self, way: Sequence[str | int]) -> Way:
        """The longest part of the way that the file has; steps the file does not know are passed over.

        Pydantic puts words into a way that no file holds (the tag of a union, `[key]`).
        """
        found: Way = ()
        for step in way:
            if (*found, step) in self.values:
                found = (*found, step)
        return found


def caret(text: str, line: int, column: int) -> str:
    """The line of a text with a caret under one column; tabs keep their width."""
    lines = text.splitlines()
    if not 0 < line <= len(lines):
        return ""
    source = lines[line - 1]
    if len(source) > 300:
        return ""
    pad = "".join("\t" if char == "\t" else " " for char in source[: column - 1]).ljust(column - 1)
    return f"{source}\n{pad}^"


def spelled(way: Sequence[str | int]) -> str:
    """`("monitors", 0, "metric")` as `monitors[0].metric`."""
    text = ""
    for step in way:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


class _Composer(Composer):
    """The small dialect: composes nodes only, and refuses what could mean more than it says."""

    depth = 0
    peek_event: Callable[[], Any]

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(
                event.start_mark, "anchors and aliases (& and *) are not accepted", "write the value out"
            )
        if getattr(event, "tag", None):
            raise _Refused(event.start_mark, f"the tag {event.tag} is not accepted", "write the plain value")
        self.depth += 1
        if self.depth > DEEPEST:
            raise _Refused(event.start_mark, f"is nested deeper than {DEEPEST} levels", "flatten it")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Loader(_Composer, yaml.SafeLoader):
    """Reads with PyYAML's own parser, whose complaints say what is wrong in words that can be translated."""


class _Quick(_Composer, CParser, Resolver):
    """Reads with libyaml's parser, several times faster; used for what has nothing to complain about."""

    def __init__(self, stream: str) -> None:
        CParser.__init__(self, stream)
        Resolver.__init__(self)

    def compose_scalar_node(self, anchor: Any) -> Any:
        node = super().compose_scalar_node(anchor)
        if not node.value and not node.style:
            raise yaml.YAMLError("the two parsers place a value that is not there differently")
        return node


def _compose(text: str) -> Any:
    """The root node of the text, or None. Raises yaml.YAMLError or _Refused.

    libyaml takes tabs in places where PyYAML refuses them, and passes over byte order marks: a text with
    either is read by PyYAML alone.
    """
    if "\t" not in text and "\ufeff" not in text:
        try:
            return _Quick(text).get_single_node()
        except (yaml.YAMLError, UnicodeError):
            pass  # read again below, for the complaint
    return _Loader(text).get_single_node()


class _Refused(Exception):
    def __init__(self, mark: Any, cause: str, fix: str) -> None:
        super().__init__(cause)
        self.mark, self.cause, self.fix = mark, cause, fix


# The core schema of YAML 1.2 without its octal, hexadecimal and infinite spellings: `on`, `no`, `1:30`
# and `2026-11-23` are text.
_Loader.yaml_implicit_resolvers = {}
_Quick.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("bool", r"^(?:true|false)$", list("tf")),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", list("-+0123456789")),
    ("float", r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", list("-+0123456789")),
):
    for _reader in (_Loader, _Quick):
        _reader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def read_document(root: Path, path: Path) -> Document:
    """Read one file under `root`. Raises Unusable saying where and why it cannot be read."""
    name = _name(root, path)
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST else b""
    except FileNotFoundError:
        raise Unusable(
            [Problem(name, 0, 0, "", "is not there", "`holdfast init` writes one to start from")]
        ) from None
    except OSError as error:
        cause = f"cannot be read ({error.strerror or error})"
        raise Unusable([Problem(name, 0, 0, "", cause, "make it a readable file")]) from error
    if size > LARGEST:
        cause = f"is {size} bytes long; at most {LARGEST} are read"
        raise Unusable([Problem(name, 0, 0, "", cause, "split it or take data out of it")])
    return parse_document(name, content)


def _name(root: Path, path: Path) -> str:
    """The path as shown; a file reached by a link out of the workspace is refused."""
    if not path.resolve().is_relative_to(root.resolve()):
        cause = "leads out of the workspace by a link"
        raise Unusable([Problem(path.name, 0, 0, "", cause, "copy the file into the workspace")])
    return path.absolute().relative_to(root.absolute()).as_posix()


def parse_document(name: str, content: bytes) -> Document:
    """The document these bytes spell. Raises Unusable naming line and column of what cannot be read."""
    if len(content) > LARGEST:
        raise Unusable([Problem(name, 0, 0, "", f"is longer than {LARGEST} bytes", "split it")])
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unusable([Problem(name, line, 1, "", "is not UTF-8 text", "save the file as UTF-8")]) from error
    reader = _Reader(name, text)
    value = reader.read()
    if reader.problems:
        raise Unusable(reader.problems)
    return Document(name, content, value, reader.keys, reader.values)


class _Reader:
    """Turns nodes into plain values while noting places; collects repeated keys rather than stopping."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self.keys: dict[Way, Place] = {}
        self.values: dict[Way, Place] = {}
        self.problems: list[Problem] = []

    def read(self) -> Any:
        try:
            node = _compose(self.text)
        except _Refused as refused:
            self._complain(refused.mark, refused.cause, refused.fix)
        except yaml.reader.ReaderError as error:
            cause = f"holds a character that text may not hold (U+{_code_point(error):04X})"
            self.problems.append(Problem(self.name, *_at(self.text, error.position), "", cause, "remove it"))
        except yaml.MarkedYAMLError as error:
            self._complain(error.problem_mark or error.context_mark, *_yaml_words(error, self.text))
        else:
            if node is None:
                self.problems.append(
                    Problem(self.name, 1, 1, "", "is empty", "`holdfast init` writes one to start from")
                )
            else:
                return self._value(node, ())
        return None

    def _complain(self, mark: Any, cause: str, fix: str, path: str = "") -> None:
        line, column = mark.line + 1, mark.column + 1
        self.problems.append(
            Problem(self.name, line, column, path, cause, fix, caret(self.text, line, column))
        )

    def _value(self, node: Any, way: Way) -> Any:
        self.values[way] = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, way)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*way, index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: Any, way: Way) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = key_node.start_mark
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(mark, "a key must be a word", "write key: value", spelled(way))
                continue
            key = str(key_node.value)
            here = (*way, key)
            if key in result:
                first = self.keys[here].line
                self._complain(
                    mark, f"is written twice, first in line {first}", "keep one of them", spelled(here)
                )
                continue
            self.keys[here] = Place(mark.line + 1, mark.column + 1)
            result[key] = self._value(value_node, here)
        return result


def _scalar(node: Any) -> Any:
    kind = node.tag.rsplit(":", 1)[-1]
    text = node.value
    if kind == "null":
        return None
    if kind == "bool":
        return text == "true"
    if kind == "int":
        # Longer numbers are no quantity anybody means; Python would also refuse to convert very long ones.
        return int(text) if len(text) <= 18 else text
    # A name that holds U+202E reads as another: what nobody would see is written out.
    return float(text) if kind == "float" else visible(text)


def _code_point(error: Any) -> int:
    return error.character if isinstance(error.character, int) else ord(error.character)


def _at(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def _yaml_words(error: Any, text: str) -> tuple[str, str]:
    """PyYAML's complaint as a cause and a remedy."""
    problem = str(error.problem or error.context or "cannot be read")
    mark = error.problem_mark or error.context_mark
    line = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    if "'\\t'" in problem or "\t" in line[: len(line) - len(line.lstrip())]:
        return "is indented with a tab", "use spaces"
    if "mapping values are not allowed here" in problem:
        return "has a second colon in one value", "put the text in quotes, or break the line after a >- sign"
    if "but found another document" in problem:
        return "holds a second document (---)", "keep one document in a file"
    if "could not find expected ':'" in problem:
        return "is not a key with a value", "write key: value, or indent the text under its key"
    if "expected <block end>" in problem:
        return "does not line up with what stands above", "indent it like its neighbours"
    return f"is not YAML: {problem}", "check indentation, quotes and brackets"


ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Read(Generic[ModelT]):
    """A document and what it means."""

    document: Document
    model: ModelT


def understand(document: Document, model: type[ModelT]) -> ModelT:
    """The document as `model`. Raises Unusable with every problem, each at its line and column."""
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        items = [item for item in error.errors() if not _follows(item, error.errors())]
        raise Unusable(dict.fromkeys(_problem(document, model, item) for item in items)) from None


def _follows(item: Any, items: Sequence[Any]) -> bool:
    """Whether a list is only too short because its items are wrong: then the items say it."""
    way = item["loc"]
    deeper = (other["loc"] for other in items if len(other["loc"]) > len(way))
    return item["type"] == "too_short" and any(loc[: len(way)] == way for loc in deeper)


def _problem(document: Document, model: type[BaseModel], item: Any) -> Problem:
    way = tuple(step for step in item["loc"] if step != "[key]")
    cause, fix = explain(item, _known(model, way[:-1]))
    fault = item.get("ctx", {}).get("error")
    way += fault.at if isinstance(fault, Fault) else ()
    at_key = item["type"] == "extra_forbidden" or "[key]" in item["loc"]
    shown = tuple(
        step for position, step in enumerate(way) if _is_real(document, way, position, item["type"])
    )
    return document.problem(shown, cause, fix, at_key=at_key)


def _is_real(document: Document, way: Way, position: int, kind: str) -> bool:
    """Whether a step is one the person wrote (or should write), and not a union's tag."""
    if position == len(way) - 1 and kind == "missing":
        return True
    return document._existing(way[: position + 1]) != document._existing(way[:position])


def _known(model: type[BaseModel], way: Sequence[str | int]) -> list[str]:
    """The keys a model allows at a way, for did-you-mean."""
    reached: list[Any] = [model]
    for step in way:
        further = [after for kind in reached for after in _step(kind, step)]
        reached = further or reached
    return sorted({name for kind in reached for name in _fields(kind)})


def _step(kind: Any, step: str | int) -> Iterator[Any]:
    """The types one step below a type; nothing when the step is not in it."""
    for option in _options(kind):
        origin = get_origin(option)
        if isinstance(option, type) and issubclass(option, BaseModel):
            if step in _fields(option):
                yield option.model_fields[_field_of(option, str(step))].annotation
            elif _is_tag(option, step):
                yield option
        elif origin is dict:
            yield get_args(option)[1]
        elif origin in (list, tuple, frozenset, set):
            yield get_args(option)[0]


def _options(kind: Any) -> Iterator[Any]:
    """The members of a union, without annotations; a plain type is its own only member."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _options(get_args(kind)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(kind):
            yield from _options(member)
    else:
        yield kind


def _fields(kind: Any) -> list[str]:
    names = []
    for option in _options(kind):
        if isinstance(option, type) and issubclass(option, BaseModel):
            names += [info.alias or name for name, info in option.model_fields.items()]
    return names


def _field_of(model: type[BaseModel], key: str) -> str:
    return next(name for name, info in model.model_fields.items() if (info.alias or name) == key)


def _is_tag(model: type[BaseModel], step: str | int) -> bool:
    """Whether the step is the tag by which a discriminated union chose this model."""
    literals = (
        info.annotation for info in model.model_fields.values() if get_origin(info.annotation) is Literal
    )
    return any(step in get_args(literal) for literal in literals)
