"""Several processes, two providers, one of which says "too often" at random: nobody comes earlier than told, nobody comes
more often than allowed, the other provider notices nothing, and in the end everything was asked.

`CAUDAL_CHAOS=full` for 2,000 refusals instead of a few.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, Self

import msgspec
from tests.support.asking import CLOCK, PATIENCE_SECONDS, Diary, Errand
from tests.support.chaos import FULL, tell
from tests.support.tcp import listening

from caudal.providers.http import Budget

ROOT: Final = Path(__file__).resolve().parents[2]
REFUSALS: Final = 2_000 if FULL else 40
ITEMS: Final = 40 if FULL else 8
PROCESSES: Final = 3
CALLS: Final = REFUSALS * 5 // (ITEMS * PROCESSES * 4) + 1
"""Of each process for each item: so many that every refusal finds its request."""
MINUTE: Final = timedelta(seconds=3)
"""What counts as one, for the providers here."""
LEASE: Final = timedelta(milliseconds=250)
BUDGETS: Final = {"strict": Budget(8, 6 * ITEMS), "content": Budget(None, 120)}
JUST_THEN: Final = timedelta(milliseconds=50)
"""What a process on a busy machine takes from having its turn to noting that it sends."""


WITHOUT_DELAY: Final = timedelta(seconds=4)
"""What telling the others may take, were the machine ever so busy."""


class Asked(NamedTuple):
    """A request as it came in."""

    at: timedelta
    item: str
    call: str
    attempt: str
    fine: bool


class Refused(NamedTuple):
    """To everybody (item empty) or for one item. Nothing may come before `until`."""

    at: timedelta
    item: str
    until: timedelta


class Provider:
    """On loopback. It keeps a list of everything, by its own clock, and refuses some by chance."""

    def __init__(self, refusals: int) -> None:
        self.asked: list[Asked] = []
        self.refused: list[Refused] = []
        self._refusals = refusals
        self._random = Random(7)
        self._held = AsyncExitStack()
        self.url = ""

    async def __aenter__(self) -> Self:
        port = await self._held.enter_async_context(listening(self._serve))
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._held.aclose()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                writer.write(self._answer(head, CLOCK.monotonic()))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, head: bytes, at: timedelta) -> bytes:
        lines = [line.partition(": ") for line in head.decode().lower().split("\r\n")]
        said = {name: value for name, _, value in lines}
        refuse = len(self.refused) < self._refusals and self._random.random() < 0.5
        self.asked.append(Asked(at, said["x-item"], said["x-call"], said.get("x-attempt", ""), not refuse))
        if not refuse:
            return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        everybody = self._random.random() < 0.04
        told = self._random.choice([None, 1, 1, 2])
        pause = timedelta(seconds=PATIENCE_SECONDS if told is None else told)
        self.refused.append(Refused(at, "" if everybody else said["x-item"], at + pause))
        after = "" if told is None else f"Retry-After: {told}\r\n"
        body = "all" if everybody else "one"
        return f"HTTP/1.1 429 Too Many Requests\r\n{after}Content-Length: 3\r\n\r\n{body}".encode()


async def asking(errand: Errand) -> Diary:
    """A process of its own that runs the errand."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.asking",
        msgspec.json.encode(errand),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    assert process.returncode == 0
    return msgspec.json.decode(told, type=Diary)


async def all_asked(conninfo: str) -> tuple[Provider, Provider, list[Diary]]:
    async with Provider(REFUSALS) as strict, Provider(0) as content:
        errands = [
            Errand(
                conninfo=conninfo,
                name=f"process-{number}",
                strict=strict.url,
                content=content.url,
                items=ITEMS,
                calls=CALLS,
                budgets=BUDGETS,
                minute=MINUTE,
                lease=LEASE,
            )
            for number in range(PROCESSES)
        ]
        diaries = await asyncio.gather(*map(asking, errands))
    return strict, content, diaries


def most_within_a_minute(moments: list[timedelta]) -> int:
    moments = sorted(moments)
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= MINUTE:
            first += 1
        most = max(most, last - first + 1)
    return most


def counts(moments: Iterable[timedelta]) -> list[int]:
    """How many in each whole minute from the first to the last, one after the other."""
    moments = sorted(moments)
    by_minute = Counter((moment - moments[0]) // MINUTE for moment in moments)
    return [by_minute[number] for number in range((moments[-1] - moments[0]) // MINUTE)]


def too_early(strict: Provider, diaries: list[Diary]) -> list[str]:
    """Requests that came between a refusal and its end, and left later than a lease after the refused process had
    told the others. What left before was on its way, or could not know."""
    left = {name: at for diary in diaries for name, at in diary.sent.items()}
    held = sorted((held for diary in diaries for held in diary.held), key=lambda each: each.told)
    early = []
    for refused in strict.refused:
        known = next(
            each.told for each in held if each.item in {"", refused.item} and each.begun >= refused.at
        )
        for asked in strict.asked:
            if refused.item in {"", asked.item} and refused.at < asked.at < refused.until:
                late = left[asked.attempt] - known - LEASE
                if late > JUST_THEN:
                    early.append(
                        f"{asked.attempt}: {late} after everybody knew, {refused.until - asked.at} early"
                    )
    return early


def test_nobody_comes_earlier_than_told_nor_more_often_than_allowed(conninfo: str) -> None:
    strict, content, diaries = asyncio.run(all_asked(conninfo))
    assert len(strict.refused) == REFUSALS
    assert too_early(strict, diaries) == []
    assert max(held.told - held.begun for diary in diaries for held in diary.held) < WITHOUT_DELAY

    per_item, per_client = BUDGETS["strict"].per_item_per_minute, BUDGETS["strict"].per_client_per_minute
    assert most_within_a_minute([asked.at for asked in strict.asked]) <= per_client
    for item in {asked.item for asked in strict.asked}:
        assert most_within_a_minute([asked.at for asked in strict.asked if asked.item == item]) <= per_item

    done = Counter(asked.call for asked in strict.asked if asked.fine)
    assert len(done) == PROCESSES * ITEMS * (CALLS)
    assert set(done.values()) == {1}

    per_client = BUDGETS["content"].per_client_per_minute
    in_each = counts(asked.at for asked in content.asked)
    assert most_within_a_minute([asked.at for asked in content.asked]) <= per_client
    assert min(in_each) >= per_client // 2, "the other provider is asked at its own rate all the while"
    tell(
        7, "a provider that says 429, half of the time without Retry-After, to three processes", REFUSALS, "never earlier than told, budgets kept, nothing lost",
        f"0 of {len(strict.asked)} requests too early; most in a minute within both budgets; {len(done)} calls, each answered once in the end",
    )  # fmt: skip
