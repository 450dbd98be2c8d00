"""The ledger: facts appended in one order, in the transaction that also writes what follows from them.

`append` is the only way to write. It checks what the decision was based on (the stream's version, the
timer's generation), numbers the facts, stores their exact bytes and lets every projection, timer and
outbox row follow, all or nothing.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection, Table, bindparam, exists, func, insert, select, type_coerce, update
from sqlalchemy.types import NullType

from holdfast import clock
from holdfast.ledger import tables
from holdfast.ledger.database import Database, settle_constraints
from holdfast.ledger.facts import Fact, Recorded, decode, encode, require_bounds
from holdfast.ledger.leaf import write_header
from holdfast.ledger.row_key import RowKey
from holdfast.people import Actor
from holdfast_verify.leaf import payload_commitment
from holdfast_verify.tree import leaf_hash

T = TypeVar("T")
F = TypeVar("F", bound=Fact)


class Conflict(Exception):
    """Somebody else wrote to the stream after it was read: read again and decide again."""


class AlreadyFired(Conflict):
    """Another worker fired this timer, or it was moved or stopped meanwhile: there is nothing to do."""


class NotAsWritten(Exception):
    """What was read back before the commit is not what was written; nothing was recorded."""


class NotALedger(Exception):
    """The database holds no ledger yet."""


class HeadMissing(Exception):
    """The row that says how many facts there are is gone, and facts are there."""


# The statements of every append, made once: building one costs more than it takes SQLite to answer it.
_HEAD = select(tables.head.c.origin, tables.head.c.size, tables.head.c.last_at)
_LOCKED_HEAD = _HEAD.with_for_update()
_GROWN = update(tables.head).values(size=bindparam("grown"), last_at=bindparam("newest"))
_END = select(tables.streams).where(tables.streams.c.stream == bindparam("named"))
_LONGER = (
    update(tables.streams)
    .where(tables.streams.c.stream == bindparam("named"))
    .values(version=bindparam("now"), last_hash=bindparam("hashed"))
)
_BEGUN = insert(tables.streams).values(
    stream=bindparam("named"), version=bindparam("now"), last_hash=bindparam("hashed")
)
_ENDS = select(tables.streams).where(tables.streams.c.stream.in_(bindparam("named", expanding=True)))
# As the driver gives it: what is compared byte for byte wants no conversion.
_NEWEST = (
    select(*(type_coerce(column, NullType()) for column in tables.facts.columns))
    .where(tables.facts.c.seq >= bindparam("first"))
    .order_by(tables.facts.c.seq)
)


@cache
def _insert_facts(paramstyle: str) -> str:
    """Rows of facts go to the driver as they are: nothing in them needs converting."""
    mark = "?" if paramstyle == "qmark" else "%s"
    names = ", ".join(_Row._fields)
    return f"INSERT INTO facts ({names}) VALUES ({', '.join(mark for _ in _Row._fields)})"


class _Row(NamedTuple):
    """A row of the facts table, its columns in order."""

    seq: int
    stream: str
    stream_seq: int
    type: str
    recorded_at: str
    leaf: bytes
    leaf_hash: bytes
    salt: bytes
    payload: bytes


class _Encoded(NamedTuple):
    """A fact and what its leaf commits to."""

    fact: Fact
    payload: bytes
    salt: bytes
    commitment: str

    @classmethod
    def of(cls, fact: Fact, by: Actor) -> _Encoded:
        payload, salt = encode(fact, by), secrets.token_bytes(32)
        return cls(fact, payload, salt, payload_commitment(salt, payload))


def _encoded(drafts: Sequence[Draft], by: Actor) -> list[tuple[Draft, list[_Encoded]]]:
    return [(draft, [_Encoded.of(one, by) for one in draft.facts]) for draft in drafts]


class Remembered:
    """What this process made of a ledger's facts; what was asked for longest ago goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, what: Hashable) -> Any:
        """None where nothing is known of it."""
        with self._lock:
            if what in self._kept:
                self._kept.move_to_end(what)
            return self._kept.get(what)

    def put(self, what: Hashable, made: object) -> None:
        with self._lock:
            self._kept[what] = made
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)


class Projection(Protocol):
    """A table that facts add up to; it can be dropped and rebuilt to the same rows."""

    @property
    def name(self) -> str: ...

    @property
    def tables(self) -> tuple[Table, ...]: ...

    def apply(self, conn: Connection, facts: Sequence[Recorded]) -> None:
        """Follow these facts, which come next: those of one append, or many that are added up anew."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Facts to append to one stream, decided when it had `expected` facts; None where they rest on nothing
    in it, and only tell what happened."""

    stream: str
    expected: int | None
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream as read: its facts in order, and the version to expect when appending."""

    name: str
    facts: tuple[Recorded, ...]

    @property
    def version(self) -> int:
        return len(self.facts)

    @property
    def events(self) -> tuple[Fact, ...]:
        return tuple(recorded.fact for recorded in self.facts)

    def draft(self, facts: Sequence[Fact]) -> Draft:
        """Facts that were decided on what was read."""
        return Draft(self.name, self.version, facts)


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that is due: what to do, and the generation that may fire it once."""

    timer: str
    generation: int
    kind: str
    due: datetime
    data: dict[str, str]


