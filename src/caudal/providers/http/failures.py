"""When no complete answer came: which error of the family, whether it passes by itself, whether the request may
have arrived. In words of our own: httpx's may carry URLs and header values."""

import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import httpx
import msgspec

from caudal.model.errors import Malformed, ProviderError, Refused, Unavailable
from caudal.providers.http.bounds import HttpBounds, seconds
from caudal.providers.http.messages import Later, Outcome
from caudal.providers.http.reading import BodyCutOff, BodyTooLarge, BodyUnreadable

_PROVIDERS_FAULT: Final = Later(provider_wide=True)
"""The connection is with the provider, whichever institution is asked for."""
_SOMEONES_FAULT: Final = Later()
"""Silence may be the institution's: the provider waits for it as we wait for the provider."""

FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, BodyTooLarge, BodyUnreadable, BodyCutOff)
"""What an attempt may raise and `failure_of` explains. OSError: TLS failures in mid-stream."""


class Failure(msgspec.Struct, frozen=True):
    """An attempt that ended without a complete answer that can be read."""

    outcome: Outcome
    error: ProviderError
    verdict: Later | None
    """None where it neither passes by itself nor tells of the provider's health."""
    sent: bool
    """Whether the request, or a part of it, may have reached the provider."""
    status: int | None = None


def failure_of(error: Exception, where: str, bounds: HttpBounds) -> Failure:
    """What `error`, one of FAILURES, means. `where` names provider and operation."""
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return _unconnected(error, where, bounds)
        case httpx.PoolTimeout():
            why = f"all {bounds.connections_max} connections were in use for {bounds.read_seconds_max} s"
            return Failure(Outcome.BUSY, Unavailable(f"{where}: {why}"), None, sent=False)
        case httpx.TimeoutException():
            why = f"silent for {bounds.read_seconds_max} s"
            return Failure(Outcome.TIMEOUT, Unavailable(f"{where}: {why}"), _SOMEONES_FAULT, sent=True)
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol() | httpx.InvalidURL():
            why = "the request is one that HTTP can't carry: look at its headers and path"
            return Failure(Outcome.REFUSED, Refused(f"{where}: {why}"), None, sent=False)
        case BodyTooLarge():
            why = f"its body has more than {bounds.body_bytes_max} bytes (body_bytes_max)"
            return Failure(Outcome.UNREADABLE, Malformed(f"{where}: answer", why), None, sent=True)
        case BodyUnreadable():
            return Failure(Outcome.UNREADABLE, Malformed(f"{where}: answer", str(error)), None, sent=True)
    why = "the connection broke before the answer was complete, or the answer was no HTTP"
    return Failure(Outcome.BROKEN, Unavailable(f"{where}: {why}"), _PROVIDERS_FAULT, sent=True)


def out_of_time(given: timedelta, where: str, bounds: HttpBounds) -> Failure:
    """The call's own time is over, of which this attempt was `given` the rest.

    Who was given less time than silence may last is blamed for nothing: the caller was in a hurry.
    """
    verdict = _SOMEONES_FAULT if given >= seconds(bounds.read_seconds_max) else None
    why = f"no complete answer within the {given.total_seconds():.1f} s that were left"
    return Failure(Outcome.TIMEOUT, Unavailable(f"{where}: {why}"), verdict, sent=True)


def redirected(status: int, where: str) -> Failure:
    """A redirect is not followed: the credentials were for the host that was asked, not for where it points."""
    why = f"answered {status}, a redirect, which is never followed: is the base URL right?"
    return Failure(
        Outcome.REDIRECTED, Unavailable(f"{where}: {why}"), _PROVIDERS_FAULT, sent=True, status=status
    )


def _unconnected(error: Exception, where: str, bounds: HttpBounds) -> Failure:
    """No connection: nothing of the request has left.

    A certificate that can't be believed is Refused, not Unavailable: either somebody stands in between or the
    installation's clock or certificates are wrong. Trying again quietly would mend neither, and hide both.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = f"its certificate is not to be believed ({cause.verify_message}): nothing was sent"
            return Failure(Outcome.UNTRUSTED, Refused(f"{where}: {why}"), None, sent=False)
    if isinstance(error, httpx.ConnectTimeout):
        why = f"no connection within {bounds.connect_seconds_max} s"
    elif any(isinstance(cause, socket.gaierror) for cause in causes):
        why = "its name can't be resolved"
    elif any(isinstance(cause, ssl.SSLError) for cause in causes):
        why = "no TLS (1.2 or newer) could be agreed on"
    else:
        why = "no connection: refused, or no way there"
    return Failure(Outcome.UNREACHABLE, Unavailable(f"{where}: {why}"), _PROVIDERS_FAULT, sent=False)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What lies beneath, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
