"""Banco de México's SIE: series by day, for whoever has a token."""

from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from caudal_sandbox.economy.calendars import is_business_day
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.rates.figures import Figures

SERIES: Final = {
    "SF43718": (
        "USD",
        "Tipo de cambio                    Pesos por dólar E.U.A. Fecha de determinación (FIX)",
    ),
    "SF46410": ("EUR", "Cotización de las divisas         Peso mexicano Euro"),
    "SF46407": ("GBP", "Cotización de las divisas         Peso mexicano Libra esterlina"),
    "SF46406": ("JPY", "Cotización de las divisas         Peso mexicano Yen japonés"),
    "SF60632": ("CAD", "Cotización de las divisas         Peso mexicano Dólar canadiense"),
}
_ZONE: Final = ZoneInfo("America/Mexico_City")
_FIX: Final = time(12)
_IDS_MAX: Final = 20
_DAY: Final = timedelta(days=1)
_PAGE: Final = "<html><body><h1>Servicio en mantenimiento</h1></body></html>"


class Banxico:
    """`token`: who may ask; '' for any. `resting`: it answers with its maintenance page."""

    def __init__(self, figures: Figures, token: str = "") -> None:
        self._figures = figures
        self._token = token
        self.resting = False

    async def answer(self, request: Request) -> Response:
        """/series/{ids}/datos/{from}/{to}, or /datos/oportuno, or the series alone."""
        if self.resting:
            return Response(_PAGE, media_type="text/html")
        told = request.headers.get("bmx-token", "")
        if not told or (self._token and told != self._token):
            return _error(401, "Token inválido", "El token no es válido o no fue enviado")
        ids = request.path_params["ids"].split(",")
        if len(ids) > _IDS_MAX or any(each not in SERIES for each in ids):
            return _error(400, "Petición inválida", "Serie inexistente o más de 20 series")
        try:
            first, last = self._asked(request.path_params.get("days", ""))
        except ValueError:
            return _error(400, "Petición inválida", "Las fechas deben tener el formato yyyy-mm-dd")
        series = [self._series(each, first, last) for each in sorted(ids, reverse=True)]
        return JSONResponse({"bmx": {"series": series}}, media_type="application/json;charset=UTF-8")

    def _asked(self, days: str) -> tuple[date, date]:
        """Raises ValueError."""
        if not days:
            return self._figures.world.begins, self._last()
        if days == "oportuno":
            day = self._last()
            while not is_business_day(CountryCode.MX, day):
                day -= _DAY
            return day, day
        first, _, last = days.partition("/")
        return date.fromisoformat(first), date.fromisoformat(last)

    def _last(self) -> date:
        now = self._figures.world.now.astimezone(_ZONE)
        fixed = now >= datetime.combine(now.date(), _FIX, _ZONE)
        return now.date() if fixed else now.date() - _DAY

    def _series(self, name: str, first: date, last: date) -> dict[str, object]:
        """Days of rest are absent, Christmas Day says N/E; without any day `datos` is missing."""
        currency, title = SERIES[name]
        data = []
        day, last = max(first, self._figures.world.begins), min(last, self._last())
        while day <= last:
            if is_business_day(CountryCode.MX, day):
                rate = self._figures.rate(currency, "MXN", day).quantize(Decimal("0.0001"), ROUND_HALF_UP)
                data.append({"fecha": f"{day:%d/%m/%Y}", "dato": f"{rate:,f}"})
            elif (day.month, day.day) == (12, 25):
                data.append({"fecha": f"{day:%d/%m/%Y}", "dato": "N/E"})
            day += _DAY
        return {"idSerie": name, "titulo": title, **({"datos": data} if data else {})}


def _error(status: int, message: str, detail: str) -> Response:
    return JSONResponse({"error": {"mensaje": message, "detalle": detail}}, status)
