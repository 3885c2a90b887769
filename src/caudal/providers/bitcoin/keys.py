"""What a person shows of a wallet, and the scripts that come of it.

Addresses (BIP173, BIP350, base58check), extended public keys (BIP32, SLIP-132) and output descriptors (BIP380 to 386,
389), by embit, which is named in this module alone. Nothing shown here is repeated in an error: it may be a secret.
"""

import enum
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
from embit import base58, bech32, script
from embit.bip32 import HDKey
from embit.descriptor import Descriptor
from embit.descriptor.checksum import checksum
from embit.networks import NETWORKS

from caudal.model.errors import CaudalError

Network = Literal["main", "test", "signet", "regtest"]


class KeyProblem(CaudalError):
    """What was shown can't be watched. Says why, and never what was shown."""


class PrivateKeyShown(KeyProblem):
    """A private key, or words that make one, where a public one was asked for."""

    def __init__(self) -> None:
        super().__init__(
            "this is a private key or a seed, not a public key: nothing of it was kept, but whoever saw it can spend; "
            "take it as leaked and move the coins. To watch a wallet give an address, an xpub or a descriptor"
        )


class ScriptKind(enum.StrEnum):
    """What an extended public key's addresses may be (BIP44, 49, 84, 86)."""

    P2PKH = "p2pkh"
    P2SH_P2WPKH = "p2sh-p2wpkh"
    P2WPKH = "p2wpkh"
    P2TR = "p2tr"


class Script(NamedTuple):
    """An output script, and where Esplora tells of it."""

    data: bytes
    path: str


class Branch(msgspec.Struct, frozen=True):
    """Scripts in a row: those of one chain of a descriptor, or a single one (`ranged` False: at index 0 alone)."""

    descriptor: str
    part: int
    ranged: bool
    network: Network

    def scripts(self, first: int, count: int) -> list[Script]:
        """`count` of them from `first` on."""
        if self.descriptor.startswith("addr("):
            return [_script(_of_address(self.descriptor[5:-1], self.network), self.network)]
        made = Descriptor.from_string(self.descriptor)
        return [
            _script(made.derive(index, branch_index=self.part).script_pubkey().data, self.network)
            for index in range(first, first + count)
        ]

    def __repr__(self) -> str:
        return f"Branch(…, part={self.part})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class Shown(msgspec.Struct, frozen=True):
    """What a person showed, in one spelling: descriptors without origins and checksums, addresses as ``addr(…)``.

    `undecided`: extended public keys whose prefix doesn't say what their addresses are.
    """

    descriptors: tuple[str, ...]
    undecided: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Shown({len(self.descriptors)} descriptors, {len(self.undecided)} undecided)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]

    def decided(self, kinds: Sequence[ScriptKind]) -> "Shown":
        """With the undecided keys' addresses taken to be of these kinds."""
        made = [_WRAPPED[kind].format(key) for key in self.undecided for kind in kinds]
        return Shown(tuple(dict.fromkeys((*self.descriptors, *made))))


def read(text: str, network: Network) -> Shown:
    """What `text` shows: addresses, keys or descriptors, separated by spaces or line ends. Raises KeyProblem."""
    text = text.strip()
    _refuse_secrets(text)
    parts = text.split()
    if not parts:
        raise KeyProblem("nothing was given: give an address, an xpub, ypub or zpub, or a descriptor")
    if len(parts) > PARTS_MAX:
        raise KeyProblem(f"more than {PARTS_MAX} addresses or keys in one wallet: link them as several")
    descriptors: list[str] = []
    undecided: list[str] = []
    for part in parts:
        if "(" in part:
            descriptors.append(_read_descriptor(part, network))
        elif part[1:4] == "pub":
            told = _read_key(part, network)
            (undecided if told.startswith(("xpub", "tpub")) else descriptors).append(told)
        else:
            descriptors.append(f"addr({_read_address(part, network)})")
    return Shown(tuple(dict.fromkeys(descriptors)), tuple(dict.fromkeys(undecided)))


