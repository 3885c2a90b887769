"""What one call to a provider may cost: the installation's settings hold it."""

from datetime import timedelta

from caudal.settings import HttpBounds

__all__ = ["HttpBounds", "seconds"]


def seconds(count: int) -> timedelta:
    """A bound in seconds as a duration."""
    return timedelta(seconds=count)
