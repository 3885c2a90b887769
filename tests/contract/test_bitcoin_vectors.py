"""Every published vector of the reference data: what the standards take is taken, what they refuse is refused."""

from typing import Any

import msgspec
import pytest
from tests.support.shared import shared

from caudal.providers.bitcoin.keys import KeyProblem, PrivateKeyShown, ScriptKind, branches, read


def vectors() -> Any:
    return msgspec.json.decode(shared("contracts", "bitcoin", "test_vectors.json").read_bytes())


def network_of(text: str) -> Any:
    return "test" if text.lower().startswith(("tb1", "upub", "tpub", "vpub")) else "main"


def scripts_of(text: str, count: int = 1, kind: ScriptKind = ScriptKind.P2PKH, chain: int = 0) -> list[str]:
    network = network_of(text)
    rows = branches(read(text, network).decided([kind]).descriptors, network)
    return [each.data.hex() for each in rows[chain].scripts(0, count)]


def test_the_addresses_of_every_account() -> None:
    told = vectors()
    accounts = [(each["extended_key"], each["script"], each["addresses"]) for each in told["account_vectors"]]
    for key, kind, places in accounts:
        network = network_of(key)
        rows = branches(read(key, network).decided([ScriptKind(kind)]).descriptors, network)
        for place in places:
            chain, index = map(int, place["path"].split("/"))
            assert rows[chain].scripts(index, 1)[0].path == f"address/{place['address']}"


def test_the_addresses_that_another_program_made() -> None:
    """There the extended key stands for an account, and for a single chain of its own as well."""
    for each in vectors()["account_vectors_secondary"]["vectors"]:
        told = read(each["extended_key"], "main").decided([ScriptKind(each["script"])]).descriptors[0]
        for path, address in each["addresses"].items():
            chain, _, index = path.rpartition("/")
            inside = told.replace("/<0;1>/*", f"/{chain}/*" if chain else "/*")
            assert branches([inside], "main")[0].scripts(int(index), 1)[0].path == f"address/{address}"


def test_damaged_extended_keys_are_refused() -> None:
    for each in vectors()["bip32"]["invalid_extended_keys"]:
        with pytest.raises(KeyProblem) as refused:
            read(each["key"], "main")
        assert each["key"] not in str(refused.value)


def test_every_private_key_of_the_vectors_is_refused_as_one() -> None:
    for vector in vectors()["bip32"]["valid"]:
        for each in vector["chains"]:
            with pytest.raises(PrivateKeyShown):
                read(each["xprv"], "main")
            assert read(each["xpub"], "main").undecided


def test_segwit_addresses() -> None:
    told = vectors()["segwit_addresses"]
    for each in told["valid"]:
        assert scripts_of(each["address"]) == [each["scriptPubKey"]]
    for each in told["invalid"]:
        for network in ("main", "test"):
            with pytest.raises(KeyProblem):
                read(each["address"], network)  # type: ignore[arg-type]
    for address in told["bip173_now_invalid_for_v1plus"]["addresses"]:
        with pytest.raises(KeyProblem):
            read(address, "main")


def test_base58_addresses() -> None:
    told = vectors()["base58_addresses"]
    for address, _ in told["valid"]:
        assert read(address, "main").descriptors == (f"addr({address})",)
    for address, _ in told["invalid"]:
        with pytest.raises(KeyProblem):
            read(address, "main")


def test_descriptors_make_their_scripts_or_are_refused_for_a_reason() -> None:
    told, made = vectors()["descriptors"], 0
    for bip in ("bip0381", "bip0382", "bip0386"):
        for each in told[bip]:
            text = each["descriptor"]
            try:
                scripts = scripts_of(text, len(each["scripts"]))
            except PrivateKeyShown:
                assert "prv" in text or any(
                    f"{before}{first}" in text for before in "(]," for first in "LK5"
                ), text
            except KeyProblem:
                fit = not text.startswith(("pk(", "sh(pk", "wsh(pk", "sh(wsh(pk")) and ",pk(" not in text
                assert not fit or "*h" in text or "*'" in text, text
            else:
                assert scripts == each["scripts"], text
                made += 1
    assert made >= 5


def test_slip_132_prefixes() -> None:
    told = vectors()["account_vectors_secondary"]["slip132_reencoding"]
    plain = read(told["xpub"], "main").undecided[0]
    assert read(told["ypub"], "main").descriptors == (f"sh(wpkh({plain}))",)
    assert read(told["zpub"], "main").descriptors == (f"wpkh({plain})",)
