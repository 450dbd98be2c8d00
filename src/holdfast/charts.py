"""Charts of a monitor: one Vega-Lite theme made of the product's own tokens, for pages and for print.

One idea: a chart says how sure it is. A solid line was measured, a dashed one is estimated, a dotted one
still waits for labels, and where nothing could be computed there is a gap, never a zero. Everything is
plain data in and a Vega-Lite specification out; only `render_svg` runs anything, and it reads no network.
"""

from __future__ import annotations

import importlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from html import escape
from importlib import resources
from typing import Any, Literal

Status = Literal["measured", "estimated", "pending", "not_computable"]
Scheme = Literal["light", "dark", "page"]
Spec = dict[str, Any]

_CERTAINTY: dict[str, int] = {"measured": 0, "estimated": 1, "pending": 2}
_DASH: dict[str, list[float]] = {"measured": [1, 0], "estimated": [5, 4], "pending": [0.5, 4]}
_VEGA_LITE = "6.4"

_AXIS_WIDTH = 44  # pixels kept for the figures left of the plot
_LETTER = 6.8  # widest average advance of the theme's 11-pixel face, in pixels
_NARROW = 480  # below this width the limit's words stand inside the plot, on the side of the harm
_ROW = 15  # height of one line of words, in pixels


class ChartsUnavailable(Exception):
    """The optional renderer is not installed; the table next to a chart holds the same numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measurement as the chart shows it; times are aware, values in the metric's own unit."""

    start: datetime
    end: datetime
    status: Status
    value: float | None
    """None where it is not computable."""
    lower: float | None = None
    upper: float | None = None
    labelled_share: float | None = None
    """Share of the window whose outcome is known, 0 to 1; None for metrics that need no labels."""
    alarm: bool = False

    @property
    def middle(self) -> datetime:
        """Where the value stands on the time axis: the middle of its window."""
        return self.start + (self.end - self.start) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The value a monitor alarms at, and on which side the harm lies."""

    value: float
    breached: Literal["below", "above"] = "below"
    text: str = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at one moment: a model version went live, an incident opened."""

    at: datetime
    text: str
    kind: Literal["version", "incident"] = "version"


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring points drawn in one style; `first` and `last` are positions, both included."""

    status: Status
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Palette:
    """The tokens a chart draws with: colours by token name, and the typeface."""

    colours: Mapping[str, str]
    font: str

    def __getitem__(self, token: str) -> str:
        return self.colours[token]


# --- tokens ---------------------------------------------------------------------------------------


@cache
def tokens() -> Mapping[str, tuple[str, str]]:
    """Every colour of tokens.css as (light, dark); that file is the one source of them."""
    text = resources.files("holdfast").joinpath("interfaces/web/static/tokens.css").read_text("utf-8")
    found = re.findall(r"--([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)", text)
    return {name: (light, dark) for name, light, dark in found}


def palette(scheme: Scheme) -> Palette:
    """The theme's colours: `light` and `dark` are fixed (for print), `page` follows the reader's scheme.

    For `page` each colour is the CSS variable itself, so one inlined drawing serves both schemes.
    """
    if scheme == "page":
        return Palette({name: f"var(--{name})" for name in tokens()}, "Inter, system-ui, sans-serif")
    side = 0 if scheme == "light" else 1
    return Palette(
        {name: pair[side] for name, pair in tokens().items()}, "Inter, Liberation Sans, sans-serif"
    )


def theme(colours: Palette) -> Spec:
    """The Vega-Lite configuration every chart of the product shares."""
    return {
        "background": None,
        "font": colours.font,
        "padding": {"left": 0, "right": 8, "top": 4, "bottom": 4},  # faces differ in width: never clip a word
        "aria": False,  # the drawing is one picture with a title and a description, not a thousand symbols
        "view": {"stroke": None},
        "text": {"font": colours.font, "fontSize": 11, "color": colours["ink-3"]},
        "axis": {
            "domain": False,
            "ticks": False,
            "title": None,
            "gridColor": colours["line"],
            "labelColor": colours["ink-3"],
            "labelFont": colours.font,
            "labelFontSize": 11,
            "labelPadding": 8,
        },
    }


# --- what is drawn where --------------------------------------------------------------------------


def runs(points: Sequence[tuple[float | None, Status]]) -> tuple[Run, ...]:
    """Split a series of (value, status) into stretches of one style, leaving gaps where there is no value.

    A stretch between two points is only as certain as the less certain of the two, so an estimate is
    joined to the last measured point by a dashed line. A point without neighbours is a run of its own.
    """
    made: list[Run] = []
    previous: int | None = None
    for index, (value, status) in enumerate(points):
        if value is None or status == "not_computable":
            previous = None
            continue
        if previous is None:
            made.append(Run(status, index, index))
        else:
            style = max(status, points[previous][1], key=lambda name: _CERTAINTY[name])
            if made[-1].first == made[-1].last == previous:
                made[-1] = Run(style, previous, index)
            elif made[-1].status == style:
                made[-1] = Run(style, made[-1].first, index)
            else:
                made.append(Run(style, previous, index))
        previous = index
    return tuple(made)


def legend(points: Sequence[Point]) -> str:
    """What the lines, band and bars mean, naming only what this chart shows."""
    statuses = {point.status for point in points}
    drawn = {point.status for point in points if point.value is not None}
    parts = [
        text
        for status, text in (
            ("measured", "line: measured"),
            ("estimated", "dashed: estimated"),
            ("pending", "dotted: labels still arriving"),
        )
        if status in drawn
    ]
    if any(point.lower is not None and point.upper is not None for point in points):
        parts.append("band: 95% interval")
    if "not_computable" in statuses or any(point.value is None for point in points):
        parts.append("gap: not computable")
    if any(point.labelled_share is not None for point in points):
        parts.append("bars: share labelled")
    return " · ".join(parts)


def describe(points: Sequence[Point], limit: Limit | None) -> str:
    """The chart in words, for those who do not see it: span, last value, limit, alarms and gaps."""
    if not points:
        return "No measurements yet."
    said = [f"{len(points)} windows from {_day(points[0].start)} to {_day(points[-1].start)}."]
    known = [point for point in points if point.value is not None]
    if known:
        last = known[-1]
        span = "" if last.lower is None or last.upper is None else f" ({last.lower:.3g} to {last.upper:.3g})"
        said.append(f"Last value {last.value:.3g}{span}, {last.status.replace('_', ' ')}.")
    if limit is not None:
        said.append(f"Limit {limit.value:.3g}, breached {limit.breached} it.")
    alarms = [point for point in points if point.alarm]
    said.append(f"{len(alarms)} in alarm, first {_day(alarms[0].start)}." if alarms else "None in alarm.")
    if len(known) < len(points):
        said.append(f"{len(points) - len(known)} not computable.")
    return " ".join(said)


# --- the monitor chart ----------------------------------------------------------------------------


def monitor_chart(
    points: Sequence[Point],
    *,
    title: str,
    limit: Limit | None = None,
    marks: Iterable[Mark] = (),
    colours: Palette,
    width: int = 1080,
    height: int = 260,
    bounds: tuple[float, float] | None = None,
) -> Spec:
    """A monitor's measurements over time as a Vega-Lite specification.

    `width` is the whole drawing and `height` the plot alone, in pixels. `bounds` are the least and
    greatest values the metric can take (0 and 1 for a rate): the scale does not reach past them.
    Raises ValueError when there is nothing to draw.
    """
    if not points:
        raise ValueError("a chart needs at least one measurement; show the empty state instead")
    ordered = sorted(points, key=lambda point: point.start)
    beside = limit is not None and width >= _NARROW
    right = 16 + round(len(_limit_words(limit)) * _LETTER) if limit and beside else 12
    plot = width - _AXIS_WIDTH - right
    span = (ordered[0].start, ordered[-1].end)
    steps = _scale(ordered, limit, bounds)
    labels = [point for point in ordered if point.labelled_share is not None]
    upper = _view(
        plot,
        height,
        [
            *_limit_layers(limit, steps, plot, colours, beside=beside),
            *_band_layers(ordered, colours),
            *_mark_layers(marks, span, plot, height, colours),
            *_line_layers(ordered, colours),
            *_alarm_layers(ordered, limit, span, plot, colours),
        ],
    )
    views = [upper]
    if labels:
        views.append(_view(plot, 20, _label_layers(labels, colours)))
    views[-1]["layer"].append(_time_words(ordered, span, plot, views[-1]["height"], colours))
    _set_scales(views, span, steps)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": describe(ordered, limit),
        "usermeta": {"title": title, "width": width},
        "config": theme(colours),
        "spacing": 10,
        "vconcat": views,
    }


def _view(width: int, height: int, layers: list[Spec]) -> Spec:
    return {"width": width, "height": height, "layer": layers}


def _set_scales(views: list[Spec], span: tuple[datetime, datetime], steps: list[float]) -> None:
    """Give every layer the same time scale, and the upper view its value scale and figures."""
    time_scale = {"domain": [_ms(span[0]), _ms(span[1])], "nice": False, "type": "utc"}
    for view in views:
        view["encoding"] = {"x": {"type": "temporal", "scale": time_scale, "axis": None}}
    digits = _digits(steps[1:-1])
    views[0]["encoding"]["y"] = {
        "type": "quantitative",
        "scale": {"domain": [steps[0], steps[-1]], "zero": False, "nice": False},
        "axis": {"values": steps[1:-1], "format": f",.{digits}f", "minExtent": _AXIS_WIDTH},
    }


def _limit_layers(
    limit: Limit | None, steps: list[float], plot: int, colours: Palette, *, beside: bool
) -> list[Spec]:
    if limit is None:
        return []
    far = steps[0] if limit.breached == "below" else steps[-1]
    row = {"at": limit.value, "far": far, "text": _limit_words(limit)}
    y = {"field": "at", "type": "quantitative"}
    inside = 10 if limit.breached == "below" else -9
    return [
        {
            "data": {"values": [row]},
            "mark": {"type": "rect", "color": colours["sev1"], "opacity": 0.05},
            "encoding": {"y": y, "y2": {"field": "far"}, "x": {"value": 0}, "x2": {"value": plot}},
        },
        {
            "data": {"values": [row]},
            "mark": {"type": "rule", "color": colours["sev1"], "strokeDash": [4, 4], "strokeWidth": 1.25},
            "encoding": {"y": y, "x": {"value": 0}, "x2": {"value": plot}},
        },
        {
            "data": {"values": [row]},
            "mark": {
                "type": "text",
                "align": "left",
                "color": colours["sev1"],
                "fontWeight": 600,
                "dy": 0 if beside else inside,
            },
            "encoding": {"y": y, "x": {"value": plot + 8 if beside else 4}, "text": {"field": "text"}},
        },
    ]


def _limit_words(limit: Limit) -> str:
    return f"{limit.text} {_figure(limit.value)}"


def _band_layers(points: Sequence[Point], colours: Palette) -> list[Spec]:
    """The interval: an area along each run, a whisker where a point stands alone."""
    rows: list[Spec] = []
    lone: list[Spec] = []
    series = [
        (None if point.lower is None or point.upper is None else point.value, point.status)
        for point in points
    ]
    for number, run in enumerate(runs(series)):
        target = lone if run.first == run.last else rows
        for point in points[run.first : run.last + 1]:
            target.append(
                {
                    "x": _ms(point.middle),
                    "lower": point.lower,
                    "upper": point.upper,
                    "run": number,
                    "style": run.status,
                }
            )
    across = {"y": {"field": "lower", "type": "quantitative"}, "y2": {"field": "upper"}}
    layers: list[Spec] = []
    for style, opacity in (("measured", 0.17), ("estimated", 0.1), ("pending", 0.1)):
        values = [row for row in rows if row["style"] == style]
        if values:
            layers.append(
                {
                    "data": {"values": values},
                    "mark": {"type": "area", "color": colours["ink-3"], "opacity": opacity},
                    "encoding": {"x": {"field": "x"}, **across, "detail": {"field": "run"}},
                }
            )
    if lone:
        layers.append(
            {
                "data": {"values": lone},
                "mark": {"type": "rule", "color": colours["ink-3"], "opacity": 0.35, "strokeWidth": 6},
                "encoding": {"x": {"field": "x"}, **across},
            }
        )
    return layers


def _line_layers(points: Sequence[Point], colours: Palette) -> list[Spec]:
    tints = {"measured": colours["ink"], "estimated": colours["ink-2"], "pending": colours["ink-2"]}
    layers: list[Spec] = []
    for run in runs([(point.value, point.status) for point in points]):
        values = [{"x": _ms(point.middle), "y": point.value} for point in points[run.first : run.last + 1]]
        mark: Spec = {
            "type": "line",
            "color": tints[run.status],
            "strokeWidth": 1.75,
            "strokeDash": _DASH[run.status],
            "strokeCap": "round" if run.status == "pending" else "butt",
            "strokeJoin": "round",
        }
        if run.first == run.last:
            mark = {"type": "point", "filled": True, "color": tints[run.status], "size": 26, "opacity": 1}
        layers.append(
            {
                "data": {"values": values},
                "mark": mark,
                "encoding": {"x": {"field": "x"}, "y": {"field": "y", "type": "quantitative"}},
            }
        )
    return layers


def _alarm_layers(
    points: Sequence[Point], limit: Limit | None, span: tuple[datetime, datetime], plot: int, colours: Palette
) -> list[Spec]:
    """A dot on every point in alarm, the word at the first of each stretch, on the side of the harm."""
    above = limit is not None and limit.breached == "above"
    rows: list[Spec] = []
    before = False
    for point in points:
        if point.alarm and point.value is not None:
            near_edge = _pixel(point.middle, span, plot) < 40
            rows.append(
                {
                    "x": _ms(point.middle),
                    "y": point.value,
                    "text": "" if before else "alarm",
                    "side": "left" if near_edge else "right",
                }
            )
        before = point.alarm
    if not rows:
        return []
    at = {"x": {"field": "x"}, "y": {"field": "y", "type": "quantitative"}}
    dots: Spec = {
        "data": {"values": rows},
        "mark": {
            "type": "point",
            "filled": True,
            "size": 72,
            "opacity": 1,
            "color": colours["sev1"],
            "stroke": colours["paper"],
            "strokeWidth": 2,
        },
        "encoding": at,
    }
    words: list[Spec] = [
        {
            "data": {"values": [row for row in rows if row["text"] and row["side"] == side]},
            "mark": {
                "type": "text",
                "color": colours["sev1"],
                "fontWeight": 600,
                "align": side,
                "dx": 9 if side == "left" else -9,
                "dy": -9 if above else 11,
            },
            "encoding": {**at, "text": {"field": "text"}},
        }
        for side in ("left", "right")
    ]
    return [dots, *(layer for layer in words if layer["data"]["values"])]


def _mark_layers(
    marks: Iterable[Mark], span: tuple[datetime, datetime], plot: int, height: int, colours: Palette
) -> list[Spec]:
    """Vertical lines for versions and incidents; their names stand above, in rows that do not touch."""
    inside = sorted((mark for mark in marks if span[0] <= mark.at <= span[1]), key=lambda mark: mark.at)
    rows: list[Spec] = []
    ends: list[float] = []
    for mark in inside:
        pixel = _pixel(mark.at, span, plot)
        length = len(mark.text) * _LETTER
        left = max(0.0, min(pixel - 2, plot - length))
        row = next((index for index, end in enumerate(ends) if end + 10 <= left), len(ends))
        ends[row : row + 1] = [left + length]
        rows.append(
            {"x": _ms(mark.at), "left": left, "top": -8 - row * _ROW, "text": mark.text, "kind": mark.kind}
        )
    layers: list[Spec] = []
    for kind, tint, weight in (("version", "ink-3", 400), ("incident", "ink", 600)):
        values = [row for row in rows if row["kind"] == kind]
        if not values:
            continue
        layers.append(
            {
                "data": {"values": values},
                "mark": {
                    "type": "rule",
                    "color": colours["edge" if kind == "version" else "ink-2"],
                    "strokeWidth": 1,
                },
                "encoding": {"x": {"field": "x"}, "y": {"value": -4}, "y2": {"value": height}},
            }
        )
        layers.extend(
            {
                "data": {"values": [row]},
                "mark": {
                    "type": "text",
                    "align": "left",
                    "baseline": "bottom",
                    "color": colours[tint],
                    "fontWeight": weight,
                },
                "encoding": {
                    "x": {"value": row["left"]},
                    "y": {"value": row["top"]},
                    "text": {"field": "text"},
                },
            }
            for row in values
        )
    return layers


def _label_layers(points: Sequence[Point], colours: Palette) -> list[Spec]:
    """How much of each window is labelled: a filled share of a track, paler while labels still arrive."""
    rows = [
        {
            "start": _ms(point.start),
            "end": _ms(point.end),
            "share": point.labelled_share,
            "full": 1,
            "none": 0,
            "mature": point.status == "measured",
        }
        for point in points
    ]
    scale = {"domain": [0, 1], "nice": False}
    axis: Spec = {"values": [], "title": None, "minExtent": _AXIS_WIDTH, "grid": False}
    across = {"x": {"field": "start"}, "x2": {"field": "end"}, "y2": {"field": "none"}}

    def bar(height: str, values: list[Spec], colour: str, opacity: float) -> Spec:
        return {
            "data": {"values": values},
            "mark": {
                "type": "rect",
                "color": colours[colour],
                "opacity": opacity,
                "xOffset": 0.75,
                "x2Offset": -0.75,
            },
            "encoding": {
                **across,
                "y": {"field": height, "type": "quantitative", "scale": scale, "axis": axis},
            },
        }

    mature = [row for row in rows if row["mature"]]
    arriving = [row for row in rows if not row["mature"]]
    layers = [bar("full", rows, "line", 1)]
    if mature:
        layers.append(bar("share", mature, "brand", 0.7))
    if arriving:
        layers.append(bar("share", arriving, "brand", 0.4))
    layers.append(
        {
            "data": {"values": [{"text": "labels"}]},
            "mark": {"type": "text", "align": "right", "baseline": "middle", "color": colours["ink-3"]},
            "encoding": {"x": {"value": -8}, "y": {"value": 10}, "text": {"field": "text"}},
        }
    )
    return layers


def _time_words(
    points: Sequence[Point], span: tuple[datetime, datetime], plot: int, height: int, colours: Palette
) -> Spec:
    """Window names under the drawing, each below its own window, as many as fit without touching."""
    names = _window_names(points)
    widest = max(len(name) for name in names) * _LETTER + 20
    stride = max(1, math.ceil(widest * len(points) / plot))
    rows: list[Spec] = []
    free_until = math.inf
    for index in range(len(points) - 1, -1, -stride):
        half = len(names[index]) * _LETTER / 2
        centre = _pixel(points[index].middle, span, plot)
        if centre + half <= free_until:
            rows.append({"x": max(centre, half - _AXIS_WIDTH), "text": names[index]})
            free_until = centre - half - 12
    return {
        "data": {"values": rows},
        "mark": {"type": "text", "align": "center", "baseline": "top", "color": colours["ink-3"]},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "scale": None},
            "y": {"value": height + 8},
            "text": {"field": "text"},
        },
    }


def _window_names(points: Sequence[Point]) -> list[str]:
    """`30 Oct` for windows of a day or more, `14:00` within a day; a year is added when there are several."""
    short = any(point.end - point.start < timedelta(hours=23) for point in points)
    years = {point.start.astimezone(UTC).year for point in points}
    names: list[str] = []
    day_before = ""
    for point in points:
        at = point.start.astimezone(UTC)
        day = f"{at.day} {at:%b}" + (f" {at.year}" if len(years) > 1 else "")
        if short:
            names.append(f"{at:%H:%M}" if day == day_before else f"{day}, {at:%H:%M}")
        else:
            names.append(day)
        day_before = day
    return names


# --- measures -------------------------------------------------------------------------------------


def _scale(points: Sequence[Point], limit: Limit | None, bounds: tuple[float, float] | None) -> list[float]:
    """The value axis: its lower end, round figures to mark, its upper end."""
    values = [
        value
        for point in points
        for value in (point.value, point.lower, point.upper)
        if value is not None and math.isfinite(value)
    ]
    if limit is not None:
        values.append(limit.value)
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = (high - low) * 0.12 or abs(high) * 0.05 or 0.5
    low, high = low - room, high + room
    if bounds is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    step = _round_step((high - low) / 6)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [low, *(round(number * step, 10) for number in range(first, last + 1)), high]


def _round_step(raw: float) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is not below `raw`."""
    power: float = 10.0 ** math.floor(math.log10(raw))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= raw * (1 - 1e-9))


