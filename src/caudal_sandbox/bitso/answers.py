"""How Bitso tells it: its JSON, in the shapes of today (contract §6 to §8)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Final

from caudal_sandbox.bitso.books import UNIT, Books, Entry, Trade, Transfer
from caudal_sandbox.bitso.life import CHAIN_FEES, FEE_E4, PRICES
from caudal_sandbox.corruption import Json

FIAT: Final = ("ars", "brl", "cop", "mxn", "usd")
BOOKS: Final = (*(f"{coin}_mxn" for coin in PRICES), "xrp_usd")
_NAMES: Final = {
    "sp": "SPEI Transfer",
    "pixstark": "Pix",
    "compensation": "Withdrawal compensation",
    "btc": "Bitcoin",
    "eth": "Ethereum",
    "xrp": "Ripple",
}
_NETWORKS: Final = {
    "sp": ("spei", "clabe", "praxis"),
    "pixstark": ("pix", "pix_ind", "stark"),
    "btc": ("btc", "btc", "bitgo-v2"),
}
_SPELLINGS: Final = ("%Y-%m-%dT%H:%M:%S+0000", "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%dT%H:%M:%S.000+00:00")
_SMALL: Final = Decimal("0.001")
_PERCENT: Final = Decimal(FEE_E4) / 100


def account_status(client_id: str) -> Json:
    """Who it is: with a person's data, as Bitso tells them."""
    return {
        "client_id": client_id,
        "first_name": "PERSON",
        "last_name": "OF THE WORLD",
        "status": "active",
        "daily_limit": "250000.00",
        "monthly_limit": "1000000.00",
        "daily_remaining": "250000.00",
        "monthly_remaining": "1000000.00",
        "cellphone_number": "verified",
        "cellphone_number_stored": "+525500000000",
        "email": "verified",
        "email_stored": "person@example.com",
        "verification_level": 2,
    }


def balances(
    books: Books, now: datetime, *, pending_inside: bool, unexplained: Mapping[str, Decimal]
) -> Json:
    """Every currency, those with nothing in them too. What is being paid out has left the total, or is in it yet
    (`pending_inside`): the contract leaves that open (§6). `unexplained`: what stands there and no list tells of."""
    booked = books.booked(now)
    coming, going = (books.pending(now, inward=inward) for inward in (True, False))
    told: list[Json] = []
    for currency in sorted({*books.currencies(now), *FIAT, *PRICES}):
        leaving = going.get(currency, Decimal(0))
        whole = booked.get(currency, Decimal(0)) + unexplained.get(currency, Decimal(0))
        total = whole if pending_inside else whole - leaving
        locked = leaving if pending_inside else Decimal(0)
        told.append(
            {
                "currency": currency,
                "available": _exact(total - locked),
                "locked": _exact(locked),
                "total": _exact(total),
                "pending_deposit": _exact(coming.get(currency, Decimal(0))),
                "pending_withdrawal": _exact(leaving),
            }
        )
    return {"balances": told}


def trade(each: Trade) -> Json:
    """One of /user_trades."""
    return {
        "book": each.book,
        "major": _exact(each.major),
        "minor": _exact(each.minor),
        "major_currency": each.major_currency,
        "minor_currency": each.minor_currency,
        "price": f"{each.price:f}",
        "side": "buy" if each.major > 0 else "sell",
        "maker_side": "sell" if each.tid % 2 else "buy",
        "fees_amount": _exact(each.fee),
        "fees_currency": each.fee_currency,
        "tid": str(each.tid),
        "oid": each.oid,
        "origin_id": None,
        "created_at": _moment(each.at, each.tid),
    }


def transfer(each: Transfer, now: datetime) -> Json:
    """One of /fundings or /withdrawals."""
    network, protocol, integration = _NETWORKS.get(each.method, (each.method,) * 3)
    told: dict[str, Json] = {
        "fid" if each.inward else "wid": each.ident,
        "status": each.status(now),
        "created_at": _moment(each.at, int(each.ident[:6], 16)),
        "currency": each.currency,
        "method": each.method,
        "method_name": _NAMES.get(each.method, each.method),
        "amount": _amount(each.amount, each.currency),
        "asset": each.currency,
        "network": network,
        "protocol": protocol,
        "integration": integration,
        "details": dict[str, Json](each.details),
    }
    return told if each.inward else {**told, "origin_id": None}


