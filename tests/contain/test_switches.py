"""What applications are told: one flag, one context, all that is contained (R-CON-02, R-CON-03)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contain import switches
from holdfast.contain.switches import Flag, NoSuchFlag, Switch, Switches, evaluate, flags_of, place, spelled
from holdfast.prepare.systems import Containment, Model, System
from holdfast.prepare.terms import ContainmentKind

OFF, SEGMENT = ContainmentKind.MODEL_OFF, ContainmentKind.SEGMENT_TO_REVIEW
ENABLED, ROUTE = "loans.enabled", "loans.route"
FLAGS = (Flag(ENABLED, "loans", OFF), Flag(ROUTE, "loans", SEGMENT), Flag("chat.enabled", "chat", OFF))


def segment(number: int, **keys: tuple[str, ...]) -> Switch:
    return Switch(f"INC-{number}-C1", f"INC-{number}", "loans", SEGMENT, ROUTE, keys)


BROKERS = segment(1, channel=("broker", "partner"))
YOUNG_NORTH = segment(2, age=("under 25",), region=("north", "west"))
MODEL_OFF = Switch("INC-3-C1", "INC-3", "loans", OFF, ENABLED, {})


def asked(*active: Switch, flag: str = ROUTE, **context: Any) -> tuple[bool | str, str]:
    found = evaluate(switches.of(FLAGS, active), flag, context)
    return found.value, found.reason


class TestDefaults:
    def test_the_model_answers_while_nothing_is_contained(self) -> None:
        assert asked(channel="broker") == ("model", "STATIC")
        assert asked(flag=ENABLED) == (True, "STATIC")

    def test_an_unknown_flag_is_no_answer(self) -> None:
        with pytest.raises(NoSuchFlag, match=r"no AI system names a flag 'loans\.rout'"):
            asked(flag="loans.rout")


class TestModelOff:
    def test_it_is_off_whatever_the_request(self) -> None:
        assert asked(MODEL_OFF, flag=ENABLED, channel="branch") == (False, "STATIC")

    def test_every_route_of_the_system_then_leads_to_review(self) -> None:
        assert asked(MODEL_OFF, channel="branch") == ("human_review", "STATIC")

    def test_other_systems_are_untouched(self) -> None:
        assert asked(MODEL_OFF, flag="chat.enabled") == (True, "STATIC")

    def test_a_segment_leaves_the_switch_of_the_model(self) -> None:
        assert asked(BROKERS, flag=ENABLED, channel="broker") == (True, "STATIC")


class TestSegment:
    @pytest.mark.parametrize("channel", ["broker", "partner", " Broker ", "BROKER", "ｂｒｏｋｅｒ"])
    def test_each_listed_value_is_contained_however_it_is_written(self, channel: str) -> None:
        assert asked(BROKERS, channel=channel) == ("human_review", "TARGETING_MATCH")

    def test_others_are_not(self) -> None:
        assert asked(BROKERS, channel="branch") == ("model", "DEFAULT")

    def test_a_request_is_in_the_segment_when_every_key_fits(self) -> None:
        assert asked(YOUNG_NORTH, age="under 25", region="west")[0] == "human_review"
        assert asked(YOUNG_NORTH, age="under 25", region="south")[0] == "model"

    @pytest.mark.parametrize(
        "context",
        [
            {},
            {"channel": None},
            {"channel": ""},
            {"channel": "   "},
            {"channel": ["branch"]},
            {"channel": {"name": "branch"}},
        ],
    )
    def test_a_request_that_does_not_say_fails_closed(self, context: dict[str, Any]) -> None:
        found = evaluate(switches.of(FLAGS, [BROKERS]), ROUTE, context)
        assert (found.value, found.variant, found.reason) == ("human_review", "human_review", "UNKNOWN")
        assert "does not say channel" in found.metadata["why"]

    def test_one_key_that_rules_it_out_settles_it(self) -> None:
        assert asked(YOUNG_NORTH, region="south") == ("model", "DEFAULT")
        assert asked(YOUNG_NORTH, region="north") == ("human_review", "UNKNOWN")

    @pytest.mark.parametrize(
        ("said", "written"), [(True, "true"), (7, "7"), (7.0, "7"), (1.5, "1.5"), (False, "false")]
    )
    def test_numbers_and_truth_values_are_compared_as_text(self, said: Any, written: str) -> None:
        assert place({"key": (written,)}, {"key": said}).inside

    def test_true_is_not_one(self) -> None:
        assert not place({"key": ("1",)}, {"key": True}).contained


class TestComposing:
    def test_two_segments_add_up(self) -> None:
        online = segment(4, channel=("online",))
        for channel in ("broker", "online"):
            assert asked(BROKERS, online, channel=channel)[0] == "human_review"
        assert asked(BROKERS, online, channel="branch")[0] == "model"

    def test_reverting_one_leaves_the_others(self) -> None:
        assert asked(MODEL_OFF, BROKERS, channel="branch")[0] == "human_review"
        assert asked(BROKERS, channel="branch")[0] == "model"
        assert asked(BROKERS, channel="broker")[0] == "human_review"

    def test_the_same_model_switched_off_twice_stays_off_until_both_are_reverted(self) -> None:
        again = Switch("INC-4-C1", "INC-4", "loans", OFF, ENABLED, {})
        found = evaluate(switches.of(FLAGS, [MODEL_OFF, again]), ENABLED, {})
        assert found.metadata["containment"] == "INC-3-C1, INC-4-C1"
        assert asked(again, flag=ENABLED)[0] is False

    def test_the_answer_names_incident_and_containment(self) -> None:
        found = evaluate(switches.of(FLAGS, [BROKERS]), ROUTE, {"channel": "broker"})
        assert found.metadata == {
            "system": "loans",
            "containment": "INC-1-C1",
            "incident": "INC-1",
            "why": "the request is in a contained segment",
        }

    def test_a_containment_survives_its_flag_in_the_files(self) -> None:
        assert evaluate(switches.of((), [MODEL_OFF]), ENABLED, {}).value is False
        redefined = (Flag(ENABLED, "loans", SEGMENT),)
        assert evaluate(switches.of(redefined, [MODEL_OFF]), ENABLED, {}).value is False


_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.sampled_from(["broker", "x", ""])
)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)
_contexts = st.dictionaries(st.sampled_from(["channel", "age", "region", "other"]), _values)
_active = st.lists(st.sampled_from([BROKERS, YOUNG_NORTH, MODEL_OFF]), unique_by=lambda one: one.containment)


def _restrictive(active: Sequence[Switch], flag: str, context: dict[str, Any]) -> bool:
    return evaluate(switches.of(FLAGS, active), flag, context).value in (False, "human_review")


@given(active=_active, more=st.sampled_from([BROKERS, YOUNG_NORTH, MODEL_OFF]), context=_contexts)
def test_one_more_containment_never_lets_more_through(
    active: list[Switch], more: Switch, context: dict[str, Any]
) -> None:
    for flag in (ENABLED, ROUTE):
        if _restrictive(active, flag, context):
            assert _restrictive([*active, more], flag, context)


@given(context=_contexts)
def test_the_model_answers_only_a_request_that_is_known_to_be_outside(context: dict[str, Any]) -> None:
    let_through = asked(BROKERS, **context)[0] == "model"
    assert let_through == (spelled(context.get("channel")) not in (None, "broker", "partner"))


def _system(name: str, *options: tuple[ContainmentKind, str]) -> System:
    return System(
        id=name,
        name=name,
        purpose="x",
        owner="ana@example.com",
        models=(Model(name="m", version="1", in_production_since=date(2026, 1, 1)),),
        data_used=("x",),
        depends_on_it=("x",),
        business_impact="x",
        compliance_risk="x",
        priority=1,
        containment=tuple(
            Containment(
                id=f"option-{number}",
                name="x",
                kind=kind,
                flag=flag,
                when="x",
                segment={"channel": ("broker",)} if kind is SEGMENT else {},
            )
            for number, (kind, flag) in enumerate(options)
        ),
    )


def test_flags_are_those_the_files_name() -> None:
    systems = [_system("loans", (OFF, ENABLED), (SEGMENT, ROUTE), (SEGMENT, ROUTE)), _system("chat")]
    assert flags_of(systems) == (Flag(ENABLED, "loans", OFF), Flag(ROUTE, "loans", SEGMENT))


def test_a_flag_used_for_both_kinds_counts_as_the_switch_of_the_model() -> None:
    assert flags_of([_system("loans", (SEGMENT, "loans"), (OFF, "loans"))]) == (Flag("loans", "loans", OFF),)


def test_switches_know_nothing_but_flags_and_containments() -> None:
    assert switches.of(FLAGS, []) == Switches({flag.key: flag for flag in FLAGS}, ())
