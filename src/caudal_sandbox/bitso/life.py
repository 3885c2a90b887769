"""What a customer of the exchange does, day by day, drawn from the seed: pays in, buys, sells, pays out."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from hashlib import sha256
from typing import Final

import msgspec

from caudal_sandbox.bitso.books import COMPENSATES_AFTER, UNIT, Books, Trade, Transfer
from caudal_sandbox.economy.chance import Chance

PRICES: Final = {"btc": 1_150_000, "eth": 61_000, "xrp": 11, "usdt": 18, "mana": 9}
"""About what one is worth in pesos."""
FEE_E4: Final = 65
"""Ten-thousandths of what comes in (contract §6, fees)."""
CHAIN_FEES: Final = {"btc": "0.00001209", "eth": "0.00120000", "xrp": "0.02000000", "usdt": "1.50000000"}
_COINS: Final = ("btc", "eth", "xrp", "usdt")
_NOTHING: Final = Decimal(0)
_CENT: Final = Decimal("0.01")
_FIRST_TID: Final = 72_145_000
_USD_MXN: Final = Decimal("18.36")

_Doing = Callable[["Life", datetime, Chance], None]


class Life:
    """One customer's life from the first day on. `until` lives on; what is done from outside happens now.

    The same for the same seed and the same doings: looking changes nothing.
    """

    def __init__(self, seed: int, client_id: str, begins: date) -> None:
        self.books = Books(client_id)
        self._name = (seed, "bitso", client_id)
        self._made = 0
        self._free: dict[str, Decimal] = {}
        self._due: list[tuple[datetime, str, Decimal]] = []
        self._plan = self._days(begins)
        self._next = next(self._plan)

    def until(self, now: datetime) -> Books:
        """Live on to `now`."""
        while self._next[0] <= now:
            at, doing, chance = self._next
            doing(self, at, chance)
            self._next = next(self._plan)
        return self.books

    def trade(
        self,
        at: datetime,
        book: str,
        major: Decimal,
        price: Decimal,
        *,
        oid: str = "",
        fee_e4: int = FEE_E4,
    ) -> Trade:
        """A fill: `major` signed (positive: bought)."""
        major_currency, _, minor_currency = book.partition("_")
        minor = -(major * price).quantize(UNIT)
        fee = (max(major, minor) * fee_e4 / 10_000).quantize(UNIT, ROUND_DOWN)
        number = self._number()
        filled = Trade(
            _FIRST_TID + number,
            oid or self._ident(number)[:16],
            _whole(at),
            major_currency,
            minor_currency,
            major,
            minor,
            price,
            fee,
        )
        self._free[major_currency] = self._free.get(major_currency, _NOTHING) + filled.major
        self._free[minor_currency] = self._free.get(minor_currency, _NOTHING) + filled.minor
        self._free[filled.fee_currency] -= fee
        self.books.trades.append(filled)
        return filled

    def transfer(
        self,
        at: datetime,
        currency: str,
        amount: Decimal,
        takes: timedelta,
        *,
        fails: bool = False,
        compensated: bool = False,
    ) -> Transfer:
        """Money in (`amount` positive) or out (negative). What comes back of one that failed follows by itself."""
        number, at = self._number(), _whole(at)
        ident, inward = self._ident(number), amount > 0
        method, details = _way(currency, ident, inward=inward)
        fee = Decimal(CHAIN_FEES.get(currency, "0")) if not inward else Decimal(0)
        made = Transfer(
            ident,
            inward,
            currency,
            abs(amount),
            at,
            at + takes,
            method,
            details,
            fee,
            fails,
            compensated,
        )
        if inward and not fails:
            self._due.append((made.ends_at, currency, amount))
        elif not inward:
            self._free[currency] = self._free.get(currency, _NOTHING) + amount
            if fails:
                self._due.append((made.ends_at, currency, -amount))
        self.books.transfers.append(made)
        if compensated:
            back_at = made.ends_at + COMPENSATES_AFTER
            back = {"deposit_type": "FAIL_WITHDRAWAL_COMPENSATION"}
            ident = self._ident(self._number())
            again = msgspec.structs.replace(
                made,
                ident=ident,
                inward=True,
                at=back_at,
                ends_at=back_at,
                method="compensation",
                details=back,
                fails=False,
                compensated=False,
            )
            self.books.transfers.append(again)
        return made

    def _number(self) -> int:
        self._made += 1
        return self._made

    def _ident(self, number: int) -> str:
        return sha256("/".join(map(str, (*self._name, number))).encode()).hexdigest()[:32]

    def _days(self, day: date) -> Iterator[tuple[datetime, _Doing, Chance]]:
        """What is done when, for ever."""
        yield datetime.combine(day, time(1), UTC), _pay_in_much, Chance(*self._name, "first")
        while True:
            chance = Chance(*self._name, day)
            done = [doing for share, doing in _HABITS if chance.percent(share)]
            begins = datetime.combine(day, time(2), UTC)
            moments = sorted(begins + timedelta(seconds=chance.below(75_000)) for _ in done)
            yield from ((at, doing, chance) for at, doing in zip(moments, done, strict=True))
            day += timedelta(days=1)

    def part(self, currency: str, now: datetime, per_mille: int) -> Decimal:
        """So much of what is free to be spent."""
        for due in [each for each in self._due if each[0] <= now]:
            self._due.remove(due)
            self._free[due[1]] = self._free.get(due[1], _NOTHING) + due[2]
        return (self._free.get(currency, _NOTHING) * per_mille / 1_000).quantize(UNIT, ROUND_DOWN)


def _price(coin: str, chance: Chance) -> Decimal:
    return (Decimal(PRICES[coin]) * chance.between(9_000, 11_000) / 10_000).quantize(_CENT)


def _pay_in_much(life: Life, at: datetime, _: Chance) -> None:
    life.transfer(at, "mxn", Decimal("40000.00"), timedelta(minutes=4))


def _pay_in(life: Life, at: datetime, chance: Chance) -> None:
    amount = Decimal(chance.between(500_00, 20_000_00)) * _CENT
    life.transfer(at, "mxn", amount, timedelta(minutes=4), fails=chance.percent(8))


def _receive(life: Life, at: datetime, chance: Chance) -> None:
    coin = chance.pick(_COINS)
    amount = (Decimal(chance.between(500_00, 9_000_00)) * _CENT / PRICES[coin]).quantize(UNIT)
    life.transfer(at, coin, amount, timedelta(minutes=chance.between(10, 300)))


def _buy(life: Life, at: datetime, chance: Chance) -> None:
    """A market order of one to three fills, some in the same second."""
    coin = chance.pick(_COINS)
    price, oid = _price(coin, chance), ""
    for fill in range(chance.between(1, 3)):
        major = (life.part("mxn", at, chance.between(20, 90)) / price).quantize(UNIT, ROUND_DOWN)
        if major > 0:
            at += timedelta(seconds=chance.below(2))
            oid = life.trade(at, f"{coin}_mxn", major, price + fill, oid=oid).oid


def _sell(life: Life, at: datetime, chance: Chance) -> None:
    """Some without a fee: then there is no entry of one."""
    coin = chance.pick(_COINS)
    major = life.part(coin, at, chance.between(50, 400))
    if major > 0:
        life.trade(
            at, f"{coin}_mxn", -major, _price(coin, chance), fee_e4=0 if chance.percent(20) else FEE_E4
        )


def _convert(life: Life, at: datetime, chance: Chance) -> None:
    """Pesos to dollars, by way of xrp: two fills of one order, without a fee."""
    price = _price("xrp", chance)
    major = (life.part("mxn", at, 40) / price).quantize(UNIT, ROUND_DOWN)
    if major > 0:
        oid = life.trade(at, "xrp_mxn", major, price, fee_e4=0).oid
        life.trade(at, "xrp_usd", -major, (price / _USD_MXN).quantize(UNIT), oid=oid, fee_e4=0)


def _pay_out(life: Life, at: datetime, chance: Chance) -> None:
    currency = chance.pick(("mxn", *_COINS))
    amount = life.part(currency, at, chance.between(50, 300))
    amount = amount.quantize(_CENT, ROUND_DOWN) if currency == "mxn" else amount
    if amount > 2 * Decimal(CHAIN_FEES.get(currency, "1")):
        fails = chance.percent(25)
        takes = timedelta(minutes=chance.between(3, 900))
        life.transfer(at, currency, -amount, takes, fails=fails, compensated=fails and chance.percent(50))


_HABITS: Final[tuple[tuple[int, _Doing], ...]] = (
    (18, _pay_in),
    (8, _receive),
    (45, _buy),
    (18, _sell),
    (6, _convert),
    (16, _pay_out),
)
"""How often in a hundred days, and what."""


def _way(currency: str, ident: str, *, inward: bool) -> tuple[str, dict[str, str]]:
    """The method's word, and the details it has (contract §8)."""
    if currency == "mxn":
        key = f"BNET0100{int(ident[:12], 16):018d}"
        who = (
            {"sender_name": "PERSON OF THE WORLD"} if inward else {"beneficiary_name": "PERSON OF THE WORLD"}
        )
        return "sp", {**who, "clave_rastreo": key, "concepto": "ahorro", "cep_link": ""}
    if currency == "brl":
        return "pixstark", {"end_to_end_id": f"E{int(ident[:16], 16):031d}"}
    return currency, {"tx_hash": sha256(ident.encode()).hexdigest()}


def _whole(at: datetime) -> datetime:
    """The exchange tells whole seconds."""
    return at.replace(microsecond=0)
