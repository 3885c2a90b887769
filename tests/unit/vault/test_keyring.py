"""The keyring is refused wherever it could not be trusted, never overwritten, and replaced whole or not at all."""

import base64
import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.pretty import pretty_repr

from caudal.model.errors import ConfigError
from caudal.vault import keyring
from caudal.vault.keyring import KEY_BYTES, Keyring, KeyState

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a keyring has been made."""
    keyring.create(tmp_path / "home" / keyring.FILE_NAME)
    return tmp_path / "home" / keyring.FILE_NAME


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what the file says, as a person with an editor could."""
    told = json.loads(path.read_text("utf-8"))
    change(told)
    path.write_text(json.dumps(told), "utf-8")


def spelled(key: bytes) -> list[str]:
    """The ways in which `key` could show in a text."""
    return [base64.b64encode(key).decode(), key.hex(), repr(key)[2:-1]]


def secret_texts(held: Keyring) -> list[str]:
    return [text for key in (held.audit_key, *(key.key for key in held.keys)) for text in spelled(key)]


def test_a_new_keyring_is_read_back_as_it_was_made(tmp_path: Path) -> None:
    made = keyring.create(tmp_path / "k.json")
    assert keyring.load(tmp_path / "k.json") == made
    assert [key.id for key in made.keys] == [made.primary]
    assert {len(made.audit_key), len(made.key(made.primary))} == {KEY_BYTES}


def test_no_two_keyrings_share_a_key() -> None:
    made = [Keyring.generate(NOW) for _ in range(20)]
    assert len({key for ring in made for key in (ring.audit_key, ring.key(ring.primary))}) == 40


def test_only_its_owner_can_read_a_new_keyring_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keyring.create(tmp_path / "home" / "k.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "home" / "k.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_no_keyring_is_no_start_and_none_is_made_in_silence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="caudal keys init"):
        keyring.load(tmp_path / "k.json")
    assert list(tmp_path.iterdir()) == []


def test_a_keyring_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        keyring.create(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("there", ["a broken file", "a folder", "a link to nothing"])
def test_whatever_stands_in_its_place_is_left_standing(tmp_path: Path, there: str) -> None:
    path = tmp_path / "k.json"
    {
        "a broken file": lambda: path.write_text("half a keyr"),
        "a folder": path.mkdir,
        "a link to nothing": lambda: path.symlink_to(tmp_path / "elsewhere"),
    }[there]()
    with pytest.raises(ConfigError):
        keyring.create(path)
    assert not (tmp_path / "elsewhere").exists()
    assert path.is_symlink() or path.is_dir() or path.read_text() == "half a keyr"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o601, 0o620, 0o602, 0o777])
def test_a_keyring_that_others_can_touch_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(ConfigError, match=rf"mode {mode:03o}.*chmod 600"):
        keyring.load(path)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_keyring_that_its_owner_alone_can_touch_is_taken(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert keyring.load(path).keys


def test_a_link_to_a_keyring_is_refused(path: Path) -> None:
    link = path.with_name("link.json")
    link.symlink_to(path)
    with pytest.raises(ConfigError, match="can't be opened"):
        keyring.load(link)


def test_a_folder_is_no_keyring(tmp_path: Path) -> None:
    (tmp_path / "k.json").mkdir(mode=0o700)
    with pytest.raises(ConfigError, match="not a plain file"):
        keyring.load(tmp_path / "k.json")


def test_a_pipe_is_no_keyring_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "k.json", 0o600)
    with pytest.raises(ConfigError, match="not a plain file"):
        keyring.load(tmp_path / "k.json")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_keyring_of_another_user_is_refused(path: Path) -> None:
    os.chown(path, 4321, -1)
    with pytest.raises(ConfigError, match="another user"):
        keyring.load(path)


@pytest.mark.parametrize(
    "key", [b"", b"k", bytes(range(16)), bytes(range(31)), bytes(range(33)), bytes(range(64))]
)
@pytest.mark.parametrize("which", ["wrapping", "audit"])
def test_a_key_of_another_length_is_refused(path: Path, key: bytes, which: str) -> None:
    put_key(path, which, base64.b64encode(key).decode())
    with pytest.raises(ConfigError, match="damaged"):
        keyring.load(path)


@pytest.mark.parametrize("byte", [0, 1, 0x41, 0xFF])
@pytest.mark.parametrize("which", ["wrapping", "audit"])
def test_a_key_that_is_one_byte_over_and_over_is_refused(path: Path, byte: int, which: str) -> None:
    put_key(path, which, base64.b64encode(bytes([byte]) * KEY_BYTES).decode())
    with pytest.raises(ConfigError, match="damaged"):
        keyring.load(path)


@pytest.mark.parametrize(
    "text", ["not base64!", "AAA", "é" * 44, " " * 44, "!" + base64.b64encode(bytes(range(32))).decode()]
)
def test_a_key_that_is_not_base64_is_refused(path: Path, text: str) -> None:
    put_key(path, "wrapping", text)
    with pytest.raises(ConfigError, match="damaged"):
        keyring.load(path)


def test_every_key_is_looked_at_not_only_the_primary(path: Path) -> None:
    keyring.replace(path, keyring.load(path).rotated(NOW).rotated(NOW))
    for place in range(3):
        whole = path.read_text("utf-8")
        put_key(path, "wrapping", base64.b64encode(b"short").decode(), place)
        with pytest.raises(ConfigError, match="damaged"):
            keyring.load(path)
        path.write_text(whole, "utf-8")


