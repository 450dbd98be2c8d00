"""How often the model is right: accuracy, precision, recall, F1, AUC, from counts."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from holdfast.detect.metrics.intervals import Measured, NotComputable, Value, on_logit, wilson


def accuracy(correct: Sequence[float], confidence: float) -> Measured:
    """Share of labelled predictions that equal their label; `correct` is [right, wrong, unlabelled]."""
    right, wrong = int(correct[0]), int(correct[1])
    if right + wrong == 0:
        return NotComputable("not computable: no prediction is labelled")
    return wilson(right, right + wrong, confidence)


def precision(confusion: Sequence[float], confidence: float) -> Measured:
    """tp / (tp + fp); `confusion` is [tp, fp, fn, tn, unlabelled]."""
    tp, fp = int(confusion[0]), int(confusion[1])
    if tp + fp == 0:
        return NotComputable("not computable: nothing labelled was predicted positive")
    return wilson(tp, tp + fp, confidence)


def recall(confusion: Sequence[float], confidence: float) -> Measured:
    """tp / (tp + fn), also the true positive rate."""
    tp, fn = int(confusion[0]), int(confusion[2])
    if tp + fn == 0:
        return NotComputable("not computable: nothing is labelled positive")
    return wilson(tp, tp + fn, confidence)


def false_positive_rate(confusion: Sequence[float], confidence: float) -> Measured:
    """fp / (fp + tn)."""
    fp, tn = int(confusion[1]), int(confusion[3])
    if fp + tn == 0:
        return NotComputable("not computable: nothing is labelled negative")
    return wilson(fp, fp + tn, confidence)


def f1(confusion: Sequence[float], confidence: float) -> Measured:
    """2tp / (2tp + fp + fn).

    F1 = 2j / (1 + j) with Jaccard's j = tp / (tp + fp + fn), which given its denominator is a binomial
    share; the map is monotone, so Wilson's interval for j carries over exactly.
    """
    tp, wrong = int(confusion[0]), int(confusion[1]) + int(confusion[2])
    if tp + wrong == 0:
        return NotComputable("not computable: nothing is positive, neither predicted nor labelled")
    jaccard = wilson(tp, tp + wrong, confidence)
    value, lower, upper = (2 * j / (1 + j) for j in (jaccard.value, jaccard.lower, jaccard.upper))
    return Value(value, lower, upper, tp + wrong)


def auc(ranks: Sequence[float], confidence: float) -> Measured:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    `ranks` is [positives P, negatives N, U, sum over positives of the squared count of negatives below,
    sum over negatives of the squared count of positives above] as `plan.Ranks` says. Variance of DeLong,
    DeLong and Clarke-Pearson, Biometrics 44 (1988), with the interval on the logit scale. Where the
    classes are separated perfectly that variance is 0, and Wilson's interval for the smaller class
    stands in, which is wider.
    """
    p, n = int(ranks[0]), int(ranks[1])
    if p == 0 or n == 0:
        return NotComputable(
            f"not computable until both classes are known: {p} positive and {n} negative scores are labelled",
            p + n,
        )
    value = ranks[2] / (p * n)
    variance = 0.0
    if p > 1 and n > 1:
        among_positives = (ranks[3] / n**2 - p * value**2) / (p - 1)
        among_negatives = (ranks[4] / p**2 - n * value**2) / (n - 1)
        variance = max(among_positives, 0.0) / p + max(among_negatives, 0.0) / n
    if not 0 < value < 1 or sqrt(variance) < 1e-9:
        few = min(p, n)
        around = wilson(round(value * few), few, confidence)
        return Value(value, min(around.lower, value), max(around.upper, value), p + n)
    return on_logit(value, variance, p + n, confidence)
