"""The check: rebuild every claim of the ledger from stored bytes, and compare.

It reads the facts once, in order, and trusts nothing but their bytes and the public key: schema, headers,
chains, commitments, tree, checkpoints, what is kept outside the database, every projection, and the
run-time tables that decide something. Whatever somebody has put into a row is a finding, never a failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any, Literal, Protocol

from sqlalchemy import Connection, select, text

from holdfast import clock
from holdfast.ledger import schema, tables, tiles
from holdfast.ledger.anchor import Anchor, Memory, Sealed
from holdfast.ledger.chain import Chain, as_bytes
from holdfast.ledger.events import LedgerChecked
from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Ledger, recorded_from
from holdfast.ledger.outside import Outside
from holdfast.ledger.projections import AT_ONCE, Scratch
from holdfast.wording import plural
from holdfast_verify import note
from holdfast_verify.tree import CompactRange, leaf_hash

WORST = 100
"""Problems reported at most: after a break in the chain everything behind it differs."""

Verdict = Literal["holds", "does not hold", "cannot say"]

SEALED_WITHIN = timedelta(hours=1)
"""A checkpoint said to be signed so long before the newest fact it covers was given another time."""

NOT_SHOWN = (
    "Only a checkpoint that somebody else keeps can show that all of it was replaced together by an older "
    "copy (database, checkpoints.jsonl and keys), or rewritten by whoever holds the key"
)


class Inspection(Protocol):
    """Something beside facts and projections that decides something: it is shown every fact, and then says
    what does not agree with them."""

    @property
    def name(self) -> str:
        """What is compared, for the report: `accounts, sessions and tokens`."""

    def see(self, recorded: Recorded) -> None: ...

    def problems(self, conn: Connection) -> Iterator[str]: ...


@dataclass(slots=True)
class Report:
    """What was checked, what did not hold, and what could not be said."""

    facts: int = 0
    sealed: int = 0
    """How many of them the newest checkpoint covers that was found to hold."""
    checkpoints: int = 0
    anchored: int = 0
    elsewhere: int = 0
    """Checkpoints kept by somebody else that were compared."""
    projection_tables: int = 0
    inspected: tuple[str, ...] = ()
    """What else was compared with the facts."""
    problems: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    """Why it cannot be said whether the ledger holds, and how to go on."""

    @property
    def verdict(self) -> Verdict:
        if self.problems:
            return "does not hold"
        return "cannot say" if self.unknown else "holds"

    @property
    def holds(self) -> bool:
        return self.verdict == "holds"


def check(
    ledger: Ledger,
    key: note.VerifierKey,
    anchor: Anchor,
    progress: Callable[[int], None] = lambda done: None,
    *,
    memory: Memory | None = None,
    inspections: Sequence[Inspection] = (),
    known: Sequence[Sealed] = (),
) -> Report:
    """Check the whole ledger; `progress` is told how many facts are done.

    `known` are checkpoints that somebody else kept. Raises nothing for what it finds.
    """
    outside = Outside.read(anchor, memory, key)  # first: whoever seals meanwhile adds to the database last
    with ledger.reading() as conn:
        return check_within(conn, ledger, outside, progress, inspections, known)


def check_within(
    conn: Connection,
    ledger: Ledger,
    outside: Outside,
    progress: Callable[[int], None],
    inspections: Sequence[Inspection],
    known: Sequence[Sealed] = (),
) -> Report:
    """The check of what one transaction sees, also of what it has written itself.

    `outside` was read before the transaction saw anything, or while nobody else could seal.
    """
    report = Report()
    checker = _Checker(conn, ledger, outside.key, report, inspections)
    try:
        for problem in checker.run(outside, known, progress):
            report.problems.append(problem)
            if len(report.problems) >= WORST:
                report.problems.append("more problems were found; the first ones are above")
                break
    finally:
        checker.scratch.close()
    return report


class _Checker:
    def __init__(
        self,
        conn: Connection,
        ledger: Ledger,
        key: note.VerifierKey,
        report: Report,
        inspections: Sequence[Inspection],
    ) -> None:
        self.conn = conn
        self.report = report
        self.key = key
        self.scratch = Scratch(ledger.projections)
        self.inspections = inspections
        self.chain = Chain("")
        self.roots: dict[int, bytes] = {}
        self.times: dict[int, str] = {}
        """When the last fact under a checkpoint of that size was recorded."""
        self.built = tiles.TileBuilder()
        self.checks: list[tuple[int, LedgerChecked]] = []
        self.readable = True

    def run(
        self, outside: Outside, known: Sequence[Sealed], progress: Callable[[int], None]
    ) -> Iterator[str]:
        yield from _guarded("the schema", schema.differences(self.conn))
        yield from _guarded("the database file", self._damage())
        head, stored = self._head(), list(self._stored_checkpoints())
        self.chain.origin = head[0]
        outside = outside.up_to(len(stored))
        claimed = (*stored, *outside.checkpoints, *known, outside.newest_signed)
        wanted = {one.size for one in claimed if isinstance(one, Sealed)}
        yield from _guarded("the facts", self._facts(wanted, max(self._sizes(stored), default=0), progress))
        yield from _guarded("the head", self._is_head(head))
        yield from _guarded("the checkpoints", self._checkpoints(stored, outside))
        yield from _guarded("checkpoints kept elsewhere", self._known(known))
        yield from _guarded("the hash tiles", self._tiles())
        yield from _guarded("the streams", self._streams())
        yield from _guarded("the projections", self._projections())
        for inspection in self.inspections:
            yield from _guarded(inspection.name, inspection.problems(self.conn))
        self.report.inspected = tuple(inspection.name for inspection in self.inspections)

    # Facts -------------------------------------------------------------------------------------

    def _head(self) -> tuple[str, int, str]:
        rows = self.conn.execute(select(tables.head)).all()
        self.heads = rows
        row: Any = rows[0] if rows else None
        return (str(row.origin), row.size, row.last_at) if row else (self.key.name, 0, "")

    def _is_head(self, head: tuple[str, int, str]) -> Iterator[str]:
        if len(self.heads) != 1:
            yield f"the table ledger_head holds {len(self.heads)} rows, and must hold one"
        origin, size, last_at = head
        if origin != self.key.name:
            yield f"the head names the ledger {origin!r}, the key signs for {self.key.name!r}"
        if type(size) is not int or size != self.report.facts:
            stored = self.report.facts
            yield f"the head says {size!r} facts, {stored} are stored: the tail was cut or added to"
        if last_at != self.chain.last_at:
            yield f"the head says the newest fact is of {last_at}, it is of {self.chain.last_at}"

    def _facts(self, wanted: set[int], sealed: int, progress: Callable[[int], None]) -> Iterator[str]:
        tree, told = CompactRange(), list[Recorded]()
        for row in self.conn.execute(select(tables.facts).order_by(tables.facts.c.seq)):
            where = f"fact {row.seq} ({row.type} on {row.stream})"
            yield from (f"{where}: {what}" for what in self._fact(row, told))
            if len(told) >= AT_ONCE:
                yield from self._add_up(told)
            hashed = leaf_hash(as_bytes(row.leaf))
            tree.append(hashed)
            if tree.size <= sealed:
                self.built.extend(tree.size - 1, [hashed])
            if tree.size in wanted:
                self.roots[tree.size], self.times[tree.size] = tree.root(), self.chain.last_at
            self.report.facts += 1
            if not self.report.facts % 1000:
                progress(self.report.facts)
        yield from self._add_up(told)
        progress(self.report.facts)

    def _fact(self, row: Any, told: list[Recorded]) -> list[str]:
        """The fact's problems. Whatever somebody has put into a row is a problem, never a crash."""
        found: list[str] = []
        try:
            found.extend(self.chain.follow(row))
            self._content(row, told)
        except Exception as error:
            found.append(f"cannot be checked: {error}")
            self.readable = False
        return found

    def _content(self, row: Any, told: list[Recorded]) -> None:
        """Read the fact, to be added up with those around it. Raises what makes it unreadable."""
        if not self.readable:
            return
        recorded = recorded_from(row)
        if isinstance(recorded.fact, LedgerChecked):
            self.checks.append((recorded.seq, recorded.fact))
        told.append(recorded)
        for inspection in self.inspections:
            inspection.see(recorded)

    def _add_up(self, told: list[Recorded]) -> Iterator[str]:
        """Let the projections in memory follow these facts, and forget them."""
        try:
            if self.readable and told:
                self.scratch.apply(told)
        except Exception as error:
            self.readable = False
            yield f"facts {told[0].seq} to {told[-1].seq}: cannot be added up: {error}"
        finally:
            told.clear()

    # Checkpoints -------------------------------------------------------------------------------

    def _stored_checkpoints(self) -> Iterator[Sealed | str]:
        for row in self.conn.execute(select(tables.checkpoints).order_by(tables.checkpoints.c.size)):
            try:
                if type(row.size) is not int or not isinstance(row.note, str):
                    raise ValueError("its size is no number, or its note no text")
                yield Sealed(row.size, row.note, clock.parse(row.sealed_at))
            except (ValueError, TypeError) as error:
                yield f"checkpoint of size {row.size!r} in the database cannot be read: {error}"

    def _checkpoints(self, stored: list[Sealed | str], outside: Outside) -> Iterator[str]:
        held = [one for one in stored if isinstance(one, Sealed)]
        yield from (one for one in stored if isinstance(one, str))
        yield from self._each("checkpoint", held)
        yield from _never_back("checkpoint", held)
        self.report.checkpoints = len(stored)
        yield from (one for one in outside.lines or () if isinstance(one, str))
        self.report.anchored = len(outside.checkpoints)
        yield from self._kept_outside(held, outside)
        yield from self._remembered(held, outside)
        yield from self._counted_before(held, outside)

    def _each(self, what: str, sealed: Sequence[Sealed]) -> Iterator[str]:
        for one in sealed:
            problem = self._problem(one)
            if problem:
                yield f"{what} of size {one.size}: {problem}"
            elif what == "checkpoint":
                self.report.sealed = max(self.report.sealed, one.size)

    def _problem(self, sealed: Sealed) -> str | None:
        try:
            claimed = sealed.proven(self.key, self.chain.origin)
        except (ValueError, AttributeError) as error:
            return str(error)
        if sealed.size not in self.roots:
            return f"only {self.report.facts} facts are stored; the tail was cut"
        if claimed.root != self.roots[sealed.size]:
            return "its root is not that of the stored facts; history was rewritten"
        if clock.stamp(sealed.at + SEALED_WITHIN) < self.times[sealed.size]:
            return f"said to be signed at {clock.stamp(sealed.at)}, before the facts it covers"
        return None

    def _kept_outside(self, held: list[Sealed], outside: Outside) -> Iterator[str]:
        name, kept = outside.anchor.path.name, outside.checkpoints
        if outside.lines is None:
            if held:
                self.report.unknown.append(
                    f"{name} is missing, so nothing outside the database says which checkpoints there must "
                    "be: an older copy of the database would look the same. Put the newest copy of the file "
                    "back; where none is left, `holdfast ledger anchor --help` says how to go on"
                )
            return
        shared = min(len(held), len(kept))
        for mine, theirs in zip(held, kept, strict=False):
            if mine != theirs:
                where = f"checkpoint kept outside the database of size {theirs.size}"
                other = f"the database holds another, of size {mine.size}"
                yield f"{where}: {self._problem(theirs) or other}"
        yield from self._each("checkpoint kept outside the database", kept[shared:])
        if len(kept) < len(held):
            yield (
                f"{name} holds {len(kept)} of {len(held)} checkpoints: it was cut, or an older copy was put "
                "in its place; put the newest one back"
            )
        elif len(kept) > len(held) + 1:  # one more is what a crash between the two leaves
            yield f"the database holds {len(held)} checkpoints, {name} {len(kept)}: some were taken out of it"

    def _remembered(self, held: list[Sealed], outside: Outside) -> Iterator[str]:
        if outside.memory is None:
            return
        signed = outside.signed
        if signed is None:
            self.report.unknown.append(
                f"{outside.memory.path.name}, which says what the key has signed, is missing beside it. Put "
                "it back; where none is left, `holdfast ledger anchor --help` says how to go on"
            )
            return
        if isinstance(signed, str):
            yield signed
            return
        in_database = outside.lines is None
        found = held if in_database else outside.checkpoints
        place = "the database" if in_database else outside.anchor.path.name
        if outside.agrees(found):
            return
        problem = self._problem(signed.newest) if signed.newest is not None else None
        if problem and signed.newest is not None:
            yield f"the checkpoint of size {signed.newest.size} that the key has last signed: {problem}"
        if signed.count != len(found) + 1:  # one more is what a crash between the two leaves
            yield (
                f"the key has signed {signed.count} checkpoints, {place} holds {len(found)}, or ends with "
                "another one: an older copy was put in its place"
            )

    def _counted_before(self, held: list[Sealed], outside: Outside) -> Iterator[str]:
        """Earlier checks, which are facts, have counted the checkpoints there were."""
        places = {"the database": held}
        if outside.lines is not None:
            places[outside.anchor.path.name] = outside.checkpoints
        for place, found in places.items():
            for seq, checked in self.checks:
                count = sum(one.size <= seq for one in found)
                said = checked.checkpoints if place == "the database" else checked.anchored
                if count < said:
                    of = f"checkpoints of the first {seq} facts"
                    yield f"{place} holds {count} {of}; a check has counted {said}"
                    break

    def _known(self, known: Sequence[Sealed]) -> Iterator[str]:
        yield from self._each("checkpoint kept by somebody else", known)
        self.report.elsewhere = len(known)

    def _sizes(self, found: Sequence[Sealed | str]) -> list[int]:
        return [one.size for one in found if isinstance(one, Sealed)]

    # What is computed from facts ---------------------------------------------------------------

    def _tiles(self) -> Iterator[str]:
        seen: Counter[tuple[Any, Any]] = Counter()
        for row in self.conn.execute(select(tables.tiles)):
            place = (row.level, row.position)
            seen[place] += 1
            expected = self.built.tiles.get(place)
            if expected is None or as_bytes(row.hashes) != bytes(expected):
                yield f"hash tile {row.level}/{row.position} is not what the facts hash to"
        yield from _once("hash tile", seen, self.built.tiles.keys())

    def _streams(self) -> Iterator[str]:
        seen: Counter[tuple[Any, ...]] = Counter()
        for row in self.conn.execute(select(tables.streams)):
            seen[(row.stream,)] += 1
            found = (row.version, as_bytes(row.last_hash))
            if type(row.version) is not int or self.chain.streams.get(row.stream) != found:
                yield f"stream {row.stream}: its stored version or last hash is not that of its facts"
        yield from _once("the row of stream", seen, {(stream,) for stream in self.chain.streams})

    def _projections(self) -> Iterator[str]:
        if not self.readable:
            yield "projections were not compared, because a fact above could not be read"
            return
        yield from self.scratch.differences(self.conn)
        self.report.unknown += [
            f"projection {name}: {plural(rows, 'row')} without {', '.join(fields)}, which this program "
            "writes: an older one wrote them, or they were taken out. All else is as the facts say. "
            "`holdfast ledger rebuild` adds the facts up again; then check again"
            for (name, fields), rows in sorted(self.scratch.older.items())
        ]
        self.report.projection_tables = sum(len(p.tables) for p in self.scratch.projections)

    def _damage(self) -> Iterator[str]:
        """An index that does not hold every row would hide facts from whoever asks through it."""
        if self.conn.dialect.name == "sqlite":
            for (said,) in self.conn.execute(text("PRAGMA integrity_check(10)")):
                if said != "ok":
                    yield f"the database file is damaged: {said}"


def _guarded(what: str, found: Iterator[str]) -> Iterator[str]:
    """What is found; and where looking fails, that it does."""
    try:
        yield from found
    except Exception as error:
        yield f"{what} cannot be checked: {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _never_back(what: str, sealed: Sequence[Sealed]) -> Iterator[str]:
    for before, after in pairwise(sealed):
        if after.size == before.size:
            yield f"{what} of size {after.size} stands twice"
        if after.at < before.at:
            yield f"{what} of size {after.size}: said to be signed before the one in front of it"


def _once(what: str, seen: Counter[tuple[Any, ...]], should: Any) -> Iterator[str]:
    for place in sorted(set(should) - seen.keys(), key=repr):
        yield f"{what} {'/'.join(map(str, place))} is missing"
    for place, times in sorted(seen.items(), key=repr):
        if times > 1:
            yield f"{what} {'/'.join(map(str, place))} stands {times} times"
