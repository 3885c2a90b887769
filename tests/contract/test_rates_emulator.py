"""The emulated central banks and CoinGecko: in the recorded shapes, by CoinGecko's own description, with their quirks."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import jsonschema_rs
import pytest
from tests.support.openapi import as_json_schema
from tests.support.shared import shared

from caudal_sandbox.rates.app import Options
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

NOW = datetime(2026, 3, 4, 18, tzinfo=UTC)
KEY = {"x-cg-demo-api-key": "CG-any"}
BANXICO = "/rates/banxico/SieAPIRest/service/v1/series"
PTAX = "/rates/bcb-ptax/olinda/servico/PTAX/versao/v1/odata"
PERIOD = (
    f"{PTAX}/CotacaoMoedaPeriodo(moeda=@moeda,dataInicial=@dataInicial,dataFinalCotacao=@dataFinalCotacao)"
)
SGS = "/rates/bcb-sgs/dados/serie/bcdata.sgs.1/dados"
GECKO = "/rates/coingecko-demo/api/v3"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    world = World(people=0, firms=0, begins=date(2024, 1, 1), now=NOW)
    with Sandbox(world, rates=Options(banxico_token="secret", coingecko_per_minute=20)) as running:
        yield running


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, trust_env=False) as client:
        yield client


def recorded(*parts: str) -> Any:
    return json.loads(shared("contracts", *parts).read_text("utf-8"))


def shape(value: Any) -> Any:
    """Names and kinds, without the values; of a list that of its first."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) else type(value).__name__


# --- the ECB -----------------------------------------------------------------------------------------------


def history(http: httpx.Client) -> list[list[str]]:
    body = http.get("/rates/ecb/stats/eurofxref/eurofxref-hist.zip").content
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return [line.split(",") for line in archive.read("eurofxref-hist.csv").decode().splitlines()]


def test_the_history_has_the_real_columns_and_rests_on_targets_days(http: httpx.Client) -> None:
    path = shared("contracts", "fx", "recorded", "eurofxref-hist_to_2026-10-30.zip")
    with zipfile.ZipFile(path) as archive:
        header = archive.read("eurofxref-hist.csv").decode().splitlines()[0].split(",")
    told = history(http)
    assert told[0] == header
    days = {date.fromisoformat(line[0]) for line in told[1:]}
    assert {len(line) for line in told} == {len(header)}
    assert not days & {
        date(2025, 12, 25),
        date(2025, 12, 26),
        date(2026, 1, 1),
        date(2025, 4, 18),
        date(2026, 3, 1),
    }
    bgn = {line[0]: line[header.index("BGN")] for line in told[1:]}
    assert (bgn["2025-12-31"], bgn["2026-01-02"]) == ("1.9558", "N/A")


def test_todays_file_is_yesterdays_until_four_in_the_afternoon(sandbox: Sandbox, http: httpx.Client) -> None:
    daily = "/rates/ecb/stats/eurofxref/eurofxref-daily.xml"
    assert "<Cube time='2026-03-04'>" in http.get(daily).text
    sandbox.advance(hours=20)  # 15:00 CET of the 5th
    assert "<Cube time='2026-03-04'>" in http.get(daily).text
    sandbox.advance(hours=1)
    assert "<Cube time='2026-03-05'>" in http.get(daily).text


def test_the_daily_xml_is_written_as_the_real_one(http: httpx.Client) -> None:
    real = shared("contracts", "fx", "examples", "eurofxref-daily.xml").read_text("utf-8").splitlines()
    told = http.get("/rates/ecb/stats/eurofxref/eurofxref-daily.xml").text.splitlines()
    assert told[:7] == real[:7]
    assert [line.split("rate")[0] for line in told[8:]] == [line.split("rate")[0] for line in real[8:]]


# --- Banxico -----------------------------------------------------------------------------------------------


def test_banxico_answers_in_the_recorded_shape_and_another_order(http: httpx.Client) -> None:
    [real] = recorded("fx", "recorded", "banxico_sie_5series_2026-03.json")["interactions"]
    ids = "SF43718,SF46410,SF46407,SF46406,SF60632"
    told = http.get(f"{BANXICO}/{ids}/datos/2026-03-01/2026-03-15", headers={"Bmx-Token": "secret"}).json()
    assert shape(told) == shape(real["body"])
    assert [each["idSerie"] for each in told["bmx"]["series"]] != ids.split(",")
    assert [each["fecha"] for each in told["bmx"]["series"][0]["datos"]] == [
        "02/03/2026",
        "03/03/2026",
        "04/03/2026",
    ]


