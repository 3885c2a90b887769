"""What central banks and CoinGecko write, in the contracts' shapes: exact, and nothing that can't be read is lost."""

import io
import itertools
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest

from caudal.matching.prices import Price
from caudal.matching.rates import Rate
from caudal.model.errors import Malformed
from caudal.providers.rates import banxico, bcb, coingecko, ecb
from caudal.providers.rates.base import rate_of

_XML = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
                 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
  <Cube>
    <Cube time='2026-04-02'><Cube currency='USD' rate='1.1010'/><Cube currency='ISK' rate='136'/></Cube>
    <Cube time='2026-04-01'><Cube currency='USD' rate='1.1005'/></Cube>
  </Cube>
</gesmes:Envelope>"""
_CSV = "Date,USD,BGN,MXN,\n2026-01-02,1.1,N/A,20.5,\n2025-12-31,1.09,1.9558,N/A,\n"


def test_the_ecbs_cubes_are_read_by_their_namespace_day_by_day() -> None:
    assert list(ecb.read_xml(_XML.encode())) == [
        ("2026-04-02", "USD", "1.1010"),
        ("2026-04-02", "ISK", "136"),
        ("2026-04-01", "USD", "1.1005"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>maintenance</html>",
        _XML[:300],
        _XML.replace("http://www.ecb.int/vocabulary/2002-08-01/eurofxref", "urn:other"),
        '<!DOCTYPE x [<!ENTITY a "1.1">]>' + _XML.partition("?>")[2],
    ],
)
def test_a_file_that_is_not_the_ecbs_is_refused(body: str) -> None:
    with pytest.raises(Malformed):
        ecb.read_xml(body.encode())


def test_the_history_ends_its_lines_with_an_empty_column_and_says_na() -> None:
    assert list(ecb.read_csv(_CSV)) == [
        ("2026-01-02", "USD", "1.1"),
        ("2026-01-02", "BGN", "N/A"),
        ("2026-01-02", "MXN", "20.5"),
        ("2025-12-31", "USD", "1.09"),
        ("2025-12-31", "BGN", "1.9558"),
        ("2025-12-31", "MXN", "N/A"),
    ]


def test_a_history_that_is_cut_off_is_refused() -> None:
    with pytest.raises(Malformed, match="line 3"):
        list(ecb.read_csv(_CSV[:-8]))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("eurofxref-hist.csv", _CSV)
    assert ecb.unpacked(packed.getvalue()) == _CSV
    with pytest.raises(Malformed):
        ecb.unpacked(packed.getvalue()[:40])


def test_banxicos_series_come_in_any_order_with_commas_na_and_without_days() -> None:
    body = b"""{"bmx": {"series": [
        {"idSerie": "SF46410", "titulo": "Euro", "datos": [{"fecha": "03/02/2026", "dato": "20.5"}]},
        {"idSerie": "SF46406", "titulo": "Yen"},
        {"idSerie": "SF43718", "titulo": "FIX", "datos": [
            {"fecha": "25/12/2025", "dato": "N/E"}, {"fecha": "26/12/2025", "dato": "1,017.5"},
            {"fecha": "31/02/2026", "dato": "17.1"}]}]}}"""
    told = banxico.read(msgspec.json.decode(body, type=banxico._Answer))
    assert list(told.rates) == [
        Rate("EUR", "MXN", date(2026, 2, 3), Decimal("20.5"), "banxico"),
        Rate("USD", "MXN", date(2025, 12, 26), Decimal("1017.5"), "banxico"),
    ]
    assert [each.raw for each in told.skipped] == ["31/02/2026 17.1"]


def test_of_ptax_the_closing_bulletins_selling_rate_counts_to_the_last_digit() -> None:
    body = b"""{"@odata.context": "x", "value": [
        {"paridadeCompra": 1, "paridadeVenda": 1, "cotacaoCompra": 5.1, "cotacaoVenda": 5.2,
         "dataHoraCotacao": "2026-03-03 10:05:11.1", "tipoBoletim": "Abertura"},
        {"paridadeCompra": 1, "paridadeVenda": 1, "cotacaoCompra": 5.11110, "cotacaoVenda": 5.11170,
         "dataHoraCotacao": "2026-03-03 13:10:27.879", "tipoBoletim": "Fechamento"}]}"""
    told = bcb.read_ptax("USD", msgspec.json.decode(body, type=bcb._Quotations).value)
    [rate] = told.rates
    assert (rate.day, str(rate.rate)) == (date(2026, 3, 3), "5.11170")


def test_sgs_writes_the_day_first() -> None:
    told = bcb.read_sgs([bcb._Datum("02/01/2024", "4.8916"), bcb._Datum("2024-01-03", "4.9")])
    assert list(told.rates) == [Rate("USD", "BRL", date(2024, 1, 2), Decimal("4.8916"), "bcb")]
    assert len(told.skipped) == 1


def test_a_stretch_is_cut_into_slices_that_neither_overlap_nor_leave_a_hole() -> None:
    first, last = date(2004, 5, 1), date(2026, 3, 3)
    cut = list(bcb.slices(first, last, bcb._SGS_SLICE))
    assert (cut[0][0], cut[-1][1]) == (first, last)
    assert all((after[0] - before[1]).days == 1 for before, after in itertools.pairwise(cut))
    assert all((end - start).days < 3_653 for start, end in cut)


@pytest.mark.parametrize("text", ["", "N/E", "-1", "0", "1e5", "١", "NaN", "1.2.3", "9" * 31])
def test_what_is_no_rate_is_none(text: str) -> None:
    assert rate_of(text) is None


NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


def _at(*when: int) -> Decimal:
    return Decimal(int(datetime(2026, 3, *when, tzinfo=UTC).timestamp()) * 1_000)


def test_a_days_price_is_the_point_of_the_midnight_after_it_and_this_day_has_none_yet() -> None:
    points = [
        (_at(2), Decimal(1)),  # the end of the 1st
        (_at(2, 23, 4), Decimal(2)),
        (_at(3), Decimal("1.2e-07")),
        (_at(3), Decimal("1.3e-07")),  # told twice: the later word
        (_at(4, 9, 30), Decimal(4)),  # now
    ]
    told = coingecko.read_chart("ETH", points, NOW)
    assert list(told.prices) == [
        Price("ETH", "USD", date(2026, 3, 1), Decimal(1), "coingecko"),
        Price("ETH", "USD", date(2026, 3, 2), Decimal("1.3e-07"), "coingecko"),
    ]


def test_what_coingecko_leaves_out_is_unknown_and_fails_nobody_else() -> None:
    body = b'{"bitcoin": {"usd": 76975, "last_updated_at": 1772616600}, "tether": {"usd": 0.98}}'
    told = coingecko.read_simple(
        ["BTC", "ETH", "USDT"], msgspec.json.decode(body, type=dict[str, dict[str, Decimal | None]])
    )
    assert list(told.prices) == [Price("BTC", "USD", date(2026, 3, 4), Decimal(76975), "coingecko-spot")]
    assert [each.where for each in told.skipped] == ["coingecko ethereum", "coingecko tether"]
