"""What detection preserves when an incident opens: log, labels, measurements, monitors, model (R-EVD-02)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from holdfast.detect import records
from holdfast.detect.counting import Engines
from holdfast.detect.engines import Engine
from holdfast.detect.log import Log, open_log
from holdfast.evidence.capture import Found, Scene, Source
from holdfast.evidence.events import Gap, Kind
from holdfast.ledger.ledger import Ledger
from holdfast.prepare import versions
from holdfast.prepare.systems import System
from holdfast.prepare.versions import Applied

BEFORE = timedelta(days=7)
"""How much of the log before the window is kept: what normal looked like last."""
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
    """The prediction log from a week before the window up to this moment."""

    kind, title = Kind.LOGS_AND_TRACES, "Prediction log"

    def collect(self, scene: Scene, workdir: Path) -> Iterable[Found | Gap]:
        system = self.system(scene)
        if system is None or system.model.prediction_log is None:
            yield Gap(self.kind, self.title, _no_log(scene))
            return
        target = workdir / "predictions.parquet"
        with self.engines() as engine:
            log = self.open(system.model, engine)
            start, end = self.period(scene, log)
            count = engine.copy(replace(log.table, since=start, until=end), target)
        title = f"Prediction log, {count:,} rows, {_said(start)} to {_said(end)}"
        source = f"{system.model.id}: {system.model.prediction_log.path}"
        yield Found(self.kind, title, "predictions.parquet", target, source, PARQUET)


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
            reason = (
                "they stand in the prediction log itself" if config.has_labels else "the system has no labels"
            )
            yield Gap(self.kind, self.title, reason)
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
            alerts = records.find_alerts(conn, system=scene.system, limit=1000)
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
        title = f"Monitor configuration of {system.model.name}, {len(system.model.monitors)} monitors"
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
            files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
            if not path.exists():
                yield Gap(self.kind, title, f"{model.artefact} does not exist")
            for file in files if path.exists() else []:
                yield Found(self.kind, title, file.name, file, model.artefact)


def sources(ledger: Ledger, base: Path, engines: Engines) -> Sequence[Source]:
    """Everything that is frozen when an incident opens, in the order it is taken."""
    kinds = (
        PredictionWindow,
        KnownLabels,
        Measurements,
        MonitorConfiguration,
        PlaybookVersion,
        ModelArtefact,
    )
    return [kind(ledger, base, engines) for kind in kinds]


def _no_log(scene: Scene) -> str:
    return f"{scene.system} has no prediction log" if scene.system else "no AI system was named"


def _said(moment: datetime) -> str:
    return f"{moment:%d %b %H:%M} UTC"
