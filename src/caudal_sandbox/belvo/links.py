"""Who linked what: a link, its consent, and when its data was collected (contract §2, §3).

What Belvo holds is what it collected: a link is looked at as its banks stood then, not as they stand now.
"""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from caudal_sandbox.belvo.institutions import Bank
from caudal_sandbox.belvo.names import person_key, stamp, uuid_of
from caudal_sandbox.economy.holders import Holder

Json = dict[str, object]

HISTORY: Final = timedelta(days=365)
"""How far back Open Finance goes."""
SOON: Final = timedelta(days=7)
"""So long before its end it is said that a consent will end."""
RATES: Final = {
    "6h": timedelta(hours=6),
    "12h": timedelta(hours=12),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}

PERMISSIONS: Final[dict[str, list[str]]] = {
    "REGISTER": ["CUSTOMERS_PERSONAL_IDENTIFICATIONS_READ", "CUSTOMERS_PERSONAL_ADITTIONALINFO_READ"],
    "ACCOUNTS": [
        "ACCOUNTS_READ",
        "ACCOUNTS_BALANCES_READ",
        "ACCOUNTS_OVERDRAFT_LIMITS_READ",
        "ACCOUNTS_TRANSACTIONS_READ",
    ],
    "CREDIT_CARDS": [
        "CREDIT_CARDS_ACCOUNTS_READ",
        "CREDIT_CARDS_ACCOUNTS_BILLS_READ",
        "CREDIT_CARDS_ACCOUNTS_LIMITS_READ",
        "CREDIT_CARDS_ACCOUNTS_TRANSACTIONS_READ",
    ],
    "CREDIT_OPERATIONS": ["LOANS_READ", "FINANCINGS_READ"],
    "INVESTMENTS": [],
    "RESOURCES": ["RESOURCES_READ"],
}


class Consent(msgspec.Struct):
    """What the person allowed at the bank. `ends`: None where it is open-ended. `days`: for how long it was given."""

    document: str
    person: str
    created_at: datetime
    ends: datetime | None
    days: int | None
    status: str = "AUTHORISED"
    warned: bool = False


class Link(msgspec.Struct):
    """One person at one institution. `ready`: resource → when (by the service's clock) its history is there.
    `collected_at`: what it holds is of then, by the world's clock. `issue`: grows where ids are given anew. `calls`: how
    often the bank was asked, by month and resource."""

    id: str
    bank: Bank
    holder: Holder
    external_id: str | None
    access_mode: str
    rate: str | None
    fetch: tuple[str, ...]
    stale_in: str
    created_at: datetime
    collected_at: datetime
    ready: dict[str, datetime]
    consent: Consent | None = None
    status: str = "valid"
    refreshed_at: datetime | None = None
    issue: int = 1
    seen: dict[str, str] = {}
    told: set[str] = msgspec.field(default_factory=set)
    calls: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)

    @property
    def person(self) -> str:
        """`institution_user_id`."""
        return person_key(self.bank.name, self.holder.name)

    @property
    def since(self) -> date:
        """The first day that is told."""
        return (self.created_at - HISTORY).date()

    def due(self, now: datetime) -> bool:
        """Whether it is time to go to the bank again."""
        alive = self.status == "valid" and (self.consent is None or self.consent.status == "AUTHORISED")
        return alive and self.rate is not None and now - self.collected_at >= RATES[self.rate]

    def uuid(self, *parts: object) -> str:
        """Belvo's id of something of this link's: another link has others."""
        return uuid_of(self.id, self.issue, *parts)

    def record(self) -> Json:
        """As /api/links/ tells it."""
        return {
            "id": self.id,
            "institution": self.bank.name,
            "access_mode": self.access_mode,
            "last_accessed_at": stamp(self.collected_at),
            "created_at": stamp(self.created_at),
            **({} if self.external_id is None else {"external_id": self.external_id}),
            "institution_user_id": self.person,
            "status": self.status,
            "created_by": uuid_of("organisation"),
            "refresh_rate": self.rate,
            "credentials_storage": "store" if self.access_mode == "recurrent" else "365d",
            "fetch_resources": list(self.fetch),
            "stale_in": self.stale_in,
        }

    def consent_id(self) -> str:
        """Its consent's."""
        return uuid_of("consent", self.id)

    def consent_record(self, consent: Consent) -> Json:
        """As /api/consents/ tells it."""
        ends = {} if consent.ends is None else {"expired_at": stamp(consent.ends)}
        return {
            "id": self.consent_id(),
            "display_name": consent.person,
            "document_number": consent.document,
            "belvo_institution_name": self.bank.name,
            "institution_display_name": self.bank.title,
            "institution_icon_logo": f"https://assets.belvo.example/{self.bank.name}.svg",
            "belvo_organization_name": "Caudal",
            "link_id": self.id,
            "user_name": consent.person,
            **ends,
            "undefined_consent_expiration": consent.ends is None,
            "consent_duration": consent.days,
            "created_at": stamp(consent.created_at),
            "status": consent.status,
            "permissions": PERMISSIONS,
        }
