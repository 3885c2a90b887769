"""Ethereum keeps the promises of every provider: by Etherscan alone, and by Blockscout with its node."""

import contextlib
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from random import Random

import msgspec
from tests.contract.conformance import BOUNDS, PASSING, PATIENCE, Books, Conformance, Rig
from tests.support.books import all_rows
from tests.support.plaid_script import HandClock
from tests.support.shared import shared

from caudal.model.errors import ProviderError, RateLimited, Refused, Unavailable
from caudal.providers.base import Ask, Fields, LinkAnswer, LinkStep, LiveProvider
from caudal.providers.ethereum.config import EthereumConfig
from caudal.providers.ethereum.errors import (
    HTTP_RULES,
    RPC_RULES,
    RULES,
    NotOffered,
    TooMuch,
    by_code,
    by_http,
    told,
)
from caudal.providers.ethereum.provider import DECLARATION, EthereumProvider
from caudal.providers.http import Answer
from caudal.settings import Settings
from caudal_sandbox.ethereum.app import BLOCKSCOUT, ETHERSCAN, PLAYED
from caudal_sandbox.ethereum.explorer import Options
from caudal_sandbox.ethereum.life import USDC, Wallet
from caudal_sandbox.ethereum.service import EthereumService
from caudal_sandbox.faults import Fault, Kind, Param
from caudal_sandbox.server import Sandbox

DAYS = 20
SHORT: dict[Kind, dict[str, Param]] = {Kind.LATENCY: {"milliseconds": 2}, Kind.HANG: {"milliseconds": 10}}
KEY = "K3Y0FTH3EXPL0R3R"
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)

FAMILIES: dict[str, type[ProviderError]] = {
    "Max calls per sec": RateLimited,
    "Max rate limit reached": RateLimited,
    "Max daily": RateLimited,
    "Free API access is not supported": Refused,
    "Free API access is temporarily": Unavailable,
    "Invalid API Key": Refused,
    "Missing/Invalid API Key": Refused,
    "Too many invalid api key": Refused,
    "Query Timeout": TooMuch,
    "Result window is too large": TooMuch,
    "Unknown action": NotOffered,
    "Error!": Refused,
    "401": Refused,
    "402": Refused,
    "429": RateLimited,
    "-32700": Refused,
    "-32600": Refused,
    "-32601": Refused,
    "-32602": Refused,
    "-32005": RateLimited,
    "-32000": Unavailable,
}


def chain(sandbox: Sandbox) -> EthereumService:
    found = sandbox.emulators["ethereum"]
    assert isinstance(found, EthereumService)
    return found


def wallet(sandbox: Sandbox) -> Wallet:
    return next(iter(chain(sandbox).ethereum.wallets.values()))


def by_etherscan(sandbox: Sandbox, clock: HandClock) -> AbstractAsyncContextManager[LiveProvider]:
    url = f"{sandbox.url_of('ethereum')}{ETHERSCAN}"
    return EthereumProvider(EthereumConfig(url, key=KEY), BOUNDS, clock=clock)


def by_blockscout(sandbox: Sandbox, clock: HandClock) -> AbstractAsyncContextManager[LiveProvider]:
    base = sandbox.url_of("ethereum")
    config = EthereumConfig(f"{base}{BLOCKSCOUT}", "blockscout", KEY, f"{base}/rpc", page_rows=25)
    return EthereumProvider(config, BOUNDS, clock=clock)


def person(sandbox: Sandbox, step: LinkStep) -> LinkAnswer:
    assert isinstance(step, Ask), step
    return Fields(step.state, {"addresses": " ".join(wallet(sandbox).addresses)})


def happens(sandbox: Sandbox) -> None:
    """Paid twice the same, spent, failed, and the last block is left."""
    life, mine = chain(sandbox).ethereum.life, wallet(sandbox)
    life.inner(mine.own, 10**17)
    life.pay_token(USDC, mine.own, 5_000_000, times=2)
    life.send(mine.own, mine.own, 10**15)
    life.send(mine.own, mine.shared, 10**15)
    life.send(mine.own, life.outside, 10**15, ok=False)
    life.mine(sandbox.world.now)
    life.chain.reorganise(1, sandbox.world.now)


def holds(sandbox: Sandbox) -> None:
    chain(sandbox).ethereum.life.pay(wallet(sandbox).own, 9_000)


def error_of(code: str) -> ProviderError:
    if not code.lstrip("-").isdigit():
        return told("txlist", code, NOW)
    if int(code) < 0:
        return by_code("eth_call", int(code), NOW)
    return by_http("txlist", Answer(int(code), {}, b"", 0), NOW)


def documented() -> dict[str, type[ProviderError]]:
    """All that the contract lists, and no more than that has a rule."""
    ruled = {*RULES, *map(str, HTTP_RULES), *map(str, RPC_RULES)}
    assert ruled == FAMILIES.keys() - {"-32000"}
    cases = msgspec.json.decode(
        shared("contracts", "ethereum", "examples", "etherscan_errors.json").read_bytes()
    )
    for case in cases["cases"]:
        body = case["body"]
        if (
            body.get("status") == "0"
            and body["message"] != "No records found"
            and "No trans" not in body["message"]
        ):
            words = body["result"] or body["message"]
            assert [each for each in RULES if words.startswith(each)], words
    return FAMILIES


RIG = Rig(
    DECLARATION,
    by_etherscan,
    person,
    need_user=None,
    end=None,
    codes=documented,
    error_of=error_of,
    secrets=(KEY,),
    emulators=(lambda ground: EthereumService(ground, Options(keys=frozenset({KEY}))),),
    never=frozenset(Kind) - PLAYED | {Kind.NOT_READY},
    happens=happens,
    holds=holds,
)


class Months:
    """What is Ethereum's own to promise."""

    def test_after_days_under_fire_and_reorganised_blocks_the_ledger_is_the_truth_and_proven(
        self: Conformance, settings: Settings
    ) -> None:
        async def work(books: Books) -> None:
            sandbox, chance = books.bench.sandbox, Random(3)
            for day in range(DAYS):
                for kind in sorted(PLAYED):
                    per_mille = 5 if kind is Kind.MUTATION else 20
                    fault = Fault(kind, "ethereum", per_mille=per_mille, seed=day, params=SHORT.get(kind, {}))
                    sandbox.run(lambda fault=fault: sandbox.faults.add(fault))
                sandbox.advance(hours=chance.choice([3, 12, 40]))
                with contextlib.suppress(*PASSING):
                    await books.sync()
                sandbox.run(sandbox.faults.clear)
                books.bench.clock.time += PATIENCE
                await books.through()
                await books.through()
                await books.expect_the_truth()
                assert verdicts(books) == {"proven"}, day
            assert transfers(books) > 3, "between one's own addresses"
            life = chain(sandbox).ethereum.life
            assert life.reorganised
            assert life.dropped

        self.with_books(settings, work)


def verdicts(books: Books) -> set[str]:
    """What the proofs of all accounts say."""
    space = books.space.space_id
    url = books.opened.settings.database_url
    return {
        str(row[0]) for row in all_rows(url, f"select verdict from caudal.proof where space_id = '{space}'")
    }


def transfers(books: Books) -> int:
    """How many movements between own accounts are known."""
    space = books.space.space_id
    url = books.opened.settings.database_url
    return len(all_rows(url, f"select 1 from caudal.transfer where space_id = '{space}'"))


class TestEtherscan(Months, Conformance):
    rig = RIG


class TestBlockscout(Months, Conformance):
    rig = RIG._replace(opened=by_blockscout, never=frozenset(Kind) - PLAYED)
