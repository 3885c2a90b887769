"""Not asking who is down: a circuit breaker for the provider, and one for each institution behind it.

closed → (n failures in a row) → open → (after a while) → one probe → closed, or open again.
"""

from collections import OrderedDict
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from caudal.model.errors import Unavailable
from caudal.providers.http.bounds import HttpBounds, seconds
from caudal.providers.http.clock import Clock
from caudal.providers.http.messages import Later, Verdict

_PROVIDER: Final = None
"""The key of the provider's own circuit; the others go by institution."""


class _Circuit:
    """Who failed lately; open (`open_until`) it lets nothing through. What works has none: memory holds the failing."""

    __slots__ = ("failures", "open_until", "probing")

    def __init__(self) -> None:
        self.failures = 0
        self.open_until: timedelta | None = None
        self.probing = False


class Breakers:
    """One provider's circuits. For one event loop: nothing here awaits, so nothing comes between."""

    def __init__(self, provider: str, bounds: HttpBounds, clock: Clock) -> None:
        self._provider = provider
        self._bounds = bounds
        self._clock = clock
        self._circuits: OrderedDict[str | None, _Circuit] = OrderedDict()

    def admit(self, institution: str | None) -> "Permit":
        """Leave to send one request. Raises Unavailable at once while a circuit on its way is open."""
        why_not = self.why_not(institution)
        if why_not is not None:
            raise Unavailable(why_not)
        probes = set()
        for key in _way(institution):
            circuit = self._circuits.get(key)
            if circuit is not None and circuit.open_until is not None:
                circuit.probing = True
                probes.add(key)
        return Permit(self, institution, probes)

    def why_not(self, institution: str | None) -> str | None:
        """Why no request may be sent now, in words; None if one may."""
        now = self._clock.monotonic()
        for key in _way(institution):
            circuit = self._circuits.get(key)
            if circuit is None or circuit.open_until is None:
                continue
            who = self._provider if key is _PROVIDER else f"{self._provider}: institution {key}"
            failed = f"{who} failed {circuit.failures} times in a row"
            if circuit.probing:
                return f"{failed}; one request is finding out if it is back"
            if now < circuit.open_until:
                back = self._clock.now() + (circuit.open_until - now)
                return f"{failed}; not asked again until {back:%H:%M:%S} UTC"
        return None

    def failed(self, key: str | None, *, probe: bool) -> None:
        """One more failure. What comes in late, from before the circuit opened, changes nothing."""
        circuit = self._circuits.setdefault(key, _Circuit())
        if circuit.open_until is not None and not probe:
            return
        self._circuits.move_to_end(key)
        circuit.failures += 1
        circuit.probing = False
        if circuit.failures >= self._bounds.breaker_failures_max:
            circuit.open_until = self._clock.monotonic() + seconds(self._bounds.breaker_open_seconds)
        if len(self._circuits) > self._bounds.breakers_max:
            self._forget_oldest()

    def worked(self, key: str | None, *, probe: bool) -> None:
        """An answer: the row of failures ends. An open circuit is closed by its probe alone."""
        circuit = self._circuits.get(key)
        if circuit is not None and (probe or circuit.open_until is None):
            del self._circuits[key]

    def unknown(self, key: str | None, *, probe: bool) -> None:
        """Nothing was learnt: the next caller may be the probe."""
        circuit = self._circuits.get(key)
        if circuit is not None and probe:
            circuit.probing = False

    def _forget_oldest(self) -> None:
        del self._circuits[next(key for key in self._circuits if key is not _PROVIDER)]


class Permit:
    """Leave to send one request, to be settled by what came of it. Left unsettled (cancelled), it blames nobody."""

    def __init__(self, breakers: Breakers, institution: str | None, probes: set[str | None]) -> None:
        self._breakers = breakers
        self._institution = institution
        self._probes = probes
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            for key in _way(self._institution):
                self._breakers.unknown(key, probe=key in self._probes)

    def settle(self, verdict: Verdict) -> None:
        """Tell the circuits what came of it.

        An institution that fails shows the provider at work. A provider that fails tells nothing of the institution.
        """
        self._open = False
        blamed = verdict.provider_wide if isinstance(verdict, Later) else None
        for key in _way(self._institution):
            probe = key in self._probes
            if blamed is None:
                self._breakers.worked(key, probe=probe)
            elif (key is _PROVIDER) == (blamed or self._institution is None):
                self._breakers.failed(key, probe=probe)
            elif key is _PROVIDER:
                self._breakers.worked(key, probe=probe)
            else:
                self._breakers.unknown(key, probe=probe)


def _way(institution: str | None) -> tuple[str | None, ...]:
    """The circuits a request for `institution` passes."""
    return (_PROVIDER,) if institution is None else (_PROVIDER, institution)
