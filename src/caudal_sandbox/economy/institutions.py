"""The banks and brokers of the world: invented, several in each country, the same under every seed."""

import enum
from typing import Final, NewType

import msgspec

from caudal_sandbox.economy.countries import COUNTRIES, Country, CountryCode

InstitutionId = NewType("InstitutionId", str)


class InstitutionKind(enum.StrEnum):
    """What it may keep: a bank everything but positions, a broker positions alone."""

    BANK = "bank"
    BROKER = "broker"


class Institution(msgspec.Struct, frozen=True):
    """A bank or broker. `code` is its national clearing code: US routing number, UK sort code, Brazilian COMPE
    code, the three digits a Mexican CLABE begins with. `bic` in the country's form; none of them is real.
    """

    id: InstitutionId
    name: str
    country: CountryCode
    kind: InstitutionKind
    code: str
    bic: str

    @property
    def land(self) -> Country:
        """Its country: currency, calendar, language."""
        return COUNTRIES[self.country]


def _bank(
    ident: str, name: str, country: CountryCode, code: str, kind: InstitutionKind = InstitutionKind.BANK
) -> Institution:
    letters = "".join(letter for letter in ident.upper() if letter.isalpha())[:4]
    return Institution(InstitutionId(ident), name, country, kind, code, f"{letters}{country}ZZ")


_BROKER: Final = InstitutionKind.BROKER

INSTITUTIONS: Final[tuple[Institution, ...]] = (
    _bank("cedartide", "Cedartide Bank", CountryCode.US, "990012344"),
    _bank("brightwater", "Brightwater Credit Union", CountryCode.US, "990023456"),
    _bank("prairie-stone", "Prairie Stone Bank", CountryCode.US, "990034568"),
    _bank("larkfield", "Larkfield Savings", CountryCode.US, "990045670"),
    _bank("copperline", "Copperline Brokerage", CountryCode.US, "990056782", _BROKER),
    _bank("thornbury-vale", "Thornbury Vale Bank", CountryCode.GB, "99-10-01"),
    _bank("saltmarsh", "Saltmarsh Building Society", CountryCode.GB, "99-20-02"),
    _bank("pennant", "Pennant Bank", CountryCode.GB, "99-30-03"),
    _bank("gilt-and-heron", "Gilt & Heron Investments", CountryCode.GB, "99-40-04", _BROKER),
    _bank("aurora-sul", "Banco Aurora Sul", CountryCode.BR, "991"),
    _bank("serra-clara", "Banco Serra Clara", CountryCode.BR, "992"),
    _bank("jangada", "Jangada Pagamentos", CountryCode.BR, "993"),
    _bank("mirante", "Mirante Corretora", CountryCode.BR, "994", _BROKER),
    _bank("cantera", "Banco Cantera", CountryCode.MX, "991"),
    _bank("sierra-gorda", "Banco Sierra Gorda", CountryCode.MX, "992"),
    _bank("chinampa", "Chinampa Digital", CountryCode.MX, "993"),
    _bank("atalaya", "Atalaya Casa de Bolsa", CountryCode.MX, "994", _BROKER),
)

BY_ID: Final[dict[InstitutionId, Institution]] = {each.id: each for each in INSTITUTIONS}


def institutions_of(country: CountryCode, kind: InstitutionKind) -> tuple[Institution, ...]:
    """The institutions of one country and kind, always in the same order."""
    return tuple(each for each in INSTITUTIONS if each.country == country and each.kind is kind)
