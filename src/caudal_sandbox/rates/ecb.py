"""The ECB's reference rates: today's file, 90 days, all of them; switched about 16:00 CET on TARGET days."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from caudal_sandbox.rates.figures import Figures, target_rests

_ZONE: Final = ZoneInfo("Europe/Berlin")
_SWITCH: Final = time(16)
_HISTORY: Final = (
    "USD JPY BGN CYP CZK DKK EEK GBP HUF LTL LVL MTL PLN ROL RON SEK SIT SKK CHF ISK NOK HRK RUB TRL TRY AUD BRL CAD CNY "
    "HKD IDR ILS INR KRW MXN MYR NZD PHP SGD THB ZAR"
)
_ENDED: Final = frozenset(("CYP", "EEK", "LTL", "LVL", "MTL", "ROL", "SIT", "SKK", "HRK", "RUB", "TRL"))
_BGN_LAST: Final = date(2025, 12, 31)
_PLACES: Final = {"CZK": 3, "GBP": 5, "HUF": 2, "IDR": 2, "ISK": 1, "JPY": 2, "KRW": 2, "PHP": 3, "THB": 3}
_DAY: Final = timedelta(days=1)
_ENVELOPE: Final = (
    '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
    'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">'
)


class Ecb:
    """`corrected`: rates that were changed afterwards, by day and currency."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self.corrected: dict[tuple[date, str], Decimal] = {}

    async def answer(self, request: Request) -> Response:
        """A file below /stats/eurofxref."""
        name = request.path_params["file"]
        days = list(self._days())
        match name:
            case "eurofxref-daily.xml":
                return _xml(self._written(days[:1]))
            case "eurofxref-hist-90d.xml":
                last = days[0] if days else date.min
                return _xml(self._written([day for day in days if (last - day).days < 90]))
            case "eurofxref-hist.xml":
                return _xml(self._written(days))
            case "eurofxref-hist.zip":
                return _zip("eurofxref-hist.csv", self._history(days))
            case "eurofxref.zip":
                return _zip("eurofxref.csv", self._one(days[0]) if days else "")
        return Response("<html><body>Page not found</body></html>", 404, media_type="text/html")

    def _days(self) -> Iterator[date]:
        """The days there are rates of, the latest first."""
        now = self._figures.world.now.astimezone(_ZONE)
        day = now.date()
        if now < datetime.combine(day, _SWITCH, _ZONE):
            day -= _DAY
        while day >= self._figures.world.begins:
            if not target_rests(day):
                yield day
            day -= _DAY

    def rate(self, currency: str, day: date) -> Decimal | None:
        """As it is published; None where it isn't that day."""
        if currency in _ENDED or (currency == "BGN" and day > _BGN_LAST):
            return None
        if currency == "BGN":
            return Decimal("1.9558")
        told = self.corrected.get((day, currency)) or self._figures.rate("EUR", currency, day)
        return told.quantize(Decimal(1).scaleb(-_PLACES.get(currency, 4)), ROUND_HALF_UP)

    def _written(self, days: list[date]) -> Iterator[str]:
        for day in days:
            yield f"\t\t<Cube time='{day}'>"
            for code in _HISTORY.split():
                rate = self.rate(code, day)
                if rate is not None:
                    yield f"\t\t\t<Cube currency='{code}' rate='{_plain(rate)}'/>"
            yield "\t\t</Cube>"

    def _history(self, days: list[date]) -> str:
        lines = [f"Date,{_HISTORY.replace(' ', ',')},"]
        for day in days:
            rates = [self.rate(code, day) for code in _HISTORY.split()]
            lines.append(f"{day},{','.join('N/A' if rate is None else _plain(rate) for rate in rates)},")
        return "\n".join(lines) + "\n"

    def _one(self, day: date) -> str:
        rates = {code: rate for code in _HISTORY.split() if (rate := self.rate(code, day)) is not None}
        head = "".join(f"{code}, " for code in rates)
        return f"Date, {head}\n{day:%d %B %Y}, {''.join(f'{rate}, ' for rate in rates.values())}\n"


def _plain(rate: Decimal) -> str:
    """Without the zeros at its end."""
    text = f"{rate:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _xml(lines: Iterator[str]) -> Response:
    body = "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            _ENVELOPE,
            "\t<gesmes:subject>Reference rates</gesmes:subject>",
            "\t<gesmes:Sender>\n\t\t<gesmes:name>European Central Bank</gesmes:name>\n\t</gesmes:Sender>",
            "\t<Cube>",
            *lines,
            "\t</Cube>\n</gesmes:Envelope>\n",
        )
    )
    return Response(body, media_type="text/xml")


def _zip(name: str, text: str) -> Response:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return Response(packed.getvalue(), media_type="application/zip")
