"""Passwords: which are refused, by NIST SP 800-63B-4 section 3.1.1.2.

A password used alone has at least 15 characters and no rules of composition. It is compared with a
blocklist: what is commonly used (the lists of zxcvbn, which also knows keyboard rows, sequences and repeats),
and what somebody who knows the person would try first: their name, their organisation's, ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from holdfast.problems import NotAllowed

SHORTEST, LONGEST = 15, 512
"""Characters."""
LEFT = 8
"""Letters and digits that must be left once the words anybody would try are taken out."""
_LOOKED_AT = 64
"""Characters zxcvbn is given: its time grows with the square, and no guess is longer."""
_HARD = 3
"""zxcvbn's score from which on 10^8 guesses do not do (Wheeler 2016, USENIX Security)."""
_LIKE = str.maketrans("@431!0$57", "aaeiiosst")
"""Characters that stand for letters in passwords."""

SERVICE = "holdfast"


def require_hard_to_guess(password: str, about: Iterable[str]) -> None:
    """Raises NotAllowed with what to do. `about`: names, addresses and the organisation of the person."""
    from zxcvbn import zxcvbn  # its lists of common passwords take long to load

    if len(password) < SHORTEST:
        raise NotAllowed(f"a password needs at least {SHORTEST} characters; a few plain words will do")
    if len(password) > LONGEST:
        raise NotAllowed(f"a password has at most {LONGEST} characters; shorten it")
    words = sorted({SERVICE, *_words(about)}, key=len, reverse=True)
    if zxcvbn(password[:_LOOKED_AT], user_inputs=words)["score"] < _HARD:
        raise NotAllowed(
            "this password is commonly used, repeats itself or follows a row; use a few plain words that do "
            "not belong together"
        )
    if _left(password, words) < LEFT:
        raise NotAllowed(
            "this password is little more than a name that anybody here knows; use a few plain words that "
            "do not belong together"
        )


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