class Ledger:
    """Reads and appends facts of one log."""

    def __init__(self, database: Database, projections: Sequence[Projection]) -> None:
        self.database = database
        self.projections = tuple(projections)
        self.require_steady: Callable[[], None] = lambda: None
        """Raises where the clock that times come from is not to be believed; nothing is appended then that
        gives anybody anything."""
        self.evenly: Callable[[datetime], datetime] = lambda at: at
        """What a moment of that clock would be had it not stepped."""
        self.keep_time: Callable[[], None] = lambda: None
        """Writes down what that clock said, for processes to come; called when something was recorded."""
        self.row_key = RowKey.of_this_process()
        """Proves run-time rows that decide something; whoever opens a workspace puts its own here."""
        self.folded = Remembered(2_000)
        """What this process has added up of streams; see `folding`."""
        self._steady = Remembered(200)
        self.appended_at: datetime | None = None
        """Time of the newest fact that was appended here; other processes may have appended since."""

    # Beginning ---------------------------------------------------------------------------------

    def create(self, origin: str) -> bool:
        """Create tables and the head row; does nothing where a ledger exists already. Whether it was made.

        Raises HeadMissing where facts are stored and the row that says how many is gone.
        """
        self.database.create()
        with self.database.writing() as conn:
            if conn.execute(select(tables.head.c.id)).first() is None:
                _require_empty(conn)
                conn.execute(insert(tables.head).values(id=0, origin=origin, size=0, last_at=""))
                conn.execute(insert(tables.workspace_schema).values(id=0, version=tables.SCHEMA))
                return True
        return False

    def rename(self, origin: str) -> bool:
        """Give a ledger that holds nothing yet another name; returns whether it could be: facts and
        checkpoints carry the name they were made under."""
        none = ~exists().select_from(tables.facts) & ~exists().select_from(tables.checkpoints)
        with self.database.writing() as conn:
            renamed = update(tables.head).where(tables.head.c.size == 0, none).values(origin=origin)
            return bool(conn.execute(renamed).rowcount)

    @property
    def origin(self) -> str:
        with self.reading() as conn:
            return self._head(conn)[0]

    def size(self) -> int:
        """How many facts are appended."""
        with self.reading() as conn:
            return self._head(conn)[1]

    def last_at(self) -> datetime | None:
        """When the newest fact was recorded; None before the first."""
        with self.reading() as conn:
            last = self._head(conn)[2]
        return clock.parse(last) if last else None

    # Reading -----------------------------------------------------------------------------------

    def reading(self) -> AbstractContextManager[Connection]:
        """A consistent view of projection tables."""
        return self.database.reading()

    def steady(self, what: Hashable, read: Callable[[Connection], T]) -> T:
        """What `read` makes of projections: nothing else changes them, so it is read again only after a fact
        was appended, by whichever process. `what` names it and whatever else `read` goes by; the time must
        not be of it, and whoever gets the answer must not change it.
        """
        with self.reading() as conn:
            head = self._head(conn)
            kept: tuple[tuple[str, int, str], T] | None = self._steady.get(what)
            if kept is not None and kept[0] == head:
                return kept[1]
            found = read(conn)
        self._steady.put(what, (head, found))
        return found

    def stream(self, name: str) -> Stream:
        """Every fact of one stream; empty where nothing was appended to it."""
        with self.reading() as conn:
            return Stream(name, tuple(_stream_facts(conn, name)))

    def newest(self, conn: Connection, name: str, of: type[F]) -> F | None:
        """The newest fact of a kind in a stream."""
        query = select(tables.facts).where(tables.facts.c.stream == name, tables.facts.c.type == of.type)
        row = conn.execute(query.order_by(tables.facts.c.stream_seq.desc()).limit(1)).first()
        found = recorded_from(row).fact if row else None
        return found if isinstance(found, of) else None

    def length(self, name: str) -> int:
        """How many facts a stream holds: enough to go on from, where what they say decides nothing."""
        with self.reading() as conn:
            found = conn.execute(_END, {"named": name}).first()
            return found.version if found else 0

    def stream_after(self, name: str, version: int, last: bytes) -> tuple[Recorded, ...] | None:
        """The facts of a stream behind its first `version` ones; None where the last of these is no longer
        the one whose leaf hash is `last`."""
        query = select(tables.facts).where(
            tables.facts.c.stream == name, tables.facts.c.stream_seq >= max(version - 1, 0)
        )
        with self.reading() as conn:
            rows = conn.execute(query.order_by(tables.facts.c.stream_seq)).all()
        if version and (not rows or bytes(rows[0].leaf_hash) != last):
            return None
        return tuple(recorded_from(row) for row in rows[1 if version else 0 :])

    def facts(self, after: int = -1, limit: int | None = None) -> Iterator[Recorded]:
        """All facts in order, those behind position `after`, read in batches."""
        remaining = limit
        while remaining is None or remaining > 0:
            batch = 1000 if remaining is None else min(1000, remaining)
            query = select(tables.facts).where(tables.facts.c.seq > after)
            with self.reading() as conn:
                rows = conn.execute(query.order_by(tables.facts.c.seq).limit(batch)).all()
            for row in rows:
                yield recorded_from(row)
            if len(rows) < batch:
                return
            after = rows[-1].seq
            remaining = None if remaining is None else remaining - len(rows)

    # Appending ---------------------------------------------------------------------------------

    def append(
        self,
        *drafts: Draft,
        by: Actor,
        at: datetime,
        drafting: Callable[[Connection], Sequence[Draft]] | None = None,
        fires: Timer | None = None,
        keeping: Callable[[Connection], None] | None = None,
    ) -> tuple[Recorded, ...]:
        """Append facts to one or more streams in one transaction.

        Raises Conflict where a stream has moved on since it was read, AlreadyFired where the timer
        named by `fires` is no longer armed at that generation, NotAsWritten where something in the
        database changed what was stored. `drafting` gives further drafts when nobody else can append any
        longer: what needs the next number takes it there. `keeping` writes run-time rows that must not
        part from these facts. When this returns, the facts are committed and ordered; when it raises or the
        process dies, nothing has happened.
        """
        given = [one for draft in drafts for one in draft.facts]
        if given and drafting is None and all(one.takes_access_away for one in given):
            at = self.evenly(at)
        else:
            self.require_steady()
        # Encoded before anybody is kept waiting: what a fact says does not depend on its number.
        ready = _encoded(drafts, by)
        if by.kind != "system":
            for encoded in (one for _, encodings in ready for one in encodings):
                require_bounds(encoded.fact, encoded.payload)
        with self.database.writing() as conn:
            # Locking the head first puts projections in ledger order on every database, so that a
            # rebuild meets the same rows (docs/adr/0002). A crash before commit leaves nothing.
            origin, size, last_at = self._head(conn, lock=True)
            if fires is not None:
                _claim(conn, fires)
            recorded_at = max(clock.stamp(at), last_at)  # time never runs backwards in the ledger
            written: list[Recorded] = []
            rows: list[_Row] = []
            ready += _encoded(drafting(conn) if drafting else (), by)
            for draft, encodings in ready:
                self._extend(conn, draft, encodings, origin, size + len(rows), recorded_at, by, written, rows)
            if rows:
                conn.exec_driver_sql(_insert_facts(conn.dialect.paramstyle), list(rows))
                conn.execute(_GROWN, {"grown": size + len(rows), "newest": recorded_at})
            if written:
                for projection in self.projections:
                    projection.apply(conn, written)
            if fires is not None:
                _require_settled(conn, fires)
            if keeping is not None:
                keeping(conn)
            if rows:
                _read_back(conn, rows, (origin, size + len(rows), recorded_at))
        if written:
            self.appended_at = written[-1].at
            self.keep_time()
        return tuple(written)

    def tell(
        self,
        stream: str,
        *facts: Fact,
        by: Actor,
        at: datetime,
        keeping: Callable[[Connection], None] | None = None,
    ) -> tuple[Recorded, ...]:
        """Append what happened, wherever the stream ends: nothing was decided, so nothing can have moved."""
        return self.append(Draft(stream, None, facts), by=by, at=at, keeping=keeping)

    def _extend(
        self,
        conn: Connection,
        draft: Draft,
        encodings: Sequence[_Encoded],
        origin: str,
        first: int,
        recorded_at: str,
        by: Actor,
        written: list[Recorded],
        rows: list[_Row],
    ) -> None:
        """Number the draft's facts and link each to the one before it in its stream."""
        found = conn.execute(_END, {"named": draft.stream}).first()
        version = found.version if found else 0
        if draft.expected is not None and version != draft.expected:
            raise Conflict(f"{draft.stream} has {version} facts, the decision was based on {draft.expected}")
        previous = bytes(found.last_hash) if found else None
        moment = clock.parse(recorded_at)
        for offset, encoded in enumerate(encodings):
            seq, stream_seq, decided = first + offset, version + offset, encoded.fact
            leaf = write_header(
                log=origin,
                payload_commitment=encoded.commitment,
                prev_stream_hash=previous,
                recorded_at=recorded_at,
                seq=seq,
                stream=draft.stream,
                stream_seq=stream_seq,
                type_=decided.type,
            )
            previous = leaf_hash(leaf)
            rows.append(
                _Row(
                    seq,
                    draft.stream,
                    stream_seq,
                    decided.type,
                    recorded_at,
                    leaf,
                    previous,
                    encoded.salt,
                    encoded.payload,
                )
            )
            written.append(Recorded(seq, draft.stream, stream_seq, moment, by, decided, previous))
        if draft.facts:
            end = {"named": draft.stream, "now": version + len(draft.facts), "hashed": previous}
            conn.execute(_LONGER if found else _BEGUN, end)

    def _head(self, conn: Connection, lock: bool = False) -> tuple[str, int, str]:
        row = conn.execute(_LOCKED_HEAD if lock else _HEAD).first()
        if row is None:
            _require_empty(conn)
            raise NotALedger("this database holds no ledger yet; run `holdfast init`")
        return row.origin, row.size, row.last_at


