"""What a fault makes of an answer on its way, whoever's answer it is. What a refusal looks like is each provider's own;
that a connection breaks is nobody's.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from starlette.responses import Response

from caudal_sandbox.faults import CORRUPTIONS, WEBHOOKS, Fault, Kind, Strike
from caudal_sandbox.transport import Reset, Truncated, wait

API_KINDS: Final = frozenset(Kind) - WEBHOOKS
"""Everything that can befall a call."""
CONTENT: Final = CORRUPTIONS
"""What breaks one place of a right answer (`corruption.corrupt`)."""

GATEWAY_PAGE: Final = (
    b"<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1>"
    b"<p>The server is temporarily unable to answer.</p></body></html>"
)
_LAST: Final = (Kind.MALFORMED_JSON, Kind.HTML, Kind.TRUNCATED, Kind.HANG, Kind.RESET)
"""What may befall the answer as a whole, the mildest first: of several the worst is what a client sees."""


async def before(strikes: tuple[Strike, ...]) -> Response | None:
    """What happens before anything is done: a wait, or a connection that is gone; None where the call goes on."""
    reset = first(strikes, Kind.RESET)
    if reset is not None and not reset.fault.yes("done"):
        return Reset()
    for strike in strikes:
        if strike.kind is Kind.LATENCY:
            await wait(strike.fault.number("milliseconds"))
    return None


def played(response: Response, strikes: tuple[Strike, ...]) -> Response:
    """`response` as it arrives."""
    for kind in _LAST:
        strike = first(strikes, kind)
        if strike is not None:
            response = _BREAK[kind](response, strike)
    return response


def first(strikes: tuple[Strike, ...], kind: Kind) -> Strike | None:
    """The first strike of that kind."""
    return next((each for each in strikes if each.kind is kind), None)


def check_status(fault: Fault) -> None:
    """Raises ValueError for a status of failure that is none."""
    status = fault.params.get("status", 500)
    if not isinstance(status, int) or not 400 <= status <= 599:
        raise ValueError(f"{fault.kind}: a status of failure is from 400 to 599, not {status}")


def check_public(fault: Fault, kinds: Collection[Kind], who: str) -> None:
    """Raises ValueError for a fault that a server without logins and codes can't have: only `kinds` befall it."""
    if fault.kind not in kinds:
        raise ValueError(f"{fault.kind}: {who} has no such thing")
    if code := fault.params.get("code"):
        raise ValueError(f"{fault.kind}: {code!r} is no error code: {who} has none, only words")
    check_status(fault)


def _malformed(response: Response, strike: Strike) -> Response:
    """One byte of the structure is another: as long as it was, and no JSON any more. A body without any structure to
    break (a bare value, plain text) begins with what no JSON begins with."""
    raw = bytearray(bytes(response.body))
    colons = [place for place, byte in enumerate(raw) if byte == ord(":") and raw[place - 1] == ord('"')]
    if colons:
        raw[strike.chance.pick(colons)] = ord(";")
    elif raw:
        raw[0] = ord(";")
    head = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(bytes(raw), response.status_code, head)


_BREAK: Final[Mapping[Kind, Callable[[Response, Strike], Response]]] = {
    Kind.MALFORMED_JSON: _malformed,
    Kind.HTML: lambda _whole, strike: Response(
        GATEWAY_PAGE, strike.fault.number("status"), media_type="text/html"
    ),
    Kind.TRUNCATED: lambda whole, strike: Truncated(whole, strike.fault.number("per_mille")),
    Kind.HANG: lambda _whole, strike: Reset(silence_ms=strike.fault.number("milliseconds")),
    Kind.RESET: lambda _whole, _strike: Reset(),
}
