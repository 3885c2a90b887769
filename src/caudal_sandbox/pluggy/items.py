"""Items: one connection of one person to one connector, and the way its executions go (contract §3)."""

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.pluggy.connectors import Challenge, Connector
from caudal_sandbox.pluggy.logins import MESSAGES, OF_THE_LOGIN, TOKEN, Outcome, outcome_of
from caudal_sandbox.pluggy.names import uuid_of
from caudal_sandbox.pluggy.rows import News, Rows
from caudal_sandbox.world import World

HISTORY: Final = timedelta(days=365)
"""How far back a first sync goes (contract §5.6)."""
AUTO_SYNC: Final = timedelta(hours=8)
CONSENT: Final = timedelta(days=365)
CHALLENGE_LASTS: Final = timedelta(minutes=5)
FAILURES_MAX: Final = 5
TOLD: Final = frozenset({AccountKind.CHECKING, AccountKind.SAVINGS, AccountKind.CARD})
_TICK: Final = timedelta(milliseconds=1)
_RUNNING: Final = ("ACCOUNTS_IN_PROGRESS", "TRANSACTIONS_IN_PROGRESS", "INVESTMENTS_IN_PROGRESS")

Trigger = Literal["USER", "CLIENT", "SYNC", "INTERNAL"]


class Happening(msgspec.Struct, frozen=True):
    """What a webhook would tell of: its event, and what is its own in it."""

    event: str
    fields: Mapping[str, object] = {}


class Item(msgspec.Struct):
    """One. `steps`: what is still to come of the execution under way; `news`: what webhooks are to be told."""

    id: str
    client_id: str
    connector: Connector
    created: datetime
    updated: datetime
    client_user: str | None = None
    webhook_url: str | None = None
    redirect: str | None = None
    holder: Holder | None = None
    status: str = "UPDATING"
    execution: str = "CREATED"
    error: str = ""
    outcome: Outcome = Outcome()
    synced: datetime | None = None
    """`lastUpdatedAt`. Two looks at one instant of the world are told apart by a millisecond; `seen` is the instant."""
    seen: datetime = datetime.min.replace(tzinfo=UTC)
    client_updated: datetime | None = None
    failures: int = 0
    trigger: Trigger = "CLIENT"
    waits_for: Challenge | None = None
    waits_until: datetime | None = None
    oauth: str = ""
    auto_sync: bool = True
    consent_ends: datetime | None = None
    steps: deque[str] = msgspec.field(default_factory=deque)
    rows: dict[AccountId, Rows] = msgspec.field(default_factory=dict)
    news: list[Happening] = msgspec.field(default_factory=list)

    def account_id(self, account: AccountId) -> str:
        """Pluggy's id of it, this item's own: a new item tells the same account under another (contract §11.1)."""
        return uuid_of(self.id, account)

    def accounts(self) -> list[AccountId]:
        """What it shows with movements, in the world's names."""
        return [each for each in self._held() if each in self.rows]

    def of_kind(self, kind: AccountKind) -> list[AccountId]:
        """What its person has of that kind there, once it was looked at."""
        if self.holder is None or self.synced is None:
            return []
        kinds = {each.id: each.kind for each in self.holder.accounts}
        return [each for each in self._held() if kinds[each] is kind]

    def _held(self) -> list[AccountId]:
        at = self.connector.institution
        accounts = self.holder.accounts if self.holder else ()
        return [each.id for each in accounts if at is None or each.institution.id == at.id]

    @property
    def fails(self) -> bool:
        """Whether its login is no longer good: it is synced no more by itself."""
        return self.status == "LOGIN_ERROR"

    # Executions

    def begin(self, parameters: Mapping[str, str] | None, trigger: Trigger) -> None:
        """An execution begins, with new credentials or as before."""
        self.trigger = trigger
        self.error, self.waits_for = "", None
        self.status = "UPDATING"
        self.execution = "CREATED"
        if parameters is not None:
            self._name_person(parameters)
        self.steps = deque(["LOGIN_IN_PROGRESS"])
        asks = parameters is not None or self.connector.challenge != "oauth"
        if self.connector.challenge and trigger != "SYNC" and asks:
            self.steps.append("ASK")
        self.steps += ["LOGGED_IN", *_RUNNING, "DONE"]

    def _name_person(self, parameters: Mapping[str, str]) -> None:
        connector = self.connector
        if connector.challenge == "oauth":
            self.outcome = Outcome()
            return
        self.outcome = outcome_of(
            parameters.get("user", ""), parameters.get("password", ""), sandbox=connector.sandbox
        )
        if connector.token and not self.outcome.code and parameters.get("token") != TOKEN:
            self.outcome = Outcome("INVALID_CREDENTIALS_MFA")

    def step(self, world: World, clock: datetime) -> bool:
        """Go on by one step; whether there was one to go. One that waits for its person goes on when they answered, or
        when their time is over."""
        if self.waits_for is not None:
            if self.waits_until is None or clock < self.waits_until:
                return False
            self._fail("USER_INPUT_TIMEOUT", world.now)
            return True
        if not self.steps:
            return False
        step = self.steps.popleft()
        if step == "ASK":
            self._ask(clock)
        elif step == "LOGGED_IN":
            self._logged_in(world)
        elif step == "DONE":
            self.look(world)
        else:
            self.execution = step
        return True

    def _ask(self, clock: datetime) -> None:
        challenge = self.connector.challenge
        self.waits_for = challenge
        self.waits_until = clock + CHALLENGE_LASTS
        self.oauth = uuid_of("oauth", self.id, clock) if challenge in {"oauth", "qr"} else ""
        acts = challenge == "qr"
        self.status = self.execution = "WAITING_USER_ACTION" if acts else "WAITING_USER_INPUT"
        self.news.append(Happening("item/waiting_user_action" if acts else "item/waiting_user_input"))

    def answered(self, *, right: bool, code: str) -> None:
        """The person answered what it waited for."""
        self.waits_for = None
        self.status, self.execution = "UPDATING", "LOGIN_MFA_IN_PROGRESS"
        if not right:
            self.outcome = Outcome(code)

    def _logged_in(self, world: World) -> None:
        if self.outcome.code:
            self._fail(self.outcome.code, world.now)
        else:
            self.news.append(Happening("item/login_succeeded"))

    def _fail(self, code: str, at: datetime) -> None:
        self.steps.clear()
        self.waits_for = None
        self.error = self.execution = code
        self.status = "LOGIN_ERROR" if code in OF_THE_LOGIN else "OUTDATED"
        self.failures += code in OF_THE_LOGIN
        self._moves(at)
        told = {"code": code, "message": MESSAGES[code], "parameter": None}
        self.news.append(Happening("item/error", {"error": told}))

    def breaks(self, code: str, at: datetime) -> None:
        """What its person gave is good no longer."""
        self.outcome = Outcome(code)
        self._fail(code, at)

    def due(self, now: datetime) -> bool:
        """Whether Pluggy goes to the bank by itself."""
        idle = not self.steps and self.waits_for is None and not self.fails
        return idle and self.auto_sync and self.synced is not None and now >= self.synced + AUTO_SYNC

    # What the bank has

    def look(self, world: World) -> None:
        """Take in what stands at the bank now."""
        if self.holder is None:
            return
        first, at = self.synced is None, world.now
        self._moves(at)
        kinds = {each.id: each.kind for each in self.holder.accounts}
        for account in self._held():
            if kinds[account] in TOLD:
                self._look_at(account, world, at)
        self.synced, self.seen = self.updated, at
        self.failures = 0
        self.status = "UPDATED"
        self.execution = "PARTIAL_SUCCESS" if self.outcome.partial else "SUCCESS"
        self.news.append(Happening("item/created" if first else "item/updated"))

    def _look_at(self, account: AccountId, world: World, at: datetime) -> None:
        view = world.account(account)
        if account not in self.rows:
            since = max(world.begins, (self.created.astimezone(UTC) - HISTORY).date())
            self.rows[account] = Rows(self.id, since, keyed=self.connector.open_finance)
        known = {each.closed_on for each in view.statements(self.seen if self.synced else at)}
        closed = [each for each in view.statements(at) if each.closed_on not in known]
        self.tell(account, self.rows[account].look(view, self.updated, closed))

    def tell(self, account: AccountId, news: News) -> None:
        """Webhooks of what changed."""
        account_id = self.account_id(account)
        if news.created:
            more = {"transactionsCount": len(news.created), "created_from": self.updated}
            self.news.append(Happening("transactions/created", {"accountId": account_id, **more}))
        for name, ids in (("updated", news.updated), ("deleted", news.deleted)):
            if ids:
                fields = {"accountId": account_id, "transactionIds": ids, "clientId": self.client_id}
                self.news.append(Happening(f"transactions/{name}", fields))

    def reissue(self, at: datetime) -> None:
        """Every row gets a new id."""
        self._moves(at)
        self.synced = self.updated
        for account, rows in self.rows.items():
            self.tell(account, rows.reissue(self.updated))

    def touch(self, at: datetime) -> bool:
        """The data changes under whoever is reading it. False where there is none."""
        self._moves(at)
        self.synced = self.updated
        changed = False
        for account, rows in self.rows.items():
            news = rows.touch(self.updated)
            changed = changed or bool(news.created)
            self.tell(account, news)
        return changed

    def _moves(self, at: datetime) -> None:
        """Its data is of another moment than before."""
        self.updated = max(at, self.updated + _TICK)


