"""Quality: every algorithm on four real data sets, with settings that were tuned on train alone, and a learned blend.

MovieLens is split as published (see `sar_movielens`); of the others the last fifth of the events is the test, as in
use. `-again` asks for all that people did next, what they had before included. Settings are those of `quality.json`
beside this file; `python -m benchmarks.quality --tune 20 --folder FOLDER movielens` searches them again, 20 trials
each, on folds of train, and goes on there when it was stopped. Without a name it is MovieLens (some minutes); `all` is
all six (an hour). Data is looked for in `RECSYS_SHARED_DATA` or `../shared/data`; what is not there is skipped.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from benchmarks._quality_data import Data, complete_journey, movielens, movietweetings, online_retail
from benchmarks.sar_movielens import HALF_LIFE_DAYS, SAR, data_folder
from recsys_pipelines.algorithm import Algorithm, discover
from recsys_pipelines.algorithms.ease import Ease
from recsys_pipelines.algorithms.popularity import Popularity
from recsys_pipelines.algorithms.user_lists import UserLists
from recsys_pipelines.backtest.backtest import Ask, backtest
from recsys_pipelines.backtest.blending import Blend
from recsys_pipelines.backtest.preparing import Question, Weighing
from recsys_pipelines.backtest.record import Backtest, Comparison
from recsys_pipelines.backtest.running import Terms
from recsys_pipelines.backtest.splitting import Plan, Posed, Sides, given, split
from recsys_pipelines.tuning.folds import folds
from recsys_pipelines.tuning.record import Trial
from recsys_pipelines.tuning.search import Budget
from recsys_pipelines.tuning.spaces import SPACES, space
from recsys_pipelines.tuning.tuning import Search, tune

SETTINGS = Path(__file__).with_suffix(".json")
BINARY = Terms(weighing=Weighing(binary=True))
AFFINITY = Terms(weighing=Weighing(half_life_days=HALF_LIFE_DAYS))  # the rating, decayed, as SAR has it
SHOWN = {"ndcg@10": "NDCG@10", "map@10": "MAP", "precision@10": "P@10", "recall@10": "R@10", "coverage@10": "coverage"}
IDLE = ("weighted",)  # a field that says nothing where every weight is 1
FACTORS = ("als", "bpr", "ials")  # what `user_lists` can be made of
TUNED_POPULARITY = "popularity, tuned"  # the baseline keeps its defaults
SOURCES = 6  # of a blend: those that were best on the folds


class Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a search left: the best settings, and NDCG@10 on the folds of train, of the defaults and of these."""

    settings: dict[str, Any]
    trials: int
    folds: int
    before: float
    best: float


Kept = Mapping[str, Found]  # by algorithm


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A data set, how it is asked, which algorithms have nothing to say, and rows beside what was tuned.

    ``afresh``: the defaults may not win a search, for some of them were once chosen after a look at this test.
    """

    folder: str
    read: Callable[[Path], Data]
    plan: Plan
    without: tuple[str, ...] = ()
    afresh: bool = False
    fixed: Mapping[str, Algorithm] = field(default_factory=dict)
    of_affinity: Mapping[str, Algorithm] = field(default_factory=dict)

    def algorithms(self) -> list[str]:
        """All but those that have nothing to say here."""
        return [name for name in sorted(discover()) if name not in self.without]

    def posed(self, path: Path) -> Posed:
        """The question."""
        data = self.read(path)
        if data.test is not None:
            return given(data.events, data.test, self.plan, Sides(data.items))
        return split(data.events, self.plan, Sides(data.items))


def main() -> int:
    """Print a table per protocol; with ``--tune N`` search the settings before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("protocols", nargs="*", default=["movielens"], help=f"all, or of {', '.join(PROTOCOLS)}")
    parser.add_argument("--algorithms", help="only these, separated by commas")
    parser.add_argument("--tune", type=int, default=0, metavar="N", help="search the settings first, N trials each")
    parser.add_argument("--minutes", type=float, help="and no trial of an algorithm begins after so long")
    parser.add_argument("--folds", type=int, default=2, help="that a trial is measured on")
    parser.add_argument("--folder", type=Path, help="where searches and reports are kept")
    parser.add_argument("--no-table", action="store_true", help="only search")
    options = parser.parse_args()
    for name in PROTOCOLS if "all" in options.protocols else options.protocols:
        protocol = PROTOCOLS[name]
        path = data_folder() / protocol.folder
        if not path.exists():
            print(f"skipped {name}: there is no {path}; put it there, or set RECSYS_SHARED_DATA")
            continue
        posed = protocol.posed(path)
        names = options.algorithms.split(",") if options.algorithms else protocol.algorithms()
        if options.tune:
            search(name, names, posed.questions[0], options)
        if not options.no_table:
            reports = measured(protocol, names, read().get(name, {}), posed=posed)
            show(name, reports)
            if options.folder:
                (options.folder / f"{name}.json").write_bytes(msgspec.json.encode(reports))
    return 0


