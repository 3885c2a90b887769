"""Which institutions Belvo links (contract, §3)."""

from collections.abc import AsyncIterator

from caudal.providers.base import InstitutionOffered
from caudal.providers.belvo.client import BelvoClient
from caudal.providers.belvo.payloads import Bank
from caudal.providers.rows import readable


async def institutions(client: BelvoClient, *, legacy: bool) -> AsyncIterator[list[InstitutionOffered]]:
    """Those of Open Finance; with `legacy` those of the logins of 2023 too."""
    rows = await client.rows("/api/institutions/", {}, operation="institutions")
    banks = readable(rows, Bank, "belvo institutions")
    yield [_offered(bank) for bank in banks if legacy or bank.integration_type != "credentials"]


def _offered(bank: Bank) -> InstitutionOffered:
    return InstitutionOffered(
        bank.name,
        bank.display_name or bank.name,
        tuple(bank.country_codes),
        bank.status != "down",
        login="password" if bank.integration_type == "credentials" else "open_finance",
    )