def test_banxico_wants_its_token_and_leaves_out_what_is_empty(sandbox: Sandbox, http: httpx.Client) -> None:
    assert http.get(f"{BANXICO}/SF43718/datos/oportuno").status_code == 401
    token = {"Bmx-Token": "secret"}
    empty = http.get(f"{BANXICO}/SF43718/datos/2026-02-28/2026-03-01", headers=token).json()
    assert "datos" not in empty["bmx"]["series"][0]
    christmas = http.get(f"{BANXICO}/SF43718/datos/2025-12-25/2025-12-25", headers=token).json()
    assert christmas["bmx"]["series"][0]["datos"] == [{"fecha": "25/12/2025", "dato": "N/E"}]
    sandbox.rates.banxico.resting = True
    assert "text/html" in http.get(f"{BANXICO}/SF43718/datos", headers=token).headers["content-type"]


# --- BCB ---------------------------------------------------------------------------------------------------


def ptax(http: httpx.Client, first: str, last: str, **more: str) -> Any:
    query = {
        "@moeda": "'USD'",
        "@dataInicial": f"'{first}'",
        "@dataFinalCotacao": f"'{last}'",
        "$format": "json",
    }
    return http.get(PERIOD, params=query | more).json()


def test_ptax_answers_in_the_recorded_shape(http: httpx.Client) -> None:
    real = recorded("fx", "recorded", "bcb_ptax_CotacaoMoedaPeriodo_2026-03.json")["interactions"][0]
    told = ptax(http, "03-02-2026", "03-04-2026", **{"$filter": "tipoBoletim eq 'Fechamento'"})
    assert shape(told) == shape(real["body"])
    assert len(told["value"]) == 3
    assert shape(http.get(f"{PTAX}/Moedas").json()) == shape(
        recorded("fx", "recorded", "bcb_ptax_Moedas.json")["body"]
    )


def test_ptax_has_several_bulletins_and_takes_a_wrong_order_of_dates_for_nothing(http: httpx.Client) -> None:
    assert [row["tipoBoletim"] for row in ptax(http, "03-03-2026", "03-03-2026")["value"]] == [
        "Abertura", "Intermediário", "Intermediário", "Fechamento",
    ]  # fmt: skip
    assert ptax(http, "28-02-2026", "28-02-2026")["value"] == []
    assert ptax(http, "02-28-2026", "03-01-2026")["value"] == []  # a weekend


def test_sgs_says_what_ptax_says_and_no_more_than_ten_years(http: httpx.Client) -> None:
    told = http.get(
        SGS, params={"dataInicial": "02/03/2026", "dataFinal": "04/03/2026", "formato": "json"}
    ).json()
    closing = ptax(http, "03-02-2026", "03-04-2026", **{"$filter": "tipoBoletim eq 'Fechamento'"})["value"]
    assert [float(each["valor"]) for each in told] == [each["cotacaoVenda"] for each in closing]
    assert http.get(SGS, params={"dataInicial": "02/03/2010", "dataFinal": "04/03/2026"}).status_code == 406
    assert http.get(SGS).status_code == 406
    assert len(http.get(f"{SGS}/ultimos/2").json()) == 2


# --- CoinGecko ---------------------------------------------------------------------------------------------


def seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("template", "path", "query"),
    [
        ("/ping", "/ping", {}),
        ("/simple/price", "/simple/price", {"ids": "bitcoin,dai,nobody", "vs_currencies": "usd,eur,xyz"}),
        ("/simple/supported_vs_currencies", "/simple/supported_vs_currencies", {}),
        ("/coins/list", "/coins/list", {}),
        ("/coins/{id}/history", "/coins/ethereum/history", {"date": "01-03-2026", "localization": "false"}),
        ("/coins/{id}/market_chart", "/coins/bitcoin/market_chart", {"vs_currency": "usd", "days": "100"}),
        ("/coins/{id}/market_chart/range", "/coins/specklet/market_chart/range",
         {"vs_currency": "usd", "from": "1769904000", "to": "1772582400", "precision": "full"}),
    ],
)  # fmt: skip
def test_coingecko_answers_as_its_own_description_says(
    http: httpx.Client, template: str, path: str, query: dict[str, str]
) -> None:
    spec = recorded("prices", "specs", "coingecko_demo_api_subset.openapi.json")
    answers = spec["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    schemas = {name: as_json_schema(schema) for name, schema in spec["components"]["schemas"].items()}
    whole = {**as_json_schema(answers), "components": {"schemas": schemas}}
    answer = http.get(f"{GECKO}{path}", params=query, headers=KEY)
    assert answer.status_code == 200
    jsonschema_rs.Draft202012Validator(whole).validate(answer.json())


def test_coingecko_leaves_out_what_it_does_not_know(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.rates.coingecko.renamed.add("dai")
    query = {"ids": "bitcoin,dai,nobody", "vs_currencies": "usd,xyz", "include_last_updated_at": "true"}
    told = http.get(f"{GECKO}/simple/price", params=query, headers=KEY).json()
    assert {coin: sorted(of_it) for coin, of_it in told.items()} == {"bitcoin": ["last_updated_at", "usd"]}


def test_key_and_root_must_fit(http: httpx.Client) -> None:
    def code(plan: str, headers: dict[str, str]) -> tuple[int, int]:
        answer = http.get(f"/rates/coingecko-{plan}/api/v3/ping", headers=headers)
        return answer.status_code, answer.json()["status"]["error_code"]

    assert code("pro", KEY) == (400, 10010)
    assert code("demo", {"x-cg-pro-api-key": "any"}) == (400, 10011)
    assert code("pro", {}) == (401, 10002)


def test_a_demo_reaches_back_a_year(http: httpx.Client) -> None:
    for days, status in (("365", 200), ("max", 401)):
        query = {"vs_currency": "usd", "days": days}
        answer = http.get(f"{GECKO}/coins/bitcoin/market_chart", params=query, headers=KEY)
        assert answer.status_code == status
    assert answer.json()["status"]["error_code"] == 10005


def test_who_asks_too_often_is_told_so_in_json_or_by_a_page(sandbox: Sandbox, http: httpx.Client) -> None:
    answers = [http.get(f"{GECKO}/ping", headers=KEY) for _ in range(21)]
    assert [each.status_code for each in answers] == [200] * 20 + [429]
    assert answers[-1].json()["status"]["error_code"] == 429
    sandbox.rates.coingecko.troubles.add("html")
    assert "text/html" in http.get(f"{GECKO}/ping", headers=KEY).headers["content-type"]


def test_a_chart_is_hourly_to_ninety_days_daily_beyond_and_ends_now(http: httpx.Client) -> None:
    def steps(days: int) -> list[int]:
        query = {
            "vs_currency": "usd",
            "from": str(seconds(NOW.date() - timedelta(days=days))),
            "to": str(int(NOW.timestamp())),
        }
        told = http.get(f"{GECKO}/coins/bitcoin/market_chart/range", params=query, headers=KEY).json()[
            "prices"
        ]
        assert told[-1][0] == int(NOW.timestamp()) * 1_000
        return sorted({after[0] - before[0] for before, after in pairwise(told[:-1])})

    assert steps(30) == [3_600_000]
    assert steps(120) == [0, 86_400_000]  # one of them twice


def test_tiny_prices_have_exponents_and_whole_ones_no_places(http: httpx.Client) -> None:
    query = {"ids": "specklet,bitcoin", "vs_currencies": "usd"}
    text = http.get(f"{GECKO}/simple/price", params=query | {"precision": "full"}, headers=KEY).text
    assert "E-7" in text
    whole = http.get(f"{GECKO}/simple/price", params=query | {"precision": "0"}, headers=KEY).json()
    assert isinstance(whole["bitcoin"]["usd"], int)


def test_the_same_seed_tells_the_same(http: httpx.Client) -> None:
    query = {"vs_currency": "usd", "days": "200"}
    with Sandbox(World(people=0, firms=0, begins=date(2024, 1, 1), now=NOW)) as other:
        told = httpx.get(
            f"{other.url}{GECKO}/coins/ethereum/market_chart", params=query, headers=KEY, trust_env=False
        )
        assert (
            told.json() == http.get(f"{GECKO}/coins/ethereum/market_chart", params=query, headers=KEY).json()
        )
