"""What detection preserves when an incident opens: log, labels, measurements, monitors, model (R-EVD-02)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from holdfast.detect import records, watched
from holdfast.detect.counting import Engines, holes
from holdfast.detect.engines import Engine
from holdfast.detect.log import Log, find, open_log
from holdfast.detect.marks import Hole
from holdfast.detect.monitoring import remembered
from holdfast.detect.tables import LogError, Table
from holdfast.evidence.capture import Found, Scene, Source
from holdfast.evidence.events import Gap, Kind
from holdfast.ledger.ledger import Ledger
from holdfast.prepare import versions
from holdfast.prepare.systems import System
from holdfast.prepare.versions import Applied
from holdfast.wording import plural

BEFORE = timedelta(days=7)
"""How much of the log before the window is kept: what normal looked like last."""
_TRIES = 3
PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True, slots=True)
class _OfASystem:
    """What every source here needs to find its way."""

    ledger: Ledger
    base: Path
    """The workspace: paths in the systems' files are relative to it."""
    engines: Engines

    def system(self, scene: Scene) -> Applied[System] | None:
        return versions.active_systems(self.ledger).get(scene.system)

    def period(self, scene: Scene, log: Log) -> tuple[datetime, datetime]:
        start = (scene.window_start or min(scene.at, log.last)) - BEFORE
        return start, max(scene.at, scene.window_end or scene.at)

    def open(self, system: System, engine: Engine) -> Log:
        assert system.prediction_log is not None
        return open_log(system.prediction_log.model_copy(update={"reference": None}), self.base, engine)


class PredictionWindow(_OfASystem):
    """The prediction log from a week before the window up to this moment, with labels that stand in it."""

    kind, title = Kind.LOGS_AND_TRACES, "Prediction log"

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]:
        system = self.system(scene)
        if system is None or system.model.prediction_log is None:
            yield Gap(self.kind, self.title, _no_log(scene))
            return
        target, config = workdir / "predictions.parquet", system.model.prediction_log
        inside = config.labels is None and config.has_labels
        with self.engines() as engine:
            log = self.open(system.model, engine)
            start, end = self.period(scene, log)
            count = _copied(replace(log.table, since=start, until=end), target, engine)
            missing = holes(system.model, log, engine, start, end)
        if count:
            start, end = _held(start, end, missing)
        what = "Prediction log with its labels" if inside else "Prediction log"
        title = f"{what}, {count:,} rows, {_said(start)} to {_said(end)}"
        source = f"{system.model.id}: {system.model.prediction_log.path}"
        yield Found(self.kind, title, "predictions.parquet", target, source, PARQUET)
        for hole in missing:
            when = f"{_said(hole.start)} to {_said(hole.end)}"
            yield Gap(self.kind, f"Prediction log, {when}", "the log has no row of that time")


class KnownLabels(_OfASystem):
    """The labels of those predictions, as far as they are known at this moment."""

    kind, title = Kind.DATA_SNAPSHOTS, "Labels known at this moment"

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]:
        system = self.system(scene)
        if system is None or system.model.prediction_log is None:
            yield Gap(self.kind, self.title, _no_log(scene))
            return
        config = system.model.prediction_log
        if config.labels is None:
            if not config.has_labels:
                yield Gap(self.kind, self.title, "the system has no labels")
                return
            # They stand in the log and were copied with it. A log that cannot be read raises here too.
            with self.engines() as engine:
                self.open(system.model, engine)
            return
        target = workdir / "labels.parquet"
        with self.engines() as engine:
            log = self.open(system.model, engine)
            start, end = self.period(scene, log)
            count = engine.copy_labels(replace(log.table, since=start, until=end), scene.at, target)
        title = f"Labels known at {_said(scene.at)}, {count:,} rows"
        source = f"{system.model.id}: {config.labels.path}"
        yield Found(self.kind, title, "labels.parquet", target, source, PARQUET)


class Measurements(_OfASystem):
    """What the system's monitors measured, as known at this moment, with every alert."""

    kind, title = Kind.MONITORING_DATA, "Measurements and alerts"

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]:
        if not scene.system:
            yield Gap(self.kind, self.title, _no_log(scene))
            return
        with self.ledger.reading() as conn:
            measured = records.measurements_of(conn, scene.system)
            alerts = records.find_alerts(conn, system=scene.system, limit=None)
        document = {
            "system": scene.system,
            "measurements": [one.as_dict() for one in measured],
            "alerts": [
                {"alert": one.alert, "series": one.series, "state": one.state, "reason": one.facts.reason}
                for one in alerts
            ],
        }
        content = json.dumps(document, indent=1).encode()
        title = f"Measurements, {len(measured):,} windows, {len(alerts):,} alerts"
        yield Found(self.kind, title, "measurements.json", content, "the ledger", "application/json")


class MonitorConfiguration(_OfASystem):
    """The system's file as applied: monitors with limits and reasons (R-DET-08)."""

    kind, title = Kind.MONITORING_DATA, "Monitor configuration"

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]:
        system = self.system(scene)
        if system is None:
            yield Gap(self.kind, self.title, "no AI system was named")
            return
        with self.ledger.reading() as conn:
            counted = plural(len(watched.monitors_in(conn, system.model)), "monitor")
        title = f"Monitor configuration of {system.model.name}, {counted}"
        source = f"{system.file}, content {system.content[:12]}"
        yield Found(self.kind, title, "system.yaml", system.text.encode(), source, "application/yaml")


