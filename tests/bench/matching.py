"""Which tellings are of one movement: how often it is judged right, and how fast, beside naive ways."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any, Final

import msgspec
import pytest
from rich.console import Console
from tests.bench import one_match, told_events
from tests.bench.apart import NotFinished, measured
from tests.bench.growth import exponent, median_by
from tests.bench.likelihood import swallowed_by_likelihood
from tests.bench.one_match import Put
from tests.bench.peers import CAUDAL
from tests.bench.sheet import Figure, Sheet
from tests.bench.told_events import Movement, Told

from caudal.hub.events_matched import match
from caudal.matching.texts import likeness, read

F1_AIM: Final = {"easy": 0.995, "public": 0.97, "hard": 0.92}
"""Of the worst set."""
SWALLOWED_PERCENT_AIM: Final = {"public": 0.2}
GROWTH_AIM: Final = 1.05

_TWIN_DAYS_MAX: Final = 7
"""Of one account, amount and merchant and no further apart, two movements are twins: two sources date one by up to five
days differently, and a pending one is told before."""
_SIZES: Final = ((1_000, 3), (10_000, 3), (100_000, 1))
"""Tellings, and how often: runs take turns, and the one in the middle counts."""
_SECONDS_MAX: Final = 120

Pair = tuple[str, str]


class Score(msgspec.Struct, frozen=True):
    """The generator's own figures of one answer to one set."""

    f1: float
    pair_precision: float
    pair_recall: float
    physical: int
    count_error: int
    physical_swallowed: int
    physical_shown_twice: int
    transfer_precision: float | None = None
    transfer_recall: float | None = None


class Errors(msgspec.Struct):
    """What was put together wrongly and what was missed, by case. `twins`: those that nobody could have told apart;
    `nameless`: where one of the two texts names no payee. `as_likely`: where the generator tells of a world like the answer
    as readily as it tells the truth so."""

    pairs: Counter[str] = msgspec.field(default_factory=Counter)
    wrong: Counter[str] = msgspec.field(default_factory=Counter)
    wrong_twins: Counter[str] = msgspec.field(default_factory=Counter)
    missed: Counter[str] = msgspec.field(default_factory=Counter)
    missed_twins: Counter[str] = msgspec.field(default_factory=Counter)
    missed_nameless: Counter[str] = msgspec.field(default_factory=Counter)
    swallowed_twins: int = 0
    swallowed_as_likely: int = 0
    swallowed_less_likely: int = 0
    twice_twins: int = 0


class Profile(msgspec.Struct):
    """All its sets: each judge's scores, and where Caudal errs."""

    scores: dict[str, list[Score]] = msgspec.field(default_factory=dict)
    errors: Errors = msgspec.field(default_factory=Errors)


def sheets(console: Console, *, quick: bool) -> Iterator[Sheet]:
    """Judge the generated sets, then a longer and longer account."""
    try:
        script = told_events.script()
    except pytest.skip.Exception as missing:
        console.print(f"matching: {missing}")
        return
    made_by = told_events.generator(script)
    seeds = told_events.SEEDS[:1] if quick else told_events.SEEDS
    profiles: dict[str, Profile] = {}
    for name in told_events.PROFILES:
        with console.status(f"judging {name} sets"):
            profiles[name] = _judged(made_by, name, seeds)
    yield _quality(profiles, seeds)
    yield _counts(profiles)
    yield _cases(profiles)
    yield _speed(console, str(script), _SIZES[:2] if quick else _SIZES)


def _judged(made_by: Any, name: str, seeds: range) -> Profile:
    judges: dict[str, Callable[[Told], dict[str, Any]]] = {
        CAUDAL: lambda told: msgspec.to_builtins(match(told.events, told.accounts)),
        "amount + 3 days": lambda told: made_by.base_window(told.records),
        "same day + amount": lambda told: made_by.base_exact(told.records),
    }
    profile = Profile({judge: [] for judge in judges})
    for told in told_events.told(made_by, name, seeds):
        for judge, answer in judges.items():
            answered = answer(told)
            profile.scores[judge].append(msgspec.convert(made_by.score(told.truth, answered), Score))
            if judge == CAUDAL:
                _look_at_errors(made_by, told, answered["clusters"], profile.errors)
    return profile


