"""Linking addresses: their person shows them; nobody else is asked."""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from caudal.model.changes import AccountKind
from caudal.model.errors import Refused
from caudal.providers.base import (
    Abandoned,
    Access,
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
)
from caudal.providers.ethereum.addresses import ADDRESSES_MAX, AddressProblem, read
from caudal.providers.ethereum.config import CHAINS, EthereumConfig
from caudal.providers.ethereum.legs import NATIVE, account_ref

CREDENTIAL: Final = "addresses"
"""The field of a connection's secrets: addresses as JSON. They are public; that they are one person's is not."""
FIELD: Final = "addresses"
_WHAT: Final = (
    f"an address, 0x and 40 digits, or up to {ADDRESSES_MAX} of them; never a private key or seed words"
)


def begin(request: LinkRequest) -> LinkStep:
    """Ask for what is to be watched."""
    if request.relink is not None:
        return Abandoned("watched addresses need no mending: link others, or revoke these")
    return Ask({FIELD: _WHAT}, LinkState(""))


def go_on(answer: LinkAnswer, config: EthereumConfig) -> LinkStep:
    """What comes of what was shown; on Conclude, the connection."""
    match answer:
        case Fields(values=values):
            try:
                addresses = read(values.get(FIELD, ""))
            except AddressProblem as problem:
                return Ask({FIELD: _WHAT}, LinkState(""), why=str(problem))
            state = LinkState(msgspec.json.encode(addresses).decode())
            return Found(_institution(config), tuple(_account(each, config) for each in addresses), state)
        case Conclude(state=state):
            addresses = _addresses(
                state.value.encode(), "this link's state is none of this adapter's: start again"
            )
            secrets = {CREDENTIAL: msgspec.json.encode(addresses)}
            return Linked(_name(addresses, config), _institution(config), secrets)
    raise Refused("ethereum: addresses are shown in a field; there is nothing to poll for")


def opened(access: Access) -> tuple[str, ...]:
    """The addresses a connection watches. Raises Refused where its credential is none of this adapter's."""
    why = f"connection {access.connection} has no addresses to watch: link it again"
    return _addresses(access.secrets.get(CREDENTIAL, b""), why)


def _addresses(encoded: bytes, why: str) -> tuple[str, ...]:
    try:
        found = msgspec.json.decode(encoded, type=tuple[str, ...])
    except msgspec.DecodeError:
        found = ()
    if not found:
        raise Refused(f"ethereum: {why}")
    return found


def _name(addresses: Sequence[str], config: EthereumConfig) -> str:
    """The same addresses have the same name, by which they are known again."""
    return hashlib.blake2b(f"{config.chain_id}:{','.join(addresses)}".encode(), digest_size=16).hexdigest()


def _account(address: str, config: EthereumConfig) -> AccountFound:
    name = f"{CHAINS[config.chain_id]} {address[:8]}…{address[-4:]} {NATIVE}"
    return AccountFound(account_ref(address, config.chain_id, NATIVE), name, address[-4:], AccountKind.WALLET)


def _institution(config: EthereumConfig) -> InstitutionFound:
    known = "ethereum" if config.chain_id == 1 else f"ethereum-{config.chain_id}"
    return InstitutionFound(known, CHAINS[config.chain_id])
