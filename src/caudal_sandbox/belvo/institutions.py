"""Which banks Belvo offers: those of the world in Brazil, the mock bank of Open Finance, and the profile of 2023."""

from typing import Final

import msgspec

from caudal_sandbox.belvo.names import uuid_of
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.institutions import INSTITUTIONS, InstitutionId, InstitutionKind

Json = dict[str, object]


class Bank(msgspec.Struct, frozen=True):
    """One of Belvo's institutions. `shows`: the world's bank whose accounts it shows; None: all of a person's.
    `legacy`: by credentials, as until 2023. `asks`: it wants a token (MFA)."""

    number: int
    name: str
    title: str
    country: CountryCode
    shows: InstitutionId | None = None
    legacy: bool = False
    asks: bool = False

    def record(self) -> Json:
        """As /api/institutions/ tells it."""
        fields = (("username", "text"), ("password", "password")) if self.legacy else ()
        token = {"name": "token_required", "description": "The institution may require a token during login"}
        return {
            "id": self.number,
            "name": self.name,
            "type": "bank",
            "website": None,
            "display_name": self.title,
            "country_codes": [self.country.value],
            "primary_color": "#056dae",
            "logo": None,
            "icon_logo": None,
            "text_logo": None,
            "code": None,
            "form_fields": [_field(name, kind) for name, kind in fields],
            "features": [token] if self.asks else [],
            "resources": list(_LEGACY if self.legacy else _OPEN),
            "integration_type": "credentials" if self.legacy else "openfinance",
            "status": "healthy",
            "openbanking_information": None
            if self.legacy
            else {
                "description": None,
                "participants": [self.title],
                "authorization_server_id": uuid_of(self.name),
            },
        }


_OPEN: Final = (
    "ACCOUNTS",
    "BALANCES",
    "BILLS",
    "OWNERS",
    "TRANSACTIONS",
    "INVESTMENTS",
    "INVESTMENT_TRANSACTIONS",
)
_LEGACY: Final = ("ACCOUNTS", "BALANCES", "OWNERS", "TRANSACTIONS")


def _field(name: str, kind: str) -> Json:
    return {
        "name": name,
        "type": kind,
        "label": name.capitalize(),
        "validation": "^.{1,}$",
        "placeholder": "",
        "validation_message": f"Invalid {name}",
        "values": [],
    }


def _banks() -> list[Bank]:
    found = [
        Bank(2000 + place, f"{each.id.replace('-', '')}_br_retail", each.name, CountryCode.BR, each.id)
        for place, each in enumerate(INSTITUTIONS)
        if each.country is CountryCode.BR
    ]
    found += [
        Bank(
            3000 + place,
            f"{each.id.replace('-', '')}_mx_retail",
            each.name,
            CountryCode.MX,
            each.id,
            legacy=True,
        )
        for place, each in enumerate(INSTITUTIONS)
        if each.country is CountryCode.MX and each.kind is InstitutionKind.BANK
    ]
    return [
        Bank(1000, "ofmockbank_br_retail", "Mock Bank", CountryCode.BR),
        *found,
        Bank(1003, "erebor_mx_retail", "Erebor Mexico", CountryCode.MX, legacy=True),
        Bank(1004, "erebor_br_retail", "Erebor Brazil", CountryCode.BR, legacy=True),
        Bank(1005, "heimdall_mx_retail", "Heimdall Mexico", CountryCode.MX, legacy=True, asks=True),
    ]


BANKS: Final = {bank.name: bank for bank in _banks()}
