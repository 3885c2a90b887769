"""Banco Central do Brasil: PTAX, the closing bulletin about 13:05 in Brasília; the long history of the dollar by SGS."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from caudal.matching.rates import Rate
from caudal.providers.http import Budget, Budgets, Call, HttpBounds, Observer, ProviderHttp
from caudal.providers.rates.base import HttpSource, Skipped, Told, decoded, rate_of

NAME: Final = "bcb"
PTAX_URL: Final = "https://olinda.bcb.gov.br/olinda/servico/PTAX/versao/v1/odata"
SGS_URL: Final = "https://api.bcb.gov.br"
BUDGETS: Final = {"ptax": Budget(None, 60), "sgs": Budget(None, 30)}
"""Ours: none is documented. A day takes one call for each currency."""

CURRENCIES: Final = frozenset(("AUD", "CAD", "CHF", "DKK", "EUR", "GBP", "JPY", "NOK", "SEK", "USD"))
"""What the resource Moedas lists."""

_FIRST: Final = date(1994, 7, 1)
"""The real's first day: what the series holds before is in its forerunners."""
_CLOSING: Final = "Fechamento"
_PERIOD: Final = (
    "/CotacaoMoedaPeriodo(moeda=@moeda,dataInicial=@dataInicial,dataFinalCotacao=@dataFinalCotacao)"
)
_SLICE: Final = timedelta(days=365)
"""Of one PTAX call; longer stretches of the dollar are SGS's."""
_SGS_SLICE: Final = timedelta(days=3_650)
"""A daily series is told for ten years at once, and no more (406)."""
_DAY: Final = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)


class _Quotation(msgspec.Struct):
    sell: Decimal = msgspec.field(name="cotacaoVenda")
    at: str = msgspec.field(name="dataHoraCotacao")
    bulletin: str = msgspec.field(name="tipoBoletim", default=_CLOSING)


class _Quotations(msgspec.Struct):
    value: list[_Quotation]


class _Datum(msgspec.Struct):
    data: str
    valor: str


_PTAX: Final = msgspec.json.Decoder(_Quotations)
_SGS: Final = msgspec.json.Decoder(list[_Datum])


class Bcb(HttpSource):
    """Quote BRL, the selling rate of the closing bulletin: what SGS series 1 holds of the dollar (contract §4)."""

    name = NAME

    def __init__(
        self,
        ptax_url: str,
        sgs_url: str,
        bounds: HttpBounds,
        *,
        budgets: Budgets | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._ptax = ProviderHttp(
            NAME, ptax_url or PTAX_URL, bounds=bounds, budgets=budgets, observer=observer
        )
        self._sgs = ProviderHttp(NAME, sgs_url or SGS_URL, bounds=bounds, budgets=budgets, observer=observer)
        super().__init__(self._ptax, self._sgs)

    def tells_of(self, held: Sequence[str]) -> list[str]:
        return [code for code in held if code in CURRENCIES] if "BRL" in held else []

    def earliest(self, today: date) -> date:  # noqa: ARG002  the protocol's
        return _FIRST

    async def told(self, subjects: Sequence[str], first: date, last: date) -> Told:
        """One call for each currency and year; of the dollar one for ten."""
        found: list[Told] = []
        for code in subjects:
            if code == "USD" and last - first > _SLICE:
                found += [await self._dollar(*days) for days in slices(first, last, _SGS_SLICE)]
            else:
                found += [await self._currency(code, *days) for days in slices(first, last, _SLICE)]
        return Told(
            tuple(rate for each in found for rate in each.rates),
            skipped=tuple(skipped for each in found for skipped in each.skipped),
        )

    async def _currency(self, code: str, first: date, last: date) -> Told:
        """PTAX takes 'MM-DD-YYYY'; in another order it answers nothing, and no error."""
        query = {
            "@moeda": f"'{code}'",
            "@dataInicial": f"'{first:%m-%d-%Y}'",
            "@dataFinalCotacao": f"'{last:%m-%d-%Y}'",
            "$filter": f"tipoBoletim eq '{_CLOSING}'",
            "$format": "json",
        }
        answer = await self._ptax.send(Call("ptax", "GET", _PERIOD, query=query))
        return read_ptax(code, decoded(answer, "bcb ptax", _PTAX).value)

    async def _dollar(self, first: date, last: date) -> Told:
        query = {"formato": "json", "dataInicial": f"{first:%d/%m/%Y}", "dataFinal": f"{last:%d/%m/%Y}"}
        answer = await self._sgs.send(Call("sgs", "GET", "/dados/serie/bcdata.sgs.1/dados", query=query))
        told = decoded(answer, "bcb sgs", _SGS)
        return read_sgs(told)


def read_ptax(code: str, told: Sequence[_Quotation]) -> Told:
    """The closing bulletins alone: without the filter a day has several."""
    rates, skipped = [], []
    for each in told:
        if each.bulletin != _CLOSING:
            continue
        day, rate = _iso(each.at[:10]), rate_of(each.sell)
        if day is None or rate is None:
            raw = f"{each.at} {each.sell}"[:200]
            skipped.append(Skipped(f"bcb ptax {code}", "no day and rate", raw))
        else:
            rates.append(Rate(code, "BRL", day, rate, NAME))
    return Told(tuple(rates), skipped=tuple(skipped))


def read_sgs(told: Sequence[_Datum]) -> Told:
    """Series 1: reais for one dollar."""
    rates, skipped = [], []
    for each in told:
        found, rate = _DAY.fullmatch(each.data), rate_of(each.valor)
        day = _iso(f"{found[3]}-{found[2]}-{found[1]}") if found else None
        if day is None or rate is None:
            skipped.append(Skipped("bcb sgs 1", "no day and rate", f"{each.data} {each.valor}"[:200]))
        else:
            rates.append(Rate("USD", "BRL", day, rate, NAME))
    return Told(tuple(rates), skipped=tuple(skipped))


def slices(first: date, last: date, most: timedelta) -> Iterator[tuple[date, date]]:
    """`first` to `last` in stretches of no more than `most`, both ends included, none told twice."""
    while first <= last:
        yield first, min(last, first + most - timedelta(days=1))
        first += most


def _iso(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
