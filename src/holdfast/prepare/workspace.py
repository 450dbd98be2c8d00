"""The files of an organisation read together: playbook, systems and roster, and whether they agree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from holdfast.ledger.outbox import Channel
from holdfast.people import AccessRole, IncidentRole
from holdfast.prepare.consistency import playbook_problems
from holdfast.prepare.documents import (
    Read,
    Unusable,
    Way,
    parse_document,
    read_document,
    understand,
)
from holdfast.prepare.obeyed import gone_problems, without_gone
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.roster import Roster, Who, roster_problems
from holdfast.prepare.systems import System
from holdfast.problems import Problem, did_you_mean

PLAYBOOK, ROSTER, SYSTEMS = "playbook.yaml", "roster.yaml", "systems"
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Workspace:
    """Everything an organisation wrote, valid and consistent."""

    root: Path
    playbook: Read[Playbook]
    roster: Read[Roster]
    systems: Mapping[str, Read[System]]
    """By system id, the highest priority first."""


def content_hash(content: bytes) -> str:
    """SHA-256 of a file's exact bytes, hex: what a version is known by."""
    return hashlib.sha256(content).hexdigest()


def load_workspace(root: Path, channels: Mapping[str, Channel] | None = None) -> Workspace:
    """Read and check every file under `root`; what they say of channels, where the installation's are named.

    Raises Unusable with all problems of all files, in the order of files and lines.
    """
    problems: list[Problem] = []
    playbook = _read(root, root / PLAYBOOK, Playbook, problems)
    roster = _read(root, root / ROSTER, Roster, problems)
    files = _system_files(root, problems)
    systems = [read for path in files if (read := _read(root, path, System, problems)) is not None]
    if playbook:
        # Where a file cannot be read, it is not known which monitors there are.
        known = [read.model for read in systems] if len(systems) == len(files) else []
        problems += playbook_problems(playbook.document, playbook.model, channels, known)
    if roster:
        problems += roster_problems(roster.document, roster.model, channels)
    problems += _between(playbook, roster, systems)
    if problems or playbook is None or roster is None:
        raise Unusable(problems)
    in_order = sorted(systems, key=lambda read: (read.model.priority, read.model.id))
    return Workspace(root, playbook, roster, {read.model.id: read for read in in_order})


def read_playbook(content: bytes) -> Playbook:
    """The playbook of a version's stored bytes. Raises Unusable when this release cannot read it."""
    return understand(without_gone(parse_document(PLAYBOOK, content)), Playbook)


def read_system(name: str, content: bytes) -> System:
    """The AI system of stored bytes. Raises Unusable when this release cannot read it."""
    return understand(parse_document(name, content), System)


def read_roster(content: bytes) -> Roster:
    """The roster of stored bytes. Raises Unusable when this release cannot read it."""
    return understand(parse_document(ROSTER, content), Roster)


def _read(root: Path, path: Path, model: type[ModelT], problems: list[Problem]) -> Read[ModelT] | None:
    try:
        document = read_document(root, path)
        if model is Playbook:
            problems += gone_problems(document)
            document = without_gone(document)
        return Read(document, understand(document, model))
    except Unusable as unusable:
        problems += unusable.problems
        return None


def _system_files(root: Path, problems: list[Problem]) -> list[Path]:
    folder = root / SYSTEMS
    paths = sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml") and path.is_file())
    if not paths:
        fix = "describe each AI system in a file there; `holdfast init` writes an example"
        problems.append(Problem(f"{SYSTEMS}/", 0, 0, "", "holds no AI system", fix))
    return paths


def _between(
    playbook: Read[Playbook] | None, roster: Read[Roster] | None, systems: list[Read[System]]
) -> Iterator[Problem]:
    """Where one file speaks of what another must have."""
    yield from _systems_apart(systems)
    if playbook:
        yield from _systems_named(playbook, [read.model.id for read in systems])
    if roster:
        yield from _owners(roster.model, systems)
    if playbook and roster:
        yield from _people_behind(playbook, roster.model)


