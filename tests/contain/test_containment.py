"""The aggregate: histories, decisions, and the facts that come out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.contain.containment import Containment, Stage, fold
from holdfast.contain.events import (
    Check,
    ContainmentApplied,
    ContainmentApproved,
    ContainmentFact,
    ContainmentFailed,
    ContainmentProbed,
    ContainmentProposed,
    ContainmentReverted,
    Effect,
    EffectObserved,
    Purpose,
)
from holdfast.ledger.facts import Arm, Disarm
from holdfast.people import Actor
from holdfast.prepare.terms import ContainmentKind
from holdfast.problems import NotAllowed

T0 = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
ANA = Actor("ana@example.com", "Ana Reyes")
SEGMENT = {"channel": ("broker", "partner")}
KEYS = {"incident": "INC-1", "containment": "INC-1-C1"}
GOOD = Check("route for channel=broker", "human_review", "human_review", True, 4)
BAD = Check("route for channel=broker", "human_review", "model", False, 4)

PROPOSED = ContainmentProposed(
    **KEYS,
    system="loans",
    action="segment-to-review",
    option="brokers",
    name="Brokers to review",
    kind=ContainmentKind.SEGMENT_TO_REVIEW,
    flag="loans.route",
    segment=SEGMENT,
    does="brokers wait",
    undo="release",
    expected_seconds=60,
    watch=None,
    reason="a faulty batch",
)
APPROVED = ContainmentApproved(
    **KEYS, name="Brokers to review", roles=("technical_lead",), reason="", not_preserved=()
)
APPLIED = ContainmentApplied(
    **KEYS,
    name="Brokers to review",
    system="loans",
    kind=ContainmentKind.SEGMENT_TO_REVIEW,
    flag="loans.route",
    segment=SEGMENT,
)
REVERTED = ContainmentReverted(**KEYS, name="Brokers to review", roles=("technical_lead",), reason="fixed")
FAILED = ContainmentFailed(
    **KEYS,
    name="Brokers to review",
    reason="route for channel=broker: expected human_review, got model",
)


def probed(purpose: Purpose, ok: bool, next_look: datetime | None = None) -> ContainmentProbed:
    check = GOOD if ok else BAD
    return ContainmentProbed(
        **KEYS, purpose=purpose, ok=ok, checks=(check,), milliseconds=4, next_look=next_look
    )


HOLDS, RELEASES = probed(Purpose.HOLD, True), probed(Purpose.RELEASE, True)
HISTORIES: dict[Stage, list[ContainmentFact]] = {
    Stage.PROPOSED: [PROPOSED],
    Stage.APPROVED: [PROPOSED, APPROVED],
    Stage.APPLIED: [PROPOSED, APPROVED, APPLIED],
    Stage.HELD: [PROPOSED, APPROVED, APPLIED, HOLDS],
    Stage.FAILED: [PROPOSED, APPROVED, APPLIED, probed(Purpose.HOLD, False), FAILED],
    Stage.REVERTED: [PROPOSED, APPROVED, APPLIED, HOLDS, REVERTED],
    Stage.RELEASED: [PROPOSED, APPROVED, APPLIED, HOLDS, REVERTED, RELEASES],
}


def at_stage(stage: Stage) -> Containment:
    return fold((fact, T0 + timedelta(minutes=i), ANA) for i, fact in enumerate(HISTORIES[stage]))


def approve(state: Containment) -> list[ContainmentFact]:
    return state.approve(["technical_lead"], "", ())


def apply(state: Containment) -> list[ContainmentFact]:
    return state.apply()


def revert(state: Containment) -> list[ContainmentFact]:
    return state.revert(["technical_lead"], " fixed ")


def prove(state: Containment) -> list[ContainmentFact]:
    return state.probed(state.to_prove, [GOOD], 4, None)


def disprove(state: Containment) -> list[ContainmentFact]:
    return state.probed(state.to_prove, [BAD], 4, None)


Decision = Callable[[Containment], list[ContainmentFact]]
UNDONE = "was reverted; propose it anew"

TABLE: list[tuple[Stage, Decision, list[ContainmentFact] | str]] = [
    (Stage.PROPOSED, approve, [APPROVED]),
    (Stage.APPROVED, approve, []),
    (Stage.HELD, approve, []),
    (Stage.RELEASED, approve, UNDONE),
    (Stage.PROPOSED, apply, "is not approved yet"),
    (Stage.APPROVED, apply, [APPLIED]),
    (Stage.APPLIED, apply, []),
    (Stage.HELD, apply, []),
    (Stage.FAILED, apply, []),
    (Stage.REVERTED, apply, UNDONE),
    (Stage.APPROVED, prove, "is approved; apply it before probing it"),
    (Stage.APPLIED, prove, [HOLDS]),
    (Stage.HELD, prove, [HOLDS]),
    (Stage.FAILED, prove, [HOLDS]),
    (Stage.REVERTED, prove, [RELEASES]),
    (Stage.RELEASED, prove, "nothing is left to probe"),
    (Stage.APPLIED, disprove, [probed(Purpose.HOLD, False), FAILED]),
    (Stage.HELD, disprove, [probed(Purpose.HOLD, False), FAILED]),
    (Stage.REVERTED, disprove, [probed(Purpose.RELEASE, False)]),
    (Stage.PROPOSED, revert, "was never applied"),
    (Stage.APPLIED, revert, [REVERTED]),
    (Stage.HELD, revert, [REVERTED]),
    (Stage.FAILED, revert, [REVERTED]),
    (Stage.REVERTED, revert, []),
    (Stage.RELEASED, revert, []),
]


@pytest.mark.parametrize(
    ("stage", "decision", "result"),
    TABLE,
    ids=[f"{stage}-{decision.__name__}" for stage, decision, _ in TABLE],
)
def test_what_follows_from_a_decision(
    stage: Stage, decision: Decision, result: list[ContainmentFact] | str
) -> None:
    state = at_stage(stage)
    assert state.stage is stage
    if isinstance(result, str):
        with pytest.raises(NotAllowed, match=result):
            decision(state)
    else:
        assert decision(state) == result


@pytest.mark.parametrize("decision", [approve, apply, prove, revert])
def test_nothing_is_decided_on_a_containment_that_does_not_exist(decision: Decision) -> None:
    with pytest.raises(NotAllowed, match="there is no such containment"):
        decision(Containment())


def test_only_a_proof_verifies() -> None:
    assert at_stage(Stage.APPLIED).verified_at is None
    assert at_stage(Stage.FAILED).verified_at is None
    assert at_stage(Stage.HELD).verified_at == T0 + timedelta(minutes=3)
    assert at_stage(Stage.HELD).took == timedelta(minutes=2)


def test_a_probe_that_asked_nothing_proves_nothing() -> None:
    probe, failed = at_stage(Stage.APPLIED).probed(Purpose.HOLD, [], 0, None)
    assert isinstance(probe, ContainmentProbed)
    assert not probe.ok
    assert isinstance(failed, ContainmentFailed)
    assert failed.reason == "the probe asked nothing"


def test_a_probe_for_something_else_than_is_to_be_proven_is_refused() -> None:
    with pytest.raises(NotAllowed, match="changed while it was probed"):
        at_stage(Stage.REVERTED).probed(Purpose.HOLD, [GOOD], 4, None)


def test_the_first_proof_starts_the_watch_and_a_revert_ends_it() -> None:
    look = T0 + timedelta(minutes=9)
    (proof,) = at_stage(Stage.APPLIED).probed(Purpose.HOLD, [GOOD], 4, look)
    data = {"incident": "INC-1", "containment": "INC-1-C1"}
    assert list(proof.timers()) == [Arm("INC-1-C1/effect", "containment.effect", look, data)]
    (again,) = at_stage(Stage.HELD).probed(Purpose.HOLD, [GOOD], 4, look)
    assert list(again.timers()) == []
    assert list(REVERTED.timers()) == [Disarm("INC-1-C1/effect")]


@pytest.mark.parametrize("stage", [Stage.PROPOSED, Stage.APPROVED, Stage.REVERTED, Stage.RELEASED])
def test_there_is_no_effect_to_observe_while_the_switch_is_not_set(stage: Stage) -> None:
    with pytest.raises(NotAllowed, match="there is no effect to observe"):
        at_stage(stage).observed(Effect.STOPPED, "", None, (), None)


def test_every_fact_reads_in_the_timeline_and_names_its_incident() -> None:
    seen = EffectObserved(**KEYS, effect=Effect.CONTINUING, sentence="12 rows")
    for fact in [*HISTORIES[Stage.RELEASED], FAILED, seen]:
        line = fact.line()
        assert line is not None
        assert line.title
        assert fact.incident == "INC-1"
    line = seen.line()
    assert line is not None
    assert (line.title, line.tone) == ("Effect of containment: the harm continues", "alarm")
