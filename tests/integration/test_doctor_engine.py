"""`caudal doctor` finds what must not be of jobs, webhooks, connections and events; each way of spoiling them is found."""

import asyncio

import psycopg
import pytest
from tests.support.books import page, pull_of, seen
from tests.support.webhooks import office, told

from caudal.hub import doctor
from caudal.hub.installation import opened
from caudal.settings import Settings
from caudal.store import spaces
from caudal.sync import engine

ANY = "connection_id in (select connection_id from caudal.connection where reference is not null)"

SPOILED = {
    "a job at a worker that is no more": (
        "jobs",
        "insert into caudal_jobs.procrastinate_jobs (queue_name, task_name, status) values ('sync', 'sync', 'doing')",
    ),
    "a job at a worker that is silent": (
        "jobs",
        (
            "with w as (insert into caudal_jobs.procrastinate_workers (last_heartbeat) values (now() - interval '31 seconds') "
            "returning id) insert into caudal_jobs.procrastinate_jobs (queue_name, task_name, status, worker_id) "
            "select 'sync', 'sync', 'doing', id from w"
        ),
    ),
    "a job that nobody takes although workers are there": (
        "jobs",
        (
            "with w as (insert into caudal_jobs.procrastinate_workers default values) "
            "insert into caudal_jobs.procrastinate_jobs (queue_name, task_name, scheduled_at) "
            "values ('sync', 'sync', now() - interval '1 hour')"
        ),
    ),
    "a job that a worker has had for longer than any takes": (
        "jobs",
        (
            "with w as (insert into caudal_jobs.procrastinate_workers default values returning id), "
            "j as (insert into caudal_jobs.procrastinate_jobs (queue_name, task_name, status, worker_id) "
            "select 'sync', 'sync', 'doing', id from w returning id) "
            "insert into caudal_jobs.procrastinate_events (job_id, type, at) "
            "select id, 'started', now() - interval '1 hour' from j"
        ),
    ),
    "a dead job": (
        "dead jobs",
        "insert into caudal_jobs.procrastinate_jobs (queue_name, task_name, status) values ('sync', 'sync', 'failed')",
    ),
    "a webhook that no job will work off": (
        "webhooks",
        "delete from caudal_jobs.procrastinate_jobs where queue_name = 'inbox'",
    ),
    "a dead webhook": ("dead webhooks", "update caudal.inbox set state = 'dead', done_at = now()"),
    "a live connection that is never due": ("connections", f"delete from caudal.schedule where {ANY}"),
    "an ended connection that is still due": (
        "connections",
        f"update caudal.connection set state = 'revoked' where {ANY}",
    ),
    "a run that nobody is at": (
        "connections",
        f"update caudal.run set outcome = 'running', cause = 'schedule', finished_at = null where {ANY}",
    ),
    "a cursor that moved by itself": ("connections", "update caudal.cursor set updated_at = now()"),
    "a page written after the end": (
        "connections",
        (
            "with ended as (update caudal.space set last_event = last_event + 2 returning space_id, last_event) "
            "insert into caudal.event (space_id, seq, kind, connection_id, data) "
            "select e.space_id, e.last_event - 2 + each.nth, each.kind, c.connection_id, each.data::jsonb "
            "from ended e join caudal.connection c on c.space_id = e.space_id and c.reference is not null, "
            """(values (1, 'connection.state', '{"state": "revoked"}'), (2, 'transactions.created', '{"ids": []}')) """
            "as each (nth, kind, data)"
        ),
    ),
    "an event less": ("events", "delete from caudal.event where seq = 1"),
    "an event that the space doesn't know of": (
        "events",
        "update caudal.space set last_event = last_event - 1",
    ),
    "a transaction that was never told": (
        "events",
        """update caudal.event set data = '{"ids": []}' where kind = 'transactions.created'""",
    ),
    "an account that doesn't add up and was never told": (
        "events",
        "update caudal.proof set verdict = 'off', off_by = 1, off_since = '2026-03-02', proven_to = null",
    ),
}


async def at_work(settings: Settings) -> None:
    """A space with a connection that has told of something, and a webhook that waits."""
    async with office(settings) as at:
        [connection_id] = await at.link("home", "item-alder")
        [space] = await spaces.list_spaces(at.opened.store)
        job = engine.Job(space.space_id, connection_id, subject="a test")
        await engine.run(at.opened.store, job, pull_of(page([seen("one"), seen("two", "-7.00")])))
        assert (await at.post(told())).status_code == 200


def amiss(settings: Settings) -> dict[str, str]:
    """What the checker finds, each with advice."""

    async def there() -> list[doctor.Check]:
        async with opened(settings) as installation:
            return await doctor.look(installation)

    found = [check for check in asyncio.run(there()) if not check.ok]
    assert all(check.advice for check in found)
    return {check.what: check.found for check in found}


def test_an_installation_at_work_has_nothing_amiss(settings: Settings) -> None:
    asyncio.run(at_work(settings))
    assert amiss(settings) == {}


@pytest.mark.parametrize(("what", "statement"), SPOILED.values(), ids=list(SPOILED))
def test_what_is_spoiled_is_found(settings: Settings, what: str, statement: str) -> None:
    asyncio.run(at_work(settings))
    with psycopg.connect(settings.database_url) as connection:
        connection.execute(statement.encode())
    assert set(amiss(settings)) == {what}


def test_it_takes_the_same_statements_for_one_space_and_for_many(settings: Settings) -> None:
    sent: list[str] = []

    async def statements() -> int:
        async with opened(settings, sent.append) as installation:
            await doctor.look(installation)
        return sum(1 for name in sent if name.endswith("_faults"))

    asyncio.run(at_work(settings))
    one = asyncio.run(statements())
    sent.clear()

    async def more() -> None:
        async with opened(settings) as installation:
            for name in ("second", "third"):
                await spaces.create_space(installation.store, name)

    asyncio.run(more())
    assert asyncio.run(statements()) == one == 4
