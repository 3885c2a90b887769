"""The banks TrueLayer offers: the world's British ones and the mock bank, each odd in its own way (contract, §4)."""

import enum
from typing import Final

import msgspec

from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.institutions import INSTITUTIONS, InstitutionKind

MOCK: Final = "mock"
"""As the mock bank is called in answers; in links it is ``uk-cs-mock``."""
MOCK_IN_LINKS: Final = "uk-cs-mock"


class Ids(enum.StrEnum):
    """What names a movement beside its `transaction_id`: TrueLayer's stable id, the bank's alone, or nothing."""

    NORMALISED = "normalised"
    PROVIDER = "provider"
    NONE = "none"


class CardSign(enum.StrEnum):
    """How a card's amounts go: owed (a purchase is positive), owned (negative), or owed with random types (mock bank)."""

    OWED = "owed"
    OWNED = "owned"
    RANDOM = "random"


class Quirks(msgspec.Struct, frozen=True):
    """How a bank is odd. `steady`: its transaction_id is the same at each call. `unsupported`: what answers 501, by the
    end of its path. `zone`: how a timestamp ends. `rotates`: a refresh token is good once.
    """

    ids: Ids = Ids.NORMALISED
    steady: bool = True
    card_sign: CardSign = CardSign.OWED
    zone: str = "Z"
    unsupported: frozenset[str] = frozenset()
    rotates: bool = True
    history_months_max: int = 60


class Bank(msgspec.Struct, frozen=True):
    """One provider. `institution`: the world's bank behind it; None: the mock bank, which has everybody's accounts."""

    provider_id: str
    name: str
    institution: str | None
    quirks: Quirks


_QUIRKS: Final = {
    "thornbury-vale": Quirks(),
    "saltmarsh": Quirks(
        ids=Ids.NONE, steady=False, zone="", unsupported=frozenset({"standing_orders", "pending"})
    ),
    "pennant": Quirks(ids=Ids.PROVIDER, card_sign=CardSign.OWNED, zone="+00:00", rotates=False),
}

BANKS: Final = {
    bank.provider_id: bank
    for bank in (
        Bank(MOCK, "Mock", None, Quirks(steady=False, card_sign=CardSign.RANDOM)),
        *(
            Bank(f"ob-{each.id}", each.name, each.id, _QUIRKS[each.id])
            for each in INSTITUTIONS
            if each.country is CountryCode.GB and each.kind is InstitutionKind.BANK
        ),
    )
}
"""By provider_id."""


def offered(providers: str) -> list[Bank]:
    """The banks that a link's `providers` cover: ids and groups, by spaces; all where it says none."""
    wanted = providers.split()
    if not wanted:
        return list(BANKS.values())
    found = []
    for bank in BANKS.values():
        groups = {MOCK_IN_LINKS} if bank.institution is None else {"uk-ob-all"}
        if {bank.provider_id, *groups} & set(wanted):
            found.append(bank)
    return found
