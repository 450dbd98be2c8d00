"""What is said about a measurement: one window for value, change and interval in every sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdfast import wording
from holdfast.detect.alarms import Period, Verdict
from holdfast.detect.comparing import Comparison
from holdfast.detect.measurement import shown
from holdfast.detect.reading import Reach, Reading
from holdfast.metrics.intervals import Value
from holdfast.metrics.items import Group
from holdfast.prepare.systems import Monitor, Rows
from holdfast.prepare.terms import COVERAGE


def judged(monitor: Monitor, reading: Reading, verdicts: Sequence[Verdict]) -> str:
    """The alarms first; without one, all that was said."""
    kept = [verdict for verdict in verdicts if verdict.alarm] or list(verdicts)
    about = subject(monitor, reading)
    own = [verdict.sentence for verdict in kept if verdict.period is None]
    sentences = []
    value = reading.found
    if isinstance(value, Value) and (own or not kept):
        sentences.append(f"{about} {_numbers(value, monitor)} {'; it '.join(own) or 'is shown'}.")
    sentences += [
        f"{about} {_of_period(verdict.period, monitor)} {verdict.sentence}."
        for verdict in kept
        if verdict.period is not None
    ]
    return " ".join(sentences) + groups(monitor, reading) + _coverage(monitor, reading)


def shown_only(monitor: Monitor, reading: Reading, value: Value, silence: str) -> str:
    """A value that is not judged, and why."""
    said = f"{subject(monitor, reading)} {_numbers(value, monitor)} {silence}."
    return said + groups(monitor, reading) + _coverage(monitor, reading)


def lateness(rows: int) -> str:
    """That a window was measured again because its rows changed."""
    if not rows:
        return ""
    what = f"{wording.plural(rows, 'row')} came" if rows > 0 else f"{wording.plural(-rows, 'row')} went"
    return f" Measured again: {what} after it had been judged."


def part(cut: str, reach: Reach) -> str:
    """That a window is not all there, or may not be: where the log begins or ends inside it."""
    where = _where(reach)
    if cut:
        part = f"{cut} inside this window: this is of the part that is there"
        return f" The log {part}{',' if where else ''}{where}."
    return f" This window counts as whole; the log is there{where}." if where else ""


def _where(reach: Reach) -> str:
    said = [f" from {wording.utc(reach.begins)}"] if reach.begins else []
    said += [f" up to {wording.utc(reach.ends)}"] if reach.ends else []
    return "".join(said)


def assumed(monitor: Monitor, of_utc: bool) -> str:
    """That an alarm's window was cut by a zone that nobody stated: an hour of it may be none at all."""
    if not of_utc or isinstance(monitor.window, Rows):
        return ""
    return " Times without an offset were read as UTC: the system's file states no zone."


def named(monitor: Monitor, group: Group | None) -> dict[str, str] | None:
    """The group with the columns its values belong to."""
    return None if group is None else dict(zip(monitor.group_by, group, strict=True))


def subject(monitor: Monitor, reading: Reading) -> str:
    """`Accuracy`, `PSI of income`, `Recall for region=north`."""
    if reading.quantity == COVERAGE:
        return f"Coverage of {', '.join(monitor.group_by)}"
    own = reading.quantity == monitor.metric
    words = wording.capital(monitor.measures.words if own else reading.quantity.replace("_", " "))
    of = f" of {monitor.column}" if monitor.column else ""
    who = f" for {_group(monitor, reading.group)}" if reading.group else ""
    return f"{words}{of}{who}"


def _group(monitor: Monitor, group: Group) -> str:
    return wording.group(named(monitor, group) or {})


def _numbers(value: Value, monitor: Monitor) -> str:
    least = "is at least " if value.at_least else ""
    upper = "not known" if value.at_least else shown(value.upper)
    interval = f"{100 * monitor.confidence:.4g}% interval {shown(value.lower)} to {upper}"
    bins = f", bins ±{value.bins:.2g}" if value.bins >= 0.0005 else ""
    return f"{least}{shown(value.value)} ({interval}, n {value.n:,}{bins}){',' if least else ''}"


def _of_period(period: Period, monitor: Monitor) -> str:
    over = f"over {wording.utc(period.start)} to {wording.utc(period.end)}"
    return f"{over}, {_numbers(period.value, monitor)},"


def _coverage(monitor: Monitor, reading: Reading) -> str:
    if reading.quantity != COVERAGE:
        return ""
    return f" Of {wording.plural(reading.unknown, 'row')} it is not known who they are about."


def groups(monitor: Monitor, reading: Reading) -> str:
    """Who differs most and how that came, who is left out, and what the comparison cannot say."""
    comparison = reading.comparison
    if comparison is None:
        return ""
    return "".join(f" {sentence}" for sentence in _compared(monitor, comparison))


def _compared(monitor: Monitor, comparison: Comparison) -> Iterable[str]:
    if (pair := comparison.extremes) is not None:
        ends = [
            _end("lowest", monitor, comparison, pair.lowest, pair.low, comparison.lowest_was),
            _end("highest", monitor, comparison, pair.highest, pair.high, comparison.highest_was),
        ]
        if pair.rate.harms == "highest":
            ends.reverse()
        yield f"{wording.capital(pair.rate.words)} is {'; '.join(ends)}."
    if comparison.lacking:
        without = ", ".join(
            f"{_group(monitor, group)} has no {comparison.lacking[group].words}"
            for group in sorted(comparison.lacking)
        )
        yield f"It is a lower bound: {without}."
    if comparison.left_out:
        left_out = ", ".join(
            f"{_group(monitor, group)} (n {n:,})" for group, n in comparison.left_out.items()
        )
        yield f"Left out, because {monitor.min_group:,} rows are needed: {left_out}."


def _end(
    which: str, monitor: Monitor, comparison: Comparison, group: Group, rate: Value, was: float | None
) -> str:
    said = f"{which} for {_group(monitor, group)} with {shown(rate.value)} (n {rate.n:,})"
    if was is None:
        return said
    if shown(was) == shown(rate.value):
        return f"{said}, as in {comparison.earlier}"
    moved = "up" if rate.value > was else "down"
    return f"{said}, {moved} from {shown(was)} in {comparison.earlier}"
