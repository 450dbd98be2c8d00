"""The command `holdfast-verify FILE.zip --policy POLICY`.

Exit code 0 only when every step holds, 1 when one fails, 2 when the command cannot be carried out.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import stat
import sys
import textwrap
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from .layout import FORMAT_1, RECORD, REPORT
from .pack import Report, Step, verify
from .policy import Policy, PolicyError, earlier_line

WIDTH = 79
MAX_POLICY = 1 << 20
"""Bytes of a policy file."""
_OUTCOMES = {"ok": "OK", "failed": "FAILED", "not reached": "-"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify one pack and print what was found."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    # A name from a pack must not end the program on a terminal that cannot show it.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    as_json_ = "--json" in given
    try:
        return _run(_parser().parse_args(given))
    except CannotVerify as refused:
        return _cannot(str(refused), as_json_)
    except BrokenPipeError:
        # Whoever read us has gone; without this Python would say so a second time when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        return _cannot("stopped before the end; nothing is verified", as_json_)
    except Exception as error:
        # Nothing is known to lead here. Whatever does is not a verified pack, and must be said as such.
        what = f"{type(error).__name__}: {error}"
        return _cannot(f"the program failed ({what}), so nothing is verified; please report it", as_json_)


class CannotVerify(Exception):
    """The command cannot be carried out; says why in a sentence."""


def _run(options: argparse.Namespace) -> int:
    try:
        with _regular(options.policy) as file:
            raw = file.read(MAX_POLICY + 1)
        if len(raw) > MAX_POLICY:
            raise PolicyError(f"it is longer than {MAX_POLICY:,} bytes")
        policy = Policy.parse(raw.decode())
    except (OSError, ValueError) as error:
        raise CannotVerify(f"the policy {options.policy} cannot be used: {_reason(error)}") from error
    try:
        with _regular(options.pack) as file:
            report = verify(file, policy)
    except (OSError, ValueError) as error:
        raise CannotVerify(f"the pack {options.pack} cannot be read: {_reason(error)}") from error
    if options.json:
        print(json.dumps(as_json(report, policy), indent=2))
    else:
        print(as_text(report, policy, str(options.pack), str(options.policy)))
    sys.stdout.flush()
    return 0 if report.verified else 1


def _regular(path: Path) -> BinaryIO:
    """The file, opened. Raises OSError for what is none: a pipe would be waited for, a device never end."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        os.close(handle)
        raise OSError(errno.EINVAL, "Is a directory" if folder else "it is not a regular file")
    return os.fdopen(handle, "rb")


def as_json(report: Report, policy: Policy) -> dict[str, Any]:
    """The report for another program; keys are only ever added."""
    failure, checkpoint = report.failure, report.checkpoint
    return {
        "verified": report.verified,
        "error": None,
        "format": report.format or None,
        "incident": report.incident,
        "log": policy.origin,
        "size": checkpoint.size if checkpoint else None,
        "root": checkpoint.root.hex() if checkpoint else None,
        "failed_step": failure.number if failure else None,
        "member": failure.member if failure else None,
        "reason": failure.text if failure else None,
        "steps": [
            {"number": s.number, "title": s.title, "outcome": s.outcome, "text": s.text, "member": s.member}
            for s in report.steps
        ],
    }


def as_text(report: Report, policy: Policy, pack: str, policy_file: str) -> str:
    """The report for a person, on a terminal of 80 columns."""
    lines = [f"holdfast-verify {version('holdfast-verify')}", f"pack    {pack}", f"policy  {policy_file}", ""]
    for step in report.steps:
        lines += _step(step)
    return "\n".join(_printable(line) for line in [*lines, "", *_verdict(report, policy)])


def _step(step: Step) -> list[str]:
    head = f"{step.number:>2}  {step.title:<20} {_OUTCOMES[step.outcome]:<7}"
    text = f"{step.member}: {step.text}" if step.member else step.text
    return _wrap(head + text, indent=31) if text else [head.rstrip()]


def _verdict(report: Report, policy: Policy) -> list[str]:
    failure, checkpoint = report.failure, report.checkpoint
    if not report.verified or checkpoint is None:
        number = failure.number if failure else 0
        return [
            *_wrap(f"FAILED at step {number}. Do not rely on this pack."),
            *_wrap("Later steps build on earlier ones and were not taken."),
        ]
    return [
        *_wrap(
            f"VERIFIED. These are all facts and evidence of {report.incident} that the ledger "
            f"{policy.origin} held when its first {checkpoint.size:,} entries were signed, unchanged."
        ),
        "",
        *_wrap(_compared(report)),
        "",
        *_wrap(
            "It does not show that a recorded time is true, that what people wrote is so, or what was "
            "never recorded. Which streams are the incident's is stated by the ledger's owner in "
            "pack.assembled; headers.jsonl names all streams there are."
        ),
        "",
        *_wrap("Keep this line in your policy; every later pack must then continue this ledger:"),
        f"  {earlier_line(checkpoint)}",
    ]


def _compared(report: Report) -> str:
    """What a reader may take from record and report."""
    if report.format == FORMAT_1:
        return (
            f"This pack is of format 1, as Holdfast 0.1.0 wrote it: {RECORD} and {REPORT} were bound by "
            "their digests and compared with nothing. Where they differ from facts.jsonl, the facts count. "
            "A pack built anew by a later release has a record that is derived from them."
        )
    return (
        f"{RECORD} was derived anew from these facts and is the same. {REPORT} was bound by its digest and "
        "compared with nothing: where the two differ, the record counts."
    )


def _wrap(text: str, indent: int = 0) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)


def _printable(line: str) -> str:
    """The line without control characters, by which a pack could repaint the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _cannot(sentence: str, as_json: bool) -> int:
    """Say why nothing was verified, in the form that was asked for."""
    if as_json:
        print(json.dumps({"verified": False, "error": sentence}, indent=2))
    else:
        print(f"holdfast-verify: {_printable(sentence)}", file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CannotVerify(f"{message}; `holdfast-verify --help` says how it is called")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="holdfast-verify",
        description="Verify a Holdfast audit pack, offline and without trusting who made it.",
        epilog="Exit code: 0 all steps hold, 1 a step failed, 2 the command could not be carried out.",
    )
    parser.add_argument("pack", type=Path, metavar="FILE.zip", help="the audit pack")
    parser.add_argument(
        "--policy",
        type=Path,
        required=True,
        help="what you trust: ledger name and keys; never taken from the pack",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main())
