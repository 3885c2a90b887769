"""The steps of a link at the command line: pages to visit, what is asked for, what is offered."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import Final

import click
import msgspec

from caudal.cli import show
from caudal.cli.returning import HOST, PATH, Returning, listening
from caudal.cli.sandbox_control import SandboxControl
from caudal.hub import connections as hub_connections
from caudal.hub import links
from caudal.hub.installation import Installation
from caudal.hub.links import Candidate, Connected
from caudal.model.errors import ConflictError, Refused, Unavailable
from caudal.providers.base import (
    Abandoned,
    Ask,
    Capability,
    Fields,
    LinkAnswer,
    LiveProvider,
    Poll,
    Visit,
    Waiting,
)
from caudal.store.spaces import LinkedConnection, Space

STEPS_MAX: Final = 50
"""Steps of one link, before it is given up: a person answers a handful."""
_FIRST_POLLS_MS = (100, 500, 1_000)
"""A person takes longer; somebody who was logged in already, and the sandbox, don't."""


class LinkWish(msgspec.Struct, frozen=True):
    """What somebody at the command line wants linked, and how far they go themselves. `broker`: an institution that
    keeps investments alone.

    `paste`: they give the address a redirect sends them to. `sandbox`: (its address, user, password): the sandbox plays
    the person at the bank's page.
    """

    provider: str
    institution: str | None = None
    relink: str | None = None
    again: bool = False
    broker: bool = False
    choose_accounts: bool = False
    paste: bool = False
    sandbox: tuple[str, str, str] | None = None
    asks: bool = True


class Walk(msgspec.Struct):
    """A link under way at the command line."""

    opened: Installation
    space: Space
    live: LiveProvider
    wish: LinkWish
    relink: LinkedConnection | None = None

    async def begun(self, return_url: str) -> links.Progress:
        """The first step."""
        return await links.begin(
            self.opened,
            self.space,
            self.live,
            institution=self.wish.institution,
            relink=self.relink,
            choose_accounts=self.wish.choose_accounts,
            investments_only=self.wish.broker,
            return_url=return_url,
        )

    async def next(self, answer: LinkAnswer) -> links.Progress:
        """The step after `answer`."""
        return await links.proceed(self.opened, self.space, self.live, answer, self.relink)


async def linked(opened: Installation, space: Space, live: LiveProvider, wish: LinkWish) -> Connected:
    """Go through the steps of a link to its end. Raises ConflictError where the login is linked already and nobody is
    there to be asked, Refused where it was abandoned or goes on for ever."""
    relink = await hub_connections.find(opened, space, wish.relink) if wish.relink else None
    walk = Walk(opened, space, live, wish, relink)
    async with _way_back(walk) as (port, return_url):
        step = await walk.begun(return_url)
        for _ in range(STEPS_MAX):
            match step:
                case Connected():
                    return step
                case Abandoned():
                    raise Refused(f"not linked: {step.why}")
                case Visit():
                    step = await _visited(walk, step, port)
                case Ask():
                    step = await walk.next(await _asked(walk.wish, step))
                case Candidate(already=LinkedConnection() as already) if not wish.again:
                    _offer_to_mend(already, wish)
                    walk.relink = already
                    step = await walk.begun(return_url)
                case Candidate():
                    step = await walk.next(step.conclude)
                case _:
                    raise Unavailable("not linked: nothing was heard of the person in time")
    raise Refused(f"not linked: {live.name} asks on and on")


@asynccontextmanager
async def _way_back(walk: Walk) -> AsyncIterator[tuple[Returning | None, str]]:
    """(the port that listens for the person, or None; the address they are sent back to)."""
    settings = walk.opened.settings
    if Capability.REDIRECT not in walk.live.capabilities:
        yield None, ""
    elif walk.wish.paste or settings.return_url:
        yield None, settings.return_url or f"http://{HOST}:{settings.return_port}{PATH}"
    else:
        async with listening(settings.return_port) as port:
            yield port, port.url


