"""A metric is one file: what must be so of every declaration, and of everybody else."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from math import inf
from pathlib import Path

import pytest

from holdfast import metrics
from holdfast.metrics import METRICS
from holdfast.metrics.metric import Metric, Need

SOURCE = Path(metrics.__file__).parents[1]


def test_every_file_that_declares_a_metric_is_in_the_list() -> None:
    declared = set()
    for module in pkgutil.iter_modules(metrics.__path__):
        found = getattr(importlib.import_module(f"holdfast.metrics.{module.name}"), "METRIC", None)
        if found is not None:
            assert module.name == found.name
            declared.add(found)
    assert declared == set(METRICS)


def test_no_two_metrics_share_a_name() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert not set(names) & {metric.family for metric in METRICS}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_declaration_says_what_people_ask(metric: Metric) -> None:
    low, high = metric.range
    assert low < high
    assert metric.definition.endswith(".")
    assert metric.source
    assert (metric.read is None) == (metric.compares is not None) == (Need.GROUPS in metric.needs)
    assert not metric.is_rate or metric.range == (0.0, 1.0)
    assert metric.axis[0] <= low
    assert metric.axis[1] >= high or metric.axis[1] == inf


def test_no_file_outside_the_room_names_a_metric() -> None:
    """What is also a word of everyday language may stand anywhere; a name of its own may not."""
    own = {metric.name for metric in METRICS} | {metric.family for metric in METRICS if metric.family}
    own -= {"mean", "missing", "rate", "precision", "drift", "volume", "unseen"}
    named: list[str] = []
    for path in SOURCE.rglob("*.py"):
        if path.parent == SOURCE / "metrics":
            continue
        constants = (one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Constant))
        named += [
            f"{path.relative_to(SOURCE)}:{one.lineno} {one.value}" for one in constants if one.value in own
        ]
    assert named == []


def test_a_comparison_with_what_is_no_metric_is_in_no_template() -> None:
    own = {f'"{metric.name}"' for metric in METRICS}
    for path in SOURCE.rglob("*.html"):
        if path.name != "styleguide.html":
            assert not {name for name in own if name in path.read_text()}, path
