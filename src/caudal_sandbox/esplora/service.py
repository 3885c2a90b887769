"""Bitcoin as the sandbox's service holds it: everybody who lives in the world has a wallet on one chain of its own."""

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
from caudal_sandbox.esplora.app import PLAYED, PROVIDER, Esplora, Options
from caudal_sandbox.esplora.chain import Block
from caudal_sandbox.esplora.transactions import Tx
from caudal_sandbox.esplora.wallets import Wallet
from caudal_sandbox.faults import Fault
from caudal_sandbox.playing import check_public
from caudal_sandbox.truth import MovementTruth

GENESIS: Final = date(2009, 1, 3)
"""The day of the first block: a wallet is told from there on."""
_EXPONENT: Final = -8


class Bitcoin(WithoutWebhooks):
    """One chain, told by an Esplora. It is begun when somebody first looks."""

    name = PROVIDER
    prefix = "/esplora"

    def __init__(self, ground: Ground, options: Options | None = None) -> None:
        self.app: ASGIApp = self._answer
        self.door = (
            DoorRoute("GET", "/wallets", self._wallets),
            DoorRoute("POST", "/link/fields", self._fields),
        )
        self._ground = ground
        self._options = options or Options()

    @cached_property
    def esplora(self) -> Esplora:
        """The server, with a wallet for each holder there is now."""
        world = self._ground.world
        begins = datetime(world.begins.year, world.begins.month, world.begins.day, tzinfo=UTC)
        return Esplora(
            world.seed,
            lambda: world.now,
            self._ground.faults,
            begins=begins,
            people=[each.name for each in world.holders],
            options=self._options,
            clock=self._ground.clock,
        )

    async def _wallets(self, _request: Request) -> Response:
        """What each wallet's person would show: keys that nobody else has."""
        return answer({name: wallet.key for name, wallet in self.esplora.wallets.items()})

    async def _fields(self, request: Request) -> Response:
        """What a person shows of their wallet."""
        asked = await read(request, Filling)
        wallet = next(
            (w for w in self.esplora.wallets.values() if w.name.startswith(f"{asked.username}:")), None
        )
        if wallet is None:
            raise KeyError(f"nobody here who has a wallet is called {asked.username}")
        known = {"wallet": wallet.key, "kind": str(wallet.kind)}
        return answer({"values": {name: known[name] for name in asked.fields}})

    def check(self, fault: Fault) -> None:
        """Raises ValueError for what can't befall an Esplora."""
        check_public(fault, PLAYED, "an Esplora")

    def status(self) -> Mapping[str, object]:
        """How many wallets are watched."""
        return {"watched": len(self._watched())}

    def shown(self) -> Iterator[Shown]:
        """Every wallet that is watched: whose scripts were asked of."""
        for wallet in self._watched():
            reference = reference_of(wallet.descriptor)
            yield Shown(wallet.name, reference, account_of(wallet), GENESIS, dated=False)

    def moved(self) -> Iterator[MovementTruth]:
        """What each of them gained and lost, transaction by transaction."""
        watched = self._watched()
        if not watched:
            return
        self.esplora.catch_up()
        chain = self.esplora.life.chain
        for wallet in watched:
            for txid, (sats, _) in wallet.truth(chain).items():
                found = chain.tx(txid)
                if found is not None:
                    yield _truth(wallet, *found, sats, self._ground.world.now)

    def _watched(self) -> list[Wallet]:
        begun: Esplora | None = self.__dict__.get("esplora")
        return [begun.wallets[name] for name in sorted(begun.asked_of)] if begun else []

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.esplora.app(scope, receive, send)


def account_of(wallet: Wallet) -> AccountId:
    """What the truth calls it."""
    return AccountId(f"{PROVIDER}:{wallet.name}")


def reference_of(descriptor: str) -> str:
    """What a hub that watches this one descriptor calls the account: a chain has no names of its own, so this is the
    hub's rule (its MAPPING.md: BLAKE2b of 16 bytes over the descriptors, sorted, one a line)."""
    return hashlib.blake2b(descriptor.encode(), digest_size=16).hexdigest()


def _truth(wallet: Wallet, tx: Tx, block: Block | None, sats: int, now: datetime) -> MovementTruth:
    at = datetime.fromtimestamp(block.time, UTC) if block else now
    return MovementTruth(
        id=f"{account_of(wallet)}:{tx.txid}",
        account=account_of(wallet),
        currency="BTC",
        amount=f"{Decimal(sats).scaleb(_EXPONENT):f}",
        state=State.BOOKED if block else State.PENDING,
        kind="transfer",
        rail="chain",
        authorized_on=at.date(),
        booked_on=at.date() if block else None,
        occurred_at=at,
        seen_at=at,
        ended_at=at if block else None,
        text=tx.txid,
    )
