"""One message as the bytes of a mail (RFC 5322, MIME)."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from holdfast.ledger.outbox import QueuedMessage
from holdfast.wording import visible

# Lines end in CRLF, as RFC 5321 section 2.3.8 demands, and hold ASCII alone: not every server takes more.
_POLICY = SMTP.clone(cte_type="7bit")
_WORD_BYTES = 45
"""Of text in an encoded word: 45 bytes become 60 letters, and with its frame fewer than the 75 allowed."""


def mail(message: QueuedMessage, sender: str, at: datetime) -> bytes:
    """The same message always has the same Message-ID, so that a receiver can tell a repetition.

    Raises ValueError for what cannot stand in a header: a line break there is an attack or a mistake.
    """
    if re.search(r"[\r\n\x00]", message.subject):
        raise ValueError("the subject holds a line break")
    domain = sender.partition("@")[2]
    made = EmailMessage(policy=_POLICY)
    made["From"] = sender
    made["To"] = message.address
    made["Date"] = format_datetime(at)
    made["Message-ID"] = f"<{message.message}@{domain}>"
    made["Idempotency-Key"] = message.message
    if message.incident:
        made["References"] = f"<{message.incident.lower()}@{domain}>"
        made["X-Holdfast-Incident"] = message.incident
    made.set_content(visible(message.text))
    return b"Subject: " + subject(visible(message.subject)) + b"\r\n" + made.as_bytes()


def subject(text: str) -> bytes:
    """A subject that arrives letter by letter.

    The standard library loses and adds spaces where it folds between encoded words. Here everything is one
    run of encoded words (RFC 2047 section 2), cut between letters; what separates them is not part of it.
    """
    if re.fullmatch(r"[!-~]+( [!-~]+)*", text) and len(text) <= 60 and "=?" not in text:
        return text.encode("ascii")
    words, word = [], b""
    for letter in text:
        encoded = letter.encode()
        if len(word) + len(encoded) > _WORD_BYTES:
            words.append(word)
            word = b""
        word += encoded
    words.append(word)
    return b"\r\n ".join(b"=?utf-8?B?" + base64.b64encode(word) + b"?=" for word in words)
