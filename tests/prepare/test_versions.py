"""Versions on the ledger: applied once, signed by those who may, pinned by hash."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Conflict, Draft, Ledger
from holdfast.ledger.projections import Scratch
from holdfast.people import Actor
from holdfast.prepare import versions
from holdfast.prepare.records import Preparation
from holdfast.prepare.terms import Function
from holdfast.prepare.versions import apply_workspace, approve_playbook, difference
from holdfast.prepare.workspace import Workspace, content_hash, load_workspace
from holdfast.problems import NotAllowed

Signers = dict[str, Actor]


def change(folder: Path, file: str, old: str, new: str) -> Workspace:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    return load_workspace(folder)


def types(recorded: tuple[object, ...]) -> list[str]:
    return [one.fact.type for one in recorded]  # type: ignore[attr-defined]


@pytest.fixture
def applied(ledger: Ledger, workspace: Workspace, nadia: Actor, now: datetime) -> str:
    """The starter, applied; the hash of its playbook."""
    apply_workspace(ledger, workspace, nadia, now)
    return content_hash(workspace.playbook.document.content)


@pytest.fixture
def active(ledger: Ledger, applied: str, signers: Signers, now: datetime) -> str:
    """The starter, applied and signed by all."""
    for function, person in signers.items():
        approve_playbook(ledger, applied, function, person, now)
    return applied


def rebuilt_alike(ledger: Ledger) -> bool:
    """Whether the projection added up anew has the rows that are stored."""
    scratch = Scratch([Preparation()])
    for recorded in ledger.facts():
        scratch.apply([recorded])
    with ledger.reading() as conn:
        return not list(scratch.differences(conn))


def test_the_first_apply_records_every_file_in_one_go(
    ledger: Ledger, workspace: Workspace, nadia: Actor, now: datetime
) -> None:
    """R-PRE-01, R-PRE-02, R-DET-08."""
    recorded = apply_workspace(ledger, workspace, nadia, now)
    assert types(recorded) == ["playbook.applied", "roster.applied", "system.applied", "system.applied"]
    systems = versions.active_systems(ledger)
    assert list(systems) == ["loan-approval", "customer-assistant"]
    assert systems["loan-approval"].text == workspace.systems["loan-approval"].document.text
    roster = versions.active_roster(ledger)
    assert roster is not None
    assert roster.model == workspace.roster.model
    assert roster.applied_by == "Nadia Petrov"
    assert rebuilt_alike(ledger)


def test_applying_the_same_files_again_records_nothing(
    ledger: Ledger, workspace: Workspace, applied: str, nadia: Actor, later: datetime
) -> None:
    size = ledger.size()
    assert apply_workspace(ledger, workspace, nadia, later) == ()
    assert ledger.size() == size


def test_only_the_changed_file_gives_a_fact(
    ledger: Ledger, folder: Path, applied: str, nadia: Actor, later: datetime
) -> None:
    changed = change(folder, "systems/loan-approval.yaml", "limit: {below: 0.80}", "limit: {below: 0.82}")
    recorded = apply_workspace(ledger, changed, nadia, later)
    assert types(recorded) == ["system.applied"]
    history = versions.system_history(ledger, "loan-approval")
    assert [one.applied_at for one in history] == [later, later - timedelta(hours=1)]
    (passage,) = difference(history[1].text, history[0].text, around=0)
    assert [(line.sign, line.text.strip()) for line in passage.lines] == [
        ("-", "limit: {below: 0.80}"),
        ("+", "limit: {below: 0.82}"),
    ]
    assert rebuilt_alike(ledger)


def test_a_system_whose_file_is_gone_is_withdrawn_and_may_return(
    ledger: Ledger, folder: Path, applied: str, nadia: Actor, later: datetime
) -> None:
    path = folder / "systems" / "customer-assistant.yaml"
    text = path.read_text()
    path.unlink()
    assert types(apply_workspace(ledger, load_workspace(folder), nadia, later)) == ["system.withdrawn"]
    assert list(versions.active_systems(ledger)) == ["loan-approval"]
    path.write_text(text)
    assert types(apply_workspace(ledger, load_workspace(folder), nadia, later)) == ["system.applied"]
    assert list(versions.active_systems(ledger)) == ["loan-approval", "customer-assistant"]
    assert rebuilt_alike(ledger)


def test_a_version_is_active_exactly_when_every_function_has_signed(
    ledger: Ledger, applied: str, signers: Signers, now: datetime
) -> None:
    """R-PRE-05: who approved what and when is kept."""
    for count, (function, person) in enumerate(signers.items(), start=1):
        assert versions.active_playbook(ledger) is None
        at = now + timedelta(minutes=count)
        recorded = approve_playbook(ledger, applied, function, person, at)
        assert types(recorded) == ["playbook.approved", "playbook.activated"][: 2 if count == 4 else 1]
    version = versions.active_playbook(ledger)
    assert version is not None
    assert (version.content, version.version, version.state) == (applied, "1.0", "active")
    assert [(one.function, one.name) for one in version.approvals] == [
        (Function.ENGINEERING, "Maya Okafor"),
        (Function.DATA_SCIENCE, "Priya Raman"),
        (Function.COMPLIANCE, "Helen Marsh"),
        (Function.SECURITY, "Samuel Adeyemi"),
    ]
    assert version.activated_at == now + timedelta(minutes=4)
    assert version.review_due == now + timedelta(days=90, minutes=4)
    assert version.missing == ()
    assert rebuilt_alike(ledger)


def test_signing_twice_records_nothing_more(
    ledger: Ledger, applied: str, signers: Signers, now: datetime
) -> None:
    assert approve_playbook(ledger, applied, "compliance", signers["compliance"], now)
    assert approve_playbook(ledger, applied, "compliance", signers["compliance"], now) == ()


@pytest.mark.parametrize(
    ("who", "function", "sentence"),
    [
        ("compliance", "security", "Helen Marsh does not sign for security; the roster names Samuel Adeyemi"),
        ("compliance", "secruity", "there is no function secruity; did you mean security?"),
    ],
)
def test_nobody_signs_for_a_function_they_do_not_hold(
    ledger: Ledger, applied: str, signers: Signers, now: datetime, who: str, function: str, sentence: str
) -> None:
    """R-PRE-05."""
    with pytest.raises(NotAllowed) as caught:
        approve_playbook(ledger, applied, function, signers[who], now)
    assert str(caught.value) == sentence
    assert versions.find_playbook(ledger, applied).approvals == ()


@pytest.mark.parametrize("kind", ["agent", "system"])
def test_attack_an_agent_with_the_address_of_a_signer_cannot_sign(
    ledger: Ledger, applied: str, signers: Signers, now: datetime, kind: str
) -> None:
    """R-XCT-09: what a person must decide stays with a person."""
    impostor = Actor(signers["compliance"].id, "Helen Marsh", kind)  # type: ignore[arg-type]
    with pytest.raises(NotAllowed):
        approve_playbook(ledger, applied, "compliance", impostor, now)


def test_a_version_is_meant_by_label_hash_or_the_beginning_of_one(ledger: Ledger, applied: str) -> None:
    """R-PRE-02/hashed."""
    for spelling in ("1.0", applied, applied[:8], applied[:12].upper()):
        assert versions.find_playbook(ledger, spelling).content == applied
    for wrong, sentence in (("1.1", "did you mean 1.0"), (applied[:7], "there is no playbook version")):
        with pytest.raises(NotAllowed, match=sentence):
            versions.find_playbook(ledger, wrong)


def test_until_a_version_is_active_the_refusal_says_whose_signature_is_missing(
    ledger: Ledger, workspace: Workspace, nadia: Actor, signers: Signers, now: datetime
) -> None:
    with pytest.raises(NotAllowed, match="no playbook is in force; run `holdfast apply` and have it signed"):
        versions.require_playbook(ledger)
    apply_workspace(ledger, workspace, nadia, now)
    approve_playbook(ledger, "1.0", "security", signers["security"], now)
    with pytest.raises(NotAllowed) as caught:
        versions.require_playbook(ledger)
    assert str(caught.value) == (
        "no playbook is in force: version 1.0 waits for the signature of "
        "engineering, data science, compliance"
    )


def test_a_new_version_leaves_the_old_one_active_until_it_is_signed_and_readable_for_ever(
    ledger: Ledger, folder: Path, active: str, signers: Signers, nadia: Actor, later: datetime
) -> None:
    """R-PRE-02: an incident stays pinned to the version it was run under."""
    change(folder, "playbook.yaml", "acknowledge_within: 2h", "acknowledge_within: 1h")
    changed = change(folder, "playbook.yaml", 'version: "1.0"', 'version: "1.1"')
    apply_workspace(ledger, changed, nadia, later)
    assert versions.require_playbook(ledger).content == active
    for function, person in signers.items():
        approve_playbook(ledger, "1.1", function, person, later)
    assert versions.require_playbook(ledger).version == "1.1"
    pinned = versions.playbook_version(ledger, active)
    assert pinned is not None
    assert pinned.state == "superseded"
    assert pinned.playbook.severities.high.clocks.acknowledge_within == timedelta(hours=2)
    assert [one.version for one in versions.playbook_versions_of(ledger)] == ["1.1", "1.0"]
    assert versions.playbook_version(ledger, "0" * 64) is None
    assert rebuilt_alike(ledger)


def test_a_label_that_was_in_force_cannot_come_to_mean_something_else(
    ledger: Ledger, folder: Path, active: str, nadia: Actor, later: datetime
) -> None:
    changed = change(folder, "playbook.yaml", "acknowledge_within: 2h", "acknowledge_within: 1h")
    size = ledger.size()
    with pytest.raises(
        NotAllowed, match=r"version 1\.0 of the playbook was already in force with other content"
    ):
        apply_workspace(ledger, changed, nadia, later)
    assert ledger.size() == size


def test_a_proposal_may_be_corrected_before_it_is_signed_and_loses_signatures(
    ledger: Ledger, folder: Path, applied: str, signers: Signers, nadia: Actor, later: datetime
) -> None:
    """A signature is for exact bytes."""
    approve_playbook(ledger, applied, "compliance", signers["compliance"], later)
    corrected = change(folder, "playbook.yaml", "acknowledge_within: 2h", "acknowledge_within: 1h")
    apply_workspace(ledger, corrected, nadia, later)
    newest = versions.find_playbook(ledger, "1.0")
    assert newest.content != applied
    assert newest.approvals == ()
    with pytest.raises(
        NotAllowed, match=r"version 1\.0 is withdrawn and takes no signatures; apply it again first"
    ):
        approve_playbook(ledger, applied, "security", signers["security"], later)
    assert rebuilt_alike(ledger)


def test_going_back_to_the_active_text_withdraws_the_proposal_and_needs_no_new_signatures(
    ledger: Ledger, folder: Path, active: str, nadia: Actor, later: datetime
) -> None:
    apply_workspace(ledger, change(folder, "playbook.yaml", 'version: "1.0"', 'version: "1.1"'), nadia, later)
    apply_workspace(ledger, change(folder, "playbook.yaml", 'version: "1.1"', 'version: "1.0"'), nadia, later)
    states = {one.version: one.state for one in versions.playbook_versions_of(ledger)}
    assert states == {"1.0": "active", "1.1": "withdrawn"}
    assert len(versions.require_playbook(ledger).approvals) == 4
    assert rebuilt_alike(ledger)


def test_going_back_to_a_replaced_version_needs_every_signature_anew(
    ledger: Ledger, folder: Path, active: str, signers: Signers, nadia: Actor, later: datetime
) -> None:
    apply_workspace(ledger, change(folder, "playbook.yaml", 'version: "1.0"', 'version: "1.1"'), nadia, later)
    for function, person in signers.items():
        approve_playbook(ledger, "1.1", function, person, later)
    apply_workspace(ledger, change(folder, "playbook.yaml", 'version: "1.1"', 'version: "1.0"'), nadia, later)
    assert versions.require_playbook(ledger).version == "1.1"
    assert versions.find_playbook(ledger, "1.0").missing == tuple(Function)
    for function, person in signers.items():
        approve_playbook(ledger, "1.0", function, person, later)
    assert versions.require_playbook(ledger).content == active
    assert rebuilt_alike(ledger)


def test_after_the_first_time_only_who_may_change_the_playbook_applies(
    ledger: Ledger, folder: Path, applied: str, signers: Signers, later: datetime
) -> None:
    """R-XCT-01."""
    changed = change(folder, "systems/loan-approval.yaml", "below: 0.80", "below: 0.10")
    with pytest.raises(NotAllowed) as caught:
        apply_workspace(ledger, changed, signers["engineering"], later)
    assert str(caught.value) == (
        "Maya Okafor may not apply playbook, systems and roster files; ask compliance or an administrator"
    )
    assert types(apply_workspace(ledger, changed, signers["compliance"], later)) == ["system.applied"]


def test_attack_adding_oneself_to_the_workspace_roster_gives_no_right_to_apply_it(
    ledger: Ledger, folder: Path, applied: str, later: datetime
) -> None:
    stranger = Actor("eve@example.com", "Eve")
    entry = "people:\n  - id: eve@example.com\n    name: Eve\n    access: [administrator]\n"
    with pytest.raises(NotAllowed, match="Eve may not apply"):
        apply_workspace(ledger, change(folder, "roster.yaml", "people:\n", entry), stranger, later)


def test_people_who_left_keep_their_name_and_lose_their_access(
    ledger: Ledger, folder: Path, applied: str, nadia: Actor, later: datetime
) -> None:
    gone = "  - id: victor.chen@harbourstreet.example\n    name: Victor Chen\n"
    change(folder, "roster.yaml", gone, "  - id: new.auditor@harbourstreet.example\n    name: New Auditor\n")
    apply_workspace(ledger, load_workspace(folder), nadia, later)
    assert versions.names(ledger)["victor.chen@harbourstreet.example"] == "Victor Chen"
    roster = versions.active_roster(ledger)
    assert roster is not None
    assert roster.model.access("victor.chen@harbourstreet.example") == ()
    assert len(versions.roster_history(ledger)) == 2
    assert rebuilt_alike(ledger)


def test_two_who_sign_last_at_the_same_moment_activate_once(
    database: Database, ledger: Ledger, applied: str, signers: Signers, now: datetime
) -> None:
    approve_playbook(ledger, applied, "engineering", signers["engineering"], now)
    approve_playbook(ledger, applied, "data_science", signers["data_science"], now)
    threads = [
        threading.Thread(target=approve_playbook, args=(ledger, applied, function, signers[function], now))
        for function in ("compliance", "security")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [recorded.fact.type for recorded in ledger.facts()]
    assert told.count("playbook.activated") == 1
    assert told.count("playbook.approved") == 4


def test_a_slower_apply_decides_again_on_what_a_faster_one_left(
    ledger: Ledger, workspace: Workspace, nadia: Actor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both see nothing applied; the slower one meets a conflict and finds that nothing is left to do."""
    plain = ledger.append
    raced: list[bool] = []

    def race(*drafts: Draft, by: Actor, at: datetime, **further: Any) -> object:
        if not raced:
            raced.append(True)
            plain(*drafts, by=by, at=at)
        return plain(*drafts, by=by, at=at, **further)

    monkeypatch.setattr(ledger, "append", race)
    assert apply_workspace(ledger, workspace, nadia, now) == ()
    assert ledger.size() == 4
    with pytest.raises(Conflict):
        plain(Draft("playbook", 0, []), by=nadia, at=now)


def test_a_difference_numbers_lines_in_both_texts() -> None:
    older = "\n".join("abcdefghij")
    newer = "\n".join("abcXefghijk")
    first, second = difference(older, newer, around=1)
    assert [(line.sign, line.text, line.old, line.new) for line in first.lines] == [
        (" ", "c", 3, 3),
        ("-", "d", 4, None),
        ("+", "X", None, 4),
        (" ", "e", 5, 5),
    ]
    assert [(line.sign, line.text, line.old, line.new) for line in second.lines] == [
        (" ", "j", 10, 10),
        ("+", "k", None, 11),
    ]
    assert difference(older, older) == []
