"""`caudal proof`: what the banks' own balances say of the ledger, and of what is off, where it begins and why."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import click
import msgspec

from caudal.cli import show
from caudal.cli.options import as_json_option, space_option, with_space
from caudal.hub import ledger, proofs
from caudal.hub.installation import Installation
from caudal.hub.proofs import AccountProof
from caudal.matching.causes import Cause
from caudal.matching.drift import Reading
from caudal.matching.explaining import Explained
from caudal.matching.facts import Movement
from caudal.store.spaces import Space

_SHOWN_MAX: Final = 3
"""Of what a cause may have been so many are shown; `--json` has all."""


@click.command()
@space_option
@click.option("--account", help="Only this account (name or id), with the course of its told balances.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="Of an account's balances the last so many.",
)
@as_json_option
def proof(space: str | None, account: str | None, limit: int, *, as_json: bool) -> None:
    """Show what the banks' own balances say of the ledger, account by account: where one is off, since when, by what
    likely cause, and what would settle it."""

    async def read(opened: Installation, chosen: Space) -> list[AccountProof]:
        account_id = await ledger.account_id(opened, chosen, account) if account else None
        return await proofs.proofs(opened, chosen, account_id, limit)

    found = with_space(space, read)
    if as_json:
        click.echo(show.as_json([_flat(one) for one in found]))
        return
    show_proofs(found)


def show_proofs(found: Sequence[AccountProof]) -> None:
    """The verdicts as a table, and below it what they rest on where there is something to see."""
    rows = show.table("account", "currency", "proof")
    for one in found:
        row = one.row
        told = show.verdict(row.verdict, row.proven_to, row.off_by, row.off_since, row.currency)
        rows.add_row(show.text(row.account), row.currency, told)
    show.console.print(rows)
    for one in found:
        if one.readings:
            _show_course(one)
        if one.steps:
            _show_steps(one)
    if left := [one.row for one in found if not one.explained]:
        names = ", ".join(f"“{show.text(row.account)}”" for row in left)
        show.console.print(
            f"\n{len(left)} more are off; `caudal proof --account NAME` explains each: {names}"
        )


def _flat(one: AccountProof) -> dict[str, Any]:
    """The verdict's fields with the rest beside them."""
    rest = {name: getattr(one, name) for name in one.__struct_fields__ if name != "row"}
    return {**msgspec.structs.asdict(one.row), **rest}


def _show_course(one: AccountProof) -> None:
    title = f"{show.text(one.row.account)}, {one.row.currency}: told balances beside the ledger"
    left_out = f"; {one.readings_before} before them: --limit" if one.readings_before else ""
    show.console.print(f"\n[bold]{title}[/bold]{left_out}")
    _show_readings(one.readings, one.row.currency)


def _show_steps(one: AccountProof) -> None:
    name, currency = show.text(one.row.account), one.row.currency
    if one.begins is not None:
        begins = f"agrees at the end of {one.begins.after}, no more at the end of {one.begins.on}"
        show.console.print(f"\n[bold]{name}, {currency}[/bold]: {begins}")
    if one.steps_before:
        show.console.print(f"{one.steps_before} changes of the difference before the latest are not shown")
    for explained in one.steps:
        _show_step(explained, currency)


def _show_step(explained: Explained, currency: str) -> None:
    step = explained.step
    by = show.money(step.by, currency)
    where = f"from {step.after} to {step.on}"
    if explained.undoes is not None:
        show.console.print(f"\n{where}: {by}, which takes back the difference of {explained.undoes}")
        return
    side = "less" if step.by < 0 else "more"
    amount = show.money(abs(step.by), currency)
    show.console.print(f"\n{where}: [bold red]{by}[/bold red], the bank's movements come to {amount} {side}")
    _show_readings((step.before, step.at), currency)
    for place, cause in enumerate(explained.causes, 1):
        show.console.print(f"  {place}. {'likely: ' if place == 1 else 'or: '}{show.text(cause.says)}")
        for line in _lines(cause, currency):
            show.console.print(f"     {line}", soft_wrap=True)
    if not explained.causes:
        show.console.print(
            "  unexplained: nothing the ledger knows of these days comes to this amount; compare them with the bank's own"
            " statement"
        )


def _lines(cause: Cause, currency: str) -> Iterator[str]:
    """The first few of what a cause may have been, each with its movements and what would settle it."""
    if len(cause.candidates) > 1:
        yield f"one of {len(cause.candidates)}:"
    for candidate in cause.candidates[:_SHOWN_MAX]:
        yield from (_movement(each, currency) for each in candidate.movements)
        yield from (f"  [cyan]{show.text(command)}[/cyan]" for command in candidate.settle)
    if len(cause.candidates) > _SHOWN_MAX:
        yield "… (--json has them all)"


def _movement(each: Movement, currency: str) -> str:
    return f"{each.on}  {show.money(each.amount, currency)}  {show.text(each.text)}  [dim]{each.id}[/dim]"


def _show_readings(readings: Sequence[Reading], currency: str) -> None:
    rows = show.table(
        "  end of", "bank told", "ledger holds", "difference", "told by",
        right=frozenset({"bank told", "ledger holds", "difference"}),
    )  # fmt: skip
    for reading in readings:
        rows.add_row(
            f"  {reading.on}",
            show.money(reading.told, currency),
            show.money(reading.ledger, currency),
            _difference(reading.difference, currency),
            show.text(reading.source) + ("" if reading.counts else " [dim](decides nothing)[/dim]"),
        )
    show.console.print(rows)


def _difference(difference: Decimal, currency: str) -> str:
    text = show.money(difference, currency)
    return f"[red]{text}[/red]" if difference else f"[green]{text}[/green]"
