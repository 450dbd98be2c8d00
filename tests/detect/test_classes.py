"""R-DET-03: a word that is no class is counted and named, and never a quiet *no*."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from holdfast.detect.backtest import backtest
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.log import Log, open_log
from holdfast.detect.measurement import Measurement
from holdfast.detect.tables import LogError
from holdfast.prepare.systems import System

from .conftest import at, system_with

CHOSEN = {"id": "chosen", "metric": "selection_rate", "window": "1d", "limit": {"below": 0.1}}
RIGHT = {"id": "right", "metric": "accuracy", "window": "1d", "limit": {"below": 0.1}}
TYPES = {"VARCHAR": ("yes", "no"), "INTEGER": (1, 0), "DOUBLE": (1.0, 0.0)}
Counted = Sequence[tuple[Any, int]]


class Case:
    def __init__(self, system: System, base: Path, engine: DuckDB) -> None:
        self.system, self.base, self.engine = system, base, engine

    def log(self) -> Log:
        assert self.system.prediction_log is not None
        return open_log(self.system.prediction_log, self.base, self.engine)

    def found(self) -> dict[str, Measurement]:
        return {one.monitor: one for one in backtest(self.system, self.log(), self.engine)}


@pytest.fixture
def case(tmp_path: Path, write: Callable[..., Path], engine: DuckDB) -> Callable[..., Case]:
    def made(
        kind: str,
        predictions: Counted,
        labels: Counted = (),
        *,
        apart: bool = False,
        ending: str = "parquet",
        **columns: Any,
    ) -> Case:
        said = [value for value, times in predictions for _ in range(times)]
        true = [value for value, times in labels for _ in range(times)]
        rows = [
            {
                "id": place,
                "time": at(2, 20 * place / len(said)).replace(tzinfo=None),
                "said": value,
                "truth": true[place] if place < len(true) else None,
            }
            for place, value in enumerate(said)
        ]
        own = {"id": "BIGINT", "time": "TIMESTAMP", "said": kind}
        log: dict[str, Any] = {"path": f"log.{ending}"}
        roles = {"id": "id", "time": "time", "prediction": "said", **columns}
        monitors: list[Mapping[str, Any]] = [CHOSEN]
        if labels:
            monitors.append(RIGHT)
        if labels and apart:
            write(f"labels.{ending}", {"id": "BIGINT", "truth": kind}, rows)
            log["labels"] = {"path": f"labels.{ending}", "id": "id", "label": "truth"}
        elif labels:
            own["truth"] = kind
            roles["label"] = "truth"
        write(f"log.{ending}", own, rows)
        return Case(system_with({**log, "columns": roles}, *monitors), tmp_path, engine)

    return made


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("kind", "odd"), [("VARCHAR", "unknown"), ("INTEGER", 2), ("DOUBLE", 2.0), ("INTEGER", -1)]
)
@pytest.mark.parametrize("labelled", ["no labels", "in the log", "apart"])
def test_a_prediction_that_is_no_class_is_counted_and_named(
    case: Callable[..., Case], kind: str, odd: Any, labelled: str, ending: str
) -> None:
    yes, no = TYPES[kind]
    said = [(yes, 60), (no, 20), (odd, 20)]
    true = [] if labelled == "no labels" else [(yes, 50), (no, 50)]
    plain = case(kind, said, true, apart=labelled == "apart", ending=ending, positive=yes)
    notes = plain.log().notes
    shown = str(int(odd)) if kind != "VARCHAR" else odd
    (note,) = [one for one in notes if f'"{shown}" (20)' in one]
    assert "count as not selected" in note
    assert "columns.classes" in note
    assert plain.found()["chosen"].n == 100
    named = case(kind, said, true, apart=labelled == "apart", ending=ending, positive=yes, classes=[yes, no])
    (note,) = named.log().notes
    assert note == (
        f'20 predictions with a value that columns.classes does not name, such as "{shown}" (20): '
        "not counted as a prediction"
    )
    chosen = named.found()["chosen"]
    assert (chosen.value, chosen.n) == (0.75, 80)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(("kind", "odd"), [("VARCHAR", "unknown"), ("INTEGER", 2)])
def test_a_label_that_is_no_class_is_counted_and_named(
    case: Callable[..., Case], kind: str, odd: Any, apart: bool
) -> None:
    """Also labels of three classes beside predictions of two, delivered apart or not."""
    yes, no = TYPES[kind]
    said, true = [(yes, 60), (no, 40)], [(yes, 50), (no, 30), (odd, 20)]
    plain = case(kind, said, true, apart=apart, positive=yes)
    (note,) = plain.log().notes
    assert note.startswith("20 labels with a value that no prediction has")
    assert f'"{odd}" (20)' in note
    assert not plain.log().of_two_classes
    named = case(kind, said, true, apart=apart, positive=yes, classes=[yes, no])
    (note,) = named.log().notes
    assert note.startswith("20 labels with a value that columns.classes does not name")
    right = named.found()["right"]
    assert (right.n, right.labelled_share) == (80, 0.8)
    assert named.log().of_two_classes


def test_what_only_labels_say_is_no_class_also_where_they_are_of_two_words(
    case: Callable[..., Case],
) -> None:
    """Then either word may be the one that is none: both are named."""
    notes = (
        case("VARCHAR", [("yes", 60), ("no", 40)], [("yes", 50), ("later", 50)], positive="yes").log().notes
    )
    assert [note.partition(" with a value ")[0] for note in notes] == ["40 predictions", "50 labels"]
    assert 'such as "later" (50)' in notes[1]


@pytest.mark.parametrize(("kind", "third"), [("VARCHAR", "maybe"), ("INTEGER", 2)])
def test_classes_that_both_sides_say_are_classes(case: Callable[..., Case], kind: str, third: Any) -> None:
    yes, no = TYPES[kind]
    both = [(yes, 50), (no, 30), (third, 20)]
    log = case(kind, both, both, positive=yes).log()
    assert (log.notes, log.of_two_classes) == ((), False)


def test_two_words_are_the_two_classes_whoever_says_them(case: Callable[..., Case]) -> None:
    log = case("VARCHAR", [("yes", 100)], [("yes", 50), ("no", 50)], positive="yes").log()
    assert (log.notes, log.of_two_classes) == ((), True)


def test_a_class_that_a_column_cannot_hold_is_refused(case: Callable[..., Case]) -> None:
    with pytest.raises(LogError, match=r'"said" is number, and columns.classes names "maybe"'):
        case("INTEGER", [(1, 5), (0, 5)], classes=[1, "maybe"]).log()


def test_the_positive_value_is_one_of_the_classes(case: Callable[..., Case]) -> None:
    values = case("INTEGER", [(1, 5)]).system.model_dump(mode="json", by_alias=True, exclude_unset=True)
    values["prediction_log"]["columns"]["classes"] = [0, 2]
    with pytest.raises(ValueError, match="positive 1 is none of the classes"):
        System.model_validate(values)
