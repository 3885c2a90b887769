"""`caudal fx`, `fx fetch`, `value`, `currency`: what currencies and assets are worth, and accounts by it."""

from datetime import UTC, date, datetime

import click

from caudal.cli import show
from caudal.cli.options import as_json_option, space_option, with_installation, with_space
from caudal.hub import rates as hub
from caudal.hub.installation import Installation
from caudal.hub.rates import FetchReport, Quote, Valuation
from caudal.store.spaces import Space

_DAY = click.DateTime(formats=["%Y-%m-%d"])


class _Pairs(click.Group):
    """A group that takes ``fx USD BRL`` for ``fx rate USD BRL``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["rate", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_Pairs)
def fx() -> None:
    """What currencies are worth: `caudal fx USD BRL --on 2026-03-03`, `caudal fx fetch`."""


@fx.command()
@click.argument("base")
@click.argument("quote")
@click.option("--on", type=_DAY, help="The day (YYYY-MM-DD); without, today.")
@as_json_option
def rate(base: str, quote: str, on: datetime | None, *, as_json: bool) -> None:
    """What one BASE was worth in QUOTE, by whom, of which day: never of a later one."""
    day = _day(on)
    told = with_installation(lambda opened: hub.quote(opened, base.upper(), quote.upper(), day))
    if as_json:
        click.echo(show.as_json(told))
    else:
        _show_quote(told)


def _show_quote(told: Quote) -> None:
    found = told.conversion
    via = f" through {', '.join(found.via)}" if found.via else ""
    carried = f" (none is told of {found.on}: carried from {found.day})" if found.carried else ""
    show.console.print(f"1 {found.base} = {found.rate:f} {found.quote} on {found.on}{via}{carried}")
    for leg in found.legs:
        turned = f", told as 1 {leg.quote} in {leg.base}" if leg.turned else ""
        show.console.print(f"  {leg.base} → {leg.quote}  {leg.rate:f}  {leg.source}, {leg.day}{turned}")
    used = {(leg.source, leg.day) for leg in found.legs}
    for other in told.others:
        if (other.source, other.day) not in used:
            show.console.print(
                f"  [dim]{other.source} tells {other.rate:f} {other.quote} for 1 {other.base} of {other.day}[/dim]"
            )


@fx.command()
@click.option("--currency", "named", multiple=True, help="Fetch this one too, besides what accounts hold.")
@click.option("--since", type=_DAY, help="From this day on, where accounts don't reach as far back.")
@as_json_option
def fetch(named: tuple[str, ...], since: datetime | None, *, as_json: bool) -> None:
    """Fetch what isn't known yet for what accounts hold; `caudal serve` does it by itself."""

    async def work(opened: Installation) -> FetchReport:
        codes = [code.upper() for code in named]
        return await hub.fetch(opened, named=codes, since=since.date() if since else None)

    report = with_installation(work)
    if as_json:
        click.echo(show.as_json(report))
    else:
        _show_report(report)
    if any(each.error for each in report.fetched):
        raise click.exceptions.Exit(75)


def _show_report(report: FetchReport) -> None:
    for each in report.fetched:
        of = f"{each.source}: {', '.join(each.subjects)} since {each.since}"
        said = f"[red]{show.text(each.error)}[/red]" if each.error else f"{each.changed} new or corrected"
        show.console.print(f"{of}: {said}")
        for skipped in each.skipped:
            show.console.print(
                f"  not read: {show.text(skipped.where)}: {show.text(skipped.why)} {show.text(skipped.raw)}"
            )
    for source, lack in report.lacking.items():
        show.console.print(f"[dim]{source} isn't asked: {lack}[/dim]")
    if not report.fetched:
        show.console.print("nothing to fetch: accounts hold one currency (`--currency` names others)")
    if report.transfers:
        show.console.print(f"{report.transfers} transfers or questions changed by it (`caudal transfers`)")


@click.command()
@click.option("--in", "currency", help="In this currency; without, in the space's own.")
@click.option("--on", type=_DAY, help="By the rates of this day (YYYY-MM-DD); without, today's.")
@space_option
@as_json_option
def value(currency: str | None, on: datetime | None, space: str | None, *, as_json: bool) -> None:
    """What accounts hold now, as it is and in one currency. What nobody knows the worth of is said, not guessed."""

    async def work(opened: Installation, chosen: Space) -> Valuation:
        into = currency.upper() if currency else None
        return await hub.value(opened, chosen, into, on.date() if on else None)

    told = with_space(space, work)
    if as_json:
        click.echo(show.as_json(told))
    else:
        _show_valuation(told)


def _show_valuation(told: Valuation) -> None:
    rows = show.table(
        "account", "kind", "holds", f"in {told.currency}", "by", right=frozenset({"holds", f"in {told.currency}"})
    )  # fmt: skip
    for row in told.rows:
        worth = None if row.value is None else hub.rounded(row.value, told.currency)
        rows.add_row(
            show.text(row.account),
            row.kind,
            show.money(row.amount, row.currency),
            "[red]not known[/red]" if worth is None else show.money(worth, told.currency),
            _by(row),
        )
    show.console.print(rows)
    whole = (
        "" if not told.unvalued else f", without what is held in {', '.join(told.unvalued)}: no rate is known"
    )
    total = show.money(hub.rounded(told.total, told.currency), told.currency)
    show.console.print(f"[bold]together {total}[/bold] by rates of {told.on}{whole}")


def _by(row: hub.Valued) -> str:
    """Sources and days, ``coingecko 2026-03-02, ecb 2026-03-03``; a dash where nothing had to be looked up."""
    if row.worth is None:
        return "–"
    by = [(row.worth.price.source, row.worth.price.day)] if row.worth.price else []
    legs = row.worth.conversion.legs if row.worth.conversion else ()
    by += [(leg.source, leg.day) for leg in legs]
    return ", ".join(dict.fromkeys(f"{source} {day}" for source, day in by)) or "–"


@click.command()
@click.argument("code", required=False)
@space_option
@as_json_option
def currency(code: str | None, space: str | None, *, as_json: bool) -> None:
    """Show or set the CODE of the currency that the space is valued in."""

    async def work(opened: Installation, chosen: Space) -> str | None:
        if code:
            await hub.set_currency(opened, chosen, code.upper())
        return await hub.currency_of(opened, chosen)

    told = with_space(space, work)
    click.echo(show.as_json({"currency": told}) if as_json else told or "none yet: `caudal currency CODE`")


def _day(told: datetime | None) -> date:
    return told.date() if told else datetime.now(UTC).date()
