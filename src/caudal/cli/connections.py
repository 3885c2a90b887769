"""`caudal link`, `connections`, `sync`, `unlink`: banks, linked and kept in step."""

import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import click
from rich.progress import Progress, SpinnerColumn, TextColumn

from caudal.cli import show
from caudal.cli.linking import LinkWish, linked
from caudal.cli.main import exit_code
from caudal.cli.options import as_json_option, space_option, with_space
from caudal.cli.sandbox import url_option
from caudal.hub import choices, routing, spaces, syncs
from caudal.hub import connections as hub_connections
from caudal.hub.installation import Installation
from caudal.hub.routing import Belonging
from caudal.hub.syncs import SyncReport
from caudal.model.errors import CaudalError
from caudal.providers import registry
from caudal.store.spaces import LinkedConnection, Space
from caudal.sync import engine


@click.command()
@click.argument("provider")
@click.option("--institution", help="The bank, by the provider's id of it (Plaid: ins_…).")
@click.option("--relink", metavar="CONNECTION", help="Mend this connection instead of making a new one.")
@click.option("--again", is_flag=True, help="Link it even if the same login is linked already.")
@click.option("--broker", is_flag=True, help="Link a broker: an institution that keeps investments alone.")
@click.option("--choose-accounts", is_flag=True, help="With --relink: choose anew which accounts are shown.")
@click.option(
    "--paste", is_flag=True, help="Paste the address the bank sends you back to: listen for nothing."
)
@click.option("--no-sync", is_flag=True, help="Only link; pull nothing yet.")
@click.option(
    "--sandbox-user", help="Have the sandbox log in as this user (user_good …): no browser is needed."
)
@click.option("--sandbox-password", default="pass_good", show_default=True)
@url_option
@space_option
@as_json_option
def link(
    provider: str,
    institution: str | None,
    relink: str | None,
    *,
    again: bool,
    broker: bool,
    choose_accounts: bool,
    paste: bool,
    no_sync: bool,
    sandbox_user: str | None,
    sandbox_password: str,
    url: str,
    space: str | None,
    as_json: bool,
) -> None:
    """Link a bank, a wallet, an exchange: prints the address to log in at, or asks for what the provider needs (without a
    terminal: a line of standard input for each), waits, and pulls the accounts and their history."""
    wish = LinkWish(
        provider,
        institution,
        relink,
        again=again,
        broker=broker,
        choose_accounts=choose_accounts,
        paste=paste,
        sandbox=(url, sandbox_user, sandbox_password) if sandbox_user else None,
        asks=sys.stdin.isatty() and not as_json,
    )

    async def work(opened: Installation, chosen: Space) -> tuple[LinkedConnection, SyncReport | None]:
        async with registry.opened(opened.settings, provider) as live:
            connected = await linked(opened, chosen, live, wish)
            if no_sync:
                return connected.connection, None
            with _progress(connected.connection.label, quiet=as_json) as tell:
                return connected.connection, await syncs.sync_until_ready(
                    opened, chosen, connected.connection, live, tell
                )

    connection, report = with_space(space, work, make=True)
    if as_json:
        click.echo(show.as_json({"connection": connection, "sync": report}))
        return
    show.console.print(f"linked [bold]{show.text(connection.label)}[/bold] ({connection.connection_id})")
    if report is not None:
        show_sync(report)


@click.command()
@space_option
@as_json_option
def connections(space: str | None, *, as_json: bool) -> None:
    """List connections: what became of each, and how its last sync ended."""
    found = with_space(space, hub_connections.linked)
    if as_json:
        click.echo(show.as_json(found))
        return
    rows = show.table(
        "connection", "provider", "state", "accounts", "last sync", right=frozenset({"accounts"})
    )
    for each in found:
        note = " · ".join(part for part in (each.state_reason, each.state_action) if part)
        last = f"{each.last_run_at:%Y-%m-%d %H:%M} {each.last_outcome}" if each.last_run_at else "–"
        rows.add_row(
            show.text(each.label),
            each.provider,
            ("paused, " if each.paused_at else "")
            + each.state
            + (", linked in another space" if each.home_space_id else "")
            + (", asking where its accounts belong" if each.choosing else "")
            + (f"\n[yellow]{show.text(note)}[/yellow]" if note else ""),
            str(each.accounts),
            last,
        )
    show.console.print(rows)


