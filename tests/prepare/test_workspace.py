"""The files of a workspace read together, and where they disagree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.people import AccessRole, IncidentRole, Permission, allowed
from holdfast.prepare.documents import Unusable
from holdfast.prepare.roster import Roster, Who
from holdfast.prepare.workspace import Workspace, load_workspace

DOMAIN = "harbourstreet.example"


@pytest.fixture
def edited(folder: Path) -> Callable[[str, str, str], list[str]]:
    """What is said after one change to one file of the starter."""

    def edit(file: str, old: str, new: str) -> list[str]:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))
        with pytest.raises(Unusable) as caught:
            load_workspace(folder)
        return [str(problem) for problem in caught.value.problems]

    return edit


@pytest.fixture
def roster(workspace: Workspace) -> Roster:
    return workspace.roster.model


def test_the_starter_works_as_it_is(workspace: Workspace) -> None:
    """R-PRE-01, R-PRE-03, R-PRG-05."""
    assert list(workspace.systems) == ["loan-approval", "customer-assistant"]
    assert workspace.systems["loan-approval"].model.is_covered
    assert not workspace.systems["customer-assistant"].model.is_covered


def test_people_are_reached_by_role_title_and_duty_each_once(roster: Roster) -> None:
    """R-CLS-04, R-ESC-05."""
    who = Who(
        roles=(IncidentRole.TECHNICAL_LEAD, IncidentRole.INCIDENT_COMMANDER),
        titles=("Lead Machine Learning Engineer", "Chief Risk Officer"),
        on_call=True,
    )
    assert [person.name for person in roster.reach(who)] == [
        "Tomas Lind",
        "Maya Okafor",
        "Niamh Byrne",
        "Aisha Rahman",
    ]
    assert [person.name for person in roster.deputies("incident_commander")] == ["Tomas Lind", "Eleanor Voss"]


def test_access_follows_the_roster_and_is_nothing_for_strangers(roster: Roster) -> None:
    """R-XCT-01."""
    assert roster.access(f"Helen.Marsh@{DOMAIN}") == (AccessRole.COMPLIANCE,)
    assert roster.access("stranger@example.com") == ()
    assert not allowed(roster.access(f"victor.chen@{DOMAIN}"), Permission.RESPOND)


def test_only_who_holds_a_function_may_sign_for_it(roster: Roster) -> None:
    """R-PRE-05."""
    assert roster.may_sign(f"helen.marsh@{DOMAIN}", "compliance")
    assert not roster.may_sign(f"helen.marsh@{DOMAIN}", "security")
    assert not roster.may_sign("stranger@example.com", "compliance")


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "roster.yaml",
            f"holder: samuel.adeyemi@{DOMAIN}",
            f"holder: samuel.adeyem@{DOMAIN}",
            f"roles.security_lead.holder: samuel.adeyem@{DOMAIN} is not among the people; "
            f"add them to people, or did you mean samuel.adeyemi@{DOMAIN}?",
        ),
        (
            "roster.yaml",
            f"deputies: [aisha.rahman@{DOMAIN}]",
            f"deputies: [tomas.lind@{DOMAIN}]",
            f"roles.technical_lead.deputies[0]: tomas.lind@{DOMAIN} stands in for themselves; "
            "name somebody else",
        ),
        (
            "roster.yaml",
            "  security_lead:\n    holder",
            "  security:\n    holder",
            "roles.security_lead: is missing; add it",
        ),
        (
            "roster.yaml",
            f"- id: jonas.keller@{DOMAIN}",
            f"- id: priya.raman@{DOMAIN}",
            f"people[4].id: priya.raman@{DOMAIN} is listed twice, first as people[3]; keep one of them",
        ),
        (
            "roster.yaml",
            f"- id: jonas.keller@{DOMAIN}",
            f"- id: Jonas.Keller@{DOMAIN}",
            f'people[4].id: "Jonas.Keller@{DOMAIN}" has capital letters; '
            f"write jonas.keller@{DOMAIN}: people are known by this address",
        ),
        (
            "roster.yaml",
            f"- id: jonas.keller@{DOMAIN}",
            "- id: Jonas Keller <jonas@x>",
            'people[4].id: "Jonas Keller <jonas@x>" is not an e-mail address; '
            "write for example maya.okafor@example.com",
        ),
        (
            "roster.yaml",
            "access: [administrator]",
            "access: [admin]",
            'people[14].access[0]: "admin" is not one of responder, commander, compliance, auditor, '
            "administrator; did you mean administrator?",
        ),
        (
            "roster.yaml",
            "access: [administrator]",
            "access: []",
            "people: nobody has the access role administrator; give it to one person at least",
        ),
        (
            "roster.yaml",
            "functions: [security]",
            "functions: []",
            "governance.sign_off[3]: nobody in roster.yaml signs for security, so no version could become "
            "active; add functions: [security] to a person there",
        ),
        (
            "roster.yaml",
            "titles: [Chief Risk Officer]",
            "titles: [Head of Risk]",
            "severities.critical.team.titles[1]: nobody in roster.yaml has the title Chief Risk Officer; ",
        ),
        (
            "playbook.yaml",
            f"owner: helen.marsh@{DOMAIN}",
            f"owner: helen.marsch@{DOMAIN}",
            f"owner: helen.marsch@{DOMAIN} is not among the people of roster.yaml; "
            f"add them there, or did you mean helen.marsh@{DOMAIN}?",
        ),
        (
            "playbook.yaml",
            "    team:\n      on_call: true",
            "    team: {}",
            "severities.low.team: names nobody; give roles, titles or on_call: true",
        ),
        (
            "playbook.yaml",
            "      fits:\n        categories:",
            "      fits:\n        systems: [loan-aproval]\n        categories:",
            "containment.actions[0].fits.systems[0]: no file in systems/ describes loan-aproval; "
            "did you mean loan-approval?",
        ),
        (
            "systems/loan-approval.yaml",
            f"owner: rosa.lindqvist@{DOMAIN}",
            f"owner: nobody@{DOMAIN}",
            f"owner: nobody@{DOMAIN} is not among the people of roster.yaml; add them there, or ",
        ),
        (
            "systems/loan-approval.yaml",
            "    tells: [incident_commander]",
            "    tells: [commander]",
            'monitors[3].tells[0]: "commander" is not one of incident_commander, technical_lead, '
            "data_science_lead, security_lead, compliance_lead, communications_lead; "
            "did you mean incident_commander?",
        ),
        (
            "systems/customer-assistant.yaml",
            "id: customer-assistant",
            "id: loan-approval",
            "id: loan-approval is already described in systems/customer-assistant.yaml; give it another id",
        ),
    ],
)
def test_a_disagreement_between_files_is_told_where_it_stands(
    edited: Callable[[str, str, str], list[str]], file: str, old: str, new: str, expected: str
) -> None:
    """R-PRE-01, R-PRE-02, R-XCT-04."""
    told = [sentence.partition(" ")[2] for sentence in edited(file, old, new)]
    assert [sentence for sentence in told if sentence.startswith(expected)], told


def test_problems_of_all_files_are_told_together(folder: Path) -> None:
    for name in ("playbook.yaml", "roster.yaml", "systems/loan-approval.yaml"):
        with (folder / name).open("a") as handle:
            handle.write("surprise: 1\n")
    with pytest.raises(Unusable) as caught:
        load_workspace(folder)
    assert [problem.file for problem in caught.value.problems] == [
        "playbook.yaml",
        "roster.yaml",
        "systems/loan-approval.yaml",
    ]


def test_a_workspace_without_systems_says_what_belongs_there(folder: Path) -> None:
    for path in (folder / "systems").iterdir():
        path.unlink()
    with pytest.raises(
        Unusable, match="systems/: holds no AI system; describe each AI system in a file there"
    ):
        load_workspace(folder)


def test_a_folder_that_is_no_workspace_names_every_missing_file(tmp_path: Path) -> None:
    with pytest.raises(Unusable) as caught:
        load_workspace(tmp_path)
    assert [problem.file for problem in caught.value.problems] == ["playbook.yaml", "roster.yaml", "systems/"]


def test_attack_a_linked_system_file_cannot_show_files_from_elsewhere(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2: x\n")
    (folder / "systems" / "evil.yaml").symlink_to(tmp_path / "secret")
    with pytest.raises(Unusable, match="leads out of the workspace") as caught:
        load_workspace(folder)
    assert "hunter2" not in str(caught.value)
