"""What people write is within the same bounds, whichever way it comes in; packs stay quick to make."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from holdfast.audit.report import typesetting
from holdfast.audit.report.blocks import prose, section
from holdfast.ledger.facts import LONGEST_TEXT
from holdfast.problems import NotAllowed
from support.company import INES, MAYA
from support.lending import Lending
from support.pages import SetClock, open_company, signed_in

TOO_LONG = "word " * 40_000
EMPTY: dict[str, Any] = {
    "incident": "INC-1",
    "title": "t",
    "running": "INC-1  t",
    "foot": "bank.example",
    "cover": {
        "title": "t",
        "severity": "high",
        "rank": 2,
        "category": "c",
        "status": "Open",
        "rehearsal": "",
        "rows": [],
    },
    "summary": {"lead": "", "moments": [], "promises": [], "rows": [], "open": [], "chart": None},
    "appendices": [],
}


def test_a_text_too_long_is_refused_by_every_step_and_nothing_is_recorded(declared: Lending) -> None:
    """Page, API and terminal all append; so it is refused there, naming the field and the bound."""
    desk, at, before = declared.desk, declared.now, declared.ledger.size()
    for step in (
        lambda: desk.note("INC-1", TOO_LONG, by=MAYA, at=at),
        lambda: desk.dismiss("INC-1", TOO_LONG, by=MAYA, at=at),
        lambda: desk.note("INC-1", "x" * (LONGEST_TEXT + 1), by=MAYA, at=at),
    ):
        with pytest.raises(NotAllowed, match=r"characters long, 20,000 fit; shorten it"):
            step()
    assert declared.ledger.size() == before
    desk.note("INC-1", "x" * LONGEST_TEXT, by=MAYA, at=at)


def test_a_character_that_no_database_holds_is_refused(declared: Lending) -> None:
    with pytest.raises(NotAllowed, match="holds a character that is none"):
        declared.desk.note("INC-1", "a\x00b", by=MAYA, at=declared.now)


def test_the_page_and_the_terminal_say_the_same(tmp_path: Path) -> None:
    application = open_company(tmp_path, SetClock())
    maya = signed_in(application, MAYA)
    answer = maya.post(
        "/declare", {"title": "Loans are declined", "description": TOO_LONG[:30_000], "zone": "UTC"}
    )
    assert answer.status_code >= 400
    assert "20,000 fit" in answer.text
    command = [str(Path(sys.executable).parent / "holdfast"), "-w", str(tmp_path), "--as", INES.id]
    words = ["incident", "declare", "Loans are declined", "--description", TOO_LONG[: 1 << 16]]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "20000" in done.stderr.replace(",", "")


def set_(*blocks: Any) -> tuple[float, bytes]:
    began = time.perf_counter()
    content = {**EMPTY, "sections": [section("S", *blocks)]}
    return time.perf_counter() - began, typesetting.typeset(content, datetime.now(UTC))


@pytest.mark.parametrize("text", ["word " * 4_000, "x" * LONGEST_TEXT, "a\n" * 10_000, "日本" * 10_000])
def test_the_longest_text_that_fits_is_set_in_seconds(text: str) -> None:
    began = time.process_time()
    assert set_(prose(text))[1].startswith(b"%PDF")
    assert time.process_time() - began < 20


def test_a_report_cannot_be_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typesetting, "DEADLINE", 0.01)
    with pytest.raises(NotAllowed, match=r"not set within .* seconds, so no pack is built"):
        set_(prose("word"))


def test_a_typesetter_that_fails_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "setter.py"
    broken.write_text("raise MemoryError('no more')")
    monkeypatch.setattr(typesetting, "SETTER", broken)
    with pytest.raises(NotAllowed, match=r"could not be set, so no pack is built .*MemoryError: no more"):
        set_(prose("word"))


def test_what_setting_a_report_takes_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The typesetter is not even loaded into the process that serves pages."""
    set_(prose("word"))
    script = (
        "from holdfast.audit.report import making, typesetting; import sys; sys.exit('typst' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
