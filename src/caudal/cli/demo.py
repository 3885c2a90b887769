"""`caudal demo`: see it work, on a throw-away installation, with simulated banks and with sample statement files."""

import asyncio
import shutil
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final, NamedTuple

import click

from caudal.cli import connections as connections_cli
from caudal.cli import ledger as ledger_cli
from caudal.cli import linking, show
from caudal.cli.files import show_import
from caudal.cli.linking import LinkWish
from caudal.cli.sandbox import compared, show_comparison
from caudal.cli.sandbox_control import SandboxControl
from caudal.cli.sandbox_process import running
from caudal.hub import connections, imports, installation, keys, ledger, providers, spaces, syncs
from caudal.hub.installation import Installation
from caudal.hub.providers import Providers
from caudal.model.errors import CaudalError
from caudal.providers.file.provider import FileDrop
from caudal.settings import Settings
from caudal.store.ledger import Filter
from caudal.store.spaces import Space


class _Link(NamedTuple):
    """What somebody of the sandbox links, and through whom."""

    name: str
    provider: str
    person: str
    institution: str | None = None


_LINKS: Final = (
    _Link("Prairie Stone Bank", "plaid", "person-1", "ins_900003"),
    _Link("Larkfield Savings", "plaid", "person-1", "ins_900004"),
    _Link("Thornbury Vale Bank", "truelayer", "person-2"),
    _Link("a Bitcoin wallet", "bitcoin", "person-1"),
)

_CURRENCIES: Final = {"aurora-sul": "BRL", "thornbury-vale": "GBP", "larkfield": "USD"}
"""What the sample exports don't say of themselves, as a person would with --currency."""

_LATEST: Final = 12


@click.command()
@click.option("--keep", is_flag=True, help="Leave the throw-away home in place afterwards.")
def demo(*, keep: bool) -> None:
    """Link simulated banks and a wallet, keep them in step for a month; import sample statement files; show the proof."""
    home = Path(tempfile.mkdtemp(prefix="caudal-demo-"))
    try:
        where = keys.init(Settings(home=str(home)))
        show.console.print(f"a throw-away home: {home}", soft_wrap=True)
        show.console.print(f"made a key that seals secrets: {where}", soft_wrap=True)
        show.console.print("starting a simulated world with its banks, and Caudal's own PostgreSQL …")
        with (
            running("--limits", "off") as url,
            SandboxControl(url) as control,
            as_file(files("caudal.cli").joinpath("samples")) as samples,
        ):
            drops = [_drop(path) for path in sorted(samples.iterdir()) if path.suffix != ".md"]
            asyncio.run(_run(_settings(home, url), control, url, drops))
    finally:
        if keep:
            show.console.print(f"kept: CAUDAL_HOME={home} caudal accounts", soft_wrap=True)
        else:
            shutil.rmtree(home, ignore_errors=True)
    show.console.rule("[bold]What next[/bold]")
    show.console.print(
        "`make serve` opens the hub at http://localhost:8710; `caudal serve --sandbox` with simulated banks"
    )
    show.console.print(
        "the first time it shows a link: by that you come in, choose a password, and link your first bank"
    )


def _settings(home: Path, url: str) -> Settings:
    """An installation whose providers are the sandbox's at `url`; a history that is made at once needs no long wait."""
    return Settings(home=str(home), preparing_poll_ms=100, sandbox=url)


def _drop(path: Path) -> FileDrop:
    currency = next((code for prefix, code in _CURRENCIES.items() if path.name.startswith(prefix)), None)
    return FileDrop(path, currency=currency)


async def _run(settings: Settings, control: SandboxControl, url: str, drops: list[FileDrop]) -> None:
    async with installation.opened(settings) as opened:
        linked = await spaces.chosen(opened.store, "banks, live", make=True)
        async with providers.held(settings) as live:
            await _banks(opened, linked, live, control, url)
        await _files(opened, await spaces.chosen(opened.store, "statement files", make=True), drops)


async def _banks(
    opened: Installation, space: Space, live: Providers, control: SandboxControl, url: str
) -> None:
    show.console.rule("[bold]Banks of two countries and a wallet linked, with two years of history[/bold]")
    for link in _LINKS:
        show.console.print(f"linking {link.name} through {link.provider} …")
        wish = LinkWish(link.provider, link.institution, sandbox=(url, link.person, "any"), asks=False)
        provider = await live.get(link.provider)
        made = (await linking.linked(opened, space, provider, wish)).connection
        connections_cli.show_sync(await syncs.sync_until_ready(opened, space, made, provider))
    show.console.rule("[bold]A month later[/bold]")
    moved = await asyncio.to_thread(control.post, "advance", {"days": 30})
    show.console.print(f"it is {moved['now']} in the simulated world; syncing …")
    for connection in await connections.linked(opened, space):
        provider = await live.get(connection.provider)
        connections_cli.show_sync(await syncs.sync(opened, space, connection, provider))
    show.console.rule("[bold]The ledger, held against what really happened[/bold]")
    ledger_cli.show_accounts(await ledger.accounts(opened, space))
    ledger_cli.show_transactions(await ledger.transactions(opened, space, Filter(limit=_LATEST)))
    found = await compared(opened, space, control)
    unproven = [row.account for row in await ledger.proofs(opened, space) if row.verdict != "proven"]
    if not found.equal or unproven:
        show_comparison(found)
        raise DemoFailed(
            "the ledger isn't the truth, or isn't proven"
            + (f" on {', '.join(unproven)}" if unproven else "")
            + ": please report this, with what is shown above"
        )
    show.console.print(
        f"[bold green]{found.movements} of {found.movements} movements, 0 missing, 0 doubled, "
        "all accounts proven[/bold green]"
    )


class DemoFailed(CaudalError):
    """What the demo shows isn't what it promises."""


async def _files(opened: Installation, space: Space, drops: list[FileDrop]) -> None:
    show.console.rule("[bold]Statement files in[/bold]")
    for drop in drops:
        show_import(await imports.import_file(opened, space, drop))
    again = [await imports.import_file(opened, space, drop) for drop in drops]
    new = sum(report.new + report.changed for report in again)
    known = sum(report.known for report in again)
    show.console.print(f"the same files again: [bold]{new} new[/bold], {known} known")
    show.console.rule("[bold]Accounts, each proven against its bank's own balances[/bold]")
    ledger_cli.show_accounts(await ledger.accounts(opened, space))
    show.console.rule("[bold]In quarantine: kept, counted, never guessed[/bold]")
    ledger_cli.show_quarantine(await ledger.quarantine(opened, space, _LATEST))