def _digits(steps: Sequence[float]) -> int:
    """Decimals that tell the marked figures apart."""
    return next((digits for digits in range(6) if all(round(step, digits) == step for step in steps)), 6)


def _figure(value: float) -> str:
    """A limit as people write it: 0.8 becomes 0.80, 1200 becomes 1,200."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    text = f"{value:.4f}".rstrip("0")
    return text if len(text.partition(".")[2]) >= 2 else f"{value:.2f}"


def _day(moment: datetime) -> str:
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b %Y}"


def _ms(moment: datetime) -> float:
    return moment.timestamp() * 1000


def _pixel(moment: datetime, span: tuple[datetime, datetime], plot: int) -> float:
    whole = (span[1] - span[0]).total_seconds()
    return plot * (moment - span[0]).total_seconds() / whole if whole else plot / 2


# --- drawing --------------------------------------------------------------------------------------


def available() -> bool:
    """Whether charts can be drawn here."""
    try:
        _renderer()
    except ChartsUnavailable:
        return False
    return True


def render_svg(spec: Spec) -> str:
    """The specification drawn as SVG, with a title and a description, no script and no style attribute.

    It may be inlined under a strict content security policy: every text was escaped by the renderer.
    Raises ChartsUnavailable when the renderer is not installed. The network is never read.
    """
    return _drawn(json.dumps(spec, sort_keys=True))


@lru_cache(maxsize=256)
def _drawn(text: str) -> str:
    # The same measurements are asked for by every reader of a page; a drawing takes some 30 ms.
    spec = json.loads(text)
    svg: str = _renderer().vegalite_to_svg(spec, vl_version=_VEGA_LITE, allowed_base_urls=[])
    return _with_words(svg, spec["usermeta"]["title"], spec["description"])


def _with_words(svg: str, title: str, description: str) -> str:
    head, end, rest = svg.partition(">")
    words = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
    return f'{head} role="img"{end}{words}{rest}'


def _renderer() -> Any:
    try:
        # An extra of 84 MB that most commands never need: it is loaded by the first drawing.
        return importlib.import_module("vl_convert")
    except ImportError as error:
        raise ChartsUnavailable(
            "Charts cannot be drawn because vl-convert is not installed. The table holds the same numbers; "
            "to see charts, install the extra: pip install 'holdfast[charts]'."
        ) from error
