"""Chromium for tests: found, started once, and watched, so that a page that complains fails its test."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PICTURES = os.environ.get("JOURNEY_PICTURES")
"""A folder for pictures of every page that a journey passes, on a desk and on a phone; unset: none."""
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def chromium() -> Iterator[Browser]:
    """One browser. In CI a missing one fails the tests, elsewhere it skips them with a sentence."""
    if CHROMIUM is None:
        said = "no Chromium on this machine (apt-get install chromium), so the pages were not driven"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    expect.set_options(timeout=20_000)  # a busy machine is no fault of the page
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield started
        started.close()


def press(page: Page, key: str) -> None:
    """Press a key of the product, once its script listens: a test is faster than any person."""
    page.locator("html.with-script").wait_for()
    page.keyboard.press(key)


class Watched:
    """What the browser complained about: script errors, refusals of the content policy, server errors."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", self._said)
        page.on("response", self._answered)

    def _said(self, message: Any) -> None:
        # A refusal that the test provokes is no complaint; its status is asserted where it is provoked.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(f"{message.page.url if message.page else ''}: {message.text}")

    def _answered(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.request.method} {response.url}: status {response.status}")


class Windows:
    """Browser windows, one for each person, closed together at the end."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser = browser
        self.address = address
        self.watched = Watched()
        self._contexts: list[BrowserContext] = []
        self._pictures = 0

    def open(self, *, scripts: bool = True) -> Page:
        """A window of its own: no cookie is shared with another."""
        context = self.browser.new_context(
            base_url=self.address,
            viewport=DESK,
            java_script_enabled=scripts,
            timezone_id="Europe/Dublin",  # type: ignore[arg-type]
        )
        context.set_default_timeout(20_000)
        self._contexts.append(context)
        page = context.new_page()
        self.watched.watch(page)
        return page

    def picture(self, page: Page, name: str) -> None:
        """Keep a picture of the page at both widths, when pictures are wanted."""
        if not PICTURES:
            return
        self._pictures += 1
        folder = Path(PICTURES)
        folder.mkdir(parents=True, exist_ok=True)
        safe = re.sub(r"[^a-z0-9]+", "-", name.lower())
        for width, size in (("desk", DESK), ("phone", PHONE)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.wait_for_timeout(120)
            page.screenshot(path=folder / f"{self._pictures:02d}-{safe}-{width}.png", full_page=True)
        page.set_viewport_size(DESK)  # type: ignore[arg-type]

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@contextmanager
def windows(browser: Browser, address: str) -> Iterator[Windows]:
    """Windows on one address; what a page complained about fails the test that opened it."""
    opened = Windows(browser, address)
    try:
        yield opened
    finally:
        opened.close()
    assert opened.watched.complaints == [], "the pages must run without a complaint"
