"""The Chromium that a machine has, driven by Playwright; and what axe says of a page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_AXE: Final = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
_ASKED: Final = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}
_WIDER: Final = "document.documentElement.scrollWidth > innerWidth"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. Where there is none the test is skipped, unless nothing may skip."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        if os.environ.get("CAUDAL_REQUIRE_ALL"):
            pytest.fail("there is no chromium, and nothing may be skipped")
        pytest.skip("this machine has no chromium (apt-get install chromium)")
    # Its own sandbox needs what root and most containers don't give; it sees nothing but pages made here.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def barriers(page: Page) -> list[str]:
    """What axe finds serious or critical, as ``rule: where (why)``; and whether one must scroll sideways."""
    page.evaluate(_AXE.read_text("utf-8"))
    found: dict[str, Any] = page.evaluate("asked => axe.run(document, asked)", _ASKED)
    wide = [f"{page.url} is wider than its window"] if page.evaluate(_WIDER) else []
    return wide + [
        f"{rule['id']}: {node['target']} ({node['failureSummary']})"
        for rule in found["violations"]
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]
