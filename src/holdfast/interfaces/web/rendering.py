"""How pages are made: templates, small drawings, and what every page is given.

One idea: a page is a pure function of what its view hands over. The current time, the reader and the state
of the ledger arrive in one `Shell`; filters take `now` as an argument, so the same page can be made again.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import SimpleNamespace
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from holdfast import charts, wording
from holdfast.metrics import digits_of
from holdfast.wording import plural, visible

Tone = Literal["plain", "good", "warn", "bad"]


# --- what every page is given ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What the ledger can prove at this moment; it stands in the corner of every page."""

    facts: int
    """How many facts are recorded."""
    waiting: int = 0
    """How many of them no checkpoint covers yet."""
    sealed_at: datetime | None = None
    """When the newest checkpoint was signed; None before the first."""
    root: str | None = None
    """Root hash of that checkpoint, in hex."""
    witnessed_at: datetime | None = None
    """Up to when an outside witness has signed; None without witnesses."""
    trouble: str = ""
    """What is wrong with the ledger, as a sentence; every page then says so."""
    stepped: bool = False
    """Whether the trouble is a jump of the machine's clock."""
    checked_at: datetime | None = None
    """When all of it was checked last; None before the first check."""
    verdict: str = ""
    """What that check found: `holds`, `does not hold`, `cannot say`."""

    @property
    def alarm(self) -> str:
        """The trouble in a few words."""
        if self.stepped:
            return "The machine's clock jumped"
        if self.verdict == "cannot say":
            return "Whether the ledger holds cannot be said"
        return "The ledger does not check out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who looks at the page."""

    id: str
    name: str
    roles: tuple[str, ...] = ()
    may: frozenset[str] = frozenset()
    """The permissions that `people.allowed` grants them; templates offer nothing else."""
    zone: str | None = None
    """Their time zone by its IANA name; None shows UTC alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to tell the reader above the page: the result of what they just did, or a problem."""

    title: str
    text: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What base.html needs from every view."""

    now: datetime
    here: str
    """Key of the navigation entry the page belongs to, for example `incidents`."""
    reader: Reader
    seal: Seal
    csrf: str
    """Token that every form sends back in the field `csrf`."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many things wait behind a navigation entry, by its key; zero is not shown."""
    notices: tuple[Notice, ...] = ()
    address: str = ""
    """Where the page lives, when it answers a form that was sent to another address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One line of a timeline, as `ui.timeline` shows it."""

    seq: int
    """Position of the fact in the ledger."""
    at: datetime
    """When it happened, which for a back-filled entry is earlier than when it was recorded."""
    title: str
    text: str = ""
    """Follows the title on the same line."""
    detail: str = ""
    tone: Literal["plain", "alarm", "act", "note"] = "plain"
    backfilled: bool = False
    links: tuple[tuple[str, str], ...] = ()
    """(text, address) of the evidence behind it."""
    proof: str = ""
    """Address of the proof of the fact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """One step the playbook asks for next, as `ui.next_actions` shows it."""

    title: str
    verb: str
    """What the button says."""
    detail: str = ""
    href: str = ""
    """Address of the page where it is done, or"""
    action: str = ""
    """address to post to when one press is enough."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What is posted to `action` besides the token."""
    other: tuple[str, str] | None = None
    """(text, address) of another way than the button's."""
    key: str = ""
    """The letter that does it from the keyboard."""
    needs: str = ""
    """Who must do it, when the reader may not; then there is no button."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the navigation."""

    key: str
    label: str
    href: str


NAVIGATION: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "",
        (
            Entry("home", "Home", "/"),
            Entry("incidents", "Incidents", "/incidents"),
            Entry("alerts", "Alerts", "/alerts"),
            Entry("containment", "Containment", "/containment"),
            Entry("systems", "Systems", "/systems"),
        ),
    ),
    (
        "Prepare and learn",
        (Entry("playbook", "Playbook", "/playbook"), Entry("reviews", "Reviews", "/reviews")),
    ),
    ("Prove", (Entry("evidence", "Evidence", "/evidence"), Entry("ledger", "Ledger", "/ledger"))),
)


def page(templates: Environment, name: str, shell: Shell, **content: Any) -> str:
    """A whole page: the template in the frame of base.html, with `shell` and `now` at hand."""
    return templates.get_template(name).render(shell=shell, now=shell.now, **content)


def fragment(templates: Environment, name: str, **content: Any) -> str:
    """A part of a page, for what htmx swaps in."""
    return templates.get_template(name).render(**content)


# --- small drawings and differences ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Geometry of a small line, in pixels from the top left corner."""

    width: int
    height: int
    lines: tuple[tuple[str, str], ...]
    """(status, points) of each stretch, as SVG polyline points."""
    dots: tuple[tuple[float, float], ...]
    limit: float | None