def entry(each: Entry) -> Json:
    """One line of /ledger."""
    of = each.of
    details: dict[str, Json] = (
        {"tid": str(of.tid), "oid": of.oid}
        if isinstance(of, Trade)
        else {"fid" if of.inward else "wid": of.ident}
        if each.operation == "fee"
        else {
            "fid" if of.inward else "wid": of.ident,
            "method": of.method,
            "method_name": _NAMES.get(of.method, ""),
        }
    )
    return {
        "eid": eid(each),
        "operation": each.operation,
        "created_at": _moment(each.at, 0),
        "balance_updates": [{"currency": what, "amount": _exact(amount)} for what, amount in each.updates],
        "details": details,
    }


def eid(each: Entry) -> str:
    """The name of a line."""
    of = each.of
    name = str(of.tid) if isinstance(of, Trade) else of.ident
    return sha256(f"{each.operation}/{name}".encode()).hexdigest()[:32]


def fees() -> Json:
    """Percent, and the same as a fraction."""
    percent, fraction = f"{_PERCENT:f}", f"{Decimal(FEE_E4) / 10_000:f}"
    book_fees: list[Json] = [
        {
            "book": book,
            "fee_percent": percent,
            "fee_decimal": fraction,
            "taker_fee_percent": percent,
            "taker_fee_decimal": fraction,
            "maker_fee_percent": percent,
            "maker_fee_decimal": fraction,
        }
        for book in BOOKS
    ]
    deposit: list[Json] = [{"currency": "btc", "method": "btc", "fee": "0.00", "is_fixed": False}]
    return {"fees": book_fees, "deposit_fees": deposit, "withdrawal_fees": dict[str, Json](CHAIN_FEES)}


def available_books() -> Json:
    """Limits and fees: the flat rate is in percent, the structure in fractions."""
    return [
        {
            "book": book,
            "minimum_price": "0.01",
            "maximum_price": "90000000",
            "minimum_amount": "0.00000010",
            "maximum_amount": "500000",
            "minimum_value": "10.00",
            "maximum_value": "200000000",
            "tick_size": "0.01",
            "default_chart": "candle",
            "fees": {
                "flat_rate": {"maker": f"{_PERCENT:f}", "taker": f"{_PERCENT:f}"},
                "structure": [{"volume": "1500000", "maker": "0.00500", "taker": "0.00650"}],
            },
        }
        for book in BOOKS
    ]


def catalogues() -> Json:
    """What currencies there are: not in the contract, and asked for by ccxt before anything else."""
    coins: list[Json] = [
        {"code": code, "full_name": code.upper(), "precision": places, "type": kind}
        for codes, places, kind in ((FIAT, 2, "fiat"), (PRICES, 8, "crypto"))
        for code in codes
    ]
    return {"currencies": {"metadata": coins}}


def ticker(book: str, now: datetime) -> Json:
    """A price that stands still."""
    price = f"{PRICES[book.partition('_')[0]]}.00"
    prices = dict.fromkeys(("high", "last", "vwap", "low", "ask", "bid"), price)
    return {"book": book, "volume": "12.50000000", "change_24": "0", "created_at": _moment(now, 1), **prices}


def _moment(at: datetime, number: int) -> str:
    """In one of the three spellings that occur (contract §4)."""
    return at.strftime(_SPELLINGS[number % 3])


def _exact(amount: Decimal) -> str:
    return f"{amount.quantize(UNIT):f}"


def _amount(amount: Decimal, currency: str) -> str:
    """Fiat with two places, coins with eight (contract §4); small ones as Java writes a double, as recorded in 2017."""
    if currency in FIAT and amount == round(amount, 2):
        return f"{amount:.2f}"
    if 0 < amount < _SMALL:
        digits = "".join(map(str, amount.normalize().as_tuple().digits))
        return f"{digits[0]}.{digits[1:] or '0'}E{amount.adjusted()}"
    return _exact(amount)
