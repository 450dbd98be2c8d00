"""The monitors of one system over a million rows of 25 columns, beside a raw scan of the same columns.

    python benchmarks/monitors.py [--rows 1000000] [--rounds 3]

Twenty numeric and five categorical columns, score, prediction and label, in one Parquet file that is made
once; the first half of the time is the reference. Measured is everything from opening the log to the last
measurement: drift of all 25 columns, missing values, accuracy, F1 and AUC, demographic parity and equalised
odds by group, in windows of a day. Each run is a fresh process; runs are interleaved, and the best of each
is reported with wall time, CPU time and the peak memory of the whole process.

Goals: at most 3 seconds (5 at the worst) and 512 MiB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

NUMBERS = [f"x{place}" for place in range(20)]
WORDS = [f"c{place}" for place in range(5)]
LIMIT_SECONDS, LIMIT_MIB = 5.0, 512


def make(path: Path, rows: int) -> None:
    """A month of predictions; a few columns drift in its second half. Deterministic."""

    def noise(salt: int) -> str:
        return f"(hash(i * 31 + {salt}) % 1000003 / 1000003.0e0)"

    half = f"(i >= {rows // 2})"
    numbers = ", ".join(
        f"({noise(place)} + {noise(100 + place)} + {0.2 if place % 7 == 0 else 0} * {half}::INT) "
        f"* {10 ** (place % 4)} AS {name}"
        for place, name in enumerate(NUMBERS)
    )
    words = ", ".join(
        f"'v' || (hash(i * 17 + {place}) % {4 + 3 * place}) AS {name}" for place, name in enumerate(WORDS)
    )
    score = noise(1000)
    step = 30 * 86_400_000_000 // rows
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT i AS id, TIMESTAMP '2026-10-01' + to_microseconds(i * {step}) AS time, "
            f"{numbers}, {words}, "
            f"{score} AS score, ({score} > 0.5)::INT AS prediction, ({noise(1001)} < {score})::INT AS label "
            f"FROM range({rows}) AS r(i)) TO '{path}' (FORMAT parquet)"
        )


def scan(path: Path) -> None:
    """Read every column once and do next to nothing with it."""
    asked = [f"sum({name})" for name in (*NUMBERS, "score", "prediction", "label")]
    asked += [f"max({name})" for name in (*WORDS, "time", "id")]
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"SELECT {', '.join(asked)} FROM '{path}'").fetchall()


def monitors(path: Path) -> int:
    from holdfast.detect.backtest import backtest
    from holdfast.detect.engines.duckdb import DuckDB
    from holdfast.detect.log import open_log
    from holdfast.prepare.systems import System

    system = System.model_validate(configuration(path))
    assert system.prediction_log is not None
    with DuckDB() as engine:
        log = open_log(system.prediction_log, path.parent, engine)
        return len(backtest(system, log, engine))


def configuration(path: Path) -> dict[str, object]:
    common = {"window": "1d", "reason": "benchmark", "tells": ["technical_lead"]}

    def monitor(name: str, metric: str, limit: dict[str, float], **more: object) -> dict[str, object]:
        return {"id": name, "name": name, "metric": metric, "limit": limit, **common, **more}

    return {
        "id": "benchmark",
        "name": "Benchmark",
        "purpose": "to be measured",
        "owner": "nobody@example.com",
        "models": [{"name": "m", "version": "1", "in_production_since": "2026-10-01"}],
        "data_used": ["generated"],
        "depends_on_it": ["nobody"],
        "business_impact": "none",
        "compliance_risk": "none",
        "priority": 1,
        "prediction_log": {
            "path": str(path),
            "columns": {
                "id": "id",
                "time": "time",
                "prediction": "prediction",
                "score": "score",
                "label": "label",
            },
            "reference": {"from": "2026-10-01", "to": "2026-10-16"},
        },
        "monitors": [
            monitor("drift", "drift", {"above": 0.2}, columns="features"),
            monitor("missing", "missing", {"above": 0.1}, columns="features"),
            monitor("accuracy", "accuracy", {"below": 0.6}),
            monitor("f1", "f1", {"below": 0.6}),
            monitor("auc", "auc", {"below": 0.6}),
            monitor("parity", "demographic_parity_ratio", {"below": 0.8}, group_by=["c0"]),
            monitor("odds", "equalised_odds", {"above": 0.1}, group_by=["c0"]),
        ],
    }


def child(what: str, path: Path) -> None:
    """Run one contender and print what it took, imports included."""
    began = time.perf_counter()
    found = monitors(path) if what == "monitors" else scan(path)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "wall": time.perf_counter() - began,
                "cpu": used.ru_utime + used.ru_stime,
                "mib": used.ru_maxrss / 1024,
                "measurements": found,
            }
        )
    )


def run(what: str, path: Path) -> dict[str, float]:
    began = time.perf_counter()
    command = [sys.executable, __file__, "--child", what, "--path", str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return {**found, "wall": time.perf_counter() - began}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--path", type=Path)
    parser.add_argument("--child", choices=["scan", "monitors"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.path)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = given.path or Path(folder) / "log.parquet"
        if not path.exists():
            make(path, given.rows)
        runs: dict[str, list[dict[str, float]]] = {"scan": [], "monitors": []}
        for _ in range(given.rounds):
            for what, found in runs.items():
                found.append(run(what, path))
    return report(runs, given.rows)


def report(runs: dict[str, list[dict[str, float]]], rows: int) -> int:
    columns, rounds = len(NUMBERS) + len(WORDS), len(runs["scan"])
    print(f"{rows:,} rows × {columns} columns, best of {rounds}, a fresh process each")
    best = {}
    for what, found in runs.items():
        wall, cpu, mib = (min(run[key] for run in found) for key in ("wall", "cpu", "mib"))
        best[what] = wall, cpu
        print(f"{what:10} wall {wall:6.2f} s   cpu {cpu:6.2f} s   peak {mib:5.0f} MiB")
    peak = max(run["mib"] for run in runs["monitors"])
    ratio = best["monitors"][1] / best["scan"][1]
    measured = runs["monitors"][0]["measurements"]
    print(f"monitors / scan: {ratio:.1f} times the CPU, for {measured:.0f} measurements")
    if rows != 1_000_000:
        return 0
    met = best["monitors"][0] <= LIMIT_SECONDS and peak <= LIMIT_MIB
    print(f"limit {LIMIT_SECONDS:.0f} s and {LIMIT_MIB} MiB: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
