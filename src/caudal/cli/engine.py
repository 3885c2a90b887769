"""`caudal refresh`, `caudal events`, `caudal jobs`: the engine, asked and watched."""

import json

import click

from caudal.cli import show
from caudal.cli.options import as_json_option, space_option, with_installation, with_space
from caudal.hub import connections as hub_connections
from caudal.hub import events as hub_events
from caudal.hub import refreshing
from caudal.hub.installation import Installation
from caudal.hub.providers import held
from caudal.hub.refreshing import Freshness, Refresh
from caudal.store import jobs as store_jobs
from caudal.store.events import Event
from caudal.store.jobs import DeadJob
from caudal.store.spaces import Space
from caudal.sync import budgets
from caudal.sync.workers import QUEUES


@click.command()
@click.option("--follow", is_flag=True, help="Go on with those to come, until interrupted.")
@click.option(
    "--after", type=int, help="Begin after this event; without, at the beginning (--follow: at the end)."
)
@space_option
@as_json_option
def events(after: int | None, space: str | None, *, follow: bool, as_json: bool) -> None:
    """What happened in the space, in order: transactions, balances, proofs, connections, runs."""

    async def told(installation: Installation, chosen: Space) -> None:
        seq = after
        if seq is None:
            seq = await hub_events.last(installation, chosen) if follow else 0
        if follow:
            async for event in hub_events.follow(installation, chosen, seq):
                _tell(event, as_json=as_json)
        while found := await hub_events.after(installation, chosen, seq, 500):
            for event in found:
                _tell(event, as_json=as_json)
            seq = found[-1].seq

    with_space(space, told)


def _tell(event: Event, *, as_json: bool) -> None:
    data = json.loads(event.data)
    if as_json:
        click.echo(show.as_json({**_named(event), "data": data}))
        return
    if "ids" in data:
        data = {"count": len(data["ids"])}
    words = " ".join(f"{name}={value}" for name, value in data.items() if value not in (None, "", 0))
    click.echo(f"{event.seq:>6} {event.at:%Y-%m-%d %H:%M:%S} {event.kind:<22} {words}")


def _named(event: Event) -> dict[str, object]:
    return {
        "seq": event.seq,
        "at": event.at,
        "kind": event.kind,
        "connection_id": event.connection_id,
        "account_id": event.account_id,
    }


@click.command()
@click.argument("names", nargs=-1, metavar="[CONNECTION]...")
@space_option
@as_json_option
def refresh(names: tuple[str, ...], space: str | None, *, as_json: bool) -> None:
    """Have the banks asked now, all at once: an answer within 14 seconds. What isn't done by then goes on by
    itself, where a worker runs."""

    async def work_(installation: Installation, chosen: Space) -> Refresh:
        which = await hub_connections.wanted(installation, chosen, names)
        shared = budgets.shared(installation.store, installation.settings.http)
        async with held(installation.settings, None, shared) as providers:
            return await refreshing.refresh(installation, chosen, which, providers.get)

    done = with_space(space, work_)
    if as_json:
        click.echo(show.as_json({"partial": done.partial, "connections": done.connections}))
        return
    words = {
        Freshness.FRESH: "[green]fresh[/green]",
        Freshness.GOING_ON: "[yellow]still going on[/yellow]",
        Freshness.FAILED: "[red]failed[/red]",
    }
    for each in done.connections:
        accounts = f" ({', '.join(show.text(name) for name in each.accounts)})" if each.accounts else ""
        why = f": {show.text(each.error)}" if each.error else ""
        show.console.print(f"[bold]{show.text(each.label)}[/bold]{accounts}: {words[each.freshness]}{why}")


@click.group()
def jobs() -> None:
    """The queue: what waits, and what failed for good."""


@jobs.command("list")
@as_json_option
def list_jobs(*, as_json: bool) -> None:
    """What lies in each queue, and the dead-letter list."""

    async def look(installation: Installation) -> tuple[list[store_jobs.Depth], list[DeadJob]]:
        async with installation.store.engine() as tx:
            return await store_jobs.depths(tx), await store_jobs.dead(tx)

    depths, dead = with_installation(look)
    if as_json:
        click.echo(show.as_json({"queues": depths, "dead": dead}))
        return
    rows = show.table("queue", "waiting", "running", "dead", right=frozenset({"waiting", "running", "dead"}))
    for each in depths:
        rows.add_row(each.queue, str(each.waiting), str(each.running), str(each.dead))
    show.console.print(rows)
    for job in dead:
        died = f"{job.died_at:%Y-%m-%d %H:%M}" if job.died_at else "?"
        show.console.print(f"dead: {job.id} {job.task} {show.text(job.args)}, {died}")


@jobs.command()
@click.argument("ids", nargs=-1, type=int, metavar="[JOB]...")
@click.option("--all", "every", is_flag=True, help="All that are dead.")
def retry(ids: tuple[int, ...], *, every: bool) -> None:
    """Queue dead jobs again."""
    if bool(ids) == every:
        raise click.UsageError("name the jobs, or say --all")

    async def revive(installation: Installation) -> int:
        async with installation.store.engine() as tx:
            count = await store_jobs.revive(tx, None if every else list(ids))
        await store_jobs.announce(installation.store, QUEUES)
        return count

    click.echo(f"{with_installation(revive)} queued again")
