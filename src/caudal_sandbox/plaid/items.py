"""The items: one login at one institution for one client, what it gave access to, and how far its data has come."""

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Protocol

import msgspec

from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.holders import Holder, HolderKind
from caudal_sandbox.economy.movements import AccountId, State
from caudal_sandbox.economy.view import AccountView
from caudal_sandbox.plaid.differences import of_investments, of_liabilities
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.feed import Feed, News, as_it_stands
from caudal_sandbox.plaid.ids import opaque, token
from caudal_sandbox.plaid.institutions import PlaidInstitution
from caudal_sandbox.plaid.notices import (
    Notice,
    default_update,
    historical_update,
    initial_update,
    recurring_update,
    sync_updates,
    transactions_removed,
)
from caudal_sandbox.plaid.records.accounts import Shown, has_transactions
from caudal_sandbox.plaid.users import Admitted
from caudal_sandbox.world import World

DAYS_DEFAULT: Final = 90
DAYS_MAX: Final = 730
"""History that a link asks for (contract §3.1: `days_requested`)."""

INITIAL_DAYS: Final = 30
"""What comes first (Plaid docs, Transactions webhooks: INITIAL_UPDATE)."""

CONSENT_DAYS_GB: Final = 180
"""UK and EU banks ask again after 180 days (contract §8); elsewhere a consent has no end."""


class Stage(enum.StrEnum):
    """How far an item's transactions have come: `transactions_update_status`."""

    NOT_READY = "NOT_READY"
    INITIAL = "INITIAL_UPDATE_COMPLETE"
    HISTORICAL = "HISTORICAL_UPDATE_COMPLETE"


class Linked(msgspec.Struct, frozen=True):
    """One account of an item. `persistent_account_id`: at a few institutions, the same whoever links it (contract
    §3.2). `world_id`: which account of the world it is."""

    account_id: str
    persistent_account_id: str | None
    world_id: AccountId


class Service(Protocol):
    """What an item and the answers about it need of the emulator around them."""

    @property
    def world(self) -> World:
        """The world all this is told of."""

    @property
    def items(self) -> "Items":
        """Every item there is."""

    @property
    def catalogue(self) -> Mapping[str, PlaidInstitution]:
        """The institutions by their id."""

    @property
    def withheld(self) -> Collection[str]:
        """Add-ons this client isn't enabled for (``transactions_refresh``): UNAUTHORIZED_ROUTE_ACCESS."""

    def notify(self, item: "Item", notices: Sequence[Notice]) -> None:
        """Send these webhooks to the item's URL, in this order, after the answer at hand."""


