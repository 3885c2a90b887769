"""Real answers of central banks and CoinGecko, as they were recorded."""

import itertools
import json
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from tests.support.shared import shared

from caudal.matching.rates import RateTable
from caudal.providers.rates import banxico, bcb, ecb

FX = ("contracts", "fx")


def bodies(name: str) -> list[bytes]:
    """Numbers as they were written."""
    told: Any = json.loads(shared(*FX, "recorded", name).read_text("utf-8"), parse_float=Decimal)
    interactions = told.get("interactions", [told])
    encode = msgspec.json.Encoder(decimal_format="number").encode
    return [encode(each["body"]) for each in interactions]


def test_the_ecbs_whole_history_is_read_and_no_hole_is_longer_than_a_rate_holds() -> None:
    rows = list(
        ecb.read_csv(ecb.unpacked(shared(*FX, "recorded", "eurofxref-hist_to_2026-10-30.zip").read_bytes()))
    )
    days = sorted({date.fromisoformat(day) for day, _, _ in rows})
    assert (len(days), days[0], days[-1]) == (7_126, date(1999, 1, 4), date(2026, 10, 30))
    assert max((after - before).days for before, after in itertools.pairwise(days)) == 5
    told = ecb._told(iter(rows), frozenset({"USD", "MXN", "BGN"}), date(2026, 3, 1), date(2026, 3, 31))
    assert not told.skipped
    found = RateTable(told.rates).conversion("USD", "MXN", date(2026, 3, 14))
    assert found is not None
    assert (round(found.rate, 4), found.day) == (Decimal("17.8213"), date(2026, 3, 13))


def test_the_ecbs_columns_are_those_that_are_known() -> None:
    rows = ecb.read_csv(
        ecb.unpacked(shared(*FX, "recorded", "eurofxref-hist_to_2026-10-30.zip").read_bytes())
    )
    assert {code for _, code, _ in rows} - ecb.CURRENCIES == {"ROL"}  # 1999 to 2005, and no code of ours


def test_the_ecbs_xml_says_what_its_history_says() -> None:
    rows = list(ecb.read_xml(shared(*FX, "examples", "eurofxref-hist-90d_first5.xml").read_bytes()))
    history = ecb.read_csv(
        ecb.unpacked(shared(*FX, "recorded", "eurofxref-hist_to_2026-10-30.zip").read_bytes())
    )
    assert set(rows) <= set(history)


def test_banxicos_five_series_are_joined_by_their_ids() -> None:
    [body] = bodies("banxico_sie_5series_2026-03.json")
    told = banxico.read(msgspec.json.decode(body, type=banxico._Answer))
    assert {rate.base for rate in told.rates} == {"USD", "EUR", "GBP", "JPY", "CAD"}
    fix = {rate.day: rate.rate for rate in told.rates if rate.base == "USD"}
    assert fix[date(2026, 3, 3)] == Decimal("17.7228")
    assert not told.skipped


def test_ptax_and_sgs_tell_one_number() -> None:
    [ptax] = bodies("bcb_ptax_fechamento_select.json")
    [sgs] = bodies("bcb_sgs_1_dados.json")
    one = bcb.read_ptax("USD", msgspec.json.decode(ptax, type=bcb._Quotations).value)
    other = bcb.read_sgs(msgspec.json.decode(sgs, type=list[bcb._Datum]))
    assert set(one.rates) <= set(other.rates)
    assert {str(rate.rate) for rate in one.rates if rate.day == date(2024, 1, 2)} == {"4.8916"}


def test_every_recorded_bulletin_of_ptax_is_read() -> None:
    for body in bodies("bcb_ptax_CotacaoMoedaPeriodo_2026-03.json"):
        quotations = msgspec.json.decode(body, type=bcb._Quotations).value
        told = bcb.read_ptax("USD", quotations)
        assert (len(told.rates), len(told.skipped)) == (len(quotations), 0)
