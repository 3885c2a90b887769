"""No key, no start: a keyring is made only when asked for, never overwritten, and refused wherever it can't be trusted."""

import base64
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from caudal.model.errors import ConfigError
from caudal.vault import keyring
from caudal.vault.keyring import Keyring, KeyState

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "home" / keyring.FILE_NAME
    keyring.create(made)
    return made


def test_what_is_made_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "home" / keyring.FILE_NAME
    made = keyring.create(path)
    assert keyring.load(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert len(made.key(made.primary)) == len(made.audit_key) == 32


def test_no_two_keyrings_are_alike() -> None:
    made = [Keyring.generate(NOW) for _ in range(20)]
    assert len({key.key for one in made for key in one.keys} | {one.audit_key for one in made}) == 40
    assert len({one.primary for one in made}) == 20


def test_a_keyring_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        keyring.create(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("left", ["empty", "link to nothing", "folder"])
def test_nothing_that_stands_in_its_place_is_overwritten(tmp_path: Path, left: str) -> None:
    path = tmp_path / keyring.FILE_NAME
    if left == "empty":
        path.touch()
    elif left == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError):
        keyring.create(path)
    assert not (tmp_path / "elsewhere").exists()


def test_where_there_is_none_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="caudal keys init"):
        keyring.load(tmp_path / keyring.FILE_NAME)
    assert list(tmp_path.iterdir()) == [], "and makes none in silence"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o601, 0o620, 0o602, 0o777])
def test_a_keyring_that_others_can_reach_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        keyring.load(path)


def test_a_link_is_not_followed(path: Path) -> None:
    link = path.with_name("link.json")
    link.symlink_to(path)
    with pytest.raises(ConfigError, match="can't be opened"):
        keyring.load(link)


@pytest.mark.parametrize("kind", ["fifo"])
def test_only_a_plain_file_is_a_keyring(tmp_path: Path, kind: str) -> None:
    path = tmp_path / keyring.FILE_NAME
    if kind == "folder":
        path.mkdir(mode=0o700)
    else:
        os.mkfifo(path, 0o600)
        holding = os.open(path, os.O_RDWR)  # a writer, so that nobody has to wait for one
    with pytest.raises(ConfigError):
        keyring.load(path)
    if kind == "fifo":
        os.close(holding)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_keyring_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(path, 12345, 12345)
    with pytest.raises(ConfigError, match="another user"):
        keyring.load(path)


Spoil = Callable[[dict[str, Any]], object]


def key_of(size: int) -> str:
    return base64.b64encode(bytes(range(size))).decode()


SPOILED: dict[str, Spoil] = {
    "short key": lambda text: text["keys"][0].update(key=key_of(31)),
    "long key": lambda text: text["keys"][0].update(key=key_of(33)),
    "empty key": lambda text: text["keys"][0].update(key=""),
    "a second key short": lambda text: text["keys"].append(
        {**text["keys"][0], "id": "k-2", "key": key_of(16)}
    ),
    "zero key": lambda text: text["keys"][0].update(key=base64.b64encode(bytes(32)).decode()),
    "key of one byte": lambda text: text["keys"][0].update(key=base64.b64encode(b"\xa5" * 32).decode()),
    "no base64": lambda text: text["keys"][0].update(key="!" + key_of(32)[1:]),
    "short audit key": lambda text: text.update(audit_key=key_of(31)),
    "zero audit key": lambda text: text.update(audit_key=base64.b64encode(bytes(32)).decode()),
    "no audit key": lambda text: text.pop("audit_key"),
    "no keys": lambda text: text.update(keys=[]),
    "no primary": lambda text: text.pop("primary"),
    "primary missing": lambda text: text.update(primary="k-gone"),
    "no id": lambda text: text["keys"][0].pop("id"),
    "unknown state": lambda text: text["keys"][0].update(state="lost"),
    "unknown field": lambda text: text.update(passphrase="x"),
    "bad date": lambda text: text["keys"][0].update(created="yesterday"),
    "newer version": lambda text: text.update(version=2),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=list(SPOILED))
def test_a_keyring_that_is_not_whole_is_refused_and_not_quoted(path: Path, spoil: Spoil) -> None:
    text = json.loads(path.read_bytes())
    keys = [key["key"] for key in text["keys"]] + [text["audit_key"]]
    spoil(text)
    path.write_text(json.dumps(text))
    with pytest.raises(ConfigError) as caught:
        keyring.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any(key in str(caught.value) for key in keys)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_keyring_cut_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(0, len(whole.rstrip()), 5):
        path.write_bytes(whole[:length])
        with pytest.raises(ConfigError, match="damaged"):
            keyring.load(path)


def test_noise_is_refused(path: Path) -> None:
    for noise in (b"\0" * 600, b"\xff\xfe" * 300, b"[]", b"null", b'{"version": 1}'):
        path.write_bytes(noise)
        with pytest.raises(ConfigError, match="damaged"):
            keyring.load(path)


def test_replacing_is_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()
    fresh = keyring.load(path).rotated(NOW)

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            keyring.replace(path, fresh)
    assert path.read_bytes() == before
    keyring.replace(path, fresh)
    assert keyring.load(path) == fresh
    assert path.stat().st_mode & 0o777 == 0o600


def test_after_a_replacing_nothing_is_left_beside(path: Path) -> None:
    keyring.replace(path, keyring.load(path).rotated(NOW))
    assert [beside.name for beside in path.parent.iterdir()] == [keyring.FILE_NAME]


def test_a_rotated_keyring_still_opens_what_the_old_one_wrapped(path: Path) -> None:
    old = keyring.load(path)
    fresh = old.rotated(NOW)
    assert fresh.primary != old.primary
    assert fresh.key(old.primary) == old.key(old.primary)
    assert fresh.audit_key == old.audit_key, "or the audit trail could not be read any more"


def test_only_a_key_on_which_nothing_hangs_is_retired() -> None:
    first = Keyring.generate(NOW)
    third = first.rotated(NOW).rotated(NOW)
    states = [key.state for key in third.retired(frozenset({first.primary})).keys]
    assert states == [KeyState.ACTIVE, KeyState.RETIRED, KeyState.ACTIVE]
    assert third.retired(frozenset()).keys[-1].state is KeyState.ACTIVE, "the primary key never is"


def test_a_key_that_is_not_on_the_ring_is_said_by_its_name() -> None:
    with pytest.raises(ConfigError, match="k-lost"):
        Keyring.generate(NOW).key("k-lost")


def test_no_repr_shows_a_key() -> None:
    made = Keyring.generate(NOW).rotated(NOW)
    shown = repr(made) + str(made) + repr(made.keys[0]) + f"{made.keys}"
    for secret in (made.audit_key, *(key.key for key in made.keys)):
        assert repr(secret) not in shown
        assert secret.hex() not in shown
        assert base64.b64encode(secret).decode() not in shown
    assert made.primary in shown


def test_where_it_is_can_be_said_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAUDAL_KEYRING", raising=False)
    assert keyring.path_in(tmp_path) == tmp_path / keyring.FILE_NAME
    monkeypatch.setenv("CAUDAL_KEYRING", "/run/secrets/keys")
    assert keyring.path_in(tmp_path) == Path("/run/secrets/keys")