async def _asked(wish: LinkWish, ask: Ask) -> Fields:
    """What the person says to each field. Without a terminal each is a line of standard input. Raises Refused where
    there are too few."""
    if wish.sandbox is not None:
        return Fields(
            ask.state, await asyncio.to_thread(_filled, wish.provider, list(ask.fields), wish.sandbox)
        )
    if ask.why:
        show.errors.print(show.text(ask.why), highlight=False)
    return Fields(
        ask.state, {name: _one(name, what, secret=name in ask.secret) for name, what in ask.fields.items()}
    )


def _one(name: str, what: str, *, secret: bool) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=secret, err=True)).strip()
    line = sys.stdin.readline()
    if not line:
        raise Refused(f"not linked: {name} is asked for ({what}), and standard input has no line for it")
    return line.strip()


def _offer_to_mend(already: LinkedConnection, wish: LinkWish) -> None:
    told = f"this login is linked already, as “{already.label}”"
    if not wish.asks:
        raise ConflictError(
            f"{told}: nothing was linked. `--relink '{already.label}'` mends that one; "
            "`--again` links it a second time, which the provider bills a second time"
        )
    if not click.confirm(f"{told}. Mend that one instead of linking it a second time?", default=True):
        raise ConflictError(f"{told}: nothing was linked; `--again` links it a second time")


async def _visited(walk: Walk, visit: Visit, port: Returning | None) -> links.Progress:
    """Wait until the person is done at the bank's page, or time is up."""
    began = datetime.now(UTC)
    show.errors.print(f"log in at: {visit.url}", soft_wrap=True, highlight=False)
    sent_to = None
    if walk.wish.sandbox is not None:
        sent_to = await asyncio.to_thread(_played, walk.live.name, visit.url, walk.wish)
    if visit.returns and sent_to is not None:
        return await walk.next(links.returned(visit, sent_to))
    if visit.returns:
        return await walk.next(await _returned(visit, port))
    state = visit.state
    for wait in chain(_FIRST_POLLS_MS, repeat(visit.poll_seconds * 1000)):
        over = datetime.now(UTC) >= visit.expires_at
        if visit.by_webhook:
            brought = await links.heard(walk.opened, walk.live, visit, began)
            if brought is not None:
                return await walk.next(brought)
            if over:
                return Waiting(state)
        else:
            step = await walk.next(Poll(state))
            if not isinstance(step, Waiting) or over:
                return step
            state = step.state
        await asyncio.sleep(wait / 1000)
    raise AssertionError("waiting has no end but the link's own")


async def _returned(visit: Visit, port: Returning | None) -> Fields:
    """What the redirect brought. Raises Unavailable where nobody came back in time, ConflictError for another address."""
    if port is None:
        show.errors.print("when you are done there, paste the address of the page you were sent to")
        return links.returned(visit, _one("address", "address", secret=True))
    try:
        async with asyncio.timeout(max(timedelta(), visit.expires_at - datetime.now(UTC)).total_seconds()):
            return await port.wait(visit)
    except TimeoutError:
        raise Unavailable("not linked: nobody came back from the bank's page in time") from None


def _filled(provider: str, fields: list[str], sandbox: tuple[str, str, str]) -> Mapping[str, str]:
    """What somebody of the sandbox says to each field."""
    address, username, _ = sandbox
    with SandboxControl(address) as control:
        values: Mapping[str, str] = control.post(
            f"{provider}/link/fields", {"fields": fields, "username": username}
        )["values"]
    return values


def _played(provider: str, url: str, wish: LinkWish) -> str | None:
    """The sandbox goes through the page's own steps as `wish.sandbox` would. The address they were sent back to, if they
    were."""
    if wish.sandbox is None:
        return None
    address, username, password = wish.sandbox
    with SandboxControl(address) as control:
        seen = control.post(
            f"{provider}/link/finish",
            {
                "hosted_link_url": url,
                "institution_id": wish.institution,
                "username": username,
                "password": password,
            },
        )
    if seen["problem"]:
        told = seen["problem"]
        raise Refused(
            f"not linked: at “{seen['step']}” the bank's page says {told.get('error_code', '')}: "
            f"{told.get('display_message') or told.get('error_message', '')}"
        )
    goes_to: str | None = seen.get("goes_to")
    return goes_to
