"""Accounts: what each holds, and whether that is right."""

from itertools import groupby
from typing import Final

from starlette.responses import Response

from caudal.hub import overview as hub
from caudal.hub.identity.roles import Scope
from caudal.web.routing import Declared, page
from caudal.web.views.ledger import account_line
from caudal.web.visits import InSpace


@page("/s/{space}/accounts", Scope.ACCOUNTS_READ)
async def accounts(visit: InSpace) -> Response:
    """All of them, by institution."""
    told = await hub.overview(visit.installation, visit.space, visit.today)
    lines = sorted(
        (account_line(each, told.currency, visit.base) for each in told.accounts),
        key=lambda it: (it.institution.casefold(), it.name.casefold()),
    )
    groups = [(name, list(of)) for name, of in groupby(lines, key=lambda it: it.institution)]
    return await visit.show("accounts.html", here="accounts", groups=groups)


ROUTES: Final[tuple[Declared, ...]] = (accounts,)
