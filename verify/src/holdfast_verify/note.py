"""Signed notes with Ed25519, as c2sp.org/signed-note specifies them (v1.0.0).

A note is text, an empty line, and one line per signature:

    — <key name> base64(key ID || signature)
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
"""Signature type of a plain Ed25519 signature over the note text."""
_MAX_SIGNATURES = 100
"""More are refused; the specification asks for at least 16."""


class NoteError(ValueError):
    """A note or key is malformed, or not signed as required; the message says how."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key and the name it signs under."""

    name: str
    public: bytes
    """Ed25519 public key, 32 bytes (RFC 8032)."""

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(c.isspace() or c < " " for c in self.name):
            raise NoteError(f"the key name {self.name!r} is empty or holds a space or a plus sign")
        if len(self.public) != 32:
            raise NoteError(f"the key of {self.name} is {len(self.public)} bytes long, not 32")

    @property
    def id(self) -> bytes:
        """The key ID: SHA-256(name || 0x0A || 0x01 || public key)[:4]."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """The verifier key as text: name+hex(key ID)+base64(0x01 || public key)."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read the text form. Raises NoteError for anything but its exact spelling and a matching key ID."""
        name, plus, rest = text.partition("+")
        _, second, encoded = rest.partition("+")
        if not plus or not second:
            raise NoteError("a verifier key reads name+keyid+base64key")
        material = decode_base64(encoded)
        if material[:1] != _ED25519:
            raise NoteError(f"the key of {name} is not of the type Ed25519 (0x01)")
        key = cls(name, material[1:])
        if str(key) != text:
            raise NoteError(f"the key ID of {name} does not belong to its key")
        return key


class Signer:
    """Signs notes under one name."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier_key = VerifierKey(name, key.public_key().public_bytes_raw())

    def line(self, text: str) -> str:
        """The signature line over the note text."""
        signature = base64.b64encode(self.verifier_key.id + self._key.sign(text.encode())).decode()
        return f"— {self.verifier_key.name} {signature}\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note with at least one verified signature."""

    text: str
    verified: tuple[VerifierKey, ...]
    """Whose signatures were checked and hold, each once."""
    unknown: tuple[Signature, ...]
    """Signatures by keys that are not known here; they say nothing."""


def sign(text: str, *signers: Signer) -> bytes:
    """The signed note. Raises NoteError for text that no note can hold."""
    if not signers:
        raise NoteError("a note needs at least one signature")
    _require_text(text)
    return (text + "\n" + "".join(signer.line(text) for signer in signers)).encode()


def parse(raw: bytes) -> tuple[str, tuple[Signature, ...]]:
    """Text and signature lines of a note, nothing verified yet. Raises NoteError for a malformed note."""
    try:
        message = raw.decode()
    except UnicodeDecodeError as error:
        raise NoteError("the note is not UTF-8") from error
    text, gap, block = message.rpartition("\n\n")
    text += "\n"
    if not gap or not block.endswith("\n"):
        raise NoteError("the note has no signature lines after an empty line")
    _require_text(text)
    lines = block[:-1].split("\n")
    if len(lines) > _MAX_SIGNATURES:
        raise NoteError(f"the note has more than {_MAX_SIGNATURES} signatures")
    return text, tuple(_signature(line) for line in lines)


def verify(raw: bytes, keys: Iterable[VerifierKey]) -> Note:
    """Open a note that one of `keys` has signed.

    Signatures of unknown keys are ignored, as the specification demands; a signature of a known key
    that does not hold fails the whole note. Raises NoteError, also when no known key has signed.
    """
    known = {(key.name, key.id): key for key in keys}
    text, signatures = parse(raw)
    verified: dict[VerifierKey, None] = {}
    unknown: dict[Signature, None] = {}
    for signature in signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            unknown[signature] = None
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature.signature, text.encode())
        except (InvalidSignature, ValueError) as error:
            raise NoteError(f"the signature of {key.name}+{key.id.hex()} does not hold") from error
        verified[key] = None
    if not verified:
        raise NoteError("the note is not signed by any known key")
    return Note(text, tuple(verified), tuple(unknown))


def decode_base64(text: str) -> bytes:
    """Standard base64 (RFC 4648 section 4) in its one spelling, unused bits zero; else NoteError."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError(f"{text[:40]!r} is not base64") from error
    if base64.b64encode(found).decode() != text:
        raise NoteError(f"{text[:40]!r} is not base64 in its exact spelling")
    return found


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    content = decode_base64(encoded)
    if dash != "—" or not name or "+" in name or any(c.isspace() for c in name) or len(content) < 5:
        raise NoteError(f"the signature line {line[:60]!r} does not read '— name base64'")
    return Signature(name, content[:4], content[4:])


def _require_text(text: str) -> None:
    if not text.endswith("\n") or any(c < " " and c != "\n" for c in text):
        raise NoteError("the note's text must end in a line break and hold no control characters")
