"""Quality: every algorithm on four real data sets, with settings that were tuned on train alone, and a learned blend.

MovieLens is split as published (see `sar_movielens`); of the others the last fifth of the events is the test, as in
use. `-again` asks for all that people did next, what they had before included. Settings are those of `quality.json`
beside this file; `python -m benchmarks.quality --tune 20 movielens` searches them again, 20 trials each. Data is looked
for in `RECSYS_SHARED_DATA` or `../shared/data`; what is not there is skipped.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks._quality_data import Data, complete_journey, movielens, movietweetings, online_retail
from benchmarks.sar_movielens import data_folder
from recsys_pipelines.algorithm import Algorithm, discover
from recsys_pipelines.backtest.backtest import Ask, backtest
from recsys_pipelines.backtest.blending import parsed
from recsys_pipelines.backtest.preparing import Question, Weighing
from recsys_pipelines.backtest.record import Backtest, Comparison
from recsys_pipelines.backtest.running import Terms
from recsys_pipelines.backtest.splitting import Plan, Posed, Sides, given, split
from recsys_pipelines.tuning.folds import folds
from recsys_pipelines.tuning.search import Budget
from recsys_pipelines.tuning.spaces import space
from recsys_pipelines.tuning.tuning import Search, tune

SETTINGS = Path(__file__).with_suffix(".json")
BINARY = Terms(weighing=Weighing(binary=True))
SHOWN = ("ndcg@10", "map@10", "precision@10", "recall@10", "coverage@10")
COSTS = ("fit_s", "recommend_s", "peak_mb")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A data set, how it is asked, which algorithms are asked, and which of them are blended."""

    folder: str
    read: Callable[[Path], Data]
    plan: Plan
    without: tuple[str, ...] = ()

    def algorithms(self) -> list[str]:
        """All but those that have nothing to learn from here."""
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
    parser.add_argument(
        "protocols", nargs="*", default=list(PROTOCOLS), help=f"of {', '.join(PROTOCOLS)}; default: all"
    )
    parser.add_argument("--algorithms", help="only these, separated by commas")
    parser.add_argument("--tune", type=int, default=0, metavar="N", help="search the settings first, N trials each")
    options = parser.parse_args()
    for name in options.protocols:
        protocol = PROTOCOLS[name]
        path = data_folder() / protocol.folder
        if not path.exists():
            print(f"skipped {name}: there is no {path}; put it there, or set RECSYS_SHARED_DATA")
            continue
        posed = protocol.posed(path)
        names = options.algorithms.split(",") if options.algorithms else protocol.algorithms()
        if options.tune:
            keep(name, tuned(protocol, names, posed.questions[0], trials=options.tune))
        show(name, measured(name, names, protocol.plan, posed=posed))
    return 0


def measured(name: str, algorithms: Sequence[str], plan: Plan, *, posed: Posed) -> Backtest:
    """The algorithms with the settings kept, and a blend of them with weights learned from train alone."""
    chosen = {each: settled(name, each) for each in algorithms}
    ask = Ask(plan=plan, terms=BINARY, blends=(parsed("learned", chosen),))
    return backtest(posed, chosen, ask, told=lambda label, result: print(".", end="", flush=True))


def tuned(
    protocol: Protocol, algorithms: Sequence[str], question: Question, *, trials: int
) -> dict[str, dict[str, Any]]:
    """By algorithm the best settings on a part of train, each beginning with its defaults."""
    parts = folds(question, protocol.plan, 1, weighs=BINARY.weighing, seed=0)
    how = Search(budget=Budget(trials=trials))
    found = {}
    for name in algorithms:
        if name not in SEARCHED:
            continue
        algorithm: Algorithm = discover()[name]()
        wanted = {field: domain for field, domain in space(algorithm).items() if field not in IDLE}
        if wanted:
            best = tune(name, algorithm, wanted, folds=parts, how=how)
            print(f"{name}: {best.before.value:.4f} -> {best.best.value:.4f} {best.best.settings}", flush=True)
            found[name] = best.best.settings
    return found


