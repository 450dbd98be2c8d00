"""Charts say how sure they are, comply with the page's security policy, and read no network."""

from __future__ import annotations

import itertools
import re
import sys
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from holdfast import charts
from holdfast.charts import Limit, Mark, Point, Run

START = datetime(2026, 10, 29, tzinfo=UTC)


def _point(day: int, value: float | None, status: charts.Status = "measured", **more: object) -> Point:
    start = START + timedelta(days=day)
    spread = {} if value is None else {"lower": value - 0.02, "upper": value + 0.02}
    return Point(start=start, end=start + timedelta(days=1), status=status, value=value, **{**spread, **more})  # type: ignore[arg-type]


def _series() -> list[Point]:
    return [
        _point(0, 0.90, labelled_share=1.0),
        _point(1, 0.91, labelled_share=1.0),
        _point(2, None, "not_computable", labelled_share=0.1),
        _point(3, 0.89, labelled_share=1.0),
        _point(4, 0.84, "estimated", labelled_share=0.5),
        _point(5, 0.80, "pending", labelled_share=0.2, alarm=True),
        _point(6, 0.79, "pending", labelled_share=0.1, alarm=True),
    ]


def _spec(**more: object) -> charts.Spec:
    given: dict[str, object] = {
        "title": "Precision",
        "limit": Limit(value=0.85),
        "colours": charts.palette("light"),
    }
    return charts.monitor_chart(_series(), **{**given, **more})  # type: ignore[arg-type]


def _layers(spec: charts.Spec) -> list[charts.Spec]:
    return [layer for view in spec["vconcat"] for layer in view["layer"]]


def _texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        pytest.param([], (), id="nothing gives no line"),
        pytest.param([(1.0, "measured")], (Run("measured", 0, 0),), id="a lone point is a run of its own"),
        pytest.param(
            [(1.0, "measured"), (1.0, "measured"), (1.0, "estimated")],
            (Run("measured", 0, 1), Run("estimated", 1, 2)),
            id="an estimate is joined to the last measured point, dashed",
        ),
        pytest.param(
            [(1.0, "measured"), (None, "not_computable"), (1.0, "measured"), (1.0, "measured")],
            (Run("measured", 0, 0), Run("measured", 2, 3)),
            id="what is not computable leaves a gap",
        ),
        pytest.param(
            [(1.0, "pending"), (1.0, "measured")],
            (Run("pending", 0, 1),),
            id="a stretch is only as certain as its less certain end",
        ),
        pytest.param(
            [(0.5, "not_computable"), (1.0, "measured")],
            (Run("measured", 1, 1),),
            id="a value beside not computable is not drawn",
        ),
    ],
)
def test_a_line_is_split_by_how_certain_it_is(
    series: list[tuple[float | None, charts.Status]], expected: tuple[Run, ...]
) -> None:
    assert charts.runs(series) == expected


def test_a_gap_is_never_drawn_as_a_value() -> None:
    missing = charts._ms(_series()[2].middle)
    drawn = [
        row for layer in _layers(_spec()) for row in layer["data"]["values"] if "y" in row or "lower" in row
    ]
    assert drawn
    assert missing not in {row["x"] for row in drawn}


def test_estimates_are_dashed_and_pending_values_dotted_r_det_02() -> None:
    lines = [layer["mark"] for layer in _layers(_spec()) if layer["mark"]["type"] == "line"]
    assert [mark["strokeDash"] for mark in lines] == [[1, 0], [5, 4], [0.5, 4]]


def test_the_share_of_labels_stands_under_the_axis_r_det_02() -> None:
    bars = [
        row["share"]
        for layer in _spec()["vconcat"][1]["layer"]
        if layer["mark"]["type"] == "rect" and layer["encoding"]["y"]["field"] == "share"
        for row in layer["data"]["values"]
    ]
    assert sorted(bars) == [0.1, 0.1, 0.2, 0.5, 1.0, 1.0, 1.0]


def test_a_metric_without_labels_has_no_bars() -> None:
    spec = charts.monitor_chart(
        [_point(0, 0.1), _point(1, 0.2)], title="PSI", colours=charts.palette("light")
    )
    assert len(spec["vconcat"]) == 1


def test_the_scale_stays_within_what_the_metric_can_be() -> None:
    points = [_point(day, 0.995) for day in range(3)]
    spec = charts.monitor_chart(points, title="Recall", colours=charts.palette("light"), bounds=(0, 1))
    assert spec["vconcat"][0]["encoding"]["y"]["scale"]["domain"][1] == 1


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-9, 4_200_000.0, -3.5])
def test_a_constant_series_still_has_a_scale(value: float) -> None:
    point = Point(start=START, end=START + timedelta(days=1), status="measured", value=value)
    spec = charts.monitor_chart([point], title="Constant", colours=charts.palette("light"))
    low, high = spec["vconcat"][0]["encoding"]["y"]["scale"]["domain"]
    assert low < value < high


