"""A backup of an hour ago is restored: what has come since comes again."""

from tests.support.chaos import tell, times
from tests.support.fleet import Fleet

RESTORED = times(5)


def test_after_an_old_backup_is_restored_the_gap_closes_by_itself(fleet: Fleet) -> None:
    gaps, took = [], 0.0
    for _ in range(RESTORED):
        fleet.workers(2)
        fleet.set_right()
        fleet.end_all()
        fleet.postgres.back_up()
        held = fleet.rows("caudal.transaction")
        fleet.workers(2)
        fleet.reissue(fleet.town[:1])
        fleet.set_right()
        fleet.end_all()
        gaps.append(fleet.rows("caudal.transaction") - held)
        fleet.postgres.restore()
        fleet.made_current()
        assert fleet.rows("caudal.transaction") == held
        fleet.workers(2)
        took = max(took, fleet.set_right())
        fleet.end_all()
    assert all(gap > 0 for gap in gaps)
    tell(
        26, "a backup of an hour ago restored", RESTORED, "resync closes the gap, ledger = truth",
        f"{sum(gaps)} transactions had come since; there again within {took:.1f} s; ledger = truth",
    )  # fmt: skip