@click.command()
@click.argument("names", nargs=-1, metavar="[CONNECTION]...")
@click.option("--all", "every", is_flag=True, help="Every connection of the space.")
@space_option
@as_json_option
def sync(names: tuple[str, ...], *, every: bool, space: str | None, as_json: bool) -> None:
    """Pull what is new on connections. One that fails doesn't keep the others from it."""
    if bool(names) == every:
        raise click.UsageError("name the connections to sync, or say --all")

    async def work(opened: Installation, chosen: Space) -> list[SyncReport | CaudalError]:
        which = await hub_connections.wanted(opened, chosen, names)
        return [await _synced(opened, chosen, each, quiet=as_json) for each in which]

    done = with_space(space, work)
    reports = [each for each in done if isinstance(each, SyncReport)]
    if as_json:
        click.echo(show.as_json(reports))
    failures = [each for each in done if not isinstance(each, SyncReport)]
    if failures:
        raise click.exceptions.Exit(max(exit_code(each) for each in failures))


async def _synced(
    opened: Installation, space: Space, connection: LinkedConnection, *, quiet: bool
) -> SyncReport | CaudalError:
    try:
        async with registry.opened(opened.settings, connection.provider) as live:
            with _progress(connection.label, quiet=quiet) as tell:
                report = await syncs.sync(opened, space, connection, live, tell)
    except CaudalError as error:
        click.echo(f"caudal: {connection.label}: {error}", err=True)
        return error
    if not quiet:
        show_sync(report)
    return report


@click.command()
@click.argument("name", metavar="CONNECTION")
@space_option
def pause(name: str, space: str | None) -> None:
    """Pull nothing from a connection any more, until it is resumed. It stays linked."""
    label = _with_connection(name, space, choices.pause)
    show.console.print(f"“{show.text(label)}” rests: `caudal resume` lets it go on")


@click.command()
@click.argument("name", metavar="CONNECTION")
@space_option
def resume(name: str, space: str | None) -> None:
    """Pull from a connection again that was paused."""
    label = _with_connection(name, space, choices.resume)
    show.console.print(f"“{show.text(label)}” goes on: a worker pulls it, or `caudal sync` does")


def _with_connection(
    name: str,
    space: str | None,
    act: Callable[[Installation, Space, LinkedConnection], Awaitable[None]],
) -> str:
    """Have it done to the connection of that name. Returns its label."""

    async def work(opened: Installation, chosen: Space) -> str:
        connection = await hub_connections.find(opened, chosen, name)
        await act(opened, chosen, connection)
        return connection.label

    return with_space(space, work)


def show_sync(report: SyncReport) -> None:
    """In a line what a sync did, in a second what is to be known of it."""
    show.console.print(
        f"[bold]{show.text(report.label)}[/bold]: {report.created} new, {report.changed} changed, "
        f"{report.gone} gone, {report.quarantined} in quarantine ({report.pages} pages)"
    )
    if report.preparing:
        show.console.print("  [yellow]more history is on its way: sync again later[/yellow]")
    for row in report.proofs:
        told = show.verdict(row.verdict, row.proven_to, row.off_by, row.off_since, row.currency)
        show.console.print(f"  {show.text(row.account)}: {told}")


