"""The local key provider: wrapping keys in one file, refused wherever it could not be trusted.

No key, no start: a keyring is made only when a person says so (`caudal keys init`), never as a silent default;
a key made at start-up would lose every secret sealed under the one before.
"""

import base64
import binascii
import enum
import json
import os
import secrets
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from caudal.model.errors import ConfigError

KEY_BYTES: Final = 32
FILE_NAME: Final = "keyring.json"


class KeyState(enum.StrEnum):
    """`active`: wraps and unwraps. `retired`: still unwraps what was wrapped before it was replaced."""

    ACTIVE = "active"
    RETIRED = "retired"


class WrappingKey(msgspec.Struct, frozen=True):
    """One key of the keyring. Its repr does not show the key."""

    id: str
    key: bytes
    created: datetime
    state: KeyState = KeyState.ACTIVE

    def __repr__(self) -> str:
        return f"WrappingKey({self.id}, {self.state})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", f"{self.id}, {self.state}")]


class Keyring(msgspec.Struct, frozen=True):
    """The wrapping keys, and the key that the audit trail is authenticated with."""

    primary: str
    keys: tuple[WrappingKey, ...]
    audit_key: bytes

    def __repr__(self) -> str:
        return f"Keyring(primary={self.primary}, keys={list(self.keys)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", f"primary={self.primary}")]

    def key(self, key_id: str) -> bytes:
        """The bytes of one key. Raises ConfigError where the keyring doesn't hold it."""
        for key in self.keys:
            if key.id == key_id:
                return key.key
        raise ConfigError(
            f"the keyring holds no key {key_id}, under which secrets of this database are wrapped; "
            "put back the keyring that was used before"
        )

    def rotated(self, now: datetime) -> "Keyring":
        """A keyring with a fresh primary key; the one before stays, to unwrap what it wrapped."""
        fresh = _fresh_key(now)
        return Keyring(fresh.id, (*self.keys, fresh), self.audit_key)

    def retired(self, in_use: frozenset[str]) -> "Keyring":
        """A keyring in which every key that neither is primary nor wraps anything any more is retired."""
        keys = tuple(
            msgspec.structs.replace(key, state=KeyState.RETIRED)
            if key.id != self.primary and key.id not in in_use
            else key
            for key in self.keys
        )
        return Keyring(self.primary, keys, self.audit_key)

    @classmethod
    def generate(cls, now: datetime) -> Self:
        """A new keyring with one key."""
        first = _fresh_key(now)
        return cls(first.id, (first,), secrets.token_bytes(KEY_BYTES))


def path_in(home: Path) -> Path:
    """Where the keyring of an installation is: CAUDAL_KEYRING, else in its home."""
    return Path(os.environ.get("CAUDAL_KEYRING") or home / FILE_NAME)


def create(path: Path) -> Keyring:
    """Make a keyring at `path`, readable by its owner alone. Raises ConfigError where one is there already."""
    keyring = Keyring.generate(datetime.now(UTC))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(
            f"{path} exists already; it is never overwritten (see `caudal keys rotate`)"
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        _write(file.fileno(), keyring)
    return keyring


def load(path: Path) -> Keyring:
    """Read the keyring. Raises ConfigError where it is missing, readable by others, or not whole."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ConfigError(
            f"no keyring at {path}: make one with `caudal keys init`, and keep a copy of it"
        ) from None
    except OSError as error:
        raise ConfigError(f"the keyring {path} can't be opened: {error.strerror}") from None
    mode = os.fstat(descriptor)
    if not stat.S_ISREG(mode.st_mode):
        os.close(descriptor)
        raise ConfigError(f"the keyring {path} is not a plain file")
    with os.fdopen(descriptor, "rb") as file:
        if mode.st_mode & 0o077:
            raise ConfigError(
                f"the keyring {path} can be read by others (mode {mode.st_mode & 0o777:03o}): "
                f"run chmod 600 on it, and think about who may have read it"
            )
        if mode.st_uid not in (os.geteuid(), 0):
            raise ConfigError(f"the keyring {path} belongs to another user")
        return _decode(path, file.read())


def replace(path: Path, keyring: Keyring) -> None:
    """Put `keyring` in the place of the one at `path`, whole or not at all."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            _write(descriptor, keyring)
        finally:
            os.close(descriptor)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _fresh_key(now: datetime) -> WrappingKey:
    return WrappingKey(f"k-{secrets.token_hex(4)}", secrets.token_bytes(KEY_BYTES), now)


def _write(descriptor: int, keyring: Keyring) -> None:
    text = {
        "version": 1,
        "primary": keyring.primary,
        "audit_key": base64.b64encode(keyring.audit_key).decode(),
        "keys": [
            {
                "id": key.id,
                "key": base64.b64encode(key.key).decode(),
                "created": key.created.isoformat(),
                "state": key.state.value,
            }
            for key in keyring.keys
        ],
    }
    data = json.dumps(text, indent=2).encode() + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)


class _KeyText(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    key: str
    created: datetime
    state: KeyState


class _KeyringText(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    primary: str
    audit_key: str
    keys: list[_KeyText]


def _decode(path: Path, data: bytes) -> Keyring:
    try:
        text = msgspec.json.decode(data, type=_KeyringText)
        keys = tuple(WrappingKey(key.id, _key_bytes(key.key), key.created, key.state) for key in text.keys)
        audit_key = _key_bytes(text.audit_key)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        # `from None`: the error's own text could quote the file.
        raise ConfigError(f"the keyring {path} is damaged: put back your copy of it") from None
    if text.version != 1:
        raise ConfigError(f"the keyring {path} has version {text.version}; this Caudal reads version 1")
    if text.primary not in {key.id for key in keys}:
        raise ConfigError(
            f"the keyring {path} names a primary key that it doesn't hold: put back your copy of it"
        )
    return Keyring(text.primary, keys, audit_key)


def _key_bytes(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES or len(set(key)) == 1:
        raise ValueError("not a key")
    return key
