"""What a person shows of an address, and the hash behind its checksum."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.providers.ethereum.addresses import ADDRESSES_MAX, AddressProblem, checksummed, read
from caudal.providers.ethereum.keccak import keccak256

MINE = "0x" + "ab" * 20


@given(st.binary(max_size=600))
def test_with_the_padding_of_sha3_the_permutation_is_hashlibs(data: bytes) -> None:
    assert keccak256(data, 0x06) == hashlib.sha3_256(data).digest()


@given(st.binary(min_size=20, max_size=20).filter(any))
def test_a_checksum_is_right_for_its_address_alone(raw: bytes) -> None:
    shown = checksummed("0x" + raw.hex())
    assert read(shown) == ("0x" + raw.hex(),)
    letters = [place for place, each in enumerate(shown) if each.isalpha() and place > 1]
    if len(letters) > 2:
        flipped = shown[: letters[0]] + shown[letters[0]].swapcase() + shown[letters[0] + 1 :]
        if flipped[2:] not in {flipped[2:].lower(), flipped[2:].upper()}:
            with pytest.raises(AddressProblem, match="EIP-55"):
                read(flipped)


def test_several_are_taken_in_any_order_and_each_once() -> None:
    other = "0x" + "12" * 20
    assert read(f"{MINE}, {other}\n{MINE}") == (other, MINE)
    with pytest.raises(AddressProblem, match="at most"):
        read(" ".join(f"0x{n + 1:040x}" for n in range(ADDRESSES_MAX + 1)))


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ("", "40 hexadecimal"),
        ("0x" + "0" * 40, "zero address"),
        ("somebody.eth", "ENS"),
        ("0x" + "ab" * 32, "private key"),
        ("ab" * 32, "private key"),
        ("abandon " * 11 + "about", "seed words"),
        (
            "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yu",
            "key",
        ),
    ],
)
def test_what_is_no_address_is_refused_and_a_secret_never_repeated(shown: str, why: str) -> None:
    with pytest.raises(AddressProblem, match=why) as refused:
        read(shown)
    assert not shown or shown not in str(refused.value)
