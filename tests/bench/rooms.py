"""Whose CPU it was: the stack, looked at each time the process has used so much more of it (setitimer(2), ITIMER_PROF).

Nothing of what is measured is touched. A look counts for the innermost frame that a room knows; of code in C it is the
caller's. Fair to about one part in the square root of the looks, of which there are two hundred a second at most.
"""

import signal
from collections import Counter
from collections.abc import Mapping
from types import CodeType, FrameType, TracebackType
from typing import Final, Self

_EVERY_S: Final = 0.005
"""As often as most kernels' own tick allows, and longer than any call that is not interrupted."""

ELSEWHERE: Final = "elsewhere"


class Rooms:
    """Counts while it is entered. `rooms`: package, module or function, by its dotted name → the room it belongs to; of
    several that fit the longest counts."""

    def __init__(self, rooms: Mapping[str, str]) -> None:
        self._rooms = sorted(rooms.items(), key=lambda named: -len(named[0]))
        self._known: dict[CodeType, str] = {}
        self._looks: Counter[str] = Counter()

    def __enter__(self) -> Self:
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)  # not the default: one on its way would end the process

    def shares(self) -> dict[str, float]:
        """Room → its part of all looks. Empty where the work was too short for one."""
        looks = self._looks.total()
        return {room: count / looks for room, count in self._looks.items()}

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        room = ""
        while frame is not None and not room:
            room = self._room_of(frame)
            frame = frame.f_back
        self._looks[room or ELSEWHERE] += 1

    def _room_of(self, frame: FrameType) -> str:
        """'' for code of none."""
        code = frame.f_code
        if code not in self._known:
            name = f"{frame.f_globals.get('__name__', '')}.{code.co_qualname}."
            fitting = (room for start, room in self._rooms if name.startswith(f"{start}."))
            self._known[code] = next(fitting, "")
        return self._known[code]
