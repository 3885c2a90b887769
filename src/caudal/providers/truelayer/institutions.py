"""Which banks TrueLayer links: those of its list that our links cover (contract, §2.1)."""

from collections.abc import AsyncIterator

from caudal.providers.base import InstitutionOffered
from caudal.providers.truelayer.client import TrueLayerClient
from caudal.providers.truelayer.config import TrueLayerConfig
from caudal.providers.truelayer.normalise import country_code
from caudal.providers.truelayer.payloads import OfferedBank

_MOCK, _MOCK_IN_LINKS = "mock", "uk-cs-mock"


async def institutions(
    client: TrueLayerClient, config: TrueLayerConfig
) -> AsyncIterator[list[InstitutionOffered]]:
    """The banks that can be chosen: the list holds others too, and filtering by country is said not to work there."""
    offered = config.offered.split()
    yield [_offered(bank) for bank in await client.banks() if covered(bank, offered)]


def covered(bank: OfferedBank, offered: list[str]) -> bool:
    """Whether a link that offers these ids and groups can begin with a bank. That a group's name is country, kind and
    ``all``, and the kind a part of each of its banks' ids, is seen of them and promised nowhere [?]."""
    kinds = set(bank.provider_id.split("-"))
    groups = {f"{bank.country.lower()}-{kind}-all" for kind in kinds}
    own = {bank.provider_id} | ({_MOCK_IN_LINKS} if bank.provider_id == _MOCK else set())
    return bool((groups | own) & set(offered))


def _offered(bank: OfferedBank) -> InstitutionOffered:
    return InstitutionOffered(
        bank.provider_id,
        bank.display_name or bank.provider_id,
        (country_code(bank.country),),
        bank.availability is None or bank.availability.recommended_status.lower() not in _TROUBLED,
    )


_TROUBLED = frozenset({"down", "unavailable", "unhealthy"})
"""Words for a bank in trouble; which ones TrueLayer uses nobody could verify [?]: another counts as working."""
