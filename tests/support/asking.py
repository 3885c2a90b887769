"""A process that asks two providers as often as its budgets let it, and tells what it did when: `python -m` it with an
`Errand` in JSON; it answers with a `Diary`."""

import asyncio
import sys
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Final

import httpx
import msgspec

from caudal.model.errors import RateLimited
from caudal.providers.http import (
    Answer,
    Budget,
    Call,
    HttpBounds,
    Limited,
    ProviderHttp,
    SystemClock,
    Verdict,
)
from caudal.providers.http.messages import by_status
from caudal.store.database import Store
from caudal.sync.budgets import SharedBudgets

OPERATION: Final = "feed"
AT_ONCE: Final = 4
PATIENCE_SECONDS: Final = 1
"""For how long to stay away when told "too often" and not for how long."""


class Errand(msgspec.Struct, frozen=True):
    """`strict` is asked for each item `calls` times; until that is done `content` as often as it lets us."""

    conninfo: str
    name: str
    strict: str
    content: str
    items: int
    calls: int
    budgets: Mapping[str, Budget]
    minute: timedelta
    lease: timedelta


class Held(msgspec.Struct, frozen=True):
    """Somebody was told to stay away: `item` '': all. Begun to be told to the others, and told, at these moments."""

    item: str
    begun: timedelta
    told: timedelta


class Diary(msgspec.Struct):
    """Moments are of the machine's monotonic clock, the same for all its processes."""

    sent: dict[str, timedelta] = {}
    """Attempt ("name/item/number/attempt") → when it left. Of those with the strict provider."""
    held: list[Held] = []


class _Telling(SharedBudgets):
    """Budgets that note who was told to stay away, and when the others could know."""

    diary: Diary

    async def hold(self, operation: str, item: str | None, pause: timedelta) -> None:
        begun = CLOCK.monotonic()
        await super().hold(operation, item, pause)
        self.diary.held.append(Held(item or "", begun, CLOCK.monotonic()))


class _Noting(httpx.AsyncBaseTransport):
    """The network, which numbers each attempt and notes when it left."""

    def __init__(self, diary: Diary) -> None:
        self._network = httpx.AsyncHTTPTransport(trust_env=False)
        self._diary = diary

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.headers['x-call']}/{len(self._diary.sent)}"
        request.headers["x-attempt"] = name
        self._diary.sent[name] = CLOCK.monotonic()
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        await self._network.aclose()


CLOCK: Final = SystemClock()


def judge(answer: Answer) -> Verdict:
    """As the rules of HTTP have it; who is meant stands in the body."""
    verdict = by_status(answer)
    return Limited(verdict.after, answer.body == b"all") if isinstance(verdict, Limited) else verdict


async def ask(http: ProviderHttp, call: Call) -> None:
    """Ask until there is an answer, as the engine does: not before it may."""
    while True:
        try:
            answer = await http.send(call)
        except RateLimited as limited:
            pause = limited.retry_after or timedelta(seconds=PATIENCE_SECONDS)
            await CLOCK.sleep(pause)
        else:
            assert answer.status == 200, answer
            return


def call(errand: Errand, item: str, number: int) -> Call:
    """A call that the server can tell from every other."""
    headers = {"x-call": f"{errand.name}/{item}/{number}", "x-item": item}
    return Call(OPERATION, "GET", "/feed", headers=headers, item=item)


async def run(errand: Errand) -> Diary:
    """Do it."""
    diary = Diary()
    bounds = HttpBounds(limited_seconds_default=PATIENCE_SECONDS)
    async with await Store.open(errand.conninfo, connections_max=4) as store:

        def budgets(provider: str) -> _Telling:
            made = _Telling(
                store,
                provider,
                {OPERATION: errand.budgets[provider]},
                lease=errand.lease,
                minute=errand.minute,
            )
            made.diary = diary if provider == "strict" else Diary()
            return made

        noting = _Noting(diary)
        async with (
            ProviderHttp(
                "strict",
                errand.strict,
                judge=judge,
                budgets=budgets("strict"),
                bounds=bounds,
                transport=noting,
            ) as strict,
            ProviderHttp("content", errand.content, budgets=budgets("content"), bounds=bounds) as content,
        ):
            busy = [
                asyncio.create_task(_on_and_on(errand, content, str(number))) for number in range(AT_ONCE)
            ]
            await asyncio.gather(*(_through(errand, strict, str(item)) for item in range(errand.items)))
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)
    return diary


async def _through(errand: Errand, http: ProviderHttp, item: str) -> None:
    for number in range(errand.calls):
        await ask(http, call(errand, item, number))


async def _on_and_on(errand: Errand, http: ProviderHttp, item: str) -> None:
    for number in count():
        await ask(http, call(errand, item, number))


if __name__ == "__main__":
    done = asyncio.run(run(msgspec.json.decode(sys.argv[1], type=Errand)))
    sys.stdout.buffer.write(msgspec.json.encode(done))
