"""`caudal transfers`, `link-transfer`, `unlink-transfer`: movements between own accounts, and a person's word on them."""

from collections.abc import Sequence

import click

from caudal.cli import show
from caudal.cli.options import as_json_option, space_option, with_space
from caudal.hub import transfers as hub
from caudal.store.transfers import TransferRow


@click.command()
@space_option
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True)
@as_json_option
def transfers(space: str | None, limit: int, *, as_json: bool) -> None:
    """List transfers between own accounts, the latest first."""
    found = with_space(space, lambda opened, chosen: hub.listed(opened, chosen, limit))
    if as_json:
        click.echo(show.as_json(found))
        return
    show_transfers("", found)


def show_transfers(title: str, found: Sequence[TransferRow]) -> None:
    """Transfers as a table: what left, under it what came."""
    rows = show.table(
        "account", "on", "amount", "text", "kind", "weight", "because",
        title=title or None, right=frozenset({"amount", "weight"}),
    )  # fmt: skip
    for each in found:
        rows.add_row(
            f"{show.text(each.out_account)}\n[dim]{each.out_id}[/dim]",
            show.day(each.out_on),
            show.money(each.out_amount, each.out_currency),
            show.text(each.out_counterparty or each.out_description),
            each.kind,
            str(each.weight),
            show.findings(each.found),
        )
        rows.add_row(
            f"→ {show.text(each.into_account)}\n[dim]{each.into_id}[/dim]",
            show.day(each.into_on),
            show.money(each.into_amount, each.into_currency),
            show.text(each.into_counterparty or each.into_description),
        )
    show.console.print(rows)


@click.command("link-transfer")
@click.argument("out")
@click.argument("into", metavar="IN")
@space_option
def link_transfer(out: str, into: str, space: str | None) -> None:
    """Say that what left one account (OUT) is what came into another (IN), whatever their amounts and days."""
    show.noted(with_space(space, lambda opened, chosen: hub.link(opened, chosen, out, into)))


@click.command("unlink-transfer")
@click.argument("transaction")
@click.argument("other", default="")
@space_option
def unlink_transfer(transaction: str, other: str, space: str | None) -> None:
    """Say that a transaction and the other side of its transfer are none, for good. With OTHER: that they are none."""
    show.noted(with_space(space, lambda opened, chosen: hub.unlink(opened, chosen, transaction, other)))
