"""The names in addresses. One that has not the right form is a wrong address, not a wrong value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from holdfast.people import IncidentRole
from holdfast.prepare.terms import Function
from holdfast.shapes.base import ALERT_NUMBER, INCIDENT_NUMBER


@dataclass(frozen=True, slots=True)
class Named:
    """How a name in an address looks."""

    metavar: str
    help: str
    example: str = ""
    pattern: str = ""
    """Empty where the type says it all."""
    flag: str = ""
    """The option of a command that says it, where the command may do without: then it is empty."""


INCIDENT = Named("INCIDENT", "Its number: INC-1.", "INC-1", INCIDENT_NUMBER)
ALERT = Named("ALERT", "Its number: ALR-1.", "ALR-1", ALERT_NUMBER)
CONTAINMENT = Named(
    "CONTAINMENT", "Its number: INC-1-C1.", "INC-1-C1", r"^INC-[1-9][0-9]{0,8}-C[1-9][0-9]{0,5}$"
)
ITEM = Named("ITEM", "Its number: INC-1-R1.", "INC-1-R1", r"^INC-[1-9][0-9]{0,8}-R[1-9][0-9]{0,5}$")
MESSAGE = Named("MESSAGE", "Its number, as the list shows it.", "0123456789abcdef", r"^[0-9a-f]{16}$")
NAME = Named("NAME", "As the lists call it.", pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,120}$")

AlertId = Annotated[str, ALERT]
IncidentId = Annotated[str, INCIDENT]
ContainmentId = Annotated[str, CONTAINMENT]
ItemId = Annotated[str, ITEM]
MessageId = Annotated[str, MESSAGE]
System = Annotated[str, replace(NAME, metavar="SYSTEM", help="Its id.", example="loan-approval")]
Change = Annotated[str, replace(NAME, metavar="CHANGE", help="Its number: CHG-1.", example="CHG-1")]
Version = Annotated[
    str,
    replace(
        NAME,
        metavar="VERSION",
        help="A label, a hash, or the beginning of a hash; the one applied last unless given.",
        example="1.0",
        flag="--version",
    ),
]
SignsFor = Annotated[Function, Named("FUNCTION", " | ".join(Function), Function.ENGINEERING.value)]
Role = Annotated[
    IncidentRole, Named("ROLE", "incident_commander, technical_lead, …", IncidentRole.TECHNICAL_LEAD.value)
]
