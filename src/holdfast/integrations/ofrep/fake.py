"""A prober that asks nobody: for tests of one's ways to contain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast.contain.probing import Answer, Question


class FakeProber:
    """Answers what is expected, or what `says` answers to a question, and keeps what it was asked."""

    def __init__(self, says: Callable[[Question], bool | str | None] = lambda asked: asked.expected) -> None:
        self.says = says
        self.asked: list[Question] = []

    def ask(self, questions: Sequence[Question]) -> Sequence[Answer]:
        """One answer a question, in order; None is no answer."""
        self.asked += questions
        return [Answer(self.says(one), 1) for one in questions]
