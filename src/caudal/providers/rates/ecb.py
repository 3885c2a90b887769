"""The European Central Bank's euro reference rates: what one euro was worth, each TARGET working day about 16:00 CET."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from xml.parsers import expat

from caudal.matching.rates import Rate
from caudal.model.errors import Malformed
from caudal.providers.http import Budget, Budgets, Call, HttpBounds, Observer, ProviderHttp
from caudal.providers.rates.base import HttpSource, Skipped, Told, checked, rate_of

NAME: Final = "ecb"
URL: Final = "https://www.ecb.europa.eu"
BUDGETS: Final = {"eurofxref": Budget(None, 30)}
"""One or two files a day are what we need. None is documented."""

_COLUMNS: Final = (
    "USD JPY BGN CYP CZK DKK EEK GBP HUF LTL LVL MTL PLN RON SEK SIT SKK CHF ISK NOK HRK RUB TRL TRY AUD BRL CAD CNY "
    "HKD IDR ILS INR KRW MXN MYR NZD PHP SGD THB ZAR"
)
CURRENCIES: Final = frozenset(_COLUMNS.split())
"""Columns of eurofxref-hist, those that ended included."""

_FIRST: Final = date(1999, 1, 4)
_RECENT: Final = timedelta(days=85)
"""What the 90-day file is sure to hold."""
_FILE: Final = "/stats/eurofxref/eurofxref-hist-90d.xml"
_HISTORY: Final = "/stats/eurofxref/eurofxref-hist.zip"
_NAMESPACE: Final = "http://www.ecb.int/vocabulary/2002-08-01/eurofxref"
_CUBE: Final = f"{_NAMESPACE} Cube"
_BYTES_MAX: Final = 64 * 1024**2
"""Of the unpacked history: it has 2 MB, and grows by 75 kB a year."""


class Ecb(HttpSource):
    """Base EUR. Of a day it rests on it tells nothing."""

    name = NAME

    def __init__(
        self,
        url: str,
        bounds: HttpBounds,
        *,
        budgets: Budgets | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._http = ProviderHttp(NAME, url or URL, bounds=bounds, budgets=budgets, observer=observer)
        super().__init__(self._http)

    def tells_of(self, held: Sequence[str]) -> list[str]:
        return [code for code in held if code in CURRENCIES]

    def earliest(self, today: date) -> date:  # noqa: ARG002  the protocol's
        return _FIRST

    async def told(self, subjects: Sequence[str], first: date, last: date) -> Told:
        """The 90-day file where it reaches back far enough, so that late corrections are seen; else the whole history."""
        recent = first >= datetime.now(UTC).date() - _RECENT
        answer = await self._http.send(Call("eurofxref", "GET", _FILE if recent else _HISTORY))
        body = checked(answer, "ecb eurofxref")
        rows = read_xml(body) if recent else read_csv(unpacked(body))
        return _told(rows, frozenset(subjects), first, last)


def _told(rows: Iterator[tuple[str, str, str]], wanted: frozenset[str], first: date, last: date) -> Told:
    rates, skipped = [], []
    for day_text, code, text in rows:
        if code not in wanted or text == "N/A":
            continue
        day, rate = _day(day_text), rate_of(text)
        if day is None or rate is None:
            skipped.append(
                Skipped(f"ecb {day_text[:20]} {code}", "no day and rate", f"{day_text} {text}"[:200])
            )
        elif first <= day <= last:
            rates.append(Rate("EUR", code, day, rate, NAME))
    return Told(tuple(rates), skipped=tuple(skipped))


def read_xml(body: bytes) -> Iterator[tuple[str, str, str]]:
    """(day, currency, rate) as written in eurofxref-daily.xml or eurofxref-hist-90d.xml. Raises Malformed.

    Cubes in cubes, known by their namespace (contract §2). A document type is refused, and with it every entity.
    """
    found: list[tuple[str, str, str]] = []
    day = ""

    def element(name: str, attributes: dict[str, str]) -> None:
        nonlocal day
        if name == _CUBE:
            day = attributes.get("time", day)
            if "currency" in attributes:
                found.append((day, attributes["currency"], attributes.get("rate", "")))

    def doctype(*_: object) -> None:
        raise Malformed("ecb eurofxref", "it declares a document type")

    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = element
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(body, True)  # noqa: FBT003  expat's own word for the end
    except expat.ExpatError as error:
        raise Malformed(f"ecb eurofxref: line {error.lineno}", "it is no XML") from None
    if not found:
        raise Malformed("ecb eurofxref", "it holds no rate")
    return iter(found)


def unpacked(body: bytes) -> str:
    """The one CSV in the zip. Raises Malformed."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            [member] = archive.infolist()
            with archive.open(member) as file:
                text = file.read(_BYTES_MAX + 1)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, RuntimeError):
        raise Malformed("ecb eurofxref-hist.zip", "it is no zip of one file") from None
    if len(text) > _BYTES_MAX:
        raise Malformed("ecb eurofxref-hist.zip", f"it unpacks to more than {_BYTES_MAX} bytes")
    return text.decode("ascii", "replace")


def read_csv(text: str) -> Iterator[tuple[str, str, str]]:
    """(day, currency, rate) as written in eurofxref-hist.csv; header and lines end with an empty column. Raises
    Malformed where a line isn't as long as the header."""
    lines = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(lines, [])]
    if header[:1] != ["Date"]:
        raise Malformed("ecb eurofxref-hist.csv", "its first line doesn't begin with Date")
    for line in lines:
        if len(line) != len(header):
            raise Malformed(
                f"ecb eurofxref-hist.csv: line {lines.line_num}", "it is longer or shorter than the header"
            )
        yield from (
            (line[0].strip(), code, value.strip())
            for code, value in zip(header, line, strict=True)
            if code and code != "Date"
        )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