def branches(descriptors: Sequence[str], network: Network) -> list[Branch]:
    """The rows of scripts that `descriptors` (from `read`) make."""
    made: list[Branch] = []
    for each in descriptors:
        if each.startswith("addr("):
            made.append(Branch(each, 0, ranged=False, network=network))
            continue
        told = Descriptor.from_string(each)
        ranged = bool(told.is_wildcard)
        made += [Branch(each, part, ranged, network) for part in range(told.num_branches)]
    return made


def name_of(descriptors: Sequence[str]) -> str:
    """What names this wallet and says nothing of it: 32 hexadecimal digits."""
    return hashlib.blake2b("\n".join(sorted(descriptors)).encode(), digest_size=16).hexdigest()


PARTS_MAX: Final = 200
"""Addresses or keys in one wallet."""

_WRAPPED: Final[Mapping[ScriptKind, str]] = {
    ScriptKind.P2PKH: "pkh({})",
    ScriptKind.P2SH_P2WPKH: "sh(wpkh({}))",
    ScriptKind.P2WPKH: "wpkh({})",
    ScriptKind.P2TR: "tr({})",
}
_KINDS: Final = {"xpub": None, "ypub": ScriptKind.P2SH_P2WPKH, "zpub": ScriptKind.P2WPKH}
"""SLIP-132. A plain xpub is exported for all four kinds, whatever BIP44 says."""
_OF_SEVERAL: Final = frozenset({"Ypub", "Zpub"})
_CHAIN: Final = 4
"""The depth of a key that is one chain of an account already; all others are taken for an account."""

_SECRET_KEY: Final = re.compile(r"(?<![A-Za-z0-9])[xyztuvYZUV]prv[1-9A-HJ-NP-Za-km-z]+")
_HEX_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
_ORIGIN: Final = re.compile(r"\[[0-9a-fA-F]{8}(?:/[0-9]+[hH']?)*\]")
_WORDS_MIN: Final = 11
"""Seeds have twelve words; somebody may forget one."""


def _refuse_secrets(text: str) -> None:
    words = text.split()
    if len(words) >= _WORDS_MIN and all(word.isalpha() for word in words):
        raise PrivateKeyShown
    for word in words:
        if (
            _SECRET_KEY.search(word)
            or _HEX_KEY.fullmatch(word)
            or any(map(_is_wif, re.split(r"[(),]", word)))
        ):
            raise PrivateKeyShown


def _is_wif(word: str) -> bool:
    word = _ORIGIN.sub("", word)
    raw = _base58(word)
    return raw is not None and raw[:1] in {b"\x80", b"\xef"} and len(raw) in {33, 34}


def _read_key(text: str, network: Network) -> str:
    """A descriptor where the key's prefix says which; else the key with its chains, as an xpub or tpub."""
    prefix = _prefix(text)
    if prefix in _OF_SEVERAL:
        raise KeyProblem(
            "this key is one of several of a multisig wallet, which can't be watched by one alone: give its descriptor"
        )
    try:
        key = HDKey.from_string(text)
    except Exception:  # noqa: BLE001  embit raises what it likes; what it says may repeat the key
        raise KeyProblem("this extended public key is damaged: copy it again, whole") from None
    if key.is_private:
        raise PrivateKeyShown
    told = NETWORKS[network]
    if key.version not in {told["xpub"], told["ypub"], told["zpub"]}:
        raise KeyProblem(f"this extended public key is of another network than {network}")
    ways = "/*" if key.depth == _CHAIN else "/<0;1>/*"
    plain = f"{key.to_base58(told['xpub'])}{ways}"
    kind = _KINDS[prefix]
    return plain if kind is None else _WRAPPED[kind].format(plain)


def _prefix(text: str) -> str:
    """The SLIP-132 prefix as the main network has it."""
    first = {"t": "x", "u": "y", "v": "z", "U": "Y", "V": "Z"}.get(text[0], text[0])
    prefix = f"{first}pub"
    if prefix not in _KINDS and prefix not in _OF_SEVERAL:
        raise KeyProblem("no extended public key begins like this: xpub, ypub and zpub are known")
    return prefix


