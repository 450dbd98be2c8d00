"""A lender on NannyML's car loans: a workspace whose prediction log grows as the application decides.

The rows are the published ones: predictions of the analysis period, and labels from the separate file. After
the fix the application decides on applicants of the reference period. Nobody sees the future: a row is
written only when its time has come. While the switches keep the model from answering, people decide: their
rows carry no prediction, and show that the log goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from holdfast.prepare.starting import write_workspace

SYSTEM = "car-loans"
FLAG = "car-loans.model"
ROUTE = "car-loans.route"
WINDOW = 5_000
"""Rows of each monitor's window, as NannyML chunks its own documentation."""
CHANGE = datetime(2019, 3, 31, 3, tzinfo=UTC)
"""Where the published change lies: the first row of the second half of the analysis period."""
_EVERY = timedelta(seconds=20)
"""Between two decisions after the fix, while the applications that had waited are worked off."""

SYSTEM_FILE = """\
id: car-loans
name: Car loans
purpose: Predicts whether an applicant will repay a car loan, and approves those who probably will.
owner: rosa.lindqvist@harbourstreet.example
subject: applicant
models:
  - {name: car-loan, version: "1.0", in_production_since: 2018-01-01}
data_used: [car value, salary range, debt to income ratio, loan length, repayment history, driver tenure]
depends_on_it: [loan officers in the branches, applicants for a car loan]
business_impact: A wrong approval loses the loan; a wrong refusal loses the customer.
compliance_risk: Creditworthiness of natural persons is a high-risk use under the EU AI Act, Annex III 5(b).
priority: 1

prediction_log:
  path: logs/car-loans
  columns:
    id: id
    time: timestamp
    prediction: y_pred
    score: y_pred_proba
    subject: id
    features: [car_value, salary_range, debt_to_income_ratio, loan_length, repaid_loan_on_prev_car,
      size_of_downpayment, driver_tenure]
  zone: UTC
  labels: {path: labels/car-loans, id: id, label: repaid}
  reference: {path: reference/car-loans.parquet}

monitors:
  - id: accuracy
    name: Accuracy
    metric: accuracy
    window: {rows: 5000}
    limit: {below: 93%}
    reason: The model was approved with 94.4% on the reference; below 93% the margin of the product is gone.
    tells: [data_science_lead, incident_commander]
    schedule: 24h
  - id: drift-car-value
    name: Drift of car value
    metric: drift
    column: car_value
    window: {rows: 5000}
    limit: {above: 0.2}
    reason: Car value decides the size of the loan; 0.2 is the customary bound.
    tells: [data_science_lead]
    schedule: 24h
  - id: drift-debt-to-income-ratio
    name: Drift of debt to income ratio
    metric: drift
    column: debt_to_income_ratio
    window: {rows: 5000}
    limit: {above: 0.2}
    reason: The input that the regulator asks about first.
    tells: [data_science_lead]
    schedule: 24h
  - id: missing
    name: Missing values
    metric: missing
    columns: features
    window: {rows: 5000}
    limit: {above: 5%}
    reason: The model was trained on complete applications; it guesses where a value is missing.
    tells: [technical_lead]
    schedule: 24h

containment:
  - id: model-off
    name: Decide without the model
    kind: model_off
    flag: car-loans.model
    when: Approvals go wrong everywhere, or nobody knows how many.
    watch: accuracy
  - id: low-salaries-to-review
    name: Applicants with the lowest salaries to human review
    kind: segment_to_review
    flag: car-loans.route
    segment:
      salary_range: ["0 - 20K €"]
    when: Only those who can least afford a wrong approval are affected.
    watch: accuracy
"""


@dataclass(slots=True)
class Lender:
    """The applications in the order of their time, and the log that the model's answers leave."""

    workspace: Path
    data: Path
    """The folder with NannyML's files."""
    _until: datetime = datetime(2018, 10, 30, tzinfo=UTC)
    _parts: int = 0
    _reread: int = 0
    written: int = field(default=0, init=False)
    """Rows in the log so far."""

    def prepare(self) -> None:
        """The starter's workspace with this system alone, and the reference beside it."""
        write_workspace(self.workspace)
        for starter in (self.workspace / "systems").glob("*.yaml"):
            starter.unlink()
        (self.workspace / "systems" / "car-loans.yaml").write_text(SYSTEM_FILE, encoding="utf-8")
        for folder in ("logs/car-loans", "labels/car-loans", "reference"):
            (self.workspace / folder).mkdir(parents=True)
        _copy(
            f"SELECT * FROM '{self._file('reference')}'", self.workspace / "reference" / "car-loans.parquet"
        )

    def live_until(self, moment: datetime, model_answers: Callable[[], bool] = lambda: True) -> int:
        """Decide what was applied for until `moment`; returns how many the model answered."""
        rows = f"(SELECT * FROM '{self._file('analysis')}' WHERE {_between(self._until, moment)})"
        self._until = moment
        if not model_answers():
            by_people = f"SELECT * REPLACE (NULL AS y_pred, NULL AS y_pred_proba) FROM {rows}"
            self._write(
                f"{by_people} ORDER BY timestamp, id",
                f"SELECT * FROM '{self._file('analysis_target')}' WHERE false",
            )
            return 0
        labels = f"SELECT t.* FROM '{self._file('analysis_target')}' t SEMI JOIN {rows} USING (id)"
        return self._write(f"SELECT * FROM {rows} ORDER BY timestamp, id", labels)

    def live_as_in_the_reference(self, start: datetime, end: datetime) -> int:
        """What the model answers from `start` to `end` once its inputs are again as they were validated."""
        wanted, since = int((end - start) / _EVERY), self._reread
        self._reread += wanted
        moment = f"TIMESTAMP '{start:%Y-%m-%d %H:%M:%S}' + to_seconds({_EVERY.seconds} * (id - {since}))"
        rows = (
            "SELECT * REPLACE (id + 1000000 AS id, "
            f"strftime({moment}, '%Y-%m-%d %H:%M:%S.000') AS timestamp) "
            f"FROM '{self._file('reference')}' WHERE id >= {since} AND id < {self._reread}"
        )
        self._until = max(self._until, end)
        return self._write(
            f"SELECT * EXCLUDE (repaid) FROM ({rows})",
            f"SELECT id, CAST(repaid AS BIGINT) AS repaid FROM ({rows})",
        )

    def _write(self, rows: str, labels: str) -> int:
        self._parts += 1
        name = f"{self._parts:03d}.parquet"
        count = _copy(rows, self.workspace / "logs" / "car-loans" / name)
        _copy(labels, self.workspace / "labels" / "car-loans" / name)
        self.written += count
        return count

    def _file(self, which: str) -> Path:
        return self.data / f"synthetic_car_loan_{which}.parquet"


def _between(start: datetime, end: datetime) -> str:
    moment = "CAST(timestamp AS TIMESTAMP)"
    return " AND ".join(
        f"{moment} {sign} TIMESTAMP '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}'"
        for sign, at in ((">=", start), ("<", end))
    )


def _copy(query: str, path: Path) -> int:
    """Write a query's rows as Parquet; returns how many."""
    with duckdb.connect() as connection:
        found = connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)").fetchone()
    return int(found[0]) if found else 0
