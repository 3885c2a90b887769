"""A refresh at the command line: what is fresh in time is shown as fresh, and what isn't is named."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.test_link_and_sync import Caudal
from tests.support.books import all_rows
from tests.support.command import Command
from tests.support.hub import CLIENT

from caudal.settings import Settings
from caudal_sandbox.faults import Fault, Kind
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

BANKS = ("ins_109508", "ins_109509", "ins_109510", "ins_109511", "ins_109512")
"""Five of those that the documented test users can log in at."""

SECONDS_MAX = 14


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    world = World(1, people=1, firms=0, begins=date(2026, 1, 1), now=datetime(2026, 4, 1, 12, tzinfo=UTC))
    with Sandbox(world, plaid=Options(limits=Regime.OFF, client=CLIENT)) as running:
        yield running


@pytest.fixture
def caudal(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Caudal:
    return Caudal(Command(settings, tmp_path), sandbox)


def linked(caudal: Caudal, count: int) -> list[str]:
    """So many banks, as their labels."""
    labels = []
    for bank in BANKS[:count]:
        told = caudal.told("link", "plaid", "--institution", bank, "--sandbox-user", "user_good")
        labels.append(told["connection"]["label"])
    return labels


def reference(settings: Settings, label: str) -> str:
    [(found,)] = all_rows(
        settings.database_url, "select reference from caudal.connection where label = %s", [label]
    )
    return str(found)


def freshness(told: Any) -> dict[str, str]:
    return {each["label"]: each["freshness"] for each in told["connections"]}


def test_with_one_bank_of_five_that_never_answers_four_are_fresh_in_time_and_one_is_named(
    caudal: Caudal, settings: Settings
) -> None:
    *quick, dead = linked(caudal, 5)
    hang = Fault(Kind.HANG, connection=reference(settings, dead))
    caudal.sandbox.run(lambda: caudal.sandbox.faults.add(hang))
    began = time.monotonic()
    told = caudal.told("refresh")
    assert time.monotonic() - began < SECONDS_MAX + 2  # the command's own start and end
    assert freshness(told) == {**dict.fromkeys(quick, "fresh"), dead: "going_on"}
    assert told["partial"] is True
    assert all(each["accounts"] for each in told["connections"])
    queued = all_rows(
        settings.database_url,
        "select args->>'cause' from caudal_jobs.procrastinate_jobs where status = 'todo'",
    )
    assert ("manual",) in queued
    [(outcome,)] = all_rows(
        settings.database_url, "select outcome from caudal.run order by started_at desc, run_id desc limit 1"
    )
    assert outcome != "running"


def test_a_bank_that_fails_is_named_with_its_reason_and_the_others_are_fresh(
    caudal: Caudal, settings: Settings
) -> None:
    fine, broken = linked(caudal, 2)
    needy = Fault(Kind.LOGIN_REQUIRED, connection=reference(settings, broken))
    caudal.sandbox.run(lambda: caudal.sandbox.faults.add(needy))
    told = caudal.told("refresh")
    assert freshness(told) == {fine: "fresh", broken: "failed"}
    assert next(each["error"] for each in told["connections"] if each["label"] == broken)