def _look_at_errors(made_by: Any, told: Told, clusters: Sequence[Sequence[str]], errors: Errors) -> None:
    """Pair by pair, after the generator has called identical records of one day whatever suits the answer."""
    cluster_of = {key: place for place, cluster in enumerate(clusters) for key in cluster}
    movement_of: dict[str, str] = made_by.exchange(told.truth, cluster_of)
    movements = told.movements
    twins = _with_twins(movements)
    texts = told.texts
    records: dict[str, list[str]] = defaultdict(list)
    for key, movement in movement_of.items():
        records[movement].append(key)
    there, found = _pairs(records.values()), _pairs(clusters)
    for one, _ in there:
        errors.pairs[movements[movement_of[one]].case] += 1
    for one, other in found - there:
        here, else_ = movements[movement_of[one]], movements[movement_of[other]]
        case = " + ".join(sorted({here.case, else_.case}))
        errors.wrong[case] += 1
        errors.wrong_twins[case] += _are_twins(here, else_)
    for one, other in there - found:
        case = movements[movement_of[one]].case
        errors.missed[case] += 1
        if movement_of[one] in twins:
            errors.missed_twins[case] += 1
        elif likeness(read(texts[one]).letters, read(texts[other]).letters) is None:
            errors.missed_nameless[case] += 1
    for cluster in clusters:
        inside = {movement_of[key] for key in cluster}
        errors.swallowed_twins += len(inside) - len({movements[each].kind for each in inside})
    by_likelihood = swallowed_by_likelihood(told, clusters, movement_of)
    errors.swallowed_as_likely += by_likelihood[True]
    errors.swallowed_less_likely += by_likelihood[False]
    errors.twice_twins += sum(
        len({cluster_of[key] for key in keys}) - 1 for movement, keys in records.items() if movement in twins
    )


def _pairs(groups: Iterable[Iterable[str]]) -> set[Pair]:
    return {pair for group in groups for pair in combinations(sorted(group), 2)}


def _are_twins(one: Movement, other: Movement) -> bool:
    return one.kind == other.kind and abs((one.on - other.on).days) <= _TWIN_DAYS_MAX


def _with_twins(movements: Mapping[str, Movement]) -> set[str]:
    """Those that have one."""
    alike: dict[object, list[str]] = defaultdict(list)
    for key, movement in movements.items():
        alike[movement.kind].append(key)
    found: set[str] = set()
    for keys in alike.values():
        for pair in pairwise(sorted(keys, key=lambda key: movements[key].on)):
            if _are_twins(*(movements[key] for key in pair)):
                found.update(pair)
    return found


def _quality(profiles: dict[str, Profile], seeds: range) -> Sheet:
    sheet = Sheet(
        f"Told events of two sources, {len(told_events.COUNTRIES) * len(seeds)} sets a profile",
        ("profile", "judged by", "F1", "precision", "recall", "% swallowed", "% shown\ntwice",
         "transfers:\nprecision", "recall"),
        note="Worst set / mean of all. Swallowed, shown twice: of the movements. Aims, of the worst set: F1 "
        + ", ".join(f"{name} {aim}" for name, aim in F1_AIM.items())
        + "; swallowed "
        + ", ".join(f"{name} {aim} %" for name, aim in SWALLOWED_PERCENT_AIM.items())
        + ".",
        texts=2,
    )  # fmt: skip
    for name, profile in profiles.items():
        for judge, scores in profile.scores.items():
            ours = judge == CAUDAL
            f1 = [score.f1 for score in scores]
            swallowed = [100 * score.physical_swallowed / score.physical for score in scores]
            twice = [100 * score.physical_shown_twice / score.physical for score in scores]
            aim = SWALLOWED_PERCENT_AIM.get(name)
            sheet.add(
                name if ours else "",
                judge,
                Figure(_lowest(f1), min(f1) >= F1_AIM[name] if ours else None),
                _lowest([score.pair_precision for score in scores]),
                _lowest([score.pair_recall for score in scores]),
                Figure(_highest(swallowed), max(swallowed) <= aim if ours and aim is not None else None),
                _highest(twice),
                _lowest([s.transfer_precision for s in scores if s.transfer_precision is not None]),
                _lowest([s.transfer_recall for s in scores if s.transfer_recall is not None]),
            )
    return sheet


def _lowest(values: Sequence[float]) -> str:
    return f"{min(values):.4f} / {statistics.mean(values):.4f}" if values else ""