class Item(msgspec.Struct, kw_only=True, eq=False):
    """One item. `error`: the code of what keeps Plaid out of the bank, None while all is well.

    Instants are the world's. `updated_at`: when Plaid was last at the bank; everything cached is as of then.
    """

    item_id: str
    access_token: str
    client_id: str
    institution: PlaidInstitution
    holder: Holder
    username: str
    login: Admitted
    webhook: str
    products: list[str]
    """In use, and so billed, in the order in which they came into use."""
    consented: frozenset[str]
    """What the person allowed beyond `products`: in use from the first call that needs it."""
    accounts: list[Linked]
    feed: Feed
    created_at: datetime
    updated_at: datetime
    consent_expires_at: datetime | None
    days_requested: int
    failed_at: datetime | None = None
    error: str | None = None
    stage: Stage = Stage.NOT_READY
    armed: bool = False
    """Whether a sync was ever asked for: before that SYNC_UPDATES_AVAILABLE never fires (contract §3.5)."""
    recurring_used: bool = False
    last_webhook: tuple[datetime, str] | None = None
    """When the last webhook was sent, and its code; whoever sends it writes it down here."""
    rotations: int = 0
    told_until: dict[AccountId, datetime] = msgspec.field(default_factory=dict)
    """Up to when the feed holds what each account's bank showed."""
    delays: dict[str, int] = msgspec.field(default_factory=dict)

    # What it is

    @property
    def consented_products(self) -> list[str]:
        """Everything the person allowed, in alphabetical order."""
        return sorted({*self.products, *self.consented})

    @property
    def visible_from(self) -> date:
        """The first day of its history: no booking of an earlier day is ever told."""
        days = min(self.days_requested, DAYS_MAX, self.login.days_max or DAYS_MAX)
        return self._bank_day(self.created_at) - timedelta(days=days)

    def truth_accounts(self) -> dict[str, AccountId]:
        """Which account of the world each `account_id` is: for judging a ledger fed from this item."""
        return {each.account_id: each.world_id for each in self.accounts}

    def linked(self, account_id: str) -> Linked:
        """The account of that id. Raises INVALID_ACCOUNT_ID."""
        for each in self.accounts:
            if each.account_id == account_id:
                return each
        raise PlaidError("INVALID_ACCOUNT_ID")

    def account_id(self, account: AccountId) -> str:
        """The id under which this item shows an account of the world: its own, as every item has."""
        return opaque("account", self.item_id, account)

    def shown(self, world: World, at: datetime | None = None) -> list[Shown]:
        """Its accounts to be told of, as of `at`, or of the last update where it is None."""
        return [
            Shown(
                account_id=each.account_id,
                persistent_account_id=each.persistent_account_id,
                view=world.account(each.world_id),
                at=at or self.updated_at,
                business=self.holder.kind is HolderKind.FIRM,
            )
            for each in self.accounts
        ]

    def needs(self, product: str) -> None:
        """Make sure that `product` may be asked for, and put it into use.

        Raises the item's own error; PRODUCTS_NOT_SUPPORTED where its bank doesn't offer it;
        ADDITIONAL_CONSENT_REQUIRED or PRODUCT_NOT_ENABLED where the person didn't allow it; PRODUCT_NOT_READY while
        a delay lasts.
        """
        self.must_work()
        if product not in self.institution.products:
            raise PlaidError("PRODUCTS_NOT_SUPPORTED")
        if product not in self.products:
            if product not in self.consented:
                # [?] Which of the two is said where: consent to each product is the rule in the US.
                in_us = "US" in self.institution.country_codes
                raise PlaidError("ADDITIONAL_CONSENT_REQUIRED" if in_us else "PRODUCT_NOT_ENABLED")
            self.products.append(product)
        if self.delays.get(product, 0) > 0:
            self.delays[product] -= 1
            raise PlaidError("PRODUCT_NOT_READY")

    def must_work(self) -> None:
        """Raises the item's error if it has one."""
        if self.error is not None:
            raise PlaidError(self.error)

    # What befalls it

    def break_login(self, code: str) -> None:
        """Plaid can't get in any more: every call for data answers `code` until `repair`."""
        self.error = code

    def repair(self) -> None:
        """Plaid can get in again. What happened meanwhile comes with the next update."""
        self.error = None

    def delay(self, product: str, calls: int) -> None:
        """The next `calls` calls for `product` answer PRODUCT_NOT_READY."""
        self.delays[product] = calls

    def touch(self) -> bool:
        """The feed changes without anything having happened at the bank; False where it holds nothing yet."""
        return self.feed.touch()

    def reissue(self) -> None:
        """Every transaction gets a new id, and every cursor is void."""
        self.feed.reissue()

    def add_account(self, account: AccountId) -> Linked:
        """Share one more account of the login; its history comes with the next update. Known already: as it is."""
        for each in self.accounts:
            if each.world_id == account:
                return each
        linked = link(self, account)
        self.accounts.append(linked)
        return linked

    def drop_account(self, account_id: str) -> None:
        """Share that account no longer. Raises INVALID_ACCOUNT_ID."""
        linked = self.linked(account_id)
        self.accounts.remove(linked)
        self.told_until.pop(linked.world_id, None)
        self.feed.forget(linked.world_id)

    # Going to the bank

    def update(self, service: Service) -> list[Notice]:
        """Plaid goes to the bank now and takes in all there is; the webhooks that this causes. An item in error stays
        as it was."""
        now = service.world.now
        if self.error is not None:
            self.failed_at = now
            return []
        before, self.updated_at = self.updated_at, now
        notices: list[Notice] = []
        if "transactions" in self.products:
            notices += self._transactions(service.world)
        if "investments" in self.products:
            notices += of_investments(self.shown(service.world), before)
        if "liabilities" in self.products:
            notices += of_liabilities(self.shown(service.world), before)
        return notices

    def _transactions(self, world: World) -> list[Notice]:
        match self.stage:
            case Stage.NOT_READY:
                self.stage = Stage.INITIAL
                arrived = sum(self._first_look(view) for view in self._covered(world))
                return [initial_update(arrived), *self._sync_updates()]
            case Stage.INITIAL:
                self.stage = Stage.HISTORICAL
                arrived = sum(self._backfill(view) for view in self._covered(world))
                arrived += self._take_in(world).arrived
                return [historical_update(arrived), *self._sync_updates()]
            case Stage.HISTORICAL:
                return self._tell(self._take_in(world))

    def _tell(self, news: News) -> list[Notice]:
        if not news.any:
            return []
        notices = [default_update(news.arrived)] if news.arrived else []
        if news.withdrawn:
            notices.append(transactions_removed(news.withdrawn))
        if news.recurring and self.recurring_used:
            notices.append(recurring_update(sorted(self.account_id(account) for account in news.recurring)))
        return [*self._sync_updates(), *notices]

    def _sync_updates(self) -> list[Notice]:
        return [sync_updates(historical=self.stage is Stage.HISTORICAL)] if self.armed else []

    def _covered(self, world: World) -> list[AccountView]:
        views = [world.account(each.world_id) for each in self.accounts]
        return [view for view in views if has_transactions(view.terms)]

    def _first_look(self, view: AccountView) -> int:
        """The newest days of one account, and all that is pending."""
        self.told_until[view.terms.id] = self.updated_at
        since = max(self._initial_from, self.visible_from)
        return self.feed.show(
            event
            for event in as_it_stands(reversed(view.events(until=self.updated_at)))
            if event.state is State.PENDING or (event.movement.booked_on or date.min) >= since
        )

    def _backfill(self, view: AccountView) -> int:
        """What lies before the newest days, as it was when those were told."""
        account = view.terms.id
        if account not in self.told_until:
            return 0
        told = as_it_stands(reversed(view.events(until=self.told_until[account])))
        return self.feed.show(
            event
            for event in told
            if event.state is State.BOOKED
            and self.visible_from <= (event.movement.booked_on or date.min) < self._initial_from
        )

    def _take_in(self, world: World) -> News:
        """What happened on every account since it was last looked at; of a new one, its history."""
        news = News()
        for view in self._covered(world):
            account = view.terms.id
            if account in self.told_until:
                events = view.events(self.told_until[account], self.updated_at)
                self.feed.take(events, self.visible_from, into=news)
                self.told_until[account] = self.updated_at
            else:
                news.arrived += self._first_look(view) + self._backfill(view)
        return news

    @property
    def _initial_from(self) -> date:
        return self._bank_day(self.created_at) - timedelta(days=INITIAL_DAYS)

    def _bank_day(self, at: datetime) -> date:
        return at.astimezone(self.institution.bank.land.zone).date()


