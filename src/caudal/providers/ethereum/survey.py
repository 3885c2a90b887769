"""What happened at the addresses since the last look, and what they hold at one block."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw

from caudal.model.changes import SourceRef, Unreadable
from caudal.model.errors import Malformed, Refused, Unavailable
from caudal.providers.ethereum.client import Explorer, Servers
from caudal.providers.ethereum.config import EthereumConfig, Token
from caudal.providers.ethereum.errors import NotOffered, TooMuch
from caudal.providers.ethereum.legs import NATIVE, Ledger, Leg, account_ref
from caudal.providers.ethereum.payloads import LISTS, NUMBERED, Head
from caudal.providers.ethereum.standing import Place, Standing

DEPTH: Final = 64
"""Blocks that may still be left: two epochs, after which the chain is final."""
CAP: Final = 1_000
"""Rows a server may cut a page to, whatever was asked for."""
WINDOW_MAX: Final = 10_000
"""Rows that can be reached by turning pages (Etherscan: page × offset)."""
ROUNDS_MAX: Final = 3

Legs = Mapping[tuple[SourceRef, str], Leg]


class Watched(msgspec.Struct, frozen=True):
    """One account: ether, or a token, at an address."""

    address: str
    ref: SourceRef
    code: str
    token: Token | None = None


class Survey(msgspec.Struct):
    """What a look found. `full`: from the first block on. `legs` of blocks after `before`'s base, up to `number`,
    of which `head` tells. `figures`: what each account held there, in its smallest units; {} where no block
    lasted long enough."""

    before: Standing
    full: bool
    number: int
    head: Head
    base: Place
    legs: Legs
    unreadable: list[Unreadable]
    accounts: list[Watched]
    figures: Mapping[SourceRef, int]


class Surveyor:
    """Looks at the addresses of one connection."""

    def __init__(self, servers: Servers, addresses: Sequence[str], config: EthereumConfig) -> None:
        self._servers = servers
        self._node = servers.nodes[0]
        self._addresses = addresses
        self._config = config
        self._tokens = config.known_tokens()

    async def look(self, standing: Standing) -> Survey:
        """Everything since `standing`'s base. Raises the ProviderError family."""
        for _ in range(ROUNDS_MAX):
            if survey := await self._look(standing):
                return survey
        raise Unavailable("ethereum: the chain changes while it is read")

    async def _look(self, standing: Standing) -> Survey | None:
        """None where what was read was left meanwhile."""
        number = await self._servers.tip()
        if number < standing.tip:
            raise Unavailable("ethereum: the server is behind what was read before")
        base = standing.base
        if base is not None and (
            standing.tokens != self._config.tokens_known
            or (await self._node.head(base.number)).hash != base.hash
        ):
            standing, base = Standing(), None
        head = await self._node.head(number)
        ledgers = [Ledger(each, self._config.chain_id, self._tokens) for each in self._addresses]
        await self._read(ledgers, base.number + 1 if base else 0, number)
        accounts = self._accounts(ledgers, standing)
        figures, at = await self._figures(accounts, number)
        if at > number:
            await self._read(ledgers, number + 1, at)
        if (await self._node.head(number)).hash != head.hash:
            return None
        head = head if at == number else await self._node.head(at)
        floor = max(at - DEPTH, base.number if base else 0)
        found = await self._node.head(floor)
        return Survey(
            standing,
            base is None,
            at,
            head,
            Place(floor, found.hash),
            {key: leg for ledger in ledgers for key, leg in ledger.legs.items()},
            [each for ledger in ledgers for each in ledger.unreadable],
            self._accounts(ledgers, standing),
            figures,
        )

    async def _read(self, ledgers: Iterable[Ledger], start: int, end: int) -> None:
        explorer = self._servers.explorer
        for ledger in ledgers if start <= end else ():
            for action in LISTS:
                async for record in rows(explorer, action, ledger.address, (start, end), self._config):
                    ledger.take(action, record)

    def _accounts(self, ledgers: Iterable[Ledger], standing: Standing) -> list[Watched]:
        """Ether at every address, and what tokens were ever seen there."""
        found, chain = [], self._config.chain_id
        for ledger in ledgers:
            seen = {ref for ref, _ in ledger.legs} | standing.anchors.keys()
            found.append(Watched(ledger.address, account_ref(ledger.address, chain, NATIVE), NATIVE))
            for token in self._tokens.values():
                ref = account_ref(ledger.address, chain, token.code)
                if ref in seen:
                    found.append(Watched(ledger.address, ref, token.code, token))
        return found

    async def _figures(self, accounts: Sequence[Watched], number: int) -> tuple[Mapping[SourceRef, int], int]:
        """What each account holds, and at the end of which block. A node tells it of the very block; an explorer of now,
        which is a block's where none came between the first call and the last."""
        if self._node.remembers:
            told = {}
            for each in accounts:
                if each.token:
                    told[each.ref] = await self._node.token_balance(each.address, each.token.contract, number)
                else:
                    told[each.ref] = await self._node.balance(each.address, number)
            return told, number
        explorer = self._servers.explorer
        for _ in range(ROUNDS_MAX):
            begun = await self._servers.tip()
            ether = await explorer.balances(self._addresses)
            told = {each.ref: ether[each.address] for each in accounts if not each.token}
            for each in accounts:
                if each.token:
                    told[each.ref] = await explorer.token_balance(each.address, each.token.contract)
            if begun == await self._servers.tip() and begun >= number:
                return told, begun
        return {}, number


