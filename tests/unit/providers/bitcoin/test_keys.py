"""What a person may show of a wallet, by published vectors: BIP32, 44, 49, 84, 86, 173, 350, 380 to 389 and SLIP-132."""

import pytest
from embit.descriptor.checksum import checksum

from caudal.providers.bitcoin.keys import (
    KeyProblem,
    Network,
    PrivateKeyShown,
    ScriptKind,
    Shown,
    branches,
    kinds_named,
    name_of,
    read,
)

XPUB_44 = "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj"
YPUB_49 = "ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP"
UPUB_49 = "upub5EFU65HtV5TeiSHmZZm7FUffBGy8UKeqp7vw43jYbvZPpoVsgU93oac7Wk3u6moKegAEWtGNF8DehrnHtv21XXEMYRUocHqguyjknFHYfgY"
ZPUB_84 = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
XPUB_86 = "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ"

ACCOUNTS: list[tuple[str, str, ScriptKind, Network, dict[tuple[int, int], str]]] = [
    ("SLIP-132", XPUB_44, ScriptKind.P2PKH, "main", {(0, 0): "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA"}),
    ("SLIP-132", YPUB_49, ScriptKind.P2SH_P2WPKH, "main", {(0, 0): "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf"}),
    ("BIP49", UPUB_49, ScriptKind.P2SH_P2WPKH, "test", {(0, 0): "2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2"}),
    (
        "BIP84",
        ZPUB_84,
        ScriptKind.P2WPKH,
        "main",
        {
            (0, 0): "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
            (0, 1): "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g",
            (1, 0): "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el",
        },
    ),
    (
        "BIP86",
        XPUB_86,
        ScriptKind.P2TR,
        "main",
        {
            (0, 0): "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
            (0, 1): "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
            (1, 0): "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7",
        },
    ),
]
"""Published keys of "abandon … about": (source, key, kind, network, (chain, index) → address). Never to be funded."""


def shown(text: str, kind: ScriptKind, network: Network = "main") -> Shown:
    """What was shown, a plain xpub taken for `kind`."""
    return read(text, network).decided([kind])


def addresses(told: Shown, network: Network, chain: int, count: int) -> list[str]:
    """The first addresses of a chain."""
    rows = branches(told.descriptors, network)
    return [each.path.removeprefix("address/") for each in rows[chain].scripts(0, count)]


@pytest.mark.parametrize(("source", "key", "kind", "network", "places"), ACCOUNTS)
def test_an_extended_key_makes_the_published_addresses(
    source: str, key: str, kind: ScriptKind, network: Network, places: dict[tuple[int, int], str]
) -> None:
    told = shown(key, kind, network)
    assert len(branches(told.descriptors, network)) == 2
    for (chain, index), address in places.items():
        assert addresses(told, network, chain, 2)[index] == address


def test_a_ypub_and_a_zpub_say_their_kind_and_an_xpub_does_not() -> None:
    assert not read(YPUB_49, "main").undecided
    assert not read(ZPUB_84, "main").undecided
    assert len(read(XPUB_44, "main").undecided) == 1
    assert read(XPUB_44, "main").descriptors == ()


def test_one_wallet_has_one_name_however_it_is_shown() -> None:
    zpub = read(ZPUB_84, "main")
    inner = zpub.descriptors[0]
    plain = inner.removeprefix("wpkh(").removesuffix("/<0;1>/*)")
    with_origin = f"wpkh([73c5da0a/84h/0h/0h]{plain}/<0;1>/*)"
    assert name_of(read(with_origin, "main").descriptors) == name_of(zpub.descriptors)
    assert name_of(read(XPUB_44, "main").decided([ScriptKind.P2TR]).descriptors) != name_of(zpub.descriptors)


@pytest.mark.parametrize(
    "address",
    [
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",  # BIP350: bech32 instead of bech32m
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx",  # BIP173, not since BIP350
        "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",  # BIP350: no prefix of ours
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",  # the last character is another
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",  # of another network
    ],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(KeyProblem) as refused:
        read(address, "main")
    assert address not in str(refused.value)


def test_an_address_in_capitals_is_the_same_as_in_small_letters() -> None:
    told = read("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "main")
    assert told.descriptors == ("addr(bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4)",)
    (row,) = branches(told.descriptors, "main")
    (script,) = row.scripts(0, 1)
    assert script.data.hex() == "0014751e76e8199196d454941c45d1b3a323f1433bd6"
    with pytest.raises(KeyProblem):
        read("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3T4", "main")


PRIVATE = [
    "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
    "wpkh(xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi/0/*)",
    "pkh(L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1)",
    "L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1",
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
    "0c28fca386c7a227600b2fe50b7cae11ec86d3bf1fbe471be89827e19d72aa1d",
]
"""BIP32's and BIP381's published keys."""


@pytest.mark.parametrize("secret", PRIVATE)
def test_a_private_key_is_refused_at_the_door_and_never_repeated(secret: str) -> None:
    with pytest.raises(PrivateKeyShown) as refused:
        read(secret, "main")
    assert not any(word in str(refused.value) for word in secret.split() if len(word) > 12)
    assert refused.value.__cause__ is None
    assert "leaked" in str(refused.value)


def test_the_key_of_one_of_several_signers_is_refused_with_what_to_give_instead() -> None:
    for prefix in ("Ypub", "Zpub", "Upub", "Vpub"):
        with pytest.raises(KeyProblem, match="descriptor"):
            read(prefix + ZPUB_84[4:], "main")


def test_a_descriptors_checksum_may_be_left_out_and_must_be_right() -> None:
    body = "wpkh(03a34b99f22c790c4e36b2b3c2c35a36db06226e41c692fc82b8b56ac1c540c5bd)"  # BIP382
    (row,) = branches(read(body, "main").descriptors, "main")
    assert not row.ranged
    assert row.scripts(0, 1)[0].data.hex() == "00149a1c78a507689f6f54b847ad1cef1e614ee23f1e"
    assert read(f"{body}#{checksum(body)}", "main") == read(body, "main")
    assert checksum("raw(deadbeef)") == "89f8spxm"  # BIP380
    for wrong in ("#qqqqqqqq", "#", f"#{checksum(body)}x", f"#{checksum(body)[:-1]}"):
        with pytest.raises(KeyProblem, match="checksum"):
            read(body + wrong, "main")


@pytest.mark.parametrize(
    "descriptor",
    [
        "pk(02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9)",
        "raw(deadbeef)",
        "wpkh(",
        "tr()",
    ],
)
def test_a_descriptor_of_another_kind_is_refused(descriptor: str) -> None:
    with pytest.raises(KeyProblem, match="descriptor"):
        read(descriptor, "main")


def test_no_hardened_step_can_follow_a_public_key() -> None:
    for path in ("/0h/*", "/*h", "/<0;1>/*h"):
        with pytest.raises(KeyProblem):
            read(f"wpkh({XPUB_44}{path})", "main")


def test_a_kind_is_named_as_it_is_called() -> None:
    assert list(kinds_named(" P2TR, p2wpkh ")) == [ScriptKind.P2TR, ScriptKind.P2WPKH]
    with pytest.raises(KeyProblem, match="p2pkh"):
        list(kinds_named("segwit"))


def test_what_was_shown_is_in_no_repr() -> None:
    told = read(ZPUB_84, "main")
    assert "pub" not in repr(told) + repr(branches(told.descriptors, "main"))
