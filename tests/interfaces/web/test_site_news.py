"""What changed reaches open pages, however many listen, and leaves nothing running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.incident.responding import Report
from holdfast.interfaces.web import live
from holdfast.interfaces.web.live import News, TooManyListeners, topics_of
from support.company import MAYA, VICTOR
from support.pages import PASSWORD, open_company

QUICK = 0.02
Story = Callable[[News], Awaitable[None]]


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return open_company(tmp_path)


def told(application: Application, story: Story) -> None:
    """Play a story with news that look at the ledger often; everything it started must have ended."""

    async def play() -> None:
        await asyncio.wait_for(story(News(application.ledger, QUICK)), 20)
        deadline = asyncio.get_running_loop().time() + 5
        while len(asyncio.all_tasks()) > 1:
            assert asyncio.get_running_loop().time() < deadline, "something is still looking at the ledger"
            await asyncio.sleep(QUICK)

    asyncio.run(play())


async def topics(stream: AsyncIterator[str]) -> set[str]:
    """The next topics of a stream, passing over signs of life."""
    async for event in stream:
        if event.startswith("data: "):
            assert event.endswith("\n\n")
            return set(event.removeprefix("data: ").split())
    raise AssertionError("the stream ended")


def test_a_page_hears_of_the_incident_that_changed_and_of_nothing_else(application: Application) -> None:
    async def story(news: News) -> None:
        stream = news.listen(lambda: True)
        assert await anext(stream) == "retry: 2000\n\n"
        await asyncio.sleep(3 * QUICK)
        incident = application.desk.open(Report("Loans"), by=MAYA, at=application.clock.now())
        heard = await topics(stream)
        assert {"incident", f"incident/{incident}", "evidence", "message", "ledger"} <= heard
        assert not any(MAYA.id in topic for topic in heard)
        await stream.aclose()

    told(application, story)


def test_a_new_seal_is_news_of_the_ledger_alone(application: Application) -> None:
    async def story(news: News) -> None:
        stream = news.listen(lambda: True)
        await anext(stream)
        await asyncio.sleep(3 * QUICK)
        application.sealer.seal(application.clock.now())
        assert await topics(stream) == {"ledger"}
        await stream.aclose()

    told(application, story)


def test_who_signs_in_is_nobodys_news(application: Application) -> None:
    before = application.ledger.size()
    application.accounts.sessions.sign_in(VICTOR.id, PASSWORD, "198.51.100.7", application.clock.now())
    assert topics_of(application.ledger.facts(after=before - 1)) == {"ledger"}


def test_after_more_than_can_be_told_everything_is_fetched_again(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_MOST_AT_ONCE", 3)

    async def story(news: News) -> None:
        stream = news.listen(lambda: True)
        await anext(stream)
        await asyncio.sleep(3 * QUICK)
        application.desk.open(Report("Loans"), by=MAYA, at=application.clock.now())
        assert await topics(stream) == {"*"}
        await stream.aclose()

    told(application, story)


def test_however_many_listen_the_ledger_is_looked_at_once(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    position = News._position

    def counted(news: News) -> live.Position:
        nonlocal looks
        looks += 1
        return position(news)

    monkeypatch.setattr(News, "_position", counted)

    async def story(news: News) -> None:
        streams = [news.listen(lambda: True) for _ in range(20)]
        for stream in streams:
            await anext(stream)
        await asyncio.sleep(10 * QUICK)
        assert looks <= 12
        for stream in streams:
            await stream.aclose()

    told(application, story)


def test_listeners_are_bounded_and_who_leaves_makes_room(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_LISTENERS", 2)

    async def story(news: News) -> None:
        first, second = news.listen(lambda: True), news.listen(lambda: True)
        await anext(first)
        await anext(second)
        with pytest.raises(TooManyListeners):
            await anext(news.listen(lambda: True))
        await first.aclose()
        third = news.listen(lambda: True)
        await anext(third)
        await second.aclose()
        await third.aclose()

    told(application, story)


def test_a_session_that_ended_hears_no_more(application: Application) -> None:
    now = application.clock.now()
    secret, _ = application.accounts.sessions.sign_in(MAYA.id, PASSWORD, "here", now)

    async def story(news: News) -> None:
        stream = news.listen(lambda: application.accounts.sessions.find(secret, now) is not None)
        await anext(stream)
        application.accounts.sessions.sign_out(secret, now + timedelta(seconds=1))
        heard = [event async for event in stream if event.startswith("data: incident")]
        assert heard == []

    told(application, story)


def test_a_database_that_is_away_for_a_moment_does_not_end_the_news(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    position, broken = News._position, False

    def sometimes(news: News) -> live.Position:
        if broken:
            raise OSError("no route to database")
        return position(news)

    monkeypatch.setattr(News, "_position", sometimes)

    async def story(news: News) -> None:
        nonlocal broken
        stream = news.listen(lambda: True)
        await anext(stream)
        await asyncio.sleep(3 * QUICK)
        broken = True
        await asyncio.sleep(3 * QUICK)
        broken = False
        application.desk.open(Report("Loans"), by=MAYA, at=application.clock.now())
        assert "incident" in await topics(stream)
        await stream.aclose()

    told(application, story)
