"""The log's signing key: Ed25519, in one file that only its owner can read."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


class KeyProblem(Exception):
    """The key file is missing or unusable; the message says what to do."""


def create(path: Path) -> Ed25519PrivateKey:
    """Make a new key file with mode 0600. Raises FileExistsError rather than replace one."""
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return key


def load(path: Path) -> Ed25519PrivateKey:
    """Read the key. Raises KeyProblem where it is missing, unreadable or of another kind."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise KeyProblem(
            f"the signing key {path} is missing; restore it from your backup, because checkpoints of "
            "this log cannot be signed by another key"
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise KeyProblem(f"the signing key {path} cannot be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyProblem(f"the signing key {path} is not an Ed25519 key")
    return key
