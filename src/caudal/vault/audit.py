"""The audit trail's arithmetic: each entry's MAC covers the entry and the MAC before it."""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

GENESIS: Final = bytes(32)
"""What the first entry is bound to."""


def entry_mac(
    key: bytes,
    *,
    prev: bytes,
    space_id: UUID,
    seq: int,
    at: datetime,
    actor: str,
    act: str,
    details: Mapping[str, str],
) -> bytes:
    """HMAC-SHA256 over the entry before and every field of this one, in a form that has one spelling."""
    told = json.dumps(
        [str(space_id), seq, at.astimezone(UTC).isoformat(), actor, act, dict(details)],
        sort_keys=True,
        separators=(",", ":"),
    )
    return hmac.new(key, prev + told.encode(), sha256).digest()
