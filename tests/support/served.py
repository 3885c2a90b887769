"""`caudal serve --sandbox` as a stranger starts it: a process of its own, and a browser that walks through it."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pyotp
from playwright.sync_api import Browser, BrowserContext, Page
from tests.support.api import PASSWORD

_WAIT_SECONDS: Final = 90
_FIRST: Final = re.compile(r"by\s+(http://\S+?)/welcome#([\w-]{43})")


class Served:
    """A hub that is up. `token`: the first owner's."""

    def __init__(self, url: str, token: str, sandbox: str, log: Path) -> None:
        self.url = url
        self.token = token
        self.sandbox = sandbox
        self.log = log


@contextmanager
def serving(folder: Path, **named: str) -> Iterator[Served]:
    """One with simulated banks, at a free port, and further settings by their name in the environment; it ends with the
    block."""
    home, log = folder / "home", folder / "serve.log"
    environ = {
        key: value for key, value in os.environ.items() if not key.startswith(("CAUDAL_", "DATABASE_URL"))
    }
    environ |= {"CAUDAL_HOME": str(home), "COLUMNS": "400", "NO_COLOR": "1", **named}
    caudal = (sys.executable, "-m", "caudal")
    subprocess.run([*caudal, "keys", "init"], env=environ, check=True, capture_output=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*caudal, "serve", "--sandbox", "--port", str(_free_port())],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        url, token = _first(process, log)
        banks = re.search(r"simulated banks at (\S+)", log.read_text("utf-8"))
        assert banks is not None
        yield Served(url, token, banks[1], log)
    finally:
        process.terminate()
        process.wait(60)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _first(process: "subprocess.Popen[bytes]", log: Path) -> tuple[str, str]:
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        if (found := _FIRST.search(log.read_text("utf-8"))) and _listens(found[1]):
            return found[1], found[2]
        assert process.poll() is None, log.read_text("utf-8")
        time.sleep(0.1)
    raise AssertionError(f"it didn't come up: {log.read_text('utf-8')}")


def _listens(url: str) -> bool:
    """Whether somebody is there already: the address is said before."""
    there = urlsplit(url)
    try:
        socket.create_connection((there.hostname or "", there.port or 80), timeout=1).close()
    except OSError:
        return False
    return True


class Person:
    """Somebody at their browser. `space`: where their books are; `recovery`: their codes, as the file says them."""

    def __init__(self, context: BrowserContext, hub: Served) -> None:
        self.context = context
        self.hub = hub
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.space = ""
        self.totp: pyotp.TOTP | None = None
        self.recovery: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type == "error" else None
        )

    def become_owner(self) -> None:
        """The first person, with one-time codes."""
        page = self.page
        page.goto(f"{self.hub.url}/welcome#{self.hub.token}")
        page.fill("[name=name]", "Ana Prado")
        page.fill("[name=email]", "ana@example.org")
        page.fill("[name=password]", PASSWORD)
        page.click("button:has-text('Begin')")
        page.wait_for_url("**/s/*")
        self.space = page.url
        page.goto(f"{self.space}/settings/security")
        page.click("button:has-text('Set up codes')")
        self.totp = pyotp.TOTP(page.inner_text("[data-seed]").replace(" ", ""))
        page.fill("[name=code]", self.totp.now())
        page.click("button:has-text('Turn on')")
        page.wait_for_selector(".recovery")
        with page.expect_download() as coming:
            page.click("a:has-text('Keep them as a file')")
        self.recovery = coming.value.path().read_text("utf-8").split()
        assert self.recovery == page.locator(".recovery code").all_inner_texts()
        page.click("a:has-text('I kept them')")

    def begin_link(self, way: str) -> None:
        """As far as the provider's own page, or what it asks for."""
        page = self.page
        page.goto(f"{self.space}/connections/new")
        page.click(f"button:text-is('{way}')")
        page.wait_for_url("**/link/*")
        page.click("button:has-text('Agree and continue')")
        page.wait_for_selector("a:has-text('Open it'), [name=field-0]")

    def take(self, path: Path) -> None:
        """A statement file, looked at and taken in."""
        page = self.page
        page.goto(f"{self.space}/imports/new")
        page.set_input_files("[name=files]", str(path))
        page.click("button:has-text('Look at it first')")
        page.click("button:has-text('Import this file')")
        page.wait_for_selector("text=Imported before")

    def at_the_bank(self) -> Page:
        """The provider's page, in its own tab or in place of ours."""
        opener = self.page.locator("a:has-text('Open it')")
        if opener.get_attribute("target") is None:
            opener.click()
            return self.page
        with self.context.expect_page() as opening:
            opener.click()
        return opening.value


def person(browser: Browser, hub: Served, *, phone: bool = False) -> Person:
    """Somebody new, at a desk or with a phone."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 900},
        reduced_motion="reduce",
        has_touch=phone,
        is_mobile=phone,
        locale="en-US",
    )
    return Person(context, hub)
