"""What a browser's request says of itself: which site had it ask, and from where."""

import ipaddress


def own(site: str | None, origin: str, host: str) -> bool:
    """Whether it was asked by a page of ours: by `site` (Sec-Fetch-Site), else by `origin` (Origin), which must be `host`
    (ASVS 3.5.1)."""
    if site is not None:
        return site == "same-origin"
    return origin.partition("://")[2] == host != ""


def address(peer: str, forwarded: str | None) -> str:
    """From where it comes: what our own proxy says (`forwarded`, X-Forwarded-For; None where no proxy of ours stands
    before the hub), else who knocks."""
    if forwarded is None:
        return peer
    try:
        return str(ipaddress.ip_address(forwarded.rpartition(",")[2].strip()))
    except ValueError:
        return ""
