"""Everything the description promises holds for whatever is sent (R-XCT-03, R-XCT-04).

Requests are made from the OpenAPI document: sometimes right, mostly a little wrong, sometimes junk. Every
answer must be one that the document names, and none of them a failure of the server.
"""

from __future__ import annotations

import json
import string
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from holdfast.application import Application
from support.company import MAYA

KNOWN = {
    "alert": "ALR-1",
    "item": "EV-1",
    "system": "loan-approval",
    "monitor": "accuracy",
    "role": "technical_lead",
    "version": "1.0",
    "newer": "1.0",
    "function": "engineering",
    "seq": "3",
    "message": "0123456789abcdef",
    "other": "INC-2",
    "change": "CHG-1",
}
WORDS = st.text(st.characters(codec="utf-8") | st.sampled_from("\x00\n\x7f\u202e'\"%/\\"), max_size=30)
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | WORDS
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
MEANT = st.sampled_from(
    [
        "broker-to-review",
        "loan-approval",
        "maya.okafor@harbourstreet.example",
        "EV-1",
        "#3",
        "monitor:accuracy",
        "2026-11-24T00:00:00Z",
        "2026-11-20",
        "3d",
        "channel",
    ]
)


def of(schema: dict[str, Any], document: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit a schema, and now and then one that does not."""
    return st.one_of(_right(schema, document), _right(schema, document), _right(schema, document), JUNK)


def _right(schema: dict[str, Any], document: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _right(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if "anyOf" in schema:
        return st.one_of([of(one, document) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            return _object(schema, document)
        case "array":
            return st.lists(of(schema.get("items", {}), document), max_size=3)
        case "integer":
            return st.integers(-1, 50)
        case "boolean":
            return st.booleans()
        case "string":
            return MEANT | WORDS
        case "null":
            return st.none()
        case _:
            return JUNK


def _object(schema: dict[str, Any], document: dict[str, Any]) -> st.SearchStrategy[Any]:
    known = schema.get("properties", {})
    required = set(schema.get("required", []))
    must = {key: of(value, document) for key, value in known.items() if key in required}
    may = {key: of(value, document) for key, value in known.items() if key not in required}
    made = st.fixed_dictionaries(must, optional=may)
    if isinstance(schema.get("additionalProperties"), dict):
        keys = st.sampled_from(schema.get("propertyNames", {}).get("enum", ["channel", "x"]))
        return st.dictionaries(keys, of(schema["additionalProperties"], document), max_size=2)
    stray = st.dictionaries(st.text(string.ascii_letters, max_size=5), SCALARS, max_size=1)
    return st.one_of(made, made, made, st.builds(lambda a, b: {**a, **b}, made, stray))


def _address(
    draw: Any, path: str, operation: dict[str, Any], document: dict[str, Any], known: dict[str, str]
) -> str:
    query = []
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        if parameter["in"] == "path":
            junk = draw(st.integers(0, 5)) == 0
            meant = known["remediation" if path.startswith("/remediations/") else name]
            # An address with a line break is none of the API's: whoever serves it answers 404 by itself.
            value = draw(WORDS).replace("\n", " ") if junk else meant
            path = path.replace(f"{{{name}}}", quote(value, safe="") or "%20")
        elif parameter["in"] == "query" and (parameter.get("required") or draw(st.booleans())):
            found = draw(of(parameter["schema"], document))
            query.append(f"{name}={quote(json.dumps(found).strip(chr(34)), safe='')}")
    return f"{path}?{'&'.join(query)}" if query else path


def test_every_address_answers_junk_without_failing(company: Application, maya: Any, log: None) -> None:
    """R-XCT-03/fuzzed."""
    maya.done("POST", "/systems/loan-approval/runs")
    document = maya.client.get("/api/v1/openapi.json").json()
    operations = [
        (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    seen: dict[str, set[int]] = {f"{method} {path}": set() for method, path, _ in operations}

    @seed(1)
    @settings(
        max_examples=6,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # each round asks everything, so that shrinking would take an hour
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def send(data: st.DataObject) -> None:
        known = {**KNOWN, **_alive(maya)}
        for method, path, operation in data.draw(st.permutations(operations)):
            address = _address(data.draw, path, operation, document, known)
            content, headers = _content(data.draw, operation, document)
            answer = maya(method.upper(), address, content=content, headers=headers)
            said = f"{method} {address} {content!r} -> {answer.status_code} {answer.text[:500]}"
            assert answer.status_code < 500, said
            assert str(answer.status_code) in operation["responses"], said
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json", said
                assert answer.json()["detail"], said
            seen[f"{method} {path}"].add(answer.status_code)

    send()
    answered = [name for name, statuses in seen.items() if any(status < 300 for status in statuses)]
    assert len(answered) > len(operations) / 2, "the junk is too wild to reach the steps"
    assert company.check().holds


def _alive(maya: Any) -> dict[str, str]:
    """An incident of its own for each round, because a dismissed one takes nothing more."""
    declared = {"title": "Approvals fell", "system": "loan-approval"}
    incident = maya.done("POST", "/incidents", declared)["incident"]
    maya.done("PUT", f"/incidents/{incident}/acknowledgement")
    offered = maya.done("POST", f"/incidents/{incident}/containments", {"option": "broker-to-review"})
    proven = {"text": "The broker sends months", "links": ["EV-1"]}
    moment = "2026-11-20T08:00:00Z"
    analysis = {
        "facts": [proven],
        "sequence": [{**proven, "at": moment}],
        "factors": [{**proven, "group": "data"}],
        "root_cause": proven,
    }
    maya.done("PUT", f"/incidents/{incident}/cause", analysis)
    plan = {
        "action": "Divide by twelve",
        "kind": "code_fix",
        "responsible": MAYA.id,
        "deadline": "2027-01-01",
        "verification": {"method": "test", "how": "replay"},
    }
    item = maya.done("POST", f"/incidents/{incident}/remediations", plan)["item"]
    return {"incident": incident, "containment": offered["containment"], "remediation": item}


def _content(
    draw: Any, operation: dict[str, Any], document: dict[str, Any]
) -> tuple[bytes | None, dict[str, str]]:
    body = operation.get("requestBody", {}).get("content", {})
    if "application/json" in body:
        sent = json.dumps(draw(of(body["application/json"]["schema"], document)))
        return sent.encode(), {"Content-Type": "application/json"}
    return (draw(st.binary(max_size=50)) if body else None), {}
