"""What is said of providers: the registry, the command and the README say the same."""

import json
from pathlib import Path

import msgspec
from click.testing import CliRunner

from caudal.cli.main import main
from caudal.provider_settings import PlaidSettings
from caudal.providers import registry
from caudal.settings import Settings

README = Path(__file__).resolve().parents[2] / "README.md"


def said(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["providers", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_table_in_the_readme_is_what_the_command_prints() -> None:
    _, _, after = README.read_text("utf-8").partition("## Providers\n")
    rows = [line for line in after.partition("\n## ")[0].splitlines() if line.startswith("|")]
    assert rows == said("--markdown").splitlines()


def test_the_registry_says_of_each_provider_what_its_adapter_declares() -> None:
    declared = {each.name: each for each in registry.declarations()}
    assert registry.paces() == {name: each.pace for name, each in declared.items()}
    assert registry.budgets().keys() == declared.keys()
    for each in declared.values():
        assert each.capabilities
        assert each.verified


def test_programs_are_told_all_of_it() -> None:
    told = json.loads(said("--json"))
    assert [each["name"] for each in told] == list(registry.paces())
    assert {"capabilities", "pace", "verified", "unverified"} <= told[0].keys()


def test_a_person_is_told_who_can_be_linked() -> None:
    assert "Plaid" in said()


def test_webhooks_find_us_below_the_public_address_unless_a_provider_has_its_own() -> None:
    settings = Settings(public_url="https://hub.example/")
    assert settings.webhook_url("pluggy") == "https://hub.example/webhooks/pluggy"
    own = msgspec.structs.replace(settings, plaid=PlaidSettings(webhook_url="https://w.example/p"))
    assert own.webhook_url("plaid") == "https://w.example/p"
    assert Settings().webhook_url("plaid") is None
