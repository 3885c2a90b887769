"""Bitcoin keeps the promises of every provider."""

from contextlib import AbstractAsyncContextManager

from tests.contract.conformance import BOUNDS, Conformance, Rig
from tests.support.plaid_script import HandClock

from caudal.model.errors import ProviderError, Refused
from caudal.providers.base import Ask, Fields, LinkAnswer, LinkStep, LiveProvider
from caudal.providers.bitcoin.config import BitcoinConfig
from caudal.providers.bitcoin.errors import RULES, NotThere, PageLost, error_for
from caudal.providers.bitcoin.provider import DECLARATION, BitcoinProvider
from caudal.providers.http import Answer
from caudal_sandbox.esplora.app import PLAYED
from caudal_sandbox.esplora.service import Bitcoin
from caudal_sandbox.esplora.wallets import Wallet
from caudal_sandbox.faults import Kind
from caudal_sandbox.server import Sandbox

FAMILIES: dict[str, type[ProviderError]] = {
    "400 Invalid Bitcoin address": Refused,
    "400 Invalid hex string": Refused,
    "400 Too many unspent transaction outputs": Refused,
    "404 Transaction not found": NotThere,
    "404 Block not found": NotThere,
    "422 after_txid not found": PageLost,
}
"""Every refusal that the servers' source has (contract §3)."""


def chain(sandbox: Sandbox) -> Bitcoin:
    found = sandbox.emulators["bitcoin"]
    assert isinstance(found, Bitcoin)
    return found


def wallet(sandbox: Sandbox) -> Wallet:
    return next(iter(chain(sandbox).esplora.wallets.values()))


def opened(sandbox: Sandbox, clock: HandClock) -> AbstractAsyncContextManager[LiveProvider]:
    return BitcoinProvider(BitcoinConfig((sandbox.url_of("bitcoin"),), gap=8), BOUNDS, clock=clock)


def person(sandbox: Sandbox, step: LinkStep) -> LinkAnswer:
    assert isinstance(step, Ask), step
    mine = wallet(sandbox)
    return Fields(step.state, {"wallet": mine.key, "kind": str(mine.kind)})


def happens(sandbox: Sandbox) -> None:
    """Paid twice, and spent in a hurry."""
    life, mine = chain(sandbox).esplora.life, wallet(sandbox)
    life.pay(mine, 250_000)
    life.pay(mine, 250_000)
    tx = life.spend(mine, 40_000)
    dearer = tx and mine.dearer(tx, 700)
    if dearer:
        life.chain.broadcast(dearer)


def holds(sandbox: Sandbox) -> None:
    life = chain(sandbox).esplora.life
    life.pay(wallet(sandbox), 9_000)


def error_of(code: str) -> ProviderError:
    status, _, words = code.partition(" ")
    return error_for("txs", Answer(int(status), {}, words.encode(), 0))


def documented() -> dict[str, type[ProviderError]]:
    assert {f"{status} {words}" for status, words in RULES} == FAMILIES.keys()
    return FAMILIES


class TestBitcoin(Conformance):
    rig = Rig(
        DECLARATION,
        opened,
        person,
        need_user=None,
        end=None,
        codes=documented,
        error_of=error_of,
        secrets=(),
        never=frozenset(Kind) - PLAYED,
        happens=happens,
        holds=holds,
    )
