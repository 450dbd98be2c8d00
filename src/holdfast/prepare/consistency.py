"""What the shape of a playbook cannot tell: rules that type-check, references that lead somewhere,
promises that do not contradict one another. Every finding, each at its line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any

from holdfast.prepare import promises, workdays
from holdfast.prepare.documents import Document, Way, spelled
from holdfast.prepare.durations import BusinessDays, about, spoken_length
from holdfast.prepare.playbook import TEMPLATE_WORDS, Criterion, Playbook
from holdfast.prepare.roster import not_set_up
from holdfast.prepare.rules import Rules, rules_for, standard_rules
from holdfast.prepare.systems import System
from holdfast.prepare.terms import Authority, Moment, Severity
from holdfast.problems import Problem, did_you_mean

Problems = Iterator[Problem]


def playbook_problems(
    document: Document,
    playbook: Playbook,
    channels: Collection[str] | None = None,
    systems: Sequence[System] = (),
) -> list[Problem]:
    """Everything wrong with a playbook whose shape is right. `channels` and `systems` are those of the
    installation, where they are known."""
    rules = rules_for(systems) if systems else standard_rules()
    checks: tuple[Callable[[Document, Playbook], Problems], ...] = (
        lambda document, playbook: _rules(document, playbook, rules),
        _authorities,
        _response_times,
        _business_days,
        _reviews,
        _ladder,
        _moments,
        _templates,
        _evidence,
        _actions,
    )
    problems = [problem for check in checks for problem in check(document, playbook)]
    return problems + ([] if channels is None else list(_channels(document, playbook, channels)))


def _channels(document: Document, playbook: Playbook, channels: Collection[str]) -> Problems:
    for severity, protocol in playbook.communication.protocols.items():
        for index, message in enumerate(protocol.messages):
            if message.channel not in channels:
                way = ("communication", "protocols", severity.value, "messages", index, "channel")
                yield document.problem(way, *not_set_up(message.channel, channels))


def rule_problems(document: Document, way: Way, rule: str, rules: Rules) -> Problems:
    """The problems of the rule at `way`, each pointing into the rule where it stands on one line."""
    for found in rules.check(rule):
        place = document.within(way, found.column - 1)
        yield document.problem_at(place, document.spelled(way), found.cause, found.fix)


def _rules(document: Document, playbook: Playbook, rules: Rules) -> Problems:
    for way, criterion in criteria_of(playbook):
        yield from rule_problems(document, (*way, "when"), criterion.when, rules)


def unjudged_rules(playbook: Playbook) -> list[str]:
    """Rules of which nothing tells, before something is measured, whether they can hold at all: where they
    stand, and what they say."""
    rules = standard_rules()
    return [
        f"{spelled((*way, 'when'))}: {criterion.when}"
        for way, criterion in criteria_of(playbook)
        if not rules.judges(criterion.when)
    ]


def criteria_of(playbook: Playbook) -> Iterator[tuple[Way, Criterion]]:
    """Every criterion of the playbook with the way to it."""
    yield from _listed(("triggers", "opens"), playbook.triggers.opens)
    for category, entry in playbook.categories.items():
        yield from _listed(("categories", category.value, "criteria"), entry.criteria)
    for severity, level in playbook.severities.items():
        yield from _listed(("severities", severity.value, "criteria"), level.criteria)
    for number in (1, 2, 3):
        way: Way = ("escalation", "tiers", f"tier_{number}", "criteria")
        yield from _listed(way, playbook.escalation.tiers[number].criteria)


def _listed(way: Way, items: Sequence[Any]) -> Iterator[tuple[Way, Any]]:
    for index, item in enumerate(items):
        yield (*way, index), item


def _authorities(document: Document, playbook: Playbook) -> Problems:
    for authority in Authority:
        if not playbook.roles_with(authority):
            cause = f"no role may {authority.says}"
            yield document.problem(
                ("roles",), cause, f"give one of them the authority {authority}", at_key=True
            )


def _response_times(document: Document, playbook: Playbook) -> Problems:
    """A more severe incident must not be promised later than a less severe one."""
    for row in promises.TABLE.values():
        if "incident.opened" not in row.counts_from:
            continue
        for graver, lesser in pairwise(Severity):
            limit, other = row.within(playbook, graver), row.within(playbook, lesser)
            if other is not None and (limit is None or about(limit) > about(other)):
                promise = spoken_length(limit) if limit else "no limit"
                cause = f"{promise} is slower than {spoken_length(other)} of {lesser}, which is less severe"
                way = ("severities", graver.value, "clocks", row.field)
                yield document.problem(way, cause, f"give {graver} the shorter time")


def _business_days(document: Document, playbook: Playbook) -> Problems:
    """Business days need a calendar that is known."""
    said = playbook.business_days
    if said is None:
        for severity, entry in playbook.severities.items():
            for field in type(entry.clocks).model_fields:
                if isinstance(getattr(entry.clocks, field), BusinessDays):
                    way: Way = ("severities", severity.value, "clocks", field)
                    cause = "counts in business days, and nothing says which days those are"
                    fix = "add business_days with time_zone and country, or write hours"
                    yield document.problem(way, cause, fix)
    elif wrong := workdays.unknown(said.country, said.subdivision):
        field, known = wrong
        cause = f"no public holidays are known of {getattr(said, field)}"
        fix = did_you_mean(getattr(said, field), list(known)) if known else "leave it out"
        yield document.problem(("business_days", field), cause, fix)


def _reviews(document: Document, playbook: Playbook) -> Problems:
    for index, severity in enumerate(playbook.review.required_for):
        if playbook.severities[severity].clocks.review_within is None:
            cause = f"{severity} must be reviewed, but its clocks set no review_within"
            fix = f"add it to severities.{severity}.clocks, for example 14d"
            yield document.problem(("review", "required_for", index), cause, fix)


def _ladder(document: Document, playbook: Playbook) -> Problems:
    order = ("deputies", "tier_2", "tier_3")
    steps = playbook.escalation.unacknowledged
    for index, (step, after) in enumerate(pairwise(steps), start=1):
        if order.index(after) <= order.index(step):
            cause = f"{after} comes after {step}, which leads back down"
            yield document.problem(
                ("escalation", "unacknowledged", index), cause, f"keep the order {', '.join(order)}"
            )


def _moments(document: Document, playbook: Playbook) -> Problems:
    """Whoever a moment concerns hears of it by a message: without one the protocol keeps silent."""
    for severity, protocol in playbook.communication.protocols.items():
        spoken_of = {message.on for message in protocol.messages}
        for moment in Moment:
            if moment.needs_message and moment not in spoken_of:
                way = ("communication", "protocols", severity.value, "messages")
                cause = f"nobody is written to when an incident of severity {severity} is {moment.words}"
                fix = f"add a message with on: {moment}, saying to whom and by which template"
                yield document.problem(way, cause, fix, at_key=True)


def _templates(document: Document, playbook: Playbook) -> Problems:
    templates = playbook.communication.templates
    for name, template in templates.items():
        for field, word in template.unknown_words():
            way: Way = ("communication", "templates", name, field)
            yield document.problem(way, f"{{{word}}} stands for nothing", did_you_mean(word, TEMPLATE_WORDS))
    for severity, protocol in playbook.communication.protocols.items():
        for index, message in enumerate(protocol.messages):
            if message.template not in templates:
                way = ("communication", "protocols", severity.value, "messages", index, "template")
                cause = f"there is no template {message.template}"
                yield document.problem(way, cause, did_you_mean(message.template, templates))


def _evidence(document: Document, playbook: Playbook) -> Problems:
    items = playbook.evidence.items
    yield from _repeated(document, ("evidence", "items"), [item.id for item in items])
    seen: dict[str, str] = {}
    for index, item in enumerate(items):
        frozen = item.frozen_at_open
        if frozen and frozen in seen:
            cause = f"{frozen} is already frozen as {seen[frozen]}"
            yield document.problem(("evidence", "items", index, "frozen_at_open"), cause, "keep one of them")
        elif frozen:
            seen[frozen] = item.id
        if item.keep_years > playbook.evidence.record_keep_years:
            cause = f"evidence is kept {item.keep_years} years, longer than the record that explains it"
            fix = f"raise evidence.record_keep_years to {item.keep_years}"
            yield document.problem(("evidence", "items", index, "keep_years"), cause, fix)


def _actions(document: Document, playbook: Playbook) -> Problems:
    known = [item.id for item in playbook.evidence.items]
    actions = playbook.containment.actions
    yield from _repeated(document, ("containment", "actions"), [action.id for action in actions])
    for number, action in enumerate(actions):
        for index, item in enumerate(action.preserve_first):
            if item not in known:
                way = ("containment", "actions", number, "preserve_first", index)
                yield document.problem(way, f"{item} is no item of evidence.items", did_you_mean(item, known))


def _repeated(document: Document, way: Way, ids: Sequence[str]) -> Problems:
    for index, name in enumerate(ids):
        if name in ids[:index]:
            cause = f"{name} is used twice, first at {document.spelled((*way, ids.index(name)))}"
            yield document.problem((*way, index, "id"), cause, "give it another id")
