"""Connectors: Pluggy's own sandbox (contract §8) and every Brazilian institution of the world.

The ids of the world's are ours: 210 onwards by password, 610 onwards by Open Finance (the contract: "ids >= 600").
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.institutions import INSTITUTIONS, Institution, InstitutionKind

Challenge = Literal["text", "image", "select", "qr", "oauth"]
"""What stands between a login and its data: a code, a code beside a picture, a choice; a QR code to be scanned, the
bank's own page."""
PRODUCTS: Final = (
    "ACCOUNTS",
    "CREDIT_CARDS",
    "TRANSACTIONS",
    "PAYMENT_DATA",
    "INVESTMENTS",
    "IDENTITY",
    "LOANS",
)
CREATED: Final = "2023-09-01T18:05:09.145Z"


class Connector(msgspec.Struct, frozen=True):
    """One way to link. `institution` None: it shows whatever its person has anywhere."""

    id: int
    name: str
    institution: Institution | None = None
    sandbox: bool = False
    open_finance: bool = False
    token: bool = False
    """One-step MFA: the form itself asks for the token."""
    challenge: Challenge | None = None
    client_updates: bool = True

    def record(self) -> dict[str, object]:
        """As JSON."""
        broker = self.institution is not None and self.institution.kind is InstitutionKind.BROKER
        return {
            "id": self.id,
            "name": self.name,
            "primaryColor": "ef294b",
            "institutionUrl": "https://bank.example/",
            "country": "BR",
            "type": "INVESTMENT" if broker else "PERSONAL_BANK",
            "credentials": self.form(),
            "imageUrl": "https://cdn.pluggy.ai/assets/connector-icons/sandbox.svg",
            "hasMFA": self.token or self.challenge in {"text", "image", "select"},
            "oauth": self.challenge == "oauth",
            "health": {"status": "ONLINE", "stage": None},
            "products": list(PRODUCTS),
            "createdAt": CREATED,
            "updatedAt": CREATED,
            "isSandbox": self.sandbox,
            "isOpenFinance": self.open_finance,
            "supportsPaymentInitiation": False,
            "supportsScheduledPayments": False,
            "supportsSmartTransfers": False,
            "supportsBoletoManagement": False,
        }

    def form(self) -> list[dict[str, object]]:
        """The fields it asks for."""
        if self.id == MEU_PLUGGY:
            return []
        if self.open_finance:
            return [_field("cpf", "CPF", "number", validation=r"^\d{3}\.?\d{3}\.?\d{3}-?\d{2}$")]
        token = [_field("token", "Token", "number", mfa=True)] if self.token else []
        return [_field("user", "User", "text"), _field("password", "Password", "password"), *token]


def _field(name: str, label: str, kind: str, **more: object) -> dict[str, object]:
    return {"name": name, "label": label, "type": kind, "placeholder": "", "optional": False, **more}


MEU_PLUGGY: Final = 200


def _all() -> tuple[Connector, ...]:
    brazil = [each for each in INSTITUTIONS if each.country is CountryCode.BR]
    return (
        Connector(0, "Pluggy Bank", sandbox=True),
        Connector(2, "Pluggy Bank", sandbox=True),
        Connector(3, "Pluggy Bank MFA", sandbox=True, token=True),
        Connector(4, "Pluggy Bank MFA Text", sandbox=True, challenge="text"),
        Connector(5, "Pluggy Bank MFA Image", sandbox=True, challenge="image"),
        Connector(6, "Pluggy Bank MFA Select", sandbox=True, challenge="select"),
        Connector(7, "Pluggy Bank QR", sandbox=True, challenge="qr"),
        Connector(8, "Pluggy Bank Open Finance", sandbox=True, open_finance=True, challenge="oauth"),
        Connector(MEU_PLUGGY, "MeuPluggy", challenge="oauth", client_updates=False),
        *(Connector(210 + n, each.name, each) for n, each in enumerate(brazil)),
        *(
            Connector(610 + n, each.name, each, open_finance=True, challenge="oauth")
            for n, each in enumerate(brazil)
        ),
    )


CONNECTORS: Final[Mapping[int, Connector]] = {each.id: each for each in _all()}