def test_no_measurements_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="show the empty state instead"):
        charts.monitor_chart([], title="Precision", colours=charts.palette("light"))


def test_names_of_marks_do_not_overlap() -> None:
    marks = [Mark(at=START + timedelta(days=3, hours=hour), text=f"model 2.4.{hour}") for hour in range(4)]
    words = [
        layer["data"]["values"][0]
        for layer in _layers(_spec(marks=marks))
        if layer["mark"]["type"] == "text" and layer["mark"].get("baseline") == "bottom"
    ]
    rows: dict[float, list[float]] = {}
    for row in words:
        rows.setdefault(row["top"], []).append(row["left"])
    assert len(words) == 4
    for lefts in rows.values():
        assert all(second - first > 60 for first, second in itertools.pairwise(lefts))


def test_marks_outside_the_shown_time_are_left_out() -> None:
    svg = charts.render_svg(_spec(marks=[Mark(at=START - timedelta(days=9), text="model 1.0")]))
    assert "model 1.0" not in svg


def test_the_description_says_what_the_eye_would_see() -> None:
    said = charts.describe(_series(), Limit(value=0.85))
    assert said == (
        "7 windows from 29 Oct 2026 to 4 Nov 2026. Last value 0.79 (0.77 to 0.81), pending. "
        "Limit 0.85, breached below it. 2 in alarm, first 3 Nov 2026. 1 not computable."
    )


def test_the_legend_names_only_what_is_drawn() -> None:
    assert charts.legend(_series()[:2]) == "line: measured · band: 95% interval · bars: share labelled"
    assert "gap: not computable" in charts.legend(_series())


def test_the_colours_come_from_the_tokens_of_the_pages() -> None:
    assert charts.palette("light")["sev1"] == charts.tokens()["sev1"][0]
    assert charts.palette("dark")["sev1"] == charts.tokens()["sev1"][1]
    assert charts.palette("page")["sev1"] == "var(--sev1)"
    assert {"ink", "ink-2", "ink-3", "paper", "line", "edge", "brand", "sev1"} <= set(charts.tokens())


def test_the_drawing_is_one_picture_with_title_and_description_r_xct_02() -> None:
    root = ElementTree.fromstring(charts.render_svg(_spec()))
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    assert root.findtext(f"{space}title") == "Precision"
    assert root.findtext(f"{space}desc") == charts.describe(_series(), Limit(value=0.85))


def test_the_drawing_shows_limit_alarm_and_windows() -> None:
    texts = _texts(
        charts.render_svg(_spec(marks=[Mark(at=START + timedelta(days=4), text="INC-7", kind="incident")]))
    )
    assert texts.count("alarm") == 1
    assert {"limit 0.85", "INC-7", "labels", "4 Nov"} <= set(texts)


def test_a_drawing_for_a_page_holds_no_fixed_colour() -> None:
    svg = charts.render_svg(_spec(colours=charts.palette("page")))
    assert "var(--ink)" in svg
    assert not re.findall(r'(?:fill|stroke)="(?:#|rgb)[^"]*"', svg)


def test_a_drawing_obeys_the_content_security_policy_even_with_hostile_names() -> None:
    hostile = '"><script>alert(1)</script><g style="x" onload="y'
    svg = charts.render_svg(
        _spec(
            title=hostile,
            marks=[Mark(at=START + timedelta(days=1), text=hostile)],
            limit=Limit(value=0.85, text=hostile),
        )
    )
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        assert element.tag.rpartition("}")[2] in {
            "svg",
            "g",
            "path",
            "line",
            "rect",
            "text",
            "tspan",
            "title",
            "desc",
        }
        assert not {name for name in element.attrib if name == "style" or name.startswith("on")}
        assert not {name for name in element.attrib if name.endswith("href")}


def test_the_renderer_may_not_fetch_anything() -> None:
    spec = _spec()
    spec["vconcat"][0]["layer"][0]["data"] = {"url": "http://127.0.0.1:9/data.json"}
    with pytest.raises(ValueError, match=r"(?i)denied|not allowed|base url|external"):
        charts.render_svg(spec)


def test_without_the_renderer_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert not charts.available()
    with pytest.raises(charts.ChartsUnavailable, match=r"holdfast\[charts\]"):
        charts.render_svg(_spec(title="not drawn before"))


def test_the_same_measurements_give_the_same_bytes() -> None:
    first = charts.render_svg(_spec())
    charts._drawn.cache_clear()
    assert charts.render_svg(_spec()) == first
