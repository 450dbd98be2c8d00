"""The names in addresses. One that has not the right form is a wrong address (404), not a wrong value."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query

from holdfast.shapes.base import Storable
from holdfast.steps import addresses
from holdfast.steps.addresses import Named


def in_address(how: Named) -> Any:
    """How a name in an address looks, as a route takes it."""
    return Path(pattern=how.pattern or None, examples=[how.example] if how.example else None)


IncidentId = Annotated[str, in_address(addresses.INCIDENT)]
AlertId = Annotated[str, in_address(addresses.ALERT)]
ContainmentId = Annotated[str, in_address(addresses.CONTAINMENT)]
ItemId = Annotated[str, in_address(addresses.ITEM)]
MessageId = Annotated[str, in_address(addresses.MESSAGE)]
Name = Annotated[str, in_address(addresses.NAME)]
EvidenceId = Annotated[str, Path(pattern=r"^EV-[1-9][0-9]{0,5}$", examples=["EV-1"])]
Seq = Annotated[int, Path(ge=0, le=2**53)]

Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Filter = Annotated[Storable, Query(max_length=200)]
