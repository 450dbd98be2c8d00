"""Routes made from steps. Who asks is looked at before what is asked."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from holdfast.access.signed_in import SignedIn
from holdfast.application import Application
from holdfast.interfaces.api.access import App, Caller, Now
from holdfast.interfaces.api.addresses import in_address
from holdfast.interfaces.api.refusals import ASKED
from holdfast.steps.step import Call, Step

TAGS = {
    "playbook": "playbook",
    "monitor": "monitors",
    "alert": "alerts",
    "incident": "incidents",
    "impact": "impact and cause",
    "cause": "impact and cause",
    "contain": "containment",
    "remediation": "remediation",
    "review": "review",
    "message": "messages",
}
"""Under which heading the steps of a noun are described."""


def add_to(router: APIRouter, declared: Iterable[Step[Any, Any, Any]]) -> None:
    """Add the routes of these steps."""
    for step in declared:
        _add(router, step)


def _add(router: APIRouter, step: Step[Any, Any, Any]) -> None:
    def may(who: Caller) -> SignedIn:
        step.require(who)
        return who

    def take(app: Application, who: SignedIn, now: Any, **given: Any) -> Any:
        call = Call(app, who, now)
        names = tuple(given[name] for name, _, _ in step.names)
        said = (given["said"],) if step.asked else ()
        return step.after(call, names, step(call, *names, *said))

    parameters = [
        _parameter("app", App),
        _parameter("who", Annotated[SignedIn, Depends(may)]),
        _parameter("now", Now),
        *(_parameter(name, Annotated[kind, in_address(how)]) for name, kind, how in step.names),
        *([_parameter("said", step.asked)] if step.asked else []),
    ]
    take.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    take.__name__ = step.does.__name__
    take.__doc__ = step.explanation
    setattr(take, ASKED, step.asked)
    router.add_api_route(
        step.path,
        take,
        methods=[step.method],
        status_code=step.status,
        summary=step.summary,
        response_model=step.shown,
        tags=[TAGS[step.noun]],
    )


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
