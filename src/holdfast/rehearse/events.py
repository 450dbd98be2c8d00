"""Facts about rehearsals, so that nobody takes what was rehearsed for what happened."""

from __future__ import annotations

from datetime import datetime

from holdfast.ledger.facts import Fact, Line, fact


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
