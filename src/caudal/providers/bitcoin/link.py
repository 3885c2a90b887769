"""Linking a wallet: its person shows an address, an extended public key or a descriptor; nobody else is asked."""

from collections.abc import Sequence
from typing import Final

import msgspec

from caudal.model.changes import AccountKind, SourceRef
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
    Poll,
)
from caudal.providers.bitcoin.client import Servers
from caudal.providers.bitcoin.config import BitcoinConfig
from caudal.providers.bitcoin.keys import KeyProblem, ScriptKind, Shown, branches, kinds_named, name_of, read
from caudal.providers.bitcoin.pull import Wallet
from caudal.providers.bitcoin.survey import abreast
from caudal.providers.written import link_state, of_link

CREDENTIAL: Final = "wallet"
"""The field of a connection's secrets: descriptors as JSON. Whoever has them sees all that the wallet ever did."""

FIELD: Final = "wallet"
KIND: Final = "kind"
_WHAT: Final = (
    "an address, an extended public key (xpub, ypub, zpub) or an output descriptor; "
    "never a private key or seed words"
)
_LOOKED_AT: Final = 20
"""Receiving addresses of each kind that are looked at where a key doesn't say which it makes."""


class Linking:
    """The steps of a link."""

    def __init__(self, servers: Servers, config: BitcoinConfig) -> None:
        self._servers = servers
        self._config = config

    def begin(self, request: LinkRequest) -> LinkStep:
        """Ask for what is to be watched."""
        if request.relink is not None:
            return Abandoned("a watched wallet needs no mending: link another one, or revoke this one")
        return Ask({FIELD: _WHAT}, LinkState(""))

    async def go_on(self, answer: LinkAnswer) -> LinkStep:
        """What comes of what was shown; on Conclude, the connection. Asks the server only where a key may stand for
        addresses of several kinds."""
        try:
            match answer:
                case Fields(state=LinkState(value=""), values=values):
                    return await self._shown(read(values.get(FIELD, ""), self._config.network))
                case Fields(state=state, values=values):
                    return self._found(of_link(state, Shown).decided(list(kinds_named(values.get(KIND, "")))))
                case Conclude(state=state):
                    return self._linked(of_link(state, Shown))
                case Poll():
                    raise Refused("bitcoin: a wallet is shown in a field; there is nothing to poll for")
        except KeyProblem as problem:
            return Abandoned(str(problem))

    async def _shown(self, shown: Shown) -> LinkStep:
        if not shown.undecided:
            return self._found(shown)
        used = [kind for kind in ScriptKind if await self._ever_used(shown, kind)]
        if len(used) == 1:
            return self._found(shown.decided(used))
        told = f"history was found for {' and '.join(used)}" if used else "none of them has any history"
        question = f"which kinds of addresses the wallet makes: {', '.join(ScriptKind)}; {told}"
        return Ask({KIND: question}, link_state(shown))

    async def _ever_used(self, shown: Shown, kind: ScriptKind) -> bool:
        descriptors = Shown((), shown.undecided).decided([kind]).descriptors
        first = [
            script
            for branch in branches(descriptors, self._config.network)
            if branch.part == 0
            for script in branch.scripts(0, _LOOKED_AT)
        ]
        return any(each.used for each in await abreast(first, self._servers.all[0].stats))

    def _found(self, shown: Shown) -> Found:
        wallet = wallet_of(shown.descriptors, self._config)
        account = AccountFound(wallet.ref, wallet.name, wallet.ref[:8], AccountKind.WALLET)
        return Found(_institution(self._config), (account,), link_state(shown))

    def _linked(self, shown: Shown) -> Linked:
        secrets = {CREDENTIAL: msgspec.json.encode(shown.descriptors)}
        return Linked(name_of(shown.descriptors), _institution(self._config), secrets)


def wallet_of(descriptors: Sequence[str], config: BitcoinConfig) -> Wallet:
    """The wallet that `descriptors` are of."""
    single = descriptors[0][5:-1] if len(descriptors) == 1 and descriptors[0].startswith("addr(") else None
    what = "test wallet" if config.network != "main" else "wallet"
    if single:
        what += f" {single[:8]}…{single[-4:]}"
    ref = SourceRef(name_of(descriptors))
    return Wallet(ref, f"Bitcoin {what}", branches(descriptors, config.network), single)


def opened(access: Access, config: BitcoinConfig) -> Wallet:
    """The wallet a connection watches. Raises Refused where its credential is none of this adapter's."""
    try:
        descriptors = msgspec.json.decode(access.secrets.get(CREDENTIAL, b""), type=tuple[str, ...])
        return wallet_of(descriptors, config)
    except (msgspec.DecodeError, IndexError):
        raise Refused(f"connection {access.connection} has no wallet to watch: link it again") from None


def _institution(config: BitcoinConfig) -> InstitutionFound:
    return InstitutionFound("bitcoin" if config.network == "main" else f"bitcoin-{config.network}", "Bitcoin")
