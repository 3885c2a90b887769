"""The process ends before the first statement of each transaction that a sync, a webhook, or the end of a connection makes,
and before each commit (in a full run three times): done again, all is as if nothing had happened.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from tests.support.books import all_rows
from tests.support.chaos import FULL, tell
from tests.support.fleet import BEGINS, HOSTS, NOW
from tests.support.hub import Hub, Login, opened_hub
from tests.support.plaid_script import HandClock
from tests.support.webhooks import Office, office, told

from caudal.hub import connections, credentials, doctor, installation, keys
from caudal.hub.installation import Installation
from caudal.model.errors import Revoked
from caudal.settings import Settings
from caudal.store.spaces import LinkedConnection
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

TIMES = 3 if FULL else 1


class Died(BaseException):
    """The process is no more."""


class Statements:
    """What is sent to the database; before the n-th of it the process may end."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._last: int | None = None

    def __call__(self, name: str) -> None:
        self.sent.append(name)
        if self._last is not None and len(self.sent) > self._last:
            raise Died

    @contextmanager
    def ending_before(self, place: int | None) -> Iterator[None]:
        """Count anew, and end the process before the statement at that place."""
        self.sent, self._last = [], place
        try:
            yield
        finally:
            self._last = None


async def died(statements: Statements, place: int, work: Awaitable[object]) -> None:
    """Do it as far as to that place."""
    with statements.ending_before(place):
        try:
            await work
        except Died:
            return
    raise AssertionError(f"there is no statement {place}")


async def at_rest(statements: Statements) -> None:
    """Wait until nothing is sent any more: the workers are told of webhooks a moment after the answer."""
    sent = -1
    while len(statements.sent) > sent:
        sent = len(statements.sent)
        await asyncio.sleep(0.15)


def places(sent: list[str]) -> list[int]:
    """Where to die: at the edges of transactions."""
    edges = [
        nth for nth, name in enumerate(sent) if name == "commit" or nth == 0 or sent[nth - 1] == "commit"
    ]
    return edges * TIMES


async def unsound(opened: Installation) -> list[str]:
    """What the checker finds; the queue is nobody's here."""
    checks = await doctor.look(opened)
    return [f"{each.what}: {each.found}" for each in checks if not each.ok]


def in_hub(settings: Settings, story: Callable[[Hub, Statements], Awaitable[None]]) -> None:
    """A hub beside a sandbox, whose statements are counted."""

    async def there(sandbox: Sandbox) -> None:
        statements = Statements()
        async with opened_hub(settings, sandbox, HandClock(NOW), observe=statements) as hub:
            await story(hub, statements)

    world = World(6, people=0, firms=0, begins=BEGINS, now=NOW)
    with Sandbox(world, plaid=Options(limits=Regime.OFF), clock=lambda: NOW) as sandbox:
        asyncio.run(there(sandbox))


async def linked(hub: Hub, nth: int) -> LinkedConnection:
    """A connection of its own, its history there."""
    made = await hub.link(Login(f"user_busy_{nth + 2}", HOSTS[nth % len(HOSTS)]))
    item = next(item for item in hub.sandbox.plaid.items if item.item_id == made.reference)
    hub.sandbox.run(lambda: [item.update(hub.sandbox.plaid) for _ in range(2)])
    return made


def test_a_sync_that_ends_at_any_commit_is_made_good_by_the_next(settings: Settings) -> None:
    async def story(hub: Hub, statements: Statements) -> None:
        whole = await linked(hub, 0)
        with statements.ending_before(None):
            await hub.sync(whole)
        points = places(statements.sent)
        for nth, place in enumerate(points):
            connection = await linked(hub, nth + 1)
            await died(statements, place, hub.sync(connection))
        await hub.quiet()
        assert await hub.amiss() == []
        assert await unsound(hub.opened) == []
        tell(
            2,
            "end of the process at each commit of a sync",
            len(points),
            "all invariants, ledger = truth",
            "equal, checker clean",
        )

    in_hub(settings, story)