async def rows(
    explorer: Explorer, action: str, address: str, span: tuple[int, int], config: EthereumConfig
) -> AsyncIterator[Raw]:
    """All rows of those blocks, in order, each once. A page that may have been cut is followed from its last block on,
    which is read anew; a range that takes too long is halved. Raises Refused where there are more than `rows_max`."""
    spans, count = [span], 0
    full = min(config.page_rows, CAP)
    while spans:
        first, last = spans.pop()
        try:
            page = await explorer.rows(action, address, first, last)
        except NotOffered:
            if action != "txsBeaconWithdrawal":
                raise
            return  # in no description of Blockscout's: the proof shows what is missing
        except TooMuch:
            if first == last:
                raise
            middle = (first + last) // 2
            spans += [(middle + 1, last), (first, middle)]
            continue
        blocks = _blocks(page, action, first, last)
        if len(page) >= full:
            if blocks[-1] > first:
                page = [row for row, block in zip(page, blocks, strict=True) if block < blocks[-1]]
                spans.append((blocks[-1], last))
            else:
                page = [row async for row in _one_block(explorer, action, address, first, full)]
                if first < last:
                    spans.append((first + 1, last))
        count += len(page)
        if count > config.rows_max:
            raise Refused(
                f"ethereum {action}: more than {config.rows_max} rows of one address (CAUDAL_ETHEREUM_ROWS_MAX)"
            )
        for row in page:
            yield row


async def _one_block(
    explorer: Explorer, action: str, address: str, block: int, full: int
) -> AsyncIterator[Raw]:
    """A block that fills pages by itself. Raises Refused where it has more than can be reached."""
    for page in range(1, WINDOW_MAX // full + 1):
        told = await explorer.rows(action, address, block, block, page)
        for row in told:
            yield row
        if len(told) < full:
            return
    raise Refused(f"ethereum {action}: one block has more than {WINDOW_MAX} rows of one address")


def _blocks(page: Sequence[Raw], action: str, first: int, last: int) -> list[int]:
    """The block of each row; of one that doesn't say, that of the row before it. Raises Malformed unless they are those
    that were asked for, in order."""
    blocks = [first]
    for row in page:
        try:
            blocks.append(int(NUMBERED.decode(row).block_number))
        except msgspec.DecodeError:
            blocks.append(blocks[-1])
    if blocks != sorted(blocks) or blocks[-1] > last:
        raise Malformed(
            f"ethereum {action}: answer", "its rows aren't those, in that order, that were asked for"
        )
    return blocks[1:]
