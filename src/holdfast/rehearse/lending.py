"""A lender whose broker begins to send employment in months: the demonstration's prediction log.

Believable and generated, nothing taken from real people. A logistic model scores the probability that an
applicant repays and approves at 0.5 or above. From `fault_from` on, the batch of one broker holds months
where the model expects years: the model sees forty-year careers everywhere and approves too many. What
really happens to the loans follows the true values, and the credit bureau reports it days later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SYSTEM = "loan-approval"
MODEL_VERSION = "3.2.0"
CHANNELS = ("branch", "online", "broker")
_CHANNEL_SHARES = (0.30, 0.45, 0.25)
AGE_BANDS = ("18-25", "26-40", "41-60", "over 60")
_AGE_SHARES = (0.14, 0.38, 0.36, 0.12)
WEEKDAY, SATURDAY, SUNDAY = 400, 260, 180

COEFFICIENTS: Mapping[str, float] = {
    "intercept": 0.25,
    "income": 0.000022,
    "employment_years": 0.11,
    "debt_to_income": -3.4,
    "loan_amount": -0.000028,
    "previous_loans": 0.16,
}
"""Log-odds of repaying: the model, and, on the true values, the world."""

Route = Callable[[Mapping[str, str]], str]
"""What the application does with one application: `model`, or `human_review`, by its evaluation context."""


def _always_model(_context: Mapping[str, str]) -> str:
    return "model"


@dataclass(frozen=True, slots=True)
class Lender:
    """Writes the log of this lender into a workspace, day by day. The same seed gives the same days."""

    workspace: Path
    fault_from: datetime
    """From this moment broker batches hold months."""
    fault_until: datetime
    """From this moment the batches hold years again."""
    seed: int = 20_261_123

    def write_model(self) -> Path:
        """The model artefact, as served: small enough to read."""
        path = self.workspace / "models" / f"{SYSTEM}-{MODEL_VERSION}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        model = {
            "model": SYSTEM,
            "version": MODEL_VERSION,
            "kind": "logistic regression",
            "approve_at": 0.5,
            "coefficients": dict(COEFFICIENTS),
        }
        path.write_text(json.dumps(model, indent=2) + "\n")
        return path

    def write_reference(self, until: date, days: int = 30) -> Path:
        """The validation period, labelled: `days` days up to `until`, before anything went wrong."""
        batches = [self._batch(until - timedelta(days=n + 1), _always_model)[0] for n in range(days)]
        joined = {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}
        path = self.workspace / "reference" / f"{SYSTEM}.parquet"
        _write(path, {**_logged(joined), "repaid": joined["repaid"]})
        return path

    def write_day(self, day: date, route: Route = _always_model) -> DayWritten:
        """One day's predictions and the outcomes the bureau will report for them.

        Applications that `route` sends to people are decided there and are no predictions of the model.
        """
        batch, to_people = self._batch(day, route)
        logs = self.workspace / "logs" / SYSTEM / f"{day.isoformat()}.parquet"
        labels = self.workspace / "labels" / SYSTEM / f"{day.isoformat()}.parquet"
        _write(logs, _logged(batch))
        _write(labels, {key: batch[key] for key in ("id", "repaid", "arrived_at")})
        return DayWritten(day, len(batch["id"]), to_people)

    def _batch(self, day: date, route: Route) -> tuple[dict[str, Array], int]:
        """The model's decisions of one day with what will become of them, and how many people decided."""
        rng = np.random.default_rng([self.seed, day.toordinal()])
        count = int(rng.poisson({5: SATURDAY, 6: SUNDAY}.get(day.weekday(), WEEKDAY)))
        drawn = _applicants(rng, count, day)
        decided_by = np.array(
            [
                route({"channel": channel, "targetingKey": applicant})
                for channel, applicant in zip(drawn["channel"], drawn["applicant_id"], strict=True)
            ],
            dtype=object,
        )
        kept = decided_by == "model"
        true_odds = _log_odds(drawn)
        at = drawn["timestamp"]
        faulty = (
            (drawn["channel"] == "broker")
            & (at >= np.datetime64(self.fault_from.replace(tzinfo=None)))
            & (at < np.datetime64(self.fault_until.replace(tzinfo=None)))
        )
        drawn["employment_years"] = np.where(
            faulty, np.round(drawn["employment_years"] * 12), drawn["employment_years"]
        )
        score = 1 / (1 + np.exp(-_log_odds(drawn)))
        drawn["score"] = np.round(score, 6)
        drawn["approved"] = (drawn["score"] >= 0.5).astype(np.int64)
        sharpened = 1 / (1 + np.exp(-5.0 * true_odds))  # the world is clearer than one form
        drawn["repaid"] = (rng.random(count) < sharpened).astype(np.int64)
        delay = rng.lognormal(mean=2.0, sigma=0.55, size=count)  # days; median 7.4
        drawn["arrived_at"] = at + (delay * 86_400_000_000).astype("timedelta64[us]")
        return {key: value[kept] for key, value in drawn.items()}, int(count - kept.sum())


@dataclass(frozen=True, slots=True)
class DayWritten:
    day: date
    predictions: int
    to_people: int
    """Applications that the switches sent to human review."""


def _applicants(rng: np.random.Generator, count: int, day: date) -> dict[str, Array]:
    start = np.datetime64(datetime.combine(day, time(7)).replace(tzinfo=None), "us")
    seconds = np.sort(rng.integers(0, 14 * 3600, size=count))
    channel = rng.choice(np.array(CHANNELS, dtype=object), size=count, p=_CHANNEL_SHARES)
    age = rng.choice(np.array(AGE_BANDS, dtype=object), size=count, p=_AGE_SHARES)
    longest = np.select([age == "18-25", age == "26-40"], [7.0, 18.0], 35.0)
    return {
        "id": np.array([f"{day:%Y%m%d}-{n:04d}" for n in range(count)], dtype=object),
        "timestamp": start + (seconds * 1_000_000).astype("timedelta64[us]"),
        "applicant_id": np.array([f"A{n:06d}" for n in rng.integers(0, 900_000, size=count)], dtype=object),
        "model_version": np.array([MODEL_VERSION] * count, dtype=object),
        "channel": channel,
        "age_band": age,
        "income": np.round(rng.lognormal(10.45, 0.38, size=count), -2),
        "employment_years": np.round(np.minimum(rng.gamma(1.7, 4.2, size=count), longest), 1),
        "debt_to_income": np.round(rng.beta(2.2, 4.6, size=count), 3),
        "loan_amount": np.round(np.clip(rng.lognormal(9.35, 0.65, size=count), 1_000, 50_000), -2),
        "previous_loans": rng.poisson(1.1, size=count).astype(np.int64),
    }


def _log_odds(rows: Mapping[str, Array]) -> Array:
    inputs = (name for name in COEFFICIENTS if name != "intercept")
    weighted = [COEFFICIENTS[name] * rows[name] for name in inputs]
    return np.asarray(COEFFICIENTS["intercept"] + np.sum(weighted, axis=0))


def _logged(batch: Mapping[str, Array]) -> dict[str, Array]:
    return {k: v for k, v in batch.items() if k not in ("repaid", "arrived_at")}


def _write(path: Path, columns: Mapping[str, Array]) -> None:
    """Write Parquet under another name first, so that a reader never meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".writing")
    rows = dict(columns)
    with duckdb.connect() as connection:
        connection.execute("SET autoinstall_known_extensions = false")
        connection.register("written", rows)
        connection.execute(
            f"COPY written TO '{str(unfinished).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)"
        )
    unfinished.replace(path)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
