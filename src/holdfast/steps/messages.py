"""Messages: try again what was given up, or see to it otherwise."""

from __future__ import annotations

from holdfast.ledger import outbox
from holdfast.people import Permission
from holdfast.shapes import messages as shapes
from holdfast.steps.addresses import MessageId
from holdfast.steps.step import Call, step


def _shown(call: Call, message: str, _: None) -> shapes.MessageShown:
    return shapes.message(call.ledger, message)


@step("message", "PUT /messages/{message}/retry", may=Permission.RESPOND, shows=_shown)
def retry(call: Call, message: MessageId) -> None:
    """Try again a message that was given up; a running worker sends it. Does nothing for one that was sent or
    is still being tried."""
    shapes.message(call.ledger, message)
    outbox.retry(call.ledger, message, call.by, call.at)


@step("message", "PUT /messages/{message}/seen-to", may=Permission.RESPOND, shows=_shown)
def see_to(call: Call, message: MessageId, said: shapes.SeeingTo) -> None:
    """Say what was done about a message that was given up: the person was told otherwise, or need not be. It
    is no longer shown as unreached."""
    shapes.message(call.ledger, message)
    outbox.see_to(call.ledger, message, said.reason, call.by, call.at)


STEPS = (retry, see_to)
