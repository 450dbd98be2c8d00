"""What is served listens before anything else begins, or says why it cannot (R-XCT-03)."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from holdfast.app import initialise, open_workspace
from holdfast.prepare.starting import write_workspace
from holdfast.problems import Fault
from holdfast.serving import Service
from holdfast.settings import Settings


def service(folder: Path, host: str, port: int) -> Service:
    environ = {"HOLDFAST_WEB_HOST": host, "HOLDFAST_WEB_PORT": str(port)}
    write_workspace(folder)
    initialise(Settings.load(folder, environ))
    return Service(open_workspace(folder, environ))


@pytest.mark.parametrize("how", ["run", "in_background"])
def test_a_taken_address_is_refused_in_a_sentence_and_nothing_is_started(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: Any) -> None:
        raise AssertionError("the worker was started")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        made = service(tmp_path / "workspace", "127.0.0.1", port)
        assert made.worker
        monkeypatch.setattr(made.worker, "run", started)
        with pytest.raises(Fault, match=rf"127\.0\.0\.1:{port} cannot be served: address already in use"):
            made.run() if how == "run" else made.in_background().__enter__()
    made.application.ledger.database.close()


def test_a_host_that_there_is_not_is_refused_in_a_sentence(tmp_path: Path) -> None:
    made = service(tmp_path / "workspace", "no.such.host.invalid", 18999)
    with pytest.raises(Fault, match=r"no\.such\.host\.invalid:18999 cannot be served"):
        made.run()
    made.application.ledger.database.close()
