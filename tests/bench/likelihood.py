"""Could it have been known? How likely the two-source benchmark's generator tells things as it did, of the truth and of an
answer, by its own noise, known exactly.

Where an answer puts twins' records together otherwise than the truth, and the generator would have told the very same
of a world that is as the answer says as readily, or more so, nothing that was told speaks for the truth.
"""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from tests.bench.told_events import Movement, Told

_LEAST_TEXT: Final = 1e-6
"""Of a text that the generator makes in some other way than those it is looked at for."""
_SAME: Final = 1e-6
_DAYS_LOOKED_AT: Final = range(-8, 9)
"""Around a record's day: no noise moves one further."""

Keys = Collection[str]


def swallowed_by_likelihood(
    told: Told, clusters: Sequence[Keys], movement_of: Mapping[str, str]
) -> Counter[bool]:
    """Of twins that lie together wrongly while their number is right, how many are swallowed: True where the answer is
    at least as likely as the truth. `movement_of`: record → movement, as the score calls them, which swaps identical ones
    to suit the answer. Raises RuntimeError where the generator couldn't have told the truth so."""
    maker = _Maker(told)
    found: Counter[bool] = Counter()
    truly: Mapping[str, str] = told.truth["records"]
    for movements, ours in _hanging_together(clusters, truly):
        swallowed = sum(len({movement_of[key] for key in cluster}) - 1 for cluster in ours)
        there = [told.movements[each] for each in movements]
        if not swallowed or len(movements) != len(ours) or len({each.kind for each in there}) > 1:
            continue
        truth = [[key for each in ours for key in each if truly[key] == one] for one in movements]
        of_truth = maker.likelihood(truth, there[0])
        if of_truth == -math.inf:
            raise RuntimeError(
                f"{told.name}: the generator makes its tellings otherwise than is thought here"
            )
        found[maker.likelihood(ours, there[0]) >= of_truth - _SAME] += swallowed
    return found


def _hanging_together(
    clusters: Sequence[Keys], movement_of: Mapping[str, str]
) -> Iterator[tuple[list[str], list[Keys]]]:
    """Movements and clusters that share records, with all that share some with those."""
    clusters_of: dict[str, set[int]] = defaultdict(set)
    for place, cluster in enumerate(clusters):
        for key in cluster:
            clusters_of[movement_of[key]].add(place)
    seen: set[str] = set()
    for first in clusters_of:
        if first in seen:
            continue
        movements, waiting = {first}, [first]
        places: set[int] = set()
        while waiting:
            for place in clusters_of[waiting.pop()] - places:
                places.add(place)
                new = {movement_of[key] for key in clusters[place]} - movements
                movements |= new
                waiting += new
        seen |= movements
        yield sorted(movements), [clusters[place] for place in sorted(places)]


class _Maker:
    """What the generator makes of a movement, and how often. Records are pending or booked by the feed A, shown again by
    a later item of it, or in statement files of the feed B, which all say the same."""

    def __init__(self, told: Told) -> None:
        self._noise = noise = told.noise
        self._cases: dict[str, list[str]] = told.truth["cases"]
        events = map(json.loads, told.events.splitlines())
        self._events = {event["key"]: event for event in events if event["op"] == "upsert"}
        shifts = noise["date_shift"]
        self._shift = {days: count / len(shifts) for days, count in Counter(shifts).items()}
        astray = noise["p_tz"]
        self._zone = {-1: astray / 2, 0: 1 - astray, 1: astray / 2}
        self._posting = {0: 0.25, 1: 0.5, 2: 0.25}

    def likelihood(self, groups: Iterable[Keys], movement: Movement) -> float:
        """The logarithm: that these are the records of as many movements alike."""
        chances = [self._chance(group, movement.merchant) for group in groups]
        return sum(math.log(chance) if chance > 0 else -math.inf for chance in chances)

    def _chance(self, keys: Keys, merchant: str) -> float:
        first, again, pending, files = self._sorted(keys)
        if len(first) > 1 or len(pending) > 1 or ((again or pending) and not first):
            return 0
        if any(len({record[field] for record in files}) > 1 for field in ("date", "description")):
            return 0
        noise = self._noise
        chance = 1.0
        chance *= 1 - noise["p_missing_a"] if first else noise["p_missing_a"]
        chance *= 1 - noise["p_missing_b"] if files else noise["p_missing_b"]
        for record in again:
            if record["date"] != first[0]["date"]:
                return 0
            chance *= self._text_again(record, first[0], merchant, 0.8)
        for record in pending:
            chance *= self._text_again(record, first[0], merchant, 0.5)
        return chance * self._days(first, pending, files)

    def _sorted(self, keys: Keys) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
        first: list[Any] = []
        again: list[Any] = []
        pending: list[Any] = []
        files: list[Any] = []
        for key in keys:
            record = self._events[key]
            if record["feed"] == "B":
                files.append(record)
            elif "pending" in self._cases[key]:
                pending.append(record)
            else:
                (first if record["item"] == "item1" else again).append(record)
        return first, again, pending, files

    def _text_again(self, record: Any, first: Any, merchant: str, as_before: float) -> float:
        """A text that is kept, or made anew."""
        kept = as_before if record["description"] == first["description"] else 0
        return kept + (1 - as_before) * self._text(record["description"], merchant)

    def _text(self, text: str, merchant: str) -> float:
        plain = re.sub(r"[#*]?\s?\d{3,}.*$", "", merchant).strip() or merchant
        whole = self._noise["p_text_same"]
        made = 0.6 * (text == plain.title()) + 0.4 * (text == plain)
        return whole * (text == merchant) + (1 - whole) * made or _LEAST_TEXT

    def _days(self, first: Sequence[Any], pending: Sequence[Any], files: Sequence[Any]) -> float:
        """Summed over the days it may have happened on."""
        around = _day((first or files)[0]["date"])
        return sum(self._on(around + off, first, pending, files) for off in _DAYS_LOOKED_AT)

    def _on(self, on: int, first: Sequence[Any], pending: Sequence[Any], files: Sequence[Any]) -> float:
        chance = 1.0
        zone = self._zone
        for record in pending:
            astray = _day(record["date"]) - on
            chance *= zone.get(astray, 0) if _day(record["arrives"]) == on else 0
            zone = {astray: 1.0}  # both are told in the same one
        for record in first:
            posted, day = _day(record["arrives"]), _day(record["date"])
            dated = 0.5 * zone.get(day - on, 0) + 0.5 * zone.get(day - posted, 0)
            chance *= self._posting.get(posted - on, 0) * dated
        return chance * self._shift.get(_day(files[0]["date"]) - on, 0) if files else chance


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal()
