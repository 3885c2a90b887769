"""`caudal accounts`, `transactions`, `why`, `quarantine`, `spaces`: reading the ledger."""

from datetime import date, datetime
from uuid import UUID

import click
import msgspec

from caudal.cli import show
from caudal.cli.options import as_json_option, space_option, with_installation, with_space
from caudal.hub import ledger
from caudal.hub.installation import Installation
from caudal.hub.ledger import AccountView
from caudal.store import spaces as store_spaces
from caudal.store.ledger import Filter, QuarantineRow, TransactionRow
from caudal.store.spaces import Space
from caudal.store.transfers import TransferRow

_DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@space_option
@as_json_option
def accounts(space: str | None, *, as_json: bool) -> None:
    """List accounts with what the ledger holds, what the bank told last, and the proof."""
    views = with_space(space, ledger.accounts)
    if as_json:
        rows = [
            {
                **msgspec.structs.asdict(view.held),
                "told": view.told,
                "shares_limit_with": view.shares_limit_with,
            }
            for view in views
        ]
        click.echo(show.as_json(rows))
        return
    show_accounts(views)


def show_accounts(views: list[AccountView]) -> None:
    """Accounts as a table, a row for each currency an account holds."""
    rows = show.table(
        "account", "kind", "number", "transactions", "ledger", "bank told", "on", "proof",
        right=frozenset({"transactions", "ledger", "bank told"}),
    )  # fmt: skip
    for view in views:
        held = view.held
        rows.add_row(
            show.text(held.name),
            held.kind,
            show.text(held.iban or held.number or (f"…{held.mask}" if held.mask else "–")),
            str(held.transactions),
            show.money(held.booked, held.currency),
            show.money(view.told.amount, held.currency) if view.told else "–",
            show.day(view.told.as_of if view.told else None),
            show.verdict(held.verdict, held.proven_to, held.off_by, held.off_since, held.currency),
        )
    show.console.print(rows)
    for name, others in sorted(
        {
            view.held.name: ", ".join(view.shares_limit_with) for view in views if view.shares_limit_with
        }.items()
    ):
        show.console.print(
            f"{show.text(name)} shares its credit line with {show.text(others)}: count it once"
        )


