"""From dossier to document."""

from __future__ import annotations

from datetime import datetime

from holdfast.audit.dossier import Dossier
from holdfast.audit.report.content import content
from holdfast.audit.report.typesetting import typeset
from holdfast.people import Actor


def report_pdf(dossier: Dossier, *, by: Actor, at: datetime) -> bytes:
    """The report on one incident as PDF/A-2a and PDF/UA-1, made for `by` at `at`.

    The same dossier, person and time give the same bytes.
    """
    return typeset(content(dossier, by, at), at)
