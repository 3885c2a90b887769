"""An audit entry's MAC covers all of the entry, and all that came before it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.vault.audit import GENESIS, entry_mac

KEY = bytes(range(32))
SPACE = UUID("018f0000-0000-7000-8000-000000000001")
AT = datetime(2026, 3, 2, 9, 30, 0, 1, tzinfo=UTC)
ENTRY: dict[str, Any] = {
    "prev": GENESIS,
    "space_id": SPACE,
    "seq": 1,
    "at": AT,
    "actor": "local",
    "act": "file.imported",
    "details": {"run": "1", "new": "12"},
}


def mac(**changed: Any) -> bytes:
    return entry_mac(changed.pop("key", KEY), **(ENTRY | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"key": bytes(range(1, 33))},
        {"prev": bytes(31) + b"\1"},
        {"space_id": UUID("018f0000-0000-7000-8000-000000000002")},
        {"seq": 2},
        {"at": AT + timedelta(microseconds=1)},
        {"actor": "Local"},
        {"act": "file.imported "},
        {"details": {"run": "1", "new": "13"}},
        {"details": {"run": "1"}},
        {"details": {"run": "1", "new": "12", "more": ""}},
        {"details": {"run": "12", "new": "1"}},
        {"details": {"new": "1", "run": "12"}},
        {"details": {}},
    ],
    ids=str,
)
def test_a_change_of_anything_changes_the_mac(changed: Mapping[str, Any]) -> None:
    assert mac(**changed) != mac()


def test_the_same_entry_has_one_mac_however_it_is_held() -> None:
    assert mac() == mac()
    assert len(mac()) == 32
    assert mac(details={"new": "12", "run": "1"}) == mac()
    assert mac(at=AT.astimezone(timezone(timedelta(hours=-5, minutes=-30)))) == mac()


texts = st.text(st.sampled_from('ab"[],{}:\\ é\n'), max_size=6)
entries = st.tuples(texts, texts, st.dictionaries(texts, texts, max_size=3))


@given(one=entries, other=entries)
def test_no_two_entries_can_be_read_as_one(
    one: tuple[str, str, dict[str, str]], other: tuple[str, str, dict[str, str]]
) -> None:
    told = [mac(actor=actor, act=act, details=details) for actor, act, details in (one, other)]
    assert (told[0] == told[1]) == (one == other)


def test_text_can_not_slide_from_one_field_into_the_next() -> None:
    assert mac(actor="local file", act="imported") != mac(actor="local", act="file imported")


def test_an_entry_is_bound_to_the_whole_chain_before_it() -> None:
    def end(first_actor: str) -> bytes:
        prev = GENESIS
        for seq in range(1, 5):
            prev = mac(prev=prev, seq=seq, actor=first_actor if seq == 1 else "local")
        return prev

    assert end("local") == end("local")
    assert end("local") != end("mallory")
