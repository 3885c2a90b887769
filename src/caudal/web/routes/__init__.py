"""The pages, a module for each family."""

from typing import Final

from caudal.web.routes import accounts, entry, link, live, overview, security, transactions
from caudal.web.routing import Declared

DECLARED: Final[tuple[Declared, ...]] = (
    *entry.ROUTES,
    *live.ROUTES,
    *overview.ROUTES,
    *transactions.ROUTES,
    *accounts.ROUTES,
    *link.ROUTES,
    *security.ROUTES,
)
