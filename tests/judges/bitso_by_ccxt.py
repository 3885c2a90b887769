"""What ccxt makes of a Bitso, as JSON. Run by the judges' own Python: address, key and secret are lines of its input."""

import json
import sys

import ccxt


def refusal(call):
    """The name of ccxt's error."""
    try:
        call()
    except ccxt.BaseError as error:
        return type(error).__name__
    return None


url, key, secret = (sys.stdin.readline().strip() for _ in range(3))
told = {"apiKey": key, "secret": secret, "enableRateLimit": False, "number": str}
exchange = ccxt.bitso(told)
stranger = ccxt.bitso({**told, "apiKey": "another"})
for each in (exchange, stranger):
    each.urls["api"] = {"rest": url}
exchange.load_markets()
books = [each for each in exchange.symbols if each.endswith("/MXN")]
first = exchange.fetch_my_trades(books[0], limit=1)
json.dump(
    {
        "balance": exchange.fetch_balance()["total"],
        "trades": {book: exchange.fetch_my_trades(book, limit=100) for book in books},
        "after": exchange.fetch_my_trades(books[0], limit=100, params={"marker": first[0]["id"]}),
        "deposits": exchange.fetch_deposits(),
        "deposit": exchange.fetch_deposit(exchange.fetch_deposits()[0]["id"]),
        "ledger": exchange.fetch_ledger(limit=100),
        "fees": exchange.fetch_trading_fees(),
        "ticker": exchange.fetch_ticker(books[0]),
        "open": exchange.fetch_open_orders(books[0]),
        "stranger": refusal(stranger.fetch_balance),
        "too_many": refusal(lambda: exchange.fetch_my_trades(books[0], limit=101)),
    },
    sys.stdout,
)
