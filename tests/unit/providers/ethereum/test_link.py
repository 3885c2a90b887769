"""Linking addresses, and what an installation says of them."""

import pytest

from caudal.model.errors import ConfigError, Refused
from caudal.providers.base import (
    Abandoned,
    Access,
    Ask,
    Conclude,
    Fields,
    Found,
    Linked,
    LinkRequest,
    LinkState,
    Poll,
)
from caudal.providers.ethereum import EthereumConfig, link
from caudal.providers.ethereum.entry import opened, sandboxed
from caudal.providers.http import SystemClock
from caudal.settings import Settings, load

MINE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
OTHER = "0x" + "12" * 20
CONFIG = EthereumConfig()


def shown(text: str) -> object:
    return link.go_on(Fields(LinkState(""), {"addresses": text}), CONFIG)


def linked(text: str) -> Linked:
    found = shown(text)
    assert isinstance(found, Found)
    made = link.go_on(Conclude(found.state), CONFIG)
    assert isinstance(made, Linked)
    return made


def test_addresses_are_asked_for_until_they_are_right() -> None:
    assert isinstance(link.begin(LinkRequest("space-1")), Ask)
    again = shown(MINE[:-1] + "D")
    assert isinstance(again, Ask)
    assert "EIP-55" in again.why
    found = shown(f"{OTHER} {MINE}")
    assert isinstance(found, Found)
    assert [each.mask for each in found.accounts] == ["1212", "eaed"]
    assert MINE.lower() not in repr(found)


def test_the_same_addresses_are_the_same_connection_however_they_are_shown() -> None:
    assert linked(f"{OTHER} {MINE}").reference == linked(f"{MINE.lower()},{OTHER}").reference
    assert linked(MINE).reference != linked(OTHER).reference
    made = linked(MINE)
    assert link.opened(Access("c", made.reference, None, made.secrets)) == (MINE.lower(),)
    assert MINE.lower() not in f"{made!r} {made.reference}"


def test_what_is_public_needs_no_mending_and_is_not_polled_for() -> None:
    made = linked(MINE)
    access = Access("c", made.reference, None, made.secrets)
    assert isinstance(link.begin(LinkRequest("space-1", relink=access)), Abandoned)
    with pytest.raises(Refused):
        link.go_on(Poll(LinkState("")), CONFIG)
    with pytest.raises(Refused, match="link it again"):
        link.opened(Access("c", "r", None, {}))


@pytest.mark.parametrize(
    "said",
    [
        {"chain_id": 10},
        {"dialect": "other"},
        {"page_rows": 0},
        {"url": "https://x.example"},
        {"tokens": ("0x12=DAI",)},
    ],
)
def test_settings_that_cannot_be_are_refused(said: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="ethereum"):
        EthereumConfig(**said)  # type: ignore[arg-type]


def test_one_s_own_servers_are_asked_without_limit_and_no_key_is_shown() -> None:
    assert EthereumConfig(url="http://127.0.0.1:1/api").budgets == {}
    assert CONFIG.budgets
    environ = {"CAUDAL_ETHEREUM_KEY": "s3cret", "CAUDAL_ETHEREUM_RPC_URL": "https://node.example/v3/s3cret"}
    settings = load(environ)
    assert "s3cret" not in f"{settings!r} {settings.ethereum!r}"
    provider = opened(settings, SystemClock(), None, None)
    assert "s3cret" not in repr(provider)


def test_at_the_sandbox_its_explorer_is_asked() -> None:
    assert sandboxed(Settings(), "http://127.0.0.1:9").ethereum.url == "http://127.0.0.1:9/ethereum/v2/api"
