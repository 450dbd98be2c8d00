"""What is signed: playbook versions, limits, authority; by whom, and what an unchanged review leaves."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from holdfast.ledger.ledger import Ledger
from holdfast.people import Actor
from holdfast.prepare import changes, versions
from holdfast.prepare.documents import Unusable
from holdfast.prepare.systems import System
from holdfast.prepare.terms import Function
from holdfast.prepare.unsigned import not_in_force
from holdfast.prepare.versions import apply_workspace, approve_change, approve_playbook
from holdfast.prepare.workspace import Workspace, load_workspace
from holdfast.problems import NoAuthority, NotAllowed

Signers = dict[str, Actor]
LOANS = "systems/loan-approval.yaml"
TELLS = (("tells: [technical_lead, data_science_lead]", "tells: [technical_lead]"),)


def change(folder: Path, file: str, *pairs: tuple[str, str]) -> Workspace:
    text = (folder / file).read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / file).write_text(text)
    return load_workspace(folder)


def types(recorded: tuple[object, ...]) -> list[str]:
    return [one.fact.type for one in recorded]  # type: ignore[attr-defined]


@pytest.fixture
def active(ledger: Ledger, workspace: Workspace, signers: Signers, nadia: Actor, now: datetime) -> None:
    """The starter, applied and signed by all."""
    apply_workspace(ledger, workspace, nadia, now)
    for function, person in signers.items():
        approve_playbook(ledger, "1.0", function, person, now)


def limit_in_force(ledger: Ledger) -> float | None:
    system = versions.active_systems(ledger)["loan-approval"].model
    limit = next(one for one in system.monitors if one.id == "accuracy").limit
    return limit.below if limit else None


# The playbook --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("active")
def test_attack_a_version_that_leaves_out_who_would_refuse_it_needs_their_signature(
    ledger: Ledger, folder: Path, signers: Signers, nadia: Actor, later: datetime
) -> None:
    """R-PRE-05/functions: all functions that the version in force names, and those the new one names."""
    all_ = "sign_off: [engineering, data_science, compliance, security]"
    changed = change(folder, "playbook.yaml", (all_, "sign_off: [engineering]"), ('"1.0"', '"1.1"'))
    apply_workspace(ledger, changed, nadia, later)
    approve_playbook(ledger, "1.1", "engineering", signers["engineering"], later)
    assert versions.require_playbook(ledger).version == "1.0"
    assert versions.find_playbook(ledger, "1.1").missing == tuple(Function)[1:]
    for function in ("data_science", "compliance", "security"):
        approve_playbook(ledger, "1.1", function, signers[function], later)
    assert versions.require_playbook(ledger).version == "1.1"
    changed = change(folder, "playbook.yaml", ('"1.1"', '"1.2"'))
    apply_workspace(ledger, changed, nadia, later)
    approve_playbook(ledger, "1.2", "engineering", signers["engineering"], later)
    assert versions.require_playbook(ledger).version == "1.2", "all agreed that one signature is enough"


def test_one_person_signs_for_one_function(
    ledger: Ledger, folder: Path, signers: Signers, nadia: Actor, now: datetime
) -> None:
    """R-PRE-05/one-person."""
    roster = ("functions: [engineering]", "functions: [engineering, security]")
    apply_workspace(ledger, change(folder, "roster.yaml", roster), nadia, now)
    maya = signers["engineering"]
    approve_playbook(ledger, "1.0", "engineering", maya, now)
    with pytest.raises(NotAllowed) as caught:
        approve_playbook(ledger, "1.0", "security", maya, now)
    assert str(caught.value) == (
        "Maya Okafor has signed version 1.0 for engineering; one person signs for one function, so somebody "
        "else has to for security"
    )
    assert approve_playbook(ledger, "1.0", "engineering", maya, now) == ()


def test_a_roster_with_fewer_people_than_functions_is_told_at_its_line(folder: Path) -> None:
    with pytest.raises(Unusable, match="too few different people to sign for engineering, data_science"):
        change(
            folder,
            "roster.yaml",
            ("functions: [engineering]", "functions: [engineering, security]"),
            ("    functions: [security]\n", ""),
        )


@pytest.mark.usefixtures("active")
def test_who_proposed_a_version_is_kept_apart_from_who_signed_it(ledger: Ledger) -> None:
    version = versions.find_playbook(ledger, "1.0")
    assert version.applied_by == "Nadia Petrov"
    assert "Nadia Petrov" not in {one.name for one in version.approvals}


# Limits --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("active")
def test_a_changed_limit_is_in_force_when_the_functions_of_the_playbook_have_signed_it(
    ledger: Ledger, folder: Path, signers: Signers, nadia: Actor, later: datetime
) -> None:
    changed = change(folder, LOANS, ("limit: {below: 0.80}", "limit: {below: 0.50}"))
    assert types(apply_workspace(ledger, changed, nadia, later)) == ["change.proposed"]
    assert limit_in_force(ledger) == 0.8
    (waiting,) = versions.changes_of(ledger)
    assert waiting.proposed.differences == ("accuracy, limit: below 0.8, then below 0.5",)
    assert (waiting.by.name, waiting.open) == (
        "Nadia Petrov",
        (Function.DATA_SCIENCE, Function.COMPLIANCE),
    )
    assert apply_workspace(ledger, changed, nadia, later) == (), "what waits is not proposed again"
    with pytest.raises(NotAllowed, match="does not ask for security; it asks for data science, compliance"):
        approve_change(ledger, "CHG-1", "security", signers["security"], later)
    with pytest.raises(NoAuthority, match="does not sign for compliance"):
        approve_change(ledger, "CHG-1", "compliance", nadia, later)
    for function in ("compliance", "data_science"):
        assert limit_in_force(ledger) == 0.8
        approve_change(ledger, "CHG-1", function, signers[function], later)
    assert limit_in_force(ledger) == 0.5
    assert versions.changes_of(ledger)[0].state == "in force"
    assert apply_workspace(ledger, changed, nadia, later) == ()


CHANGES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "a monitor that asks for more rows": ("accuracy, min n", (("maturity: {share: 80%}", "min_n: 100000"),)),
    "another window": ("accuracy, window", (("window: 1d", "window: 30d"),)),
    "a monitor that is gone under its name": ("precision is gone", (("id: precision\n", "id: exactness\n"),)),
    "a log elsewhere": (
        "prediction log, path: logs/",
        (("path: logs/loan-approval", "path: elsewhere/loans"),),
    ),
    "the positive class turned round": (
        "prediction log, columns, positive: 1, then 0",
        (("    positive: 1\n", "    positive: 0\n"),),
    ),
    "another column of predictions": (
        "prediction log, columns, prediction: ",
        (("    prediction: ", "    prediction: other_"),),
    ),
    "another priority": ("priority: 1, then 9", (("priority: 1\n", "priority: 9\n"),)),
    "an option of containment that is gone": (
        "the containment broker-to-review is gone",
        (("id: broker-to-review", "id: brokers-away"),),
    ),
    "a switch of another flag": ("flag: ", (("    flag: ", "    flag: other-"),)),
    "somebody who is no longer told": ("no longer tells the", TELLS),
}


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize("called", CHANGES)
def test_whatever_decides_whether_an_alarm_comes_or_what_a_switch_does_is_signed(
    ledger: Ledger, folder: Path, nadia: Actor, later: datetime, called: str
) -> None:
    said, pairs = CHANGES[called]
    assert types(apply_workspace(ledger, change(folder, LOANS, *pairs), nadia, later)) == ["change.proposed"]
    assert said in " ".join(versions.changes_of(ledger)[0].proposed.differences)


@pytest.mark.usefixtures("active")
def test_a_system_with_monitors_is_withdrawn_only_when_that_is_signed(
    ledger: Ledger, folder: Path, signers: Signers, nadia: Actor, later: datetime
) -> None:
    text = (folder / LOANS).read_text()
    (folder / LOANS).unlink()
    (folder / "playbook.yaml").write_text((folder / "playbook.yaml").read_text())
    assert types(apply_workspace(ledger, load_workspace(folder), nadia, later)) == ["change.proposed"]
    assert "loan-approval" in versions.active_systems(ledger)
    for function in ("data_science", "compliance"):
        approve_change(ledger, "CHG-1", function, signers[function], later)
    assert "loan-approval" not in versions.active_systems(ledger)
    (folder / LOANS).write_text(text)
    assert types(apply_workspace(ledger, load_workspace(folder), nadia, later)) == ["system.applied"]


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: Accuracy\n", "name: Share of right decisions\n"),
        ('version: "3.2.0"', 'version: "3.3.0"'),
        ("subject: applicant\n", "subject: customer\n"),
        ("tells: [incident_commander]", "tells: [incident_commander, technical_lead]"),
        ("name: Switch the model off", "name: Off"),
    ],
)
def test_words_models_and_whoever_is_told_besides_need_no_signature(
    ledger: Ledger, folder: Path, nadia: Actor, later: datetime, old: str, new: str
) -> None:
    changed = change(folder, LOANS, (old, new))
    assert types(apply_workspace(ledger, changed, nadia, later)) == ["system.applied"]


def test_every_field_of_a_system_is_signed_or_named_as_free() -> None:
    """R-PRE-05: a field that is added later is signed until somebody says otherwise."""
    free = {"name", "purpose", "owner", "models", "data_used", "depends_on_it", "business_impact"}
    free |= {"compliance_risk", "subject"}
    assert free == changes._FREE
    assert free < set(System.model_fields)
    page = (Path(__file__).parents[2] / "docs/how-to/connect-a-system.md").read_text()
    assert all(f"`{field}`" in page for field in free)


def test_two_systems_share_no_flag(folder: Path) -> None:
    """R-CON-02: whoever adds a system could otherwise change what another one's switch answers."""
    text = (folder / LOANS).read_text()
    other = text.replace("id: loan-approval\n", "id: car-loans\n", 1)
    (folder / "systems/car-loans.yaml").write_text(other)
    with pytest.raises(Unusable) as refused:
        load_workspace(folder)
    causes = {problem.cause for problem in refused.value.problems}
    assert len(causes) == 2
    assert all("already names the flag loan-approval." in cause for cause in causes)


