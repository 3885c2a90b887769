"""Caudal as it runs: its own PostgreSQL, several `caudal worker` and `caudal serve`, each a process that can be killed, and
a sandbox in this one. Whatever is ended is ended by its pid.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeVar

import httpx
import msgspec
from tests.support.hub import CLIENT, Hub, Login
from tests.support.plaid_script import HandClock
from tests.support.processes import Postgres, Process, environ_of, wait_for

from caudal.hub import doctor, installation, spaces
from caudal.provider_settings import PlaidSettings
from caudal.providers.plaid import PlaidConfig, PlaidProvider
from caudal.settings import Settings
from caudal.store.spaces import LinkedConnection
from caudal.vault import keyring
from caudal_sandbox.faults import Fault, Kind, Param
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

Found = TypeVar("Found")

BEGINS: Final = date(2026, 1, 1)
NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
SPACE: Final = "home"
HOSTS: Final = ("ins_109508", "ins_109509", "ins_109510", "ins_109511")
START_SECONDS_MAX: Final = 60
COMPLAINTS_MAX: Final = 200
QUICK: Final = {
    "CAUDAL_WORKER_TICK_MS": "200",
    "CAUDAL_WORKER_POLL_MS": "300",
    "CAUDAL_RUN_BACKOFF_SECONDS_FIRST": "1",
}
"""What is due is seen at once, and what failed is tried again soon: nobody waits for what a test isn't about."""
ALERT: Final = {
    **QUICK,
    "CAUDAL_WORKER_HEARTBEAT_SECONDS": "1",
    "CAUDAL_WORKER_SILENT_SECONDS_MAX": "4",
    "CAUDAL_WORKER_RESCUE_EVERY_SECONDS": "1",
}
"""A dead worker is missed sooner as well."""

_CHRONICLE: Final = """
create table public.chronicle (
    place bigint generated always as identity, at timestamptz not null default clock_timestamp(),
    job bigint not null, lock text, before text, after text, worker bigint, cause text);
create function public.chronicle() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    if tg_op = 'INSERT' then
        insert into public.chronicle (job, lock, after, cause) values (new.id, new.lock, new.status, new.args ->> 'cause');
    elsif tg_op = 'DELETE' then
        insert into public.chronicle (job, lock, before, worker) values (old.id, old.lock, old.status, old.worker_id);
    else
        insert into public.chronicle (job, lock, before, after, worker)
        values (new.id, new.lock, old.status, new.status, coalesce(new.worker_id, old.worker_id));
    end if;
    return null;
end $$;
create trigger chronicle after insert or update of status or delete on caudal_jobs.procrastinate_jobs
    for each row execute function public.chronicle();
"""
"""The queue forgets what succeeded; this remembers when each job changed hands."""


class Turn(NamedTuple):
    """A job in one worker's hands. `ended` None: it still is."""

    job: int
    lock: str
    worker: int
    began: datetime
    ended: datetime | None
    after: str | None
    """What it was then; None: done, and forgotten."""


