"""What an installation says about Ethereum."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

import msgspec

from caudal.model.currencies import EXPONENTS
from caudal.model.errors import ConfigError
from caudal.providers.http import Budget

Dialect = Literal["etherscan", "blockscout"]

PUBLIC: Final[Mapping[Dialect, str]] = {
    "etherscan": "https://api.etherscan.io/v2/api",
    "blockscout": "https://api.blockscout.com/{}/api",
}
_PUBLIC_HOSTS: Final = ("https://api.etherscan.io/", "https://api.blockscout.com/")
CHAINS: Final[Mapping[int, str]] = {1: "Ethereum", 11_155_111: "Ethereum Sepolia", 560_048: "Ethereum Hoodi"}
"""Where ether is the coin and a transaction's fee is gas alone: on others there is a data fee that no list tells."""
TOKENS: Final[Mapping[int, Mapping[str, str]]] = {
    1: {
        "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48": "USDC",
        "0xdac17f958d2ee523a2206206994597c13d831ec7": "USDT",
        "0x6b175474e89094c44da98b954eedeac495271d0f": "DAI",
    }
}
"""Contracts whose tokens are money Caudal knows: chain → contract → code. A symbol can be faked, a contract can't."""
OPERATIONS: Final = (
    *("txlist", "txlistinternal", "tokentx", "txsBeaconWithdrawal", "balancemulti", "tokenbalance"),
    *("eth_blockNumber", "eth_getBlockByNumber", "eth_getTransactionReceipt", "eth_getBalance", "eth_call"),
)
PUBLIC_BUDGETS: Final[Mapping[str, Budget]] = {name: Budget(None, 120) for name in OPERATIONS}
"""Per minute, for each kind of call. Etherscan's free plan allows three calls a second in all."""


class Token(NamedTuple):
    """A contract whose token is told as `code`, with that many decimals."""

    contract: str
    code: str
    decimals: int


class EthereumConfig(msgspec.Struct, frozen=True):
    """`url`: the explorer's API, as `dialect` has it; empty: the public one. `rpc_url`: a node, asked for balances and
    blocks; without one the explorer is. `tokens`: more contracts whose tokens are told, as ``contract=CODE``.
    `page_rows`: rows asked for at once; `rows_max`: of one list of one address.
    """

    url: str = ""
    dialect: Dialect = "etherscan"
    key: str = ""
    rpc_url: str = ""
    chain_id: int = 1
    tokens: tuple[str, ...] = ()
    page_rows: int = 1_000
    rows_max: int = 50_000

    def __post_init__(self) -> None:
        if self.dialect not in get_args(Dialect):
            raise ConfigError(f"ethereum: dialect: give {' or '.join(get_args(Dialect))}")
        if self.chain_id not in CHAINS:
            raise ConfigError(f"ethereum: chain: give one of {', '.join(map(str, CHAINS))}")
        if not 1 <= self.page_rows <= 10_000:
            raise ConfigError("ethereum: page_rows: give 1 to 10000")
        if not self.explorer.endswith("/api"):
            raise ConfigError("ethereum: the explorer's URL ends in /api")
        self.known_tokens()

    def __repr__(self) -> str:
        return f"EthereumConfig(dialect={self.dialect!r}, chain_id={self.chain_id}, …)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]

    @property
    def explorer(self) -> str:
        """The explorer to ask."""
        return (self.url or PUBLIC[self.dialect].format(self.chain_id)).rstrip("/")

    @property
    def budgets(self) -> Mapping[str, Budget]:
        """How often it may be asked. One's own has no limit of ours."""
        return PUBLIC_BUDGETS if self.explorer.startswith(_PUBLIC_HOSTS) else {}

    @property
    def query(self) -> Mapping[str, str]:
        """What goes with each call to the explorer."""
        own = {"chainid": str(self.chain_id)} if self.dialect == "etherscan" else {}
        return {**own, "apikey": self.key} if self.key else own

    @property
    def tokens_known(self) -> str:
        """What names the set of tokens that are told."""
        return ",".join(sorted(f"{each.contract[:10]}{each.code}" for each in self.known_tokens().values()))

    def known_tokens(self) -> Mapping[str, Token]:
        """Tokens that are told, by contract in small letters. Raises ConfigError."""
        told = dict(TOKENS.get(self.chain_id, {}))
        for each in self.tokens:
            contract, _, code = each.partition("=")
            if len(contract) != 42 or code not in EXPONENTS:
                raise ConfigError(f"ethereum: tokens: {each!r} isn't contract=CODE of an asset Caudal knows")
            told[contract.lower()] = code
        return {contract: Token(contract, code, EXPONENTS[code]) for contract, code in told.items()}
