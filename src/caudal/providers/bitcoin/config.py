"""What an installation says about Bitcoin."""

from collections.abc import Mapping
from typing import Final, get_args

import msgspec

from caudal.model.errors import ConfigError
from caudal.providers.bitcoin.keys import Network
from caudal.providers.http import Budget

PUBLIC: Final[Mapping[Network, tuple[str, ...]]] = {
    "main": ("https://blockstream.info/api", "https://mempool.space/api"),
    "test": ("https://blockstream.info/testnet/api", "https://mempool.space/testnet/api"),
    "signet": ("https://blockstream.info/signet/api", "https://mempool.space/signet/api"),
    "regtest": (),
}
GAP_MAX: Final = 1_000

OPERATIONS: Final = ("address", "txs", "tx", "tip", "block")
PUBLIC_BUDGETS: Final[Mapping[str, Budget]] = {name: Budget(None, 120) for name in OPERATIONS}
"""Per minute. Public servers don't disclose their limits, and ban who meets them: two calls a second are ours."""


class BitcoinConfig(msgspec.Struct, frozen=True):
    """`servers`: base URLs of Esplora servers, the first that answers is asked; empty: the public ones. `gap`: how many
    unused addresses in a row end a chain (BIP44: 20). `scripts_max`: how many addresses one wallet may have.
    """

    servers: tuple[str, ...] = ()
    network: Network = "main"
    gap: int = 20
    scripts_max: int = 20_000

    def __post_init__(self) -> None:
        if self.network not in get_args(Network):
            raise ConfigError(
                f"bitcoin: network {self.network!r} is none: use {', '.join(get_args(Network))}"
            )
        if not 1 <= self.gap <= GAP_MAX:
            raise ConfigError(f"bitcoin: gap: give 1 to {GAP_MAX}")
        if not self.urls:
            raise ConfigError("bitcoin: regtest has no public servers: set CAUDAL_BITCOIN_URL to your own")

    @property
    def urls(self) -> tuple[str, ...]:
        """The servers to ask, in order."""
        return self.servers or PUBLIC[self.network]

    @property
    def budgets(self) -> Mapping[str, Budget]:
        """How often they may be asked. Servers of one's own have no limit of ours."""
        return (
            {}
            if self.servers and not set(self.servers) & {*PUBLIC["main"], *PUBLIC["test"]}
            else PUBLIC_BUDGETS
        )
