"""The recipe of CONTRIBUTING for an outside system, followed: one folder, joined by one line."""

from __future__ import annotations

import importlib
from datetime import datetime
from pathlib import Path

import pytest

from holdfast import app as joined
from holdfast.clock import Clock
from holdfast.contain.probing import Question
from holdfast.integrations.ofrep.fake import FakeProber
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger import outbox
from holdfast.ledger.outbox import MessageSent, QueuedMessage
from holdfast.prepare import versions
from holdfast.prepare.documents import Unusable
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.workspace import load_workspace
from holdfast.problems import Fault
from holdfast.settings import Settings
from support.company import HELEN, MAYA, WORKER
from support.workspaces import HandClock, opened

FOLDERS = Path(str(joined.__file__)).parent / "integrations"
PORTS = ("channel", "prober", "vault")

# What is written for it ------------------------------------------------------------------------


class Pigeons:
    """A toy: messages are tied to pigeons."""

    def __init__(self) -> None:
        self.flown: list[QueuedMessage] = []

    def deliver(self, message: QueuedMessage) -> str:
        self.flown.append(message)
        return "flown"

    def unusable(self, address: str) -> Fault | None:
        return None if address.startswith("loft ") else Fault("is no loft", "write for example loft 7")


PIGEONS = Pigeons()


def join(settings: Settings, clock: Clock) -> Pigeons:
    return PIGEONS


# What follows from it --------------------------------------------------------------------------


def test_a_channel_that_one_line_joins_delivers(
    database_url: str, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-ESC-04."""
    PIGEONS.flown.clear()
    monkeypatch.setitem(joined.CHANNELS, "pigeon", join)  # the line
    application = opened(tmp_path / "workspace", database_url, HandClock(now))
    roster = application.workspace / "roster.yaml"
    text, begin = roster.read_text(), f"  - id: {MAYA.id}\n"
    roster.write_text(text.replace(begin, begin + "    addresses: {pigeon: loft 7}\n"))
    workspace = load_workspace(application.workspace, application.channels)
    versions.apply_workspace(application.ledger, workspace, HELEN, now)
    draft = outbox.queue("pigeon", MAYA.id, "SEV-1", "Come", zone="UTC")
    application.ledger.append(draft, by=WORKER, at=now)
    Worker(application).send(now)
    sent = [one.fact for one in application.ledger.facts() if isinstance(one.fact, MessageSent)]
    application.ledger.database.close()
    assert [(one.address, one.text) for one in PIGEONS.flown] == [("loft 7", "Come")]
    assert [(one.channel, one.address, one.receipt) for one in sent] == [("pigeon", "loft 7", "flown")]


def test_and_an_address_that_it_cannot_use_is_refused_before(tmp_path: Path) -> None:
    write_workspace(tmp_path / "workspace")
    roster = tmp_path / "workspace" / "roster.yaml"
    text, begin = roster.read_text(), f"  - id: {MAYA.id}\n"
    roster.write_text(text.replace(begin, begin + "    addresses: {pigeon: nest 7}\n"))
    with pytest.raises(Unusable, match=r"is no loft"):
        load_workspace(tmp_path / "workspace", {"pigeon": PIGEONS, "email": Pigeons()})
    with pytest.raises(Unusable, match="no channel called pigeon is set up"):
        load_workspace(tmp_path / "workspace", {"email": Pigeons()})


def folders() -> list[str]:
    return sorted(one.name for one in FOLDERS.iterdir() if (one / "__init__.py").exists())


@pytest.mark.parametrize("name", folders())
def test_every_integration_is_the_same_folder(name: str) -> None:
    adapters = [port for port in PORTS if (FOLDERS / name / f"{port}.py").exists()]
    assert len(adapters) == 1, "the adapter is called as its port"
    fake = importlib.import_module(f"holdfast.integrations.{name}.fake")
    assert fake.__doc__
    tests = Path(__file__).parent / name
    assert list(tests.glob("test_*.py")), f"{tests} proves nothing"
    if adapters == ["channel"]:
        module = importlib.import_module(f"holdfast.integrations.{name}.channel")
        assert module.join in joined.CHANNELS.values()


def test_the_fake_prober_answers_as_it_is_told() -> None:
    asked = [
        Question("loan-approval.enabled", {}, False),
        Question("loan-approval.review", {}, "human_review"),
    ]
    assert [one.value for one in FakeProber().ask(asked)] == [False, "human_review"]
    silent = FakeProber(lambda one: None)
    assert [one.value for one in silent.ask(asked)] == [None, None]
    assert silent.asked == asked
