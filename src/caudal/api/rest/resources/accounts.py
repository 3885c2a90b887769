"""Accounts: what each holds, what its sources say it holds, and whether the two agree."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta

from caudal.api.rest.endpoints import Endpoint, InSpace, Page, get, post
from caudal.api.rest.forms import Asked, Code, Cursor, Decided, Paged, Told
from caudal.hub import accounts as hub_accounts
from caudal.hub import ledger, listing, proofs, rates
from caudal.hub.identity.roles import Scope
from caudal.hub.ledger import AccountView
from caudal.model.errors import NotFound

_SHOWN: Final = 4
_READINGS: Final = 60
_TOLD: Final = Cursor(tuple[date, UUID])


class Money(Told, frozen=True):
    """An amount and its currency or asset. Positive: there; negative: owed."""

    amount: Decimal
    currency: str


class Proof(Told, frozen=True):
    """Whether the ledger agrees with the balances that sources told. `verdict`: `proven` (to `proven_to`), `off` (by
    `off_by`, since `off_since`), or `unproven`: no balance to go by."""

    verdict: str
    proven_to: date | None
    off_by: Decimal | None
    off_since: date | None


class Account(Told, frozen=True):
    """An account in one currency. `booked`: what the ledger holds; `told`: the latest balance a source told, and its
    day. `iban`, `number`: by agents only the last digits are seen. `shares_limit_with`: the cards that draw on its
    credit line."""

    account_id: UUID
    name: str
    kind: str
    institution: str | None
    booked: Money
    transactions: int
    first_on: date | None
    last_on: date | None
    told: Decimal | None
    told_on: date | None
    proof: Proof
    iban: str | None
    number: str | None
    mask: str | None
    shares_limit_with: list[str]


class Balance(Told, frozen=True):
    """A balance as a source told it. `kind`: `booked`, `available`, `limit`, `value` (shown, and no evidence), or
    `presumed` (to be booked: it proves while it agrees, and accuses of nothing).
    `firm`: for the end of the day `on`; else of the moment it was told."""

    kind: str
    on: date
    told: Money
    firm: bool
    told_at: datetime | None
    seen_at: datetime
    source: str
    provider: str


class Reading(Told, frozen=True):
    """A balance as it was told for the end of a day, beside what the ledger held. `off_by`: told less held."""

    on: date
    told: Decimal
    held: Decimal
    off_by: Decimal
    firm: bool


class Cause(Told, frozen=True):
    """What is likely behind a difference: its kind, and that in words."""

    kind: str
    says: str


class Change(Told, frozen=True):
    """Where the difference changed: after `after` and until `on`, by how much, and what is likely behind it."""

    after: date
    on: date
    by: Decimal
    causes: list[Cause]


class AccountProof(Told, frozen=True):
    """The verdict on an account in one currency and what it rests on. `changes`: where the difference came to be, with
    likely causes; `readings`: the latest balances told."""

    account_id: UUID
    account: str
    currency: str
    proof: Proof
    changes: list[Change]
    readings: list[Reading]


class DaysQuery(Asked, frozen=True):
    """From which day to which."""

    start: date
    end: date


class BalanceDay(Told, frozen=True):
    """What the ledger held at the end of a day."""

    day: date
    currency: str
    held: Decimal


class MonthsQuery(Asked, frozen=True):
    """So many months, that of the day `last` the last."""

    last: date
    months: Annotated[int, Meta(ge=1, le=120)] = 12


class Month(Told, frozen=True):
    """What came in and what went out in a month (its first day); both are positive."""

    month: date
    currency: str
    came: Decimal
    went: Decimal


class Two(Asked, frozen=True):
    """Two accounts: it is found as the first."""

    account_id: UUID
    other_account_id: UUID


class Parting(Asked, frozen=True):
    """One of the source accounts booked to an account."""

    account_id: UUID
    source_account_id: UUID


class ValueQuery(Asked, frozen=True):
    """In which currency (else the space's own), by the rates of which day (else today's)."""

    currency: Code | None = None
    on: date | None = None


class Valued(Told, frozen=True):
    """An account, and what it holds is worth; null: nobody knows."""

    account: str
    kind: str
    held: Money
    value: Decimal | None


class Valuation(Told, frozen=True):
    """A space in one currency. `total` is of what could be valued; `unvalued`: of what not."""

    currency: str
    on: date
    total: Decimal
    accounts: list[Valued]
    unvalued: list[str]


def account(view: AccountView, *, masked: bool) -> Account:
    """As the API tells it."""
    row, told = view.held, view.told
    return Account(
        row.account_id,
        row.name,
        row.kind,
        row.institution,
        Money(row.booked, row.currency),
        row.transactions,
        row.first_on,
        row.last_on,
        told.amount if told else None,
        told.as_of if told else None,
        Proof(row.verdict, row.proven_to, row.off_by, row.off_since),
        _shown(row.iban, masked=masked),
        _shown(row.number, masked=masked),
        row.mask,
        view.shares_limit_with,
    )


def _shown(number: str | None, *, masked: bool) -> str | None:
    if number is None or not masked:
        return number
    return f"…{number[-_SHOWN:]}" if len(number) > _SHOWN else "…"


@get("/v1/spaces/{space_id}/accounts", Scope.ACCOUNTS_READ, tag="accounts")
async def list_accounts(call: InSpace) -> Page[Account]:
    """The space's accounts, one for each currency that an account holds."""
    found = await ledger.accounts(call.installation, call.space)
    return Page([account(each, masked=call.caller.masked) for each in found])


