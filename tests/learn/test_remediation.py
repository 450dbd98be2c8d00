"""What may happen to a remediation item: tables of (history, decision, facts). R-REM-01 to R-REM-03."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.incident.incident import Incident
from holdfast.learn.events import (
    Method,
    RemediationDone,
    RemediationFact,
    RemediationOverdue,
    RemediationPlanned,
    RemediationReminded,
    RemediationStarted,
    RemediationVerified,
    RemediationWithdrawn,
    Verification,
    VerificationFailed,
)
from holdfast.learn.remediation import Plan, Remediations, Standing, Wanted
from holdfast.learn.verification import Judgement, Outcome
from holdfast.ledger.facts import Arm, Disarm
from holdfast.ledger.folding import fold
from holdfast.prepare.terms import RemediationKind
from holdfast.prepare.workspace import Workspace
from holdfast.problems import NotAllowed
from support.company import AISHA, PRIYA

NOW = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
DEADLINE = NOW + timedelta(days=10)
STATE = Incident(id="INC-1", system="loan-approval", cause="months for years", opened_at=NOW)
ITEM = "INC-1-R1"
PLAN = Plan(
    "Retrain without the broken column",
    RemediationKind.RETRAINING,
    AISHA.id,
    DEADLINE,
    Wanted(Method.MONITOR, monitor="accuracy"),
)
BY_MONITOR = Verification(
    method=Method.MONITOR,
    how="Accuracy back in bounds for 3 windows in a row, 3 days at least",
    monitor="accuracy",
    quantity="accuracy",
    below=0.8,
    above=None,
    windows=3,
    lasting_seconds=3 * 86_400,
    least_n=30,
    least_group_n=100,
)
BY_TEST = Verification(Method.TEST, "the feed test refuses months")


def planned(verification: Verification = BY_MONITOR, item: str = ITEM) -> RemediationPlanned:
    return RemediationPlanned(
        incident="INC-1",
        item=item,
        cause="months for years",
        action="Retrain without the broken column",
        kind=RemediationKind.RETRAINING,
        responsible=AISHA.id,
        responsible_name="Aisha Rahman",
        deadline=DEADLINE,
        remind_at=DEADLINE - timedelta(days=3),
        system="loan-approval",
        verification=verification,
    )


STARTED = RemediationStarted(incident="INC-1", item=ITEM)
DONE = RemediationDone(incident="INC-1", item=ITEM, what="retrained", done_at=NOW)
VERIFIED = RemediationVerified(incident="INC-1", item=ITEM, method=Method.TEST, proof="passes")
WITHDRAWN = RemediationWithdrawn(incident="INC-1", item=ITEM, reason="the model is retired")
FAILED = VerificationFailed(
    incident="INC-1", item=ITEM, method=Method.MONITOR, reason="alarmed", deadline=DEADLINE
)
OVERDUE = RemediationOverdue(incident="INC-1", item=ITEM, deadline=DEADLINE)


def after(*facts: RemediationFact) -> Remediations:
    return fold(Remediations("INC-1"), ((fact, NOW, AISHA) for fact in facts))


def plan(
    workspace: Workspace, wanted: Plan, *history: RemediationFact, state: Incident = STATE
) -> list[RemediationFact]:
    system = workspace.systems["loan-approval"].model
    return after(*history).plan(wanted, state, workspace.playbook.model, workspace.roster.model, system, NOW)


def test_an_item_has_cause_action_person_deadline_and_what_will_prove_it(workspace: Workspace) -> None:
    """R-REM-01: the limits are fixed as they are now, the playbook says how long."""
    assert plan(workspace, PLAN) == [planned()]


def test_each_of_the_five_kinds_can_be_planned_and_is_kept(workspace: Workspace) -> None:
    """R-REM-02/five."""
    assert [kind.value for kind in RemediationKind] == [
        "retraining",
        "data_cleaning",
        "code_fix",
        "process_improvement",
        "infrastructure_improvement",
    ]
    for kind in RemediationKind:
        (fact,) = plan(workspace, replace(PLAN, kind=kind))
        assert isinstance(fact, RemediationPlanned)
        assert fact.kind is kind
        assert after(fact).items[ITEM].kind is kind
        assert workspace.playbook.model.remediation.kinds[kind].verified_by


def test_items_are_numbered_within_the_incident(workspace: Workspace) -> None:
    (fact,) = plan(workspace, PLAN, planned(), WITHDRAWN)
    assert fact.item == "INC-1-R2"


def test_a_monitor_of_many_columns_is_named_by_one_of_them(workspace: Workspace) -> None:
    system = workspace.systems["loan-approval"].model
    many = [monitor for monitor in system.monitors if monitor.columns]
    assert many, "the starter has a monitor for several columns"
    column = f"{many[0].id}.income"
    wanted = replace(PLAN, verification=Wanted(Method.MONITOR, monitor=column))
    (fact,) = plan(workspace, wanted)
    assert isinstance(fact, RemediationPlanned)
    assert fact.verification.monitor == column
    assert fact.verification.quantity == many[0].metric


def test_a_deadline_nearer_than_the_notice_has_no_reminder(workspace: Workspace) -> None:
    (fact,) = plan(workspace, replace(PLAN, deadline=NOW + timedelta(days=2)))
    assert isinstance(fact, RemediationPlanned)
    assert fact.remind_at is None
    assert [effect.timer for effect in fact.timers()] == ["INC-1-R1/deadline"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"action": " "}, "say what will be done"),
        ({"deadline": NOW}, "is not in the future"),
        (
            {"responsible": "aisha.rahmann@harbourstreet.example"},
            "not in the roster.*did you mean aisha.rahman@",
        ),
        ({"verification": Wanted(Method.MONITOR, monitor="acuracy")}, "did you mean accuracy"),
        ({"verification": Wanted(Method.MONITOR, monitor="accuracy", windows=0)}, "one window at least"),
        ({"verification": Wanted(Method.TEST)}, "say which test"),
        ({"verification": Wanted(Method.REVIEW, " ")}, "say which review"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(
    workspace: Workspace, change: dict[str, object], sentence: str
) -> None:
    """R-REM-01/item."""
    with pytest.raises(NotAllowed, match=sentence):
        plan(workspace, replace(PLAN, **change))  # type: ignore[arg-type]


def test_without_a_root_cause_there_is_nothing_to_remedy(workspace: Workspace) -> None:
    with pytest.raises(NotAllowed, match="establish the root cause of INC-1 first"):
        plan(workspace, PLAN, state=replace(STATE, cause=""))


def test_the_person_may_be_written_in_capitals(workspace: Workspace) -> None:
    assert plan(workspace, replace(PLAN, responsible=AISHA.id.upper())) == [planned()]


PROVEN = Judgement(Outcome.PROVEN, "in bounds")
DISPROVEN = Judgement(Outcome.DISPROVEN, "alarmed")


@pytest.mark.parametrize(
    ("history", "decide", "facts"),
    [
        ([planned()], lambda s: s.start(ITEM), [STARTED]),
        ([planned(), STARTED], lambda s: s.start(ITEM), []),
        ([planned(), DONE], lambda s: s.start(ITEM), []),
        ([planned()], lambda s: s.finish(ITEM, "retrained ", NOW, NOW, NOW), [DONE]),
        ([planned(), STARTED], lambda s: s.finish(ITEM, "retrained", NOW, NOW, NOW), [DONE]),
        ([planned(), DONE], lambda s: s.finish(ITEM, "retrained", NOW, NOW, NOW), []),
        ([planned(), DONE, FAILED], lambda s: s.finish(ITEM, "retrained", NOW, NOW, NOW), [DONE]),
        (
            [planned(), DONE],
            lambda s: s.judged(ITEM, PROVEN),
            [RemediationVerified(incident="INC-1", item=ITEM, method=Method.MONITOR, proof="in bounds")],
        ),
        ([planned(), DONE], lambda s: s.judged(ITEM, DISPROVEN), [FAILED]),
        ([planned(), DONE], lambda s: s.judged(ITEM, Judgement(Outcome.OPEN, "2 of 3")), []),
        ([planned()], lambda s: s.judged(ITEM, PROVEN), []),
        ([planned(BY_TEST), DONE], lambda s: s.judged(ITEM, PROVEN), []),
        ([planned(), DONE, VERIFIED], lambda s: s.judged(ITEM, DISPROVEN), []),
        ([planned(BY_TEST), DONE], lambda s: s.accept(ITEM, True, "passes", (), PRIYA), [VERIFIED]),
        (
            [planned(BY_TEST), DONE],
            lambda s: s.accept(ITEM, False, "alarmed", (), PRIYA),
            [replace(FAILED, method=Method.TEST)],
        ),
        ([planned()], lambda s: s.withdraw(ITEM, "the model is retired"), [WITHDRAWN]),
        ([planned(), DONE], lambda s: s.withdraw(ITEM, "the model is retired"), [WITHDRAWN]),
        ([planned()], lambda s: s.chase(ITEM), [OVERDUE]),
        ([planned(), STARTED], lambda s: s.chase(ITEM), [OVERDUE]),
        ([planned(), DONE, FAILED], lambda s: s.chase(ITEM), [OVERDUE]),
        ([planned(), DONE], lambda s: s.chase(ITEM), []),
        (
            [planned()],
            lambda s: s.remind(ITEM),
            [RemediationReminded(incident="INC-1", item=ITEM, deadline=DEADLINE)],
        ),
        ([planned(), WITHDRAWN], lambda s: s.remind(ITEM), []),
    ],
)
def test_history_and_decision_give_these_facts(
    history: list[RemediationFact], decide: object, facts: list[RemediationFact]
) -> None:
    """R-REM-03."""
    assert decide(after(*history)) == facts  # type: ignore[operator]


@pytest.mark.parametrize(
    ("history", "decide", "sentence"),
    [
        (
            [planned(), DONE],
            lambda s: s.accept(ITEM, True, "looks fine", (), PRIYA),
            "by the monitor accuracy, not by hand",
        ),
        (
            [planned(BY_TEST)],
            lambda s: s.accept(ITEM, True, "passes", (), PRIYA),
            "is planned; it must be done",
        ),
        (
            [planned(BY_TEST), DONE],
            lambda s: s.accept(ITEM, True, " ", (), PRIYA),
            "say what the test showed",
        ),
        (
            [planned(BY_TEST), DONE],
            lambda s: s.accept(ITEM, True, "ok", (), AISHA),
            "somebody who did not do the work",
        ),
        (
            [planned()],
            lambda s: s.accept("INC-1-R9", True, "ok", (), PRIYA),
            "no remediation INC-1-R9; it has INC-1-R1",
        ),
        ([planned()], lambda s: s.finish(ITEM, " ", NOW, NOW, NOW), "say what was done"),
        ([planned()], lambda s: s.finish(ITEM, "x", NOW + timedelta(1), NOW, NOW), "in the future"),
        ([planned()], lambda s: s.finish(ITEM, "x", NOW - timedelta(1), NOW, NOW), "before INC-1 was opened"),
        ([planned()], lambda s: s.withdraw(ITEM, ""), "say why"),
        ([planned(), DONE, VERIFIED], lambda s: s.start(ITEM), "is verified; plan a new item"),
        (
            [planned(), WITHDRAWN],
            lambda s: s.finish(ITEM, "x", NOW, NOW, NOW),
            "is withdrawn; plan a new item",
        ),
    ],
)
def test_what_may_not_happen_is_refused_with_a_sentence(
    history: list[RemediationFact], decide: object, sentence: str
) -> None:
    """R-REM-03: nobody ticks off by hand what a monitor has to show."""
    with pytest.raises(NotAllowed, match=sentence):
        decide(after(*history))  # type: ignore[operator]


def test_timers_follow_the_facts() -> None:
    armed = {effect.timer: effect for effect in planned().timers()}
    deadline = armed["INC-1-R1/deadline"]
    assert isinstance(deadline, Arm)
    assert (deadline.kind, deadline.due) == ("remediation.overdue", DEADLINE)
    reminder = armed["INC-1-R1/reminder"]
    assert isinstance(reminder, Arm)
    assert (reminder.kind, reminder.due) == ("remediation.reminder", DEADLINE - timedelta(days=3))
    for fact in (DONE, OVERDUE, WITHDRAWN):
        assert set(fact.timers()) == {Disarm("INC-1-R1/deadline"), Disarm("INC-1-R1/reminder")}
    (again,) = FAILED.timers()
    assert isinstance(again, Arm)
    assert again.due == DEADLINE


def test_what_failed_is_open_again_and_remembers_how_often() -> None:
    item = after(planned(), DONE, FAILED, DONE, FAILED).items[ITEM]
    assert (item.standing, item.failed, item.result) == (Standing.STARTED, 2, "alarmed")
    assert item.overdue(DEADLINE + timedelta(seconds=1))
    assert not item.overdue(DEADLINE)
    assert after(planned(), DONE).items[ITEM].done_by == AISHA.id