def _read_descriptor(text: str, network: Network) -> str:
    body, hash_, told = text.partition("#")
    _check_sum(body, told if hash_ else None)
    if body.startswith("addr(") and body.endswith(")"):
        return f"addr({_read_address(body[5:-1], network)})"
    try:
        made = Descriptor.from_string(body)
        keys = list(made.keys)
        secret = any(key.is_private for key in keys)
        fit = bool(made.key is not None and not made.taptree) or bool(made.is_basic_multisig)
        [made.derive(0, branch_index=part).script_pubkey() for part in range(made.num_branches)]
    except Exception:  # noqa: BLE001  embit raises what it likes; what it says may repeat a key
        raise KeyProblem(f"this descriptor can't be read: {_UNDERSTOOD}") from None
    if secret:
        raise PrivateKeyShown
    if not fit:
        raise KeyProblem(f"this kind of descriptor is not known here: {_UNDERSTOOD}")
    versions = {key.key.version for key in keys if key.is_extended}
    if versions - {NETWORKS[network]["xpub"]}:
        raise KeyProblem(f"a key of this descriptor isn't an xpub of the network {network}")
    return _ORIGIN.sub("", body)


_UNDERSTOOD: Final = (
    "pkh, wpkh, sh(wpkh), tr of one key, and multi or sortedmulti in sh, wsh or sh(wsh), "
    "with no hardened step after a key"
)


def _check_sum(body: str, told: str | None) -> None:
    """BIP380: the checksum may be left out; one that is there must be right."""
    if told is None:
        return
    try:
        right = checksum(body)
    except Exception:  # noqa: BLE001  a character no descriptor has
        right = ""
    if told != right:
        raise KeyProblem("the descriptor's checksum (after #) is not right: copy it again, whole")


def _read_address(text: str, network: Network) -> str:
    """The address in one spelling. Raises KeyProblem."""
    _of_address(text, network)
    return text.lower() if text.lower().startswith(f"{NETWORKS[network]['bech32']}1") else text


def _of_address(text: str, network: Network) -> bytes:
    """The script an address stands for. Raises KeyProblem."""
    told: Mapping[str, Any] = NETWORKS[network]
    if text.lower().startswith(f"{told['bech32']}1"):
        try:
            version, program = bech32.decode(told["bech32"], text)
        except Exception:  # noqa: BLE001  embit raises what it likes
            version, program = None, None
        if version is None or program is None:
            raise KeyProblem("this address is damaged: copy it again, whole")
        return bytes([version + 0x50 if version else 0, len(program), *program])
    raw = _base58(text)
    if raw is not None and len(raw) == 21 and raw[:1] == told["p2pkh"]:
        return b"\x76\xa9\x14" + raw[1:] + b"\x88\xac"
    if raw is not None and len(raw) == 21 and raw[:1] == told["p2sh"]:
        return b"\xa9\x14" + raw[1:] + b"\x87"
    raise KeyProblem(f"this is no address, extended public key or descriptor of the network {network}")


def _base58(text: str) -> bytes | None:
    try:
        return bytes(base58.decode_check(text))
    except Exception:  # noqa: BLE001  embit raises what it likes for what is no base58
        return None


def _script(data: bytes, network: Network) -> Script:
    """By its address where it has one, else by its hash (API.md: not reversed)."""
    try:
        return Script(data, f"address/{script.Script(data).address(NETWORKS[network])}")
    except Exception:  # noqa: BLE001  embit raises what it likes for a script without an address
        return Script(data, f"scripthash/{hashlib.sha256(data).hexdigest()}")


def kinds_named(text: str) -> Iterator[ScriptKind]:
    """The kinds a person named, separated by commas or spaces. Raises KeyProblem."""
    for word in re.split(r"[\s,]+", text.strip().lower()):
        if word not in set(ScriptKind):
            raise KeyProblem(f"a kind of address is one of {', '.join(ScriptKind)}")
        yield ScriptKind(word)
