"""The policy: what the auditor trusts. It is pinned by the auditor and never comes from a pack."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .checkpoint import Checkpoint
from .note import NoteError, VerifierKey

_WORDS = ("origin", "key", "required", "minimum", "earlier")
_BLANKS = re.compile(r"[ \t]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,15}")


class PolicyError(ValueError):
    """The policy cannot be read; the message names the line and says what to do."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which ledger, whose signatures, and what the auditor already knows of it."""

    origin: str
    keys: tuple[VerifierKey, ...]
    required: int = 1
    """How many of the keys must have signed the checkpoint."""
    minimum: int = 1
    """Entries the ledger must hold at least."""
    earlier: tuple[Checkpoint, ...] = ()
    """Checkpoints known from before: the ledger must begin with each."""

    def __str__(self) -> str:
        """The policy as a file to hand out."""
        lines = [f"origin {self.origin}", *(f"key {key}" for key in self.keys), f"required {self.required}"]
        lines += [f"minimum {self.minimum}"] if self.minimum > 1 else []
        return "\n".join([*lines, *(earlier_line(known) for known in self.earlier)]) + "\n"

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read a policy file. Raises PolicyError."""
        found = _statements(text)
        for word in ("origin", "required", "minimum"):
            if len(found.get(word, ())) > 1:
                raise PolicyError(f"line {found[word][1][0]}: '{word}' is stated twice; keep one")
        for word in ("origin", "key"):
            if not found.get(word):
                raise PolicyError(f"there is no '{word}' line; ask the organisation for it, not the pack")
        origin = found["origin"][0][1]
        if not origin:
            raise PolicyError(f"line {found['origin'][0][0]}: write the ledger's name behind 'origin'")
        keys = tuple(_key(number, rest) for number, rest in found["key"])
        if len(set(keys)) != len(keys):
            raise PolicyError("a key is listed twice; it would count once")
        required = _number(found, "required")
        if required > len(keys):
            raise PolicyError(f"{required} signatures are required, but only {len(keys)} keys are listed")
        earlier = tuple(_earlier(origin, number, rest) for number, rest in found.get("earlier", ()))
        return cls(origin, keys, required, _number(found, "minimum"), earlier)


def earlier_line(checkpoint: Checkpoint) -> str:
    """The statement by which a policy remembers this checkpoint."""
    _, size, root, _ = str(checkpoint).split("\n")
    return f"earlier {size} {root}"


def _statements(text: str) -> dict[str, list[tuple[int, str]]]:
    """For every word that begins a line: the line's number and the rest of it."""
    found: dict[str, list[tuple[int, str]]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        words = _BLANKS.split(line.removesuffix("\r").partition("#")[0].strip(" \t"))
        word, rest = words[0], words[1:]
        if word and word not in _WORDS:
            raise PolicyError(f"line {number}: '{word}' is no statement; known are {', '.join(_WORDS)}")
        if word:
            found.setdefault(word, []).append((number, " ".join(rest)))
    return found


def _key(number: int, text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text)
    except NoteError as error:
        raise PolicyError(f"line {number}: {error}") from error


def _number(found: dict[str, list[tuple[int, str]]], word: str) -> int:
    number, text = found.get(word, [(0, "1")])[0]
    if not _NUMBER.fullmatch(text):
        raise PolicyError(f"line {number}: write a whole number from 1 behind '{word}'")
    return int(text)


def _earlier(origin: str, number: int, text: str) -> Checkpoint:
    size, _, root = text.partition(" ")
    try:
        known = Checkpoint.parse(f"{origin}\n{size}\n{root}\n")
    except NoteError as error:
        raise PolicyError(f"line {number}: {error}") from error
    if known.size == 0:
        raise PolicyError(f"line {number}: a ledger of no entries says nothing about a later one")
    return known
