"""Sign-in attempts, counted so that guessing is held off."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, func, insert, select, update

from holdfast import clock
from holdfast.access.tables import attempts
from holdfast.prepare.durations import spoken
from holdfast.problems import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from holdfast.access.limits import Limits
    from holdfast.access.register import Register


class Attempts:
    """Counts an attempt as failed before it is looked at, so that parallel guesses count as well."""

    def __init__(self, register: Register, limits: Limits) -> None:
        self._register = register
        self._limits = limits

    def begin(self, person: str, origin: str, at: datetime, held_off: Callable[[], None]) -> str:
        """Count one attempt; returns its handle, to be forgotten when it was right.

        Raises NotAllowed over the limit. `held_off` is called before, once in a window: it tells the ledger,
        which guessing must not fill.
        """
        attempt, since = secrets.token_hex(16), clock.stamp(at - self._limits.window)
        with self._register.ledger.database.writing() as conn:
            recent = attempts.c.at > since
            if not self._over_limit(conn, person, origin, recent):
                row = {
                    "attempt": attempt,
                    "person": person,
                    "origin": origin[:200],
                    "at": clock.stamp(at),
                    "told": 0,
                }
                conn.execute(insert(attempts).values(**row))
                return attempt
            same = (recent, attempts.c.person == person, attempts.c.origin == origin[:200])
            told = conn.execute(select(func.max(attempts.c.told)).where(*same)).scalar()
            conn.execute(update(attempts).where(*same).values(told=1))
        if told == 0:
            held_off()
        raise NotAllowed(f"too many attempts; wait {spoken(self._limits.window)} and try again")

    def forget(self, attempt: str) -> None:
        self._register.write(delete(attempts).where(attempts.c.attempt == attempt))

    def forget_old(self, at: datetime) -> None:
        self._register.write(delete(attempts).where(attempts.c.at < clock.stamp(at - self._limits.window)))

    def _over_limit(self, conn: Connection, person: str, origin: str, recent: Any) -> bool:
        by_person, by_origin = attempts.c.person == person, attempts.c.origin == origin[:200]
        counted = (
            ((by_person, by_origin), self._limits.for_one_account_from_one_origin),
            ((by_origin,), self._limits.from_one_origin),
            ((by_person,), self._limits.for_one_account),
        )
        for conditions, most in counted:
            query = select(func.count()).select_from(attempts).where(recent, *conditions)
            if (conn.execute(query).scalar() or 0) >= most:
                return True
        return False