def _require_empty(conn: Connection) -> None:
    """Raises HeadMissing where facts are stored: a new head over them would begin a second history."""
    stored = conn.execute(select(func.count()).select_from(tables.facts)).scalar_one()
    if stored:
        raise HeadMissing(
            f"the row of ledger_head is missing, and {stored:,} facts are stored: it was deleted, or the "
            "database is damaged. Nothing is read or written while it is missing, and `holdfast init` makes "
            "no new one. Keep a copy of the database as it is now, then put the newest backup back"
        )


def _read_back(conn: Connection, rows: Sequence[_Row], head: tuple[str, int, str]) -> None:
    """Compare what is stored now with what was written, when nothing is left that could still change it.

    A trigger can rewrite a fact while it is stored, hashes included, so that nothing later would tell.
    """
    settle_constraints(conn)
    last = {row.stream: row for row in rows}
    if [tuple(row) for row in conn.execute(_NEWEST, {"first": rows[0].seq})] != rows:
        raise _altered("a fact")
    if [tuple(row) for row in conn.execute(_HEAD)] != [head]:
        raise _altered("the head")
    found = conn.execute(_ENDS, {"named": list(last)})
    ends = {(name, row.stream_seq + 1, row.leaf_hash) for name, row in last.items()}
    if sorted((row.stream, row.version, bytes(row.last_hash)) for row in found) != sorted(ends):
        raise _altered("a stream's version")


