"""Switches: what applications are told when they ask a feature flag, and why.

One idea: an answer is a pure function of the switches that containments have set and of the context of
the request. Where the context leaves open whether a request is contained, it is.

| flag | nothing contained | contained |
|---|---|---|
| of a `model_off` option: a truth value | `true`, variant `on` | `false`, variant `off` |
| of a `segment_to_review` option: text | `model` | `human_review`, for requests of the segment |

Several containments on one system compose, the most restrictive wins: one segment more is one segment
more to review, and while a model is off every route of its system leads to review. Reverting one leaves
the others. A containment stays in force when its flag is changed in, or removed from, the system's file.

A request is in a segment when every key of the segment has one of the listed values; values are compared
as text without regard to case, surrounding spaces or Unicode composition, so that `Broker ` cannot slip
past `broker`. When a key is missing, or is a list or an object, and no other key rules the segment out,
nobody can say whether the request is contained: the answer is `human_review` (reason UNKNOWN, and
metadata saying which key is wanting).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Column, Connection, Index, String, Table, Text, select

from holdfast import clock
from holdfast.contain.events import ContainmentApplied, ContainmentReverted, Segment
from holdfast.ledger.facts import Recorded
from holdfast.ledger.stored import Rows
from holdfast.ledger.tables import metadata
from holdfast.prepare.systems import System
from holdfast.prepare.terms import ContainmentKind

MODEL, HUMAN_REVIEW = "model", "human_review"

Reason = Literal["STATIC", "DEFAULT", "TARGETING_MATCH", "UNKNOWN"]
"""STATIC: the same for every request. TARGETING_MATCH: the request is in a contained segment. DEFAULT: it
is not. UNKNOWN: nobody can say, so it is treated as contained."""

Context = Mapping[str, Any]
"""What an application says about a request; anything JSON can hold."""


# The table ---------------------------------------------------------------------------------------

containment_switches = Table(
    "containment_switches",
    metadata,
    Column("containment", String(60), primary_key=True),
    Column("incident", String(40), nullable=False),
    Column("system", String(100), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("flag", String(100), nullable=False),
    Column("segment", Text, nullable=False),
    Column("since", String(27), nullable=False),
    Index("containment_switches_by_system", "system"),
)


_SWITCHING = (ContainmentApplied, ContainmentReverted)


class Switchboard:
    """The projection of the switches now set: what every prediction asks for is one small table."""

    name = "switches"
    tables: tuple[Table, ...] = (containment_switches,)

    def apply(self, conn: Connection, facts: Sequence[Recorded]) -> None:
        own = [(one.at, one.fact) for one in facts if isinstance(one.fact, _SWITCHING)]
        rows = Rows(conn, containment_switches, (fact.containment for _, fact in own))
        for at, fact in own:
            if isinstance(fact, ContainmentReverted):
                rows.drop(fact.containment)
            else:
                rows.put(
                    fact.containment,
                    incident=fact.incident,
                    system=fact.system,
                    kind=fact.kind.value,
                    flag=fact.flag,
                    segment=json.dumps(fact.segment, sort_keys=True, ensure_ascii=False),
                    since=clock.stamp(at),
                )
        rows.write()


# What is known when a flag is asked --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that applications may ask for."""

    key: str
    system: str
    kind: ContainmentKind


@dataclass(frozen=True, slots=True)
class Switch:
    """A containment in force."""

    containment: str
    incident: str
    system: str
    kind: ContainmentKind
    flag: str
    segment: Segment


@dataclass(frozen=True, slots=True)
class Switches:
    """Every flag there is, and every containment in force, at one moment."""

    flags: Mapping[str, Flag]
    active: tuple[Switch, ...] = ()


class NoSuchFlag(LookupError):
    """No AI system names such a flag."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answer to one question."""

    key: str
    value: bool | str
    variant: str
    reason: Reason
    metadata: Mapping[str, str]
    """`system`, and where something is contained: `containment`, `incident`, and `why` in words."""
    by: tuple[str, ...] = ()
    """The containments that this answer obeys."""


def flags_of(systems: Iterable[System]) -> tuple[Flag, ...]:
    """The flags that the systems' files name, in their order.

    A flag used for both kinds counts as a switch of the model: a client that expects a route is then told
    of a wrong type and takes its own, safe default.
    """
    found: dict[str, Flag] = {}
    for system in systems:
        for option in system.containment:
            known = found.get(option.flag)
            if known is None or option.kind is ContainmentKind.MODEL_OFF:
                found[option.flag] = Flag(option.flag, system.id, option.kind)
    return tuple(found.values())


