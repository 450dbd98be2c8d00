"""What serves one workspace: pages, API and OFREP endpoints behind one door, and the worker beside them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import Headers

from holdfast.application import Application
from holdfast.contain.hearing import Hearing
from holdfast.interfaces.api import access as api_access
from holdfast.interfaces.api import refusals
from holdfast.interfaces.api.access import flags_access
from holdfast.interfaces.api.ofrep import ofrep_router
from holdfast.interfaces.api.resources import api
from holdfast.interfaces.door import Addresses, Door, Patient
from holdfast.interfaces.web import access as web_access
from holdfast.interfaces.web.site import site
from holdfast.interfaces.worker.worker import Worker
from holdfast.people import SYSTEM
from holdfast.problems import Fault


def asgi(application: Application) -> FastAPI:
    """Pages, API and OFREP endpoints of one workspace as one ASGI application."""
    served = FastAPI(
        title="Holdfast",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    refusals.install(served)
    served.include_router(api(application))
    hearing = Hearing(
        application.clock.now,
        lambda containment, more: application.containing.heard(
            containment, more, by=SYSTEM, at=application.clock.now()
        ),
    )
    served.include_router(ofrep_router(application.read_switches, flags_access(application), hearing))
    served.mount("/", site(application))
    served.add_middleware(Addresses)
    served.add_middleware(Door, known=lambda headers: _known(application, headers))
    return served


def _known(application: Application, headers: Headers) -> bool:
    """Whether a request comes from somebody who is signed in, by page or by API."""
    return web_access.signed_in_by(application, headers) or api_access.signed_in_by(application, headers)


class Service:
    """Serves one workspace: pages and API, and the worker beside them."""

    def __init__(self, application: Application, *, with_worker: bool = True) -> None:
        self.application = application
        web = application.settings.web
        config = uvicorn.Config(
            asgi(application),
            host=web.host,
            port=web.port,
            http=Patient,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=3,  # open event streams never end by themselves
        )
        self.server = uvicorn.Server(config)
        self.worker = Worker(application) if with_worker else None
        self._stop = threading.Event()

    def run(self) -> None:
        """Serve until interrupted; the worker finishes its round. Raises Fault when the address is taken."""
        self.application.ledger.keep_time()
        listening = self._listening()
        thread = threading.Thread(target=self.worker.run, args=(self._stop,)) if self.worker else None
        if thread:
            thread.start()
        try:
            self.server.run(listening)
        finally:
            self._stop.set()
            if thread:
                thread.join()

    @contextmanager
    def in_background(self) -> Iterator[Service]:
        """Serve pages and API from a thread while the block runs; the worker is left to the caller.

        Raises Fault when the address is taken.
        """
        listening = self._listening()
        thread = threading.Thread(target=self.server.run, args=(listening,), daemon=True)
        thread.start()
        try:
            while thread.is_alive() and not self.server.started:
                time.sleep(0.01)
            if not self.server.started:
                raise RuntimeError("the server ended while it started; its log says why")
            yield self
        finally:
            self.server.should_exit = True
            thread.join(10)

    def _listening(self) -> list[socket.socket]:
        """Sockets that hold the address of the settings, under each kind of network address it has.

        Raises Fault: nothing was started.
        """
        web = self.application.settings.web
        try:
            found = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            addresses = dict.fromkeys((family, address[:2]) for family, *_, address in found)
            return [socket.create_server(address, family=family) for family, address in addresses]
        except OSError as error:
            raise Fault(
                f"{web.host}:{web.port} cannot be served: {(error.strerror or str(error)).lower()}",
                "stop what listens there, or set host and port in [web] of holdfast.toml",
            ) from error
