"""Another incident that became one with the one at hand."""

from __future__ import annotations

from holdfast.incident.events import Absorbed, ImpactNoted


def absorbed(incident: str, impact: ImpactNoted) -> Absorbed:
    """The incident that `impact` is of, of which nothing else was known."""
    return Absorbed(
        incident=incident,
        other=impact.incident,
        title="Letters",
        severity=None,
        category=None,
        began_at=None,
        alerts=(),
        reason="the same",
        impact=impact,
    )