@click.command()
@click.argument("name", metavar="CONNECTION")
@click.option(
    "--account",
    "wanted",
    multiple=True,
    help="Show this account (its name or last digits) and others so named, alone.",
)
@click.option("--all-accounts", is_flag=True, help="Show every account.")
@click.option(
    "--belongs",
    multiple=True,
    metavar="ACCOUNT=SPACE",
    help="This account belongs to that space from now on, with all that was told of it.",
)
@click.option("--history", metavar="DAYS|all", help="Write nothing that was booked longer ago.")
@space_option
@as_json_option
def choose(
    name: str,
    wanted: tuple[str, ...],
    belongs: tuple[str, ...],
    history: str | None,
    space: str | None,
    *,
    all_accounts: bool,
    as_json: bool,
) -> None:
    """Choose what of a connection is written: which accounts, to which space, how far back. Without options: what is
    chosen."""
    if wanted and all_accounts:
        raise click.UsageError("name accounts, or say --all-accounts")
    if history is not None and history != "all" and not (history.isdecimal() and int(history)):
        raise click.UsageError("--history takes a number of days, or all")

    if any("=" not in each for each in belongs):
        raise click.UsageError("--belongs takes ACCOUNT=SPACE")

    async def work(opened: Installation, chosen: Space) -> tuple[Sequence[Belonging], dict[UUID, str]]:
        connection = await hub_connections.find(opened, chosen, name)
        there = (await routing.where(opened, chosen, connection)).accounts
        if history is not None:
            await choices.limit_history(
                opened, chosen, connection, None if history == "all" else int(history)
            )
        if wanted or all_accounts:
            names = wanted or [account.reference for account in there]
            there = await choices.select(opened, chosen, connection, names)
        if belongs:
            said: dict[str, UUID] = {}
            for account, _, to in (each.rpartition("=") for each in belongs):
                to_id = (await spaces.chosen(opened.store, to)).space_id
                said |= {each.reference: to_id for each in choices.called(there, account)}
            there = (await routing.route(opened, chosen, connection, said)).accounts
        known = await routing.destinations(opened, chosen)
        return there, {each.space_id: each.name for each in known if each.space_id != chosen.space_id}

    found, others = with_space(space, work)
    if as_json:
        click.echo(show.as_json(found))
        return
    for account in found:
        mark = "[green]shown[/green]" if account.selected else "[yellow]left out[/yellow]"
        to = f" in {show.text(others[account.space_id])}" if account.space_id in others else ""
        show.console.print(f"{show.text(account.name)} {show.text(account.mask or '')}: {mark}{to}")


@click.command()
@click.argument("name", metavar="CONNECTION")
@click.option("--yes", is_flag=True, help="Don't ask.")
@space_option
def unlink(name: str, *, yes: bool, space: str | None) -> None:
    """End a connection at its provider and destroy its secrets. What it told stays in the ledger."""

    async def work(opened: Installation, chosen: Space) -> LinkedConnection:
        connection = await hub_connections.find(opened, chosen, name)
        if not yes:
            click.confirm(f"End “{connection.label}” for good?", abort=True)
        async with registry.opened(opened.settings, connection.provider) as live:
            await syncs.unlink(opened, chosen, connection, live)
        return connection

    ended = with_space(space, work)
    show.console.print(f"unlinked {show.text(ended.label)}: its secrets are destroyed, its history stays")


class _Tell:
    """Shows a run as it goes: pages, transactions, accounts."""

    def __init__(self, label: str, bar: Progress) -> None:
        self._bar = bar
        self._label = show.text(label)
        self._task = bar.add_task(f"{self._label}: asking …")

    def __call__(self, report: engine.Report) -> None:
        text = (
            f"{self._label}: {len(report.accounts)} accounts, page {report.pages}, "
            f"{report.seen:,} told, {report.created:,} new"
        )
        self._bar.update(self._task, description=text)


@contextmanager
def _progress(label: str, *, quiet: bool) -> Iterator[syncs.Progress]:
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=show.errors, transient=True) as bar:
        yield _Tell(label, bar)
