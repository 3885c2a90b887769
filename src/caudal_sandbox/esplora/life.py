"""What people do with their wallets, block by block, drawn from the seed: being paid, paying, in a hurry."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.esplora.chain import MATURITY, Chain
from caudal_sandbox.esplora.transactions import Output, Tx, push
from caudal_sandbox.esplora.wallets import Kind, Wallet

OUTSIDE: Final = "outside"
"""Who mines, pays and is paid: everybody else."""


class Life:
    """A chain with `wallets` that live on it. Time goes by in blocks."""

    def __init__(
        self, seed: int, wallets: Sequence[Wallet], network: str = "main", *, busy: int = 25
    ) -> None:
        self.chain = Chain()
        self.wallets = {each.name: each for each in wallets}
        self.outside = Wallet(seed, OUTSIDE, Kind.P2WPKH, network)
        self._miner = self.outside.script(0, 0)
        self._chance = Chance(seed, "bitcoin")
        self._busy = busy
        self.reorganised = 0
        self.replaced = 0
        self.evicted = 0

    def found(self, at: datetime) -> None:
        """The first blocks: enough for the first reward to be spendable."""
        for number in range(MATURITY + 1):
            self.chain.mine(at - timedelta(minutes=10 * (MATURITY - number)), self._miner)

    def block(self, at: datetime) -> None:
        """What happens until the next block, and that block."""
        for wallet in self.wallets.values():
            if self._chance.percent(self._busy):
                self._act(wallet)
        leaving = [txid for txid in self.chain.mempool if self._chance.percent(30)]
        jitter = timedelta(
            minutes=self._chance.below(90)
        )  # the miner's clock: it need not grow from block to block
        if self._chance.percent(3):
            self._reorganise(at - jitter)
        else:
            self.chain.mine(at - jitter, self._reward(), leaving=leaving)

    def pay(self, wallet: Wallet, sats: int, *, skip: int = 0, fee: int = 500) -> Tx:
        """Somebody pays that into the wallet, at a script after `skip` others that stay unused."""
        tx = self.outside.pay(self.chain, [Output(wallet.receive(skip=skip), sats)], fee)
        if tx is None:
            raise ValueError("nobody has that much")
        return self.chain.broadcast(tx)

    def spend(self, wallet: Wallet, sats: int, *, fee: int = 500, note: bytes = b"") -> Tx | None:
        """The wallet pays that to somebody; None where it hasn't so much."""
        outputs = [Output(self.outside.receive(), sats)]
        if note:
            outputs.append(Output(b"\x6a" + push(note), 0))
        tx = wallet.pay(self.chain, outputs, fee)
        return None if tx is None else self.chain.broadcast(tx)

    def _act(self, wallet: Wallet) -> None:
        chance = self._chance
        deed = chance.below(100)
        own = [tx for tx in self.chain.mempool.values() if wallet.made(tx)]
        if deed < 40 and own:
            self._hurry(wallet, chance.pick(own))
        elif deed < 16 and self.chain.mempool:
            self.chain.evict(chance.pick(list(self.chain.mempool)))
            self.evicted += 1
        elif deed < 55 or wallet.balance(self.chain) < 100_000:
            self.pay(wallet, chance.between(600, 5_000_000), skip=chance.pick((0, 0, 0, 0, 1, 2)))
        elif deed < 85:
            note = b"with thanks" if chance.percent(10) else b""
            self.spend(wallet, chance.between(600, 80_000), fee=chance.between(200, 9_000), note=note)
        elif deed < 93:
            tx = wallet.pay(self.chain, [], chance.between(200, 2_000), to_itself=chance.between(600, 50_000))
            if tx is not None:
                self.chain.broadcast(tx)
        else:
            other = chance.pick(list(self.wallets.values()))
            tx = wallet.pay(self.chain, [Output(other.receive(), chance.between(600, 60_000))], 400)
            if tx is not None:
                self.chain.broadcast(tx)

    def _hurry(self, wallet: Wallet, tx: Tx) -> None:
        dearer = wallet.dearer(tx, self._chance.between(300, 3_000))
        if dearer is not None and dearer.txid not in self.chain.mempool:
            self.chain.broadcast(dearer)
            self.replaced += 1

    def _reorganise(self, at: datetime) -> None:
        """One to three blocks give way. What people paid waits again, and now and then is never heard of any more."""
        depth = self._chance.between(1, 3)
        txids = [tx.txid for block in self.chain.best[-depth:] for tx in block.txs[1:]]
        vanishing = [txid for txid in txids if self._chance.percent(15)]
        self.chain.reorganise(
            depth, at, self._miner, vanishing=vanishing, empty=self._chance.below(depth + 2)
        )
        self.reorganised += 1

    def _reward(self) -> bytes:
        """Now and then a wallet of ours mines."""
        if self.wallets and self._chance.percent(2):
            return self._chance.pick(list(self.wallets.values())).receive()
        return self._miner
