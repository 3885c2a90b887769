"""Linking a wallet: what is asked, what is found, what is refused, and what never shows."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.support.plaid_script import HandClock

from caudal.model.errors import ConfigError, NotGenuine, Refused
from caudal.provider_settings import BitcoinSettings
from caudal.providers.base import (
    Abandoned,
    Access,
    Ask,
    Capability,
    Conclude,
    Delivery,
    Fields,
    Found,
    Linked,
    LinkRequest,
    LinkState,
    LinkStep,
    Poll,
)
from caudal.providers.bitcoin import BitcoinConfig, BitcoinProvider
from caudal.providers.registry import budgets, opened
from caudal.settings import Settings
from caudal_sandbox.esplora.app import Esplora
from caudal_sandbox.esplora.wallets import Kind

START = datetime(2026, 1, 1, tzinfo=UTC)
XPRV = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"


def walked(kind: Kind, *answers: dict[str, str], used: bool = True, key: str = "") -> list[LinkStep]:
    """The steps of a link, begun and answered so."""
    esplora = Esplora(5, lambda: START, wallets=[("mine", kind)])
    wallet = esplora.wallets["mine"]
    if used:
        esplora.life.pay(wallet, 5_000)

    async def work() -> list[LinkStep]:
        transport = httpx.ASGITransport(esplora.app)
        config = BitcoinConfig(("http://127.0.0.1:1",))
        async with BitcoinProvider(config, clock=HandClock(START), transport=transport) as live:
            steps = [await live.begin_link(LinkRequest("someone"))]
            for answer in ({"wallet": key or wallet.key}, *answers):
                assert isinstance(steps[-1], Ask)
                steps.append(await live.continue_link(Fields(steps[-1].state, answer)))
            if isinstance(steps[-1], Found):
                steps.append(await live.continue_link(Conclude(steps[-1].state)))
            return steps

    return asyncio.run(work())


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.P2PK])
def test_a_used_wallet_is_found_by_what_its_person_shows(kind: Kind) -> None:
    *_, found, linked = walked(kind)
    assert isinstance(found, Found)
    assert isinstance(linked, Linked)
    (account,) = found.accounts
    assert linked.reference == account.ref
    assert "pub" not in repr(linked) + repr(found)


def test_an_unused_xpub_is_asked_which_addresses_it_makes() -> None:
    steps = walked(Kind.P2TR, {"kind": "p2tr, p2wpkh"}, used=False)
    asked, linked = steps[1], steps[-1]
    assert isinstance(asked, Ask)
    assert "p2sh-p2wpkh" in asked.fields["kind"]
    assert isinstance(linked, Linked)
    assert linked.secrets["wallet"].count(b"<0;1>") == 2


def test_a_private_key_ends_the_link_and_is_not_repeated() -> None:
    step = walked(Kind.P2WPKH, key=XPRV)[-1]
    assert isinstance(step, Abandoned)
    assert "leaked" in step.why
    assert XPRV not in repr(step)


def test_what_is_no_key_ends_the_link_in_words() -> None:
    step = walked(Kind.P2WPKH, key="hello")[-1]
    assert isinstance(step, Abandoned)
    assert "hello" not in step.why


def alone(work: Any) -> Any:
    """`work` with a provider that reaches nobody."""

    async def run() -> Any:
        async with BitcoinProvider(BitcoinConfig()) as live:
            return await work(live)

    return asyncio.run(run())


def test_there_is_nothing_to_mend_nothing_to_poll_and_no_webhook() -> None:
    async def work(live: BitcoinProvider) -> None:
        access = Access("connection-1", "ref", None, {})
        assert isinstance(await live.begin_link(LinkRequest("someone", relink=access)), Abandoned)
        with pytest.raises(Refused):
            await live.continue_link(Poll(LinkState("")))
        with pytest.raises(Refused):
            await live.continue_link(Conclude(LinkState("nonsense")))
        with pytest.raises(NotGenuine):
            await live.verify_webhook(Delivery({}, b"{}", START))
        assert live.signals_of(b"{}") == []
        await live.refresh(access)
        await live.revoke(access)
        with pytest.raises(Refused, match="no wallet"):
            await anext(live.pull(access, ""))  # type: ignore[arg-type]
        assert not live.capabilities & {Capability.WEBHOOKS, Capability.REFRESH, Capability.RELINK}

    alone(work)


def test_an_installation_says_where_and_how_the_chain_is_read() -> None:
    async def work(settings: Settings) -> tuple[str, ...]:
        async with opened(settings, "bitcoin") as live:
            assert isinstance(live, BitcoinProvider)
            return live._config.urls

    own = Settings(bitcoin=BitcoinSettings(url="https://node.example/api , https://other.example/api"))
    assert asyncio.run(work(own)) == ("https://node.example/api", "https://other.example/api")
    assert asyncio.run(work(Settings()))[0] == "https://blockstream.info/api"
    assert set(budgets()["bitcoin"]) == {"address", "txs", "tx", "tip", "block"}
    assert BitcoinConfig(("https://node.example/api",)).budgets == {}
    assert BitcoinConfig(("https://mempool.space/api",)).budgets


@pytest.mark.parametrize("told", [{"gap": 0}, {"gap": 1_001}, {"network": "regtest"}, {"network": "moon"}])
def test_what_cannot_be_set_up_is_said(told: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        BitcoinConfig(**told)
