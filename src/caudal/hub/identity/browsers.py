"""What a browser's request says of itself: which site had it ask, and from where."""

import ipaddress

from caudal.hub.installation import Installation


def own(site: str | None, origin: str, host: str) -> bool:
    """Whether it was asked by a page of ours: by `site` (Sec-Fetch-Site), else by `origin` (Origin), which must be `host`
    (ASVS 3.5.1)."""
    if site is not None:
        return site == "same-origin"
    return origin.partition("://")[2] == host != ""


def address(installation: Installation, peer: str, forwarded: str) -> str:
    """From where it comes: what our own proxy says (`forwarded`, X-Forwarded-For), if one stands before the hub, else who
    knocks."""
    if not installation.settings.api.behind_proxy:
        return peer
    try:
        return str(ipaddress.ip_address(forwarded.rpartition(",")[2].strip()))
    except ValueError:
        return ""


def over_https_alone(installation: Installation) -> dict[str, str]:
    """The header by which a browser comes by https from now on, where that is how it came; else none."""
    if not installation.settings.public_url.startswith("https://"):
        return {}
    return {"Strict-Transport-Security": "max-age=63072000; includeSubDomains"}
