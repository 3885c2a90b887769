"""Faults strike as they were told to, and the same way in every run."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal_sandbox.corruption import UNHEARD_OF, Json, Weak, corrupt
from caudal_sandbox.faults import CORRUPTIONS, FAULTS_MAX, PARAMS, WEBHOOKS, Fault, Faults, Kind, Strike
from caudal_sandbox.plaid.trouble import WEAK, check

EVERY = frozenset(Kind)


def struck(faults: Faults, calls: int, **call: str) -> list[bool]:
    """Whether anything strikes, call by call."""
    about = {"provider": "plaid", "endpoint": "/transactions/sync", "connection": "item-1", **call}
    return [bool(faults.strike(**about, kinds=EVERY)) for _ in range(calls)]


def lying(*faults: Fault) -> Faults:
    among = Faults()
    for fault in faults:
        among.add(fault)
    return among


@given(st.integers(0, 2**32), st.integers(0, 1_000), st.integers(0, 5))
def test_the_same_fault_strikes_the_same_calls_in_every_run(seed: int, per_mille: int, skip: int) -> None:
    fault = Fault(Kind.LATENCY, seed=seed, per_mille=per_mille, skip=skip)
    assert struck(lying(fault), 50) == struck(lying(fault), 50)


@given(st.integers(0, 2**32))
def test_what_else_lies_in_wait_changes_nothing_for_a_fault(seed: int) -> None:
    fault = Fault(Kind.RESET, seed=seed, per_mille=300)
    other = Fault(Kind.LATENCY, seed=seed + 1, per_mille=500)
    alone, among = lying(fault), lying(other, fault)
    for _ in range(30):
        call = {"provider": "plaid", "endpoint": "/item/get", "connection": None}
        first = [each.kind for each in alone.strike(**call, kinds=EVERY)]
        both = [each.kind for each in among.strike(**call, kinds=EVERY) if each.kind is Kind.RESET]
        assert first == both


def test_a_share_strikes_about_that_share() -> None:
    hits = sum(struck(lying(Fault(Kind.LATENCY, per_mille=250)), 4_000))
    assert 900 < hits < 1_100


def test_a_count_is_struck_out_and_never_exceeded() -> None:
    faults = lying(Fault(Kind.LATENCY, count=3, skip=2))
    assert struck(faults, 8) == [False, False, True, True, True, False, False, False]
    assert faults.struck == {Kind.LATENCY: 3}
    assert faults.list()[0].over


def test_a_strike_that_found_nothing_to_break_is_made_up_for() -> None:
    faults = lying(Fault(Kind.WRONG_TYPES, count=1))
    call = {"provider": "plaid", "endpoint": "/x", "connection": None, "kinds": EVERY}
    (strike,) = faults.strike(**call)
    faults.spare(strike)
    assert faults.struck == {Kind.WRONG_TYPES: 0}
    assert faults.strike(**call)
    assert not faults.strike(**call)


@pytest.mark.parametrize(
    ("fault", "call", "hit"),
    [
        (Fault(Kind.RESET, provider="plaid"), {"provider": "plaid"}, True),
        (Fault(Kind.RESET, provider="belvo"), {"provider": "plaid"}, False),
        (Fault(Kind.RESET, endpoint="/transactions/*"), {"endpoint": "/transactions/sync"}, True),
        (Fault(Kind.RESET, endpoint="/transactions/*"), {"endpoint": "/item/get"}, False),
        (Fault(Kind.RESET, connection="item-1"), {"connection": "item-1"}, True),
        (Fault(Kind.RESET, connection="item-1"), {"connection": "item-2"}, False),
        (Fault(Kind.RESET, connection="item-1"), {"connection": None}, False),
        (Fault(Kind.RESET), {"connection": None}, True),
    ],
)
def test_a_fault_strikes_only_what_it_is_meant_for(fault: Fault, call: dict[str, str], hit: bool) -> None:
    assert struck(lying(fault), 1, **call) == [hit]


def test_a_fault_strikes_only_where_its_kind_is_asked_for() -> None:
    faults = lying(Fault(Kind.WEBHOOK_LOST))
    call = {"provider": "plaid", "endpoint": "/x", "connection": None}
    assert not faults.strike(**call, kinds=EVERY - WEBHOOKS)
    assert faults.list()[0].matched == 0
    assert faults.strike(**call, kinds=WEBHOOKS)


def test_faults_are_taken_away_one_by_one_or_all() -> None:
    faults = lying(Fault(Kind.RESET), Fault(Kind.HANG))
    faults.remove(1)
    assert [each.id for each in faults.list()] == [2]
    with pytest.raises(KeyError, match="number 1"):
        faults.remove(1)
    faults.clear()
    assert faults.list() == ()
    assert struck(faults, 1) == [False]


def test_no_more_lie_in_wait_than_every_call_can_look_at() -> None:
    faults = lying(*(Fault(Kind.RESET) for _ in range(FAULTS_MAX)))
    with pytest.raises(ValueError, match=f"{FAULTS_MAX} faults"):
        faults.add(Fault(Kind.RESET))


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "earthquake"},
        {"kind": "reset", "count": 0},
        {"kind": "reset", "per_mille": 1_001},
        {"kind": "reset", "colour": "blue"},
        {"kind": "latency", "params": {"seconds": 1}},
        {"kind": "latency", "params": {"milliseconds": "1"}},
        {"kind": "latency", "params": {"milliseconds": True}},
        {"kind": "mutation", "params": {"where": "x"}},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(said, Fault)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(Kind.RATE_LIMITED, params={"code": "NO_SUCH_CODE"}), "NO_SUCH_CODE"),
        (Fault(Kind.WEBHOOK_FORGED, params={"how": "badly"}), "other_key"),
        (Fault(Kind.SERVER_ERROR, params={"status": 200}), "200"),
    ],
)
def test_a_fault_that_plaid_could_not_have_is_refused(fault: Fault, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(fault)


def test_every_kind_can_be_told_with_what_it_takes_when_it_is_not() -> None:
    for kind in Kind:
        fault = Fault(kind)
        for name, default in PARAMS.get(kind, {}).items():
            told = Fault(kind, params={name: default})
            assert fault.number(name) == told.number(name) if isinstance(default, int) else True
            assert fault.word(name) == told.word(name)


# --- breaking an answer --------------------------------------------------------------------------------------------

ANSWER = {
    "accounts": [{"official_name": "A", "balances": {"iso_currency_code": "USD", "current": Decimal("1.5")}}],
    "added": [
        {"amount": Decimal("12.50"), "payment_channel": "online", "merchant_name": "M", "pending": False},
        {"amount": Decimal("-3.00"), "payment_channel": "other", "merchant_name": None, "pending": True},
    ],
}


def broken(kind: Kind, *, nth: int = 1, weak: Weak = WEAK, **params: str) -> tuple[Json, bool]:
    answer = msgspec.msgpack.decode(msgspec.msgpack.encode(ANSWER), type=dict)
    answer["added"][0]["amount"], answer["added"][1]["amount"] = Decimal("12.50"), Decimal("-3.00")
    answer["accounts"][0]["balances"]["current"] = Decimal("1.5")
    return answer, corrupt(answer, Strike(Fault(kind, params=params), nth), weak)


def changed(answer: Json, before: Json = ANSWER, path: str = "") -> list[str]:
    """Where an answer is another than it was."""
    if isinstance(answer, dict) and isinstance(before, dict):
        names = sorted({*answer, *before})
        gone = object()
        return [
            place
            for name in names
            for place in changed(answer.get(name, gone), before.get(name, gone), f"{path}/{name}")
        ]
    if isinstance(answer, list) and isinstance(before, list) and len(answer) == len(before):
        return [
            place
            for number, (one, other) in enumerate(zip(answer, before, strict=True))
            for place in changed(one, other, f"{path}/{number}")
        ]
    return [] if type(answer) is type(before) and answer == before else [path]


@pytest.mark.parametrize("kind", sorted(CORRUPTIONS))
@pytest.mark.parametrize("nth", range(1, 9))
def test_a_corruption_changes_one_place_and_by_default_never_an_amount(kind: Kind, nth: int) -> None:
    answer, done = broken(kind, nth=nth)
    (place,) = changed(answer)
    assert done
    assert not place.endswith(("amount", "current"))


def test_a_wrong_type_is_put_where_the_fault_says() -> None:
    answer, done = broken(Kind.WRONG_TYPES, where="added/1/amount")
    assert done
    assert changed(answer) == ["/added/1/amount"]
    assert answer["added"][1]["amount"] == "-3.00 or so"


def test_a_star_picks_one_place_and_not_always_the_same() -> None:
    picked = {changed(broken(Kind.WRONG_TYPES, nth=n, where="added/*/amount")[0])[0] for n in range(1, 20)}
    assert picked == {"/added/0/amount", "/added/1/amount"}


def test_a_place_that_is_not_there_breaks_nothing() -> None:
    answer, done = broken(Kind.WRONG_TYPES, where="removed/*/transaction_id")
    assert not done
    assert changed(answer) == []


def test_each_corruption_does_what_it_says() -> None:
    assert "merchant_name" not in broken(Kind.ABSENT_OPTIONAL, where="added/0/merchant_name")[0]["added"][0]
    assert (
        broken(Kind.UNKNOWN_ENUM, where="added/0/payment_channel")[0]["added"][0]["payment_channel"]
        == UNHEARD_OF
    )
    assert UNHEARD_OF in broken(Kind.UNKNOWN_FIELD, where="added/0")[0]["added"][0]
    balances = broken(Kind.BOTH_CURRENCIES_NULL)[0]["accounts"][0]["balances"]
    assert balances == {"iso_currency_code": None, "current": Decimal("1.5")}