def login_name(connector: Connector, parameters: Mapping[str, str]) -> str:
    """By what name the world knows whoever logs in so."""
    if connector.open_finance:
        return f"cpf-{''.join(letter for letter in parameters.get('cpf', '') if letter.isdigit())}"
    return parameters.get("user", "").replace(":", "") or "nobody"


class Items:
    """Every item."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_id: dict[str, Item] = {}
        self._made = 0

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._by_id.values()))

    def make(
        self, client_id: str, connector: Connector, parameters: Mapping[str, str], trigger: Trigger
    ) -> Item:
        """A new one, whose first execution begins."""
        self._made += 1
        now = self._world.now
        item = Item(uuid_of("item", client_id, self._made), client_id, connector, now, now)
        self._by_id[item.id] = item
        self.update(item, parameters, trigger)
        return item

    def update(self, item: Item, parameters: Mapping[str, str] | None, trigger: Trigger) -> None:
        """An execution begins."""
        item.begin(parameters, trigger)
        if parameters is not None and item.outcome.code == "" and item.holder is None:
            item.holder = self._world.person(login_name(item.connector, parameters), CountryCode.BR)
        if item.connector.open_finance and item.consent_ends is None:
            item.consent_ends = self._world.now + CONSENT

    def get(self, item_id: str, client_id: str) -> Item | None:
        """That one, if it is this application's."""
        item = self._by_id.get(item_id)
        return item if item is not None and item.client_id == client_id else None

    def remove(self, item: Item) -> None:
        """It is gone, with its data."""
        self._by_id.pop(item.id, None)
