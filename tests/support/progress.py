"""What a run of the tests says of itself: a failure as soon as it happens, so that a run that is cut off has
named it; and at the end the files that take longest, so that growth is seen."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import pytest

SHOWN = 10


class Progress:
    """Hears every report, also those of other processes."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._seconds: Counter[str] = Counter()

    @cached_property
    def _terminal(self) -> pytest.TerminalReporter:
        found: pytest.TerminalReporter = self._config.pluginmanager.get_plugin("terminalreporter")
        return found

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid.partition("::")[0]] += report.duration
        if report.failed:
            self._say(report.nodeid, report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._say(report.nodeid, report)

    def _say(self, where: str, report: pytest.TestReport | pytest.CollectReport) -> None:
        reason = str(getattr(getattr(report.longrepr, "reprcrash", ""), "message", ""))
        self._terminal.ensure_newline()
        self._terminal.write_line(f"FAILED {where}: {reason.partition(chr(10))[0][:200]}", red=True)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if len(self._seconds) <= SHOWN:
            return
        whole = sum(self._seconds.values())
        terminalreporter.section(f"slowest {SHOWN} of {len(self._seconds)} files, {whole:.0f} s in all")
        for file, seconds in self._seconds.most_common(SHOWN):
            terminalreporter.write_line(f"{seconds:7.1f} s  {file}")
