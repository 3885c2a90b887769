"""Watched wallets through the whole engine: linked as a person does, pulled under fire, held against what happened."""

import asyncio
from datetime import timedelta
from random import Random

import pytest
from tests.support.esplora import Watch, hand_clock, served, watching

from caudal.providers.bitcoin import pull
from caudal.settings import Settings
from caudal_sandbox.esplora.app import Esplora, Options
from caudal_sandbox.esplora.wallets import Kind as WalletKind
from caudal_sandbox.faults import Fault, Kind, Param

DAYS = 24
PER_MILLE = 20
SHORT: dict[Kind, dict[str, Param]] = {Kind.LATENCY: {"milliseconds": 2}, Kind.HANG: {"milliseconds": 10}}
FAULTS = (
    Kind.LATENCY,
    Kind.HANG,
    Kind.RESET,
    Kind.RATE_LIMITED,
    Kind.SERVER_ERROR,
    Kind.TRUNCATED,
    Kind.MALFORMED_JSON,
    Kind.HTML,
    Kind.MUTATION,
    Kind.WRONG_TYPES,
    Kind.ABSENT_OPTIONAL,
    Kind.UNKNOWN_ENUM,
    Kind.UNKNOWN_FIELD,
)
WALLETS = [
    ("p2tr", WalletKind.P2TR),
    ("wrapped", WalletKind.P2SH_P2WPKH),
    ("several", WalletKind.MULTISIG),
    ("address", WalletKind.ADDRESS),
]


def under_fire(esplora: Esplora, seed: int) -> None:
    """Everything an Esplora can do wrong, now and then."""
    for kind in FAULTS:
        per_mille = 3 if kind is Kind.MUTATION else PER_MILLE
        fault = Fault(kind, provider="bitcoin", per_mille=per_mille, seed=seed, params=SHORT.get(kind, {}))
        esplora.check(fault)
        esplora.faults.add(fault)


async def lived_through(watch: Watch, seed: int) -> None:
    """Days under fire; after each the fire stops, and every ledger is the wallet's truth to the last sat, and proven."""
    chance = Random(seed)
    connections = {name: await watch.link(name) for name, _ in WALLETS}
    for day in range(DAYS):
        under_fire(watch.esplora, seed * 1_000 + day)
        watch.clock.time += timedelta(hours=chance.choice([1, 3, 9, 30]))
        for connection in connections.values():
            await watch.sync(connection, tries=2)
        watch.esplora.faults.clear()
        watch.clock.time += timedelta(minutes=2)
        for name, connection in connections.items():
            assert await watch.sync(connection, tries=5)
            assert watch.held(connection) == watch.esplora.truth(name), (name, day)
            assert watch.verdict(connection) in {"proven", "none"}, (name, day, watch.verdict(connection))
    assert {watch.verdict(each) for each in connections.values()} == {"proven"}
    assert await watch.unsound() == {}


@pytest.mark.parametrize(("seed", "dialect"), [(1, "blockstream"), (2, "mempool")])
def test_the_ledger_is_the_wallets_truth_after_faults_reorganisations_and_replacements(
    settings: Settings, seed: int, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect == "mempool":
        monkeypatch.setattr(pull, "PAGE_MAX", 7)  # many pages from one cursor
    clock = hand_clock()
    options = Options(dialect="mempool" if dialect == "mempool" else "blockstream", block_minutes=60, busy=15)
    esplora = Esplora(seed, clock.now, wallets=WALLETS, options=options)
    clock.time += timedelta(days=12)

    async def work(url: str) -> None:
        async with watching(settings, esplora, url, clock) as watch:
            await lived_through(watch, seed)

    with served(esplora) as url:
        asyncio.run(work(url))
    assert esplora.life.reorganised
    assert esplora.life.replaced
    assert esplora.life.evicted