class PlaybookVersion(_OfASystem):
    """The playbook the incident is run by."""

    kind, title = Kind.INVESTIGATION_NOTES, "Playbook version"

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]:
        version = versions.playbook_version(self.ledger, scene.playbook)
        if version is None:
            yield Gap(self.kind, self.title, f"version {scene.playbook[:12]} is not in the ledger")
            return
        source = f"playbook.yaml, content {version.content[:12]}"
        title = f"Playbook {version.version}"
        yield Found(self.kind, title, "playbook.yaml", version.text.encode(), source, "application/yaml")


class ModelArtefact(_OfASystem):
    """Every model artefact the system's file names."""

    kind, title = Kind.MODEL_ARTEFACTS, "Model artefact"

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]:
        system = self.system(scene)
        if system is None:
            yield Gap(self.kind, self.title, "no AI system was named")
            return
        for model in system.model.models:
            title = f"Model {model.name} {model.version}"
            if model.artefact is None:
                yield Gap(self.kind, title, f"{system.file} names no artefact")
                continue
            path = self.base / model.artefact
            if not os.path.lexists(path):
                yield Gap(self.kind, title, f"{model.artefact} does not exist")
            elif path.is_dir():
                yield from self._folder(path, title, model.artefact)
            else:
                yield Found(self.kind, title, path.name, path, model.artefact)

    def _folder(self, folder: Path, title: str, artefact: str) -> Iterator[Found | Gap]:
        """Every file below; no link is followed, and each that leads to a folder is a gap of its own."""
        unread: list[OSError] = []
        nothing = True
        for place, folders, files in os.walk(folder, onerror=unread.append):
            folders.sort()
            for name in sorted([*files, *(one for one in folders if Path(place, one).is_symlink())]):
                nothing = False
                path = Path(place, name)
                source = f"{artefact}/{path.relative_to(folder)}"
                if name in folders:
                    yield Gap(self.kind, title, f"{source} is a link to a folder, which was not followed")
                else:
                    yield Found(self.kind, title, name, path, source)
        for error in unread:
            yield Gap(self.kind, title, f"{error.filename} cannot be read: {error.strerror}")
        if nothing and not unread:
            yield Gap(self.kind, title, f"{artefact} is an empty folder")


class ReferenceData(_OfASystem):
    """What a drift was measured against: the data, and the form in which the monitors carry it along."""

    kind, title = Kind.DATA_SNAPSHOTS, "Reference"

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]:
        system = self.system(scene)
        if system is None or system.model.prediction_log is None:
            yield Gap(self.kind, self.title, _no_log(scene))
            return
        config = system.model.prediction_log
        if config.reference is None:
            yield Gap(self.kind, self.title, f"{system.file} names no reference")
            return
        yield from self._carried(scene)
        if config.reference.path is not None:
            source = f"{system.model.id}: {config.reference.path}"
            for file in find(config.reference.path, self.base, "the reference").files:
                yield Found(self.kind, "Reference", file.name, file, source)
            return
        start, end = config.reference.from_, config.reference.to
        assert start is not None
        assert end is not None
        target = workdir / "reference.parquet"
        with self.engines() as engine:
            log = self.open(system.model, engine)
            count = _copied(replace(log.table, since=start, until=end), target, engine)
            missing = holes(system.model, log, engine, start, end)
        if count:
            start, end = _held(start, end, missing)
        title = f"Reference, {count:,} rows, {_said(start)} to {_said(end)}"
        source = f"{system.model.id}: {config.path}"
        yield Found(self.kind, title, "reference.parquet", target, source, PARQUET)

    def _carried(self, scene: Scene) -> Iterator[Found]:
        """Bins, categories and counts, fixed when the reference was set; its data may have changed since."""
        with self.ledger.reading() as conn:
            state = remembered(conn, scene.system, self.ledger)
        if state is not None and state.frozen is not None:
            title = "Reference as the monitors carry it: bins, categories and counts"
            source = "what the monitors remember"
            content = state.frozen_as_json()
            yield Found(self.kind, title, "reference.json", content, source, "application/json")


def sources(ledger: Ledger, base: Path, engines: Engines) -> Sequence[Source]:
    """Everything that is frozen when an incident opens, in the order it is taken."""
    kinds = (
        PredictionWindow,
        KnownLabels,
        Measurements,
        MonitorConfiguration,
        PlaybookVersion,
        ModelArtefact,
        ReferenceData,
    )
    return [kind(ledger, base, engines) for kind in kinds]


def _copied(table: Table, target: Path, engine: Engine) -> int:
    """Copy rows of a log that others may be writing: again while it changes, so that no copy is half of one
    state and half of another. Raises LogError when it never rests."""
    for _ in range(_TRIES):
        before = _marks(table)
        count = engine.copy(table, target)
        if _marks(table) == before:
            return count
    raise LogError(
        f"{table.called} kept changing while it was copied ({table.source})",
        "its writer should write a file aside and rename it; add a copy by hand",
    )


def _marks(table: Table) -> list[tuple[int, int, int, int]]:
    found = [file.stat() for file in table.source.files]
    return [(one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino) for one in found]


def _no_log(scene: Scene) -> str:
    return f"{scene.system} has no prediction log" if scene.system else "no AI system was named"


def _held(start: datetime, end: datetime, missing: Sequence[Hole]) -> tuple[datetime, datetime]:
    """The period without what the log does not know at its two ends."""
    for hole in missing:
        if hole.start == start:
            start = hole.end
        elif hole.end == end:
            end = hole.start
    return start, end


def _said(moment: datetime) -> str:
    return f"{moment:%d %b %H:%M} UTC"
