"""Files in requests and answers, as the description names them."""

from __future__ import annotations

from typing import Any

_BYTES = {"schema": {"type": "string", "format": "binary"}}


def sent(media_type: str) -> dict[str, Any]:
    """For a route whose body is a file."""
    return {"requestBody": {"required": True, "content": {media_type: _BYTES}}}


def handed_out(media_type: str, description: str) -> dict[str, Any]:
    """For a route that answers with a file."""
    return {"content": {media_type: _BYTES}, "description": description}
