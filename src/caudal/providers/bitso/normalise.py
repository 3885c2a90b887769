"""Records to changes (contract §7, §8; MAPPING.md)."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple, TypeVar

import msgspec
from msgspec import Raw

from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    SourceRef,
    Status,
    TransactionGone,
    TransactionSeen,
    Unreadable,
)
from caudal.model.currencies import is_known
from caudal.model.money import EXACT, FineMoney
from caudal.providers.bitso.payloads import Balance, Trade, Transfer, instant
from caudal.providers.http import redact

COMPENSATION: Final = "FAIL_WITHDRAWAL_COMPENSATION"
"""`details.deposit_type` of a funding that brings back what a failed withdrawal had taken (contract §7)."""
COMPLETE: Final = "complete"
FAILED: Final = "failed"
COMPENSATED: Final = "compensated"
"""Our word for a withdrawal that failed after it had left, and came back as a funding."""
FINAL: Final = frozenset({COMPLETE, FAILED, COMPENSATED})
_PENDING: Final = frozenset({"pending", "in_progress", "processing"})
_UNREADABLE: Final = (msgspec.DecodeError, ValueError)

T = TypeVar("T")


class Reading:
    """What one page's records come to. `whole` False once one of them couldn't be read."""

    def __init__(self, client_id: str) -> None:
        self.accounts: dict[str, AccountSeen] = {}
        self.changes: list[Change] = []
        self.unreadable: list[Unreadable] = []
        self.newest = date.min
        self._client_id = client_id

    def all(self) -> list[Change]:
        """The changes, each account before what is told of it."""
        return [*self.accounts.values(), *self.changes]

    def read(self, raw: Raw, into: type[T], where: str) -> T | None:
        """One record; None, and it is put aside, where it can't be read."""
        try:
            return msgspec.json.decode(raw, type=into)
        except _UNREADABLE as error:
            self.put_aside(raw, where, redact(str(error)))
            return None

    def put_aside(self, raw: Raw, where: str, why: str) -> None:
        """For a person to look at."""
        self.unreadable.append(Unreadable(f"bitso {where}", why, _text(raw)))

    def ref(self, code: str) -> SourceRef:
        """How the account in that currency is called."""
        return SourceRef(f"bitso:{self._client_id}:{code}")

    def account(self, code: str) -> SourceRef:
        """The same; the account is shown with this page."""
        if code not in self.accounts:
            self.accounts[code] = AccountSeen(
                self.ref(code),
                AccountKind.EXCHANGE,
                code.upper(),
                f"Bitso {code.upper()}",
                institution="Bitso",
                mask=self._client_id[-4:],
                persistent_id=self.ref(code),
                withdraws=True,
            )
        return self.accounts[code].ref

    def trade(self, raw: Raw) -> str:
        """A fill: what was bought, what was paid, the fee, each on its account. A leg in an asset that Caudal doesn't
        know is put aside. Its id; '' where it can't be read."""
        told = self.read(raw, Trade, "user_trades")
        if told is None:
            return ""
        name = f"trade:{told.tid}"
        text = f"{'buy' if Decimal(told.major) > 0 else 'sell'} {told.book} at {told.price}"
        said = _Said(instant(told.created_at), text, f"bitso:{name}", "trade")
        legs = [(told.major_currency, name, told.major, said), (told.minor_currency, name, told.minor, said)]
        if Decimal(told.fees_amount):
            legs.append((told.fees_currency, f"{name}:fee", f"-{told.fees_amount}", said.fee_of(name)))
        for code, ident, amount, said in legs:
            if is_known(code.upper()):
                self._moved(raw, code, ident, Decimal(amount), said)
            else:
                self.put_aside(raw, "user_trades", f"Caudal knows no asset {code!r}")
        return str(told.tid)

    def transfer(self, raw: Raw, told: Transfer, status: str, fee: Decimal) -> bool:
        """A funding or withdrawal, as it stands; `fee` of what was paid out is a movement of its own. What is in an
        asset that Caudal doesn't know is put aside. False where its status can't be read."""
        name = name_of(told)
        where = "fundings" if told.fid else "withdrawals"
        if status not in FINAL | _PENDING:
            self.put_aside(raw, where, f"Caudal knows no status {status!r}")
            return False
        if not is_known(told.currency.upper()):
            self.put_aside(raw, where, f"Caudal knows no asset {told.currency!r}")
            return True
        if status == FAILED:
            self.changes.append(TransactionGone(self.account(told.currency), name))
            return True
        amount = Decimal(told.amount)
        said = _Said(
            told.at, _words(told), _called(told), name.partition(":")[0], _who(told), status in _PENDING
        )
        self._moved(raw, told.currency, name, amount if told.fid else EXACT.subtract(fee, amount), said)
        if fee:
            self._moved(raw, told.currency, f"{name}:fee", -fee, said.fee_of(name))
        return True

    def balance(self, raw: Raw, on: date, before: Mapping[str, str] | None, known: set[str]) -> None:
        """What stands in one currency. The booked figure is told where it was the same `before` the lists were read and
        nothing is on its way: then it counts what they told and nothing else."""
        told = self.read(raw, Balance, "balance")
        if told is None or (told.currency not in known and not Decimal(told.total)):
            return
        if not is_known(told.currency.upper()):
            self.put_aside(raw, "balance", f"Caudal knows no asset {told.currency!r}")
            return
        ref = self.account(told.currency)
        stands = [(BalanceKind.AVAILABLE, told.available)]
        if before is not None and before.get(told.currency) == told.total and not told.moving:
            stands.append((BalanceKind.BOOKED, told.total))
        for kind, amount in stands:
            money = FineMoney(Decimal(amount), told.currency.upper())
            self.changes.append(BalanceSeen(ref, kind, money, on, firm=False))

    def _moved(self, raw: Raw, code: str, ident: str, amount: Decimal, said: "_Said") -> None:
        day = said.at.date()
        self.newest = max(self.newest, day)
        self.changes.append(
            TransactionSeen(
                self.account(code),
                ident,
                Status.PENDING if said.pending else Status.BOOKED,
                FineMoney(amount, code.upper()),
                day,
                said.text,
                counterparty=said.who,
                reference=said.reference,
                occurred_at=said.at,
                raw=_text(raw),
                category=said.category,
            )
        )


class _Said(NamedTuple):
    """What the movements of one record have in common."""

    at: datetime
    text: str
    reference: str
    category: str
    who: str = ""
    pending: bool = False

    def fee_of(self, name: str) -> "_Said":
        return self._replace(text=f"fee of {name}", category="fee", who="")


def name_of(told: Transfer) -> str:
    """The id of its movement."""
    return f"funding:{told.fid}" if told.fid else f"withdrawal:{told.wid}"


def _called(told: Transfer) -> str:
    """What it is called at the bank or on the chain that is its other side (contract §8), else here."""
    details = told.details
    elsewhere = details.clave_rastreo or details.end_to_end_id or details.tx_hash
    return elsewhere or f"bitso:{name_of(told)}"


def _words(told: Transfer) -> str:
    what = "deposit" if told.fid else "withdrawal"
    return " ".join(filter(None, [told.method_name or told.method, what, told.details.concepto]))


def _who(told: Transfer) -> str:
    details = told.details
    sent, received = details.sender_name, details.beneficiary_name or details.recipient_name
    return (sent if told.fid else received) or ""


def _text(raw: Raw) -> str:
    return bytes(raw).decode("utf-8", "replace")
