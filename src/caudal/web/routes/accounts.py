"""Accounts: what each holds, and whether that is right."""

from datetime import timedelta
from itertools import groupby
from typing import Final

from starlette.responses import Response

from caudal.hub import ledger, listing, proofs
from caudal.hub import overview as hub
from caudal.hub.identity.roles import Scope
from caudal.model.errors import NotFound
from caudal.store.listing import Query
from caudal.web.routing import Declared, page
from caudal.web.views.common import Point
from caudal.web.views.ledger import account_line, line, proof
from caudal.web.visits import InSpace

_DAYS: Final = timedelta(days=365)
_READINGS: Final = 12
_SHOWN: Final = 20


@page("/s/{space}/accounts", Scope.ACCOUNTS_READ)
async def accounts(visit: InSpace) -> Response:
    """All of them, by institution."""
    currency, there = await hub.holdings(visit.installation, visit.space, visit.today)
    lines = sorted(
        (account_line(each, currency, visit.base) for each in there),
        key=lambda it: (it.institution.casefold(), it.name.casefold()),
    )
    groups = [(name, list(of)) for name, of in groupby(lines, key=lambda it: it.institution)]
    return await visit.show("accounts.html", here="accounts", groups=groups)


@page("/s/{space}/accounts/{account}", Scope.ACCOUNTS_READ)
async def account(visit: InSpace) -> Response:
    """One: what it held, whether that is right and what is likely behind it if not, what its sources told."""
    wanted = visit.id("account")
    at = (visit.installation, visit.space)
    views = await ledger.accounts(*at, wanted)
    if not views:
        raise NotFound("no such account in this space")
    days = await listing.balance_days(*at, wanted, visit.today - _DAYS, visit.today)
    latest = await listing.listed(*at, Query(accounts=[wanted]), limit=_SHOWN)
    charts = {
        currency: [Point(each.day, each.held) for each in of]
        for currency, of in groupby(days, key=lambda each: each.currency)
    }
    return await visit.show(
        "account.html",
        here="accounts",
        account=wanted,
        views=[(view, proof(view)) for view in views],
        charts=charts,
        proofs=await proofs.proofs(*at, wanted, _READINGS),
        latest=[line(row, visit.base) for row in latest.rows],
    )


ROUTES: Final[tuple[Declared, ...]] = (accounts, account)