# Files that are not in force ------------------------------------------------------------------------


@pytest.mark.usefixtures("active")
def test_a_file_that_is_not_what_is_in_force_is_said_until_it_is_signed(
    ledger: Ledger, folder: Path, signers: Signers, nadia: Actor, later: datetime
) -> None:
    """R-PRE-05: for a system, the roster and the playbook, whether nobody applied or nobody signed it."""
    assert not_in_force(ledger, folder) == ()
    changed = change(folder, LOANS, ("    positive: 1\n", "    positive: 0\n"))
    (said,) = not_in_force(ledger, folder)
    assert said.startswith(f"{LOANS} is not what is in force: it has not been applied; until then")
    apply_workspace(ledger, changed, nadia, later)
    (said,) = not_in_force(ledger, folder)
    assert "CHG-1 waits for signatures of data science, compliance" in said
    for function in ("data_science", "compliance"):
        approve_change(ledger, "CHG-1", function, signers[function], later)
    assert not_in_force(ledger, folder) == ()
    change(folder, "roster.yaml", ("on_call:\n", "on_call:  # from Monday on\n"))
    (folder / LOANS).unlink()
    (folder / "systems/another.yaml").write_text("id: another")
    assert [said.split()[0] for said in not_in_force(ledger, folder)] == [
        "roster.yaml",
        "systems/another.yaml",
        LOANS,
    ]