def test_an_unlinking_that_ends_at_any_commit_can_be_done_again(settings: Settings) -> None:
    async def again(hub: Hub, connection: LinkedConnection) -> None:
        there = {each.connection_id: each for each in await connections.linked(hub.opened, hub.space)}
        try:
            await hub.unlink(there[connection.connection_id])
        except Revoked:  # it got as far as that the last time
            return

    async def story(hub: Hub, statements: Statements) -> None:
        whole = await linked(hub, 0)
        await hub.sync(whole)
        with statements.ending_before(None):
            await hub.unlink(whole)
        points = places(statements.sent)
        for nth, place in enumerate(points):
            connection = await linked(hub, nth + 1)
            await hub.sync(connection)
            await died(statements, place, hub.unlink(connection))
            await again(hub, connection)
        assert await hub.linked() == []
        assert await unsound(hub.opened) == []
        secrets = hub.opened.settings.database_url
        assert left_of_secrets(secrets) == 0
        tell(
            2,
            "end of the process at each commit of an unlinking",
            len(points),
            "done again, ended for good",
            "all ended, no secret left, checker clean",
        )

    in_hub(settings, story)


def left_of_secrets(conninfo: str) -> int:
    """How many keys to secrets are left."""
    ((count,),) = all_rows(
        conninfo, "select count(*)::int from caudal.data_key where connection_id is not null"
    )
    return int(str(count))


def test_a_rewrapping_of_keys_that_ends_at_any_commit_is_finished_by_the_next(settings: Settings) -> None:
    async def story(hub: Hub, statements: Statements) -> None:
        made = [await linked(hub, nth) for nth in range(3)]
        space = hub.space.space_id

        async def secrets(opened: Installation) -> list[dict[str, bytes]]:
            return [await credentials.reveal_all(opened, space, each.connection_id) for each in made]

        kept = await secrets(hub.opened)
        with statements.ending_before(None):
            await keys.rotate(hub.opened)
        points = places(statements.sent)
        for place in points:
            async with installation.opened(hub.opened.settings, statements) as opened:
                await died(statements, place, keys.rotate(opened))
            async with installation.opened(hub.opened.settings) as opened:
                await keys.rewrap(opened)
                assert await secrets(opened) == kept
                assert {each.data_keys for each in await keys.status(opened) if not each.primary} == {0}
                assert await unsound(opened) == []
        tell(
            2,
            "end of the process at each commit of a rewrapping of keys",
            len(points),
            "every secret opens, the next rewrapping finishes",
            "all open, none left under an old key, checker clean",
        )

    in_hub(settings, story)


def test_webhooks_whose_working_off_ends_at_any_commit_are_worked_off_the_next_time(
    settings: Settings,
) -> None:
    def three(item: str) -> list[bytes]:
        return [
            told(item=item),
            told(
                "ERROR",
                "ITEM",
                item=item,
                error={"error_code": "ITEM_LOGIN_REQUIRED", "error_type": "ITEM_ERROR"},
            ),
            told("USER_PERMISSION_REVOKED", "ITEM", item=item),
        ]

    statements = Statements()

    async def come(at: Office, nth: int) -> None:
        await at.link(f"space {nth}", f"item-{nth}")
        for body in three(f"item-{nth}"):
            assert (await at.post(body)).status_code == 200
        await at_rest(statements)

    async def story() -> None:
        async with office(settings, observe=statements) as at:
            await come(at, 0)
            with statements.ending_before(None):
                await at.work_off()
            points = places(statements.sent)
            for nth, place in enumerate(points, 1):
                await come(at, nth)
                await died(statements, place, at.work_off())
                await at.work_off()
            assert {row.state for row in at.rows()} == {"done"}
            assert len(at.rows()) == 3 * (len(points) + 1)
            assert at.ask("select distinct state from caudal.connection") == [("revoked",)]
            assert await unsound(at.opened) == []
        tell(
            2,
            "end of the process at each commit of working off webhooks",
            len(points),
            "each done, once",
            "all done, checker clean",
        )

    asyncio.run(story())
