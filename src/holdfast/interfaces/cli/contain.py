"""Containment: what is possible, who approved it, whether it holds, whether the harm stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.contain import reading
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import cell, facts, listed, table, words_of
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.steps import Taken, Words, stepped
from holdfast.interfaces.cli.typed import IncidentId
from holdfast.shapes import containment as shapes
from holdfast.steps import containment as steps

app = noun()


@command(app, "offers")
def offers(session: Session, incident: IncidentId) -> None:
    """What the playbook offers for this incident, the fastest first."""
    found = session.application.containing.offers(incident)
    session.answer(lambda: shapes.offered(incident, found), _offered)


@command(app, "list")
def list_(
    session: Session,
    incident: Annotated[
        str, typer.Argument(metavar="INCIDENT", help="Its containments; without it, what is in force now.")
    ] = "",
) -> None:
    """The containments of an incident, in the order they were proposed, or what is in force now."""
    ledger = session.application.ledger
    if incident:
        load(ledger, incident)
    with ledger.reading() as conn:
        found = reading.containments_of(conn, incident) if incident else reading.active(conn)

    def document() -> shapes.InForce:
        return shapes.InForce(containments=tuple(shapes.shown(one) for one in found))

    session.answer(document, lambda made: _listed(made, incident))


# Words -----------------------------------------------------------------------------------------


_Taken = Taken[Any, shapes.ContainmentShown]


def _then(
    also: Callable[[shapes.ContainmentShown], Iterable[RenderableType]],
) -> Words[Any, shapes.ContainmentShown]:
    """Words that say how a containment stands, and what follows."""

    def words(taken: _Taken) -> Iterable[RenderableType]:
        made = taken.shown
        yield cell(f"{made.containment}  {made.name}: {made.standing}", "bold")
        yield from also(made)

    return words


def _require_proven(taken: Taken[bool, shapes.ContainmentShown]) -> None:
    if not taken.answer:
        address = taken.session.application.settings.web.public_url
        taken.session.warn(
            f"not proven. Applications ask {address}: is `holdfast serve` running there? Ask again with "
            f"`holdfast contain probe {taken.on}`"
        )
        raise typer.Exit(1)


def _approve(made: shapes.ContainmentShown) -> Iterable[RenderableType]:
    yield f"Approve it: holdfast contain approve {made.containment} --as EMAIL"


def _apply(made: shapes.ContainmentShown) -> Iterable[RenderableType]:
    yield f"Apply it: holdfast contain apply {made.containment} --as EMAIL"


def _seen(taken: Taken[Any, shapes.EffectShown]) -> Iterable[RenderableType]:
    words = {"stopped": "The harm stopped", "continuing": "The harm continues", "unknown": "Not known yet"}
    yield f"{words[taken.shown.effect]}: {taken.shown.sentence}."


def _against(taken: Taken[Any, Any]) -> Iterable[RenderableType]:
    yield f"{taken.on} is not contained, by decision: {taken.said.reason}"


def _offered(made: shapes.Offers) -> Iterable[RenderableType]:
    if not made.offers:
        yield f"Nothing is offered for {made.incident}: its system has no containment prepared that fits."
        return
    for offer in made.offers:
        yield cell(f"{offer.option}  {offer.name}", "bold")
        segment = "; ".join(f"{key}: {listed(values)}" for key, values in offer.segment.items())
        yield facts(
            ("Takes", wording.duration(offer.takes_seconds)),
            ("When", offer.when),
            ("Does", offer.does),
            ("Requests", segment or "all"),
            ("Undo", offer.undo),
            ("Needs", f"the authority to {offer.authority.says}"),
        )
        yield ""
    yield f"Propose one: holdfast contain propose {made.incident} OPTION --as EMAIL"


def _listed(made: shapes.InForce, incident: str) -> Iterable[RenderableType]:
    if not made.containments:
        yield (
            f"No containment so far. What is possible: holdfast contain offers {incident}"
            if incident
            else "Nothing is contained at the moment: every switch lets the model answer."
        )
        return
    rows = [(one.containment, one.name, one.standing, _effect(one)) for one in made.containments]
    yield table(("Containment", "What", "Standing", "Harm"), rows, keep=("Containment",))


def _effect(one: shapes.ContainmentShown) -> str:
    return words_of(one.effect.effect) if one.effect else "not looked at"


def _checks(made: shapes.ContainmentShown) -> Iterable[RenderableType]:
    probe = made.last_probe
    if probe is None:
        return
    rows = [
        (cell("yes", "green") if one.ok else cell("NO", "red"), one.asked, one.expected, one.answered)
        for one in probe.checks
    ]
    yield table(("Right", "Asked", "Expected", "Answered"), rows)
    asked = wording.plural(len(probe.checks), "question")
    yield f"{asked} to Holdfast's own address in {probe.milliseconds} ms."
    if made.in_force and made.obeyed is None:
        yield "No application is known to have asked so far. Look later:"
        yield f"holdfast contain effect {made.containment} --as EMAIL"
    if made.not_preserved:
        yield f"Not preserved beforehand: {listed(made.not_preserved)}"


stepped(app, steps.propose, _then(_approve))
stepped(app, steps.approve, _then(_apply))
stepped(app, steps.carry_out, _then(_checks), _require_proven)
stepped(app, steps.probe, _then(_checks), _require_proven)
stepped(app, steps.observe, _seen)
stepped(app, steps.revert, _then(_checks), _require_proven)
stepped(app, steps.decide_against, _against)
