"""The key a connection's secrets are sealed under, as it is kept."""

from uuid import UUID

import msgspec


class DataKey(msgspec.Struct, frozen=True):
    """A connection's data key, wrapped by the wrapping key `wrapping_key`. Useless without the keyring."""

    data_key_id: UUID
    connection_id: UUID
    wrapping_key: str
    wrapped: bytes
