"""The command `holdfast`: hands the command line what it may not join itself.

Each is imported when it is used, so that help and a misspelt word wait for nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.interfaces.cli.main import run
from holdfast.interfaces.cli.session import Serving, Wiring, Working

if TYPE_CHECKING:
    from holdfast.application import Application, Made
    from holdfast.clock import Clock
    from holdfast.detect.engines import Engine
    from holdfast.ledger.outbox import Channel
    from holdfast.ledger.upgrading import Telling, Upgraded
    from holdfast.settings import Settings


def _open(folder: Path, environ: Mapping[str, str] | None, clock: Clock | None) -> Application:
    from holdfast.app import open_workspace

    _keep_quiet()
    return open_workspace(folder, environ, clock)


def _keep_quiet() -> None:
    """What a command has to say it says itself; the log is for those that stay, and never among the data."""
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("critical"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _initialise(settings: Settings) -> Sequence[Made]:
    from holdfast.app import initialise

    return initialise(settings)


def _service(application: Application, *, with_worker: bool = True) -> Serving:
    from holdfast.serving import Service

    return Service(application, with_worker=with_worker)


def _worker(application: Application) -> Working:
    from holdfast.interfaces.worker.worker import Worker

    return Worker(application)


def _engine() -> AbstractContextManager[Engine]:
    from holdfast.app import engine

    return engine()


def _upgrade(folder: Path, progress: Telling) -> Upgraded:
    from holdfast.app import upgrade_workspace

    return upgrade_workspace(folder, progress)


def _channels(settings: Settings) -> Mapping[str, Channel]:
    from holdfast.app import channels_of

    return channels_of(settings)


WIRING = Wiring(_open, _initialise, _service, _worker, _engine, _upgrade, _channels)


def main() -> None:
    run(WIRING)


if __name__ == "__main__":
    main()
