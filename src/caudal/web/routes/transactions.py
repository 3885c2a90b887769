"""Transactions: found, looked at, put right."""

from datetime import date
from decimal import Decimal
from typing import Final, Literal, cast
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from starlette.responses import Response

from caudal.hub import ledger, listing
from caudal.hub.identity.roles import Scope
from caudal.model.errors import MoneyError
from caudal.store.listing import Place, Query
from caudal.web import amounts
from caudal.web.routing import Declared, page
from caudal.web.views.common import Choice, TransactionsPage
from caudal.web.views.ledger import line
from caudal.web.visits import InSpace

_FIELDS: Final = ("search", "account", "direction", "status", "transfer", "start", "end", "least", "most")
_SEARCH_MAX: Final = 200
_SHOWN: Final = 50


@page("/s/{space}/transactions", Scope.TRANSACTIONS_READ)
async def transactions(visit: InSpace) -> Response:
    """Movements, the latest first, narrowed down by what was asked for."""
    asked = {name: value for name in _FIELDS if (value := visit.query.get(name, "").strip())}
    after = _place(visit.query.get("after", ""))
    found = await listing.listed(visit.installation, visit.space, _query(visit, asked), after, _SHOWN)
    accounts = await ledger.accounts(visit.installation, visit.space)
    names = {str(view.held.account_id): view.held.name for view in accounts}
    here = f"{visit.base}/transactions"
    return await visit.show(
        "transactions.html",
        here="transactions",
        page=TransactionsPage(
            lines=tuple(line(row, visit.base) for row in found.rows),
            today=visit.today,
            search=asked.get("search", ""),
            account=asked.get("account", ""),
            accounts=(
                Choice("", visit.say("transactions.every")),
                *(Choice(key, name) for key, name in names.items()),
            ),
            asked=asked,
            newer=f"{here}?{urlencode(asked)}" if after is not None else None,
            older=None
            if found.next is None
            else f"{here}?{urlencode({**asked, 'after': _told(found.next)})}",
        ),
    )


def _query(visit: InSpace, asked: dict[str, str]) -> Query:
    """What was asked for, as far as it can be read: a half-written day narrows nothing down."""
    direction = asked.get("direction")
    status = asked.get("status")
    return Query(
        accounts=[account] if (account := _uuid(asked.get("account", ""))) else None,
        start=_day(asked.get("start", "")),
        end=_day(asked.get("end", "")),
        amount_min=_amount(visit, asked.get("least", "")),
        amount_max=_amount(visit, asked.get("most", "")),
        direction=cast("Literal['in', 'out']", direction) if direction in ("in", "out") else None,
        status=cast("Literal['booked', 'pending']", status) if status in ("booked", "pending") else None,
        transfer={"yes": True, "no": False}.get(asked.get("transfer", "")),
        text=asked.get("search", "")[:_SEARCH_MAX],
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _amount(visit: InSpace, text: str) -> Decimal | None:
    try:
        return abs(amounts.read(text, visit.language))
    except MoneyError:
        return None


def _place(text: str) -> Place | None:
    """Where a page goes on, as an address of ours said it; what says nothing begins anew."""
    try:
        return msgspec.json.decode(bytes.fromhex(text), type=Place)
    except (ValueError, msgspec.DecodeError):
        return None


def _told(place: Place) -> str:
    return msgspec.json.encode(place).hex()


ROUTES: Final[tuple[Declared, ...]] = (transactions,)