def sparkline(
    points: Sequence[tuple[float | None, charts.Status]],
    limit: float | None = None,
    width: int = 150,
    height: int = 34,
) -> Sparkline:
    """Where a small line runs; gaps where nothing was computable, like the large chart."""
    values = [value for value, _ in points if value is not None] + ([] if limit is None else [limit])
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = 3.0

    def across(index: int) -> float:
        return round(room + (width - 2 * room) * (index / (len(points) - 1) if len(points) > 1 else 0.5), 1)

    def down(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(height - room - share * (height - 2 * room), 1)

    lines: list[tuple[str, str]] = []
    dots: list[tuple[float, float]] = []
    for run in charts.runs(points):
        places = [
            (across(index), down(value))
            for index in range(run.first, run.last + 1)
            if (value := points[index][0]) is not None
        ]
        if len(places) == 1:
            dots.append(places[0])
        else:
            lines.append((run.status, " ".join(f"{x:g},{y:g}" for x, y in places)))
    return Sparkline(width, height, tuple(lines), tuple(dots), None if limit is None else down(limit))


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a comparison; numbers are None on the side that does not have it."""

    kind: Literal["same", "added", "removed", "gap"]
    text: str
    before: int | None = None
    after: int | None = None


def diff(old: str, new: str, context: int = 3) -> tuple[DiffLine, ...]:
    """What changed between two texts, line by line; longer unchanged stretches become one `gap`."""
    before, after = old.splitlines(), new.splitlines()
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    return tuple(_diff_lines(matcher, before, after, context))


def _diff_lines(
    matcher: difflib.SequenceMatcher[str], before: list[str], after: list[str], context: int
) -> Iterator[DiffLine]:
    reached = 0
    for group in matcher.get_grouped_opcodes(context):
        if skipped := group[0][1] - reached:
            yield DiffLine("gap", f"{plural(skipped, 'line')} unchanged")
        for operation, i1, i2, j1, j2 in group:
            if operation == "equal":
                for step in range(i2 - i1):
                    yield DiffLine("same", before[i1 + step], i1 + step + 1, j1 + step + 1)
                continue
            for index in range(i1, i2):
                yield DiffLine("removed", before[index], before=index + 1)
            for index in range(j1, j2):
                yield DiffLine("added", after[index], after=index + 1)
        reached = group[-1][2]
    if reached and (rest := len(before) - reached):
        yield DiffLine("gap", f"{plural(rest, 'line')} unchanged")


def sentence(text: str) -> str:
    """A refusal as it stands on a page: it begins with a capital and ends with a full stop."""
    return wording.capital(wording.sentence(text.strip()))


# --- the environment ------------------------------------------------------------------------------

_FILTERS = (
    wording.utc,
    wording.utc_short,
    wording.day,
    wording.span,
    wording.time_of_day,
    wording.iso,
    wording.local,
    wording.duration,
    wording.left,
    wording.ago,
    wording.figure,
    wording.interval,
    wording.percent,
    wording.thousands,
    wording.bounded,
    wording.filesize,
    wording.plural,
    wording.short_hash,
    wording.group,
    digits_of,
    sentence,
)


def _seen(value: Any) -> Any:
    """What a template puts out: text from outside with everything unseen in it written out."""
    return visible(value) if type(value) is str else value


def environment() -> Environment:
    """The templates of the product: escaping everything, refusing what a view forgot to pass.

    Every macro under templates/components is at hand in every template as `ui.name`.
    Raises ValueError when two components share a name.
    """
    made = Environment(
        loader=PackageLoader("holdfast.interfaces.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
    )
    made.filters.update({filter_.__name__: filter_ for filter_ in _FILTERS})
    made.globals.update(
        static=static,
        navigation=NAVIGATION,
        sparkline=sparkline,
        diff=diff,
        drawing=Markup,
        ui=(components := SimpleNamespace()),
    )
    # Filled in place: a component finds its neighbours in the same namespace when it is called.
    vars(components).update(_components(made))
    return made


def _components(templates: Environment) -> dict[str, Any]:
    macros: dict[str, Any] = {}
    for name in sorted(templates.list_templates()):
        if not name.startswith("components/"):
            continue
        for macro, made in vars(templates.get_template(name).module).items():
            if macro.startswith("_") or not callable(made):
                continue
            if macro in macros:
                raise ValueError(
                    f"{name} has a second component called {macro!r}; names are shared by all pages"
                )
            macros[macro] = made
    return macros


def static(path: str) -> str:
    """Address of a static file with its content hash, so that browsers may keep it for ever.

    Raises FileNotFoundError for a file that is not there.
    """
    return f"/static/{path}?v={_content_hash(path)}"


@cache
def _content_hash(path: str) -> str:
    return hashlib.sha256(static_folder().joinpath(path).read_bytes()).hexdigest()[:10]


def static_folder() -> Traversable:
    """Where the files under /static live."""
    return resources.files("holdfast.interfaces.web").joinpath("static")
