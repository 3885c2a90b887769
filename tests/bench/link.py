"""Linking a bank in a browser: from the click to the first transactions on the screen, with providers that take their time."""

import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, Page
from rich.console import Console
from tests.bench.sheet import Figure, Sheet
from tests.support.at_banks import at_plaid, at_pluggy
from tests.support.chromium import chromium
from tests.support.served import Person, Served, person, serving

LINK_SECONDS_AIM: Final = 30
_LATENCY_MS: Final = 500
_WAIT_MS: Final = 120_000
_FIGURE: Final = "#arriving .item__figure"
_LINK: Final = "button:has-text('Link these accounts')"
_BANKS: Final[dict[str, Callable[[Page], None]]] = {"Plaid": at_plaid, "Pluggy": at_pluggy}


class Spent(msgspec.Struct, frozen=True):
    """Seconds of one link: until the provider's page is there, until its last button is pressed, until the first
    transactions are on the screen."""

    begun: float
    at_the_bank: float
    arrived: float

    @property
    def whole(self) -> float:
        """From the click to the first transactions."""
        return self.begun + self.at_the_bank + self.arrived


def sheets(console: Console, *, quick: bool) -> Iterator[Sheet]:
    """Measure, and tell. Without a Chromium there is nothing to measure with, and it says so."""
    spent: dict[str, list[Spent]] = {way: [] for way in _BANKS}
    calls = 0
    try:
        with chromium() as browser:
            for nth in range(runs := 1 if quick else 3):
                with console.status(f"linking, run {nth + 1} of {runs}"):
                    calls += _run(browser, spent)
    except pytest.skip.Exception as why:
        console.print(f"link: {why}")
        return
    yield _sheet(spent, calls // runs)


def _run(browser: Browser, spent: dict[str, list[Spent]]) -> int:
    """Every bank linked once in a hub that is new; how many calls were held up."""
    with tempfile.TemporaryDirectory(prefix="caudal-bench-") as folder, serving(Path(folder)) as hub:
        ana = person(browser, hub)
        ana.page.set_default_timeout(_WAIT_MS)
        ana.become_owner()
        _slow_down(hub)
        for way, at_the_bank in _BANKS.items():
            spent[way].append(_linked(ana, way, at_the_bank))
        held_up = _held_up(hub)
        ana.context.close()
    return held_up


def _linked(ana: Person, way: str, at_the_bank: Callable[[Page], None]) -> Spent:
    page, times = ana.page, [time.perf_counter()]
    ana.begin_link(way)
    bank = ana.at_the_bank()
    bank.wait_for_load_state()
    times.append(time.perf_counter())
    at_the_bank(bank)
    times.append(time.perf_counter())
    page.wait_for_selector(f"{_LINK}, {_FIGURE}")
    if page.locator(_LINK).count():
        page.click(_LINK)
    page.wait_for_selector(_FIGURE)
    times.append(time.perf_counter())
    return Spent(*(after - before for before, after in pairwise(times)))


def _slow_down(hub: Served) -> None:
    fault = {"kind": "latency", "params": {"milliseconds": _LATENCY_MS}}
    httpx.post(f"{hub.sandbox}/_sandbox/faults", json=fault).raise_for_status()


def _held_up(hub: Served) -> int:
    answer = httpx.get(f"{hub.sandbox}/_sandbox/faults").raise_for_status()
    return sum(each["struck"] for each in answer.json())


def _sheet(spent: dict[str, list[Spent]], calls: int) -> Sheet:
    sheet = Sheet(
        f"Linking a bank in a browser: seconds, with {_LATENCY_MS} ms more for every call to a provider",
        (
            "provider",
            "to its page",
            "at its page",
            "to the first\ntransactions",
            f"whole\n≤ {LINK_SECONDS_AIM}",
            "slowest",
        ),
        note="`caudal serve --sandbox` as a process of its own and headless Chromium, which types and clicks at once: what a person "
        f"takes to do so comes on top. A new hub for each run, medians; {calls} calls were held up in a run.",
    )
    for way, runs in spent.items():
        whole = [each.whole for each in runs]
        sheet.add(
            way,
            f"{median(each.begun for each in runs):.1f}",
            f"{median(each.at_the_bank for each in runs):.1f}",
            f"{median(each.arrived for each in runs):.1f}",
            Figure.at_most(median(whole), LINK_SECONDS_AIM, "{:.1f}"),
            Figure.at_most(max(whole), LINK_SECONDS_AIM, "{:.1f}"),
        )
    return sheet