@pytest.mark.usefixtures("active")
def test_a_change_that_the_files_take_back_or_replace_is_withdrawn(
    ledger: Ledger, folder: Path, signers: Signers, nadia: Actor, later: datetime
) -> None:
    original, lower, lowest = "limit: {below: 0.80}", "limit: {below: 0.60}", "limit: {below: 0.10}"
    apply_workspace(ledger, change(folder, LOANS, (original, lower)), nadia, later)
    approve_change(ledger, "CHG-1", "compliance", signers["compliance"], later)
    replaced = apply_workspace(ledger, change(folder, LOANS, (lower, lowest)), nadia, later)
    assert types(replaced) == ["change.withdrawn", "change.proposed"]
    second, first = versions.changes_of(ledger)
    assert (first.state, first.reason, second.signed) == ("withdrawn", "CHG-2 replaces it", {})
    with pytest.raises(NotAllowed, match="CHG-1 is withdrawn and takes no signatures"):
        approve_change(ledger, "CHG-1", "data_science", signers["data_science"], later)
    back = apply_workspace(ledger, change(folder, LOANS, (lowest, original)), nadia, later)
    assert types(back) == ["change.withdrawn"]
    assert limit_in_force(ledger) == 0.8


def test_until_a_playbook_is_in_force_nothing_waits(
    ledger: Ledger, workspace: Workspace, folder: Path, nadia: Actor, now: datetime
) -> None:
    apply_workspace(ledger, workspace, nadia, now)
    changed = change(folder, LOANS, ("limit: {below: 0.80}", "limit: {below: 0.82}"))
    assert types(apply_workspace(ledger, changed, nadia, now)) == ["system.applied"]


