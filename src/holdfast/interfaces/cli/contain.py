"""Containment: what is possible, who approved it, whether it holds, whether the harm stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

import typer
from rich.console import RenderableType

from holdfast import wording
from holdfast.contain import reading
from holdfast.incident.loading import load
from holdfast.interfaces.cli.output import cell, facts, listed, table, words_of
from holdfast.interfaces.cli.session import Session, command, noun
from holdfast.interfaces.cli.typed import ContainmentId, IncidentId, Reason
from holdfast.people import Permission
from holdfast.shapes import containment as shapes
from holdfast.shapes import incidents

app = noun("contain", "Containment: stop the harm, and prove that it stopped.")
Why = Annotated[str, typer.Option("--reason", "-r", help="Why; it becomes part of the record.")]


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


@command(app, "propose")
def propose(
    session: Session,
    incident: IncidentId,
    option: Annotated[str, typer.Argument(metavar="OPTION", help="As `contain offers` calls it.")],
    reason: Why = "",
) -> None:
    """Put an offer up for approval. The same one twice is one."""
    by = session.acting(Permission.CONTAIN)
    number = session.application.containing.propose(incident, option, reason, by=by, at=session.now)
    _answer(session, number, lambda made: [f"Approve it: holdfast contain approve {number} --as EMAIL"])


@command(app, "approve")
def approve(session: Session, containment: ContainmentId, reason: Why = "") -> None:
    """Say yes, with the authority to; this meets the containment clock."""
    by = session.acting(Permission.CONTAIN)
    session.application.containing.approve(containment, reason, by=by, at=session.now)
    _answer(session, containment, lambda made: [f"Apply it: holdfast contain apply {containment} --as EMAIL"])


@command(app, "apply")
def apply(session: Session, containment: ContainmentId) -> None:
    """Set the switch and ask the flag address. Exits 1 while it does not answer by the switch."""
    by = session.acting(Permission.CONTAIN)
    proven = session.application.containing.carry_out(containment, by=by, at=session.now)
    _answer(session, containment, _checks)
    _require(session, containment, proven)


@command(app, "probe")
def probe(session: Session, containment: ContainmentId) -> None:
    """Ask the flag address again. Exits 1 when it does not answer as it should."""
    by = session.acting(Permission.CONTAIN)
    proven = session.application.containing.probe(containment, by=by, at=session.now)
    _answer(session, containment, _checks)
    _require(session, containment, proven)


@command(app, "effect")
def effect(session: Session, containment: ContainmentId) -> None:
    """Say whether the harm stopped, going by the prediction log and the monitors."""
    by = session.acting(Permission.CONTAIN)
    observed = session.application.containing.observe_effect(containment, by=by, at=session.now)
    words = {"stopped": "The harm stopped", "continuing": "The harm continues", "unknown": "Not known yet"}
    session.answer(lambda: shapes.effect(observed), lambda made: [f"{words[made.effect]}: {made.sentence}."])


@command(app, "revert")
def revert(session: Session, containment: ContainmentId, reason: Reason) -> None:
    """Set the switch back and ask the flag address. Exits 1 while it is not seen to be back."""
    by = session.acting(Permission.CONTAIN)
    back = session.application.containing.revert(containment, reason, by=by, at=session.now)
    _answer(session, containment, _checks)
    _require(session, containment, back)


@command(app, "against")
def against(session: Session, incident: IncidentId, reason: Reason) -> None:
    """Decide not to contain, with a reason: a decision too, and it meets the clock."""
    by = session.acting(Permission.CONTAIN)
    session.application.containing.decide_against(incident, reason, by=by, at=session.now)

    def document() -> incidents.IncidentShown:
        return incidents.shown(load(session.application.ledger, incident).state)

    session.answer(document, lambda made: [f"{incident} is not contained, by decision: {reason}"])


# Words -----------------------------------------------------------------------------------------


def _answer(
    session: Session,
    containment: str,
    also: Callable[[shapes.ContainmentShown], Iterable[RenderableType]],
) -> None:
    def words(made: shapes.ContainmentShown) -> Iterable[RenderableType]:
        yield cell(f"{made.containment}  {made.name}: {made.standing}", "bold")
        yield from also(made)

    ledger = session.application.ledger
    session.answer(lambda: shapes.shown(reading.load(ledger, containment).state), words)


def _require(session: Session, containment: str, proven: bool) -> None:
    if not proven:
        address = session.application.settings.web.public_url
        session.warn(
            f"not proven. Applications ask {address}: is `holdfast serve` running there? Ask again with "
            f"`holdfast contain probe {containment}`"
        )
        raise typer.Exit(1)


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
