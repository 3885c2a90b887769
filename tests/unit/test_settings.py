"""Settings come from the environment, each under its own name, and a bad one is named."""

from pathlib import Path

import pytest

from caudal.model.errors import ConfigError
from caudal.settings import Settings, load


def test_nothing_set_is_the_defaults() -> None:
    assert load({}) == Settings()


def test_each_setting_has_a_variable() -> None:
    for field in Settings.__struct_fields__:
        variable = "DATABASE_URL" if field == "database_url" else f"CAUDAL_{field.upper()}"
        value = "/somewhere" if isinstance(getattr(Settings(), field), str) else "7"
        assert str(getattr(load({variable: value}), field)) == value


def test_an_empty_variable_is_none() -> None:
    assert load({"CAUDAL_HOME": "", "CAUDAL_PAGE_TRANSACTIONS_MAX": "", "DATABASE_URL": ""}) == Settings()


def test_what_is_not_ours_is_left_alone() -> None:
    assert load({"CAUDAL_NO_SUCH": "1", "HOME": "/x", "PAGE_TRANSACTIONS_MAX": "9"}) == Settings()


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5", "1e3x", "١x"])
@pytest.mark.parametrize(
    "field", [name for name in Settings.__struct_fields__ if name.endswith(("_max", "_mib"))]
)
def test_a_bad_value_is_refused_with_its_variable(field: str, value: str) -> None:
    variable = f"CAUDAL_{field.upper()}"
    with pytest.raises(ConfigError) as caught:
        load({variable: value})
    assert variable in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_bounds_on_files_are_the_settings() -> None:
    bounds = load(
        {"CAUDAL_LINE_BYTES_MAX": "1", "CAUDAL_NESTING_MAX": "2", "CAUDAL_UNREADABLE_MAX": "3"}
    ).file_bounds
    assert (bounds.line_bytes_max, bounds.nesting_max, bounds.unreadable_max) == (1, 2, 3)


def test_no_repr_shows_where_the_database_is() -> None:
    settings = load({"DATABASE_URL": "postgresql://me:hunter2@db.example/x", "CAUDAL_HOME": "/srv/caudal"})
    assert "hunter2" not in repr(settings) + str(settings)
    assert "db.example" not in repr(settings)
    assert "/srv/caudal" in repr(settings)


def test_home_is_where_it_is_said_to_be() -> None:
    assert load({"CAUDAL_HOME": "/srv/caudal"}).home_path == Path("/srv/caudal")
    assert load({}).home_path.is_absolute()
