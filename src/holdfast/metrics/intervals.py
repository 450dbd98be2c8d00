"""Intervals for everything that is measured: analytic, so that counts are enough.

A value without an interval is an opinion about a sample. Every function states its method and source.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, exp, expm1, inf, isfinite, log, pi, sin, sqrt
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Value:
    """A number measured on a sample."""

    value: float
    lower: float
    upper: float
    n: int
    """Rows that the number rests on."""
    hits: int | None = None
    """For a rate: how many of the n; what the e-detector counts."""
    at_least: bool = False
    """Whether the true value may be larger, because a part of it could not be computed."""
    bins: float = 0.0
    """By how much counting in bins may have moved the value at most; the interval includes it."""


@dataclass(frozen=True, slots=True)
class NotComputable:
    """Why there is no number yet."""

    because: str
    n: int = 0


Measured = Value | NotComputable


@lru_cache(maxsize=256)
def normal_quantile(confidence: float) -> float:
    """z such that a standard normal lies within ±z with this probability."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


@lru_cache(maxsize=256)
def student_quantile(confidence: float, freedom: int) -> float:
    """t such that Student's t with so many degrees of freedom lies within ±t with this probability.

    Hill, "Algorithm 396: Student's t-quantiles", Communications of the ACM 13 (1970): six digits.
    """
    p, n = 1 - confidence, freedom
    if n == 1:
        return cos(p * pi / 2) / sin(p * pi / 2)
    if n == 2:
        return sqrt(2 / (p * (2 - p)) - 2)
    a = 1 / (n - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * sqrt(a * pi / 2) * n
    y = (d * p) ** (2 / n)
    if y > 0.05 + a:
        x = -normal_quantile(confidence)
        y = x**2
        if n < 5:
            c += 0.3 * (n - 4.5) * (x + 0.6)
        c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        return sqrt(n * expm1(a * y**2))
    inner = 1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)
    return sqrt(n * ((inner * y - 1) * (n + 1) / (n + 2) + 1 / y))


def wilson(hits: int, n: int, confidence: float) -> Value:
    """Share `hits / n` with Wilson's score interval.

    Wilson, "Probable inference", JASA 22 (1927); recommended by Brown, Cai and DasGupta (2001).
    Raises ValueError when n is 0.
    """
    if n <= 0:
        raise ValueError("a share of nothing has no value")
    z2 = normal_quantile(confidence) ** 2
    share = hits / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    lower = 0.0 if hits == 0 else max(0.0, centre - half)
    upper = 1.0 if hits == n else min(1.0, centre + half)
    return Value(share, lower, upper, n, hits)


def share(hits: float, n: float, of: str, confidence: float) -> Measured:
    """A count out of a count, with Wilson's interval; `of` words what there is none of when n is 0."""
    return (
        wilson(int(hits), int(n), confidence)
        if int(n)
        else NotComputable(f"not computable: there are no {of}")
    )


def poisson(count: int, confidence: float) -> Value:
    """A count with the score interval for its expectation, the Poisson twin of Wilson's.

    Brown, Cai and DasGupta, "Interval estimation in exponential families", Statistica Sinica 13 (2003).
    Assumes independent arrivals; real traffic varies more, so set limits on volume generously.
    """
    z2 = normal_quantile(confidence) ** 2
    half = sqrt(z2 * (count + z2 / 4))
    return Value(float(count), max(0.0, count + z2 / 2 - half), count + z2 / 2 + half, count)


def mean(n: int, average: float, variance: float, confidence: float) -> Value:
    """A mean with Student's t interval; `variance` is the sample's, with n - 1 below the line."""
    if n < 2:
        return Value(average, -inf, inf, n)
    half = student_quantile(confidence, n - 1) * sqrt(max(variance, 0.0) / n)
    return Value(average, average - half, average + half, n)


def on_logit(value: float, variance: float, n: int, confidence: float) -> Value:
    """A share-like value with an interval on the logit scale, which stays inside 0 and 1.

    Pepe, *The Statistical Evaluation of Medical Tests* (2003), 5.2.5, for the area under a ROC curve.
    `value` must lie strictly between 0 and 1.
    """
    half = normal_quantile(confidence) * sqrt(max(variance, 0.0)) / (value * (1 - value))
    middle = log(value / (1 - value))
    return Value(value, _expit(middle - half), _expit(middle + half), n)


def _expit(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))


def difference(first: Value, second: Value) -> Value:
    """first − second of independent samples, by Newcombe's square-and-add.

    Newcombe, Statistics in Medicine 17 (1998), method 10, when both are Wilson's; in general MOVER,
    Zou and Donner, Statistics in Medicine 27 (2008).
    """
    gap = first.value - second.value
    down = sqrt((first.value - first.lower) ** 2 + (second.upper - second.value) ** 2)
    up = sqrt((first.upper - first.value) ** 2 + (second.value - second.lower) ** 2)
    return Value(gap, gap - down, gap + up, first.n + second.n)


def times(value: Value, factor: float) -> Value:
    """A value multiplied by a number that is known exactly."""
    ends = sorted(factor * end if factor else 0.0 for end in (value.lower, value.upper))
    return Value(factor * value.value, ends[0], ends[1], value.n)


def ratio(first: Value, second: Value) -> Value:
    """first / second of independent samples, by MOVER-R; `second` must be positive.

    Donner and Zou, Statistical Methods in Medical Research 21 (2012); Newcombe, same journal 25 (2016).
    An end is infinite when the second may be 0. Raises ValueError when the second is not positive.
    """
    if second.value <= 0:
        raise ValueError("a ratio to 0 has no value")
    a, b = first.value, second.value
    l2, u2 = max(second.lower, 0.0), second.upper
    lower = _least_ratio(a, first.lower, b, l2, u2)
    upper = -_least_ratio(-a, -first.upper, b, l2, u2)
    return Value(a / b, lower, upper, first.n + second.n)


def _least_ratio(a: float, least: float, b: float, l2: float, u2: float) -> float:
    """The lower end: where a − k b, with its own interval, begins to be above 0 (solved for k)."""
    if not isfinite(least):
        return -inf
    # A positive numerator over the largest denominator is smallest; a negative one over the smallest.
    end = u2 if least >= 0 else l2
    square = end * (2 * b - end) if isfinite(end) else 0.0
    if square <= 0:
        # The denominator is too uncertain: then nothing is known on this side.
        return 0.0 if least >= 0 else -inf
    root = sqrt(max((a * b) ** 2 - least * (2 * a - least) * square, 0.0))
    found = (a * b - root) / square
    return max(found, 0.0) if least >= 0 else found
