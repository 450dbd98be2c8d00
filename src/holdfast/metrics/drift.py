"""How far a column has moved from its reference, from counts on frozen bins.

Definitions, because these names mean different things elsewhere:

- *PSI*: sum of (q − p) ln(q / p) over the bins, natural logarithm; a share under `EPSILON` counts as
  `EPSILON`. For numbers, bins of equal mass in the reference, plus underflow, overflow and missing; for
  categories, the reference's values, plus unseen and missing.
- *Jensen–Shannon*: the distance, that is the square root of the divergence, natural logarithm, on the
  same bins; 0 to 0.8326. Equals `scipy.spatial.distance.jensenshannon`.
- *KS*: largest difference of the two cumulative shares at the edges of `FINE` bins of equal mass in the
  reference; off by at most one bin's mass.
- *Wasserstein*: area between the two cumulative shares, divided by the reference's standard deviation;
  0.1 is a tenth of a standard deviation. Straight lines within fine bins, exact beyond them. A bin that an
  outlier or a gap stretches over more than a `STRETCHED`-th of the range between the outermost
  `FINE`-quantiles is cut into pieces of a `GRID`-th, outwards ever wider ones. By how much bins may be off at
  most is computed from the same counts, said, and part of the interval. Where the reference has one value
  only, the unit is the standard deviation of both taken half and half.

Both PSI and Jensen–Shannon are positive without any drift: PSI's expectation is then about
(B − 1)(1/n + 1/m) for B bins (Yurdakul and Naranjo, Journal of Risk Model Validation 14, 2020), and the
Jensen–Shannon divergence an eighth of that. The intervals take this bias off; the values do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.metrics.intervals import Measured, NotComputable, Value, normal_quantile

EPSILON = 1e-4
MOST_ERROR = 0.5
"""Standard deviations that bins may be off before a Wasserstein distance is not shown."""
Floats = NDArray[np.float64]


def psi(reference: Sequence[float], current: Sequence[float], confidence: float) -> Measured:
    """Population stability index with its interval.

    Delta method for two independent multinomials, after taking off the bias, plus the spread that
    remains without drift (a chi-square with B − 1 degrees of freedom, scaled by 1/n + 1/m). The slopes
    are taken where half a row is added to each bin: at an empty one they would be those of a share of
    1 in 10,000 that nobody measured, and no interval of a small window would exclude anything.
    """
    shares = _shares(reference, current)
    if isinstance(shares, NotComputable):
        return shares
    p, q, m, n = shares
    value = float(np.sum((q - p) * np.log(q / p)))
    p_, q_ = _smoothed(p, m), _smoothed(q, n)
    slope_q = np.log(q_ / p_) + 1 - p_ / q_
    slope_p = np.log(p_ / q_) + 1 - q_ / p_
    spread = _variance(slope_q, q_) / n + _variance(slope_p, p_) / m
    scale = 1 / n + 1 / m
    freedom = len(p) - 1
    return _unbiased(value, freedom * scale, spread + 2 * freedom * scale**2, n, confidence)


def _smoothed(shares: Floats, n: int) -> Floats:
    """Shares with half a row added to each bin."""
    result: Floats = (shares * n + 0.5) / (n + len(shares) / 2)
    return result


def jensen_shannon(reference: Sequence[float], current: Sequence[float], confidence: float) -> Measured:
    """Jensen–Shannon distance; the interval is the divergence's, under the root."""
    shares = _shares(reference, current, epsilon=0.0)
    if isinstance(shares, NotComputable):
        return shares
    p, q, m, n = shares
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = np.where(p > 0, np.log(p / middle), 0.0)
        log_q = np.where(q > 0, np.log(q / middle), 0.0)
    divergence = float(np.sum(p * log_p + q * log_q)) / 2
    spread = (_variance(log_q / 2, q) / n) + (_variance(log_p / 2, p) / m)
    scale = (1 / n + 1 / m) / 8
    freedom = len(p) - 1
    around = _unbiased(divergence, freedom * scale, spread + 2 * freedom * scale**2, n, confidence)
    low, high = (sqrt(min(max(x, 0.0), log(2))) for x in (around.lower, around.upper))
    return Value(sqrt(max(divergence, 0.0)), low, high, n)


def ks(reference: Sequence[float], current: Sequence[float], confidence: float) -> Measured:
    """Kolmogorov–Smirnov statistic; counts are [underflow, bins, overflow, missing], missing left out.

    Interval by Dvoretzky–Kiefer–Wolfowitz with Massart's constant (Annals of Probability 18, 1990), half
    of the error to each sample: wide, but it holds for every distribution.
    """
    totals = _totals(reference[:-1], current[:-1])
    if isinstance(totals, NotComputable):
        return totals
    m, n = totals
    value = float(np.max(np.abs(_cumulative(reference[:-1]) - _cumulative(current[:-1]))))
    alpha = (1 - confidence) / 2
    half = sqrt(log(2 / alpha) / (2 * n)) + sqrt(log(2 / alpha) / (2 * m))
    return Value(value, max(0.0, value - half), min(1.0, value + half), n)


