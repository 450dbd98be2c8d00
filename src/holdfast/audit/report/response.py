"""The sections on what people and system did: story, clocks, team, containment, remediation, review."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast import wording
from holdfast.audit.correspondence import messages
from holdfast.audit.dossier import Dossier
from holdfast.audit.report.blocks import (
    Block,
    Cell,
    heading,
    note,
    pairs,
    prose,
    section,
    steps,
    strong,
    table,
    toned,
)
from holdfast.audit.report.wordings import clock_cell, words
from holdfast.audit.walkthrough import Chapter, Step, walk
from holdfast.contain.containment import Containment, Deed
from holdfast.contain.events import Check, ContainmentProbed, Effect
from holdfast.incident.events import (
    NOT_TO_CONTAIN,
    ClassificationProposed,
    ClassificationStated,
    Classified,
    ContainmentDecided,
    Escalated,
    LadderMoved,
    RoleHandedOver,
    TierLowered,
    TierRaised,
)
from holdfast.learn.events import RemediationVerified
from holdfast.learn.remediation import Item, Standing
from holdfast.prepare.documents import Unusable
from holdfast.prepare.terms import ReviewQuestion

# Story -------------------------------------------------------------------------------------------


def story(dossier: Dossier) -> dict[str, Any]:
    """Every step from detection to closure, with its evidence (R-AUD-04)."""
    chapters = walk(dossier)
    return section(
        "The incident step by step",
        prose(
            "Each step names who did it, what it rests on, and the ledger entry that tells it. Times are "
            "UTC. What was added later about an earlier time is marked."
        ),
        (block for chapter in chapters for block in _chapter(chapter)),
    )


def _chapter(chapter: Chapter) -> Iterator[Block]:
    count = wording.plural(len(chapter.steps), "step")
    length = wording.duration(chapter.ended - chapter.began)
    yield heading(chapter.phase.value, f"{count}, {length}" if chapter.ended > chapter.began else count)
    day = ""
    rows = []
    for step in chapter.steps:
        today = wording.day(step.at)
        rows.append({**_step(step), "day": today if today != day else ""})
        day = today
    yield steps(rows)


def _step(step: Step) -> dict[str, Any]:
    added = f"added {wording.utc(step.recorded_at)}" if step.back_filled else ""
    return {
        "time": wording.time_of_day(step.at),
        "title": step.title,
        "detail": step.detail,
        "tone": step.tone,
        "by": step.by,
        "proof": " · ".join([*step.evidence, _entries(step)]),
        "added": added,
    }


def _entries(step: Step) -> str:
    first, last = step.entries[0], step.entries[-1]
    return f"#{first}" if first == last else f"#{first} to #{last}"


# Classification, clocks, escalation ---------------------------------------------------------------


def classification(dossier: Dossier) -> dict[str, Any]:
    """How it was judged, what was promised, and who was called when nobody answered."""
    return section(
        "Classification, clocks and escalation",
        heading("Classification"),
        table(
            [("When", "auto"), ("Judgement", "1.3fr"), ("By", "auto"), ("Reason", "2fr")],
            _classified(dossier),
            "Nothing has proposed or decided a classification.",
        ),
        heading("What was promised"),
        table(
            [("Clock", "auto"), ("Started", "auto"), ("Due", "auto"), ("Outcome", "1fr")],
            (
                [
                    clock.says,
                    wording.utc(clock.started),
                    wording.utc(clock.due),
                    clock_cell(clock),
                ]
                for clock in dossier.state.clocks.values()
            ),
            "This severity sets no clocks.",
        ),
        heading("Escalation"),
        table(
            [("When", "auto"), ("To", "auto"), ("To be told", "1fr"), ("Because", "1.5fr")],
            _escalated(dossier),
            "It was not escalated.",
        ),
    )


def _classified(dossier: Dossier) -> Iterator[list[Cell]]:
    for one in dossier.record:
        fact = one.fact
        if isinstance(fact, ClassificationStated):
            line = fact.line()
            yield [wording.utc(one.at), line.title.lower(), one.by.name, line.detail or "as reported"]
            continue
        if not isinstance(fact, (ClassificationProposed, Classified)):
            continue
        word = "proposed by the rules"
        if isinstance(fact, Classified):
            word = "overrides the proposal" if fact.overrides else "confirmed by a person"
        judged = strong(f"{fact.severity.label}, {fact.category.label.lower()}", word)
        yield [wording.utc(one.at), judged, one.by.name, fact.reason or "as proposed"]


def _escalated(dossier: Dossier) -> Iterator[list[Cell]]:
    for one in dossier.record:
        fact = one.fact
        if isinstance(fact, (LadderMoved, TierLowered)):
            line = fact.line()
            yield [wording.utc(one.at), line.title.lower(), "", line.detail]
            continue
        if not isinstance(fact, (Escalated, TierRaised)):
            continue
        deputies = isinstance(fact, Escalated) and fact.to_deputies
        told = ", ".join(member.name for member in fact.told) or "nobody: the roster names no one"
        yield [wording.utc(one.at), "deputies" if deputies else f"tier {fact.tier}", told, fact.reason]


# Team and communication ---------------------------------------------------------------------------


def team(dossier: Dossier) -> dict[str, Any]:
    """Who was called, who took over, and what became of every message."""
    handed = [
        [wording.utc(one.at), wording.capital(words(fact.role)), fact.to.name, one.by.name, fact.reason]
        for one, fact in dossier.of(RoleHandedOver)
    ]
    parts = [
        table(
            [("Role", "1fr"), ("Who", "1fr"), ("", "1.4fr")],
            ([wording.capital(words(one.role)), one.name, one.person] for one in dossier.state.team),
            "No team was assembled.",
        )
    ]
    if handed:
        columns = [("When", "auto"), ("Role", "1fr"), ("To", "1fr"), ("By", "1fr"), ("Reason", "1.5fr")]
        parts += [heading("Handed over"), table(columns, handed, "")]
    return section(
        "Team and communication",
        parts,
        heading("Messages"),
        table(
            [("Queued", "auto"), ("To", "1.3fr"), ("Subject", "1.7fr"), ("Delivery", "1.1fr")],
            _messages(dossier),
            "No message was sent.",
        ),
    )


def _messages(dossier: Dossier) -> Iterator[list[Cell]]:
    """Messages of one subject that left together are one row."""
    together: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for message in messages(dossier):
        key = wording.utc(message["queued_at"]), message["subject"], message["channel"]
        together.setdefault(key, []).append(message)
    for (queued, subject, channel), sent in together.items():
        to = ", ".join(dict.fromkeys(dossier.name_of(one["to"]) for one in sent))
        yield [queued, {"text": to, "below": f"by {channel}"}, subject, _delivery(sent)]


def _delivery(together: list[dict[str, Any]]) -> Cell:
    """What became of messages, the worst first."""
    failing = [one for one in together if one["failures"] and not one["sent_at"]]
    given_up = [one for one in failing if one["failures"][-1]["retry_at"] is None]
    for found, word, tone in ((given_up, "given up", "bad"), (failing, "failing", "warn")):
        if found:
            reason = found[0]["failures"][-1]["reason"]
            return {"text": f"{len(found)} of {len(together)} {word}", "tone": tone, "below": reason}
    sent = [one["sent_at"] for one in together if one["sent_at"]]
    if len(sent) < len(together):
        return f"{len(together) - len(sent)} of {len(together)} wait to be sent"
    outcome = "sent" if len(sent) == 1 else f"all {len(sent)} sent"
    return {"text": outcome, "tone": "good", "below": wording.utc(max(sent))}


# Containment --------------------------------------------------------------------------------------

_EFFECTS: dict[Effect, tuple[str, Any]] = {
    Effect.STOPPED: ("the harm stopped", "good"),
    Effect.CONTINUING: ("the harm continues", "bad"),
    Effect.UNKNOWN: ("not known yet", "warn"),
}


def containment(dossier: Dossier) -> dict[str, Any]:
    """What was switched, on whose authority, and what proves that it was obeyed and worked."""
    decided = dossier.of(ContainmentDecided)
    parts: list[Block] = [
        prose(
            "Switched: Holdfast's own address was asked as an application asks it, and answered by the "
            "switch. Obeyed: requests of the application arrived and were answered so. Contained: the "
            "prediction log or the monitors showed afterwards that the harm stopped."
        )
    ]
    newest = decided[-1][1] if decided else None
    if newest and (newest.decision == NOT_TO_CONTAIN or not dossier.containments):
        parts.append(prose(f"Decided: {newest.decision}. {newest.reason}"))
    elif not dossier.containments:
        parts.append(prose("No containment was proposed."))
    for one in dossier.containments:
        parts += _contained(dossier, one)
    return section("Containment", parts)


def _contained(dossier: Dossier, one: Containment) -> Iterator[Block]:
    yield heading(f"{one.id}  {one.name}")
    yield pairs(_containment_rows(one))
    for recorded, probe in dossier.of(ContainmentProbed):
        if probe.containment == one.id:
            what = "is set" if probe.purpose == "hold" else "is back"
            verdict = "it is" if probe.ok else "not proven"
            asked = f"Holdfast asked its own address whether the switch {what}"
            yield prose(f"{wording.utc(recorded.at)}: {asked}; {verdict}.")
            yield table(
                [("Asked", "2fr"), ("Expected", "1fr"), ("Answered", "1fr"), ("Time", "auto >")],
                (_check(check) for check in probe.checks),
                "Nothing could be asked.",
            )


def _containment_rows(one: Containment) -> Iterator[tuple[str, Cell]]:
    segment = "; ".join(f"{key} is {' or '.join(values)}" for key, values in one.segment.items())
    yield "What it does", one.does
    yield "Switch", f"{one.flag}{', where ' + segment if segment else ', every request'}"
    yield "Proposed", _deed(one.proposed, one.reason)
    yield "Approved", _deed(one.approved, "")
    yield "Switch set", _deed(one.applied, "")
    yield "Switched", wording.utc(one.switched_at) if one.switched_at else "not seen so far"
    yield "Obeyed", _obeyed(one)
    if one.took:
        yield (
            "Approval to contained",
            f"{wording.duration(one.took)}, expected {wording.duration(one.expected)}",
        )
    yield "Stands as", toned(one.standing, one.tone)
    if one.not_preserved:
        yield "Not preserved beforehand", toned(", ".join(one.not_preserved), "warn")
    if one.effect:
        said, tone = _EFFECTS[one.effect.effect]
        yield "Effect", {"text": said, "tone": tone, "below": one.effect.sentence}
    if one.reverted:
        yield "Undone", _deed(one.reverted, one.revert_reason)
    if one.withdrawn:
        yield "Withdrawn", _deed(one.withdrawn, one.withdrawn_because)


def _obeyed(one: Containment) -> str:
    if one.obeyed is None:
        return "no request of the application is known"
    asked = wording.plural(one.obeyed.requests, "request")
    return f"at least {asked} of the application since {wording.utc(one.obeyed.first_at)}"


def _deed(deed: Deed | None, reason: str) -> str:
    if deed is None:
        return "not so far"
    return f"{wording.utc(deed.at)} by {deed.name}{'. ' + reason if reason else ''}"


def _check(check: Check) -> list[Cell]:
    answered = toned(check.answered, "good" if check.ok else "bad")
    return [check.asked, check.expected, answered, f"{check.milliseconds:,} ms"]


# Remediation --------------------------------------------------------------------------------------


def remediation(dossier: Dossier) -> dict[str, Any]:
    """What is done about the cause, by whom until when, and what proves that it works."""
    items = dossier.remediations.items.values()
    return section(
        "Remediation",
        [] if items else [prose("No remediation is planned so far.")],
        (block for item in items for block in _item(dossier, item)),
    )


def _item(dossier: Dossier, item: Item) -> Iterator[Block]:
    yield heading(f"{item.item}  {item.action}")
    yield pairs(_item_rows(item))
    for _, fact in dossier.of(RemediationVerified):
        if fact.item == item.item and fact.windows:
            yield table(
                [("Window that proves it", "1.6fr"), ("Value (95% interval)", "1fr"), ("n", "auto >")],
                (
                    [
                        wording.span(one.window_start, one.window_end),
                        wording.interval(one.value, one.lower, one.upper, 3, unknown="every group in bounds"),
                        f"{one.n:,}",
                    ]
                    for one in fact.windows
                ),
                "",
            )


def _item_rows(item: Item) -> Iterator[tuple[str, Cell]]:
    tone: Any = {Standing.VERIFIED: "warn" if item.overtaken else "good", Standing.WITHDRAWN: "plain"}.get(
        item.standing, "warn"
    )
    yield "Stands as", toned(item.standing.value, tone)
    yield "Removes", item.cause
    yield "Kind", words(item.kind.value)
    yield "Responsible", f"{item.responsible_name}, until {wording.utc(item.deadline)}"
    yield "Verified by", item.verification.how
    if item.done_at:
        yield "Done", f"{wording.utc(item.done_at)}. {item.done}"
    if item.result:
        word = {Standing.VERIFIED: "Proof", Standing.WITHDRAWN: "Withdrawn because"}
        yield word.get(item.standing, "Last verification"), item.result
    if item.overtaken:
        yield "Overtaken", toned(item.overtaken_said, "bad")
    if item.failed:
        yield "Did not work", toned(wording.plural(item.failed, "time"), "bad")
    if item.overdue_at:
        yield "Overdue", toned(f"found {wording.utc(item.overdue_at)}", "bad")
    if item.from_review:
        yield "Decided", "in the post-incident review"


# Review -------------------------------------------------------------------------------------------


def _questions(dossier: Dossier) -> Iterator[tuple[ReviewQuestion, str]]:
    """As the playbook that the incident runs by words them; in plain words where it cannot be read."""
    try:
        asked = dossier.playbook.playbook.review.questions if dossier.playbook else None
    except Unusable:
        asked = None
    for question in ReviewQuestion:
        yield question, asked[question] if asked else question.value.replace("_", " ").capitalize()


def review(dossier: Dossier) -> dict[str, Any]:
    """The eight questions, as they were answered."""
    found = dossier.review
    parts: list[Block] = []
    if found.completed:
        done = found.completed
        shared = ", ".join(done.fact.shared_with) or "nobody"
        rows = [("Completed", f"{wording.utc(done.at)} by {done.by.name}"), ("Shared with", shared)]
        rows += [("Took part", ", ".join(found.attendees))]
        rows += [("Actions", ", ".join(done.fact.items))] if done.fact.items else []
        parts.append(pairs(rows))
    elif found.newest:
        parts.append(note("The review is a draft; its answers may still change.", "warn"))
    else:
        return section("Post-incident review", prose("The review has not begun."))
    for number, (question, words_of) in enumerate(_questions(dossier), 1):
        parts += [heading(f"{number}. {words_of}"), prose(found.answers.get(question) or "Not answered yet.")]
    return section("Post-incident review", parts)
