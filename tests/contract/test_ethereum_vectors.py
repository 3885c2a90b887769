"""Every published vector of EIP-55: what it takes is taken, what it refuses is refused."""

from typing import Any

import msgspec
import pytest
from tests.support.shared import shared

from caudal.providers.ethereum.addresses import AddressProblem, checksummed, read
from caudal.providers.ethereum.keccak import keccak256


def vectors() -> Any:
    return msgspec.json.decode(shared("contracts", "ethereum", "eip55_vectors.json").read_bytes())


def test_the_digest_of_nothing_is_keccaks_and_not_that_of_sha3() -> None:
    told = vectors()
    assert keccak256(b"").hex() == told["keccak256_of_empty"]
    assert keccak256(b"", 0x06).hex() == told["sha3_256_of_empty_NOT_keccak"]


def test_every_address_is_written_as_published_and_taken_in_any_right_case() -> None:
    for each in vectors()["valid_checksummed"]:
        assert checksummed(each["lower"]) == each["address"]
        for shown in (each["address"], each["lower"], "0x" + each["address"][2:].upper()):
            assert read(shown) == (each["lower"],)


def test_every_address_that_is_none_is_refused_and_not_repeated() -> None:
    for shown, _ in vectors()["invalid"]:
        with pytest.raises(AddressProblem) as refused:
            read(shown)
        assert shown not in str(refused.value)
