"""Facts about the ledger itself: what its checks found, what was done where they could not say, whose clock
its times are."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from holdfast import clock
from holdfast.ledger.facts import Fact, Line, fact

STREAM = "ledger"


@fact("ledger.checked")
class LedgerChecked(Fact):
    """The whole ledger was rebuilt from stored bytes and compared."""

    verdict: Literal["holds", "does not hold", "cannot say"]
    facts: int
    sealed: int
    """How many facts are under the newest checkpoint that was found to hold."""
    checkpoints: int
    """How many the database holds: later there cannot be fewer."""
    anchored: int
    """How many are kept outside it."""
    elsewhere: int
    """How many that somebody else had kept were compared."""
    projection_tables: int
    inspected: tuple[str, ...]
    problems: tuple[str, ...]
    unknown: tuple[str, ...]

    def line(self) -> Line:
        said = {
            "holds": Line(
                "Ledger checked: it holds", f"{self.facts:,} facts, {self.checkpoints:,} checkpoints"
            ),
            "cannot say": Line("Ledger checked: cannot say", " ".join(self.unknown), "alarm"),
            "does not hold": Line("Ledger checked: it does not hold", " ".join(self.problems[:1]), "alarm"),
        }
        return said[self.verdict]


@fact("ledger.anchored")
class LedgerAnchored(Fact):
    """What is kept outside the database was lost and written anew from it. What it says about the time
    before rests on the word of whoever did it."""

    reason: str
    checkpoints: int
    size: int
    """Facts under the newest of them."""
    was: tuple[str, ...]
    """What was wrong before."""

    def line(self) -> Line:
        return Line("Checkpoints outside the database written anew", self.reason, "alarm")


@fact("ledger.upgraded")
class LedgerUpgraded(Fact):
    """The workspace was brought to the schema of a newer program: tables made anew, facts untouched."""

    from_schema: int
    to_schema: int
    program: str
    """The version of Holdfast that did it."""
    facts: int
    """How many facts were added up again and checked."""
    remembering: int | None
    """Checkpoints that the key was made to remember, where it came from a release that did not keep what it
    signed; None where it remembered."""

    def line(self) -> Line:
        return Line(
            f"Workspace upgraded to Holdfast {self.program}",
            f"schema {self.from_schema} to {self.to_schema}; {self.facts:,} facts were checked and added up "
            "again",
            "act",
        )


@fact("reaction.position_doubted")
class PositionDoubted(Fact):
    """How far a reaction had read was not what Holdfast had written: somebody wrote to the database. It was
    handed every fact again, so that none was passed over."""

    reaction: str
    position: str
    """As it stood in the database."""
    reason: str

    def line(self) -> Line:
        return Line(
            f"Position of a reaction not believed: {self.reaction}",
            f"it stood at {self.position}, and {self.reason}; every fact was handed over again",
            "alarm",
        )


@fact("clock.confirmed")
class ClockConfirmed(Fact):
    """The machine's clock stepped, and a person confirmed that the ledger goes on from what it says now."""

    machine: datetime
    expected: datetime
    """What it would have said had it gone on, or what the newest fact said."""
    ahead_seconds: float
    """By how much the ledger's clock goes on ahead of the machine's: facts of a later time stand already."""
    reason: str

    def line(self) -> Line:
        ahead = f"; the ledger goes on {self.ahead_seconds:.0f} s ahead of it" if self.ahead_seconds else ""
        return Line(
            "Step of the machine's clock confirmed",
            f"from {clock.stamp(self.expected)} to {clock.stamp(self.machine)}{ahead}: {self.reason}",
            "alarm",
        )


@fact("demonstration.began")
class DemonstrationBegan(Fact):
    """From here on, times of recording follow the story's clock: days pass in seconds."""

    says: str
    real_time: datetime

    def line(self) -> Line:
        return Line("Demonstration", self.says, "note")


@fact("demonstration.ended")
class DemonstrationEnded(Fact):
    """From here on, times of recording are real."""

    real_time: datetime

    def line(self) -> Line:
        return Line("Demonstration ended", "times of recording are real from here on", "note")
