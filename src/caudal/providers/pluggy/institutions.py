"""Which institutions Pluggy links: its connectors (contract, §3)."""

from collections.abc import AsyncIterator

from caudal.providers.base import InstitutionOffered
from caudal.providers.pluggy.client import PluggyClient
from caudal.providers.pluggy.payloads import Connector
from caudal.providers.rows import readable

_OFFLINE = "OFFLINE"


async def institutions(client: PluggyClient) -> AsyncIterator[list[InstitutionOffered]]:
    """Every connector but the sandbox's, which Pluggy doesn't list unless it is asked to."""
    rows = await client.rows("/connectors", {}, "connectors")
    yield [_offered(each) for each in readable(rows, Connector, "pluggy connectors")]


def _offered(told: Connector) -> InstitutionOffered:
    working = told.health is None or told.health.status != _OFFLINE
    return InstitutionOffered(
        str(told.id),
        told.name or str(told.id),
        (told.country or "BR",),
        working,
        login="open_finance" if told.is_open_finance else "password",
    )
