"""Banco de México's SIE: the FIX of the dollar about noon, and what follows from it for four more currencies."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from caudal.matching.rates import Rate
from caudal.providers.http import Answer, Budget, Budgets, Call, HttpBounds, Observer, ProviderHttp
from caudal.providers.rates.base import HttpSource, Skipped, Told, decoded, rate_of

NAME: Final = "banxico"
URL: Final = "https://www.banxico.org.mx/SieAPIRest/service/v1"
BUDGETS: Final = {"series/datos": Budget(None, 30)}
"""About 200 in five minutes for each token, from memory: not verified (contract §3)."""

SERIES: Final = {"USD": "SF43718", "EUR": "SF46410", "GBP": "SF46407", "JPY": "SF46406", "CAD": "SF60632"}
"""Pesos for one of each. The dollar's by the day it was determined (FIX), not that of settlement (SF60653)."""
_CURRENCY: Final = {series: code for code, series in SERIES.items()}

_FIRST: Final = date(1993, 1, 1)
"""The new peso's first day (MXN). SF43718 begins on 1991-11-12."""
_DAY: Final = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
_NO_VALUE: Final = "N/E"


class _Datum(msgspec.Struct):
    fecha: str
    dato: str


class _Series(msgspec.Struct):
    id: str = msgspec.field(name="idSerie")
    datos: list[_Datum] = []


class _Bmx(msgspec.Struct):
    series: list[_Series] = []


class _Answer(msgspec.Struct):
    bmx: _Bmx


class _Error(msgspec.Struct):
    mensaje: str = ""
    detalle: str = ""
    detail: str = ""


class _Refusal(msgspec.Struct):
    error: _Error


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_REFUSAL: Final = msgspec.json.Decoder(_Refusal)


class Banxico(HttpSource):
    """Quote MXN. Asked with the operator's token."""

    name = NAME

    def __init__(
        self,
        url: str,
        token: str,
        bounds: HttpBounds,
        *,
        budgets: Budgets | None = None,
        observer: Observer | None = None,
    ) -> None:
        headers = {"Bmx-Token": token, "Accept": "application/json"}
        self._http = ProviderHttp(
            NAME, url or URL, headers=headers, bounds=bounds, budgets=budgets, observer=observer
        )
        super().__init__(self._http)

    def tells_of(self, held: Sequence[str]) -> list[str]:
        return [code for code in held if code in SERIES] if "MXN" in held else []

    def earliest(self, today: date) -> date:  # noqa: ARG002  the protocol's
        return _FIRST

    async def told(self, subjects: Sequence[str], first: date, last: date) -> Told:
        ids = ",".join(SERIES[code] for code in subjects)
        answer = await self._http.send(
            Call("series/datos", "GET", f"/series/{ids}/datos/{first.isoformat()}/{last.isoformat()}")
        )
        return read(decoded(answer, "banxico series/datos", _ANSWER, _said(answer)))


def read(answer: _Answer) -> Told:
    """Series come in any order; `datos` is missing where there are none; N/E is no value (contract §3)."""
    rates, skipped = [], []
    for series in answer.bmx.series:
        code = _CURRENCY.get(series.id)
        if code is None:
            skipped.append(
                Skipped(f"banxico {series.id[:20]}", "a series that wasn't asked for", series.id[:200])
            )
            continue
        for datum in series.datos:
            day, rate = _day(datum.fecha), rate_of(datum.dato)
            if day is not None and rate is not None:
                rates.append(Rate(code, "MXN", day, rate, NAME))
            elif datum.dato.strip() != _NO_VALUE:
                raw = f"{datum.fecha} {datum.dato}"[:200]
                skipped.append(Skipped(f"banxico {series.id}", "no day and rate", raw))
    return Told(tuple(rates), skipped=tuple(skipped))


def _day(text: str) -> date | None:
    """dd/mm/yyyy, as Banxico answers; its URLs take ISO 8601."""
    found = _DAY.fullmatch(text)
    try:
        return date(int(found[3]), int(found[2]), int(found[1])) if found else None
    except ValueError:
        return None


def _said(answer: Answer) -> str:
    """What it says a refusal is for."""
    try:
        error = _REFUSAL.decode(answer.body).error
    except msgspec.DecodeError:
        return ""
    return error.detalle or error.detail or error.mensaje
