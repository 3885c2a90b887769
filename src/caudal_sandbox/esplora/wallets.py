"""Who owns which scripts: wallets drawn from a name, each with the public key or address that its person would show.

Their keys come from the name alone: published by construction, never to be funded on a real chain.
"""

import enum
import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from embit import ec, script
from embit.bip32 import HDKey
from embit.networks import NETWORKS

from caudal_sandbox.esplora.chain import Chain
from caudal_sandbox.esplora.transactions import FINAL, REPLACEABLE, Input, Outpoint, Output, Tx, kind_of, push

RECEIVE: Final = 0
CHANGE: Final = 1
DUST: Final = 546
"""Sats below which an output isn't relayed."""


class Kind(enum.StrEnum):
    """What a wallet's scripts are."""

    P2PK = "p2pk"
    P2PKH = "p2pkh"
    P2SH_P2WPKH = "p2sh-p2wpkh"
    P2WPKH = "p2wpkh"
    P2TR = "p2tr"
    MULTISIG = "multisig"
    """2 of 3, sorted, as BIP67 and BIP48 have it."""
    ADDRESS = "address"
    """One p2wpkh address for everything, its change included."""


_PATHS: Final = {
    Kind.P2PK: "m/44h/0h/0h",
    Kind.P2PKH: "m/44h/0h/0h",
    Kind.P2SH_P2WPKH: "m/49h/0h/0h",
    Kind.P2WPKH: "m/84h/0h/0h",
    Kind.P2TR: "m/86h/0h/0h",
    Kind.MULTISIG: "m/48h/0h/0h/2h",
    Kind.ADDRESS: "m/84h/0h/0h",
}
_DESCRIPTORS: Final = {
    Kind.P2PK: "pk({})",
    Kind.P2PKH: "pkh({})",
    Kind.P2SH_P2WPKH: "sh(wpkh({}))",
    Kind.P2WPKH: "wpkh({})",
    Kind.P2TR: "tr({})",
}
_VERSIONS: Final = {Kind.P2SH_P2WPKH: "ypub", Kind.P2WPKH: "zpub"}
"""SLIP-132; the others show an xpub."""


class _Own(NamedTuple):
    """A script of ours: the public keys behind it, and what it is a hash of."""

    keys: Sequence[bytes]
    inner: bytes


