"""Opening a prediction log: which files, which columns, of which kind, and what is wrong with them.

One idea: everything that could make a number silently wrong (a column that is not there, a time that
cannot be read, two labels for one prediction) is refused here, in a sentence, before anything is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from glob import glob
from pathlib import Path
from typing import Literal

from holdfast.detect.engines import Engine
from holdfast.detect.tables import Column, Extent, Kind, LabelTable, LogError, Source, Table, spelled_truth
from holdfast.prepare.systems import Labels, PredictionLog, Reference
from holdfast.problems import did_you_mean, shown

ENDINGS: dict[str, Literal["parquet", "csv"]] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
}


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


def open_log(config: PredictionLog, base: Path, engine: Engine) -> Log:
    """Find, read and check the log, its labels and its reference; paths are relative to `base`.

    Raises LogError saying what is missing or unreadable, where, and what to do.
    """
    source = find(config.path, base, "the prediction log")
    columns = _schema(engine, source, "the prediction log")
    labels = _labels(config.labels, base, engine) if config.labels else None
    table = _table("the prediction log", source, columns, config, labels)
    _check_roles(table, needs_time=True)
    if labels is None and config.columns.label is not None:
        table.column(config.columns.label)
    extent = engine.extent(table)
    _check_extent(table, extent)
    assert extent.first is not None
    assert extent.last is not None
    score = extent.score_range
    reference = _reference(config.reference, config, base, engine, table) if config.reference else None
    return Log(
        config=config,
        table=table,
        reference=reference,
        features=_features(table),
        rows=extent.rows,
        first=extent.first,
        last=extent.last,
        scores_are_chances=score is not None and score[0] >= 0 and score[1] <= 1,
    )


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


def _schema(engine: Engine, source: Source, called: str) -> dict[str, Column]:
    try:
        return {column.name: column for column in engine.schema(source)}
    except LogError as error:
        raise LogError(f"{called}: {error.cause}", error.fix) from error


def _table(
    called: str,
    source: Source,
    columns: Mapping[str, Column],
    config: PredictionLog,
    labels: LabelTable | None,
) -> Table:
    roles = config.columns
    own = columns.get(roles.label) if roles.label else None
    arrived = columns.get(roles.label_arrived) if roles.label_arrived else None
    return Table(called, source, columns, roles, None if labels else own, None if labels else arrived, labels)


def _labels(config: Labels, base: Path, engine: Engine) -> LabelTable:
    source = find(config.path, base, "the labels")
    columns = _schema(engine, source, "the labels")
    found = {}
    for name in (config.id, config.label, config.arrived):
        if name is not None and name not in columns:
            raise LogError(f"the labels have no column {shown(name)} ({source})", did_you_mean(name, columns))
        if name is not None:
            found[name] = columns[name]
    arrived = found[config.arrived] if config.arrived else None
    if arrived is not None:
        _check_time(arrived, "the labels")
    table = LabelTable(source, found[config.id], found[config.label], arrived)
    many, example = engine.repeated_labels(table)
    if many:
        raise LogError(
            f"the labels name {many} id{'s' if many > 1 else ''} more than once, for example "
            f"{shown(example)} ({source})",
            "keep one label for each prediction, the one that stands",
        )
    return table


def _check_roles(table: Table, needs_time: bool) -> None:
    roles = table.roles
    always = [roles.prediction, roles.score, roles.model_version, roles.subject, roles.label_arrived]
    names = [*([roles.id, roles.time] if needs_time else []), *(always if needs_time else [])]
    for name in names:
        if name is not None and not (name == roles.label_arrived and table.labels):
            table.column(name)
    for name in (*(roles.features or ()), *roles.categorical):
        table.column(name)
    if needs_time:
        _check_time(table.column(roles.time), table.called)
    if table.arrived is not None:
        _check_time(table.arrived, table.called)
    score = table.columns.get(roles.score or "")
    if score is not None and score.kind not in (Kind.NUMBER, Kind.EMPTY):
        raise LogError(
            f"{table.called}: the score {shown(score.name)} is {score.kind}, not a number",
            "map columns.score to the column with the model's score",
        )
    _check_classes(table)


def _check_time(column: Column, called: str) -> None:
    if column.kind not in (Kind.TIME, Kind.TEXT, Kind.EMPTY):
        raise LogError(
            f"{called}: {shown(column.name)} is {column.type}, not a time",
            "write times as timestamps, or as text such as 2026-11-23T10:42:00Z",
        )


def _check_classes(table: Table) -> None:
    """Prediction, label and the positive value must be things that can be equal."""
    prediction = _filled(table.columns.get(table.roles.prediction or ""))
    label, positive = _filled(table.label_column), table.roles.positive
    if prediction and label and (prediction.kind is Kind.TEXT) != (label.kind is Kind.TEXT):
        raise LogError(
            f"{table.called}: the prediction {shown(prediction.name)} is {prediction.kind} and the label "
            f"{shown(label.name)} is {label.kind}, so they can never be equal",
            "write both in the same way",
        )
    for column in (prediction, label):
        if column and not _may_equal(column, positive):
            raise LogError(
                f"{table.called}: {shown(column.name)} is {column.kind}, and columns.positive is "
                f"{shown(positive)}",
                "set columns.positive to the value that counts as positive, as it is written there",
            )


def _may_equal(column: Column, positive: object) -> bool:
    """Whether the column can hold the positive value; yes and no may have been read as truth values."""
    if column.kind is Kind.TRUTH and isinstance(positive, str):
        return spelled_truth(positive) is not None
    return (column.kind is Kind.TEXT) == isinstance(positive, str)


def _filled(column: Column | None) -> Column | None:
    return None if column is None or column.kind is Kind.EMPTY else column


def _check_extent(table: Table, extent: Extent) -> None:
    if extent.rows == 0:
        raise LogError(f"{table.called} has no rows ({table.source})", "wait for the first prediction")
    if extent.without_time:
        wrong = f"such as {shown(extent.example)}" if extent.example is not None else "which is empty"
        raise LogError(
            f"{table.called}: {extent.without_time} of {extent.rows} rows have a {shown(table.roles.time)} "
            f"that is no time, {wrong}",
            "write times as timestamps, or as text such as 2026-11-23T10:42:00Z",
        )


def _reference(config: Reference, log: PredictionLog, base: Path, engine: Engine, table: Table) -> Table:
    if config.path is None:
        called = "the reference period of the log"
        return Table(
            called,
            table.source,
            table.columns,
            table.roles,
            table.label,
            table.arrived,
            table.labels,
            config.from_,
            config.to,
        )
    source = find(config.path, base, "the reference")
    columns = _schema(engine, source, "the reference")
    name = log.columns.label or (log.labels.label if log.labels else None)
    label = columns.get(name) if name else None
    # A reference is the past: its labels are all known.
    reference = Table("the reference", source, columns, log.columns, label, None, None)
    _check_roles(reference, needs_time=False)
    return reference


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
    usable = (Kind.NUMBER, Kind.TRUTH, Kind.TEXT)
    return tuple(c.name for c in table.columns.values() if c.name not in taken and c.kind in usable)
