"""Every step alike on every interface: the table is walked, and each door asked the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.testing import CliRunner

import holdfast
from holdfast.incident.responding import Report
from holdfast.interfaces.api.resources import PREFIX
from holdfast.interfaces.cli.main import build
from holdfast.interfaces.cli.words import needed
from holdfast.interfaces.web.access import TAKEN
from holdfast.interfaces.web.site import VIEWS
from holdfast.people import Actor, Permission, allowed
from holdfast.prepare.versions import active_roster
from holdfast.serving import asgi
from holdfast.shapes.incidents import Reason
from holdfast.steps.addresses import IncidentId
from holdfast.steps.asking import Misread, members_of, part_of, read
from holdfast.steps.step import Call, Step, step
from holdfast.steps.table import BY_KEY, STEPS
from support.company import MAYA, VICTOR
from support.lender_pages import open_lender
from support.pages import Reader, SetClock, signed_in
from support.shells import on, wired

AnyStep = Step[Any, Any, Any]
Kind = Literal["person", "agent"]
every_step = pytest.mark.parametrize("taken", STEPS, ids=lambda one: one.key)


class Doors:
    """One workspace and its three doors."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, SetClock()
        self.application = open_lender(folder, self.clock)
        self.api = TestClient(asgi(self.application))
        self.tokens: dict[tuple[str, str], str] = {}
        self.readers: dict[str, Reader] = {}
        self.routes = dict(_form_routes())

    def token(self, person: Actor, kind: Kind) -> str:
        if (person.id, kind) not in self.tokens:
            now, roster = self.clock.now(), active_roster(self.application.ledger)
            assert roster is not None
            listed = roster.model.person(person.id)
            assert listed is not None
            scope = [one for one in Permission if allowed(listed.access, one)]
            until = now + timedelta(days=1)
            secret, _ = self.application.accounts.tokens.issue(
                person.id, "helper", scope, until, person, now, kind
            )
            self.tokens[person.id, kind] = secret
        return self.tokens[person.id, kind]

    def ask(
        self, taken: AnyStep, body: Any, person: Actor = MAYA, kind: Literal["person", "agent"] = "person"
    ) -> Any:
        headers = {"Authorization": f"Bearer {self.token(person, kind)}"}
        return self.api.request(taken.method, f"{PREFIX}{address(taken)}", json=body, headers=headers)

    def press(self, taken: AnyStep, person: Any) -> Any:
        if person.id not in self.readers:
            self.readers[person.id] = signed_in(self.application, person)
        path = re.sub(r"{(\w+)}", lambda name: _example(taken, name[1]), self.routes[taken.key])
        return self.readers[person.id].post(path, {})

    def type(self, *words: str, person: str = MAYA.id) -> tuple[int, str]:
        wiring = wired(on(self.clock))
        before = ["--workspace", str(self.folder), "--as", person]
        result = CliRunner().invoke(build(wiring), [*before, *words])
        return result.exit_code, " ".join(result.stderr.split())


def _form_routes() -> Iterator[tuple[str, str]]:
    for router in VIEWS:
        for route in (one for one in router.routes if isinstance(one, APIRoute)):
            for key in (route.openapi_extra or {}).get(TAKEN, ()):
                yield key, route.path


def _example(taken: AnyStep, name: str) -> str:
    known = {one: how.example for one, _, how in taken.names}
    return known.get(name, "INC-1")


def address(taken: AnyStep) -> str:
    return re.sub(r"{(\w+)}", lambda name: _example(taken, name[1]), taken.path)


def words(taken: AnyStep) -> list[str]:
    """The command with what it cannot do without."""
    said = [how.example for _, _, how in taken.names if not how.flag]
    return [taken.noun, taken.verb, *said, *("x" for _ in needed(taken))]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Doors:
    return Doors(tmp_path_factory.mktemp("doors"))


@every_step
def test_whoever_may_not_is_refused_in_one_sentence_before_what_they_said_is_read(
    taken: AnyStep, doors: Doors
) -> None:
    """The auditor writes nowhere (R-AUD-07), and each door says so alike."""
    before = doors.application.ledger.size()
    answered = doors.ask(taken, {"no such": 1} if taken.asked else None, VICTOR)
    assert answered.status_code == 403
    sentence = answered.json()["detail"]
    assert f"Victor Chen may not {taken.may.value}" in sentence
    code, said = doors.type(*words(taken), person=VICTOR.id)
    assert (code, sentence in said) == (1, True), said
    page = doors.press(taken, VICTOR)
    assert page.status_code == 403
    assert f"Victor Chen may not {taken.may.value}" in page.text
    assert doors.application.ledger.size() - before <= 3, "at most the sign-in and the tokens"