class Wallet:
    """The wallet of that name under that seed: `main` or `test` keys and addresses."""

    def __init__(self, seed: int, name: str, kind: Kind, network: str = "main") -> None:
        self.name = name
        self.kind = kind
        self._network = NETWORKS[network]
        self._accounts = [
            HDKey.from_seed(
                hashlib.sha512(f"caudal sandbox/{seed}/{name}/{n}".encode()).digest(), self._network["xprv"]
            )
            .derive(_PATHS[kind])
            .to_public()
            for n in range(3 if kind is Kind.MULTISIG else 1)
        ]
        self._own: dict[bytes, _Own] = {}
        self._next = {RECEIVE: 0, CHANGE: 0}

    def owns(self, of: bytes) -> bool:
        """Whether it has handed out that script."""
        return of in self._own

    def made(self, tx: Tx) -> bool:
        """Whether all that it spends is the wallet's."""
        return all(each.prevout is not None and each.prevout.script in self._own for each in tx.inputs)

    @property
    def scripts(self) -> frozenset[bytes]:
        """Every script it has handed out."""
        return frozenset(self._own)

    @cached_property
    def key(self) -> str:
        """What its person shows to whoever may watch: an address, an extended public key, a descriptor."""
        if self.kind is Kind.ADDRESS:
            return self.address(self.script(RECEIVE, 0))
        if self.kind is Kind.MULTISIG:
            keys = ",".join(f"{account.to_base58()}/<0;1>/*" for account in self._accounts)
            return f"wsh(sortedmulti(2,{keys}))"
        version = self._network[_VERSIONS.get(self.kind, "xpub")]
        return str(self._accounts[0].to_base58(version))

    @cached_property
    def descriptor(self) -> str:
        """The same as one output descriptor without origin and checksum (BIP380)."""
        if self.kind is Kind.MULTISIG:
            return self.key
        if self.kind is Kind.ADDRESS:
            return f"addr({self.key})"
        return _DESCRIPTORS[self.kind].format(f"{self._accounts[0].to_base58()}/<0;1>/*")

    def address(self, of: bytes) -> str:
        """A script as people write it. Raises where it has no address."""
        return str(script.Script(of).address(self._network))

    def receive(self, *, skip: int = 0) -> bytes:
        """A script nobody was told before, after as many that are never used."""
        return self._fresh(RECEIVE, skip)

    def change(self) -> bytes:
        """A script for what is left over."""
        return self._fresh(CHANGE, 0)

    def script(self, chain: int, index: int) -> bytes:
        """The script at that place, which is the wallet's from now on."""
        keys = [account.derive([chain, index]).key for account in self._accounts]
        made, inner = self._script(keys)
        self._own[made] = _Own([key.sec() for key in keys], inner)
        return made

    def balance(self, chain: Chain) -> int:
        """What is its own on the chain and in the mempool, in sats."""
        return sum(out.sats for _, out in chain.unspent(self._own, spendable=False))

    def pay(
        self, chain: Chain, outputs: Iterable[Output], fee: int, *, to_itself: int = 0, final: bool = False
    ) -> Tx | None:
        """A transaction that pays `outputs`, and `to_itself` sats to a receiving script; None where it hasn't so much."""
        wanted = list(outputs)
        if to_itself:
            wanted.append(Output(self.receive(), to_itself))
        due = sum(each.sats for each in wanted) + fee
        taken: list[tuple[Outpoint, Output]] = []
        has = 0
        for found in chain.unspent(self._own):
            if has >= due:
                break
            taken.append(found)
            has += found[1].sats
        left = has - due
        if left < 0 or not taken:
            return None
        if left >= DUST:
            wanted.insert(0, Output(self.change(), left))
        sequence = FINAL if final else REPLACEABLE
        return Tx(tuple(self._input(*each, sequence) for each in taken), tuple(wanted))

    def dearer(self, tx: Tx, more: int) -> Tx | None:
        """`tx` with so much more for its fee, out of the change; None where that isn't enough (BIP125)."""
        for place, out in enumerate(tx.outputs):
            if out.script in self._own and out.sats - more >= DUST:
                outputs = list(tx.outputs)
                outputs[place] = Output(out.script, out.sats - more)
                return Tx(tx.inputs, tuple(outputs), tx.version, tx.locktime)
        return None

    def truth(self, chain: Chain) -> dict[str, tuple[int, bool]]:
        """What it moved: txid → (net in sats, whether it is in a block)."""
        told: dict[str, tuple[int, bool]] = {}
        scripts = self.scripts
        for each in scripts:
            for txid in chain.history(each):
                if txid not in told and (found := chain.tx(txid)) is not None:
                    told[txid] = (found[0].net(scripts), True)
            for tx in chain.waiting(each):
                told[tx.txid] = (tx.net(scripts), False)
        return told

    def _fresh(self, chain: int, skip: int) -> bytes:
        if self.kind is Kind.ADDRESS:
            return self.script(RECEIVE, 0)
        self._next[chain] += skip + 1
        return self.script(chain, self._next[chain] - 1)

    def _script(self, keys: Sequence[ec.PublicKey]) -> tuple[bytes, bytes]:
        match self.kind:
            case Kind.P2PK:
                return push(keys[0].sec()) + b"\xac", b""
            case Kind.P2PKH:
                return script.p2pkh(keys[0]).data, b""
            case Kind.P2TR:
                return script.p2tr(keys[0]).data, b""
            case Kind.P2SH_P2WPKH:
                inner = script.p2wpkh(keys[0])
                return script.p2sh(inner).data, inner.data
            case Kind.MULTISIG:
                pushed = b"".join(push(each) for each in sorted(key.sec() for key in keys))
                inner = b"\x52" + pushed + b"\x53\xae"
                return b"\x00\x20" + hashlib.sha256(inner).digest(), inner
            case _:
                return script.p2wpkh(keys[0]).data, b""

    def _input(self, outpoint: Outpoint, spent: Output, sequence: int) -> Input:
        """The spending of one of ours, signed by nobody: of the shape a signature has (no verifier looks at it here)."""
        own = self._own[spent.script]
        signature = hashlib.shake_256(f"{outpoint}".encode()).digest(71)
        key = own.keys[0]
        match kind_of(spent.script):
            case "p2pk":
                return Input(outpoint, spent, push(signature), (), sequence)
            case "p2pkh":
                return Input(outpoint, spent, push(signature) + push(key), (), sequence)
            case "p2sh":
                return Input(outpoint, spent, push(own.inner), (signature, key), sequence)
            case "v1_p2tr":
                return Input(outpoint, spent, b"", (signature[:64],), sequence)
            case "v0_p2wsh":
                return Input(outpoint, spent, b"", (b"", signature, signature[::-1], own.inner), sequence)
            case _:
                return Input(outpoint, spent, b"", (signature, key), sequence)
