"""R-DET-03: the counts are exact, and no name or value in a file can become part of a query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from holdfast.detect.cells import Cell, merge
from holdfast.detect.engines.columns import literal, number, quoted
from holdfast.detect.engines.duckdb import WIDE, DuckDB
from holdfast.detect.log import Log, open_log
from holdfast.detect.plan import Scan
from holdfast.metrics import items
from holdfast.metrics.items import Item
from holdfast.prepare.systems import PredictionLog
from holdfast.prepare.systems import Rows as RowWindow

from .conftest import at

DAY = timedelta(days=1)
TYPES = {
    "id": "BIGINT",
    "time": "TIMESTAMP",
    "x": "DOUBLE",
    "word": "VARCHAR",
    "flag": "BOOLEAN",
    "prediction": "INTEGER",
    "score": "DOUBLE",
    "label": "INTEGER",
    "arrived": "TIMESTAMP",
    "sex": "VARCHAR",
}
CONFIG: dict[str, Any] = {
    "columns": {
        "id": "id",
        "time": "time",
        "prediction": "prediction",
        "score": "score",
        "label": "label",
        "label_arrived": "arrived",
    }
}
odd = st.one_of(st.none(), st.sampled_from([float("nan"), float("inf"), float("-inf")]), st.floats(-5, 5))
rows_of = st.lists(
    st.fixed_dictionaries(
        {
            "hour": st.integers(0, 71),
            "x": odd,
            "word": st.sampled_from(["a", "b", "it's", "", None]),
            "flag": st.sampled_from([True, False, None]),
            "prediction": st.sampled_from([0, 1, None]),
            "score": st.one_of(st.none(), st.floats(0, 1).map(lambda score: round(score, 2))),
            "label": st.sampled_from([0, 1, None]),
            "late": st.integers(0, 50),
            "sex": st.sampled_from(["f", "m", None]),
        }
    ),
    min_size=1,
    max_size=40,
)
EDGES = (-2.0, -0.5, 0.0, 1.5, 4.0)
MANY = tuple(-3 + place * 6 / WIDE for place in range(WIDE + 5))
ITEMS: tuple[Item, ...] = (
    items.VOLUME,
    items.Missing("x"),
    items.Moments("x", 0.5),
    items.Truth("flag"),
    items.Histogram("x", EDGES),
    items.Histogram("x", MANY),
    items.Tails("x", -2.0, 4.0),
    items.Categories("word", ("a", "it's")),
    items.Selected(),
    items.ScoreBins((-0.1, 0.3, 0.6, 1.0), "prediction"),
)
LABELLED: tuple[Item, ...] = (
    items.LABELS,
    items.Correct(),
    items.Confusion(),
    items.ScoreBins((-0.1, 0.3, 0.6, 1.0), "label"),
)


def _full(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    full = []
    for place, row in enumerate(rows):
        time = at(2) + timedelta(hours=row["hour"])
        arrived = None if row["label"] is None else time + timedelta(hours=row["late"])
        full.append(
            {
                **row,
                "id": place,
                "time": time.replace(tzinfo=None),
                "arrived": arrived and arrived.replace(tzinfo=None),
            }
        )
    return full


def _open(path: Path, engine: DuckDB, **more: Any) -> Log:
    return open_log(PredictionLog.model_validate({"path": str(path), **CONFIG, **more}), path.parent, engine)


def _expected(item: Item, rows: list[dict[str, Any]]) -> tuple[float, ...]:
    """What an item counts, said a second time in plain Python."""
    xs = [row["x"] for row in rows if row["x"] is not None and not np.isnan(row["x"])]
    finite = [x for x in xs if np.isfinite(x)]
    match item:
        case items.Volume():
            return (len(rows),)
        case items.Missing():
            return (len(rows) - len(xs),)
        case items.Moments(_, centre):
            away = [x - centre for x in finite]
            return (len(away), sum(away), sum(a * a for a in away))
        case items.Truth():
            flags = [row["flag"] for row in rows if row["flag"] is not None]
            return (sum(flags), len(flags))
        case items.Histogram(_, edges):
            return (*_bins(xs, edges), len(rows) - len(xs))
        case items.Tails(_, low, high):
            return (sum(max(low - x, 0) for x in finite), sum(max(x - high, 0) for x in finite))
        case items.Categories(_, values):
            words = [row["word"] for row in rows if row["word"] is not None]
            each = [words.count(value) for value in values]
            return (*each, len(words) - sum(each), len(rows) - len(words))
        case items.Selected():
            said = [row["prediction"] for row in rows if row["prediction"] is not None]
            return (sum(said), len(said))
        case items.ScoreBins(edges, by):
            positive = [r["score"] for r in rows if r["score"] is not None and r[by] == 1]
            other = [
                r["score"]
                for r in rows
                if r["score"] is not None and r[by] != 1 and (by == "prediction" or r[by] is not None)
            ]
            return (*_bins(other, edges), *_bins(positive, edges))
        case items.LabelCounts():
            labels = [row["label"] for row in rows]
            return (labels.count(1), labels.count(0), labels.count(None))
    pairs = [(row["prediction"], row["label"]) for row in rows if row["prediction"] is not None]
    open_ = sum(label is None for _, label in pairs)
    if isinstance(item, items.Correct):
        right = sum(said == label for said, label in pairs)
        return (right, len(pairs) - right - open_, open_)
    return (*(pairs.count(pair) for pair in ((1, 1), (1, 0), (0, 1), (0, 0))), open_)


def _bins(values: list[float], edges: tuple[float, ...]) -> list[int]:
    places = np.searchsorted(edges, values, side="left") if values else np.array([], dtype=int)
    return [int(count) for count in np.bincount(places, minlength=len(edges) + 1)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_of)
def test_every_item_counts_what_plain_python_counts(
    engine: DuckDB, write: Callable[..., Path], rows: list[dict[str, Any]]
) -> None:
    """By day and by group, with missing values, NaN and infinities."""
    full = _full(rows)
    log = _open(write("log.parquet", TYPES, full), engine)
    cells = engine.count(log.table, Scan(DAY, ("sex",), False, ITEMS))
    labelled = merge(
        Cell(c.scan, c.item, c.window, c.group, None, c.counts)
        for c in engine.count(log.table, Scan(DAY, ("sex",), True, LABELLED))
    )
    for item in (*ITEMS, *LABELLED):
        found = {(c.window.start, c.group): c.counts for c in (*cells, *labelled) if c.item == item.id}
        keys = {(at(2 + row["hour"] // 24), (row["sex"] or "(missing)",)) for row in full}
        assert set(found) == keys
        for (start, group), counts in found.items():
            own = [
                row
                for row in full
                if at(2 + row["hour"] // 24) == start and (row["sex"] or "(missing)",) == group
            ]
            assert counts == pytest.approx(_expected(item, own)), item.id
            assert len(counts) == item.size


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_of, st.data())
def test_merged_cells_of_two_parts_are_the_cells_of_the_whole(
    engine: DuckDB, write: Callable[..., Path], rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    full = _full(rows)
    cut = data.draw(st.integers(0, len(full)))
    parts = [part for part in (full[:cut], full[cut:]) if part]
    for scan in (Scan(DAY, ("sex",), False, ITEMS), Scan(DAY, (), True, LABELLED)):
        whole = engine.count(_open(write("whole.parquet", TYPES, full), engine).table, scan)
        halves = [
            cell
            for place, part in enumerate(parts)
            for cell in engine.count(_open(write(f"part{place}.parquet", TYPES, part), engine).table, scan)
        ]
        merged = {cell.key: cell.counts for cell in merge(halves)}
        assert merged.keys() == {cell.key for cell in whole}
        for cell in whole:
            assert merged[cell.key] == pytest.approx(cell.counts)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_of, st.integers(0, 120))
def test_a_label_counts_only_once_it_has_arrived(
    engine: DuckDB, write: Callable[..., Path], rows: list[dict[str, Any]], hours: int
) -> None:
    """R-DET-02: asking as of a time, or hiding later periods of one count, are the same."""
    full = _full(rows)
    now = at(2) + timedelta(hours=hours)
    log = _open(write("log.parquet", TYPES, full), engine)
    made = [row for row in full if row["time"] < now.replace(tzinfo=None)]
    known = [
        {
            **row,
            "label": row["label"] if row["arrived"] and row["arrived"] <= now.replace(tzinfo=None) else None,
        }
        for row in made
    ]
    cells = engine.count(log.table, Scan(None, (), True, LABELLED), as_of=now)
    for item in LABELLED:
        counts = [cell.counts for cell in cells if cell.item == item.id]
        total = tuple(sum(column) for column in zip(*counts, strict=True)) or (0,) * item.size
        assert total == pytest.approx(_expected(item, known) if made else (0,) * item.size)
    hourly = engine.count(log.table, Scan(None, (), True, LABELLED), step=timedelta(hours=1))
    for item in LABELLED:
        shown = [
            cell.counts if cell.known_by is None or cell.known_by <= now else item.hide(cell.counts)
            for cell in hourly
            if cell.item == item.id
        ]
        total = tuple(sum(column) for column in zip(*shown, strict=True))
        later = [
            {
                **row,
                "label": row["label"]
                if row["arrived"] and row["arrived"] <= now.replace(tzinfo=None)
                else None,
            }
            for row in full
        ]
        assert total == pytest.approx(_expected(item, later))


def test_auc_is_scikit_learns_within_a_millionth(engine: DuckDB, write: Callable[..., Path]) -> None:
    """By day and group, for rounded scores with ties and for scores without."""
    random = np.random.default_rng(31)
    labels = random.integers(0, 2, 6000)
    scores = random.beta(2 + labels, 2, 6000)
    scores[:3000] = np.round(scores[:3000], 2)
    rows = [
        {
            "id": place,
            "time": (at(2) + timedelta(hours=place % 72)).replace(tzinfo=None),
            "score": float(scores[place]),
            "label": int(labels[place]),
            "arrived": at(2).replace(tzinfo=None),
            "sex": "fm"[place % 2],
        }
        for place in range(6000)
    ]
    log = _open(write("log.parquet", TYPES, rows), engine)
    scan = Scan(DAY, ("sex",), True, (items.VOLUME,))
    windows = {cell.window: None for cell in engine.count(log.table, scan)}
    cells = engine.ranks(log.table, scan, windows)
    assert len(cells) == 6
    for cell in cells:
        own = [
            place
            for place, row in enumerate(rows)
            if (row["sex"],) == cell.group and cell.window.start.day == row["time"].day  # type: ignore[attr-defined]
        ]
        p, n, rank_sum = cell.counts[:3]
        assert rank_sum / (p * n) == pytest.approx(roc_auc_score(labels[own], scores[own]), abs=1e-9)


def test_windows_of_rows_follow_time_then_id_and_name_their_first_and_last_time(
    engine: DuckDB, write: Callable[..., Path]
) -> None:
    rows = [
        {
            "id": place,
            "time": (at(2) + timedelta(hours=place // 7)).replace(tzinfo=None),
            "sex": "fm"[place % 2],
        }
        for place in range(25)
    ]
    log = _open(write("log.parquet", TYPES, rows[::-1]), engine)
    cells = engine.count(log.table, Scan(RowWindow(rows=10), ("sex",), False, (items.VOLUME,)))
    windows = sorted({cell.window for cell in cells})
    assert [(window.start.hour, window.end.hour) for window in windows] == [(0, 1), (1, 2), (2, 3)]
    assert [sum(c.counts[0] for c in cells if c.window == window) for window in windows] == [10, 10, 5]


def test_weeks_begin_on_monday_and_days_at_midnight_utc(engine: DuckDB, write: Callable[..., Path]) -> None:
    rows = [
        {"id": 1, "time": at(8, 23.9).replace(tzinfo=None)},
        {"id": 2, "time": at(9).replace(tzinfo=None)},
    ]
    log = _open(write("log.parquet", TYPES, rows), engine)
    weeks = {
        c.window.start for c in engine.count(log.table, Scan(timedelta(days=7), (), False, (items.VOLUME,)))
    }
    assert weeks == {at(2), at(9)}


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "VARCHAR", "TIMESTAMP_MS", "TIMESTAMP_NS"])
@pytest.mark.parametrize("name", ["log.parquet", "log.csv"])
def test_times_are_utc_however_they_are_written(
    engine: DuckDB, write: Callable[..., Path], kind: str, name: str
) -> None:
    zone = kind in ("TIMESTAMPTZ", "VARCHAR")
    rows = [{"id": 1, "time": "2026-11-03T01:30:00+02:00" if zone else "2026-11-02 23:30:00"}]
    log = _open(write(name, {**TYPES, "time": kind}, rows), engine)
    assert log.first == at(2, 23.5)


NASTY = ['x"; DROP TABLE t; --', "it's", "häuser/größe", "a,b", "(select 1)", '""', "w", "p.x"]


@pytest.mark.parametrize("name", NASTY)
def test_a_column_may_have_any_name_and_value(engine: DuckDB, write: Callable[..., Path], name: str) -> None:
    rows = [
        {"id": place, "time": at(2).replace(tzinfo=None), name: value}
        for place, value in enumerate([*NASTY, NASTY[0]])
    ]
    log = _open(write("log.parquet", {**TYPES, name: "VARCHAR"}, rows), engine)
    item = items.Categories(name, (NASTY[0], NASTY[1]))
    (cell,) = engine.count(log.table, Scan(None, (), False, (item,)))
    assert cell.counts == (2, 1, 6, 0)
    groups = engine.count(log.table, Scan(None, (name,), False, (items.VOLUME,)))
    assert {cell.group[0] for cell in groups} == set(NASTY)
    assert engine.values(log.table, name, 10)[0] == NASTY[0]


def test_a_file_may_have_any_name(engine: DuckDB, write: Callable[..., Path]) -> None:
    rows = [{"id": 1, "time": at(2).replace(tzinfo=None)}]
    log = _open(write('it\'s a "log" {today}.parquet', TYPES, rows), engine)
    assert log.rows == 1


def test_numbers_enter_queries_exactly(engine: DuckDB) -> None:
    values = [0.1, 1 / 3, 1e-320, 1e300, -0.4879263073031473, 5.0, 123456789012345.67]
    found = engine._one("SELECT " + ", ".join(number(value) for value in values))
    assert list(found) == values


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_texts_and_identifiers_survive_quoting(engine: DuckDB, text: str) -> None:
    assert engine._one(f"SELECT {literal(text)}") == (text,)
    if text:
        assert engine._one(f"SELECT r.{quoted(text)} FROM (SELECT 1 AS {quoted(text)}) AS r") == (1,)


def test_csv_and_parquet_give_equal_counts(engine: DuckDB, write: Callable[..., Path]) -> None:
    rows = _full(
        [
            {
                "hour": h,
                "x": h / 7,
                "word": "ab"[h % 2],
                "flag": h % 3 == 0,
                "prediction": h % 2,
                "score": 0.5,
                "label": (h // 2) % 2,
                "late": 3,
                "sex": "f",
            }
            for h in range(48)
        ]
    )
    counted = [
        {
            (cell.item, cell.window.start): cell.counts
            for cell in engine.count(
                _open(write(name, TYPES, rows), engine).table, Scan(DAY, (), False, ITEMS)
            )
        }
        for name in ("log.parquet", "log.csv")
    ]
    assert counted[0].keys() == counted[1].keys()
    for key, counts in counted[0].items():
        assert counted[1][key] == pytest.approx(counts)


def test_quantiles_of_a_large_reference_come_from_a_fixed_sample(
    engine: DuckDB, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from holdfast.detect.engines import duckdb as module

    rows = [{"id": place, "time": at(2).replace(tzinfo=None), "x": float(place)} for place in range(4000)]
    log = _open(write("log.parquet", TYPES, rows), engine)
    whole = engine.quantiles(log.table, ["x"], 10)["x"]
    assert whole == pytest.approx([place * 400 - 1 if place else 0 for place in range(11)])
    monkeypatch.setattr(module, "SAMPLE", 1000)
    first, second = (engine.quantiles(log.table, ["x"], 10)["x"] for _ in range(2))
    assert first == second
    assert first == pytest.approx(whole, abs=200)
