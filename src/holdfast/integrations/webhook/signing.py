"""What proves to a receiver who has sent a message, and that nobody changed it.

Standard Webhooks 1.0.0 (https://www.standardwebhooks.com), "Signature scheme": HMAC-SHA256 of number, time
and body. Each receiver shares a secret of its own with Holdfast, so that none can speak for it to another.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import stat
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from holdfast.ledger.inspecting import PRIVATE
from holdfast.problems import Fault

_PREFIX = "whsec_"
_FEWEST, _MOST = 24, 64
"""Bytes of a secret."""


def signed(message: str, at: datetime, body: bytes, secrets: Sequence[bytes]) -> Mapping[str, str]:
    """The headers of one request. While a secret is being replaced, each of them signs."""
    seconds = str(int(at.timestamp()))
    said = f"{message}.{seconds}.".encode() + body
    made = (base64.b64encode(hmac.digest(secret, said, "sha256")).decode() for secret in secrets)
    return {
        "webhook-id": message,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{one}" for one in made),
    }


def secrets_of(path: Path, address: str) -> tuple[bytes, ...]:
    """The secrets shared with the receiver at an address: those of the longest beginning of it that the file
    names. Raises Fault where there are none, or the file cannot be used."""
    found = [(start, secrets) for start, secrets in _lines(path) if _covers(start, address)]
    if not found:
        raise Fault(
            f"no line of {path} names its beginning, so that nothing could be signed",
            "add one: the address, a space and the secret that its receiver knows",
        )
    return max(found, key=lambda one: len(one[0]))[1]


def _covers(start: str, address: str) -> bool:
    """A beginning ends where a part of the address does: no other host, and no longer name, begins so."""
    return address == start or address.startswith(start if start.endswith("/") else f"{start}/")


def _lines(path: Path) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        start, *secrets = line.split()
        try:
            yield start, tuple(_secret(one) for one in secrets or ("",))
        except ValueError as error:
            raise Fault(
                f"line {number} of {path} holds no usable secret",
                f"write the address, a space, and {_PREFIX} with {_FEWEST} to {_MOST} random bytes in base64",
            ) from error


def _text(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "") or "not UTF-8"
        raise Fault(
            f"{path} cannot be read ({why})", "put the file of secrets there, for you alone"
        ) from error
    if mode & PRIVATE:
        cause = f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}): they could sign as well"
        raise Fault(cause, "run chmod 600 on it, and replace the secrets")
    return text


def _secret(written: str) -> bytes:
    """Raises ValueError."""
    if not written.startswith(_PREFIX):
        raise ValueError(f"it does not begin with {_PREFIX}")
    try:
        secret = base64.b64decode(written.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("it is not base64") from error
    if not _FEWEST <= len(secret) <= _MOST:
        raise ValueError(f"it has {len(secret)} bytes")
    return secret