def search(name: str, algorithms: Iterable[str], question: Question, options: argparse.Namespace) -> None:
    """Tune the algorithms one after the other on parts of train, and keep each one's best settings."""
    protocol = PROTOCOLS[name]
    parts = folds(question, protocol.plan, options.folds, weighs=BINARY.weighing, seed=0)
    storage = None if options.folder is None else options.folder / f"{name}.log"
    how = Search(budget=Budget(options.tune, options.minutes), storage=storage)
    for label in algorithms:
        if label not in SPACES:
            continue
        algorithm: Algorithm = discover()[label]()
        wanted = {field: domain for field, domain in space(algorithm).items() if field not in IDLE}
        tuned = tune(label, algorithm, wanted, folds=parts, how=how, told=teller(f"{name} {label}"))
        best = max(tuned.trials[1:], key=worth) if protocol.afresh else tuned.best
        found = Found(
            settings=best.settings,
            trials=len(tuned.trials) - 1,
            folds=len(parts),
            before=round(tuned.before.value or 0.0, 6),
            best=round(best.value or 0.0, 6),
        )
        keep(name, label, found)
        print(f"{name} {label}: {found.before:.4f} -> {found.best:.4f} {found.settings}", flush=True)


def worth(trial: Trial) -> tuple[float, int]:
    """Its value if it was measured on all folds; of equal ones the first is the best."""
    return (trial.value or 0.0 if trial.state == "complete" else -1.0), -trial.number


def teller(label: str) -> Callable[[Trial], None]:
    """A line per trial."""

    def told(trial: Trial) -> None:
        value = "-" if trial.value is None else f"{trial.value:.4f}"
        print(f"  {label} {trial.number}: {value} {trial.state} {trial.seconds:.1f} s {trial.settings}", flush=True)

    return told


def measured(protocol: Protocol, names: Sequence[str], kept: Kept, *, posed: Posed) -> list[Backtest]:
    """The algorithms with the settings kept and a blend of those that were best on the folds, with weights learned from
    train alone; then rows that weigh events otherwise."""
    rows = labelled(protocol, names, kept)
    blend = Blend("blend", None, sources=sources(rows, kept))
    asks = [
        (rows, Ask(plan=protocol.plan, terms=BINARY, blends=(blend,) if blend.sources else ())),
        (protocol.of_affinity, Ask(plan=protocol.plan, terms=AFFINITY)),
    ]
    return [
        backtest(posed, algorithms, ask, told=lambda label, result: print(".", end="", flush=True))
        for algorithms, ask in asks
        if algorithms
    ]


def labelled(protocol: Protocol, names: Sequence[str], kept: Kept) -> dict[str, Algorithm]:
    """Every row's algorithm: popularity with its defaults, as the baseline, and all others as tuned."""
    rows = {name: settled(name, kept) for name in names if name != "user_lists"}
    recent = rows.get("popularity", Popularity())
    if recent != Popularity():
        rows |= {"popularity": Popularity(), TUNED_POPULARITY: recent}
    if "user_lists" in names:
        model = max(FACTORS, key=lambda name: (kept[name].best if name in kept else 0.0, name))
        of: Any = settled(model, kept)
        rows[f"user_lists of {model}"] = UserLists(of=of, seen=protocol.plan.keep_seen)
    return rows | dict(protocol.fixed)


