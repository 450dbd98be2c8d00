"""The stream of what changed, for pages that stay open."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from holdfast.interfaces.web import access
from holdfast.interfaces.web.access import visit
from holdfast.interfaces.web.live import News, TooManyListeners

router = APIRouter()


@router.get("/events")
async def events(visit: visit) -> Response:
    """Server-sent events; the only view that waits, so the only one that is not a plain function."""
    application, news = visit.application, visit.request.app.state.news
    assert isinstance(news, News)
    secret = visit.request.cookies.get(access.session_cookie(application), "")

    def still_welcome() -> bool:
        return application.accounts.sessions.find(secret, application.clock.now(), touch=False) is not None

    stream = news.listen(still_welcome)
    try:
        first = await anext(stream)
    except TooManyListeners:
        return PlainTextResponse(
            "Too many pages listen; this one asks again later.", 503, {"Retry-After": "30"}
        )
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_from(first, stream), media_type="text/event-stream", headers=headers)


async def _from(first: str, stream: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for event in stream:
        yield event
