"""What all processes have done and left to do, as the metrics tell it."""

from collections.abc import Mapping

import msgspec


class Standing(msgspec.Struct, frozen=True):
    """What the database knows of it. Of one that is away: `reachable` alone, and that false."""

    reachable: bool
    lag_seconds: Mapping[str, int] = {}
    breaks: Mapping[str, int] = {}
    jobs: Mapping[str, int] = {}
    job_age_seconds: int = 0
    jobs_dead: int = 0
    inbox_waiting: int = 0
    inbox_dead: int = 0
    webhook_age_seconds: int = 0