class Fleet:
    """One installation at work. `town`: connections linked once, for every test to sync."""

    def __init__(self, folder: Path, disk: Path | None = None) -> None:
        """`disk`: where the database lies, if elsewhere."""
        self.folder = folder
        self.postgres = Postgres((disk or folder) / "postgres")
        self.processes: list[Process] = []
        self._numbers = count()
        self._shops = count(4)
        self._young = False
        """Whether there are connections whose balances were told on one day only: they can't be proven yet."""
        self.port = _free_port()
        world = World(5, people=6, firms=0, begins=BEGINS, now=NOW)
        self.sandbox = Sandbox(world, plaid=Options(limits=Regime.OFF))
        self.town: list[LinkedConnection] = []

    def __enter__(self) -> Self:
        self.postgres.start()
        self.sandbox.__enter__()
        keyring.create(self.folder / "home" / keyring.FILE_NAME)
        client_id, secret = CLIENT
        plaid = PlaidSettings(
            client_id, secret, environment="sandbox", url=self.sandbox.url, country_codes="US,GB"
        )
        self.settings = Settings(
            home=str(self.folder / "home"), database_url=self.postgres.conninfo, plaid=plaid
        )
        self.made_current()
        self.postgres.do(_CHRONICLE)
        return self

    def __exit__(self, *_: object) -> None:
        self.end_all()
        self.sandbox.__exit__(None, None, None)
        self.postgres.close()

    def made_current(self) -> None:
        """Its database has the version and the rights that Caudal wants."""
        with installation.database(self.settings) as conninfo:
            installation.make_current(conninfo, self.settings)

    # Processes

    def worker(self, *arguments: str, **environ: str) -> Process:
        """`caudal worker`, started and known to the queue."""
        before = self._worker_numbers()
        process = self.start("worker", *arguments, **{**QUICK, **environ})
        process.worker = wait_for(
            "a worker to come up", lambda: self._newcomer(before, process), START_SECONDS_MAX
        )
        return process

    def workers(self, how_many: int, *arguments: str, **environ: str) -> list[Process]:
        """Several at once."""
        before = self._worker_numbers()
        started = [self.start("worker", *arguments, **{**QUICK, **environ}) for _ in range(how_many)]
        wait_for(
            "workers to come up", lambda: len(self._worker_numbers() - before) >= how_many, START_SECONDS_MAX
        )
        return started

    def serve(self, *arguments: str, **environ: str) -> Process:
        """`caudal serve` at the fleet's port, listening."""
        process = self.start("serve", "--port", str(self.port), *arguments, **{**QUICK, **environ})
        wait_for("caudal serve to listen", lambda: self._alive(process), START_SECONDS_MAX)
        return process

    @property
    def door(self) -> str:
        """Where `serve` listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, *arguments: str, **environ: str) -> Process:
        """A process, just begun."""
        log = self.folder / f"{next(self._numbers):03} {arguments[0]}.log"
        process = Process(arguments, environ_of(self.settings) | environ, log)
        self.processes.append(process)
        return process

    def end_all(self) -> None:
        """Nobody is left."""
        for process in self.processes:
            process.kill()
        self.processes.clear()

    def complaints(self) -> str:
        """The last warnings and errors that any process told of."""
        told = [
            f"{log.name}: {line}"
            for log in sorted(self.folder.glob("*.log"))
            for line in log.read_text("utf-8", "replace").splitlines()
            if any(level in line for level in ("warning", "error", "Traceback", "Error"))
        ]
        return "\n".join(told[-COMPLAINTS_MAX:])

    # The bank's side

    def link(self, how_many: int, *, webhooks: bool = False) -> list[LinkedConnection]:
        """As many new connections, each of another shop with some payments a day."""
        shops = [Login(f"user_busy_{next(self._shops)}", HOSTS[nth % len(HOSTS)]) for nth in range(how_many)]
        self._young = True

        async def work(hub: Hub) -> list[LinkedConnection]:
            made = [await hub.link(login) for login in shops]
            for item in self.sandbox.plaid.items:
                if not item.armed:
                    self.sandbox.run(partial(self._prepare, item))
            return made

        return self.within(work, webhooks=webhooks)

    def strike(
        self,
        kind: Kind,
        *,
        endpoint: str = "*",
        per_mille: int = 1_000,
        connection: str = "*",
        **params: Param,
    ) -> None:
        """Have something go wrong at the bank."""
        fault = Fault(kind, endpoint=endpoint, per_mille=per_mille, connection=connection, params=params)
        self.sandbox.run(lambda: self.sandbox.faults.add(fault))

    def news(self, hours: int = 6) -> None:
        """Time goes by, and something happens at the banks."""
        self.sandbox.advance(hours=hours)

    def reissue(self, connections: Iterable[LinkedConnection]) -> None:
        """Every record of these gets another id: there is much to write."""
        references = {each.reference for each in connections}
        items = [item for item in self.sandbox.plaid.items if item.item_id in references]

        def anew() -> None:
            for item in items:
                item.reissue()

        self.sandbox.run(anew)

    # The engine's side

    def due(self, connections: Iterable[LinkedConnection]) -> None:
        """These are due at once, whatever they wait for, and may be asked as often as one likes."""
        ids = ", ".join(f"'{each.connection_id}'" for each in connections)
        self._unbound()
        self.postgres.do(
            f"update caudal.schedule set due_at = now(), held_until = null where connection_id in ({ids})"
        )
        self.postgres.do(
            "update caudal_jobs.procrastinate_jobs j set scheduled_at = now() where j.status = 'todo' and j.lock in "
            f"(select 'connection:' || connection_id from caudal.schedule where connection_id in ({ids}))"
        )

    def hasten(self) -> None:
        """What is tried again later, is tried again now."""
        self._unbound()
        self.postgres.do("update caudal.schedule set held_until = null")
        self.postgres.do(
            "update caudal_jobs.procrastinate_jobs set scheduled_at = now() where status = 'todo'"
        )

    def _unbound(self) -> None:
        """No budget has been drawn on. Rows that somebody is at are passed over, and nobody waits for us."""
        self.postgres.do(
            "delete from caudal.budget where ctid in (select ctid from caudal.budget for update skip locked)"
        )

    def doing(self) -> int:
        """How many syncs are being done."""
        return self.rows("caudal_jobs.procrastinate_jobs where status = 'doing' and queue_name = 'sync'")

    def left(self) -> int:
        """How many jobs wait or are being done."""
        return self.rows("caudal_jobs.procrastinate_jobs where status in ('todo', 'doing')")

    def dead(self) -> list[tuple[Any, ...]]:
        """Jobs that are not tried again."""
        return self.postgres.ask(
            "select id, task_name, lock, args ->> 'cause', attempts from caudal_jobs.procrastinate_jobs "
            "where status = 'failed' order by id"
        )

    def rows(self, of: str) -> int:
        """How many rows there are of these (what comes after ``from``)."""
        return int(self.postgres.ask(f"select count(*) from {of}")[0][0])

    def drained(self, seconds_max: float = 120) -> float:
        """Wait until there is nothing left to be done: how long that took."""
        began = time.monotonic()
        while self.left():
            waited = time.monotonic() - began
            assert waited < seconds_max, (
                f"after {waited:.0f} s there is still this to be done: {self._left()}"
            )
            self.hasten()
            time.sleep(0.3)
        return time.monotonic() - began

    def brought_up_to_date(self, seconds_max: float = 120) -> float:
        """Every live connection has a run that begins from here on, and nothing is left to be done."""
        began = time.monotonic()
        live = self.live()
        place = self.place()
        self.due(live)
        locks = {f"connection:{each.connection_id}" for each in live}

        def waiting() -> set[str]:
            return locks - {turn.lock for turn in self.turns(place) if turn.ended is not None}

        def all_done() -> bool:
            if (late := waiting()) and not self.left():  # a run that ended just now has said when it is due
                self.due(each for each in live if f"connection:{each.connection_id}" in late)
            return not late

        wait_for(
            lambda: f"these to be synced: {waiting()}; to be done there is {self._left()}",
            all_done,
            seconds_max,
            every=0.2,
        )
        self.drained(seconds_max)
        return time.monotonic() - began

    def turns(self, since: int = 0) -> list[Turn]:
        """Who had which job when, from that place of the chronicle on."""
        query = "select place, at, job, lock, before, after, worker from public.chronicle where place > %s order by place"
        began: dict[int, tuple[datetime, str, int]] = {}
        turns = []
        for _, at, job, lock, before, after, worker in self.postgres.ask(query, [since]):
            if before == "doing" and job in began:
                start, held, by = began.pop(job)
                turns.append(Turn(job, held, by, start, at, after))
            if after == "doing":
                began[job] = (at, lock or "", worker)
        return turns + [Turn(job, held, by, start, None, None) for job, (start, held, by) in began.items()]

    def place(self) -> int:
        """Where the chronicle ends."""
        return int(self.postgres.ask("select coalesce(max(place), 0) from public.chronicle")[0][0])

    # What came of it

    def within(self, work: Callable[[Hub], Awaitable[Found]], *, webhooks: bool = False) -> Found:
        """Do something with the hub."""

        async def there() -> Found:
            async with self._hub(webhooks=webhooks) as hub:
                return await work(hub)

        return asyncio.run(there())

    def set_right(self, seconds_max: float = 120) -> float:
        """Nothing goes wrong any more: within so long the workers that run have brought everything up to date, and then the
        ledger is the truth, and the checker finds nothing. Returns how long the workers took."""
        self.sandbox.run(self.sandbox.faults.clear)
        if self._young:
            self.brought_up_to_date(seconds_max)
            self.news(49)
            self._young = False
        self.news(1)
        took = self.brought_up_to_date(seconds_max)
        assert (found := self.amiss()) == [], "\n".join(found)
        return took

    def live(self) -> list[LinkedConnection]:
        """The connections that go on."""
        return self.within(lambda hub: hub.linked())

    def amiss(self) -> list[str]:
        """Everything that is not as it should be: with the ledger beside the truth, and with the database."""

        async def look(hub: Hub) -> list[str]:
            compared = await hub.compare()
            checks = await doctor.look(hub.opened)
            return [
                *(compared.first if not compared.equal else ()),
                *await hub.amiss(),
                *(f"{each.what}: {each.found}" for each in checks if not each.ok),
            ]

        return self.within(look)

    def overlaps(self, since: int = 0) -> list[str]:
        """Jobs of one connection that were done at the same time: there must be none."""
        by_lock: dict[str, list[Turn]] = {}
        for turn in self.turns(since):
            by_lock.setdefault(turn.lock, []).append(turn)
        for turns in by_lock.values():
            turns.sort(key=lambda turn: turn.began)
        return [
            f"{lock}: job {first.job} until {first.ended}, job {second.job} from {second.began}"
            for lock, turns in by_lock.items()
            if lock
            for first, second in pairwise(turns)
            if first.ended is None or first.ended > second.began
        ]

    @asynccontextmanager
    async def _hub(self, *, webhooks: bool) -> AsyncIterator[Hub]:
        plaid = msgspec.structs.replace(
            self.settings.plaid, webhook_url=f"{self.door}/webhooks/plaid" if webhooks else ""
        )
        settings = msgspec.structs.replace(self.settings, plaid=plaid)
        config = PlaidConfig(plaid.client_id, plaid.secret, base_url=plaid.url, country_codes=("US", "GB"))
        clock = HandClock(datetime.now(UTC))
        async with (
            installation.opened(settings) as opened,
            PlaidProvider(config, settings.http, clock=clock) as live,
        ):
            chosen = await spaces.chosen(opened.store, SPACE, make=True)
            hub = Hub(opened, chosen, live, self.sandbox, clock)
            with hub.door:
                yield hub

    def _left(self) -> list[tuple[Any, ...]]:
        """Jobs that wait, and until when, or are being done, and how long nothing was heard of whoever does them."""
        return self.postgres.ask(
            "select j.id, j.task_name, j.args ->> 'cause', j.status, j.scheduled_at - now(), j.attempts, j.worker_id, now() - w.last_heartbeat "
            "from caudal_jobs.procrastinate_jobs j left join caudal_jobs.procrastinate_workers w on w.id = j.worker_id "
            "where j.status in ('todo', 'doing') order by j.id"
        )

    def _prepare(self, item: Item) -> None:
        """Plaid has fetched the recent history of a new Item, and then all of it."""
        for _ in range(2):
            item.update(self.sandbox.plaid)

    def _worker_numbers(self) -> set[int]:
        return {number for (number,) in self.postgres.ask("select id from caudal_jobs.procrastinate_workers")}

    def _newcomer(self, before: set[int], process: Process) -> int | None:
        assert process.runs, process.said()
        return max(self._worker_numbers() - before, default=None)

    def _alive(self, process: Process) -> bool:
        assert process.runs, process.said()
        try:
            return httpx.get(f"{self.door}/healthz", trust_env=False, timeout=2).status_code == 200
        except httpx.TransportError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
