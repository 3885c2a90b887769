"""`caudal keys`: the keyring that every secret hangs on."""

import click

from caudal.cli import show
from caudal.cli.options import as_json_option, with_installation
from caudal.hub import keys as hub_keys
from caudal.settings import load


@click.group()
def keys() -> None:
    """Make, inspect and rotate the keyring."""


@keys.command()
@click.option("--if-missing", is_flag=True, help="Do nothing where there is one already.")
def init(*, if_missing: bool) -> None:
    """Make the keyring. Without one Caudal does not start; keep a copy of it apart from the database's backups."""
    settings = load()
    if if_missing and hub_keys.path(settings).exists():
        return
    path = hub_keys.init(settings)
    show.console.print(f"made {path} (readable by you alone)", soft_wrap=True)
    show.console.print("keep a copy somewhere safe: without it nothing that is sealed can ever be read again")


@keys.command()
@as_json_option
def status(*, as_json: bool) -> None:
    """Show which keys there are and what hangs on each; never the keys."""
    found = with_installation(hub_keys.status)
    if as_json:
        click.echo(show.as_json(found))
        return
    rows = show.table("key", "made", "state", "data keys", right=frozenset({"data keys"}))
    for key in found:
        rows.add_row(
            key.id + (" (primary)" if key.primary else ""),
            f"{key.created:%Y-%m-%d}",
            key.state,
            str(key.data_keys),
        )
    show.console.print(rows)


@keys.command()
def rotate() -> None:
    """Make a fresh primary key and bring every data key under it. Copy the keyring again afterwards."""
    done = with_installation(hub_keys.rotate)
    show.console.print(f"rotated: {done} data keys rewrapped; keep a fresh copy of the keyring")


@keys.command()
def rewrap() -> None:
    """Finish a rotation that was interrupted."""
    done = with_installation(hub_keys.rewrap)
    show.console.print(f"{done} data keys rewrapped")
