"""A pull under way: what is known of the Item so far, and the pages made of what it tells."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw

from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    Page,
    SourceRef,
    TransactionGone,
    Unreadable,
    Window,
)
from caudal.model.currencies import UNKNOWN
from caudal.providers.base import Access
from caudal.providers.days import earliest_day
from caudal.providers.http import Clock
from caudal.providers.plaid.accounts import Moment, account_seen, currency_of, invests, read_account
from caudal.providers.plaid.answers import Compact, Decoder
from caudal.providers.plaid.client import PlaidClient
from caudal.providers.plaid.errors import Refusal, error_for
from caudal.providers.plaid.normalise import Reading
from caudal.providers.plaid.payloads import Account, AccountsAnswer, Item, ItemAnswer, ItemStatus
from caudal.providers.plaid.standing import Known, Standing

T = TypeVar("T")

TRANSACTIONS: Final = "transactions"
INVESTMENTS: Final = "investments"


class ProductOffError(Exception):
    """This login hasn't the product, or doesn't share it."""


class Course:
    """One pull of one Item. `standing` moves with each page; `currencies` are its accounts' own; `paged` says whether
    anything was told; `last_item` is what /item/get last said."""

    def __init__(
        self, client: PlaidClient, access: Access, standing: Standing, clock: Clock, countries: Sequence[str]
    ) -> None:
        self.client = client
        self.access = access
        self.standing = standing
        self.currencies = {ref: known.currency for ref, known in standing.accounts.items()}
        self.paged = False
        self.last_item: ItemAnswer | None = None
        self._clock = clock
        self._countries = countries
        self._told: dict[SourceRef, AccountSeen] = {}

    async def ask(self, operation: str, fields: Mapping[str, Any], decoder: Decoder[T]) -> T | Refusal:
        """Plaid's answer for this connection, or its refusal."""
        return await self.client.ask(operation, fields, decoder, access=self.access)

    async def get(self, operation: str, fields: Mapping[str, Any], decoder: Decoder[T]) -> T:
        """Plaid's answer for this connection. Raises the error a refusal means."""
        return await self.client.get(operation, fields, decoder, access=self.access)

    async def item(self) -> ItemAnswer:
        """The Item as it stands. Raises the error it is in."""
        answer = await self.get("item/get", {}, _ITEM)
        if answer.item.error is not None:
            raise error_for(Refusal("item/get", 200, answer.item.error))
        self.last_item = answer
        return answer

    async def is_off(self, product: str) -> bool:
        """Whether the product was off, and nothing it hangs on has changed since. If something has, it is on again, to be
        tried."""
        if product not in self.standing.off:
            return False
        item = (self.last_item or await self.item()).item
        if self.standing.off[product] == self._circumstances(item):
            return True
        self.standing = self.standing.switched_on(product)
        return False

    async def switch_off(self, product: str) -> Page:
        """Not to be asked for again until what it hangs on changes, as it does when the login is linked anew."""
        item = (self.last_item or await self.item()).item
        self.standing = self.standing.switched_off(product, self._circumstances(item))
        return self.page(Reading())

    def see(self, records: Sequence[Raw], where: str, reading: Reading) -> list[Account]:
        """The accounts an answer carries: told where this pull has not told them so yet, and remembered."""
        accounts, seen = [], dict(self.standing.accounts)
        for place, record in enumerate(records):
            account = read_account(record, f"{where} $.accounts[{place}]")
            if isinstance(account, Unreadable):
                reading.unreadable.append(account)
                continue
            accounts.append(account)
            seen[account.account_id] = Known(currency_of(account.balances), invests(account))
            change = account_seen(account, self.standing.bank)
            if self._told.get(change.ref) != change:
                self._told[change.ref] = change
                reading.changes.append(change)
        self._remember(seen)
        return accounts

    def forget(self, refs: Sequence[SourceRef]) -> None:
        """Accounts that are no more."""
        self._remember({ref: known for ref, known in self.standing.accounts.items() if ref not in refs})

    async def name_strangers(self, reading: Reading) -> None:
        """Have every account told before its transactions, also one whose answer doesn't carry it.

        What is removed from an account never told needs no telling.
        """
        strangers = {change.ref for change in reading.changes} - self.standing.accounts.keys()
        if not strangers:
            return
        told = Reading()
        self.see((await self.get("accounts/get", {}, ACCOUNTS)).accounts, "accounts/get", told)
        strangers -= self.standing.accounts.keys()
        reading.changes = [
            change
            for change in reading.changes
            if not (isinstance(change, TransactionGone) and change.ref in strangers)
        ]
        nameless = sorted({change.ref for change in reading.changes} & strangers)
        reading.changes[:0] = [
            *told.changes,
            *(
                AccountSeen(ref, AccountKind.OTHER, UNKNOWN, institution=self.standing.bank)
                for ref in nameless
            ),
        ]
        reading.unreadable += told.unreadable
        self._remember({**self.standing.accounts, **{ref: Known(UNKNOWN) for ref in nameless}})

    def page(
        self, reading: Reading, *, at_rest: bool = True, more: bool = True, windows: Sequence[Window] = ()
    ) -> Page:
        """A page of what was read, up to where the pull stands now. Not `at_rest`: more than a loop is yet to come."""
        self.paged = True
        at_rest = at_rest and self.standing.at_rest
        return Page(reading.changes, self.standing.cursor(), more, windows, reading.unreadable, at_rest)

    def moment(self, updated: datetime | None) -> Moment:
        """When figures stood that Plaid fetched at `updated`, where it says so."""
        countries = self.standing.countries or self._countries
        return Moment(earliest_day(updated or self._clock.now(), countries), updated)

    def today(self, *updates: datetime | None) -> datetime:
        """The instant of the first update that is known, else now."""
        return next((at.astimezone(UTC) for at in updates if at is not None), self._clock.now())

    def _circumstances(self, item: Item) -> str:
        """What a login's having a product hangs on: its accounts, and what its person consented to."""
        products = sorted({*(item.products or ()), *(item.consented_products or ())})
        told = msgspec.json.encode([sorted(self.standing.accounts), products])
        return blake2b(told, digest_size=8).hexdigest()

    def _remember(self, accounts: dict[SourceRef, Known]) -> None:
        if accounts != self.standing.accounts:
            self.standing = msgspec.structs.replace(self.standing, accounts=accounts)
            self.currencies = {ref: known.currency for ref, known in accounts.items()}


def told_at(status: ItemStatus | None, standing: Standing) -> datetime | None:
    """When Plaid last went to the bank for the balances: with the transactions, or if there are none of those with the
    investments."""
    return investments_at(status) if TRANSACTIONS in standing.off else transactions_at(status)


def transactions_at(status: ItemStatus | None) -> datetime | None:
    """When Plaid last went to the bank for transactions and the balances beside them."""
    return status.transactions.last_successful_update if status and status.transactions else None


def investments_at(status: ItemStatus | None) -> datetime | None:
    """When Plaid last went to the broker."""
    return status.investments.last_successful_update if status and status.investments else None


def digest(records: Sequence[Raw]) -> str:
    """What names the content of records, where Plaid doesn't say when they changed."""
    return blake2b(b"\n".join(records), digest_size=8).hexdigest()


ACCOUNTS: Final = Compact(AccountsAnswer)
_ITEM: Final = msgspec.json.Decoder(ItemAnswer)
