"""The JSON API: the same steps as the pages and the command line, as nouns one can GET, PUT and POST.

`/api/v1/openapi.json` describes it. Every address but that needs an API token; every error is a problem
document (RFC 9457); every answer is what `holdfast … --json` prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.middleware.base import RequestResponseEndpoint

from holdfast.application import Application
from holdfast.interfaces.api import (
    containment,
    detection,
    evidence,
    health,
    incidents,
    investigation,
    learning,
    ledger,
    messages,
    packs,
    playbook,
    refusals,
    steps,
)
from holdfast.interfaces.api.bodies import Bodies
from holdfast.steps.step import Step
from holdfast.steps.table import STEPS

PREFIX = "/api/v1"
PROBLEM = "application/problem+json"
_REFUSALS = {
    400: "The body is no JSON, or could be read in two ways",
    401: "No valid token was sent",
    403: "The token's scope, or the person's access, does not allow it",
    404: "What the address names is not there",
    409: "The state or the playbook does not allow it, or somebody else was faster",
    413: "The body is too large",
    415: "The body is of another kind than JSON",
    422: "A value cannot be accepted",
    503: "The database cannot be reached",
}
_NOUNS = (
    incidents.router,
    detection.router,
    containment.router,
    evidence.router,
    investigation.router,
    learning.router,
    playbook.router,
    ledger.router,
    packs.router,
    messages.router,
    health.router,
)


def api(application: Application) -> APIRouter:
    """Everything under /api/v1, with /healthz and /metrics beside it."""
    router = APIRouter()
    router.mount(PREFIX, _served(application))
    router.include_router(health.watched(application))
    return router


def _served(application: Application) -> FastAPI:
    served = FastAPI(title="Holdfast", docs_url=None, redoc_url=None, openapi_url=None)
    served.state.application = application
    served.router = _table(STEPS)
    refusals.install(served)
    served.add_middleware(Bodies)
    served.middleware("http")(_not_kept)
    return served


@cache
def _table(declared: Sequence[Step[Any, Any, Any]]) -> APIRouter:
    """Every address of the API, the same for every workspace and made once a process: it takes longer than
    everything else that starting does. `request.app` is the application that was asked."""
    made = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation,
        responses={
            status: {"description": said, "model": refusals.Problem} for status, said in _REFUSALS.items()
        },
    )
    for noun in _NOUNS:
        made.include_router(noun)
    steps.add_to(made.router, declared)
    # Written when it is first asked for: that takes longer still.
    described = cache(lambda: describe(made))

    @made.get("/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, Any]:
        return described()

    return made.router


def _operation(route: APIRoute) -> str:
    """What generated clients call it: `incidents_acknowledge`."""
    return f"{str(route.tags[0]).lower().replace(' ', '_') if route.tags else 'api'}_{route.name}"


async def _not_kept(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Nothing the API says is kept by a cache, or shown by a browser as something else than it is."""
    response = await call_next(request)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def describe(served: FastAPI) -> dict[str, Any]:
    """The OpenAPI description: paths as they are reached, errors as they are sent."""
    document = get_openapi(
        title="Holdfast",
        version="1",
        summary="AI incident response that stands up in an audit",
        description=__doc__,
        routes=served.routes,
        servers=[{"url": PREFIX}],
    )
    refused = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path in document["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    answer["content"] = {PROBLEM: refused}
    return document
