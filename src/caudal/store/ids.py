"""Ids that sort by time of creation (UUID version 7, RFC 9562 §5.7), so that indexes grow at their end."""

import os
import time
from collections.abc import Iterator
from uuid import UUID


def new_id() -> UUID:
    """One fresh id."""
    return UUID(next(new_ids(1)))


def new_ids(count: int) -> Iterator[str]:
    """`count` fresh ids as text, in ascending order within the call's millisecond only by chance."""
    prefix = f"{time.time_ns() // 1_000_000:012x}"
    head = f"{prefix[:8]}-{prefix[8:]}-7"
    random = os.urandom(10 * count).hex()
    for start in range(0, 20 * count, 20):
        tail = random[start : start + 20]
        variant = "89ab"[int(tail[3], 16) & 3]
        yield f"{head}{tail[:3]}-{variant}{tail[4:7]}-{tail[7:19]}"
