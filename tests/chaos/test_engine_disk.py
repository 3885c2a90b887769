"""The disk is full: nothing half is written, who comes is told to come again, and once there is room all goes on."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.chaos import FULL, tell, times
from tests.support.fleet import ALERT, Fleet
from tests.support.knocking import Knocking
from tests.support.processes import wait_for

FILLINGS = times(10)
SECONDS = 30 if FULL else 8
"""How long it stays full."""
SIZE_MIB = 200
CHUNK = bytes(1024**2)
BACK_SECONDS_MAX = 10


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Fleet]:
    """A fleet whose database has a small disk: a tmpfs. Needs the right to mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "caudal-small", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        assert not os.environ.get("CAUDAL_REQUIRE_ALL"), mounted.stderr
        pytest.skip(f"a tmpfs can't be mounted here: {mounted.stderr.strip()}")
    try:
        with Fleet(tmp_path, disk) as fleet:
            fleet.town = fleet.link(4)
            yield fleet
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill(ballast: Path) -> None:
    """Until there is no room for a page."""
    with ballast.open("wb", buffering=0) as out:
        chunk = CHUNK
        while len(chunk) >= 1024:
            try:
                out.write(chunk)
            except OSError:
                chunk = chunk[: len(chunk) // 2]


def test_a_full_disk_leaves_nothing_half_and_all_goes_on_once_there_is_room(small: Fleet) -> None:
    small.serve(**ALERT)
    small.set_right()
    refused, back, ballast = 0, [], small.folder / "disk" / "ballast"
    with Knocking(small, str(small.town[0].reference)) as post:
        for _ in range(FILLINGS):
            fill(ballast)
            began = len(post.answers)
            small.news(48)
            full_until = time.monotonic() + SECONDS
            wait_for(
                "webhooks to be refused",
                lambda began=began: any(each.status == 503 for each in post.answers[began:]),
                SECONDS + 20,
            )
            time.sleep(max(0, full_until - time.monotonic()))
            ballast.unlink()
            freed = time.monotonic()
            while_full = post.answers[began:]
            assert {each.status for each in while_full} <= {200, 503}
            assert all(each.retry_after for each in while_full if each.status == 503)
            refused += sum(1 for each in while_full if each.status == 503)
            back.append(wait_for("a webhook to be taken", lambda freed=freed: post.first_taken(freed), 60))
    assert post.lost() == set()
    assert max(back) <= BACK_SECONDS_MAX
    small.set_right()
    tell(
        6, f"a full disk (tmpfs) for {SECONDS} s", FILLINGS, "503, no half rows, drains after",
        f"{refused} times 503 with Retry-After, {len(post.kept)} acknowledged, 0 lost; taken again after {max(back):.1f} s at most; ledger = truth",
    )  # fmt: skip