def of(flags: Iterable[Flag], active: Iterable[Switch]) -> Switches:
    """Switches from the flags that files declare and the containments in force."""
    standing = tuple(active)
    known = {switch.flag: Flag(switch.flag, switch.system, switch.kind) for switch in standing}
    return Switches({**{flag.key: flag for flag in flags}, **known}, standing)


def read(conn: Connection, flags: Iterable[Flag]) -> Switches:
    """The switches as they are set now."""
    table = containment_switches
    rows = conn.execute(select(table).order_by(table.c.since, table.c.containment))
    return of(flags, [_switch(row) for row in rows])


def _switch(row: Any) -> Switch:
    segment = {key: tuple(values) for key, values in json.loads(row.segment).items()}
    kind = ContainmentKind(row.kind)
    return Switch(row.containment, row.incident, row.system, kind, row.flag, segment)


# Deciding ----------------------------------------------------------------------------------------


def evaluate(switches: Switches, flag: str, context: Context) -> Evaluation:
    """The answer for one request. Pure. Raises NoSuchFlag."""
    known = switches.flags.get(flag)
    if known is None:
        raise NoSuchFlag(f"no AI system names a flag {flag[:100]!r}; flags are named in systems/*.yaml")
    if known.kind is ContainmentKind.MODEL_OFF:
        return _enabled(switches, known)
    return _route(switches, known, context)


def _enabled(switches: Switches, flag: Flag) -> Evaluation:
    off = [s for s in switches.active if s.kind is ContainmentKind.MODEL_OFF and s.flag == flag.key]
    if not off:
        return Evaluation(flag.key, True, "on", "STATIC", {"system": flag.system})
    why = _because(flag, off, "the model is switched off")
    return Evaluation(flag.key, False, "off", "STATIC", why, _numbers(off))


def _route(switches: Switches, flag: Flag, context: Context) -> Evaluation:
    off = [s for s in switches.active if s.kind is ContainmentKind.MODEL_OFF and s.system == flag.system]
    if off:
        return _review(flag, "STATIC", off, "the model is switched off")
    segments = [
        s for s in switches.active if s.kind is ContainmentKind.SEGMENT_TO_REVIEW and s.flag == flag.key
    ]
    if not segments:
        return Evaluation(flag.key, MODEL, MODEL, "STATIC", {"system": flag.system})
    places = [(switch, place(switch.segment, context)) for switch in segments]
    inside = [switch for switch, where in places if where.inside]
    if inside:
        return _review(flag, "TARGETING_MATCH", inside, "the request is in a contained segment")
    unclear = [(switch, where) for switch, where in places if where.unclear]
    if unclear:
        wanting = sorted({key for _, where in unclear for key in where.unclear})
        why = f"the context does not say {', '.join(wanting)} as text, so the request counts as contained"
        return _review(flag, "UNKNOWN", [switch for switch, _ in unclear], why)
    return Evaluation(flag.key, MODEL, MODEL, "DEFAULT", {"system": flag.system})


def _review(flag: Flag, reason: Reason, by: Sequence[Switch], why: str) -> Evaluation:
    return Evaluation(flag.key, HUMAN_REVIEW, HUMAN_REVIEW, reason, _because(flag, by, why), _numbers(by))


def _numbers(switches: Iterable[Switch]) -> tuple[str, ...]:
    return tuple(switch.containment for switch in switches)


def _because(flag: Flag, switches: Sequence[Switch], why: str) -> Mapping[str, str]:
    return {
        "system": flag.system,
        "containment": ", ".join(_numbers(switches)),
        "incident": ", ".join(dict.fromkeys(switch.incident for switch in switches)),
        "why": why,
    }


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands to a segment."""

    inside: bool
    unclear: tuple[str, ...] = ()
    """Keys whose value is missing or no single value, when these alone decide."""

    @property
    def contained(self) -> bool:
        """Inside, or not known to be outside."""
        return self.inside or bool(self.unclear)


OUTSIDE = Place(False)


def place(segment: Segment, context: Context) -> Place:
    """Whether a request is in a segment. One key that rules it out settles it, whatever else is missing."""
    unclear = []
    for key, values in segment.items():
        said = spelled(context.get(key))
        if said is None:
            unclear.append(key)
        elif said not in {spelled(value) for value in values}:
            return OUTSIDE
    return Place(False, tuple(unclear)) if unclear else Place(True)


def spelled(value: Any) -> str | None:
    """A value as segments compare it; None for what is no single value, or empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        return None
    folded = unicodedata.normalize("NFKC", value).casefold()
    return unicodedata.normalize("NFKC", folded).strip() or None
