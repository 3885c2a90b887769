"""Ethereum as the sandbox's service holds it: everybody who lives in the world has a wallet on one chain of its own."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from caudal_sandbox.door import DoorRoute, Filling, answer, read
from caudal_sandbox.economy.movements import AccountId, State
from caudal_sandbox.emulators import Ground, Shown, WithoutWebhooks
from caudal_sandbox.ethereum.app import PROVIDER, Ethereum
from caudal_sandbox.ethereum.chain import ETHER, FIRST, GENESIS_TIME, Moved, block_legs
from caudal_sandbox.ethereum.explorer import Options
from caudal_sandbox.ethereum.life import DAI, USDC
from caudal_sandbox.faults import Fault
from caudal_sandbox.truth import MovementTruth

BEGINNING: Final = date(2015, 7, 30)
"""The day of the first block: an address is told from there on."""
ASSETS: Final[Mapping[str, tuple[str, int]]] = {
    ETHER: ("ETH", 18),
    USDC.contract: ("USDC", 6),
    DAI.contract: ("DAI", 18),
}
"""What counts as money there, and how many decimals it has. Any other contract's token is its own invention."""


class EthereumService(WithoutWebhooks):
    """One chain, told by explorers and a node. It is begun when somebody first looks."""

    name = PROVIDER
    prefix = "/ethereum"

    def __init__(self, ground: Ground, options: Options | None = None) -> None:
        self.app: ASGIApp = self._answer
        self.door = (DoorRoute("POST", "/link/fields", self._fields),)
        self._ground = ground
        self._options = options or Options()

    @cached_property
    def ethereum(self) -> Ethereum:
        """The servers, with a wallet for each holder there is now."""
        world = self._ground.world
        return Ethereum(
            world.seed,
            lambda: world.now,
            self._ground.faults,
            begins=datetime(world.begins.year, world.begins.month, world.begins.day, tzinfo=UTC),
            names=[each.name for each in world.holders],
            options=self._options,
            clock=self._ground.clock,
        )

    async def _fields(self, request: Request) -> Response:
        """What a person shows of their wallet."""
        asked = await read(request, Filling)
        wallet = self.ethereum.wallets.get(asked.username)
        if wallet is None:
            raise KeyError(f"nobody here who has a wallet is called {asked.username}")
        return answer({"values": {name: " ".join(wallet.addresses) for name in asked.fields}})

    def check(self, fault: Fault) -> None:
        """Raises ValueError for what can't befall an explorer."""
        self.ethereum.check(fault)

    def status(self) -> Mapping[str, object]:
        """How many addresses are watched."""
        return {"watched": len(self._watched())}

    def shown(self) -> Iterator[Shown]:
        """Each asset of every address that was asked of."""
        for address in self._watched():
            for asset in ASSETS:
                account = account_of(address, asset)
                yield Shown(address, reference_of(address, asset), account, BEGINNING, pending=False)

    def moved(self) -> Iterator[MovementTruth]:
        """What each of them gained and lost, leg by leg."""
        watched = set(self._watched())
        if not watched:
            return
        self.ethereum.catch_up()
        chain = self.ethereum.life.chain
        born = datetime.fromtimestamp(GENESIS_TIME, UTC)
        for address in sorted(watched & chain.genesis.keys()):
            yield _truth(Moved(address, ETHER, chain.genesis[address]), born, "genesis", 0)
        for block in chain.best:
            at = datetime.fromtimestamp(block.time, UTC)
            for place, leg in enumerate(block_legs(block)):
                if leg.address in watched and leg.asset in ASSETS:
                    yield _truth(leg, at, block.hash, place)

    def _watched(self) -> list[str]:
        begun: Ethereum | None = self.__dict__.get("ethereum")
        return sorted(begun.watched) if begun else []

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.ethereum.app(scope, receive, send)


def account_of(address: str, asset: str) -> AccountId:
    """What the truth calls it."""
    return AccountId(f"{PROVIDER}:{address}:{asset}")


def reference_of(address: str, asset: str, chain_id: int = 1) -> str:
    """What a hub calls the account: a chain has no names of its own, so this is the hub's rule (its MAPPING.md: BLAKE2b
    of 16 bytes over chain id and address, and the asset's code)."""
    digest = hashlib.blake2b(f"{chain_id}:{address}".encode(), digest_size=16).hexdigest()
    return f"{digest}:{ASSETS[asset][0]}"


def _truth(leg: Moved, at: datetime, block: str, place: int) -> MovementTruth:
    code, decimals = ASSETS[leg.asset]
    account = account_of(leg.address, leg.asset)
    return MovementTruth(
        id=f"{account}:{block}:{place}",
        account=account,
        currency=code,
        amount=f"{Decimal(leg.units).scaleb(-decimals):f}",
        state=State.BOOKED,
        kind="transfer",
        rail="chain",
        authorized_on=at.date(),
        booked_on=at.date(),
        occurred_at=at,
        seen_at=at,
        ended_at=at,
        text=f"block {block[:10]}" if leg.asset or block != "genesis" else f"before block {FIRST}",
    )
