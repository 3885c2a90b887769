"""A sealed secret opens in its own place, unchanged, with its own key: nowhere else and never otherwise."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.data_key import DataKey
from caudal.model.errors import CaudalError, ConfigError
from caudal.vault.keyring import Keyring
from caudal.vault.sealing import SealError, new_data_key, rewrap, seal, unseal

NOW = datetime(2026, 3, 2, tzinfo=UTC)
RING = Keyring.generate(NOW)
SPACE, CONNECTION = uuid4(), uuid4()
KEY = new_data_key(RING, uuid4(), SPACE, CONNECTION)
SECRET = b"CANARY-access-token"
SEALED = seal(RING, KEY, SPACE, "access_token", SECRET)


def opened(
    ring: Keyring = RING,
    key: DataKey = KEY,
    space: UUID = SPACE,
    field: str = "access_token",
    sealed: bytes = SEALED,
) -> bytes:
    return unseal(ring, key, space, field, sealed)


def flips(data: bytes) -> list[bytes]:
    """`data` with one bit flipped, for every bit it has."""
    return [
        data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
        for place in range(len(data))
        for bit in range(8)
    ]


@given(secret=st.binary(max_size=300), field=st.text(max_size=20))
def test_what_was_sealed_opens_unchanged_and_is_not_seen_in_between(secret: bytes, field: str) -> None:
    sealed = seal(RING, KEY, SPACE, field, secret)
    assert opened(field=field, sealed=sealed) == secret
    assert len(secret) < 4 or secret not in sealed


def test_no_flipped_bit_of_a_sealed_secret_goes_unseen() -> None:
    for changed in flips(SEALED):
        with pytest.raises(SealError):
            opened(sealed=changed)


def test_no_flipped_bit_of_a_wrapped_key_goes_unseen() -> None:
    for changed in flips(KEY.wrapped):
        with pytest.raises(SealError):
            opened(key=msgspec.structs.replace(KEY, wrapped=changed))


def test_nothing_cut_off_or_added_goes_unseen() -> None:
    for length in range(len(SEALED)):
        with pytest.raises(SealError):
            opened(sealed=SEALED[:length])
    for changed in (SEALED + b"\0", b"\0" + SEALED, SEALED + SEALED, SEALED[2:]):
        with pytest.raises(SealError):
            opened(sealed=changed)


@pytest.mark.parametrize(
    "field", ["", "access_toke", "access_token ", "ACCESS_TOKEN", "refresh_token", "data_key"]
)
def test_a_secret_does_not_open_as_another_field(field: str) -> None:
    with pytest.raises(SealError):
        opened(field=field)


def test_a_secret_does_not_open_in_another_space() -> None:
    with pytest.raises(SealError):
        opened(space=uuid4())


def test_a_secret_does_not_open_for_another_connection() -> None:
    with pytest.raises(SealError):
        opened(key=msgspec.structs.replace(KEY, connection_id=uuid4()))


def test_a_wrapped_key_does_not_open_under_another_s_id() -> None:
    with pytest.raises(SealError):
        opened(key=msgspec.structs.replace(KEY, data_key_id=uuid4()))


def test_a_secret_does_not_open_with_another_key_of_the_same_connection() -> None:
    with pytest.raises(SealError):
        opened(key=new_data_key(RING, uuid4(), SPACE, CONNECTION))
    with pytest.raises(SealError):
        opened(key=new_data_key(RING, KEY.data_key_id, SPACE, CONNECTION))


def test_a_secret_is_bound_to_its_place_by_itself_not_only_through_its_key() -> None:
    # Two fields of one connection share a data key: it is the seal that must tell them apart.
    other = seal(RING, KEY, SPACE, "refresh_token", b"another")
    assert opened(field="refresh_token", sealed=other) == b"another"
    with pytest.raises(SealError):
        opened(sealed=other)


def test_a_data_key_can_not_be_passed_off_as_a_secret() -> None:
    with pytest.raises(SealError):
        opened(field="data_key", sealed=KEY.wrapped)


def test_another_keyring_opens_nothing() -> None:
    stranger = Keyring.generate(NOW)
    with pytest.raises(ConfigError, match="holds no key"):
        opened(ring=stranger)
    posing = msgspec.structs.replace(stranger.keys[0], id=RING.primary)
    with pytest.raises(SealError):
        opened(ring=Keyring(RING.primary, (posing,), RING.audit_key))


def test_the_same_secret_never_looks_the_same_twice() -> None:
    assert len({seal(RING, KEY, SPACE, "access_token", SECRET) for _ in range(100)}) == 100
    assert len({new_data_key(RING, KEY.data_key_id, SPACE, CONNECTION).wrapped for _ in range(100)}) == 100


def test_rotating_the_keyring_keeps_secrets_readable_and_rewrapping_frees_the_old_key() -> None:
    fresh = RING.rotated(NOW)
    assert opened(ring=fresh) == SECRET
    moved = rewrap(fresh, KEY, SPACE)
    assert moved.wrapping_key == fresh.primary
    assert (moved.data_key_id, moved.connection_id) == (KEY.data_key_id, KEY.connection_id)
    without_the_old = Keyring(fresh.primary, fresh.keys[1:], fresh.audit_key)
    assert opened(ring=without_the_old, key=moved) == SECRET
    with pytest.raises(ConfigError):
        opened(ring=RING, key=moved)


def test_a_key_is_not_rewrapped_for_another_space() -> None:
    with pytest.raises(SealError):
        rewrap(RING.rotated(NOW), KEY, uuid4())


def test_a_refusal_says_nothing_of_what_was_sealed() -> None:
    for changed in (SEALED[:-1], SEALED[2:], b"", SECRET):
        with pytest.raises(SealError) as refused:
            opened(sealed=changed)
        told = str(refused.value)
        assert "CANARY" not in told
        assert len(told.splitlines()) == 1
        assert isinstance(refused.value, CaudalError)


def test_no_key_shows_where_a_wrapped_one_is_printed() -> None:
    held = [RING.audit_key, RING.key(RING.primary)]
    for shown in (repr(KEY), str(KEY)):
        assert not [key for key in held if repr(key)[2:-1] in shown or key.hex() in shown]
