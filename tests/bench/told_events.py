"""What two sources told of one life, and the truth: made by the two-source benchmark's own generator, loaded by its path."""

import importlib.util
import json
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec
from tests.support.shared import shared

PROFILES: Final = ("easy", "public", "hard")
COUNTRIES: Final = ("US", "GB", "BR", "MX")
SEEDS: Final = range(1, 6)


class Movement(msgspec.Struct, frozen=True):
    """What really happened."""

    account: str
    on: date
    amount: float
    merchant: str
    case: str

    @property
    def kind(self) -> tuple[str, float, str]:
        """Whoever shares it differs in the day alone, if in anything."""
        return self.account, self.amount, self.merchant


class Told(msgspec.Struct, frozen=True):
    """One set. `noise`: how the generator makes what is told. `truth` and `records` in its own shapes, the one for its score,
    the other for its baselines."""

    name: str
    noise: Mapping[str, Any]
    events: bytes
    accounts: bytes
    truth: dict[str, Any]
    movements: Mapping[str, Movement]
    records: list[dict[str, Any]]

    @property
    def texts(self) -> dict[str, str]:
        """Record → what its source called it."""
        return {record["key"]: record["description"] for record in self.records}


def script() -> Path:
    """The generator. Raises pytest's Skipped where this machine has none."""
    return shared("data", "matching", "dedupe_gen.py")


def generator(path: Path) -> Any:
    """It, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(made_by: Any, profile: str, seeds: range) -> Iterator[Told]:
    """A profile's sets of every country."""
    for country in COUNTRIES:
        for seed in seeds:
            noise = made_by.PROFILES[profile]
            made = made_by.Gen(seed, country, noise)
            events, accounts, truth = made.run()
            with tempfile.TemporaryDirectory(prefix="caudal-bench-") as folder:
                lines = "".join(json.dumps(event) + "\n" for event in events)
                Path(folder, "events.jsonl").write_text(lines, "utf-8")
                Path(folder, "accounts.json").write_text(json.dumps(accounts), "utf-8")
                records, _ = made_by.norm_records(folder)
            yield Told(
                f"{profile}-{country}-{seed}",
                noise,
                lines.encode(),
                json.dumps(accounts).encode(),
                truth,
                {each["pid"]: _movement(each) for each in made.phys},
                records,
            )


def _movement(made: dict[str, Any]) -> Movement:
    return Movement(made["acct"], made["date"], made["amount"], made["desc"], made["case"][0])
