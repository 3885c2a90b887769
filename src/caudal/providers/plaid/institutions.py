"""Which institutions Plaid links (Plaid docs, /institutions/get)."""

from collections.abc import AsyncIterator

from caudal.providers.base import InstitutionOffered
from caudal.providers.plaid.client import PlaidClient
from caudal.providers.plaid.payloads import ListedInstitution


async def institutions(client: PlaidClient) -> AsyncIterator[list[InstitutionOffered]]:
    """Those that have transactions, or positions alone, in the countries we look in; a page at a time. Plaid tells an
    institution's health for one at a time only: none is said to be in trouble here."""
    async for page in client.institutions():
        yield [_offered(each) for each in page if {"transactions", "investments"} & set(each.products)]


def _offered(told: ListedInstitution) -> InstitutionOffered:
    return InstitutionOffered(
        told.institution_id,
        told.name or told.institution_id,
        tuple(told.country_codes),
        investments_only="transactions" not in told.products,
    )