@every_step
def test_an_assistant_may_take_only_what_is_declared_for_it(taken: AnyStep, doors: Doors) -> None:
    """R-XCT-09: agents may read, declare, note and propose; everything else a person must do."""
    answered = doors.ask(taken, {"no such": 1} if taken.asked else None, kind="agent")
    if taken.agents:
        assert answered.status_code != 403
    else:
        assert answered.status_code == 403
        assert "is no person, and a person must decide this" in answered.json()["detail"]


@every_step
def test_what_cannot_be_read_is_refused_at_the_same_field(taken: AnyStep, doors: Doors) -> None:
    if taken.asked is None:
        pytest.skip("this step asks nothing")
    field, wrong = _wrong(taken.asked)
    answered = doors.ask(taken, wrong)
    assert answered.status_code == 422
    places = {one["place"].removeprefix("body.") for one in answered.json()["errors"]}
    assert field in places
    with pytest.raises(Misread) as refused:
        read(taken.asked, wrong)
    assert {one.place for one in refused.value.misplaced} == places


def _wrong(model: type[BaseModel]) -> tuple[str, dict[str, object]]:
    """A field and what just does not fit it, or one that is not there."""
    name = next(iter(model.model_fields))
    return name, {name: "x" * 20_001}


def test_names_are_given_once() -> None:
    keys, addresses = [one.key for one in STEPS], [f"{one.method} {one.path}" for one in STEPS]
    assert len({*keys}) == len(keys)
    assert len({*addresses}) == len(addresses)


@every_step
def test_a_step_explains_itself_and_all_that_it_asks(taken: AnyStep) -> None:
    assert taken.explanation.endswith("."), taken.key
    for name, field in _fields(taken.asked) if taken.asked else ():
        assert field.description, f"{taken.key}: {name} is not explained"


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Everything asked, with its parts; the word by which one of several is chosen explains itself."""
    for name, field in model.model_fields.items():
        yield name, field
        word = field.discriminator
        for part in (*members_of(field).values(), *filter(None, [part_of(field)])):
            yield from (one for one in _fields(part) if one[0] != word)


@every_step
def test_every_step_has_its_form_and_its_command(taken: AnyStep, doors: Doors) -> None:
    assert taken.key in doors.routes, "no form of a page takes it"
    code, said = doors.type(taken.noun, taken.verb, "--help")
    assert code == 0, said


def test_what_a_refusal_names_to_be_done_first_is_a_step_taken_on_one_thing() -> None:
    named = set()
    for path in (Path(holdfast.__file__).parent).rglob("*.py"):
        named |= set(re.findall(r'first=\("([a-z.-]+)"', path.read_text(encoding="utf-8")))
    assert named
    assert {len(BY_KEY[one].names) for one in named} == {1}


def test_a_refusal_says_on_each_interface_what_to_do_first(doors: Doors) -> None:
    incident = doors.application.desk.open(Report("Letters are wrong"), by=MAYA, at=doors.clock.now())
    body = {"summary": "x"}
    path = f"{PREFIX}/incidents/{incident}/closure"
    answered = doors.api.put(
        path, json=body, headers={"Authorization": f"Bearer {doors.token(MAYA, 'person')}"}
    )
    assert answered.status_code == 409, answered.text
    assert answered.json()["first"] == {
        "method": "PUT",
        "path": f"/incidents/{incident}/acknowledgement",
        "needs": [],
        "takes": [],
    }
    code, said = doors.type("incident", "close", incident, "x")
    assert code == 1
    assert f"first: holdfast incident acknowledge {incident}" in said


# Declaring -------------------------------------------------------------------------------------


def _shows(call: Call, on: str, answer: None) -> Reason:
    return Reason(reason="x")


def test_a_step_whose_signature_does_not_fit_its_address_is_refused_with_its_place() -> None:
    declare = step("incident", "PUT /incidents/{incident}/x", may=Permission.RESPOND, shows=_shows)

    def other_name(call: Call, number: IncidentId) -> None:
        """Explained."""

    def no_type(call: Call, incident: str) -> None:
        """Explained."""

    def silent(call: Call, incident: IncidentId) -> None: ...

    for does, why in ((other_name, "its address names"), (no_type, "addresses.py"), (silent, "explanation")):
        with pytest.raises(TypeError, match=why) as refused:
            declare(does)
        assert f"{Path(__file__).name}:" in str(refused.value)
