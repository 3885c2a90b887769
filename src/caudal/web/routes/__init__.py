"""The pages, a module for each family."""

from typing import Final

from caudal.web.routes import (
    accounts,
    connections,
    entry,
    imports,
    link,
    live,
    overview,
    review,
    security,
    space_settings,
    transactions,
)
from caudal.web.routing import Declared

DECLARED: Final[tuple[Declared, ...]] = (
    *entry.ROUTES,
    *live.ROUTES,
    *overview.ROUTES,
    *transactions.ROUTES,
    *accounts.ROUTES,
    *link.ROUTES,
    *connections.ROUTES,
    *review.ROUTES,
    *imports.ROUTES,
    *security.ROUTES,
    *space_settings.ROUTES,
)
