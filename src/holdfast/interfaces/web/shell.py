"""What stands around every page: the proof in the corner and what waits behind the navigation."""

from __future__ import annotations

import re
from functools import lru_cache
from zoneinfo import ZoneInfo

from holdfast import wording
from holdfast.access.signed_in import SignedIn
from holdfast.application import Application
from holdfast.detect import records
from holdfast.incident import register
from holdfast.incident.register import Filter
from holdfast.interfaces.standing import working_of
from holdfast.interfaces.web.rendering import Reader, Seal
from holdfast.ledger import sealing
from holdfast.ledger.timekeeping import ClockStepped
from holdfast.people import Permission


def seal_of(application: Application) -> Seal:
    """What the ledger can prove at this moment."""
    size, checked = application.ledger.size(), application.checks.last()
    sealed, doubt = None, ""
    with application.ledger.reading() as conn:
        try:
            sealed = sealing.newest(conn)
            # What is shown as sealed was looked at for this very page: signature, and root of the tree.
            doubt = sealing.doubt(conn, sealed, application.verifier_key) if sealed else ""
        except (ValueError, TypeError) as error:
            doubt = f"The newest checkpoint cannot be read: {error}."
    if sealed and sealed.size > size:
        doubt = f"{sealed.size} facts were sealed, but the ledger holds only {size}."
    stepped = _stepped(application)
    trouble = (
        stepped or working_of(application).refused_to_seal or (checked.trouble if checked else "") or doubt
    )
    return Seal(
        stepped=bool(stepped),
        checked_at=checked.at if checked else None,
        verdict=checked.found.verdict if checked else "",
        facts=size,
        waiting=max(0, size - sealed.size) if sealed else size,
        sealed_at=sealed.at if sealed else None,
        root=sealed.root.hex() if sealed else None,
        trouble=trouble,
    )


def _stepped(application: Application) -> str:
    """How the machine's clock jumped; empty while it goes on evenly."""
    try:
        application.ledger.require_steady()
    except ClockStepped as stepped:
        return f"{wording.capital(str(stepped))}."
    return ""


def counts_of(application: Application) -> dict[str, int]:
    """How many things wait behind a navigation entry, by its key."""
    return application.ledger.steady(
        "waiting",
        lambda conn: {
            "incidents": register.count(conn, Filter(running=True)),
            "alerts": records.waiting_alerts(conn),
        },
    )


def reader_of(signed_in: SignedIn, zone: str | None) -> Reader:
    """The person looking, with what they may do and their time zone."""
    return Reader(
        id=signed_in.actor.id,
        name=signed_in.actor.name,
        roles=tuple(role.value for role in signed_in.access),
        may=frozenset(permission.value for permission in Permission if signed_in.may(permission)),
        zone=zone,
    )


def zone_of(told: str | None, application: Application) -> str | None:
    """The browser's zone where it names a real one, else the installation's."""
    found = told if told and _is_zone(told) else application.settings.timezone
    return None if found == "UTC" else found


@lru_cache(maxsize=1000)
def _is_zone(name: str) -> bool:
    if len(name) > 64 or not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", name):
        return False
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return False
    return True