def _highest(values: Sequence[float]) -> str:
    return f"{max(values):.2f} / {statistics.mean(values):.2f}"


def _counts(profiles: dict[str, Profile]) -> Sheet:
    sheet = Sheet(
        "Caudal: how many movements, all sets of a profile",
        ("profile", "movements", "too many or\ntoo few", "swallowed", "of them\ntwins", "number right:\nas likely",
         "less likely", "shown\ntwice", "of them of\none with a twin"),
        note=f"Twins: same account, amount and merchant, no more than {_TWIN_DAYS_MAX} days apart. As likely: by the "
        "generator's own noise, known exactly, what was told is as likely of a world like the answer as of the truth.",
    )  # fmt: skip
    for name, profile in profiles.items():
        scores = profile.scores[CAUDAL]
        sheet.add(
            name,
            f"{sum(score.physical for score in scores):,}",
            f"{sum(abs(score.count_error) for score in scores):,}",
            f"{sum(score.physical_swallowed for score in scores):,}",
            f"{profile.errors.swallowed_twins:,}",
            f"{profile.errors.swallowed_as_likely:,}",
            f"{profile.errors.swallowed_less_likely:,}",
            f"{sum(score.physical_shown_twice for score in scores):,}",
            f"{profile.errors.twice_twins:,}",
        )
    return sheet


def _cases(profiles: dict[str, Profile]) -> Sheet:
    sheet = Sheet(
        "Caudal: wrong and missed pairs by case, all sets of a profile",
        ("profile", "case", "pairs", "put together\nwrongly", "of them\ntwins", "missed", "of one with\na twin",
         "a text names\nno payee"),
        note="Two records of one movement are a pair. Which of two twins a record is of can't be known.",
        texts=2,
    )  # fmt: skip
    for name, profile in profiles.items():
        errors = profile.errors
        counted = (
            errors.pairs,
            errors.wrong,
            errors.wrong_twins,
            errors.missed,
            errors.missed_twins,
            errors.missed_nameless,
        )
        sheet.add(name, "all", *(f"{counts.total():,}" for counts in counted))
        for case, _ in (errors.wrong + errors.missed).most_common():
            sheet.add("", case, *(f"{counts[case]:,}" if counts[case] else "" for counts in counted))
    return sheet


def _speed(console: Console, script: str, sizes: Sequence[tuple[int, int]]) -> Sheet:
    sheet = Sheet(
        "Putting two sources' tellings of one account together",
        ("tellings", "judged by", "per CPU s", "CPU s", "MiB grown", "movements found", "of", "right"),
        note="25 movements a day: by an API the payee's name alone, by files a bank's line up to three days later. Right: "
        f"just the two tellings that are its own. Cost grows with size to the power of; aim ≤ {GROWTH_AIM:g}.",
        texts=2,
    )
    costs: dict[str, dict[int, float]] = {CAUDAL: {}, one_match.WINDOW: {}}
    for count, times in sizes:
        runs: dict[str, list[Put]] = {judge: [] for judge in costs}
        with console.status(f"putting {count:,} tellings together"):
            for _ in range(times):
                for judge, told in runs.items():
                    spec = one_match.Spec(judge, count, script)
                    try:
                        told.append(measured(one_match.__name__, spec, Put, seconds_max=_SECONDS_MAX))
                    except NotFinished as late:
                        console.print(f"{judge}, {count:,}: {late}")
        for judge, told in runs.items():
            if told:
                put = median_by(told, lambda run: run.cost.cpu_s)
                costs[judge][count] = put.cost.cpu_s
                sheet.add(f"{count:,}" if judge == CAUDAL else "", judge, *_put(put, count))
    for judge, spent in costs.items():
        if len(spent) > 1:
            power = exponent(spent.items())
            grows = Figure.at_most(power, GROWTH_AIM) if judge == CAUDAL else Figure(f"{power:.2f}")
            sheet.add("grows with", judge, "", grows, "", "", "", "")
    return sheet


def _put(put: Put, count: int) -> tuple[str, ...]:
    return (
        f"{count / put.cost.cpu_s:,.0f}",
        f"{put.cost.cpu_s:.3f}",
        f"{put.cost.rss_grown_mib:.1f}",
        f"{put.groups:,}",
        f"{count // 2:,}",
        f"{put.right:,}",
    )
