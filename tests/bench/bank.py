"""The bank that is synced with: a sandbox in a process of its own, one login of it, and what happens there."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
import msgspec

from caudal.cli.sandbox_control import SandboxControl
from caudal.cli.sandbox_process import running
from caudal.hub import installation, links, spaces
from caudal.hub.installation import Installation
from caudal.hub.links import Candidate, Connected
from caudal.providers.base import LiveProvider, Poll, Visit, Waiting
from caudal.providers.http import LocalBudgets
from caudal.providers.plaid import PlaidConfig, PlaidProvider
from caudal.settings import Settings
from caudal.store.spaces import LinkedConnection

SPACE: Final = "measured"
HISTORY_DAYS: Final = 730
"""How long `busy` has been open: as long as Plaid tells of it (Plaid docs, Transactions: 24 months)."""

_INSTITUTION: Final = "ins_109508"  # Plaid docs, Sandbox: institutions: First Platypus Bank
_SECONDS_MAX: Final = 600


class Bank(msgspec.Struct, frozen=True):
    """A sandbox at `url`."""

    url: str

    def provider(self) -> PlaidProvider:
        """The adapter, with this bank for Plaid. Its budget of calls, 50 a minute for one Item, is lifted: there would
        be little else to measure."""
        config = PlaidConfig(
            client_id="measured", secret="measured", environment="sandbox", base_url=self.url
        )
        return PlaidProvider(config, budgets=LocalBudgets({}))

    def link(self, settings: Settings, payments_a_day: int) -> LinkedConnection:
        """A connection to a shop that takes so many card payments a day, whose whole history is ready to be told."""
        connection = asyncio.run(self._link(settings, f"user_busy_{payments_a_day}"))
        for _ in ("the newest days", "the rest of the history"):
            self._look_again(connection)
        return connection

    def book(self, connection: LinkedConnection, count: int) -> None:
        """`count` more movements are booked there, and Plaid has seen them."""
        with SandboxControl(self.url) as control:
            (item,) = control.all("plaid/items")
        (account,) = (shown["account"] for shown in item["accounts"].values())
        with httpx.Client(base_url=self.url, trust_env=False, timeout=_SECONDS_MAX) as http:
            for number in range(count):
                deed = {"account": account, "minor": 100 + number, "text": f"CARD SALE {number}"}
                http.post("/_sandbox/world/book", json=deed).raise_for_status()
        self._look_again(connection)

    def _look_again(self, connection: LinkedConnection) -> None:
        with SandboxControl(self.url) as control:
            control.post(f"plaid/items/{connection.reference}/update", {})

    async def _link(self, settings: Settings, username: str) -> LinkedConnection:
        async with (
            installation.opened(settings) as opened,
            self.provider() as live,
        ):
            return await self._walked(opened, live, username)

    async def _walked(self, opened: Installation, live: LiveProvider, username: str) -> LinkedConnection:
        """Through the steps that `caudal link` takes, the sandbox playing the person."""
        space = await spaces.chosen(opened.store, SPACE, make=True)
        step = await links.begin(opened, space, live, institution=_INSTITUTION)
        if isinstance(step, Visit):
            person = {"institution_id": _INSTITUTION, "username": username, "password": "any"}
            with SandboxControl(self.url) as control:
                await asyncio.to_thread(
                    control.post, "plaid/link/finish", {"hosted_link_url": step.url, **person}
                )
        while isinstance(step, Visit | Waiting | Candidate):
            answer = step.conclude if isinstance(step, Candidate) else Poll(step.state)
            step = await links.proceed(opened, space, live, answer)
        if isinstance(step, Connected):
            return step.connection
        raise RuntimeError(f"{username} can't be linked: {step}")


@contextmanager
def bank() -> Iterator[Bank]:
    """A bank without limits, and gone afterwards."""
    with running("--limits", "off", "--people", "0", "--firms", "0") as url:
        yield Bank(url)