def _altered(what: str) -> NotAsWritten:
    return NotAsWritten(
        f"{what} read back from the database is not what was written: something in it changes what is "
        "stored. Nothing was recorded; run `holdfast ledger check`, which names it"
    )


def recorded_from(row: Any) -> Recorded:
    """The fact of one row of the facts table. Raises UnknownFact."""
    payload = bytes(row.payload)
    read_ = _known if len(payload) <= _SMALL else _read
    by, read = read_(row.type, payload)
    moment = clock.parse(row.recorded_at)
    return Recorded(row.seq, row.stream, row.stream_seq, moment, by, read, bytes(row.leaf_hash))


_SMALL = 2_048
"""Bytes of a payload that is remembered: a note, not a measurement of a hundred windows."""


def _read(type_: str, payload: bytes) -> tuple[Actor, Fact]:
    return decode(type_, json.loads(payload))


_known = lru_cache(maxsize=16_384)(_read)
"""The same bytes are the same fact, and facts are frozen: a step on a long stream reads each of them once."""


def _stream_facts(conn: Connection, name: str) -> Iterator[Recorded]:
    query = select(tables.facts).where(tables.facts.c.stream == name).order_by(tables.facts.c.stream_seq)
    for row in conn.execute(query).all():
        yield recorded_from(row)


def _claim(conn: Connection, timer: Timer) -> None:
    """Hold the timer's row; the loser of a race finds it moved on and does nothing."""
    query = select(tables.timers.c.generation).where(tables.timers.c.timer == timer.timer)
    row = conn.execute(query.with_for_update()).first()
    if row is None or row.generation != timer.generation:
        raise AlreadyFired(f"{timer.timer} has been fired, moved or stopped meanwhile")


def _require_settled(conn: Connection, timer: Timer) -> None:
    query = select(tables.timers.c.generation).where(tables.timers.c.timer == timer.timer)
    row = conn.execute(query).first()
    if row is not None and row.generation == timer.generation:
        raise ValueError(
            f"the facts that fire {timer.timer} neither stop nor move it; it would fire for ever"
        )