SEARCHED = ("als", "cooccurrence", "ease", "ials", "rp3beta")  # the others keep their defaults
IDLE = ("weighted", "half_life_days")  # fields that say nothing where every weight is 1


def settled(name: str, algorithm: str) -> Algorithm:
    """The algorithm with the settings kept for this data, without ``-again``; its defaults where there are none."""
    settings = kept().get(name.removesuffix("-again"), {}).get(algorithm, {})
    return msgspec.convert(settings, discover()[algorithm])


def kept() -> dict[str, dict[str, dict[str, Any]]]:
    """By protocol and algorithm the settings."""
    return msgspec.json.decode(SETTINGS.read_bytes()) if SETTINGS.exists() else {}  # type: ignore[no-any-return]


def keep(name: str, found: dict[str, dict[str, Any]]) -> None:
    """Write the settings of one protocol."""
    every = kept() | {name: kept().get(name, {}) | found}
    SETTINGS.write_bytes(msgspec.json.format(msgspec.json.encode(every, order="sorted"), indent=2) + b"\n")


def show(name: str, report: Backtest) -> None:
    """The table as Markdown, best first, with the best's lead over each."""
    asked = report.protocol
    print(
        f"\n\n### {name}: {asked.users:,} users, {asked.truth_pairs:,} items to find, {asked.train_events:,} events\n"
    )
    print(f"| | {' | '.join(SHOWN)} | behind the first | ahead of popularity | fit s | rank s | MB |")
    print(f"|---|{'---|' * (len(SHOWN) + 5)}")
    behind = {each.than: told(each) for each in report.comparisons}
    ahead = {each.better: told(each) for each in report.against_popularity}
    for result in sorted(report.results, key=lambda each: (-each.metrics["ndcg@10"], each.algorithm)):
        values = [f"{result.metrics.get(metric, 0):.4f}" for metric in SHOWN]
        costs = [f"{result.fit_s:.1f}", f"{result.recommend_s:.1f}", f"{result.peak_mb:.0f}"]
        leads = [behind.get(result.algorithm, ""), ahead.get(result.algorithm, "")]
        print(f"| {result.algorithm} | {' | '.join([*values, *leads, *costs])} |")
    for result in report.results:
        if result.kind == "blend":
            (weights,) = result.settings["weights"]
            print(
                f"\n{result.algorithm}: {', '.join(f'{each} {weight}' for each, weight in weights.items() if weight)}"
            )
    for warning in report.warnings:
        print(f"\nwarning: {warning}")


def told(each: Comparison) -> str:
    """A difference with its interval."""
    return f"{each.difference:+.4f} ({each.low:+.4f} to {each.high:+.4f})"


NEW, AGAIN = Plan(kind="time"), Plan(kind="time", keep_seen=True)
NO_BASKETS = ("bought_together", "buy_again", "user_lists")  # and the lists are those of als
BASKETS = ("buy_again", "user_lists")
LARGE = ("ease",)  # 20,897 items: a minute and a GB where sparse_ease takes seconds
PROTOCOLS = {
    "movielens": Protocol(folder="movielens-100k", read=movielens, plan=Plan(kind="given"), without=NO_BASKETS),
    "movietweetings": Protocol(folder="movietweetings-100k", read=movietweetings, plan=NEW, without=NO_BASKETS),
    "online-retail": Protocol(folder="online-retail", read=online_retail, plan=NEW, without=BASKETS),
    "complete-journey": Protocol(
        folder="complete-journey", read=complete_journey, plan=NEW, without=(*BASKETS, *LARGE)
    ),
    "online-retail-again": Protocol(folder="online-retail", read=online_retail, plan=AGAIN, without=BASKETS[1:]),
    "complete-journey-again": Protocol(
        folder="complete-journey", read=complete_journey, plan=AGAIN, without=(*BASKETS[1:], *LARGE)
    ),
}


if __name__ == "__main__":
    sys.exit(main())
