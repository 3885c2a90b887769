"""The institutions that the emulator offers: those of Plaid's own sandbox, and the US and UK banks of the world.

Ids and names of the first are documented (Plaid docs, Sandbox: institutions); everything else about them is ours. The
world's get ids of their own, in a range that Plaid hasn't come to.
"""

import enum
from typing import Final

import msgspec

from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.institutions import BY_ID, Institution, InstitutionId, InstitutionKind


class InstitutionStatus(enum.StrEnum):
    """How well it can be reached. Only where it is `DOWN` or `UNSUPPORTED` nobody gets in."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"
    UNSUPPORTED = "unsupported"


class PlaidInstitution(msgspec.Struct, frozen=True):
    """An institution as Plaid lists it. `products` in alphabetical order; `bank`: where its accounts stand in the
    world.
    """

    institution_id: str
    name: str
    country_codes: tuple[str, ...]
    products: tuple[str, ...]
    oauth: bool
    url: str | None
    primary_color: str | None
    routing_numbers: tuple[str, ...]
    status: InstitutionStatus
    bank: Institution


_BANK_PRODUCTS: Final = ("auth", "balance", "identity", "liabilities", "transactions")
_BROKER_PRODUCTS: Final = ("investments",)
_COLOURS: Final = ("#1f4e5f", "#7a3b2e", "#2d5a3d", "#4b3f72", "#8a5a00", "#0b5394")


def _documented(
    number: int,
    name: str,
    country: str = "US",
    *,
    oauth: bool = False,
    status: InstitutionStatus = InstitutionStatus.HEALTHY,
) -> PlaidInstitution:
    """One of Plaid's sandbox. The world has no Canada: a bank of it keeps US dollars and New York's calendar."""
    ident = f"ins_{number}"
    land = CountryCode.GB if country == "GB" else CountryCode.US
    code = _sort_code(number) if land is CountryCode.GB else _routing_number(number)
    bank = Institution(InstitutionId(ident), name, land, InstitutionKind.BANK, code, f"PLTY{land}ZZ")
    products = sorted({*_BANK_PRODUCTS, *(_BROKER_PRODUCTS if "Platypus" in name else ())})
    return _listed(ident, country, tuple(products), bank, oauth=oauth, status=status)


def _of_the_world(number: int, ident: str) -> PlaidInstitution:
    """One of the world's own. UK banks are open banking, where nobody gives a password away."""
    bank = BY_ID[InstitutionId(ident)]
    products = _BANK_PRODUCTS if bank.kind is InstitutionKind.BANK else _BROKER_PRODUCTS
    oauth = bank.country is CountryCode.GB
    return _listed(f"ins_{number}", bank.country, products, bank, oauth=oauth)


def _listed(
    ident: str,
    country: str,
    products: tuple[str, ...],
    bank: Institution,
    *,
    oauth: bool,
    status: InstitutionStatus = InstitutionStatus.HEALTHY,
) -> PlaidInstitution:
    host = "-".join("".join(c if c.isalnum() else " " for c in bank.name.lower()).split())
    return PlaidInstitution(
        institution_id=ident,
        name=bank.name,
        country_codes=(str(country),),
        products=products,
        oauth=oauth,
        url=f"https://{host}.example",
        primary_color=_COLOURS[sum(ident.encode()) % len(_COLOURS)],
        routing_numbers=(bank.code,) if country == "US" else (),
        status=status,
        bank=bank,
    )


def _routing_number(number: int) -> str:
    """A US routing number in the unassigned range 99, with a right check digit (ABA: weights 3, 7, 1)."""
    first = f"99{number:06d}"
    total = sum(int(digit) * (3, 7, 1)[place % 3] for place, digit in enumerate(first))
    return first + str(-total % 10)


def _sort_code(number: int) -> str:
    return f"99-{number // 100 % 100:02d}-{number % 100:02d}"


CATALOGUE: Final[dict[str, PlaidInstitution]] = {
    each.institution_id: each
    for each in (
        _documented(109508, "First Platypus Bank"),
        _documented(130016, "First Platypus Balance Bank"),
        _documented(109509, "First Gingham Credit Union"),
        _documented(109510, "Tattersall Federal Credit Union"),
        _documented(109511, "Tartan Bank"),
        _documented(109512, "Houndstooth Bank"),
        _documented(43, "Tartan-Dominion Bank of Canada", "CA"),
        _documented(116834, "Flexible Platypus Open Banking", "GB", oauth=True),
        _documented(117650, "Royal Bank of Plaid", "GB", oauth=True),
        _documented(127287, "Platypus OAuth Bank", oauth=True),
        _documented(132363, "Unhealthy Platypus Bank - Degraded", status=InstitutionStatus.DEGRADED),
        _documented(132361, "Unhealthy Platypus Bank - Down", status=InstitutionStatus.DOWN),
        _documented(
            133402,
            "Unsupported Platypus Bank - Institution Not Supported",
            status=InstitutionStatus.UNSUPPORTED,
        ),
        _of_the_world(900001, "cedartide"),
        _of_the_world(900002, "brightwater"),
        _of_the_world(900003, "prairie-stone"),
        _of_the_world(900004, "larkfield"),
        _of_the_world(900005, "copperline"),
        _of_the_world(900006, "thornbury-vale"),
        _of_the_world(900007, "saltmarsh"),
        _of_the_world(900008, "pennant"),
        _of_the_world(900009, "gilt-and-heron"),
    )
}
"""By id. A test holds it complete: every US and UK institution of the world is here."""
