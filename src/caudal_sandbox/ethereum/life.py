"""What people do with their wallets, block by block, drawn from the seed. Each has a key of their own and a shared wallet
that is a contract: what goes out of that nobody sees among transactions."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.ethereum.chain import GWEI, Chain, Inner, Log, Token, Tx, Withdrawal

ETHER_WEI: Final = 10**18
EMPTY: Final = 128
"""Blocks before anything happens: more than may yet be left."""
SLOT: Final = timedelta(seconds=12)
USDC: Final = Token("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "USD Coin", "USDC", 6)
DAI: Final = Token("0x6b175474e89094c44da98b954eedeac495271d0f", "Dai Stablecoin", "DAI", 18)


class Wallet(NamedTuple):
    """`own`: an address with a key; `shared`: a contract that several sign for."""

    name: str
    own: str
    shared: str

    @property
    def addresses(self) -> tuple[str, str]:
        """Both."""
        return self.own, self.shared


def address(*name: object) -> str:
    """An address that only this name has."""
    return "0x" + hashlib.sha256("/".join(map(str, name)).encode()).hexdigest()[:40]


class Life:
    """A chain with wallets that live on it."""

    def __init__(self, seed: int, names: Sequence[str], *, busy: int = 25) -> None:
        self.chain = Chain()
        self.wallets = {
            name: Wallet(name, address(seed, name, "own"), address(seed, name, "shared")) for name in names
        }
        self.outside = address(seed, "outside")
        self.mixer = address(seed, "mixer")
        self.fake = Token(address(seed, "fake"), "USD Coin (claim at usdc.example)", "USDC", None)
        self.waiting: list[Tx] = []
        """Sent, and in no block yet: no explorer tells of it."""
        self.paid_out: list[Withdrawal] = []
        self.reorganised = 0
        self.dropped = 0
        self._chance = Chance(seed, "ethereum")
        self._busy = busy

    def found(self, at: datetime) -> None:
        """The first blocks, and who had something before them."""
        for token in (USDC, DAI, self.fake):
            for who in (self.outside, self.mixer):
                self.chain.grant(who, token.contract, 10**30)
        for who in (self.outside, self.mixer):
            self.chain.endow(who, 10**9 * ETHER_WEI)
        for number, wallet in enumerate(self.wallets.values()):
            if number == 0:
                self.chain.endow(wallet.own, 2 * ETHER_WEI)
        for number in range(EMPTY, -1, -1):
            self.mine(at - number * SLOT)

    def block(self, at: datetime) -> None:
        """What happens until the next block, and that block."""
        for wallet in self.wallets.values():
            if self._chance.percent(self._busy):
                self._act(wallet)
        if len(self.chain.best) > 4 and self._chance.percent(4):
            self._reorganise(at)
        self.mine(at)

    def mine(self, at: datetime) -> None:
        """A block of all that waits."""
        txs, payouts = self.waiting, self.paid_out
        self.waiting, self.paid_out = [], []
        self.chain.mine(at, txs, payouts)

    def send(self, sender: str, to: str, wei: int = 0, **told: object) -> Tx:
        """A transaction that goes into the next block."""
        ahead = sum(tx.sender == sender for tx in self.waiting)
        nonce = self.chain.nonce(sender) + ahead
        price = self._chance.between(GWEI, 30 * GWEI)
        tx = Tx(self.chain.name(sender, nonce), sender, nonce, to, wei, gas_price=price)
        tx = msgspec.structs.replace(tx, **told)
        self.waiting.append(tx)
        return tx

    def pay(self, to: str, wei: int) -> Tx:
        """Somebody pays that."""
        return self.send(self.outside, to, wei)

    def pay_token(self, token: Token, to: str, units: int, times: int = 1) -> Tx:
        """Somebody pays that in a token, so often in one transaction."""
        logs = (Log(token, self.outside, to, units),) * times
        return self.send(self.outside, token.contract, gas_used=61_000, data="0xa9059cbb", logs=logs)

    def spend_token(self, token: Token, sender: str, units: int, to: str = "") -> Tx:
        """The wallet pays that in a token."""
        logs = (Log(token, sender, to or self.outside, units),)
        return self.send(sender, token.contract, gas_used=61_000, data="0xa9059cbb", logs=logs)

    def inner(self, to: str, wei: int, *, noise: bool = True) -> Tx:
        """A contract pays that, twice the same, amid calls that move nothing."""
        paid = Inner(self.mixer, to, wei)
        calls = [paid, paid]
        if noise:
            calls += [Inner(self.mixer, to, wei, "delegatecall"), Inner(self.mixer, to, wei, ok=False)]
        return self.send(self.outside, self.mixer, gas_used=90_000, data="0x3ccfd60b", inner=tuple(calls))

    def shared_pays(self, wallet: Wallet, to: str, wei: int) -> Tx:
        """Those who sign for the shared wallet have it pay: it is no sender, and pays no fee."""
        calls = (Inner(wallet.shared, to, wei),)
        return self.send(self.outside, wallet.shared, gas_used=80_000, data="0x6a761202", inner=calls)

    def _act(self, wallet: Wallet) -> None:
        some = self._chance.between(10**12, ETHER_WEI // 20) + self._chance.below(10**9)
        deed = self._chance.below(16)
        if deed < 2 or self.chain.balance(wallet.own) < ETHER_WEI // 2:
            self.pay(wallet.own, some * 20)
        elif deed < 8:
            self._with_ether(wallet, deed, some)
        elif deed < 12:
            self._with_tokens(wallet, deed, some)
        elif deed == 12:
            self.paid_out.append(self.chain.withdrawal(wallet.own, self._chance.between(1, 20_000_000)))
        else:
            self._together(wallet, some)

    def _with_ether(self, wallet: Wallet, deed: int, some: int) -> None:
        own = wallet.own
        if deed == 2:
            self.send(own, self.outside, some)
        elif deed == 3:
            self.send(own, self.outside, some, ok=False, gas_used=48_123)
        elif deed == 4:
            self.send(own, own, some)
        elif deed == 5:
            made = address(self.chain.name("made"))
            self.send(own, "", some // 100, created=made, gas_used=912_000, data="0x6080")
        elif deed == 6:
            self.inner(own, some)
        else:
            self.send(own, wallet.shared, some)

    def _with_tokens(self, wallet: Wallet, deed: int, some: int) -> None:
        own, chance = wallet.own, self._chance
        cash = self.chain.balance(own, USDC.contract)
        if deed == 8 and cash:
            self.spend_token(USDC, own, chance.between(1, min(cash, 2_000_000_000)))
        elif deed == 9:
            swap = (Log(DAI, self.mixer, own, some * 30),)
            self.send(own, self.mixer, some // 2, gas_used=160_000, data="0x38ed1739", logs=swap)
        elif deed == 10:
            self._beguile(own)
        else:
            self.pay_token(USDC, own, chance.between(1, 900_000_000), times=chance.between(1, 3))

    def _beguile(self, own: str) -> None:
        """A false token, and nothing sent to an address that looks like one's own."""
        self.pay_token(self.fake, own, 10**9)
        copy = own[:6] + self.outside[6:38] + own[38:]
        logs = (Log(USDC, own, copy, 0),)
        self.send(self.outside, USDC.contract, gas_used=50_000, data="0x23b872dd", logs=logs)

    def _together(self, wallet: Wallet, some: int) -> None:
        pooled = self.chain.balance(wallet.shared)
        if pooled and self._chance.percent(60):
            to = self._chance.pick((wallet.own, self.outside))
            self.shared_pays(wallet, to, self._chance.between(1, min(pooled, some)))
        else:
            self.pay_token(USDC, wallet.shared, self._chance.between(1, 900_000_000))

    def _reorganise(self, at: datetime) -> None:
        depth = self._chance.between(1, 3)
        txs = [tx.hash for block in self.chain.best[-depth:] for tx in block.txs]
        dropping = [name for name in txs if self._chance.percent(20)]
        self.dropped += len(self.chain.reorganise(depth, at, dropping))
        self.reorganised += 1
        # what waits was numbered after what is gone
        self.waiting = []
