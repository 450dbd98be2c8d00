"""The names in addresses. One that has not the right form is a wrong address, not a wrong value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from holdfast.people import IncidentRole
from holdfast.prepare.terms import Function


@dataclass(frozen=True, slots=True)
class Named:
    """How a name in an address looks."""

    metavar: str
    help: str
    example: str
    pattern: str = ""
    """Empty where the type says it all."""


IncidentId = Annotated[str, Named("INCIDENT", "Its number: INC-1.", "INC-1", r"^INC-[1-9][0-9]{0,8}$")]
AlertId = Annotated[str, Named("ALERT", "Its number: ALR-1.", "ALR-1", r"^ALR-[1-9][0-9]{0,8}$")]
ContainmentId = Annotated[
    str,
    Named("CONTAINMENT", "Its number: INC-1-C1.", "INC-1-C1", r"^INC-[1-9][0-9]{0,8}-C[1-9][0-9]{0,5}$"),
]
ItemId = Annotated[
    str, Named("ITEM", "Its number: INC-1-R1.", "INC-1-R1", r"^INC-[1-9][0-9]{0,8}-R[1-9][0-9]{0,5}$")
]
MessageId = Annotated[str, Named("MESSAGE", "Its number, as the list shows it.", "0" * 16, r"^[0-9a-f]{16}$")]
Name = Annotated[
    str, Named("NAME", "As the lists call it.", "loan-approval", r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,120}$")
]
Role = Annotated[
    IncidentRole, Named("ROLE", "incident_commander, technical_lead, …", IncidentRole.TECHNICAL_LEAD.value)
]
ForFunction = Annotated[Function, Named("FUNCTION", f"{', '.join(Function)}.", next(iter(Function)).value)]
