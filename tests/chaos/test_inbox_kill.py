"""kill -9 of the server while webhooks come in: whatever was acknowledged is kept, and what comes again is kept once."""

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import httpx
from tests.support import webhook_server
from tests.support.books import all_rows
from tests.support.chaos import tell, times
from tests.support.webhook_server import Spec, plaid, running
from tests.support.webhooks import key_answer, signed, told

from caudal.hub import installation, webhooks
from caudal.settings import Settings

KILLS: Final = times(100)
SENDERS: Final = 16


class Webhook:
    """One webhook, and whether it was acknowledged. Whoever sends it goes on until it is."""

    def __init__(self, name: str) -> None:
        self.body = told(item=name)
        self.headers = signed(self.body, datetime.now(UTC))
        self.new = True
        self.acknowledged = False

    @property
    def key(self) -> str:
        """What the inbox knows it by: what of its token is signed."""
        return sha256(self.headers["Plaid-Verification"].rpartition(".")[0].encode()).hexdigest()


async def deliver(webhook: Webhook, door: httpx.AsyncClient) -> None:
    with contextlib.suppress(httpx.TransportError):
        answer = await door.post("/webhooks/plaid", content=webhook.body, headers=webhook.headers)
        assert answer.status_code == 200
        webhook.acknowledged = True


async def load(sent: list[Webhook], port: int, name: str, kill: Callable[[], None], after_s: float) -> int:
    """What wasn't acknowledged before comes again, then new ones, until `after_s` after the first that is acknowledged the
    server is killed. Returns how many were."""
    again = [webhook for webhook in sent if not webhook.acknowledged]
    acknowledged = 0
    first = asyncio.Event()

    async def sender(number: int) -> None:
        nonlocal acknowledged
        for count in itertools.count():
            webhook = again.pop() if again else Webhook(f"{name}-{number}-{count}")
            if webhook.new:
                sent.append(webhook)
            webhook.new = False
            await deliver(webhook, door)
            if not webhook.acknowledged:
                return
            acknowledged += 1
            first.set()

    async def killer() -> None:
        await asyncio.wait_for(first.wait(), 20)
        await asyncio.sleep(after_s)
        kill()

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as door:
        await asyncio.gather(killer(), *(sender(number) for number in range(SENDERS)))
    return acknowledged


async def deliver_all(webhooks_: list[Webhook], port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as door:
        for webhook in webhooks_:
            await deliver(webhook, door)
            assert webhook.acknowledged


async def work_off(settings: Settings) -> None:
    async with installation.opened(settings) as opened, plaid(key_answer()["key"]) as live:
        while await webhooks.work_off(opened, {"plaid": live}.get, 1_000):
            pass


def test_nothing_acknowledged_is_lost_when_the_server_is_killed_and_nothing_is_kept_twice(
    settings: Settings,
) -> None:
    spec = Spec(settings.home, settings.database_url, key_answer()["key"])
    chance = random.Random(17)
    sent: list[Webhook] = []
    cut_off = 0
    for number in range(KILLS):
        with running(webhook_server.__name__, spec) as (port, process):
            asyncio.run(load(sent, port, f"{number}", process.kill, chance.uniform(0, 0.4)))
            assert process.wait() == -9
        cut_off += any(not webhook.acknowledged for webhook in sent)
    with running(webhook_server.__name__, spec) as (port, _):
        asyncio.run(deliver_all([webhook for webhook in sent if not webhook.acknowledged], port))
    assert cut_off >= KILLS // 2, "too few kills met a webhook on its way"
    kept = Counter(key for (key,) in all_rows(settings.database_url, "select event_key from caudal.inbox"))
    assert set(kept.values()) == {1}
    assert {webhook.key for webhook in sent if webhook.acknowledged} - set(kept) == set(), (
        "acknowledged, and lost"
    )
    assert set(kept) == {webhook.key for webhook in sent}
    asyncio.run(work_off(settings))
    assert all_rows(settings.database_url, "select distinct state from caudal.inbox") == [("done",)]
    tell(
        3, "SIGKILL of the server between a webhook's arrival and its answer", KILLS, "no 2xx lost, what is sent again is kept once",
        f"{len(sent)} webhooks, {cut_off} kills met one on its way; all kept once",
    )  # fmt: skip
