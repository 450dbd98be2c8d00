"""Monitors: what is watched, running it now, and replaying a log through it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from holdfast import wording
from holdfast.detect import records, watched
from holdfast.detect.backtest import backtest as replay
from holdfast.detect.log import Log, open_log
from holdfast.detect.measurement import Measurement, Transition, WindowStatus
from holdfast.detect.monitors import monitors_of
from holdfast.detect.silence import why_unheard
from holdfast.interfaces.cli.output import Style, cell, clipped, facts, heading, indented, table, words_of
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.standing import standing_of
from holdfast.ledger.ledger import Ledger
from holdfast.prepare import versions
from holdfast.prepare.documents import Unusable, read_document, understand
from holdfast.prepare.systems import System
from holdfast.prepare.versions import Applied
from holdfast.prepare.workspace import SYSTEMS
from holdfast.problems import NotAllowed, Problem, did_you_mean
from holdfast.shapes import detection as shapes
from holdfast.shapes.base import Shown
from holdfast.steps import monitors as steps

app = noun()


class Monitors(Shown):
    systems: tuple[shapes.MonitorList, ...]


class Runs(Shown):
    runs: tuple[shapes.Ran, ...]


@command(app, "list")
def list_(
    session: Session,
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="Only of this AI system.")] = "",
) -> None:
    """What is watched, by which threshold, what it said last, and when it ran."""
    ledger = session.application.ledger
    systems = _chosen(ledger, system)

    def document() -> Monitors:
        with ledger.reading() as conn:
            runs = records.runs(conn)
            found = [
                shapes.monitors_of(
                    applied.model,
                    watched.monitors_in(conn, applied.model),
                    records.newest(conn, id_),
                    records.false_alarms(conn, id_),
                    runs.get(id_),
                )
                for id_, applied in systems.items()
            ]
        return Monitors(systems=tuple(found))

    def said(made: Monitors) -> Iterable[RenderableType]:
        yield from _listed(made, session)
        if made.systems and not system:
            yield standing_of(session.application).bounds.said

    session.answer(document, said)


@command(app, "run")
def run(
    session: Session,
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="Only of this AI system.")] = "",
) -> None:
    """Measure what is new in the prediction logs, and record it. Exits 1 when anything cannot be measured."""
    call = session.call()
    steps.run.require(call.who)
    systems = _chosen(call.ledger, system)
    covered = [id_ for id_, applied in systems.items() if applied.model.is_covered or id_ == system]
    done = []
    for id_ in covered:
        with session.progress(f"running the monitors of {id_}"):
            done.append(steps.run(call, id_))

    def document() -> Runs:
        return Runs(runs=tuple(shapes.ran(ran) for ran in done))

    made = session.answer(document, _ran)
    if any(ran.failed or ran.failing for ran in made.runs):
        raise typer.Exit(1)


@command(app, "backtest")
def backtest(
    session: Session,
    system: Annotated[
        str,
        typer.Argument(
            metavar="SYSTEM",
            help="An AI system of the workspace, or the path of a system's file (no workspace needed).",
        ),
    ] = "",
    log: Annotated[Path | None, typer.Option(metavar="PATH", help="Another prediction log.")] = None,
    labels: Annotated[Path | None, typer.Option(metavar="PATH", help="Other labels.")] = None,
    reference: Annotated[Path | None, typer.Option(metavar="PATH", help="Another reference.")] = None,
    monitor: Annotated[
        list[str] | None, typer.Option("--monitor", help="Only this monitor; may be repeated.")
    ] = None,
) -> None:
    """Replay a log through the monitors as if day by day, honouring when labels arrived, and say what
    would have alarmed when. Records nothing. As JSON, one line for each measurement."""
    model, base = _written(session, system)
    model = _only(_reading(model, log, labels, reference), monitor or [])
    if model.prediction_log is None:
        raise NotAllowed(f"{model.id} has no prediction log; add prediction_log to its file")
    with session.progress(f"replaying the log of {model.id}"), session.wiring.engines() as engine:
        opened = open_log(model.prediction_log, base, engine)
        able = monitors_of(model, opened, engine)
        measurements = _asked_for(replay(model, opened, engine), monitor or [])
    failing = {name: one.reason for name, one in able.failing.items()}
    if session.speaks_json:
        for one in measurements:
            print(json.dumps(_line(one), ensure_ascii=False))
        for sentence in [*(f"{name} cannot measure: {why}" for name, why in failing.items()), *opened.notes]:
            session.warn(sentence)
    else:
        session.say(*_replayed(model, opened, measurements), *_strange(failing, opened.notes))
    if failing:
        raise typer.Exit(1)


# Which system ----------------------------------------------------------------------------------


def _chosen(ledger: Ledger, system: str) -> Mapping[str, Applied[System]]:
    return {system: versions.require_system(ledger, system)} if system else versions.active_systems(ledger)


def _written(session: Session, system: str) -> tuple[System, Path]:
    """The system as its file says now, and the folder its paths are relative to."""
    path = Path(system)
    if system and (path.suffix in (".yaml", ".yml") or path.is_file()):
        folder = path.resolve().parent
        base = folder.parent if folder.name == SYSTEMS else folder
        return understand(read_document(path.parent, path), System), base
    root = session.workspace
    found, problems = _files(root)
    if system:
        if system not in found:
            if problems:  # one of the files with faults may be the one that describes it
                raise Unusable(problems)
            raise NotAllowed(
                f"no file in {root / SYSTEMS} describes {system!r}; {did_you_mean(system, found)}"
            )
        return found[system], root
    covered = [one for one in found.values() if one.is_covered]
    if len(covered) != 1:
        names = ", ".join(one.id for one in covered) or "none that is watched"
        raise NotAllowed(f"name the system to replay; {root} holds {names}")
    return covered[0], root


def _files(root: Path) -> tuple[dict[str, System], list[Problem]]:
    """Every system of a workspace whose file can be understood, and the faults of the others. Raises Unusable
    when none can."""
    found: dict[str, System] = {}
    problems: list[Problem] = []
    for path in sorted((root / SYSTEMS).glob("*.y*ml")):
        try:
            model = understand(read_document(root, path), System)
            found[model.id] = model
        except Unusable as unusable:
            problems += unusable.problems
    if problems and not found:
        raise Unusable(problems)
    return found, problems


def _reading(system: System, log: Path | None, labels: Path | None, reference: Path | None) -> System:
    """The same system over other files; paths typed here are relative to where one is."""
    paths = [str(path.resolve()) if path else None for path in (log, labels, reference)]
    return system.with_paths(*paths) if any(paths) else system


def _only(system: System, wanted: Sequence[str]) -> System:
    """The system with the monitors asked for; `drift.income` asks for `drift`."""
    for name in wanted:
        if not any(shapes.belongs(name, one) for one in system.monitors):
            known = [one.id for one in system.monitors]
            raise NotAllowed(f"{system.id} has no monitor {name!r}; {did_you_mean(name, known)}")
    if not wanted:
        return system
    kept = tuple(one for one in system.monitors if any(shapes.belongs(name, one) for name in wanted))
    return system.model_copy(update={"monitors": kept})


def _asked_for(measurements: Sequence[Measurement], wanted: Sequence[str]) -> list[Measurement]:
    names = tuple(wanted)
    return [
        one
        for one in measurements
        if not names or one.monitor in names or one.monitor.startswith(tuple(f"{name}." for name in names))
    ]


# Words -----------------------------------------------------------------------------------------

_KEYS = (
    "monitor",
    "window_start",
    "window_end",
    "group",
    "value",
    "lower",
    "upper",
    "n",
    "labelled_share",
    "status",
    "alarm",
    "reason",
    "quantity",
    "as_of",
    "transition",
    "detail",
)


def _line(one: Measurement) -> dict[str, Any]:
    values = one.as_dict()
    return {key: values[key] for key in _KEYS}


def _replayed(system: System, log: Log, measurements: Sequence[Measurement]) -> Iterable[RenderableType]:
    yield cell(f"{system.name}: {wording.plural(log.rows, 'prediction')} replayed", "bold")
    yield facts(("From", wording.utc(log.first)), ("To", wording.utc(log.last)))
    yield heading("By monitor")
    monitors = dict.fromkeys(one.monitor for one in measurements)
    rows = [_summary(name, [m for m in measurements if m.monitor == name]) for name in monitors]
    columns = ("Monitor", "Windows", "Measured", "In alarm", "First from")
    yield table(columns, rows, right=("Windows", "Measured", "In alarm"), keep=("First from",))
    opened = [one for one in measurements if one.transition is Transition.OPENS]
    yield heading("What would have alarmed, and when it would have been known")
    if not opened:
        yield "Nothing."
    for one in opened:
        yield from _alarm(one)
    unknown = [one for one in measurements if one.status is WindowStatus.NOT_COMPUTABLE]
    if unknown:
        yield heading("Not computable")
        for reason in dict.fromkeys(f"{one.monitor}: {one.reason}" for one in unknown[:200]):
            yield indented(clipped(reason, 300))


def _summary(name: str, own: Sequence[Measurement]) -> tuple[object, ...]:
    windows = len({one.window_start for one in own})
    measured = len({one.window_start for one in own if one.status is WindowStatus.MEASURED})
    alarms = {one.window_start for one in own if one.alarm}
    style: Style = "red" if alarms else ""
    first = wording.day(min(alarms)) if alarms else "none"
    return name, windows, measured, cell(len(alarms), style), cell(first, style)


def _window(one: Measurement) -> str:
    return wording.span(one.window_start, one.window_end)


def _alarm(one: Measurement) -> Iterable[RenderableType]:
    where = f", {wording.group(one.group)}" if one.group else ""
    yield cell(f"  {wording.utc(one.as_of)}  {one.monitor}{where}", "red")
    yield indented(f"window {_window(one)}\n{one.reason}")


def _ran(made: Runs) -> Iterable[RenderableType]:
    if not made.runs:
        yield "No AI system is watched yet; add prediction_log and monitors to a file in systems/."
    for ran in made.runs:
        if ran.failed:
            yield cell(f"{ran.system}: nothing could be measured: {ran.failed}", "red")
            continue
        new = wording.plural(ran.measured, "new or changed measurement")
        yield f"{ran.system}: {new}, {wording.plural(ran.alarms, 'alarm')}."
        yield from _strange(ran.failing, ran.notes)
        for name, reason in ran.not_computable.items():
            if name not in ran.failing:
                yield cell(f"  {name} has no value in its newest window: {reason}", "yellow")
        yield from (cell(f"  {late.said}", "yellow") for late in ran.late)
        if ran.raised:
            yield cell(f"  Raised: {', '.join(ran.raised)}  (holdfast alert list)", "red")


def _strange(failing: Mapping[str, str], notes: Sequence[str]) -> Iterable[RenderableType]:
    """What cannot be measured, and what is odd about the log."""
    for name, reason in failing.items():
        yield cell(f"  {name} cannot measure: {reason}", "red")
    for note in notes:
        yield cell(f"  Note: {note}", "yellow")


def _listed(made: Monitors, session: Session) -> Iterable[RenderableType]:
    if not made.systems:
        yield "No AI system is in force: holdfast apply --as EMAIL"
    for system in made.systems:
        yield cell(system.system, "bold")
        yield _watched(system, session)
        if system.monitors:
            rows = [_row(one) for one in system.monitors]
            yield table(("Monitor", "Alarms when", "Last window"), rows)
        yield ""


def _watched(system: shapes.MonitorList, session: Session) -> Text:
    run = system.monitoring
    if run is None or run.state == "stopped":
        return cell("not watched" + (f": {run.reason}" if run and run.reason else ""), "yellow")
    if run.state in ("failing", "partly failing"):
        return cell(f"FAILING, so silence means nothing: {run.reason}", "red")
    if run.last_run is None:
        return cell("never ran yet; `holdfast monitor run`, or a running worker, runs it", "yellow")
    applied = versions.active_systems(session.application.ledger).get(system.system)
    if unheard := why_unheard(applied.model, run.newest, session.now) if applied else "":
        return cell(f"NOT HEARD FROM, so silence means nothing: {unheard}", "red")
    late = run.next_due is not None and run.next_due < session.now
    due = f", next {wording.ago(run.next_due, session.now)}" if run.next_due and not late else ""
    overdue = f", OVERDUE since {wording.utc(run.next_due)}" if run.next_due and late else ""
    return cell(f"ran {wording.ago(run.last_run, session.now)}{due}{overdue}", "red" if late else "")


def _row(one: shapes.MonitorListed) -> tuple[object, ...]:
    named = cell(one.monitor)
    named.append(f"\n{one.measures}, {one.window}", style="dim")
    newest = one.latest
    if one.not_computable:
        return named, one.threshold, cell(f"not computable: {clipped(one.not_computable, 120)}", "yellow")
    if newest is None:
        return named, one.threshold, cell("not measured yet", "dim")
    value = wording.interval(newest.value, newest.lower, newest.upper, one.digits)
    said = cell(value, "red" if newest.alarm else "")
    said.append(f"\nn {newest.n:,}, {newest.window_end:%d %b}, {words_of(newest.status)}", style="dim")
    return named, one.threshold, said
