"""One page of /transactions/sync, as the emulator of Plaid sends it."""

from typing import Final

import msgspec
from tests.support.plaid_items import Plaid, institution_of, open_item

from caudal_sandbox.plaid.answers import ENDPOINTS
from caudal_sandbox.plaid.institutions import CATALOGUE
from caudal_sandbox.plaid.wire import encode
from caudal_sandbox.world import World

RECORDS: Final = 500
"""The most there are on one."""

_SYNC: Final = "/transactions/sync"
_SEED: Final = 1
_INSTITUTION: Final = "ins_109508"  # Plaid docs, Sandbox: institutions: First Platypus Bank


def of_a_shop() -> bytes:
    """Of a till: sale after sale, merchants and counterparties in none."""
    return _first_page(Plaid(World(_SEED, people=0, firms=0), checked=False), "user_busy_14", _INSTITUTION)


def of_a_person() -> bytes:
    """Of an ordinary life: shops with their places and logos, counterparties, transfers, holds."""
    plaid = Plaid(World(_SEED, people=1, firms=0), checked=False)
    (person,) = plaid.world.holders
    return _first_page(plaid, person.name, institution_of(person).institution_id)


def _first_page(plaid: Plaid, username: str, institution: str) -> bytes:
    item = open_item(plaid, username, CATALOGUE[institution])
    for _ in ("the newest days", "the rest of the history"):
        plaid.update(item)
    endpoint = ENDPOINTS[_SYNC]
    options = {"include_original_description": True, "personal_finance_category_version": "v2"}
    asked = {"access_token": item.access_token, "count": RECORDS, "options": options}
    return encode(endpoint.answer(plaid, item, msgspec.convert(asked, endpoint.request)), "a" * 15)
