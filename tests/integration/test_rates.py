"""Rates and prices from the sources into the database, `caudal fx`, `value`, and transfers whose rate came late."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psycopg
import pytest
from tests.support.books import all_rows
from tests.support.command import Command
from tests.support.imports import written
from tests.support.statements import Account, Movement, Statement, iban_of

from caudal.hub import installation, rates, spaces, transfers
from caudal.hub.installation import Installation
from caudal.model.errors import ConflictError, Unavailable
from caudal.model.money import RATIO
from caudal.provider_settings import RatesSettings
from caudal.settings import Settings, variables
from caudal_sandbox.rates.app import Options
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

Result = TypeVar("Result")
DAY = date(2026, 3, 3)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    world = World(people=0, firms=0, begins=date(2025, 1, 1), now=datetime.now(UTC))
    with Sandbox(world, rates=Options(coingecko_per_minute=1_000)) as running:
        yield running


def of_sandbox(sandbox: Sandbox) -> RatesSettings:
    at = f"{sandbox.url}/rates"
    return RatesSettings(
        ecb_url=f"{at}/ecb",
        banxico_url=f"{at}/banxico/SieAPIRest/service/v1",
        banxico_token="any",
        bcb_ptax_url=f"{at}/bcb-ptax/olinda/servico/PTAX/versao/v1/odata",
        bcb_sgs_url=f"{at}/bcb-sgs",
        coingecko_url=f"{at}/coingecko-demo/api/v3",
        coingecko_key="CG-any",
        coingecko_per_minute=600,
    )


@pytest.fixture
def there(settings: Settings, sandbox: Sandbox) -> Settings:
    return msgspec.structs.replace(settings, rates=of_sandbox(sandbox))


def run(there: Settings, act: Callable[[Installation], Awaitable[Result]]) -> Result:
    async def work() -> Result:
        async with installation.opened(there) as opened:
            return await act(opened)

    return asyncio.run(work())


def command(there: Settings, tmp_path: Path) -> Callable[..., Any]:
    """`caudal … --json`, asking the sandbox."""
    caudal = Command(there, tmp_path)
    told = {
        variable: str(getattr(there.rates, path.partition(".")[2]))
        for path, variable in variables()
        if path.startswith("rates.") and not path.endswith("every_hours")
    }

    def asked(*arguments: str) -> Any:
        done = caudal(*arguments, "--json", **told)
        assert done.code == 0, done.err
        return json.loads(done.out)

    return asked


def books(there: Settings, tmp_path: Path, *movements: tuple[str, str, str]) -> None:
    """An account for each (number, currency, amount), with one movement on DAY."""
    caudal = Command(there, tmp_path)
    for number, currency, amount in movements:
        account = Account(number, currency, iban=iban_of("DE", f"99991234{number}"), institution="TESTDEFF")
        told = [Movement(f"M{number}", DAY, Decimal(amount), "UEBERWEISUNG TRANSFER", "MYSELF")]
        file = written(
            tmp_path / f"{number}.xml", "camt053", Statement(account, Decimal("500.00"), told, DAY, DAY)
        )
        assert caudal("import", str(file)).code == 0


def sql(there: Settings, query: str, *values: object) -> None:
    with psycopg.connect(there.database_url) as connection:
        connection.execute(query.encode(), values)


def test_every_source_tells_what_was_asked_for_and_says_what_it_is(there: Settings, sandbox: Sandbox) -> None:
    async def act(hub: Installation) -> rates.FetchReport:
        return await rates.fetch(hub, named=["BRL", "MXN", "BTC"], since=date(2025, 11, 1))

    report = run(there, act)
    assert {(each.source, each.error, len(each.skipped)) for each in report.fetched} == {
        ("ecb", "", 0), ("banxico", "", 0), ("bcb", "", 0), ("coingecko", "", 0),
    }  # fmt: skip
    told = run(there, lambda hub: rates.quote(hub, "USD", "BRL", DAY))
    [leg] = told.conversion.legs
    assert (leg.source, leg.day) == ("bcb", DAY)
    assert {each.source for each in told.others} == {"bcb"}
    cross = run(there, lambda hub: rates.quote(hub, "MXN", "BRL", DAY)).conversion
    assert cross.via in {("EUR",), ("USD",)}
    ecb = sandbox.rates.ecb.rate("USD", DAY)
    assert run(there, lambda hub: rates.quote(hub, "EUR", "USD", DAY)).conversion.rate == ecb
    again = run(there, act)
    assert sum(each.changed for each in again.fetched if each.source != "coingecko") == 0


def test_the_whole_dollar_history_comes_in_slices_and_the_ecbs_in_one_file(there: Settings) -> None:
    run(there, lambda hub: rates.fetch(hub, named=["BRL", "MXN"], since=date(2010, 1, 1)))
    first = run(there, lambda hub: rates.quote(hub, "USD", "BRL", date(2025, 1, 2))).conversion
    assert first.legs[0].source == "bcb"
    asked = all_rows(
        there.database_url, "select source, min(first_day) from caudal.rate_asked group by source", []
    )
    assert dict(asked)["ecb"] == date(2009, 12, 25)


def test_a_rate_is_never_of_a_later_day_and_not_of_long_ago(there: Settings) -> None:
    sql(there, "insert into caudal.fx_rate values ('EUR', 'USD', '2026-03-06', 1.1, 'ecb')")
    for day, is_known in ((5, False), (6, True), (13, True), (14, False)):
        on = date(2026, 3, day)
        if is_known:
            found = run(there, lambda hub, on=on: rates.quote(hub, "USD", "EUR", on)).conversion
            assert (found.day, found.carried) == (date(2026, 3, 6), day > 6)
        else:
            with pytest.raises(Unavailable, match="caudal fx fetch"):
                run(there, lambda hub, on=on: rates.quote(hub, "USD", "EUR", on))


def test_two_sources_of_one_day_are_both_kept_and_a_correction_keeps_what_was(there: Settings) -> None:
    async def act(hub: Installation) -> None:
        await rates.fetch(hub, named=["EUR", "MXN"], since=date(2026, 2, 20))

    run(there, act)
    sources = all_rows(
        there.database_url,
        "select source, via from caudal.fx_rate where (base, quote) in (('MXN', 'USD'), ('USD', 'MXN')) and day = %s",
        [DAY],
    )
    assert sorted(sources) == [("banxico", ""), ("ecb", "EUR")]
    sql(
        there,
        "update caudal.fx_rate set rate = 9 where base = 'USD' and quote = 'MXN' and source = 'banxico'",
    )
    sql(there, "delete from caudal.rate_asked")
    run(there, act)
    corrected = all_rows(there.database_url, "select distinct source, told from caudal.rate_corrected", [])
    assert corrected == [("banxico", Decimal(9))]


def test_accounts_are_valued_in_the_spaces_currency_beside_what_they_hold(
    there: Settings, tmp_path: Path
) -> None:
    books(
        there,
        tmp_path,
        ("1111111111", "EUR", "100.00"),
        ("2222222222", "USD", "200.00"),
        ("3333333333", "ARS", "300.00"),
    )
    asked = command(there, tmp_path)
    assert Command(there, tmp_path)("value").code != 0
    assert asked("currency", "eur") == {"currency": "EUR"}
    before = asked("value", "--on", f"{DAY}")
    assert before["unvalued"] == ["ARS", "USD"]
    report = asked("fx", "fetch")
    assert not any(each["error"] for each in report["fetched"])
    told = asked("value", "--on", f"{DAY}")
    rows = {row["currency"]: row for row in told["rows"]}
    assert {code: row["amount"] for code, row in rows.items()} == {
        "EUR": "100.00",
        "USD": "200.00",
        "ARS": "300.00",
    }
    assert rows["ARS"]["value"] is None
    assert told["unvalued"] == ["ARS"]
    rate = asked("fx", "USD", "EUR", "--on", f"{DAY}")
    assert Decimal(rows["USD"]["value"]) == RATIO.multiply(200, Decimal(rate["conversion"]["rate"]))
    assert abs(Decimal(told["total"]) - 100 - Decimal(rows["USD"]["value"])) < Decimal("1e-20")
    assert "not known" in Command(there, tmp_path)("value", "--in", "BRL", "--on", f"{DAY}").out


def test_an_unknown_currency_is_refused(there: Settings) -> None:
    with pytest.raises(ConflictError, match="XYZ"):
        run(there, lambda hub: rates.quote(hub, "XYZ", "EUR", DAY))


def test_a_transfer_is_found_when_its_rate_comes_after_it(
    there: Settings, sandbox: Sandbox, tmp_path: Path
) -> None:
    for number, base, currency in (("1111111111", "GBP", "EUR"), ("4444444444", "GBP", "USD")):
        ecb = sandbox.rates.ecb
        one, other = ecb.rate(base, DAY), Decimal(1) if currency == "EUR" else ecb.rate(currency, DAY)
        assert one is not None
        assert other is not None
        came = (100 * other / one).quantize(Decimal("0.01"))
        books(there, tmp_path, (number, base, "-100.00"), (f"5{number[1:]}", currency, f"{came}"))

    async def known(hub: Installation) -> list[tuple[str, str]]:
        space = await spaces.chosen(hub.store, None)
        return sorted(
            (each.out_currency, each.into_currency) for each in await transfers.listed(hub, space, 10)
        )

    assert run(there, known) == []
    report = run(there, rates.fetch)
    assert report.transfers == 2
    assert run(there, known) == [("GBP", "EUR"), ("GBP", "USD")]
    assert all_rows(there.database_url, "select count(*) from caudal.fx_rate where fresh", []) == [(0,)]
    assert run(there, rates.fetch).transfers == 0


def test_a_source_that_is_away_fails_alone_and_what_it_lacks_is_asked_again(
    there: Settings, sandbox: Sandbox
) -> None:
    sandbox.rates.banxico.resting = True
    try:
        report = run(there, lambda hub: rates.fetch(hub, named=["MXN"], since=DAY))
    finally:
        sandbox.rates.banxico.resting = False
    errors = {each.source: each.error for each in report.fetched}
    assert "page of its own" in errors["banxico"]
    assert errors["ecb"] == ""
    asked = all_rows(there.database_url, "select distinct source from caudal.rate_asked", [])
    assert asked == [("ecb",)]


def test_where_all_is_of_one_currency_nobody_is_asked(there: Settings, tmp_path: Path) -> None:
    books(there, tmp_path, ("1111111111", "EUR", "100.00"))
    nowhere = msgspec.structs.replace(there, rates=RatesSettings(ecb_url="http://127.0.0.1:9"))
    assert run(nowhere, rates.fetch).fetched == []


def test_a_worker_asks_a_source_that_has_told_all_no_sooner_than_is_due(
    there: Settings, tmp_path: Path
) -> None:
    books(there, tmp_path, ("1111111111", "EUR", "100.00"), ("2222222222", "USD", "200.00"))
    run(there, rates.chore)
    at = all_rows(there.database_url, "select max(asked_at) from caudal.rate_asked", [])
    run(there, rates.chore)
    assert all_rows(there.database_url, "select max(asked_at) from caudal.rate_asked", []) == at
    sql(there, "update caudal.rate_asked set asked_at = now() - interval '13 hours'")
    run(there, rates.chore)
    assert all_rows(there.database_url, "select max(asked_at) from caudal.rate_asked", []) > at
