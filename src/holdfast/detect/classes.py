"""What predictions and labels can say: their classes, and what is none.

One idea: a word that is no class is never a quiet *no*. Where the system's file names the classes, whatever
else is said is no prediction and no label; where it does not, what only one side says is named with its
number, because it counts as not positive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from holdfast import wording
from holdfast.detect.tables import Answered, Column, Kind, LogError, Table
from holdfast.problems import shown

_NAMED = 3
"""Values that are named one by one; the others are counted."""
TWO = 2


@dataclass(frozen=True, slots=True)
class Answers:
    """What the predictions and the labels of a log say."""

    predictions: Sequence[Answered]
    labels: Sequence[Answered]

    def of_two_classes(self, table: Table) -> bool:
        """Whether predictions and labels together are of at most two classes."""
        named = table.roles.classes
        return len(named or {one.value for one in (*self.predictions, *self.labels)}) <= TWO


def declared(table: Table) -> Table:
    """The table with its predictions and labels held to the classes that the system's file names.

    Raises LogError for a class that a column cannot hold.
    """
    if table.roles.classes is None:
        return table
    columns, labels = dict(table.columns), table.labels
    if (name := table.roles.prediction) and name in columns:
        columns[name] = _held(table, columns[name])
    label = None if table.label is None else _held(table, table.label)
    if label is not None and label.name in columns:
        columns[label.name] = label
    if labels is not None:
        labels = replace(labels, label=_held(table, labels.label))
    return replace(table, columns=columns, label=label, labels=labels)


def _held(table: Table, column: Column) -> Column:
    for each in table.roles.classes or ():
        if not column.may_be(each):
            raise LogError(
                f"{table.called}: {shown(column.name)} is {column.kind}, and columns.classes names "
                f"{shown(each)}",
                "write the classes as they are written there",
            )
    return replace(column, classes=tuple(column.as_class(each) for each in table.roles.classes or ()))


def strange(table: Table, answers: Answers) -> Iterator[str]:
    """Sentences about values that are no class, or may be none."""
    prediction, label = table.columns.get(table.roles.prediction or ""), table.label_column
    if table.roles.classes is not None:
        yield from _outside("prediction", prediction, answers.predictions)
        yield from _outside("label", label, answers.labels)
        return
    column = prediction if answers.predictions else label
    if column is None or not answers.predictions:
        return
    both = {one.value for one in (*answers.predictions, *answers.labels)}
    classes = {column.as_class(table.roles.positive)}
    if column.kind is not Kind.TEXT:
        classes.add(0.0)
    elif len(both | classes) <= TWO:  # two words are the two classes, whoever has said them
        return
    predicted, known = ({one.value for one in side} for side in (answers.predictions, answers.labels))
    odd = [one for one in answers.predictions if one.value not in classes | known]
    if odd:
        which = "that no label has" if answers.labels else "beside the positive one"
        which = (
            which if answers.labels or column.kind is Kind.TEXT else "that is neither the positive one nor 0"
        )
        yield (
            f"{_many(odd, 'prediction')} with a value {which}, {_such_as(odd)}: as none of them is the "
            f"positive one they count as not selected; {_advice('prediction', column, odd)}"
        )
    unknown = [one for one in answers.labels if one.value not in classes | predicted]
    if unknown and label is not None:
        yield (
            f"{_many(unknown, 'label')} with a value that no prediction has, {_such_as(unknown)}, and they "
            f"count as wrong; {_advice('label', label, unknown)}"
        )


def _outside(what: str, column: Column | None, said: Sequence[Answered]) -> Iterator[str]:
    none = [one for one in said if column is not None and one.value not in column.classes]
    if none:
        yield (
            f"{_many(none, what)} with a value that columns.classes does not name, {_such_as(none)}: "
            f"not counted as a {what}"
        )


def _many(said: Iterable[Answered], what: str) -> str:
    return wording.plural(sum(one.times for one in said), what)


def _such_as(said: Sequence[Answered]) -> str:
    named = ", ".join(f"{shown(one.written)} ({one.times:,})" for one in said[:_NAMED])
    more = f" and {wording.plural(len(said) - _NAMED, 'other value')}" if len(said) > _NAMED else ""
    return f"such as {named}{more}"


def _advice(what: str, column: Column, said: Sequence[Answered]) -> str:
    return (
        f"name every class in columns.classes, or, if it means that there is no {what}, write "
        f"missing: {{{column.name}: [{said[0].written}]}}"
    )
