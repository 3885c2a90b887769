"""The resources, a module each: what its routes take and give, and which use case carries them out."""

from typing import Final

from caudal.api.rest.endpoints import Endpoint
from caudal.api.rest.resources import (
    accounts,
    connections,
    decisions,
    entry,
    events,
    files,
    links,
    me,
    members,
    reference,
    session,
    spaces,
    transactions,
)

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *entry.ENDPOINTS,
    *session.ENDPOINTS,
    *me.ENDPOINTS,
    *spaces.ENDPOINTS,
    *members.ENDPOINTS,
    *accounts.ENDPOINTS,
    *transactions.ENDPOINTS,
    *decisions.ENDPOINTS,
    *connections.ENDPOINTS,
    *files.ENDPOINTS,
    *links.ENDPOINTS,
    *events.ENDPOINTS,
    *reference.ENDPOINTS,
)
"""Every route, in the order in which the document shows them."""
