"""Banco Central do Brasil: PTAX by OData, with several bulletins a day, and the time series SGS."""

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from caudal_sandbox.economy.calendars import is_business_day
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.rates.figures import Figures

CURRENCIES: Final = {
    "AUD": ("Dólar australiano", "B"), "CAD": ("Dólar canadense", "A"), "CHF": ("Franco suíço", "A"),
    "DKK": ("Coroa dinamarquesa", "A"), "EUR": ("Euro", "B"), "GBP": ("Libra Esterlina", "B"), "JPY": ("Iene", "A"),
    "NOK": ("Coroa norueguesa", "A"), "SEK": ("Coroa sueca", "A"), "USD": ("Dólar dos Estados Unidos", "A"),
}  # fmt: skip
_ZONE: Final = ZoneInfo("America/Sao_Paulo")
_BULLETINS: Final = (
    (time(10, 8, 24, 330_000), "Abertura", 4),
    (time(11, 3, 11, 815_000), "Intermediário", -3),
    (time(12, 11, 17, 452_000), "Intermediário", 2),
    (time(13, 5, 50, 319_000), "Fechamento", 0),
)
"""When, which, and how far from the closing one, in ten-thousandths."""
_CONTEXT: Final = "https://was-p.bcnet.bcb.gov.br/olinda/servico/PTAX/versao/v1/odata$metadata#"
_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode
_DAY: Final = timedelta(days=1)
_YEARS_MAX: Final = 10
_PLACES: Final = Decimal("0.0001")


class Bcb:
    """`down`: PTAX answers 500."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self.down = False

    async def ptax(self, request: Request) -> Response:
        """Moedas, or CotacaoMoedaPeriodo. Dates it can't read (the day before the month) give no rows, and no error."""
        if self.down:
            return Response("<html><body>500</body></html>", 500, media_type="text/html")
        asked = request.path_params["resource"]
        if asked == "Moedas":
            rows: list[object] = [
                {"simbolo": code, "nomeFormatado": name, "tipoMoeda": kind}
                for code, (name, kind) in CURRENCIES.items()
            ]
            return _odata("Moedas", rows)
        if not asked.startswith("CotacaoMoedaPeriodo("):
            return Response("", 404)
        query = request.query_params
        code = query.get("@moeda", "").strip("'")
        first, last = _american(query.get("@dataInicial", "")), _american(query.get("@dataFinalCotacao", ""))
        closing_only = "Fechamento" in query.get("$filter", "")
        found = (
            [] if code not in CURRENCIES or first is None or last is None else self._rows(code, first, last)
        )
        return _odata(
            "_CotacaoMoedaPeriodo",
            [row for row in found if not closing_only or row["tipoBoletim"] == "Fechamento"],
        )

    async def sgs(self, request: Request) -> Response:
        """/dados/serie/bcdata.sgs.1/dados: by days, for ten years at once; or /ultimos/{k}."""
        if request.path_params["series"] != "bcdata.sgs.1":
            return JSONResponse({"error": "series not found"}, 404)
        wanted = request.path_params.get("count")
        last = self._figures.world.now.astimezone(_ZONE).date()
        if wanted is not None:
            rows = self._dollars(self._figures.world.begins, last)[-int(wanted) :]
            return JSONResponse(rows)
        first_on, last_on = (
            _brazilian(request.query_params.get(name, "")) for name in ("dataInicial", "dataFinal")
        )
        if first_on is None or last_on is None or last_on.year - first_on.year > _YEARS_MAX:
            message = "O sistema aceita uma janela de consulta de, no máximo, 10 anos em séries de periodicidade diária"
            return JSONResponse({"error": message}, 406)
        return JSONResponse(self._dollars(first_on, last_on))

    def _dollars(self, first: date, last: date) -> list[dict[str, str]]:
        return [
            {"data": f"{day:%d/%m/%Y}", "valor": f"{row['cotacaoVenda']}"}
            for row in self._rows("USD", first, last)
            if row["tipoBoletim"] == "Fechamento"
            for day in [date.fromisoformat(str(row["dataHoraCotacao"])[:10])]
        ]

    def _rows(self, code: str, first: date, last: date) -> list[dict[str, object]]:
        now = self._figures.world.now.astimezone(_ZONE)
        day, last = max(first, self._figures.world.begins), min(last, now.date())
        rows: list[dict[str, object]] = []
        while day <= last:
            if is_business_day(CountryCode.BR, day):
                rows += [
                    self._row(code, day, *each)
                    for each in _BULLETINS
                    if datetime.combine(day, each[0], _ZONE) <= now
                ]
            day += _DAY
        return rows

    def _row(self, code: str, day: date, at: time, bulletin: str, off: int) -> dict[str, object]:
        sell = _rounded(self._figures.rate(code, "BRL", day)) + off * _PLACES
        parity = (
            self._figures.rate(code, "USD", day)
            if CURRENCIES[code][1] == "B"
            else self._figures.rate("USD", code, day)
        )
        return {
            "paridadeCompra": _rounded(parity),
            "paridadeVenda": _rounded(parity),
            "cotacaoCompra": sell - 6 * _PLACES,
            "cotacaoVenda": sell,
            "dataHoraCotacao": f"{day} {at.isoformat('milliseconds')}",
            "tipoBoletim": bulletin,
        }


def _rounded(rate: Decimal) -> Decimal:
    return rate.quantize(_PLACES, ROUND_HALF_UP)


def _odata(what: str, rows: object) -> Response:
    body = _ENCODE({"@odata.context": f"{_CONTEXT}{what}", "value": rows})
    return Response(body, media_type="application/json;charset=UTF-8;odata.metadata=minimal")


def _american(text: str) -> date | None:
    """'MM-DD-YYYY', in its quotes."""
    found = re.fullmatch(r"'(\d{2})-(\d{2})-(\d{4})'", text, re.ASCII)
    try:
        return date(int(found[3]), int(found[1]), int(found[2])) if found else None
    except ValueError:
        return None


def _brazilian(text: str) -> date | None:
    """dd/mm/yyyy."""
    found = re.fullmatch(r"(\d{2})/(\d{2})/(\d{4})", text, re.ASCII)
    try:
        return date(int(found[3]), int(found[2]), int(found[1])) if found else None
    except ValueError:
        return None
