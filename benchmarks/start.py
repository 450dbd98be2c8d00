"""How long a command waits before it does anything, against a bare Python and against importing Typer.

CPU of the whole process, user and system, the best of several interleaved runs. Ratios say what Holdfast
adds; absolute numbers belong to the machine they were printed on.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 5
HOLDFAST = str(Path(sys.executable).parent / "holdfast")


def cpu(*command: str) -> float:
    """Seconds of CPU that a process took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = str(Path(name) / "work")
        subprocess.run([HOLDFAST, "init", folder], check=True, capture_output=True)
        measured = {
            "python -c pass": (sys.executable, "-c", "pass"),
            "import typer": (sys.executable, "-c", "import typer"),
            "import sqlalchemy": (sys.executable, "-c", "import sqlalchemy"),
            "holdfast --version": (HOLDFAST, "--version"),
            "holdfast --help": (HOLDFAST, "--help"),
            "holdfast ledger --help": (HOLDFAST, "ledger", "--help"),
            "holdfast incident --help": (HOLDFAST, "incident", "--help"),
            "holdfast incident list": (HOLDFAST, "-w", folder, "incident", "list"),
        }
        best = dict.fromkeys(measured, float("inf"))
        for _ in range(ROUNDS):
            for what, command in measured.items():
                best[what] = min(best[what], cpu(*command))
    bare, typer = best["python -c pass"], best["import typer"]
    print("Starting, 1 = a bare Python, or importing Typer")
    for what, took in best.items():
        print(f"  {what:<26} {took:5.2f} s CPU   {took / bare:6.1f} of bare   {took / typer:5.1f} of Typer")


if __name__ == "__main__":
    main()
