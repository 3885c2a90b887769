"""Linking: a key and its secret, tried before they are kept (contract §2, §10)."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from caudal.model.errors import NeedsUser, Refused, Revoked
from caudal.providers.base import (
    AccountFound,
    Ask,
    Conclude,
    Fields,
    Found,
    InstitutionFound,
    LinkAnswer,
    Linked,
    LinkRequest,
    LinkState,
    LinkStep,
    Mended,
)
from caudal.providers.bitso.client import Asker
from caudal.providers.bitso.normalise import Reading
from caudal.providers.bitso.payloads import Balance
from caudal.providers.written import of_link

BITSO: Final = InstitutionFound("bitso", "Bitso")
_FIELDS: Final = {
    "key": (
        "API key, made for this hub alone at Bitso under Profile, API, with nothing but permission to view "
        "(Bitso tells nobody what a key may do: one that may withdraw would be taken)"
    ),
    "secret": "its secret",
}


class _State(msgspec.Struct):
    """`mends`: whose connection is mended. The rest once it is known to be good."""

    mends: str = ""
    client_id: str = ""
    key: str = ""
    secret: str = ""


class Linking:
    """The part of the provider that links. `asker`: of a key with its secret, and of whose they are."""

    asker: Callable[[Mapping[str, str], str | None], Asker]

    async def begin_link(self, request: LinkRequest) -> LinkStep:
        """What to ask the person for."""
        return _ask(_State(request.relink.reference if request.relink else ""))

    async def continue_link(self, answer: LinkAnswer) -> LinkStep:
        """Try what was said; ask again for what isn't good."""
        match answer:
            case Fields(state=state, values=values):
                return await self._tried(
                    of_link(state, _State), values.get("key", ""), values.get("secret", "")
                )
            case Conclude(state=state):
                told = of_link(state, _State)
                return Linked(told.client_id, BITSO, _secrets(told.key, told.secret))
            case _:
                raise Refused("bitso: there is nothing to poll for")

    async def _tried(self, state: _State, key: str, secret: str) -> LinkStep:
        if not all(
            each.isascii() and each.isprintable() and " " not in each and each for each in (key, secret)
        ):
            return _ask(state, "that is no key and secret: copy both as Bitso shows them")
        asker = self.asker({"key": key, "secret": secret}, None)
        try:
            told = await asker.status()
            if state.mends and told.client_id != state.mends:
                return _ask(state, "that key is another login's: this connection needs one of its own")
            if state.mends:
                return Mended(_secrets(key, secret))
            accounts = await _accounts(asker, told.client_id)
        except (NeedsUser, Revoked) as error:
            return _ask(state, f"Bitso doesn't take that key ({error})")
        found = _State("", told.client_id, key, secret)
        return Found(BITSO, accounts, LinkState(msgspec.json.encode(found).decode()))


async def _accounts(asker: Asker, client_id: str) -> tuple[AccountFound, ...]:
    """What there is something on."""
    reading = Reading(client_id)
    for raw in await asker.balances():
        told = reading.read(raw, Balance, "balance")
        if told is not None and Decimal(told.total):
            reading.account(told.currency)
    return tuple(
        AccountFound(each.ref, each.name, each.mask, each.kind) for each in reading.accounts.values()
    )


def _ask(state: _State, why: str = "") -> Ask:
    return Ask(_FIELDS, LinkState(msgspec.json.encode(state).decode()), frozenset(_FIELDS), why)


def _secrets(key: str, secret: str) -> dict[str, bytes]:
    return {"key": key.encode(), "secret": secret.encode()}
