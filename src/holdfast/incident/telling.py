"""What became of messages that were queued together, in the words of what is known.

*Queued* is decided and waits; *sent* is taken by the receiver's side; a person is *reached* by a message that
was sent. Nobody is said to have been told by a message that did not leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from holdfast import wording
from holdfast.ledger.facts import Recorded
from holdfast.ledger.outbox import MessageFailed, MessageQueued, MessageRetried, MessageSent

Name = Callable[[str], str]
"""A person's name by their address."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who was sent a message, for whom one is queued, and who was not reached, with the reason."""

    sent: tuple[str, ...]
    queued: tuple[str, ...]
    missed: tuple[tuple[str, str], ...]

    @property
    def title(self) -> str:
        """`Sent to 2 people, queued to Tomas Lind`."""
        parts = [
            f"sent to {_who(self.sent)}" if self.sent else "",
            f"queued to {_who(self.queued)}" if self.queued else "",
            f"{_who([name for name, _ in self.missed])} not reached" if self.missed else "",
        ]
        return wording.capital(", ".join(filter(None, parts)))

    @property
    def names(self) -> str:
        """Everybody by name, where the title only counts them; and why some were not reached."""
        parts = [
            f"Sent: {', '.join(self.sent)}" if len(self.sent) > 1 else "",
            f"Queued: {', '.join(self.queued)}" if len(self.queued) > 1 else "",
            *(f"Not reached: {name} ({why})" for name, why in self.missed),
        ]
        return ". ".join(filter(None, parts))


def told(queued: Sequence[MessageQueued], record: Iterable[Recorded], name_of: Name) -> Told:
    """What the record knows of these messages, and of those that went to the same people by another channel
    in their place."""
    lines = {one.message: _Line(one.to) for one in queued}
    for recorded in record:
        match recorded.fact:
            case MessageSent(message=message) if message in lines:
                lines[message].stands[message] = ""
            case MessageFailed(message=message, reason=reason) as failed if message in lines:
                if failed.goes_on:
                    lines[message].stands[message] = reason
            case MessageRetried(message=message) if message in lines:
                lines[message].stands[message] = None
            case MessageQueued(message=message, to=to, instead_of=before) if before in lines:
                if to == lines[before].to:
                    lines[message] = lines[before]
                    lines[message].stands[message] = None
            case _:
                pass
    called = names((one.to for one in queued), name_of)
    ends = {one.to: lines[one.message].end for one in queued}
    sent = tuple(called[person] for person, end in ends.items() if end == "")
    waiting = tuple(called[person] for person, end in ends.items() if end is None)
    return Told(sent, waiting, tuple((called[person], end) for person, end in ends.items() if end))


@dataclass(slots=True)
class _Line:
    """The messages to one person that were sent in place of one another."""

    to: str
    stands: dict[str, str | None] = field(default_factory=dict)
    """What became of each: nothing yet, sent (no reason), or the reason why not."""

    @property
    def end(self) -> str | None:
        ends = list(self.stands.values())
        if "" in ends:
            return ""
        return None if None in ends or not ends else ends[-1]


def names(people: Iterable[str], name_of: Name) -> dict[str, str]:
    """Each of these people once, by address: the name, with the address where another bears it as well."""
    called = {person: name_of(person) for person in people}
    borne = Counter(called.values())
    return {person: name if borne[name] == 1 else f"{name} ({person})" for person, name in called.items()}


def _who(names: Sequence[str]) -> str:
    """One person by name, several by number."""
    return names[0] if len(names) == 1 else wording.plural(len(names), "person", "people")
