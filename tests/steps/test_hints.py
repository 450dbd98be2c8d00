"""What a refusal names to be done first can be done, as it is said at that door: each hint is followed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

import holdfast
from holdfast import app as joined
from holdfast.application import Application
from holdfast.incident.responding import Report
from holdfast.interfaces.api.resources import PREFIX
from holdfast.interfaces.cli.main import build
from holdfast.people import Permission, allowed
from holdfast.prepare.terms import Severity
from holdfast.prepare.versions import active_roster
from holdfast.serving import asgi
from holdfast.steps.table import BY_KEY
from support.company import MAYA
from support.lender_pages import Inside, open_lender
from support.pages import SetClock
from support.shells import wired

PROVEN = {"text": "a batch in months", "links": ["EV-1"]}
CAUSE = {
    "facts": [PROVEN],
    "sequence": [{"at": "2026-11-20T00:00:00Z", **PROVEN}],
    "factors": [{"group": "data", **PROVEN}, {"group": "process", **PROVEN}],
    "root_cause": PROVEN,
}
SAID: dict[str, Any] = {
    "reason": "looked at",
    "resolution": "fixed",
    "unverified_because": "nothing is to be verified",
    "severity": "low",
    "category": "data_quality",
    "began_at": "2026-11-20T00:00:00Z",
    "summary": "it is over",
    "into": "INC-1",
    **CAUSE,
}
"""What is said for each field that a hint names."""


class Doors:
    """One workspace, its API and its terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, SetClock()
        self.application = open_lender(folder, self.clock)
        self.api = TestClient(asgi(self.application))
        now = self.clock.now()
        roster = active_roster(self.application.ledger)
        assert roster is not None
        every = [one for one in Permission if allowed(roster.model.access(MAYA.id), one)]
        secret, _ = self.application.accounts.tokens.issue(
            MAYA.id, "helper", every, now + timedelta(days=1), MAYA, now, "person"
        )
        self.headers = {"Authorization": f"Bearer {secret}"}

    def ask(self, method: str, path: str, body: Any) -> Any:
        return self.api.request(method, f"{PREFIX}{path}", json=body, headers=self.headers)

    def type(self, *words: str) -> tuple[int, str]:
        def opened(folder: Path, environ: Any, clock: Any) -> Application:
            made = joined.open_workspace(folder, environ, self.clock)
            made.containing.prober = Inside(made.read_switches)
            return made

        wiring = wired(opened)
        before = ["--workspace", str(self.folder), "--as", MAYA.id]
        result = CliRunner().invoke(build(wiring), [*before, *words])
        return result.exit_code, " ".join(result.stderr.split())


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    return Doors(tmp_path)


# Where hints are given -----------------------------------------------------------------------------

Begin = Callable[[Doors], str]
"""Makes what a step is taken on; returns its number."""


def fresh(doors: Doors) -> str:
    report = Report("Letters are wrong", severity=Severity.LOW)
    return doors.application.desk.open(report, by=MAYA, at=doors.clock.now())


def on_loans(doors: Doors) -> str:
    report = Report("Letters are wrong", system="loan-approval", severity=Severity.LOW)
    return doors.application.desk.open(report, by=MAYA, at=doors.clock.now())


def proposed(doors: Doors) -> str:
    containing = doors.application.containing
    return containing.propose(on_loans(doors), "broker-to-review", "x", by=MAYA, at=doors.clock.now())


def approved(doors: Doors) -> str:
    number = proposed(doors)
    doors.application.containing.approve(number, "x", by=MAYA, at=doors.clock.now())
    return number


def switched(doors: Doors) -> str:
    number = approved(doors)
    doors.application.containing.apply(number, by=MAYA, at=doors.clock.now())
    return number.rpartition("-")[0]


PLAN = {
    "action": "Check units",
    "kind": "code_fix",
    "responsible": MAYA.id,
    "deadline": "2027-01-01T00:00:00Z",
    "verification": {"method": "review", "how": "somebody looks"},
}
GIVEN: dict[str, tuple[Begin, str, dict[str, Any]]] = {
    "closing": (fresh, "incident.close", {"summary": "x"}),
    "resolving": (fresh, "incident.resolve", {"resolution": "x", "unverified_because": "x"}),
    "completing the review": (fresh, "review.complete", {}),
    "editing the review": (fresh, "review.edit", {"answers": {"what_happened": "x"}}),
    "counting": (on_loans, "impact.count", {}),
    "planning": (fresh, "remediation.plan", PLAN),
    "carrying out": (proposed, "contain.apply", {}),
    "probing what is proposed": (proposed, "contain.probe", {}),
    "probing what is approved": (approved, "contain.probe", {}),
    "correcting the system": (
        switched,
        "incident.name-system",
        {"system": "customer-assistant", "reason": "x"},
    ),
    "dismissing": (switched, "incident.dismiss", {"reason": "x"}),
    "deciding against": (switched, "contain.against", {"reason": "x"}),
}
"""Steps that a refusal answers with a hint, and what they are taken on."""


def path_of(key: str, on: str) -> str:
    return re.sub(r"{\w+}", on, BY_KEY[key].path, count=1)


