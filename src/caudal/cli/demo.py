"""`caudal demo`: see it work, on a throw-away installation, with statement files that ship with Caudal."""

import asyncio
import shutil
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import click

from caudal.cli import ledger as ledger_cli
from caudal.cli import show
from caudal.cli.files import show_import
from caudal.hub import imports, installation, keys, ledger, spaces
from caudal.hub.installation import Installation
from caudal.providers.file.provider import FileDrop
from caudal.settings import Settings
from caudal.store.ledger import Filter
from caudal.store.spaces import Space

_CURRENCIES: Final = {"aurora-sul": "BRL", "thornbury-vale": "GBP", "larkfield": "USD"}
"""What the sample exports don't say of themselves, as a person would with --currency."""

_LATEST: Final = 12


@click.command()
@click.option("--keep", is_flag=True, help="Leave the throw-away home in place afterwards.")
def demo(*, keep: bool) -> None:
    """Import sample statements of several banks and formats, twice, and show the ledger and its proof."""
    home = Path(tempfile.mkdtemp(prefix="caudal-demo-"))
    try:
        settings = Settings(home=str(home))
        where = keys.init(settings)
        show.console.print(f"a throw-away home: {home}", soft_wrap=True)
        show.console.print(f"made a key that seals secrets: {where}", soft_wrap=True)
        show.console.print("starting Caudal's own PostgreSQL …")
        with as_file(files("caudal.cli").joinpath("samples")) as samples:
            drops = [_drop(path) for path in sorted(samples.iterdir()) if path.suffix != ".md"]
            asyncio.run(_run(settings, drops))
    finally:
        if keep:
            show.console.print(f"kept: CAUDAL_HOME={home} caudal accounts", soft_wrap=True)
        else:
            shutil.rmtree(home, ignore_errors=True)


def _drop(path: Path) -> FileDrop:
    currency = next((code for prefix, code in _CURRENCIES.items() if path.name.startswith(prefix)), None)
    return FileDrop(path, currency=currency)


async def _run(settings: Settings, drops: list[FileDrop]) -> None:
    async with installation.opened(settings) as opened:
        space = await spaces.chosen(opened.store, None, make=True)
        show.console.rule("[bold]Statement files in[/bold]")
        for drop in drops:
            show_import(await _import(opened, space, drop))
        show.console.rule("[bold]The same files again[/bold]")
        again = [await _import(opened, space, drop) for drop in drops]
        new = sum(report.new + report.changed for report in again)
        known = sum(report.known for report in again)
        show.console.print(f"imported again: [bold]{new} new[/bold], {known} known")
        show.console.rule("[bold]Accounts, each proven against its bank's own balances[/bold]")
        ledger_cli.show_accounts(await ledger.accounts(opened, space))
        show.console.rule("[bold]Latest transactions[/bold]")
        ledger_cli.show_transactions(await ledger.transactions(opened, space, Filter(limit=_LATEST)))
        show.console.rule("[bold]In quarantine: kept, counted, never guessed[/bold]")
        ledger_cli.show_quarantine(await ledger.quarantine(opened, space, _LATEST))


async def _import(opened: Installation, space: Space, drop: FileDrop) -> imports.FileReport:
    return await imports.import_file(opened, space, drop)