def link(item: Item, account: AccountId) -> Linked:
    """The account as that item shows it."""
    # Chase, PNC and US Bank have persistent ids (contract §3.2): here, the banks one reaches by OAuth.
    persistent = opaque("persistent", account) if item.institution.oauth else None
    return Linked(item.account_id(account), persistent, account)


class Items:
    """Every item of one emulator, by id and by token."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._opened = 0
        self._items: dict[str, Item] = {}
        self._tokens: dict[str, str] = {}
        self._removed: set[str] = set()

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._items.values()))

    def __len__(self) -> int:
        return len(self._items)

    def open(
        self,
        *,
        client_id: str,
        institution: PlaidInstitution,
        login: Admitted,
        username: str,
        accounts: Sequence[AccountId],
        products: Sequence[str],
        webhook: str = "",
        days_requested: int = DAYS_DEFAULT,
        consented: Collection[str] = (),
    ) -> Item:
        """A new item on `accounts` of the login, linked now. `consented`: products allowed but not yet in use."""
        self._opened += 1
        now, seed = self._world.now, self._world.seed
        item_id = opaque(seed, "item", self._opened)
        ends = now + timedelta(days=CONSENT_DAYS_GB) if CountryCode.GB in institution.country_codes else None
        item = Item(
            item_id=item_id,
            access_token=token("access", seed, self._opened, 0),
            client_id=client_id,
            institution=institution,
            holder=login.holder,
            username=username,
            login=login,
            webhook=webhook,
            products=list(dict.fromkeys(products)),
            consented=frozenset(consented),
            accounts=[],
            feed=Feed(item_id),
            created_at=now,
            updated_at=now,
            consent_expires_at=ends,
            days_requested=days_requested,
        )
        for account in accounts:
            item.add_account(account)
        self._items[item_id] = item
        self._tokens[item.access_token] = item_id
        return item

    def by_token(self, access_token: str) -> Item:
        """The item of that token. Raises INVALID_ACCESS_TOKEN for one never given out or rotated away, ITEM_NOT_FOUND
        once its item is removed."""
        if access_token in self._removed:
            raise PlaidError("ITEM_NOT_FOUND")
        if access_token not in self._tokens:
            raise PlaidError("INVALID_ACCESS_TOKEN")
        return self._items[self._tokens[access_token]]

    def by_id(self, item_id: str) -> Item:
        """The item of that id. Raises ITEM_NOT_FOUND."""
        if item_id not in self._items:
            raise PlaidError("ITEM_NOT_FOUND")
        return self._items[item_id]

    def remove(self, item: Item) -> None:
        """End it: its token is dead, nothing is told of it any more."""
        del self._items[item.item_id]
        del self._tokens[item.access_token]
        self._removed.add(item.access_token)

    def rotate(self, item: Item) -> str:
        """Give it a new access token, its new one; the old one is dead at once."""
        del self._tokens[item.access_token]
        item.rotations += 1
        item.access_token = token("access", self._world.seed, item.item_id, item.rotations)
        self._tokens[item.access_token] = item.item_id
        return item.access_token
