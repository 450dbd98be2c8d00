"""What addresses of pages hold."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

IncidentNumber = Annotated[str, Path(pattern=r"^INC-[1-9][0-9]{0,11}$")]
"""An incident in an address; anything else is a page that does not exist."""
