"""A Chromium and a gallery for the tests that look at pages.

They last for a module and not for the run: while Playwright is at work nobody else can run an event loop in this thread.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page
from tests.support.chromium import chromium
from tests.support.gallery.app import serving

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of, the policy's breaches among it."""
    return []


@pytest.fixture
def visit(browser: Browser, gallery: str, complaints: list[str]) -> Iterator[Visit]:
    """Opens a page of the gallery. A complaint that is left at the end fails the test."""
    contexts = []

    def opened(path: str, *, width: int = 1280, height: int = 900, dark: bool = False, **how: object) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            **how,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(f"{gallery}/{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
