"""Where a client may send to, and what its headers may hold: judged once, before anything leaves."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

import httpx

from caudal.model.errors import ConfigError

_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
"""RFC 9110 §5.5 without its obsolete bytes."""


def checked(provider: str, base_url: str) -> httpx.URL:
    """`base_url`, parsed. Raises ConfigError where a secret sent there could be read on the way.

    https alone, and http to this very machine (the sandbox, an own node). The text of the URL is not repeated in
    the error: it may hold the very password it is refused for.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if not url.host or url.scheme not in {"http", "https"}:
        raise ConfigError(f"{provider}: its base URL is none: it reads https://host, perhaps with a path")
    if url.userinfo:
        raise ConfigError(
            f"{provider}: its base URL names a user: credentials go into headers, never into a URL"
        )
    if url.query or url.fragment:
        raise ConfigError(
            f"{provider}: its base URL ends in a query or fragment: give scheme, host and path alone"
        )
    if url.scheme == "http" and not _is_loopback(url.host):
        raise ConfigError(f"{provider}: http to {url.host} would send secrets in the open: use https")
    return url


def unfit_header(headers: Mapping[str, str]) -> str | None:
    """The name of the first header whose value HTTP can't carry: an ending line feed, most often."""
    return next((name for name, value in headers.items() if not _HEADER_VALUE.fullmatch(value)), None)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
