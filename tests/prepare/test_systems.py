"""R-PRE-01, R-DET-08: the systems file, and what is wrong with one that cannot be used."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from holdfast.metrics import METRICS
from holdfast.metrics.metric import Dimension
from holdfast.prepare.documents import Unusable, parse_document, read_document, understand
from holdfast.prepare.systems import Monitor, Rows, System
from holdfast.problems import Fault, explain

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "car-loans"

MONITOR: dict[str, Any] = {
    "id": "accuracy",
    "name": "Accuracy",
    "metric": "accuracy",
    "window": "1d",
    "limit": {"below": "85%"},
    "reason": "agreed",
    "tells": ["technical_lead"],
}
LOG: dict[str, Any] = {
    "path": "logs/",
    "columns": {"id": "id", "time": "t", "prediction": "p", "score": "s", "label": "y"},
    "reference": {"path": "reference.parquet"},
}
SYSTEM: dict[str, Any] = {
    "id": "loans",
    "name": "Loans",
    "purpose": "Decides",
    "owner": "wei.chen@example.com",
    "models": [{"name": "loan", "version": "2.4.0", "in_production_since": "2026-10-01"}],
    "data_used": ["applications"],
    "depends_on_it": ["branches"],
    "business_impact": "large",
    "compliance_risk": "high",
    "priority": 1,
    "prediction_log": LOG,
    "monitors": [MONITOR],
}


def _sentence(model: type[System] | type[Monitor], value: Any) -> str:
    with pytest.raises(ValidationError) as error:
        model.model_validate(value)
    return " | ".join("; ".join(explain(item)) for item in error.value.errors())


def test_the_example_is_valid_and_says_what_it_means() -> None:
    system = understand(read_document(EXAMPLE, EXAMPLE / "systems" / "car-loans.yaml"), System)
    assert system.is_covered
    assert system.monitors[0].limit is not None
    assert system.monitors[0].limit.below == 0.93
    assert system.monitors[0].window == Rows(rows=5000)
    assert system.monitors[2].window == timedelta(days=1)


def test_a_system_survives_json(tmp_path: Path) -> None:
    """What is recorded as evidence reads back as the same configuration (R-DET-08)."""
    relative = {**MONITOR, "id": "r", "relative": {"down": "20%", "against": "7d"}}
    period = {**LOG, "reference": {"from": "2026-09-01", "to": "2026-10-01T12:00:00+02:00"}}
    system = System.model_validate({**SYSTEM, "monitors": [MONITOR, relative], "prediction_log": period})
    assert system.prediction_log is not None
    assert system.prediction_log.reference is not None
    assert system.prediction_log.reference.to == datetime(2026, 10, 1, 10, tzinfo=UTC)
    text = system.model_dump_json(by_alias=True)
    assert System.model_validate(json.loads(text)) == system
    assert json.loads(text)["monitors"][1]["relative"]["against"] == "7d"


def test_it_has_a_json_schema_for_editors() -> None:
    schema = System.model_json_schema(by_alias=True)
    assert schema["additionalProperties"] is False
    assert {"purpose", "owner", "models", "priority"} <= set(schema["required"])
    assert "from" in schema["$defs"]["Reference"]["properties"]


@pytest.mark.parametrize(
    "field",
    [
        "purpose",
        "owner",
        "models",
        "data_used",
        "depends_on_it",
        "business_impact",
        "compliance_risk",
        "priority",
    ],
)
def test_the_inventory_is_not_optional(field: str) -> None:
    """R-PRE-01/described."""
    assert "is missing" in _sentence(System, {key: value for key, value in SYSTEM.items() if key != field})


@pytest.mark.parametrize("field", ["metric", "reason", "tells", "window"])
def test_a_monitor_states_metric_reason_window_and_whom_it_tells(field: str) -> None:
    """R-DET-08/stated."""
    assert "is missing" in _sentence(Monitor, {key: value for key, value in MONITOR.items() if key != field})


def _without(*names: str) -> dict[str, Any]:
    return {key: value for key, value in MONITOR.items() if key not in names}


@pytest.mark.parametrize(
    ("monitor", "cause"),
    [
        (_without("limit"), "states no threshold"),
        ({**MONITOR, "limit": {}}, "states no bound"),
        ({**MONITOR, "limit": {"below": 2, "above": 1}}, "leaves no room between its bounds"),
        ({**MONITOR, "limit": {"below": "many"}}, '"many" is not a number'),
        ({**MONITOR, "limit": {"below": "x%"}}, '"x%" is not a share'),
        ({**MONITOR, "limit": {"below": True}}, "true is not a number"),
        ({**MONITOR, "limit": {"below": float("nan")}}, "is not a finite number"),
        ({**MONITOR, "window": "1 day"}, '"1 day" is not a duration'),
        ({**MONITOR, "window": {"rows": 1}}, "1 is out of range"),
        ({**MONITOR, "id": "Two Words"}, "does not have the right form"),
        ({**MONITOR, "tells": ["boss"]}, '"boss" is not one of'),
        ({**MONITOR, "maturity": {}}, "states nothing to wait for"),
        ({**MONITOR, "maturity": {"share": "110%"}}, "out of range"),
        ({**MONITOR, "column": "x"}, "metric accuracy takes no column"),
        ({**MONITOR, "method": "ks"}, "metric accuracy takes no method"),
        ({**MONITOR, "metric": "drift"}, "metric drift needs one column or columns"),
        ({**MONITOR, "metric": "missing", "columns": "all"}, '"all" is not a list'),
        ({**MONITOR, "metric": "equalised_odds"}, "metric equalised_odds compares groups"),
        ({**MONITOR, "metric": "auc", "e_detector": {}}, "e_detector follows a rate, and auc is none"),
        ({**MONITOR, "relative": {"against": "7d"}}, "must state one direction"),
        ({**MONITOR, "relative": {"down": "20%", "against": "36h"}}, "is not made of whole windows"),
        (
            {**MONITOR, "window": {"rows": 100}, "relative": {"down": "20%", "against": "7d"}},
            "a window of rows has no week before",
        ),
        (
            {**MONITOR, "metric": "auc", "relative": {"down": "20%", "against": "7d"}},
            "AUC over several windows is not the sum of theirs",
        ),
        (
            {**MONITOR, "metric": "drift", "column": "x", "relative": {"up": "20%", "against": "7d"}},
            "drift is itself a comparison",
        ),
        (
            {**MONITOR, "metric": "volume", "relative": {"down": "20%", "against": "reference"}},
            "the rows of a reference say nothing of those of a window",
        ),
        (
            {**MONITOR, "metric": "volume", "window": {"rows": 100}, "limit": {"below": 90}},
            "a window of rows always has as many rows",
        ),
    ],
)
def test_a_monitor_that_makes_no_sense_is_told_why(monitor: dict[str, Any], cause: str) -> None:
    assert cause in _sentence(Monitor, monitor)


def _log(**changes: Any) -> dict[str, Any]:
    return {**SYSTEM, "prediction_log": {**LOG, **changes}}


def _columns(*without: str) -> dict[str, Any]:
    return {"columns": {key: value for key, value in LOG["columns"].items() if key not in without}}


@pytest.mark.parametrize(
    ("system", "cause"),
    [
        ({**SYSTEM, "prediction_log": None}, "has monitors and no prediction_log"),
        ({**SYSTEM, "monitors": [MONITOR, MONITOR]}, "monitors has accuracy twice"),
        (_log(**_columns("label")), "monitor accuracy needs labels"),
        (_log(**_columns("prediction")), "monitor accuracy needs predictions"),
        (
            {**_log(**_columns("score")), "monitors": [{**MONITOR, "metric": "auc"}]},
            "monitor accuracy needs scores",
        ),
        (
            {**_log(reference=None), "monitors": [{**MONITOR, "metric": "drift", "column": "x"}]},
            "monitor accuracy needs a reference",
        ),
        (_log(reference={}), "is neither a file nor a period"),
        (
            _log(reference={"path": "x", "from": "2026-01-01", "to": "2026-02-01"}),
            "neither a file nor a period",
        ),
        (_log(reference={"from": "2026-02-01", "to": "2026-01-01"}), "is not a period"),
        (_log(reference={"from": "soon", "to": "2026-01-01"}), '"soon" is not a date or time'),
        (_log(columns={"id": "id", "time": "id"}), "column id is given two meanings"),
        (
            {**SYSTEM, "models": [{"name": "m", "version": 2.4, "in_production_since": "2026-10-01"}]},
            "2.4 is read as a number",
        ),
        (
            {**SYSTEM, "models": [{"name": "m", "version": "2", "in_production_since": "October"}]},
            '"October" is not a date',
        ),
    ],
)
def test_a_system_that_does_not_hang_together_is_told_why(system: dict[str, Any], cause: str) -> None:
    assert cause in _sentence(System, system)


OFF = {"id": "off", "name": "Off", "kind": "model_off", "flag": "loans.model", "when": "all is wrong"}


@pytest.mark.parametrize(
    ("option", "cause"),
    [
        ({**OFF, "kind": "segment_to_review"}, "sends nobody to review"),
        ({**OFF, "segment": {"region": ["north"]}}, "model_off stops every request"),
        ({**OFF, "watch": "acuracy"}, "containment off watches acuracy, which is no monitor here"),
    ],
)
def test_a_containment_that_cannot_work_is_told_why(option: dict[str, Any], cause: str) -> None:
    """R-CON-02, R-CON-03."""
    assert cause in _sentence(System, {**SYSTEM, "containment": [option]})


def test_an_uncovered_system_is_a_gap_and_no_error() -> None:
    """R-PRE-01/gaps."""
    bare = {key: value for key, value in SYSTEM.items() if key not in ("prediction_log", "monitors")}
    assert not System.model_validate(bare).is_covered


def test_problems_point_at_line_and_column() -> None:
    text = (EXAMPLE / "systems" / "car-loans.yaml").read_text().replace("    metric: auc", "    metric: acu")
    with pytest.raises(Unusable) as error:
        understand(parse_document("systems/car-loans.yaml", text.encode()), System)
    (problem,) = error.value.problems
    line = text.splitlines()[problem.line - 1]
    assert line == "    metric: acu"
    assert problem.column == 13
    assert "did you mean auc?" in problem.fix


def test_paths_can_be_given_anew_but_only_where_there_are_some() -> None:
    system = System.model_validate(SYSTEM)
    changed = system.with_paths(log="elsewhere.parquet", reference="then.parquet").prediction_log
    assert changed is not None
    assert changed.reference is not None
    assert (changed.path, changed.reference.path) == ("elsewhere.parquet", "then.parquet")
    with pytest.raises(Fault, match="has no separate labels"):
        system.with_paths(labels="labels.parquet")


def test_every_metric_has_its_dimension() -> None:
    assert {metric.dimension for metric in METRICS} == {
        Dimension.PERFORMANCE,
        Dimension.QUALITY,
        Dimension.DRIFT,
        Dimension.FAIRNESS,
        Dimension.OPERATIONS,
    }


def test_a_comparison_that_says_nothing_is_refused_at_its_place() -> None:
    text = json.dumps(
        {
            **SYSTEM,
            "monitors": [
                {
                    **MONITOR,
                    "metric": "volume",
                    "limit": None,
                    "relative": {"down": 0.2, "against": "reference"},
                }
            ],
        },
        indent=1,
    )
    with pytest.raises(Unusable) as refused:
        understand(parse_document("systems/loans.yaml", text.encode()), System)
    line = next(n for n, one in enumerate(text.splitlines(), 1) if "against" in one)
    column = text.splitlines()[line - 1].index('"reference"') + 1
    assert f"systems/loans.yaml:{line}:{column}" in str(refused.value)
    assert "say nothing of those of a window" in str(refused.value)