def wasserstein(
    reference: Sequence[float],
    current: Sequence[float],
    edges: Sequence[float],
    tails: tuple[Sequence[float], Sequence[float]],
    deviation: float,
    confidence: float,
) -> Measured:
    """Wasserstein distance of order 1, in standard deviations of the reference.

    `tails` hold for reference and current [sum of what lies under the first edge, above the last]. The
    lower end takes off the expectation without drift, at most the integral of sqrt(F(1 − F)(1/n + 1/m))
    (Bobkov and Ledoux, Memoirs of the AMS 1259, 2019, theorem 3.2). The spread: a Kantorovich potential
    is 1-Lipschitz, so the variance is at most that of the column, over n and m.
    """
    totals = _totals(reference[:-1], current[:-1])
    if isinstance(totals, NotComputable):
        return totals
    m, n = totals
    widths = np.diff(np.asarray(edges, dtype=float))
    f, g = _cumulative(reference[:-1])[:-1], _cumulative(current[:-1])[:-1]
    inside = widths * _mean_distance(f - g)
    before, after = (np.asarray(own, dtype=float) / total for own, total in zip(tails, (m, n), strict=True))
    area = float(np.sum(inside) + np.sum(np.abs(before - after)))
    if area == 0:
        return Value(0.0, 0.0, 0.0, n)
    if deviation <= 0:
        return NotComputable("not computable: neither the reference nor the window has two values", n)
    least, most = _bounds(f, g, widths)
    above = (float(np.sum(most - inside)) + 2 * float(np.sum(np.minimum(before, after)))) / deviation
    below = float(np.sum(inside - least)) / deviation
    error = max(above, below)
    if error > MOST_ERROR:
        return NotComputable(
            f"not computable: the bins of the reference are too wide for how the column has moved (it may be "
            f"off by {error:.3g} standard deviations); method: ks does not depend on their width",
            n,
        )
    half = normal_quantile(confidence) * sqrt(1 / n + 1 / m)
    root = np.sqrt(f * (1 - f))
    noise = float(np.sum(widths * (root[:-1] + root[1:]) / 2)) / deviation * sqrt(1 / n + 1 / m)
    value = area / deviation
    return Value(value, max(0.0, value - noise - half - below), value + half + above, n, bins=error)


def _bounds(f: Floats, g: Floats, widths: Floats) -> tuple[Floats, Floats]:
    """The least and the largest area that can lie between two rising curves in each bin."""
    most = widths * np.maximum(f[1:] - g[:-1], g[1:] - f[:-1])
    least = widths * np.maximum(np.maximum(f[:-1] - g[1:], g[:-1] - f[1:]), 0.0)
    return least, most


def _mean_distance(gap: Floats) -> Floats:
    """Mean of |gap| within each bin when the gap runs straight from edge to edge."""
    a, b = gap[:-1], gap[1:]
    crossing = a * b < 0
    size = np.abs(a) + np.abs(b)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = (a**2 + b**2) / (2 * size)
    return np.where(crossing, crossed, size / 2)


def _unbiased(value: float, bias: float, variance: float, n: int, confidence: float) -> Value:
    half = normal_quantile(confidence) * sqrt(max(variance, 0.0))
    return Value(value, max(0.0, value - bias - half), max(value, value - bias + half), n)


def _variance(slope: Floats, shares: Floats) -> float:
    """Variance of a sum of `slope` over one draw from a multinomial."""
    return float(np.sum(shares * slope**2) - np.sum(shares * slope) ** 2)


def _cumulative(counts: Sequence[float]) -> Floats:
    total = np.cumsum(np.asarray(counts, dtype=float))
    result: Floats = total / total[-1]
    return result


def _totals(reference: Sequence[float], current: Sequence[float]) -> tuple[int, int] | NotComputable:
    m, n = int(sum(reference)), int(sum(current))
    if m == 0:
        return NotComputable("not computable: the column has no values in the reference")
    if n == 0:
        return NotComputable("not computable: the column has no values")
    return m, n


def _shares(
    reference: Sequence[float], current: Sequence[float], epsilon: float = EPSILON
) -> tuple[Floats, Floats, int, int] | NotComputable:
    totals = _totals(reference, current)
    if isinstance(totals, NotComputable):
        return totals
    m, n = totals
    p, q = np.asarray(reference, dtype=float) / m, np.asarray(current, dtype=float) / n
    used: NDArray[Any] = (p > 0) | (q > 0)
    return np.maximum(p[used], epsilon), np.maximum(q[used], epsilon), m, n
