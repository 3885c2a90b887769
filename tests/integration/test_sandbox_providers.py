"""Every provider, linked from the command line at the sandbox: one space, one ledger, and it is the truth."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.support.command import Command
from tests.support.linkers import LIVES, bank_of, settle

from caudal.providers import registry
from caudal.settings import Settings
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    world = World(1, people=0, firms=0, begins=date(2026, 1, 1), now=datetime(2026, 3, 1, 12, tzinfo=UTC))
    settle(world)
    with Sandbox(world, plaid=Options(limits=Regime.OFF)) as there:
        yield there


def test_each_provider_is_linked_pulled_and_proven_from_the_command_line(
    settings: Settings, tmp_path: Path, sandbox: Sandbox
) -> None:
    assert LIVES.keys() == registry.paces().keys()
    caudal = Command(settings, tmp_path)
    environ = {"CAUDAL_SANDBOX": sandbox.url, "CAUDAL_PREPARING_POLL_MS": "1"}
    for provider in LIVES:
        linked = caudal("link", provider, *_said(sandbox.world, provider), **environ)
        assert linked.code == 0, linked
    for _ in range(2):
        sandbox.advance(days=15)
        synced = caudal("sync", "--all", **environ)
        assert synced.code == 0, synced
    compared = caudal("sandbox", "compare", "--json", **environ)
    assert compared.code == 0, compared
    found = json.loads(compared.out)
    assert (found["missing"], found["doubled"], found["unfounded"]) == (0, 0, 0), found
    assert found["movements"] > 100
    proofs = json.loads(caudal("proof", "--json", **environ).out)
    without = [proof for proof in proofs if proof["verdict"] != "proven"]
    assert len(proofs) - len(without) > len(LIVES)
    # What Pluggy and Belvo tell of a card isn't known to be the sum of what was booked on it, nor what Belvo tells of
    # positions.
    assert {(each["verdict"], each["currency"]) for each in without} == {("none", "BRL")}, without


def _said(world: World, provider: str) -> list[str]:
    bank = bank_of(world, provider)
    options = ["--sandbox-user", provider, "--sandbox-password", LIVES[provider].password]
    return [*options, "--institution", bank] if bank else options
