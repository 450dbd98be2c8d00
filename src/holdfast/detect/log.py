"""Opening a prediction log: which files, which columns, of which kind, and what is wrong with them.

One idea: everything that could make a number silently wrong (a column that is not there, a time that
cannot be read, two labels for one prediction) is refused here, in a sentence, before anything is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from glob import glob, iglob
from pathlib import Path
from typing import Literal

from holdfast import wording
from holdfast.detect import classes
from holdfast.detect.classes import Answers
from holdfast.detect.engines import Engine
from holdfast.detect.tables import (
    Column,
    Extent,
    Kind,
    LabelTable,
    LogError,
    Source,
    Stretch,
    Table,
)
from holdfast.prepare.systems import Labels, Missing, PredictionLog
from holdfast.problems import did_you_mean, shown

ENDINGS: dict[str, Literal["parquet", "csv"]] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
}
AHEAD = timedelta(days=1)
"""How far the clock that writes a log may be ahead."""


@dataclass(frozen=True, slots=True)
class Log:
    """An opened prediction log."""

    config: PredictionLog
    table: Table
    reference: Table | None
    features: tuple[str, ...]
    rows: int
    first: datetime
    last: datetime
    scores_are_chances: bool
    """Whether all scores lie in 0 to 1, so that they can be read as probabilities."""
    of_two_classes: bool = True
    """Whether predictions and labels are of two classes; of more, accuracy does not follow from one score."""
    without_labels: LogError | None = None
    """Why no label can be read, where that is so; what needs no label goes on."""
    notes: tuple[str, ...] = ()
    """What is strange about it and does not stop the counting, in sentences."""


def open_log(config: PredictionLog, base: Path, engine: Engine, as_of: datetime | None = None) -> Log:
    """Find, read and check the log, its labels and its reference; paths are relative to `base`.

    Raises LogError saying what is missing or unreadable, where, and what to do.
    """
    opening = _Opening(config, base, engine)
    table = opening.log()
    extent = engine.extent(table, as_of)
    _check_extent(table, extent, as_of)
    assert extent.first is not None
    assert extent.last is not None
    table = opening.each_prediction_once(table)
    table, without_labels = opening.with_labels(table)
    table, answers = opening.with_classes(table)
    reference = opening.reference(table) if config.reference else None
    score = extent.score_range
    opening.look_for_words(table)
    return Log(
        config=config,
        table=table,
        reference=reference,
        features=_features(table),
        rows=extent.rows,
        first=extent.first,
        last=extent.last,
        scores_are_chances=score is not None and score[0] >= 0 and score[1] <= 1,
        of_two_classes=answers.of_two_classes(table),
        without_labels=without_labels,
        notes=(*_said_of(extent), *opening.notes),
    )


class _Opening:
    """The steps of opening a log; what is strange and does not stop them is noted."""

    def __init__(self, config: PredictionLog, base: Path, engine: Engine) -> None:
        self.config, self.base, self.engine = config, base, engine
        self.notes: list[str] = []

    def log(self) -> Table:
        """The predictions themselves, their roles checked."""
        roles, called = self.config.columns, "the prediction log"
        source, columns = self._take(self.config.path, called)
        names = (roles.id, roles.subject, roles.model_version, *roles.categorical)
        columns = {name: _as_name(column) if name in names else column for name, column in columns.items()}
        # Labels may be delivered apart; then a column of that name here is an ordinary one.
        own, arrived = (
            (None, None)
            if self.config.labels
            else (columns.get(n or "") for n in (roles.label, roles.label_arrived))
        )
        table = Table(called, source, columns, roles, own, arrived, None, since=self.config.since)
        _check_roles(table, self.engine, needs_time=True)
        for name in dict.fromkeys((*(roles.features or ()), *roles.categorical)):
            # A monitor of it fails alone; without one, nobody would be told.
            if name not in columns:
                self.notes.append(f"no column {shown(name)}, which the system's file names among the inputs")
        timed = {
            name: self._timed(source, columns[name], called)
            for name in (roles.time, roles.label_arrived)
            if name in columns
        }
        return replace(table, columns={**columns, **timed}, arrived=arrived and timed[arrived.name])

    def _take(self, path: str, called: str) -> tuple[Source, dict[str, Column]]:
        found = replace(find(path, self.base, called), missing=self.config.missing)
        try:
            source, columns = self.engine.take(found)
        except LogError as error:
            raise LogError(f"{called}: {error.cause}", error.fix) from error
        return source, {column.name: column for column in columns}

    def _timed(self, source: Source, column: Column, called: str) -> Column:
        """The column with what its times need to be read: their zone, and the order of their dates."""
        column = self._placed(source, column)
        if column.type != "VARCHAR" or self.config.dates is not None:
            return replace(column, dates=self.config.dates or column.dates)
        orders, example = self.engine.date_orders(source, column)
        if len(orders) > 1:
            raise LogError(
                f"{called}: dates of {shown(column.name)} such as {shown(example)} can be read in "
                f"{len(orders)} ways: {', '.join(orders)}",
                f"write the right one in prediction_log, for example dates: {orders[0]}",
            )
        if not orders:
            raise LogError(
                f"{called}: dates of {shown(column.name)} such as {shown(example)} are written in more "
                "orders than one",
                "write every date in one, best with the year first",
            )
        return replace(column, dates=orders[0])

    def _placed(self, source: Source, column: Column) -> Column:
        """The column with where its clock stands; that nobody stated it is noted where it matters."""
        if self.config.zone is not None:
            return replace(column, zone=self.config.zone)
        if column.kind not in (Kind.TIME, Kind.TEXT):
            return column  # no time, which is said later
        if naive := self.engine.without_offset(source, column):
            self.notes.append(
                f"{wording.plural(naive, 'time')} of {shown(column.name)} without an offset: read as UTC; "
                "write in prediction_log where the clock stands that wrote them, for example zone: UTC"
            )
        return replace(column, zone_assumed=naive > 0)

    def each_prediction_once(self, table: Table) -> Table:
        """The log with one row for each id, as its file says, or a refusal."""
        id_ = table.column(self.config.columns.id)
        found = self.engine.repeated(table.source, id_)
        if found.without:
            self.notes.append(f"{wording.plural(found.without, 'row')} without an id: no label can find them")
        if not found.ids:
            return table
        rule = self.config.repeated_ids
        said = (
            f"{table.called} has {found.rows:,} rows for {wording.plural(found.ids, 'id')}, for example "
            f"{shown(found.example)}"
        )
        if rule == "refuse":
            raise LogError(
                f"{said} ({table.source})",
                "write each prediction once, or say which row stands: repeated_ids: first or last",
            )
        self.notes.append(f"{said}; the {rule} row of each stands")
        return replace(table, repeated=rule)

    def with_classes(self, table: Table) -> tuple[Table, Answers]:
        """The log held to its classes, and what its predictions and labels say, classes or not."""
        table = classes.declared(table)
        answers = Answers(*self.engine.classes(table))
        self.notes += classes.strange(table, answers)
        return table, answers

    # Labels

    def with_labels(self, table: Table) -> tuple[Table, LogError | None]:
        """The log with the labels it is joined to, or why there are none."""
        try:
            if self.config.labels is not None:
                table = replace(table, labels=self._labels(self.config.labels, table))
            elif self.config.columns.label is not None:
                label = _there(table, self.config.columns.label)
                if table.roles.label_arrived:
                    _there(table, table.roles.label_arrived)
                _refuse_odd(label, table, self.engine)
            table = _classes(table, self.engine)
        except LogError as error:
            return replace(table, label=None, arrived=None, labels=None), error
        return table, None

    def _labels(self, config: Labels, table: Table) -> LabelTable:
        source, columns = self._take(config.path, "the labels")
        found = {}
        for name in filter(None, (config.id, config.label, config.arrived)):
            if name not in columns:
                raise LogError(
                    f"the labels have no column {shown(name)} ({source})", did_you_mean(name, columns)
                )
            found[name] = columns[name]
            _refuse_gone(columns[name], "the labels", columns)
        arrived = found[config.arrived] if config.arrived else None
        if arrived is not None:
            _check_time(arrived, "the labels")
            arrived = self._timed(source, arrived, "the labels")
        label = found[config.label]
        labels = LabelTable(source, _as_name(found[config.id]), label, arrived)
        if label.odd is not None:
            raise _odd(label, "the labels", source, self.engine)
        return self._one_label_each(labels, table)

    def _one_label_each(self, labels: LabelTable, table: Table) -> LabelTable:
        found = self.engine.repeated_labels(labels)
        if found.conflicts:
            many = wording.plural(found.conflicts, "id")
            when = " at the same time" if labels.arrived else ""
            raise LogError(
                f"the labels name {many} more than once with different labels{when}, for example "
                f"{shown(found.example)} ({labels.source})",
                "keep one label for each prediction, or say with labels.arrived which came last",
            )
        if found.ids:
            which = "the newest that had arrived stands" if labels.arrived else "they are the same"
            self.notes.append(f"{wording.plural(found.ids, 'id')} with several labels: {which}")
            labels = replace(labels, repeated=True)
        if found.unreadable:
            raise LogError(
                f"the labels: {found.unreadable:,} have a time of arrival that is no time, such as "
                f"{shown(found.unread)} ({labels.source})",
                "write times as timestamps, or as text such as 2026-11-23T10:42:00Z",
            )
        if found.undated:
            said = wording.plural(found.undated, "label")
            self.notes.append(f"{said} without a time of arrival: they count as not known yet")
        matched, example = self.engine.matched(table, labels)
        if found.labels and not matched:
            raise LogError(
                f"no id of the labels is in the prediction log: of {found.labels:,} labels, such as that of "
                f"{shown(found.an_id)}, not one; ids of the log are such as {shown(example)}",
                "write the id in both as the application wrote it",
            )
        if matched < found.labels:
            said = f"{found.labels - matched:,} of {found.labels:,} labels"
            self.notes.append(f"{said} belong to no prediction of the log")
        return labels

    # Reference

    def reference(self, table: Table) -> Table:
        config = self.config.reference
        assert config is not None
        if config.path is None:
            since = max(filter(None, (config.from_, table.since)), default=None)
            return replace(table, called="the reference period of the log", since=since, until=config.to)
        source, columns = self._take(config.path, "the reference")
        roles = table.roles
        columns = {
            name: _like(self.engine, source, column, table.columns.get(name))
            for name, column in columns.items()
        }
        name = roles.label or (self.config.labels.label if self.config.labels else None)
        label = columns.get(name) if name else None
        if label is not None and table.label_column is not None:
            label = _like(self.engine, source, label, table.label_column)
        # A reference is the past: its labels are all known.
        reference = Table("the reference", source, columns, roles, label, None, None)
        _check_roles(reference, self.engine, needs_time=False)
        return classes.declared(reference)

    # Words

    def look_for_words(self, table: Table) -> None:
        """Note columns of text that hold a word which often means that there is no value."""
        texts = [column for column in table.columns.values() if column.kind is Kind.TEXT]
        found = {column.name: column.perhaps for column in texts if column.perhaps}
        if table.source.origin is None:
            undecided = [
                c.name for c in texts if not _is_said(self.config.missing, c.name) and c.type == "VARCHAR"
            ]
            found |= self.engine.perhaps_missing(table, undecided)
        for name, word in found.items():
            self.notes.append(
                f"column {shown(name)} holds the word {shown(word)}, which counts as a value; if it means "
                f'that there is none, write missing: ["{word}"], and if not, missing: []'
            )


def gone(path: str, base: Path) -> str:
    """Why nothing can be read from a path of the configuration, as far as one look tells; empty where it is
    there. Cheap enough to be asked again and again: no folder is listed."""
    place = Path(path) if Path(path).is_absolute() else base / path
    if place.exists():
        return ""
    if any(sign in path for sign in "*?["):
        return "" if next(iglob(path, root_dir=base, recursive=True), None) else f"no file matches {place}"
    return f"{place} is not there"


def find(path: str, base: Path, called: str) -> Source:
    """The files that a path, folder or glob of the configuration means.

    Raises LogError when there are none, when formats are mixed, or when a file is empty.
    """
    place = Path(path) if Path(path).is_absolute() else base / path
    if place.is_dir():
        files = sorted(file for file in place.rglob("*") if _is_data(file, place))
        if not files:
            raise LogError(
                f"{called}: the folder {place} holds no Parquet or CSV file",
                "correct the path, or wait for the first file",
            )
    elif any(sign in path for sign in "*?["):
        # The folder's own name is no pattern, and a file may bear the very name of the pattern.
        found = {base / match for match in glob(path, root_dir=base, recursive=True)}
        files = sorted(file for file in found | {place} if file.is_file())
        if not files:
            raise LogError(
                f"{called}: no file matches {place}", "correct the path, or wait for the first file"
            )
    elif place.is_file():
        files = [place]
    else:
        raise LogError(f"{called}: {place} is not there", "correct the path in the system's file")
    return Source(tuple(files), _format(files, called))


def _is_data(file: Path, folder: Path) -> bool:
    """Writers keep unfinished files under names that start with a dot or an underscore."""
    hidden = any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    return file.is_file() and not hidden and _ending(file) is not None


def _ending(file: Path) -> Literal["parquet", "csv"] | None:
    name = file.name.lower()
    return next((found for ending, found in ENDINGS.items() if name.endswith(ending)), None)


def _format(files: Sequence[Path], called: str) -> Literal["parquet", "csv"]:
    for file in files:
        if _ending(file) is None:
            raise LogError(f"{called}: {file} is neither Parquet nor CSV", f"use one of {', '.join(ENDINGS)}")
        try:
            if file.stat().st_size == 0:
                raise LogError(f"{called}: {file} is empty", "remove it, or let its writer finish")
        except OSError as error:
            raise LogError(
                f"{called}: {file} cannot be read ({error.strerror})", "make it readable"
            ) from error
    formats = {ending for file in files if (ending := _ending(file)) is not None}
    if len(formats) > 1:
        raise LogError(
            f"{called}: {files[0].parent} mixes Parquet and CSV", "give a glob that matches one of them"
        )
    return formats.pop()


def _is_said(missing: Missing | None, column: str) -> bool:
    return column in missing if isinstance(missing, dict) else missing is not None


def _as_name(column: Column) -> Column:
    """A column of names: whatever it holds is one."""
    return replace(column, kind=Kind.TEXT, odd=None) if column.odd else column


def _like(engine: Engine, source: Source, column: Column, model: Column | None) -> Column:
    """The column read like its model, where text in one file is numbers or truth values in the other."""
    if model is None or column.kind is not Kind.TEXT or model.kind not in (Kind.NUMBER, Kind.TRUTH):
        return column
    return engine.spelled(source, column)


def _there(table: Table, name: str) -> Column:
    """A column that the log has, in its newest file as well."""
    column = table.column(name)
    _refuse_gone(column, table.called, table.columns)
    return column


def _refuse_gone(column: Column, called: str, columns: Mapping[str, Column]) -> None:
    if column.gone:
        others = [other.name for other in columns.values() if not other.gone]
        raise LogError(
            f"{called}: the newest file {column.gone} has no column {shown(column.name)}, as older ones have",
            f"if it bears another name now, write both under one; {did_you_mean(column.name, others)}",
        )


def _odd(column: Column, called: str, source: Source, engine: Engine) -> LogError:
    odd = column.odd
    assert odd is not None
    where = engine.locate(source, column.name, odd.value)
    among = {Kind.NUMBER: "numbers", Kind.TRUTH: "truth values", Kind.TIME: "times"}[column.kind]
    return LogError(
        f"{called}: column {shown(column.name)} holds {shown(odd.value)} among {among} ({where}; "
        f"{odd.times:,} such of {odd.of:,} values)",
        f'if it means that there is no value, write missing: ["{odd.value}"] in prediction_log; if the '
        "column holds names, list it under columns.categorical; else correct the file",
    )


def _refuse_odd(column: Column, table: Table, engine: Engine) -> None:
    """Raises LogError when the column holds values unlike nearly all of its others."""
    if column.odd is not None:
        raise _odd(column, table.called, table.source, engine)


def check_column(name: str, table: Table, engine: Engine) -> Column:
    """A column that a monitor reads: there, in the newest file as well, and of one kind. Raises LogError."""
    column = _there(table, name)
    _refuse_odd(column, table, engine)
    return column


def _check_roles(table: Table, engine: Engine, needs_time: bool) -> None:
    roles = table.roles
    if needs_time:
        named = [roles.id, roles.time, roles.prediction, roles.score, roles.model_version, roles.subject]
        for name in filter(None, named):
            _there(table, name)
    if needs_time:
        _check_time(table.column(roles.time), table.called)
    if table.arrived is not None:
        _check_time(table.arrived, table.called)
    for role in (roles.prediction, roles.score):
        if role is not None and role in table.columns:
            _refuse_odd(table.columns[role], table, engine)
    score = table.columns.get(roles.score or "")
    if score is not None and score.kind not in (Kind.NUMBER, Kind.EMPTY):
        raise LogError(
            f"{table.called}: the score {shown(score.name)} is {score.kind}, not a number",
            "map columns.score to the column with the model's score",
        )
    if roles.prediction is not None and roles.prediction in table.columns:
        _check_positive(table.called, _filled(table.columns[roles.prediction]), roles.positive)


def _check_time(column: Column, called: str) -> None:
    if column.kind not in (Kind.TIME, Kind.TEXT, Kind.EMPTY):
        raise LogError(
            f"{called}: {shown(column.name)} is {column.type}, not a time",
            "write times as timestamps, or as text such as 2026-11-23T10:42:00Z",
        )


def _classes(table: Table, engine: Engine) -> Table:
    """The log with prediction and label read so that they can be equal. Raises LogError when they cannot."""
    prediction, label = _filled(table.columns.get(table.roles.prediction or "")), _filled(table.label_column)
    if prediction and label and (prediction.kind is Kind.TEXT) != (label.kind is Kind.TEXT):
        prediction = _like(engine, table.source, prediction, label)
        label = _like(engine, table.labels.source if table.labels else table.source, label, prediction)
        table = _reading(table, prediction, label)
    if prediction and label and (prediction.kind is Kind.TEXT) != (label.kind is Kind.TEXT):
        raise LogError(
            f"{table.called}: the prediction {shown(prediction.name)} is {prediction.kind} and the label "
            f"{shown(label.name)} is {label.kind}, so they can never be equal",
            "write both in the same way",
        )
    _check_positive(table.called, label, table.roles.positive)
    return table


def _reading(table: Table, prediction: Column, label: Column) -> Table:
    columns = {**table.columns, prediction.name: prediction}
    if table.labels is not None:
        return replace(table, columns=columns, labels=replace(table.labels, label=label))
    return replace(table, columns={**columns, label.name: label}, label=label)


def _check_positive(called: str, column: Column | None, positive: object) -> None:
    if column and not column.may_be(positive):
        raise LogError(
            f"{called}: {shown(column.name)} is {column.kind}, and columns.positive is {shown(positive)}",
            "set columns.positive to the value that counts as positive, as it is written there",
        )


def _filled(column: Column | None) -> Column | None:
    return None if column is None or column.kind is Kind.EMPTY else column


def _check_extent(table: Table, extent: Extent, as_of: datetime | None) -> None:
    if extent.rows == 0:
        before = f" since {table.since:%Y-%m-%d}" if table.since and extent.left_out else ""
        raise LogError(
            f"{table.called} has no rows{before} ({table.source})", "wait for the first prediction"
        )
    if extent.without_time:
        wrong = f"such as {shown(extent.example)}" if extent.example is not None else "which is empty"
        raise LogError(
            f"{table.called}: {extent.without_time} of {extent.rows} rows have a {shown(table.roles.time)} "
            f"that is no time, {wrong}",
            "write times as timestamps, or as text such as 2026-11-23T10:42:00Z",
        )
    most = max(extent.stretches, key=lambda stretch: stretch.rows)
    for one in extent.stretches:
        if one is not most:
            raise _far_off(table, extent, one, most)
    if as_of is not None and extent.first is not None and extent.first > as_of + AHEAD:
        raise LogError(
            f"{table.called}: all of its times lie in the future, from {extent.first:%Y-%m-%d %H:%M} UTC on",
            "set the clock that writes it",
        )


def _far_off(table: Table, extent: Extent, one: Stretch, most: Stretch) -> LogError:
    """Rows whose time lies years from all others: their windows would be thousands of empty ones."""
    which = f"on {one.first}" if one.first == one.last else f"{one.first} to {one.last}"
    cause = (
        f"{table.called}: {one.rows:,} of {extent.rows:,} rows {'has' if one.rows == 1 else 'have'} a "
        f"{shown(table.roles.time)} far from all others, {which}; {most.rows:,} lie "
        f"from {most.first} to {most.last} ({table.source})"
    )
    if one.last < most.first:
        return LogError(
            cause,
            f"correct them, or leave out what is older with since: {most.first} in prediction_log",
        )
    return LogError(cause, "correct them, or take them out of the log")


def _said_of(extent: Extent) -> Iterable[str]:
    if extent.left_out:
        yield f"{wording.plural(extent.left_out, 'row')} before prediction_log.since left out"
    if extent.ahead:
        yield f"{wording.plural(extent.ahead, 'row')} with a time in the future: not counted before then"


def _features(table: Table) -> tuple[str, ...]:
    """The model's inputs: those named, or every usable column without another meaning."""
    roles = table.roles
    if roles.features is not None:
        return roles.features
    taken = {
        roles.id,
        roles.time,
        roles.prediction,
        roles.score,
        roles.label,
        roles.label_arrived,
        roles.model_version,
        roles.subject,
    }
    if table.labels is not None:
        taken.add(table.labels.label.name)
    usable = (Kind.NUMBER, Kind.TRUTH, Kind.TEXT)
    return tuple(
        c.name for c in table.columns.values() if c.name not in taken and c.kind in usable and not c.gone
    )
