"""Passwords: which are refused, by NIST SP 800-63B-4 section 3.1.1.2.

A password used alone has at least 15 characters and no rules of composition. It is compared with a
blocklist: what is commonly used (the lists of zxcvbn, which also knows keyboard rows, sequences and repeats),
and what somebody who knows the person would try first: their name, their organisation's, ours, the words of
this field, months and famous phrases. Rules of our own see what zxcvbn does not: a block repeated in any
script, rows woven into one another, and a walk over neighbouring keys. Nothing is compared with lists of
leaked passwords beside zxcvbn's, and a phrase of a book, a song or a film that is not in FAMOUS passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from holdfast.problems import NotAllowed

SHORTEST, LONGEST = 15, 512
"""Characters."""
LEFT = 8
"""Letters and digits that must be left once the words anybody would try are taken out."""
LEFT_OF_WORDS = 6
"""As many where the words of the field, months and famous phrases are taken out too."""
_LOOKED_AT = 64
"""Characters zxcvbn is given: its time grows with the square, and no guess is longer."""
_HARD = 3
"""zxcvbn's score from which on 10^8 guesses do not do (Wheeler 2016, USENIX Security)."""
_LIKE = str.maketrans("@431!0$57", "aaeiiosst")
"""Characters that stand for letters in passwords."""

_WALKED = 0.8
"""Share of neighbouring pairs from which on a password is a walk over the keyboard; in plain text it is a
fifth."""
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_PLACES = {key: (row, place) for row, keys in enumerate(_ROWS) for place, key in enumerate(keys)}
_WOVEN = 3
"""As many rows may be woven into one another."""


def _these(words: str) -> frozenset[str]:
    return frozenset(words.split())


SERVICE = "holdfast"
FIELD = _these(
    "incident response responder responding model models monitor alert audit auditor compliance credit "
    "decision decisions lending loan loans score scoring approval risk machine learning data science "
    "password welcome admin administrator login secret"
)
"""What somebody would think of who knows what this is for."""
MONTHS = _these(
    "january february march april may june july august september october november december spring summer "
    "autumn winter monday tuesday wednesday thursday friday saturday sunday"
)
FAMOUS = frozenset(
    {
        "correcthorsebatterystaple",
        "thequickbrownfox",
        "jumpsoverthelazydog",
        "tobeornottobe",
        "thatisthequestion",
        "maytheforcebewithyou",
        "onceuponatime",
        "loremipsumdolorsitamet",
        "allyourbasearebelongtous",
        "winteriscoming",
        "inthebeginning",
        "iloveyou",
        "letmein",
        "changeme",
        "opensesame",
    }
)
"""Phrases that are in every list of phrases to try."""


def require_hard_to_guess(password: str, about: Iterable[str]) -> None:
    """Raises NotAllowed with what to do. `about`: names, addresses and the organisation of the person."""
    from zxcvbn import zxcvbn  # its lists of common passwords take long to load

    if len(password) < SHORTEST:
        raise NotAllowed(f"a password needs at least {SHORTEST} characters; a few plain words will do")
    if len(password) > LONGEST:
        raise NotAllowed(f"a password has at most {LONGEST} characters; shorten it")
    about_them = {SERVICE, *_words(about)}
    known = sorted(about_them, key=len, reverse=True)
    words = sorted({*about_them, *FIELD, *MONTHS, *FAMOUS}, key=len, reverse=True)
    plain = "".join(char for char in password.casefold() if char.isalnum())
    if (
        zxcvbn(password[:_LOOKED_AT], user_inputs=known)["score"] < _HARD
        or _repeats(plain)
        or _is_row(plain)
        or _is_walk(plain)
    ):
        raise NotAllowed(
            "this password is commonly used, repeats itself or follows a row; use a few plain words that do "
            "not belong together"
        )
    if _left(password, known) < LEFT or _left(plain, words) < LEFT_OF_WORDS:
        raise NotAllowed(
            "this password is little more than a name, a word or a phrase that anybody here would try; use a "
            "few plain words that do not belong together"
        )


def _repeats(plain: str) -> bool:
    """Whether it is one block, twice or oftener, the last perhaps cut short."""
    return any(plain == (plain[:size] * len(plain))[: len(plain)] for size in range(1, len(plain) // 2 + 1))


def _is_row(plain: str) -> bool:
    """Whether it is a row such as 1234 or aaaa, or a few woven into one another, such as a1a2a3."""
    woven = ([plain[start::rows] for start in range(rows)] for rows in range(1, _WOVEN + 1))
    return any(all(_steps_evenly(row) for row in rows) for rows in woven)


def _steps_evenly(row: str) -> bool:
    steps = {ord(later) - ord(earlier) for earlier, later in pairwise(row)}
    return len(steps) <= 1 and steps <= {-1, 0, 1}


def _is_walk(plain: str) -> bool:
    """Whether nearly every key lies beside the one before."""
    pairs = list(pairwise(plain))
    return sum(_beside(*pair) for pair in pairs) >= _WALKED * len(pairs)


def _beside(one: str, other: str) -> bool:
    if one not in _PLACES or other not in _PLACES:
        return False
    (row, place), (next_row, next_place) = _PLACES[one], _PLACES[other]
    return abs(row - next_row) <= 1 and abs(place - next_place) <= 1


def _words(about: Iterable[str]) -> set[str]:
    """The words of names and addresses, and each name without its gaps."""
    found = set[str]()
    for text in about:
        parts = [part for part in re.split(r"[\W_]+", text.casefold()) if len(part) > 2]
        found |= {*parts, "".join(parts)}
    return found - {""}


def _left(password: str, words: Iterable[str]) -> int:
    """How many different letters and digits are left without these words, also backwards or disguised."""
    spelled = [password.casefold(), password.casefold().translate(_LIKE)]
    kept = [char.isalnum() for char in spelled[0]]
    for word in words:
        for text in spelled:
            for wanted in (word, word[::-1]):
                for match in re.finditer(re.escape(wanted), text):
                    kept[match.start() : match.end()] = [False] * len(wanted)
    return len({char for char, keep in zip(spelled[0], kept, strict=False) if keep})
