"""The sections on what was found: monitors with their charts, impact, cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast import charts, wording
from holdfast.audit.dossier import Dossier, Watched
from holdfast.audit.report.blocks import (
    Block,
    Cell,
    chart,
    heading,
    note,
    pairs,
    prose,
    section,
    statements,
    strong,
    table,
    toned,
)
from holdfast.audit.report.figures import figure, limit_of, window_of
from holdfast.audit.report.wordings import rests, words, yes_no
from holdfast.detect.measurement import Measurement
from holdfast.detect.watched import measured_said, window_said
from holdfast.incident.incident import Incident
from holdfast.investigate.events import FinanceImpact, ImpactAssessed, ImpactCounted
from holdfast.investigate.impact import Impact
from holdfast.investigate.kept import Kept
from holdfast.metrics import digits_of
from holdfast.prepare.systems import Monitor

ROWS = 16
"""Windows in a table beside its chart."""

# Monitors -----------------------------------------------------------------------------------------


def monitors(dossier: Dossier) -> dict[str, Any]:
    """What the monitors behind the incident measured, with their limits and the reasons for them."""
    parts: list[Block] = []
    if not dossier.watched:
        parts.append(prose("No monitor is behind this incident: a person reported it."))
    elif not charts.available():
        parts.append(
            note(
                "Charts are not drawn in this report, because the renderer was not installed where it was "
                "made. The tables hold the same numbers.",
                "warn",
            )
        )
    for watched in dossier.watched:
        parts += _watched(dossier, watched)
    return section("What the monitors showed", parts)


def _watched(dossier: Dossier, watched: Watched) -> Iterator[Block]:
    yield heading(f"{watched.name}{', ' + wording.group(watched.group) if watched.group else ''}")
    yield pairs(_monitor_rows(watched))
    shown = window_of(watched)
    if not shown:
        yield prose("The ledger holds no measurement of it.")
        return
    if charts.available() and (drawn := figure(watched, dossier)):
        yield chart(drawn)
    kept = _telling(watched, shown)
    yield table(
        [
            ("Window", "1.4fr"),
            ("Value (interval)", "1.4fr"),
            ("n", "auto >"),
            ("Known", "1.4fr"),
            ("", "auto"),
        ],
        (_measured(one, watched) for one in kept),
        "",
    )
    if len(watched.measurements) > len(kept):
        yield prose(f"{len(kept)} of {len(watched.measurements):,} windows; record.json holds all of them.")


def _telling(watched: Watched, shown: Any) -> list[Measurement]:
    """The windows for the table: some from before the first alarm, the rest from there on."""
    first = next((n for n, one in enumerate(shown) if one.alarm), max(0, len(shown) - ROWS))
    start = max(0, min(first - 3, len(shown) - ROWS))
    return list(shown[start : start + ROWS])


def _monitor_rows(watched: Watched) -> Iterator[tuple[str, Cell]]:
    config, limit = watched.config, limit_of(watched)
    for alert in watched.alerts:
        yield f"Alert {alert.alert}", wording.capital(alert.reason)
    if limit:
        yield "Limit", f"{limit.value:g}; harm lies {limit.breached} it"
    if config:
        yield "Why this limit", config.reason
        yield "Measures", _measures(config)
        yield "Tells", ", ".join(words(role.value) for role in config.tells)
    if watched.cleared_at:
        yield "Cleared", toned(wording.utc(watched.cleared_at), "good")


def _measures(config: Monitor) -> str:
    return f"{measured_said(config)}, {window_said(config)}; at least {config.least_n:,} rows"


def _measured(one: Measurement, watched: Watched) -> list[Cell]:
    limit = limit_of(watched)
    value = wording.interval(
        one.value, one.lower, one.upper, digits_of(one.quantity), limit.value if limit else None
    )
    labelled = "" if one.labelled_share is None else f", {wording.percent(one.labelled_share)} labelled"
    return [
        wording.span(one.window_start, one.window_end),
        value,
        f"{one.n:,}",
        f"{one.status.value.replace('_', ' ')}{labelled}",
        toned("alarm", "bad") if one.alarm else "",
    ]


# Impact -------------------------------------------------------------------------------------------


def impact(dossier: Dossier) -> dict[str, Any]:
    """Counts from the log, and the judgement in five dimensions with its versions."""
    found = dossier.impact
    parts: list[Block] = [heading("Counted in the prediction log")]
    parts.append(
        table(
            [
                ("Period and segment", "2fr"),
                ("Exposed", "1.4fr"),
                ("Affected", "1.4fr"),
            ],
            (_count(found, kept) for kept in found.counts),
            "Nothing was counted.",
        )
    )
    if found.count:
        parts.append(pairs(_ruling(found, found.count, dossier.state)))
    groups = found.count.counted.groups if found.count else ()
    if groups:
        least = found.count is not None and found.is_bounded(found.count)
        parts.append(
            table(
                [
                    (
                        f"Of the {'affected' if found.count and found.count.counted.affected else 'exposed'}",
                        "2fr",
                    ),
                    ("People", "auto >"),
                    ("Predictions", "auto >"),
                ],
                (
                    [
                        wording.group(one.group),
                        wording.bounded(one.users, least, "not told apart"),
                        wording.bounded(one.inferences, least),
                    ]
                    for one in groups
                ),
                "",
            )
        )
    if found.newest is None:
        parts.append(prose("The impact has not been assessed."))
        return section("Impact", parts)
    last = found.versions[-1]
    parts.append(heading("Assessed", f"version {last.fact.number}, {wording.utc(last.at)} by {last.by.name}"))
    parts.append(pairs(_assessed(last.fact)))
    if len(found.versions) > 1:
        parts += [heading("Earlier versions"), _versions(dossier)]
    return section("Impact", parts)


def _count(found: Impact, kept: Kept[ImpactCounted]) -> list[Cell]:
    fact = kept.fact
    period = wording.span(fact.start, fact.end)
    whom = wording.group(fact.where) or "everyone"
    of = f"count {fact.number}, by {kept.by.name}: {whom}, of {fact.counted.total:,} predictions"
    return [strong(period, of), found.exposed(fact), found.affected(fact)]


def _ruling(found: Impact, count: ImpactCounted, state: Incident) -> Iterator[tuple[str, Cell]]:
    """Whose word rules on the people affected, and by which rule rows count as touched."""
    yield "People affected", found.affected_people()
    yield "According to", "; ".join(found.said()) or "nobody: nothing tells which of the exposed were touched"
    yield "Numbers", "; ".join(filter(None, (found.dated, state.harm)))
    if state.known_of_merged:
        yield "Known of what was merged into it", "; ".join(state.known_of_merged)
    if found.failed:
        yield "Not counted since", found.failed
    yield "Rule", "; ".join(count.rules()) or "none marks a row"
    if gaps := count.gaps():
        yield "Not in these numbers", "; ".join(gaps)


def _assessed(fact: ImpactAssessed) -> Iterator[tuple[str, Cell]]:
    people = fact.people()
    kind = f" {fact.users.kind}" if fact.users.kind else ""
    yield "Users", {"text": f"{people}{': ' if kind else ''}{kind.strip()}", "below": fact.users.effect}
    yield "Outage", yes_no(fact.users.outage)
    data = fact.data
    touched = ", ".join(kind.value for kind in data.kinds) or "not stated"
    sensitive = yes_no(data.sensitive, "sensitive", "not sensitive")
    yield (
        "Data",
        {
            "text": f"{wording.capital(touched)} data, {sensitive}",
            "below": _joined(data.sensitivity, data.misuse),
        },
    )
    yield "Data breach", yes_no(data.breach)
    rules = fact.compliance
    violated = yes_no(rules.violated, "a requirement is violated", "no requirement is violated")
    yield "Compliance", {"text": wording.capital(violated), "below": _joined(rules.requirement, rules.fine)}
    yield (
        "Outside notice",
        {"text": yes_no(rules.must_notify, "required", "not required"), "below": rules.duty},
    )
    yield "Reputation", fact.reputation.effect or "not assessed"
    yield "Finance", {"text": _money(fact.finance), "below": fact.finance.basis}


def _joined(*texts: str) -> str:
    return " ".join(text for text in texts if text)


def _money(finance: FinanceImpact) -> str:
    parts = [
        f"{finance.currency} {amount:,} {word}"
        for amount, word in ((finance.direct, "direct"), (finance.indirect, "indirect"))
        if amount is not None
    ]
    return ", ".join(parts) or "not assessed"


def _versions(dossier: Dossier) -> Block:
    return table(
        [("Version", "auto"), ("When", "auto"), ("By", "auto"), ("What it said", "1fr")],
        (
            [str(kept.fact.number), wording.utc(kept.at), kept.by.name, "; ".join(kept.fact.said())]
            for kept in dossier.impact.versions[:-1]
        ),
        "",
    )


# Cause --------------------------------------------------------------------------------------------


def cause(dossier: Dossier) -> dict[str, Any]:
    """Facts, sequence, contributing factors and root cause, each with what it rests on."""
    found = dossier.cause
    newest = found.newest
    if newest is None:
        return section("Cause", prose("The cause has not been analysed."))
    last = found.versions[-1]
    made = f"version {newest.number}, {wording.utc(last.at)} by {last.by.name}"
    parts: list[Block] = [heading("Root cause", made)]
    if newest.root_cause:
        parts.append(statements([("", newest.root_cause.text, rests(newest.root_cause))]))
    else:
        parts.append(note("The root cause is not established.", "warn"))
    for title, rows in (
        ("Facts", [("", one.text, rests(one)) for one in newest.facts]),
        (
            "Sequence of events",
            [(wording.utc(one.at), one.statement.text, rests(one.statement)) for one in newest.sequence],
        ),
        (
            "Contributing factors",
            [
                (wording.capital(one.group.value), one.statement.text, rests(one.statement))
                for one in newest.factors
            ],
        ),
    ):
        parts += [heading(title), statements(rows) if rows else prose("None is stated.")]
    return section("Cause", parts)
