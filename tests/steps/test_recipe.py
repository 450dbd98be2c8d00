"""The recipe of CONTRIBUTING for a step, followed: one fact, one decision, one declaration.

What is declared between the two lines is all that is written for it. Its route with its description, its
command, what its form reads and its entry in the reference come from there.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import Field
from typer.testing import CliRunner

from holdfast.application import Application
from holdfast.incident.loading import beside
from holdfast.incident.responding import Report
from holdfast.interfaces.api.resources import PREFIX
from holdfast.interfaces.cli import incident as commands
from holdfast.interfaces.cli.main import build
from holdfast.interfaces.cli.steps import stepped
from holdfast.learn.closing import dismiss
from holdfast.ledger.facts import Fact, Line, fact
from holdfast.ledger.folding import Kind
from holdfast.people import Actor, Permission
from holdfast.problems import NotAllowed
from holdfast.serving import asgi
from holdfast.shapes.base import Asked, Shown
from holdfast.steps.addresses import IncidentId
from holdfast.steps.asking import Misread, read
from holdfast.steps.step import Call, step
from holdfast.steps.table import STEPS
from support.company import MAYA, VICTOR
from support.lender_pages import open_lender
from support.pages import SetClock
from support.shells import on, wired

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs"))

import generate

# The whole of a new step ---------------------------------------------------------------------------


@fact("test.person_thanked")
class PersonThanked(Fact):
    """Somebody is thanked for what they did in an incident."""

    incident: str
    person: str

    def line(self) -> Line:
        return Line("Thanked", self.person)


@dataclass(frozen=True, slots=True)
class Thanks:
    """Who was thanked, folded from the facts of `thanks/INC-1`."""

    people: tuple[str, ...] = ()

    def after(self, told: PersonThanked, at: datetime, by: Actor) -> Thanks:
        return Thanks((*self.people, told.person))

    def thank(self, incident: str, person: str, by: Actor) -> list[PersonThanked]:
        """Nothing when they were thanked already. Raises NotAllowed for oneself."""
        if person == by.id:
            raise NotAllowed("nobody thanks themselves; name somebody else")
        return [] if person in self.people else [PersonThanked(incident=incident, person=person)]


THANKS = Kind("thanks", lambda incident: Thanks())


class ThanksAsked(Asked):
    person: str = Field(description="Whose work it was.", max_length=200)


class ThanksShown(Shown):
    people: tuple[str, ...]
    """Everybody who was thanked."""


def shown(call: Call, incident: str, _: object) -> ThanksShown:
    return ThanksShown.model_validate(THANKS.state(call.ledger, incident))


@step("incident", "PUT /incidents/{incident}/thanks", may=Permission.RESPOND, shows=shown)
def thank(call: Call, incident: IncidentId, said: ThanksAsked) -> None:
    """Thank somebody for what they did. It stands in the record."""
    beside(
        call.ledger,
        THANKS,
        incident,
        lambda _, thanks: [thanks.draft(thanks.state.thank(incident, said.person, call.by))],
        by=call.by,
        at=call.at,
    )


# What comes of it ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class House:
    """A workspace with a running incident, in whose product the step stands."""

    application: Application
    folder: Path
    clock: SetClock
    incident: str

    def ask(self, body: object, person: Actor = MAYA) -> tuple[int, dict[str, object]]:
        now, tokens = self.clock.now(), self.application.accounts.tokens
        until = now.replace(year=now.year + 1)
        scope = [Permission.READ_LEDGER] if person == VICTOR else [Permission.READ_LEDGER, Permission.RESPOND]
        secret, _ = tokens.issue(person.id, "mine", scope, until, person, now, "person")
        answered = TestClient(asgi(self.application)).put(
            f"{PREFIX}/incidents/{self.incident}/thanks",
            json=body,
            headers={"Authorization": f"Bearer {secret}"},
        )
        return answered.status_code, answered.json()

    def type(self, *words: str) -> tuple[int, str]:
        wiring = wired(on(self.clock))
        said = ["--workspace", str(self.folder), "--as", MAYA.id, "incident", "thank", self.incident, *words]
        result = CliRunner().invoke(build(wiring), said)
        return result.exit_code, result.output

    @property
    def thanked(self) -> tuple[str, ...]:
        return THANKS.state(self.application.ledger, self.incident).people


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    listed = (*STEPS, thank)
    for where in ("holdfast.interfaces.api.resources.STEPS", "generate.STEPS"):
        monkeypatch.setattr(where, listed)
    monkeypatch.setattr(commands.app, "registered_commands", [*commands.app.registered_commands])
    stepped(commands.app, thank, lambda taken: [f"{', '.join(taken.shown.people)} thanked."])
    clock = SetClock()
    application = open_lender(tmp_path, clock)
    incident = application.desk.open(Report("Letters are wrong"), by=MAYA, at=clock.now())
    return House(application, tmp_path, clock, incident)


def test_the_api_takes_it_and_describes_it(house: House) -> None:
    assert house.ask({"person": VICTOR.id}) == (200, {"people": [VICTOR.id]})
    served = TestClient(asgi(house.application)).get(f"{PREFIX}/openapi.json").json()
    described = next(one["put"] for path, one in served["paths"].items() if path.endswith("/thanks"))
    assert described["summary"] == "Thank somebody for what they did"
    assert house.thanked == (VICTOR.id,)


def test_the_api_refuses_what_the_decision_the_model_and_the_permission_refuse(house: House) -> None:
    assert house.ask({"person": MAYA.id})[0] == 409
    assert house.ask({})[0] == 422
    assert house.ask({"person": "x" * 201})[0] == 422
    assert house.ask({"person": MAYA.id}, VICTOR)[0] == 403
    assert house.thanked == ()


def test_a_terminal_takes_it_by_the_same_names(house: House) -> None:
    code, said = house.type(VICTOR.id)
    assert (code, house.thanked) == (0, (VICTOR.id,)), said
    code, said = house.type(MAYA.id)
    assert code == 1
    assert "nobody thanks themselves" in said
    assert "Whose work it was" in house.type("--help")[1]


def test_a_form_reads_it_and_names_the_field_that_does_not_fit() -> None:
    assert read(ThanksAsked, {"person": VICTOR.id}).person == VICTOR.id
    with pytest.raises(Misread) as refused:
        read(ThanksAsked, {"person": ""} | {"who": "x"})
    assert "who" in {one.place for one in refused.value.misplaced}


def test_the_reference_has_its_entry(house: House) -> None:
    page = generate.steps_page()
    assert "### incident thank" in page
    assert "`PUT /incidents/{incident}/thanks`" in page
    assert "Whose work it was." in page


def test_the_decision_holds_the_incident_it_rests_on(house: House) -> None:
    dismiss(house.application.desk, house.incident, "a test", by=MAYA, at=house.clock.now())
    assert house.ask({"person": VICTOR.id})[0] == 409
    assert house.thanked == ()


def test_the_record_tells_it(house: House) -> None:
    house.ask({"person": VICTOR.id})
    told = house.application.ledger.facts()
    assert [one.fact.line() for one in told if isinstance(one.fact, PersonThanked)] == [
        Line("Thanked", VICTOR.id)
    ]