# Authority -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("active")
def test_attack_an_administrator_gives_themselves_authority_and_nobody_signs(
    ledger: Ledger, folder: Path, signers: Signers, nadia: Actor, later: datetime
) -> None:
    given = ("access: [administrator]", "access: [administrator, commander]")
    holder = ("    holder: maya.okafor@", "    holder: nadia.petrov@")
    changed = change(folder, "roster.yaml", given, holder)
    assert types(apply_workspace(ledger, changed, nadia, later)) == ["change.proposed"]
    roster = versions.active_roster(ledger)
    assert roster is not None
    assert roster.model.access(nadia.id) == ("administrator",)
    (waiting,) = versions.changes_of(ledger)
    assert waiting.proposed.differences[0] == "Nadia Petrov is given the access commander"
    assert waiting.proposed.differences[1].startswith("incident commander: nadia.petrov@")
    for function in ("compliance", "security"):
        approve_change(ledger, "CHG-1", function, signers[function], later)
    roster = versions.active_roster(ledger)
    assert roster is not None
    assert roster.model.holder("incident_commander").id == nadia.id


@pytest.mark.usefixtures("active")
def test_taking_access_away_waits_for_nobody(
    ledger: Ledger, folder: Path, nadia: Actor, later: datetime
) -> None:
    """Somebody who leaves is out at once."""
    changed = change(folder, "roster.yaml", ("access: [auditor]", "access: []"))
    assert types(apply_workspace(ledger, changed, nadia, later)) == ["roster.applied"]


def test_the_auditor_can_hold_no_role_and_no_task(folder: Path) -> None:
    """R-AUD-07. R-ESC-05/auditor."""
    victor = "victor.chen@harbourstreet.example"
    for pairs, said in (
        (
            [("    deputies: [lucia.ferrari@", f"    deputies: [{victor}, lucia.ferrari@")],
            "no role and no task",
        ),
        ([("on_call:\n", f"on_call:\n  - {victor}\n")], "no role and no task"),
        ([("access: [auditor]", "access: [auditor, responder]")], "takes no part in what is audited"),
        ([("access: [auditor]", "access: [auditor]\n    functions: [security]")], "takes no part"),
    ):
        text = (folder / "roster.yaml").read_text()
        with pytest.raises(Unusable, match=said):
            change(folder, "roster.yaml", *pairs)
        (folder / "roster.yaml").write_text(text)
    text = (folder / LOANS).read_text()
    with pytest.raises(Unusable, match="can hold no task such as this system"):
        change(folder, LOANS, ("owner: rosa.lindqvist@harbourstreet.example", f"owner: {victor}"))
    (folder / LOANS).write_text(text)
    with pytest.raises(Unusable, match="can be in no team"):
        change(
            folder, "playbook.yaml", ("titles: [Head of Lending Operations]", "titles: [Internal Auditor]")
        )


# The review ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("active")
def test_a_review_that_changes_nothing_is_a_fact_and_the_next_one_is_due(
    ledger: Ledger, signers: Signers, nadia: Actor, now: datetime
) -> None:
    """R-PRE-05/reviewed."""
    at = now + timedelta(days=91)
    helen = signers["compliance"]
    with pytest.raises(NoAuthority, match="neither owns the playbook nor signs it"):
        versions.review_playbook(ledger, "Looked at it", nadia, at)
    with pytest.raises(NotAllowed, match="say what was looked at"):
        versions.review_playbook(ledger, "  ", helen, at)
    (reviewed,) = versions.review_playbook(ledger, "Six incidents, clocks kept, names hold", helen, at)
    assert reviewed.fact.line().detail.startswith("Helen Marsh: Six incidents")  # type: ignore[union-attr]
    assert versions.require_playbook(ledger).review_due == at + timedelta(days=90)
    assert [one.due for one in reviewed.fact.timers()] == [at + timedelta(days=90)]  # type: ignore[union-attr]
    assert versions.reviews_of(ledger) == (reviewed,)