@click.command()
@space_option
@click.option("--account", help="Only this account (name or id).")
@click.option("--from", "start", type=_DAY, help="Booked on this day or later (YYYY-MM-DD).")
@click.option("--to", "end", type=_DAY, help="Booked on this day or earlier.")
@click.option("--search", help="Text anywhere in description, counterparty or reference.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True)
@as_json_option
def transactions(
    space: str | None,
    account: str | None,
    start: datetime | None,
    end: datetime | None,
    search: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """List transactions, the latest first."""

    async def read(opened: Installation, chosen: Space) -> list[TransactionRow]:
        account_id = await ledger.account_id(opened, chosen, account) if account else None
        which = Filter(account_id, _day(start), _day(end), search, limit)
        return await ledger.transactions(opened, chosen, which)

    found = with_space(space, read)
    if as_json:
        click.echo(show.as_json(found))
        return
    show_transactions(found)


def show_transactions(found: list[TransactionRow]) -> None:
    """Transactions as a table."""
    rows = show.table("id", "booked", "account", "what", "amount", right=frozenset({"amount"}))
    for row in found:
        what = " · ".join(part for part in (row.counterparty, row.description) if part)
        pending = " [dim](pending)[/dim]" if row.status == "pending" else ""
        side = f" [dim]⇄ {row.transfer}[/dim]" if row.transfer else ""
        rows.add_row(
            _short(row.transaction_id),
            show.day(row.booked_on),
            show.text(row.account),
            show.text(what) + pending + side,
            show.coloured(row.amount, row.currency),
        )
    show.console.print(rows)


@click.command()
@click.argument("transaction")
@space_option
@as_json_option
def why(transaction: str, space: str | None, *, as_json: bool) -> None:
    """Explain a transaction: which observations it rests on, their versions, and the rule that joined them."""
    told = with_space(space, lambda opened, chosen: ledger.why(opened, chosen, transaction))
    if as_json:
        click.echo(show.as_json(told))
        return
    row = told.transaction
    show.console.print(f"[bold]{row.transaction_id}[/bold]")
    show.console.print(
        f"{show.day(row.booked_on)}  {show.coloured(row.amount, row.currency)}  {show.text(row.account)}  ({row.status})"
    )
    show.console.print(show.text(" · ".join(part for part in (row.counterparty, row.description) if part)))
    for given in told.fields:
        show.console.print(f"  {given.field}: {show.text(given.value)}  ← {show.text(given.source)}")
    if told.transfer is not None:
        _show_transfer(told.transfer, row.transaction_id)
    joined: set[UUID] = set()
    for seen in told.observations:
        if seen.match_rule is not None and seen.strand not in joined:
            joined.add(seen.strand)
            show.console.print(
                f"\n[bold]strand {seen.strand}[/bold] is of it: {_JOINS.get(seen.match_rule, seen.match_rule)} "
                f"(weight {seen.match_weight}: {show.findings(seen.match_found)})"
            )
        show.console.print(
            f"\n[bold]version {seen.version}[/bold] told by {show.text(seen.provider)} “{show.text(seen.subject)}”, "
            f"seen {seen.seen_at:%Y-%m-%d %H:%M}"
        )
        show.console.print(f"  rule: {_RULES.get(seen.rule, seen.rule)}")
        show.console.print(f"  id:   {show.text(seen.provider_id)}")
        show.console.print(
            f"  says: {show.day(seen.booked_on)} {show.money(seen.amount, seen.currency)} {seen.status}"
        )
        for line in seen.raw.splitlines():
            show.console.print(f"  │ {show.text(line)}", style="dim")


def _show_transfer(transfer: TransferRow, side: UUID) -> None:
    """What it is a side of: the other side, and what speaks for it."""
    leaves = side == transfer.out_id
    other, account, on, amount, currency = (
        (
            transfer.into_id,
            transfer.into_account,
            transfer.into_on,
            transfer.into_amount,
            transfer.into_currency,
        )
        if leaves
        else (
            transfer.out_id,
            transfer.out_account,
            transfer.out_on,
            transfer.out_amount,
            transfer.out_currency,
        )
    )
    show.console.print(
        f"\n[bold]{transfer.kind}[/bold] {'to' if leaves else 'from'} {show.text(account)}: {other}, {show.day(on)}, "
        f"{show.money(amount, currency)} (weight {transfer.weight}: {show.findings(transfer.found)})"
    )


_JOINS = {
    "across_sources": "several sources tell of one movement",
    "took_its_place": "the source's id for it vanished, and this one came in its place",
    "settles": "it was pending, and this settles it",
    "corrected": "the login was linked anew, and the bank has corrected amount or day meanwhile",
    "said": "a person said so",
}
_RULES = {
    "provider_id": "the bank's own id (same id, same transaction)",
    "replaces": "the source says that this record takes the place of an earlier one (pending, now posted)",
    "replaced": "a record that the source says another has taken the place of",
    "came_back": "told again after it was gone, when another record had its place",
    "not_told_again": "gone: the source was asked from the start again and told it no more",
    "not_in_window": "gone: not among all that the source holds of these days",
    "successor_tells_not": "gone: the login was linked anew, and its bank tells it no more",
    "told_before": "told before in the same words under this id (the bank's ids have changed)",
    "derived_id": "derived from day, amount and text, with an occurrence counter (the bank gives no usable id)",
}


@click.command()
@space_option
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@as_json_option
def quarantine(space: str | None, limit: int, *, as_json: bool) -> None:
    """Show what could not be understood: kept as it came, with where and why."""
    found = with_space(space, lambda opened, chosen: ledger.quarantine(opened, chosen, limit))
    if as_json:
        click.echo(show.as_json(found))
        return
    show_quarantine(found)


def show_quarantine(found: list[QuarantineRow]) -> None:
    """What lies in quarantine as a table."""
    rows = show.table("file", "where", "why", "raw")
    for row in found:
        rows.add_row(
            show.text(row.subject), show.text(row.place), show.text(row.why), show.text(row.raw[:200])
        )
    show.console.print(rows)


@click.command()
@as_json_option
def spaces(*, as_json: bool) -> None:
    """List the spaces of this installation."""
    found = with_installation(lambda opened: store_spaces.list_spaces(opened.store))
    if as_json:
        click.echo(show.as_json(found))
        return
    rows = show.table("space", "id")
    for space in found:
        rows.add_row(show.text(space.name), str(space.space_id))
    show.console.print(rows)


def _day(value: datetime | None) -> date | None:
    return value.date() if value else None


def _short(transaction_id: UUID) -> str:
    """Enough of the id for `caudal why`: version 7 ids begin with their time, so the tail tells them apart."""
    return str(transaction_id)
