"""A process that answers leaves what stays to the end alone, and still collects what it makes."""

import gc
import weakref

from caudal.api.garbage import settled


class Ring:
    def __init__(self) -> None:
        self.itself = self


def test_what_stays_is_left_alone_and_what_is_made_since_is_collected() -> None:
    gc.unfreeze()
    before = gc.get_threshold()
    with settled():
        assert gc.get_freeze_count() > 1_000
        assert gc.get_threshold()[0] > before[0]
        ring = weakref.ref(Ring())
        gc.collect()
        assert ring() is None
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_garbage_of_the_beginning_is_collected_in_the_end() -> None:
    gc.disable()  # until it is left alone
    ring = weakref.ref(Ring())
    with settled():
        gc.enable()
        gc.collect()
        assert ring() is not None
    gc.collect()
    assert ring() is None
