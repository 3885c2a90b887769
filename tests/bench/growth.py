"""How cost grows with size: the arithmetic of the figures."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Run = TypeVar("Run")


def exponent(points: Iterable[tuple[float, float]]) -> float:
    """The slope of log cost over log size, least squares: 1 = linear, 2 = quadratic, 0 = independent of size."""
    logs = [(math.log(size), math.log(cost)) for size, cost in points]
    if len(logs) < 2:
        raise ValueError("a slope takes at least two sizes")
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def median_by(runs: Sequence[Run], key: Callable[[Run], float]) -> Run:
    """The run in the middle (the cheaper of two): one that happened, so that its figures belong together."""
    return sorted(runs, key=key)[(len(runs) - 1) // 2]
