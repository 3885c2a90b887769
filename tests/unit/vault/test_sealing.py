"""A sealed value opens in its own place with its own key, and nowhere else."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.data_key import DataKey
from caudal.model.errors import ConfigError
from caudal.vault.keyring import Keyring
from caudal.vault.sealing import SealError, new_data_key, rewrap, seal, unseal

NOW = datetime(2026, 3, 2, tzinfo=UTC)
RING = Keyring.generate(NOW)
SPACE, CONNECTION = uuid4(), uuid4()
SECRET = b"CANARY-token"


def data_key(ring: Keyring = RING, space: UUID = SPACE, connection: UUID = CONNECTION) -> DataKey:
    return new_data_key(ring, uuid4(), space, connection)


KEY = data_key()
SEALED = seal(RING, KEY, SPACE, "token", SECRET)


@given(st.binary(max_size=300), st.text(max_size=20))
def test_what_is_sealed_can_be_opened(secret: bytes, field: str) -> None:
    assert unseal(RING, KEY, SPACE, field, seal(RING, KEY, SPACE, field, secret)) == secret


def test_sealing_twice_never_gives_the_same() -> None:
    sealed = [seal(RING, KEY, SPACE, "token", SECRET) for _ in range(200)]
    assert len({one[2:14] for one in sealed}) == 200, "a nonce must not come twice"
    assert not any(SECRET in one for one in sealed)


def test_every_flipped_bit_is_refused() -> None:
    for place in range(len(SEALED) * 8):
        changed = bytearray(SEALED)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(SealError):
            unseal(RING, KEY, SPACE, "token", bytes(changed))


def test_every_flipped_bit_of_a_wrapped_key_is_refused() -> None:
    for place in range(len(KEY.wrapped) * 8):
        changed = bytearray(KEY.wrapped)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(SealError):
            unseal(RING, msgspec.structs.replace(KEY, wrapped=bytes(changed)), SPACE, "token", SEALED)


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_what_is_cut_is_refused(length: int) -> None:
    with pytest.raises(SealError):
        unseal(RING, KEY, SPACE, "token", SEALED[:length])


def test_what_is_longer_is_refused() -> None:
    with pytest.raises(SealError):
        unseal(RING, KEY, SPACE, "token", SEALED + b"\0")


PLACES = {
    "space": (KEY, uuid4(), "token"),
    "field": (KEY, SPACE, "secret"),
    "connection": (msgspec.structs.replace(KEY, connection_id=uuid4()), SPACE, "token"),
    "data key id": (msgspec.structs.replace(KEY, data_key_id=uuid4()), SPACE, "token"),
    "data key": (data_key(), SPACE, "token"),
    "wrapping": (msgspec.structs.replace(KEY, wrapped=data_key().wrapped), SPACE, "token"),
}
"""Where a row may have been copied to."""


@pytest.mark.parametrize(("key", "space", "field"), PLACES.values(), ids=list(PLACES))
def test_another_place_is_refused(key: DataKey, space: UUID, field: str) -> None:
    with pytest.raises(SealError):
        unseal(RING, key, space, field, SEALED)


def test_a_wrapped_key_is_not_taken_for_a_secret_nor_a_secret_for_a_key() -> None:
    with pytest.raises(SealError):
        unseal(RING, KEY, SPACE, "data_key", KEY.wrapped)
    with pytest.raises(SealError):
        unseal(RING, msgspec.structs.replace(KEY, wrapped=SEALED), SPACE, "token", SEALED)


def test_another_keyring_is_refused() -> None:
    with pytest.raises(ConfigError, match=RING.primary):
        unseal(Keyring.generate(NOW), KEY, SPACE, "token", SEALED)
    of_the_same_name = msgspec.structs.replace(RING.keys[0], key=bytes(range(32)))
    with pytest.raises(SealError):
        unseal(msgspec.structs.replace(RING, keys=(of_the_same_name,)), KEY, SPACE, "token", SEALED)


def test_rewrapping_changes_the_wrapping_and_not_the_key() -> None:
    fresh = RING.rotated(NOW)
    moved = rewrap(fresh, KEY, SPACE)
    assert (moved.data_key_id, moved.connection_id) == (KEY.data_key_id, KEY.connection_id)
    assert moved.wrapping_key == fresh.primary != KEY.wrapping_key
    only_the_fresh = msgspec.structs.replace(fresh, keys=fresh.keys[-1:])
    assert unseal(only_the_fresh, moved, SPACE, "token", SEALED) == SECRET
    with pytest.raises(SealError):
        rewrap(fresh, KEY, uuid4())


def test_the_error_says_nothing_of_what_was_sealed() -> None:
    with pytest.raises(SealError) as caught:
        unseal(RING, KEY, SPACE, "other", SEALED)
    assert "CANARY" not in repr(caught.value) + str(caught.value)
    assert caught.value.__suppress_context__
