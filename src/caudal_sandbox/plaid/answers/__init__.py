"""The endpoints that tell of data: each takes a request and the item it is about, and gives the answer's body."""

from typing import Final

from caudal_sandbox.plaid.answers import (
    accounts,
    institutions,
    investments,
    item,
    liabilities,
    transactions,
)
from caudal_sandbox.plaid.answers.endpoints import Endpoint

ENDPOINTS: Final[dict[str, Endpoint]] = {
    endpoint.path: endpoint
    for room in (item, accounts, transactions, investments, liabilities, institutions)
    for endpoint in room.ENDPOINTS
}
