"""The aggregate: histories, decisions, and the facts that come out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.contain.containment import Containment, Stage
from holdfast.contain.events import (
    Check,
    ContainmentApplied,
    ContainmentApproved,
    ContainmentFact,
    ContainmentFailed,
    ContainmentObeyed,
    ContainmentProbed,
    ContainmentProposed,
    ContainmentReverted,
    ContainmentWithdrawn,
    Effect,
    EffectObserved,
    Purpose,
)
from holdfast.ledger.facts import Arm, Disarm
from holdfast.ledger.folding import fold
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
WITHDRAWN = ContainmentWithdrawn(**KEYS, name="Brokers to review", reason="Ana decided not to contain")
FAILED = ContainmentFailed(
    **KEYS,
    name="Brokers to review",
    reason="route for channel=broker: expected human_review, got model",
)


OBEYED = ContainmentObeyed(**KEYS, name="Brokers to review", requests=3, first_at=T0, last_at=T0)
STOPPED = EffectObserved(**KEYS, effect=Effect.STOPPED, sentence="nothing was answered")
CONTINUING = EffectObserved(**KEYS, effect=Effect.CONTINUING, sentence="12 rows")
UNKNOWN = EffectObserved(**KEYS, effect=Effect.UNKNOWN, sentence="too early")


def probed(purpose: Purpose, ok: bool) -> ContainmentProbed:
    check = GOOD if ok else BAD
    return ContainmentProbed(**KEYS, purpose=purpose, ok=ok, checks=(check,), milliseconds=4)


HOLDS, RELEASES = probed(Purpose.HOLD, True), probed(Purpose.RELEASE, True)
HISTORIES: dict[Stage, list[ContainmentFact]] = {
    Stage.PROPOSED: [PROPOSED],
    Stage.APPROVED: [PROPOSED, APPROVED],
    Stage.APPLIED: [PROPOSED, APPROVED, APPLIED],
    Stage.SWITCHED: [PROPOSED, APPROVED, APPLIED, HOLDS],
    Stage.OBEYED: [PROPOSED, APPROVED, APPLIED, HOLDS, OBEYED],
    Stage.CONTAINED: [PROPOSED, APPROVED, APPLIED, HOLDS, OBEYED, STOPPED],
    Stage.FAILED: [PROPOSED, APPROVED, APPLIED, probed(Purpose.HOLD, False), FAILED],
    Stage.REVERTED: [PROPOSED, APPROVED, APPLIED, HOLDS, REVERTED],
    Stage.RELEASED: [PROPOSED, APPROVED, APPLIED, HOLDS, REVERTED, RELEASES],
    Stage.WITHDRAWN: [PROPOSED, APPROVED, WITHDRAWN],
}


def at_stage(stage: Stage) -> Containment:
    return fold(
        Containment(), ((fact, T0 + timedelta(minutes=i), ANA) for i, fact in enumerate(HISTORIES[stage]))
    )


def approve(state: Containment) -> list[ContainmentFact]:
    return state.approve(["technical_lead"], "", ())


def apply(state: Containment) -> list[ContainmentFact]:
    return state.apply()


def revert(state: Containment) -> list[ContainmentFact]:
    return state.revert(["technical_lead"], " fixed ")


def prove(state: Containment) -> list[ContainmentFact]:
    return state.probed(state.to_prove, [GOOD], 4)


def disprove(state: Containment) -> list[ContainmentFact]:
    return state.probed(state.to_prove, [BAD], 4)


Decision = Callable[[Containment], list[ContainmentFact]]
UNDONE = "was reverted; propose it anew"

TABLE: list[tuple[Stage, Decision, list[ContainmentFact] | str]] = [
    (Stage.PROPOSED, approve, [APPROVED]),
    (Stage.APPROVED, approve, []),
    (Stage.SWITCHED, approve, []),
    (Stage.RELEASED, approve, UNDONE),
    (Stage.WITHDRAWN, approve, "is void: Ana decided not to contain; propose it anew"),
    (Stage.WITHDRAWN, apply, "is void"),
    (Stage.WITHDRAWN, prove, "is void"),
    (Stage.WITHDRAWN, revert, "was never applied"),
    (Stage.PROPOSED, apply, "is not approved yet"),
    (Stage.APPROVED, apply, [APPLIED]),
    (Stage.APPLIED, apply, []),
    (Stage.SWITCHED, apply, []),
    (Stage.FAILED, apply, []),
    (Stage.REVERTED, apply, UNDONE),
    (Stage.APPROVED, prove, "is approved; apply it before probing it"),
    (Stage.APPLIED, prove, [HOLDS]),
    (Stage.SWITCHED, prove, [HOLDS]),
    (Stage.FAILED, prove, [HOLDS]),
    (Stage.REVERTED, prove, [RELEASES]),
    (Stage.RELEASED, prove, "nothing is left to probe"),
    (Stage.APPLIED, disprove, [probed(Purpose.HOLD, False), FAILED]),
    (Stage.SWITCHED, disprove, [probed(Purpose.HOLD, False), FAILED]),
    (Stage.REVERTED, disprove, [probed(Purpose.RELEASE, False)]),
    (Stage.PROPOSED, revert, "was never applied"),
    (Stage.APPLIED, revert, [REVERTED]),
    (Stage.SWITCHED, revert, [REVERTED]),
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


def test_a_good_probe_says_switched_and_no_more() -> None:
    assert at_stage(Stage.APPLIED).switched_at is None
    assert at_stage(Stage.FAILED).switched_at is None
    switched = at_stage(Stage.SWITCHED)
    assert (switched.switched_at, switched.contained_at) == (T0 + timedelta(minutes=3), None)
    assert switched.took is None, "time to contain counts what the log shows"


def test_only_the_log_says_contained_and_time_to_contain_counts_that() -> None:
    """R-CON-09."""
    assert at_stage(Stage.OBEYED).contained_at is None
    contained = at_stage(Stage.CONTAINED)
    assert contained.contained_at == T0 + timedelta(minutes=5)
    assert contained.took == timedelta(minutes=4)


WORDS = {
    Stage.PROPOSED: "proposed",
    Stage.APPROVED: "approved, not switched",
    Stage.APPLIED: "set, not asked yet",
    Stage.SWITCHED: "switched, not known to be obeyed",
    Stage.OBEYED: "obeyed, effect not shown yet",
    Stage.CONTAINED: "contained",
    Stage.FAILED: "set, not proven",
    Stage.REVERTED: "set back, not seen to be back",
    Stage.RELEASED: "reverted",
    Stage.WITHDRAWN: "withdrawn, never switched",
}


@pytest.mark.parametrize("stage", list(Stage))
def test_each_stage_has_a_word_that_promises_no_more_than_is_known(stage: Stage) -> None:
    """R-CON-09/words, R-XCT-11/words."""
    state = at_stage(stage)
    assert state.standing == WORDS[stage]
    assert (state.tone == "good") == (stage is Stage.CONTAINED), "what is green was shown by the log"


SET = [PROPOSED, APPROVED, APPLIED]
NOT_ANSWERED = probed(Purpose.HOLD, False)
ORDERS: list[tuple[list[ContainmentFact], Stage, str]] = [
    ([*SET, NOT_ANSWERED, FAILED, OBEYED], Stage.OBEYED, "obeyed, effect not shown yet"),
    ([*SET, OBEYED, HOLDS], Stage.OBEYED, "obeyed, effect not shown yet"),
    ([*SET, HOLDS, CONTINUING], Stage.SWITCHED, "switched, the harm continues"),
    ([*SET, HOLDS, CONTINUING, OBEYED], Stage.OBEYED, "obeyed in part, the harm continues"),
    ([*SET, HOLDS, CONTINUING, OBEYED, STOPPED], Stage.CONTAINED, "contained"),
    ([*SET, HOLDS, STOPPED, OBEYED], Stage.CONTAINED, "contained"),
    ([*SET, HOLDS, STOPPED, CONTINUING], Stage.SWITCHED, "switched, the harm continues"),
    ([*SET, HOLDS, OBEYED, STOPPED, CONTINUING, STOPPED], Stage.CONTAINED, "contained"),
    ([*SET, HOLDS, STOPPED, UNKNOWN], Stage.CONTAINED, "contained"),
    ([*SET, HOLDS, STOPPED, HOLDS], Stage.CONTAINED, "contained"),
    ([*SET, HOLDS, STOPPED, NOT_ANSWERED, FAILED], Stage.FAILED, "set, not proven"),
    ([*SET, NOT_ANSWERED, FAILED, STOPPED], Stage.CONTAINED, "contained"),
    ([*SET, NOT_ANSWERED, FAILED, STOPPED, CONTINUING], Stage.APPLIED, "switched, the harm continues"),
    ([*SET, NOT_ANSWERED, FAILED, CONTINUING], Stage.FAILED, "set, not proven, the harm continues"),
    ([*SET, HOLDS, CONTINUING, REVERTED], Stage.REVERTED, "set back, not seen to be back"),
]


@pytest.mark.parametrize(("history", "stage", "standing"), ORDERS)
def test_the_newest_evidence_counts_in_whatever_order_it_comes(
    history: list[ContainmentFact], stage: Stage, standing: str
) -> None:
    state = fold(Containment(), ((fact, T0 + timedelta(minutes=i), ANA) for i, fact in enumerate(history)))
    assert (state.stage, state.standing) == (stage, standing)
    assert (state.contained_at is None) == (stage is not Stage.CONTAINED)


def test_evidence_counts_only_after_the_harm_was_last_seen() -> None:
    """An application that obeys late is seen to obey, without revert and propose anew."""
    assert at_stage(Stage.SWITCHED).effective_from == T0 + timedelta(minutes=3)
    history = [*HISTORIES[Stage.SWITCHED], CONTINUING]
    late = fold(Containment(), ((fact, T0 + timedelta(minutes=i), ANA) for i, fact in enumerate(history)))
    assert late.effective_from == T0 + timedelta(minutes=4)


def test_the_application_is_heard_once_and_only_while_the_switch_is_set() -> None:
    assert at_stage(Stage.SWITCHED).heard(3, T0, T0) == [OBEYED]
    assert at_stage(Stage.FAILED).heard(3, T0, T0) == [OBEYED]
    assert at_stage(Stage.OBEYED).heard(9, T0, T0) == []
    assert at_stage(Stage.SWITCHED).heard(0, T0, T0) == []
    for stage in (Stage.PROPOSED, Stage.APPROVED, Stage.REVERTED, Stage.RELEASED):
        assert at_stage(stage).heard(3, T0, T0) == []


def test_a_probe_that_asked_nothing_proves_nothing() -> None:
    probe, failed = at_stage(Stage.APPLIED).probed(Purpose.HOLD, [], 0)
    assert isinstance(probe, ContainmentProbed)
    assert not probe.ok
    assert isinstance(failed, ContainmentFailed)
    assert failed.reason == "the probe asked nothing"


def test_a_probe_for_something_else_than_is_to_be_proven_is_refused() -> None:
    with pytest.raises(NotAllowed, match="changed while it was probed"):
        at_stage(Stage.REVERTED).probed(Purpose.HOLD, [GOOD], 4)


def test_setting_the_switch_starts_the_watch_and_a_revert_ends_it() -> None:
    look = T0 + timedelta(minutes=9)
    (applied,) = at_stage(Stage.APPROVED).apply(look)
    data = {"incident": "INC-1", "containment": "INC-1-C1"}
    assert list(applied.timers()) == [Arm("INC-1-C1/effect", "containment.effect", look, data)]
    assert list(HOLDS.timers()) == []
    assert list(REVERTED.timers()) == [Disarm("INC-1-C1/effect")]


@pytest.mark.parametrize("stage", [Stage.PROPOSED, Stage.APPROVED, Stage.REVERTED, Stage.RELEASED])
def test_there_is_no_effect_to_observe_while_the_switch_is_not_set(stage: Stage) -> None:
    with pytest.raises(NotAllowed, match="there is no effect to observe"):
        at_stage(stage).observed(Effect.STOPPED, "", None, (), None, None)


def test_every_fact_reads_in_the_timeline_and_names_its_incident() -> None:
    seen = EffectObserved(**KEYS, effect=Effect.CONTINUING, sentence="12 rows")
    for fact in [*HISTORIES[Stage.RELEASED], OBEYED, FAILED, seen]:
        line = fact.line()
        assert line is not None
        assert line.title
        assert fact.incident == "INC-1"
    line = seen.line()
    assert line is not None
    assert (line.title, line.tone) == ("Effect of containment: the harm continues", "alarm")
