"""A client sends to one place, over a wire nobody else can read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.errors import ConfigError
from caudal.providers.http import ProviderHttp
from caudal.providers.http.address import checked


@pytest.mark.parametrize(
    "url",
    [
        "https://bank.example",
        "https://bank.example:8443/v1/",
        "http://localhost:9001",
        "http://127.0.0.1:1",
        "http://127.9.9.9",
        "http://[::1]:80",
    ],
)
def test_https_anywhere_and_http_at_home(url: str) -> None:
    assert str(checked("riverbank", url)).rstrip("/") == url.removesuffix(":80").rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://bank.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://169.254.169.254/latest",
        "http://[fe80::1]",
        "ftp://bank.example",
        "file:///etc/passwd",
        "//bank.example",
        "bank.example",
        "",
        "https://",
        "https:///path",
        "https://bank.example:port",
        "https://bank.example/?token=CANARY",
        "https://bank.example/#CANARY",
        "https://user:CANARY@bank.example",
        "https://CANARY@bank.example",
        "https://bank.example:CANARY@other.example",
        "http://localhost@evil.example",
    ],
)
def test_any_other_base_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked("riverbank", url)
    assert "CANARY" not in str(caught.value)
    assert caught.value.__context__ is None
    assert str(caught.value).startswith("riverbank: ")


@given(st.text(max_size=60) | st.text(":/@.#?[]ht ps127", max_size=40))
def test_a_base_is_accepted_or_refused_and_nothing_else(url: str) -> None:
    try:
        accepted = checked("riverbank", url)
    except ConfigError:
        return
    home = accepted.host in {"localhost", "::1"} or accepted.host.startswith("127.")
    assert accepted.scheme == "https" or home
    assert not accepted.userinfo


@pytest.mark.parametrize("value", ["CANARY\n", "\tCANARY", "CANARYé", "CANARY\r\nHost: other", ""])
def test_a_secret_pasted_badly_is_named_and_not_shown(value: str) -> None:
    with pytest.raises(ConfigError, match="River-Secret") as caught:
        ProviderHttp("riverbank", "https://bank.example", headers={"River-Secret": value})
    assert "CANARY" not in str(caught.value)