@get("/v1/spaces/{space_id}/accounts/{account_id}", Scope.ACCOUNTS_READ, tag="accounts")
async def read_account(call: InSpace, account_id: UUID) -> Page[Account]:
    """An account: one entry for each currency that it holds."""
    found = await ledger.accounts(call.installation, call.space, account_id)
    if not found:
        raise NotFound("no such account in this space")
    return Page([account(each, masked=call.caller.masked) for each in found])


@get("/v1/spaces/{space_id}/accounts/{account_id}/balances", Scope.ACCOUNTS_READ, tag="accounts")
async def list_balances(call: InSpace, account_id: UUID, query: Paged) -> Page[Balance]:
    """What sources told to stand on an account, of every kind, the latest day first."""
    place = _TOLD.read(query.after)
    rows = await ledger.told(call.installation, call.space, account_id, place, query.limit)
    more = _TOLD.told((rows[-1].as_of, rows[-1].balance_id)) if len(rows) == query.limit else None
    return Page(
        [
            Balance(
                each.kind,
                each.as_of,
                Money(each.amount, each.currency),
                each.firm,
                each.told_at,
                each.seen_at,
                each.source,
                each.provider,
            )
            for each in rows
        ],
        more,
    )


@get("/v1/spaces/{space_id}/accounts/{account_id}/days", Scope.ACCOUNTS_READ, tag="accounts")
async def list_balance_days(call: InSpace, account_id: UUID, query: DaysQuery) -> Page[BalanceDay]:
    """What the ledger held on an account, by currency: at the end of `start`, of each day it changed, and of `end`."""
    days = await listing.balance_days(call.installation, call.space, account_id, query.start, query.end)
    return Page([BalanceDay(each.day, each.currency, each.held) for each in days])


@get("/v1/spaces/{space_id}/months", Scope.ACCOUNTS_READ, tag="accounts")
async def list_months(call: InSpace, query: MonthsQuery) -> Page[Month]:
    """Money in and out by month and currency, the latest first; not what moved between own accounts, nor what is
    pending."""
    months = await listing.months(call.installation, call.space, query.months, query.last)
    return Page([Month(each.month, each.currency, each.came, each.went) for each in months])


@get("/v1/spaces/{space_id}/proof", Scope.ACCOUNTS_READ, tag="proof")
async def list_proofs(call: InSpace) -> Page[AccountProof]:
    """The verdict on every account; of those that are off, where that began and what is likely behind it."""
    return Page(await _proofs(call, None))


@get("/v1/spaces/{space_id}/accounts/{account_id}/proof", Scope.ACCOUNTS_READ, tag="proof")
async def read_proof(call: InSpace, account_id: UUID) -> Page[AccountProof]:
    """The verdict on an account, in each currency, and the balances it rests on."""
    found = await _proofs(call, account_id)
    if not found and not await ledger.accounts(call.installation, call.space, account_id):
        raise NotFound("no such account in this space")
    return Page(found)


async def _proofs(call: InSpace, account_id: UUID | None) -> list[AccountProof]:
    rows = await proofs.proofs(call.installation, call.space, account_id, _READINGS)
    return [
        AccountProof(
            each.row.account_id,
            each.row.account,
            each.row.currency,
            Proof(each.row.verdict, each.row.proven_to, each.row.off_by, each.row.off_since),
            [
                Change(
                    found.step.after,
                    found.step.on,
                    found.step.by,
                    [Cause(cause.kind.value, cause.says) for cause in found.causes],
                )
                for found in each.steps
            ],
            [Reading(told.on, told.told, told.ledger, told.difference, told.firm) for told in each.readings],
        )
        for each in rows
    ]


@get("/v1/spaces/{space_id}/value", Scope.ACCOUNTS_READ, tag="accounts")
async def value_space(call: InSpace, query: ValueQuery) -> Valuation:
    """What the space is worth in one currency. What it holds stays what it is."""
    found = await rates.value(call.installation, call.space, query.currency, query.on)
    return Valuation(
        found.currency,
        found.on,
        found.total,
        [
            Valued(each.account, each.kind, Money(each.amount, each.currency), each.value)
            for each in found.rows
        ],
        found.unvalued,
    )


@post("/v1/spaces/{space_id}/accounts/join", Scope.TRANSACTIONS_EDIT, tag="accounts")
async def join_accounts(call: InSpace, body: Two) -> Decided:
    """Say that two accounts are one."""
    of = (str(body.account_id), str(body.other_account_id))
    return Decided([await hub_accounts.join(call.installation, call.space, *of)])


@post("/v1/spaces/{space_id}/accounts/keep-apart", Scope.TRANSACTIONS_EDIT, tag="accounts")
async def keep_accounts_apart(call: InSpace, body: Two) -> Decided:
    """Say that two accounts that may be one are two."""
    of = (str(body.account_id), str(body.other_account_id))
    return Decided([await hub_accounts.keep_apart(call.installation, call.space, *of)])


@post("/v1/spaces/{space_id}/accounts/part", Scope.TRANSACTIONS_EDIT, tag="accounts")
async def part_account(call: InSpace, body: Parting) -> Decided:
    """Say that one of an account's sources is an account by itself."""
    of = (str(body.account_id), str(body.source_account_id))
    return Decided([await hub_accounts.part(call.installation, call.space, *of)])


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    list_accounts,
    read_account,
    list_balances,
    list_balance_days,
    list_months,
    list_proofs,
    read_proof,
    value_space,
    join_accounts,
    keep_accounts_apart,
    part_account,
)
