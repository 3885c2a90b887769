"""The two-source benchmark, as its own generator makes and scores it: told events in, its figures out."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from tests.support.shared import shared

from caudal.hub.events_matched import Matched, match

SETS = (("easy", "GB", 1), ("public", "BR", 1), ("public", "US", 2), ("hard", "MX", 1))
F1_FLOOR = {"easy": 0.995, "public": 0.97, "hard": 0.92}
TRANSFERS_FLOOR = {"easy": 0.95, "public": 0.95, "hard": 0.9}
"""On `hard` two of 27 transfers have one amount and a day between them: whose side is whose can't be known."""
COUNTED_FLOOR = 0.95
SECONDS_MAX = 10
"""Well below one on an idle machine; others may keep this one busy."""


class Answered(NamedTuple):
    """A generated set, what was made of it, and in how many seconds."""

    profile: str
    folder: Path
    matched: Matched
    seconds: float

    def scored(self) -> dict[str, Any]:
        """The generator's own figures."""
        result = self.folder / "result.json"
        result.write_bytes(msgspec.json.encode(self.matched))
        return json.loads(generator("--score", self.folder / "truth.json", result))


def generator(*arguments: str | Path) -> str:
    """What the generator prints."""
    script = shared("data", "matching", "dedupe_gen.py")
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    return done.stdout


@pytest.fixture(scope="module", params=SETS, ids=lambda which: "-".join(map(str, which)))
def answered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Answered:
    profile, country, seed = request.param
    folder = tmp_path_factory.mktemp("generated")
    generator("--profile", profile, "--country", country, "--seed", str(seed), "--out", folder)
    began = time.perf_counter()
    matched = match((folder / "events.jsonl").read_bytes(), (folder / "accounts.json").read_bytes())
    return Answered(profile, folder, matched, time.perf_counter() - began)


def test_the_same_movements_are_found_to_be_the_same(answered: Answered) -> None:
    assert answered.scored()["f1"] >= F1_FLOOR[answered.profile]


def test_every_record_is_in_one_movement(answered: Answered) -> None:
    records = json.loads((answered.folder / "truth.json").read_bytes())["records"]
    assert Counter(key for cluster in answered.matched.clusters for key in cluster) == Counter(list(records))


def test_transfers_are_found(answered: Answered) -> None:
    scored = answered.scored()
    assert min(scored["transfer_precision"], scored["transfer_recall"]) >= TRANSFERS_FLOOR[answered.profile]


def test_between_two_accounts_as_many_transfers_of_an_amount_are_found_as_there_are(
    answered: Answered,
) -> None:
    truth = json.loads((answered.folder / "truth.json").read_bytes())
    told = set(truth["records"].values())
    there = Counter(_between(truth, *pair) for pair in truth["transfers"] if told.issuperset(pair))
    found = Counter(
        _between(truth, *(truth["records"][key] for key in pair)) for pair in answered.matched.transfers
    )
    assert (found & there).total() >= COUNTED_FLOOR * max(found.total(), there.total())


def test_it_takes_no_time_to_speak_of(answered: Answered) -> None:
    assert answered.seconds < SECONDS_MAX


def _between(truth: dict[str, Any], out: str, into: str) -> tuple[str, str, float]:
    """From where to where, and how much."""
    sides = truth["physical"][out], truth["physical"][into]
    return sides[0]["account"], sides[1]["account"], sides[1]["amount"]