def _systems_apart(systems: list[Read[System]]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for read in systems:
        if read.model.id in first:
            cause = f"{read.model.id} is already described in {first[read.model.id]}"
            yield read.document.problem(("id",), cause, "give it another id")
        first.setdefault(read.model.id, read.document.name)
    yield from _flags_apart(systems)


def _flags_apart(systems: list[Read[System]]) -> Iterator[Problem]:
    """A flag is of one system: another one's file would else change what it answers."""
    of: dict[str, str] = {}
    for read in systems:
        for index, option in enumerate(read.model.containment):
            other = of.setdefault(option.flag, read.model.id)
            if other != read.model.id:
                cause = f"{other} already names the flag {option.flag}"
                yield read.document.problem(("containment", index, "flag"), cause, "name another flag")


def _systems_named(playbook: Read[Playbook], known: list[str]) -> Iterator[Problem]:
    for number, action in enumerate(playbook.model.containment.actions):
        for index, system in enumerate(action.fits.systems):
            if known and system not in known:
                way = ("containment", "actions", number, "fits", "systems", index)
                cause = f"no file in {SYSTEMS}/ describes {system}"
                yield playbook.document.problem(way, cause, did_you_mean(system, known))


def _owners(roster: Roster, systems: list[Read[System]]) -> Iterator[Problem]:
    ids = [person.id for person in roster.people]
    for read in systems:
        if roster.person(read.model.owner) is None:
            cause = f"{read.model.owner} is not among the people of {ROSTER}"
            yield read.document.problem(
                ("owner",), cause, f"add them there, or {did_you_mean(read.model.owner, ids)}"
            )
        elif AccessRole.AUDITOR in roster.access(read.model.owner):
            cause = f"{read.model.owner} audits, and can hold no task such as this system"
            yield read.document.problem(("owner",), cause, "name somebody else")


def _signers_apart(playbook: Read[Playbook], roster: Roster) -> Iterator[Problem]:
    """One person signs for one function, so as many people are needed as functions."""
    governance = playbook.model.governance
    needed = (
        (("governance", "sign_off"), governance.sign_off),
        (("governance", "signed_changes", "limits"), governance.signed_changes.limits),
        (("governance", "signed_changes", "authority"), governance.signed_changes.authority),
    )
    for way, functions in needed:
        signers = [[person.id for person in roster.signers(one)] for one in functions]
        if all(signers) and not any(len(set(who)) == len(functions) for who in product(*signers)):
            cause = f"{ROSTER} has too few different people to sign for {', '.join(functions)}"
            yield playbook.document.problem(way, cause, "one person signs for one function: name more there")


def _people_behind(playbook: Read[Playbook], roster: Roster) -> Iterator[Problem]:
    document, model = playbook.document, playbook.model
    ids = [person.id for person in roster.people]
    if model.owner not in ids:
        cause = f"{model.owner} is not among the people of {ROSTER}"
        yield document.problem(("owner",), cause, f"add them there, or {did_you_mean(model.owner, ids)}")
    if AccessRole.AUDITOR in roster.access(model.owner):
        cause = f"{model.owner} audits, and can hold no task such as this playbook"
        yield document.problem(("owner",), cause, "name somebody else")
    for index, function in enumerate(model.governance.sign_off):
        if not roster.signers(function):
            cause = f"nobody in {ROSTER} signs for {function}, so no version could become active"
            fix = f"add functions: [{function}] to a person there"
            yield document.problem(("governance", "sign_off", index), cause, fix)
    titles = sorted({title for person in roster.people for title in person.titles})
    for way, who in _whos(model):
        for index, title in enumerate(who.titles):
            if title not in titles:
                cause = f"nobody in {ROSTER} has the title {title}"
                yield document.problem((*way, "titles", index), cause, did_you_mean(title, titles))
            barred = [one for one in roster.titled(title) if not roster.takes_part(one.id)]
            if barred and way[0] == "severities":
                cause = (
                    f"{title} is {barred[0].name}, who {roster.barred(barred[0].id)} and can be in no team"
                )
                yield document.problem((*way, "titles", index), cause, "leave the title out")
    yield from _deputies(playbook, roster)
    yield from _signers_apart(playbook, roster)


def _deputies(playbook: Read[Playbook], roster: Roster) -> Iterator[Problem]:
    """A ladder that starts with deputies needs one for whoever is asked to acknowledge."""
    commander = IncidentRole.INCIDENT_COMMANDER
    if "deputies" in playbook.model.escalation.unacknowledged and not roster.roles[commander].deputies:
        cause = f"escalation goes to deputies first, and {ROSTER} names none for {commander}"
        fix = f"add roles.{commander}.deputies there"
        yield playbook.document.problem(("escalation", "unacknowledged"), cause, fix)


def _whos(playbook: Playbook) -> Iterator[tuple[Way, Who]]:
    """Every place where the playbook speaks of people, with the way to it."""
    for severity, level in playbook.severities.items():
        yield ("severities", severity.value, "team"), level.team
    for number in (1, 2, 3):
        yield ("escalation", "tiers", f"tier_{number}", "tells"), playbook.escalation.tiers[number].tells
    for severity, protocol in playbook.communication.protocols.items():
        for index, message in enumerate(protocol.messages):
            yield ("communication", "protocols", severity.value, "messages", index, "to"), message.to
    yield ("review", "shared_with"), playbook.review.shared_with
