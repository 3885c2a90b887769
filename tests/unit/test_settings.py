"""Settings: every bound has a default, a name in the environment, and an error that names it."""

from pathlib import Path

import msgspec
import pytest
from rich.pretty import pretty_repr

from caudal.model.errors import ConfigError
from caudal.settings import Settings, load, variables

VARIABLES = dict(variables())


def at(settings: Settings, path: str) -> object:
    """The value of a field, or of a group's field."""
    for part in path.split("."):
        settings = getattr(settings, part)
    return settings


BOUNDS = [path for path in VARIABLES if type(at(Settings(), path)) is int]


def variable(path: str) -> str:
    return VARIABLES[path]


def test_nothing_needs_to_be_set() -> None:
    assert load({}) == Settings()
    assert len(BOUNDS) > 25
    for bound in BOUNDS:
        value = at(Settings(), bound)
        assert isinstance(value, int)
        assert value >= 1


def test_every_group_of_settings_can_be_set() -> None:
    assert [path for path in VARIABLES if isinstance(at(Settings(), path), msgspec.Struct)] == []
    told = load({"CAUDAL_LINK_ORIGINS": "https://app.example", "CAUDAL_LINK_MINUTES": "11"}).link
    assert (told.origins, told.minutes) == ("https://app.example", 11)


@pytest.mark.parametrize("field", BOUNDS)
def test_each_bound_is_read_from_its_own_variable(field: str) -> None:
    loaded = load({variable(field): "11"})
    assert at(loaded, field) == 11
    assert [other for other in BOUNDS if at(loaded, other) != at(Settings(), other)] == [field]


@pytest.mark.parametrize("field", BOUNDS)
@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "0x10", " ", "NaN"])
def test_a_bad_value_is_refused_and_its_variable_named(field: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{variable(field)}: ") as refused:
        load({variable(field): value, "CAUDAL_HOME": "/somewhere"})
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("field", BOUNDS)
def test_a_variable_that_is_set_to_nothing_is_not_set(field: str) -> None:
    assert load({variable(field): ""}) == Settings()


def test_the_names_that_custom_gives_are_taken() -> None:
    loaded = load({"DATABASE_URL": "postgresql://db/books", "CAUDAL_HOME": "/srv/caudal"})
    assert loaded.database_url == "postgresql://db/books"
    assert str(loaded.home_path) == "/srv/caudal"
    assert load({"CAUDAL_DATABASE_URL": "postgresql://db/books"}).database_url == ""


def test_without_a_home_the_system_s_own_place_for_data_is_used() -> None:
    assert Settings().home_path.is_absolute()
    assert Settings().home_path.name == "caudal"


def test_what_is_meant_for_others_is_left_alone() -> None:
    assert load({"PATH": "/bin", "PAGE_TRANSACTIONS_MAX": "3", "CAUDAL_KEYRING": "/elsewhere"}) == Settings()


def test_the_database_s_address_is_not_shown() -> None:
    shown = Settings(home="/srv/caudal", database_url="postgresql://ana:CANARY@db.example/books")
    for text in (repr(shown), str(shown), f"{shown}", f"{[shown]}", pretty_repr(shown)):
        assert "CANARY" not in text
        assert "db.example" not in text
    assert "/srv/caudal" in repr(shown)
    assert "not set" in repr(Settings())
    assert "not set" not in repr(shown)


def test_a_bad_value_beside_it_does_not_show_the_database_s_address() -> None:
    with pytest.raises(ConfigError) as refused:
        load({"DATABASE_URL": "postgresql://ana:CANARY@db/books", "CAUDAL_NESTING_MAX": "deep"})
    assert "CANARY" not in str(refused.value)


def test_variables_are_named_by_their_group() -> None:
    assert VARIABLES["file_bounds.nesting_max"] == "CAUDAL_NESTING_MAX"
    assert VARIABLES["http.read_seconds_max"] == "CAUDAL_HTTP_READ_SECONDS_MAX"
    assert VARIABLES["plaid.client_id"] == "CAUDAL_PLAID_CLIENT_ID"
    assert len(set(VARIABLES.values())) == len(VARIABLES)


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    kept = tmp_path / "secret"
    kept.write_text("CANARY-plaid\n")
    assert load({"CAUDAL_PLAID_SECRET_FILE": str(kept)}).plaid.secret == "CANARY-plaid"
    with pytest.raises(ConfigError, match="keep one"):
        load({"CAUDAL_PLAID_SECRET_FILE": str(kept), "CAUDAL_PLAID_SECRET": "x"})
    with pytest.raises(ConfigError, match=r"^CAUDAL_PLAID_SECRET_FILE: "):
        load({"CAUDAL_PLAID_SECRET_FILE": str(tmp_path / "nowhere")})


def test_a_provider_s_secret_is_not_shown() -> None:
    plaid = load({"CAUDAL_PLAID_SECRET": "CANARY", "CAUDAL_PLAID_CLIENT_ID": "us"}).plaid
    for text in (repr(plaid), str(plaid), f"{[plaid]}", pretty_repr(plaid)):
        assert "CANARY" not in text


def test_settings_do_not_change_under_those_who_hold_them() -> None:
    with pytest.raises(AttributeError):
        Settings().nesting_max = 1  # type: ignore[misc]
