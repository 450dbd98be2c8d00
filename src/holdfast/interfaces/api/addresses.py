"""The names in addresses. One that has not the right form is a wrong address (404), not a wrong value."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from holdfast.shapes.base import Storable

IncidentId = Annotated[str, Path(pattern=r"^INC-[1-9][0-9]{0,8}$", examples=["INC-1"])]
AlertId = Annotated[str, Path(pattern=r"^ALR-[1-9][0-9]{0,8}$", examples=["ALR-1"])]
ContainmentId = Annotated[str, Path(pattern=r"^INC-[1-9][0-9]{0,8}-C[1-9][0-9]{0,5}$", examples=["INC-1-C1"])]
ItemId = Annotated[str, Path(pattern=r"^INC-[1-9][0-9]{0,8}-R[1-9][0-9]{0,5}$", examples=["INC-1-R1"])]
EvidenceId = Annotated[str, Path(pattern=r"^EV-[1-9][0-9]{0,5}$", examples=["EV-1"])]
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,120}$")]
Seq = Annotated[int, Path(ge=0, le=2**53)]

Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Filter = Annotated[Storable, Query(max_length=200)]
