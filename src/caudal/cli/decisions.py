"""`caudal review`, `merge`, `split-apart`, `edit`, `reconcile`, `delete`, `split`, `decisions`, `undo`, `rebuild`: a
person's word on the ledger. Each is kept, holds from then on, and can be taken back."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from uuid import UUID

import click
import msgspec

from caudal.cli import show
from caudal.cli.accounts import show_decisions, show_questions
from caudal.cli.options import as_json_option, space_option, with_space
from caudal.cli.transfers import show_transfers
from caudal.hub import accounts, ledger
from caudal.hub import decisions as hub
from caudal.hub.installation import Installation
from caudal.store.accounts import AccountDecision
from caudal.store.matching import Decision, Question
from caudal.store.spaces import Space

_limit = click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)


@click.command()
@space_option
@_limit
@as_json_option
def review(space: str | None, limit: int, *, as_json: bool) -> None:
    """Show what deserves a look: taken for one on middling evidence, kept apart on a doubt, told twice alike where no
    balance proves it, at odds with your word, perhaps a transfer."""
    found = with_space(space, lambda opened, chosen: hub.review(opened, chosen, limit))
    if as_json:
        click.echo(show.as_json(found))
        return
    _show_pairs("taken for one (`caudal split-apart` where they aren't)", found.probable)
    _show_pairs("kept apart (`caudal merge` where they are one)", found.doubts)
    _show_pairs("told twice alike (`caudal merge` where it is one, `reconcile` both where not)", found.twins)
    if found.conflicts:
        rows = show.table(
            "at odds with your word", "account", "on", "amount", "text", "field", "yours", "told now"
        )
        for row in found.conflicts:
            for field, sides in msgspec.json.decode(row.conflict, type=dict[str, dict[str, str]]).items():
                rows.add_row(
                    str(row.transaction_id),
                    show.text(row.account),
                    show.day(row.booked_on),
                    show.money(row.amount, row.currency),
                    show.text(row.description),
                    field,
                    show.text(sides["kept"]),
                    show.text(sides["told"]),
                )
        show.console.print(rows)
    show_questions(found.accounts)
    if found.transfers:
        show_transfers(
            "may be transfers (`caudal link-transfer` where they are, `unlink-transfer` where not)",
            found.transfers,
        )
    if not (
        found.probable or found.doubts or found.twins or found.conflicts or found.accounts or found.transfers
    ):
        show.console.print("nothing to look at")


def _show_pairs(title: str, pairs: Sequence[Question]) -> None:
    if not pairs:
        return
    rows = show.table(title, "account", "on", "amount", "text", "and", "weight", "because")
    for pair in pairs:
        for first in (True, False):
            money = show.money(pair.amount if first else pair.other_amount, pair.currency)
            rows.add_row(
                str(pair.one_id if first else pair.other_id),
                show.text(pair.account) if first else "",
                show.day(pair.booked_on if first else pair.other_on),
                money,
                show.text(pair.description if first else pair.other_description),
                "" if first else "↑",
                str(pair.weight) if first else "",
                show.findings(pair.found) if first else "",
            )
    show.console.print(rows)


@click.command()
@click.argument("keep")
@click.argument("drop")
@space_option
def merge(keep: str, drop: str, space: str | None) -> None:
    """Say that two transactions of one account are one movement."""
    show.noted(with_space(space, lambda opened, chosen: hub.merge(opened, chosen, keep, drop)))


@click.command("split-apart")
@click.argument("transaction")
@click.argument("strand", default="")
@space_option
def split_apart(transaction: str, strand: str, space: str | None) -> None:
    """Say that what was taken for one movement is several: all that `caudal why` shows, or STRAND by itself."""
    for decision in with_space(
        space, lambda opened, chosen: hub.split_apart(opened, chosen, transaction, strand)
    ):
        show.noted(decision)


@click.command()
@click.argument("transaction")
@click.argument("values", nargs=-1, required=True, metavar="FIELD=VALUE…")
@space_option
def edit(transaction: str, values: tuple[str, ...], space: str | None) -> None:
    """Fix fields of a transaction; what sources tell later leaves these alone."""
    pairs = dict(_pair(value) for value in values)
    show.noted(with_space(space, lambda opened, chosen: hub.edit(opened, chosen, transaction, pairs)))


def _pair(text: str) -> tuple[str, str]:
    name, is_pair, value = text.partition("=")
    if not is_pair:
        raise click.BadParameter(f"{text!r} is not FIELD=VALUE (fields: {', '.join(hub.FIELDS)})")
    return name.strip(), value.strip()


@click.command()
@click.argument("transaction")
@space_option
def reconcile(transaction: str, space: str | None) -> None:
    """Mark a transaction as settled with your records: its amount and day stay; `review` shows what differs."""
    show.noted(with_space(space, lambda opened, chosen: hub.lock(opened, chosen, transaction)))


@click.command()
@click.argument("transaction")
@space_option
def delete(transaction: str, space: str | None) -> None:
    """Take a transaction out of the ledger for good, whatever its sources tell of it later."""
    show.noted(with_space(space, lambda opened, chosen: hub.delete(opened, chosen, transaction)))


@click.command()
@click.argument("transaction")
@click.argument("parts", nargs=-1, required=True, metavar="AMOUNT…")
@space_option
def split(transaction: str, parts: tuple[str, ...], space: str | None) -> None:
    """Split a transaction into these amounts; what they leave of it is its remainder. (-- before negative ones.)"""
    try:
        amounts = [Decimal(part) for part in parts]
    except InvalidOperation:
        raise click.BadParameter(f"{', '.join(parts)}: amounts are numbers such as -12.30") from None
    show.noted(with_space(space, lambda opened, chosen: hub.split(opened, chosen, transaction, amounts)))


@click.command()
@space_option
@_limit
@as_json_option
def decisions(space: str | None, limit: int, *, as_json: bool) -> None:
    """List what people said of transactions and accounts and stands, the latest first."""

    async def read(opened: Installation, chosen: Space) -> tuple[list[Decision], list[AccountDecision]]:
        said = await accounts.decided(opened, chosen)
        return await hub.decided(opened, chosen, limit), said[:limit]

    found, of_accounts = with_space(space, read)
    if as_json:
        click.echo(show.as_json([*found, *of_accounts]))
        return
    show_decisions(of_accounts)
    rows = show.table("decision", "kind", "transaction", "and", "what")
    for row in found:
        other = str(row.other_id) if row.other_id else ""
        what = "" if row.data == "{}" else show.text(row.data)
        rows.add_row(str(row.decision_id), row.kind, str(row.transaction_id), other, what)
    show.console.print(rows)


@click.command()
@click.argument("decision", type=click.UUID)
@space_option
def undo(decision: UUID, space: str | None) -> None:
    """Take back what was said (`caudal decisions` lists it)."""
    with_space(space, lambda opened, chosen: hub.undo(opened, chosen, decision))
    show.console.print("taken back")


@click.command()
@click.option("--account", help="Only this account (name or id).")
@space_option
def rebuild(account: str | None, space: str | None) -> None:
    """Derive the ledger anew from all that was told and decided. Asks no bank; changes nothing that is right."""

    async def again(opened: Installation, chosen: Space) -> int:
        if account:
            accounts = [await ledger.account_id(opened, chosen, account)]
        else:
            accounts = sorted({view.held.account_id for view in await ledger.accounts(opened, chosen)})
        return await hub.rebuild(opened, chosen, accounts)

    changed = with_space(space, again)
    show.console.print(
        f"{changed} transactions changed" if changed else "nothing changed: the ledger was as derived"
    )
