"""`caudal sandbox`: a simulated world with banks to link, on this machine, and a truth to hold the ledger against."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

import click
import msgspec

from caudal.cli import show
from caudal.cli.options import as_json_option, space_option, with_space
from caudal.cli.sandbox_control import DEFAULT_URL, SandboxControl
from caudal.hub import comparison
from caudal.hub.comparison import Comparison, TrueAccount
from caudal.hub.installation import Installation
from caudal.store.spaces import Space

url_option = click.option(
    "--url",
    envvar=["CAUDAL_SANDBOX_URL", "CAUDAL_SANDBOX"],
    default=DEFAULT_URL,
    show_default=True,
    help="Where the sandbox runs.",
)

_SPAN: Final = re.compile(r"(\d{1,6})(d|h|m)")
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}


@click.group()
def sandbox() -> None:
    """Try everything without an account anywhere: simulated people, banks and providers on this machine."""


@sandbox.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.option("--port", default=8471, show_default=True, type=click.IntRange(0, 65_535))
@click.argument("rest", nargs=-1, type=click.UNPROCESSED)
def serve(port: int, rest: tuple[str, ...]) -> None:
    """Run a sandbox until interrupted (--seed N, --people N, --begins DAY, --now INSTANT …; --help shows all)."""
    command = (sys.executable, "-m", "caudal_sandbox", "serve", "--port", str(port), *rest)
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606  the sandbox is a process of its own: this one becomes it


@sandbox.command()
@click.argument("span")
@url_option
@as_json_option
def advance(span: str, url: str, *, as_json: bool) -> None:
    """Move the world's clock on by SPAN: 30d, 12h, 90m. Banks book, and providers send their webhooks."""
    fitting = _SPAN.fullmatch(span.strip().lower())
    if fitting is None:
        raise click.BadParameter("say how far, such as 30d, 12h or 90m", param_hint="SPAN")
    with SandboxControl(url) as control:
        told = control.post("advance", {_UNITS[fitting[2]]: int(fitting[1])})
    if as_json:
        click.echo(show.as_json(told))
    else:
        show.console.print(f"it is {told['now']} in the sandbox")


@sandbox.command()
@click.option("--json", "_as_json", is_flag=True, help="As it is anyway: a JSON object a line.")
@url_option
def truth(url: str, *, _as_json: bool) -> None:
    """Tell what really happened: every movement with its id, every account with its balances, a JSON object a line."""
    with SandboxControl(url) as control:
        for line in control.truth():
            sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


@sandbox.command()
@url_option
@as_json_option
def status(url: str, *, as_json: bool) -> None:
    """Show the sandbox's clock, what is linked, and what goes wrong on purpose."""
    with SandboxControl(url) as control:
        told = control.get("status")
    if as_json:
        click.echo(show.as_json(told))
        return
    show.console.print(
        f"it is {told['now']} (seed {told['seed']}); {told['plaid']['items']} Plaid Items linked"
    )
    show.console.print(f"faults in wait: {told['faults']['in_wait']}, struck: {told['faults']['struck']}")


@sandbox.group()
def fault() -> None:
    """Have things go wrong: latency, resets, rate limits, lost webhooks, dead logins … (DESIGN: faults)."""


@fault.command("add")
@click.argument("kind")
@click.option("--provider", default="*", show_default=True)
@click.option(
    "--endpoint", default="*", show_default=True, help="A path such as /transactions/sync; * fits all."
)
@click.option(
    "--connection", default="*", show_default=True, help="The provider's id of one (Plaid: item_id)."
)
@click.option("--count", type=click.IntRange(1), help="Strike so many times and no more.")
@click.option("--per-mille", type=click.IntRange(0, 1000), help="How often, of 1000 calls that fit.")
@click.option("--seed", type=int, help="Which of the calls: the same seed, the same calls.")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the kind takes, such as milliseconds=50.",
)
@url_option
def fault_add(
    kind: str,
    provider: str,
    endpoint: str,
    connection: str,
    count: int | None,
    per_mille: int | None,
    seed: int | None,
    params: tuple[str, ...],
    url: str,
) -> None:
    """Lay a fault of this KIND in wait. Prints its number."""
    asked: dict[str, object] = {
        "kind": kind, "provider": provider, "endpoint": endpoint, "connection": connection,
        "count": count, "per_mille": per_mille, "seed": seed, "params": dict(_param(each) for each in params),
    }  # fmt: skip
    told_of = {name: value for name, value in asked.items() if value not in (None, {})}
    with SandboxControl(url) as control:
        told = control.post("faults", told_of)
    click.echo(told["id"])


@fault.command("list")
@url_option
@as_json_option
def fault_list(url: str, *, as_json: bool) -> None:
    """Show the faults that lie in wait."""
    with SandboxControl(url) as control:
        told = control.all("faults")
    if as_json:
        click.echo(show.as_json(told))
        return
    for each in told:
        click.echo(show.as_json(each))


@fault.command("clear")
@click.argument("number", type=int, required=False)
@url_option
def fault_clear(number: int | None, url: str) -> None:
    """Take away the fault of this NUMBER, or all of them."""
    with SandboxControl(url) as control:
        control.delete("faults" if number is None else f"faults/{number}")


@sandbox.command()
@space_option
@url_option
@as_json_option
def compare(space: str | None, url: str, *, as_json: bool) -> None:
    """Hold this installation's ledger against what really happened. Exits 1 where they differ."""
    with SandboxControl(url) as control:
        found = with_space(space, lambda opened, chosen: compared(opened, chosen, control))
    if as_json:
        click.echo(show.as_json(found))
    else:
        show_comparison(found)
    if not found.equal:
        raise click.exceptions.Exit(1)


async def compared(opened: Installation, space: Space, control: SandboxControl) -> Comparison:
    """The space's accounts beside the truth of the sandbox they are linked at, through whichever providers."""
    found = comparison.NOTHING
    for provider in control.get("status")["providers"]:
        told = control.all(f"accounts/{provider}")
        if told:
            shown = {each["reference"]: msgspec.convert(each, TrueAccount) for each in told}
            movements = _movements(control.truth())
            found += await comparison.compare(opened, space, provider, shown, movements)
    return found


def show_comparison(found: Comparison) -> None:
    """In words: how many movements, and what is wrong with the ledger if anything is."""
    right = found.movements - found.missing
    colour = "green" if found.equal else "bold red"
    show.console.print(
        f"[{colour}]{right} of {found.movements} movements, {found.missing} missing, {found.doubled} doubled, "
        f"{found.unfounded} unfounded[/{colour}] on {found.accounts} accounts"
    )
    for line in found.first:
        show.console.print(f"  {show.text(line)}")


def _movements(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        told = msgspec.json.decode(line)
        if told["record"] == "movement":
            yield told


def _param(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r}: say NAME=VALUE", param_hint="--param")
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value
