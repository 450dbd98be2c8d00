"""What a step is: declared once, taken from pages, API and terminal.

One idea: a step is a typed function that becomes a value. Its signature says what it is taken on and what
is asked, its docstring explains it, the words beside it say where it is found and who may take it. From that
come the route and its description, the command and its options, the reading of a form, and the reference.

    @step("incident", "POST /incidents/{incident}/notes", may=Permission.RESPOND, agents=True, shows=...)
    def note(call: Call, incident: IncidentId, said: NoteAsked) -> None:
        \"\"\"Add to the timeline.\"\"\"

Whoever takes a step asks the step itself, so that no door can forget to ask whether the person may.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    get_args,
    get_type_hints,
)

from pydantic import BaseModel

from holdfast.people import Actor, Permission
from holdfast.problems import NoAuthority
from holdfast.steps.addresses import Named

if TYPE_CHECKING:  # a step is declared without them
    from holdfast.application import Application
    from holdfast.incident.responding import Desk
    from holdfast.ledger.ledger import Ledger

P = ParamSpec("P")
AnswerT = TypeVar("AnswerT")
ShownT = TypeVar("ShownT", bound=BaseModel)


class Who(Protocol):
    """Whoever asks, and what they may."""

    @property
    def actor(self) -> Actor: ...

    def refusal(self, permission: Permission) -> str:
        """Why they may not, in a sentence for them; empty when they may."""
        ...


def refusal(who: Who, may: Permission, *, agents: bool) -> str:
    """Why they may not, in a sentence for them; empty when they may. `agents`: whether a token that acts for
    a person may too."""
    refused = who.refusal(may)
    if not refused and who.actor.kind != "person" and not agents:
        return f"{who.actor.name} is no person, and a person must decide this"
    return refused


@dataclass(frozen=True, slots=True)
class Call:
    """Who takes a step, where, and when."""

    application: Application
    who: Who
    at: datetime

    @property
    def by(self) -> Actor:
        return self.who.actor

    @property
    def desk(self) -> Desk:
        return self.application.desk

    @property
    def ledger(self) -> Ledger:
        return self.application.ledger


@dataclass(frozen=True, slots=True)
class Step(Generic[P, AnswerT, ShownT]):
    """One thing that a person, or a program for them, can do."""

    noun: str
    verb: str
    """As a command: `incident hand-over`."""
    method: str
    path: str
    """As an address of the API, with names in braces."""
    may: Permission
    agents: bool
    """Whether a token that acts for a person, such as an assistant's, may take it too."""
    does: Callable[Concatenate[Call, P], AnswerT]
    shows: Callable[[Call, str, Any], ShownT]
    """How things stand afterwards, from what it was taken on (empty where on nothing) and its answer."""
    names: tuple[tuple[str, type, Named], ...]
    """What stands in the address: (name, type, how it looks)."""
    asked: type[BaseModel] | None
    """What is asked besides."""
    shown: type[BaseModel]

    def __call__(self, call: Call, *args: P.args, **kwargs: P.kwargs) -> AnswerT:
        """Take it. Raises NoAuthority where this person may not, and what the deed raises."""
        self.require(call.who)
        return self.does(call, *args, **kwargs)

    def refusal(self, who: Who) -> str:
        """Why they may not, in a sentence for them; empty when they may."""
        return refusal(who, self.may, agents=self.agents)

    def require(self, who: Who) -> None:
        """Raises NoAuthority."""
        refused = self.refusal(who)
        if refused:
            raise NoAuthority(refused)

    def after(self, call: Call, names: tuple[str, ...], answer: AnswerT) -> ShownT:
        """How things stand now."""
        return self.shows(call, names[0] if names else "", answer)

    @property
    def key(self) -> str:
        return f"{self.noun}.{self.verb}"

    @property
    def summary(self) -> str:
        """The first sentence of its explanation."""
        return self.explanation.partition(". ")[0].rstrip(".")

    @property
    def explanation(self) -> str:
        return " ".join((inspect.getdoc(self.does) or "").split())

    @property
    def status(self) -> int:
        """What the API answers: 201 where something new can be read."""
        return 201 if self.method == "POST" else 200


def step(
    noun: str,
    address: str,
    *,
    may: Permission,
    shows: Callable[[Call, str, Any], ShownT],
    verb: str = "",
    agents: bool = False,
) -> Callable[[Callable[Concatenate[Call, P], AnswerT]], Step[P, AnswerT, ShownT]]:
    """Declare a step. Raises TypeError where signature and address do not fit, with the place."""

    def declare(does: Callable[Concatenate[Call, P], AnswerT]) -> Step[P, AnswerT, ShownT]:
        method, _, path = address.partition(" ")
        names, asked = _signature(does, path)
        return Step(
            noun=noun,
            verb=verb or does.__name__.rstrip("_").replace("_", "-"),
            method=method,
            path=path,
            may=may,
            agents=agents,
            does=does,
            shows=shows,
            names=names,
            asked=asked,
            shown=_hints(shows)["return"],
        )

    return declare


def _signature(
    does: Callable[..., Any], path: str
) -> tuple[tuple[tuple[str, type, Named], ...], type[BaseModel] | None]:
    """What a step is taken on, and what is asked."""
    hints = _hints(does)
    _, *given = inspect.signature(does).parameters
    names = re.findall(r"{(\w+)}", path)
    if given[: len(names)] != names or len(given) > len(names) + 1:
        raise TypeError(f"{_where(does)}: takes {given}, and its address names {names}; then what is asked")
    asked = hints[given[-1]] if len(given) > len(names) else None
    if asked is not None and not (isinstance(asked, type) and issubclass(asked, BaseModel)):
        raise TypeError(f"{_where(does)}: {given[-1]} must be one model")
    if not inspect.getdoc(does):
        raise TypeError(f"{_where(does)}: has no explanation; write a docstring")
    return tuple(_named(does, name, hints[name]) for name in names), asked


def _named(does: Callable[..., Any], name: str, hint: Any) -> tuple[str, type, Named]:
    kind, *words = get_args(hint) or (hint,)
    found = next((word for word in words if isinstance(word, Named)), None)
    if found is None:
        raise TypeError(f"{_where(does)}: {name} stands in the address; give it a type of steps/addresses.py")
    return name, kind, found


def _hints(does: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(does, include_extras=True)
    except NameError as error:
        raise TypeError(f"{_where(does)}: {error}; import it outside TYPE_CHECKING") from None


def _where(does: Callable[..., Any]) -> str:
    code = does.__code__
    return f"{code.co_filename}:{code.co_firstlineno} {does.__qualname__}"