def settled(name: str, kept: Kept) -> Algorithm:
    """The algorithm with the settings kept; its defaults where there are none."""
    return msgspec.convert(kept[name].settings if name in kept else {}, discover()[name])


def sources(rows: Mapping[str, Algorithm], kept: Kept) -> tuple[str, ...]:
    """The rows that were best on the folds of train, the best first; ties by name."""
    best = {
        TUNED_POPULARITY if name == "popularity" and TUNED_POPULARITY in rows else name: kept[name] for name in kept
    }
    known = {label: found.best for label, found in best.items() if label in rows and found.best > 0}
    return tuple(sorted(known, key=lambda label: (-known[label], label))[:SOURCES])


def read() -> dict[str, dict[str, Found]]:
    """By protocol and algorithm what was found."""
    return msgspec.json.decode(SETTINGS.read_bytes(), type=dict[str, dict[str, Found]]) if SETTINGS.exists() else {}


def keep(name: str, algorithm: str, found: Found) -> None:
    """Write what was found for one algorithm, beside all others."""
    every = read()
    every[name] = {**every.get(name, {}), algorithm: found}
    body = msgspec.json.format(msgspec.json.encode(every, order="deterministic"), indent=2) + b"\n"
    part = SETTINGS.with_suffix(".part")
    part.write_bytes(body)
    part.replace(SETTINGS)


def show(name: str, reports: Sequence[Backtest]) -> None:
    """The table as Markdown, best first: each one's lead over popularity, and the lead of the first over it."""
    report, asked = reports[0], reports[0].protocol
    print(
        f"\n\n### {name}: {asked.users:,} users, {asked.truth_pairs:,} items to find, {asked.train_events:,} events\n"
    )
    print(f"| | {' | '.join(SHOWN.values())} | ahead of popularity | behind the first | fit s | rank s | MB |")
    print(f"|---|{'---|' * (len(SHOWN) + 5)}")
    behind = {each.than: told(each) for each in report.comparisons}
    ahead = {each.better: told(each) for each in report.against_popularity}
    results = [result for each in reports for result in each.results]
    for result in sorted(results, key=lambda each: (-each.metrics["ndcg@10"], each.algorithm)):
        values = [short(result.metrics.get(metric, 0)) for metric in SHOWN]
        costs = [f"{result.fit_s:.1f}", f"{result.recommend_s:.1f}", f"{result.peak_mb:.0f}"]
        leads = [ahead.get(result.algorithm, ""), behind.get(result.algorithm, "")]
        print(f"| {result.algorithm} | {' | '.join([*values, *leads, *costs])} |")
    for result in report.results:
        if result.kind == "blend":
            (weights,) = result.settings["weights"]
            heaviest = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
            print(f"\nThe blend: {', '.join(f'{each} {short(weight)}' for each, weight in heaviest if weight)}")
    for warning in report.warnings:
        print(f"\nwarning: {warning}")


def short(value: float) -> str:
    """Four digits, without the zero before the point."""
    return f"{value:.4f}".replace("0.", ".", 1)


def told(each: Comparison) -> str:
    """A difference with its interval."""
    return f"{short(each.difference)} ({short(each.low)} to {short(each.high)})"


NEW, AGAIN = Plan(kind="time"), Plan(kind="time", keep_seen=True)
REPEATS = ("buy_again",)  # all that it lists was bought before
PROTOCOLS = {
    "movielens": Protocol(
        folder="movielens-100k",
        read=movielens,
        plan=Plan(kind="given"),
        without=REPEATS,
        afresh=True,
        fixed={"ease, l2 = 400": Ease(l2=400.0)},
        of_affinity={"SAR": SAR},
    ),
    "movietweetings": Protocol(folder="movietweetings-100k", read=movietweetings, plan=NEW, without=REPEATS),
    "online-retail": Protocol(folder="online-retail", read=online_retail, plan=NEW, without=REPEATS),
    "complete-journey": Protocol(folder="complete-journey", read=complete_journey, plan=NEW, without=REPEATS),
    "online-retail-again": Protocol(folder="online-retail", read=online_retail, plan=AGAIN),
    "complete-journey-again": Protocol(folder="complete-journey", read=complete_journey, plan=AGAIN),
}


if __name__ == "__main__":
    sys.exit(main())