def put_key(path: Path, which: str, text: str, place: int = 0) -> None:
    if which == "audit":
        rewritten(path, lambda told: told.update(audit_key=text))
    else:
        rewritten(path, lambda told: told["keys"][place].update(key=text))


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(keys=[]),
        lambda told: told.update(primary="k-00000000"),
        lambda told: told.update(primary=""),
        lambda told: told["keys"][0].update(id="k-00000000"),
    ],
)
def test_a_keyring_without_its_primary_key_is_refused(
    path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    rewritten(path, change)
    with pytest.raises(ConfigError, match="primary key"):
        keyring.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.pop("audit_key"),
        lambda told: told.pop("keys"),
        lambda told: told.pop("primary"),
        lambda told: told.pop("version"),
        lambda told: told.update(keys="k"),
        lambda told: told.update(more="than we know"),
        lambda told: told["keys"][0].update(state="lost"),
        lambda told: told["keys"][0].pop("created"),
        lambda told: told["keys"][0].update(created="yesterday"),
    ],
)
def test_a_keyring_that_says_less_or_more_than_it_should_is_refused(
    path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    rewritten(path, change)
    with pytest.raises(ConfigError, match="damaged") as refused:
        keyring.load(path)
    assert str(path) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_keyring_of_a_later_caudal_is_refused_by_its_version(path: Path) -> None:
    rewritten(path, lambda told: told.update(version=2))
    with pytest.raises(ConfigError, match="version 2"):
        keyring.load(path)


def test_a_keyring_cut_anywhere_is_refused_and_no_key_is_quoted(path: Path) -> None:
    whole = path.read_bytes()
    secrets = secret_texts(keyring.load(path))
    for length in range(len(whole.rstrip())):
        path.write_bytes(whole[:length])
        with pytest.raises(ConfigError) as refused:
            keyring.load(path)
        assert not [text for text in secrets if text in str(refused.value)]
        assert refused.value.__suppress_context__


@pytest.mark.parametrize("data", [b"null", b"[]", b"{}", b"\xff\xfe", b"\0" * 100, b"[" * 100_000])
def test_what_is_no_keyring_at_all_is_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="damaged"):
        keyring.load(path)


def test_no_key_shows_where_a_keyring_is_printed() -> None:
    held = Keyring.generate(NOW).rotated(NOW)
    for shown in (held, held.keys, held.keys[0], {"keyring": held}):
        for text in (repr(shown), str(shown), f"{shown}", pretty_repr(shown)):
            assert not [secret for secret in secret_texts(held) if secret in text]
    assert held.primary in repr(held)


def test_rotating_adds_a_primary_key_and_keeps_the_one_before() -> None:
    before = Keyring.generate(NOW)
    after = before.rotated(NOW)
    assert after.primary != before.primary
    assert after.key(before.primary) == before.key(before.primary)
    assert after.key(after.primary) != before.key(before.primary)
    assert after.audit_key == before.audit_key


def test_a_key_is_retired_only_when_nothing_hangs_on_it() -> None:
    held = Keyring.generate(NOW).rotated(NOW).rotated(NOW)
    first, second, primary = (key.id for key in held.keys)
    states = {key.id: key.state for key in held.retired(frozenset({first})).keys}
    assert states == {first: KeyState.ACTIVE, second: KeyState.RETIRED, primary: KeyState.ACTIVE}


def test_the_primary_key_is_never_retired_and_a_retired_key_still_opens() -> None:
    held = Keyring.generate(NOW).rotated(NOW)
    idle = held.retired(frozenset())
    assert {key.id for key in idle.keys if key.state is KeyState.ACTIVE} == {held.primary}
    assert [idle.key(key.id) for key in held.keys] == [key.key for key in held.keys]


def test_a_key_the_keyring_lost_is_named() -> None:
    with pytest.raises(ConfigError, match=r"no key k-lost.*put back"):
        Keyring.generate(NOW).key("k-lost")


def test_replacing_is_whole_and_keeps_the_mode(path: Path) -> None:
    fresh = keyring.load(path).rotated(NOW).retired(frozenset())
    keyring.replace(path, fresh)
    assert keyring.load(path) == fresh
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("moment", ["write", "fsync", "replace"])
def test_replacing_that_fails_at_any_moment_leaves_the_keyring_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    before = keyring.load(path)

    def full(*_: object) -> None:
        raise OSError(28, "no space left on device")

    if moment == "replace":
        monkeypatch.setattr(Path, "replace", full)
    else:
        monkeypatch.setattr(os, moment, full)
    with pytest.raises(OSError, match="no space"):
        keyring.replace(path, before.rotated(NOW))
    monkeypatch.undo()
    assert keyring.load(path) == before
    assert [file.name for file in path.parent.iterdir()] == [path.name], "no fresh key is left lying about"


def test_a_keyring_half_way_written_by_the_system_is_written_to_its_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    fresh = keyring.load(path).rotated(NOW)
    keyring.replace(path, fresh)
    assert keyring.load(path) == fresh


def test_its_place_is_the_home_unless_said_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAUDAL_KEYRING", raising=False)
    assert keyring.path_in(tmp_path) == tmp_path / keyring.FILE_NAME
    monkeypatch.setenv("CAUDAL_KEYRING", "/run/secrets/keyring")
    assert keyring.path_in(tmp_path) == Path("/run/secrets/keyring")