@pytest.mark.parametrize("given", GIVEN)
def test_over_the_api_each_hint_can_be_taken_until_none_is_left(doors: Doors, given: str) -> None:
    begin, key, body = GIVEN[given]
    step, on = BY_KEY[key], begin(doors)
    followed = []
    while "first" in (answered := doors.ask(step.method, path_of(key, on), body).json()):
        way = answered["first"]
        said = {name: SAID[name] for name in (*way["needs"], *way["takes"]) if name in SAID}
        assert {*way["needs"]} <= {*said}, f"{way} needs what nothing is said of"
        taken = doors.ask(way["method"], way["path"], said or None)
        assert taken.status_code in (200, 201), f"{way}: {taken.text}"
        followed.append(way["path"])
        assert len(followed) == len({*followed}), f"{followed} goes round in a circle"
    assert followed, answered


@pytest.mark.parametrize("given", GIVEN)
def test_at_the_terminal_each_hint_can_be_typed_as_it_is_printed(
    doors: Doors, given: str, tmp_path: Path
) -> None:
    begin, key, _ = GIVEN[given]
    step, on = BY_KEY[key], begin(doors)
    (tmp_path / "cause.yaml").write_text(json.dumps(CAUSE))
    words = [step.noun, step.verb, on, *TYPED.get(key, [])]
    followed = []
    while "first: holdfast" in (said := doors.type(*words)[1]):
        (line,) = re.findall(r"first: holdfast (.*)$", said)
        code, refused = doors.type(*filled(line, tmp_path))
        assert code == 0, f"{line}: {refused}"
        followed.append(line)
        assert len(followed) == len({*followed}), f"{followed} goes round in a circle"
    assert followed, said


TYPED = {
    "incident.close": ["x"],
    "incident.resolve": ["x", "--unverified-because", "x"],
    "review.edit": ["--question", "what_happened", "--answer", "x"],
    "incident.dismiss": ["--reason", "x"],
    "incident.name-system": ["customer-assistant", "--reason", "x"],
    "remediation.plan": [
        *("x", "--kind", "code_fix", "--responsible", MAYA.id, "--deadline", "2027-01-01T00:00:00Z"),
        *("--review", "somebody looks"),
    ],
    "contain.against": ["--reason", "x"],
}
"""What the step itself is typed with."""


def filled(line: str, folder: Path) -> list[str]:
    """A printed line with something in each place that it leaves open."""
    said = {
        "RESOLUTION": "fixed",
        "FILE": str(folder / "cause.yaml"),
        "TIME": "2026-11-20T00:00:00Z",
        "REASON": "because",
        "BECAUSE": "because",
    }
    words = shlex.split(line.replace("[", "").replace("]", ""))
    return [said.get(word, word.split("|")[-1] if "|" in word else word) for word in words]


def test_each_step_that_is_named_first_anywhere_is_followed_here() -> None:
    named = {"incident.acknowledge", "incident.classify", "cause.set", "incident.resolve"}
    for path in Path(holdfast.__file__).parent.rglob("*.py"):
        named |= set(re.findall(r'first=\("([a-z.-]+)"', path.read_text(encoding="utf-8")))
    assert named <= {
        "incident.acknowledge",
        "incident.classify",
        "incident.resolve",
        "incident.began",
        "cause.set",
        "review.draft",
        "contain.approve",
        "contain.apply",
        "contain.revert",
    }


# What the API says of itself -----------------------------------------------------------------------


def test_what_is_not_known_is_404_wherever_it_is_named(doors: Doors) -> None:
    incident = fresh(doors)
    for method, path, body in (
        ("GET", "/incidents/INC-99", None),
        ("PUT", "/incidents/INC-99/acknowledgement", None),
        ("PUT", "/alert-groups/acknowledgement", {"alerts": ["ALR-99"]}),
        ("PUT", "/alert-groups/setting-aside", {"alerts": ["ALR-99"], "reason": "x"}),
        ("PUT", "/alert-groups/incident", {"alerts": ["ALR-99"], "incident": incident}),
        ("POST", "/alerts/ALR-99/incident", None),
        ("POST", "/incidents", {"title": "x", "system": "no-such"}),
        ("PUT", f"/incidents/{incident}/system", {"system": "no-such"}),
        ("PUT", f"/incidents/{incident}/roles/technical_lead", {"person": "nobody@x.example", "reason": "x"}),
    ):
        answered = doors.ask(method, path, body)
        assert answered.status_code == 404, f"{method} {path}: {answered.text}"


def test_no_sentence_of_a_step_sends_to_the_terminal_for_what_another_door_has_too() -> None:
    """Where a command has a step or a list of the same name, the sentence says it in words."""
    nouns = {key.partition(".")[0] for key in BY_KEY} | {"evidence", "ledger"}
    only_there = {
        "ledger clock",
        "ledger anchor",
        "ledger show",
        "ledger seal",
        "evidence add",
        "monitor backtest",
    }
    package = Path(holdfast.__file__).parent
    for path in sorted(package.rglob("*.py")):
        if "cli" in path.parts or path.parts[-2] == "ledger":
            continue  # the terminal's own words, and what stands in the log of a worker
        for noun, verb in re.findall(r"`holdfast ([a-z]+) ([a-z-]+)", path.read_text(encoding="utf-8")):
            assert noun not in nouns or f"{noun} {verb}" in only_there, f"{path}: {noun} {verb}"
